/*
 * Noise of the background: its spectrum is tracked by speech presence probability (Gerkmann and Hendriks, IEEE TASLP 20,
 * 2012) and taken down by the log-spectral amplitude estimator with decision-directed a-priori SNR (Ephraim and Malah,
 * IEEE TASSP 33, 1985). It works on the suppressor's spectra, so it adds no delay. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_NOISE_H
#define AHOY_AUDIO_AEC_NOISE_H

#include "audio/aec_fft.h"

/* The background is taken down by so much and no more: what is left of it keeps its colour. */
#define AEC_NOISE_FLOOR 0.1f /* -20 dB */

struct aec_noise {
    float noise[AEC_BINS];   /* power of the background */
    float present[AEC_BINS]; /* 0 … 1: probability of speech, smoothed */
    float clean[AEC_BINS];   /* power of the speech in the last hop */
    float prior[AEC_BINS];   /* a-priori SNR, smoothed */
    float smooth[AEC_BINS];  /* power heard, smoothed … */
    float least[AEC_BINS];   /* … and its least in the last window and in this one */
    float least_now[AEC_BINS];
    float gain[AEC_BINS];
    unsigned hops;      /* since the beginning, up to that of a window */
    unsigned window_at; /* hops of this window */
    float speech;       /* mean log likelihood ratio of speech to none, 300 … 3500 Hz, of some 10 ms */
    float level;        /* mean square of the background */
};

void aec_noise_init(struct aec_noise *n);

/**
 * One step: `rest` is the sound heard without the echo, `brief` its power in its last few ms, smooth over frequency and of
 * the same scale, so that the beginning of a word is not late; `kept` the amplitude gain (0 … 1) by which what is left of the echo
 * was taken down. Sets `gain`, `speech` and `level`.
 */
void aec_noise_run(struct aec_noise *n, const struct aec_spec *rest, const float *brief, const float *kept);

#endif
