/*
 * How fast a device's clock really runs: frames it has counted against monotonic time. Stamps come late, never early,
 * so of each quarter of a second the least late one counts. Least squares over the last 16 s of these, without the
 * first second, in which buffers fill in bursts; and nothing is said before the error is likely to be small. The
 * caller's memory.
 */
#ifndef AHOY_AUDIO_CLOCK_H
#define AHOY_AUDIO_CLOCK_H

#include "base/base.h"

enum { AUDIO_CLOCK_POINTS = 64, AUDIO_CLOCK_STEP_US = 250000, AUDIO_CLOCK_ERROR_PPM = 15 };

struct audio_clock {
    uint32_t rate_hz; /* nominal */
    int64_t us[AUDIO_CLOCK_POINTS];
    uint64_t frames[AUDIO_CLOCK_POINTS];
    uint32_t n, next;
    int64_t from_us; /* stamps count from here; 0: none came yet */
    int64_t step_us; /* the present quarter of a second began; its least late stamp: */
    int64_t best_us;
    uint64_t best_frames;
    int64_t last_us; /* of the last stamp */
    uint64_t last_frames;
};

void audio_clock_init(struct audio_clock *c, uint32_t rate_hz);

/** At `when_us` the device had counted `frames`. A step back, or a gap of more than a second, starts anew. */
void audio_clock_put(struct audio_clock *c, int64_t when_us, uint64_t frames);

/**
 * Parts per million by which the device is fast. False until 5 s have been seen, while its standard error is above
 * AUDIO_CLOCK_ERROR_PPM, and when it is senseless (> 5000).
 */
bool audio_clock_ppm(const struct audio_clock *c, double *ppm);

#endif
