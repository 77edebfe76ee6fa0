/*
 * How fast a device's clock really runs: frames it has counted against monotonic time. Least squares over the last 16 s
 * of stamps, without the first second, in which buffers fill in bursts; the caller's memory.
 */
#ifndef AHOY_AUDIO_CLOCK_H
#define AHOY_AUDIO_CLOCK_H

#include "base/base.h"

enum { AUDIO_CLOCK_POINTS = 64, AUDIO_CLOCK_STEP_US = 250000 };

struct audio_clock {
    uint32_t rate_hz; /* nominal */
    int64_t us[AUDIO_CLOCK_POINTS];
    uint64_t frames[AUDIO_CLOCK_POINTS];
    uint32_t n, next;
    int64_t from_us; /* stamps count from here; 0: none came yet */
};

void audio_clock_init(struct audio_clock *c, uint32_t rate_hz);

/** At `when_us` the device had counted `frames`. A step back, or a gap of more than a second, starts anew. */
void audio_clock_put(struct audio_clock *c, int64_t when_us, uint64_t frames);

/** Parts per million by which the device is fast. False until 5 s have been seen, and when it is senseless (> 5000). */
bool audio_clock_ppm(const struct audio_clock *c, double *ppm);

#endif
