#include "sound/receivers.h"

#include "base/mem.h"
#include "base/rng.h"
#include "media/playout.h"

#include <string.h>

enum {
    PT = 96,
    AFTER_MS = 1000,
    MS = STREAM_HZ / 1000,
    TICK_SAMPLES_MAX = MS * 60,
    FOLLOWING_US = 1000, /* as media/stream.c has it */
    FOLLOWING_MORE_MS = 15,
    BRIDGE_FRAMES = 5, /* so far ahead the next sound may lie */
};

void heard_free(struct heard *h)
{
    mem_free(h->pcm);
    *h = (struct heard){ 0 };
}

static const struct audio_codec *only_codec(void *arg, unsigned pt, bool *cn)
{
    *cn = false;
    return pt == PT ? arg : NULL;
}

static int64_t end_us(const struct stream *s)
{
    return s->packet[s->count - 1].sent_us + AFTER_MS * 1000;
}

static void put(struct playout *p, const struct stream *s, const struct stream_arrival *arrival)
{
    const struct audio_codec *codec = s->config.codec;
    const struct stream_packet *packet = &s->packet[arrival->packet];
    struct jitter_packet j = { .ssrc = 1,
                               .seq = (uint16_t) (100 + arrival->packet),
                               .timestamp = packet->timestamp,
                               .payload_type = PT,
                               .marker = arrival->packet == 0,
                               .silence = codec->ops->recover && packet->n <= 2,
                               .duration_ts = s->config.ptime_ms * (codec->clock_hz / 1000),
                               .payload = stream_payload(s, arrival->packet) };
    (void) jitter_put(p->jitter, &j, arrival->at_us);
}

/* How many samples are played next: a tick's, or what the next answer of the jitter buffer gives (media/stream.c). */
static size_t wanted(struct playout *p, const struct stream *s, unsigned tick_ms, int64_t now_us)
{
    if (tick_ms > 0)
        return (size_t) MS * tick_ms;
    size_t ready = playout_ready(p, now_us, 0), frame = (size_t) MS * s->config.ptime_ms;
    return ready <= AHOY_MIN(frame + FOLLOWING_MORE_MS * MS, (size_t) TICK_SAMPLES_MAX) ? ready : frame;
}

static void play(struct playout *p, const struct stream *s, const struct stream_arrivals *a, unsigned tick_ms,
                 int64_t first_us, struct heard *out)
{
    size_t next = 0, at = (size_t) (first_us * MS / 1000);
    int16_t block[TICK_SAMPLES_MAX];
    while (at + TICK_SAMPLES_MAX <= out->n) {
        int64_t now_us = (int64_t) at * 1000 / MS;
        if (now_us <= s->packet[s->count - 1].sent_us)
            out->concealed_ms = (double) p->concealed_us / 1000;
        while (next < a->count && a->arrival[next].at_us <= now_us)
            put(p, s, &a->arrival[next++]);
        size_t n = wanted(p, s, tick_ms, now_us);
        playout_get(p, now_us, 0, block, n);
        memcpy(out->pcm + at, block, n * sizeof *block);
        at += n;
    }
}

enum ahoy_err receiver_ahoy(struct heard *out, const struct stream *s, const struct stream_arrivals *a,
                            unsigned tick_ms, uint64_t seed)
{
    struct playout p;
    struct rng rng;
    rng_init_u64(&rng, seed);
    int64_t first_us = rng_below(&rng, AHOY_MAX(tick_ms, s->config.ptime_ms)) * 1000;
    *out = (struct heard){ .n = (size_t) (end_us(s) * MS / 1000) + TICK_SAMPLES_MAX };
    out->pcm = mem_zalloc(out->n * sizeof *out->pcm);
    if (!out->pcm)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = playout_init(&p, tick_ms > 0 ? tick_ms * 1000 : FOLLOWING_US, seed, only_codec,
                                     (void *) (uintptr_t) s->config.codec);
    if (err) {
        heard_free(out);
        return err;
    }
    playout_set_rate(&p, STREAM_HZ);
    playout_expect(&p, s->config.codec, s->config.ptime_ms);
    play(&p, s, a, tick_ms, first_us, out);
    struct jitter_stats stats;
    jitter_stats(p.jitter, &stats);
    out->lost = stats.lost;
    out->late = stats.late;
    out->target_ms = (double) jitter_target_us(p.jitter) / 1000;
    playout_fini(&p);
    return AHOY_OK;
}

/* ---- the ideal one ----------------------------------------------------------------------------------------------- */

struct ideal {
    const struct stream *s;
    const struct stream_arrivals *a;
    const struct ideal_config *config;
    struct audio_decoder *decoder;
    struct resample *resample;
    int16_t pcm[AUDIO_MAX_SAMPLES];
};

static bool arrived(const struct ideal *d, size_t i)
{
    if (i >= d->s->count || d->a->first_us[i] == INT64_MAX)
        return false;
    return d->a->first_us[i] - d->s->packet[i].sent_us - STREAM_BASE_US <= d->config->budget_us;
}

/* Whether the payload of frame `i` is known: by its packet, or by a copy in one of the next. */
static bool known(const struct ideal *d, size_t i)
{
    bool is = arrived(d, i);
    for (unsigned k = 1; k <= d->config->red && !is; k++)
        is = i < d->s->count && arrived(d, i + k);
    return is;
}

/* A lost frame, out of the nearest later packet that has it and is not too far ahead. */
static enum ahoy_err recover(struct ideal *d, size_t i)
{
    size_t reach = AHOY_MAX(d->config->dred_ms / d->s->config.ptime_ms, 1u);
    for (size_t k = 1; k <= reach; k++) {
        if (!known(d, i + k))
            continue;
        struct view v = stream_payload(d->s, i + k);
        struct audio_redundancy from = { (const uint8_t *) v.p, v.n, k * d->s->frame };
        if (audio_recover(d->decoder, &from, d->pcm, d->s->frame, NULL) == AHOY_OK)
            return AHOY_OK;
    }
    return AHOY_ERR_NOT_FOUND;
}

/* Made up: towards the next sound that is known, where the codec can, else out of the past alone. */
static void make_up(struct ideal *d, size_t i)
{
    size_t n = d->s->frame;
    for (size_t k = 1; k <= BRIDGE_FRAMES; k++) {
        if (!known(d, i + k))
            continue;
        struct view v = stream_payload(d->s, i + k);
        struct audio_redundancy to = { (const uint8_t *) v.p, v.n, k * n };
        if (audio_bridge(d->decoder, &to, d->pcm, n) == AHOY_OK)
            return;
        break;
    }
    if (audio_conceal(d->decoder, d->pcm, n))
        memset(d->pcm, 0, n * sizeof *d->pcm);
}

static void frame(struct ideal *d, size_t i, struct heard *out)
{
    const struct stream *s = d->s;
    size_t n = s->frame;
    enum ahoy_err err;
    if (known(d, i)) {
        struct view v = stream_payload(s, i);
        err = audio_decode(d->decoder, (const uint8_t *) v.p, v.n, d->pcm, AUDIO_MAX_SAMPLES, &n);
    } else {
        err = recover(d, i);
    }
    if (err) {
        n = s->frame;
        out->concealed_ms += s->config.ptime_ms;
        make_up(d, i);
    }
    out->lost += !arrived(d, i);
    if (d->resample)
        out->n += resample_run(d->resample, d->pcm, n, out->pcm + out->n);
    else
        memcpy(out->pcm + out->n, d->pcm, n * sizeof *d->pcm);
    out->n += d->resample ? 0 : n;
}

enum ahoy_err receiver_ideal(struct heard *out, const struct stream *s, const struct stream_arrivals *a,
                             const struct ideal_config *config)
{
    const struct audio_codec *codec = s->config.codec;
    size_t room = s->count * (s->frame + 1) * (STREAM_HZ / codec->rate_hz + 1);
    struct ideal *d = mem_zalloc(sizeof *d);
    enum ahoy_err err = AHOY_ERR_NOMEM;
    *out = (struct heard){ .pcm = mem_zalloc(room * sizeof *out->pcm) };
    if (!d || !out->pcm)
        goto out;
    *d = (struct ideal){ .s = s, .a = a, .config = config };
    err = audio_decoder_create(&d->decoder, codec);
    if (!err && codec->rate_hz != STREAM_HZ)
        err = resample_create(&d->resample, codec->rate_hz, STREAM_HZ, RESAMPLE_VOICE);
    for (size_t i = 0; !err && i < s->count; i++)
        frame(d, i, out);
    resample_destroy(d->resample);
    audio_decoder_destroy(d->decoder);
out:
    mem_free(d);
    if (err)
        heard_free(out);
    return err;
}
