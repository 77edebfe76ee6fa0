#include "audio/hum.h"

#include "base/base.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.28318530717958647692

/* How far the mains may be off, and the steps in which it is looked for, and then looked at closely. */
#define OFF_MOST  0.3
#define STEP      0.01
#define FINE_STEP 0.0025

/*
 * A line goes on: its phases agree by so much (1: all of them), and by more than chance: of n blocks of noise they agree by
 * more than a in exp(-n a²) of all cases. One that is known already is kept at less.
 */
#define AGREES      0.75
#define STILL_AGREE 0.6
#define BY_CHANCE   8.0

enum {
    BLOCKS_HZ = 10,  /* blocks in a second */
    LOOK_EVERY = 8,  /* blocks, while nothing hums … */
    KEEP_EVERY = 4,  /* … and while something does */
    FIRST_LOOK = 16, /* blocks to have seen */
    LINES_LEAST = 3, /* one or two lines are a tone */
    MISSED_MOST = 2,
};

static const unsigned nominal_hz[HUM_FAMILIES] = { 50, 60 };

/* The phases of a line in each block, the oldest first, and how much each of them counts. */
struct track {
    struct hum_phasor at[HUM_BLOCKS];
    double weight, squares, typical;
};

static struct hum_phasor turned(struct hum_phasor x, double angle)
{
    float c = (float) cos(angle), s = (float) sin(angle);
    return (struct hum_phasor){ x.re * c - x.im * s, x.re * s + x.im * c };
}

static float size_of(struct hum_phasor x)
{
    return sqrtf(x.re * x.re + x.im * x.im);
}

static const struct hum_phasor *seen(const struct hum *h, unsigned family, unsigned line, unsigned age)
{
    return &h->seen[family][line][(h->newest + HUM_BLOCKS - age) % HUM_BLOCKS];
}

void hum_init(struct hum *h, uint32_t rate_hz)
{
    memset(h, 0, sizeof *h);
    h->rate_hz = rate_hz;
    h->group = rate_hz / (HUM_BLOCK * BLOCKS_HZ);
    double sum = 0;
    for (unsigned i = 0; i < HUM_BLOCK; i++) {
        h->cosine[i] = (float) cos(TWO_PI * i / HUM_BLOCK);
        sum += h->window[i] = (float) (0.5 - 0.5 * cos(TWO_PI * (i + 0.5) / HUM_BLOCK));
    }
    for (unsigned i = 0; i < HUM_BLOCK; i++)
        h->window[i] *= (float) (2 / sum);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/* The block's part at a multiple of 10 Hz, with the phase it has where the block begins. */
static struct hum_phasor part_at(const struct hum *h, const float *windowed, unsigned tens)
{
    struct hum_phasor x = { 0, 0 };
    unsigned at = 0, ahead = HUM_BLOCK / 4;
    for (unsigned i = 0; i < HUM_BLOCK; i++) {
        x.re += windowed[i] * h->cosine[at];
        x.im += windowed[i] * h->cosine[ahead]; /* - sine */
        at = at + tens < HUM_BLOCK ? at + tens : at + tens - HUM_BLOCK;
        ahead = ahead + tens < HUM_BLOCK ? ahead + tens : ahead + tens - HUM_BLOCK;
    }
    return x;
}

static void see_block(struct hum *h)
{
    float windowed[HUM_BLOCK];
    for (unsigned i = 0; i < HUM_BLOCK; i++)
        windowed[i] = h->heard[i] * h->window[i];
    h->newest = (h->newest + 1) % HUM_BLOCKS;
    for (unsigned f = 0; f < HUM_FAMILIES; f++)
        for (unsigned k = 0; k < HUM_LINES; k++)
            h->seen[f][k][h->newest] = part_at(h, windowed, (k + 1) * nominal_hz[f] / BLOCKS_HZ);
    h->blocks += h->blocks < HUM_BLOCKS;
}

/* The size that a quarter of the blocks does not reach: hum as it is in pauses of speech. */
static float quiet_size(const struct hum *h, unsigned family, unsigned line)
{
    float least[HUM_BLOCKS / 4] = { 0 };
    unsigned n = 0, most = AHOY_MAX(h->blocks / 4, 1);
    for (unsigned age = 0; age < h->blocks; age++) {
        float size = size_of(*seen(h, family, line, age));
        unsigned i = n < most ? n++ : most;
        if (i == most && size >= least[most - 1])
            continue;
        for (i = AHOY_MIN(i, most - 1); i > 0 && least[i - 1] > size; i--)
            least[i] = least[i - 1];
        least[i] = size;
    }
    return least[most - 1];
}

/* Blocks in which somebody speaks count less, by as much as they are louder. */
static void make_track(const struct hum *h, unsigned family, unsigned line, struct track *t)
{
    *t = (struct track){ .typical = quiet_size(h, family, line) + 1e-9f };
    for (unsigned i = 0; i < h->blocks; i++) {
        struct hum_phasor x = *seen(h, family, line, h->blocks - 1 - i);
        float size = size_of(x) + 1e-9f;
        float w = fminf(1, (float) t->typical / size);
        t->at[i] = (struct hum_phasor){ x.re * w / size, x.im * w / size };
        t->weight += w;
        t->squares += w * w;
    }
}

/* How much the phases of a line agree, 0 … 1, when the mains is off by so much; below what chance does it is 0. */
static double agreement(const struct hum *h, const struct track *t, unsigned line, double off_hz)
{
    double angle = TWO_PI * (line + 1) * off_hz / BLOCKS_HZ, c = cos(angle), s = sin(angle), re = 0, im = 0;
    for (unsigned i = 0; i < h->blocks; i++) {
        double was = re;
        re = was * c - im * s + t->at[i].re;
        im = was * s + im * c + t->at[i].im;
    }
    double a = sqrt(re * re + im * im) / t->weight;
    return a * a * t->weight * t->weight > BY_CHANCE * t->squares ? a : 0;
}

static double agreement_of_all(const struct hum *h, const struct track *tracks, double off_hz)
{
    double sum = 0;
    for (unsigned k = 0; k < HUM_LINES; k++) {
        double a = agreement(h, &tracks[k], k, off_hz);
        sum += a * a;
    }
    return sum;
}

/* Where within `reach` of *off_hz the lines agree most; moves it there and returns by how much they do. */
static double find_off(const struct hum *h, const struct track *tracks, double step, double reach, double *off_hz)
{
    double best = -1, at = *off_hz;
    int steps = (int) lrint(reach / step);
    for (int i = -steps; i <= steps; i++) {
        double off = *off_hz + i * step;
        double all = fabs(off) > OFF_MOST + STEP ? -1 : agreement_of_all(h, tracks, off);
        if (all > best) {
            best = all;
            at = off;
        }
    }
    *off_hz = at;
    return best;
}

/* The top of the curve through three neighbouring steps. */
static double top_near(const struct hum *h, const struct track *tracks, double off_hz)
{
    double a = agreement_of_all(h, tracks, off_hz - FINE_STEP), b = agreement_of_all(h, tracks, off_hz);
    double c = agreement_of_all(h, tracks, off_hz + FINE_STEP), bend = a - 2 * b + c;
    double by = bend < 0 ? (a - c) / (2 * bend) : 0;
    return off_hz + FINE_STEP * fmax(-1, fmin(1, by));
}

/* The line as it is in the newest block's middle: the place from which the blocks' own are the least far away, together. */
static struct hum_phasor middle_of(const struct hum *h, unsigned line, const struct track *t)
{
    struct hum_phasor m = { 0, 0 };
    double angle = TWO_PI * (line + 1) * h->off_hz / BLOCKS_HZ;
    for (unsigned round = 0; round < 3; round++) {
        double re = 0, im = 0, weight = 0, slack = 0.1 * size_of(m) + 1e-6;
        for (unsigned age = 0; age < h->blocks; age++) {
            struct hum_phasor x = turned(*seen(h, h->family, line, age), angle * age);
            double far = hypot((double) x.re - m.re, (double) x.im - m.im);
            double w = round == 0 ? fmin(1, t->typical / (size_of(x) + 1e-9)) : 1 / hypot(far, slack);
            re += w * x.re;
            im += w * x.im;
            weight += w;
        }
        m = (struct hum_phasor){ (float) (re / weight), (float) (im / weight) };
    }
    return m;
}

static void forget_lines(struct hum *h)
{
    h->found = false;
    h->missed = 0;
    memset(h->line, 0, sizeof h->line);
}

/* Which of the family's lines go on; false: too few. */
static bool choose_lines(struct hum *h, const struct track *tracks)
{
    unsigned lines = 0;
    double least = h->found ? STILL_AGREE : AGREES;
    for (unsigned k = 0; k < HUM_LINES; k++) {
        bool goes_on = agreement(h, &tracks[k], k, h->off_hz) > least;
        h->line[k] = goes_on ? middle_of(h, k, &tracks[k]) : (struct hum_phasor){ 0, 0 };
        lines += goes_on;
    }
    h->found = lines >= LINES_LEAST;
    return h->found;
}

/* The power of a family's lines that go on, the mains being off by what suits them best: *off_hz. */
static double look_at(const struct hum *h, unsigned family, struct track *tracks, double *off_hz)
{
    double power = 0;
    *off_hz = h->found ? h->off_hz : 0;
    for (unsigned k = 0; k < HUM_LINES; k++)
        make_track(h, family, k, &tracks[k]);
    if (find_off(h, tracks, STEP, h->found ? 2 * STEP : OFF_MOST, off_hz) <= 0)
        return 0;
    (void) find_off(h, tracks, FINE_STEP, STEP - FINE_STEP, off_hz);
    *off_hz = top_near(h, tracks, *off_hz);
    for (unsigned k = 0; k < HUM_LINES; k++)
        power += pow(agreement(h, &tracks[k], k, *off_hz) * tracks[k].typical, 2);
    return power;
}

/* Lines of one family fall beside some of the other's, too, and go on there; but they are weaker there. */
static void look(struct hum *h)
{
    struct track tracks[HUM_FAMILIES][HUM_LINES];
    double most = 0;
    unsigned family = 0;
    for (unsigned f = 0; f < HUM_FAMILIES; f++) {
        double off = 0;
        double power = h->found && f != h->family ? 0 : look_at(h, f, tracks[f], &off);
        if (power <= most)
            continue;
        most = power;
        family = f;
        h->off_hz = off;
    }
    h->family = family;
    if (most <= 0 || !choose_lines(h, tracks[family]))
        forget_lines(h);
}

/* ---- taking out -------------------------------------------------------------------------------------------------- */

/* A line goes on into the newest block; true when that block says so, or is too loud to say anything. */
static bool go_on(struct hum *h)
{
    double heard = 0, foretold = 0, left = 0;
    for (unsigned k = 0; k < HUM_LINES; k++) {
        struct hum_phasor x = *seen(h, h->family, k, 0), *line = &h->line[k];
        *line = turned(*line, TWO_PI * (k + 1) * h->off_hz / BLOCKS_HZ);
        if (line->re == 0 && line->im == 0)
            continue;
        heard += x.re * x.re + x.im * x.im;
        foretold += line->re * line->re + line->im * line->im;
        left += pow((double) x.re - line->re, 2) + pow((double) x.im - line->im, 2);
    }
    if (heard <= 2 * foretold)
        h->missed = left > heard ? h->missed + 1 : 0;
    return h->missed < MISSED_MOST;
}

/* What a mean over a group of samples did to a frequency is undone: how late it is, and how much less. */
static struct hum_phasor before_groups(const struct hum *h, struct hum_phasor x, double hz)
{
    double at_four = TWO_PI / 2 * hz / (HUM_BLOCK * BLOCKS_HZ), at_rate = at_four / h->group;
    float lost = (float) (sin(at_four) / (h->group * sin(at_rate)));
    x = turned(x, -at_rate * (h->group - 1));
    return (struct hum_phasor){ x.re / lost, x.im / lost };
}

/* The wave of the block that begins: half a block behind the newest one's middle. */
static void make_wave(struct hum *h)
{
    struct hum_wave *w = &h->now;
    double hz = nominal_hz[h->family] + h->off_hz;
    h->before = h->now;
    *w = (struct hum_wave){ .sounds = h->found, .step = hz / h->rate_hz };
    for (unsigned k = 0; h->found && k < HUM_LINES; k++) {
        struct hum_phasor x = h->line[k];
        if (x.re == 0 && x.im == 0)
            continue;
        x = before_groups(h, turned(x, TWO_PI * (k + 1) * h->off_hz / BLOCKS_HZ / 2), (k + 1) * hz);
        double angle = TWO_PI * (k + 1) / HUM_WAVE, c = cos(angle), s = sin(angle), re = x.re, im = x.im;
        for (unsigned i = 0; i <= HUM_WAVE; i++) {
            double was = re;
            w->at[i] += (float) re;
            re = was * c - im * s;
            im = was * s + im * c;
        }
    }
}

static void end_block(struct hum *h)
{
    see_block(h);
    if (h->found && !go_on(h)) {
        forget_lines(h);
        h->blocks = 0; /* it was another one */
    } else if (h->blocks >= FIRST_LOOK && h->newest % (h->found ? KEEP_EVERY : LOOK_EVERY) == 0) {
        look(h);
    }
    make_wave(h);
}

static float wave_next(struct hum_wave *w)
{
    if (!w->sounds)
        return 0;
    double at = w->phase * HUM_WAVE;
    unsigned i = (unsigned) at;
    float part = (float) (at - i);
    w->phase += w->step;
    w->phase -= w->phase >= 1;
    return w->at[i] + part * (w->at[i + 1] - w->at[i]);
}

static int16_t without(struct hum *h, int16_t sample)
{
    float now = ((float) h->n + (float) h->summed / (float) h->group) / HUM_BLOCK;
    float x = sample - (1 - now) * wave_next(&h->before) - now * wave_next(&h->now);
    return (int16_t) lrintf(fmaxf(-32768, fminf(32767, x)));
}

void hum_run(struct hum *h, int16_t *pcm, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float heard = pcm[i];
        if (h->before.sounds || h->now.sounds)
            pcm[i] = without(h, pcm[i]);
        h->sum += heard;
        if (++h->summed < h->group)
            continue;
        h->heard[h->n++] = h->sum / (float) h->group;
        h->sum = 0;
        h->summed = 0;
        if (h->n == HUM_BLOCK) {
            h->n = 0;
            end_block(h);
        }
    }
}

double hum_hz(const struct hum *h)
{
    return h->found ? nominal_hz[h->family] + h->off_hz : 0;
}
