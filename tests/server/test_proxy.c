/* The proxy with one place to go to: RFC 3261 section 16, RFC 3581, RFC 5393, RFC 5658. */
#include "server/support_exch.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct ahoy_exchange_config open_house = { .open = true };
static const char *const users[] = { "alice:secret", "bob:hidden" };
static const struct ahoy_exchange_config closed_house = { .users = users, .user_count = 2, .realm = "example.com" };

/* Alice at 192.0.2.1 and Bob at 192.0.2.2, who registered. */
struct pair {
    struct exch_world w;
    struct exch_peer *a, *b;
};

static enum ahoy_err pair_open(struct pair *p, bool tcp_a, bool tcp_b)
{
    enum ahoy_err err = exch_open(&p->w, &open_house);
    if (!err)
        err = exch_peer(&p->w, "192.0.2.1", 5060, tcp_a, &p->a);
    if (!err)
        err = exch_peer(&p->w, "192.0.2.2", 5060, tcp_b, &p->b);
    if (!err && !exch_enrol(p->b, "bob"))
        err = AHOY_ERR_STATE;
    return err;
}

/* INVITE to 2xx and ACK; the caller's 200 and the callee's INVITE. */
static bool establish(struct pair *p, struct sip_msg **ok, struct sip_msg **invite)
{
    exch_request(p->a, "INVITE", "alice", "bob@192.0.2.9", "call", 1, "");
    exch_run(&p->w, 100);
    *invite = exch_got(p->b, "INVITE", 0);
    exch_reply(p->b, *invite, 180, "bob", "");
    exch_reply(p->b, *invite, 200, "bob", "");
    exch_run(&p->w, 100);
    *ok = exch_got(p->a, "SIP/2.0 200 OK", 0);
    exch_in_dialog(p->a, "ACK", 1, "alice", *ok);
    exch_run(&p->w, 100);
    return *invite && *ok && exch_got(p->a, "SIP/2.0 180", 0) && exch_got(p->b, "ACK", 0);
}

static bool hang_up(struct pair *p, struct exch_peer *by, const char *user, struct sip_msg *of)
{
    struct exch_peer *other = by == p->a ? p->b : p->a;
    size_t before = exch_count(by, "SIP/2.0 200");
    exch_in_dialog(by, "BYE", 2, user, of);
    exch_run(&p->w, 100);
    exch_reply(other, exch_got(other, "BYE", 0), 200, "", "");
    exch_run(&p->w, 100);
    return exch_count(by, "SIP/2.0 200") == before + 1;
}

static void a_call(struct t *t, bool tcp_a, bool tcp_b, bool caller_ends)
{
    struct pair p;
    struct sip_msg *ok, *invite;
    struct ahoy_exchange_counts n;
    T_OK(pair_open(&p, tcp_a, tcp_b));
    T_CHECK(establish(&p, &ok, &invite));
    ahoy_exchange_counts(p.w.a, &n);
    T_EQ(n.calls, 1);
    T_LE(2, n.transactions);
    T_CHECK(exch_has(invite, "Max-Forwards: 69\r\n"));
    T_CHECK(exch_has(invite, "Max-Breadth: 60\r\n"));
    T_CHECK(exch_has(invite, ";rport=")); /* as it came, for the answers of whoever is behind us */
    if (tcp_a != tcp_b)
        T_CHECK(exch_has(invite, tcp_b ? ":5060;transport=tcp;lr>\r\nRecord-Route: <sip:" : ":5060;transport=tcp;lr>"));
    T_CHECK(hang_up(&p, caller_ends ? p.a : p.b, caller_ends ? "alice" : "bob", caller_ends ? ok : invite));
    ahoy_exchange_counts(p.w.a, &n);
    T_EQ(n.calls, 0);
    T_CHECK(!p.a->closed && !p.b->closed);
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_a_call_between_telephones_by_udp(struct t *t)
{
    a_call(t, false, false, true);
}

static void test_a_call_from_udp_to_tcp_ended_by_the_callee(struct t *t)
{
    a_call(t, false, true, false);
}

static void test_a_call_from_tcp_to_udp_ended_by_the_callee(struct t *t)
{
    a_call(t, true, false, false);
}

static void test_a_call_by_tcp_over_the_connections_there_are(struct t *t)
{
    a_call(t, true, true, true);
}

static void test_telephones_behind_nats_are_reached_the_way_they_came(struct t *t)
{
    struct pair p;
    struct sip_msg *ok, *invite;
    T_OK(exch_open(&p.w, &open_house));
    T_OK(exch_peer_nat(&p.w, "10.0.0.1", "203.0.113.1", &p.a)); /* never registered */
    T_OK(exch_peer_nat(&p.w, "10.0.0.2", "203.0.113.2", &p.b));
    T_CHECK(exch_enrol(p.b, "bob"));
    T_CHECK(exch_has(exch_got(p.b, "SIP/2.0 200", 0), "received=203.0.113.2"));
    T_CHECK(establish(&p, &ok, &invite));
    T_CHECK(exch_has(invite, "received=203.0.113.1"));
    T_CHECK(hang_up(&p, p.b, "bob", invite));
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_a_registered_connection_is_not_closed_as_idle(struct t *t)
{
    struct pair p;
    T_OK(pair_open(&p, false, true));
    exch_run(&p.w, 3000000);
    T_CHECK(!p.b->closed);
    exch_request(p.a, "MESSAGE", "alice", "bob@192.0.2.9", "m", 1, "");
    exch_run(&p.w, 100);
    T_CHECK(exch_got(p.b, "MESSAGE", 0));
    exch_run(&p.w, 1500000); /* the registration has ended, and so may the connection */
    T_CHECK(p.b->closed);
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_a_lost_connection_leaves_the_contact_to_try(struct t *t)
{
    struct pair p;
    T_OK(exch_open(&p.w, &open_house));
    T_OK(exch_peer(&p.w, "192.0.2.1", 5060, false, &p.a));
    T_OK(exch_peer(&p.w, "192.0.2.2", 5060, true, &p.b));
    exch_register(p.b, "bob", 1, "Contact: <sip:bob@192.0.2.1:5060>\n");
    exch_run(&p.w, 100);
    sys_tcp_close(p.b->tcp);
    p.b->tcp = NULL;
    exch_run(&p.w, 100);
    exch_request(p.a, "MESSAGE", "alice", "bob@192.0.2.9", "m", 1, "");
    exch_run(&p.w, 5000);
    T_CHECK(exch_got(p.a, "MESSAGE", 0)); /* the contact says so */
    exch_reply(p.a, exch_got(p.a, "MESSAGE", 0), 200, "", "");
    exch_run(&p.w, 100);
    T_CHECK(exch_got(p.a, "SIP/2.0 200", 0));
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_users_that_are_not_there(struct t *t)
{
    struct exch_world w;
    struct exch_peer *a;
    struct ahoy_exchange_config cfg = closed_house;
    cfg.open = true;
    T_OK(exch_open(&w, &cfg));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &a));
    exch_request(a, "INVITE", "alice", "nobody@192.0.2.9", "c1", 1, "");
    exch_request(a, "INVITE", "alice", "%62ob@192.0.2.9", "c2", 1, "");
    exch_request(a, "INVITE", "alice", "x@nowhere.invalid;maddr=x", "c3", 1, "");
    exch_run(&w, 100);
    T_LE(1, exch_count(a, "SIP/2.0 404"));
    T_EQ(exch_count(a, "SIP/2.0 480"), 1);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_hops_extensions_and_schemes(struct t *t)
{
    struct pair p;
    struct sip_msg *m;
    T_OK(pair_open(&p, false, false));
    exch_request(p.a, "MESSAGE", "alice", "bob@192.0.2.9", "m1", 1, "Max-Forwards: 0\n");
    exch_request(p.a, "OPTIONS", "alice", "bob@192.0.2.9", "m2", 1, "Max-Forwards: 0\n");
    exch_request(p.a, "MESSAGE", "alice", "bob@192.0.2.9", "m3", 1, "Proxy-Require: teleport\n");
    exch_request(p.a, "MESSAGE", "alice", "bob@192.0.2.9", "m4", 1, "Max-Breadth: 0\n");
    exch_send(p.a, "MESSAGE tel:+123 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK5\nFrom: <sip:a@b>;tag=1\n"
                   "To: <tel:+123>\nCall-ID: m5\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n");
    exch_send(p.a,
              "CANCEL sip:bob@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK6\nFrom: <sip:a@b>;tag=1\n"
              "To: <sip:bob@192.0.2.9>\nCall-ID: m6\nCSeq: 1 CANCEL\nContent-Length: 0\n\n");
    exch_run(&p.w, 100);
    T_EQ(exch_count(p.a, "SIP/2.0 483"), 2);
    T_CHECK((m = exch_got(p.a, "SIP/2.0 420", 0)));
    T_CHECK(exch_has(m, "Unsupported: teleport"));
    T_EQ(exch_count(p.a, "SIP/2.0 440"), 1);
    T_EQ(exch_count(p.a, "SIP/2.0 416"), 1);
    T_EQ(exch_count(p.a, "SIP/2.0 481"), 1);
    T_EQ(p.b->got_count, 1); /* its own 200 */
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

/* Bob is registered as alice@exchange's own name: the request comes round once for each name, and then to a loop. */
static void test_a_spiral_passes_and_a_loop_does_not(struct t *t)
{
    struct pair p;
    T_OK(pair_open(&p, false, false));
    exch_register(p.a, "spiral", 1, "Contact: <sip:bob@192.0.2.9:5060>\n");
    exch_register(p.a, "loop", 1, "Contact: <sip:loop2@192.0.2.9:5060>\n");
    exch_register(p.a, "loop2", 1, "Contact: <sip:loop@192.0.2.9:5060>\n");
    exch_run(&p.w, 100);
    exch_request(p.a, "MESSAGE", "alice", "spiral@192.0.2.9", "m1", 1, "");
    exch_run(&p.w, 100);
    T_CHECK(exch_has(exch_got(p.b, "MESSAGE", 0), "Max-Forwards: 68\r\n"));
    exch_reply(p.b, exch_got(p.b, "MESSAGE", 0), 200, "", "");
    exch_request(p.a, "MESSAGE", "alice", "loop@192.0.2.9", "m2", 1, "");
    exch_run(&p.w, 100);
    T_EQ(exch_count(p.a, "SIP/2.0 482"), 1);
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_routes_are_followed_loose_and_strict(struct t *t)
{
    struct pair p;
    struct sip_msg *m;
    T_OK(pair_open(&p, false, false));
    exch_request(p.a, "MESSAGE", "alice", "x@192.0.2.77", "m1", 1,
                 "Route: <sip:192.0.2.9;lr>, <sip:192.0.2.2;lr>\nRoute: <sip:192.0.2.88;lr>\n");
    exch_run(&p.w, 100);
    T_CHECK((m = exch_got(p.b, "MESSAGE sip:x@192.0.2.77 ", 0)));
    T_CHECK(exch_has(m, "Route: <sip:192.0.2.2;lr>\r\nRoute: <sip:192.0.2.88;lr>\r\nMax"));
    exch_reply(p.b, m, 200, "", "");
    exch_request(p.a, "MESSAGE", "alice", "x@192.0.2.77", "m2", 1, "Route: <sip:192.0.2.2>, <sip:192.0.2.88;lr>\n");
    exch_run(&p.w, 100);
    T_CHECK((m = exch_got(p.b, "MESSAGE sip:192.0.2.2 ", 0)));
    T_CHECK(exch_has(m, "Route: <sip:192.0.2.88;lr>\r\nRoute: <sip:x@192.0.2.77>\r\n"));
    exch_reply(p.b, m, 200, "", "");
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

/* RFC 3261 section 16.4: an RFC 2543 peer puts our Record-Route into the Request-URI. */
static void test_a_strict_router_before_us_is_understood(struct t *t)
{
    struct pair p;
    struct sip_msg *ok, *invite, *m;
    struct sip_addr rr;
    T_OK(pair_open(&p, false, false));
    T_CHECK(establish(&p, &ok, &invite));
    T_OK(sip_addr_parse(sip_msg_value(ok, SIP_HDR_RECORD_ROUTE), &rr));
    exch_send(p.a,
              "BYE %.*s SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKs\nRoute: <sip:bob@192.0.2.2:5060>\n"
              "Max-Forwards: 70\nFrom: <sip:alice@192.0.2.9>;tag=falice\nTo: <sip:bob@192.0.2.9>;tag=bob\n"
              "Call-ID: call\nCSeq: 2 BYE\nContent-Length: 0\n\n",
              VIEW_ARG(rr.uri));
    exch_run(&p.w, 100);
    T_CHECK((m = exch_got(p.b, "BYE sip:bob@192.0.2.2:5060 ", 0)));
    T_CHECK(!sip_msg_first(m, SIP_HDR_ROUTE));
    exch_reply(p.b, m, 200, "", "");
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

static void test_failover_to_the_next_server_of_a_name(struct t *t)
{
    struct exch_world w;
    struct exch_peer *a, *b;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &a));
    T_OK(exch_peer(&w, "192.0.2.2", 5060, false, &b));
    T_OK(sim_dns_add_srv(w.sim, "_sip._udp.carrier.test", 1, 1, 5060, "one.carrier.test"));
    T_OK(sim_dns_add_srv(w.sim, "_sip._udp.carrier.test", 2, 1, 5060, "two.carrier.test"));
    T_OK(sim_dns_add_ip(w.sim, "one.carrier.test", "192.0.2.1")); /* says 503 */
    T_OK(sim_dns_add_ip(w.sim, "two.carrier.test", "192.0.2.2"));
    exch_request(b, "INVITE", "bob", "12@192.0.2.9", "c", 1, "Route: <sip:192.0.2.9;lr>, <sip:carrier.test;lr>\n");
    exch_run(&w, 300);
    exch_reply(a, exch_got(a, "INVITE", 0), 503, "a", "");
    exch_run(&w, 300);
    T_CHECK(exch_got(b, "INVITE", 0));
    exch_reply(b, exch_got(b, "INVITE", 0), 486, "b", "");
    exch_run(&w, 300);
    T_EQ(exch_count(b, "SIP/2.0 486"), 1);
    T_EQ(exch_count(a, "ACK"), 1);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_a_host_that_refuses_is_500_and_one_that_is_silent_408(struct t *t)
{
    struct exch_world w;
    struct exch_peer *a, *b;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &a));
    T_OK(exch_peer(&w, "192.0.2.2", 5060, false, &b));
    exch_request(a, "INVITE", "alice", "x@192.0.2.1:7777", "c1", 1, "");
    exch_request(a, "INVITE", "alice", "x@192.0.2.2", "c2", 1, "");
    exch_request(a, "INVITE", "alice", "x@nowhere.test", "c3", 1, "Route: <sip:192.0.2.9;lr>, <sip:nowhere.test;lr>\n");
    exch_run(&w, 40000);
    T_LE(1, exch_count(a, "SIP/2.0 500"));
    T_LE(1, exch_count(a, "SIP/2.0 408"));
    T_LE(1, exch_count(a, "SIP/2.0 404"));
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_strangers_are_challenged_and_users_are_who_they_say(struct t *t)
{
    struct exch_world w;
    struct exch_peer *a;
    struct sip_msg *m;
    char line[1200];
    T_OK(exch_open(&w, &closed_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &a));
    exch_request(a, "INVITE", "alice", "bob@192.0.2.9", "c1", 1, "");
    exch_run(&w, 100);
    T_CHECK((m = exch_got(a, "SIP/2.0 407", 0)));
    T_CHECK(exch_authorize(m, SIP_DIGEST_MD5, "INVITE", "sip:bob@192.0.2.9", "alice", "secret", line, sizeof line));
    exch_request(a, "INVITE", "alice", "bob@192.0.2.9", "c1", 2, line);
    exch_run(&w, 100);
    T_EQ(exch_count(a, "SIP/2.0 480"), 1);
    exch_request(a, "INVITE", "alice", "echo@192.0.2.9", "c2", 1, "");
    exch_run(&w, 100);
    T_CHECK((m = exch_got(a, "SIP/2.0 407", 1)));
    T_CHECK(exch_authorize(m, SIP_DIGEST_MD5, "INVITE", "sip:bob@192.0.2.9", "alice", "secret", line, sizeof line));
    exch_request(a, "INVITE", "bob", "bob@192.0.2.9", "c3", 1, line);
    exch_run(&w, 100);
    T_EQ(exch_count(a, "SIP/2.0 403"), 1);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

/* A To tag and a Route of ours do not make a dialog: only the seal in our Record-Route does. */
static void test_a_forged_dialog_relays_nothing(struct t *t)
{
    struct exch_world w;
    struct exch_peer *a, *b;
    T_OK(exch_open(&w, &closed_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &a));
    T_OK(exch_peer(&w, "192.0.2.2", 5060, false, &b));
    static const char *const methods[] = { "INVITE", "BYE", "ACK" };
    static const char *const tokens[] = { "", "00@", "0123456789abcdef0000@" };
    for (size_t i = 0; i < 9; i++)
        exch_send(a,
                  "%s sip:x@192.0.2.2 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%zu\n"
                  "Route: <sip:%s192.0.2.9;lr>\nFrom: <sip:m@192.0.2.1>;tag=1\nTo: <sip:x@192.0.2.2>;tag=2\n"
                  "Call-ID: %zu\nCSeq: 1 %s\nContact: <sip:m@192.0.2.1>\nContent-Length: 0\n\n",
                  methods[i % 3], i, tokens[i / 3], i, methods[i % 3]);
    exch_run(&w, 100);
    T_EQ(exch_count(a, "SIP/2.0 407"), 6);
    T_EQ(b->got_count, 0);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_a_via_that_is_not_the_source_gets_received(struct t *t)
{
    struct pair p;
    T_OK(pair_open(&p, false, false));
    exch_send(p.a, "MESSAGE sip:bob@192.0.2.9 SIP/2.0\nv: SIP/2.0/UDP phone.local;received=1.2.3.4;branch=z9hG4bK5,"
                   " SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK6\nFrom: <sip:a@b>;tag=1\nTo: <sip:bob@192.0.2.9>\n"
                   "Call-ID: m5\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n");
    exch_run(&p.w, 100);
    T_CHECK(exch_has(exch_got(p.b, "MESSAGE", 0), "v: SIP/2.0/UDP phone.local;branch=z9hG4bK5;received=192.0.2.1,"
                                                  " SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK6\r\n"));
    exch_reply(p.b, exch_got(p.b, "MESSAGE", 0), 200, "", "");
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

/* The seal's key lives in the file: who talks may hang up without a password also after a restart. */
static void test_a_dialog_outlives_a_restart_with_a_file(struct t *t)
{
    char dir[64] = "", path[80] = "", line[1200];
    struct pair p = { .a = NULL };
    struct sip_msg *m, *ok;
    T_CHECK(temp_make(dir, sizeof dir));
    snprintf(path, sizeof path, "%s/l.db", dir);
    struct ahoy_exchange_config cfg = closed_house;
    cfg.database = path;
    T_OK(exch_open(&p.w, &cfg));
    T_OK(exch_peer(&p.w, "192.0.2.1", 5060, false, &p.a));
    T_OK(exch_peer(&p.w, "192.0.2.2", 5060, false, &p.b));
    exch_register(p.b, "bob", 1, "Contact: <sip:bob@192.0.2.2:5060>\n");
    exch_request(p.a, "INVITE", "alice", "bob@192.0.2.9", "call", 1, "");
    exch_run(&p.w, 100);
    T_CHECK((m = exch_got(p.b, "SIP/2.0 401", 0)));
    T_CHECK(exch_authorize(m, SIP_DIGEST_MD5, "REGISTER", "sip:192.0.2.9", "bob", "hidden", line, sizeof line));
    size_t n = strlen(line);
    snprintf(line + n, sizeof line - n, "Contact: <sip:bob@192.0.2.2:5060>\n");
    exch_register(p.b, "bob", 2, line);
    T_CHECK((m = exch_got(p.a, "SIP/2.0 407", 0)));
    T_CHECK(exch_authorize(m, SIP_DIGEST_MD5, "INVITE", "sip:bob@192.0.2.9", "alice", "secret", line, sizeof line));
    exch_run(&p.w, 100);
    exch_request(p.a, "INVITE", "alice", "bob@192.0.2.9", "call", 2, line);
    exch_run(&p.w, 100);
    exch_reply(p.b, exch_got(p.b, "INVITE", 0), 200, "bob", "");
    exch_run(&p.w, 100);
    T_CHECK((ok = exch_got(p.a, "SIP/2.0 200 OK", 0)));
    T_CHECK(!exch_has(exch_got(p.b, "INVITE", 0), "Proxy-Authorization")); /* it was for us alone */
    exch_in_dialog(p.a, "ACK", 2, "alice", ok);
    exch_run(&p.w, 100);
    T_EQ(exch_count(p.b, "ACK"), 1);
    exch_stop(&p.w);
    T_OK(exch_start(&p.w, &cfg));
    exch_in_dialog(p.b, "BYE", 3, "bob", exch_got(p.b, "INVITE", 0));
    exch_run(&p.w, 100);
    T_EQ(exch_count(p.a, "BYE"), 1);
out:
    exch_close(&p.w);
    temp_remove(dir);
}

static void test_messages_and_events_pass(struct t *t)
{
    struct pair p;
    struct sip_msg *m;
    static const char *const methods[] = { "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "INFO", "NEWONE" };
    T_OK(pair_open(&p, false, false));
    for (size_t i = 0; i < AHOY_COUNT(methods); i++) {
        char call_id[20];
        snprintf(call_id, sizeof call_id, "x%zu", i);
        exch_request(p.a, methods[i], "alice", "bob@192.0.2.9", call_id, 1,
                     "Event: presence\nX-Other: kept as it is\n");
        exch_run(&p.w, 100);
        T_CHECK((m = exch_got(p.b, methods[i], 0)));
        T_CHECK(exch_has(m, "\r\nX-Other: kept as it is\r\n"));
        exch_reply(p.b, m, 202, "bob", "");
        exch_run(&p.w, 100);
        T_EQ(exch_count(p.a, "SIP/2.0 202"), i + 1);
        T_CHECK(!exch_has(exch_got(p.a, "SIP/2.0 202", i), "192.0.2.9:5060;branch")); /* our Via is off */
    }
    exch_nothing_left(t, &p.w);
out:
    exch_close(&p.w);
}

T_MAIN(T(test_a_call_between_telephones_by_udp), T(test_a_call_from_udp_to_tcp_ended_by_the_callee),
       T(test_a_call_from_tcp_to_udp_ended_by_the_callee), T(test_a_call_by_tcp_over_the_connections_there_are),
       T(test_telephones_behind_nats_are_reached_the_way_they_came),
       T(test_a_registered_connection_is_not_closed_as_idle), T(test_a_lost_connection_leaves_the_contact_to_try),
       T(test_users_that_are_not_there), T(test_hops_extensions_and_schemes),
       T(test_a_spiral_passes_and_a_loop_does_not), T(test_routes_are_followed_loose_and_strict),
       T(test_a_strict_router_before_us_is_understood), T(test_failover_to_the_next_server_of_a_name),
       T(test_a_host_that_refuses_is_500_and_one_that_is_silent_408),
       T(test_strangers_are_challenged_and_users_are_who_they_say), T(test_a_forged_dialog_relays_nothing),
       T(test_a_via_that_is_not_the_source_gets_received), T(test_a_dialog_outlives_a_restart_with_a_file),
       /* seven requests that allocate alike */
       T_STRIDE(test_messages_and_events_pass, 5))
