#include "audio/score.h"

#include "audio/fft.h"
#include "audio/mix.h"
#include "base/mem.h"

#include <math.h>

#define SCORE_MAX_SNR_DB 100.0
#define SCORE_MIN_SNR_DB (-20.0)

static double mean_of(const int16_t *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double) n;
}

/* sums[i] is the energy of the first i samples, their mean taken off. */
static void prefix_energy(const int16_t *x, size_t n, double mean, double *sums)
{
    sums[0] = 0;
    for (size_t i = 0; i < n; i++)
        sums[i + 1] = sums[i] + (x[i] - mean) * (x[i] - mean);
}

/*
 * Two real signals, one as real and one as imaginary part, give both spectra at once; their cross-spectrum goes back
 * into the same arrays, and its inverse transform is the correlation: re[lag mod n] = Σ said[i] heard[i + lag].
 */
static void correlate(double *re, double *im, size_t n)
{
    fft_run(re, im, n, false);
    for (size_t k = 0; k <= n / 2; k++) {
        size_t m = (n - k) % n;
        double x_re = (re[k] + re[m]) / 2;
        double x_im = (im[k] - im[m]) / 2;
        double y_re = (im[k] + im[m]) / 2;
        double y_im = (re[m] - re[k]) / 2;
        double c_re = x_re * y_re + x_im * y_im;
        double c_im = x_re * y_im - x_im * y_re;
        re[k] = c_re;
        im[k] = c_im;
        re[m] = c_re;
        im[m] = -c_im;
    }
    fft_run(re, im, n, true);
}

/* The part of both signals that overlaps when `heard` is late by lag: said[from, to). */
static bool overlap(int64_t lag, size_t n_said, size_t n_heard, size_t *from, size_t *to)
{
    int64_t first = lag < 0 ? -lag : 0;
    int64_t last = AHOY_MIN((int64_t) n_said, (int64_t) n_heard - lag);
    if (last <= first)
        return false;
    *from = (size_t) first;
    *to = (size_t) last;
    return true;
}

struct search {
    const double *corr;
    size_t size;
    const double *said, *heard; /* prefix energies */
    size_t n_said, n_heard;
    size_t least; /* samples that must overlap */
};

static double corr_at(const struct search *s, int64_t lag)
{
    size_t from, to;
    if (!overlap(lag, s->n_said, s->n_heard, &from, &to) || to - from < s->least)
        return -2;
    double e_said = s->said[to] - s->said[from];
    size_t heard_from = (size_t) ((int64_t) from + lag);
    double e_heard = s->heard[heard_from + (to - from)] - s->heard[heard_from];
    /* Below one step of the samples (RMS) there is nothing but rounding. */
    if (e_said < (double) (to - from) || e_heard < (double) (to - from))
        return 0;
    size_t at = lag < 0 ? s->size - (size_t) -lag : (size_t) lag;
    return s->corr[at] / sqrt(e_said * e_heard);
}

static void search_best(const struct search *s, int64_t most, struct score_match *out)
{
    double best = -2;
    for (int64_t lag = -most; lag <= most; lag++) {
        double c = corr_at(s, lag);
        if (c > best) {
            best = c;
            out->lag = lag;
        }
    }
    out->corr = best < -1 ? 0 : fmin(best, 1);
    double kept = out->corr > 0 ? out->corr * out->corr : 0;
    double db = kept < 1 ? 10 * log10(kept / (1 - kept)) : SCORE_MAX_SNR_DB;
    out->snr_db = fmax(SCORE_MIN_SNR_DB, fmin(SCORE_MAX_SNR_DB, db));
}

enum ahoy_err score_match(const int16_t *said, size_t n_said, const int16_t *heard, size_t n_heard, uint32_t rate_hz,
                          unsigned max_lag_ms, struct score_match *out)
{
    if (n_said == 0 || n_heard == 0 || rate_hz == 0)
        return AHOY_ERR_INVAL;
    if (n_said > SCORE_MAX_SAMPLES || n_heard > SCORE_MAX_SAMPLES)
        return AHOY_ERR_LIMIT;
    size_t size = fft_size(n_said + n_heard);
    double *work = mem_zalloc((2 * size + n_said + n_heard + 2) * sizeof *work);
    if (!work)
        return AHOY_ERR_NOMEM;
    double *re = work;
    double *im = work + size;
    double *e_said = im + size;
    double *e_heard = e_said + n_said + 1;
    double mean_said = mean_of(said, n_said);
    double mean_heard = mean_of(heard, n_heard);
    for (size_t i = 0; i < n_said; i++)
        re[i] = said[i] - mean_said;
    for (size_t i = 0; i < n_heard; i++)
        im[i] = heard[i] - mean_heard;
    prefix_energy(said, n_said, mean_said, e_said);
    prefix_energy(heard, n_heard, mean_heard, e_heard);
    correlate(re, im, size);
    size_t least = AHOY_MAX(AHOY_MIN(n_said, n_heard) / 2, (size_t) rate_hz / 100);
    struct search s = { .corr = re,
                        .size = size,
                        .said = e_said,
                        .heard = e_heard,
                        .n_said = n_said,
                        .n_heard = n_heard,
                        .least = AHOY_MIN(least, AHOY_MIN(n_said, n_heard)) };
    struct score_match found = { 0 };
    int64_t most = AHOY_MIN((int64_t) max_lag_ms * rate_hz / 1000, (int64_t) AHOY_MAX(n_said, n_heard));
    search_best(&s, most, &found);
    found.delay_ms = 1000.0 * (double) found.lag / rate_hz;
    size_t from = 0, to = 0;
    if (overlap(found.lag, n_said, n_heard, &from, &to)) {
        found.said_dbfs = mix_level_dbfs(said + from, to - from);
        found.heard_dbfs = mix_level_dbfs(heard + ((int64_t) from + found.lag), to - from);
    }
    mem_free(work);
    *out = found;
    return AHOY_OK;
}

double score_snr_db(const int16_t *said, const int16_t *heard, size_t n)
{
    double signal = 0;
    double noise = 0;
    for (size_t i = 0; i < n; i++) {
        double diff = (double) heard[i] - said[i];
        signal += (double) said[i] * said[i];
        noise += diff * diff;
    }
    if (signal <= 0)
        return SCORE_MIN_SNR_DB;
    if (noise <= 0)
        return SCORE_MAX_SNR_DB;
    return fmax(SCORE_MIN_SNR_DB, fmin(SCORE_MAX_SNR_DB, 10 * log10(signal / noise)));
}
