/* The networks that a stream is sent through. */
#ifndef BENCH_SOUND_CONDITIONS_H
#define BENCH_SOUND_CONDITIONS_H

#include "rtp/impair.h"

struct condition {
    const char *name, *text;
    const char *impair; /* in the syntax of --impair */
    double drift_ppm;   /* of the sender's clock */
};

enum { CONDITIONS = 19 };
extern const struct condition conditions[CONDITIONS];

#endif
