#include "sound/capture.h"

#include "base/mem.h"
#include "rtp/packet.h"
#include "rtp/red.h"

#include <string.h>

struct datagram {
    int64_t sent_us, at_us; /* at_us: INT64_MAX when lost */
    size_t at, n;           /* in bytes */
    bool rtp;
};

struct capture {
    struct impair impair;
    bool harmed;
    int red; /* payload type; -1: none */
    struct datagram *datagram;
    size_t count, room;
    uint8_t *bytes;
    size_t bytes_n, bytes_room;
    bool full; /* out of memory: the rest is missing */
};

enum ahoy_err capture_create(struct capture **out, const struct impair_config *harm)
{
    struct capture *c = mem_zalloc(sizeof *c);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->red = -1;
    c->harmed = impair_active(harm);
    impair_init(&c->impair, harm);
    *out = c;
    return AHOY_OK;
}

void capture_destroy(struct capture *c)
{
    if (!c)
        return;
    mem_free(c->datagram);
    mem_free(c->bytes);
    mem_free(c);
}

void capture_set_red(struct capture *c, unsigned payload_type)
{
    c->red = (int) payload_type;
}

static bool grow(struct capture *c, size_t n)
{
    if (c->count == c->room) {
        size_t room = 2 * c->room + 1024;
        struct datagram *more = mem_realloc(c->datagram, room * sizeof *more);
        if (!more)
            return false;
        c->datagram = more;
        c->room = room;
    }
    if (c->bytes_n + n > c->bytes_room) {
        size_t room = 2 * (c->bytes_room + n) + (1 << 16);
        uint8_t *more = mem_realloc(c->bytes, room);
        if (!more)
            return false;
        c->bytes = more;
        c->bytes_room = room;
    }
    return true;
}

void capture_add(struct capture *c, int64_t at_us, const void *data, size_t n, struct impair_decision *fate)
{
    struct impair_decision d = { .copies = 1, .at_us = { at_us } };
    if (c->harmed)
        impair_decide(&c->impair, at_us, n, &d);
    if (fate)
        *fate = d;
    c->full = c->full || !grow(c, n);
    if (c->full)
        return;
    int64_t first_us = d.copies > 1 ? AHOY_MIN(d.at_us[0], d.at_us[1]) : d.at_us[0];
    bool rtp = rtp_classify(view_of(data, n)) == RTP_KIND_RTP;
    c->datagram[c->count++] = (struct datagram){ at_us - STREAM_BASE_US, d.copies > 0 ? first_us : INT64_MAX,
                                                 c->bytes_n, n, rtp };
    memcpy(c->bytes + c->bytes_n, data, n);
    c->bytes_n += n;
}

void capture_sums(const struct capture *c, int64_t from_us, int64_t until_us, struct capture_sums *out)
{
    *out = (struct capture_sums){ 0 };
    for (size_t i = 0; i < c->count; i++) {
        const struct datagram *d = &c->datagram[i];
        if (!d->rtp || d->sent_us < from_us || d->sent_us >= until_us)
            continue;
        out->packets++;
        out->bytes += d->n;
        out->lost += d->at_us == INT64_MAX;
    }
}

/* The frames of a stream as they come together. */
struct gather {
    struct stream *s;
    struct stream_arrivals *a;
    uint32_t first_ts, frame_ts;
    int64_t start_us;
    size_t room;
};

/* One payload of a datagram: when it is the first of its frame to arrive, it is the frame's. */
static void gather(struct gather *g, const struct capture *c, const struct datagram *d, uint32_t timestamp,
                   struct view payload)
{
    int32_t after = (int32_t) (timestamp - g->first_ts);
    if (after < 0 || after % (int32_t) g->frame_ts != 0 || payload.n == 0)
        return;
    size_t i = (size_t) after / g->frame_ts;
    if (i >= g->room)
        return;
    struct stream_packet *p = &g->s->packet[i];
    bool first = p->n == 0;
    if (first) { /* the first time it is sent, which is its own packet */
        p->timestamp = timestamp;
        p->sent_us = d->sent_us - g->start_us;
    }
    if (first || d->at_us < g->a->first_us[i]) {
        p->at = (size_t) ((const uint8_t *) payload.p - c->bytes);
        p->n = payload.n;
        g->a->first_us[i] = d->at_us == INT64_MAX ? INT64_MAX : d->at_us - g->start_us;
    }
    g->s->count = AHOY_MAX(g->s->count, i + 1);
}

static void take(struct gather *g, const struct capture *c, const struct datagram *d)
{
    struct rtp_packet p;
    struct red_block block[RED_MAX_BLOCKS];
    size_t n;
    if (!d->rtp || rtp_parse(view_of((const char *) c->bytes + d->at, d->n), &p))
        return;
    if (g->s->count == 0)
        g->first_ts = p.timestamp;
    if (p.payload_type != c->red) {
        gather(g, c, d, p.timestamp, p.payload);
        return;
    }
    if (red_parse(p.payload, block, &n))
        return;
    for (size_t i = n; i-- > 0;)
        gather(g, c, d, p.timestamp - block[i].offset_ts, block[i].data);
}

enum ahoy_err capture_stream(const struct capture *c, const struct audio_codec *codec, unsigned ptime_ms,
                             int64_t start_us, struct stream *s, struct stream_arrivals *a)
{
    struct gather g = {
        .s = s, .a = a, .start_us = start_us, .frame_ts = codec->clock_hz / 1000 * ptime_ms, .room = c->count
    };
    *s = (struct stream){ .config = { .codec = codec, .ptime_ms = ptime_ms },
                          .frame = audio_codec_samples(codec, ptime_ms) };
    *a = (struct stream_arrivals){ 0 };
    if (c->full || c->count == 0)
        return c->full ? AHOY_ERR_NOMEM : AHOY_ERR_NOT_FOUND;
    s->packet = mem_zalloc((c->count + 1) * sizeof *s->packet);
    s->bytes = mem_alloc(c->bytes_n + 1);
    a->first_us = mem_alloc((c->count + 1) * sizeof *a->first_us);
    enum ahoy_err err = s->packet && s->bytes && a->first_us ? AHOY_OK : AHOY_ERR_NOMEM;
    if (!err) {
        memcpy(s->bytes, c->bytes, c->bytes_n);
        s->bytes_n = c->bytes_n;
        for (size_t i = 0; i <= c->count; i++)
            a->first_us[i] = INT64_MAX;
        for (size_t i = 0; i < c->count; i++)
            take(&g, c, &c->datagram[i]);
        err = s->count > 0 ? AHOY_OK : AHOY_ERR_NOT_FOUND;
    }
    if (err) {
        stream_free(s);
        stream_arrivals_free(a);
    }
    return err;
}
