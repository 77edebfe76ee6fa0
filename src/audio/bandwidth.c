#include "audio/bandwidth.h"

#include "audio/kaiser.h"

#include <math.h>

enum {
    EVERY = BANDWIDTH_HZ * 6 / 100,
    FORGET = BANDWIDTH_HZ * 20,
    STRIDE = 8, /* of the filter's output that many samples tell as much of its power as all */
    CUT_HZ = 8950,
};

static const double KAISER_BETA = 6.8;    /* 70 dB */
static const double SOUND_POWER = 1e-5;   /* of full scale, -50 dB: less says nothing about who speaks */
static const double HEARD_POWER = 6.3e-8; /* -72 dB: what lies above must be this strong … */
static const double HEARD_SHARE = 1.6e-3; /* … and -28 dB beside all; a resampler's images are weaker, an s is not */
static const double WEAK_POWER = 2e-9, WEAK_SHARE = 1e-5; /* of music: -87 dB, and -50 beside all */

void bandwidth_init(struct bandwidth *b)
{
    const double turn = 6.283185307179586, middle = (BANDWIDTH_TAPS - 1) / 2.0;
    *b = (struct bandwidth){ .skipped = EVERY };
    for (int k = 0; k < BANDWIDTH_TAPS; k++) {
        /* A low pass of the rest of the band, turned around to the upper end by the alternating sign. */
        double at = k - middle, edge = turn / 2 - turn * CUT_HZ / BANDWIDTH_HZ;
        double window = kaiser_window(at / middle, KAISER_BETA);
        b->tap[k] = (float) ((k % 2 ? -1 : 1) * sin(edge * at) / (turn / 2 * at) * window);
    }
}

/* Whether this frame holds something above; *sounds: and whether it holds anything. */
static bool holds_high(const struct bandwidth *b, const int16_t *pcm, size_t n, bool *sounds)
{
    const double full = 32768.0 * 32768.0;
    double all = 0, high = 0;
    size_t looks = 0;
    for (size_t i = 0; i + BANDWIDTH_TAPS <= n; i += STRIDE, looks++) {
        float sum = 0;
        for (size_t k = 0; k < BANDWIDTH_TAPS; k++)
            sum += b->tap[k] * (float) pcm[i + k];
        high += (double) sum * (double) sum;
        all += (double) pcm[i] * (double) pcm[i];
    }
    double scale = looks > 0 ? 1 / (full * (double) looks) : 0;
    *sounds = all * scale > SOUND_POWER;
    return high * scale > (b->music ? WEAK_POWER : HEARD_POWER) && high > all * (b->music ? WEAK_SHARE : HEARD_SHARE);
}

bool bandwidth_run(struct bandwidth *b, const int16_t *pcm, size_t n)
{
    bool sounds;
    b->skipped += (uint32_t) AHOY_MIN(n, (size_t) EVERY);
    if (b->skipped < EVERY)
        return b->wide;
    if (holds_high(b, pcm, n, &sounds)) {
        b->narrow = 0;
        b->wide = true;
    } else if (sounds && b->wide) {
        b->narrow += b->skipped;
        b->wide = b->narrow < FORGET;
    }
    b->skipped = 0;
    return b->wide;
}
