/*
 * The linear model of the echo path: a partitioned-block frequency-domain adaptive filter whose step size is a Kalman
 * gain for each bin of each partition (Enzner and Vary, Signal Processing 86, 2006; Kuech, Mabande and Enzner, ICASSP
 * 2014). Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_FILTER_H
#define AHOY_AUDIO_AEC_FILTER_H

#include "audio/aec_far.h"

struct aec_filter {
    struct aec_spec h[AEC_PARTS];     /* the path, hop by hop */
    float doubt[AEC_PARTS][AEC_BINS]; /* variance of the error of h */
    float near[AEC_BINS];             /* power of all that is not echo */
    float gain[AEC_BINS];             /* |h|² over all partitions: the path's power gain */
    float unsure[AEC_BINS]; /* power that the doubt makes of the far sound in the coming hop: echo that may be left */
    bool stale;             /* … which is of another model than the one now */
    bool odd;               /* the last hop constrained the odd batches of partitions */
    size_t lag;             /* blocks[lag + p] meets h[p] */
};

void aec_filter_init(struct aec_filter *f);

/**
 * The echo in the coming hop, but for what its own far sound makes of it (h[0] when `lag` is 0): the spectrum before the
 * cut. Sets `unsure`.
 */
void aec_filter_predict(struct aec_filter *f, const struct aec_far *far, struct aec_spec *y);

/** What it will be `hops` hops after the coming one, as far as its sound was played already. */
void aec_filter_foretell(const struct aec_filter *f, const struct aec_far *far, size_t hops, struct aec_spec *y);

/** Learns from what was left: `e` is the spectrum of (zeros, rest). `learn` false: only the noise is followed. */
void aec_filter_update(struct aec_filter *f, const struct aec_far *far, const struct aec_spec *e, struct aec_fft *fft);

/** The path is another now: keep `keep` (0 … 1) of the model and doubt all of it by `doubt` or more. */
void aec_filter_reopen(struct aec_filter *f, float keep, float doubt);

/** Places the model `hops` later in the path (earlier when negative) while the sound keeps its place. */
void aec_filter_slide(struct aec_filter *f, int hops);

/**
 * The echo comes `samples` later than the model says (earlier when negative): all of it is moved by so much, within what it can
 * reach, and nothing is doubted more. Sets `lag`.
 */
void aec_filter_move(struct aec_filter *f, int samples, struct aec_fft *fft);

/** Partition with the most energy. */
size_t aec_filter_peak(const struct aec_filter *f);

#endif
