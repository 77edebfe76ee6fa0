#include "sip/support_reg_world.h"

#include <stdio.h>

/* example.com with two servers, the first preferred. */
static bool two_servers(struct t *t, struct reg_world *w)
{
    T_OK(sim_dns_add_srv(w->sim, "_sip._udp.example.com", 1, 0, 5060, "192.0.2.2"));
    T_OK(sim_dns_add_srv(w->sim, "_sip._udp.example.com", 2, 0, 5060, "192.0.2.3"));
    T_CHECK(reg_server(w, "192.0.2.2") && reg_server(w, "192.0.2.3"));
    return true;
out:
    return false;
}

static void test_request_is_sent_and_answered(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com;method=INVITE?Subject=x", NULL));
    T_STR(reg_log(&w), "");
    T_CHECK(!sip_request_txn(w.rq) && !sip_request_flow(w.rq));
    reg_run(&w, 40000);
    T_STR(reg_log(&w), "final 200; ended");
    T_EQ(w.err, AHOY_OK);
    T_EQ(w.tries, 1);
    T_EQ(w.server[1].count, 0);
    struct sip_msg *m = w.server[0].got[0];
    T_VIEW(m->uri, "sip:bob@example.com");
    T_CHECK(reg_has(m, "\r\nMax-Forwards: 70\r\n") && reg_has(m, "CSeq: 1 OPTIONS\r\n"));
    T_CHECK(reg_has(m, "Via: SIP/2.0/UDP 192.0.2.1"));
    T_CHECK(addr_eq(sip_flow_peer(sip_request_flow(w.rq)), &(struct addr){ ADDR_IP4, 5060, 0, { 192, 0, 2, 2 } }));
out:
    reg_fini(t, &w);
}

static void test_owner_may_destroy_it_in_its_callback(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.destroy_in_final = true;
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    reg_run(&w, 40000);
    T_STR(reg_log(&w), "final 200");
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@nowhere.example", NULL));
    reg_run(&w, 1000);
    T_STR(reg_log(&w), "final ; DNS_NAME");
out:
    reg_fini(t, &w);
}

static void test_silent_server_is_passed_over_and_avoided(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_OK(sim_partition(w.sim, w.host, w.server[0].host, true));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 9000)); /* not after 32 s */
    T_EQ(w.err, AHOY_OK);
    T_EQ(w.tries, 2);
    T_EQ(reg_cseq(w.server[1].got[0]), 2);
    T_CHECK(reg_has(w.server[1].got[0], "z9hG4bK"));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL)); /* the box remembers */
    T_CHECK(reg_run_final(&w, 500));
    T_EQ(w.tries, 1);
    reg_run(&w, 61000); /* and forgets: the first is tried again, and is well now */
    T_OK(sim_partition(w.sim, w.host, w.server[0].host, false));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 500));
    T_EQ(w.server[0].count, 1);
out:
    reg_fini(t, &w);
}

/* Both are in the box; the one that answers is let out, so the next request does not wait for the dead one again. */
static void test_server_that_answers_is_trusted_again(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    for (size_t i = 0; i < 2; i++)
        T_OK(sim_partition(w.sim, w.host, w.server[i].host, true));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 41000));
    T_EQ(w.err, AHOY_ERR_TIMEOUT);
    T_EQ(w.tries, 2);
    T_OK(sim_partition(w.sim, w.host, w.server[1].host, false));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 9000));
    T_EQ(w.err, AHOY_OK);
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 500));
    T_EQ(w.tries, 1);
out:
    reg_fini(t, &w);
}

static void test_overloaded_server_is_passed_over_for_as_long_as_it_says(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].status = 503;
    w.server[0].lines = "Retry-After: 200 (maintenance)\r\n";
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.status, 200);
    T_EQ(w.server[1].count, 1);
    reg_run(&w, 150000);
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.server[0].count, 1);
    w.server[1].status = 503; /* both: the last answer is the outcome, with its hint */
    w.server[1].lines = "Retry-After: 17\r\n";
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.err, AHOY_ERR_REJECTED);
    T_EQ(w.status, 503);
    T_EQ(w.tries, 2);
    T_EQ(w.retry_after_s, 200);
out:
    reg_fini(t, &w);
}

static void test_causes_of_failure_are_told_apart(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@nowhere.example", NULL));
    T_CHECK(reg_run_final(&w, 20000));
    T_EQ(w.err, AHOY_ERR_DNS_NAME);
    T_OK(sim_partition(w.sim, w.host, w.server[0].host, true));
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@192.0.2.2", NULL));
    T_CHECK(!reg_run_final(&w, 31900)); /* the only server gets timer F */
    T_CHECK(reg_run_final(&w, 200));
    T_EQ(w.err, AHOY_ERR_TIMEOUT);
    T_OK(sim_partition(w.sim, w.host, w.server[0].host, false));
    reg_server_down(&w.server[0]);
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@192.0.2.2;transport=tcp", NULL));
    T_CHECK(reg_run_final(&w, 40000));
    T_EQ(w.err, AHOY_ERR_REFUSED);
    T_OK(reg_send(&w, "OPTIONS", "sips:bob@192.0.2.2", NULL));
    T_CHECK(reg_run_final(&w, 1000));
    T_EQ(w.err, AHOY_ERR_UNSUPPORTED);
    sim_dns_broken(w.sim, true);
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@elsewhere.example", NULL));
    T_CHECK(reg_run_final(&w, 20000));
    T_EQ(w.err, AHOY_ERR_DNS_SERVER);
    w.server[1].status = 486;
    T_OK(reg_send(&w, "INVITE", "sip:bob@192.0.2.3", NULL));
    T_CHECK(reg_run_final(&w, 1000));
    T_EQ(w.err, AHOY_ERR_REJECTED);
    T_EQ(w.status, 486);
out:
    reg_fini(t, &w);
}

static void test_nonsense_is_refused_at_once(struct t *t)
{
    struct reg_world w;
    struct sip_request *rq = NULL;
    if (!reg_init(t, &w, NULL))
        goto out;
    const struct sip_request_handler none = { .arg = NULL };
    struct sip_request_config cfg = {
        .locator = w.locator, .method = VIEW("OPTIONS"), .uri = VIEW("sip:x"), .headers = VIEW("From: x\r\n")
    };
    T_ERR(sip_request_start(&rq, &cfg, &none), AHOY_ERR_INVAL);
    T_ERR(reg_send(&w, "", "sip:x", NULL), AHOY_ERR_INVAL);
    T_ERR(reg_send(&w, "OPTIONS", "<sip:x", NULL), AHOY_ERR_SYNTAX);
out:
    sip_request_destroy(rq);
    reg_fini(t, &w);
}

static void test_challenges_are_answered_with_rising_cseq(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_CHECK(reg_server_auth(&w.server[0], NULL));
    w.server[0].proxy_auth = true;
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 200);
    T_EQ(w.tries, 2);
    T_EQ(reg_cseq(w.server[0].got[0]), 1);
    T_EQ(reg_cseq(w.server[0].got[1]), 2);
    T_EQ(sip_request_cseq(w.rq), 2);
    T_CHECK(reg_has(w.server[0].got[1], "\r\nProxy-Authorization: Digest username=\"alice\""));
    T_CHECK(reg_has(w.server[0].got[1], "Call-ID: one\r\n") && reg_has(w.server[0].got[1], ";tag=a1\r\n"));
    struct buf lines;
    buf_init(&lines, 4096);
    sip_request_put_auth(w.rq, &lines); /* what the ACK carries */
    bool same = buf_err(&lines) == AHOY_OK && lines.n > 0 && reg_has(w.server[0].got[1], buf_cstr(&lines));
    buf_fini(&lines);
    T_CHECK(same);
    w.server[0].status = 486; /* a busy callee proves the credentials as well as any other */
    sip_auth_clear(w.auth);
    T_OK(sip_auth_set(w.auth, &(struct sip_auth_credential){ .user = VIEW("alice"), .password = VIEW("secret") }));
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 486);
    w.server[0].status = 0;
    T_OK(reg_send(&w, "INVITE", "sip:carol@example.com", NULL)); /* authorised at once */
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.tries, 1);
    T_EQ(w.status, 200);
out:
    reg_fini(t, &w);
}

static void test_wrong_password_ends_after_one_answer(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_CHECK(reg_server_auth(&w.server[0], NULL));
    w.server[0].password = "changed";
    T_OK(reg_send(&w, "OPTIONS", "sip:example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.err, AHOY_ERR_AUTH);
    T_EQ(w.status, 401);
    T_EQ(w.server[0].count, 2);
    T_EQ(w.server[1].count, 0); /* another server would say the same */
    sip_auth_clear(w.auth);
    T_OK(reg_send(&w, "OPTIONS", "sip:example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.err, AHOY_ERR_NOT_FOUND);
    T_EQ(w.server[0].count, 3);
out:
    reg_fini(t, &w);
}

static void follow(struct sip_request_config *cfg)
{
    cfg->follow_redirects = true;
}

static void test_redirections_are_followed_by_q(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].status = 302;
    w.server[0].lines = "Contact: <tel:+1>, <sip:worse@192.0.2.3>;q=0.2\r\nContact: <sip:best@192.0.2.3>;q=0.9\r\n";
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", follow));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 200);
    T_VIEW(w.server[1].got[0]->uri, "sip:best@192.0.2.3");
    T_VIEW(sip_request_uri(w.rq), "sip:best@192.0.2.3");
    T_EQ(reg_cseq(w.server[1].got[0]), 2);
    w.server[1].status = 404; /* the best fails: the next best */
    w.server[1].status_times = 1;
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", follow));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 200);
    T_VIEW(w.server[1].got[2]->uri, "sip:worse@192.0.2.3");
    w.server[1].status = 603; /* a global failure: none of the others */
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", follow));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 603);
    T_EQ(w.server[1].count, 4);
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL)); /* not asked to follow */
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 302);
    T_EQ(w.err, AHOY_ERR_REJECTED);
out:
    reg_fini(t, &w);
}

static void test_redirection_loops_end(struct t *t)
{
    struct reg_world w;
    char lines[64];
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].status = 302;
    w.server[0].lines = "Contact: <sip:bob@EXAMPLE.com>\r\n"; /* to where it came from */
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", follow));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.err, AHOY_ERR_LOOP);
    T_EQ(w.server[0].count, 1);
    /* Each hop leads to a new name. */
    T_OK(reg_send(&w, "OPTIONS", "sip:0@192.0.2.2", follow));
    w.server[0].lines = lines;
    for (int i = 1; i < 20 && !w.final; i++) {
        snprintf(lines, sizeof lines, "Contact: <sip:%d@192.0.2.2>\r\n", i);
        reg_run(&w, 2);
        while (!w.final && w.server[0].count < (size_t) i + 1 && !t_excused(t))
            reg_run(&w, 1);
    }
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.err, AHOY_ERR_LOOP);
    T_LE(w.tries, SIP_REQUEST_MAX_REDIRECTS + 1);
out:
    reg_fini(t, &w);
}

static void strict(struct sip_request_config *cfg)
{
    cfg->routes = VIEW("<sip:192.0.2.3>, <sip:second.example;lr>");
}

static void loose(struct sip_request_config *cfg)
{
    cfg->routes = VIEW("\"Proxy, first\" <sip:192.0.2.3;lr>, <sip:second.example;lr>");
}

static void test_routes_are_obeyed_loose_and_strict(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_OK(reg_send(&w, "BYE", "sip:bob@nowhere.example", loose));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 200);
    struct sip_msg *m = w.server[1].got[0];
    T_VIEW(m->uri, "sip:bob@nowhere.example");
    T_CHECK(reg_has(m, "Route: \"Proxy, first\" <sip:192.0.2.3;lr>\r\nRoute: <sip:second.example;lr>\r\n"));
    T_OK(reg_send(&w, "BYE", "sip:bob@nowhere.example", strict));
    T_CHECK(reg_run_final(&w, 2000));
    T_EQ(w.status, 200);
    m = w.server[1].got[1];
    T_VIEW(m->uri, "sip:192.0.2.3");
    T_CHECK(reg_has(m, "70\r\nRoute: <sip:second.example;lr>\r\nRoute: <sip:bob@nowhere.example>\r\nFrom"));
out:
    reg_fini(t, &w);
}

/* Sends on a flow of the test's choice. */
static enum ahoy_err send_on(struct reg_world *w, struct sip_flow *flow, bool flow_only,
                             void (*final)(void *, struct sip_request *, const struct sip_outcome *))
{
    const struct sip_request_config cfg = {
        .locator = w->locator,
        .method = VIEW("BYE"),
        .uri = VIEW("sip:bob@192.0.2.3;transport=tcp"),
        .flow = flow,
        .flow_only = flow_only,
        .cseq = 77,
        .headers = VIEW("From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: two\r\nMax-Forwards: 5\r\n"),
    };
    const struct sip_request_handler handler = { .final = final, .arg = w };
    sip_request_destroy(w->rq);
    w->rq = NULL;
    w->final = false;
    return sip_request_start(&w->rq, &cfg, &handler);
}

static void note_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct reg_world *w = arg;
    (void) rq;
    w->final = true;
    w->err = out->err;
    w->status = out->status;
    w->tries = out->tries;
}

static void test_given_flow_is_used_and_left_when_it_breaks(struct t *t)
{
    struct reg_world w;
    struct addr dst = addr_ip4(192, 0, 2, 3, 5060);
    struct sip_flow *flow = NULL;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &dst, NULL, &flow));
    T_OK(send_on(&w, flow, false, note_final));
    T_CHECK(reg_run_final(&w, 1000));
    T_EQ(w.status, 200);
    T_EQ(reg_cseq(w.server[1].got[0]), 77);
    T_CHECK(reg_has(w.server[1].got[0], "Max-Forwards: 5\r\n") && !reg_has(w.server[1].got[0], "Max-Forwards: 70"));
    T_CHECK(sip_request_flow(w.rq) == flow);
    reg_server_down(&w.server[1]);
    reg_run(&w, 1000);
    T_CHECK(sip_flow_broken(flow));
    T_CHECK(reg_server_up(&w.server[1]));
    T_OK(send_on(&w, flow, true, note_final)); /* that flow or none */
    T_CHECK(reg_run_final(&w, 1000));
    T_CHECK(w.err != AHOY_OK && w.status == 0);
    T_OK(send_on(&w, flow, false, note_final)); /* located anew */
    T_CHECK(reg_run_final(&w, 1000));
    T_EQ(w.status, 200);
    T_CHECK(sip_request_flow(w.rq) != flow);
out:
    sip_flow_unref(flow);
    reg_fini(t, &w);
}

static void test_invite_reports_progress_and_every_2xx(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].ring = 180;
    w.server[0].holds = true;
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    reg_run(&w, 500);
    T_STR(reg_log(&w), "180");
    T_CHECK(w.server[0].held);
    T_OK(sip_server_txn_reply(w.server[0].held, 200, VIEW("Contact: <sip:bob@192.0.2.2>\r\n")));
    T_CHECK(reg_run_final(&w, 100));
    T_CHECK(sip_request_txn(w.rq) != NULL);
    struct buf again; /* retransmitted, since nobody ACKs here; and another fork */
    buf_init(&again, 4096);
    sip_server_txn_begin(w.server[0].held, &again, 200, (struct view){ 0 });
    buf_str(&again, "Contact: <sip:bob@192.0.2.2>\r\n");
    sip_build_body(&again, (struct view){ 0 }, (struct view){ 0 });
    enum ahoy_err err = buf_err(&again);
    if (err == AHOY_OK)
        err = sip_server_txn_respond(w.server[0].held, buf_content(&again));
    buf_fini(&again);
    T_OK(err);
    reg_run(&w, 100);
    T_STR(reg_log(&w), "180; final 200; more");
    reg_run(&w, 40000);
    T_STR(reg_log(&w), "180; final 200; more; ended");
    T_CHECK(sip_request_txn(w.rq) == NULL);
out:
    reg_fini(t, &w);
}

static void test_cancelling_at_each_moment_gives_one_outcome(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].ring = 180;
    w.server[0].holds = true;
    static const int64_t at_ms[] = { 0, 10, 60, 300, 1000 }; /* before, locating, just sent, ringing, long after */
    sim_default_link(w.sim, &(struct sim_link){ .delay_us = SYS_MS(50) });
    for (size_t i = 0; i < AHOY_COUNT(at_ms); i++) {
        sip_locator_network_changed(w.locator); /* the names are to be asked for anew */
        T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
        reg_run(&w, at_ms[i]);
        sip_request_cancel(w.rq, VIEW("Reason: SIP;cause=200\r\n"));
        sip_request_cancel(w.rq, (struct view){ 0 });
        T_CHECK(!w.final);
        T_CHECK(reg_run_final(&w, 33000));
        T_CHECK(w.status == 487 || w.err == AHOY_ERR_CANCELLED);
        T_EQ(w.status == 487, at_ms[i] >= 60);
        reg_run(&w, 1000);
    }
    T_OK(reg_send(&w, "OPTIONS", "sip:bob@example.com", NULL)); /* held too: no CANCEL for it */
    reg_run(&w, 300);
    sip_request_cancel(w.rq, (struct view){ 0 });
    T_CHECK(reg_run_final(&w, 10));
    T_EQ(w.err, AHOY_ERR_CANCELLED);
    T_EQ(w.tries, 1);
out:
    reg_fini(t, &w);
}

static void test_forgotten_request_is_silent(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    w.server[0].holds = true;
    T_OK(reg_send(&w, "INVITE", "sip:bob@example.com", NULL));
    reg_run(&w, 100);
    sip_request_destroy(w.rq); /* forgets a pending INVITE */
    w.rq = NULL;
    reg_run(&w, 1000);
    T_STR(reg_log(&w), "");
out:
    reg_fini(t, &w);
}

static void test_server_that_cannot_prove_itself_is_reported(struct t *t)
{
    struct reg_world w;
    if (!reg_init(t, &w, NULL) || !two_servers(t, &w))
        goto out;
    T_CHECK(reg_server_auth(&w.server[0], NULL));
    w.server[0].lines = "Authentication-Info: rspauth=\"00112233\", qop=auth\r\n";
    T_OK(reg_send(&w, "OPTIONS", "sip:example.com", NULL));
    T_CHECK(reg_run_final(&w, 5000));
    T_EQ(w.status, 200);
    T_CHECK(w.unproven);
out:
    reg_fini(t, &w);
}

T_MAIN(T(test_request_is_sent_and_answered), T(test_owner_may_destroy_it_in_its_callback),
       T(test_silent_server_is_passed_over_and_avoided), T(test_server_that_answers_is_trusted_again),
       T(test_overloaded_server_is_passed_over_for_as_long_as_it_says), T(test_causes_of_failure_are_told_apart),
       T(test_nonsense_is_refused_at_once), T(test_challenges_are_answered_with_rising_cseq),
       T(test_wrong_password_ends_after_one_answer), T(test_redirections_are_followed_by_q),
       T(test_redirection_loops_end), T(test_routes_are_obeyed_loose_and_strict),
       T(test_given_flow_is_used_and_left_when_it_breaks), T(test_invite_reports_progress_and_every_2xx),
       T(test_cancelling_at_each_moment_gives_one_outcome), T(test_forgotten_request_is_silent),
       T(test_server_that_cannot_prove_itself_is_reported))
