/*
 * Measuring what was heard against what was said: pure functions, for `ahoy echo`'s verdict and for tests. Mono, both
 * at the same rate.
 */
#ifndef AHOY_AUDIO_SCORE_H
#define AHOY_AUDIO_SCORE_H

#include "base/base.h"

/** The most samples of each signal (21 s at 48 kHz). */
enum { SCORE_MAX_SAMPLES = 1 << 20 };

struct score_match {
    double corr;                  /* normalised cross-correlation at the best lag, -1 … 1; 0 when either is silent */
    int64_t lag;                  /* samples by which `heard` is late (negative: early) */
    double delay_ms;              /* the same as time */
    double said_dbfs, heard_dbfs; /* levels where the two overlap */
    double snr_db; /* of `heard` against `said` at the best gain: 10 log10(r² / (1 - r²)), within -20 … 100 */
};

/**
 * Finds the lag in [-max_lag_ms, max_lag_ms] at which `heard` follows `said` best; only lags at which at least half of
 * the shorter one (and 10 ms) overlaps. INVAL for an empty signal, LIMIT above SCORE_MAX_SAMPLES, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err score_match(const int16_t *said, size_t n_said, const int16_t *heard, size_t n_heard,
                                        uint32_t rate_hz, unsigned max_lag_ms, struct score_match *out);

/** SNR of aligned signals in dB without any change of gain: power of `said` over power of the difference. */
double score_snr_db(const int16_t *said, const int16_t *heard, size_t n);

/**
 * Extended short-time objective intelligibility (Jensen and Taal, IEEE/ACM TASLP 24(11), 2016) of aligned signals:
 * about 0 (nothing understood) to 1. INVAL when there is less than 0.4 s of speech; LIMIT, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err score_estoi(const int16_t *clean, const int16_t *heard, size_t n, uint32_t rate_hz,
                                        double *out);

#endif
