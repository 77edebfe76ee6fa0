#include "media/pause.h"

#include "audio/mix.h"

#include <math.h>
#include <string.h>

enum {
    HANG_MS = 300,         /* of quiet that is sent before a pause begins */
    AGAIN_MS = 1000,       /* NAT and watchers of silence want a packet now and then, too */
    AGAIN_SOONER_MS = 200, /* when the background is another */
};

static const double above_db = 6, other_db = 3;
static const double loudest_dbfs = -45; /* what is louder is no background that may be left out */

void pause_init(struct pause *p, uint32_t rate_hz)
{
    *p = (struct pause){ .rate_hz = rate_hz };
    vad_init(&p->vad, rate_hz);
}

static size_t recent_n(const struct pause *p)
{
    return (size_t) p->rate_hz / 1000 * PAUSE_RECENT_MS;
}

static void remember(struct pause *p, const int16_t *pcm, size_t n)
{
    size_t all = recent_n(p), part = AHOY_MIN(n, all);
    memmove(p->recent, p->recent + part, (all - part) * sizeof *pcm);
    memcpy(p->recent + (all - part), pcm + (n - part), part * sizeof *pcm);
}

/* Whether what has been told of the background is old, or wrong. */
static bool tells_again(const struct pause *p)
{
    uint32_t ms = p->since / (p->rate_hz / 1000);
    return ms >= AGAIN_MS
           || (ms >= AGAIN_SOONER_MS && fabs(mix_level_dbfs(p->recent, recent_n(p)) - p->told_dbfs) >= other_db);
}

enum pause_act pause_look(struct pause *p, const int16_t *pcm, size_t n, bool speech)
{
    bool active = vad_run(&p->vad, pcm, n);
    double level = p->vad.level_dbfs;
    if (speech || active || level > loudest_dbfs || level > p->vad.floor_dbfs + above_db) {
        p->quiet = 0;
        p->resting = false;
        return PAUSE_SEND;
    }
    p->quiet += (uint32_t) n;
    p->since += (uint32_t) n;
    remember(p, pcm, n);
    if (!p->resting && p->quiet < p->rate_hz / 1000 * HANG_MS)
        return PAUSE_SEND;
    if (p->resting && !tells_again(p))
        return PAUSE_REST;
    p->resting = true;
    p->since = 0;
    p->told_dbfs = mix_level_dbfs(p->recent, recent_n(p));
    return PAUSE_DESCRIBE;
}

size_t pause_describe(const struct pause *p, uint8_t out[CNG_MAX_BYTES])
{
    return cng_describe(p->recent, recent_n(p), PAUSE_ORDER, out);
}
