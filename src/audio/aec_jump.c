#include "audio/aec_jump.h"

#include <math.h>
#include <string.h>

/* Of what voices have most of, the low frequencies, all sounds have much: so much of the sample before is taken away. */
#define EMPHASIS 0.9f

/* Correlation, 0 … 1, from which it is the same sound: vowels a few periods apart reach 0.8. */
#define ALIKE 0.8f

/* Mean square of sound worth looking at: -80 dBFS, after the emphasis. */
#define QUIET 1e-8f

enum { PART = AEC_JUMP_HOPS * AEC_HOP };

void aec_jump_init(struct aec_jump *j)
{
    memset(j, 0, sizeof *j);
}

static float emphasise(float *to, const float *from, float last)
{
    for (size_t i = 0; i < AEC_HOP; i++) {
        to[i] = from[i] - EMPHASIS * last;
        last = from[i];
    }
    return last;
}

void aec_jump_put(struct aec_jump *j, const float *mic, const float *echo)
{
    size_t at = j->next * AEC_HOP;
    j->mic_last = emphasise(j->mic + at, mic, j->mic_last);
    j->echo_last = emphasise(j->echo + at, echo, j->echo_last);
    j->next = (j->next + 1) % AEC_JUMP_MEMORY;
}

/* A ring's sound from its oldest sample on. */
static void unroll(const struct aec_jump *j, const float *ring, float *line)
{
    size_t at = j->next * AEC_HOP;
    memcpy(line, ring + at, (AEC_JUMP_SAMPLES - at) * sizeof *line);
    memcpy(line + AEC_JUMP_SAMPLES - at, ring, at * sizeof *line);
}

/* Spectra of `count` windows of AEC_N samples, a hop apart; of the first `used` samples of each. */
static void transform(struct aec_fft *fft, const float *line, size_t count, size_t used, struct aec_spec *spec)
{
    struct aec_spec none;
    for (size_t from = 0; from < count; from += AEC_SLOTS) {
        aec_fft_begin(fft, AEC_LANES);
        for (size_t slot = 0; slot < AEC_SLOTS && from + slot < count; slot++) {
            float window[AEC_N] = { 0 };
            memcpy(window, line + (from + slot) * AEC_HOP, used * sizeof *line);
            aec_fft_put(fft, slot, window);
        }
        aec_fft_forward(fft);
        for (size_t slot = 0; slot < AEC_SLOTS && from + slot < count; slot += 2)
            aec_fft_get_pair(fft, slot / 2, &spec[from + slot],
                             from + slot + 1 < count ? &spec[from + slot + 1] : &none);
    }
}

static void correlate(struct aec_spec *restrict sum, const struct aec_spec *restrict past,
                      const struct aec_spec *restrict part)
{
    for (size_t k = 0; k < AEC_BINS; k++) {
        sum->re[k] += past->re[k] * part->re[k] + past->im[k] * part->im[k];
        sum->im[k] += past->im[k] * part->re[k] - past->re[k] * part->im[k];
    }
}

/* The products of the part with the past from hop `from` on, sample by sample for AEC_SLOTS hops. */
static void products(struct aec_jump *j, struct aec_fft *fft, size_t from)
{
    aec_fft_begin(fft, AEC_LANES);
    for (size_t lane = 0; lane < AEC_LANES; lane++) {
        struct aec_spec a = { { 0 }, { 0 } }, b = a;
        for (size_t h = 0; h < AEC_JUMP_HOPS; h++) {
            correlate(&a, &j->past[from + 2 * lane + h], &j->part[h]);
            correlate(&b, &j->past[from + 2 * lane + 1 + h], &j->part[h]);
        }
        aec_fft_put_pair(fft, lane, &a, &b);
    }
    aec_fft_inverse(fft);
}

/* How many samples ago the newest sound of `ring` was in j->line; 0 when it was not. */
static size_t look(struct aec_jump *j, struct aec_fft *fft, const float *ring)
{
    float newest[AEC_JUMP_SAMPLES], r[AEC_HOP];
    double own = 0, energy = 0;
    float best = ALIKE * ALIKE;
    size_t found = 0;
    unroll(j, ring, newest);
    memmove(newest, newest + AEC_JUMP_SAMPLES - PART, PART * sizeof *newest);
    memset(j->line + AEC_JUMP_SAMPLES, 0, AEC_HOP * sizeof *j->line);
    for (size_t i = 0; i < PART; i++) {
        own += (double) (newest[i] * newest[i]);
        energy += (double) (j->line[i] * j->line[i]);
    }
    if (own < PART * (double) QUIET)
        return 0;
    transform(fft, j->line, AEC_JUMP_MEMORY, AEC_N, j->past);
    transform(fft, newest, AEC_JUMP_HOPS, AEC_HOP, j->part);
    for (size_t at = 0; at < AEC_JUMP_RANGE * AEC_HOP; at++) {
        size_t hop = at / AEC_HOP;
        if (at % (AEC_SLOTS * AEC_HOP) == 0)
            products(j, fft, hop);
        if (at % AEC_HOP == 0)
            aec_fft_get(fft, hop % AEC_SLOTS, 0, AEC_HOP, r);
        float product = r[at % AEC_HOP];
        float alike = product > 0 ? product * product / (float) (own * energy + 1e-20) : 0;
        if (alike > best && energy > PART * (double) QUIET) {
            best = alike;
            found = AEC_JUMP_RANGE * AEC_HOP - at;
        }
        energy += (double) (j->line[at + PART] * j->line[at + PART]) - (double) (j->line[at] * j->line[at]);
    }
    return found;
}

bool aec_jump_find(struct aec_jump *j, struct aec_fft *fft, int *later)
{
    unroll(j, j->echo, j->line);
    int by = (int) look(j, fft, j->mic);
    if (by == 0) {
        unroll(j, j->mic, j->line);
        by = -(int) look(j, fft, j->echo);
    }
    if (by == 0)
        return false;
    *later = by;
    return true;
}
