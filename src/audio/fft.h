/* A plain radix-2 FFT in double precision, for measuring; not for realtime. */
#ifndef AHOY_AUDIO_FFT_H
#define AHOY_AUDIO_FFT_H

#include "base/base.h"

/** In place, `n` a power of two (1 … 2^26); `inverse` includes the division by n. O(n log n), no allocation. */
void fft_run(double *re, double *im, size_t n, bool inverse);

/** The smallest power of two that is not below n. */
size_t fft_size(size_t n);

#endif
