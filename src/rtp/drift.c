#include "rtp/drift.h"

#include <math.h>

enum { STEP_US = 4000000, LEAST_POINTS = 6, GAP_US = 3 * STEP_US };

/* The line must rise or fall by so many times what points lie beside it, else it is no drift. A step would reach six. */
#define CERTAIN   8.0
#define LEAST_PPM 5.0

void drift_reset(struct drift *d)
{
    *d = (struct drift){ 0 };
}

/* Least squares over the points; true when they lie on a line. */
static bool fit(const struct drift *d, double *slope)
{
    double n = d->n, st = 0, sx = 0, stt = 0, stx = 0, first = d->at_s[0], last = d->at_s[0];
    for (uint32_t i = 0; i < d->n; i++) {
        st += d->at_s[i];
        sx += d->transit_ms[i];
        first = fmin(first, d->at_s[i]);
        last = fmax(last, d->at_s[i]);
    }
    for (uint32_t i = 0; i < d->n; i++) {
        stt += (d->at_s[i] - st / n) * (d->at_s[i] - st / n);
        stx += (d->at_s[i] - st / n) * (d->transit_ms[i] - sx / n);
    }
    *slope = stx / stt;
    double off = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        double x = d->transit_ms[i] - sx / n - *slope * (d->at_s[i] - st / n);
        off += x * x;
    }
    return fabs(*slope) * (last - first) >= CERTAIN * sqrt(off / n);
}

static void judge(struct drift *d)
{
    double slope;
    d->known = d->n >= LEAST_POINTS && fit(d, &slope) && fabs(slope) * 1000 <= DRIFT_MAX_PPM;
    if (d->known)
        d->ppm = fabs(slope) * 1000 >= LEAST_PPM ? -slope * 1000 : 0; /* ms/s; a fast sender's transits fall */
}

static void add_point(struct drift *d)
{
    if (d->n == 0) {
        d->first_when_us = d->when_us;
        d->first_transit_us = d->least_us;
    }
    d->at_s[d->next] = (double) (d->when_us - d->first_when_us) / 1e6;
    d->transit_ms[d->next] = (double) (d->least_us - d->first_transit_us) / 1e3;
    d->next = (d->next + 1) % DRIFT_POINTS;
    d->n = AHOY_MIN(d->n + 1, (uint32_t) DRIFT_POINTS);
    judge(d);
}

void drift_put(struct drift *d, int64_t transit_us, int64_t when_us)
{
    if (d->begin_us != 0 && (when_us < d->begin_us || when_us - d->begin_us > GAP_US))
        drift_reset(d);
    if (d->begin_us != 0 && when_us - d->begin_us >= STEP_US) {
        add_point(d);
        d->begin_us = 0;
    }
    if (d->begin_us == 0 || transit_us < d->least_us) {
        d->begin_us = d->begin_us == 0 ? when_us : d->begin_us;
        d->least_us = transit_us;
        d->when_us = when_us;
    }
}

bool drift_ppm(const struct drift *d, double *ppm)
{
    if (d->known)
        *ppm = d->ppm;
    return d->known;
}
