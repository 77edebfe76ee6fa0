#include "audio/aec_jump.h"

#include <math.h>
#include <string.h>

/* Of what voices have most of, the low frequencies, all sounds have much: so much of the sample before is taken away. */
#define EMPHASIS 0.9f

/* Correlation, 0 … 1, from which it is the same sound: vowels a few periods apart reach 0.8. */
#define ALIKE 0.8f

/* Mean square of sound worth looking at: -80 dBFS, after the emphasis. */
#define QUIET 1e-8f

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
    j->mic_last = emphasise(j->mic + j->heard * AEC_HOP, mic, j->mic_last);
    j->echo_last = emphasise(j->echo + j->next * AEC_HOP, echo, j->echo_last);
    j->heard = (j->heard + 1) % AEC_JUMP_HOPS;
    j->next = (j->next + 1) % AEC_JUMP_LINE;
    j->ahead -= j->ahead > 0 ? 1 : 0;
}

void aec_jump_foretell(struct aec_jump *j, const float *echo)
{
    AHOY_ASSERT(j->ahead < AEC_JUMP_RANGE);
    size_t at = (j->next + j->ahead) % AEC_JUMP_LINE;
    j->ahead_last = emphasise(j->echo + at * AEC_HOP, echo, j->ahead > 0 ? j->ahead_last : j->echo_last);
    j->ahead++;
}

/* `count` hops of a ring of `hops`, from `from` on. */
static void unroll(const float *ring, size_t hops, size_t from, size_t count, float *line)
{
    for (size_t i = 0; i < count; i++)
        memcpy(line + i * AEC_HOP, ring + (from + i) % hops * AEC_HOP, AEC_HOP * sizeof *line);
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

bool aec_jump_find(struct aec_jump *j, struct aec_fft *fft, int *later)
{
    float newest[AEC_JUMP_HEARD], r[AEC_HOP];
    double own = 0, energy = 0;
    float best = ALIKE * ALIKE;
    int found = 0;
    size_t hops = AEC_JUMP_MEMORY + j->ahead;
    unroll(j->mic, AEC_JUMP_HOPS, j->heard, AEC_JUMP_HOPS, newest);
    unroll(j->echo, AEC_JUMP_LINE, j->next + AEC_JUMP_LINE - AEC_JUMP_MEMORY, hops, j->line);
    memset(j->line + hops * AEC_HOP, 0, (AEC_JUMP_LINE + 1 - hops) * AEC_HOP * sizeof *j->line);
    for (size_t i = 0; i < AEC_JUMP_HEARD; i++) {
        own += (double) (newest[i] * newest[i]);
        energy += (double) (j->line[i] * j->line[i]);
    }
    if (own < AEC_JUMP_HEARD * (double) QUIET)
        return false;
    transform(fft, j->line, AEC_JUMP_LINE, AEC_N, j->past);
    transform(fft, newest, AEC_JUMP_HOPS, AEC_HOP, j->part);
    for (size_t at = 0; at < (hops - AEC_JUMP_HOPS) * AEC_HOP; at++) {
        size_t hop = at / AEC_HOP;
        if (at % (AEC_SLOTS * AEC_HOP) == 0)
            products(j, fft, hop);
        if (at % AEC_HOP == 0)
            aec_fft_get(fft, hop % AEC_SLOTS, 0, AEC_HOP, r);
        float product = r[at % AEC_HOP];
        float alike = product > 0 ? product * product / (float) (own * energy + 1e-20) : 0;
        if (alike > best && energy > AEC_JUMP_HEARD * (double) QUIET) {
            best = alike;
            found = AEC_JUMP_RANGE * AEC_HOP - (int) at;
        }
        energy += (double) (j->line[at + AEC_JUMP_HEARD] * j->line[at + AEC_JUMP_HEARD])
                  - (double) (j->line[at] * j->line[at]);
    }
    if (found == 0)
        return false;
    *later = found;
    return true;
}
