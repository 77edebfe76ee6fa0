/* The stack as a whole: faulty and hostile traffic, its limits and its books, and a bad network between two of them. */
#include "support_txn_world.h"

#include <stdio.h>

static struct world w;

/* ---- faults ------------------------------------------------------------------------------------------------------ */

static void swap(struct form *f, const char *what, const char *with)
{
    struct form g = { "" };
    struct view text = view_str(f->text);
    size_t at = view_search(text, view_str(what));
    if (at < text.n) {
        snprintf(g.text, sizeof g.text, "%.*s%s%s", (int) at, f->text, with, f->text + at + strlen(what));
        *f = g;
    }
}

static void test_faulty_requests_are_told_why(struct t *t)
{
    static const struct {
        const char *what, *with, *want;
    } cases[] = {
        { "CSeq: 1 OPTIONS", "CSeq: 1 INFO", "SIP/2.0 400" },
        { "CSeq: 1 OPTIONS", "CSeq: 4294967296 OPTIONS", "SIP/2.0 400" },
        { "To: <sip:bob@example.com>\r\n", "", "SIP/2.0 400" },
        { "Call-ID: ", "Call-ID: a\r\nCall-ID: ", "SIP/2.0 400" },
        { "Max-Forwards: 70", "Max-Forwards: many", "SIP/2.0 400" },
        { "192.0.2.1 SIP/2.0", "192.0.2.1 SIP/7.0", "SIP/2.0 505" },
        { "Content-Length: 0", "Content-Length: 10", "SIP/2.0 400" },
    };
    for (size_t i = 0; i < AHOY_COUNT(cases); i++) {
        struct form f = form_request("OPTIONS", "z9hG4bK1", ";rport", "");
        if (!world_init(t, &w))
            goto out;
        swap(&f, cases[i].what, cases[i].with);
        world_send(&w, f.text);
        T_EQ(w.wire.count, 1);
        if (!view_starts(view_str(w.wire.got[0].text), view_str(cases[i].want)))
            t_fail(t, __FILE__, __LINE__, cases[i].with, w.wire.got[0].text);
        T_STR(w.notes, "");
        T_CHECK(world_is_idle(&w));
        world_fini(&w);
        if (t->failed)
            return;
    }
    return;
out:
    world_fini(&w);
}

static void test_nothing_answers_a_faulty_ack_or_response(struct t *t)
{
    struct sip_stack_counts c;
    if (!world_init(t, &w))
        goto out;
    struct form ack = form_request("ACK", "z9hG4bK1", ";rport", "");
    swap(&ack, "CSeq: 1 ACK", "CSeq: one ACK");
    world_send(&w, ack.text);
    world_send(&w, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nCSeq: x\r\n\r\n");
    world_send(&w, "SIP/2.0 4294967301 better not break the receiver\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n");
    world_send(&w, "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\nFrom: <sip:a@example.com>;tag=1\r\n\r\n"); /* no way back */
    sip_stack_counts(w.stack, &c);
    T_EQ(w.wire.count, 0);
    T_EQ(c.dropped_malformed, 4);
    T_STR(w.notes, "");
out:
    world_fini(&w);
}

static void test_answers_to_faults_are_rationed(struct t *t)
{
    struct sip_stack_counts c;
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.max_fault_replies_s = 10;
    if (!world_start(t, &w))
        goto out;
    struct form f = form_request("OPTIONS", "z9hG4bK1", ";rport", "");
    swap(&f, "CSeq: 1", "CSeq: one");
    for (int i = 0; i < 30; i++)
        (void) sys_udp_send(w.peer, NULL, &w.here, f.text, strlen(f.text));
    world_run_ms(&w, 1);
    T_EQ(w.wire.count, 10);
    world_run_ms(&w, 501);
    for (int i = 0; i < 30; i++)
        (void) sys_udp_send(w.peer, NULL, &w.here, f.text, strlen(f.text));
    world_run_ms(&w, 1);
    T_EQ(w.wire.count, 15);
    sip_stack_counts(w.stack, &c);
    T_EQ(c.replied_stateless, 15);
    T_EQ(c.dropped_malformed, 45);
out:
    world_fini(&w);
}

/* Bytes turned, cut, doubled and swapped, in messages that set every machine going. Seeded; long, so some allocations. */
static void test_a_storm_of_damaged_messages_leaves_nothing_behind(struct t *t)
{
    static const char *const methods[] = { "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "x-odd", "REGISTER" };
    struct rng rng;
    rng_init_u64(&rng, 4475);
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.max_server_txns = 300;
    if (!world_start(t, &w) || !world_peer_connect(t, &w))
        goto out;
    for (unsigned i = 0; i < 3000; i++) {
        char branch[20];
        snprintf(branch, sizeof branch, "z9hG4bK%u", rng_below(&rng, 500));
        w.reply_now = i % 3 == 0 ? 486 : i % 3 == 1 ? 200 : 603;
        struct form f = form_request(methods[rng_below(&rng, AHOY_COUNT(methods))], branch, ";rport", "");
        size_t n = strlen(f.text);
        for (unsigned k = rng_below(&rng, 6); k > 0; k--)
            f.text[rng_below(&rng, (uint32_t) n)] = (char) rng_below(&rng, 256);
        if (rng_below(&rng, 8) == 0)
            n = rng_below(&rng, (uint32_t) n) + 1;
        (void) sys_udp_send(w.peer, NULL, &w.here, f.text, n);
        if (!w.peer_conn || w.peer_conn_closed) {
            if (!world_peer_connect(t, &w))
                goto out;
        } else {
            (void) sys_tcp_write(w.peer_conn, f.text, n);
        }
        world_run_ms(&w, 1);
        w.notes[0] = '\0';
    }
    struct sip_stack_counts c;
    sip_stack_counts(w.stack, &c);
    T_CHECK(c.received > 3000 && c.dropped_malformed > 0 && c.replied_stateless > 0);
    T_LE(c.server_txns, 375);
    world_peer_disconnect(&w);
    world_run_ms(&w, 70000);
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

/* ---- books ------------------------------------------------------------------------------------------------------- */

static void on_trace(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                     const struct addr *peer, struct view raw)
{
    struct form *f = arg;
    char a[ADDR_TEXT_BYTES], b[ADDR_TEXT_BYTES];
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof f->text - n, "%s %s %s %s %.7s; ", dir == SIP_TRACE_SENT ? "sent" : "recv",
             sip_proto_name(proto), addr_print(local, a), addr_print(peer, b), raw.p);
}

static void test_trace_sees_what_passes_and_counts_add_up(struct t *t)
{
    struct form trace = { "" };
    struct sip_stack_counts c;
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.trace = on_trace;
    w.cfg.trace_arg = &trace;
    w.cfg.user_agent = "Ahoy test";
    if (!world_start(t, &w))
        goto out;
    w.reply_now = 200;
    struct form f = form_request("OPTIONS", "z9hG4bK1", ";rport", "");
    world_send(&w, f.text);
    world_send(&w, f.text);
    T_STR(trace.text,
          "recv UDP 192.0.2.1:5060 192.0.2.2:5060 OPTIONS; sent UDP 192.0.2.1:5060 192.0.2.2:5060 SIP/2.0; "
          "recv UDP 192.0.2.1:5060 192.0.2.2:5060 OPTIONS; sent UDP 192.0.2.1:5060 192.0.2.2:5060 SIP/2.0; ");
    T_VIEW(wire_value(&w.wire.got[0], "Server"), "Ahoy test");
    sip_stack_counts(w.stack, &c);
    T_EQ(c.received, 2);
    T_EQ(c.sent, 2);
    T_EQ(c.retransmitted, 1);
    T_EQ(c.server_txns, 1);
    T_EQ(c.flows, 1);
    T_EQ(c.transports, 2);
out:
    world_fini(&w);
}

static void reply_statelessly(void *arg, struct sip_flow *flow, struct sip_msg *ack)
{
    (void) arg;
    world_note(&w, "%s; ", ahoy_err_name(sip_stack_reply(w.stack, flow, ack, 200, VIEW(""))));
}

static void refuse_statelessly(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    (void) arg;
    struct sip_flow *flow = sip_server_txn_flow(txn);
    world_note(&w, "%s; ", ahoy_err_name(sip_stack_reply(w.stack, flow, m, 404, VIEW("X-Why: because\r\n"))));
}

static void test_stateless_answers_keep_their_tag(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    struct sip_core_ops core = { .request = refuse_statelessly, .ack = reply_statelessly };
    T_OK(sip_stack_create(&w.stack, w.loop, &w.cfg, &core));
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_UDP, &w.here, &w.udp));
    world_send(&w, form_request("OPTIONS", "z9hG4bK1", ";rport", "").text);
    world_run_ms(&w, 33000); /* its transaction is gone */
    world_send(&w, form_request("OPTIONS", "z9hG4bK1", ";rport", "").text);
    world_send(&w, form_request("OPTIONS", "z9hG4bK2", ";rport", "").text);
    T_EQ(wire_count(&w.wire, "SIP/2.0 404 Not Found"), 3);
    struct view one = wire_value(wire_nth(&w.wire, "SIP/2.0 404", 0), "To");
    struct view again = wire_value(wire_nth(&w.wire, "SIP/2.0 404", 1), "To");
    struct view other = wire_value(wire_nth(&w.wire, "SIP/2.0 404", 2), "To");
    T_CHECK(view_eq(one, again));
    T_CHECK(!view_eq(one, other));
    T_CHECK(view_search(one, VIEW(";tag=")) < one.n);
    T_VIEW(wire_value(wire_nth(&w.wire, "SIP/2.0 404", 0), "X-Why"), "because");
    world_send(&w, form_request("ACK", "z9hG4bK9", ";rport", "").text);
    T_STR(w.notes, "OK; OK; OK; INVAL; ");
out:
    world_fini(&w);
}

static void test_configs_that_make_no_sense_are_refused(struct t *t)
{
    struct sip_core_ops core = { .request = refuse_statelessly };
    if (!world_prepare(t, &w))
        goto out;
    struct sip_stack_config cfg = { .user_agent = "empty" };
    T_ERR(sip_stack_create(&w.stack, w.loop, &cfg, &core), AHOY_ERR_INVAL);
    cfg = SIP_STACK_CONFIG_DEFAULT;
    cfg.timers.t2_ms = 100;
    T_ERR(sip_stack_create(&w.stack, w.loop, &cfg, &core), AHOY_ERR_INVAL);
    T_CHECK(w.stack == NULL);
out:
    world_fini(&w);
}

/* ---- two stacks and a bad network -------------------------------------------------------------------------------- */

struct outcome {
    unsigned finals, failures, dones, requests, acks;
};

static void on_final(void *arg, struct sip_client_txn *txn, struct sip_msg *m)
{
    struct outcome *o = arg;
    (void) txn;
    if (m->status >= 200)
        o->finals++;
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    (void) txn;
    (void) err;
    ((struct outcome *) arg)->failures++;
}

static void on_done(void *arg, struct sip_client_txn *txn)
{
    (void) txn;
    ((struct outcome *) arg)->dones++;
}

static void far_acked(void *arg, struct sip_server_txn *txn, struct sip_msg *ack)
{
    (void) txn;
    (void) ack;
    ((struct outcome *) arg)->acks++;
}

static void far_request(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    struct outcome *o = arg;
    o->requests++;
    if (m->method == SIP_METHOD_INVITE)
        sip_server_txn_set_handler(txn, &(struct sip_server_handler){ .acked = far_acked, .arg = o });
    (void) sip_server_txn_reply(txn, m->method == SIP_METHOD_INVITE ? 486 : 200, VIEW(""));
}

/* Loss, copies and disorder: each request is heard once, has one outcome, and nothing stays. Long: some allocations. */
static void test_bad_network_changes_no_outcome(struct t *t)
{
    enum { REQUESTS = 60 };
    struct outcome near_o = { 0 }, far_o = { 0 };
    struct sip_stack *far = NULL;
    struct sip_transport *far_udp;
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w))
        goto out;
    sys_udp_close(w.peer);
    w.peer = NULL;
    struct sip_core_ops core = { .request = far_request, .arg = &far_o };
    T_OK(sip_stack_create(&far, w.peer_loop, &w.cfg, &core));
    T_OK(sip_stack_listen(far, SIP_PROTO_UDP, &w.there, &far_udp));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    struct sim_link bad = { .loss = 0.2,
                            .duplicate = 0.1,
                            .reorder = 0.2,
                            .delay_us = SYS_MS(40),
                            .jitter_us = SYS_MS(30),
                            .reorder_us = SYS_MS(300) };
    sim_default_link(w.sim, &bad);
    struct sip_client_handler handler = { on_final, on_failed, on_done, &near_o };
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct sip_client_txn *txn;
        struct form f = form_client_request(i % 2 ? "INVITE" : "OPTIONS", "");
        char cseq[20];
        snprintf(cseq, sizeof cseq, "CSeq: %u ", i + 1);
        swap(&f, "CSeq: 4711 ", cseq);
        struct sip_client_config cfg = { .flow = flow, .request = view_str(f.text) };
        T_OK(sip_client_txn_create(&txn, w.stack, &cfg, &handler));
        world_run_ms(&w, 100);
    }
    world_run_ms(&w, 120000);
    T_EQ(near_o.finals, REQUESTS);
    T_EQ(near_o.failures, 0);
    T_EQ(near_o.dones, REQUESTS);
    T_EQ(far_o.requests, REQUESTS);
    T_EQ(far_o.acks, REQUESTS / 2);
    struct sip_stack_counts c;
    sip_stack_counts(far, &c);
    T_EQ(c.server_txns + c.flows, 0);
    sip_flow_unref(flow);
    flow = NULL;
    T_CHECK(world_is_idle(&w));
out:
    sip_flow_unref(flow);
    sip_stack_destroy(far);
    world_fini(&w);
}

T_MAIN(T(test_faulty_requests_are_told_why), T(test_nothing_answers_a_faulty_ack_or_response),
       T_STRIDE(test_answers_to_faults_are_rationed, 7),
       T_STRIDE(test_a_storm_of_damaged_messages_leaves_nothing_behind, 2999),
       T(test_trace_sees_what_passes_and_counts_add_up), T(test_stateless_answers_keep_their_tag),
       T(test_configs_that_make_no_sense_are_refused), T_STRIDE(test_bad_network_changes_no_outcome, 397))
