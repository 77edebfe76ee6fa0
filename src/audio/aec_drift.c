#include "audio/aec_drift.h"

#include <math.h>
#include <string.h>

#define TURN 6.283185307179586

/* A measurement's length, the sound it needs, and the bins it uses (250 … 3000 Hz). */
enum { SPAN_HOPS = 25, SPAN_ACTIVE = 8, FROM_BIN = 5, TO_BIN = 60 };

/* A filter that learns follows a wandering path by half only within a measurement. */
#define EAGER 2.0

/* The two models must be this much the same thing at two delays. */
#define ALIKE 0.85

void aec_drift_init(struct aec_drift *d)
{
    memset(d, 0, sizeof *d);
}

void aec_drift_skip(struct aec_drift *d)
{
    d->taken = false;
}

static void take(struct aec_drift *d, const struct aec_filter *f)
{
    size_t peak = aec_filter_peak(f);
    size_t from = peak > 0 ? peak - 1 : 0;
    d->from = AHOY_MIN(from, (size_t) (AEC_PARTS - AEC_DRIFT_PARTS));
    memcpy(d->before, f->h + d->from, sizeof d->before);
    d->hops = 0;
    d->active = 0;
    d->taken = true;
}

struct cross {
    double re[TO_BIN], im[TO_BIN];
    double now, before;
};

static void cross_spectrum(const struct aec_drift *d, const struct aec_filter *f, struct cross *c)
{
    memset(c, 0, sizeof *c);
    for (size_t p = 0; p < AEC_DRIFT_PARTS; p++) {
        const struct aec_spec *a = &f->h[d->from + p];
        const struct aec_spec *b = &d->before[p];
        for (size_t k = FROM_BIN; k < TO_BIN; k++) {
            c->re[k] += a->re[k] * b->re[k] + a->im[k] * b->im[k];
            c->im[k] += a->im[k] * b->re[k] - a->re[k] * b->im[k];
            c->now += a->re[k] * a->re[k] + a->im[k] * a->im[k];
            c->before += b->re[k] * b->re[k] + b->im[k] * b->im[k];
        }
    }
}

/* Least squares of the phase over frequency: by how many samples the model is later. False when it is another one. */
static bool delay_of(const struct cross *c, double *out)
{
    double num = 0;
    double den = 1e-30;
    for (size_t k = FROM_BIN; k < TO_BIN; k++) {
        double w = TURN * (double) k / AEC_N;
        double size = hypot(c->re[k], c->im[k]);
        num -= size * w * atan2(c->im[k], c->re[k]);
        den += size * w * w;
    }
    double delay = num / den;
    double alike = 0;
    for (size_t k = FROM_BIN; k < TO_BIN; k++) {
        double w = TURN * (double) k / AEC_N;
        alike += c->re[k] * cos(w * delay) - c->im[k] * sin(w * delay);
    }
    *out = delay;
    return alike > ALIKE * sqrt(c->now * c->before) && c->now > 1e-6;
}

static bool measure(struct aec_drift *d, const struct aec_filter *f)
{
    struct cross c;
    double delay;
    cross_spectrum(d, f, &c);
    if (!delay_of(&c, &delay))
        return false;
    double seen = -delay / (d->hops * (double) AEC_HOP) * 1e6;
    d->measured++;
    seen *= EAGER;
    double trust = fmax(0.2, 1.0 / (1 + d->measured));
    d->ppm = fmin(AEC_DRIFT_MAX_PPM, fmax(-AEC_DRIFT_MAX_PPM, d->ppm + trust * seen));
    return true;
}

bool aec_drift_update(struct aec_drift *d, const struct aec_filter *f, bool learning)
{
    if (!d->taken) {
        if (learning)
            take(d, f);
        return false;
    }
    d->hops++;
    d->active += learning;
    if (d->hops < SPAN_HOPS || d->active < SPAN_ACTIVE || !learning)
        return false;
    bool changed = measure(d, f);
    take(d, f);
    return changed;
}
