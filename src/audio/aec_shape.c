#include "audio/aec_shape.h"

#include <math.h>
#include <string.h>

/* Gains this near to 1 are 1. */
#define PLAIN 0.995f

/* 6.8 kHz: where the band of the canceller begins to end. */
enum { FADE_MS = 2, TAPS_16 = 96, HALF = AEC_N / 2, JOIN_FROM = 136 };

void aec_shape_init(struct aec_shape *s, uint32_t rate_hz)
{
    memset(s, 0, sizeof *s);
    s->thirds = rate_hz / AEC_RATE_HZ;
    s->taps = s->thirds == 1 ? TAPS_16 : AEC_SHAPE_TAPS;
    s->now[0] = s->to[0] = 1;
    s->plain = s->plain_to = true;
}

/* The curve at half the transform's points: at 48 kHz each third bin, and the upper band. True when it is 1 throughout. */
static bool spread(const struct aec_shape *s, const float *gain, float high, float *curve)
{
    bool plain = true;
    for (size_t k = 0; k <= HALF; k++) {
        size_t bin = k * s->thirds;
        curve[k] = bin <= HALF ? gain[bin] : high;
        if (s->thirds > 1 && bin >= JOIN_FROM)
            curve[k] = AHOY_MIN(curve[k], high);
        plain = plain && curve[k] > PLAIN;
    }
    return plain;
}

static void transform(struct aec_fft *fft, const float *re, const float *im)
{
    aec_fft_begin(fft, 1);
    aec_fft_put(fft, 0, re);
    if (im)
        aec_fft_put(fft, 1, im);
    aec_fft_forward(fft);
}

/* Cepstrum of the curve, folded so that all of it is causal: its transform's imaginary part is the phase. */
static void find_phase(struct aec_fft *fft, const float *curve, float *phase)
{
    float x[AEC_N];
    for (size_t k = 0; k <= HALF; k++)
        x[k] = x[(AEC_N - k) % AEC_N] = k > 0 && curve[k] == curve[k - 1] ? x[k - 1] : logf(curve[k]);
    transform(fft, x, NULL);
    float folded[AEC_N] = { 0 };
    for (size_t i = 1; i < HALF; i++)
        folded[i] = fft->re[i] * (2.0f / AEC_N);
    transform(fft, folded, NULL);
    for (size_t k = 0; k <= HALF; k++)
        phase[k] = fft->im[k];
}

static void design(struct aec_shape *s, struct aec_fft *fft, const float *curve)
{
    float re[AEC_N], im[AEC_N], phase[HALF + 1];
    find_phase(fft, curve, phase);
    for (size_t k = 0; k <= HALF; k++) { /* conjugate, so that a forward transform turns it back */
        size_t mirror = (AEC_N - k) % AEC_N;
        re[k] = re[mirror] = curve[k] * cosf(phase[k]);
        im[mirror] = curve[k] * sinf(phase[k]);
        im[k] = -im[mirror];
    }
    im[HALF] = im[0] = 0;
    transform(fft, re, im);
    for (size_t i = 0; i < s->taps; i++)
        s->to[i] = fft->re[i] * (1.0f / AEC_N);
}

void aec_shape_set(struct aec_shape *s, struct aec_fft *fft, const float *gain, float high)
{
    float curve[HALF + 1];
    bool plain = spread(s, gain, high, curve);
    if (plain && s->plain)
        return;
    s->plain_to = plain;
    s->plain = false;
    if (plain) {
        memset(s->to, 0, sizeof s->to);
        s->to[0] = 1;
    } else {
        design(s, fft, curve);
    }
    s->fading = (unsigned) s->thirds * AEC_RATE_HZ / 1000 * FADE_MS / AEC_SHAPE_BLOCK;
    float part = 1 / (float) s->fading;
    for (size_t i = 0; i < s->taps; i++)
        s->by[i] = part * (s->to[i] - s->now[i]);
}

/* ---- filtering ---------------------------------------------------------------------------------------------------- */

static void fade(struct aec_shape *s)
{
    if (s->fading == 0)
        return;
    if (--s->fading > 0) {
        for (size_t i = 0; i < s->taps; i++)
            s->now[i] += s->by[i];
        return;
    }
    memcpy(s->now, s->to, sizeof s->now);
    s->plain = s->plain_to;
}

/* A block's output; `x` is its first sample, with the past before it. */
static void convolve(const float *restrict taps, size_t n, const float *restrict x, float *restrict y)
{
    float sum[AEC_SHAPE_BLOCK] = { 0 };
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < AEC_SHAPE_BLOCK; i++)
            sum[i] += taps[t] * (x - t)[i];
    memcpy(y, sum, sizeof sum);
}

void aec_shape_run(struct aec_shape *s, float *x, size_t n)
{
    memcpy(s->line + AEC_SHAPE_TAPS, x, n * sizeof *x);
    for (size_t at = 0; at < n && !s->plain; at += AEC_SHAPE_BLOCK) {
        float y[AEC_SHAPE_BLOCK];
        size_t part = AHOY_MIN(n - at, (size_t) AEC_SHAPE_BLOCK);
        fade(s);
        convolve(s->now, s->taps, s->line + AEC_SHAPE_TAPS + at, y);
        memcpy(x + at, y, part * sizeof *y);
    }
    memmove(s->line, s->line + n, AEC_SHAPE_TAPS * sizeof *s->line);
}
