/* PCMU and PCMA: ITU-T G.711, 64 kbit/s. The laws follow its tables 1a/1b and 2a/2b for 16-bit samples. */
#include "audio/codec_impl.h"

/*
 * Magnitudes of negative samples are taken as one's complement, so that the 14 (13) bits of table 2b (1b) fall into the
 * interval the standard's decision values give them.
 */
uint8_t g711_mulaw_encode(int16_t x)
{
    int magnitude = ((x < 0 ? ~x : x) >> 2) + 33; /* 33: the bias that makes segments powers of two */
    magnitude = AHOY_MIN(magnitude, 0x1fff);
    int segment = 0;
    while (magnitude >> (segment + 6))
        segment++;
    int code = segment << 4 | (magnitude >> (segment + 1) & 0x0f);
    return (uint8_t) ((code ^ 0x7f) | (x < 0 ? 0 : 0x80));
}

int16_t g711_mulaw_decode(uint8_t c)
{
    int code = c ^ 0x7f;
    int magnitude = (((code & 0x0f) << 3) + 0x84) << (code >> 4 & 7);
    magnitude -= 0x84;
    return (int16_t) (c & 0x80 ? magnitude : -magnitude);
}

uint8_t g711_alaw_encode(int16_t x)
{
    int magnitude = (x < 0 ? ~x : x) >> 4;
    int code = magnitude;
    if (magnitude > 15) {
        int segment = 1;
        while (magnitude >> (segment + 4))
            segment++;
        code = segment << 4 | (magnitude >> (segment - 1) & 0x0f);
    }
    return (uint8_t) ((code | (x < 0 ? 0 : 0x80)) ^ 0x55); /* even bits inverted on the line */
}

int16_t g711_alaw_decode(uint8_t c)
{
    int code = c ^ 0x55;
    int segment = code >> 4 & 7;
    int magnitude = ((code & 0x0f) << 4) + 8; /* the middle of the interval */
    if (segment > 0)
        magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t) (code & 0x80 ? magnitude : -magnitude);
}

static enum ahoy_err pcmu_encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                                 size_t *n)
{
    (void) e;
    if (size < samples)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < samples; i++)
        dst[i] = g711_mulaw_encode(pcm[i]);
    *n = samples;
    return AHOY_OK;
}

static enum ahoy_err pcma_encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                                 size_t *n)
{
    (void) e;
    if (size < samples)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < samples; i++)
        dst[i] = g711_alaw_encode(pcm[i]);
    *n = samples;
    return AHOY_OK;
}

static void pcmu_expand(const uint8_t *p, int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        pcm[i] = g711_mulaw_decode(p[i]);
}

static void pcma_expand(const uint8_t *p, int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        pcm[i] = g711_alaw_decode(p[i]);
}

static size_t payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    (void) c, (void) p;
    return n;
}

const struct audio_codec_ops audio_pcmu_ops = {
    .encoder_create = wave_encoder_create,
    .encode = pcmu_encode,
    .encoder_destroy = wave_encoder_destroy,
    .decoder_create = wave_decoder_create,
    .decode = wave_decoder_decode,
    .conceal = wave_decoder_conceal,
    .bridge = wave_decoder_bridge,
    .expand = pcmu_expand,
    .decoder_destroy = wave_decoder_destroy,
    .samples = payload_samples,
};

const struct audio_codec_ops audio_pcma_ops = {
    .encoder_create = wave_encoder_create,
    .encode = pcma_encode,
    .encoder_destroy = wave_encoder_destroy,
    .decoder_create = wave_decoder_create,
    .decode = wave_decoder_decode,
    .conceal = wave_decoder_conceal,
    .bridge = wave_decoder_bridge,
    .expand = pcma_expand,
    .decoder_destroy = wave_decoder_destroy,
    .samples = payload_samples,
};
