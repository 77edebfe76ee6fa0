#include "audio/limit.h"

#include <math.h>
#include <stdlib.h>

/* As changes of gain per second: down in 1.5 ms where the block lets it, up again in 200 ms. */
#define LIMIT_ATTACK  (1.0f / 0.0015f)
#define LIMIT_RELEASE (1.0f / 0.2f)

void limit_init(struct limit *l)
{
    l->gain = 1;
}

static int32_t peak_of(const int32_t *x, size_t n)
{
    int32_t peak = 0;
    for (size_t i = 0; i < n; i++)
        peak = AHOY_MAX(peak, abs(x[i]));
    return peak;
}

static void run_block(struct limit *l, const int32_t *sum, int16_t *out, size_t n, uint32_t rate_hz)
{
    float need[LIMIT_BLOCK], attack = LIMIT_ATTACK / (float) rate_hz, release = LIMIT_RELEASE / (float) rate_hz;
    float later = 1;
    for (size_t i = n; i-- > 0;) { /* backwards: each sample knows the peaks to come */
        int32_t level = abs(sum[i]);
        need[i] = level > LIMIT_PEAK ? (float) LIMIT_PEAK / (float) level : 1;
        later = need[i] = fminf(need[i], later + attack);
    }
    for (size_t i = 0; i < n; i++) {
        l->gain = fminf(need[i], fminf(l->gain + release, 1));
        out[i] = (int16_t) lrintf((float) sum[i] * l->gain);
    }
}

void limit_run(struct limit *l, const int32_t *sum, int16_t *out, size_t n, uint32_t rate_hz)
{
    for (size_t at = 0; at < n;) {
        size_t part = AHOY_MIN(n - at, (size_t) LIMIT_BLOCK);
        if (l->gain >= 1 && peak_of(sum + at, part) <= LIMIT_PEAK) {
            for (size_t i = 0; i < part; i++)
                out[at + i] = (int16_t) sum[at + i];
        } else {
            run_block(l, sum + at, out + at, part, rate_hz);
        }
        at += part;
    }
}
