#include "audio/aec_fft.h"

#include <math.h>
#include <string.h>

/* 320 = 4 · 4 · 4 · 5. Stockham's order: each pass reads one buffer and writes the other, no bit reversal. */
enum { L = AEC_LANES };

void aec_fft_init(struct aec_fft *f)
{
    memset(f, 0, sizeof *f);
    for (int i = 0; i < AEC_N; i++) {
        double angle = 6.283185307179586 * i / AEC_N;
        f->cosine[i] = (float) cos(angle);
        f->sine[i] = (float) -sin(angle);
    }
}

struct turn {
    float re, im;
};

static struct turn turn_at(const struct aec_fft *f, size_t i)
{
    return (struct turn){ f->cosine[i], f->sine[i] };
}

/* Four rows of lanes, `step` apart in x, become four rows `gap` apart in y; through `o`, so that no row can overlap. */
static void butterfly_4(const float *restrict xr, const float *restrict xi, size_t step, float *yr, float *yi,
                        size_t gap, const struct turn w[3])
{
    const float w1r = w[0].re, w1i = w[0].im, w2r = w[1].re, w2i = w[1].im, w3r = w[2].re, w3i = w[2].im;
    const float *x1r = xr + step, *x2r = x1r + step, *x3r = x2r + step;
    const float *x1i = xi + step, *x2i = x1i + step, *x3i = x2i + step;
    float o[8][L];
    for (int l = 0; l < L; l++) {
        float ar = xr[l] + x2r[l], ai = xi[l] + x2i[l];
        float br = xr[l] - x2r[l], bi = xi[l] - x2i[l];
        float cr = x1r[l] + x3r[l], ci = x1i[l] + x3i[l];
        float dr = x1r[l] - x3r[l], di = x1i[l] - x3i[l];
        float er = br + di, ei = bi - dr;
        float fr = ar - cr, fi = ai - ci;
        float gr = br - di, gi = bi + dr;
        o[0][l] = ar + cr;
        o[1][l] = ai + ci;
        o[2][l] = er * w1r - ei * w1i;
        o[3][l] = er * w1i + ei * w1r;
        o[4][l] = fr * w2r - fi * w2i;
        o[5][l] = fr * w2i + fi * w2r;
        o[6][l] = gr * w3r - gi * w3i;
        o[7][l] = gr * w3i + gi * w3r;
    }
    for (size_t row = 0; row < 4; row++) {
        memcpy(yr + row * gap, o[2 * row], sizeof o[0]);
        memcpy(yi + row * gap, o[2 * row + 1], sizeof o[0]);
    }
}

static void pass_4(const struct aec_fft *f, size_t n, size_t s, const float *xr, const float *xi, float *yr, float *yi)
{
    size_t quarter = n / 4;
    for (size_t p = 0; p < quarter; p++) {
        size_t at = p * (AEC_N / n);
        const struct turn w[3] = { turn_at(f, at), turn_at(f, 2 * at), turn_at(f, 3 * at) };
        for (size_t q = 0; q < s; q++) {
            size_t from = (q + s * p) * L;
            size_t to = (q + s * 4 * p) * L;
            butterfly_4(xr + from, xi + from, s * quarter * L, yr + to, yi + to, s * L, w);
        }
    }
}

/* The last pass: five points a fifth of the transform apart, no turns. */
static void pass_5(const float *restrict xr, const float *restrict xi, float *restrict yr, float *restrict yi)
{
    const float c1 = 0.30901699437494745f, c2 = -0.8090169943749475f;
    const float s1 = 0.9510565162951535f, s2 = 0.5877852522924731f;
    enum { FIFTH = AEC_N / 5 * L };
    for (size_t i = 0; i < FIFTH; i++) {
        float x0r = xr[i], x0i = xi[i];
        float ar = xr[FIFTH + i] + xr[4 * FIFTH + i], ai = xi[FIFTH + i] + xi[4 * FIFTH + i];
        float br = xr[FIFTH + i] - xr[4 * FIFTH + i], bi = xi[FIFTH + i] - xi[4 * FIFTH + i];
        float cr = xr[2 * FIFTH + i] + xr[3 * FIFTH + i], ci = xi[2 * FIFTH + i] + xi[3 * FIFTH + i];
        float dr = xr[2 * FIFTH + i] - xr[3 * FIFTH + i], di = xi[2 * FIFTH + i] - xi[3 * FIFTH + i];
        float er = x0r + c1 * ar + c2 * cr, ei = x0i + c1 * ai + c2 * ci;
        float fr = x0r + c2 * ar + c1 * cr, fi = x0i + c2 * ai + c1 * ci;
        float gr = s1 * br + s2 * dr, gi = s1 * bi + s2 * di;
        float hr = s2 * br - s1 * dr, hi = s2 * bi - s1 * di;
        yr[i] = x0r + ar + cr;
        yi[i] = x0i + ai + ci;
        yr[FIFTH + i] = er + gi;
        yi[FIFTH + i] = ei - gr;
        yr[2 * FIFTH + i] = fr + hi;
        yi[2 * FIFTH + i] = fi - hr;
        yr[3 * FIFTH + i] = fr - hi;
        yi[3 * FIFTH + i] = fi + hr;
        yr[4 * FIFTH + i] = er - gi;
        yi[4 * FIFTH + i] = ei + gr;
    }
}

/* Exchanging real and imaginary parts on the way in and out turns the transform into its inverse. */
static void transform(struct aec_fft *f, float *re, float *im, float *work_re, float *work_im)
{
    pass_4(f, AEC_N, 1, re, im, work_re, work_im);
    pass_4(f, AEC_N / 4, 4, work_re, work_im, re, im);
    pass_4(f, AEC_N / 16, 16, re, im, work_re, work_im);
    pass_5(work_re, work_im, re, im);
}

void aec_fft_forward(struct aec_fft *f)
{
    transform(f, f->re, f->im, f->work_re, f->work_im);
}

void aec_fft_inverse(struct aec_fft *f)
{
    transform(f, f->im, f->re, f->work_im, f->work_re);
    for (size_t i = 0; i < AEC_N * L; i++) {
        f->re[i] *= 1.0f / AEC_N;
        f->im[i] *= 1.0f / AEC_N;
    }
}

void aec_fft_cut(struct aec_fft *f)
{
    memset(f->re + AEC_HOP * L, 0, AEC_HOP * L * sizeof *f->re);
    memset(f->im + AEC_HOP * L, 0, AEC_HOP * L * sizeof *f->im);
}

void aec_fft_clear(struct aec_fft *f)
{
    memset(f->re, 0, sizeof f->re);
    memset(f->im, 0, sizeof f->im);
}

void aec_fft_put(struct aec_fft *f, size_t slot, const float *x)
{
    float *to = (slot % 2 ? f->im : f->re) + slot / 2;
    for (size_t i = 0; i < AEC_N; i++)
        to[i * L] = x[i];
}

void aec_fft_get(const struct aec_fft *f, size_t slot, size_t from, size_t n, float *x)
{
    const float *at = (slot % 2 ? f->im : f->re) + slot / 2 + from * L;
    for (size_t i = 0; i < n; i++)
        x[i] = at[i * L];
}

/* Two real signals a and b go through one complex transform as a + ib. */
void aec_fft_put_pair(struct aec_fft *f, size_t lane, const struct aec_spec *a, const struct aec_spec *b)
{
    static const struct aec_spec none;
    float *re = f->re + lane;
    float *im = f->im + lane;
    if (!b)
        b = &none;
    for (size_t k = 0; k < AEC_USED; k++) {
        re[k * L] = a->re[k] - b->im[k];
        im[k * L] = a->im[k] + b->re[k];
    }
    for (size_t k = 1; k < AEC_HOP; k++) {
        re[(AEC_N - k) * L] = a->re[k] + b->im[k];
        im[(AEC_N - k) * L] = b->re[k] - a->im[k];
    }
}

void aec_fft_get_pair(const struct aec_fft *f, size_t lane, struct aec_spec *a, struct aec_spec *b)
{
    const float *re = f->re + lane;
    const float *im = f->im + lane;
    for (size_t k = 0; k < AEC_USED; k++) {
        size_t mirror = (AEC_N - k) % AEC_N * L;
        a->re[k] = 0.5f * (re[k * L] + re[mirror]);
        a->im[k] = 0.5f * (im[k * L] - im[mirror]);
    }
    for (size_t k = 0; b && k < AEC_USED; k++) {
        size_t mirror = (AEC_N - k) % AEC_N * L;
        b->re[k] = 0.5f * (im[k * L] + im[mirror]);
        b->im[k] = 0.5f * (re[mirror] - re[k * L]);
    }
}
