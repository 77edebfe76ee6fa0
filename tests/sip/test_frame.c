/* Cutting messages out of a stream: RFC 3261 section 18.3. */
#include "sip/parse_help.h"

#define FIRST  HELP_OPTIONS "Content-Length: 5\r\n\r\nhello"
#define SECOND HELP_INVITE "l:\r\n 0\r\n\r\n"

static const struct sip_limits limits = { .max_bytes = 4096, .max_headers = 100 };

static void test_messages_are_cut_in_order(struct t *t)
{
    struct view raw = VIEW("\r\n\r\n" FIRST SECOND "\r\n");
    size_t scanned = 0, skip, length;
    T_OK(sip_stream_frame(raw, &limits, &scanned, &skip, &length));
    T_EQ(skip, 4);
    T_EQ(length, sizeof FIRST - 1);
    raw = view_from(raw, skip + length);
    scanned = 0;
    T_OK(sip_stream_frame(raw, &limits, &scanned, &skip, &length));
    T_EQ(skip, 0);
    T_EQ(length, sizeof SECOND - 1);
    raw = view_from(raw, skip + length);
    scanned = 0;
    T_ERR(sip_stream_frame(raw, &limits, &scanned, &skip, &length), AHOY_ERR_INCOMPLETE);
    T_EQ(skip, 2);
out:;
}

/* Byte by byte, with and without the keep-alives dropped as they come. */
static void trickle(struct t *t, bool drop)
{
    static const char raw[] = "\r\n\r\n" FIRST;
    size_t scanned = 0, skip = 0, length = 0, dropped = 0;
    for (size_t n = 0; n < sizeof raw - 1; n++) {
        T_ERR(sip_stream_frame(view_of(raw + dropped, n - dropped), &limits, &scanned, &skip, &length),
              AHOY_ERR_INCOMPLETE);
        if (drop)
            dropped += skip;
    }
    T_OK(sip_stream_frame(view_of(raw + dropped, sizeof raw - 1 - dropped), &limits, &scanned, &skip, &length));
    T_EQ(dropped + skip, 4);
    T_EQ(length, sizeof FIRST - 1);
out:;
}

static void test_a_message_may_trickle_in(struct t *t)
{
    trickle(t, true);
    trickle(t, false);
}

static void test_the_cut_is_where_the_parser_ends(struct t *t)
{
    static const char *const heads[] = {
        "OPTIONS sip:b SIP/2.0\nl: 3\n\n",
        "OPTIONS sip:b SIP/2.0\r\nl : 3\r\n \r\nX: 1\r\n\r\n",
        "OPTIONS sip:b SIP/2.0\r\nX: a\r\n b\r\n l: 9\r\nCONTENT-length\t:\r\n\t3\n\r\n",
        "OPTIONS sip:b SIP/2.0\r\nX: a\r\n\tl: 9\r\nlx: 8\r\nl: 3\r\n\n",
    };
    struct buf b;
    struct sip_msg *m = NULL;
    buf_init(&b, 1000);
    for (size_t i = 0; i < AHOY_COUNT(heads); i++) {
        size_t scanned = 0, skip, length;
        struct sip_fault fault;
        buf_clear(&b);
        buf_str(&b, heads[i]);
        buf_str(&b, "abcNEXT");
        T_OK(buf_err(&b));
        T_OK(sip_stream_frame(buf_content(&b), &limits, &scanned, &skip, &length));
        T_EQ(length, strlen(heads[i]) + 3);
        T_OK(sip_msg_parse(&m, view_first(buf_content(&b), length), SIP_FRAMING_STREAM, &limits, &fault));
        T_VIEW(m->body, "abc");
        sip_msg_unref(m);
        m = NULL;
    }
out:
    sip_msg_unref(m);
    buf_fini(&b);
}

static void test_a_stream_without_usable_length_cannot_be_followed(struct t *t)
{
    static const char *const bad[] = {
        HELP_OPTIONS "\r\n",
        HELP_OPTIONS "Content-Length: -999\r\n\r\n",
        HELP_OPTIONS "Content-Length: 1 1\r\n\r\n",
        HELP_OPTIONS "Content-Length:\r\n\r\n",
        HELP_OPTIONS "Content-Length: 18446744073709551615\r\n\r\n",
        HELP_OPTIONS "Content-Length: 36893488147419103232\r\n\r\n",
        HELP_OPTIONS "Content-Length: 13\r\nl: 5\r\n\r\n",
        HELP_OPTIONS "l: 0\r\nl: 0\r\n\r\n",
    };
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        size_t scanned = 0, skip, length = 0;
        T_ERR(sip_stream_frame(view_str(bad[i]), &limits, &scanned, &skip, &length), AHOY_ERR_SYNTAX);
        T_EQ(length, strlen(bad[i])); /* the head, so that it can be answered */
    }
out:;
}

static void test_hostile_lengths_are_refused_at_once(struct t *t)
{
    static const char *const big[] = {
        HELP_OPTIONS "Content-Length: 4096\r\n\r\n",
        HELP_OPTIONS "Content-Length: 4294967295\r\n\r\n",
        HELP_OPTIONS "Content-Length: 2305843009213693951\r\n\r\n",
    };
    for (size_t i = 0; i < AHOY_COUNT(big); i++) {
        size_t scanned = 0, skip, length = 0;
        T_ERR(sip_stream_frame(view_str(big[i]), &limits, &scanned, &skip, &length), AHOY_ERR_LIMIT);
        T_EQ(length, strlen(big[i]));
    }
out:;
}

static void test_a_head_without_end_is_refused_at_the_limit(struct t *t)
{
    char raw[4200];
    size_t scanned = 0, skip, length = 1;
    memset(raw, 'a', sizeof raw);
    T_ERR(sip_stream_frame(view_of(raw, 4096), &limits, &scanned, &skip, &length), AHOY_ERR_INCOMPLETE);
    T_ERR(sip_stream_frame(view_of(raw, 4097), &limits, &scanned, &skip, &length), AHOY_ERR_LIMIT);
    T_EQ(length, 0);
out:;
}

static void test_keep_alives_alone_are_only_skipped(struct t *t)
{
    size_t scanned = 0, skip = 9, length;
    T_ERR(sip_stream_frame(VIEW(""), &limits, &scanned, &skip, &length), AHOY_ERR_INCOMPLETE);
    T_EQ(skip, 0);
    T_ERR(sip_stream_frame(VIEW("\r"), &limits, &scanned, &skip, &length), AHOY_ERR_INCOMPLETE);
    T_EQ(skip, 0);
    T_ERR(sip_stream_frame(VIEW("\r\n\r\n"), &limits, &scanned, &skip, &length), AHOY_ERR_INCOMPLETE);
    T_EQ(skip, 4);
    T_OK(sip_stream_frame(VIEW(FIRST), &limits, &scanned, &skip, &length));
    T_EQ(length, sizeof FIRST - 1);
out:;
}

T_MAIN(T(test_messages_are_cut_in_order), T(test_a_message_may_trickle_in), T(test_the_cut_is_where_the_parser_ends),
       T(test_a_stream_without_usable_length_cannot_be_followed), T(test_hostile_lengths_are_refused_at_once),
       T(test_a_head_without_end_is_refused_at_the_limit), T(test_keep_alives_alone_are_only_skipped))
