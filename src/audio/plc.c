#include "audio/plc.h"

#include "audio/pitch.h"
#include "audio/plc_loop.h"

#include <math.h>
#include <string.h>

enum {
    PLC_HISTORY_MS = 35, /* two of the longest periods and the window that is compared */
    PLC_MIN_LAG_MS = 3,  /* shorter periods are taken several at a time, which buzzes less */
    PLC_MAX_LAG_MS = 15,
    PLC_WINDOW_MS = 5,      /* that is compared to find the period: the newest sound, not the average */
    PLC_NEXT_WINDOW_MS = 4, /* the same in what follows: at least */
    PLC_NOISE_MS = 10,      /* of noise are repeated: a shorter piece would get a pitch */
    PLC_LEVEL_MS = 10,      /* over which the level of what follows is taken */
    PLC_HOLD_MS = 10,       /* before the fade; half of it for noise */
    PLC_WAY_HOLD_MS = 30,   /* the same from either end of a way that is known */
    PLC_FADE_MS = 60,       /* from full to silence */
    PLC_BLEND_MS = 3,       /* of the first good frame, where the way led to it */
    PLC_MAX_BLEND_MS = 10,
    PLC_COARSE = PITCH_COARSE_HZ / 1000 * 2 * PLC_HISTORY_MS, /* room: a rate is decimated to less than twice that */
};

#define PLC_VOICED      0.3  /* correlation from which a sound is repeated by its period */
#define PLC_NEXT_VOICED 0.2  /* the same for what follows: it has to agree with what was before */
#define PLC_NEXT_LEAST  0.65 /* its period, in periods before the loss */
#define PLC_NEXT_MOST   1.5
#define PLC_ALIGNED     0.3  /* correlation from which both sides are one sound */
#define PLC_MAX_BEND    0.09 /* by so much a period may be bent to meet the other side in phase */

/* Where concealment is. Copied to look ahead. */
struct plc_state {
    size_t lost;  /* samples concealed since the last good frame */
    size_t since; /* since the loop began */
    size_t hold;  /* of them before the fade begins */
    struct plc_loop before, after;
    size_t way, way_left;     /* length of the way to what follows, and what is left of it; 0: it is not known */
    size_t soft;              /* of it, behind the beginning of what follows */
    double rms[2];            /* levels of its two ends */
    double level, step;       /* the level now, and what it is multiplied by with each sample */
    double alike;             /* correlation of the two loops */
    float seam;               /* step at the first repeated sample, faded out … */
    size_t seam_n, seam_left; /* … over so many samples */
};

struct plc {
    uint32_t rate_hz;
    bool begun;
    struct plc_state s;
    struct plc_sinc sinc;
    size_t len;     /* of heard */
    int16_t *heard; /* what was played last */
};

static size_t of_ms(const struct plc *p, size_t ms)
{
    return p->rate_hz * ms / 1000;
}

size_t plc_size(uint32_t rate_hz)
{
    AHOY_ASSERT(rate_hz >= 8000 && rate_hz <= 48000);
    return sizeof(struct plc) + 2 * (rate_hz * PLC_MAX_LAG_MS / 1000) * sizeof(float)
           + rate_hz * PLC_HISTORY_MS / 1000 * sizeof(int16_t);
}

void plc_init(struct plc *p, uint32_t rate_hz)
{
    memset(p, 0, plc_size(rate_hz));
    p->rate_hz = rate_hz;
    p->len = of_ms(p, PLC_HISTORY_MS);
    p->s.before.x = (float *) (p + 1);
    p->s.after.x = p->s.before.x + of_ms(p, PLC_MAX_LAG_MS);
    p->heard = (int16_t *) (p->s.after.x + of_ms(p, PLC_MAX_LAG_MS));
    plc_sinc_init(&p->sinc);
}

static void remember(struct plc *p, const int16_t *pcm, size_t n)
{
    if (n >= p->len) {
        memcpy(p->heard, pcm + (n - p->len), p->len * sizeof *pcm);
        return;
    }
    memmove(p->heard, p->heard + n, (p->len - n) * sizeof *pcm);
    memcpy(p->heard + (p->len - n), pcm, n * sizeof *pcm);
}

/* ---- what to repeat ---------------------------------------------------------------------------------------------- */

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
    size_t least = of_ms(p, PLC_MIN_LAG_MS);
    size_t most = of_ms(p, PLC_MAX_LAG_MS);
    size_t window = of_ms(p, PLC_WINDOW_MS);
    size_t n = pitch_decimate(p->heard + p->len % by, p->len, by, coarse);
    size_t lag = by * best_lag(coarse, n, window / by, least / by, most / by, corr);
    if (by == 1)
        return lag;
    return best_lag(p->heard, p->len, window, AHOY_MAX(lag - by, least), AHOY_MIN(lag + by, most), corr);
}

/* The lag at which the first samples of x look most like those behind them. */
static size_t next_period(const struct plc *p, const int16_t *x, size_t n, size_t from, size_t to, double *corr)
{
    size_t best = 0;
    *corr = -2;
    for (size_t lag = from; lag <= to && lag + of_ms(p, PLC_NEXT_WINDOW_MS) <= n; lag++) {
        double c = pitch_ncc(x, x + lag, AHOY_MIN(n - lag, of_ms(p, PLC_WINDOW_MS)));
        if (c > *corr) {
            *corr = c;
            best = lag;
        }
    }
    return best;
}

static double rms(const int16_t *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double) x[i] * x[i];
    return 1 + sqrt(sum / (double) n); /* never 0: levels are divided by each other */
}

/* Prepares to repeat what was heard last; true when it has a pitch. */
static bool begin(struct plc *p)
{
    struct plc_state *s = &p->s;
    double corr;
    size_t lag = find_period(p, &corr);
    bool voiced = corr >= PLC_VOICED;
    size_t n = voiced ? lag : of_ms(p, PLC_NOISE_MS);
    const int16_t *end = p->heard + p->len;
    plc_loop_before(&s->before, end, n);
    s->seam = (float) (end[-1] - end[-1 - (ptrdiff_t) n]);
    s->seam_n = s->seam_left = n / 4;
    s->since = 0;
    s->hold = of_ms(p, PLC_HOLD_MS) / (voiced ? 1 : 2);
    s->way = s->way_left = s->soft = 0;
    p->begun = true;
    return voiced;
}

/* ---- the way to what follows ------------------------------------------------------------------------------------- */

/* The place of the loop before the loss that looks like the beginning of the one behind it. */
static size_t find_phase(const struct plc_loop *before, const int16_t *next, size_t n, size_t period, size_t stride,
                         double *corr)
{
    size_t best = 0;
    *corr = -2;
    for (size_t at = 0; at < before->n; at++) {
        double ab = 0, aa = 1, bb = 1;
        for (size_t i = 0; i < n; i += stride) {
            double a = before->x[(at + i * before->n / period) % before->n];
            ab += a * next[i];
            aa += a * a;
            bb += (double) next[i] * next[i];
        }
        double c = ab / sqrt(aa * bb);
        if (c > *corr) {
            *corr = c;
            best = at;
        }
    }
    return best;
}

/*
 * Both loops turn together, from the period of the one to that of the other, and so many times that what is before the
 * loss arrives in phase with what follows. Returns false when that would bend the pitch too much.
 */
static bool align(struct plc_state *s, size_t phase)
{
    double way = (double) s->way;
    double n0 = (double) s->before.n, n1 = (double) s->after.n;
    double turns = way * (1 / n0 + 1 / n1) / 2;
    double miss = (double) phase / n0 - turns;
    miss -= floor(miss + 0.5);
    if (fabs(miss) > PLC_MAX_BEND * turns)
        return false;
    double f0 = 1 / n0 + miss / way;
    double bend = (1 / n1 - 1 / n0) / way;
    s->before.speed = n0 * f0;
    s->before.accel = n0 * bend;
    s->after.speed = n1 * f0;
    s->after.accel = n1 * bend;
    plc_loop_seek(&s->after, -(turns + miss) * n1);
    return true;
}

void plc_toward(struct plc *p, const int16_t *next, size_t n, size_t gap, size_t soft)
{
    struct plc_state *s = &p->s;
    if (gap == 0 || n < 2 * of_ms(p, PLC_NEXT_WINDOW_MS))
        return;
    n = AHOY_MIN(n, of_ms(p, PLC_NEXT_MS));
    bool voiced = begin(p);
    double period = (double) s->before.n;
    double corr;
    size_t lag = next_period(p, next, n, voiced ? (size_t) (period * PLC_NEXT_LEAST) : of_ms(p, PLC_MIN_LAG_MS),
                             voiced ? (size_t) (period * PLC_NEXT_MOST) : of_ms(p, PLC_MAX_LAG_MS), &corr);
    bool next_voiced = corr >= PLC_NEXT_VOICED;
    size_t len = next_voiced ? AHOY_MIN(lag, of_ms(p, PLC_MAX_LAG_MS)) : AHOY_MIN(of_ms(p, PLC_NOISE_MS), n * 3 / 4);
    size_t need = len + len / 4;
    s->soft = AHOY_MIN(soft, n > need ? n - need : 0);
    s->way = s->way_left = gap + s->soft;
    next += s->soft;
    n -= s->soft;
    plc_loop_after(&s->after, next, len, n);
    s->rms[0] = rms(p->heard + p->len - s->before.n, s->before.n);
    s->rms[1] = rms(next, AHOY_MIN(n, of_ms(p, PLC_LEVEL_MS)));
    s->level = s->rms[0];
    s->step = pow(s->rms[1] / s->rms[0], 1 / (double) (s->way + 1));
    s->alike = 0;
    if (voiced && next_voiced) {
        double alike;
        size_t stride = AHOY_MAX(pitch_decimation(p->rate_hz) / 2, 1U);
        size_t phase = find_phase(&s->before, next, AHOY_MIN(n, len + len / 2), len, stride, &alike);
        if (alike >= PLC_ALIGNED && align(s, phase)) {
            s->alike = alike;
            return;
        }
    }
    plc_loop_seek(&s->after, -(double) s->way);
}

size_t plc_gap(const struct plc *p)
{
    return p->s.way_left > p->s.soft ? p->s.way_left - p->s.soft : 0;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static float fade(const struct plc *p, size_t at, size_t hold)
{
    if (at <= hold)
        return 1;
    float gain = 1 - (float) (at - hold) / (float) of_ms(p, PLC_FADE_MS);
    return gain > 0 ? gain : 0;
}

/* From one loop to the other; the level goes evenly in decibels, whether they add up as one sound or as two. */
static float on_the_way(struct plc *p)
{
    struct plc_state *s = &p->s;
    double b = 1 - (double) s->way_left / (double) (s->way + 1);
    double a = 1 - b;
    double l = a * s->rms[0];
    double r = b * s->rms[1];
    s->level *= s->step;
    double gain = s->level / sqrt(l * l + r * r + 2 * l * r * s->alike);
    gain *= fade(p, AHOY_MIN(s->since, s->way_left), of_ms(p, PLC_WAY_HOLD_MS));
    float x = (float) (a * plc_loop_next(&s->before, &p->sinc) + b * plc_loop_next(&s->after, &p->sinc));
    s->since++;
    s->way_left--;
    if (s->way_left == 0) { /* arrived: what follows is repeated as it is */
        s->after.speed = 1;
        s->after.accel = 0;
        s->after.pos = floor(s->after.pos + 0.5);
        plc_loop_seek(&s->after, 0);
        s->since = 0;
    }
    return x * (float) gain;
}

static float next_sample(struct plc *p)
{
    struct plc_state *s = &p->s;
    float x;
    if (s->way_left > 0) {
        x = on_the_way(p);
    } else {
        x = plc_loop_next(s->way > 0 ? &s->after : &s->before, &p->sinc) * fade(p, s->since, s->hold);
        s->since++;
    }
    if (s->seam_left > 0) {
        x += s->seam * (float) s->seam_left / (float) (s->seam_n + 1);
        s->seam_left--;
    }
    s->lost++;
    return x;
}

static int16_t rounded(float x)
{
    return (int16_t) lrintf(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}

void plc_peek(struct plc *p, int16_t *pcm, size_t n)
{
    if (!p->begun)
        (void) begin(p);
    struct plc_state here = p->s;
    for (size_t i = 0; i < n; i++)
        pcm[i] = rounded(next_sample(p));
    p->s = here;
}

void plc_conceal(struct plc *p, int16_t *pcm, size_t n)
{
    if (!p->begun)
        (void) begin(p);
    for (size_t i = 0; i < n; i++)
        pcm[i] = rounded(next_sample(p));
    remember(p, pcm, n);
}

/* The rest of the way, or the longer it was, the further apart they are. */
static size_t blend_of(const struct plc *p)
{
    const struct plc_state *s = &p->s;
    if (s->way > 0 && s->way_left <= s->soft)
        return s->way_left + of_ms(p, PLC_BLEND_MS);
    return AHOY_MIN(of_ms(p, 2) + s->lost / 20, of_ms(p, PLC_MAX_BLEND_MS));
}

void plc_good(struct plc *p, int16_t *pcm, size_t n)
{
    if (p->s.lost > 0) {
        size_t blend = AHOY_MIN(blend_of(p), n);
        for (size_t i = 0; i < blend; i++) {
            float w = (float) (i + 1) / (float) (blend + 1);
            float x = next_sample(p);
            pcm[i] = rounded(x + w * ((float) pcm[i] - x));
        }
    }
    p->s.lost = 0;
    p->s.way = p->s.way_left = p->s.soft = 0;
    p->begun = false;
    remember(p, pcm, n);
}
