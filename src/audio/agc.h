/*
 * Automatic gain: brings speech to one loudness, slowly and only while somebody speaks, so that noise is never pulled up;
 * behind it a limiter that sees peaks half a millisecond before they come. Pure; nothing allocates.
 */
#ifndef AHOY_AUDIO_AGC_H
#define AHOY_AUDIO_AGC_H

#include "base/base.h"

enum { AGC_AHEAD_MAX = 24 /* samples of half a millisecond at 48 kHz */ };

struct agc {
    uint32_t rate_hz;
    size_t ahead;        /* samples by which the output is late: half a millisecond */
    double speech_power; /* mean square of speech, some seconds */
    double heard_s;      /* of speech, up to its memory */
    double below_s;      /* of speech far below that, without a break */
    double gain_db;
    float gain;    /* linear, now */
    float limit;   /* the limiter's gain now … */
    float fall;    /* … by how much it falls with each sample … */
    float lowest;  /* … down to this … */
    unsigned hold; /* … for so many more */
    float late[AGC_AHEAD_MAX];
    size_t at; /* the oldest of late[] */
};

/** Rate 8000 … 48000 Hz. */
void agc_init(struct agc *a, uint32_t rate_hz);

/** By how many samples the output is late. */
size_t agc_delay(const struct agc *a);

/**
 * Learns from a block before agc_run: `speech` says whether somebody near speaks in it, `noise_dbfs` how loud the
 * background is. Without this call the gain stays as it is.
 */
void agc_learn(struct agc *a, const int16_t *pcm, size_t n, bool speech, double noise_dbfs);

/** Applies gain and limiter in place. Nothing comes out above -1 dBFS. AHOY_RT. */
void agc_run(struct agc *a, int16_t *pcm, size_t n);

#endif
