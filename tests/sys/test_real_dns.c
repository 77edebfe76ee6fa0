#include "support_dnsd.h"
#include "support_net.h"
#include "support_real.h"

struct world {
    struct real real;
    struct dnsd dnsd;
};

static enum ahoy_err world_open(struct world *w, struct t *t)
{
    enum ahoy_err err = real_open(&w->real, t);
    if (!err)
        err = dnsd_open(&w->dnsd, w->real.loop);
    if (!err)
        err = sys_host_set_nameservers(w->real.host, sys_udp_local(w->dnsd.udp), 1);
    return err;
}

static void world_close(struct world *w)
{
    dnsd_close(&w->dnsd);
    real_close(&w->real);
}

static struct answer ask(struct t *t, struct world *w, const char *name, enum sys_dns_type type)
{
    struct answer a = { .loop = w->real.loop, .err = AHOY_ERR_INTERNAL };
    struct sys_dns_query *q = NULL;
    T_OK(sys_dns_start(&q, w->real.loop, name, type, answer_take, &a));
    T_ALWAYS(a.calls == 0);
    if (!real_run(&w->real))
        sys_dns_cancel(q);
    T_EQ(a.calls, 1);
out:
    return a;
}

static const char naptr[] = "\x00\x32\x00\x64\x01s\x07SIP+D2U\x00\x04_sip\x04_udp\x07"
                            "example\x03org";

static void test_records_of_all_types_arrive_with_their_time_to_live(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, t));
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.7", { 0 }, { 0 } });
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.8", { 0 }, { 0 } });
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_AAAA, 78, "2001:db8::7", { 0 }, { 0 } });
    dnsd_add(&w.dnsd, &(struct dnsd_entry){
                          "_sip._udp.example.org", SYS_DNS_SRV, 79, "a.example.org", { 10, 60, 5070 }, { 0 } });
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "_sips._tcp.example.org", SYS_DNS_SRV, 79, "", { 0, 0, 0 }, { 0 } });
    dnsd_add(&w.dnsd,
             &(struct dnsd_entry){
                 .name = "example.org", .type = SYS_DNS_NAPTR, .ttl_s = 80, .raw = view_of(naptr, sizeof naptr) });
    struct answer a = ask(t, &w, "A.example.org", SYS_DNS_A);
    T_EQ(a.n, 2);
    T_EQ(a.record[0].ttl_s, 77);
    T_EQ(a.record[1].u.addr.ip[3], 8);
    T_EQ(a.record[1].u.addr.port, 0);
    a = ask(t, &w, "a.example.org", SYS_DNS_AAAA);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].u.addr.ip[15], 7);
    a = ask(t, &w, "_sip._udp.example.org", SYS_DNS_SRV);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].ttl_s, 79);
    T_EQ(a.record[0].u.srv.priority, 10);
    T_EQ(a.record[0].u.srv.weight, 60);
    T_EQ(a.record[0].u.srv.port, 5070);
    T_STR(a.record[0].u.srv.target, "a.example.org");
    a = ask(t, &w, "_sips._tcp.example.org", SYS_DNS_SRV);
    T_STR(a.record[0].u.srv.target, "");
    a = ask(t, &w, "example.org", SYS_DNS_NAPTR);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].u.naptr.order, 50);
    T_EQ(a.record[0].u.naptr.preference, 100);
    T_STR(a.record[0].u.naptr.flags, "s");
    T_STR(a.record[0].u.naptr.service, "SIP+D2U");
    T_STR(a.record[0].u.naptr.regexp, "");
    T_STR(a.record[0].u.naptr.replacement, "_sip._udp.example.org");
out:
    world_close(&w);
}

static void test_an_alias_is_followed_and_shortens_the_time_to_live(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, t));
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "www.example.org", 5, 10, "a.example.org", { 0 }, { 0 } });
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.7", { 0 }, { 0 } });
    struct answer a = ask(t, &w, "www.example.org", SYS_DNS_A);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].ttl_s, 10);
out:
    world_close(&w);
}

static void test_failures_have_their_names(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, t));
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.7", { 0 }, { 0 } });
    T_EQ(ask(t, &w, "b.example.org", SYS_DNS_A).err, AHOY_ERR_DNS_NAME);
    T_EQ(ask(t, &w, "a.example.org", SYS_DNS_SRV).err, AHOY_ERR_DNS_EMPTY);
    w.dnsd.rcode = DNSD_RCODE_SERVFAIL;
    T_EQ(ask(t, &w, "a.example.org", SYS_DNS_A).err, AHOY_ERR_DNS_SERVER);
    struct sys_dns_query *q;
    T_ERR(sys_dns_start(&q, w.real.loop, "", SYS_DNS_A, answer_take, NULL), AHOY_ERR_INVAL);
out:
    world_close(&w);
}

static void test_a_cut_answer_is_fetched_by_tcp(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, t));
    w.dnsd.cut = true;
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.7", { 0 }, { 0 } });
    struct answer a = ask(t, &w, "a.example.org", SYS_DNS_A);
    T_EQ(a.err, AHOY_OK);
    T_EQ(a.n, 1);
    T_EQ(w.dnsd.asked_tcp, 1);
out:
    world_close(&w);
}

static void test_localhost_never_leaves_the_machine(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w, t));
    T_EQ(ask(t, &w, "localhost", SYS_DNS_A).record[0].u.addr.ip[0], 127);
    T_EQ(ask(t, &w, "pbx.LOCALHOST.", SYS_DNS_AAAA).record[0].u.addr.ip[15], 1);
    T_EQ(ask(t, &w, "localhost", SYS_DNS_SRV).err, AHOY_ERR_DNS_EMPTY);
    T_EQ(w.dnsd.asked, 0);
out:
    world_close(&w);
}

static void test_a_cancelled_query_is_silent_and_other_servers_count_later(struct t *t)
{
    struct world w = { 0 };
    struct dnsd other = { 0 };
    struct answer a = { .loop = w.real.loop };
    struct sys_dns_query *q;
    T_OK(world_open(&w, t));
    dnsd_add(&w.dnsd, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.7", { 0 }, { 0 } });
    T_OK(sys_dns_start(&q, w.real.loop, "a.example.org", SYS_DNS_A, answer_take, &a));
    sys_dns_cancel(q);
    T_EQ(ask(t, &w, "a.example.org", SYS_DNS_A).n, 1);
    T_EQ(a.calls, 0);
    T_OK(dnsd_open(&other, w.real.loop));
    dnsd_add(&other, &(struct dnsd_entry){ "a.example.org", SYS_DNS_A, 77, "192.0.2.9", { 0 }, { 0 } });
    T_OK(sys_host_set_nameservers(w.real.host, sys_udp_local(other.udp), 1));
    T_EQ(ask(t, &w, "a.example.org", SYS_DNS_A).record[0].u.addr.ip[3], 9);
    w.dnsd.silent = true; /* a query in flight at the end leaks nothing */
    T_OK(sys_dns_start(&q, w.real.loop, "a.example.org", SYS_DNS_A, answer_take, &a));
    sys_dns_cancel(q);
out:
    dnsd_close(&other);
    world_close(&w);
}

/* T_PLAIN for none: c-ares allocates by itself, ours alone are made to fail. */
T_MAIN(T(test_records_of_all_types_arrive_with_their_time_to_live),
       T(test_an_alias_is_followed_and_shortens_the_time_to_live), T(test_failures_have_their_names),
       T(test_a_cut_answer_is_fetched_by_tcp), T(test_localhost_never_leaves_the_machine),
       T(test_a_cancelled_query_is_silent_and_other_servers_count_later))
