/*
 * What the filter leaves of the echo is taken out by a gain for each bin, driven by how much of the microphone is
 * coherent with the predicted echo; the noise that would vanish with it is put back. On the same spectra the background's
 * noise is taken down, when that is wanted. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_SUPPRESS_H
#define AHOY_AUDIO_AEC_SUPPRESS_H

#include "audio/aec_noise.h"

struct aec_suppress {
    float window[AEC_N];
    float rest[AEC_HOP], echo[AEC_HOP], mic[AEC_HOP]; /* the hops before */
    float tail[AEC_HOP];                              /* of the output, to be added to the next hop */
    float power_rest[AEC_BINS], power_echo[AEC_BINS], power_mic[AEC_BINS];
    struct aec_spec cross; /* mic against predicted echo */
    struct aec_spec left;  /* rest against predicted echo */
    float leak[AEC_BINS];  /* echo power left, as a part of the predicted echo */
    float held[AEC_BINS];  /* echo power left, with its decay */
    float gain[AEC_BINS];
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

/** One hop of what was heard and made of it, and what the rest may be by other knowledge. */
struct aec_hop {
    const float *mic, *echo, *rest; /* AEC_HOP samples each */
    const float *expected;          /* AEC_BINS powers: echo to reckon with besides the leak; of a windowed hop */
};

void aec_suppress_init(struct aec_suppress *s);

/** `out`: AEC_HOP samples, late by AEC_HOP. */
void aec_suppress_run(struct aec_suppress *s, const struct aec_hop *in, struct aec_fft *fft, float *out);

#endif
