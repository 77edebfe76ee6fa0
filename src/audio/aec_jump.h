/*
 * The echo's delay jumped: a device dropped some of its buffers, or had to wait for them. Then the microphone hears what the model
 * foretold, sample by sample, but at another time, and the model is as good as before once it is moved by so much. Private to
 * src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_JUMP_H
#define AHOY_AUDIO_AEC_JUMP_H

#include "audio/aec_fft.h"

enum {
    AEC_JUMP_HOPS = 6,                                /* that are looked for … */
    AEC_JUMP_RANGE = 24,                              /* … in so many before them */
    AEC_JUMP_MEMORY = AEC_JUMP_HOPS + AEC_JUMP_RANGE, /* hops of sound kept */
    AEC_JUMP_SAMPLES = AEC_JUMP_MEMORY * AEC_HOP
};

struct aec_jump {
    float mic[AEC_JUMP_SAMPLES];  /* rings of hops: what was heard … */
    float echo[AEC_JUMP_SAMPLES]; /* … and what was foretold; both with more of the high frequencies */
    float mic_last, echo_last;
    size_t next;                            /* hop to write */
    float line[AEC_JUMP_SAMPLES + AEC_HOP]; /* while it looks: a ring's sound in its order … */
    struct aec_spec past[AEC_JUMP_MEMORY];  /* … and its windows' spectra */
    struct aec_spec part[AEC_JUMP_HOPS];    /* those of what is looked for */
};

void aec_jump_init(struct aec_jump *j);

/** A hop of the microphone and of its prediction. */
void aec_jump_put(struct aec_jump *j, const float *mic, const float *echo);

/**
 * Looks for the newest sound of one in the past of the other. True when it is there: `*later` is by how many samples the
 * echo comes later than foretold, fewer than AEC_JUMP_RANGE hops; negative when it comes earlier. Takes about as much time as the
 * canceller's whole hop.
 */
bool aec_jump_find(struct aec_jump *j, struct aec_fft *fft, int *later);

#endif
