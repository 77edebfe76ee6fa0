#include "audio/opus_effort.h"

enum {
    RATE_HZ = 48000,
    MAX_BPS = 510000,
    LOW_BPS = 18000,     /* below that the best enhancement is worth its cost … */
    NOT_LOW_BPS = 21000, /* … until there is that much again */
    RICH_BPS = 34000,    /* above that none is heard … */
    NOT_RICH_BPS = 31000,
    FRAMES = 64, /* over which the rate is averaged */
    PAUSE_FRAMES = 512,
};

static uint32_t average(uint32_t mean, uint32_t now, uint32_t frames)
{
    return now > mean ? mean + (now - mean) / frames : mean - (mean - now) / frames;
}

void opus_rate_init(struct opus_rate *r)
{
    *r = (struct opus_rate){ .bps = 2 * LOW_BPS, .spoken_bps = NOT_RICH_BPS, .effort = OPUS_ENHANCE };
}

bool opus_rate_follow(struct opus_rate *r, size_t bytes, size_t samples)
{
    uint32_t now = (uint32_t) AHOY_MIN((uint64_t) bytes * 8 * RATE_HZ / samples, (uint64_t) MAX_BPS);
    r->bps = average(r->bps, now, FRAMES);
    r->spoken_bps = average(r->spoken_bps, now, now < r->spoken_bps / 2 ? PAUSE_FRAMES : FRAMES);
    bool low = r->bps < (r->effort == OPUS_BEST ? NOT_LOW_BPS : LOW_BPS);
    bool rich = r->spoken_bps > (r->effort == OPUS_CONCEAL ? NOT_RICH_BPS : RICH_BPS);
    enum opus_effort effort = low && !rich ? OPUS_BEST : rich ? OPUS_CONCEAL : OPUS_ENHANCE;
    bool changed = effort != r->effort;
    r->effort = effort;
    return changed;
}
