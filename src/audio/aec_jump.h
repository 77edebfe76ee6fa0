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
    AEC_JUMP_RANGE = 28,                              /* … in so many before them, and in so many after */
    AEC_JUMP_MEMORY = AEC_JUMP_HOPS + AEC_JUMP_RANGE, /* hops of what was foretold until now … */
    AEC_JUMP_LINE = AEC_JUMP_MEMORY + AEC_JUMP_RANGE, /* … and with what is foretold still */
    AEC_JUMP_HEARD = AEC_JUMP_HOPS * AEC_HOP          /* samples */
};

struct aec_jump {
    float mic[AEC_JUMP_HEARD];                 /* rings of hops: what was heard … */
    float echo[AEC_JUMP_LINE * AEC_HOP];       /* … and what was foretold; both with more of the high frequencies */
    float mic_last, echo_last;                 /* the samples before the next ones … */
    float ahead_last;                          /* … and before the next one that is foretold */
    size_t heard, next;                        /* hops to write */
    size_t ahead;                              /* hops that are foretold, from `next` on */
    float line[(AEC_JUMP_LINE + 1) * AEC_HOP]; /* while it looks: the ring's sound in its order … */
    struct aec_spec past[AEC_JUMP_LINE];       /* … and its windows' spectra */
    struct aec_spec part[AEC_JUMP_HOPS];       /* those of what is looked for */
};

void aec_jump_init(struct aec_jump *j);

/** A hop of the microphone and of its prediction. */
void aec_jump_put(struct aec_jump *j, const float *mic, const float *echo);

/** What the model foretells of the hop that is `ahead` hops after the coming one, fewer than AEC_JUMP_RANGE: for an echo that comes
 * earlier. It is kept until its time has come, so a look wants only the hops that are new. */
void aec_jump_foretell(struct aec_jump *j, const float *echo);

/**
 * Looks for what was heard last in what was and is foretold. True when it is there: `*later` is by how many samples the echo comes
 * later than foretold, at most AEC_JUMP_RANGE hops; negative when it comes earlier, as far as is foretold. Takes about as much
 * time as the canceller's whole hop.
 */
bool aec_jump_find(struct aec_jump *j, struct aec_fft *fft, int *later);

#endif
