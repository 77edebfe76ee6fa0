/* ESTOI: J. Jensen and C. H. Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated Noise
 * Maskers", IEEE/ACM TASLP 24(11), 2016. */
#include "audio/fft.h"
#include "audio/resample.h"
#include "audio/score.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    ESTOI_HZ = 10000,
    ESTOI_FRAME = 256,
    ESTOI_HOP = 128,
    ESTOI_FFT = 512,
    ESTOI_BANDS = 15,
    ESTOI_SEGMENT = 30, /* frames: 384 ms */
    ESTOI_PAD = 512,    /* of zeros, so that the resampler's delay comes out */
};

#define ESTOI_FIRST_HZ 150.0
#define ESTOI_RANGE_DB 40.0
#define ESTOI_TINY     1e-12

static double window(size_t i)
{
    return 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * (double) (i + 1) / (ESTOI_FRAME + 1));
}

/* To 10 kHz as doubles, without the resampler's delay. `out` holds *n on return; mem_free it. */
static enum ahoy_err to_10k(const int16_t *in, size_t n, uint32_t rate_hz, double **out, size_t *made)
{
    struct resample *r = NULL;
    int16_t *pcm = NULL;
    double *x = NULL;
    enum ahoy_err err = resample_create(&r, rate_hz, ESTOI_HZ, RESAMPLE_FINE);
    if (err)
        return err;
    static const int16_t zeros[ESTOI_PAD] = { 0 };
    size_t cap = resample_max_out(r, n) + resample_max_out(r, ESTOI_PAD);
    pcm = mem_alloc(cap * sizeof *pcm);
    x = mem_alloc(cap * sizeof *x);
    if (!pcm || !x) {
        mem_free(x);
        err = AHOY_ERR_NOMEM;
        goto out;
    }
    size_t got = resample_run(r, in, n, pcm);
    got += resample_run(r, zeros, ESTOI_PAD, pcm + got);
    size_t late = (size_t) lrint(resample_delay_ms(r) * ESTOI_HZ / 1000);
    size_t want = AHOY_MIN((size_t) ((uint64_t) n * ESTOI_HZ / rate_hz), got - AHOY_MIN(late, got));
    for (size_t i = 0; i < want; i++)
        x[i] = pcm[late + i] / 32768.0;
    *out = x;
    *made = want;
out:
    mem_free(pcm);
    resample_destroy(r);
    return err;
}

static double frame_db(const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < ESTOI_FRAME; i++)
        sum += window(i) * window(i) * x[i] * x[i];
    return 10 * log10(sum + ESTOI_TINY * ESTOI_TINY);
}

/*
 * Leaves out frames in which the clean signal is silent, in both signals, by overlap-add in place (what is written is
 * never ahead of what is read). Returns the new length.
 */
static size_t drop_silence(double *clean, double *heard, size_t n, double *db, double *work)
{
    size_t frames = n < ESTOI_FRAME ? 0 : (n - ESTOI_FRAME) / ESTOI_HOP + 1;
    double most = -1e9;
    for (size_t f = 0; f < frames; f++) {
        db[f] = frame_db(clean + f * ESTOI_HOP);
        most = fmax(most, db[f]);
    }
    double *sum_clean = work;
    double *sum_heard = work + n;
    memset(work, 0, 2 * n * sizeof *work);
    size_t kept = 0;
    for (size_t f = 0; f < frames; f++) {
        if (db[f] <= most - ESTOI_RANGE_DB)
            continue;
        for (size_t i = 0; i < ESTOI_FRAME; i++) {
            sum_clean[kept * ESTOI_HOP + i] += window(i) * clean[f * ESTOI_HOP + i];
            sum_heard[kept * ESTOI_HOP + i] += window(i) * heard[f * ESTOI_HOP + i];
        }
        kept++;
    }
    memcpy(clean, sum_clean, n * sizeof *clean);
    memcpy(heard, sum_heard, n * sizeof *heard);
    return kept > 0 ? (kept - 1) * ESTOI_HOP + ESTOI_FRAME : 0;
}

/* Magnitudes in one-third octave bands, ESTOI_BANDS to a frame. */
static void band_frame(const double *x, double *bands)
{
    double re[ESTOI_FFT] = { 0 };
    double im[ESTOI_FFT] = { 0 };
    for (size_t i = 0; i < ESTOI_FRAME; i++)
        re[i] = window(i) * x[i];
    fft_run(re, im, ESTOI_FFT, false);
    for (int b = 0; b < ESTOI_BANDS; b++) {
        double low = ESTOI_FIRST_HZ * pow(2, (2 * b - 1) / 6.0);
        double high = ESTOI_FIRST_HZ * pow(2, (2 * b + 1) / 6.0);
        size_t from = (size_t) lrint(low * ESTOI_FFT / ESTOI_HZ);
        size_t to = (size_t) lrint(high * ESTOI_FFT / ESTOI_HZ);
        double sum = 0;
        for (size_t k = from; k < to; k++)
            sum += re[k] * re[k] + im[k] * im[k];
        bands[b] = sqrt(sum);
    }
}

/* Takes the mean off `n` numbers `stride` apart and makes their norm one. */
static void normalise(double *x, size_t n, size_t stride)
{
    double mean = 0;
    double norm = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i * stride] / (double) n;
    for (size_t i = 0; i < n; i++) {
        x[i * stride] -= mean;
        norm += x[i * stride] * x[i * stride];
    }
    norm = sqrt(norm) + ESTOI_TINY;
    for (size_t i = 0; i < n; i++)
        x[i * stride] /= norm;
}

/* Correlation of one segment after its bands, then its spectra, were normalised. */
static double segment_score(const double *clean, const double *heard)
{
    enum { CELLS = ESTOI_SEGMENT * ESTOI_BANDS };
    double a[CELLS];
    double b[CELLS];
    memcpy(a, clean, sizeof a);
    memcpy(b, heard, sizeof b);
    for (size_t band = 0; band < ESTOI_BANDS; band++) {
        normalise(a + band, ESTOI_SEGMENT, ESTOI_BANDS);
        normalise(b + band, ESTOI_SEGMENT, ESTOI_BANDS);
    }
    double sum = 0;
    for (size_t f = 0; f < ESTOI_SEGMENT; f++) {
        normalise(a + f * ESTOI_BANDS, ESTOI_BANDS, 1);
        normalise(b + f * ESTOI_BANDS, ESTOI_BANDS, 1);
        for (size_t i = f * ESTOI_BANDS; i < (f + 1) * ESTOI_BANDS; i++)
            sum += a[i] * b[i];
    }
    return sum / ESTOI_SEGMENT;
}

static enum ahoy_err estoi_10k(double *clean, double *heard, size_t n, double *out)
{
    size_t most = n / ESTOI_HOP + 2;
    double *work = mem_alloc((2 * n + most + 2 * most * ESTOI_BANDS) * sizeof *work);
    if (!work)
        return AHOY_ERR_NOMEM;
    double *a = work + 2 * n + most;
    double *b = a + most * ESTOI_BANDS;
    n = drop_silence(clean, heard, n, work + 2 * n, work);
    size_t frames = n < ESTOI_FRAME ? 0 : (n - ESTOI_FRAME) / ESTOI_HOP + 1;
    for (size_t f = 0; f < frames; f++) {
        band_frame(clean + f * ESTOI_HOP, a + f * ESTOI_BANDS);
        band_frame(heard + f * ESTOI_HOP, b + f * ESTOI_BANDS);
    }
    enum ahoy_err err = frames < ESTOI_SEGMENT ? AHOY_ERR_INVAL : AHOY_OK;
    double sum = 0;
    for (size_t f = 0; f + ESTOI_SEGMENT <= frames; f++)
        sum += segment_score(a + f * ESTOI_BANDS, b + f * ESTOI_BANDS);
    if (!err)
        *out = sum / (double) (frames - ESTOI_SEGMENT + 1);
    mem_free(work);
    return err;
}

enum ahoy_err score_estoi(const int16_t *clean, const int16_t *heard, size_t n, uint32_t rate_hz, double *out)
{
    if (n == 0)
        return AHOY_ERR_INVAL;
    if (n > SCORE_MAX_SAMPLES)
        return AHOY_ERR_LIMIT;
    double *a = NULL;
    double *b = NULL;
    size_t n_a = 0;
    size_t n_b = 0;
    enum ahoy_err err = to_10k(clean, n, rate_hz, &a, &n_a);
    if (!err)
        err = to_10k(heard, n, rate_hz, &b, &n_b);
    if (!err)
        err = estoi_10k(a, b, AHOY_MIN(n_a, n_b), out);
    mem_free(a);
    mem_free(b);
    return err;
}
