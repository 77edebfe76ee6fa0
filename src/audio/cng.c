#include "audio/cng.h"

#include <math.h>
#include <string.h>

enum { CNG_RAMP_MS = 20, CNG_MAX_DBOV = 127 };

#define CNG_FULL  32768.0
#define CNG_BURST (4 * 32768.0f) /* noise is never louder */

void cng_init(struct cng *c, uint64_t seed, uint32_t rate_hz)
{
    *c = (struct cng){ .seed = seed * 2 + 1 };
    c->ramp = 1000.0f / (float) (CNG_RAMP_MS * rate_hz);
}

/* The excitation's gain for a level: an all-pole lattice raises power by 1 / Π(1 - k²). */
static float gain_for(const struct cng *c, int dbov)
{
    double power = pow(10, -dbov / 10.0) * CNG_FULL * CNG_FULL;
    for (int i = 0; i < c->order; i++)
        power *= 1 - (double) c->refl[i] * c->refl[i];
    return (float) sqrt(3 * power); /* uniform noise in -1 … 1 has a power of 1/3 */
}

enum ahoy_err cng_set(struct cng *c, const uint8_t *p, size_t n)
{
    if (n == 0)
        return AHOY_ERR_FORMAT;
    c->order = (uint8_t) AHOY_MIN(n - 1, (size_t) CNG_MAX_ORDER);
    for (int i = 0; i < c->order; i++) {
        int quantised = AHOY_MIN(p[1 + i], 254); /* RFC 3389 section 3.2; 255 would be unstable */
        c->refl[i] = (float) (258.0 * (quantised - 127) / 32768.0);
    }
    c->target = gain_for(c, p[0] & 0x7f);
    return AHOY_OK;
}

void cng_set_level(struct cng *c, int dbov)
{
    uint8_t level = (uint8_t) AHOY_MAX(AHOY_MIN(-dbov, CNG_MAX_DBOV), 0);
    c->order = 0;
    c->target = gain_for(c, level);
}

/* xorshift64: plenty for a hiss. */
static float white(struct cng *c)
{
    c->seed ^= c->seed << 13;
    c->seed ^= c->seed >> 7;
    c->seed ^= c->seed << 17;
    return (float) ((int32_t) (c->seed >> 32)) / 2147483648.0f;
}

void cng_run(struct cng *c, int16_t *pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        c->gain += (c->target - c->gain) * c->ramp;
        float f = white(c) * c->gain;
        for (int m = c->order - 1; m >= 0; m--) {
            f -= c->refl[m] * c->back[m];
            if (m + 1 < c->order)
                c->back[m + 1] = c->back[m] + c->refl[m] * f;
        }
        if (c->order > 0)
            c->back[0] = f;
        if (!(fabsf(f) <= CNG_BURST)) { /* what one filter had stored rings in the next, and never ends as a number */
            memset(c->back, 0, sizeof c->back);
            f = 0;
        }
        pcm[i] = (int16_t) lrintf(f > 32767 ? 32767 : f < -32768 ? -32768 : f);
    }
}

/* Reflection coefficients of a frame by Levinson and Durbin's recursion. */
static void reflect(const double r[CNG_MAX_ORDER + 1], unsigned order, double k[CNG_MAX_ORDER])
{
    double a[CNG_MAX_ORDER + 1] = { 1 };
    double err = r[0] * 1.0001 + 1; /* white noise at -40 dB keeps it well conditioned */
    for (unsigned m = 1; m <= order; m++) {
        double sum = r[m];
        for (unsigned i = 1; i < m; i++)
            sum += a[i] * r[m - i];
        double refl = -sum / err;
        double next[CNG_MAX_ORDER + 1];
        memcpy(next, a, sizeof next);
        for (unsigned i = 1; i < m; i++)
            next[i] = a[i] + refl * a[m - i];
        next[m] = refl;
        memcpy(a, next, sizeof next);
        err *= 1 - refl * refl;
        k[m - 1] = refl;
    }
}

size_t cng_describe(const int16_t *pcm, size_t n, unsigned order, uint8_t out[CNG_MAX_BYTES])
{
    double r[CNG_MAX_ORDER + 1] = { 0 };
    double k[CNG_MAX_ORDER] = { 0 };
    order = AHOY_MIN(order, (unsigned) CNG_MAX_ORDER);
    for (unsigned lag = 0; lag <= order; lag++)
        for (size_t i = lag; i < n; i++)
            r[lag] += (double) pcm[i] * pcm[i - lag];
    double power = n > 0 ? r[0] / ((double) n * CNG_FULL * CNG_FULL) : 0;
    double dbov = power > 0 ? -10 * log10(power) : CNG_MAX_DBOV;
    out[0] = (uint8_t) lrint(fmax(0, fmin(CNG_MAX_DBOV, dbov)));
    reflect(r, order, k);
    for (unsigned i = 0; i < order; i++)
        out[1 + i] = (uint8_t) (lrint(fmax(-127, fmin(127, k[i] * 32768 / 258))) + 127);
    return 1 + order;
}
