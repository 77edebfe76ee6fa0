/* The other requests of a session, both ways: RFC 3261 section 12.2, RFC 6086. */
#include "sip/support_dlg_world.h"

static void test_requests_out_of_order_get_500(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INFO", 20, NULL, NULL); /* a gap is no error */
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 500"), 0);
    dlg_request(&w, w.inv, "INFO", 19, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 500"), 1);
    T_STR(dlg_log(&w), "info  ");
out:
    dlg_fini(t, &w);
}

static void test_info_is_relayed_both_ways(struct t *t)
{
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "INFO", 0, "Content-Type: application/dtmf-relay\n", "Signal=5\r\nDuration=160");
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "info application/dtmf-relay Signal=5\r\nDuration=160");
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 2);
    w.info_status = 415;
    dlg_request(&w, w.inv, "INFO", 0, "Content-Type: text/plain\n", "?");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 415"), 1);
    dlg_request(&w, w.inv, "INFO", 0, "Info-Package: foo\n", NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "SIP/2.0 469", 0), "Recv-Info:"));
    T_OK(sip_invite_info(w.inv, &(struct sip_body){ .type = VIEW("application/dtmf-relay"),
                                                    .data = VIEW("Signal=#\r\nDuration=100\r\n") }));
    dlg_run(&w, 10);
    m = dlg_find(&w, "INFO sip:bob@192.0.2.2 SIP/2.0", 0);
    T_CHECK(m);
    T_VIEW(m->body, "Signal=#\r\nDuration=100\r\n");
    T_VIEW(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), "application/dtmf-relay");
    dlg_reply(&w, m, 415, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(sip_invite_state(w.inv), SIP_INVITE_CONFIRMED);
out:
    dlg_fini(t, &w);
}

static void test_481_to_an_info_ends_the_session(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    T_OK(sip_invite_info(w.inv, &(struct sip_body){ .type = VIEW("text/plain"), .data = VIEW("x") }));
    dlg_run(&w, 10);
    dlg_reply(&w, dlg_find(&w, "INFO ", 0), 481, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_find(&w, "BYE ", 0));
    dlg_reply(&w, dlg_find(&w, "BYE ", 0), 481, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "ended network 481 confirmed");
out:
    dlg_fini(t, &w);
}

static void test_other_requests_go_to_the_owner_or_get_405(struct t *t)
{
    struct sip_ua_config cfg = SIP_UA_CONFIG_DEFAULT;
    struct dlg_world w;
    cfg.methods |= SIP_UA_METHOD(REFER);
    if (!dlg_init(t, &w, &cfg))
        goto out;
    T_CHECK(dlg_establish_in(&w));
    dlg_request(&w, w.inv, "REFER", 0, "Refer-To: <sip:x@example.net>\n", NULL);
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "SIP/2.0 405", 0), "Allow: INVITE"));
    w.takes_requests = true;
    dlg_request(&w, w.inv, "REFER", 0, "Refer-To: <sip:x@example.net>\n", NULL);
    dlg_request(&w, w.inv, "UPDATE", 0, NULL, NULL); /* not among our methods */
    dlg_request(&w, w.inv, "DANCE", 0, NULL, NULL);
    dlg_request(&w, w.inv, "OPTIONS", 0, NULL, NULL);
    dlg_run(&w, 10);
    T_STR(dlg_log(&w), "request REFER; request REFER");
    T_EQ(dlg_count(&w, "SIP/2.0 202"), 1);
    T_EQ(dlg_count(&w, "SIP/2.0 405"), 2);
    T_EQ(dlg_count(&w, "SIP/2.0 501"), 1);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 2);
out:
    dlg_fini(t, &w);
}

struct outcome {
    unsigned calls, status;
};

static void on_done(void *arg, struct sip_invite *inv, const struct sip_outcome *out)
{
    struct outcome *o = arg;
    (void) inv;
    o->calls++;
    o->status = out->status;
}

static void test_a_request_of_the_owner_reports_its_outcome(struct t *t)
{
    struct outcome o = { 0 };
    struct sip_invite_request rq = { .method = VIEW("REFER"),
                                     .headers = VIEW("Refer-To: <sip:x@example.net>\r\n"),
                                     .contact = true,
                                     .done = on_done,
                                     .arg = &o };
    struct dlg_world w;
    struct sip_msg *m;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(sip_invite_send(w.inv, &rq));
    dlg_run(&w, 10);
    m = dlg_find(&w, "REFER ", 0);
    T_CHECK(m);
    T_CHECK(dlg_has(m, "Contact: <sip:alice@"));
    T_CHECK(dlg_has(m, "Refer-To: <sip:x@example.net>"));
    dlg_reply(&w, m, 603, NULL, NULL, NULL);
    dlg_run(&w, 10);
    T_EQ(o.calls, 1);
    T_EQ(o.status, 603);
    for (int i = 0; i < 32; i++)
        T_OK(sip_invite_send(w.inv, &rq));
    T_ERR(sip_invite_send(w.inv, &rq), AHOY_ERR_LIMIT);
    sip_invite_hangup(w.inv, NULL);
    T_ERR(sip_invite_send(w.inv, &rq), AHOY_ERR_STATE);
out:
    dlg_fini(t, &w);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

#define CHALLENGE "WWW-Authenticate: Digest realm=\"example.net\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\n"

static uint32_t cseq_of(struct sip_msg *m)
{
    const struct sip_core *core;
    return m && !sip_msg_core(m, &core) ? core->cseq.number : 0;
}

/* An established call whose owner has credentials for the peer. */
static bool establish_with_password(struct t *t, struct dlg_world *w, struct sip_auth **auth)
{
    struct sip_auth_credential c = { .user = VIEW("alice"), .password = VIEW("secret") };
    T_CHECK(dlg_establish_out(w));
    T_OK(sip_auth_create(auth, sip_stack_rng(w->stack)));
    T_OK(sip_auth_add_host(*auth, VIEW("192.0.2.2")));
    T_OK(sip_auth_set(*auth, &c));
    T_OK(sip_invite_set_account(w->inv, *auth, (struct view){ 0 }));
    return true;
out:
    return false;
}

/* A number below one the peer has seen would get 500 (RFC 3261 section 12.2.2). */
static void test_a_challenged_request_goes_again_above_one_sent_meanwhile(struct t *t)
{
    struct sip_body body = { .type = VIEW("text/plain"), .data = VIEW("x") };
    struct sip_auth *auth = NULL;
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL) || !establish_with_password(t, &w, &auth))
        goto out;
    T_OK(sip_invite_info(w.inv, &body));
    T_OK(sip_invite_info(w.inv, &body));
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "INFO "), 2);
    uint32_t first = cseq_of(dlg_find(&w, "INFO ", 0));
    T_EQ(first, 2);
    T_EQ(cseq_of(dlg_find(&w, "INFO ", 1)), 3);
    dlg_reply(&w, dlg_find(&w, "INFO ", 0), 401, NULL, CHALLENGE, NULL);
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "INFO "), 3);
    T_CHECK(dlg_has(dlg_find(&w, "INFO ", 2), "Authorization: Digest"));
    T_EQ(cseq_of(dlg_find(&w, "INFO ", 2)), 4);
out:
    dlg_fini(t, &w);
    sip_auth_destroy(auth);
}

static void test_a_challenged_reinvite_goes_again_above_a_request_sent_meanwhile(struct t *t)
{
    struct sip_body body = { .type = VIEW("text/plain"), .data = VIEW("x") };
    struct sip_body offer = { .type = VIEW("application/sdp"), .data = VIEW("off2") };
    struct sip_auth *auth = NULL;
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL) || !establish_with_password(t, &w, &auth))
        goto out;
    T_OK(sip_invite_reinvite(w.inv, (struct view){ 0 }, &offer));
    T_OK(sip_invite_info(w.inv, &body));
    dlg_run(&w, 10);
    T_EQ(cseq_of(dlg_find(&w, "INVITE ", 1)), 2);
    T_EQ(cseq_of(dlg_find(&w, "INFO ", 0)), 3);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 1), 401, NULL, CHALLENGE, NULL);
    dlg_run(&w, 10);
    T_EQ(cseq_of(dlg_find(&w, "INVITE ", 2)), 4);
    dlg_reply(&w, dlg_find(&w, "INVITE ", 2), 200, NULL, NULL, "ans2");
    T_OK(sip_invite_info(w.inv, &body));
    dlg_run(&w, 10);
    T_EQ(cseq_of(dlg_find(&w, "ACK ", 2)), 4); /* behind those of the first 2xx and of the 401 */
    T_EQ(cseq_of(dlg_find(&w, "INFO ", 1)), 5);
out:
    dlg_fini(t, &w);
    sip_auth_destroy(auth);
}

T_MAIN(T(test_requests_out_of_order_get_500), T(test_info_is_relayed_both_ways),
       T(test_481_to_an_info_ends_the_session), T(test_other_requests_go_to_the_owner_or_get_405),
       T(test_a_request_of_the_owner_reports_its_outcome),
       T(test_a_challenged_request_goes_again_above_one_sent_meanwhile),
       T(test_a_challenged_reinvite_goes_again_above_a_request_sent_meanwhile))
