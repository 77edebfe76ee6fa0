#include "sound/stream.h"

#include "audio/resample.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL_MS = 500, HEADER_BYTES = 12 + 8 + 20 };

/* To the codec's rate, with the tail. `*n` in samples; mem_free it. */
static int16_t *convert(const struct audio_codec *codec, const int16_t *pcm, size_t *n)
{
    static const int16_t silence[STREAM_HZ / 100] = { 0 };
    struct resample *r = NULL;
    size_t tail = STREAM_HZ / 1000 * TAIL_MS, got = 0;
    int16_t *out = mem_zalloc((*n + tail) * sizeof *out);
    if (!out || codec->rate_hz == STREAM_HZ) {
        if (out)
            memcpy(out, pcm, *n * sizeof *out);
        *n += tail;
        return out;
    }
    if (resample_create(&r, STREAM_HZ, codec->rate_hz, RESAMPLE_VOICE)) {
        mem_free(out);
        return NULL;
    }
    got = resample_run(r, pcm, *n, out);
    for (int i = 0; i < TAIL_MS / 10; i++)
        got += resample_run(r, silence, AHOY_COUNT(silence), out + got);
    resample_destroy(r);
    *n = got;
    return out;
}

static enum ahoy_err encode(struct stream *s, struct audio_encoder *e, const int16_t *pcm, size_t n)
{
    const struct stream_config *c = &s->config;
    for (size_t at = 0; at + s->frame <= n; at += s->frame) {
        struct stream_packet *p = &s->packet[s->count];
        size_t got;
        enum ahoy_err err = audio_encode(e, pcm + at, s->frame, s->bytes + s->bytes_n, AUDIO_MAX_PAYLOAD_BYTES, &got);
        if (err)
            return err;
        if (got == 0)
            continue;
        double end = (double) (at + s->frame) * 1e6 / c->codec->rate_hz * (1 - c->drift_ppm * 1e-6);
        *p = (struct stream_packet){ .timestamp = (uint32_t) ((uint64_t) at * c->codec->clock_hz / c->codec->rate_hz),
                                     .sent_us = (int64_t) end,
                                     .at = s->bytes_n,
                                     .n = got };
        s->bytes_n += got;
        s->count++;
    }
    return AHOY_OK;
}

enum ahoy_err stream_create(struct stream *s, const struct stream_config *config, const int16_t *pcm, size_t n)
{
    *s = (struct stream){ .config = *config, .frame = audio_codec_samples(config->codec, config->ptime_ms) };
    struct audio_encoder_config ec = { .peer = audio_codec_default_params(config->codec),
                                       .bitrate_bps = config->bitrate_bps,
                                       .complexity = config->complexity,
                                       .loss_percent = config->loss_percent };
    ec.peer.fec = config->loss_percent > 0;
    struct audio_encoder *e = NULL;
    int16_t *sound = convert(config->codec, pcm, &n);
    size_t frames = n / s->frame;
    s->packet = mem_zalloc((frames + 1) * sizeof *s->packet);
    s->bytes = mem_alloc(frames * 1300 + AUDIO_MAX_PAYLOAD_BYTES);
    enum ahoy_err err = !sound || !s->packet || !s->bytes ? AHOY_ERR_NOMEM
                                                          : audio_encoder_create(&e, config->codec, &ec);
    if (!err) {
        audio_encoder_set_dred(e, config->dred_ms);
        err = encode(s, e, sound, n);
    }
    audio_encoder_destroy(e);
    mem_free(sound);
    if (err)
        stream_free(s);
    return err;
}

void stream_free(struct stream *s)
{
    mem_free(s->packet);
    mem_free(s->bytes);
    *s = (struct stream){ 0 };
}

struct view stream_payload(const struct stream *s, size_t i)
{
    return view_of((const char *) s->bytes + s->packet[i].at, s->packet[i].n);
}

static double seconds(const struct stream *s)
{
    return (double) s->count * s->config.ptime_ms / 1000;
}

double stream_payload_bps(const struct stream *s)
{
    return 8 * (double) s->bytes_n / seconds(s);
}

double stream_wire_bps(const struct stream *s)
{
    return 8 * ((double) s->bytes_n + (double) s->count * HEADER_BYTES) / seconds(s);
}

static int by_time(const void *a, const void *b)
{
    const struct stream_arrival *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->packet < y->packet ? -1 : x->packet > y->packet;
}

enum ahoy_err stream_arrive(struct stream_arrivals *a, const struct stream *s, const struct impair_config *harm)
{
    struct impair im;
    impair_init(&im, harm);
    *a = (struct stream_arrivals){ 0 };
    a->arrival = mem_alloc(2 * s->count * sizeof *a->arrival);
    a->first_us = mem_alloc(s->count * sizeof *a->first_us);
    if (!a->arrival || !a->first_us) {
        stream_arrivals_free(a);
        return AHOY_ERR_NOMEM;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct impair_decision d;
        int64_t now_us = s->packet[i].sent_us + STREAM_BASE_US;
        impair_decide(&im, now_us, s->packet[i].n + 12, &d);
        a->first_us[i] = INT64_MAX;
        a->lost += d.copies == 0;
        for (unsigned k = 0; k < d.copies; k++) {
            a->arrival[a->count++] = (struct stream_arrival){ i, d.at_us[k] };
            a->first_us[i] = AHOY_MIN(a->first_us[i], d.at_us[k]);
        }
    }
    qsort(a->arrival, a->count, sizeof *a->arrival, by_time);
    return AHOY_OK;
}

void stream_arrivals_free(struct stream_arrivals *a)
{
    mem_free(a->arrival);
    mem_free(a->first_us);
    *a = (struct stream_arrivals){ 0 };
}
