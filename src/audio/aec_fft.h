/*
 * The echo canceller's Fourier transform: eight real signals of 320 samples at a time, as four complex lanes side by
 * side, so that plain loops over lanes become vector instructions. Private to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_FFT_H
#define AHOY_AUDIO_AEC_FFT_H

#include "base/base.h"

enum {
    AEC_RATE_HZ = 16000,      /* all of the canceller's inner works */
    AEC_HOP = 160,            /* 10 ms: the filter learns */
    AEC_STEP = AEC_HOP / 2,   /* 5 ms: gains are chosen */
    AEC_N = 2 * AEC_HOP,      /* a transform */
    AEC_USED = AEC_N / 2 + 1, /* bins of a real signal … */
    AEC_BINS = 164,           /* … rounded up to whole vectors; those above are zero */
    AEC_LANES = 4,
    AEC_SLOTS = 2 * AEC_LANES /* real signals in a batch */
};

/* Half the spectrum of a real signal. */
struct aec_spec {
    float re[AEC_BINS];
    float im[AEC_BINS];
};

/* A batch: sample or bin i of lane l is at [i * lanes + l]. */
struct aec_fft {
    size_t lanes; /* 1 or AEC_LANES */
    float re[AEC_N * AEC_LANES];
    float im[AEC_N * AEC_LANES];
    float work_re[AEC_N * AEC_LANES];
    float work_im[AEC_N * AEC_LANES];
    float turn_re[3][AEC_N / 4]; /* of the second, third and fourth row of a pass by four */
    float turn_im[3][AEC_N / 4];
};

void aec_fft_init(struct aec_fft *f);

/**
 * Begins a batch of `lanes` (1 or AEC_LANES) complex signals, all zero: left-overs of an earlier one would grow without bound
 * in slots not set. One lane costs a third of four.
 */
void aec_fft_begin(struct aec_fft *f, size_t lanes);

/** Sets signal `slot` (0 … 2 · lanes - 1) of the batch: AEC_N samples. */
void aec_fft_put(struct aec_fft *f, size_t slot, const float *x);

/** Reads `n` samples from `from` of signal `slot`. */
void aec_fft_get(const struct aec_fft *f, size_t slot, size_t from, size_t n, float *x);

/** Sets the spectra of the signals 2·lane and 2·lane + 1; `b` may be NULL for none. */
void aec_fft_put_pair(struct aec_fft *f, size_t lane, const struct aec_spec *a, const struct aec_spec *b);

/** Reads them; `b` may be NULL. */
void aec_fft_get_pair(const struct aec_fft *f, size_t lane, struct aec_spec *a, struct aec_spec *b);

/** Signals to spectra. */
void aec_fft_forward(struct aec_fft *f);

/** Spectra to signals, with the division by AEC_N. */
void aec_fft_inverse(struct aec_fft *f);

/** Sets the second half of every signal to zero. */
void aec_fft_cut(struct aec_fft *f);

#endif
