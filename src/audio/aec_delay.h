/*
 * Where in the past the echo's sound was played, in hops: the mean phase between the microphone and each of the last
 * blocks. Independent of the filter, so it also sees what the filter has lost. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_DELAY_H
#define AHOY_AUDIO_AEC_DELAY_H

#include "audio/aec_far.h"

enum { AEC_DELAY_FROM = 8, AEC_DELAY_BINS = 80 }; /* 400 … 4400 Hz */

struct aec_phase {
    float re[AEC_DELAY_BINS];
    float im[AEC_DELAY_BINS];
};

struct aec_delay {
    struct aec_phase far[AEC_MAX_LAG];  /* unit phasors of the last blocks, a ring … */
    bool sound[AEC_MAX_LAG];            /* … that had sound in them … */
    size_t head;                        /* … and its newest */
    struct aec_phase mean[AEC_MAX_LAG]; /* of mic against the block `lag` hops ago */
    float score[AEC_MAX_LAG];           /* coherence over all bins, in parts of what chance gives */
    unsigned heard[AEC_MAX_LAG];        /* hops in `mean`, up to full memory … */
    float chance[AEC_MAX_LAG];          /* … and the score that they have by chance */
    float evidence[AEC_MAX_LAG];        /* the score over the mean score, over some time */
    bool found;                         /* … and `at` is where the echo is */
    size_t at;
};

void aec_delay_init(struct aec_delay *d);

/** One hop: the newest block, whether it has sound, and the microphone's spectrum. */
void aec_delay_update(struct aec_delay *d, const struct aec_spec *far, bool active, const struct aec_spec *mic);

/** Whether the last hop of the microphone was counted as evidence for the delay that was found, or for any while none was. */
bool aec_delay_heard(const struct aec_delay *d);

/** Sounds are from now on `hops` more in the past (fewer when negative). */
void aec_delay_move(struct aec_delay *d, int hops);

#endif
