#include "sound/pq.h"

#include "audio/fft.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    BINS = PQ_FRAME / 2,
    BANDS = 49,
    SYLLABLE = 20, /* frames of an interval: 320 ms */
};

/*
 * Set by comparison with PESQ on an ideal receiver's output (docs/bench-sound.md): how loud the speech is played, and
 * how much each disturbance counts.
 */
#define LISTEN_DB       92.0
#define SYMMETRIC_GAIN  1.0
#define ASYMMETRIC_GAIN 0.75

#define SYMMETRIC_WEIGHT  0.1
#define ASYMMETRIC_WEIGHT 0.0309
#define SONE_SCALE        0.187 /* 1 sone for a tone of 1 kHz and 40 dB */
#define TONE_PEAK         1e4   /* density of that tone where it is strongest */
#define SILENT_POWER      1e7   /* a frame of less is silent */
#define MOST_DISTURBANCE  45.0

/* Bark scale after Zwicker and Terhardt. */
static double bark_of(double hz)
{
    return 13 * atan(0.00076 * hz) + 3.5 * atan(hz / 7500 * hz / 7500);
}

/* Threshold of hearing in quiet after Terhardt, as a power: 0 dB is 1. */
static double threshold_of(double hz)
{
    double khz = fmax(hz, 20) / 1000;
    double db = 3.64 * pow(khz, -0.8) - 6.5 * exp(-0.6 * (khz - 3.3) * (khz - 3.3)) + 1e-3 * pow(khz, 4);
    return pow(10, fmin(db, 77) / 10);
}

struct bands {
    size_t first[BANDS + 1]; /* bins */
    double scale[BANDS];     /* from summed power of bins to density */
    double threshold[BANDS], exponent[BANDS], factor[BANDS];
    double width; /* of each, Bark */
    double window[PQ_FRAME], weight[BINS];
};

static double bin_hz(double k)
{
    return k * PQ_HZ / PQ_FRAME;
}

static void bands_init(struct bands *b)
{
    double hz_per_bark_1k = 0;
    b->width = bark_of(PQ_HZ / 2.0) / BANDS;
    size_t k = 0;
    for (size_t i = 0; i < BANDS; i++) {
        b->first[i] = k;
        while (k < BINS && (i + 1 == BANDS || bark_of(bin_hz((double) k)) < (double) (i + 1) * b->width))
            k++;
        double middle = bin_hz(((double) b->first[i] + (double) k - 1) / 2);
        double hz_per_bark = 10 / (bark_of(middle + 5) - bark_of(fmax(middle - 5, 0)));
        if (middle < 5)
            hz_per_bark = 100;
        b->scale[i] = k > b->first[i] ? hz_per_bark / (double) (k - b->first[i]) : 0;
        if (b->first[i] <= 32 && k > 32)
            hz_per_bark_1k = b->scale[i];
        b->threshold[i] = threshold_of(middle);
        double centre = ((double) i + 0.5) * b->width;
        double steeper = centre < 4 ? pow(fmin(6 / (centre + 2), 2), 0.15) : 1;
        b->exponent[i] = 0.23 * steeper;
        b->factor[i] = SONE_SCALE * pow(b->threshold[i] / 0.5, b->exponent[i]);
    }
    b->first[BANDS] = BINS;
    /* Mean square 1 is 0 dB. A tone of amplitude a peaks at (a * PQ_FRAME / 4)^2 under this window. */
    double tone = 2 * pow(10, 40.0 / 10) * (PQ_FRAME / 4.0) * (PQ_FRAME / 4.0) * hz_per_bark_1k;
    for (size_t i = 0; i < BANDS; i++)
        b->scale[i] *= TONE_PEAK / tone;
    for (size_t i = 0; i < PQ_FRAME; i++)
        b->window[i] = 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * (double) i / PQ_FRAME);
    for (size_t i = 0; i < BINS; i++) { /* nothing below 100 Hz is heard on a headset */
        double x = pow(bin_hz((double) i) / 100, 4);
        b->weight[i] = x / (1 + x);
    }
}

struct side {
    double *density; /* BANDS a frame */
    double *power;   /* of a frame, audible */
};

struct work {
    struct bands bands;
    const struct pq_signals *s;
    size_t frames;
    struct side said, heard;
    double *symmetric, *asymmetric;
};

size_t pq_frames(size_t n)
{
    return n < PQ_FRAME ? 0 : (n - PQ_FRAME) / PQ_HOP + 1;
}

/* Power spectrum of two real frames by one transform. */
static void spectra(const struct work *w, size_t frame, double *said, double *heard)
{
    const struct pq_signals *s = w->s;
    double re[PQ_FRAME], im[PQ_FRAME];
    size_t at = frame * PQ_HOP;
    int64_t from = (int64_t) at + (s->lag ? s->lag[frame] : 0);
    for (size_t i = 0; i < PQ_FRAME; i++) {
        int64_t k = from + (int64_t) i;
        re[i] = w->bands.window[i] * s->said[at + i];
        im[i] = k >= 0 && k < (int64_t) s->heard_n ? w->bands.window[i] * s->heard[k] : 0;
    }
    fft_run(re, im, PQ_FRAME, false);
    said[0] = heard[0] = 0;
    for (size_t k = 1; k < BINS; k++) {
        size_t m = PQ_FRAME - k;
        double a = (re[k] + re[m]) / 2, b = (im[k] - im[m]) / 2;
        double c = (im[k] + im[m]) / 2, d = (re[m] - re[k]) / 2;
        said[k] = (a * a + b * b) * w->bands.weight[k];
        heard[k] = (c * c + d * d) * w->bands.weight[k];
    }
}

/* Densities of all frames, both sides brought to the listening level by their power in the telephone band. */
static bool densities(struct work *w)
{
    double said[BINS], heard[BINS], power[2] = { 0 };
    for (size_t f = 0; f < w->frames; f++) {
        spectra(w, f, said, heard);
        for (size_t k = 350 * PQ_FRAME / PQ_HZ; k <= 3250 * PQ_FRAME / PQ_HZ; k++) {
            power[0] += said[k];
            power[1] += heard[k];
        }
        for (size_t i = 0; i < BANDS; i++) {
            double a = 0, b = 0;
            for (size_t k = w->bands.first[i]; k < w->bands.first[i + 1]; k++) {
                a += said[k];
                b += heard[k];
            }
            w->said.density[f * BANDS + i] = a * w->bands.scale[i];
            w->heard.density[f * BANDS + i] = b * w->bands.scale[i];
        }
    }
    /* Mean power of a signal of power 1 in these bins: half of the window's energy times the frame. */
    double unit = (double) w->frames * PQ_FRAME * PQ_FRAME * 0.375 / 2;
    double want = pow(10, LISTEN_DB / 10) * unit;
    if (power[0] <= 0)
        return false;
    double gain[2] = { want / power[0], power[1] > 0 ? want / power[1] : 1 };
    for (size_t i = 0; i < w->frames * BANDS; i++) {
        w->said.density[i] *= gain[0];
        w->heard.density[i] *= gain[1];
    }
    return true;
}

static double audible(const struct bands *b, const double *density, double above)
{
    double sum = 0;
    for (size_t i = 1; i < BANDS; i++)
        if (density[i] > above * b->threshold[i])
            sum += density[i];
    return sum;
}

/* What the line colours is forgiven: the original is filtered like the mean of what was heard, within 20 dB. */
static void equalise(struct work *w)
{
    const struct bands *b = &w->bands;
    for (size_t i = 0; i < BANDS; i++) {
        double said = 0, heard = 0;
        for (size_t f = 0; f < w->frames; f++) {
            if (audible(b, w->said.density + f * BANDS, 100) < SILENT_POWER)
                continue;
            double x = w->said.density[f * BANDS + i], y = w->heard.density[f * BANDS + i];
            said += x > 100 * b->threshold[i] ? x : 0;
            heard += y > 100 * b->threshold[i] ? y : 0;
        }
        double ratio = (heard / (double) w->frames + 1000) / (said / (double) w->frames + 1000);
        ratio = fmin(fmax(ratio, 0.01), 100);
        for (size_t f = 0; f < w->frames; f++)
            w->said.density[f * BANDS + i] *= ratio;
    }
}

/* And what a slow change of gain does. */
static void level(struct work *w)
{
    double before = 1;
    for (size_t f = 0; f < w->frames; f++) {
        w->said.power[f] = audible(&w->bands, w->said.density + f * BANDS, 1);
        w->heard.power[f] = audible(&w->bands, w->heard.density + f * BANDS, 1);
        double ratio = (w->said.power[f] + 5e3) / (w->heard.power[f] + 5e3);
        before = f > 0 ? 0.2 * before + 0.8 * ratio : ratio;
        double gain = fmin(fmax(before, 3e-4), 5);
        for (size_t i = 0; i < BANDS; i++)
            w->heard.density[f * BANDS + i] *= gain;
    }
}

static double loudness(const struct bands *b, size_t band, double density)
{
    double t = b->threshold[band];
    return density > t ? b->factor[band] * (pow(0.5 + 0.5 * density / t, b->exponent[band]) - 1) : 0;
}

/* Disturbances of one frame: what differs in loudness beyond a quarter of the softer one, over the bands. */
static void compare(struct work *w, size_t f)
{
    const struct bands *b = &w->bands;
    double plain = 0, skewed = 0;
    for (size_t i = 1; i < BANDS; i++) {
        double x = w->said.density[f * BANDS + i], y = w->heard.density[f * BANDS + i];
        double said = loudness(b, i, x), heard = loudness(b, i, y);
        double d = heard - said, dead = 0.25 * fmin(said, heard);
        d = d > dead ? d - dead : d < -dead ? d + dead : 0;
        double skew = pow((y + 50) / (x + 50), 1.2);
        skew = skew < 3 ? 0 : fmin(skew, 12);
        plain += pow(fabs(d) * b->width, 2);
        skewed += fabs(d) * skew * b->width;
    }
    double total = b->width * (BANDS - 1);
    plain = sqrt(plain / total) * total;
    double weight = pow((w->said.power[f] + 1e5) / 1e7, 0.04);
    w->symmetric[f] = fmin(plain / weight, MOST_DISTURBANCE);
    w->asymmetric[f] = fmin(skewed / weight, MOST_DISTURBANCE);
}

/* Bad moments stand out within an interval (norm 6), intervals add up as powers. */
static double over_time(const double *d, size_t first, size_t n)
{
    double sum = 0;
    size_t intervals = 0;
    for (size_t f = first; f + SYLLABLE / 2 <= n; f += SYLLABLE / 2) {
        double mean = 0;
        for (size_t i = f; i < AHOY_MIN(f + SYLLABLE, n); i++)
            mean += pow(d[i], 6) / SYLLABLE;
        sum += pow(mean, 2.0 / 6);
        intervals++;
    }
    return intervals > 0 ? sqrt(sum / (double) intervals) : 0;
}

/* Frames from the first to the last that is not silent. */
static bool trim(const struct work *w, size_t *first, size_t *end)
{
    *first = w->frames;
    *end = 0;
    for (size_t f = 0; f < w->frames; f++) {
        if (audible(&w->bands, w->said.density + f * BANDS, 100) < SILENT_POWER)
            continue;
        *first = AHOY_MIN(*first, f);
        *end = f + 1;
    }
    return *end >= *first + SYLLABLE;
}

static void judge(struct work *w, size_t first, size_t end, struct pq_score *out)
{
    equalise(w);
    level(w);
    for (size_t f = 0; f < w->frames; f++)
        compare(w, f);
    double d = SYMMETRIC_GAIN * over_time(w->symmetric, first, end);
    double a = ASYMMETRIC_GAIN * over_time(w->asymmetric, first, end);
    double raw = 4.5 - SYMMETRIC_WEIGHT * d - ASYMMETRIC_WEIGHT * a;
    *out = (struct pq_score){ .mos = 0.999 + 4 / (1 + exp(-1.3669 * raw + 3.8224)), .symmetric = d, .asymmetric = a };
}

enum ahoy_err pq_score(const struct pq_signals *s, struct pq_score *out)
{
    enum ahoy_err err = AHOY_ERR_NOMEM;
    size_t frames = pq_frames(s->said_n), first, end;
    if (frames < SYLLABLE)
        return AHOY_ERR_INVAL;
    struct work *w = mem_zalloc(sizeof *w);
    double *memory = mem_zalloc(frames * (2 * BANDS + 4) * sizeof *memory);
    if (!w || !memory)
        goto out;
    w->s = s;
    w->frames = frames;
    w->said = (struct side){ memory, memory + 2 * frames * BANDS };
    w->heard = (struct side){ memory + frames * BANDS, w->said.power + frames };
    w->symmetric = w->heard.power + frames;
    w->asymmetric = w->symmetric + frames;
    bands_init(&w->bands);
    err = AHOY_ERR_INVAL;
    if (!densities(w) || !trim(w, &first, &end))
        goto out;
    judge(w, first, end, out);
    err = AHOY_OK;
out:
    mem_free(memory);
    mem_free(w);
    return err;
}
