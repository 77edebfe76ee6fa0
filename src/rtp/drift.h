/*
 * How fast a sender's clock runs against ours: the slope of its packets' smallest transit times, four seconds at a time
 * over the last three minutes. Jitter, spikes and losses lie above that envelope and do not matter; a network whose delay
 * jumps does not make a line, and then nothing is said. The caller's memory, one thread.
 */
#ifndef AHOY_RTP_DRIFT_H
#define AHOY_RTP_DRIFT_H

#include "base/base.h"

enum { DRIFT_POINTS = 48, DRIFT_MAX_PPM = 1000 };

struct drift {
    int64_t begin_us;                                    /* of the present four seconds; 0: none yet */
    int64_t least_us;                                    /* smallest transit in them … */
    int64_t when_us;                                     /* … and when that packet came */
    double at_s[DRIFT_POINTS], transit_ms[DRIFT_POINTS]; /* a ring, against the first point's */
    int64_t first_when_us, first_transit_us;
    uint32_t n, next;
    bool known;
    double ppm;
};

/** Forgets all: another stream, or timestamps that jumped. */
void drift_reset(struct drift *d);

/** A packet of this transit (arrival minus timestamp, microseconds) came. */
void drift_put(struct drift *d, int64_t transit_us, int64_t when_us);

/** Parts per million by which the sender is fast; false as long as nothing is certain (at least 24 s). */
bool drift_ppm(const struct drift *d, double *ppm);

#endif
