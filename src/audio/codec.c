#include "audio/codec.h"

#include "audio/codec_impl.h"
#include "base/mem.h"

enum { PTIMES_10_TO_60 = 0x3f, PTIMES_OPUS = 0x2b /* 10, 20, 40, 60 */ };

static const struct audio_codec table[] = {
    { "opus", 48000, 48000, 2, -1, "useinbandfec=1", 10, 60, 20, PTIMES_OPUS, 42000, &audio_opus_ops },
    { "G722", 8000, 16000, 1, 9, "", 10, 60, 20, PTIMES_10_TO_60, 64000, &audio_g722_ops },
    { "PCMU", 8000, 8000, 1, 0, "", 10, 60, 20, PTIMES_10_TO_60, 64000, &audio_pcmu_ops },
    { "PCMA", 8000, 8000, 1, 8, "", 10, 60, 20, PTIMES_10_TO_60, 64000, &audio_pcma_ops },
    { "L16", 16000, 16000, 1, -1, "", 10, 60, 20, PTIMES_10_TO_60, 256000, &audio_l16_ops },
    { "L16", 8000, 8000, 1, -1, "", 10, 60, 20, PTIMES_10_TO_60, 128000, &audio_l16_ops },
    { "L16", 32000, 32000, 1, -1, "", 10, 60, 20, PTIMES_10_TO_60, 512000, &audio_l16_ops },
    /* 20 ms at 48 kHz do not fit an Ethernet frame. */
    { "L16", 48000, 48000, 1, -1, "", 10, 60, 10, PTIMES_10_TO_60, 768000, &audio_l16_ops },
};

const struct audio_codec *audio_codecs(size_t *n)
{
    *n = AHOY_COUNT(table);
    return table;
}

const struct audio_codec *audio_codec_find(struct view name, uint32_t clock_hz, unsigned channels)
{
    for (size_t i = 0; i < AHOY_COUNT(table); i++)
        if (view_ieq(name, view_str(table[i].name)) && table[i].clock_hz == clock_hz
            && table[i].channels == (channels ? channels : 1))
            return &table[i];
    return NULL;
}

const struct audio_codec *audio_codec_by_pt(unsigned pt)
{
    for (size_t i = 0; i < AHOY_COUNT(table); i++)
        if (table[i].static_pt >= 0 && (unsigned) table[i].static_pt == pt)
            return &table[i];
    return NULL;
}

const struct audio_codec *audio_codec_by_name(struct view name)
{
    struct view rest = name;
    struct view base = view_cut(&rest, '/');
    uint32_t hz = 0;
    if (base.n < name.n && view_u32(view_cut(&rest, '/'), &hz))
        return NULL;
    for (size_t i = 0; i < AHOY_COUNT(table); i++)
        if (view_ieq(base, view_str(table[i].name)) && (hz == 0 || hz == table[i].clock_hz))
            return &table[i];
    return NULL;
}

struct audio_params audio_codec_parse_fmtp(const struct audio_codec *c, struct view fmtp)
{
    struct audio_params p = { 0 };
    if (!c->ops->parse_fmtp)
        return p;
    while (!view_empty(fmtp)) {
        struct view value = view_trim(view_cut(&fmtp, ';'));
        struct view name = view_trim(view_cut(&value, '='));
        c->ops->parse_fmtp(&p, name, view_trim(value));
    }
    return p;
}

void audio_codec_print_fmtp(const struct audio_codec *c, const struct audio_params *params, struct buf *dst)
{
    if (c->ops->print_fmtp)
        c->ops->print_fmtp(params, dst);
}

struct audio_params audio_codec_default_params(const struct audio_codec *c)
{
    return audio_codec_parse_fmtp(c, view_str(c->fmtp));
}

bool audio_codec_ptime_ok(const struct audio_codec *c, unsigned ptime_ms)
{
    return ptime_ms >= 10 && ptime_ms <= 160 && ptime_ms % 10 == 0 && (c->ptime_mask >> (ptime_ms / 10 - 1) & 1);
}

unsigned audio_codec_ptime_fit(const struct audio_codec *c, unsigned ptime_ms)
{
    unsigned ms = AHOY_MIN(ptime_ms, c->max_ptime_ms) / 10 * 10;
    while (ms > c->min_ptime_ms && !audio_codec_ptime_ok(c, ms))
        ms -= 10;
    return AHOY_MAX(ms, c->min_ptime_ms);
}

size_t audio_codec_longest(const struct audio_codec *c)
{
    size_t samples = audio_codec_samples(c, c->ops->recover ? AUDIO_MAX_MS : AUDIO_LONG_MS);
    return AHOY_MIN(samples, (size_t) AUDIO_MAX_SAMPLES);
}

size_t audio_payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    size_t samples = n > 0 ? c->ops->samples(c, p, n) : 0;
    return samples <= audio_codec_longest(c) ? samples : 0;
}

enum ahoy_err audio_encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                   const struct audio_encoder_config *cfg)
{
    static const struct audio_encoder_config defaults = { 0 };
    struct audio_encoder_config own = cfg ? *cfg : defaults;
    if (!cfg)
        own.peer = audio_codec_default_params(c);
    return c->ops->encoder_create(out, c, &own);
}

void audio_encoder_destroy(struct audio_encoder *e)
{
    if (e)
        e->codec->ops->encoder_destroy(e);
}

enum ahoy_err audio_encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                           size_t *n)
{
    const struct audio_codec *c = e->codec;
    size_t per_ms = c->rate_hz / 1000;
    if (samples % per_ms != 0 || samples / per_ms > c->max_ptime_ms
        || !audio_codec_ptime_ok(c, (unsigned) (samples / per_ms)))
        return AHOY_ERR_RANGE;
    return c->ops->encode(e, pcm, samples, dst, size, n);
}

void audio_encoder_set_bitrate(struct audio_encoder *e, uint32_t bps)
{
    if (e->codec->ops->set_bitrate)
        e->codec->ops->set_bitrate(e, bps);
}

void audio_encoder_set_loss(struct audio_encoder *e, unsigned percent)
{
    if (e->codec->ops->set_loss)
        e->codec->ops->set_loss(e, (uint8_t) AHOY_MIN(percent, 100u));
}

void audio_encoder_set_fec(struct audio_encoder *e, bool on)
{
    if (e->codec->ops->set_fec)
        e->codec->ops->set_fec(e, on);
}

void audio_encoder_set_dred(struct audio_encoder *e, unsigned ms)
{
    if (e->codec->ops->set_dred)
        e->codec->ops->set_dred(e, ms);
}

void audio_encoder_set_complexity(struct audio_encoder *e, unsigned complexity)
{
    if (e->codec->ops->set_complexity)
        e->codec->ops->set_complexity(e, complexity);
}

void audio_encoder_set_content(struct audio_encoder *e, enum audio_content what)
{
    if (e->codec->ops->set_content)
        e->codec->ops->set_content(e, what);
}

size_t audio_payload_strip(const struct audio_codec *c, uint8_t *p, size_t n)
{
    return c->ops->strip ? c->ops->strip(p, n) : n;
}

enum audio_fec audio_payload_fec(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    return c->ops->fec ? c->ops->fec(p, n) : AUDIO_FEC_ABSENT;
}

enum ahoy_err audio_decoder_create(struct audio_decoder **out, const struct audio_codec *c)
{
    return c->ops->decoder_create(out, c);
}

void audio_decoder_destroy(struct audio_decoder *d)
{
    if (d)
        d->codec->ops->decoder_destroy(d);
}

const struct audio_codec *audio_decoder_codec(const struct audio_decoder *d)
{
    return d->codec;
}

enum ahoy_err audio_decode(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t cap,
                           size_t *samples)
{
    size_t want = audio_payload_samples(d->codec, p, n);
    if (want == 0)
        return AHOY_ERR_FORMAT;
    if (want > cap)
        return AHOY_ERR_LIMIT;
    enum ahoy_err err = d->codec->ops->decode(d, p, n, pcm, want);
    if (!err)
        *samples = want;
    return err;
}

enum ahoy_err audio_conceal(struct audio_decoder *d, int16_t *pcm, size_t samples)
{
    if (samples == 0 || samples > AUDIO_MAX_SAMPLES)
        return AHOY_ERR_RANGE;
    return d->codec->ops->conceal(d, pcm, samples);
}

enum ahoy_err audio_recover(struct audio_decoder *d, const struct audio_redundancy *from, int16_t *pcm, size_t samples,
                            enum audio_recovery *how)
{
    enum audio_recovery found;
    if (!d->codec->ops->recover || audio_payload_samples(d->codec, from->p, from->n) == 0)
        return AHOY_ERR_NOT_FOUND;
    if (samples == 0 || samples > AUDIO_MAX_SAMPLES)
        return AHOY_ERR_RANGE;
    enum ahoy_err err = d->codec->ops->recover(d, from, pcm, samples, &found);
    if (!err && how)
        *how = found;
    return err;
}

enum ahoy_err audio_bridge(struct audio_decoder *d, const struct audio_redundancy *to, int16_t *pcm, size_t samples)
{
    size_t known = audio_payload_samples(d->codec, to->p, to->n);
    if (!d->codec->ops->bridge || known == 0 || to->ahead < samples)
        return AHOY_ERR_NOT_FOUND;
    if (samples == 0 || samples > AUDIO_MAX_SAMPLES)
        return AHOY_ERR_RANGE;
    return d->codec->ops->bridge(d, to, pcm, samples);
}

void audio_decoder_set_plain(struct audio_decoder *d, bool on)
{
    if (d->codec->ops->set_plain)
        d->codec->ops->set_plain(d, on);
}

unsigned audio_dred_reach_ms(struct audio_decoder *d, const uint8_t *p, size_t n)
{
    return d->codec->ops->dred_reach_ms ? d->codec->ops->dred_reach_ms(d, p, n) : 0;
}

/* ---- what decoders by waveform share ----------------------------------------------------------------------------- */

void *wave_decoder_alloc(const struct audio_codec *c, size_t bytes)
{
    size_t at = (bytes + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    char *p = mem_zalloc(at + plc_size(c->rate_hz));
    if (!p)
        return NULL;
    struct wave_decoder *d = (void *) p;
    d->base.codec = c;
    d->plc = (void *) (p + at);
    plc_init(d->plc, c->rate_hz);
    return d;
}

void wave_decoder_destroy(struct audio_decoder *d)
{
    mem_free(d);
}

enum ahoy_err wave_decoder_conceal(struct audio_decoder *d, int16_t *pcm, size_t samples)
{
    plc_conceal(((struct wave_decoder *) (void *) d)->plc, pcm, samples);
    return AHOY_OK;
}

enum ahoy_err wave_decoder_decode(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t samples)
{
    (void) n;
    d->codec->ops->expand(p, pcm, samples);
    plc_good(((struct wave_decoder *) (void *) d)->plc, pcm, samples);
    return AHOY_OK;
}

enum ahoy_err wave_decoder_bridge(struct audio_decoder *d, const struct audio_redundancy *to, int16_t *pcm,
                                  size_t samples)
{
    int16_t next[PLC_NEXT_SAMPLES];
    size_t n = AHOY_MIN(audio_payload_samples(d->codec, to->p, to->n), (size_t) d->codec->rate_hz / 1000 * PLC_NEXT_MS);
    d->codec->ops->expand(to->p, next, n);
    if (plc_gap(((struct wave_decoder *) (void *) d)->plc) != to->ahead)
        plc_toward(((struct wave_decoder *) (void *) d)->plc, next, n, to->ahead, 0);
    return wave_decoder_conceal(d, pcm, samples);
}

void *wave_encoder_alloc(const struct audio_codec *c, size_t bytes)
{
    struct audio_encoder *e = mem_zalloc(bytes);
    if (e)
        e->codec = c;
    return e;
}

void wave_encoder_destroy(struct audio_encoder *e)
{
    mem_free(e);
}

enum ahoy_err wave_encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                  const struct audio_encoder_config *cfg)
{
    (void) cfg;
    struct audio_encoder *e = wave_encoder_alloc(c, sizeof *e);
    if (!e)
        return AHOY_ERR_NOMEM;
    *out = e;
    return AHOY_OK;
}

enum ahoy_err wave_decoder_create(struct audio_decoder **out, const struct audio_codec *c)
{
    struct wave_decoder *d = wave_decoder_alloc(c, sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    *out = &d->base;
    return AHOY_OK;
}
