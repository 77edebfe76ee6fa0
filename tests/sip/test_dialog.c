/* Dialogs on their own: state from messages, requests from state. RFC 3261 section 12. */
#include "sip/dialog.h"

#include "support/t.h"

static struct sip_msg *parse(const char *text)
{
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *m = NULL;
    struct buf b;
    buf_init(&b, 65536);
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            buf_char(&b, '\r');
        buf_char(&b, *p);
    }
    if (sip_msg_parse(&m, buf_content(&b), SIP_FRAMING_DATAGRAM, &limits, &fault)) {
        sip_msg_unref(m);
        m = NULL;
    }
    buf_fini(&b);
    return m;
}

#define FRAME(cseq)                                                                                                    \
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\nMax-Forwards: 70\n"                                                   \
    "From: \"A \\\" B\" <sip:a@example.net>;tag=at;x=y\nTo: <sip:b@example.net>;tag=bt\n"                              \
    "Call-ID: cid@h\nCSeq: " cseq "\n"

static const struct sip_dialog_seed seed = { .call_id = VIEW("cid@h"),
                                             .local_tag = VIEW("at"),
                                             .local = VIEW("<sip:a@example.net>"),
                                             .remote = VIEW("<sip:b@example.net>"),
                                             .target = VIEW("sip:b@example.net"),
                                             .cseq = 7 };

static struct sip_dialogs *table(void)
{
    struct sip_dialogs *ds = NULL;
    struct rng rng;
    rng_init_u64(&rng, 3);
    return sip_dialogs_create(&ds, &rng, 4) ? NULL : ds;
}

static void test_a_response_makes_the_callers_dialog(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL;
    struct buf b;
    struct sip_msg *m = parse("SIP/2.0 180 Ringing\n" FRAME(
        "7 INVITE") "Contact: \"B\" <sip:b@192.0.2.9;transport=tcp>;q=0.5\n"
                    "Record-Route: <sip:p1;lr>;x, <sip:p2;lr>\nRecord-Route: <sip:p3;lr>\n\n");
    buf_init(&b, 4096);
    T_CHECK(ds && m);
    T_OK(sip_dialog_create_uac(&d, ds, &seed, m));
    T_EQ(sip_dialog_state(d), SIP_DIALOG_EARLY);
    T_CHECK(sip_dialog_is_caller(d));
    T_VIEW(sip_dialog_remote_tag(d), "bt");
    T_VIEW(sip_dialog_target(d), "sip:b@192.0.2.9;transport=tcp");
    T_VIEW(sip_dialog_routes(d), "<sip:p3;lr>, <sip:p2;lr>, <sip:p1;lr>;x");
    T_EQ(sip_dialog_next_cseq(d), 8);
    sip_dialog_raise_cseq(d, 12);
    sip_dialog_raise_cseq(d, 3);
    T_EQ(sip_dialog_next_cseq(d), 13);
    sip_dialog_begin_request(d, VIEW("BYE"), 13, &b);
    T_STR(buf_cstr(&b), "BYE sip:b@192.0.2.9;transport=tcp SIP/2.0\r\nMax-Forwards: 70\r\n"
                        "Route: <sip:p3;lr>\r\nRoute: <sip:p2;lr>\r\nRoute: <sip:p1;lr>;x\r\n"
                        "From: <sip:a@example.net>;tag=at\r\nTo: <sip:b@example.net>;tag=bt\r\n"
                        "Call-ID: cid@h\r\nCSeq: 13 BYE\r\n");
out:
    sip_dialog_destroy(d);
    sip_dialogs_destroy(ds);
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_a_request_makes_the_callees_dialog(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL;
    struct buf b;
    struct sip_msg *m = parse(
        "INVITE sip:b@192.0.2.2 SIP/2.0\n" FRAME("5 INVITE") "Contact: <sip:a@192.0.2.1>\n"
                                                             "Record-Route: <sip:p1;lr>, <sip:p2;lr>\n\n");
    buf_init(&b, 4096);
    T_CHECK(ds && m);
    T_OK(sip_dialog_create_uas(&d, ds, m, VIEW("ours"), true));
    T_CHECK(!sip_dialog_is_caller(d) && sip_dialog_is_secure(d));
    T_VIEW(sip_dialog_remote_tag(d), "at");
    T_VIEW(sip_dialog_local_tag(d), "ours");
    T_VIEW(sip_dialog_routes(d), "<sip:p1;lr>, <sip:p2;lr>");
    T_EQ(sip_dialog_local_cseq(d), 0);
    sip_dialog_put_names(d, &b); /* quotes, escapes and other parameters kept */
    T_STR(buf_cstr(&b), "From: <sip:b@example.net>;tag=ours\r\n"
                        "To: \"A \\\" B\" <sip:a@example.net>;x=y;tag=at\r\nCall-ID: cid@h\r\n");
    T_OK(sip_dialog_confirm(d, NULL));
    T_EQ(sip_dialog_state(d), SIP_DIALOG_CONFIRMED);
out:
    sip_dialog_destroy(d);
    sip_dialogs_destroy(ds);
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_a_strict_router_is_asked_by_its_own_uri(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL, *e = NULL;
    struct buf b;
    /* The RFC's example: route set proxy1 … proxy4, the first without lr. */
    struct sip_msg *m = parse(
        "SIP/2.0 200 OK\n" FRAME("7 INVITE") "Contact: <sip:user@remoteua>\n"
                                             "Record-Route: <sip:proxy4>,<sip:proxy3;lr>,<sip:proxy2>\n"
                                             "Record-Route: <sip:proxy1;method=INVITE?x=y>\n\n");
    struct sip_msg *one = parse("SIP/2.0 200 OK\n" FRAME("7 INVITE") "Contact: <sip:user@remoteua>\n"
                                                                     "Record-Route: <sip:proxy1>\n\n");
    buf_init(&b, 4096);
    T_CHECK(ds && m && one);
    T_OK(sip_dialog_create_uac(&d, ds, &seed, m));
    sip_dialog_begin_request(d, VIEW("BYE"), 8, &b);
    T_CHECK(view_starts(buf_content(&b), VIEW("BYE sip:proxy1 SIP/2.0\r\nMax-Forwards: 70\r\nRoute: <sip:proxy2>\r\n"
                                              "Route: <sip:proxy3;lr>\r\nRoute: <sip:proxy4>\r\n"
                                              "Route: <sip:user@remoteua>\r\nFrom: ")));
    buf_clear(&b);
    T_OK(sip_dialog_create_uac(&e, ds, &seed, one));
    sip_dialog_begin_request(e, VIEW("BYE"), 8, &b);
    T_CHECK(view_starts(buf_content(&b), VIEW("BYE sip:proxy1 SIP/2.0\r\nMax-Forwards: 70\r\n"
                                              "Route: <sip:user@remoteua>\r\nFrom: ")));
out:
    sip_dialog_destroy(d);
    sip_dialog_destroy(e);
    sip_dialogs_destroy(ds);
    sip_msg_unref(m);
    sip_msg_unref(one);
    buf_fini(&b);
}

static void test_a_200_renews_routes_and_target_but_not_numbers(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL;
    struct sip_msg *early = parse(
        "SIP/2.0 183 Progress\n" FRAME("7 INVITE") "Contact: <sip:b@one>\nRecord-Route: <sip:old;lr>\n\n");
    struct sip_msg *ok = parse("SIP/2.0 200 OK\n" FRAME("7 INVITE") "Contact: <sip:b@two>\n\n");
    struct sip_msg *bad = parse("SIP/2.0 200 OK\n" FRAME("8 INVITE") "Contact: <http://b>\n\n");
    struct sip_msg *bare = parse("SIP/2.0 200 OK\n" FRAME("8 INVITE") "\n");
    T_CHECK(ds && early && ok && bad && bare);
    T_OK(sip_dialog_create_uac(&d, ds, &seed, early));
    T_EQ(sip_dialog_next_cseq(d), 8); /* PRACK, say */
    T_OK(sip_dialog_confirm(d, ok));
    T_VIEW(sip_dialog_routes(d), "");
    T_VIEW(sip_dialog_target(d), "sip:b@two");
    T_EQ(sip_dialog_local_cseq(d), 8);
    T_ERR(sip_dialog_refresh_target(d, bad), AHOY_ERR_SYNTAX);
    T_OK(sip_dialog_refresh_target(d, bare));
    T_VIEW(sip_dialog_target(d), "sip:b@two");
    T_OK(sip_dialog_refresh_target(d, early));
    T_VIEW(sip_dialog_target(d), "sip:b@one");
out:
    sip_dialog_destroy(d);
    sip_dialogs_destroy(ds);
    sip_msg_unref(early);
    sip_msg_unref(ok);
    sip_msg_unref(bad);
    sip_msg_unref(bare);
}

static void test_a_dialog_is_found_by_its_three_names_only(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL, *e = NULL;
    struct sip_msg *one = parse("SIP/2.0 180 Ringing\n" FRAME("7 INVITE") "Contact: <sip:b@one>\n\n");
    struct sip_msg *bye = parse("BYE sip:a@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKy\nMax-Forwards: 70\n"
                                "From: <sip:b@example.net>;tag=bt\nTo: <sip:a@example.net>;tag=at\nCall-ID: cid@h\n"
                                "CSeq: 3 BYE\n\n");
    struct sip_msg *untagged = parse("SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\nFrom: <sip:a@x>;tag=at\n"
                                     "To: <sip:b@x>\nCall-ID: cid@h\nCSeq: 7 INVITE\nContact: <sip:b@two>\n\n");
    T_CHECK(ds && one && bye && untagged);
    T_OK(sip_dialog_create_uac(&d, ds, &seed, one));
    T_OK(sip_dialog_create_uac(&e, ds, &seed, untagged));
    T_EQ(sip_dialogs_count(ds), 2);
    T_CHECK(sip_dialogs_find(ds, bye) == d);
    T_CHECK(sip_dialogs_find_name(ds, VIEW("cid@h"), VIEW("at"), (struct view){ 0 }) == e);
    T_CHECK(!sip_dialogs_find_name(ds, VIEW("CID@h"), VIEW("at"), VIEW("bt")));
    T_CHECK(!sip_dialogs_find_name(ds, VIEW("cid@h"), VIEW("at"), VIEW("other")));
    T_CHECK(!sip_dialogs_find_name(ds, VIEW("cid@h"), (struct view){ 0 }, VIEW("bt")));
    T_CHECK(!sip_dialogs_find(ds, one)); /* its To tag is no local tag of ours */
    sip_dialog_destroy(d);
    d = NULL;
    T_CHECK(!sip_dialogs_find(ds, bye));
out:
    sip_dialog_destroy(d);
    sip_dialog_destroy(e);
    sip_dialogs_destroy(ds);
    sip_msg_unref(one);
    sip_msg_unref(bye);
    sip_msg_unref(untagged);
}

static struct sip_msg *info(unsigned cseq)
{
    struct sip_msg *m;
    struct buf b;
    buf_init(&b, 1024);
    buf_printf(&b,
               "INFO sip:b@x SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u\nMax-Forwards: 70\n"
               "From: <sip:a@x>;tag=at\n"
               "To: <sip:b@x>;tag=ours\nCall-ID: cid@h\nCSeq: %u INFO\n\n",
               cseq, cseq);
    m = buf_err(&b) ? NULL : parse(buf_cstr(&b));
    buf_fini(&b);
    return m;
}

static void test_numbers_of_the_peer_may_skip_but_not_return(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d = NULL;
    struct sip_msg *m = parse("INVITE sip:b@192.0.2.2 SIP/2.0\n" FRAME("5 INVITE") "Contact: <sip:a@192.0.2.1>\n\n");
    struct sip_msg *i5 = info(5), *i6 = info(6), *i9 = info(9), *i8 = info(8), *top = info(2147483647u);
    T_CHECK(ds && m && i5 && i6 && i9 && i8 && top);
    T_OK(sip_dialog_create_uas(&d, ds, m, VIEW("ours"), false));
    T_ERR(sip_dialog_take_cseq(d, i5), AHOY_ERR_STATE);
    T_OK(sip_dialog_take_cseq(d, i6));
    T_OK(sip_dialog_take_cseq(d, i9));
    T_ERR(sip_dialog_take_cseq(d, i8), AHOY_ERR_STATE);
    T_OK(sip_dialog_take_cseq(d, top));
    T_ERR(sip_dialog_take_cseq(d, i9), AHOY_ERR_STATE);
out:
    sip_dialog_destroy(d);
    sip_dialogs_destroy(ds);
    sip_msg_unref(m);
    sip_msg_unref(i5);
    sip_msg_unref(i6);
    sip_msg_unref(i9);
    sip_msg_unref(i8);
    sip_msg_unref(top);
}

static void test_what_a_peer_can_grow_is_bounded(struct t *t)
{
    struct sip_dialogs *ds = table();
    struct sip_dialog *d[5] = { NULL };
    struct sip_msg *m = NULL, *many = NULL, *foreign;
    struct buf b;
    foreign = parse("SIP/2.0 200 OK\n" FRAME("7 INVITE") "Contact: <sip:b@one>\nRecord-Route: <http://p>\n\n");
    m = parse("SIP/2.0 180 Ringing\n" FRAME("7 INVITE") "Contact: <sip:b@one>\n\n");
    buf_init(&b, 65536);
    buf_str(&b, "SIP/2.0 200 OK\n" FRAME("7 INVITE") "Contact: <sip:b@one>\nRecord-Route: <sip:p;lr>");
    for (int i = 0; i < SIP_DIALOG_MAX_ROUTES; i++)
        buf_str(&b, ", <sip:p;lr>");
    buf_str(&b, "\n\n");
    T_OK(buf_err(&b));
    many = parse(buf_cstr(&b));
    T_CHECK(ds && m && many && foreign);
    T_ERR(sip_dialog_create_uac(&d[0], ds, &seed, many), AHOY_ERR_LIMIT);
    T_ERR(sip_dialog_create_uac(&d[0], ds, &seed, foreign), AHOY_ERR_SYNTAX);
    T_EQ(sip_dialogs_count(ds), 0);
    for (int i = 0; i < 4; i++)
        T_OK(sip_dialog_create_uac(&d[i], ds, &seed, m));
    T_ERR(sip_dialog_create_uac(&d[4], ds, &seed, m), AHOY_ERR_LIMIT);
out:
    for (int i = 0; i < 5; i++)
        sip_dialog_destroy(d[i]);
    sip_dialogs_destroy(ds);
    sip_msg_unref(m);
    sip_msg_unref(many);
    sip_msg_unref(foreign);
    buf_fini(&b);
}

T_MAIN(T(test_a_response_makes_the_callers_dialog), T(test_a_request_makes_the_callees_dialog),
       T(test_a_strict_router_is_asked_by_its_own_uri), T(test_a_200_renews_routes_and_target_but_not_numbers),
       T(test_a_dialog_is_found_by_its_three_names_only), T(test_numbers_of_the_peer_may_skip_but_not_return),
       T(test_what_a_peer_can_grow_is_bounded))
