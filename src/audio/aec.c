#include "audio/aec.h"

#include "audio/aec_band.h"
#include "audio/aec_delay.h"
#include "audio/aec_drift.h"
#include "audio/aec_filter.h"
#include "audio/aec_suppress.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Mean square of far sound worth learning from: -70 dBFS. */
#define ACTIVE_LEVEL 1e-7f

/* How far before the strongest echo the model begins, and where that may wander before it is placed anew, in hops. */
enum { LEAD = 2, LEAD_MOST = 8, UNPLACED = AEC_BLOCKS };

/* Parts of the microphone's power that are left, and of what is left that follows the prediction; for so many hops. */
enum { WORSE_HOPS = 6 };
#define ADDS   1.1f
#define LEAVES 0.4f
#define MISSES 0.45f
#define GOOD   0.03f

/* A model that for so long takes nothing from an echo as plain as this has settled on there being none: a loudspeaker
 * that was muted. */
enum { IDLE_HOPS = 20 };
#define PLAIN      4.0f
#define IDLE_DOUBT 0.3f

/* What a model is worth on another path. */
#define REOPEN_KEEP  0.6f
#define REOPEN_DOUBT 0.1f

/* A filter that leaves this much of the microphone's power for some hops may be at the wrong place. */
#define USELESS 0.9f
#define LOUD    10.0f
enum { USELESS_HOPS = 3 };

/* Hops of far sound until a new model can be told from another. */
enum { DISTRUST_HOPS = 30 };

/* Until its delay is known, an echo of anything in this memory is reckoned with: decay a hop, as power. */
#define HOLD_UNKNOWN 0.97f
#define HOLD_KNOWN   0.75f
#define GAIN_UNKNOWN 4.0f
#define GAIN_KNOWN   2.0f
#define DOUBT_PART   0.5f

struct aec {
    uint32_t rate_hz;
    bool deaf; /* echo is not looked for */
    struct aec_fft fft;
    struct aec_far far;
    struct aec_filter filter;
    struct aec_delay delay;
    struct aec_drift drift;
    struct aec_suppress suppress;
    struct aec_band far_band, near_band; /* at 48 kHz */

    float ahead[AEC_LOOK_AHEAD]; /* newest samples of the microphone, not used yet */
    float mic_before[AEC_HOP];
    size_t placed_for;      /* the delay that the model was placed for */
    float far_level;        /* mean square of some 10 hops */
    float learned;          /* hops of far sound since the model was opened */
    float reverb[AEC_BINS]; /* power of recent far sound */
    float expected[AEC_BINS];
    float worse_rest, worse_mic, missed; /* energies and the part missed, of some 5 hops … */
    bool good;                           /* the model has taken out GOOD since it was opened */
    unsigned worse;                      /* … and how long they spoke of another path */

    unsigned useless; /* how long the model took nothing while the echo seemed to be elsewhere */
    unsigned idle;    /* how long there was plainly an echo and the model took nothing */

    float low_before[AEC_HOP + AEC_LOOK_AHEAD]; /* the lower band, as late as the canceller makes it */
    float wide_before[3 * (AEC_HOP + AEC_LOOK_AHEAD) + AEC_BAND_DELAY];
    float high_gain;

    float sum_mic, sum_rest, sum_out; /* energies while only the far end talks */
    float mic_late[AEC_HOP];          /* the microphone as late as the output */
    uint32_t recoveries;
};

enum { LATE = AEC_HOP + AEC_LOOK_AHEAD };

enum ahoy_err aec_create(struct aec **out, uint32_t rate_hz)
{
    if (rate_hz != AEC_RATE_HZ && rate_hz != 3 * AEC_RATE_HZ)
        return AHOY_ERR_RANGE;
    struct aec *a = mem_zalloc(sizeof *a);
    if (!a)
        return AHOY_ERR_NOMEM;
    a->rate_hz = rate_hz;
    aec_reset(a);
    *out = a;
    return AHOY_OK;
}

void aec_reset(struct aec *a)
{
    uint32_t rate_hz = a->rate_hz;
    bool deaf = a->deaf, quieten = a->suppress.quieten;
    memset(a, 0, sizeof *a);
    a->rate_hz = rate_hz;
    a->deaf = deaf;
    aec_fft_init(&a->fft);
    aec_far_init(&a->far);
    aec_filter_init(&a->filter);
    aec_delay_init(&a->delay);
    aec_drift_init(&a->drift);
    aec_suppress_init(&a->suppress);
    a->suppress.quieten = quieten;
    aec_band_init(&a->far_band);
    aec_band_init(&a->near_band);
    a->high_gain = 1;
    a->placed_for = UNPLACED;
}

void aec_choose(struct aec *a, bool echo, bool noise)
{
    a->suppress.quieten = noise;
    if (a->deaf == echo) {
        a->deaf = !echo;
        aec_reset(a);
    }
}

void aec_destroy(struct aec *a)
{
    mem_free(a);
}

size_t aec_frame(const struct aec *a)
{
    return a->rate_hz / AEC_FRAMES_HZ;
}

size_t aec_delay(const struct aec *a)
{
    return a->rate_hz == AEC_RATE_HZ ? LATE : 3 * LATE + AEC_BAND_DELAY;
}

static void to_float(const int16_t *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float) from[i] * (1.0f / 32768);
}

static void to_pcm(const float *from, int16_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (int16_t) lrintf(fminf(fmaxf(from[i] * 32768, -32768), 32767));
}

static float energy(const float *x)
{
    float sum = 0;
    for (size_t i = 0; i < AEC_HOP; i++)
        sum += x[i] * x[i];
    return sum;
}

void aec_render(struct aec *a, const int16_t *far)
{
    float wide[AEC_WIDE];
    float low[AEC_HOP];
    if (a->deaf)
        return;
    to_float(far, wide, aec_frame(a));
    if (a->rate_hz == AEC_RATE_HZ) {
        aec_far_put(&a->far, wide);
        return;
    }
    aec_band_down(&a->far_band, wide, low);
    aec_far_put(&a->far, low);
}

/* The far sound moved against the microphone by whole hops, because frames came or did not. */
static void follow_frames(struct aec *a, int hops)
{
    if (hops == 0)
        return;
    int64_t lag = (int64_t) a->filter.lag + hops;
    int64_t fits = AHOY_MIN(AHOY_MAX(lag, 0), AEC_MAX_LAG);
    if (lag != fits)
        aec_filter_slide(&a->filter, (int) (lag - fits));
    a->filter.lag = (size_t) fits;
    aec_delay_move(&a->delay, hops);
    if (a->placed_for != UNPLACED)
        a->placed_for = a->delay.at;
}

static void reopen(struct aec *a, float keep, float doubt)
{
    aec_filter_reopen(&a->filter, keep, doubt);
    aec_drift_skip(&a->drift);
    a->learned = 0;
    a->good = false;
    a->worse = 0;
    a->idle = 0;
    a->recoveries++;
}

/* Whether the microphone hears more than the background: else what is left of it says nothing about the model. */
static bool is_loud(const struct aec *a)
{
    return a->worse_mic > LOUD * AEC_HOP * a->suppress.background.level;
}

/* Places the model so that the strongest echo is near its beginning; when the echo has jumped, the model follows. */
static void follow_delay(struct aec *a)
{
    if (!a->delay.found || a->delay.at == a->placed_for)
        return;
    size_t at = a->delay.at;
    size_t before = a->placed_for;
    size_t peak = a->filter.lag + aec_filter_peak(&a->filter);
    bool there = peak + 2 >= at && peak <= at + 2;
    a->placed_for = at;
    if (before != UNPLACED && !there && a->learned > DISTRUST_HOPS) {
        a->useless = is_loud(a) && a->worse_rest > USELESS * a->worse_mic ? a->useless + 1 : 0;
        if (a->useless < USELESS_HOPS) {
            a->placed_for = before;
            return;
        }
        a->useless = 0;
        int64_t lag = (int64_t) a->filter.lag + (int64_t) at - (int64_t) before;
        a->filter.lag = (size_t) AHOY_MIN(AHOY_MAX(lag, 0), AEC_MAX_LAG);
        reopen(a, 0.7f, REOPEN_DOUBT);
    } else if (at < a->filter.lag || at > a->filter.lag + LEAD_MOST) {
        size_t want = at > LEAD ? at - LEAD : 0;
        aec_filter_slide(&a->filter, (int) a->filter.lag - (int) want);
        a->filter.lag = want;
        aec_drift_skip(&a->drift);
    }
}

/*
 * The echo has taken another path when much is left and that still follows the prediction. Near speech also leaves
 * much, but follows nothing.
 */
static void watch_path(struct aec *a, const float *mic, const float *rest)
{
    a->worse_rest = 0.8f * a->worse_rest + 0.2f * energy(rest);
    a->worse_mic = 0.8f * a->worse_mic + 0.2f * energy(mic);
    a->missed = 0.9f * a->missed + 0.1f * a->suppress.missed;
    bool adds = a->worse_rest > ADDS * a->worse_mic && a->missed > 0.3f;
    bool leaves = a->worse_rest > LEAVES * a->worse_mic && a->missed > MISSES && a->good;
    if (a->worse_mic > 1e-4f && a->worse_rest < GOOD * a->worse_mic)
        a->good = true;
    if (a->worse_mic > 1e-5f && (adds || leaves))
        a->worse++;
    else if (a->worse > 0)
        a->worse--;
    if (a->worse >= WORSE_HOPS && a->learned > DISTRUST_HOPS)
        reopen(a, REOPEN_KEEP, REOPEN_DOUBT);
    bool idle = a->worse_rest > USELESS * a->worse_mic && a->delay.found && a->delay.evidence[a->delay.at] > PLAIN;
    a->idle = idle ? a->idle + 1 : 0;
    if (a->idle >= IDLE_HOPS && a->learned > DISTRUST_HOPS)
        reopen(a, REOPEN_KEEP, IDLE_DOUBT);
}

/*
 * Echo that the model's own doubt leaves room for, where that is less than what the path's gain makes of the far sound:
 * all of it while the model is new, and later wherever the far end had no sound before.
 */
static void expect_echo(struct aec *a)
{
    bool known = a->delay.found;
    const struct aec_block *b = aec_far_block(&a->far, known ? a->delay.at : 0);
    float hold = known ? HOLD_KNOWN : HOLD_UNKNOWN;
    for (size_t k = 0; k < AEC_BINS; k++) {
        a->reverb[k] = fmaxf(0.5f * b->power[k], hold * a->reverb[k]);
        float gain = known ? fmaxf(a->filter.gain[k], GAIN_KNOWN) : GAIN_UNKNOWN;
        a->expected[k] = fminf(DOUBT_PART * a->filter.unsure[k], gain * a->reverb[k]);
    }
}

/* `fresh`: there is a new block of far sound. */
static void learn(struct aec *a, const float *mic, const float *rest, bool fresh)
{
    float window[AEC_N] = { 0 };
    struct aec_spec rest_spec = { { 0 }, { 0 } };
    struct aec_spec mic_spec = rest_spec;
    memcpy(window + AEC_HOP, rest, AEC_HOP * sizeof *rest);
    aec_fft_clear(&a->fft);
    aec_fft_put(&a->fft, 0, window);
    memcpy(window, a->mic_before, sizeof a->mic_before);
    memcpy(window + AEC_HOP, mic, AEC_HOP * sizeof *mic);
    memcpy(a->mic_before, mic, sizeof a->mic_before);
    aec_fft_put(&a->fft, 1, window);
    aec_fft_forward(&a->fft);
    aec_fft_get_pair(&a->fft, 0, &rest_spec, &mic_spec);
    bool active = fresh && a->far.level > ACTIVE_LEVEL;
    if (fresh)
        aec_delay_update(&a->delay, &aec_far_block(&a->far, 0)->x, active, &mic_spec);
    a->far_level = 0.9f * a->far_level + (fresh ? 0.1f * a->far.level : 0);
    bool learning = active || a->far_level > ACTIVE_LEVEL;
    if (learning) {
        watch_path(a, mic, rest);
        aec_filter_update(&a->filter, &a->far, &rest_spec, &a->fft);
        a->learned += a->delay.found ? 1 : 0.33f;
    }
    if (aec_drift_update(&a->drift, &a->filter, learning))
        a->far.ppm = a->drift.ppm;
    follow_delay(a);
}

/* What is left when the predicted echo is taken out; learns from it. */
static void subtract_echo(struct aec *a, const float *mic, float *echo, float *rest)
{
    struct aec_spec echo_spec;
    uint64_t blocks = a->far.blocks_made;
    follow_frames(a, aec_far_advance(&a->far, &a->fft));
    bool fresh = a->far.blocks_made != blocks;
    aec_filter_predict(&a->filter, &a->far, &echo_spec);
    aec_fft_clear(&a->fft);
    aec_fft_put_pair(&a->fft, 0, &echo_spec, NULL);
    aec_fft_inverse(&a->fft);
    aec_fft_get(&a->fft, 0, AEC_HOP, AEC_HOP, echo);
    for (size_t i = 0; i < AEC_HOP; i++)
        rest[i] = mic[i] - echo[i];
    learn(a, mic, rest, fresh);
    expect_echo(a);
}

/* One hop at 16 kHz; `mic` is as late as the interpolator needs, `out` another hop later. */
static void cancel(struct aec *a, const float *mic, float *out)
{
    float echo[AEC_HOP] = { 0 }, rest[AEC_HOP];
    if (a->deaf)
        memcpy(rest, mic, sizeof rest);
    else
        subtract_echo(a, mic, echo, rest);
    struct aec_hop hop = { mic, echo, rest, a->expected };
    aec_suppress_run(&a->suppress, &hop, &a->fft, out);
    if (a->suppress.single > 0.8f) {
        a->sum_mic = 0.98f * a->sum_mic + energy(a->mic_late);
        a->sum_rest = 0.98f * a->sum_rest + energy(rest);
        a->sum_out = 0.98f * a->sum_out + energy(out);
    }
    memcpy(a->mic_late, mic, sizeof a->mic_late);
}

/* Joins what is above 8 kHz to the clean lower band, as loud as the canceller left the highest part of that. */
static void join_bands(struct aec *a, const float *wide, const float *low, float *clean, float *out)
{
    float gain = a->high_gain;
    float step = (a->suppress.high_gain - gain) / AEC_HOP;
    float line[AHOY_COUNT(a->wide_before) + AEC_WIDE];
    memcpy(line, a->wide_before, sizeof a->wide_before);
    memcpy(line + AHOY_COUNT(a->wide_before), wide, AEC_WIDE * sizeof *wide);
    memcpy(a->wide_before, line + AEC_WIDE, sizeof a->wide_before);
    float low_line[LATE + AEC_HOP];
    memcpy(low_line, a->low_before, sizeof a->low_before);
    memcpy(low_line + LATE, low, AEC_HOP * sizeof *low);
    memcpy(a->low_before, low_line + AEC_HOP, sizeof a->low_before);
    for (size_t i = 0; i < AEC_HOP; i++)
        clean[i] -= (gain + step * (float) i) * low_line[i];
    aec_band_up(&a->near_band, clean, out);
    for (size_t i = 0; i < AEC_WIDE; i++)
        out[i] += (gain + step * (float) i / 3) * line[i];
    a->high_gain = a->suppress.high_gain;
}

void aec_capture(struct aec *a, const int16_t *near, int16_t *out)
{
    float wide[AEC_WIDE], low[AEC_HOP], mic[AEC_HOP], clean[AEC_HOP];
    bool split = a->rate_hz != AEC_RATE_HZ;
    to_float(near, wide, aec_frame(a));
    if (split)
        aec_band_down(&a->near_band, wide, low);
    else
        memcpy(low, wide, sizeof low);
    memcpy(mic, a->ahead, sizeof a->ahead);
    memcpy(mic + AEC_LOOK_AHEAD, low, (AEC_HOP - AEC_LOOK_AHEAD) * sizeof *low);
    memcpy(a->ahead, low + AEC_HOP - AEC_LOOK_AHEAD, sizeof a->ahead);
    cancel(a, mic, clean);
    if (split) {
        float joined[AEC_WIDE];
        join_bands(a, wide, low, clean, joined);
        to_pcm(joined, out, AEC_WIDE);
    } else {
        to_pcm(clean, out, AEC_HOP);
    }
}

static double ratio_db(float from, float to, double most)
{
    if (from <= 0)
        return 0;
    return fmin(most, fmax(0, 10 * log10((double) from / ((double) to + 1e-12))));
}

void aec_read_stats(const struct aec *a, struct aec_stats *out)
{
    *out = (struct aec_stats){
        .delay_ms = a->delay.found ? 10.0 * (double) a->delay.at : 0,
        .drift_ppm = a->far.ppm,
        .linear_db = ratio_db(a->sum_mic, a->sum_rest, 60),
        .erle_db = ratio_db(a->sum_mic, a->sum_out, 99),
        .echo = a->delay.found,
        .recoveries = a->recoveries,
        .speech = (double) a->suppress.background.speech,
        .noise_dbfs = 10 * log10((double) a->suppress.background.level + 1e-10),
    };
}
