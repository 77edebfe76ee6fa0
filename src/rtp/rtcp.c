#include "rtp/rtcp.h"

#include "rtp/wire.h"

enum { VERSION = 2, HEADER_BYTES = 4, REPORT_BYTES = 24, SENDER_BYTES = 20, VOIP_BYTES = 32 };

enum ahoy_err rtcp_next(struct view *rest, struct rtcp_packet *out)
{
    if (rest->n == 0)
        return AHOY_ERR_END;
    if (rest->n < HEADER_BYTES || wire_u8(rest->p) >> 6 != VERSION)
        return AHOY_ERR_SYNTAX;
    uint8_t first = wire_u8(rest->p);
    size_t bytes = 4 * ((size_t) wire_u16(rest->p + 2) + 1);
    if (bytes > rest->n)
        return AHOY_ERR_SYNTAX;
    size_t padding = 0;
    if (first & 0x20) {
        /* Padding belongs into the last packet only (RFC 3550 section 6.4.1). */
        padding = wire_u8(rest->p + bytes - 1);
        if (bytes != rest->n || padding == 0 || padding % 4 > 0 || padding > bytes - HEADER_BYTES)
            return AHOY_ERR_SYNTAX;
    }
    out->count = first & 0x1f;
    out->type = wire_u8(rest->p + 1);
    out->body = view_first(view_from(*rest, HEADER_BYTES), bytes - HEADER_BYTES - padding);
    *rest = view_from(*rest, bytes);
    return AHOY_OK;
}

enum ahoy_err rtcp_check(struct view d, bool reduced_size)
{
    struct rtcp_packet p;
    enum ahoy_err err = rtcp_next(&d, &p);
    if (err || p.type < 192 || p.type > 223)
        return AHOY_ERR_SYNTAX;
    if (!reduced_size && p.type != RTCP_SR && p.type != RTCP_RR)
        return AHOY_ERR_SYNTAX;
    do
        err = rtcp_next(&d, &p);
    while (!err);
    return err == AHOY_ERR_END ? AHOY_OK : err;
}

bool rtcp_sender(const struct rtcp_packet *p, uint32_t *ssrc)
{
    bool listed = p->type == RTCP_SDES || p->type == RTCP_BYE; /* by count */
    if (p->body.n < 4 || (listed && p->count == 0))
        return false;
    *ssrc = wire_u32(p->body.p);
    return true;
}

enum ahoy_err rtcp_parse_reports(const struct rtcp_packet *p, struct rtcp_reports *out)
{
    struct rtcp_reports r = { .has_sender = p->type == RTCP_SR, .n = p->count };
    size_t head = 4u + (r.has_sender ? SENDER_BYTES : 0u);
    if (p->body.n < head + r.n * REPORT_BYTES)
        return AHOY_ERR_SYNTAX;
    const char *b = p->body.p;
    r.ssrc = wire_u32(b);
    if (r.has_sender) {
        r.sender.ntp = wire_u64(b + 4);
        r.sender.timestamp = wire_u32(b + 12);
        r.sender.packets = wire_u32(b + 16);
        r.sender.octets = wire_u32(b + 20);
    }
    r.blocks = view_first(view_from(p->body, head), r.n * REPORT_BYTES);
    *out = r;
    return AHOY_OK;
}

struct rtcp_report rtcp_report_at(const struct rtcp_reports *r, size_t i)
{
    AHOY_ASSERT(i < r->n);
    const char *b = r->blocks.p + i * REPORT_BYTES;
    uint32_t lost = wire_u32(b + 4) & 0xffffff;
    return (struct rtcp_report){
        .ssrc = wire_u32(b),
        .fraction_lost = wire_u8(b + 4),
        .lost = lost < 0x800000 ? (int32_t) lost : (int32_t) lost - 0x1000000,
        .ext_seq = wire_u32(b + 8),
        .jitter = wire_u32(b + 12),
        .lsr = wire_u32(b + 16),
        .dlsr = wire_u32(b + 20),
    };
}

void rtcp_sdes_begin(const struct rtcp_packet *p, struct rtcp_sdes_iter *it)
{
    *it = (struct rtcp_sdes_iter){ .rest = p->body, .chunks = p->count };
}

/* The null item ends a chunk; the next one begins at a multiple of four bytes. Chunks themselves begin at such. */
static void end_chunk(struct rtcp_sdes_iter *it)
{
    size_t to_word = it->rest.n % 4;
    it->rest = view_from(it->rest, to_word > 0 ? to_word : 4);
    it->inside = false;
}

enum ahoy_err rtcp_sdes_next(struct rtcp_sdes_iter *it, struct rtcp_sdes_item *out)
{
    for (;;) {
        if (!it->inside) {
            if (it->chunks == 0)
                return AHOY_ERR_END;
            if (it->rest.n < 4)
                return AHOY_ERR_SYNTAX;
            it->chunks--;
            it->ssrc = wire_u32(it->rest.p);
            it->rest = view_from(it->rest, 4);
            it->inside = true;
        }
        if (it->rest.n == 0)
            return AHOY_ERR_SYNTAX;
        if (it->rest.p[0] == 0) {
            end_chunk(it);
            continue;
        }
        if (it->rest.n < 2)
            return AHOY_ERR_SYNTAX;
        size_t bytes = wire_u8(it->rest.p + 1);
        if (bytes > it->rest.n - 2)
            return AHOY_ERR_SYNTAX;
        *out = (struct rtcp_sdes_item){ it->ssrc, wire_u8(it->rest.p), view_first(view_from(it->rest, 2), bytes) };
        it->rest = view_from(it->rest, 2 + bytes);
        return AHOY_OK;
    }
}

enum ahoy_err rtcp_parse_bye(const struct rtcp_packet *p, struct rtcp_bye *out)
{
    struct rtcp_bye b = { .n = p->count };
    if (p->body.n < 4 * b.n)
        return AHOY_ERR_SYNTAX;
    b.sources = view_first(p->body, 4 * b.n);
    size_t at = 4 * b.n;
    if (p->body.n > at) {
        size_t bytes = wire_u8(p->body.p + at);
        if (bytes > p->body.n - at - 1)
            return AHOY_ERR_SYNTAX;
        b.reason = view_first(view_from(p->body, at + 1), bytes);
    }
    *out = b;
    return AHOY_OK;
}

uint32_t rtcp_bye_ssrc(const struct rtcp_bye *b, size_t i)
{
    AHOY_ASSERT(i < b->n);
    return wire_u32(b->sources.p + 4 * i);
}

enum ahoy_err rtcp_parse_app(const struct rtcp_packet *p, struct rtcp_app *out)
{
    if (p->body.n < 8)
        return AHOY_ERR_SYNTAX;
    *out = (struct rtcp_app){
        .subtype = p->count,
        .ssrc = wire_u32(p->body.p),
        .name = view_first(view_from(p->body, 4), 4),
        .data = view_from(p->body, 8),
    };
    return AHOY_OK;
}

enum ahoy_err rtcp_parse_feedback(const struct rtcp_packet *p, struct rtcp_feedback *out)
{
    if (p->body.n < 8)
        return AHOY_ERR_SYNTAX;
    *out = (struct rtcp_feedback){
        .type = p->type,
        .format = p->count,
        .sender = wire_u32(p->body.p),
        .media = wire_u32(p->body.p + 4),
        .fci = view_from(p->body, 8),
    };
    return AHOY_OK;
}

/* ---- extended reports (RFC 3611) --------------------------------------------------------------------------------- */

enum ahoy_err rtcp_xr_begin(const struct rtcp_packet *p, struct rtcp_xr_iter *it)
{
    if (p->body.n < 4)
        return AHOY_ERR_SYNTAX;
    *it = (struct rtcp_xr_iter){ .ssrc = wire_u32(p->body.p), .rest = view_from(p->body, 4) };
    return AHOY_OK;
}

enum ahoy_err rtcp_xr_next(struct rtcp_xr_iter *it, struct rtcp_xr_block *out)
{
    if (it->rest.n == 0)
        return AHOY_ERR_END;
    if (it->rest.n < 4)
        return AHOY_ERR_SYNTAX;
    size_t bytes = 4 * (size_t) wire_u16(it->rest.p + 2);
    if (bytes > it->rest.n - 4)
        return AHOY_ERR_SYNTAX;
    out->type = wire_u8(it->rest.p);
    out->specific = wire_u8(it->rest.p + 1);
    out->body = view_first(view_from(it->rest, 4), bytes);
    it->rest = view_from(it->rest, 4 + bytes);
    return AHOY_OK;
}

enum ahoy_err rtcp_parse_rrtr(const struct rtcp_xr_block *b, uint64_t *ntp)
{
    if (b->type != RTCP_XR_RRTR || b->body.n != 8)
        return AHOY_ERR_SYNTAX;
    *ntp = wire_u64(b->body.p);
    return AHOY_OK;
}

enum ahoy_err rtcp_parse_dlrr(const struct rtcp_xr_block *b, struct rtcp_dlrr *out, size_t max, size_t *n)
{
    if (b->type != RTCP_XR_DLRR || b->body.n % 12 > 0)
        return AHOY_ERR_SYNTAX;
    size_t count = AHOY_MIN(b->body.n / 12, max);
    for (size_t i = 0; i < count; i++) {
        const char *p = b->body.p + 12 * i;
        out[i] = (struct rtcp_dlrr){ wire_u32(p), wire_u32(p + 4), wire_u32(p + 8) };
    }
    *n = count;
    return AHOY_OK;
}

void rtcp_voip_init(struct rtcp_voip *v, uint32_t ssrc)
{
    *v = (struct rtcp_voip){
        .ssrc = ssrc,
        .signal_dbm = RTCP_VOIP_UNKNOWN,
        .noise_dbm = RTCP_VOIP_UNKNOWN,
        .rerl_db = RTCP_VOIP_UNKNOWN,
        .gmin = 16,
        .r_factor = RTCP_VOIP_UNKNOWN,
        .ext_r_factor = RTCP_VOIP_UNKNOWN,
        .mos_lq_10 = RTCP_VOIP_UNKNOWN,
        .mos_cq_10 = RTCP_VOIP_UNKNOWN,
    };
}

static int8_t signed_of(uint8_t x)
{
    return (int8_t) (x < 128 ? (int) x : (int) x - 256);
}

enum ahoy_err rtcp_parse_voip(const struct rtcp_xr_block *b, struct rtcp_voip *out)
{
    if (b->type != RTCP_XR_VOIP || b->body.n != VOIP_BYTES)
        return AHOY_ERR_SYNTAX;
    const char *p = b->body.p;
    *out = (struct rtcp_voip){
        .ssrc = wire_u32(p),
        .loss_rate = wire_u8(p + 4),
        .discard_rate = wire_u8(p + 5),
        .burst_density = wire_u8(p + 6),
        .gap_density = wire_u8(p + 7),
        .burst_ms = wire_u16(p + 8),
        .gap_ms = wire_u16(p + 10),
        .round_trip_ms = wire_u16(p + 12),
        .end_system_ms = wire_u16(p + 14),
        .signal_dbm = signed_of(wire_u8(p + 16)),
        .noise_dbm = signed_of(wire_u8(p + 17)),
        .rerl_db = wire_u8(p + 18),
        .gmin = wire_u8(p + 19),
        .r_factor = wire_u8(p + 20),
        .ext_r_factor = wire_u8(p + 21),
        .mos_lq_10 = wire_u8(p + 22),
        .mos_cq_10 = wire_u8(p + 23),
        .rx_config = wire_u8(p + 24), /* p[25] is reserved */
        .jitter_nominal_ms = wire_u16(p + 26),
        .jitter_maximum_ms = wire_u16(p + 28),
        .jitter_absolute_ms = wire_u16(p + 30),
    };
    return AHOY_OK;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* Seconds from 1900 to 1970. */
static const uint64_t ntp_epoch_s = 2208988800u;

uint64_t rtcp_ntp_from_unix_us(int64_t unix_us)
{
    uint64_t us = (uint64_t) unix_us + ntp_epoch_s * 1000000u;
    uint64_t s = us / 1000000u;
    uint64_t frac = ((us % 1000000u) << 32) / 1000000u;
    return s << 32 | frac;
}

int64_t rtcp_ntp_to_unix_us(uint64_t ntp)
{
    uint64_t us = (ntp >> 32) * 1000000u + (((ntp & UINT32_MAX) * 1000000u + 0x80000000u) >> 32);
    return (int64_t) us - (int64_t) (ntp_epoch_s * 1000000u);
}

uint32_t rtcp_units_from_us(int64_t us)
{
    if (us <= 0)
        return 0;
    if (us >= INT64_C(65536) * 1000000)
        return UINT32_MAX;
    uint64_t units = ((uint64_t) us * 65536u + 500000u) / 1000000u;
    return units > UINT32_MAX ? UINT32_MAX : (uint32_t) units;
}

int64_t rtcp_units_to_us(uint32_t units)
{
    return (int64_t) (((uint64_t) units * 1000000u + 32768u) / 65536u);
}
