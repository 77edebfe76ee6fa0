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
    float re[L], im[L];
};

/* Four rows of four numbers, `step` apart in x, become the rows of `o`, turned by `w`: real parts, then imaginary ones. */
static void butterfly_4(const float *restrict xr, const float *restrict xi, size_t step, const struct turn *restrict w,
                        float (*restrict o)[L])
{
    const float *x1r = xr + step, *x2r = x1r + step, *x3r = x2r + step;
    const float *x1i = xi + step, *x2i = x1i + step, *x3i = x2i + step;
    for (int l = 0; l < L; l++) {
        float ar = xr[l] + x2r[l], ai = xi[l] + x2i[l];
        float br = xr[l] - x2r[l], bi = xi[l] - x2i[l];
        float cr = x1r[l] + x3r[l], ci = x1i[l] + x3i[l];
        float dr = x1r[l] - x3r[l], di = x1i[l] - x3i[l];
        float er = br + di, ei = bi - dr;
        float fr = ar - cr, fi = ai - ci;
        float gr = br - di, gi = bi + dr;
        o[0][l] = ar + cr;
        o[1][l] = er * w[0].re[l] - ei * w[0].im[l];
        o[2][l] = fr * w[1].re[l] - fi * w[1].im[l];
        o[3][l] = gr * w[2].re[l] - gi * w[2].im[l];
        o[4][l] = ai + ci;
        o[5][l] = er * w[0].im[l] + ei * w[0].re[l];
        o[6][l] = fr * w[1].im[l] + fi * w[1].re[l];
        o[7][l] = gr * w[2].im[l] + gi * w[2].re[l];
    }
}

/* A pass whose rows are `width` numbers, a multiple of L: all lanes of some bins that are turned alike. */
static void pass_4(const struct aec_fft *f, size_t n, size_t width, const float *xr, const float *xi, float *yr,
                   float *yi)
{
    size_t quarter = n / 4;
    for (size_t p = 0; p < quarter; p++) {
        struct turn w[3];
        for (size_t row = 0; row < 3; row++) {
            for (size_t l = 0; l < L; l++) {
                w[row].re[l] = f->turn_re[row][p * (AEC_N / n)];
                w[row].im[l] = f->turn_im[row][p * (AEC_N / n)];
            }
        }
        for (size_t q = 0; q < width; q += L) {
            float o[8][L];
            size_t to = width * 4 * p + q;
            butterfly_4(xr + width * p + q, xi + width * p + q, width * quarter, w, o);
            for (size_t row = 0; row < 4; row++) {
                memcpy(yr + to + row * width, o[row], sizeof o[0]);
                memcpy(yi + to + row * width, o[4 + row], sizeof o[0]);
            }
        }
    }
}

/* The first pass of a single lane: four bins at once, which are turned differently. */
static void pass_single(const struct aec_fft *f, const float *xr, const float *xi, float *yr, float *yi)
{
    for (size_t p = 0; p < AEC_N / 4; p += L) {
        struct turn w[3];
        float o[8][L];
        for (size_t row = 0; row < 3; row++) {
            memcpy(w[row].re, f->turn_re[row] + p, sizeof w[row].re);
            memcpy(w[row].im, f->turn_im[row] + p, sizeof w[row].im);
        }
        butterfly_4(xr + p, xi + p, AEC_N / 4, w, o);
        for (size_t l = 0; l < L; l++) {
            for (size_t row = 0; row < 4; row++) {
                yr[4 * (p + l) + row] = o[row][l];
                yi[4 * (p + l) + row] = o[4 + row][l];
            }
        }
    }
}

/* Of the last pass: five rows of four numbers, a fifth of the transform apart, no turns. */
static void butterfly_5(const float *restrict xr, const float *restrict xi, size_t fifth, float (*restrict o)[L])
{
    const float c1 = 0.30901699437494745f, c2 = -0.8090169943749475f;
    const float s1 = 0.9510565162951535f, s2 = 0.5877852522924731f;
    for (size_t i = 0; i < L; i++) {
        float x0r = xr[i], x0i = xi[i];
        float ar = xr[fifth + i] + xr[4 * fifth + i], ai = xi[fifth + i] + xi[4 * fifth + i];
        float br = xr[fifth + i] - xr[4 * fifth + i], bi = xi[fifth + i] - xi[4 * fifth + i];
        float cr = xr[2 * fifth + i] + xr[3 * fifth + i], ci = xi[2 * fifth + i] + xi[3 * fifth + i];
        float dr = xr[2 * fifth + i] - xr[3 * fifth + i], di = xi[2 * fifth + i] - xi[3 * fifth + i];
        float er = x0r + c1 * ar + c2 * cr, ei = x0i + c1 * ai + c2 * ci;
        float fr = x0r + c2 * ar + c1 * cr, fi = x0i + c2 * ai + c1 * ci;
        float gr = s1 * br + s2 * dr, gi = s1 * bi + s2 * di;
        float hr = s2 * br - s1 * dr, hi = s2 * bi - s1 * di;
        o[0][i] = x0r + ar + cr;
        o[5][i] = x0i + ai + ci;
        o[1][i] = er + gi;
        o[6][i] = ei - gr;
        o[2][i] = fr + hi;
        o[7][i] = fi - hr;
        o[3][i] = fr - hi;
        o[8][i] = fi + hr;
        o[4][i] = er - gi;
        o[9][i] = ei + gr;
    }
}

static void pass_5(const float *xr, const float *xi, float *yr, float *yi, size_t fifth)
{
    for (size_t at = 0; at < fifth; at += L) {
        float o[10][L];
        butterfly_5(xr + at, xi + at, fifth, o);
        for (size_t row = 0; row < 5; row++) {
            memcpy(yr + at + row * fifth, o[row], sizeof o[0]);
            memcpy(yi + at + row * fifth, o[5 + row], sizeof o[0]);
        }
    }
}

/* Exchanging real and imaginary parts on the way in and out turns the transform into its inverse. */
static void transform(struct aec_fft *f, float *re, float *im, float *work_re, float *work_im)
{
    size_t lanes = f->lanes;
    if (lanes == 1)
        pass_single(f, re, im, work_re, work_im);
    else
        pass_4(f, AEC_N, L, re, im, work_re, work_im);
    pass_4(f, AEC_N / 4, 4 * lanes, work_re, work_im, re, im);
    pass_4(f, AEC_N / 16, 16 * lanes, re, im, work_re, work_im);
    pass_5(work_re, work_im, re, im, AEC_N / 5 * lanes);
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
