/*
 * How fast the echo wanders, from the filter itself: the model now against the model a moment ago, as a delay. Private
 * to src/audio/aec*.c.
 */
#ifndef AHOY_AUDIO_AEC_DRIFT_H
#define AHOY_AUDIO_AEC_DRIFT_H

#include "audio/aec_filter.h"

enum { AEC_DRIFT_PARTS = 8, AEC_DRIFT_MAX_PPM = 700 };

struct aec_drift {
    struct aec_spec before[AEC_DRIFT_PARTS];
    size_t from;           /* its first partition */
    unsigned hops, active; /* since then, and those in which the filter learned */
    bool taken;
    unsigned measured;
    double ppm; /* of the loudspeaker's clock over the microphone's */
};

void aec_drift_init(struct aec_drift *d);

/** One hop; `learning` when there was far sound. True when `ppm` changed. */
bool aec_drift_update(struct aec_drift *d, const struct aec_filter *f, bool learning);

/** The model moved by other means than learning: measure afresh. */
void aec_drift_skip(struct aec_drift *d);

#endif
