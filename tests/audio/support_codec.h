/* What the codecs' tests have in common. */
#ifndef AHOY_TESTS_AUDIO_SUPPORT_CODEC_H
#define AHOY_TESTS_AUDIO_SUPPORT_CODEC_H

#include "audio/codec.h"

/** Encodes n samples of `said` in frames of ptime and decodes them to `heard`; what is left of n is not said. */
enum ahoy_err codec_round_trip(const struct audio_codec *c, unsigned ptime_ms, const int16_t *said, int16_t *heard,
                               size_t n);

/** Decodes the frame just before the one in `p` from what `p` says of it. */
enum ahoy_err codec_recover(struct audio_decoder *d, const uint8_t *p, size_t bytes, int16_t *pcm, size_t samples);

#endif
