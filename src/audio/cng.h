/* Comfort noise (RFC 3389): making it from a received description, and describing our own background. */
#ifndef AHOY_AUDIO_CNG_H
#define AHOY_AUDIO_CNG_H

#include "base/base.h"

enum { CNG_MAX_ORDER = 12, CNG_MAX_BYTES = 1 + CNG_MAX_ORDER };

struct cng {
    uint64_t seed;
    uint8_t order;
    float refl[CNG_MAX_ORDER]; /* reflection coefficients, |k| < 1 */
    float back[CNG_MAX_ORDER]; /* lattice state */
    float gain, target;        /* of the excitation */
    float ramp;                /* part of the way to target per sample */
};

/** Silent until cng_set. `seed`: any number; the noise is a function of it. */
void cng_init(struct cng *c, uint64_t seed, uint32_t rate_hz);

/** Takes a CN payload: the level (byte 0, -dBov) and reflection coefficients, of which the first 12 count. FORMAT when
 * empty. */
AHOY_MUST_USE enum ahoy_err cng_set(struct cng *c, const uint8_t *p, size_t n);

/** From a level alone, 0 … -127 dBov. */
void cng_set_level(struct cng *c, int dbov);

/** Writes `n` samples of noise. */
void cng_run(struct cng *c, int16_t *pcm, size_t n);

/** Describes a frame of background as a CN payload of 1 + `order` bytes (order 0 … 12); returns its length. */
size_t cng_describe(const int16_t *pcm, size_t n, unsigned order, uint8_t out[CNG_MAX_BYTES]);

#endif
