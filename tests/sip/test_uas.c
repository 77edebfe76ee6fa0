/* What anyone who sends a request is told: RFC 3261 sections 8.2, 11.2, 12.2.2. */
#include "sip/support_dlg_world.h"

#include <stdio.h>

static void send_request(struct dlg_world *w, const char *method, const char *uri, const char *branch,
                         const char *to_tag, const char *lines, const char *body)
{
    dlg_send(w,
             "%s %s SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK%s\nMax-Forwards: 70\n"
             "From: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>%s\nCall-ID: c-%s\nCSeq: 1 %s\n"
             "Contact: <sip:bob@192.0.2.2>\n%sContent-Length: %zu\n\n%s",
             method, uri, branch, to_tag, branch, method, lines, strlen(body), body);
}

struct row {
    const char *method, *uri, *to_tag, *lines, *body;
    const char *wants[2]; /* the first begins the response */
};

static void check_rows(struct t *t, struct dlg_world *w, const struct row *row, size_t n)
{
    char branch[32];
    for (size_t i = 0; i < n; i++) {
        size_t before = w->got_count;
        snprintf(branch, sizeof branch, "row%zu", i);
        send_request(w, row[i].method, row[i].uri, branch, row[i].to_tag, row[i].lines, row[i].body);
        dlg_run(w, 10);
        T_EQ(w->got_count, before + 1);
        for (size_t k = 0; k < 2; k++) {
            if (row[i].wants[k] && !dlg_has(w->got[before], row[i].wants[k])) {
                t_fail(t, __FILE__, __LINE__, row[i].wants[k], branch);
                goto out;
            }
        }
    }
out:
    return;
}

#define URI "sip:alice@192.0.2.1"

static void test_each_check_has_its_status_and_its_header(struct t *t)
{
    static const struct row rows[] = {
        { "DANCE", URI, "", "", "", { "SIP/2.0 501 ", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO\r\n" } },
        { "SUBSCRIBE", URI, "", "Event: x\n", "", { "SIP/2.0 405 ", "Allow: INVITE" } },
        { "REGISTER", URI, "", "", "", { "SIP/2.0 405 ", "Allow: INVITE" } },
        { "OPTIONS", "tel:+1234", "", "", "", { "SIP/2.0 416 " } },
        { "OPTIONS", URI, "", "Require: a, 100rel\nRequire: b\n", "", { "SIP/2.0 420 ", "Unsupported: a, b\r\n" } },
        { "OPTIONS", URI, "", "Proxy-Require: c\n", "", { "SIP/2.0 200 OK", "Accept: application/sdp\r\n" } },
        { "OPTIONS", URI, "", "", "", { "SIP/2.0 200 OK", "Supported: 100rel, x\r\n" } },
        { "OPTIONS", URI, ";tag=gone", "", "", { "SIP/2.0 481 " } },
        { "INVITE", URI, ";tag=gone", "", "", { "SIP/2.0 481 " } },
        { "BYE", URI, ";tag=gone", "", "", { "SIP/2.0 481 " } },
        { "BYE", URI, "", "", "", { "SIP/2.0 481 " } },
        { "INFO", URI, "", "", "", { "SIP/2.0 481 " } },
        { "INVITE", URI, "", "Content-Type: text/plain\n", "x", { "SIP/2.0 415 ", "Accept: application/sdp\r\n" } },
        { "INVITE",
          URI,
          "",
          "Content-Type: application/sdp\nContent-Encoding: gzip\n",
          "x",
          { "SIP/2.0 415 ", "Accept-Encoding: identity\r\n" } },
        { "INVITE", URI, "", "Accept: text/x, image/*\n", "", { "SIP/2.0 406 ", "Warning: 399" } },
        { "INVITE", URI, "", "Accept:\n", "", { "SIP/2.0 406 " } },
        /* What passes is nobody's here: the world takes no call. */
        { "INVITE", URI, "", "Accept: text/x\nAccept: application/*;q=0.5\n", "", { "SIP/2.0 480 " } },
        { "INVITE",
          URI,
          "",
          "Accept: */*\nContent-Type: text/plain\n"
          "Content-Disposition: icon;handling=optional\n",
          "x",
          { "SIP/2.0 480 " } },
        { "INVITE",
          URI,
          "",
          "Content-Type: multipart/mixed;boundary=b\n",
          "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n",
          { "SIP/2.0 480 " } },
        { "INVITE",
          URI,
          "",
          "Content-Type: multipart/mixed;boundary=b\n",
          "--b\r\nContent-Type: text/plain\r\n\r\nv=0\r\n--b--\r\n",
          { "SIP/2.0 415 " } },
    };
    struct sip_ua_config cfg = SIP_UA_CONFIG_DEFAULT;
    struct dlg_world w;
    cfg.supported = "100rel, x";
    if (!dlg_init(t, &w, &cfg))
        goto out;
    w.untaken = true;
    check_rows(t, &w, rows, AHOY_COUNT(rows));
out:
    dlg_fini(t, &w);
}

static void test_max_forwards_0_is_fine_at_the_end_of_the_way(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    dlg_send(&w, "OPTIONS sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKmf\nMax-Forwards: 0\n"
                 "From: <sip:b@x>;tag=p\nTo: <sip:a@x>\nCall-ID: mf\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 200"), 1);
out:
    dlg_fini(t, &w);
}

static void test_the_same_call_by_two_ways_is_merged(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    w.ring = 180;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    dlg_send(&w, "INVITE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKother\n"
                 "Max-Forwards: 69\n"
                 "From: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>\nCall-ID: in-call\nCSeq: 1 INVITE\n"
                 "Contact: <sip:bob@192.0.2.2>\nContent-Length: 0\n\n");
    dlg_run(&w, 10);
    T_EQ(dlg_count(&w, "SIP/2.0 482"), 1);
    T_STR(dlg_log(&w), "incoming off");
out:
    dlg_fini(t, &w);
}

static void test_calls_above_the_limit_are_busy(struct t *t)
{
    struct sip_ua_config cfg = SIP_UA_CONFIG_DEFAULT;
    struct dlg_world w;
    cfg.max_invites = 1;
    if (!dlg_init(t, &w, &cfg))
        goto out;
    w.ring = 180;
    dlg_invite(&w, NULL, "off");
    dlg_run(&w, 10);
    send_request(&w, "INVITE", URI, "second", "", "", "");
    dlg_run(&w, 10);
    T_CHECK(dlg_has(dlg_find(&w, "SIP/2.0 486", 0), "Retry-After: 5"));
    T_ERR(dlg_call(&w, "off"), AHOY_ERR_LIMIT);
out:
    dlg_fini(t, &w);
}

static void test_strays_are_dropped_without_a_word(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    send_request(&w, "ACK", URI, "stray", ";tag=gone", "", "");
    dlg_send(&w, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnone\nFrom: <sip:a@x>;tag=1\n"
                 "To: <sip:b@x>;tag=2\nCall-ID: none\nCSeq: 1 INVITE\n"
                 "Contact: <sip:b@192.0.2.2>\nContent-Length: 0\n\n");
    dlg_run(&w, 1000);
    T_EQ(w.got_count, 0);
out:
    dlg_fini(t, &w);
}

/* ---- an owner with a mind of its own ----------------------------------------------------------------------------- */

struct owner {
    unsigned requests, unknown;
};

static unsigned busy_options(void *arg, struct sip_msg *request, const char **type, struct buf *body)
{
    (void) arg;
    (void) request;
    *type = "application/sdp";
    buf_str(body, "v=0");
    return 486;
}

static bool only_alice(void *arg, const struct sip_uri *uri)
{
    (void) arg;
    return view_eq(uri->user, VIEW("alice"));
}

static void take_message(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct owner *o = arg;
    (void) request;
    o->requests++;
    if (sip_server_txn_reply(txn, 202, (struct view){ 0 }))
        sip_server_txn_release(txn);
}

static void count_unknown(void *arg, const struct sip_msg *request, bool in_dialog)
{
    struct owner *o = arg;
    o->unknown += request->method == SIP_METHOD_PUBLISH && !in_dialog;
}

static void test_the_owner_decides_what_is_ours_and_whether_we_are_busy(struct t *t)
{
    static const struct row rows[] = {
        { "OPTIONS", "sip:mallory@192.0.2.1", "", "", "", { "SIP/2.0 404 " } },
        { "OPTIONS", URI, "", "", "", { "SIP/2.0 486 ", "Content-Type: application/sdp" } },
        { "MESSAGE", URI, "", "Content-Type: text/plain\n", "hi", { "SIP/2.0 202 " } },
        { "PUBLISH", URI, "", "", "", { "SIP/2.0 405 " } },
    };
    struct owner o = { 0 };
    struct sip_ua_ops ops = {
        .options = busy_options, .is_ours = only_alice, .request = take_message, .unknown = count_unknown, .arg = &o
    };
    struct sip_ua_config cfg = SIP_UA_CONFIG_DEFAULT;
    struct sip_core_ops core;
    struct dlg_world w;
    struct sip_ua *ua = NULL;
    struct sip_stack *stack = NULL;
    struct sip_locator *locator = NULL;
    struct sip_stack_config sc = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config lc = SIP_LOCATOR_CONFIG_DEFAULT;
    struct sip_transport *transport;
    struct addr local = addr_ip4(192, 0, 2, 1, 5062);
    cfg.methods |= SIP_UA_METHOD(MESSAGE);
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_OK(sip_ua_create(&ua, &cfg, &ops));
    sip_ua_core(ua, &core);
    T_OK(sip_stack_create(&stack, w.loop, &sc, &core));
    T_OK(sip_stack_listen(stack, SIP_PROTO_UDP, &local, &transport));
    T_OK(sip_locator_create(&locator, stack, &lc));
    T_OK(sip_ua_start(ua, locator));
    w.port = 5062;
    check_rows(t, &w, rows, AHOY_COUNT(rows));
    T_EQ(o.requests, 1);
    T_EQ(o.unknown, 1);
out:
    if (ua && sip_ua_stack(ua))
        sip_ua_stop(ua);
    sip_locator_destroy(locator);
    sip_stack_destroy(stack);
    sip_ua_destroy(ua);
    dlg_fini(t, &w);
}

static void test_stopping_drops_calls_without_a_word_to_anyone(struct t *t)
{
    struct dlg_world w;
    if (!dlg_init(t, &w, NULL))
        goto out;
    T_CHECK(dlg_establish_out(&w));
    T_OK(dlg_call(&w, "another"));
    dlg_run(&w, 10);
    w.legs = 0;
    sip_ua_stop(w.ua);
    T_OK(sip_ua_start(w.ua, w.locator));
    T_STR(dlg_log(&w), "");
    T_EQ(sip_ua_invite_count(w.ua), 0);
    T_EQ(dlg_count(&w, "BYE "), 0);
out:
    dlg_fini(t, &w);
}

T_MAIN(T(test_each_check_has_its_status_and_its_header), T(test_max_forwards_0_is_fine_at_the_end_of_the_way),
       T(test_the_same_call_by_two_ways_is_merged), T(test_calls_above_the_limit_are_busy),
       T(test_strays_are_dropped_without_a_word), T(test_the_owner_decides_what_is_ours_and_whether_we_are_busy),
       T(test_stopping_drops_calls_without_a_word_to_anyone))
