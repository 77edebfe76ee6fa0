#include "audio/clock.h"

#include <math.h>

enum { CLOCK_SETTLE_US = 1000000, CLOCK_MIN_SPAN_US = 4000000, CLOCK_GAP_US = 1000000, CLOCK_MOST_PPM = 5000 };

void audio_clock_init(struct audio_clock *c, uint32_t rate_hz)
{
    *c = (struct audio_clock){ .rate_hz = rate_hz };
}

static uint32_t newest(const struct audio_clock *c)
{
    return (c->next + AUDIO_CLOCK_POINTS - 1) % AUDIO_CLOCK_POINTS;
}

void audio_clock_put(struct audio_clock *c, int64_t when_us, uint64_t frames)
{
    if (c->from_us == 0)
        c->from_us = when_us + CLOCK_SETTLE_US;
    if (c->n == 0 && when_us < c->from_us)
        return;
    if (c->n > 0) {
        uint32_t last = newest(c);
        int64_t since = when_us - c->us[last];
        if (since < 0 || since > CLOCK_GAP_US || frames < c->frames[last]) {
            c->n = 0;
            c->from_us = when_us + CLOCK_SETTLE_US;
            return;
        }
        if (since < AUDIO_CLOCK_STEP_US)
            return;
    }
    c->us[c->next] = when_us;
    c->frames[c->next] = frames;
    c->next = (c->next + 1) % AUDIO_CLOCK_POINTS;
    c->n = AHOY_MIN(c->n + 1, (uint32_t) AUDIO_CLOCK_POINTS);
}

bool audio_clock_ppm(const struct audio_clock *c, double *ppm)
{
    if (c->n < 3)
        return false;
    uint32_t first = (c->next + AUDIO_CLOCK_POINTS - c->n) % AUDIO_CLOCK_POINTS;
    if (c->us[newest(c)] - c->us[first] < CLOCK_MIN_SPAN_US)
        return false;
    double st = 0, sf = 0, stt = 0, stf = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t k = (first + i) % AUDIO_CLOCK_POINTS;
        double t = (double) (c->us[k] - c->us[first]) * 1e-6;
        double f = (double) (c->frames[k] - c->frames[first]);
        st += t;
        sf += f;
        stt += t * t;
        stf += t * f;
    }
    double slope = (c->n * stf - st * sf) / (c->n * stt - st * st);
    double found = (slope / c->rate_hz - 1) * 1e6;
    if (!(fabs(found) <= CLOCK_MOST_PPM))
        return false;
    *ppm = found;
    return true;
}
