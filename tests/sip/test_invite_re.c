/* re-INVITE both ways, and glare: RFC 3261 section 14. */
#include "sip/support_dlg_world.h"

static const struct view none = { 0 };
static const struct sip_body offer2 = { .type = VIEW("application/sdp"), .data = VIEW("off2") };

static void test_our_reinvite_renews_session_and_target(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, VIEW("X-Why: hold\r\n"), &offer2));
    T_CHECK(sip_invite_is_negotiating(w.inv));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE sip:bob@192.0.2.2 SIP/2.0", 1);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "2 INVITE");
    T_CHECK(dlg_has(m, "Contact: <sip:alice@192.0.2.1"));
    T_CHECK(dlg_has(m, "X-Why: hold"));
    T_CHECK(dlg_has(m, ";tag=b1"));
    dlg_reply(&w, m, 200, NULL, "Contact: <sip:bob@192.0.2.2;moved>\n", "ans2");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer ans2; reinvited 200");
    m = dlg_find(&w, "ACK sip:bob@192.0.2.2;moved SIP/2.0", 0);
    T_CHECK(m);
    T_VIEW(sip_msg_value(m, SIP_HDR_CSEQ), "2 ACK");
    T_CHECK(!sip_invite_is_negotiating(w.inv));
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 200, NULL, NULL, "ans2"); /* again */
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 3);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_our_reinvite_without_offer_answers_in_the_ack(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    w.offer_with = "late";
    T_OK(sip_invite_reinvite(w.inv, none, NULL));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 200, NULL, NULL, "theirs");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "offer theirs; reinvited 200");
    T_EQ(dlg_count(&w, "ACK "), 2);
    T_VIEW(dlg_find(&w, "ACK ", 1)->body, "late");
out:
    dlg_fini(t, &w);
}

static void test_a_refused_reinvite_leaves_the_session(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 488, NULL, "Contact: <sip:elsewhere@192.0.2.9>\n", NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "reinvited 488");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
    T_VIEW(sip_dialog_target(sip_invite_dialog(w.inv)), "sip:bob@192.0.2.2");
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
out:
    dlg_fini(t, &w);
}

static void end_by_reinvite(struct t *t, unsigned status, const char *end)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    if (status)
        dlg_reply(&w, dlg_find(&w, "INVITE ", 1), status, NULL, NULL, NULL);
    else
        dlg_run(&w, 32100);
    dlg_run(&w, 10);
    m = dlg_find(&w, "BYE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 481, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), end);
out:
    dlg_fini(t, &w);
}

static void test_481_to_a_reinvite_ends_the_session(struct t *t)
{
    end_by_reinvite(t, 481, "ended network 481 confirmed");
}

static void test_408_to_a_reinvite_ends_the_session(struct t *t)
{
    end_by_reinvite(t, 408, "ended network 408 confirmed");
}

static void test_no_answer_to_a_reinvite_ends_the_session(struct t *t)
{
    end_by_reinvite(t, 0, "ended network 408 confirmed; TIMEOUT");
}

static void test_the_caller_waits_longer_after_glare_than_the_callee(struct t *t)
{
    struct dlg_world w;
    int64_t waited;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 491, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_ERR(sip_invite_reinvite(w.inv, none, &offer2), AHOY_ERR_AGAIN);
    dlg_run(&w, 2080);
    T_STR(dlg_log(&w), "");
    dlg_run(&w, 1920);
    T_STR(dlg_log(&w), "ready");
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    T_VIEW(sip_msg_value(w.got[w.got_count - 1], SIP_HDR_CSEQ), "3 INVITE");
    dlg_release(&w);
    T_CHECK(dlg_establish_in(&w)); /* and now as callee */
    size_t before = dlg_count(&w, "INVITE ");
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", before), 491, NULL, NULL, NULL);
    waited = 0;
    while (waited < 2100 && w.log.n == 0) {
        dlg_run(&w, 10);
        waited += 10;
    }
    T_LE(waited, 2020);
    T_STR(dlg_log(&w), "ready");
out:
    dlg_fini(t, &w);
}

static void test_a_reinvite_that_meets_ours_gets_491(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", "theirs");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 491"), 1);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_the_peers_reinvite_is_answered_and_renews_the_target(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    w.offer_with = "ans2";
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2;moved>\n", "off2");
    dlg_run(&w, 600);
    T_STR(dlg_log(&w), "offer off2");
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 3); /* the first INVITE's, and this one twice */
    m = dlg_find(&w, "SIP/2.0 200", 1);
    T_VIEW(m->body, "ans2");
    T_ERR(sip_invite_reinvite(w.inv, none, &offer2), AHOY_ERR_AGAIN);
    dlg_ack(&w, w.inv, w.peer_cseq, NULL);
    dlg_run(&w, 2000);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 3);
    T_STR(dlg_log(&w), "ready");
    sip_invite_hangup(w.inv, NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_find(&w, "BYE sip:bob@192.0.2.2;moved SIP/2.0", 0));
out:
    dlg_fini(t, &w);
}

static void test_the_peers_reinvite_without_offer_gets_ours(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "offer ");
    T_OK(sip_invite_answer(w.inv, &offer2)); /* later than the callback */
    dlg_run(&w, 10);
    dlg_ack(&w, w.inv, w.peer_cseq, "theirs");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer theirs");
out:
    dlg_fini(t, &w);
}

static void test_a_refused_reinvite_of_the_peer_changes_nothing(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    w.refuse_offer = 488;
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:elsewhere@192.0.2.9>\n", "bad");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 488"), 1);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
    T_VIEW(sip_dialog_target(sip_invite_dialog(w.inv)), "sip:bob@192.0.2.2");
out:
    dlg_fini(t, &w);
}

static void test_a_second_invite_before_the_answer_gets_500_and_retry_after(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", "a");
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", "b");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "offer a");
    T_CHECK(dlg_has(dlg_find(&w, "SIP/2.0 500", 0), "Retry-After: "));
    T_OK(sip_invite_answer(w.inv, &offer2));
out:
    dlg_fini(t, &w);
}

static void test_a_reinvite_implies_the_ack_that_was_lost(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.accept_with = "ans";
    w.offer_with = "ans2";
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    T_CHECK(w.inv);
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", "off2");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "incoming off; confirmed; offer off2");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
out:
    dlg_fini(t, &w);
}

static void test_a_cancelled_reinvite_of_the_peer_leaves_the_session(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INVITE", 2, "Contact: <sip:bob@192.0.2.2>\n", "a");
    dlg_run(&w, 10);
    dlg_send(&w,
             "CANCEL sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKrq2\n"
             "Max-Forwards: 70\nFrom: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>;tag=%.*s\n"
             "Call-ID: in-call\nCSeq: 2 CANCEL\nContent-Length: 0\n\n",
             VIEW_ARG(sip_invite_local_tag(w.inv)));
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 487"), 1);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
    T_ERR(sip_invite_answer(w.inv, &offer2), AHOY_ERR_STATE);
out:
    dlg_fini(t, &w);
}

static void test_a_bye_during_the_peers_reinvite_answers_487(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INVITE", 0, "Contact: <sip:bob@192.0.2.2>\n", "a");
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 487"), 1);
    T_STR(dlg_log(&w), "offer a; ended remote 200 confirmed");
out:
    dlg_fini(t, &w);
}

static void test_a_bye_during_our_reinvite_still_gets_its_2xx_acknowledged(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 100, NULL, NULL, NULL);
    dlg_request(&w, w.inv, "BYE", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended remote 200 confirmed");
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 200, NULL, NULL, "ans2");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 2);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

static void test_a_reinvite_nobody_decides_is_cancelled(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_reinvite(w.inv, none, &offer2));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 180, NULL, NULL, NULL);
    dlg_run(&w, 180100);
    T_CHECK(dlg_find(&w, "CANCEL ", 0));
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 487, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "reinvited 487");
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
out:
    dlg_fini(t, &w);
}

T_MAIN(T(test_our_reinvite_renews_session_and_target), T(test_our_reinvite_without_offer_answers_in_the_ack),
       T(test_a_refused_reinvite_leaves_the_session), T(test_481_to_a_reinvite_ends_the_session),
       T(test_408_to_a_reinvite_ends_the_session), T(test_no_answer_to_a_reinvite_ends_the_session),
       T(test_the_caller_waits_longer_after_glare_than_the_callee), T(test_a_reinvite_that_meets_ours_gets_491),
       T(test_the_peers_reinvite_is_answered_and_renews_the_target), T(test_the_peers_reinvite_without_offer_gets_ours),
       T(test_a_refused_reinvite_of_the_peer_changes_nothing),
       T(test_a_second_invite_before_the_answer_gets_500_and_retry_after),
       T(test_a_reinvite_implies_the_ack_that_was_lost), T(test_a_cancelled_reinvite_of_the_peer_leaves_the_session),
       T(test_a_bye_during_the_peers_reinvite_answers_487),
       T(test_a_bye_during_our_reinvite_still_gets_its_2xx_acknowledged),
       T(test_a_reinvite_nobody_decides_is_cancelled))
