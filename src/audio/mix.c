#include "audio/mix.h"

#include "audio/codec_impl.h"

#include <math.h>

#define MIX_FAST_S   0.125
#define MIX_FALL_DBS 20.0
#define MIX_FULL     32768.0

void mix_add(int16_t *dst, const int16_t *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = audio_clip((int32_t) dst[i] + src[i]);
}

void mix_sum(int32_t *acc, const int16_t *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] += src[i];
}

void mix_take(int16_t *dst, const int32_t *acc, const int16_t *own, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = audio_clip(acc[i] - (own ? own[i] : 0));
}

static float linear(double db)
{
    if (!(db > MIX_SILENCE_DBFS))
        return 0;
    return (float) pow(10, (db > 60 ? 60 : db) / 20);
}

void mix_gain_init(struct mix_gain *g, double db)
{
    g->now = g->target = linear(db);
}

void mix_gain_set(struct mix_gain *g, double db)
{
    g->target = linear(db);
}

void mix_gain_run(struct mix_gain *g, int16_t *pcm, size_t n)
{
    if (n == 0 || (g->now == 1.0f && g->target == 1.0f))
        return;
    float step = (g->target - g->now) / (float) n;
    for (size_t i = 0; i < n; i++) {
        float x = (float) pcm[i] * (g->now + step * (float) (i + 1));
        pcm[i] = (int16_t) lrintf(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
    }
    g->now = g->target;
}

void mix_meter_init(struct mix_meter *m, uint32_t rate_hz)
{
    *m = (struct mix_meter){ .rate_hz = rate_hz };
}

/* Sums and peaks are of integers: exact, and what compilers make vectors of. */
static double power_of(const int16_t *pcm, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t) (pcm[i] * pcm[i]);
    return n > 0 ? (double) sum / ((double) n * MIX_FULL * MIX_FULL) : 0;
}

static double peak_of(const int16_t *pcm, size_t n)
{
    int16_t high = 0, low = 0;
    for (size_t i = 0; i < n; i++) {
        high = AHOY_MAX(high, pcm[i]);
        low = AHOY_MIN(low, pcm[i]);
    }
    return AHOY_MAX((int) high, -(int) low) / MIX_FULL;
}

void mix_meter_put(struct mix_meter *m, const int16_t *pcm, size_t n)
{
    if (n == 0)
        return;
    double seconds = (double) n / m->rate_hz;
    double keep = exp(-seconds / MIX_FAST_S);
    m->power = m->power * keep + power_of(pcm, n) * (1 - keep);
    m->peak = fmax(peak_of(pcm, n), m->peak * pow(10, -MIX_FALL_DBS * seconds / 20));
}

static double as_dbfs(double power)
{
    return power > 1e-10 ? 10 * log10(power) : MIX_SILENCE_DBFS;
}

double mix_meter_dbfs(const struct mix_meter *m)
{
    return as_dbfs(m->power);
}

double mix_meter_peak_dbfs(const struct mix_meter *m)
{
    return as_dbfs(m->peak * m->peak);
}

double mix_level_dbfs(const int16_t *pcm, size_t n)
{
    return as_dbfs(power_of(pcm, n));
}
