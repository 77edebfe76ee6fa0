/* Sounds for tests: sines, noise, a synthetic voice, and the speech that alsa-utils installs. */
#ifndef AHOY_TESTS_AUDIO_SUPPORT_SOUND_H
#define AHOY_TESTS_AUDIO_SUPPORT_SOUND_H

#include "base/rng.h"

/** A sine of an RMS level in dBFS, from phase 0. */
void sound_sine(int16_t *dst, size_t n, uint32_t rate_hz, double hz, double dbfs);

/** White noise of an RMS level in dBFS. */
void sound_noise(int16_t *dst, size_t n, uint64_t seed, double dbfs);

/** A vowel: a pulse train whose pitch glides around `pitch_hz`, through three resonances; about -20 dBFS. */
void sound_voice(int16_t *dst, size_t n, uint32_t rate_hz, double pitch_hz);

/** Speech: "Front_Center" and its kin, as in alsa-utils; returns samples written, 0 when it cannot be read. */
size_t sound_speech(const char *name, uint32_t rate_hz, int16_t *dst, size_t max);

/** Power of the sine of `hz` over the power of all else, in dB. */
double sound_purity_db(const int16_t *x, size_t n, uint32_t rate_hz, double hz);

/** Level of the part of x at `hz`, dBFS. */
double sound_part_dbfs(const int16_t *x, size_t n, uint32_t rate_hz, double hz);

/** Shows what was measured when AHOY_TEST_FIGURES is set; returns it. */
double sound_figure(const char *what, double x);

#endif
