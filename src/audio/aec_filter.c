#include "audio/aec_filter.h"

#include <string.h>

/* How much of the path is the same a hop later (A of the state-space model), squared since it is a power. */
#define KEEP2  0.991f
#define DRIFT2 (1 - KEEP2)

#define FIRST_DOUBT 0.5f
#define DOUBT_DECAY 0.9f
#define NEW_DOUBT   0.05f /* of partitions that come in when the model slides */
#define NEAR_SMOOTH 0.7f
#define POWER_FLOOR 1e-4f

void aec_filter_init(struct aec_filter *f)
{
    memset(f, 0, sizeof *f);
    f->stale = true;
    float doubt = FIRST_DOUBT;
    for (size_t p = 0; p < AEC_PARTS; p++, doubt *= DOUBT_DECAY)
        for (size_t k = 0; k < AEC_USED; k++)
            f->doubt[p][k] = doubt;
}

static void multiply_add(struct aec_spec *restrict y, const struct aec_spec *restrict h,
                         const struct aec_spec *restrict x)
{
    for (size_t k = 0; k < AEC_BINS; k++) {
        y->re[k] += h->re[k] * x->re[k] - h->im[k] * x->im[k];
        y->im[k] += h->re[k] * x->im[k] + h->im[k] * x->re[k];
    }
}

static void add_product(float *restrict sum, const float *restrict a, const float *restrict b)
{
    for (size_t k = 0; k < AEC_BINS; k++)
        sum[k] += a[k] * b[k];
}

void aec_filter_predict(struct aec_filter *f, const struct aec_far *far, struct aec_spec *y)
{
    memset(y, 0, sizeof *y);
    memset(f->unsure, 0, sizeof f->unsure);
    f->stale = false;
    for (size_t p = f->lag == 0 ? 1 : 0; p < AEC_PARTS; p++) {
        const struct aec_block *b = aec_far_block(far, f->lag + p - 1);
        multiply_add(y, &f->h[p], &b->x);
        add_product(f->unsure, f->doubt[p], b->power);
    }
}

void aec_filter_foretell(const struct aec_filter *f, const struct aec_far *far, size_t hops, struct aec_spec *y)
{
    memset(y, 0, sizeof *y);
    for (size_t p = f->lag > hops ? 0 : hops + 1 - f->lag; p < AEC_PARTS; p++)
        multiply_add(y, &f->h[p], &aec_far_block(far, f->lag + p - 1 - hops)->x);
}

/* What the doubt makes of the hop that was just heard, whose far sound is all known. */
static void sum_doubt(const struct aec_filter *f, const struct aec_far *far, float *sum)
{
    memset(sum, 0, AEC_BINS * sizeof *sum);
    if (!f->stale)
        memcpy(sum, f->unsure, sizeof f->unsure);
    for (size_t p = 0; p < AEC_PARTS && (f->stale || f->lag + p == 0); p++)
        add_product(sum, f->doubt[p], aec_far_block(far, f->lag + p)->power);
}

/* The power that the error is expected to have, and what of it is not ours: near end and noise. */
static void follow_near(float *restrict near, float *restrict wanted, const struct aec_spec *restrict e)
{
    for (size_t k = 0; k < AEC_BINS; k++) {
        float of_path = wanted[k];
        float keep = 1 - 0.5f * of_path / (of_path + 2 * near[k] + POWER_FLOOR);
        float power = e->re[k] * e->re[k] + e->im[k] * e->im[k];
        near[k] = NEAR_SMOOTH * near[k] + (1 - NEAR_SMOOTH) * keep * keep * power;
        wanted[k] = 1 / (of_path + 2 * near[k] + POWER_FLOOR);
    }
}

/* One partition's step; its doubt shrinks by what was learned. Through locals, so that compilers see that nothing overlaps. */
static void learn(struct aec_spec *restrict h, float *restrict doubt, const struct aec_block *restrict b,
                  const struct aec_spec *restrict e, const float *restrict inverse)
{
    float *re = h->re, *im = h->im;
    const float *xr = b->x.re, *xi = b->x.im, *power = b->power;
    for (size_t k = 0; k < AEC_BINS; k++) {
        float step = doubt[k] * inverse[k];
        float by_re = step * (xr[k] * e->re[k] + xi[k] * e->im[k]);
        float by_im = step * (xr[k] * e->im[k] - xi[k] * e->re[k]);
        re[k] += by_re;
        im[k] += by_im;
        doubt[k] *= KEEP2 * (1 - 0.5f * step * power[k]);
    }
}

static void grow_doubt(float *restrict doubt, float *restrict gain, const struct aec_spec *restrict h)
{
    for (size_t k = 0; k < AEC_BINS; k++) {
        float power = h->re[k] * h->re[k] + h->im[k] * h->im[k];
        doubt[k] += DRIFT2 * power;
        gain[k] += power;
    }
}

/*
 * Each partition's response is AEC_HOP samples long: what grew behind that came from circular convolution. It grows slowly, so
 * a hop looks at one half of the partitions and the next one at the other.
 */
static void constrain(struct aec_filter *f, struct aec_fft *fft)
{
    aec_fft_begin(fft, AEC_LANES);
    f->odd = !f->odd;
    for (size_t p = f->odd ? AEC_SLOTS : 0; p < AEC_PARTS; p += 2 * AEC_SLOTS) {
        for (size_t lane = 0; lane < AEC_LANES; lane++)
            aec_fft_put_pair(fft, lane, &f->h[p + 2 * lane], &f->h[p + 2 * lane + 1]);
        aec_fft_inverse(fft);
        aec_fft_cut(fft);
        aec_fft_forward(fft);
        for (size_t lane = 0; lane < AEC_LANES; lane++)
            aec_fft_get_pair(fft, lane, &f->h[p + 2 * lane], &f->h[p + 2 * lane + 1]);
    }
}

void aec_filter_update(struct aec_filter *f, const struct aec_far *far, const struct aec_spec *e, struct aec_fft *fft)
{
    float inverse[AEC_BINS];
    sum_doubt(f, far, inverse);
    follow_near(f->near, inverse, e);
    for (size_t p = 0; p < AEC_PARTS; p++)
        learn(&f->h[p], f->doubt[p], aec_far_block(far, f->lag + p), e, inverse);
    constrain(f, fft);
    memset(f->gain, 0, sizeof f->gain);
    for (size_t p = 0; p < AEC_PARTS; p++)
        grow_doubt(f->doubt[p], f->gain, &f->h[p]);
}

void aec_filter_reopen(struct aec_filter *f, float keep, float doubt)
{
    f->stale = true;
    for (size_t k = 0; k < AEC_USED; k++) {
        float mean = f->gain[k] / AEC_PARTS;
        float decay = 1;
        for (size_t p = 0; p < AEC_PARTS; p++, decay *= DOUBT_DECAY) {
            f->h[p].re[k] *= keep;
            f->h[p].im[k] *= keep;
            f->doubt[p][k] = AHOY_MAX(f->doubt[p][k], 3 * mean + doubt * decay);
        }
        f->gain[k] *= keep * keep;
        f->near[k] *= 0.1f;
    }
}

void aec_filter_slide(struct aec_filter *f, int hops)
{
    f->stale = true;
    size_t by = (size_t) (hops < 0 ? -hops : hops);
    by = AHOY_MIN(by, (size_t) AEC_PARTS);
    size_t left = AEC_PARTS - by;
    size_t from = hops < 0 ? by : 0;
    size_t to = hops < 0 ? 0 : by;
    memmove(f->h + to, f->h + from, left * sizeof f->h[0]);
    memmove(f->doubt + to, f->doubt + from, left * sizeof f->doubt[0]);
    size_t empty = hops < 0 ? left : 0;
    memset(f->h + empty, 0, by * sizeof f->h[0]);
    for (size_t p = empty; p < empty + by; p++)
        for (size_t k = 0; k < AEC_USED; k++)
            f->doubt[p][k] = NEW_DOUBT + f->gain[k] / AEC_PARTS;
}

/* The path as samples: `to_time`, or from samples to partitions again. */
static void convert(struct aec_filter *f, struct aec_fft *fft, float *path, bool to_time)
{
    for (size_t p = 0; p < AEC_PARTS; p += AEC_SLOTS) {
        aec_fft_begin(fft, AEC_LANES);
        for (size_t slot = 0; slot < AEC_SLOTS; slot++) {
            float window[AEC_N] = { 0 };
            memcpy(window, path + (p + slot) * AEC_HOP, AEC_HOP * sizeof *path);
            if (!to_time)
                aec_fft_put(fft, slot, window);
            else if (slot % 2 == 0)
                aec_fft_put_pair(fft, slot / 2, &f->h[p + slot], &f->h[p + slot + 1]);
        }
        if (to_time)
            aec_fft_inverse(fft);
        else
            aec_fft_forward(fft);
        for (size_t slot = 0; slot < AEC_SLOTS; slot++) {
            if (to_time)
                aec_fft_get(fft, slot, 0, AEC_HOP, path + (p + slot) * AEC_HOP);
            else if (slot % 2 == 0)
                aec_fft_get_pair(fft, slot / 2, &f->h[p + slot], &f->h[p + slot + 1]);
        }
    }
}

void aec_filter_move(struct aec_filter *f, int samples, struct aec_fft *fft)
{
    enum { LENGTH = AEC_PARTS * AEC_HOP };
    float path[LENGTH] = { 0 };
    int at = (int) f->lag * AEC_HOP + samples;
    int lag = AHOY_MIN(AHOY_MAX(at, 0) / AEC_HOP, (int) AEC_MAX_LAG);
    int by = at - lag * AEC_HOP; /* within the model */
    f->stale = true;
    f->lag = (size_t) lag;
    convert(f, fft, path, true);
    size_t cut = (size_t) AHOY_MIN(by < 0 ? -by : by, (int) LENGTH);
    memmove(path + (by < 0 ? 0 : cut), path + (by < 0 ? cut : 0), (LENGTH - cut) * sizeof *path);
    memset(path + (by < 0 ? LENGTH - cut : 0), 0, cut * sizeof *path);
    convert(f, fft, path, false);
}

size_t aec_filter_peak(const struct aec_filter *f)
{
    size_t peak = 0;
    float most = 0;
    for (size_t p = 0; p < AEC_PARTS; p++) {
        float sum = 0;
        for (size_t k = 0; k < AEC_USED; k++)
            sum += f->h[p].re[k] * f->h[p].re[k] + f->h[p].im[k] * f->h[p].im[k];
        if (sum > most) {
            most = sum;
            peak = p;
        }
    }
    return peak;
}
