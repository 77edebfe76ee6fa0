#include "audio/plc.h"

#include "audio/pitch.h"

#include <math.h>
#include <string.h>

enum {
    PLC_HISTORY_MS = 35, /* two of the longest periods, their blending, and the window that is compared */
    PLC_MIN_LAG_MS = 3,  /* shorter periods are taken several at a time, which buzzes less */
    PLC_MAX_LAG_MS = 15,
    PLC_WINDOW_MS = 12, /* that is compared to find the period */
    PLC_GROW_MS = 10,   /* then one more period is repeated */
    PLC_MAX_PERIODS = 2,
    PLC_HOLD_MS = 10, /* before the fade; half of it for noise */
    PLC_FADE_MS = 60, /* from full to silence */
    PLC_MAX_BLEND_MS = 10,
    PLC_COARSE = PITCH_COARSE_HZ / 1000 * 2 * PLC_HISTORY_MS, /* room: a rate is decimated to less than twice that */
};

#define PLC_VOICED 0.6 /* correlation from which a sound counts as periodic */

struct plc {
    uint32_t rate_hz;
    size_t len;       /* of rolling and frozen */
    size_t lost;      /* samples concealed since the last good frame */
    size_t lag;       /* the period */
    unsigned periods; /* how many of them are repeated */
    size_t pos;       /* next sample of the repeated piece */
    size_t old_pos, grow_left;
    float seam;       /* step at the first repeated sample, faded out … */
    size_t seam_left; /* … over this many samples */
    size_t hold;      /* samples before the fade begins */
    int16_t *rolling; /* what was played last */
    int16_t *frozen;  /* the same when the loss began */
};

static size_t of_ms(const struct plc *p, size_t ms)
{
    return p->rate_hz * ms / 1000;
}

size_t plc_size(uint32_t rate_hz)
{
    AHOY_ASSERT(rate_hz >= 8000 && rate_hz <= 48000);
    return sizeof(struct plc) + 2 * (rate_hz * PLC_HISTORY_MS / 1000) * sizeof(int16_t);
}

void plc_init(struct plc *p, uint32_t rate_hz)
{
    memset(p, 0, plc_size(rate_hz));
    p->rate_hz = rate_hz;
    p->len = of_ms(p, PLC_HISTORY_MS);
    p->rolling = (int16_t *) (p + 1);
    p->frozen = p->rolling + p->len;
}

static void remember(struct plc *p, const int16_t *pcm, size_t n)
{
    if (n >= p->len) {
        memcpy(p->rolling, pcm + (n - p->len), p->len * sizeof *pcm);
        return;
    }
    memmove(p->rolling, p->rolling + n, (p->len - n) * sizeof *pcm);
    memcpy(p->rolling + (p->len - n), pcm, n * sizeof *pcm);
}

/* The lag at which the newest `window` samples of x look most like those before. */
static size_t best_lag(const int16_t *x, size_t n, size_t window, size_t from, size_t to, double *corr)
{
    size_t best = from;
    *corr = -2;
    for (size_t lag = from; lag <= to && lag + window <= n; lag++) {
        double c = pitch_ncc(x + n - window, x + n - window - lag, window);
        if (c > *corr) {
            *corr = c;
            best = lag;
        }
    }
    return best;
}

/* Coarse on a decimated copy, then exact around what was found. */
static size_t find_period(const struct plc *p, double *corr)
{
    int16_t coarse[PLC_COARSE];
    unsigned by = pitch_decimation(p->rate_hz);
    size_t n = pitch_decimate(p->frozen + p->len % by, p->len, by, coarse);
    size_t lag = by
                 * best_lag(coarse, n, of_ms(p, PLC_WINDOW_MS) / by, of_ms(p, PLC_MIN_LAG_MS) / by,
                            of_ms(p, PLC_MAX_LAG_MS) / by, corr);
    if (by == 1)
        return lag;
    size_t from = AHOY_MAX(lag - by, of_ms(p, PLC_MIN_LAG_MS));
    size_t to = AHOY_MIN(lag + by, of_ms(p, PLC_MAX_LAG_MS));
    return best_lag(p->frozen, p->len, of_ms(p, PLC_WINDOW_MS) / 2, from, to, corr);
}

static void begin(struct plc *p)
{
    double corr;
    memcpy(p->frozen, p->rolling, p->len * sizeof *p->frozen);
    p->lag = find_period(p, &corr);
    bool voiced = corr >= PLC_VOICED;
    p->periods = voiced ? 1 : 2; /* repeating a short piece of noise would give it a pitch */
    p->hold = of_ms(p, voiced ? PLC_HOLD_MS : PLC_HOLD_MS / 2);
    p->pos = 0;
    p->grow_left = 0;
    const int16_t *end = p->frozen + p->len;
    p->seam = (float) (end[-1] - end[-1 - (ptrdiff_t) (p->periods * p->lag)]);
    p->seam_left = p->lag / 4;
}

/* Sample `pos` of the last `periods` periods made seamless: their end fades into what came before their beginning. */
static float repeated(const struct plc *p, unsigned periods, size_t pos)
{
    size_t length = periods * p->lag;
    size_t blend = p->lag / 4;
    const int16_t *start = p->frozen + p->len - length;
    float x = start[pos];
    if (pos >= length - blend) {
        float w = (float) (pos - (length - blend) + 1) / (float) (blend + 1);
        x += w * ((float) start[(ptrdiff_t) pos - (ptrdiff_t) length] - x);
    }
    return x;
}

static float next_sample(struct plc *p)
{
    size_t quarter = p->lag / 4;
    float x = repeated(p, p->periods, p->pos);
    p->pos = (p->pos + 1) % (p->periods * p->lag);
    if (p->grow_left > 0) {
        float w = (float) p->grow_left / (float) (quarter + 1);
        x += w * (repeated(p, p->periods - 1, p->old_pos) - x);
        p->old_pos = (p->old_pos + 1) % ((p->periods - 1) * p->lag);
        p->grow_left--;
    }
    if (p->seam_left > 0) {
        x += p->seam * (float) p->seam_left / (float) (quarter + 1);
        p->seam_left--;
    }
    float gain = 1;
    if (p->lost > p->hold) {
        gain = 1 - (float) (p->lost - p->hold) / (float) of_ms(p, PLC_FADE_MS);
        gain = gain > 0 ? gain : 0;
    }
    p->lost++;
    if (p->lost % of_ms(p, PLC_GROW_MS) == 0 && p->periods < PLC_MAX_PERIODS && p->grow_left == 0) {
        p->periods++;
        p->old_pos = p->pos; /* the longer piece begins a period earlier: the same place in it has the same phase */
        p->grow_left = quarter;
    }
    return x * gain;
}

static int16_t rounded(float x)
{
    return (int16_t) lrintf(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}

void plc_conceal(struct plc *p, int16_t *pcm, size_t n)
{
    if (p->lost == 0)
        begin(p);
    for (size_t i = 0; i < n; i++)
        pcm[i] = rounded(next_sample(p));
    remember(p, pcm, n);
}

void plc_good(struct plc *p, int16_t *pcm, size_t n)
{
    if (p->lost > 0) {
        size_t blend = of_ms(p, 2) + p->lost / 20; /* the longer it was, the further apart they are */
        blend = AHOY_MIN(AHOY_MIN(blend, of_ms(p, PLC_MAX_BLEND_MS)), n);
        for (size_t i = 0; i < blend; i++) {
            float w = (float) (i + 1) / (float) (blend + 1);
            float x = next_sample(p);
            pcm[i] = rounded(x + w * ((float) pcm[i] - x));
        }
        p->lost = 0;
    }
    remember(p, pcm, n);
}
