#include "sound/measure.h"

#include "audio/fft.h"
#include "audio/resample.h"
#include "audio/score.h"
#include "base/mem.h"
#include "sound/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = MEASURE_HZ / 10 };

struct measure {
    int16_t *said; /* at PQ_HZ */
    size_t n;
};

/* To PQ_HZ, without the resampler's delay; mem_free it. */
static int16_t *to_16k(const int16_t *in, size_t n, size_t *made)
{
    struct resample *r;
    int16_t *out = NULL, *padded = mem_zalloc((n + PAD) * sizeof *padded);
    if (!padded || resample_create(&r, MEASURE_HZ, PQ_HZ, RESAMPLE_FINE))
        goto out;
    memcpy(padded, in, n * sizeof *in);
    out = mem_alloc(resample_max_out(r, n + PAD) * sizeof *out);
    if (out) {
        size_t got = resample_run(r, padded, n + PAD, out);
        size_t late = (size_t) lrint(resample_delay_ms(r) * PQ_HZ / 1000);
        *made = AHOY_MIN(n * PQ_HZ / MEASURE_HZ, got - AHOY_MIN(late, got));
        memmove(out, out + late, *made * sizeof *out);
    }
    resample_destroy(r);
out:
    mem_free(padded);
    return out;
}

enum ahoy_err measure_create(struct measure **out, const int16_t *said, size_t n)
{
    struct measure *m = mem_zalloc(sizeof *m);
    if (!m)
        return AHOY_ERR_NOMEM;
    m->said = to_16k(said, n, &m->n);
    if (!m->said) {
        mem_free(m);
        return AHOY_ERR_NOMEM;
    }
    *out = m;
    return AHOY_OK;
}

void measure_destroy(struct measure *m)
{
    if (m)
        mem_free(m->said);
    mem_free(m);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/*
 * Where speech was found for sure. Concealment is like speech of some other moment: with a receiver that delays nothing,
 * what is merely alike (0.5) was found 30 ms late on average at 30 % in bursts.
 */
static const float surely_found = 0.8f;

static enum ahoy_err delays(const struct align *a, struct figures *out)
{
    double *ms = mem_alloc((a->n + 1) * sizeof *ms), sum = 0;
    size_t n = 0;
    if (!ms)
        return AHOY_ERR_NOMEM;
    for (size_t h = 0; h < a->n; h++)
        if (a->active[h] > 0.3f && a->corr[h] > surely_found)
            sum += ms[n++] = a->lag[h] * 1000.0 / PQ_HZ;
    if (n > 0) {
        qsort(ms, n, sizeof *ms, by_size);
        out->delay_ms = sum / (double) n;
        out->delay_median_ms = ms[n / 2];
        out->delay_95_ms = ms[n * 95 / 100];
    }
    mem_free(ms);
    return AHOY_OK;
}

/* What was heard, moved to where it was said; pieces overlap so that a change of lag does not click. */
static void lay(const struct align *a, const int16_t *heard, size_t n, int16_t *out, size_t out_n)
{
    for (size_t i = 0; i < out_n; i++) {
        size_t h = AHOY_MIN(i / PQ_HOP, a->n - 1), next = AHOY_MIN(h + 1, a->n - 1);
        double part = (double) (i % PQ_HOP) / PQ_HOP, y[2];
        for (int k = 0; k < 2; k++) {
            int64_t from = (int64_t) i + a->lag[k == 0 ? h : next];
            y[k] = from >= 0 && from < (int64_t) n ? heard[from] : 0;
        }
        out[i] = (int16_t) lrint(y[0] + part * (y[1] - y[0]));
    }
}

static void power_spectrum(const int16_t *x, double *power)
{
    double re[PQ_FRAME], im[PQ_FRAME] = { 0 };
    for (size_t i = 0; i < PQ_FRAME; i++)
        re[i] = x[i] * (0.5 - 0.5 * cos(2 * 3.14159265358979323846 * (double) i / PQ_FRAME));
    fft_run(re, im, PQ_FRAME, false);
    for (size_t k = 0; k < PQ_FRAME / 2; k++)
        power[k] = re[k] * re[k] + im[k] * im[k];
}

/* Root mean square difference of log spectra over frequency, mean over the frames that say something. */
static double spectral_distance(const struct align *a, const int16_t *said, const int16_t *laid, size_t n)
{
    const double floor = PQ_FRAME * PQ_FRAME * 0.25; /* about one bit of the samples */
    double x[PQ_FRAME / 2], y[PQ_FRAME / 2], sum = 0;
    size_t frames = 0;
    for (size_t f = 0; f < pq_frames(n) && f < a->n; f++) {
        if (a->active[f] < 0.3f)
            continue;
        power_spectrum(said + f * PQ_HOP, x);
        power_spectrum(laid + f * PQ_HOP, y);
        double square = 0;
        for (size_t k = 3; k < PQ_FRAME / 2; k++) {
            double db = 10 * log10((x[k] + floor) / (y[k] + floor));
            square += db * db / (PQ_FRAME / 2 - 3);
        }
        sum += sqrt(square);
        frames++;
    }
    return frames > 0 ? sum / (double) frames : 0;
}

static enum ahoy_err compare(const struct measure *m, const struct align *supple, const struct align *stiff,
                             const struct align *rigid, const int16_t *heard, size_t n, struct figures *f)
{
    struct pq_signals s = { .said = m->said, .heard = heard, .said_n = m->n, .heard_n = n, .lag = stiff->lag };
    struct pq_score score;
    int16_t *laid = mem_alloc(m->n * sizeof *laid);
    enum ahoy_err err = laid ? delays(supple, f) : AHOY_ERR_NOMEM;
    if (err)
        goto out;
    lay(stiff, heard, n, laid, m->n);
    f->lsd_db = spectral_distance(stiff, m->said, laid, m->n);
    err = score_estoi(m->said, laid, m->n, PQ_HZ, &f->estoi);
    if (!err)
        err = pq_score(&s, &score);
    if (!err)
        f->pq = score.mos;
    s.lag = rigid->lag;
    if (!err)
        err = pq_score(&s, &score);
    if (!err)
        f->pq_rigid = score.mos;
out:
    mem_free(laid);
    return err;
}

enum ahoy_err measure_run(const struct measure *m, const int16_t *heard, size_t n, int max_delay_ms,
                          struct figures *out)
{
    struct align supple = { 0 }, stiff = { 0 }, rigid = { 0 };
    struct figures f = { 0 };
    int16_t *pcm = to_16k(heard, n, &n);
    enum ahoy_err err = pcm ? align_find(m->said, m->n, pcm, n, max_delay_ms, &supple, &stiff, &rigid) : AHOY_ERR_NOMEM;
    if (!err)
        err = compare(m, &supple, &stiff, &rigid, pcm, n, &f);
    if (!err)
        *out = f;
    align_free(&supple);
    align_free(&stiff);
    align_free(&rigid);
    mem_free(pcm);
    return err;
}

void figures_add(struct figures *sum, const struct figures *f, double part)
{
    sum->pq += part * f->pq;
    sum->pq_rigid += part * f->pq_rigid;
    sum->estoi += part * f->estoi;
    sum->lsd_db += part * f->lsd_db;
    sum->delay_ms += part * f->delay_ms;
    sum->delay_median_ms += part * f->delay_median_ms;
    sum->delay_95_ms += part * f->delay_95_ms;
    sum->concealed_ms += part * f->concealed_ms;
}
