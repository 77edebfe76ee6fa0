/* Client transactions against a peer on the wire: RFC 3261 section 17.1, RFC 6026, timers of table 4. */
#include "support_txn_world.h"

static struct world w;

/* ---- timers ------------------------------------------------------------------------------------------------------ */

static void test_invite_over_udp_keeps_timers_a_and_b(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 60000);
    T_STR(wire_times(&w.wire, "INVITE", 0).text, "0 500 1500 3500 7500 15500 31500 ");
    T_STR(w.notes, "failed TIMEOUT at 32000; done at 32000; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_other_request_over_udp_keeps_timers_e_and_f(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 60000);
    T_STR(wire_times(&w.wire, "OPTIONS", 0).text, "0 500 1500 3500 7500 11500 15500 19500 23500 27500 31500 ");
    T_STR(w.notes, "failed TIMEOUT at 32000; done at 32000; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_timers_scale_with_t1(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.timers.t1_ms = 100;
    if (!world_start(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 60000);
    T_STR(wire_times(&w.wire, "INVITE", 0).text, "0 100 300 700 1500 3100 6300 ");
    T_STR(w.notes, "failed TIMEOUT at 6400; done at 6400; ");
out:
    world_fini(&w);
}

static void test_own_timeout_replaces_timer_b(struct t *t)
{
    struct sip_client_txn *txn;
    struct sip_flow *flow = NULL;
    struct form f = form_client_request("INVITE", "");
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    struct sip_client_config cfg = { .flow = flow, .request = view_str(f.text), .timeout_ms = 2000 };
    T_OK(sip_client_txn_create(&txn, w.stack, &cfg, &w.client_handler));
    world_run_ms(&w, 60000);
    T_STR(w.notes, "failed TIMEOUT at 2000; done at 2000; ");
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_provisional_response_stops_an_invite_s_timers(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 600);
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 180, "").text);
    world_run_ms(&w, 300000);
    T_EQ(wire_count(&w.wire, "INVITE"), 2);
    T_STR(w.notes, "response 180; ");
out:
    world_fini(&w);
}

static void test_provisional_response_slows_other_requests_to_t2(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 100);
    world_send(&w, form_response(wire_nth(&w.wire, "OPTIONS", 0), 100, "").text);
    world_run_ms(&w, 60000);
    /* Timer E set before fires once more, then T2 (RFC 3261 section 17.1.2.2). */
    T_STR(wire_times(&w.wire, "OPTIONS", 0).text, "0 500 4500 8500 12500 16500 20500 24500 28500 ");
    T_STR(w.notes, "response 100; failed TIMEOUT at 32000; done at 32000; ");
out:
    world_fini(&w);
}

static void test_final_response_to_other_request_is_delivered_once_and_kept_for_t4(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "BYE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    struct form ok = form_response(wire_nth(&w.wire, "BYE", 0), 200, "");
    world_send(&w, ok.text);
    world_send(&w, ok.text);
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "BYE"), 1);
    T_STR(w.notes, "response 200; done at 5090; "); /* K */
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_tcp_neither_retransmits_nor_lingers(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "BYE", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 9000);
    T_EQ(w.wire.count, 1);
    T_CHECK(view_starts(wire_value(&w.wire.got[0], "Via"), VIEW("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK")));
    world_send_tcp(&w, form_response(&w.wire.got[0], 200, "").text);
    T_STR(w.notes, "response 200; done at 9000; ");
    T_EQ(sip_stack_loop(w.stack) == w.loop, 1);
out:
    world_fini(&w);
}

static void test_tcp_request_without_answer_times_out(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 40000);
    T_EQ(w.wire.count, 1);
    T_STR(w.notes, "failed TIMEOUT at 32000; done at 32000; ");
out:
    world_fini(&w);
}

/* ---- final responses to INVITE ----------------------------------------------------------------------------------- */

static void test_refusal_is_acked_each_time_and_delivered_once(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    struct form busy = form_response(invite, 486, "");
    world_send(&w, busy.text);
    world_send(&w, busy.text);
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "INVITE"), 1);
    T_EQ(wire_count(&w.wire, "ACK sip:alice@192.0.2.2 SIP/2.0"), 2);
    T_STR(w.notes, "response 486; done at 32090; "); /* D */
    /* RFC 3261 section 17.1.1.3: what the ACK is made of. */
    const struct wire_msg *ack = wire_nth(&w.wire, "ACK", 0);
    T_CHECK(view_eq(wire_value(ack, "Via"), wire_value(invite, "Via")));
    T_CHECK(view_eq(wire_value(ack, "From"), wire_value(invite, "From")));
    T_CHECK(view_eq(wire_value(ack, "Call-ID"), wire_value(invite, "Call-ID")));
    T_CHECK(view_eq(wire_value(ack, "Route"), wire_value(invite, "Route")));
    T_VIEW(wire_value(ack, "To"), "<sip:alice@example.com>;tag=314159");
    T_VIEW(wire_value(ack, "CSeq"), "4711 ACK");
    T_VIEW(wire_value(ack, "Max-Forwards"), "70");
    T_VIEW(wire_value(ack, "Content-Length"), "0");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_every_2xx_reaches_the_user_while_accepted(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    world_send(&w, form_response(invite, 200, "").text);
    world_send(&w, form_response(invite, 180, "").text); /* late: not for the user any more */
    world_send(&w, form_response(invite, 486, "").text); /* a fork's end: absorbed */
    world_run_ms(&w, 20000);
    world_send(&w, form_response(invite, 200, "X-Fork: 2\r\n").text);
    world_run_ms(&w, 60000);
    T_STR(w.notes, "response 200; response 200; done at 32090; "); /* M */
    T_EQ(wire_count(&w.wire, "ACK"), 0);                           /* the user's own */
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_2xx_after_the_end_is_stray(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    struct form ok = form_response(wire_nth(&w.wire, "INVITE", 0), 200, "");
    world_send(&w, ok.text);
    world_run_ms(&w, 33000);
    w.notes[0] = '\0';
    world_send(&w, ok.text);
    T_STR(w.notes, "stray 200; ");
out:
    world_fini(&w);
}

static void test_accepted_lasts_64_t1_over_tcp_too(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 90);
    world_send_tcp(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 200, "").text);
    world_run_ms(&w, 60000);
    T_STR(w.notes, "response 200; done at 32090; ");
out:
    world_fini(&w);
}

static void test_refusal_over_tcp_ends_at_once(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 90);
    world_send_tcp(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 603, "").text);
    T_EQ(wire_count(&w.wire, "ACK"), 1);
    T_STR(w.notes, "response 603; done at 90; ");
out:
    world_fini(&w);
}

/* ---- whose response it is ---------------------------------------------------------------------------------------- */

static void replace(struct form *f, const char *what, const char *with)
{
    struct form g = { "" };
    struct view text = view_str(f->text);
    size_t at = view_search(text, view_str(what));
    if (at == text.n)
        return;
    memcpy(g.text, text.p, at);
    memcpy(g.text + at, with, strlen(with));
    struct view tail = view_from(text, at + strlen(what));
    memcpy(g.text + at + strlen(with), tail.p, tail.n + 1);
    *f = g;
}

static void test_responses_that_are_not_ours_are_dropped(struct t *t)
{
    struct sip_client_txn *txn;
    struct sip_stack_counts before, after;
    static const char *const pairs[][2] = {
        { "z9hG4bK", "z9hG4bKx" },                       /* another branch */
        { "4711 INVITE", "4711 CANCEL" },                /* another method */
        { "UDP 192.0.2.1:5060", "UDP 192.0.2.77:5060" }, /* another sent-by */
        { "UDP 192.0.2.1:5060", "UDP 192.0.2.1:5070" },
        { "\r\nFrom", "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9\r\nFrom" }, /* went astray */
    };
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 10);
    for (size_t i = 0; i < AHOY_COUNT(pairs); i++) {
        struct form f = form_response(wire_nth(&w.wire, "INVITE", 0), 200, "");
        replace(&f, pairs[i][0], pairs[i][1]);
        w.notes[0] = '\0';
        sip_stack_counts(w.stack, &before);
        world_send(&w, f.text);
        sip_stack_counts(w.stack, &after);
        T_CHECK(!strstr(w.notes, "response"));
        T_EQ(after.received - before.received, 1);
        T_EQ(strstr(w.notes, "stray") != NULL || after.dropped_stray == before.dropped_stray + 1, 1);
    }
    T_EQ(strstr(w.notes, "stray") != NULL, 0); /* two Vias: not even a stray for a user agent */
out:
    world_fini(&w);
}

static void test_faulty_responses_are_dropped_without_answer(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 10);
    struct form f = form_response(wire_nth(&w.wire, "INVITE", 0), 200, "");
    replace(&f, "4711 INVITE", "99999999999 INVITE");
    wire_clear(&w.wire);
    world_send(&w, f.text);
    T_EQ(w.wire.count, 0);
    T_STR(w.notes, "");
out:
    world_fini(&w);
}

/* ---- transports that fail ---------------------------------------------------------------------------------------- */

static void test_refused_connection_fails_the_request(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 3000);
    T_CHECK(strstr(w.notes, "failed REFUSED at 0; done at 0; "));
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_connection_that_does_not_come_about_fails_after_its_timeout(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w))
        goto out;
    T_OK(sim_partition(w.sim, w.host, w.peer_host, true));
    if (!world_client(t, &w, "OPTIONS", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 30000);
    T_CHECK(strstr(w.notes, "failed TIMEOUT at 4000; done at 4000; "));
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_lost_connection_fails_a_pending_request(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 1000);
    world_peer_disconnect(&w);
    world_run_ms(&w, 10);
    T_CHECK(strstr(w.notes, "failed "));
    T_CHECK(strstr(w.notes, "lost "));
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_ringing_invite_survives_an_orderly_close_when_we_can_be_reached(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 100);
    struct wire_msg invite = *wire_nth(&w.wire, "INVITE", 0);
    world_send_tcp(&w, form_response(&invite, 180, "").text);
    world_peer_disconnect(&w);
    world_run_ms(&w, 1000);
    T_CHECK(strstr(w.notes, "lost END; "));
    T_CHECK(!strstr(w.notes, "failed"));
    if (!world_peer_connect(t, &w))
        goto out;
    world_send_tcp(&w, form_response(&invite, 486, "").text);
    T_CHECK(strstr(w.notes, "response 486; "));
out:
    world_fini(&w);
}

static void test_icmp_refusal_fails_a_request_at_once(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w))
        goto out;
    sys_udp_close(w.peer);
    w.peer = NULL;
    if (!world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 100);
    T_STR(w.notes, "failed REFUSED at 0; done at 0; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static bool large_client(struct t *t, struct sip_client_txn **out)
{
    struct sip_flow *flow = NULL;
    bool ok = false;
    char extra[1300] = "Subject: ";
    memset(extra + 9, 'x', 1200);
    memcpy(extra + 1209, "\r\n", 3);
    struct form f = form_client_request("OPTIONS", extra);
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    struct sip_client_config cfg = { .flow = flow, .request = view_str(f.text) };
    T_OK(sip_client_txn_create(out, w.stack, &cfg, &w.client_handler));
    ok = true;
out:
    sip_flow_unref(flow);
    return ok;
}

static void test_large_request_goes_by_tcp(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !large_client(t, &txn))
        goto out;
    T_EQ(sip_flow_proto(sip_client_txn_flow(txn)), SIP_PROTO_TCP);
    world_run_ms(&w, 2000);
    T_EQ(w.wire.count, 1);
    T_CHECK(view_starts(wire_value(&w.wire.got[0], "Via"), VIEW("SIP/2.0/TCP 192.0.2.1:5060;")));
    world_send_tcp(&w, form_response(&w.wire.got[0], 200, "").text);
    T_STR(w.notes, "response 200; done at 2000; ");
out:
    world_fini(&w);
}

static void test_large_request_falls_back_to_udp_when_tcp_is_refused(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !large_client(t, &txn))
        goto out;
    world_run_ms(&w, 700);
    T_STR(wire_times(&w.wire, "OPTIONS", 0).text, "0 500 ");
    T_CHECK(view_starts(wire_value(&w.wire.got[0], "Via"), VIEW("SIP/2.0/UDP 192.0.2.1:5060;")));
    T_EQ(wire_value(&w.wire.got[0], "Subject").n, 1200);
    T_EQ(sip_flow_proto(sip_client_txn_flow(txn)), SIP_PROTO_UDP);
    world_send(&w, form_response(&w.wire.got[0], 200, "").text);
    T_CHECK(strstr(w.notes, "response 200; "));
out:
    world_fini(&w);
}

static void test_known_mtu_moves_the_limit(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.mtu_bytes = 9000;
    if (!world_start(t, &w) || !world_peer_listen(t, &w) || !large_client(t, &txn))
        goto out;
    T_EQ(sip_flow_proto(sip_client_txn_flow(txn)), SIP_PROTO_UDP);
out:
    world_fini(&w);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void test_what_is_no_request_is_refused(struct t *t)
{
    struct sip_client_txn *txn = NULL;
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    struct form ack = form_client_request("ACK", ""), ok = form_client_request("OPTIONS", "");
    struct sip_client_config cfg = { .flow = flow, .request = VIEW("rubbish") };
    T_ERR(sip_client_txn_create(&txn, w.stack, &cfg, NULL), AHOY_ERR_SYNTAX);
    cfg.request = VIEW("rubbish\r\n\r\n");
    T_ERR(sip_client_txn_create(&txn, w.stack, &cfg, NULL), AHOY_ERR_SYNTAX);
    cfg.request = view_str(ack.text);
    T_ERR(sip_client_txn_create(&txn, w.stack, &cfg, NULL), AHOY_ERR_INVAL);
    cfg.request = view_str(ok.text);
    cfg.branch = "z9hG4bK;evil\r\n";
    T_ERR(sip_client_txn_create(&txn, w.stack, &cfg, NULL), AHOY_ERR_INVAL);
    cfg.branch = "z9hG4bKmine";
    T_OK(sip_client_txn_create(&txn, w.stack, &cfg, NULL));
    T_STR(sip_client_txn_branch(txn), "z9hG4bKmine");
    T_VIEW(sip_msg_value(sip_client_txn_request(txn), SIP_HDR_VIA),
           "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKmine;rport");
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_destroyed_stack_tells_its_users(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    T_STR(w.notes, "failed CANCELLED at 0; done at 0; ");
out:
    world_fini(&w);
}

static void test_branches_differ(struct t *t)
{
    struct sip_client_txn *a, *b;
    if (!world_init(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &a)
        || !world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &b))
        goto out;
    T_CHECK(strcmp(sip_client_txn_branch(a), sip_client_txn_branch(b)) != 0);
    T_CHECK(sip_branch_is_3261(view_str(sip_client_txn_branch(a))));
out:
    world_fini(&w);
}

T_MAIN(T(test_invite_over_udp_keeps_timers_a_and_b), T(test_other_request_over_udp_keeps_timers_e_and_f),
       T(test_timers_scale_with_t1), T(test_own_timeout_replaces_timer_b),
       T(test_provisional_response_stops_an_invite_s_timers), T(test_provisional_response_slows_other_requests_to_t2),
       T(test_final_response_to_other_request_is_delivered_once_and_kept_for_t4),
       T(test_tcp_neither_retransmits_nor_lingers), T(test_tcp_request_without_answer_times_out),
       T(test_refusal_is_acked_each_time_and_delivered_once), T(test_every_2xx_reaches_the_user_while_accepted),
       T(test_2xx_after_the_end_is_stray), T(test_accepted_lasts_64_t1_over_tcp_too),
       T(test_refusal_over_tcp_ends_at_once), T(test_responses_that_are_not_ours_are_dropped),
       T(test_faulty_responses_are_dropped_without_answer), T(test_refused_connection_fails_the_request),
       T(test_connection_that_does_not_come_about_fails_after_its_timeout),
       T(test_lost_connection_fails_a_pending_request),
       T(test_ringing_invite_survives_an_orderly_close_when_we_can_be_reached),
       T(test_icmp_refusal_fails_a_request_at_once), T(test_large_request_goes_by_tcp),
       T(test_large_request_falls_back_to_udp_when_tcp_is_refused), T(test_known_mtu_moves_the_limit),
       T(test_what_is_no_request_is_refused), T(test_destroyed_stack_tells_its_users), T(test_branches_differ))
