/*
 * 48 kHz sound as a band below 8 kHz at a third of the rate, and what is above. The upper part is the input less the
 * lower band brought back to 48 kHz, so both together are the input again, whatever the filters are. Private to
 * src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_BAND_H
#define AHOY_AUDIO_AEC_BAND_H

#include "audio/aec_fft.h"

enum {
    AEC_WIDE = 3 * AEC_HOP, /* a hop at 48 kHz */
    AEC_BAND_TAPS = 97,
    AEC_BAND_DELAY = AEC_BAND_TAPS - 1 /* of both filters, at 48 kHz */
};

struct aec_band {
    float taps[AEC_BAND_TAPS];
    float down[AEC_BAND_TAPS - 1 + AEC_WIDE];  /* input of the decimator, with the past it needs */
    float up[AEC_BAND_TAPS / 3 + 1 + AEC_HOP]; /* input of the interpolator */
};

void aec_band_init(struct aec_band *b);

/** A hop of 48 kHz to one of 16 kHz. */
void aec_band_down(struct aec_band *b, const float *wide, float *low);

/** A hop of 16 kHz to one of 48 kHz; after `down`, late by AEC_BAND_DELAY. */
void aec_band_up(struct aec_band *b, const float *low, float *wide);

#endif
