#include "sip/parse_help.h"

static void test_a_request_is_printed(struct t *t)
{
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_build_request_line(&b, VIEW("INVITE"), VIEW("sip:b@example.com"));
    sip_build_hdr(&b, SIP_HDR_CALL_ID, VIEW("x"));
    sip_build_hdr(&b, SIP_HDR_SUBJECT, view_of(NULL, 0));
    sip_build_hdr_named(&b, VIEW("X-Own"), VIEW("1"));
    sip_build_hdr_printf(&b, SIP_HDR_CSEQ, "%d %s", 3, "INVITE");
    sip_build_hdr_u32(&b, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_body(&b, VIEW("text/plain"), VIEW("hi"));
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "INVITE sip:b@example.com SIP/2.0\r\nCall-ID: x\r\n"
                        "Subject: \r\nX-Own: 1\r\nCSeq: 3 INVITE\r\nMax-Forwards: 70\r\n"
                        "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    buf_clear(&b);
    sip_build_status_line(&b, 486, VIEW(""));
    sip_build_body(&b, VIEW("text/plain"), VIEW(""));
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n");
out:
    buf_fini(&b);
}

static void test_no_line_is_smuggled_in(struct t *t)
{
    struct buf b;
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_build_status_line(&b, 400, VIEW("Bad\r\nVia: evil\0"));
    sip_build_hdr(&b, SIP_HDR_SUBJECT, VIEW("a\r\nRoute: evil\nRoute: evil\rRoute: evil\n b\r\n folded\r\n"));
    sip_build_hdr_printf(&b, SIP_HDR_SERVER, "%s", "x\r\n\r\nbody");
    sip_build_body(&b, VIEW("a/b\r\nRoute: evil"), VIEW("x"));
    T_OK(buf_err(&b));
    T_OK(help_parse(&m, buf_content(&b), &fault));
    T_EQ(m->hdr_count, 4);
    T_VIEW(sip_msg_value(m, SIP_HDR_SUBJECT), "a  Route: evil Route: evil Route: evil  b\r\n folded");
    T_VIEW(m->reason, "Bad  Via: evil ");
    T_VIEW(m->body, "x");
out:
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_words_that_break_a_line_are_errors(struct t *t)
{
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    for (int i = 0; i < 8; i++) {
        switch (i) {
        case 0: sip_build_request_line(&b, VIEW("A B"), VIEW("sip:b")); break;
        case 1: sip_build_request_line(&b, VIEW("A"), VIEW("sip:b c")); break;
        case 2: sip_build_request_line(&b, VIEW("A"), VIEW("sip:b\r\nVia:x")); break;
        case 3: sip_build_request_line(&b, VIEW(""), VIEW("sip:b")); break;
        case 4: sip_build_request_line(&b, VIEW("A"), VIEW("")); break;
        case 5: sip_build_hdr_named(&b, VIEW("A:"), VIEW("b")); break;
        case 6: sip_build_hdr_named(&b, VIEW("A\r\nB"), VIEW("b")); break;
        default: sip_build_status_line(&b, 99, VIEW("x")); break;
        }
        T_EQ(buf_err(&b), AHOY_ERR_INVAL);
        T_EQ(b.n, 0);
        buf_clear(&b);
    }
out:
    buf_fini(&b);
}

#define REQUEST                                                                                                        \
    "INVITE sip:b@example.com SIP/2.0\r\n"                                                                             \
    "Via: SIP/2.0/UDP h.example.com:5070;branch=z9hG4bK1;rport;x=\"y;\", SIP/2.0/TCP 192.0.2.2\r\n"                    \
    "Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK3;rport\r\nRecord-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"   \
    "From: A <sip:a@example.com>;tag=1\r\nTo: sip:b@example.com\r\nCall-ID: c1@example.com\r\nCSeq: 7 INVITE\r\n"      \
    "Timestamp: 54\r\nMax-Forwards: 70\r\n\r\n"

static void test_a_response_copies_what_it_must(struct t *t)
{
    struct buf b;
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct addr from = addr_ip4(198, 51, 100, 7, 5099);
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    T_OK(help_parse(&m, VIEW(REQUEST), &fault));
    sip_build_response(&b, m, 180, VIEW(""), VIEW("mine"), &from);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "SIP/2.0 180 Ringing\r\n"
                        "Via: SIP/2.0/UDP h.example.com:5070;branch=z9hG4bK1;rport=5099;x=\"y;\";"
                        "received=198.51.100.7, SIP/2.0/TCP 192.0.2.2\r\n"
                        "Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK3;rport\r\n"
                        "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n"
                        "From: A <sip:a@example.com>;tag=1\r\nTo: sip:b@example.com;tag=mine\r\n"
                        "Call-ID: c1@example.com\r\nCSeq: 7 INVITE\r\n");
    buf_clear(&b);
    sip_build_response(&b, m, 100, VIEW(""), VIEW("mine"), NULL);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "SIP/2.0 100 Trying\r\n"
                        "Via: SIP/2.0/UDP h.example.com:5070;branch=z9hG4bK1;rport;x=\"y;\", SIP/2.0/TCP 192.0.2.2\r\n"
                        "Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK3;rport\r\n"
                        "From: A <sip:a@example.com>;tag=1\r\nTo: sip:b@example.com\r\n"
                        "Call-ID: c1@example.com\r\nCSeq: 7 INVITE\r\nTimestamp: 54\r\n");
    buf_clear(&b);
    sip_build_response(&b, m, 486, VIEW(""), VIEW("mine"), NULL);
    T_OK(buf_err(&b));
    T_CHECK(view_search(buf_content(&b), VIEW("Record-Route")) == b.n);
out:
    sip_msg_unref(m);
    buf_fini(&b);
}

static bool via_of_response(struct buf *b, const char *via, const struct addr *from)
{
    struct buf raw;
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    buf_init(&raw, 1000);
    buf_printf(&raw, "OPTIONS sip:b SIP/2.0\r\nVia: %s\r\n\r\n", via);
    bool ok = !buf_err(&raw) && help_parse(&m, buf_content(&raw), &fault) == AHOY_OK;
    buf_clear(b);
    if (ok)
        sip_build_response(b, m, 200, VIEW(""), VIEW("x"), from);
    sip_msg_unref(m);
    buf_fini(&raw);
    return ok && !buf_err(b);
}

/* RFC 3261 section 18.2.1, RFC 3581 section 4. */
static void test_the_top_via_says_where_the_request_came_from(struct t *t)
{
    static const char *const want[][2] = {
        { "SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1" },
        { "SIP/2.0/UDP 192.0.2.9;branch=1", "SIP/2.0/UDP 192.0.2.9;branch=1;received=192.0.2.1" },
        { "SIP/2.0/UDP name", "SIP/2.0/UDP name;received=192.0.2.1" },
        { "SIP/2.0/UDP 192.0.2.1;rport;branch=1", "SIP/2.0/UDP 192.0.2.1;rport=5099;branch=1;received=192.0.2.1" },
        { "SIP/2.0/UDP 192.0.2.1;received=203.0.113.1;rport=1", "SIP/2.0/UDP 192.0.2.1;rport=5099;received=192.0.2.1" },
        { "SIP/2.0/UDP 192.0.2.1;received=203.0.113.1", "SIP/2.0/UDP 192.0.2.1" },
        { "SIP / 2.0 / UDP 192.0.2.1 ; rport = 1", "SIP / 2.0 / UDP 192.0.2.1;rport=5099;received=192.0.2.1" },
        { "SIP/2.0/UDP broken;;", "SIP/2.0/UDP broken;;" },
    };
    const struct addr from = addr_ip4(192, 0, 2, 1, 5099);
    struct buf b, line;
    buf_init(&b, 2000);
    buf_init(&line, 2000);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        T_CHECK(via_of_response(&b, want[i][0], &from));
        buf_clear(&line);
        buf_printf(&line, "SIP/2.0 200 OK\r\nVia: %s\r\n", want[i][1]);
        T_OK(buf_err(&line));
        T_STR(buf_cstr(&b), buf_cstr(&line));
    }
    struct addr six;
    T_OK(addr_parse_ip(VIEW("fe80::1%3"), &six));
    T_CHECK(via_of_response(&b, "SIP/2.0/UDP [2001:db8::1]", &six));
    T_STR(buf_cstr(&b),
          "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [2001:db8::1];received=fe80::1\r\n"); /* RFC 5118 4.5: no brackets */
    T_OK(addr_parse_ip(VIEW("2001:db8::1"), &six));
    T_CHECK(via_of_response(&b, "SIP/2.0/UDP [2001:DB8:0::1]", &six));
    T_STR(buf_cstr(&b), "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [2001:DB8:0::1]\r\n");
out:
    buf_fini(&b);
    buf_fini(&line);
}

static void test_a_tag_is_added_only_where_one_is_missing(struct t *t)
{
    static const char *const want[][2] = {
        { "<sip:b>", "<sip:b>;tag=mine" },
        { "<sip:b;tag=uri>;x", "<sip:b;tag=uri>;x;tag=mine" },
        { "<sip:b> ; TAG = theirs", "<sip:b> ; TAG = theirs" },
        { "\"open <sip:b>", "\"open <sip:b>" },
    };
    struct buf b, raw;
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    buf_init(&b, 2000);
    buf_init(&raw, 2000);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        buf_clear(&raw);
        buf_clear(&b);
        buf_printf(&raw, "OPTIONS sip:b SIP/2.0\r\nt: %s\r\n\r\n", want[i][0]);
        T_OK(buf_err(&raw));
        T_OK(help_parse(&m, buf_content(&raw), &fault));
        sip_build_response(&b, m, 200, VIEW(""), VIEW("mine"), NULL);
        buf_clear(&raw);
        buf_printf(&raw, "SIP/2.0 200 OK\r\nTo: %s\r\n", want[i][1]);
        T_CHECK(!buf_err(&b) && !buf_err(&raw));
        T_STR(buf_cstr(&b), buf_cstr(&raw));
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
    buf_fini(&b);
    buf_fini(&raw);
}

static void test_headers_are_copied_in_order(struct t *t)
{
    struct buf b;
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    buf_init(&b, 2000);
    T_OK(help_parse(&m, VIEW("OPTIONS sip:b SIP/2.0\r\nroute: <sip:1>,\r\n <sip:2>\r\nX: y\r\nRoute:<sip:3>\r\n\r\n"),
                    &fault));
    sip_build_copy(&b, m, SIP_HDR_ROUTE);
    T_OK(buf_err(&b));
    T_STR(buf_cstr(&b), "Route: <sip:1>,\r\n <sip:2>\r\nRoute: <sip:3>\r\n");
out:
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_every_status_has_a_phrase(struct t *t)
{
    T_STR(sip_reason(200), "OK");
    T_STR(sip_reason(481), "Call/Transaction Does Not Exist");
    T_STR(sip_reason(608), "Rejected");
    T_STR(sip_reason(199), "Early Dialog Terminated");
    T_STR(sip_reason(299), "Success");
    T_STR(sip_reason(499), "Client Error");
    T_STR(sip_reason(699), "Global Failure");
    T_STR(sip_reason(0), "Unknown");
    T_STR(sip_reason(700), "Unknown");
out:;
}

static void test_display_names_are_quoted_when_they_must_be(struct t *t)
{
    static const struct view want[][2] = {
        { VIEW("Bob"), VIEW("Bob") },
        { VIEW("Bob Lee"), VIEW("Bob Lee") },
        { VIEW(""), VIEW("") },
        { VIEW(" Bob"), VIEW("\" Bob\"") },
        { VIEW("Lee, Bob"), VIEW("\"Lee, Bob\"") },
        { VIEW("a\"\\b"), VIEW("\"a\\\"\\\\b\"") },
        { VIEW("J\xc3\xb6rg"), VIEW("\"J\xc3\xb6rg\"") },
        { VIEW("a\r\nVia: x"), VIEW("\"a  Via: x\"") },
        { VIEW("a\0b"), VIEW("\"a b\"") },
    };
    struct buf b, back;
    buf_init(&b, 100);
    buf_init(&back, 100);
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        buf_clear(&b);
        sip_build_display(&b, want[i][0]);
        T_OK(buf_err(&b));
        T_CHECK(view_eq(buf_content(&b), want[i][1]));
    }
    buf_clear(&b);
    sip_build_display(&b, VIEW("a \"b\" \\ <c>, d;e"));
    sip_unquote(buf_content(&b), &back);
    T_CHECK(!buf_err(&b) && !buf_err(&back));
    T_STR(buf_cstr(&back), "a \"b\" \\ <c>, d;e");
out:
    buf_fini(&b);
    buf_fini(&back);
}

T_MAIN(T(test_a_request_is_printed), T(test_no_line_is_smuggled_in), T(test_words_that_break_a_line_are_errors),
       T(test_a_response_copies_what_it_must), T(test_the_top_via_says_where_the_request_came_from),
       T(test_a_tag_is_added_only_where_one_is_missing), T(test_headers_are_copied_in_order),
       T(test_every_status_has_a_phrase), T(test_display_names_are_quoted_when_they_must_be))
