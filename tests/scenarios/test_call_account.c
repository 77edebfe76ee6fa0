/* Accounts: registering at a registrar made of text, and the calls that belong to them. */
#include "support/phone.h"
#include "support_raw.h"

struct office {
    struct sim *sim;
    struct sys_host *host_a, *host_r;
    struct phone a;
    struct raw r;
    ahoy_account_id id;
};

static enum ahoy_err office_open(struct office *o)
{
    *o = (struct office){ .sim = NULL };
    enum ahoy_err err = sim_create(&o->sim, 6);
    if (!err)
        err = sim_host(o->sim, "192.0.2.1", &o->host_a);
    if (!err)
        err = sim_host(o->sim, "192.0.2.9", &o->host_r);
    if (!err)
        err = sim_dns_add_ip(o->sim, "office.example.org", "192.0.2.9");
    if (!err)
        err = raw_open(&o->r, o->sim, o->host_r, "192.0.2.9");
    o->r.register_status = 200;
    return err ? err : phone_open(&o->a, o->sim, o->host_a, "192.0.2.1:5060");
}

static void office_close(struct t *t, struct office *o)
{
    phone_close_checked(t, &o->a);
    raw_close(&o->r);
    sim_destroy(o->sim);
}

static const struct ahoy_account_config alice = {
    .name = "work", .uri = "sip:alice@office.example.org", .display_name = "Alice \"A\" Liddell", .password = "rabbit"
};

static void test_an_account_registers_and_unregisters_when_it_leaves(struct t *t)
{
    struct office o;
    struct ahoy_account_info *list = NULL;
    size_t n = 0;
    T_OK(office_open(&o));
    T_OK(ahoy_account_add(o.a.engine, &alice, &o.id));
    T_CHECK(phone_run(&o.a, NULL, phone_registered, 5000));
    T_OK(ahoy_account_list(o.a.engine, &list, &n));
    T_EQ(n, 1);
    T_STR(list[0].name, "work");
    T_STR(list[0].uri, "sip:alice@office.example.org");
    T_STR(list[0].registrar, "udp:192.0.2.9:5060");
    T_EQ(list[0].expires_in_s, 600);
    T_CHECK(!strstr(o.r.request, "rabbit"));
    unsigned before = o.r.registers;
    phone_close_checked(t, &o.a);
    T_LE(before + 1, o.r.registers);
    T_CHECK(strstr(o.r.request, "xpires: 0") || strstr(o.r.request, "expires=0"));
out:
    ahoy_free(list);
    office_close(t, &o);
}

static void test_a_challenge_is_answered_without_the_password_on_the_wire(struct t *t)
{
    struct office o;
    T_OK(office_open(&o));
    (void) view_copy(VIEW("abc123"), o.r.nonce, sizeof o.r.nonce);
    T_OK(ahoy_account_add(o.a.engine, &alice, &o.id));
    T_CHECK(phone_run(&o.a, NULL, phone_registered, 5000));
    T_EQ(o.r.registers, 2);
    T_CHECK(strstr(o.r.request, "Authorization: Digest"));
    T_CHECK(strstr(o.r.request, "username=\"alice\""));
    T_CHECK(!strstr(o.r.request, "rabbit"));
out:
    office_close(t, &o);
}

static void test_a_refusal_is_told_with_its_remedy(struct t *t)
{
    struct office o;
    T_OK(office_open(&o));
    o.r.register_status = 403;
    T_OK(ahoy_account_add(o.a.engine, &alice, &o.id));
    phone_run_ms(&o.a, NULL, 1000);
    T_EQ(o.a.account, AHOY_ACCOUNT_FAILED);
    T_EQ(o.a.account_cause, AHOY_CAUSE_AUTH);
    T_CHECK(strstr(o.a.account_text, "403"));
out:
    office_close(t, &o);
}

static void test_an_account_that_is_removed_is_forgotten(struct t *t)
{
    struct office o;
    struct ahoy_account_info *list = NULL;
    size_t n = 9;
    T_OK(office_open(&o));
    T_OK(ahoy_account_add(o.a.engine, &alice, &o.id));
    T_CHECK(phone_run(&o.a, NULL, phone_registered, 5000));
    T_OK(ahoy_account_register(o.a.engine, o.id, false));
    T_OK(ahoy_account_register(o.a.engine, o.id, true)); /* before the answer to the last one */
    phone_run_ms(&o.a, NULL, 1000);
    T_EQ(o.a.account, AHOY_ACCOUNT_REGISTERED);
    T_OK(ahoy_account_remove(o.a.engine, o.id));
    phone_run_ms(&o.a, NULL, 1000);
    T_CHECK(o.a.account_removed);
    T_OK(ahoy_account_list(o.a.engine, &list, &n));
    T_EQ(n, 0);
out:
    ahoy_free(list);
    office_close(t, &o);
}

static void test_a_name_alone_is_called_at_the_accounts_domain(struct t *t)
{
    struct office o;
    struct ahoy_account_config account = alice;
    struct ahoy_call_config call = { .uri = "bob", .media = { .codecs = "pcmu", .audio = "null" } };
    account.no_register = true;
    T_OK(office_open(&o));
    T_OK(ahoy_account_add(o.a.engine, &account, &o.id));
    T_OK(ahoy_call_place(o.a.engine, &call, NULL));
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.invites, 1);
    T_CHECK(strstr(o.r.invite, "INVITE sip:bob@office.example.org SIP/2.0"));
    T_CHECK(strstr(o.r.invite, "From: \"Alice \\\"A\\\" Liddell\" <sip:alice@office.example.org>;tag="));
    T_CHECK(strstr(o.r.invite, "Contact: <sip:alice@192.0.2.1"));
    char *allow = strstr(o.r.invite, "\r\nAllow:");
    T_CHECK(allow && !strstr(allow + 2, "\r\nAllow:")); /* once */
    T_EQ(o.r.registers, 0);
    raw_answer(&o.r, 486, NULL);
    T_CHECK(phone_run(&o.a, NULL, phone_one_ended, 2000));
out:
    office_close(t, &o);
}

static void test_options_are_answered_and_timed(struct t *t)
{
    struct office o;
    T_OK(office_open(&o));
    T_OK(ahoy_options(o.a.engine, 0, "sip:office.example.org", NULL));
    T_CHECK(phone_result(&o.a, NULL, AHOY_OK));
    T_EQ(o.a.result_status, 200);
    T_OK(ahoy_options(o.a.engine, 0, "sip:nobody@nowhere.example.org", NULL));
    T_CHECK(phone_result(&o.a, NULL, AHOY_ERR_DNS_NAME));
    T_OK(ahoy_options(o.a.engine, 0, "sip:office.example.org", NULL)); /* and leave with it under way */
out:
    office_close(t, &o);
}

T_MAIN(T_STRIDE(test_an_account_registers_and_unregisters_when_it_leaves, 3),
       T_STRIDE(test_a_challenge_is_answered_without_the_password_on_the_wire, 3),
       T_STRIDE(test_a_refusal_is_told_with_its_remedy, 3), T_STRIDE(test_an_account_that_is_removed_is_forgotten, 3),
       T_STRIDE(test_a_name_alone_is_called_at_the_accounts_domain, 3),
       T_STRIDE(test_options_are_answered_and_timed, 3))
