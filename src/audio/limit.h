/*
 * A limiter for sums: what is too loud is turned down instead of clipped. Within a block it looks ahead, so it is early
 * for a peak and adds no delay. Quiet sums pass bit by bit. Pure; no allocation.
 */
#ifndef AHOY_AUDIO_LIMIT_H
#define AHOY_AUDIO_LIMIT_H

#include "base/base.h"

enum { LIMIT_BLOCK = 480, LIMIT_PEAK = 32000 };

struct limit {
    float gain; /* at the end of the last block; 1: untouched */
};

void limit_init(struct limit *l);

/** `n` sums to samples, none beyond LIMIT_PEAK; in blocks of LIMIT_BLOCK. */
AHOY_RT void limit_run(struct limit *l, const int32_t *sum, int16_t *out, size_t n, uint32_t rate_hz);

#endif
