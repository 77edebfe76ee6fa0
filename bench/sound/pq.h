/*
 * A perceptual score of what was heard against what was said, after the model that ITU-T P.862 and P.862.2 describe:
 * both become loudness over time and pitch, what differs beyond what masks it is summed, and what was added weighs
 * more than what is missing. Written from the published description and set (pq.c) so that its trend is that of PESQ
 * on lossy calls; it does not conform to the Recommendation, and its numbers are its own.
 *
 * Pure. Mono at PQ_HZ. What is heard may move against what was said (play-out stretches and shrinks): the caller says
 * by how much at each frame.
 */
#ifndef BENCH_SOUND_PQ_H
#define BENCH_SOUND_PQ_H

#include "base/base.h"

enum {
    PQ_HZ = 16000,
    PQ_FRAME = 512, /* samples: 32 ms */
    PQ_HOP = 256,
};

struct pq_signals {
    const int16_t *said, *heard;
    size_t said_n, heard_n;
    const int32_t *lag; /* for each hop of `said`: samples by which `heard` is late there; NULL: not at all */
};

struct pq_score {
    double mos;                   /* 1 … 4.64, as P.862.2 maps it */
    double symmetric, asymmetric; /* disturbances */
};

/** Frames of PQ_FRAME samples that begin PQ_HOP apart. */
size_t pq_frames(size_t n);

/** INVAL: fewer than 20 frames, or `said` is silent. NOMEM. */
AHOY_MUST_USE enum ahoy_err pq_score(const struct pq_signals *s, struct pq_score *out);

#endif
