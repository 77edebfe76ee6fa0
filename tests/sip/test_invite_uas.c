/* The callee's side of a leg: RFC 3261 sections 9.2, 13.3 and 15. */
#include "sip/support_dlg_world.h"

static const struct view none = { 0 };

static void test_an_incoming_call_rings_is_accepted_and_confirmed(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    struct sip_body body = { .type = VIEW("application/sdp"), .data = VIEW("ans") };
    if (!dlg_init(t, &w, NULL))
        goto out;
    dlg_invite(&w, "Record-Route: <sip:192.0.2.2;lr;a>, <sip:p2.example.net;lr>\n", "off");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_INCOMING);
    T_OK(sip_invite_ring(w.inv, 180, VIEW("Alert-Info: <urn:x>\r\n"), NULL));
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_EARLY);
    dlg_run(&w, 10);
    m = dlg_find(&w, "SIP/2.0 180 Ringing", 0);
    T_CHECK(m);
    T_CHECK(dlg_has(m, "Contact: <sip:alice@192.0.2.1"));
    T_CHECK(dlg_has(m, "Alert-Info: <urn:x>"));
    T_CHECK(dlg_has(m, "Record-Route: <sip:192.0.2.2;lr;a>, <sip:p2.example.net;lr>"));
    T_OK(sip_invite_accept(w.inv, none, &body));
    T_ERR(sip_invite_accept(w.inv, none, &body), AHOY_ERR_STATE);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ANSWERED);
    dlg_run(&w, 10);
    m = dlg_find(&w, "SIP/2.0 200 OK", 0);
    T_CHECK(m);
    T_VIEW(m->body, "ans");
    T_CHECK(dlg_has(m, "Allow: INVITE"));
    T_STR(dlg_log(&w), "");
    dlg_ack(&w, w.inv, 1, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "confirmed");
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 10);
    m = dlg_find(&w, "BYE sip:bob@192.0.2.2 SIP/2.0", 0);
    T_CHECK(m);
    T_CHECK(dlg_has(m, "Route: <sip:192.0.2.2;lr;a>")); /* in the order of the request */
    T_CHECK(dlg_has(m, "From: <sip:alice@example.net>;tag="));
    T_CHECK(dlg_has(m, "To: <sip:bob@example.net>;tag=peer"));
    dlg_reply(&w, m, 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended local 200 confirmed");
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
out:
    dlg_fini(t, &w);
}

static void test_the_200_is_sent_from_t1_to_t2_until_its_ack(struct t *t)
{
    static const int64_t at[] = { 500, 1500, 3500, 7500, 11500, 15500 };
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 16000);
    T_CHECK(w.inv);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 7);
    for (size_t i = 0; i < 6; i++)
        T_NEAR(dlg_time_ms(&w, "SIP/2.0 200", i + 1) - dlg_time_ms(&w, "SIP/2.0 200", 0), at[i], 2);
    dlg_ack(&w, w.inv, 1, NULL); /* late, but in time */
    dlg_run(&w, 30000);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 7);
    T_STR(dlg_log(&w), "incoming off; confirmed");
    dlg_ack(&w, w.inv, 1, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_no_ack_for_64_t1_ends_it_by_bye(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 31900);
    T_CHECK(w.inv);
    T_EQ(dlg_count(&w, "BYE "), 0);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 11);
    dlg_run(&w, 200);
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    T_STR(dlg_log(&w), "incoming off");
    dlg_reply(&w, m, 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended network 408; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_hanging_up_before_the_ack_waits_for_it(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    sip_invite_hangup(w.inv, NULL);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ENDING);
    dlg_run(&w, 1000);
    T_EQ(dlg_count(&w, "BYE "), 0);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 2);
    dlg_ack(&w, w.inv, 1, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "BYE "), 1);
    dlg_reply(&w, dlg_find(&w, "BYE ", 0), 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off; ended local 200 confirmed");
out:
    dlg_fini(t, &w);
}

static void test_hanging_up_without_an_ack_ever_sends_bye_after_64_t1(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 31800);
    T_EQ(dlg_count(&w, "BYE "), 0);
    dlg_run(&w, 300);
    T_EQ(dlg_count(&w, "BYE "), 1);
out:
    dlg_fini(t, &w);
}

static void test_a_bye_that_overtakes_the_ack_ends_it(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 3000);
    T_STR(dlg_log(&w), "incoming off; ended remote 200 confirmed");
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 2); /* to INVITE, once, and to BYE */
out:
    dlg_fini(t, &w);
}

static void test_cancel_ends_an_unanswered_call_with_487(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 180;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_send(&w, "CANCEL sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKin1\n"
                 "Max-Forwards: 70\nFrom: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>\n"
                 "Call-ID: in-call\nCSeq: 1 CANCEL\nReason: SIP;cause=200;text=\"Call completed elsewhere\"\n"
                 "Content-Length: 0\n\n");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off; ended remote 487; reason SIP 200 Call completed elsewhere");
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
    m = dlg_find(&w, "SIP/2.0 487", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "1 INVITE");
out:
    dlg_fini(t, &w);
}

static void test_a_cancel_after_the_200_changes_nothing(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_send(&w, "CANCEL sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKin1\n"
                 "Max-Forwards: 70\nFrom: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>\n"
                 "Call-ID: in-call\nCSeq: 1 CANCEL\nContent-Length: 0\n\n");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 2);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ANSWERED);
    T_STR(dlg_log(&w), "incoming off");
out:
    dlg_fini(t, &w);
}

static void test_rejecting_ends_it_with_that_status(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    T_ERR(sip_invite_reject(w.inv, 200, none), AHOY_ERR_STATE);
    T_OK(sip_invite_reject(w.inv, 486, VIEW("Retry-After: 60\r\n")));
    T_ERR(sip_invite_accept(w.inv, none, NULL), AHOY_ERR_STATE);
    T_ERR(sip_invite_ring(w.inv, 180, none, NULL), AHOY_ERR_STATE);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off; ended local 486");
    m = dlg_find(&w, "SIP/2.0 486 Busy Here", 0);
    T_CHECK(m);
    T_CHECK(dlg_has(m, "Retry-After: 60"));
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 0);
out:
    dlg_fini(t, &w);
}

static void test_hanging_up_an_unanswered_call_declines_it(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 180;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    sip_invite_hangup(w.inv, &(struct sip_invite_reason){ .protocol = VIEW("SIP"), .cause = 404 });
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off; ended local 404");
    T_CHECK(dlg_has(dlg_find(&w, "SIP/2.0 404", 0), "Reason: SIP;cause=404"));
out:
    dlg_fini(t, &w);
}

static void test_an_offer_in_the_200_is_answered_by_the_ack(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ours";
    dlg_invite(&w, NULL, NULL);
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    T_STR(dlg_log(&w), "incoming");
    T_VIEW(dlg_find(&w, "SIP/2.0 200", 0) ? dlg_find(&w, "SIP/2.0 200", 0)->body : none, "ours");
    dlg_ack(&w, w.inv, 1, "theirs");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer theirs; confirmed");
out:
    dlg_fini(t, &w);
}

static void test_an_expired_invitation_gets_487(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 180;
    dlg_invite(&w, "Expires: 30\n", "off");
    dlg_run(&w, 29900);
    T_CHECK(w.inv);
    T_EQ(dlg_count(&w, "SIP/2.0 487"), 0);
    dlg_run(&w, 200);
    T_EQ(dlg_count(&w, "SIP/2.0 487"), 1);
    T_STR(dlg_log(&w), "incoming off; ended network 487; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_ringing_is_repeated_each_minute_and_ends_with_480(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 183;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 299900);
    T_CHECK(w.inv);
    T_EQ(dlg_count(&w, "SIP/2.0 183"), 5);
    T_NEAR(dlg_time_ms(&w, "SIP/2.0 183", 4) - dlg_time_ms(&w, "SIP/2.0 183", 0), 240000, 5);
    dlg_run(&w, 200);
    T_EQ(dlg_count(&w, "SIP/2.0 480"), 1);
    T_STR(dlg_log(&w), "incoming off; ended network 480; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_a_call_nobody_takes_gets_480(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.untaken = true;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 480"), 1);
    T_EQ(sip_ua_invite_count(w.ua), 0);
out:
    dlg_fini(t, &w);
}

static void test_a_release_without_answer_declines(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_release(&w);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 603"), 1);
    T_EQ(sip_ua_invite_count(w.ua), 0);
out:
    dlg_fini(t, &w);
}

static void test_a_bye_before_the_answer_ends_it_with_487(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 180;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
    T_EQ(dlg_count(&w, "SIP/2.0 487"), 1);
    T_STR(dlg_log(&w), "incoming off; ended remote 487");
out:
    dlg_fini(t, &w);
}

static void test_a_peer_without_contact_is_asked_at_its_from(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    dlg_send(&w, "INVITE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2\nFrom: <sip:bob@192.0.2.2>\n"
                 "To: <sip:alice@example.net>\nCall-ID: old\nCSeq: 1 INVITE\nContent-Type: application/sdp\n"
                 "Content-Length: 3\n\noff");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off");
    T_CHECK(w.inv);
    dlg_ack(&w, w.inv, 1, NULL);
    dlg_run(&w, 10);
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "BYE sip:bob@192.0.2.2 SIP/2.0", 0), "To: <sip:bob@192.0.2.2>\r\n"));
out:
    dlg_fini(t, &w);
}

struct stream {
    struct buf got;
};

static void on_bytes(void *arg, const void *data, size_t n)
{
    struct stream *s = arg;
    buf_put(&s->got, data, n);
}

static void on_closed(void *arg, enum ahoy_err err)
{
    (void) arg;
    (void) err;
}

static void test_a_peer_behind_its_connection_is_reached_by_it(struct t *t)
{
    static const char invite[] =
        "INVITE sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKtcp\r\nMax-Forwards: 70\r\n"
        "From: <sip:bob@example.net>;tag=peer\r\nTo: <sip:alice@example.net>\r\nCall-ID: tcp\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:bob@192.0.2.2;transport=tcp>\r\nContent-Length: 0\r\n\r\n";
    struct addr local = addr_ip4(192, 0, 2, 1, 5060);
    struct sip_transport *transport;
    struct sys_tcp *tcp = NULL;
    struct stream s;
    struct dlg_world w;
    buf_init(&s.got, 65536);
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_TCP, &local, &transport));
    T_OK(sys_tcp_connect(&tcp, w.peer_loop, NULL, &local,
                         &(struct sys_tcp_handler){ .recv = on_bytes, .closed = on_closed, .arg = &s }));
    w.accept_with = "ans";
    T_OK(sys_tcp_write(tcp, invite, sizeof invite - 1));
    dlg_run(&w, 100);
    T_CHECK(w.inv);
    T_CHECK(view_starts(buf_content(&s.got), VIEW("SIP/2.0 200 OK")));
    buf_clear(&s.got);
    sip_invite_hangup(w.inv, NULL);
    /* It listens on no port 5060: only the connection it made itself leads there. */
    dlg_run(&w, 33000);
    T_CHECK(view_search(buf_content(&s.got), VIEW("BYE sip:bob@192.0.2.2;transport=tcp SIP/2.0")) < s.got.n);
out:
    sys_tcp_close(tcp);
    dlg_fini(t, &w);
    buf_fini(&s.got);
}

T_MAIN(T(test_an_incoming_call_rings_is_accepted_and_confirmed), T(test_the_200_is_sent_from_t1_to_t2_until_its_ack),
       T(test_no_ack_for_64_t1_ends_it_by_bye), T(test_hanging_up_before_the_ack_waits_for_it),
       T(test_hanging_up_without_an_ack_ever_sends_bye_after_64_t1), T(test_a_bye_that_overtakes_the_ack_ends_it),
       T(test_cancel_ends_an_unanswered_call_with_487), T(test_a_cancel_after_the_200_changes_nothing),
       T(test_rejecting_ends_it_with_that_status), T(test_hanging_up_an_unanswered_call_declines_it),
       T(test_an_offer_in_the_200_is_answered_by_the_ack), T(test_an_expired_invitation_gets_487),
       T(test_ringing_is_repeated_each_minute_and_ends_with_480), T(test_a_call_nobody_takes_gets_480),
       T(test_a_release_without_answer_declines), T(test_a_bye_before_the_answer_ends_it_with_487),
       T(test_a_peer_without_contact_is_asked_at_its_from), T(test_a_peer_behind_its_connection_is_reached_by_it))
