/*
 * Sample rate conversion of a mono stream, over speexdsp. Frames of any size; the ratio is exact in the long run and
 * may be trimmed by parts per million to follow another clock. An object belongs to one thread at a time.
 */
#ifndef AHOY_AUDIO_RESAMPLE_H
#define AHOY_AUDIO_RESAMPLE_H

#include "base/base.h"

struct resample;

/** 0 … 10 as in speexdsp: more is steeper, dearer and later. VOICE keeps aliases 80 dB down
 * and is late by 24 samples of the lower rate. */
enum { RESAMPLE_VOICE = 3, RESAMPLE_FINE = 7, RESAMPLE_MAX_PPM = 5000 };

/** Rates 8000 … 192000 Hz. RANGE, NOMEM. */
AHOY_MUST_USE enum ahoy_err resample_create(struct resample **out, uint32_t in_hz, uint32_t out_hz, int quality);

/** NULL is ignored. */
void resample_destroy(struct resample *r);

/**
 * Makes `ppm` more (or fewer) output samples per input sample; clamped to ±RESAMPLE_MAX_PPM. Without a click. The ratio
 * is met within 1 ppm, but within 16 next to simple fractions: once trimmed, a stream goes back to about +15 ppm for 0
 * (and about -15 for anything just below), which a control loop evens out. Never called, the ratio is exact.
 */
void resample_set_ppm(struct resample *r, double ppm);

/** The most samples that `n` input samples can give. */
size_t resample_max_out(const struct resample *r, size_t n);

/**
 * Converts all `n` samples; `out` has room for resample_max_out(n) and does not overlap `in`. Returns samples written.
 */
size_t resample_run(struct resample *r, const int16_t *in, size_t n, int16_t *out);

/** How much later a sound comes out than it went in. */
double resample_delay_ms(const struct resample *r);

/** Forgets the past, as if new. */
void resample_reset(struct resample *r);

#endif
