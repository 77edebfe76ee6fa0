/*
 * Seeded randomness: ChaCha20 (RFC 8439) as a generator. The same seed gives the same stream, so a simulated run
 * replays; seeded from the operating system it is fit for tags, branches and nonces. One per engine or simulated host,
 * never global.
 */
#ifndef AHOY_BASE_RNG_H
#define AHOY_BASE_RNG_H

#include "base/base.h"

struct rng {
    uint32_t state[16];
    uint8_t block[64];
    size_t used;
};

void rng_init(struct rng *r, const uint8_t seed[32]);

/** From a small number, for simulation and tests only. */
void rng_init_u64(struct rng *r, uint64_t seed);

void rng_bytes(struct rng *r, void *p, size_t n);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);

/** Uniform in 0 … bound - 1; bound > 0. */
uint32_t rng_below(struct rng *r, uint32_t bound);

/** Uniform in [0, 1). */
double rng_unit(struct rng *r);

/** Writes `n` random characters of [a-z0-9] (5 bits each) and a zero byte to dst[n + 1]. */
void rng_token(struct rng *r, char *dst, size_t n);

#endif
