/* Printing of RTCP packets; parsing is in rtcp.c. */
#include "rtp/rtcp.h"

#include "rtp/wire.h"

enum { VERSION = 2, MAX_COUNT = 31 };

void rtcp_out_init(struct rtcp_out *o, void *p, size_t max)
{
    *o = (struct rtcp_out){ .p = p, .max = max };
}

/* Room for `n` more bytes, zeroed; NULL when there is none or something failed before. */
static uint8_t *take(struct rtcp_out *o, size_t n)
{
    if (!o->err && n > o->max - o->n)
        o->err = AHOY_ERR_LIMIT;
    if (o->err)
        return NULL;
    uint8_t *p = o->p + o->n;
    memset(p, 0, n);
    o->n += n;
    return p;
}

static void put32(struct rtcp_out *o, uint32_t x)
{
    uint8_t *p = take(o, 4);
    if (p)
        wire_put32(p, x);
}

static void put_bytes(struct rtcp_out *o, struct view v)
{
    uint8_t *p = take(o, v.n);
    if (p && v.n > 0)
        memcpy(p, v.p, v.n);
}

/* Begins a packet; what is printed until end_packet is its body. Returns where it starts. */
static size_t begin_packet(struct rtcp_out *o, uint8_t type, size_t count)
{
    size_t start = o->n;
    if (count > MAX_COUNT && !o->err)
        o->err = AHOY_ERR_INVAL;
    uint8_t *p = take(o, 4);
    if (p) {
        p[0] = (uint8_t) (VERSION << 6 | count);
        p[1] = type;
    }
    return start;
}

/* Pads the body to whole words and writes the length. On an error the packet is taken back. */
static void end_packet(struct rtcp_out *o, size_t start)
{
    if (!o->err && (o->n - start) % 4 > 0)
        take(o, 4 - (o->n - start) % 4);
    if (!o->err && (o->n - start) / 4 - 1 > UINT16_MAX)
        o->err = AHOY_ERR_INVAL;
    if (o->err)
        o->n = start;
    else
        wire_put16(o->p + start + 2, (uint16_t) ((o->n - start) / 4 - 1));
}

static void put_reports(struct rtcp_out *o, const struct rtcp_report *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t lost = AHOY_MAX(-0x800000, AHOY_MIN(r[i].lost, 0x7fffff)); /* clamped, RFC 3550 A.3 */
        put32(o, r[i].ssrc);
        put32(o, (uint32_t) r[i].fraction_lost << 24 | ((uint32_t) lost & 0xffffff));
        put32(o, r[i].ext_seq);
        put32(o, r[i].jitter);
        put32(o, r[i].lsr);
        put32(o, r[i].dlsr);
    }
}

void rtcp_put_sr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_sender_info *info,
                 const struct rtcp_report *reports, size_t n)
{
    size_t start = begin_packet(o, RTCP_SR, n);
    put32(o, ssrc);
    put32(o, (uint32_t) (info->ntp >> 32));
    put32(o, (uint32_t) info->ntp);
    put32(o, info->timestamp);
    put32(o, info->packets);
    put32(o, info->octets);
    put_reports(o, reports, n);
    end_packet(o, start);
}

void rtcp_put_rr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_report *reports, size_t n)
{
    size_t start = begin_packet(o, RTCP_RR, n);
    put32(o, ssrc);
    put_reports(o, reports, n);
    end_packet(o, start);
}

static void end_chunk(struct rtcp_out *o, size_t start)
{
    take(o, 4 - (o->n - start) % 4); /* at least one zero byte: the null item */
}

void rtcp_put_sdes(struct rtcp_out *o, const struct rtcp_sdes_item *items, size_t n)
{
    size_t chunks = 0;
    for (size_t i = 0; i < n; i++)
        chunks += i == 0 || items[i].ssrc != items[i - 1].ssrc;
    size_t start = begin_packet(o, RTCP_SDES, chunks);
    for (size_t i = 0; i < n; i++) {
        if (items[i].text.n > RTCP_MAX_TEXT_BYTES && !o->err)
            o->err = AHOY_ERR_INVAL;
        if (i == 0 || items[i].ssrc != items[i - 1].ssrc) {
            if (i > 0)
                end_chunk(o, start);
            put32(o, items[i].ssrc);
        }
        uint8_t *p = take(o, 2);
        if (p) {
            p[0] = items[i].type;
            p[1] = (uint8_t) items[i].text.n;
        }
        put_bytes(o, items[i].text);
    }
    if (n > 0)
        end_chunk(o, start);
    end_packet(o, start);
}

void rtcp_put_bye(struct rtcp_out *o, const uint32_t *ssrc, size_t n, struct view reason)
{
    if (reason.n > RTCP_MAX_TEXT_BYTES && !o->err)
        o->err = AHOY_ERR_INVAL;
    size_t start = begin_packet(o, RTCP_BYE, n);
    for (size_t i = 0; i < n; i++)
        put32(o, ssrc[i]);
    if (reason.n > 0) {
        uint8_t *p = take(o, 1);
        if (p)
            *p = (uint8_t) reason.n;
        put_bytes(o, reason);
    }
    end_packet(o, start);
}

void rtcp_put_app(struct rtcp_out *o, const struct rtcp_app *app)
{
    if ((app->name.n != 4 || app->data.n % 4 > 0) && !o->err)
        o->err = AHOY_ERR_INVAL;
    size_t start = begin_packet(o, RTCP_APP, app->subtype);
    put32(o, app->ssrc);
    put_bytes(o, app->name);
    put_bytes(o, app->data);
    end_packet(o, start);
}

void rtcp_put_feedback(struct rtcp_out *o, const struct rtcp_feedback *fb)
{
    if (fb->fci.n % 4 > 0 && !o->err)
        o->err = AHOY_ERR_INVAL;
    size_t start = begin_packet(o, fb->type, fb->format);
    put32(o, fb->sender);
    put32(o, fb->media);
    put_bytes(o, fb->fci);
    end_packet(o, start);
}

static void put_block_head(struct rtcp_out *o, uint8_t type, size_t words)
{
    put32(o, (uint32_t) type << 24 | (uint32_t) words);
}

static void put_voip(struct rtcp_out *o, const struct rtcp_voip *v)
{
    put_block_head(o, RTCP_XR_VOIP, 8);
    uint8_t *p = take(o, 32);
    if (!p)
        return;
    wire_put32(p, v->ssrc);
    p[4] = v->loss_rate;
    p[5] = v->discard_rate;
    p[6] = v->burst_density;
    p[7] = v->gap_density;
    wire_put16(p + 8, v->burst_ms);
    wire_put16(p + 10, v->gap_ms);
    wire_put16(p + 12, v->round_trip_ms);
    wire_put16(p + 14, v->end_system_ms);
    p[16] = (uint8_t) v->signal_dbm;
    p[17] = (uint8_t) v->noise_dbm;
    p[18] = v->rerl_db;
    p[19] = v->gmin;
    p[20] = v->r_factor;
    p[21] = v->ext_r_factor;
    p[22] = v->mos_lq_10;
    p[23] = v->mos_cq_10;
    p[24] = v->rx_config;
    wire_put16(p + 26, v->jitter_nominal_ms);
    wire_put16(p + 28, v->jitter_maximum_ms);
    wire_put16(p + 30, v->jitter_absolute_ms);
}

static void put_rle(struct rtcp_out *o, const struct rtcp_rle *r)
{
    if (r->chunks.n % 4 > 0 && !o->err)
        o->err = AHOY_ERR_INVAL;
    put32(o,
          (uint32_t) RTCP_XR_LOSS_RLE << 24 | (uint32_t) (r->thinning & 0x0f) << 16 | (uint32_t) (2 + r->chunks.n / 4));
    put32(o, r->ssrc);
    put32(o, (uint32_t) r->begin_seq << 16 | r->end_seq);
    put_bytes(o, r->chunks);
}

static void put_summary(struct rtcp_out *o, const struct rtcp_summary *s)
{
    uint32_t flags = (s->has_lost ? 0x80u : 0) | (s->has_duplicate ? 0x40u : 0) | (s->has_jitter ? 0x20u : 0)
                     | (uint32_t) (s->ttl_kind & 3) << 3;
    put32(o, (uint32_t) RTCP_XR_SUMMARY << 24 | flags << 16 | 9);
    put32(o, s->ssrc);
    put32(o, (uint32_t) s->begin_seq << 16 | s->end_seq);
    put32(o, s->has_lost ? s->lost : 0);
    put32(o, s->has_duplicate ? s->duplicate : 0);
    put32(o, s->has_jitter ? s->jitter_min : 0);
    put32(o, s->has_jitter ? s->jitter_max : 0);
    put32(o, s->has_jitter ? s->jitter_mean : 0);
    put32(o, s->has_jitter ? s->jitter_dev : 0);
    put32(o, s->ttl_kind
                 ? (uint32_t) s->ttl_min << 24 | (uint32_t) s->ttl_max << 16 | (uint32_t) s->ttl_mean << 8 | s->ttl_dev
                 : 0);
}

void rtcp_put_xr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_xr_parts *x)
{
    if (x->dlrrs > UINT16_MAX / 3 && !o->err)
        o->err = AHOY_ERR_INVAL;
    size_t start = begin_packet(o, RTCP_XR, 0);
    put32(o, ssrc);
    if (x->rrtr_ntp > 0) {
        put_block_head(o, RTCP_XR_RRTR, 2);
        put32(o, (uint32_t) (x->rrtr_ntp >> 32));
        put32(o, (uint32_t) x->rrtr_ntp);
    }
    if (x->dlrrs > 0 && !o->err) {
        put_block_head(o, RTCP_XR_DLRR, 3 * x->dlrrs);
        for (size_t i = 0; i < x->dlrrs; i++) {
            put32(o, x->dlrr[i].ssrc);
            put32(o, x->dlrr[i].lrr);
            put32(o, x->dlrr[i].dlrr);
        }
    }
    if (x->loss)
        put_rle(o, x->loss);
    if (x->summary)
        put_summary(o, x->summary);
    if (x->voip)
        put_voip(o, x->voip);
    end_packet(o, start);
}
