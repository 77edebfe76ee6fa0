/* One INVITE, several dialogs: RFC 3261 sections 12.1.2 and 13.2.2.4. */
#include "sip/invite.h"
#include "sip/support_dlg_world.h"

#include <stdio.h>

static void test_three_200s_make_one_session_and_the_others_are_hung_up(struct t *t)
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
    dlg_reply(&w, m, 183, "b2", NULL, "early2");
    dlg_reply(&w, m, 180, "b3", NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; progress 183 early2; progress 180");
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 3);
    dlg_reply(&w, m, 200, "b2", NULL, "ans2");
    dlg_reply(&w, m, 200, "b3", NULL, "ans3");
    dlg_reply(&w, m, 200, "b4", NULL, "ans4"); /* never rang */
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer ans2; confirmed");
    T_EQ(dlg_count(&w, "ACK "), 3);
    T_EQ(dlg_count(&w, "BYE "), 2);
    T_VIEW(sip_dialog_remote_tag(sip_invite_dialog(w.inv)), "b2");
    for (size_t i = 0; i < 2; i++) {
        struct sip_msg *bye = dlg_find(&w, "BYE ", i);
        T_CHECK(dlg_has(bye, ";tag=b3") || dlg_has(bye, ";tag=b4"));
        T_VIEW(sip_msg_value(bye, SIP_HDR_CSEQ), "2 BYE");
        dlg_reply(&w, bye, 200, NULL, NULL, NULL);
    }
    dlg_run(&w, 500);
    /* Each of them again: acknowledged again, no second BYE. */
    dlg_reply(&w, m, 200, "b2", NULL, "ans2");
    dlg_reply(&w, m, 200, "b3", NULL, "ans3");
    dlg_reply(&w, m, 200, "b4", NULL, "ans4");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 6);
    T_EQ(dlg_count(&w, "BYE "), 2);
    T_STR(dlg_log(&w), "");
    /* After 64 * T1 the session alone is left. */
    dlg_run(&w, 33000);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
    T_OK(sip_invite_info(w.inv, &(struct sip_body){ .type = VIEW("text/plain"), .data = VIEW("x") }));
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "INFO ", 0), ";tag=b2"));
out:
    dlg_fini(t, &w);
}

static void test_a_cancelled_fork_that_answers_is_hung_up_whoever_it_is(struct t *t)
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
    dlg_reply(&w, m, 200, "b1", NULL, "ans1");
    dlg_reply(&w, m, 200, "b2", NULL, "ans2");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 2);
    T_EQ(dlg_count(&w, "BYE "), 2);
    for (size_t i = 0; i < 2; i++)
        dlg_reply(&w, dlg_find(&w, "BYE ", i), 200, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; ended local 487");
out:
    dlg_fini(t, &w);
}

static void test_a_failure_ends_all_early_dialogs(struct t *t)
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
    dlg_reply(&w, m, 180, "b2", NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 2);
    dlg_reply(&w, m, 603, "b2", NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 0);
    T_STR(dlg_log(&w), "progress 180; progress 180; ended remote 603");
out:
    dlg_fini(t, &w);
}

static void test_199_ends_one_early_dialog(struct t *t)
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
    dlg_reply(&w, m, 180, "b2", NULL, NULL);
    dlg_reply(&w, m, 199, "b1", NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 1);
    T_VIEW(sip_dialog_remote_tag(sip_invite_dialog(w.inv)), "b2");
out:
    dlg_fini(t, &w);
}

static void test_forks_without_end_are_bounded(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    char tag[16];
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    for (int i = 0; i < 300; i++) {
        snprintf(tag, sizeof tag, "x%d", i);
        dlg_reply(&w, m, 180, tag, NULL, NULL);
    }
    dlg_run(&w, 10);
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 64);
    dlg_reply(&w, m, 200, "x3", NULL, "ans");
    dlg_run(&w, 10);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
out:
    dlg_fini(t, &w);
}

static void test_a_response_without_a_tag_makes_a_dialog_only_as_200(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(dlg_call(&w, "off"));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INVITE ", 0);
    T_CHECK(m);
    dlg_reply(&w, m, 180, NULL, NULL, NULL); /* an RFC 2543 peer */
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180 no-dialog");
    T_EQ(sip_dialogs_count(sip_ua_dialogs(w.ua)), 0);
    dlg_reply(&w, m, 200, NULL, NULL, "ans");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "answer ans; confirmed");
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_VIEW(sip_msg_value(dlg_find(&w, "ACK ", 0), SIP_HDR_TO), "<sip:bob@example.net>");
    dlg_send(&w,
             "BYE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2\nMax-Forwards: 70\n"
             "From: <sip:bob@example.net>\nTo: <sip:alice@example.net>;tag=%.*s\nCall-ID: %.*s\n"
             "CSeq: 7 BYE\nContent-Length: 0\n\n",
             VIEW_ARG(sip_invite_local_tag(w.inv)), VIEW_ARG(sip_invite_call_id(w.inv)));
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended remote 200 confirmed");
out:
    dlg_fini(t, &w);
}

static void test_a_bye_in_the_only_early_dialog_ends_the_call(struct t *t)
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
    dlg_request(&w, w.inv, "BYE", 50, NULL, NULL); /* its 200 was lost, and its patience ran out */
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "progress 180; ended remote 200");
    T_EQ(dlg_count(&w, "CANCEL "), 1);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
    dlg_reply(&w, m, 200, "b1", NULL, "ans"); /* and here it is, late */
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "ACK "), 1);
    T_EQ(dlg_count(&w, "BYE "), 1);
    T_STR(dlg_log(&w), "");
out:
    dlg_fini(t, &w);
}

T_MAIN(T(test_three_200s_make_one_session_and_the_others_are_hung_up),
       T(test_a_cancelled_fork_that_answers_is_hung_up_whoever_it_is), T(test_a_failure_ends_all_early_dialogs),
       T(test_199_ends_one_early_dialog),
       /* 300 responses and 64 dialogs: each run is long and they fail alike */
       T_STRIDE(test_forks_without_end_are_bounded, 37), T(test_a_response_without_a_tag_makes_a_dialog_only_as_200),
       T(test_a_bye_in_the_only_early_dialog_ends_the_call))
