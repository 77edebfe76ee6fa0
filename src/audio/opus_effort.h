/*
 * How much a decoder of Opus is to improve what it decodes, by the rate of what comes: the less was spent on coding, the more
 * enhancement by neural networks is worth its time. Pure. Private to src/audio.
 */
#ifndef AHOY_AUDIO_OPUS_EFFORT_H
#define AHOY_AUDIO_OPUS_EFFORT_H

#include "base/base.h"

enum opus_effort {
    OPUS_PLAIN,   /* nothing, and no deep concealment either */
    OPUS_CONCEAL, /* losses alone are made good */
    OPUS_ENHANCE, /* LACE: 0.12 % of a core */
    OPUS_BEST     /* NoLACE: 0.4 % */
};

struct opus_rate {
    uint32_t bps;        /* of what came of late … */
    uint32_t spoken_bps; /* … and of speech alone, by and large: pauses take little, and count little */
    enum opus_effort effort;
};

/** Of a stream that nothing is known of. */
void opus_rate_init(struct opus_rate *r);

/** A packet of so many bytes for `samples` at 48 kHz (not 0). True when `effort` has changed. */
bool opus_rate_follow(struct opus_rate *r, size_t bytes, size_t samples);

#endif
