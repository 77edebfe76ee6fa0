#include "media/load.h"

enum {
    WAIT_US = 10000000,
    WAIT_MOST_US = 320000000,
    PROVEN_US = 60000000, /* a level that was held for so long was no mistake */
    HEAVY_TIMES = 2,
    FEW_TICKS = 10, /* of fewer, a share says nothing */
};

static const double heavy_share = 0.5, full_share = 0.8, room_share = 0.3;
static const double heavy_late = 0.1, full_late = 0.3, room_late = 0.02;

void load_init(struct load *l)
{
    *l = (struct load){ .wait_us = WAIT_US, .share = -1 };
}

static bool lower(struct load *l, unsigned by)
{
    unsigned level = AHOY_MIN(l->level + by, (unsigned) LOAD_LEVELS - 1);
    bool changed = level != l->level;
    if (l->tried) /* it came back too early */
        l->wait_us = AHOY_MIN(l->wait_us * 2, (int64_t) WAIT_MOST_US);
    l->level = level;
    l->heavy = 0;
    l->tried = false;
    return changed;
}

static bool raise(struct load *l)
{
    l->level--;
    l->room_us = 0;
    l->settled_us = 0;
    l->tried = true;
    return true;
}

bool load_put(struct load *l, int64_t period_us, int64_t busy_us, unsigned ticks, unsigned late)
{
    if (period_us <= 0)
        return false;
    double share = (double) busy_us / (double) period_us;
    double late_share = ticks >= FEW_TICKS ? (double) late / ticks : 0;
    bool heavy = share > heavy_share || late_share > heavy_late, full = share > full_share || late_share > full_late;
    l->share = share;
    l->heavy = heavy ? l->heavy + 1 : 0;
    l->settled_us += period_us;
    if (l->tried && l->settled_us >= PROVEN_US) {
        l->tried = false;
        l->wait_us = WAIT_US;
    }
    if (heavy || share >= room_share || late_share > room_late)
        l->room_us = 0;
    else
        l->room_us += period_us;
    if (full)
        return lower(l, 2);
    if (l->heavy >= HEAVY_TIMES)
        return lower(l, 1);
    return l->level > 0 && l->room_us >= l->wait_us && raise(l);
}

const struct load_effort *load_effort(const struct load *l)
{
    static const struct load_effort efforts[LOAD_LEVELS] = {
        { .complexity = 9, .dred = true },
        { .complexity = 5, .dred = true },
        { .complexity = 2 },
        { .complexity = 1, .plain = true },
    };
    return &efforts[l->level];
}
