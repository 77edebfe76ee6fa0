#include "base/rng.h"

#include <string.h>

static uint32_t rotl(uint32_t x, int b)
{
    return (x << b) | (x >> (32 - b));
}

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotl(s[b] ^ s[c], 7);
}

static void refill(struct rng *r)
{
    uint32_t s[16];
    memcpy(s, r->state, sizeof s);
    for (int i = 0; i < 10; i++) { /* 20 rounds: a column round and a diagonal round each, RFC 8439 section 2.3 */
        quarter(s, 0, 4, 8, 12);
        quarter(s, 1, 5, 9, 13);
        quarter(s, 2, 6, 10, 14);
        quarter(s, 3, 7, 11, 15);
        quarter(s, 0, 5, 10, 15);
        quarter(s, 1, 6, 11, 12);
        quarter(s, 2, 7, 8, 13);
        quarter(s, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        uint32_t x = s[i] + r->state[i];
        for (int k = 0; k < 4; k++)
            r->block[4 * i + k] = (uint8_t) (x >> (8 * k));
    }
    if (++r->state[12] == 0)
        r->state[13]++;
    r->used = 0;
}

void rng_init(struct rng *r, const uint8_t seed[32])
{
    static const uint32_t sigma[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    memset(r, 0, sizeof *r);
    memcpy(r->state, sigma, sizeof sigma);
    for (int i = 0; i < 8; i++)
        r->state[4 + i] = (uint32_t) seed[4 * i] | (uint32_t) seed[4 * i + 1] << 8 | (uint32_t) seed[4 * i + 2] << 16
                          | (uint32_t) seed[4 * i + 3] << 24;
    r->used = sizeof r->block;
}

void rng_init_u64(struct rng *r, uint64_t seed)
{
    uint8_t bytes[32] = { 0 };
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t) (seed >> (8 * i));
    rng_init(r, bytes);
}

void rng_bytes(struct rng *r, void *p, size_t n)
{
    uint8_t *out = p;
    while (n > 0) {
        if (r->used == sizeof r->block)
            refill(r);
        size_t part = AHOY_MIN(n, sizeof r->block - r->used);
        memcpy(out, r->block + r->used, part);
        memset(r->block + r->used, 0, part); /* what was handed out is not kept */
        r->used += part;
        out += part;
        n -= part;
    }
}

uint32_t rng_u32(struct rng *r)
{
    uint8_t b[4];
    rng_bytes(r, b, sizeof b);
    return (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 | (uint32_t) b[3] << 24;
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t hi = rng_u32(r);
    return hi << 32 | rng_u32(r);
}

uint32_t rng_below(struct rng *r, uint32_t bound)
{
    AHOY_ASSERT(bound > 0);
    uint64_t limit = (UINT64_C(1) << 32) - ((UINT64_C(1) << 32) % bound); /* above it the rest would not be uniform */
    uint32_t x;
    do
        x = rng_u32(r);
    while (x >= limit);
    return x % bound;
}

double rng_unit(struct rng *r)
{
    return (double) (rng_u64(r) >> 11) * 0x1p-53;
}

void rng_token(struct rng *r, char *dst, size_t n)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t i = 0; i < n; i++) {
        uint8_t b;
        rng_bytes(r, &b, 1);
        dst[i] = alphabet[b & 31];
    }
    dst[n] = '\0';
}
