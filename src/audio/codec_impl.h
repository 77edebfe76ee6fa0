/* What codecs share behind audio/codec.h. Private to src/audio. */
#ifndef AHOY_AUDIO_CODEC_IMPL_H
#define AHOY_AUDIO_CODEC_IMPL_H

#include "audio/codec.h"
#include "audio/plc.h"

/* First member of every encoder and decoder. */
struct audio_encoder {
    const struct audio_codec *codec;
};

struct audio_decoder {
    const struct audio_codec *codec;
};

extern const struct audio_codec_ops audio_opus_ops, audio_g722_ops, audio_pcmu_ops, audio_pcma_ops, audio_l16_ops;

/* First member of a decoder without concealment of its own; the concealer lies behind it in the same allocation. */
struct wave_decoder {
    struct audio_decoder base;
    struct plc *plc;
};

/** A zeroed decoder of `bytes` (a struct that begins with wave_decoder), or NULL. */
void *wave_decoder_alloc(const struct audio_codec *c, size_t bytes);
void wave_decoder_destroy(struct audio_decoder *d);
enum ahoy_err wave_decoder_conceal(struct audio_decoder *d, int16_t *pcm, size_t samples);

/** For codecs with `expand`. */
enum ahoy_err wave_decoder_decode(struct audio_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, size_t samples);
enum ahoy_err wave_decoder_bridge(struct audio_decoder *d, const struct audio_redundancy *to, int16_t *pcm,
                                  size_t samples);

/** A zeroed encoder of `bytes`, or NULL; freed by wave_encoder_destroy. */
void *wave_encoder_alloc(const struct audio_codec *c, size_t bytes);
void wave_encoder_destroy(struct audio_encoder *e);

/** Creation for codecs that keep nothing but this: G.711 and L16. */
enum ahoy_err wave_encoder_create(struct audio_encoder **out, const struct audio_codec *c,
                                  const struct audio_encoder_config *cfg);
enum ahoy_err wave_decoder_create(struct audio_decoder **out, const struct audio_codec *c);

static inline int16_t audio_clip(int32_t x)
{
    return (int16_t) (x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

/* G.711 by value, for WAV files too. */
uint8_t g711_mulaw_encode(int16_t x);
int16_t g711_mulaw_decode(uint8_t c);
uint8_t g711_alaw_encode(int16_t x);
int16_t g711_alaw_decode(uint8_t c);

#endif
