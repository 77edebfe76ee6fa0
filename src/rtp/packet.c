#include "rtp/packet.h"

#include "rtp/wire.h"

enum { VERSION = 2 };

enum ahoy_err rtp_parse(struct view d, struct rtp_packet *out)
{
    struct rtp_packet p = { 0 };
    if (d.n < RTP_HEADER_BYTES || wire_u8(d.p) >> 6 != VERSION)
        return AHOY_ERR_SYNTAX;
    uint8_t first = wire_u8(d.p);
    p.marker = (wire_u8(d.p + 1) & 0x80) != 0;
    p.payload_type = wire_u8(d.p + 1) & 0x7f;
    p.seq = wire_u16(d.p + 2);
    p.timestamp = wire_u32(d.p + 4);
    p.ssrc = wire_u32(d.p + 8);
    struct view rest = view_of(d.p + RTP_HEADER_BYTES, d.n - RTP_HEADER_BYTES);

    size_t csrc_bytes = 4 * (size_t) (first & 0x0f);
    if (csrc_bytes > rest.n)
        return AHOY_ERR_SYNTAX;
    p.csrc = view_first(rest, csrc_bytes);
    rest = view_from(rest, csrc_bytes);

    if (first & 0x10) {
        if (rest.n < 4)
            return AHOY_ERR_SYNTAX;
        size_t ext_bytes = 4 * (size_t) wire_u16(rest.p + 2);
        p.has_ext = true;
        p.ext_profile = wire_u16(rest.p);
        rest = view_from(rest, 4);
        if (ext_bytes > rest.n)
            return AHOY_ERR_SYNTAX;
        p.ext = view_first(rest, ext_bytes);
        rest = view_from(rest, ext_bytes);
    }
    if (first & 0x20) {
        if (rest.n == 0)
            return AHOY_ERR_SYNTAX;
        p.padding_bytes = wire_u8(rest.p + rest.n - 1);
        if (p.padding_bytes == 0 || p.padding_bytes > rest.n)
            return AHOY_ERR_SYNTAX;
    }
    p.payload = view_first(rest, rest.n - p.padding_bytes);
    *out = p;
    return AHOY_OK;
}

uint32_t rtp_csrc(const struct rtp_packet *p, size_t i)
{
    AHOY_ASSERT(i < p->csrc.n / 4);
    return wire_u32(p->csrc.p + 4 * i);
}

size_t rtp_header_bytes(const struct rtp_packet *p)
{
    return RTP_HEADER_BYTES + p->csrc.n + (p->has_ext ? 4 + p->ext.n : 0);
}

enum ahoy_err rtp_print_header(const struct rtp_packet *p, void *dst, size_t max, size_t *n)
{
    size_t bytes = rtp_header_bytes(p);
    if (p->payload_type > 127 || p->csrc.n % 4 > 0 || p->csrc.n > 4 * RTP_MAX_CSRC || p->ext.n % 4 > 0
        || p->ext.n / 4 > UINT16_MAX)
        return AHOY_ERR_INVAL;
    if (bytes > max)
        return AHOY_ERR_LIMIT;
    uint8_t *o = dst;
    o[0] = (uint8_t) (VERSION << 6 | (p->padding_bytes > 0 ? 0x20 : 0) | (p->has_ext ? 0x10 : 0) | (p->csrc.n / 4));
    o[1] = (uint8_t) ((p->marker ? 0x80 : 0) | p->payload_type);
    wire_put16(o + 2, p->seq);
    wire_put32(o + 4, p->timestamp);
    wire_put32(o + 8, p->ssrc);
    o += RTP_HEADER_BYTES;
    if (p->csrc.n > 0)
        memcpy(o, p->csrc.p, p->csrc.n);
    o += p->csrc.n;
    if (p->has_ext) {
        wire_put16(o, p->ext_profile);
        wire_put16(o + 2, (uint16_t) (p->ext.n / 4));
        if (p->ext.n > 0)
            memcpy(o + 4, p->ext.p, p->ext.n);
    }
    *n = bytes;
    return AHOY_OK;
}

enum ahoy_err rtp_print(const struct rtp_packet *p, void *dst, size_t max, size_t *n)
{
    size_t head;
    enum ahoy_err err = rtp_print_header(p, dst, max, &head);
    if (err)
        return err;
    size_t tail = p->payload.n + p->padding_bytes;
    if (tail > max - head)
        return AHOY_ERR_LIMIT;
    uint8_t *o = (uint8_t *) dst + head;
    if (p->payload.n > 0)
        memcpy(o, p->payload.p, p->payload.n);
    if (p->padding_bytes > 0) {
        memset(o + p->payload.n, 0, p->padding_bytes);
        o[tail - 1] = p->padding_bytes;
    }
    *n = head + tail;
    return AHOY_OK;
}

/* RFC 8285 section 4.3: the low four bits of the two-byte form are for the application. */
static bool is_two_byte(uint16_t profile)
{
    return (profile & 0xfff0) == RTP_EXT_TWO_BYTE;
}

bool rtp_ext_next(const struct rtp_packet *p, size_t *at, struct rtp_ext *out)
{
    bool two = is_two_byte(p->ext_profile);
    if (!p->has_ext || (!two && p->ext_profile != RTP_EXT_ONE_BYTE))
        return false;
    size_t i = *at;
    while (i < p->ext.n && p->ext.p[i] == 0)
        i++;
    if (i >= p->ext.n || (two && i + 1 >= p->ext.n))
        return false;
    uint8_t head = wire_u8(p->ext.p + i);
    uint8_t id = two ? head : head >> 4;
    size_t bytes = two ? wire_u8(p->ext.p + i + 1) : (size_t) (head & 0x0f) + 1;
    i += two ? 2 : 1;
    if (!two && (id == 15 || id == 0)) /* 15 ends the walk; 0 with a length is padding gone wrong */
        return false;
    if (bytes > p->ext.n - i)
        return false;
    out->id = id;
    out->data = view_first(view_from(p->ext, i), bytes);
    *at = i + bytes;
    return true;
}

bool rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct view *out)
{
    struct rtp_ext e;
    size_t at = 0;
    while (rtp_ext_next(p, &at, &e)) {
        if (e.id == id) {
            *out = e.data;
            return true;
        }
    }
    return false;
}

enum ahoy_err rtp_ext_put(uint16_t profile, const struct rtp_ext *ext, uint8_t *dst, size_t max, size_t *n)
{
    bool two = is_two_byte(profile);
    if (!two && profile != RTP_EXT_ONE_BYTE)
        return AHOY_ERR_INVAL;
    if (ext->id == 0 || ext->data.n > (two ? 255u : 16u) || (!two && (ext->id > 14 || ext->data.n == 0)))
        return AHOY_ERR_INVAL;
    size_t head = two ? 2 : 1;
    size_t end = *n + head + ext->data.n;
    size_t padded = (end + 3) / 4 * 4;
    if (padded > max)
        return AHOY_ERR_LIMIT;
    uint8_t *o = dst + *n;
    if (two) {
        o[0] = ext->id;
        o[1] = (uint8_t) ext->data.n;
    } else {
        o[0] = (uint8_t) ((unsigned) ext->id << 4 | ((unsigned) ext->data.n - 1));
    }
    if (ext->data.n > 0)
        memcpy(o + head, ext->data.p, ext->data.n);
    memset(dst + end, 0, padded - end);
    *n = padded;
    return AHOY_OK;
}

enum rtp_kind rtp_classify(struct view d)
{
    if (d.n == 0)
        return RTP_KIND_UNKNOWN;
    uint8_t first = wire_u8(d.p);
    if (first <= 3)
        return RTP_KIND_STUN;
    if (first >= 20 && first <= 63)
        return RTP_KIND_DTLS;
    if (first >= 64 && first <= 79)
        return RTP_KIND_TURN_CHANNEL;
    if (first < 128 || first > 191 || d.n < 2)
        return RTP_KIND_UNKNOWN;
    /* RFC 5761 section 4: RTCP's types 192 … 223 are RTP's marker with payload types 64 … 95, which are not used. */
    uint8_t second = wire_u8(d.p + 1);
    return second >= 192 && second <= 223 ? RTP_KIND_RTCP : RTP_KIND_RTP;
}
