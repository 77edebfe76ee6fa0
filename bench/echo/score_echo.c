#include "echo/score_echo.h"

#include "audio/fft.h"
#include "audio/score.h"

#include <math.h>

static double energy(const int16_t *x, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += (double) x[i] * x[i];
    return sum;
}

static double erle_db(const struct scene *s, const int16_t *out, double from_s, double to_s)
{
    size_t from = (size_t) (from_s * s->rate_hz);
    size_t to = AHOY_MIN((size_t) (to_s * s->rate_hz), s->n);
    return 10 * log10(energy(s->echo, from, to) / (energy(out, from, to) + (double) (to - from) * 0.08));
}

/* Milliseconds from the first 200 ms with plain echo in them after `from_s` to the first that are 20 dB down. */
static double until_20_ms(const struct scene *s, const int16_t *out, double from_s)
{
    size_t step = s->rate_hz / 100;
    size_t window = s->rate_hz / 5;
    double plain = 0.1 * energy(s->echo, 0, s->n) / (double) s->n * (double) window;
    size_t start = s->n;
    for (size_t at = (size_t) (from_s * s->rate_hz); at + window < s->n; at += step) {
        double in = energy(s->echo, at, at + window);
        if (in < plain)
            continue;
        start = AHOY_MIN(start, at);
        if (in > 100 * energy(out, at, at + window))
            return 1000.0 * (double) (at - start) / s->rate_hz;
    }
    return 9999;
}

enum { FFT = 512, BANDS = 16, SPAN_FRAMES = 20 };

struct part {
    double near, dot;
};

static void add_frame(const int16_t *near, const int16_t *out, struct part bands[BANDS])
{
    double re[FFT], im[FFT];
    for (size_t i = 0; i < FFT; i++) {
        double window = 0.5 - 0.5 * cos(6.283185307179586 * (double) i / FFT);
        re[i] = near[i] * window;
        im[i] = out[i] * window;
    }
    fft_run(re, im, FFT, false);
    for (size_t k = 1; k < FFT / 2; k++) {
        double ar = (re[k] + re[FFT - k]) / 2, ai = (im[k] - im[FFT - k]) / 2;
        double br = (im[k] + im[FFT - k]) / 2, bi = (re[FFT - k] - re[k]) / 2;
        struct part *p = &bands[k * BANDS / (FFT / 2)];
        p->near += ar * ar + ai * ai;
        p->dot += ar * br + ai * bi;
    }
}

/*
 * The part of the near speech that is still there: in 16 bands and pieces of about 0.3 s the output is projected on the
 * near speech, so echo and noise do not count as speech. Echo is independent of it but not exactly orthogonal in so
 * short a piece, which biases this by less than 0.1 dB.
 */
static double near_lost_db(const struct scene *s, const int16_t *out)
{
    double in = 1e-9, kept = 1e-9;
    size_t hop = FFT / 2;
    for (size_t at = s->rate_hz / 2; at + (SPAN_FRAMES + 1) * hop <= s->n; at += SPAN_FRAMES * hop) {
        struct part bands[BANDS] = { { 0, 0 } };
        for (size_t f = 0; f < SPAN_FRAMES; f++)
            add_frame(s->near + at + f * hop, out + at + f * hop, bands);
        for (size_t b = 0; b < BANDS; b++) {
            in += bands[b].near;
            kept += bands[b].dot > 0 ? bands[b].dot * bands[b].dot / (bands[b].near + 1e-9) : 0;
        }
    }
    return 10 * log10(kept / in);
}

void score_scene(const struct scene *s, const int16_t *out, const int16_t *both_out, struct echo_score *score)
{
    score->early_db = erle_db(s, out, 0.5, 4);
    score->late_db = erle_db(s, out, 5, SCENE_CHANGE);
    score->changed_db = erle_db(s, out, SCENE_CHANGE + 0.5, SCENE_CHANGE + 4);
    score->first_20_ms = until_20_ms(s, out, 0);
    score->again_20_ms = until_20_ms(s, out, SCENE_CHANGE);
    score->lost_db = near_lost_db(s, both_out);
    if (score_estoi(s->near, both_out, s->n, s->rate_hz, &score->estoi) != AHOY_OK)
        score->estoi = 0;
}
