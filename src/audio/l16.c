/* L16: samples as they are, in network order (RFC 3551 section 4.5.11). */
#include "audio/codec_impl.h"

static enum ahoy_err encode(struct audio_encoder *e, const int16_t *pcm, size_t samples, uint8_t *dst, size_t size,
                            size_t *n)
{
    (void) e;
    if (size < 2 * samples)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < samples; i++) {
        uint16_t x = (uint16_t) pcm[i];
        dst[2 * i] = (uint8_t) (x >> 8);
        dst[2 * i + 1] = (uint8_t) (x & 0xff);
    }
    *n = 2 * samples;
    return AHOY_OK;
}

static void expand(const uint8_t *p, int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (int16_t) (uint16_t) (p[2 * i] << 8 | p[2 * i + 1]);
}

static size_t payload_samples(const struct audio_codec *c, const uint8_t *p, size_t n)
{
    (void) c, (void) p;
    return n % 2 == 0 ? n / 2 : 0;
}

const struct audio_codec_ops audio_l16_ops = {
    .encoder_create = wave_encoder_create,
    .encode = encode,
    .encoder_destroy = wave_encoder_destroy,
    .decoder_create = wave_decoder_create,
    .decode = wave_decoder_decode,
    .conceal = wave_decoder_conceal,
    .bridge = wave_decoder_bridge,
    .expand = expand,
    .decoder_destroy = wave_decoder_destroy,
    .samples = payload_samples,
};
