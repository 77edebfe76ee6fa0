/*
 * Where what was said is in what was heard, moment by moment: play-out moves, and the distance is the delay from mouth
 * to ear. The likeliest path of lags through short-time correlation (a Viterbi search: a change of lag costs). Pure.
 */
#ifndef BENCH_SOUND_ALIGN_H
#define BENCH_SOUND_ALIGN_H

#include "sound/pq.h"

struct align {
    size_t n;      /* hops of PQ_HOP samples */
    int32_t *lag;  /* at each: samples by which `heard` is late; where nothing is said, that of the neighbours */
    float *active; /* 0 … 1: how much is said there */
    float *corr;   /* correlation there, -1 … 1 */
};

/**
 * Both at PQ_HZ. Paths over the same correlations, a supple one and a stiff one, and a rigid one with a lag for each
 * utterance. INVAL: too short. NOMEM.
 */
AHOY_MUST_USE enum ahoy_err align_find(const int16_t *said, size_t said_n, const int16_t *heard, size_t heard_n,
                                       int max_lag_ms, struct align *supple, struct align *stiff, struct align *rigid);
void align_free(struct align *a);

#endif
