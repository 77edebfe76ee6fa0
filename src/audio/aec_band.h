/*
 * Between 48 and 16 kHz: a decimator and an interpolator with few taps, since the near sound waits for both. Pieces may be
 * of any length. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_BAND_H
#define AHOY_AUDIO_AEC_BAND_H

#include "audio/aec_fft.h"

enum {
    AEC_WIDE = 3 * AEC_STEP, /* a step at 48 kHz, the most of a piece but for two samples */
    AEC_WIDE_MOST = AEC_WIDE + 2,
    AEC_BAND_TAPS = 49,
    AEC_BAND_DELAY = AEC_BAND_TAPS - 1, /* of both filters, at 48 kHz */
    AEC_BAND_LOW = 17,                  /* the most that a third of the taps are */
    AEC_BAND_TOGETHER = 8               /* samples of one third that are made together, so that they become vectors */
};

/* The filter that both use; for the way up each third of it apart, backwards, three times as large, zeros before it. */
struct aec_band {
    float taps[AEC_BAND_TAPS];
    float up[3][AEC_BAND_LOW];
};

/* The decimator: input with the past it needs, and how many samples came since the last that gave one. */
struct aec_band_down {
    float line[AEC_BAND_DELAY + AEC_WIDE_MOST];
    size_t phase; /* 0 … 2: the next sample gives one at 0 */
};

struct aec_band_up {
    float line[AEC_BAND_LOW + AEC_STEP + AEC_BAND_TOGETHER];
    size_t phase;
};

void aec_band_init(struct aec_band *band);

/** `n` samples at 48 kHz, AEC_WIDE_MOST at most, to `low`; returns how many those are. */
size_t aec_band_down(struct aec_band_down *b, const struct aec_band *band, const float *wide, size_t n, float *low);

/** The way back: `low` are what aec_band_down made of a piece of `n`; late by AEC_BAND_DELAY after it. */
void aec_band_up(struct aec_band_up *b, const struct aec_band *band, const float *low, float *wide, size_t n);

#endif
