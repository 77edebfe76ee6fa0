/* A piece of sound that repeats without a seam, read at any speed: what concealment plays. Private to plc.c. */
#ifndef AHOY_AUDIO_PLC_LOOP_H
#define AHOY_AUDIO_PLC_LOOP_H

#include "base/base.h"

enum { PLC_LOOP_TAPS = 8, PLC_LOOP_PHASES = 32 };

/** Interpolates between samples (windowed sinc); one for all loops. */
struct plc_sinc {
    float tap[PLC_LOOP_PHASES + 1][PLC_LOOP_TAPS];
};

struct plc_loop {
    float *x;            /* the owner's */
    size_t n;            /* samples to a turn; 0: none */
    double pos;          /* of the next one, 0 … n */
    double speed, accel; /* samples a sample, and how that changes with each */
};

void plc_sinc_init(struct plc_sinc *s);

/** Repeats the n samples before `end`; their last quarter fades into what came before them, so 5n/4 are read. */
void plc_loop_before(struct plc_loop *l, const int16_t *end, size_t n);

/** Repeats the first n of `have` samples; their first quarter fades in from what follows them, as far as that is known. */
void plc_loop_after(struct plc_loop *l, const int16_t *first, size_t n, size_t have);

/** Goes `by` samples on, or back. */
void plc_loop_seek(struct plc_loop *l, double by);

/** The next sample. */
float plc_loop_next(struct plc_loop *l, const struct plc_sinc *s);

#endif
