#include "audio/aec_fft.h"

#include <math.h>
#include <string.h>

/* 320 = 4 · 4 · 4 · 5. Stockham's order: each pass reads one buffer and writes the other, no bit reversal. */
enum { L = AEC_LANES };

void aec_fft_init(struct aec_fft *f)
{
    memset(f, 0, sizeof *f);
    f->lanes = L;
    for (int row = 0; row < 3; row++) {
        for (int i = 0; i < AEC_N / 4; i++) {
            double angle = 6.283185307179586 * i * (row + 1) / AEC_N;
            f->turn_re[row][i] = (float) cos(angle);
            f->turn_im[row][i] = (float) -sin(angle);
        }
    }
}

struct turn {
    float re[3], im[3];
};

/*
 * Four rows of `width` numbers, `step` apart in x, become the rows of y, one behind the other, turned by `w`. Inlined with a
 * width that is known, so that a row's loop is vector instructions from one buffer to the other.
 */
static inline void rows_4(const float *restrict xr, const float *restrict xi, size_t step, const struct turn *w,
                          size_t width, float *restrict yr, float *restrict yi)
{
    for (size_t q = 0; q < width; q++) {
        float ar = xr[q] + xr[2 * step + q], ai = xi[q] + xi[2 * step + q];
        float br = xr[q] - xr[2 * step + q], bi = xi[q] - xi[2 * step + q];
        float cr = xr[step + q] + xr[3 * step + q], ci = xi[step + q] + xi[3 * step + q];
        float dr = xr[step + q] - xr[3 * step + q], di = xi[step + q] - xi[3 * step + q];
        float er = br + di, ei = bi - dr;
        float fr = ar - cr, fi = ai - ci;
        float gr = br - di, gi = bi + dr;
        yr[q] = ar + cr;
        yi[q] = ai + ci;
        yr[width + q] = er * w->re[0] - ei * w->im[0];
        yi[width + q] = er * w->im[0] + ei * w->re[0];
        yr[2 * width + q] = fr * w->re[1] - fi * w->im[1];
        yi[2 * width + q] = fr * w->im[1] + fi * w->re[1];
        yr[3 * width + q] = gr * w->re[2] - gi * w->im[2];
        yi[3 * width + q] = gr * w->im[2] + gi * w->re[2];
    }
}

/* A pass over n bins whose rows are `width` numbers, a multiple of L: all lanes of some bins that are turned alike. */
static inline void pass_4(const struct aec_fft *f, size_t n, size_t width, const float *xr, const float *xi, float *yr,
                          float *yi)
{
    size_t quarter = n / 4;
    for (size_t p = 0; p < quarter; p++) {
        struct turn w;
        for (size_t row = 0; row < 3; row++) {
            w.re[row] = f->turn_re[row][p * (AEC_N / n)];
            w.im[row] = f->turn_im[row][p * (AEC_N / n)];
        }
        rows_4(xr + width * p, xi + width * p, width * quarter, &w, width, yr + width * 4 * p, yi + width * 4 * p);
    }
}

/* The first pass of a single lane: four bins at once, which are turned differently. */
static void pass_single(const struct aec_fft *f, const float *restrict xr, const float *restrict xi, float *restrict yr,
                        float *restrict yi)
{
    enum { STEP = AEC_N / 4 };
    for (size_t p = 0; p < STEP; p++) {
        float ar = xr[p] + xr[2 * STEP + p], ai = xi[p] + xi[2 * STEP + p];
        float br = xr[p] - xr[2 * STEP + p], bi = xi[p] - xi[2 * STEP + p];
        float cr = xr[STEP + p] + xr[3 * STEP + p], ci = xi[STEP + p] + xi[3 * STEP + p];
        float dr = xr[STEP + p] - xr[3 * STEP + p], di = xi[STEP + p] - xi[3 * STEP + p];
        float er = br + di, ei = bi - dr;
        float fr = ar - cr, fi = ai - ci;
        float gr = br - di, gi = bi + dr;
        yr[4 * p] = ar + cr;
        yi[4 * p] = ai + ci;
        yr[4 * p + 1] = er * f->turn_re[0][p] - ei * f->turn_im[0][p];
        yi[4 * p + 1] = er * f->turn_im[0][p] + ei * f->turn_re[0][p];
        yr[4 * p + 2] = fr * f->turn_re[1][p] - fi * f->turn_im[1][p];
        yi[4 * p + 2] = fr * f->turn_im[1][p] + fi * f->turn_re[1][p];
        yr[4 * p + 3] = gr * f->turn_re[2][p] - gi * f->turn_im[2][p];
        yi[4 * p + 3] = gr * f->turn_im[2][p] + gi * f->turn_re[2][p];
    }
}

/* The last pass: five rows of numbers, a fifth of the transform apart, no turns. */
static inline void pass_5(const float *restrict xr, const float *restrict xi, float *restrict yr, float *restrict yi,
                          size_t fifth)
{
    const float c1 = 0.30901699437494745f, c2 = -0.8090169943749475f;
    const float s1 = 0.9510565162951535f, s2 = 0.5877852522924731f;
    for (size_t i = 0; i < fifth; i++) {
        float x0r = xr[i], x0i = xi[i];
        float ar = xr[fifth + i] + xr[4 * fifth + i], ai = xi[fifth + i] + xi[4 * fifth + i];
        float br = xr[fifth + i] - xr[4 * fifth + i], bi = xi[fifth + i] - xi[4 * fifth + i];
        float cr = xr[2 * fifth + i] + xr[3 * fifth + i], ci = xi[2 * fifth + i] + xi[3 * fifth + i];
        float dr = xr[2 * fifth + i] - xr[3 * fifth + i], di = xi[2 * fifth + i] - xi[3 * fifth + i];
        float er = x0r + c1 * ar + c2 * cr, ei = x0i + c1 * ai + c2 * ci;
        float fr = x0r + c2 * ar + c1 * cr, fi = x0i + c2 * ai + c1 * ci;
        float gr = s1 * br + s2 * dr, gi = s1 * bi + s2 * di;
        float hr = s2 * br - s1 * dr, hi = s2 * bi - s1 * di;
        yr[i] = x0r + ar + cr;
        yi[i] = x0i + ai + ci;
        yr[fifth + i] = er + gi;
        yi[fifth + i] = ei - gr;
        yr[2 * fifth + i] = fr + hi;
        yi[2 * fifth + i] = fi - hr;
        yr[3 * fifth + i] = fr - hi;
        yi[3 * fifth + i] = fi + hr;
        yr[4 * fifth + i] = er - gi;
        yi[4 * fifth + i] = ei + gr;
    }
}

/* Exchanging real and imaginary parts on the way in and out turns the transform into its inverse. */
static void transform(const struct aec_fft *f, float *re, float *im, float *work_re, float *work_im)
{
    if (f->lanes == 1) {
        pass_single(f, re, im, work_re, work_im);
        pass_4(f, AEC_N / 4, 4, work_re, work_im, re, im);
        pass_4(f, AEC_N / 16, 16, re, im, work_re, work_im);
        pass_5(work_re, work_im, re, im, AEC_N / 5);
    } else {
        pass_4(f, AEC_N, L, re, im, work_re, work_im);
        pass_4(f, AEC_N / 4, 4 * L, work_re, work_im, re, im);
        pass_4(f, AEC_N / 16, 16 * L, re, im, work_re, work_im);
        pass_5(work_re, work_im, re, im, AEC_N / 5 * L);
    }
}

void aec_fft_forward(struct aec_fft *f)
{
    transform(f, f->re, f->im, f->work_re, f->work_im);
}

static void scale(float *x)
{
    for (size_t i = 0; i < AEC_N; i++)
        x[i] *= 1.0f / AEC_N;
}

void aec_fft_inverse(struct aec_fft *f)
{
    transform(f, f->im, f->re, f->work_im, f->work_re);
    for (size_t at = 0; at < AEC_N * f->lanes; at += AEC_N) {
        scale(f->re + at);
        scale(f->im + at);
    }
}

void aec_fft_cut(struct aec_fft *f)
{
    size_t half = AEC_HOP * f->lanes;
    memset(f->re + half, 0, half * sizeof *f->re);
    memset(f->im + half, 0, half * sizeof *f->im);
}

void aec_fft_begin(struct aec_fft *f, size_t lanes)
{
    AHOY_ASSERT(lanes == 1 || lanes == L);
    f->lanes = lanes;
    memset(f->re, 0, AEC_N * lanes * sizeof *f->re);
    memset(f->im, 0, AEC_N * lanes * sizeof *f->im);
}

void aec_fft_put(struct aec_fft *f, size_t slot, const float *x)
{
    float *to = (slot % 2 ? f->im : f->re) + slot / 2;
    for (size_t i = 0; i < AEC_N; i++)
        to[i * f->lanes] = x[i];
}

void aec_fft_get(const struct aec_fft *f, size_t slot, size_t from, size_t n, float *x)
{
    const float *at = (slot % 2 ? f->im : f->re) + slot / 2 + from * f->lanes;
    for (size_t i = 0; i < n; i++)
        x[i] = at[i * f->lanes];
}

static inline void put_pair(float *restrict re, float *restrict im, size_t lanes, const struct aec_spec *a,
                            const struct aec_spec *b)
{
    for (size_t k = 0; k < AEC_USED; k++) {
        re[k * lanes] = a->re[k] - b->im[k];
        im[k * lanes] = a->im[k] + b->re[k];
    }
    for (size_t k = 1; k < AEC_HOP; k++) {
        re[(AEC_N - k) * lanes] = a->re[k] + b->im[k];
        im[(AEC_N - k) * lanes] = b->re[k] - a->im[k];
    }
}

/* Two real signals a and b go through one complex transform as a + ib. */
void aec_fft_put_pair(struct aec_fft *f, size_t lane, const struct aec_spec *a, const struct aec_spec *b)
{
    static const struct aec_spec none;
    if (f->lanes == 1)
        put_pair(f->re, f->im, 1, a, b ? b : &none);
    else
        put_pair(f->re + lane, f->im + lane, L, a, b ? b : &none);
}

static inline void get_bin(const float *re, const float *im, size_t at, size_t mirror, size_t k, struct aec_spec *a,
                           struct aec_spec *b)
{
    float fr = re[at], mr = re[mirror], fi = im[at], mi = im[mirror];
    a->re[k] = 0.5f * (fr + mr);
    a->im[k] = 0.5f * (fi - mi);
    b->re[k] = 0.5f * (fi + mi);
    b->im[k] = 0.5f * (mr - fr);
}

static inline void get_pair(const float *restrict re, const float *restrict im, size_t lanes,
                            struct aec_spec *restrict a, struct aec_spec *restrict b)
{
    get_bin(re, im, 0, 0, 0, a, b);
    for (size_t k = 1; k < AEC_USED; k++)
        get_bin(re, im, k * lanes, (AEC_N - k) * lanes, k, a, b);
}

void aec_fft_get_pair(const struct aec_fft *f, size_t lane, struct aec_spec *a, struct aec_spec *b)
{
    struct aec_spec unused;
    if (f->lanes == 1)
        get_pair(f->re, f->im, 1, a, b ? b : &unused);
    else
        get_pair(f->re + lane, f->im + lane, L, a, b ? b : &unused);
}
