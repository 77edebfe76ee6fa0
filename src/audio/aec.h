/*
 * Acoustic echo cancellation: takes what the loudspeaker plays out of what the microphone hears. A partitioned
 * frequency-domain Kalman filter models the way from loudspeaker to microphone, and a residual suppressor removes what
 * the model misses; docs/echo.md says how and why. It needs no configuration: delay, its jumps, clock drift and moved
 * loudspeakers are found from the sound itself.
 *
 * What goes to the loudspeaker is shown to aec_render before it is heard, what the microphone gives goes through
 * aec_capture, in pieces of any length; only the number of samples counts, not when the calls are made, so either side may
 * come in bursts. Each sample of the microphone comes out of the call it went in with, or at 48 kHz a millisecond later.
 * Render and capture of one object belong to one thread at a time. Nothing allocates, locks or logs but create and destroy.
 */
#ifndef AHOY_AUDIO_AEC_H
#define AHOY_AUDIO_AEC_H

#include "base/base.h"

struct aec;

/** The longest delay from aec_render to the first echo in aec_capture; the shortest is 1 ms. */
enum { AEC_MAX_DELAY_MS = 500 };

/** What the canceller knows about its surroundings. */
struct aec_stats {
    double delay_ms;     /* from aec_render to the strongest echo; 0 until an echo was found */
    double drift_ppm;    /* by how much the loudspeaker's clock is faster than the microphone's */
    double linear_db;    /* echo removed by the filter alone, recent mean while only the far end talks; 0 … 60 */
    double erle_db;      /* echo removed in all, the same mean; 0 … 99 */
    bool echo;           /* an echo was found and its delay is known */
    uint32_t recoveries; /* how often the echo path changed and was learned anew */
    double speech;       /* of the last 10 ms: mean log likelihood ratio of near speech to none; above 0.3 is speech */
    double noise_dbfs;   /* background that comes in */
};

/** Rate 16000 or 48000 Hz; at 48000 echo above 8 kHz is suppressed, not cancelled. RANGE: another rate. NOMEM. */
AHOY_MUST_USE enum ahoy_err aec_create(struct aec **out, uint32_t rate_hz);

/**
 * What is done: echo is cancelled (initially yes), noise of the background is taken down (initially no). Both on the same
 * spectra, so the delay is the same. A change of `echo` begins anew.
 */
void aec_choose(struct aec *a, bool echo, bool noise);

/** Goes on with what another one has learnt, at whatever rate that worked, and with the sound it holds. AHOY_RT. */
void aec_take_over(struct aec *a, const struct aec *from);

/** NULL is ignored. */
void aec_destroy(struct aec *a);

/** By how many samples the sound of the near end comes out later than it went in; constant. */
size_t aec_delay(const struct aec *a);

/** Shows the canceller `n` samples of what is played. AHOY_RT: bounded time, no allocation. */
void aec_render(struct aec *a, const int16_t *far, size_t n);

/** Takes the echo out of `n` samples of the microphone; `out` may be `near`. AHOY_RT. */
void aec_capture(struct aec *a, const int16_t *near, size_t n, int16_t *out);

/** Reads what is known; the thread of aec_capture. */
void aec_read_stats(const struct aec *a, struct aec_stats *out);

/** Forgets everything, as if new: for another device. AHOY_RT. */
void aec_reset(struct aec *a);

#endif
