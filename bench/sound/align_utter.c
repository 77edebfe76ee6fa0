/* One lag for each utterance, as P.862 describes it: an utterance is parted only where both halves fit better. */
#include "base/mem.h"
#include "sound/align_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOP_MS = PQ_HOP * 1000 / PQ_HZ,
    JOIN_HOPS = 200 / HOP_MS + 1, /* a shorter pause parts nothing */
    LEAST_HOPS = 200 / HOP_MS + 1,
    SPLIT_HOPS = 800 / HOP_MS, /* the shortest utterance that is parted … */
    PAD_HOPS = 300 / HOP_MS,   /* … not nearer to its ends than this, … */
    SPLIT_PLACES = 40,
    MAX_DEPTH = 12,
    AROUND = 32 * PQ_HZ / 1000 / ALIGN_COARSE_STEP, /* a hop's own lag is looked for so far from the utterance's */
    KERNEL = 4,                                     /* coarse lags: a millisecond */
    APART = 16,                                     /* … and where the lags differ by 4 ms at least */
    BAD_HOPS = 5,
};

#define BAD_CORR 0.5f

struct span {
    size_t from, end; /* hops */
    size_t lag;       /* coarse */
    float sure;       /* 0 … 1 */
};

struct utter {
    const struct align_field *f;
    float *sum; /* of scores over hops, lags each: sum[(h + 1) * lags + l] */
    float histogram[2 * AROUND + 1];
};

static size_t crude_lag(const struct utter *u, size_t from, size_t end)
{
    size_t best = 0, lags = u->f->lags;
    const float *a = u->sum + from * lags, *b = u->sum + end * lags;
    for (size_t l = 1; l < lags; l++)
        if (b[l] - a[l] > b[best] - a[best])
            best = l;
    return best;
}

/* The lag that most hops have by themselves, and the share of them that has it. */
static void place(struct utter *u, struct span *s)
{
    const struct align_field *f = u->f;
    size_t crude = crude_lag(u, s->from, s->end), least = crude > AROUND ? crude - AROUND : 0;
    size_t most = AHOY_MIN(crude + AROUND, f->lags - 1);
    float all = 0, top = -1;
    memset(u->histogram, 0, sizeof u->histogram);
    for (size_t h = s->from; h < s->end; h++) {
        const float *score = f->score + h * f->lags;
        size_t best = least;
        for (size_t l = least + 1; l <= most; l++)
            if (score[l] > score[best])
                best = l;
        if (f->active[h] <= 0 || score[best] <= 0)
            continue;
        float weight = powf(score[best], 0.125f);
        u->histogram[best - least] += weight;
        all += weight;
    }
    s->lag = crude;
    for (size_t l = 0; l <= most - least; l++) {
        float near = 0;
        for (int k = -KERNEL; k <= KERNEL; k++)
            if ((int64_t) l + k >= 0 && l + (size_t) k <= most - least)
                near += u->histogram[l + (size_t) k] * (1 - (float) abs(k) / (KERNEL + 1));
        if (near > top) {
            top = near;
            s->lag = least + l;
        }
    }
    s->sure = all > 0 ? top / all : 0;
}

static void set_lag(int32_t *lag, const struct span *s)
{
    for (size_t h = s->from; h < s->end; h++)
        lag[h] = (int32_t) (s->lag * ALIGN_COARSE_STEP);
}

static void part(struct utter *u, const struct span *whole, int depth, int32_t *lag)
{
    struct span left, right, best[2] = { *whole, *whole };
    float most = 0;
    size_t n = whole->end - whole->from, pad = AHOY_MAX(n / 10, (size_t) PAD_HOPS);
    size_t step = AHOY_MAX(n * 8 / 10 / SPLIT_PLACES, (size_t) 1);
    for (size_t at = whole->from + pad; n >= SPLIT_HOPS && depth < MAX_DEPTH && at + pad <= whole->end; at += step) {
        left = (struct span){ .from = whole->from, .end = at };
        right = (struct span){ .from = at, .end = whole->end };
        place(u, &left);
        place(u, &right);
        size_t apart = left.lag > right.lag ? left.lag - right.lag : right.lag - left.lag;
        if (left.sure > whole->sure && right.sure > whole->sure && apart >= APART && left.sure + right.sure > most) {
            most = left.sure + right.sure;
            best[0] = left;
            best[1] = right;
        }
    }
    if (most <= 0) {
        set_lag(lag, whole);
        return;
    }
    part(u, &best[0], depth + 1, lag);
    part(u, &best[1], depth + 1, lag);
}

/* From `at` on: the next utterance. */
static bool next_utterance(const struct align_field *f, size_t at, struct span *s)
{
    for (;;) {
        while (at < f->hops && f->active[at] <= 0)
            at++;
        if (at >= f->hops)
            return false;
        *s = (struct span){ .from = at, .end = at + 1 };
        for (; at < f->hops && at < s->end + JOIN_HOPS; at++)
            if (f->active[at] > 0)
                s->end = at + 1;
        if (s->end - s->from >= LEAST_HOPS)
            return true;
        at = s->end;
    }
}

bool align_utterances(const struct align_field *f, int32_t *lag)
{
    struct utter u = { .f = f, .sum = mem_zalloc((f->hops + 1) * f->lags * sizeof *u.sum) };
    struct span s;
    if (!u.sum)
        return false;
    for (size_t h = 0; h < f->hops; h++)
        for (size_t l = 0; l < f->lags; l++)
            u.sum[(h + 1) * f->lags + l] = u.sum[h * f->lags + l] + f->score[h * f->lags + l];
    size_t end = 0;
    for (size_t at = 0; next_utterance(f, at, &s); at = s.end) {
        place(&u, &s);
        part(&u, &s, 0, lag);
        int32_t before = end > 0 ? lag[end - 1] : lag[s.from], here = lag[s.from];
        for (size_t h = end; h < s.from; h++)
            lag[h] = h < end + (s.from - end) / 2 ? before : here;
        end = s.end;
    }
    for (size_t h = end; h < f->hops; h++)
        lag[h] = end > 0 ? lag[end - 1] : 0;
    mem_free(u.sum);
    return true;
}

static float corr_at(const struct align_field *f, size_t h, int32_t lag)
{
    size_t l = AHOY_MIN((size_t) AHOY_MAX(lag, 0) / ALIGN_COARSE_STEP, f->lags - 1);
    return f->active[h] > 0 ? f->score[h * f->lags + l] / f->active[h] : 1;
}

void align_bad_anew(const struct align_field *f, struct align *a)
{
    for (size_t h = 0, end; h < f->hops; h = end) {
        end = h + 1;
        if (corr_at(f, h, a->lag[h]) >= BAD_CORR)
            continue;
        for (size_t k = end; k < f->hops && k < end + BAD_HOPS; k++)
            if (corr_at(f, k, a->lag[k]) < BAD_CORR)
                end = k + 1;
        if (end - h < BAD_HOPS)
            continue;
        float most = -1;
        size_t best = 0;
        for (size_t l = 0; l < f->lags; l++) {
            float sum = 0;
            for (size_t k = h; k < end; k++)
                sum += f->score[k * f->lags + l];
            if (sum > most) {
                most = sum;
                best = l;
            }
        }
        for (size_t k = h; k < end; k++)
            if (corr_at(f, k, (int32_t) (best * ALIGN_COARSE_STEP)) > corr_at(f, k, a->lag[k]))
                a->lag[k] = (int32_t) (best * ALIGN_COARSE_STEP);
    }
}
