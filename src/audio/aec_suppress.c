#include "audio/aec_suppress.h"

#include <math.h>
#include <string.h>

#define SMOOTH      0.6f
#define GAIN_MIN    0.0056f /* -45 dB */
#define OVER_SINGLE 6.0f    /* by how much echo is over-estimated while only the far end talks … */
#define OVER_DOUBLE 1.1f    /* … and in double talk */
#define HOLD        0.75f   /* decay of a room in a hop, as power */
#define ECHO_FLOOR  1e-4f
#define NOISE_BACK  0.7f

enum { SHARE_FROM = 4, SHARE_TO = 80, ONSET_HOPS = 8 };
#define SILENT 6.0f

void aec_suppress_init(struct aec_suppress *s)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < AEC_N; i++)
        s->window[i] = (float) sin(3.14159265358979323846 * ((double) i + 0.5) / AEC_N);
    for (size_t k = 0; k < AEC_BINS; k++) {
        s->leak[k] = 0.5f;
        s->gain[k] = 1;
        s->noise[k] = 1e-3f;
    }
    aec_noise_init(&s->background);
    s->dice = 0x2545f491u;
}

static void put_windowed(struct aec_suppress *s, struct aec_fft *fft, size_t slot, float *before, const float *hop)
{
    float x[AEC_N];
    for (size_t i = 0; i < AEC_HOP; i++) {
        x[i] = before[i] * s->window[i];
        x[AEC_HOP + i] = hop[i] * s->window[AEC_HOP + i];
    }
    memcpy(before, hop, AEC_HOP * sizeof *hop);
    aec_fft_put(fft, slot, x);
}

static void follow(float *restrict mean, const struct aec_spec *restrict a)
{
    for (size_t k = 0; k < AEC_BINS; k++)
        mean[k] = SMOOTH * mean[k] + (1 - SMOOTH) * (a->re[k] * a->re[k] + a->im[k] * a->im[k]);
}

static void follow_cross(struct aec_spec *restrict mean, const struct aec_spec *restrict a,
                         const struct aec_spec *restrict b)
{
    for (size_t k = 0; k < AEC_BINS; k++) {
        mean->re[k] = SMOOTH * mean->re[k] + (1 - SMOOTH) * (a->re[k] * b->re[k] + a->im[k] * b->im[k]);
        mean->im[k] = SMOOTH * mean->im[k] + (1 - SMOOTH) * (a->im[k] * b->re[k] - a->re[k] * b->im[k]);
    }
}

/* The part of a power that is coherent with the predicted echo, given their cross-spectrum. */
static float echo_share(const struct aec_suppress *s, const struct aec_spec *cross, const float *power)
{
    float coherent = 0;
    float all = 1e-12f;
    float echo = 0;
    for (size_t k = SHARE_FROM; k < SHARE_TO; k++) {
        float c = cross->re[k] * cross->re[k] + cross->im[k] * cross->im[k];
        coherent += c / (s->power_echo[k] + 1e-12f);
        all += power[k];
        echo += s->power_echo[k];
    }
    return echo > 1e-6f * (SHARE_TO - SHARE_FROM) ? fminf(coherent / all, 1) : 0;
}

/*
 * Coherence needs some hops to tell who speaks. Until then, what comes out of silence as the far end begins is its echo:
 * that both ends begin at once is rare.
 */
static void watch_onset(struct aec_suppress *s)
{
    float heard = 0;
    float noise = 0;
    for (size_t k = SHARE_FROM; k < SHARE_TO; k++) {
        heard += s->power_mic[k];
        noise += s->background.noise[k];
    }
    if (heard < SILENT * noise)
        s->onset = ONSET_HOPS;
    else if (s->onset > 0)
        s->onset--;
}

/* Learned fast downwards, and upwards only while the far end talks alone. */
static void follow_leak(struct aec_suppress *s)
{
    float up = 0.05f * s->single;
    for (size_t k = 0; k < AEC_USED; k++) {
        if (s->power_echo[k] <= ECHO_FLOOR)
            continue;
        float ratio = fminf(s->power_rest[k] / (s->power_echo[k] + 1e-9f), 4);
        s->leak[k] += (ratio < s->leak[k] ? 0.08f : up) * (ratio - s->leak[k]);
        s->leak[k] = fminf(fmaxf(s->leak[k], 0.001f), 1.5f);
    }
}

static void choose_gain(struct aec_suppress *s, const float *expected)
{
    float gain[AEC_BINS];
    float kept = 0;
    float all = 1e-9f;
    float alone = s->onset > 0 ? 1 : fminf(fmaxf((s->share - 0.5f) / 0.3f, 0), 1);
    float over = OVER_DOUBLE + (OVER_SINGLE - OVER_DOUBLE) * alone;
    for (size_t k = 0; k < AEC_USED; k++) {
        float below = s->leak[k > 0 ? k - 1 : k];
        float above = s->leak[k + 1 < AEC_USED ? k + 1 : k];
        float leak = 0.25f * below + 0.5f * s->leak[k] + 0.25f * above;
        s->held[k] = fmaxf(leak * s->power_echo[k], HOLD * s->held[k]);
        float left = over * fmaxf(s->held[k], expected[k]);
        gain[k] = fmaxf(GAIN_MIN, 1 - left / (s->power_rest[k] + 1e-9f));
        kept += k > 2 ? gain[k] * s->power_rest[k] : 0;
        all += k > 2 ? s->power_rest[k] : 0;
    }
    float duck = s->share > 0.75f && kept / all < 0.5f ? kept / all : 1;
    for (size_t k = 0; k < AEC_USED; k++) {
        float g = gain[k] * duck;
        float slow = g < s->gain[k] ? 0.3f : 0.5f;
        s->gain[k] = slow * s->gain[k] + (1 - slow) * g;
    }
}

static float roll(struct aec_suppress *s)
{
    s->dice = s->dice * 1664525u + 1013904223u;
    return (float) (s->dice >> 8) / 8388608.0f - 1;
}

/* Noise that fills a bin up to the background's level, or to what is left of that. */
static float fill_of(struct aec_suppress *s, size_t k, float power)
{
    s->noise[k] = power < s->noise[k] ? 0.9f * s->noise[k] + 0.1f * power : s->noise[k] * 1.004f + 1e-9f;
    float lost = fmaxf(0, 1 - s->gain[k] * s->gain[k]);
    float noise = s->quieten ? AEC_NOISE_FLOOR * AEC_NOISE_FLOOR * s->background.noise[k] : s->noise[k];
    return NOISE_BACK * sqrtf(1.5f * noise * lost);
}

/* Applies the gains and fills up to the background's level with noise of its colour. */
static void shape(struct aec_suppress *s, struct aec_spec *rest)
{
    for (size_t k = 0; k < AEC_USED; k++) {
        float power = rest->re[k] * rest->re[k] + rest->im[k] * rest->im[k];
        float g = s->quieten ? s->gain[k] * s->background.gain[k] : s->gain[k];
        float fill = fill_of(s, k, power);
        rest->re[k] = g * rest->re[k] + fill * roll(s);
        rest->im[k] = g * rest->im[k] + fill * roll(s);
    }
}

/* Above the last bin all that is known is how much was taken out just below it. */
static void follow_high(struct aec_suppress *s)
{
    float in = 1e-9f;
    float out = 1e-9f;
    for (size_t k = 90; k < 156; k++) {
        float g = s->quieten ? s->gain[k] * s->background.gain[k] : s->gain[k];
        in += s->power_mic[k];
        out += g * g * s->power_rest[k];
    }
    s->high_gain = fminf(1, sqrtf(out / in));
}

void aec_suppress_run(struct aec_suppress *s, const struct aec_hop *in, struct aec_fft *fft, float *out)
{
    struct aec_spec rest = { { 0 }, { 0 } }, echo = rest, mic = rest;
    float x[AEC_N];
    aec_fft_clear(fft);
    put_windowed(s, fft, 0, s->rest, in->rest);
    put_windowed(s, fft, 1, s->echo, in->echo);
    put_windowed(s, fft, 2, s->mic, in->mic);
    aec_fft_forward(fft);
    aec_fft_get_pair(fft, 0, &rest, &echo);
    aec_fft_get_pair(fft, 1, &mic, NULL);
    watch_onset(s);
    follow(s->power_rest, &rest);
    follow(s->power_echo, &echo);
    follow(s->power_mic, &mic);
    follow_cross(&s->cross, &mic, &echo);
    follow_cross(&s->left, &rest, &echo);
    s->share = echo_share(s, &s->cross, s->power_mic);
    s->missed = echo_share(s, &s->left, s->power_rest);
    s->single = 0.8f * s->single + (s->share > 0.7f ? 0.2f : 0);
    follow_leak(s);
    choose_gain(s, in->expected);
    aec_noise_run(&s->background, &rest, s->gain);
    follow_high(s);
    shape(s, &rest);
    aec_fft_clear(fft);
    aec_fft_put_pair(fft, 0, &rest, NULL);
    aec_fft_inverse(fft);
    aec_fft_get(fft, 0, 0, AEC_N, x);
    for (size_t i = 0; i < AEC_HOP; i++) {
        out[i] = s->tail[i] + x[i] * s->window[i];
        s->tail[i] = x[AEC_HOP + i] * s->window[AEC_HOP + i];
    }
}
