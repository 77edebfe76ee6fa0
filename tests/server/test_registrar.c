/* REGISTER: RFC 3261 section 10.3, RFC 3327, and who may. */
#include "server/support_exch.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct ahoy_exchange_config open_house = { .open = true };
static const char *const users[] = { "alice:secret", "bob:hidden" };
static const struct ahoy_exchange_config closed_house = { .users = users, .user_count = 2, .realm = "example.com" };

static size_t contacts(struct sip_msg *m)
{
    size_t n = 0;
    for (const struct sip_hdr *h = m ? sip_msg_first(m, SIP_HDR_CONTACT) : NULL; h; h = sip_msg_next(m, h))
        n++;
    return n;
}

/* Sends a REGISTER and gives the answer to it. */
static struct sip_msg *registered(struct exch_peer *p, const char *user, unsigned cseq, const char *lines)
{
    size_t before = p->got_count;
    exch_register(p, user, cseq, lines);
    exch_run(p->w, 100);
    return p->got_count == before + 1 ? p->got[before] : NULL;
}

static unsigned status_of(struct exch_peer *p, const char *user, unsigned cseq, const char *lines)
{
    struct sip_msg *m = registered(p, user, cseq, lines);
    return m ? m->status : 0;
}

static void test_a_contact_is_bound_listed_refreshed_and_removed(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    struct ahoy_exchange_counts n;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_CHECK((m = registered(p, "alice", 1, "Contact: <sip:a@192.0.2.1>;q=0.7;x=\"y\"\nExpires: 600\n")));
    T_EQ(m->status, 200);
    T_CHECK(exch_has(m, "Contact: <sip:a@192.0.2.1>;expires=600;q=0.7;x=\"y\""));
    T_CHECK(strstr(w.news, "alice registered"));
    exch_run(&w, 100000);
    T_CHECK((m = registered(p, "alice", 2, "")));
    T_CHECK(exch_has(m, "<sip:a@192.0.2.1>;expires=500"));
    T_CHECK((m = registered(p, "alice", 3, "Contact: <sip:a@192.0.2.1>;expires=900, <sip:b@192.0.2.1>\n")));
    T_EQ(contacts(m), 2);
    T_CHECK(exch_has(m, "<sip:a@192.0.2.1>;expires=900"));
    T_CHECK(exch_has(m, "<sip:b@192.0.2.1>;expires=3600"));
    ahoy_exchange_counts(w.a, &n);
    T_EQ(n.bindings, 2);
    T_CHECK((m = registered(p, "alice", 4, "Contact: <sip:a@192.0.2.1>;expires=0\n")));
    T_EQ(contacts(m), 1);
    T_CHECK(strstr(w.news, "alice unregistered"));
    T_CHECK((m = registered(p, "alice", 5, "Contact: *\nExpires: 0\n")));
    T_EQ(m->status, 200);
    T_EQ(contacts(m), 0);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_an_expired_contact_is_gone(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct ahoy_exchange_counts n;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_EQ(status_of(p, "alice", 1, "Contact: <sip:a@192.0.2.1>;expires=60\n"), 200);
    exch_run(&w, 59000);
    T_EQ(contacts(registered(p, "alice", 2, "")), 1);
    exch_run(&w, 1000);
    T_EQ(contacts(registered(p, "alice", 3, "")), 0);
    ahoy_exchange_counts(w.a, &n);
    T_EQ(n.bindings, 0);
out:
    exch_close(&w);
}

static void test_what_is_wrong_with_a_registration_is_said(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_CHECK((m = registered(p, "alice", 1, "Contact: <sip:a@192.0.2.1>;expires=59\n")));
    T_EQ(m->status, 423);
    T_CHECK(exch_has(m, "Min-Expires: 60\r\n"));
    T_EQ(status_of(p, "alice", 2, "Contact: *\n"), 400);
    T_EQ(status_of(p, "alice", 3, "Contact: *\nExpires: 60\n"), 400);
    T_EQ(status_of(p, "alice", 4, "Contact: *, <sip:a@192.0.2.1>\nExpires: 0\n"), 400);
    T_EQ(status_of(p, "alice", 5, "Contact: <tel:+123>\n"), 400);
    T_CHECK((m = registered(p, "alice", 6, "Require: path, gruu, outbound\nContact: <sip:a@192.0.2.1>\n")));
    T_EQ(m->status, 420);
    T_CHECK(exch_has(m, "Unsupported: gruu\r\n") && exch_has(m, "Unsupported: outbound\r\n"));
    T_CHECK(!exch_has(m, "Unsupported: path"));
    T_EQ(contacts(registered(p, "alice", 7, "")), 0);
out:
    exch_close(&w);
}

static void test_an_older_request_changes_nothing(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_EQ(status_of(p, "alice", 5, "Contact: <sip:a@192.0.2.1>\n"), 200);
    T_EQ(status_of(p, "alice", 5, "Contact: <sip:n@192.0.2.1>, <sip:a@192.0.2.1>;expires=0\n"), 500);
    T_EQ(status_of(p, "alice", 4, "Contact: *\nExpires: 0\n"), 500);
    T_CHECK((m = registered(p, "alice", 6, "")));
    T_EQ(contacts(m), 1);
    T_CHECK(exch_has(m, "<sip:a@192.0.2.1>"));
    /* one contact said twice in one request is one */
    T_EQ(contacts(registered(p, "alice", 7, "Contact: <sip:d@192.0.2.1>, <sip:%64@192.0.2.1>\n")), 2);
out:
    exch_close(&w);
}

static void test_above_ten_contacts_the_one_that_ends_first_goes(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m = NULL;
    char lines[100];
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    for (unsigned i = 0; i < 12; i++) {
        snprintf(lines, sizeof lines, "Contact: <sip:a@192.0.2.1:%u>;expires=%u\n", 6000 + i, 1000 + i);
        T_CHECK((m = registered(p, "alice", i + 1, lines)));
        T_EQ(m->status, 200);
    }
    T_EQ(contacts(m), 10);
    T_CHECK(!exch_has(m, ":6000>") && !exch_has(m, ":6001>") && exch_has(m, ":6002>") && exch_has(m, ":6011>"));
out:
    exch_close(&w);
}

static void test_path_is_kept_and_told(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_CHECK((m = registered(p, "alice", 1, "Supported: path\nPath: <sip:192.0.2.1;lr>\nContact: <sip:a@10.1.1.1>\n")));
    T_EQ(m->status, 200);
    T_CHECK(exch_has(m, "Path: <sip:192.0.2.1;lr>\r\n"));
    exch_request(p, "MESSAGE", "bob", "alice@192.0.2.9", "m1", 1, "");
    exch_run(&w, 100);
    T_CHECK((m = exch_got(p, "MESSAGE sip:a@10.1.1.1 ", 0)));
    T_CHECK(exch_has(m, "Route: <sip:192.0.2.1;lr>\r\n"));
    exch_reply(p, m, 200, "alice", "");
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_other_domains_are_not_served(struct t *t)
{
    struct ahoy_exchange_config cfg = { .open = true, .domain = "example.com" };
    struct exch_world w;
    struct exch_peer *p;
    T_OK(exch_open(&w, &cfg));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    exch_send(p, "REGISTER sip:example.org SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nMax-Forwards: 9\n"
                 "From: <sip:a@example.org>;tag=1\nTo: <sip:a@example.org>\nCall-ID: 1\nCSeq: 1 REGISTER\n"
                 "Contact: <sip:a@192.0.2.1>\nContent-Length: 0\n\n");
    exch_send(p, "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\nMax-Forwards: 9\n"
                 "From: <sip:a@example.org>;tag=1\nTo: <sip:a@example.org>\nCall-ID: 2\nCSeq: 1 REGISTER\n"
                 "Contact: <sip:a@192.0.2.1>\nContent-Length: 0\n\n");
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 404"), 2);
    /* through ourselves as outbound proxy, by a name that is ours */
    exch_send(p, "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK3\nMax-Forwards: 9\n"
                 "Route: <sip:example.com;lr>\nFrom: <sip:a@example.com>;tag=1\nTo: <sip:a@example.com>\nCall-ID: 3\n"
                 "CSeq: 1 REGISTER\nContact: <sip:a@192.0.2.1>\nContent-Length: 0\n\n");
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 200"), 1);
out:
    exch_close(&w);
}

static struct sip_msg *with_password(struct exch_peer *p, const char *aor, const char *user, const char *password,
                                     enum sip_digest_alg alg, unsigned cseq)
{
    char lines[1500] = "Contact: <sip:a@192.0.2.1>\n";
    struct sip_msg *m = registered(p, aor, cseq, lines);
    size_t n = strlen(lines);
    if (!m || m->status != 401
        || !exch_authorize(m, alg, "REGISTER", "sip:192.0.2.9", user, password, lines + n, sizeof lines - n))
        return NULL;
    return registered(p, aor, cseq + 1, lines);
}

static void test_only_who_knows_the_password_registers_and_only_itself(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    struct ahoy_exchange_counts n;
    T_OK(exch_open(&w, &closed_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_CHECK((m = with_password(p, "alice", "alice", "secret", SIP_DIGEST_MD5, 1)));
    T_EQ(m->status, 200);
    T_CHECK(exch_has(m, "Authentication-Info: "));
    T_CHECK((m = with_password(p, "alice", "alice", "secret", SIP_DIGEST_MD5, 3)));
    T_EQ(m->status, 200);
    T_CHECK((m = with_password(p, "alice", "bob", "hidden", SIP_DIGEST_MD5, 5)));
    T_EQ(m->status, 403);
    T_CHECK((m = with_password(p, "mallory", "mallory", "secret", SIP_DIGEST_MD5, 7)));
    T_EQ(m->status, 401); /* unknown users are not told from wrong passwords */
    ahoy_exchange_counts(w.a, &n);
    T_EQ(n.users, 2);
    T_EQ(n.bindings, 1);
    T_EQ(n.refused, 2);
out:
    exch_close(&w);
}

static void test_a_wrong_password_is_challenged_again_but_not_for_ever(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *m;
    T_OK(exch_open(&w, &closed_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    for (unsigned i = 0; i < 20; i++) {
        T_CHECK((m = with_password(p, "alice", "alice", "wrong", SIP_DIGEST_MD5, 1 + 2 * i)));
        T_EQ(m->status, 401);
        T_CHECK(!exch_has(m, "stale"));
    }
    T_CHECK((m = with_password(p, "alice", "alice", "wrong", SIP_DIGEST_MD5, 101)));
    T_EQ(m->status, 403);
    T_CHECK((m = with_password(p, "alice", "alice", "secret", SIP_DIGEST_MD5, 103))); /* nobody is locked out */
    T_EQ(m->status, 200);
    exch_run(&w, 61000);
    T_CHECK((m = with_password(p, "alice", "alice", "wrong", SIP_DIGEST_MD5, 105)));
    T_EQ(m->status, 401);
out:
    exch_close(&w);
}

static void test_a_restart_with_a_file_keeps_registrations(struct t *t)
{
    char dir[64] = "", path[80] = "";
    struct exch_world w = { .sim = NULL };
    struct exch_peer *p;
    T_CHECK(temp_make(dir, sizeof dir));
    snprintf(path, sizeof path, "%s/l.db", dir);
    struct ahoy_exchange_config cfg = { .open = true, .database = path };
    T_OK(exch_open(&w, &cfg));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    T_CHECK(exch_enrol(p, "alice"));
    exch_stop(&w);
    T_OK(exch_start(&w, &cfg));
    exch_request(p, "MESSAGE", "bob", "alice@192.0.2.9", "m1", 1, "");
    exch_run(&w, 100);
    T_EQ(exch_count(p, "MESSAGE"), 1);
out:
    exch_close(&w);
    temp_remove(dir);
}

static void test_options_to_the_exchange_are_answered(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    T_OK(exch_open(&w, &closed_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    exch_request(p, "OPTIONS", "alice", "192.0.2.9", "o1", 1, "");
    exch_request(p, "OPTIONS", "alice", "192.0.2.9:5060;transport=udp", "o2", 1, "Max-Forwards: 0\n");
    exch_request(p, "OPTIONS", "alice", "192.0.2.9", "o3", 1, "Route: <sip:192.0.2.9;lr>\n");
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 200"), 3);
    exch_request(p, "INVITE", "alice", "192.0.2.9", "i1", 1, "");
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 404"), 1);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

T_MAIN(T(test_a_contact_is_bound_listed_refreshed_and_removed), T(test_an_expired_contact_is_gone),
       T(test_what_is_wrong_with_a_registration_is_said), T(test_an_older_request_changes_nothing),
       T(test_above_ten_contacts_the_one_that_ends_first_goes), T(test_path_is_kept_and_told),
       T(test_other_domains_are_not_served), T(test_only_who_knows_the_password_registers_and_only_itself),
       /* forty registrations, each with the same allocations */
       T_STRIDE(test_a_wrong_password_is_challenged_again_but_not_for_ever, 37),
       T(test_a_restart_with_a_file_keeps_registrations), T(test_options_to_the_exchange_are_answered))
