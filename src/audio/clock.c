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

static void restart(struct audio_clock *c, int64_t when_us)
{
    c->n = 0;
    c->from_us = when_us + CLOCK_SETTLE_US;
    c->step_us = 0;
}

/* By how many frames a stamp is less late than another. */
static double earlier_by(const struct audio_clock *c, int64_t us, uint64_t frames, int64_t than_us, uint64_t than)
{
    return ((double) frames - (double) than) - (double) (us - than_us) * c->rate_hz * 1e-6;
}

static void push(struct audio_clock *c, int64_t us, uint64_t frames)
{
    c->us[c->next] = us;
    c->frames[c->next] = frames;
    c->next = (c->next + 1) % AUDIO_CLOCK_POINTS;
    c->n = AHOY_MIN(c->n + 1, (uint32_t) AUDIO_CLOCK_POINTS);
}

void audio_clock_put(struct audio_clock *c, int64_t when_us, uint64_t frames)
{
    int64_t since = when_us - c->last_us;
    bool broken = c->from_us == 0 || since < 0 || since > CLOCK_GAP_US || frames < c->last_frames;
    c->last_us = when_us;
    c->last_frames = frames;
    if (broken)
        restart(c, when_us);
    if (when_us < c->from_us)
        return;
    if (c->step_us > 0 && when_us - c->step_us >= AUDIO_CLOCK_STEP_US) {
        push(c, c->best_us, c->best_frames);
        c->step_us = 0;
    }
    if (c->step_us == 0)
        c->step_us = when_us;
    else if (earlier_by(c, when_us, frames, c->best_us, c->best_frames) <= 0)
        return;
    c->best_us = when_us;
    c->best_frames = frames;
}

bool audio_clock_ppm(const struct audio_clock *c, double *ppm)
{
    if (c->n < 3)
        return false;
    uint32_t first = (c->next + AUDIO_CLOCK_POINTS - c->n) % AUDIO_CLOCK_POINTS;
    if (c->us[newest(c)] - c->us[first] < CLOCK_MIN_SPAN_US)
        return false;
    double st = 0, sf = 0, stt = 0, stf = 0, sff = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t k = (first + i) % AUDIO_CLOCK_POINTS;
        double t = (double) (c->us[k] - c->us[first]) * 1e-6;
        double f = (double) (c->frames[k] - c->frames[first]) - t * c->rate_hz; /* of sums of squares little is lost */
        st += t;
        sf += f;
        stt += t * t;
        stf += t * f;
        sff += f * f;
    }
    double n = c->n, tt = stt - st * st / n, tf = stf - st * sf / n, ff = sff - sf * sf / n;
    double slope = tf / tt, error = sqrt(fmax(ff - slope * tf, 0) / (n - 2) / tt);
    double found = slope / c->rate_hz * 1e6;
    if (!(fabs(found) <= CLOCK_MOST_PPM) || error / c->rate_hz * 1e6 > AUDIO_CLOCK_ERROR_PPM)
        return false;
    *ppm = found;
    return true;
}
