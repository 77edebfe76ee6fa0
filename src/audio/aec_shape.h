/*
 * Gains over frequency as a filter that keeps nobody waiting: the minimum-phase response to a gain curve, from its cepstrum
 * (Oppenheim and Schafer, Discrete-Time Signal Processing, chapter 12), at 16 or 48 kHz. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_SHAPE_H
#define AHOY_AUDIO_AEC_SHAPE_H

#include "audio/aec_fft.h"

enum {
    AEC_SHAPE_TAPS = 160, /* at 48 kHz; at 16 kHz fewer do */
    AEC_SHAPE_BLOCK = 8,  /* samples for which the filter stays as it is while it changes */
    AEC_SHAPE_MOST = 3 * AEC_STEP + 2
};

struct aec_shape {
    size_t thirds, taps; /* 1 at 16 kHz, 3 at 48 */
    float now[AEC_SHAPE_TAPS], to[AEC_SHAPE_TAPS], by[AEC_SHAPE_TAPS];
    unsigned fading;      /* blocks until `now` is `to`, by `by` each */
    bool plain, plain_to; /* the filter lets everything pass */
    float line[AEC_SHAPE_TAPS + AEC_SHAPE_MOST + AEC_SHAPE_BLOCK];
};

/** For 16000 or 48000 Hz; lets everything pass. */
void aec_shape_init(struct aec_shape *s, uint32_t rate_hz);

/** From the next sample on the filter turns to `gain` (AEC_USED, above 0) and `high` above 8 kHz, within 2 ms. */
void aec_shape_set(struct aec_shape *s, struct aec_fft *fft, const float *gain, float high);

/** Filters in place, AEC_SHAPE_MOST samples at most. */
void aec_shape_run(struct aec_shape *s, float *x, size_t n);

#endif
