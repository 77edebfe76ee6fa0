/*
 * RNNoise: noise suppression by a recurrent neural network, where its library (librnnoise.so.0) is installed. It is opened
 * when first asked for. Blocks of 10 ms; the network runs at 48 kHz, other rates are resampled. Private to src/audio.
 *
 * An object belongs to one thread at a time. Nothing allocates, locks or logs but create, destroy and rnn_present.
 */
#ifndef AHOY_AUDIO_RNN_H
#define AHOY_AUDIO_RNN_H

#include "base/base.h"

struct rnn;

/** The library's name for the dynamic linker. */
#define RNN_SONAME "librnnoise.so.0"

/** Whether the library is there and has what is needed. It stays mapped. */
bool rnn_present(void);

/**
 * For blocks of rate_hz / 100 samples at 16000, 32000 or 48000 Hz. `soname`: RNN_SONAME, or another library that does the same.
 * RANGE; NOMEM; UNSUPPORTED: no such library, or not one that is known (functions, frames of 480 samples).
 */
AHOY_MUST_USE enum ahoy_err rnn_create(struct rnn **out, const char *soname, uint32_t rate_hz);

/** NULL is ignored. */
void rnn_destroy(struct rnn *r);

/** Takes the noise out of a block, in place. AHOY_RT. */
void rnn_run(struct rnn *r, int16_t *pcm);

/** By how much later a sound comes out than it went in: the network's 20 ms, and resampling. */
double rnn_delay_ms(const struct rnn *r);

#endif
