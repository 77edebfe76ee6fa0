/* Server transactions against a peer on the wire: RFC 3261 section 17.2, 9.2 and 18.2, RFC 6026, RFC 4320, RFC 3581. */
#include "support_txn_world.h"

#include <stdio.h>

static struct world w;

static const char *const RPORT = ";rport";

/* The peer's request arrives at 10 ms on the world's clock: world_send lets 10 ms pass after sending. */
static void send(const char *method, const char *branch)
{
    struct form f = form_request(method, branch, RPORT, "");
    world_send(&w, f.text);
}

/* ---- INVITE ------------------------------------------------------------------------------------------------------ */

static void test_silent_user_gets_a_100_after_200_ms(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    world_run_ms(&w, 1000);
    T_STR(wire_times(&w.wire, "SIP/2.0 100 Trying", 0).text, "200 ");
    T_CHECK(!strstr(w.wire.got[0].text, "bob@example.com>;tag"));
    T_STR(w.notes, "request INVITE; ");
out:
    world_fini(&w);
}

static void test_user_that_speaks_in_time_spares_the_100(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 180, VIEW("")));
    world_run_ms(&w, 1000);
    T_EQ(w.wire.count, 1);
    T_CHECK(view_starts(view_str(w.wire.got[0].text), VIEW("SIP/2.0 180 Ringing\r\n")));
out:
    world_fini(&w);
}

static void test_retransmitted_invite_gets_the_last_provisional_response(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    send("INVITE", "z9hG4bK1"); /* before the 100 was due: it comes now */
    T_EQ(wire_count(&w.wire, "SIP/2.0 100"), 1);
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 180, VIEW("")));
    T_OK(sip_server_txn_reply(w.server, 183, VIEW("")));
    send("INVITE", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 180"), 1);
    T_EQ(wire_count(&w.wire, "SIP/2.0 183"), 2);
    T_STR(w.notes, "request INVITE; ");
out:
    world_fini(&w);
}

static void test_refusal_keeps_timers_g_and_h(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 486;
    send("INVITE", "z9hG4bK1");
    world_run_ms(&w, 60000);
    T_STR(wire_times(&w.wire, "SIP/2.0 486", 0).text, "0 500 1500 3500 7500 11500 15500 19500 23500 27500 31500 ");
    T_STR(w.notes, "request INVITE; server failed TIMEOUT at 32000; server done at 32000; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_ack_ends_retransmission_and_timer_i_the_transaction(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 486;
    send("INVITE", "z9hG4bK1");
    world_run_ms(&w, 590);
    send("ACK", "z9hG4bK1");
    send("ACK", "z9hG4bK1");
    send("INVITE", "z9hG4bK1"); /* late: absorbed */
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "SIP/2.0 486"), 2);
    T_STR(w.notes, "request INVITE; acked; server done at 5600; "); /* I */
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_acceptance_absorbs_invites_passes_acks_and_more_2xx(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 200;
    send("INVITE", "z9hG4bK1");
    send("INVITE", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 1);
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 200, VIEW(""))); /* the user retransmits */
    T_ERR(sip_server_txn_reply(w.server, 486, VIEW("")), AHOY_ERR_STATE);
    T_ERR(sip_server_txn_reply(w.server, 180, VIEW("")), AHOY_ERR_STATE);
    send("ACK", "z9hG4bK1"); /* by the INVITE's branch, as some do */
    send("ACK", "z9hG4bK2");
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 2);
    T_EQ(w.wire.count, 2);
    T_STR(w.notes, "request INVITE; ack; ack; server done at 32000; "); /* L */
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_over_tcp_a_refusal_is_sent_once_and_ends_with_its_ack(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 486;
    world_request_tcp(&w, "INVITE", "z9hG4bK1");
    world_run_ms(&w, 5000);
    T_EQ(wire_count(&w.wire, "SIP/2.0 486"), 1);
    int64_t now = world_ms(&w);
    world_request_tcp(&w, "ACK", "z9hG4bK1");
    char want[100];
    snprintf(want, sizeof want, "request INVITE; acked; server done at %lld; ", (long long) now);
    T_STR(w.notes, want);
out:
    world_fini(&w);
}

static void test_over_tcp_a_missing_ack_is_still_noticed(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 486;
    world_request_tcp(&w, "INVITE", "z9hG4bK1");
    world_run_ms(&w, 40000);
    T_CHECK(strstr(w.notes, "server failed TIMEOUT"));
    T_EQ(wire_count(&w.wire, "SIP/2.0 486"), 1);
out:
    world_fini(&w);
}

/* ---- other requests ---------------------------------------------------------------------------------------------- */

static void test_other_request_is_answered_again_for_64_t1(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("OPTIONS", "z9hG4bK1");
    send("OPTIONS", "z9hG4bK1"); /* Trying: discarded */
    T_EQ(w.wire.count, 0);
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 200, VIEW("X-Extra: 1\r\n")));
    send("OPTIONS", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200 OK"), 2);
    T_STR(w.wire.got[0].text, w.wire.got[1].text);
    T_VIEW(wire_value(&w.wire.got[0], "X-Extra"), "1");
    T_ERR(sip_server_txn_reply(w.server, 200, VIEW("")), AHOY_ERR_STATE);
    world_run_ms(&w, 31980);
    T_STR(w.notes, "request OPTIONS; ");
    world_run_ms(&w, 60000);
    T_STR(w.notes, "request OPTIONS; server done at 32020; "); /* J */
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_over_tcp_other_requests_end_at_once(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 200;
    world_request_tcp(&w, "OPTIONS", "z9hG4bK1");
    struct sip_stack_counts c;
    sip_stack_counts(w.stack, &c);
    T_EQ(c.server_txns, 0);
    T_EQ(wire_count(&w.wire, "SIP/2.0 200 OK"), 1);
    T_STR(w.notes, "request OPTIONS; server done at 10; ");
out:
    world_fini(&w);
}

static void test_100_to_other_requests_comes_when_timer_e_reaches_t2(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("OPTIONS", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 100, VIEW(""))); /* too early over UDP */
    world_run_ms(&w, 10000);
    T_STR(wire_times(&w.wire, "SIP/2.0 100 Trying", 0).text, "3500 ");
    send("OPTIONS", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 100"), 2);
out:
    world_fini(&w);
}

static void test_over_tcp_a_100_may_come_at_any_time(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    world_request_tcp(&w, "OPTIONS", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 100, VIEW("")));
    world_run_ms(&w, 10000);
    T_EQ(wire_count(&w.wire, "SIP/2.0 100"), 1);
out:
    world_fini(&w);
}

static void test_rfc4320_allows_no_ringing_and_no_408(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("OPTIONS", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_ERR(sip_server_txn_reply(w.server, 180, VIEW("")), AHOY_ERR_INVAL);
    T_OK(sip_server_txn_reply(w.server, 408, VIEW("")));
    send("OPTIONS", "z9hG4bK1");
    world_run_ms(&w, 60000);
    T_EQ(w.wire.count, 0);
    T_STR(w.notes, "request OPTIONS; server done at 32010; ");
out:
    world_fini(&w);
}

static void test_unanswered_request_ends_when_nobody_waits_any_more(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("OPTIONS", "z9hG4bK1");
    world_run_ms(&w, 60000);
    T_STR(w.notes, "request OPTIONS; server failed TIMEOUT at 32000; server done at 32000; ");
    T_EQ(wire_count(&w.wire, "SIP/2.0 100"), 1);
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_what_is_no_response_is_refused(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("OPTIONS", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_ERR(sip_server_txn_respond(w.server, VIEW("")), AHOY_ERR_INVAL);
    T_ERR(sip_server_txn_respond(w.server, VIEW("OPTIONS sip:a SIP/2.0\r\n\r\n")), AHOY_ERR_INVAL);
    T_ERR(sip_server_txn_respond(w.server, VIEW("SIP/2.0 7000\r\n\r\n")), AHOY_ERR_INVAL);
    T_ERR(sip_server_txn_respond(w.server, VIEW("SIP/2.0 20")), AHOY_ERR_INVAL);
out:
    world_fini(&w);
}

/* ---- CANCEL ------------------------------------------------------------------------------------------------------ */

static void test_cancel_is_answered_and_told(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("INVITE", "z9hG4bK1");
    send("CANCEL", "z9hG4bK1");
    send("CANCEL", "z9hG4bK1"); /* a retransmission */
    T_STR(w.notes, "request INVITE; cancelled; ");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 2);
    T_EQ(wire_count(&w.wire, "SIP/2.0 487 Request Terminated"), 1);
    /* RFC 3261 section 9.2: one To tag for both. */
    const struct wire_msg *ok = wire_nth(&w.wire, "SIP/2.0 200", 0), *gone = wire_nth(&w.wire, "SIP/2.0 487", 0);
    T_CHECK(view_eq(wire_value(ok, "To"), wire_value(gone, "To")));
    T_VIEW(wire_value(ok, "CSeq"), "1 CANCEL");
    T_VIEW(wire_value(gone, "CSeq"), "1 INVITE");
out:
    world_fini(&w);
}

static void test_without_a_handler_the_transaction_answers_487(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    send("CANCEL", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 1);
    T_EQ(wire_count(&w.wire, "SIP/2.0 487"), 1);
out:
    world_fini(&w);
}

static void test_cancel_after_the_answer_changes_nothing(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    w.reply_now = 200;
    send("INVITE", "z9hG4bK1");
    send("CANCEL", "z9hG4bK1");
    T_STR(w.notes, "request INVITE; ");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 2);
    T_EQ(w.wire.count, 2);
out:
    world_fini(&w);
}

static void test_cancel_of_nothing_gets_481_from_a_user_agent(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    send("CANCEL", "z9hG4bK2");
    T_STR(w.notes, "request INVITE; ");
    T_EQ(wire_count(&w.wire, "SIP/2.0 481"), 1);
out:
    world_fini(&w);
}

static void test_cancel_of_nothing_goes_to_a_proxy_core(struct t *t)
{
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.proxy = true;
    if (!world_start(t, &w))
        goto out;
    send("CANCEL", "z9hG4bK2");
    T_STR(w.notes, "request CANCEL; ");
    T_EQ(w.wire.count, 0);
out:
    world_fini(&w);
}

/* ---- identity ---------------------------------------------------------------------------------------------------- */

static void test_sent_by_and_method_tell_transactions_apart(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("OPTIONS", "z9hG4bK1");
    send("MESSAGE", "z9hG4bK1");
    struct form f = form_request("OPTIONS", "z9hG4bK1", RPORT, "");
    memcpy(strstr(f.text, "192.0.2.2:5060"), "192.0.2.3:5060", 14);
    world_send(&w, f.text);
    memcpy(strstr(f.text, "192.0.2.3:5060"), "192.0.2.3:5062", 14);
    world_send(&w, f.text);
    T_STR(w.notes, "request OPTIONS; request MESSAGE; request OPTIONS; request OPTIONS; ");
    send("OPTIONS", "z9hG4bK1");
    T_STR(w.notes, "request OPTIONS; request MESSAGE; request OPTIONS; request OPTIONS; ");
out:
    world_fini(&w);
}

static void test_rfc2543_requests_match_by_their_header_fields(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("INVITE", "");
    send("INVITE", "");
    T_STR(w.notes, "request INVITE; ");
    send("CANCEL", "");
    T_STR(w.notes, "request INVITE; cancelled; ");
    T_EQ(wire_count(&w.wire, "SIP/2.0 487"), 1);
    struct form ack = form_request("ACK", "", RPORT, ""), other;
    struct form tagged = { "" };
    size_t at = (size_t) (strstr(ack.text, "bob@example.com>") + 16 - ack.text);
    memcpy(tagged.text, ack.text, at);
    T_CHECK(w.server != NULL);
    snprintf(tagged.text + at, sizeof tagged.text - at, ";tag=%s%s", sip_server_txn_tag(w.server), ack.text + at);
    world_send(&w, tagged.text);
    T_STR(w.notes, "request INVITE; cancelled; acked; ");
    other = form_request("INVITE", "", RPORT, "");
    memcpy(strstr(other.text, "CSeq: 1"), "CSeq: 2", 7);
    world_send(&w, other.text);
    T_STR(w.notes, "request INVITE; cancelled; acked; request INVITE; ");
out:
    world_fini(&w);
}

static void test_bare_magic_cookie_is_no_rfc3261_branch(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("OPTIONS", "z9hG4bK");
    struct form f = form_request("OPTIONS", "z9hG4bK", RPORT, "");
    memcpy(strstr(f.text, "CSeq: 1"), "CSeq: 2", 7);
    world_send(&w, f.text);
    T_STR(w.notes, "request OPTIONS; request OPTIONS; ");
out:
    world_fini(&w);
}

static void test_merged_request_is_recognised(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    send("INVITE", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_CHECK(!sip_server_txn_is_merged(w.server));
    send("INVITE", "z9hG4bK2"); /* the same request by another way */
    T_STR(w.notes, "request INVITE; request INVITE; ");
    T_CHECK(sip_server_txn_is_merged(w.server));
    struct form f = form_request("INVITE", "z9hG4bK3", RPORT, "");
    memcpy(strstr(f.text, "CSeq: 1"), "CSeq: 2", 7);
    world_send(&w, f.text);
    T_CHECK(!sip_server_txn_is_merged(w.server));
    struct sip_server_txn *found = sip_stack_find_invite(w.stack, sip_server_txn_request(w.server));
    T_CHECK(found == w.server);
out:
    world_fini(&w);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void test_released_transaction_answers_500(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("INVITE", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    sip_server_txn_release(w.server);
    world_run_ms(&w, 60000);
    T_LE(1, wire_count(&w.wire, "SIP/2.0 500"));
    T_STR(w.notes, "request INVITE; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_answered_request_without_handler_is_not_kept(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.reply_now = 200;
    send("OPTIONS", "z9hG4bK1");
    T_CHECK(w.server != NULL);
    T_CHECK(sip_server_txn_request(w.server) == NULL);
    struct buf b;
    buf_init(&b, 1000);
    sip_server_txn_begin(w.server, &b, 200, VIEW(""));
    T_EQ(buf_err(&b), AHOY_ERR_STATE);
    buf_fini(&b);
    send("OPTIONS", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 2);
out:
    world_fini(&w);
}

/* What a server keeps of each request for 32 s after its answer. Long, and no allocation is special: some fail. */
static void test_answered_request_costs_little_memory(struct t *t)
{
    enum { REQUESTS = 256 };
    if (!world_init(t, &w))
        goto out;
    w.reply_now = 200;
    size_t before = t_live_bytes();
    for (unsigned i = 0; i < REQUESTS; i++) {
        char branch[20];
        snprintf(branch, sizeof branch, "z9hG4bK%u", i);
        send("OPTIONS", branch);
    }
    T_LE((t_live_bytes() - before) / REQUESTS, 900);
    world_run_ms(&w, 40000);
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_overload_gets_503_with_retry_after(struct t *t)
{
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.max_server_txns = 4;
    if (!world_start(t, &w))
        goto out;
    w.reply_now = 200;
    for (unsigned i = 0; i < 6; i++) {
        char branch[20];
        snprintf(branch, sizeof branch, "z9hG4bK%u", i);
        send("MESSAGE", branch);
    }
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 4);
    T_EQ(wire_count(&w.wire, "SIP/2.0 503 Service Unavailable"), 2);
    uint32_t after = 0;
    T_OK(view_u32(wire_value(wire_nth(&w.wire, "SIP/2.0 503", 0), "Retry-After"), &after));
    T_CHECK(after >= 5 && after < 15);
    send("ACK", "z9hG4bK99");
    send("BYE", "z9hG4bK100"); /* ends calls: allowed to 5/4 */
    send("BYE", "z9hG4bK101");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 5);
    T_EQ(wire_count(&w.wire, "SIP/2.0 503"), 3);
    T_CHECK(strstr(w.notes, "ack; request BYE; "));
    struct sip_stack_counts c;
    sip_stack_counts(w.stack, &c);
    T_EQ(c.overloaded, 3);
    world_run_ms(&w, 33000);
    send("MESSAGE", "z9hG4bK1");
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 6);
out:
    world_fini(&w);
}

static void test_destroyed_stack_tells_those_who_owe_an_answer(struct t *t)
{
    if (!world_init(t, &w))
        goto out;
    w.set_handler = true;
    send("INVITE", "z9hG4bK1");
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    T_STR(w.notes, "request INVITE; server failed CANCELLED at 10; server done at 10; ");
out:
    world_fini(&w);
}

T_MAIN(T(test_silent_user_gets_a_100_after_200_ms), T(test_user_that_speaks_in_time_spares_the_100),
       T(test_retransmitted_invite_gets_the_last_provisional_response), T(test_refusal_keeps_timers_g_and_h),
       T(test_ack_ends_retransmission_and_timer_i_the_transaction),
       T(test_acceptance_absorbs_invites_passes_acks_and_more_2xx),
       T(test_over_tcp_a_refusal_is_sent_once_and_ends_with_its_ack), T(test_over_tcp_a_missing_ack_is_still_noticed),
       T(test_other_request_is_answered_again_for_64_t1), T(test_over_tcp_other_requests_end_at_once),
       T(test_100_to_other_requests_comes_when_timer_e_reaches_t2), T(test_over_tcp_a_100_may_come_at_any_time),
       T(test_rfc4320_allows_no_ringing_and_no_408), T(test_unanswered_request_ends_when_nobody_waits_any_more),
       T(test_what_is_no_response_is_refused), T(test_cancel_is_answered_and_told),
       T(test_without_a_handler_the_transaction_answers_487), T(test_cancel_after_the_answer_changes_nothing),
       T(test_cancel_of_nothing_gets_481_from_a_user_agent), T(test_cancel_of_nothing_goes_to_a_proxy_core),
       T(test_sent_by_and_method_tell_transactions_apart), T(test_rfc2543_requests_match_by_their_header_fields),
       T(test_bare_magic_cookie_is_no_rfc3261_branch), T(test_merged_request_is_recognised),
       T(test_released_transaction_answers_500), T(test_answered_request_without_handler_is_not_kept),
       T_STRIDE(test_answered_request_costs_little_memory, 97), T(test_overload_gets_503_with_retry_after),
       T(test_destroyed_stack_tells_those_who_owe_an_answer))
