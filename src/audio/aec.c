#include "audio/aec.h"

#include "audio/aec_band.h"
#include "audio/aec_delay.h"
#include "audio/aec_drift.h"
#include "audio/aec_filter.h"
#include "audio/aec_fit.h"
#include "audio/aec_jump.h"
#include "audio/aec_shape.h"
#include "audio/aec_suppress.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Mean square of far sound worth learning from: -70 dBFS. */
#define ACTIVE_LEVEL 1e-7f

/* How far before the strongest echo the model begins, and where that may wander before it is placed anew, in hops. */
enum { LEAD = 3, LEAD_LEAST = 2, LEAD_MOST = 8, UNPLACED = AEC_BLOCKS };

/* Parts of the microphone's power that are left, and of what is left that follows the prediction; for so many hops. */
enum { WORSE_HOPS = 6 };
#define ADDS   1.1f
#define LEAVES 0.4f
#define MISSES 0.45f
#define GOOD   0.03f

/* Words are within 13 dB of the loudest, whose memory fades by 4 dB a second. */
#define WORDS         0.05f
#define LOUDEST_DECAY 0.99f

/* A model that for so long takes nothing from an echo as plain as this has settled on there being none: a loudspeaker
 * that was muted. What it takes is remembered for as long as the delay's evidence is. */
enum { IDLE_HOPS = 20 };
#define PLAIN       4.0f
#define PASSED_RATE 0.025f
#define IDLE_DOUBT  0.3f

/* Part of what was heard in words that a model which is right may leave, and samples' hops between two looks for a jump. */
#define TAKEN 0.25f
enum { LOOK_HOPS = 2, WARY_STEPS = 16 };

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

/* Of what the doubt leaves room for, the part that is reckoned with: all of it in a call's first words and on a changed path,
 * later as much as near speech can spare. Until SETTLED the delay that was found may be a wrong one, too. Hops of sound. */
#define DOUBT_NEW   1.0f
#define DOUBT_OLD   0.2f
#define DOUBT_HOPS  150.0f
#define DOUBT_AGAIN 60.0f
#define SETTLED     40.0f
#define AGE_MOST    1000.0f

/* Samples at 16 kHz by which gains are ahead of the sound that they are for: 1 ms, so that a word's beginning is heard. */
enum { AHEAD = 16 };

struct aec {
    uint32_t rate_hz;
    bool deaf; /* echo is not looked for */
    struct aec_fft fft;
    struct aec_far far;
    struct aec_filter filter;
    struct aec_delay delay;
    struct aec_drift drift;
    struct aec_fit fit;
    struct aec_jump jump;
    struct aec_suppress suppress;
    struct aec_shape shape;
    struct aec_band band; /* at 48 kHz … */
    struct aec_band_down far_down, near_down;
    struct aec_band_up echo_up, fill_up;
    float late[AEC_BAND_DELAY + AEC_WIDE_MOST];  /* … where the near sound waits for its band */
    float coming_out[3 * AHEAD + AEC_WIDE_MOST]; /* near sound without its echo, that waits for its gains */

    size_t at; /* samples of this hop that came */
    float mic[AEC_HOP], echo[AEC_HOP], rest[AEC_HOP];
    float coming[AEC_HOP];                      /* echo of earlier hops of far sound in this hop … */
    float first[AEC_HOP];                       /* … and the path for this hop's own far sound */
    bool direct;                                /* there is one */
    float sound[2 * AEC_HOP + AEC_SHAPE_BLOCK]; /* the far sound of the hop before and of this one, as far as it came */
    float mic_before[AEC_HOP];
    size_t placed_for;      /* the delay that the model was placed for */
    float far_level;        /* mean square of some 10 hops */
    float learned;          /* hops of far sound since the model was opened … */
    float age;              /* … and since the first one was */
    float reverb[AEC_BINS]; /* power of recent far sound */
    float expected[AEC_BINS];
    float loudest;                       /* the most of worse_mic, fading */
    float worse_rest, worse_mic, missed; /* energies and the part missed, of some 5 hops … */
    bool good;                           /* the model has taken out GOOD since it was opened */
    unsigned worse;                      /* … and how long they spoke of another path */

    float passed; /* part of a hop's power that the model leaves, where the far end was heard if at all; some 0.4 s */
    unsigned useless; /* how long the model took nothing while the echo seemed to be elsewhere */
    unsigned idle;    /* how long there was plainly an echo and the model took nothing */

    double in, out;         /* energies of what went in and came out in this hop */
    double sum_in, sum_out; /* … and their memory while only the far end talks; and at 16 kHz */
    float sum_mic, sum_rest;
    float speech;
    uint32_t recoveries;
};

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
    aec_fit_init(&a->fit);
    aec_jump_init(&a->jump);
    aec_suppress_init(&a->suppress);
    a->suppress.quieten = quieten;
    aec_band_init(&a->band);
    aec_shape_init(&a->shape, rate_hz);
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

/* All that is learnt is of the lower band, and that has one rate. */
void aec_take_over(struct aec *a, const struct aec *from)
{
    uint32_t rate_hz = a->rate_hz;
    *a = *from;
    if (rate_hz == from->rate_hz)
        return;
    a->rate_hz = rate_hz;
    a->far_down = a->near_down = (struct aec_band_down){ .phase = 0 };
    a->echo_up = a->fill_up = (struct aec_band_up){ .phase = 0 };
    memset(a->late, 0, sizeof a->late);
    aec_shape_init(&a->shape, rate_hz);
}

void aec_destroy(struct aec *a)
{
    mem_free(a);
}

size_t aec_delay(const struct aec *a)
{
    return a->rate_hz == AEC_RATE_HZ ? AHEAD : AEC_BAND_DELAY + 3 * AHEAD;
}

static void to_float(const int16_t *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float) from[i] * (1.0f / 32768);
}

static void to_pcm(const float *from, int16_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = from[i] * 32768;
        to[i] = (int16_t) lrintf(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
    }
}

static float energy(const float *x, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

void aec_render(struct aec *a, const int16_t *far, size_t n)
{
    float wide[AEC_WIDE], low[AEC_WIDE];
    for (size_t part; !a->deaf && n > 0; far += part, n -= part) {
        part = AHOY_MIN(n, (size_t) AEC_WIDE);
        to_float(far, wide, part);
        if (a->rate_hz == AEC_RATE_HZ)
            aec_far_put(&a->far, wide, part);
        else
            aec_far_put(&a->far, low, aec_band_down(&a->far_down, &a->band, wide, part, low));
    }
}

/* The far sound moved against the microphone by whole hops, because frames came or did not. */
static void follow_frames(struct aec *a, int hops)
{
    if (hops == 0)
        return;
    a->filter.stale = true;
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
    aec_fit_reopened(&a->fit, false);
    aec_filter_reopen(&a->filter, keep, doubt);
    aec_drift_skip(&a->drift);
    a->learned = 0;
    a->good = false;
    a->worse = 0;
    a->idle = 0;
    a->passed = 0;
    a->recoveries++;
}

/* Not in a pause: what a room rings on is beyond the model, and says nothing about it. */
static bool in_words(const struct aec *a)
{
    return a->worse_mic > WORDS * a->loudest;
}

/* Whether the microphone hears more than the background: else what is left of it says nothing about the model. */
static bool is_loud(const struct aec *a)
{
    return in_words(a) && a->worse_mic > LOUD * AEC_HOP * a->suppress.background.level;
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
    } else if ((a->filter.lag > 0 && at < a->filter.lag + LEAD_LEAST) || at > a->filter.lag + LEAD_MOST) {
        size_t want = at > LEAD ? at - LEAD : 0;
        aec_filter_slide(&a->filter, (int) a->filter.lag - (int) want);
        a->filter.lag = want;
        aec_drift_skip(&a->drift);
    }
}

/* Echo to come, as far as it can be told: where the model begins before its echo, without its first partitions. */
static void foretell(struct aec *a)
{
    float echo[AEC_HOP];
    while (a->jump.ahead < AHOY_MIN(a->filter.lag + LEAD_LEAST, (size_t) AEC_JUMP_RANGE)) {
        struct aec_spec spec;
        aec_filter_foretell(&a->filter, &a->far, a->jump.ahead, &spec);
        aec_fft_begin(&a->fft, 1);
        aec_fft_put_pair(&a->fft, 0, &spec, NULL);
        aec_fft_inverse(&a->fft);
        aec_fft_get(&a->fft, 0, AEC_HOP, AEC_HOP, echo);
        aec_jump_foretell(&a->jump, echo);
    }
}

/* The same path at another time: the model goes along. */
static void follow_jump(struct aec *a)
{
    int later;
    if (a->far.blocks_made % LOOK_HOPS != 0)
        return;
    foretell(a);
    if (!aec_jump_find(&a->jump, &a->fft, &later))
        return;
    aec_filter_move(&a->filter, later, &a->fft);
    aec_drift_skip(&a->drift);
    aec_jump_init(&a->jump); /* what it knows was foretold by the model before */
    aec_fit_moved(&a->fit);
    a->recoveries++;
}

/* Whether the prediction is still what is heard. Until that is clear, all that the far end may have made is taken for echo. */
static void watch_fit(struct aec *a)
{
    struct aec_suppress *s = &a->suppress;
    const struct aec_fit_view view = { s->cross.re, s->power_mic, s->power_echo, s->power_rest, s->background.noise };
    aec_fit_hear(&a->fit, &view, in_words(a), a->worse_rest < TAKEN * a->worse_mic);
    if (a->learned <= DISTRUST_HOPS)
        return;
    enum aec_fit_advice advice = aec_fit_judge(&a->fit);
    if (advice == AEC_FIT_LOOK)
        follow_jump(a);
    if (advice == AEC_FIT_REOPEN) {
        reopen(a, REOPEN_KEEP, REOPEN_DOUBT);
        aec_fit_reopened(&a->fit, true);
    }
    if (a->fit.wary > 0)
        s->onset = WARY_STEPS;
}

/*
 * What the model leaves of the microphone, hop by hop alike, in the same hops that the delay is judged by: near speech in the
 * far end's pauses says nothing about the model, though the echo was plain a moment ago.
 */
static void follow_passed(struct aec *a, const float *mic, const float *rest)
{
    if (!aec_delay_heard(&a->delay))
        return;
    float part = fminf(energy(rest, AEC_HOP) / (energy(mic, AEC_HOP) + 1e-9f), 1);
    a->passed += PASSED_RATE * (part - a->passed);
}

/*
 * The echo has taken another path when much is left and that still follows the prediction. Near speech also leaves
 * much, but follows nothing.
 */
static void watch_path(struct aec *a, const float *mic, const float *rest)
{
    a->worse_rest = 0.8f * a->worse_rest + 0.2f * energy(rest, AEC_HOP);
    a->worse_mic = 0.8f * a->worse_mic + 0.2f * energy(mic, AEC_HOP);
    a->loudest = fmaxf(a->worse_mic, LOUDEST_DECAY * a->loudest);
    if (a->worse_mic > 1e-4f && a->worse_rest < GOOD * a->worse_mic)
        a->good = true;
    watch_fit(a);
    follow_passed(a, mic, rest);
    if (!in_words(a))
        return;
    a->missed = 0.9f * a->missed + 0.1f * a->suppress.missed;
    bool adds = a->worse_rest > ADDS * a->worse_mic && a->missed > 0.3f && aec_fit_wrong(&a->fit);
    bool leaves = a->worse_rest > LEAVES * a->worse_mic && a->missed > MISSES && a->good;
    if (a->worse_mic > 1e-5f && (adds || leaves))
        a->worse++;
    else if (a->worse > 0)
        a->worse--;
    /* While the fit is wary the model may still be moved, whole, to where the echo jumped. */
    if (a->worse >= WORSE_HOPS && a->learned > DISTRUST_HOPS && a->fit.wary == 0)
        reopen(a, REOPEN_KEEP, REOPEN_DOUBT);
    bool idle = a->passed > USELESS && a->delay.found && a->delay.evidence[a->delay.at] > PLAIN;
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
    bool known = a->delay.found && a->age > SETTLED && aec_fit_settled(&a->fit);
    float fresh = fmaxf(1 - a->age / DOUBT_HOPS, 1 - a->learned / DOUBT_AGAIN);
    float part = DOUBT_OLD + (DOUBT_NEW - DOUBT_OLD) * fmaxf(aec_fit_fresh(&a->fit), fresh);
    const struct aec_block *b = aec_far_block(&a->far, known && a->delay.at > 0 ? a->delay.at - 1 : 0);
    float hold = known ? HOLD_KNOWN : HOLD_UNKNOWN;
    for (size_t k = 0; k < AEC_BINS; k++) {
        a->reverb[k] = fmaxf(0.5f * b->power[k], hold * a->reverb[k]);
        float gain = known ? fmaxf(a->filter.gain[k], GAIN_KNOWN) : GAIN_UNKNOWN;
        a->expected[k] = a->fit.wary > 0 ? a->reverb[k] : fminf(part * a->filter.unsure[k], gain * a->reverb[k]);
    }
}

/* `fresh`: there is a new block of far sound. */
static void learn(struct aec *a, const float *mic, const float *rest, bool fresh)
{
    float window[AEC_N] = { 0 };
    struct aec_spec rest_spec = { { 0 }, { 0 } };
    struct aec_spec mic_spec = rest_spec;
    memcpy(window + AEC_HOP, rest, AEC_HOP * sizeof *rest);
    aec_fft_begin(&a->fft, 1);
    aec_fft_put(&a->fft, 0, window);
    memcpy(window, a->mic_before, sizeof a->mic_before);
    memcpy(window + AEC_HOP, mic, AEC_HOP * sizeof *mic);
    memcpy(a->mic_before, mic, sizeof a->mic_before);
    aec_fft_put(&a->fft, 1, window);
    aec_fft_forward(&a->fft);
    aec_fft_get_pair(&a->fft, 0, &rest_spec, &mic_spec);
    aec_jump_put(&a->jump, mic, a->echo);
    bool active = fresh && a->far.level > ACTIVE_LEVEL;
    if (fresh)
        aec_delay_update(&a->delay, &aec_far_block(&a->far, 0)->x, active, &mic_spec);
    a->far_level = 0.9f * a->far_level + (fresh ? 0.1f * a->far.level : 0);
    aec_fit_count(&a->fit, fresh ? a->far.level : 0);
    bool learning = active || a->far_level > ACTIVE_LEVEL;
    if (learning) {
        watch_path(a, mic, rest);
        if (a->fit.wary == 0)
            aec_filter_update(&a->filter, &a->far, &rest_spec, &a->fft);
        a->learned += a->delay.found ? 1 : 0.33f;
        a->age = fminf(a->age + (a->delay.found ? 1 : 0.33f), AGE_MOST);
    }
    if (aec_drift_update(&a->drift, &a->filter, learning))
        a->far.ppm = a->drift.ppm;
    follow_delay(a);
}

/* What is known of the coming hop's echo: what the far sound of the hops before makes of it, and how much may be left. */
static void look_ahead(struct aec *a)
{
    struct aec_spec spec;
    a->direct = a->filter.lag == 0;
    aec_filter_predict(&a->filter, &a->far, &spec);
    aec_fft_begin(&a->fft, 1);
    aec_fft_put_pair(&a->fft, 0, &spec, a->direct ? &a->filter.h[0] : NULL);
    aec_fft_inverse(&a->fft);
    aec_fft_get(&a->fft, 0, AEC_HOP, AEC_HOP, a->coming);
    aec_fft_get(&a->fft, 1, 0, AEC_HOP, a->first);
    memcpy(a->sound, a->far.last, sizeof a->far.last);
    expect_echo(a);
}

/* The echo in samples `at` … `at + n` of the hop: with the part of it that this hop's own far sound makes. */
static void predict(struct aec *a, size_t n)
{
    float *echo = a->echo + a->at;
    memcpy(echo, a->coming + a->at, n * sizeof *echo);
    if (!a->direct)
        return;
    float *newest = a->sound + AEC_HOP + a->at;
    aec_far_peek(&a->far, a->at, n, newest);
    for (size_t at = 0; at < n; at += AEC_SHAPE_BLOCK) {
        float sum[AEC_SHAPE_BLOCK] = { 0 };
        for (size_t t = 0; t < AEC_HOP; t++)
            for (size_t i = 0; i < AEC_SHAPE_BLOCK; i++)
                sum[i] += a->first[t] * (newest + at - t)[i];
        for (size_t i = 0; i < AEC_SHAPE_BLOCK && at + i < n; i++)
            echo[at + i] += sum[i];
    }
}

static void end_hop(struct aec *a)
{
    if (!a->deaf) {
        uint64_t blocks = a->far.blocks_made;
        follow_frames(a, aec_far_advance(&a->far, &a->fft));
        learn(a, a->mic, a->rest, a->far.blocks_made != blocks);
        look_ahead(a);
    }
    aec_suppress_fill(&a->suppress, &a->fft);
    if (a->suppress.single > 0.8f) {
        a->sum_mic = 0.98f * a->sum_mic + energy(a->mic, AEC_HOP);
        a->sum_rest = 0.98f * a->sum_rest + energy(a->rest, AEC_HOP);
        a->sum_in = 0.98 * a->sum_in + a->in;
        a->sum_out = 0.98 * a->sum_out + a->out;
    }
    a->in = a->out = 0;
    a->at = 0;
}

/* `n` samples at 16 kHz, no more than the step wants still; true when they end a hop. */
static bool take(struct aec *a, const float *low, size_t n)
{
    float *mic = a->mic + a->at, *echo = a->echo + a->at, *rest = a->rest + a->at;
    memcpy(mic, low, n * sizeof *mic);
    predict(a, n);
    for (size_t i = 0; i < n; i++)
        rest[i] = mic[i] - echo[i];
    if (aec_suppress_put(&a->suppress, mic, echo, rest, n)) {
        aec_suppress_step(&a->suppress, a->expected, &a->fft);
        aec_shape_set(&a->shape, &a->fft, a->suppress.total, a->suppress.high_gain);
    }
    a->at += n;
    return a->at == AEC_HOP;
}

/* The near sound as late as its band and without the echo that is predicted. */
static void subtract_wide(struct aec *a, float *x, const float *echo, size_t n)
{
    float wide[AEC_WIDE_MOST];
    memcpy(a->late + AEC_BAND_DELAY, x, n * sizeof *x);
    aec_band_up(&a->echo_up, &a->band, echo, wide, n);
    for (size_t i = 0; i < n; i++)
        x[i] = a->late[i] - wide[i];
    a->in += (double) energy(a->late, n);
    memmove(a->late, a->late + n, AEC_BAND_DELAY * sizeof *x);
}

/* Sound and gains meet: the sound has waited for AHEAD. */
static void apply_gains(struct aec *a, float *x, size_t n)
{
    size_t by = a->rate_hz / AEC_RATE_HZ * AHEAD;
    memcpy(a->coming_out + by, x, n * sizeof *x);
    memcpy(x, a->coming_out, n * sizeof *x);
    memmove(a->coming_out, a->coming_out + n, by * sizeof *x);
    aec_shape_run(&a->shape, x, n);
}

static void run_wide(struct aec *a, float *x, size_t n)
{
    float low[AEC_STEP], fill[AEC_WIDE_MOST];
    size_t at = a->at;
    bool ends = take(a, low, aec_band_down(&a->near_down, &a->band, x, n, low));
    subtract_wide(a, x, a->echo + at, n);
    apply_gains(a, x, n);
    aec_band_up(&a->fill_up, &a->band, a->suppress.fill + at, fill, n);
    for (size_t i = 0; i < n; i++)
        x[i] += fill[i];
    a->out += (double) energy(x, n);
    if (ends)
        end_hop(a);
}

static void run(struct aec *a, float *x, size_t n)
{
    size_t at = a->at;
    bool ends = take(a, x, n);
    a->in += (double) energy(x, n);
    memcpy(x, a->rest + at, n * sizeof *x);
    apply_gains(a, x, n);
    for (size_t i = 0; i < n; i++)
        x[i] += a->suppress.fill[at + i];
    a->out += (double) energy(x, n);
    if (ends)
        end_hop(a);
}

void aec_capture(struct aec *a, const int16_t *near, size_t n, int16_t *out)
{
    float x[AEC_WIDE_MOST];
    for (size_t part; n > 0; near += part, out += part, n -= part) {
        size_t wanted = AEC_STEP - a->at % AEC_STEP;
        bool split = a->rate_hz != AEC_RATE_HZ;
        if (split)
            wanted = (3 - a->near_down.phase) % 3 + 3 * wanted;
        part = AHOY_MIN(n, wanted);
        to_float(near, x, part);
        if (split)
            run_wide(a, x, part);
        else
            run(a, x, part);
        to_pcm(x, out, part);
    }
}

static double ratio_db(double from, double to, double most)
{
    if (from <= 0)
        return 0;
    return fmin(most, fmax(0, 10 * log10(from / (to + 1e-12))));
}

void aec_read_stats(const struct aec *a, struct aec_stats *out)
{
    *out = (struct aec_stats){
        .delay_ms = a->delay.found ? 10.0 * (double) a->delay.at : 0,
        .drift_ppm = a->far.ppm,
        .linear_db = ratio_db((double) a->sum_mic, (double) a->sum_rest, 60),
        .erle_db = ratio_db(a->sum_in, a->sum_out, 99),
        .echo = a->delay.found,
        .recoveries = a->recoveries,
        .speech = (double) a->suppress.background.speech,
        .noise_dbfs = 10 * log10((double) a->suppress.background.level + 1e-10),
    };
}
