/* Where a waveform repeats itself: shared by concealment and stretching. Pure. */
#ifndef AHOY_AUDIO_PITCH_H
#define AHOY_AUDIO_PITCH_H

#include "base/base.h"

enum { PITCH_COARSE_HZ = 4000 };

/** Normalised correlation of two pieces, -1 … 1; 0 when either is silent. */
double pitch_ncc(const int16_t *a, const int16_t *b, size_t n);

/** Averages each `by` samples into one; returns how many came out (n / by). */
size_t pitch_decimate(const int16_t *in, size_t n, unsigned by, int16_t *out);

/** By how much a rate is decimated for a coarse search. */
static inline unsigned pitch_decimation(uint32_t rate_hz)
{
    return rate_hz < 2 * PITCH_COARSE_HZ ? 1 : rate_hz / PITCH_COARSE_HZ;
}

#endif
