#include "sound/align_priv.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    COARSE_STEP = ALIGN_COARSE_STEP,
    BLOCK = PQ_HOP / COARSE_STEP,
    AROUND = 4, /* blocks of a correlation: 64 ms */
    FINE = COARSE_STEP + 2,
};

/* What a change of lag has to gain, in correlations of one hop. */
#define SUPPLE_CHANGE 0.5f
#define STIFF_CHANGE  3.0f
#define STEP_CHANGE   0.1f /* by one coarse sample, as clocks drift */
#define ACTIVE_DB     35.0 /* below the loudest hop: nothing is said */

/* A low-pass of 20 taps and every fourth sample: enough to tell voices' periods apart. */
static void decimate(const int16_t *in, size_t n, float *out, size_t out_n)
{
    enum { TAPS = 20 };
    float tap[TAPS], sum = 0;
    for (int i = 0; i < TAPS; i++) {
        double x = (i - (TAPS - 1) / 2.0) / COARSE_STEP * 0.9;
        double sinc = sin(3.14159265358979323846 * x) / (3.14159265358979323846 * x);
        tap[i] = (float) (sinc * (0.54 + 0.46 * cos(2 * 3.14159265358979323846 * (i - (TAPS - 1) / 2.0) / TAPS)));
        sum += tap[i];
    }
    for (size_t k = 0; k < out_n; k++) {
        float y = 0;
        for (int i = 0; i < TAPS; i++) {
            int64_t at = (int64_t) (k * COARSE_STEP) + i - TAPS / 2;
            if (at >= 0 && at < (int64_t) n)
                y += tap[i] * in[at];
        }
        out[k] = y / sum;
    }
}

static void find_activity(struct align_field *f)
{
    double most = 0;
    for (size_t h = 0; h < f->hops; h++) {
        double sum = 0;
        for (size_t i = 0; i < BLOCK; i++)
            sum += (double) f->said[h * BLOCK + i] * f->said[h * BLOCK + i];
        f->active[h] = (float) sum;
        most = fmax(most, sum);
    }
    for (size_t h = 0; h < f->hops; h++) {
        double db = 10 * log10((f->active[h] + 1e-9) / (most + 1e-9));
        f->active[h] = (float) fmin(fmax((db + ACTIVE_DB) / 15, 0), 1);
    }
}

static float dot(const float *a, const float *b, size_t n)
{
    float s[8] = { 0 };
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            s[k] += a[i + k] * b[i + k];
    return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
}

/* All correlations: products by blocks, then over AROUND of them about each hop. `work`: 3 * hops numbers. */
static void correlate(struct align_field *f, float *work)
{
    float *product = work, *said = work + f->hops, *heard = work + 2 * f->hops;
    for (size_t h = 0; h < f->hops; h++)
        said[h] = dot(f->said + h * BLOCK, f->said + h * BLOCK, BLOCK);
    for (size_t lag = 0; lag < f->lags; lag++) {
        for (size_t h = 0; h < f->hops; h++) {
            const float *y = f->heard + h * BLOCK + lag;
            product[h] = f->active[h] > 0 ? dot(f->said + h * BLOCK, y, BLOCK) : 0;
            heard[h] = dot(y, y, BLOCK);
        }
        for (size_t h = 0; h < f->hops; h++) {
            float xy = 0, xx = 1, yy = 1;
            for (size_t k = h > 0 ? h - 1 : 0; k < AHOY_MIN(h + AROUND - 1, f->hops); k++) {
                xy += product[k];
                xx += said[k];
                yy += heard[k];
            }
            f->score[h * f->lags + lag] = f->active[h] * xy / sqrtf(xx * yy);
        }
    }
}

/* The best path; `sum`: 2 * lags numbers. */
static void search(struct align_field *f, float change, float *sum, int32_t *lag)
{
    float *now = sum, *next = sum + f->lags;
    memcpy(now, f->score, f->lags * sizeof *now);
    for (size_t h = 1; h < f->hops; h++) {
        size_t top = 0;
        for (size_t l = 1; l < f->lags; l++)
            if (now[l] > now[top])
                top = l;
        for (size_t l = 0; l < f->lags; l++) {
            size_t from = l;
            float best = now[l];
            if (l > 0 && now[l - 1] - STEP_CHANGE > best)
                best = now[from = l - 1] - STEP_CHANGE;
            if (l + 1 < f->lags && now[l + 1] - STEP_CHANGE > best)
                best = now[from = l + 1] - STEP_CHANGE;
            if (now[top] - change > best)
                best = now[from = top] - change;
            next[l] = best + f->score[h * f->lags + l];
            f->from[h * f->lags + l] = (uint16_t) from;
        }
        float *swap = now;
        now = next;
        next = swap;
    }
    size_t at = 0;
    for (size_t l = 1; l < f->lags; l++)
        if (now[l] > now[at])
            at = l;
    for (size_t h = f->hops; h-- > 0;) {
        lag[h] = (int32_t) (at * COARSE_STEP);
        at = h > 0 ? f->from[h * f->lags + at] : at;
    }
}

/*
 * Where nothing is said no lag is better than another, and the path may change anywhere. In the middle of a pause neither
 * the word before it nor the one behind is compared with silence (P.862 parts utterances there, too).
 */
static void change_in_pauses(const struct align_field *f, int32_t *lag)
{
    for (size_t h = 0, end; h < f->hops; h = end) {
        for (end = h + 1; end < f->hops && (f->active[end] > 0) == (f->active[h] > 0);)
            end++;
        if (f->active[h] > 0)
            continue;
        int32_t before = lag[h > 0 ? h - 1 : AHOY_MIN(end, f->hops - 1)], behind = end < f->hops ? lag[end] : before;
        for (size_t k = h; k < end; k++)
            lag[k] = k < h + (end - h) / 2 ? before : behind;
    }
}

static double product_at(const int16_t *said, size_t n, const int16_t *heard, size_t heard_n, int64_t lag)
{
    double xy = 0, yy = 1;
    for (size_t i = 0; i < n; i++) {
        int64_t k = (int64_t) i + lag;
        double y = k >= 0 && k < (int64_t) heard_n ? heard[k] : 0;
        xy += said[i] * y;
        yy += y * y;
    }
    return xy / sqrt(yy);
}

/* Each stretch of one coarse lag is placed to the sample. */
static void refine(struct align *a, const int16_t *said, const int16_t *heard, size_t heard_n)
{
    for (size_t h = 0, end; h < a->n; h = end) {
        for (end = h + 1; end < a->n && a->lag[end] == a->lag[h];)
            end++;
        size_t from = h * PQ_HOP;
        int32_t best = a->lag[h];
        double most = -1e30;
        for (int32_t lag = a->lag[h] - FINE; lag <= a->lag[h] + FINE; lag++) {
            double c = product_at(said + from, (end - h) * PQ_HOP, heard + from, heard_n - AHOY_MIN(from, heard_n),
                                  lag);
            if (c > most) {
                most = c;
                best = lag;
            }
        }
        for (size_t k = h; k < end; k++)
            a->lag[k] = best;
    }
}

/* `change` 0: by utterances. */
static enum ahoy_err fill(struct align *a, struct align_field *f, float change, float *work, const int16_t *said,
                          const int16_t *heard, size_t heard_n)
{
    *a = (struct align){ .n = f->hops };
    a->lag = mem_alloc(f->hops * sizeof *a->lag);
    a->active = mem_alloc(f->hops * sizeof *a->active);
    a->corr = mem_alloc(f->hops * sizeof *a->corr);
    if (!a->lag || !a->active || !a->corr)
        return AHOY_ERR_NOMEM;
    if (change > 0)
        search(f, change, work, a->lag);
    else if (!align_utterances(f, a->lag))
        return AHOY_ERR_NOMEM;
    change_in_pauses(f, a->lag);
    for (size_t h = 0; h < f->hops; h++) {
        a->active[h] = f->active[h];
        float score = f->score[h * f->lags + (size_t) a->lag[h] / COARSE_STEP];
        a->corr[h] = f->active[h] > 0 ? score / f->active[h] : 0;
    }
    refine(a, said, heard, heard_n);
    return AHOY_OK;
}

enum ahoy_err align_find(const int16_t *said, size_t said_n, const int16_t *heard, size_t heard_n, int max_lag_ms,
                         struct align *supple, struct align *stiff, struct align *rigid)
{
    struct align_field f = { .hops = said_n / PQ_HOP, .lags = (size_t) max_lag_ms * (PQ_HZ / 1000) / COARSE_STEP };
    *supple = *stiff = *rigid = (struct align){ 0 };
    if (f.hops < 4 || f.lags < 4 || f.lags > UINT16_MAX)
        return AHOY_ERR_INVAL;
    enum ahoy_err err = AHOY_ERR_NOMEM;
    f.said_n = f.hops * BLOCK;
    f.heard_n = f.said_n + f.lags + BLOCK;
    f.said = mem_alloc(f.said_n * sizeof *f.said);
    f.heard = mem_alloc(f.heard_n * sizeof *f.heard);
    f.score = mem_alloc(f.hops * f.lags * sizeof *f.score);
    f.from = mem_alloc(f.hops * f.lags * sizeof *f.from);
    f.active = mem_alloc(f.hops * sizeof *f.active);
    float *work = mem_alloc((3 * f.hops + 2 * f.lags) * sizeof *work);
    if (!f.said || !f.heard || !f.score || !f.from || !f.active || !work)
        goto out;
    decimate(said, said_n, f.said, f.said_n);
    decimate(heard, heard_n, f.heard, f.heard_n);
    find_activity(&f);
    correlate(&f, work);
    err = fill(supple, &f, SUPPLE_CHANGE, work, said, heard, heard_n);
    if (!err)
        err = fill(stiff, &f, STIFF_CHANGE, work, said, heard, heard_n);
    if (!err)
        err = fill(rigid, &f, 0, work, said, heard, heard_n);
    if (!err)
        align_bad_anew(&f, rigid);
out:
    if (err) {
        align_free(supple);
        align_free(stiff);
        align_free(rigid);
    }
    mem_free(f.said);
    mem_free(f.heard);
    mem_free(f.score);
    mem_free(f.from);
    mem_free(f.active);
    mem_free(work);
    return err;
}

void align_free(struct align *a)
{
    mem_free(a->lag);
    mem_free(a->active);
    mem_free(a->corr);
    *a = (struct align){ 0 };
}
