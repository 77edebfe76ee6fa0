/*
 * What the filter leaves of the echo is taken out by a gain for each bin, driven by how much of the microphone is
 * coherent with the predicted echo; the noise that would vanish with it is put back. On the same spectra the background's
 * noise is taken down, when that is wanted. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_SUPPRESS_H
#define AHOY_AUDIO_AEC_SUPPRESS_H

#include "audio/aec_noise.h"

/* A mean's neighbours: the bins from `from` on and below `to`, and what each counts. */
struct aec_reach {
    uint8_t from[AEC_USED], to[AEC_USED];
    double part[AEC_USED];
};

struct aec_suppress {
    float window[AEC_N], brief[AEC_N];
    float rest[AEC_N], echo[AEC_N], mic[AEC_N]; /* the last 20 ms, the newest step as it comes */
    size_t fresh;                               /* samples of it */
    float fill[AEC_HOP], tail[AEC_HOP];         /* comfort noise of this hop, and what the next one begins with */
    float slope[AEC_HOP];                       /* by which one fades into the next */
    struct aec_reach near_by, near_by_brief;    /* of gains, and of the brief window's power */
    float power_rest[AEC_BINS], power_echo[AEC_BINS], power_mic[AEC_BINS];
    struct aec_spec cross; /* mic against predicted echo */
    struct aec_spec left;  /* rest against predicted echo */
    float leak[AEC_BINS];  /* echo power left, as a part of the predicted echo */
    float held[AEC_BINS];  /* echo power left, with its decay */
    float gain[AEC_BINS];
    float total[AEC_BINS]; /* the same with what the background asks for, smooth over frequency */
    float noise[AEC_BINS]; /* background, |spectrum|² */
    float single;          /* 0 … 1: only the far end talks */
    float share;           /* 0 … 1: part of the microphone that is echo … */
    float missed;          /* … and part of the rest that still follows the predicted echo */
    unsigned onset;        /* hops for which sound out of silence is taken to be the far end's */
    float high_gain;       /* for what is above these bins */
    struct aec_noise background;
    bool quieten; /* take the background down */
    uint32_t dice;
};

void aec_suppress_init(struct aec_suppress *s);

/**
 * `n` samples that were heard, the echo predicted in them, and what is left without it; no more than what a step wants still.
 * True when they complete the step: then aec_suppress_step.
 */
bool aec_suppress_put(struct aec_suppress *s, const float *mic, const float *echo, const float *rest, size_t n);

/** Chooses `total` and `high_gain`. `expected`: AEC_BINS powers, echo to reckon with besides the leak; of a windowed hop. */
void aec_suppress_step(struct aec_suppress *s, const float *expected, struct aec_fft *fft);

/** After the second step of a hop: makes `fill` for the next. */
void aec_suppress_fill(struct aec_suppress *s, struct aec_fft *fft);

#endif
