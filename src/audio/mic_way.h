/*
 * The way of sound into a microphone chain: pieces of any size at the outer rate become blocks of 10 ms at the inner rate.
 * Private to src/audio.
 */
#ifndef AHOY_AUDIO_MIC_WAY_H
#define AHOY_AUDIO_MIC_WAY_H

#include "audio/mic.h"
#include "audio/resample.h"
#include "audio/vad.h"

enum { MIC_BLOCK_MS = 10, MIC_BLOCK_MOST = 480 };

struct mic_way {
    struct resample *resample; /* NULL: the rates are equal */
    size_t piece, block;       /* samples of 10 ms outside and inside */
    size_t n;                  /* samples that wait in `fifo` */
    int16_t fifo[3 * MIC_BLOCK_MOST];
};

/** Rates of 8000 … 48000. NOMEM. */
AHOY_MUST_USE enum ahoy_err mic_way_open(struct mic_way *w, uint32_t outer_hz, uint32_t inner_hz);
void mic_way_close(struct mic_way *w);

/** Takes up to 10 ms off the front of *pcm; false when nothing is left. To be called while no whole block waits. AHOY_RT. */
bool mic_way_take(struct mic_way *w, const int16_t **pcm, size_t *n);

/** Is there a whole block at the front of `fifo`? AHOY_RT. */
bool mic_way_has_block(const struct mic_way *w);

/** That block is done with. AHOY_RT. */
void mic_way_drop(struct mic_way *w);

/** Delay of the resampler alone. */
double mic_way_delay_ms(const struct mic_way *w);

/**
 * The way of a chain without steps: `n` samples pass at once to `out`, bit by bit, and only their level and voice activity
 * are followed. `vad` is for the outer rate. AHOY_RT.
 */
void mic_way_pass(struct vad *vad, struct mic_stats *stats, const int16_t *pcm, size_t n, int16_t *out);

#endif
