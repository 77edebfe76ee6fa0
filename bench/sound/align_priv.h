/* What the ways of finding lags share: align.c (paths), align_utter.c (one lag an utterance). */
#ifndef BENCH_SOUND_ALIGN_PRIV_H
#define BENCH_SOUND_ALIGN_PRIV_H

#include "sound/align.h"

enum { ALIGN_COARSE_STEP = 4 }; /* samples of PQ_HZ: correlations are taken at 4 kHz */

struct align_field {
    size_t hops, lags;
    float *said, *heard; /* at 4 kHz; heard padded by zeros */
    size_t said_n, heard_n;
    float *score; /* lags a hop: correlation times activity */
    float *active;
    uint16_t *from; /* lags a hop: where the best path came from */
};

/** Coarse lags, in samples of PQ_HZ, of utterances and their parts (P.862 section 10.1). False: no memory. */
AHOY_MUST_USE bool align_utterances(const struct align_field *f, int32_t *lag);

/** Stretches that do not fit where they were laid are laid anew, where that fits better (P.862 section 10.2.14). */
void align_bad_anew(const struct align_field *f, struct align *a);

#endif
