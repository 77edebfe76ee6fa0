#include "media/pace.h"

enum {
    SLACK_US = 200,   /* behind the time at which a piece is due */
    AGAIN_US = 500,   /* when it was not there, first; then doubled */
    MISSES = 3,       /* so often; then the device stands still */
    EARLIER_US = 500, /* it is tried so much earlier … */
    EVERY_FIRST = 4,
    EVERY = 64,       /* … each so many pieces, in the end, and as often whether the loudspeaker … */
    BEHIND_US = 1000, /* … asks so soon behind a look, which is then answered nearly a period late */
    LATER_US = 400,
    BACK_US = 100,
};

void pace_init(struct pace *p, uint32_t rate_hz, int64_t period_us)
{
    *p = (struct pace){ .rate_hz = rate_hz, .period_us = period_us, .every = EVERY_FIRST };
}

static int64_t when_due(const struct pace *p)
{
    return p->due_us + SLACK_US + p->shift_us;
}

/* Whether it asked for more since the look that was due. */
static void look_behind(struct pace *p, bool asked)
{
    if (asked) /* had it been looked without a shift, that would have been as long ago by now */
        p->shift_us = p->shift_us >= BEHIND_US ? 0 : p->shift_us + LATER_US;
    else if (!p->close)
        p->shift_us = AHOY_MAX(p->shift_us - BACK_US, (int64_t) 0);
}

static int64_t nothing_came(struct pace *p, int64_t now_us)
{
    if (now_us < p->due_us)
        return when_due(p);
    if (p->misses >= MISSES)
        return now_us + p->period_us;
    return now_us + ((int64_t) AGAIN_US << p->misses++);
}

static int64_t came(struct pace *p, enum pace_look look, int64_t now_us, int64_t got_us)
{
    bool earlier = look == PACE_EARLY;
    if (earlier || p->misses > 0 || now_us - p->due_us > p->period_us)
        p->due_us = now_us;
    p->due_us += got_us;
    p->misses = 0;
    p->since = (p->since + 1) % p->every;
    if (p->since == 0)
        p->every = AHOY_MIN(p->every * 2, (unsigned) EVERY);
    if (p->since == p->every / 2 && look == PACE_DUE) {
        p->look = PACE_BEHIND;
        return now_us + BEHIND_US;
    }
    if (!earlier && p->since != 0)
        return when_due(p);
    p->look = PACE_EARLY;
    return p->due_us - EARLIER_US;
}

int64_t pace_next(struct pace *p, int64_t now_us, uint64_t captured, uint64_t asked)
{
    int64_t got_us = (int64_t) ((captured - p->seen) * 1000000 / p->rate_hz), next;
    enum pace_look look = p->look;
    p->look = PACE_DUE;
    if (p->tried && look == PACE_DUE)
        p->close = asked > p->asked;
    p->tried = look == PACE_EARLY && got_us == 0;
    if (look == PACE_BEHIND)
        look_behind(p, asked > p->asked);
    next = got_us > 0 ? came(p, look, now_us, got_us) : nothing_came(p, now_us);
    p->seen = captured;
    p->asked = asked;
    return AHOY_MAX(AHOY_MIN(next, now_us + p->period_us + SLACK_US), now_us + SLACK_US);
}
