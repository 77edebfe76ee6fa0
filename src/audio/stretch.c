#include "audio/stretch.h"

#include "audio/pitch.h"

#include <math.h>
#include <string.h>

enum { STRETCH_MIN_LAG_US = 2500, STRETCH_PLACES = 3, STRETCH_QUIET = 60 /* RMS, -55 dBFS */ };

#define STRETCH_CLEAN 0.85 /* correlation of two periods that can be merged unheard */

/* Two neighbouring periods: [at, at + lag) and [at + lag, at + 2 lag). */
struct place {
    size_t at, lag;
    double corr;
};

static void try_place(const int16_t *x, size_t n, size_t at, size_t lag, struct place *best)
{
    if (at < 1 || at + 2 * lag + 1 > n)
        return;
    double c = pitch_ncc(x + at, x + at + lag, lag);
    if (c > best->corr)
        *best = (struct place){ .at = at, .lag = lag, .corr = c };
}

/* The best place among beginning, middle and end of the piece; coarse first, then exact. */
static struct place find_place(uint32_t rate_hz, const int16_t *in, size_t n)
{
    int16_t coarse[PITCH_COARSE_HZ * 2 / 1000 * 120];
    unsigned by = pitch_decimation(rate_hz);
    struct place best = { .corr = -2 };
    size_t most = rate_hz / 1000 * STRETCH_MAX_MS;
    size_t least = (size_t) rate_hz * STRETCH_MIN_LAG_US / 1000000;
    size_t used = AHOY_MIN(n, AHOY_COUNT(coarse) * by); /* a longer piece is changed in its first 120 ms */
    size_t m = pitch_decimate(in, used, by, coarse);
    for (size_t lag = least / by; lag <= most / by && 2 * lag + 2 <= m; lag++) {
        size_t room = m - 2 * lag - 1;
        for (size_t k = 0; k < STRETCH_PLACES; k++)
            try_place(coarse, m, AHOY_MAX(room * k / (STRETCH_PLACES - 1), (size_t) 1), lag, &best);
    }
    if (best.corr < -1 || by == 1)
        return best;
    struct place exact = { .corr = -2 };
    size_t middle = best.lag * by;
    for (size_t lag = AHOY_MAX(middle - by, least); lag <= AHOY_MIN(middle + by, most); lag++) {
        size_t at = best.at * by;
        if (at + 2 * lag + 1 > used && used > 2 * lag + 2)
            at = used - 2 * lag - 1;
        try_place(in, used, at, lag, &exact);
    }
    return exact;
}

static bool is_quiet(const int16_t *x, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int32_t) x[i] * x[i];
    return sum < (int64_t) n * STRETCH_QUIET * STRETCH_QUIET;
}

static bool choose(uint32_t rate_hz, enum stretch_how how, const int16_t *in, size_t n, struct place *out)
{
    if (n < rate_hz / 1000 * STRETCH_MIN_PIECE_MS)
        return false;
    *out = find_place(rate_hz, in, n);
    if (out->corr < -1)
        return false;
    return how == STRETCH_FORCED || out->corr >= STRETCH_CLEAN || is_quiet(in + out->at, 2 * out->lag);
}

/* From `a` to `b` over n samples. */
static void crossfade(const int16_t *a, const int16_t *b, size_t n, int16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float w = (float) (i + 1) / (float) (n + 1);
        float x = (float) a[i] + w * (float) (b[i] - a[i]);
        out[i] = (int16_t) lrintf(x);
    }
}

size_t stretch_shrink(uint32_t rate_hz, enum stretch_how how, const int16_t *in, size_t n, int16_t *out)
{
    struct place k;
    if (!choose(rate_hz, how, in, n, &k)) {
        memmove(out, in, n * sizeof *in);
        return n;
    }
    memmove(out, in, k.at * sizeof *in);
    crossfade(in + k.at, in + k.at + k.lag, k.lag, out + k.at);
    memmove(out + k.at + k.lag, in + k.at + 2 * k.lag, (n - k.at - 2 * k.lag) * sizeof *in);
    return n - k.lag;
}

size_t stretch_expand(uint32_t rate_hz, enum stretch_how how, const int16_t *in, size_t n, int16_t *out)
{
    struct place k;
    if (!choose(rate_hz, how, in, n, &k)) {
        memcpy(out, in, n * sizeof *in);
        return n;
    }
    size_t second = k.at + k.lag;
    memcpy(out, in, second * sizeof *in);
    crossfade(in + second, in + k.at, k.lag, out + second);
    memcpy(out + second + k.lag, in + second, (n - second) * sizeof *in);
    return n + k.lag;
}
