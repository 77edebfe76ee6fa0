/* Mixing, gain and level of 16-bit mono samples. Pure; no allocation. */
#ifndef AHOY_AUDIO_MIX_H
#define AHOY_AUDIO_MIX_H

#include "base/base.h"

/** Silence as a level. */
#define MIX_SILENCE_DBFS (-100.0)

/** dst += src, saturating. */
AHOY_RT void mix_add(int16_t *dst, const int16_t *src, size_t n);

/** acc += src: the sum of a conference, at full width. */
AHOY_RT void mix_sum(int32_t *acc, const int16_t *src, size_t n);

/** dst = acc - own, saturating: what one of a conference hears. `own` may be NULL. */
AHOY_RT void mix_take(int16_t *dst, const int32_t *acc, const int16_t *own, size_t n);

/** A gain that glides to its target within one call of mix_gain_run, so that changes do not click. */
struct mix_gain {
    float now, target; /* linear; 1 leaves as is, 0 mutes */
};

void mix_gain_init(struct mix_gain *g, double db);

/** -100 dB and below mute. */
void mix_gain_set(struct mix_gain *g, double db);

/** Applies, saturating. */
AHOY_RT void mix_gain_run(struct mix_gain *g, int16_t *pcm, size_t n);

/** A level meter: smoothed power and a peak that decays, as shown to people. */
struct mix_meter {
    uint32_t rate_hz;
    double power; /* of full scale squared, smoothed over 125 ms (IEC 61672 "fast") */
    double peak;  /* 0 … 1, falls 20 dB a second */
};

void mix_meter_init(struct mix_meter *m, uint32_t rate_hz);
AHOY_RT void mix_meter_put(struct mix_meter *m, const int16_t *pcm, size_t n);

/** dBFS: 0 is a full-scale square wave, a full-scale sine is -3.01; never below MIX_SILENCE_DBFS. */
double mix_meter_dbfs(const struct mix_meter *m);
double mix_meter_peak_dbfs(const struct mix_meter *m);

/** Level of a block in dBFS. */
double mix_level_dbfs(const int16_t *pcm, size_t n);

#endif
