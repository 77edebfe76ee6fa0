/* The caller's side of a leg against a peer that says what the test writes. */
#include "sip/invite.h"

#include "sip/support_dlg_world.h"

static void test_a_call_rings_is_answered_and_hung_up(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE sip:bob@192.0.2.2 SIP/2.0", 0);
    T_CHECK(m);
    T_CHECK(dlg_has(m, "Contact: <sip:alice@192.0.2.1"));
    T_CHECK(dlg_has(m, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"));
    T_VIEW(m->body, "off");
    T_VIEW(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), "application/sdp");
    dlg_reply(&w, m, 100, NULL, NULL, NULL);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_reply(&w, m, 183, "b1", NULL, "early");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; progress 183 early");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_EARLY);
    dlg_reply(&w, m, 200, "b1", NULL, "ans");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer ans; confirmed");
    m = dlg_find(&w, "ACK sip:bob@192.0.2.2 SIP/2.0", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "1 ACK");
    T_VIEW(sip_msg_value(m, SIP_HDR_TO), "<sip:bob@example.net>;tag=b1");
    T_EQ(m->body.n, 0);
    sip_invite_hangup(w.inv,
                      &(struct sip_invite_reason){ .protocol = VIEW("Q.850"), .cause = 16, .text = VIEW("by\"e") });
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ENDING);
    dlg_run(&w, 10);
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "2 BYE");
    T_VIEW(sip_msg_value(m, SIP_HDR_REASON), "Q.850;cause=16;text=\"by\\\"e\"");
    T_STR(dlg_log(&w), "");
    dlg_reply(&w, m, 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended local 200 confirmed");
out:
    dlg_fini(t, &w);
}

static void test_a_rejected_call_ends_with_its_status_and_reason(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_reply(&w, m, 486, "b1", "Reason: Q.850;cause=17;text=\"User busy\"\n", NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; ended remote 486; reason Q.850 17 User busy");
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 0);
    dlg_release(&w);
    dlg_run(&w, 1);
    T_EQ(sip_ua_invite_count(w.ua), 0);
out:
    dlg_fini(t, &w);
}

static void test_nobody_there_ends_after_64_t1(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 31900);
    T_STR(dlg_log(&w), "");
    T_EQ(dlg_count(&w, "INVITE "), 7);
    dlg_run(&w, 200);
    T_STR(dlg_log(&w), "ended network 408; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_a_2xx_sent_again_gets_the_same_ack_again(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    for (int i = 0; i < 3; i++) {
        dlg_reply(&w, m, 200, "b1", NULL, "ans");
        dlg_run(&w, 500);
    }
    T_EQ(dlg_count(&w, "ACK "), 4);
    T_CHECK(view_eq(dlg_find(&w, "ACK ", 3)->head, dlg_find(&w, "ACK ", 0)->head));
    T_STR(dlg_log(&w), "");
    /* Also when the call has ended meanwhile. */
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended remote 200 confirmed");
    dlg_release(&w);
    dlg_reply(&w, m, 200, "b1", NULL, "ans");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 5);
    dlg_run(&w, 32000);
    T_EQ(sip_ua_invite_count(w.ua), 0);
out:
    dlg_fini(t, &w);
}

static void test_a_late_offer_is_answered_in_the_ack(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    struct sip_body body = { .type = VIEW("application/sdp"), .data = VIEW("late") };
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, NULL));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    T_EQ(m->body.n, 0);
    T_EQ(sip_msg_first(m, SIP_HDR_CONTENT_TYPE), NULL);
    dlg_reply(&w, m, 200, "b1", NULL, "theirs");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "offer theirs");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ANSWERED);
    dlg_reply(&w, m, 200, "b1", NULL, "theirs"); /* we think: nothing to send yet */
    dlg_run(&w, 1000);
    T_EQ(dlg_count(&w, "ACK "), 0);
    T_OK(sip_invite_answer(w.inv, &body));
    T_ERR(sip_invite_answer(w.inv, &body), AHOY_ERR_STATE);
    T_STR(dlg_log(&w), "");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "confirmed");
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_VIEW(dlg_find(&w, "ACK ", 0)->body, "late");
    dlg_reply(&w, m, 200, "b1", NULL, "theirs");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 2);
    T_VIEW(dlg_find(&w, "ACK ", 1)->body, "late");
out:
    dlg_fini(t, &w);
}

static void test_an_owner_who_never_answers_a_late_offer_hangs_up(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, NULL));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, "b1", NULL, "theirs");
    dlg_run(&w, 32100);
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_LE(1, dlg_count(&w, "BYE "));
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ENDING);
out:
    dlg_fini(t, &w);
}

static void test_a_2xx_without_any_session_is_acknowledged_and_hung_up(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, NULL));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, "b1", NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 1);
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended local 488; SYNTAX");
out:
    dlg_fini(t, &w);
}

static void test_cancel_waits_for_a_provisional_response(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m, *c;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    sip_invite_hangup(w.inv, &(struct sip_invite_reason){
                                 .protocol = VIEW("SIP"), .cause = 200, .text = VIEW("Call completed elsewhere") });
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CANCELLING);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "CANCEL "), 0);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_run(&w, 10);
    c = dlg_find(&w, "CANCEL sip:bob@192.0.2.2 SIP/2.0", 0);
    T_CHECK(c);
    T_VIEW(sip_msg_value(c, SIP_HDR_REASON), "SIP;cause=200;text=\"Call completed elsewhere\"");
    dlg_reply(&w, c, 200, "b1", NULL, NULL);
    dlg_reply(&w, m, 487, "b1", NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended local 487");
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_EQ(dlg_count(&w, "BYE "), 0);
out:
    dlg_fini(t, &w);
}

static void test_a_2xx_that_crosses_cancel_is_acknowledged_and_hung_up(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m, *b;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_run(&w, 10);
    sip_invite_hangup(w.inv, NULL);
    dlg_reply(&w, m, 200, "b1", NULL, "ans");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "CANCEL "), 1);
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_ENDING);
    b = dlg_find(&w, "BYE ", 0);
    T_CHECK(b);
    dlg_reply(&w, m, 200, "b1", NULL, "ans");
    dlg_reply(&w, b, 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 2);
    T_STR(dlg_log(&w), "progress 180; ended local 487");
out:
    dlg_fini(t, &w);
}

static void test_a_cancelled_call_that_stays_silent_ends_after_64_t1(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_run(&w, 10);
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 31900);
    T_STR(dlg_log(&w), "progress 180");
    dlg_run(&w, 300);
    T_STR(dlg_log(&w), "ended local 487");
out:
    dlg_fini(t, &w);
}

static void test_ringing_without_end_is_cancelled(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 180, "b1", NULL, NULL);
    dlg_run(&w, 179900);
    T_EQ(dlg_count(&w, "CANCEL "), 0);
    dlg_run(&w, 200);
    T_CHECK(dlg_find(&w, "CANCEL ", 0));
    dlg_reply(&w, m, 487, "b1", NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; ended network 408; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_the_peers_bye_ends_it_and_a_second_one_finds_nothing(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    dlg_request(&w, w.inv, "BYE", 0, "Reason: Q.850;cause=31, SIP;cause=503;text=\"gone\"\n", NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
    T_STR(dlg_log(&w), "ended remote 200 confirmed; reason SIP 503 gone");
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 481"), 1);
    dlg_send(&w, "BYE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKlate\nMax-Forwards: 70\n"
                 "From: <sip:bob@example.net>;tag=b1\nTo: <sip:alice@example.net>;tag=gone\nCall-ID: gone\n"
                 "CSeq: 900 BYE\nContent-Length: 0\n\n");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 481"), 2);
out:
    dlg_fini(t, &w);
}

static void test_byes_that_cross_are_both_answered_and_end_it_once(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 1);
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
    T_STR(dlg_log(&w), "ended local 200 confirmed");
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 481, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_a_bye_nobody_answers_ends_after_64_t1(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 31900);
    T_STR(dlg_log(&w), "");
    T_EQ(dlg_count(&w, "BYE "), 11);
    dlg_run(&w, 300);
    T_STR(dlg_log(&w), "ended local 200 confirmed; TIMEOUT");
out:
    dlg_fini(t, &w);
}

static void test_a_released_call_hangs_up_by_itself(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    dlg_release(&w);
    dlg_run(&w, 10);
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, NULL, NULL, NULL);
    dlg_run(&w, 32100);
    T_EQ(sip_ua_invite_count(w.ua), 0);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_hanging_up_within_the_answer_callback_is_fine(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.hangup_on_answer = true;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, "b1", NULL, "nonsense");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_EQ(dlg_count(&w, "BYE "), 1);
    T_STR(dlg_log(&w), "answer nonsense");
out:
    dlg_fini(t, &w);
}

static void test_a_redirected_call_goes_on_where_it_is_sent(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 302, "r", "Contact: <sip:carol@192.0.2.2>\n", NULL);
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE sip:carol@192.0.2.2 SIP/2.0", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "2 INVITE");
    dlg_reply(&w, m, 200, "c1", "Contact: <sip:carol@192.0.2.2:5060>\n", "ans");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer ans; confirmed");
    m = dlg_find(&w, "ACK sip:carol@192.0.2.2:5060 SIP/2.0", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "2 ACK");
out:
    dlg_fini(t, &w);
}

static void test_the_route_set_is_record_route_backwards(struct t *t)
{
    static const char routes[] = "\r\nRoute: <sip:192.0.2.2:5060;lr>\r\nRoute: <sip:p3.example.net;lr>\r\n"
                                 "Route: <sip:p2.example.net;lr>;a=1\r\nFrom: ";
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    /* The early dialog's routes are not the ones that count. */
    dlg_reply(&w, m, 180, "b1", "Record-Route: <sip:192.0.2.2;lr;x=old>\n", NULL);
    dlg_run(&w, 10);
    dlg_reply(&w, m, 200, "b1",
              "Record-Route: <sip:p2.example.net;lr>;a=1, <sip:p3.example.net;lr>\n"
              "Record-Route: <sip:192.0.2.2:5060;lr>\nContact: <sip:bob@198.51.100.7>\n",
              "ans");
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "ACK sip:bob@198.51.100.7 SIP/2.0", 0), routes));
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "BYE sip:bob@198.51.100.7 SIP/2.0", 0), routes));
out:
    dlg_fini(t, &w);
}

static void test_a_strict_router_gets_its_uri_in_the_request_line(struct t *t)
{
    static const char routes[] = "\r\nRoute: <sip:p2.example.net;lr>\r\nRoute: <sip:bob@198.51.100.7>\r\nFrom: ";
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, "b1",
              "Record-Route: <sip:p2.example.net;lr>, <sip:192.0.2.2:5060>\nContact: <sip:bob@198.51.100.7>\n", "ans");
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "ACK sip:192.0.2.2:5060 SIP/2.0", 0), routes));
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "BYE sip:192.0.2.2:5060 SIP/2.0", 0), routes));
out:
    dlg_fini(t, &w);
}

static void test_a_2xx_that_cannot_be_acknowledged_ends_the_call(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 200, "b1", "Contact: <mailto:bob@example.net>\n", "ans");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended network 500; SYNTAX");
out:
    dlg_fini(t, &w);
}

T_MAIN(T(test_a_call_rings_is_answered_and_hung_up), T(test_a_rejected_call_ends_with_its_status_and_reason),
       T(test_nobody_there_ends_after_64_t1), T(test_a_2xx_sent_again_gets_the_same_ack_again),
       T(test_a_late_offer_is_answered_in_the_ack), T(test_an_owner_who_never_answers_a_late_offer_hangs_up),
       T(test_a_2xx_without_any_session_is_acknowledged_and_hung_up), T(test_cancel_waits_for_a_provisional_response),
       T(test_a_2xx_that_crosses_cancel_is_acknowledged_and_hung_up),
       T(test_a_cancelled_call_that_stays_silent_ends_after_64_t1), T(test_ringing_without_end_is_cancelled),
       T(test_the_peers_bye_ends_it_and_a_second_one_finds_nothing),
       T(test_byes_that_cross_are_both_answered_and_end_it_once), T(test_a_bye_nobody_answers_ends_after_64_t1),
       T(test_a_released_call_hangs_up_by_itself), T(test_hanging_up_within_the_answer_callback_is_fine),
       T(test_a_redirected_call_goes_on_where_it_is_sent), T(test_the_route_set_is_record_route_backwards),
       T(test_a_strict_router_gets_its_uri_in_the_request_line),
       T(test_a_2xx_that_cannot_be_acknowledged_ends_the_call))
