/*
 * Where a sound goes on from another place than it came from: what was heard last is kept, the place in the new sound that
 * is most like it is looked for, and the step that is left dies away. Pure; private to a stream's worker.
 */
#ifndef AHOY_AUDIO_SEAM_H
#define AHOY_AUDIO_SEAM_H

#include "base/base.h"

enum {
    SEAM_PAST_MS = 60,
    SEAM_PAST_MOST = 48 * SEAM_PAST_MS,
    SEAM_LIKE_MS = 8, /* so much of the past is compared */
    SEAM_FADE_MS = 5,
    SEAM_FADE_MOST = 48 * SEAM_FADE_MS
};

/** The last of what went by. Zero: nothing did. */
struct past {
    uint32_t hz;
    size_t n, at; /* how much there is; where the next goes */
    int16_t pcm[SEAM_PAST_MOST];
};

/** Adds `n` samples (pcm NULL: silence); at another rate than before it begins anew. */
AHOY_RT void past_put(struct past *p, uint32_t hz, const int16_t *pcm, size_t n);

/** All that there is at this rate, oldest first; `out` has room for SEAM_PAST_MOST. Returns how much. */
size_t past_get(const struct past *p, uint32_t hz, int16_t *out);

/** Two sounds at one rate: what was heard until now, and what is to follow (its own past included). */
struct seam_sounds {
    const int16_t *past, *next;
    size_t past_n, next_n;
    uint32_t hz;
};

struct seam_place {
    size_t at;   /* next[at] follows what was heard */
    double part; /* and that part of a sample later, -0.5 … 0.5 */
    bool like;   /* it is a continuation; else the one has to fade into the other */
};

/**
 * The place in `next` behind which at least `least` and at most `most` samples are left, where it is most like the end of
 * the past; of equal ones the one that leaves the least. False: there is too little of either.
 */
AHOY_MUST_USE bool seam_find(const struct seam_sounds *s, size_t least, size_t most, struct seam_place *out);

/** A transition under way. Zero: none. */
struct seam {
    size_t n, at; /* samples of it, and how many are over */
    int step;     /* like: what dies away */
    bool like;
    int16_t tail[SEAM_FADE_MOST]; /* unlike: what fades out */
};

/** Begins one behind `past`. `before`: of a continuation, the sample in front of its first; NULL: it is none. */
void seam_begin(struct seam *s, const int16_t *past, size_t n, uint32_t hz, const int16_t *before);

/** The next samples behind it, in place. */
AHOY_RT void seam_run(struct seam *s, int16_t *pcm, size_t n);

#endif
