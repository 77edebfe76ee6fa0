/* Figures of what was heard against what was said. Mono at MEASURE_HZ, on one clock: a delay is a delay. */
#ifndef BENCH_SOUND_MEASURE_H
#define BENCH_SOUND_MEASURE_H

#include "base/base.h"

enum { MEASURE_HZ = 48000 };

struct figures {
    double pq;                                     /* perceptual score, 1 … 4.64 (pq.h) */
    double pq_rigid;                               /* the same with one lag for each utterance */
    double estoi;                                  /* extended short-time objective intelligibility, 0 … 1 */
    double lsd_db;                                 /* log-spectral distance while something is said */
    double delay_ms, delay_median_ms, delay_95_ms; /* by correlation, while something is said */
    double concealed_ms;                           /* filled in by the caller, who knows */
};

/** sum += part * f, all figures. */
void figures_add(struct figures *sum, const struct figures *f, double part);

struct measure;

/** Prepares `said`: many may be compared to it. NOMEM. */
AHOY_MUST_USE enum ahoy_err measure_create(struct measure **out, const int16_t *said, size_t n);
void measure_destroy(struct measure *m);

/** Delays up to `max_delay_ms` are looked for. INVAL: nothing to compare. NOMEM. */
AHOY_MUST_USE enum ahoy_err measure_run(const struct measure *m, const int16_t *heard, size_t n, int max_delay_ms,
                                        struct figures *out);

#endif
