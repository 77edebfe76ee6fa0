#include "audio/aec_suppress.h"

#include <math.h>
#include <string.h>

#define SMOOTH      0.775f
#define GAIN_MIN    0.0056f /* -45 dB */
#define OVER_SINGLE 6.0f    /* by how much echo is over-estimated while only the far end talks … */
#define OVER_DOUBLE 0.7f    /* … and in double talk */
#define HOLD        0.866f  /* decay of a room in a step, as power */
#define ECHO_FLOOR  1e-4f
#define NOISE_BACK  0.7f

enum { SHARE_FROM = 4, SHARE_TO = 80, ONSET_STEPS = 16 };
#define SILENT 6.0f

/* The window that gains are chosen in rises slowly and falls fast, so that what is newest counts; and the brief one. */
enum { FALL = 40, BRIEF = 120, BRIEF_FALL = 20 };
enum { SMOOTH_BINS = 4, BRIEF_BINS = 2 };
#define QUARTER_TURN 1.57079632679489661923

/* Ends with the newest sample; its power is that of a sine's half period over AEC_N. */
static void make_window(float *w, size_t n, size_t fall)
{
    size_t rise = n - fall;
    double scale = sqrt((double) AEC_N / (double) n);
    for (size_t i = 0; i < n; i++) {
        double at = (double) i + 0.5;
        double x = i < rise ? sin(QUARTER_TURN * at / (double) rise)
                            : cos(QUARTER_TURN * (at - (double) rise) / (double) fall);
        w[AEC_N - n + i] = (float) (scale * x);
    }
}

/* More neighbours at higher frequencies. */
static void make_reach(struct aec_reach *r, size_t least)
{
    for (size_t k = 0; k < AEC_USED; k++) {
        size_t by = least + k / 24;
        size_t from = k > by ? k - by : 0;
        size_t to = AHOY_MIN(k + by + 1, (size_t) AEC_USED);
        r->from[k] = (uint8_t) from;
        r->to[k] = (uint8_t) to;
        r->part[k] = 1 / (double) (to - from);
    }
}

void aec_suppress_init(struct aec_suppress *s)
{
    memset(s, 0, sizeof *s);
    make_window(s->window, AEC_N, FALL);
    make_window(s->brief, BRIEF, BRIEF_FALL);
    make_reach(&s->near_by, SMOOTH_BINS);
    make_reach(&s->near_by_brief, BRIEF_BINS);
    for (size_t i = 0; i < AEC_HOP; i++)
        s->slope[i] = (float) sin(QUARTER_TURN * ((double) i + 0.5) / AEC_HOP);
    for (size_t k = 0; k < AEC_BINS; k++) {
        s->leak[k] = 0.5f;
        s->gain[k] = s->total[k] = 1;
        s->noise[k] = 1e-3f;
    }
    s->high_gain = 1;
    aec_noise_init(&s->background);
    s->dice = 0x2545f491u;
}

static void put_windowed(struct aec_fft *fft, size_t slot, const float *line, const float *window)
{
    float x[AEC_N];
    for (size_t i = 0; i < AEC_N; i++)
        x[i] = line[i] * window[i];
    aec_fft_put(fft, slot, x);
}

static void shift(float *line)
{
    memmove(line, line + AEC_STEP, (AEC_N - AEC_STEP) * sizeof *line);
}

bool aec_suppress_put(struct aec_suppress *s, const float *mic, const float *echo, const float *rest, size_t n)
{
    size_t at = AEC_N - AEC_STEP + s->fresh;
    AHOY_ASSERT(at + n <= AEC_N);
    memcpy(s->mic + at, mic, n * sizeof *mic);
    memcpy(s->echo + at, echo, n * sizeof *echo);
    memcpy(s->rest + at, rest, n * sizeof *rest);
    s->fresh += n;
    if (s->fresh < AEC_STEP)
        return false;
    s->fresh = 0;
    return true;
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
        s->onset = ONSET_STEPS;
    else if (s->onset > 0)
        s->onset--;
}

/* Learned fast downwards, and upwards only while the far end talks alone. */
static void follow_leak(struct aec_suppress *s)
{
    float up = 0.0253f * s->single;
    for (size_t k = 0; k < AEC_USED; k++) {
        if (s->power_echo[k] <= ECHO_FLOOR)
            continue;
        float ratio = fminf(s->power_rest[k] / (s->power_echo[k] + 1e-9f), 4);
        s->leak[k] += (ratio < s->leak[k] ? 0.041f : up) * (ratio - s->leak[k]);
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
        left = fmaxf(left, s->power_rest[k] - s->power_mic[k]); /* the prediction added it */
        gain[k] = fmaxf(GAIN_MIN, 1 - left / (s->power_rest[k] + 1e-9f));
        kept += k > 2 ? gain[k] * s->power_rest[k] : 0;
        all += k > 2 ? s->power_rest[k] : 0;
    }
    float duck = s->share > 0.75f && kept / all < 0.5f ? kept / all : 1;
    for (size_t k = 0; k < AEC_USED; k++) {
        float g = gain[k] * duck;
        float slow = g < s->gain[k] ? 0.5f : 0.4f;
        s->gain[k] = slow * s->gain[k] + (1 - slow) * g;
    }
}

static float roll(struct aec_suppress *s)
{
    s->dice = s->dice * 1664525u + 1013904223u;
    return (float) (s->dice >> 8) / 8388608.0f - 1;
}

static void follow_fill(struct aec_suppress *s, const struct aec_spec *rest)
{
    for (size_t k = 0; k < AEC_USED; k++) {
        float power = rest->re[k] * rest->re[k] + rest->im[k] * rest->im[k];
        s->noise[k] = power < s->noise[k] ? 0.949f * s->noise[k] + 0.051f * power : s->noise[k] * 1.002f + 5e-10f;
    }
}

/* What fills a bin up to the background's level, or to what is left of that. */
static float fill_of(const struct aec_suppress *s, size_t k)
{
    float lost = 1 - s->gain[k] * s->gain[k];
    float noise = s->quieten ? AEC_NOISE_FLOOR * AEC_NOISE_FLOOR * s->background.noise[k] : s->noise[k];
    return lost > 0 ? NOISE_BACK * sqrtf(1.5f * noise * lost) : 0;
}

void aec_suppress_fill(struct aec_suppress *s, struct aec_fft *fft)
{
    struct aec_spec made = { { 0 }, { 0 } };
    float x[AEC_N];
    for (size_t k = 0; k < AEC_USED; k++) {
        float fill = fill_of(s, k);
        made.re[k] = fill * roll(s);
        made.im[k] = fill * roll(s);
    }
    aec_fft_begin(fft, 1);
    aec_fft_put_pair(fft, 0, &made, NULL);
    aec_fft_inverse(fft);
    aec_fft_get(fft, 0, 0, AEC_N, x);
    for (size_t i = 0; i < AEC_HOP; i++) {
        s->fill[i] = s->tail[i] + x[i] * s->slope[i];
        s->tail[i] = x[AEC_HOP + i] * s->slope[AEC_HOP - 1 - i];
    }
}

/* Above the last bin all that is known is how much was taken out just below it. */
static void follow_high(struct aec_suppress *s)
{
    float in = 1e-9f;
    float out = 1e-9f;
    for (size_t k = 90; k < 156; k++) {
        in += s->power_mic[k];
        out += s->total[k] * s->total[k] * s->power_rest[k];
    }
    s->high_gain = fminf(1, sqrtf(out / in));
}

/* Mean over a bin's neighbours: once over x and once over that, a triangle. */
static void smooth(float *x, const struct aec_reach *r)
{
    double sum[AEC_USED + 1];
    for (int turn = 0; turn < 2; turn++) {
        sum[0] = 0;
        for (size_t k = 0; k < AEC_USED; k++)
            sum[k + 1] = sum[k] + (double) x[k];
        for (size_t k = 0; k < AEC_USED; k++)
            x[k] = (float) ((sum[r->to[k]] - sum[r->from[k]]) * r->part[k]);
    }
}

/*
 * A filter that nobody waits for turns phases as fast as its gain changes over frequency, so the gain that is applied is
 * that of a neighbourhood: what of its power is wanted. Where a voice is, its louder bins decide.
 */
static void choose_total(struct aec_suppress *s)
{
    float power[AEC_BINS], wanted[AEC_BINS];
    for (size_t k = 0; k < AEC_USED; k++) {
        float g = s->quieten ? s->gain[k] * s->background.gain[k] : s->gain[k];
        power[k] = s->power_rest[k] + 1e-9f;
        wanted[k] = g * g * power[k];
    }
    smooth(power, &s->near_by);
    smooth(wanted, &s->near_by);
    for (size_t k = 0; k < AEC_USED; k++)
        s->total[k] = sqrtf(wanted[k] / power[k]);
}

void aec_suppress_step(struct aec_suppress *s, const float *expected, struct aec_fft *fft)
{
    struct aec_spec rest = { { 0 }, { 0 } }, echo = rest, mic = rest, brief = rest;
    float sudden[AEC_BINS] = { 0 };
    aec_fft_begin(fft, 1);
    put_windowed(fft, 0, s->rest, s->window);
    put_windowed(fft, 1, s->echo, s->window);
    aec_fft_forward(fft);
    aec_fft_get_pair(fft, 0, &rest, &echo);
    put_windowed(fft, 0, s->mic, s->window);
    put_windowed(fft, 1, s->rest, s->brief);
    aec_fft_forward(fft);
    aec_fft_get_pair(fft, 0, &mic, &brief);
    shift(s->rest);
    shift(s->echo);
    shift(s->mic);
    watch_onset(s);
    follow(s->power_rest, &rest);
    follow(s->power_echo, &echo);
    follow(s->power_mic, &mic);
    follow_cross(&s->cross, &mic, &echo);
    follow_cross(&s->left, &rest, &echo);
    s->share = echo_share(s, &s->cross, s->power_mic);
    s->missed = echo_share(s, &s->left, s->power_rest);
    s->single = 0.894f * s->single + (s->share > 0.7f ? 0.106f : 0);
    follow_leak(s);
    choose_gain(s, expected);
    for (size_t k = 0; k < AEC_USED; k++)
        sudden[k] = brief.re[k] * brief.re[k] + brief.im[k] * brief.im[k];
    smooth(sudden, &s->near_by_brief);
    aec_noise_run(&s->background, &rest, sudden, s->gain);
    choose_total(s);
    follow_high(s);
    follow_fill(s, &rest);
}
