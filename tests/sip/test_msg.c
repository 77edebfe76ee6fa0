#include "sip/parse_help.h"

#include "base/mem.h"

static void test_a_request_is_taken_apart(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW(HELP_INVITE "Content-Length: 4\r\n\r\nbodytail"), &fault));
    T_CHECK(m->is_request);
    T_EQ(m->method, SIP_METHOD_INVITE);
    T_VIEW(m->uri, "sip:b@example.com");
    T_VIEW(m->version, "SIP/2.0");
    T_EQ(m->hdr_count, 7);
    T_VIEW(m->body, "body");
    T_VIEW(sip_msg_value(m, SIP_HDR_CALL_ID), "c1@example.com");
    T_CHECK(m->head.n > 4 && memcmp(m->head.p + m->head.n - 4, "\r\n\r\n", 4) == 0);
out:
    sip_msg_unref(m);
}

static void test_a_response_is_taken_apart(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW("SIP/2.0 486 Busy Here\r\n" HELP_LINES "CSeq: 7 INVITE\r\n\r\n"), &fault));
    T_CHECK(!m->is_request);
    T_EQ(m->status, 486);
    T_VIEW(m->reason, "Busy Here");
    sip_msg_unref(m);
    m = NULL;
    T_OK(help_parse(&m, VIEW("sip/2.0 200\r\nVia: x\r\n\r\n"),
                    &fault)); /* case of the version, no space behind the code */
    T_EQ(m->status, 200);
    T_VIEW(m->reason, "");
out:
    sip_msg_unref(m);
}

static void test_the_message_is_one_allocation_and_its_own_copy(struct t *t)
{
    char raw[] = HELP_OPTIONS "\r\n";
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct sip_core *core;
    size_t before = t_live_blocks();
    T_OK(help_parse(&m, view_of(raw, sizeof raw - 1), &fault));
    memset(raw, 'x', sizeof raw);
    T_OK(sip_msg_check(m, &fault));
    T_OK(sip_msg_core(m, &core));
    T_EQ(t_live_blocks() - before, 1);
    T_VIEW(core->call_id, "c1@example.com");
    T_VIEW(core->via.branch, "z9hG4bKabc");
out:
    sip_msg_unref(m);
}

static void test_a_reference_keeps_the_message(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW(HELP_OPTIONS "\r\n"), &fault));
    sip_msg_ref(m);
    sip_msg_unref(m);
    T_EQ(m->method, SIP_METHOD_OPTIONS);
out:
    sip_msg_unref(m);
    sip_msg_unref(NULL);
}

static void test_names_have_any_case_and_compact_forms(struct t *t)
{
    static const char raw[] =
        "OPTIONS sip:b@example.com SIP/2.0\r\nv: 1\r\nVIA: 2\r\nM: c\r\nf:from\r\nt :to\r\ni\t: id\r\n"
        "k: a\r\nl: 0\r\nX-Own: one\r\nx-OWN: two\r\nZ: z\r\n\r\n";
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, view_of(raw, sizeof raw - 1), &fault));
    const struct sip_hdr *via = sip_msg_first(m, SIP_HDR_VIA);
    T_CHECK(via && (via = sip_msg_next(m, via)) != NULL);
    T_VIEW(via->value, "2");
    T_CHECK(sip_msg_next(m, via) == NULL);
    T_VIEW(sip_msg_value(m, SIP_HDR_CONTACT), "c");
    T_VIEW(sip_msg_value(m, SIP_HDR_FROM), "from");
    T_VIEW(sip_msg_value(m, SIP_HDR_TO), "to");
    T_VIEW(sip_msg_value(m, SIP_HDR_CALL_ID), "id");
    const struct sip_hdr *own = sip_msg_named(m, VIEW("X-OWN"));
    T_CHECK(own && (own = sip_msg_next(m, own)) != NULL);
    T_VIEW(own->value, "two");
    T_CHECK(sip_msg_next(m, own) == NULL && sip_msg_named(m, VIEW("Y")) == NULL);
    T_CHECK(sip_msg_named(m, VIEW("z")) != NULL && sip_msg_first(m, SIP_HDR_SUBJECT) == NULL);
    T_CHECK(sip_msg_named(m, VIEW("Supported")) == sip_msg_first(m, SIP_HDR_SUPPORTED));
out:
    sip_msg_unref(m);
}

static void test_folded_lines_are_one_value(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW("OPTIONS sip:b@x SIP/2.0\r\nSubject:\r\n first\r\n\tsecond \r\n \r\nTo: x\r\n\r\n"),
                    &fault));
    T_EQ(m->hdr_count, 2);
    T_VIEW(sip_msg_value(m, SIP_HDR_SUBJECT), "first\r\n\tsecond");
out:
    sip_msg_unref(m);
}

static void test_line_feeds_alone_end_lines(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW("OPTIONS sip:b@x SIP/2.0\nTo: x\nSubject: a\n b\n\nbody"), &fault));
    T_EQ(m->hdr_count, 2);
    T_VIEW(sip_msg_value(m, SIP_HDR_SUBJECT), "a\n b");
    T_VIEW(m->body, "body");
out:
    sip_msg_unref(m);
}

static void test_empty_lines_in_front_are_skipped(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW("\r\n\r\n\nOPTIONS sip:b@x SIP/2.0\r\nTo: x\r\n\r\n"), &fault));
    T_CHECK(view_starts(m->head, VIEW("OPTIONS")));
out:
    sip_msg_unref(m);
}

/* What is no SIP, or a broken response or ACK, is dropped: status 0 and no message. */
static void test_what_cannot_be_answered_is_dropped(struct t *t)
{
    const struct view raw[] = {
        VIEW(""),
        VIEW("\r\n"),
        VIEW("\r\n\r\n\r\n"),
        VIEW("\0\0\0\0"),
        VIEW("hello"),
        VIEW("hello\r\n\r\n"),
        VIEW("GET / HTTP/1.1\r\n\r\n"),
        VIEW("SIP/2.0\r\n\r\n"),
        VIEW("SIP/2.0 20 OK\r\n\r\n"),
        VIEW("SIP/2.0 2000 OK\r\n\r\n"),
        VIEW("SIP/2.0 099 OK\r\n\r\n"),
        VIEW("SIP/2.0 700 OK\r\n\r\n"),
        VIEW("SIP/3.0 200 OK\r\n\r\n"),
        VIEW("SIP/2.0 -20 OK\r\n\r\n"),
        VIEW("SIP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
        VIEW("SIP/2.0 200 OK\r\nno colon\r\n\r\n"),
        VIEW("ACK sip:b SIP/2.0\r\nContent-Length: x\r\n\r\n"),
        VIEW("OPTIONS sip:b SIP/2.0"),
        VIEW("OPTIONS sip:b SIP/\r\n\r\n"),
        VIEW("OPTIONS\0sip:b SIP/2.0\r\n\r\n"),
    };
    struct sip_msg *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(raw); i++) {
        struct sip_fault fault = { .status = 1 };
        T_ERR(help_parse(&m, raw[i], &fault), AHOY_ERR_SYNTAX);
        T_EQ(fault.status, 0);
        T_CHECK(m == NULL && fault.text != NULL);
    }
out:
    sip_msg_unref(m);
}

static void test_faulty_requests_can_be_answered(struct t *t)
{
    static const struct {
        struct view raw;
        unsigned status, offset;
    } want[] = {
        { VIEW("OPTIONS sip:b SIP/2.0\r\nTo x\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\n: x\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\n folded: x\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nTo: a\rb\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nTo: a\r\n"), 400, 30 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nTo: a"), 400, 28 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nl: 1\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nl: 0\r\nl: 0\r\n\r\n"), 400, 29 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nl: 99999999999999999999999\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nl: 0x0\r\n\r\n"), 400, 23 },
        { VIEW("OPTIONS sip:b SIP/2.0\r\nl:\r\n\r\n"), 400, 23 },
        { VIEW("OPTI(NS sip:b SIP/2.0\r\n\r\n"), 400, 4 },
        { VIEW("OPTIONS  SIP/2.0\r\n\r\n"), 400, 7 },
        { VIEW("OPTIONS sip:b SIP/2.0 \r\n\r\n"), 400, 7 },
        { VIEW("OPTIONS\tsip:b SIP/2.0\r\n\r\n"), 400, 7 },
        { VIEW("OPTIONS sip:b SIP/2.1\r\n\r\n"), 505, 14 },
        { VIEW("OPTIONS sip: b SIP/12345678901234567890123.0\r\nx\r\n\r\n"), 505, 15 },
    };
    struct sip_msg *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        struct sip_fault fault = { 0 };
        T_ERR(help_parse(&m, want[i].raw, &fault), AHOY_ERR_SYNTAX);
        T_EQ(fault.status, want[i].status);
        T_EQ(fault.offset, want[i].offset);
        T_CHECK(m && m->is_request);
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
}

static void test_the_size_is_limited(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault = { 0 };
    struct view raw = VIEW(HELP_OPTIONS "\r\n");
    struct sip_limits limits = { .max_bytes = (uint32_t) raw.n - 1, .max_headers = 100 };
    T_ERR(sip_msg_parse(&m, raw, SIP_FRAMING_DATAGRAM, &limits, &fault), AHOY_ERR_LIMIT);
    T_CHECK(m == NULL && fault.status == 0);
    limits.max_bytes++;
    T_OK(sip_msg_parse(&m, raw, SIP_FRAMING_DATAGRAM, &limits, &fault));
out:
    sip_msg_unref(m);
}

/* More header fields than the table on the stack has room for, up to and beyond the limit. */
static void test_the_number_of_header_fields_is_limited(struct t *t)
{
    struct buf b;
    struct sip_msg *m = NULL;
    buf_init(&b, 65535);
    for (unsigned count = 46; count <= 301; count = count < 50 ? count + 1 : count + 251) {
        struct sip_fault fault = { 0 };
        struct sip_limits limits = { .max_bytes = 65535, .max_headers = 300 };
        buf_clear(&b);
        buf_str(&b, "OPTIONS sip:b SIP/2.0\r\n");
        for (unsigned i = 0; i < count; i++)
            buf_printf(&b, "X: %u\r\n", i);
        buf_str(&b, "\r\nbody");
        T_OK(buf_err(&b));
        T_ERR(sip_msg_parse(&m, buf_content(&b), SIP_FRAMING_DATAGRAM, &limits, &fault),
              count > 300 ? AHOY_ERR_LIMIT : AHOY_OK);
        T_CHECK(m != NULL);
        T_EQ(m->hdr_count, AHOY_MIN(count, 300u));
        T_VIEW(m->hdr[45].value, "45");
        T_CHECK(count > 300 ? fault.status == 513 : view_eq(m->body, VIEW("body")));
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_a_stream_needs_a_content_length(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault = { 0 };
    const struct sip_limits limits = SIP_LIMITS_DEFAULT;
    T_ERR(sip_msg_parse(&m, VIEW(HELP_OPTIONS "\r\n"), SIP_FRAMING_STREAM, &limits, &fault), AHOY_ERR_SYNTAX);
    T_EQ(fault.status, 400);
    sip_msg_unref(m);
    m = NULL;
    T_OK(sip_msg_parse(&m, VIEW(HELP_OPTIONS "l: 2\r\n\r\nab"), SIP_FRAMING_STREAM, &limits, &fault));
out:
    sip_msg_unref(m);
}

static void test_unknown_methods_headers_and_bodies_come_through_untouched(struct t *t)
{
    /* RFC 3204 section 3: an ISUP body of any bytes beside the SDP. */
    static const char raw[] = "FUTURE sip:b@example.com SIP/2.0\r\n" HELP_LINES
                              "CSeq: 7 FUTURE\r\nX-Future:  a  b;;c \r\n"
                              "Content-Type: application/ISUP;version=nxv3;base=etsi121\r\nContent-Length: 8\r\n\r\n"
                              "\001\000\r\n\r\n\377-";
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_accept(&m, view_of(raw, sizeof raw - 1), &fault));
    T_EQ(m->method, SIP_METHOD_UNKNOWN);
    T_VIEW(m->method_text, "FUTURE");
    T_VIEW(sip_msg_named(m, VIEW("x-future"))->value, "a  b;;c");
    T_MEM(m->body.p, "\001\000\r\n\r\n\377-", 8);
    T_EQ(m->body.n, 8);
    T_MEM(m->head.p, raw, m->head.n);
out:
    sip_msg_unref(m);
}

static void test_tokens_are_found_over_all_fields(struct t *t)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    T_OK(help_parse(&m, VIEW("OPTIONS sip:b SIP/2.0\r\nSupported: timer , 100REL\r\nk:\r\nk: path\r\n\r\n"), &fault));
    T_CHECK(sip_msg_has_token(m, SIP_HDR_SUPPORTED, VIEW("100rel"))
            && sip_msg_has_token(m, SIP_HDR_SUPPORTED, VIEW("path")));
    T_CHECK(!sip_msg_has_token(m, SIP_HDR_SUPPORTED, VIEW("tim"))
            && !sip_msg_has_token(m, SIP_HDR_REQUIRE, VIEW("timer")));
out:
    sip_msg_unref(m);
}

T_MAIN(T(test_a_request_is_taken_apart), T(test_a_response_is_taken_apart),
       T(test_the_message_is_one_allocation_and_its_own_copy), T(test_a_reference_keeps_the_message),
       T(test_names_have_any_case_and_compact_forms), T(test_folded_lines_are_one_value),
       T(test_line_feeds_alone_end_lines), T(test_empty_lines_in_front_are_skipped),
       T(test_what_cannot_be_answered_is_dropped), T(test_faulty_requests_can_be_answered), T(test_the_size_is_limited),
       T(test_the_number_of_header_fields_is_limited), T(test_a_stream_needs_a_content_length),
       T(test_unknown_methods_headers_and_bodies_come_through_untouched), T(test_tokens_are_found_over_all_fields))
