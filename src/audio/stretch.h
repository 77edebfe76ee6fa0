/*
 * Changes the length of a piece of sound by one pitch period without changing its pitch (overlap-add at the lag where
 * the waveform repeats, as in WSOLA): how play-out adapts to the network. Pure; the first and last samples of a piece
 * stay as they are, so pieces join without a seam. Mono.
 */
#ifndef AHOY_AUDIO_STRETCH_H
#define AHOY_AUDIO_STRETCH_H

#include "base/base.h"

/** The longest change, milliseconds; and the shortest piece that can be changed. 20 ms and more work best. */
enum { STRETCH_MAX_MS = 15, STRETCH_MIN_PIECE_MS = 10 };

enum stretch_how {
    STRETCH_GENTLE, /* only where it will not be heard: the sound repeats itself well, or is near silence */
    STRETCH_FORCED, /* at the best place there is */
};

/**
 * Leaves one period (2.5 … STRETCH_MAX_MS ms) out. `out` has room for `n`; may be `in` itself. Returns the samples
 * written: n when nothing was changed.
 */
size_t stretch_shrink(uint32_t rate_hz, enum stretch_how how, const int16_t *in, size_t n, int16_t *out);

/**
 * Puts one period in. `out` has room for n + STRETCH_MAX_MS at this rate and does not overlap `in`. Returns the samples
 * written: n when nothing was changed.
 */
size_t stretch_expand(uint32_t rate_hz, enum stretch_how how, const int16_t *in, size_t n, int16_t *out);

#endif
