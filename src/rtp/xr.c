/* Extended reports beyond what rtcp.c reads: run lengths of losses, statistics summaries, and what SDP asks for. */
#include "rtp/rtcp.h"
#include "rtp/wire.h"

enum { RLE_HEAD_BYTES = 8, SUMMARY_BYTES = 36, BIT_VECTOR = 15, MAX_SPAN = 65534 };

/* ---- run lengths (RFC 3611 section 4.1) -------------------------------------------------------------------------- */

enum ahoy_err rtcp_parse_rle(const struct rtcp_xr_block *b, struct rtcp_rle *out)
{
    if (b->type != RTCP_XR_LOSS_RLE || b->body.n < RLE_HEAD_BYTES)
        return AHOY_ERR_SYNTAX;
    *out = (struct rtcp_rle){
        .ssrc = wire_u32(b->body.p),
        .thinning = b->specific & 0x0f,
        .begin_seq = wire_u16(b->body.p + 4),
        .end_seq = wire_u16(b->body.p + 6),
        .chunks = view_from(b->body, RLE_HEAD_BYTES),
    };
    return AHOY_OK;
}

struct counting {
    struct rtcp_runs *out;
    uint32_t left;
    bool last_lost;
};

static void count_run(struct counting *c, bool came, uint32_t n)
{
    n = AHOY_MIN(n, c->left);
    if (n == 0)
        return;
    c->left -= n;
    c->out->packets += n;
    if (!came) {
        c->out->lost += n;
        c->out->runs += !c->last_lost;
    }
    c->last_lost = !came;
}

enum ahoy_err rtcp_rle_count(const struct rtcp_rle *r, struct rtcp_runs *out)
{
    uint32_t span = (uint16_t) (r->end_seq - r->begin_seq), step = UINT32_C(1) << r->thinning;
    struct rtcp_runs runs = { 0 };
    struct counting c = { &runs, 0, false };
    if (span > MAX_SPAN)
        return AHOY_ERR_SYNTAX;
    uint32_t skip = (step - r->begin_seq % step) % step; /* to the first multiple */
    c.left = span > skip ? (span - skip + step - 1) / step : 0;
    for (size_t i = 0; i + 2 <= r->chunks.n && c.left > 0; i += 2) {
        uint16_t chunk = wire_u16(r->chunks.p + i);
        if (chunk == 0)
            break;
        if (!(chunk & 0x8000)) {
            count_run(&c, chunk & 0x4000, chunk & 0x3fff);
            continue;
        }
        for (int bit = BIT_VECTOR - 1; bit >= 0; bit--)
            count_run(&c, chunk >> bit & 1, 1);
    }
    if (c.left > 0)
        return AHOY_ERR_END;
    *out = runs;
    return AHOY_OK;
}

/* ---- statistics summary (section 4.6) ---------------------------------------------------------------------------- */

enum ahoy_err rtcp_parse_summary(const struct rtcp_xr_block *b, struct rtcp_summary *out)
{
    if (b->type != RTCP_XR_SUMMARY || b->body.n != SUMMARY_BYTES)
        return AHOY_ERR_SYNTAX;
    const char *p = b->body.p;
    struct rtcp_summary s = {
        .ssrc = wire_u32(p),
        .begin_seq = wire_u16(p + 4),
        .end_seq = wire_u16(p + 6),
        .has_lost = b->specific & 0x80,
        .has_duplicate = b->specific & 0x40,
        .has_jitter = b->specific & 0x20,
        .ttl_kind = b->specific >> 3 & 3,
        .lost = wire_u32(p + 8),
        .duplicate = wire_u32(p + 12),
        .jitter_min = wire_u32(p + 16),
        .jitter_max = wire_u32(p + 20),
        .jitter_mean = wire_u32(p + 24),
        .jitter_dev = wire_u32(p + 28),
        .ttl_min = wire_u8(p + 32),
        .ttl_max = wire_u8(p + 33),
        .ttl_mean = wire_u8(p + 34),
        .ttl_dev = wire_u8(p + 35),
    };
    bool sane = (s.has_lost || s.lost == 0) && (s.has_duplicate || s.duplicate == 0)
                && (s.has_jitter || (s.jitter_min | s.jitter_max | s.jitter_mean | s.jitter_dev) == 0)
                && (s.ttl_kind > 0 || (s.ttl_min | s.ttl_max | s.ttl_mean | s.ttl_dev) == 0) && s.ttl_kind < 3;
    if (!sane)
        return AHOY_ERR_SYNTAX;
    *out = s;
    return AHOY_OK;
}

/* ---- SDP (section 5.1) ------------------------------------------------------------------------------------------- */

static void want_summary(struct view flags, struct rtcp_xr_wants *w)
{
    bool all = view_empty(flags); /* no list: it is left to us */
    w->summary = true;
    w->summary_loss = w->summary_duplicate = w->summary_jitter = all;
    while (!view_empty(flags)) {
        struct view flag = view_cut(&flags, ',');
        w->summary_loss |= view_ieq(flag, VIEW("loss"));
        w->summary_duplicate |= view_ieq(flag, VIEW("dup"));
        w->summary_jitter |= view_ieq(flag, VIEW("jitt"));
    }
}

void rtcp_xr_parse_sdp(struct view value, struct rtcp_xr_wants *out)
{
    struct rtcp_xr_wants w = { .signalled = true };
    while (!view_empty(value)) {
        struct view rest = view_cut(&value, ' '), name = view_cut(&rest, '=');
        uint32_t bytes = 0;
        if (view_ieq(name, VIEW("voip-metrics"))) {
            w.voip = true;
        } else if (view_ieq(name, VIEW("stat-summary"))) {
            want_summary(rest, &w);
        } else if (view_ieq(name, VIEW("rcvr-rtt"))) {
            w.rrtr = true; /* in either mode it answers while it sends */
        } else if (view_ieq(name, VIEW("pkt-loss-rle"))) {
            w.loss_rle = true;
            w.loss_rle_bytes = view_u32(rest, &bytes) == AHOY_OK ? bytes : 0;
        }
    }
    *out = w;
}
