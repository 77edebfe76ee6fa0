/*
 * What the loudspeaker played: a buffer of samples that is read at any position between two of them and at a slightly
 * different clock, and the spectra of the last blocks read. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_FAR_H
#define AHOY_AUDIO_AEC_FAR_H

#include "audio/aec_fft.h"

enum {
    AEC_TAPS = 32, /* of the interpolator */
    AEC_PHASES = 64,
    AEC_FAR_RING = 16384, /* samples, 1 s; a power of two */
    AEC_MAX_LAG = 52,     /* hops searched for the echo */
    AEC_PARTS = 32,       /* hops of the filter, a multiple of AEC_SLOTS */
    AEC_BLOCKS = AEC_MAX_LAG + AEC_PARTS
};

/* The reader is later by this much, so that the interpolator has the samples after the one it reads: an echo is found from
 * 1 ms after its sound was handed over. */
enum { AEC_LOOK_AHEAD = AEC_TAPS / 2 };

struct aec_block {
    struct aec_spec x;
    float power[AEC_BINS];
};

struct aec_far {
    float ring[AEC_FAR_RING
               + AEC_TAPS]; /* its beginning is repeated behind its end, so that a row of taps is in one piece */
    float kernel[AEC_PHASES + 1][AEC_TAPS];
    uint64_t written; /* samples ever */
    double at;        /* where the next block starts, in samples since the first */
    bool started;
    double ppm;          /* of the reading clock */
    uint64_t behind_min; /* samples waiting after a read: the least in this half second … */
    unsigned reads;      /* … and reads in it */
    float last[AEC_HOP]; /* the newest block */
    float next[AEC_HOP]; /* the first samples of the next one … */
    size_t known;        /* … that were looked at already */
    float level;         /* its mean square */
    uint64_t blocks_made;
    size_t head; /* the newest of blocks[] */
    struct aec_block blocks[AEC_BLOCKS];
};

void aec_far_init(struct aec_far *f);

/** What is played, fewer samples than the ring has. */
void aec_far_put(struct aec_far *f, const float *x, size_t n);

/** Samples `from` to `from + n` of the block that aec_far_advance will make next; silence where they are not there yet. */
void aec_far_peek(struct aec_far *f, size_t from, size_t n, float *x);

/**
 * Moves on by one hop of the microphone: makes 0, 1 or, to catch up, some new blocks with the transform `fft`, as far as there is sound.
 * Returns how many hops more (or fewer, when negative) lie between a sound's block and its echo from now on.
 */
int aec_far_advance(struct aec_far *f, struct aec_fft *fft);

/** The block `lag` hops before the newest; lag < AEC_BLOCKS. */
static inline const struct aec_block *aec_far_block(const struct aec_far *f, size_t lag)
{
    return &f->blocks[(f->head + AEC_BLOCKS - lag) % AEC_BLOCKS];
}

#endif
