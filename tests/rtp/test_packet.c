#include "rtp/packet.h"

#include "support/t.h"

static struct view bytes_of(const void *p, size_t n)
{
    return view_of(p, n);
}

static void test_parse_reads_every_field(struct t *t)
{
    static const uint8_t wire[] = {
        0xb2, 0xe0, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x04, /* P, X, 2 CSRCs, M, type 96 */
        0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x00, 0x0b,                         /* CSRCs */
        0xbe, 0xde, 0x00, 0x01, 0x10, 0xff, 0x00, 0x00,                         /* one extension element */
        'h',  'i',  0x00, 0x00, 0x03,                                           /* payload, 3 of padding */
    };
    struct rtp_packet p;
    struct view ext;
    T_OK(rtp_parse(bytes_of(wire, sizeof wire), &p));
    T_EQ(p.payload_type, 96);
    T_CHECK(p.marker);
    T_EQ(p.seq, 0x1234);
    T_EQ(p.timestamp, 0xdeadbeef);
    T_EQ(p.ssrc, 0x01020304);
    T_EQ(p.csrc.n, 8);
    T_EQ(rtp_csrc(&p, 1), 11);
    T_CHECK(p.has_ext);
    T_CHECK(rtp_ext_find(&p, 1, &ext));
    T_EQ(ext.n, 1);
    T_EQ((uint8_t) ext.p[0], 0xff);
    T_CHECK(!rtp_ext_find(&p, 2, &ext));
    T_VIEW(p.payload, "hi");
    T_EQ(p.padding_bytes, 3);

    uint8_t again[sizeof wire];
    size_t n;
    T_OK(rtp_print(&p, again, sizeof again, &n));
    T_EQ(n, sizeof wire);
    T_MEM(again, wire, n);
    T_EQ(rtp_header_bytes(&p), 28);
    for (size_t room = 0; room < sizeof wire; room++)
        T_ERR(rtp_print(&p, again, room, &n), AHOY_ERR_LIMIT);
out:
    return;
}

static void test_parse_refuses_what_does_not_fit(struct t *t)
{
    uint8_t wire[64] = { 0x80, 0, 0, 1 };
    struct rtp_packet p;
    for (size_t n = 0; n < RTP_HEADER_BYTES; n++)
        T_ERR(rtp_parse(bytes_of(wire, n), &p), AHOY_ERR_SYNTAX);
    T_OK(rtp_parse(bytes_of(wire, 12), &p));
    T_EQ(p.payload.n, 0);
    wire[0] = 0x40; /* version 1 */
    T_ERR(rtp_parse(bytes_of(wire, 12), &p), AHOY_ERR_SYNTAX);
    wire[0] = 0x8f; /* 15 CSRCs */
    T_ERR(rtp_parse(bytes_of(wire, 12 + 59), &p), AHOY_ERR_SYNTAX);
    wire[0] = 0x90; /* an extension … */
    T_ERR(rtp_parse(bytes_of(wire, 15), &p), AHOY_ERR_SYNTAX);
    wire[15] = 1;
    T_ERR(rtp_parse(bytes_of(wire, 19), &p), AHOY_ERR_SYNTAX);
    T_OK(rtp_parse(bytes_of(wire, 20), &p));
    wire[0] = 0xa0; /* padding: none there, of length 0, too long */
    T_ERR(rtp_parse(bytes_of(wire, 12), &p), AHOY_ERR_SYNTAX);
    wire[13] = 0;
    T_ERR(rtp_parse(bytes_of(wire, 14), &p), AHOY_ERR_SYNTAX);
    wire[13] = 3;
    T_ERR(rtp_parse(bytes_of(wire, 14), &p), AHOY_ERR_SYNTAX);
    wire[13] = 2;
    T_OK(rtp_parse(bytes_of(wire, 14), &p));
    T_EQ(p.payload.n, 0);
out:
    return;
}

static void test_extensions_build_and_walk_in_both_forms(struct t *t)
{
    static const uint16_t forms[] = { RTP_EXT_ONE_BYTE, RTP_EXT_TWO_BYTE };
    for (size_t f = 0; f < 2; f++) {
        uint8_t data[64];
        size_t n = 0, at = 0;
        struct rtp_ext e = { 3, VIEW("abc") };
        T_OK(rtp_ext_put(forms[f], &e, data, sizeof data, &n));
        e = (struct rtp_ext){ 5, VIEW("0123456789abcdef") };
        T_OK(rtp_ext_put(forms[f], &e, data, sizeof data, &n));
        T_EQ(n % 4, 0);
        struct rtp_packet p = { .has_ext = true, .ext_profile = forms[f], .ext = view_of((char *) data, n) };
        T_CHECK(rtp_ext_next(&p, &at, &e));
        T_EQ(e.id, 3);
        T_VIEW(e.data, "abc");
        T_CHECK(rtp_ext_next(&p, &at, &e));
        T_EQ(e.id, 5);
        T_VIEW(e.data, "0123456789abcdef");
        T_CHECK(!rtp_ext_next(&p, &at, &e));
    }
    uint8_t data[8];
    size_t n = 0;
    struct rtp_ext e = { 15, VIEW("x") };
    T_ERR(rtp_ext_put(RTP_EXT_ONE_BYTE, &e, data, sizeof data, &n), AHOY_ERR_INVAL);
    e = (struct rtp_ext){ 1, VIEW("") };
    T_ERR(rtp_ext_put(RTP_EXT_ONE_BYTE, &e, data, sizeof data, &n), AHOY_ERR_INVAL);
    T_OK(rtp_ext_put(RTP_EXT_TWO_BYTE, &e, data, sizeof data, &n));
    e = (struct rtp_ext){ 1, VIEW("too long for it") };
    T_ERR(rtp_ext_put(RTP_EXT_TWO_BYTE, &e, data, sizeof data, &n), AHOY_ERR_LIMIT);
    T_ERR(rtp_ext_put(0x1234, &e, data, sizeof data, &n), AHOY_ERR_INVAL);
out:
    return;
}

static void test_extension_walk_stops_at_nonsense(struct t *t)
{
    struct rtp_packet p = { .has_ext = true,
                            .ext_profile = RTP_EXT_ONE_BYTE,
                            .ext = VIEW("\x1f"
                                        "abc") };
    struct rtp_ext e;
    size_t at = 0;
    T_CHECK(!rtp_ext_next(&p, &at, &e)); /* 16 bytes announced, 3 there */
    p.ext = VIEW("\xf0"
                 "abc");
    at = 0;
    T_CHECK(!rtp_ext_next(&p, &at, &e)); /* ID 15 ends */
    p.ext_profile = RTP_EXT_TWO_BYTE;
    p.ext = view_of("\0\0\0\x01", 4);
    at = 0;
    T_CHECK(!rtp_ext_next(&p, &at, &e)); /* an ID without its length */
    p.ext_profile = 0x4321;
    at = 0;
    T_CHECK(!rtp_ext_next(&p, &at, &e));
out:
    return;
}

static void test_one_port_tells_its_protocols_apart(struct t *t)
{
    T_EQ(rtp_classify(view_of("", 0)), RTP_KIND_UNKNOWN);
    T_EQ(rtp_classify(view_of("\x00\x01", 2)), RTP_KIND_STUN);
    T_EQ(rtp_classify(view_of("\x16\xfe", 2)), RTP_KIND_DTLS);
    T_EQ(rtp_classify(view_of("\x40\x00", 2)), RTP_KIND_TURN_CHANNEL);
    T_EQ(rtp_classify(view_of("\x80\x00", 2)), RTP_KIND_RTP);
    T_EQ(rtp_classify(view_of("\x80\xe0", 2)), RTP_KIND_RTP); /* marker, type 96 */
    T_EQ(rtp_classify(view_of("\x80\xff", 2)), RTP_KIND_RTP); /* marker, type 127 */
    T_EQ(rtp_classify(view_of("\x80\xc8", 2)), RTP_KIND_RTCP);
    T_EQ(rtp_classify(view_of("\x81\xcf", 2)), RTP_KIND_RTCP);
    T_EQ(rtp_classify(view_of("\x80\xbf", 2)), RTP_KIND_RTP);
    T_EQ(rtp_classify(view_of("\x10\x00", 2)), RTP_KIND_UNKNOWN);
    T_EQ(rtp_classify(view_of("\xff\x00", 2)), RTP_KIND_UNKNOWN);
out:
    return;
}

static void test_differences_wrap(struct t *t)
{
    T_EQ(rtp_seq_diff(0, 65535), 1);
    T_EQ(rtp_seq_diff(65535, 0), -1);
    T_EQ(rtp_seq_diff(32768, 0), -32768);
    T_EQ(rtp_seq_diff(32767, 0), 32767);
    T_EQ(rtp_ts_diff(0, UINT32_MAX), 1);
    T_EQ(rtp_ts_diff(UINT32_MAX, 0), -1);
    T_EQ(rtp_ts_diff(0x80000000u, 0), INT32_MIN);
    T_EQ(rtp_ts_diff(5, 5), 0);
out:
    return;
}

T_MAIN(T(test_parse_reads_every_field), T(test_parse_refuses_what_does_not_fit),
       T(test_extensions_build_and_walk_in_both_forms), T(test_extension_walk_stops_at_nonsense),
       T(test_one_port_tells_its_protocols_apart), T(test_differences_wrap))
