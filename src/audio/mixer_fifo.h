/* Samples that wait between two clocks, and the fades that hide where they end. Private to src/audio. */
#ifndef AHOY_AUDIO_MIXER_FIFO_H
#define AHOY_AUDIO_MIXER_FIFO_H

#include "base/base.h"

enum { FIFO_FADE_MAX = 240 }; /* 5 ms at 48 kHz */

struct fifo {
    int16_t *pcm; /* [0, n) */
    size_t n, max;
    uint32_t rate_hz;
    int16_t past[FIFO_FADE_MAX]; /* the last samples that were taken */
    bool dry;                    /* it had run out: what comes next fades in */
};

/** Room for `ms`. NOMEM. */
AHOY_MUST_USE enum ahoy_err fifo_init(struct fifo *f, uint32_t rate_hz, unsigned ms);
void fifo_fini(struct fifo *f);

/** Room for `n` more, the oldest dropped if need be; `n` <= max. Where they go; then add to f->n what was written. */
AHOY_RT int16_t *fifo_room(struct fifo *f, size_t n);

/**
 * Takes `n` samples. Where there are fewer, the last ones are played backwards and faded out in 5 ms, then it is silent.
 * Returns how many there were.
 */
AHOY_RT size_t fifo_take(struct fifo *f, int16_t *dst, size_t n);

/** Leaves `n` samples out, with a cross-fade of 5 ms where there is enough. */
AHOY_RT void fifo_skip(struct fifo *f, size_t n);

/** The fade to silence that would follow what was taken last: at most `n` samples, returns how many. */
size_t fifo_fade(const struct fifo *f, int16_t *dst, size_t n);

#endif
