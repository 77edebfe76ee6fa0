#include "audio/agc.h"

#include <math.h>
#include <string.h>

#define TARGET_DBFS (-22.0)
#define MOST_DB     18.0
#define LEAST_DB    (-15.0)
#define DEAD_DB     1.0
#define UP_DB_S     4.0
#define DOWN_DB_S   12.0

/* Background that may come out, and frames that count: within so much of the speech's level. */
#define NOISE_MOST_DBFS (-55.0)
#define QUIET_DBFS      (-60.0)
#define FRAME_RANGE     0.01 /* -20 dB */

/* How long speech is listened to before anything is done, and the memory of its level, seconds. */
#define LISTEN_S 0.4
#define MEMORY_S 3.0
#define BELOW_S  1.0

#define CEILING   29204.0f /* -1 dBFS */
#define RELEASE_S 0.1f
#define TURN_S    0.005f /* of the gain, to where a block says */

void agc_init(struct agc *a, uint32_t rate_hz)
{
    memset(a, 0, sizeof *a);
    a->rate_hz = rate_hz;
    a->ahead = AHOY_MIN(rate_hz / 2000, (uint32_t) AGC_AHEAD_MAX);
    a->gain = a->limit = a->lowest = 1;
}

size_t agc_delay(const struct agc *a)
{
    return a->ahead;
}

static double wanted_db(const struct agc *a, double noise_dbfs)
{
    double want = TARGET_DBFS - 10 * log10(a->speech_power);
    want = fmin(MOST_DB, fmax(LEAST_DB, want));
    return fmin(want, fmax(0, NOISE_MOST_DBFS - noise_dbfs));
}

void agc_learn(struct agc *a, const int16_t *pcm, size_t n, bool speech, double noise_dbfs)
{
    uint64_t sum = 0;
    double seconds = (double) n / a->rate_hz;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t) (pcm[i] * pcm[i]);
    double power = (double) sum / ((double) n * 32768.0 * 32768.0);
    if (!speech || 10 * log10(power + 1e-12) < QUIET_DBFS)
        return;
    /* As ITU-T P.56 has it, pauses between words are not part of a speech level; but speech that is as soft throughout
     * is somebody else's, or somebody who stepped back. */
    a->below_s = power < FRAME_RANGE * a->speech_power ? a->below_s + seconds : 0;
    if (a->below_s > BELOW_S)
        a->heard_s = a->below_s = 0;
    else if (a->below_s > 0)
        return;
    a->heard_s = fmin(MEMORY_S, a->heard_s + seconds);
    a->speech_power += seconds / a->heard_s * (power - a->speech_power);
    if (a->heard_s < LISTEN_S)
        return;
    double off = wanted_db(a, noise_dbfs) - a->gain_db;
    if (off > DEAD_DB)
        a->gain_db += fmin(off, UP_DB_S * seconds);
    else if (off < -DEAD_DB)
        a->gain_db -= fmin(-off, DOWN_DB_S * seconds);
}

/* One sample in, one out that came `ahead` before: until then the gain has fallen to what a peak allows. */
static float limit(struct agc *a, float x)
{
    float y = a->late[a->at];
    float peak = fabsf(x);
    a->late[a->at] = x;
    a->at = a->at + 1 < a->ahead ? a->at + 1 : 0;
    if (peak > CEILING) {
        float need = CEILING / peak;
        a->lowest = AHOY_MIN(a->lowest, need);
        a->fall = AHOY_MAX(a->fall, (a->limit - need) / (float) a->ahead);
        a->hold = (unsigned) a->ahead + 1;
    }
    if (a->hold == 0) {
        a->limit += (1 - a->limit) * (1 / (RELEASE_S * (float) a->rate_hz));
    } else {
        if (a->limit > a->lowest)
            a->limit = AHOY_MAX(a->limit - a->fall, a->lowest);
        if (--a->hold == 0) {
            a->lowest = 1;
            a->fall = 0;
        }
    }
    y *= a->limit;
    return y > CEILING ? CEILING : y < -CEILING ? -CEILING : y;
}

void agc_run(struct agc *a, int16_t *pcm, size_t n)
{
    float to = (float) pow(10, a->gain_db / 20);
    float turn = 1 / (TURN_S * (float) a->rate_hz);
    for (size_t i = 0; i < n; i++) {
        a->gain += turn * (to - a->gain);
        pcm[i] = (int16_t) lrintf(limit(a, (float) pcm[i] * a->gain));
    }
}
