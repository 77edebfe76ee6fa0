#include "media/pace.h"

enum {
    SLACK_US = 200, /* behind the time at which a piece is due */
    AGAIN_US = 500, /* when it was not there, first; then doubled */
    MISSES = 3,     /* so often; then the device stands still */
    SWEEP_FIRST = 4,
    SWEEP_EVERY = 128, /* pieces, in the end: then a period is looked through in steps of … */
    STEP_US = 500,
    BEFORE_US = 800,  /* so long before a look nothing is to be asked for, since that may come late, … */
    BEHIND_US = 1000, /* … and so long behind it, since that is answered nearly a period late */
    MARGIN_US = 800,
    STEADY = 8, /* looks that each found it to have asked: then what is missing is waited for … */
    TRIES = 3,  /* … so often, half a millisecond each */
    MOST_SHIFT_US = 1800,
};

void pace_init(struct pace *p, uint32_t rate_hz, int64_t period_us)
{
    *p = (struct pace){ .rate_hz = rate_hz, .period_us = period_us, .every = SWEEP_FIRST };
}

static int64_t when_due(const struct pace *p)
{
    return p->due_us + SLACK_US + p->shift_us;
}

/* How long a request of `at_us` waits when it is looked so much later than due. */
static int64_t answer_us(const struct pace *p, int64_t at_us, int64_t shift_us)
{
    int64_t us = (p->due_us + SLACK_US + shift_us - at_us) % p->period_us;
    return us < 0 ? us + p->period_us : us;
}

/* Whether that is not near a look, by a margin more or less. */
static bool is_off(const struct pace *p, int64_t us, int64_t margin_us)
{
    return us >= BEFORE_US / 2 + margin_us && us <= p->period_us - BEHIND_US - margin_us;
}

/*
 * The loudspeaker asked at `at_us`: how much later than due is not near that. A change is jitter for whoever hears us, so
 * it stays as it is while that is good, and goes back when that is good without a doubt.
 */
static void keep_off(struct pace *p, int64_t at_us)
{
    int64_t us = answer_us(p, at_us, 0);
    if (is_off(p, us, MARGIN_US))
        p->shift_us = 0;
    else if (is_off(p, answer_us(p, at_us, p->shift_us), 0))
        return;
    else
        p->shift_us = us > p->period_us / 2 ? p->period_us - us + BEFORE_US : AHOY_MAX(BEFORE_US - us, (int64_t) 0);
}

static int64_t nothing_came(struct pace *p, int64_t now_us)
{
    if (now_us < p->due_us)
        return when_due(p);
    p->sweeping = false;
    if (p->misses >= MISSES)
        return now_us + p->period_us;
    return now_us + ((int64_t) AGAIN_US << p->misses++);
}

static int64_t came(struct pace *p, int64_t now_us, int64_t got_us)
{
    if (now_us < p->due_us || p->misses > 0 || now_us - p->due_us > p->period_us)
        p->due_us = now_us;
    p->due_us += got_us;
    p->misses = 0;
    p->sweeping = ++p->since >= p->every;
    if (p->sweeping) {
        p->since = 0;
        p->every = AHOY_MIN(p->every * 2, (unsigned) SWEEP_EVERY);
    }
    return when_due(p);
}

/* When it always asked between two looks and did not now, it will in a moment, and then the next look were too late. */
static int64_t wait_for_request(struct pace *p, int64_t now_us, bool piece, bool asked, int64_t next)
{
    bool waited = p->tries > 0;
    if (asked) {
        p->steady++;
        if (waited)
            p->shift_us += p->tries * AGAIN_US + STEP_US / 2;
    } else if (waited && p->tries == TRIES) {
        p->steady = 0;
        p->shift_us = 0;
    } else if (waited || (piece && p->steady >= STEADY)) {
        p->tries++;
        return now_us + AGAIN_US;
    } else if (piece) {
        p->steady = 0;
    }
    p->tries = 0;
    if (p->shift_us > MOST_SHIFT_US) /* so long behind a look it may well wait for the next */
        p->shift_us = 0;
    return waited ? when_due(p) : next;
}

int64_t pace_next(struct pace *p, int64_t now_us, uint64_t captured, uint64_t asked)
{
    int64_t got_us = (int64_t) ((captured - p->seen) * 1000000 / p->rate_hz);
    if (p->sweeping && asked > p->asked)
        keep_off(p, now_us - STEP_US / 2);
    int64_t next = got_us > 0 ? came(p, now_us, got_us) : nothing_came(p, now_us);
    if (p->sweeping)
        next = AHOY_MIN(next, now_us + STEP_US);
    else
        next = wait_for_request(p, now_us, got_us > 0, asked > p->asked, next);
    p->seen = captured;
    p->asked = asked;
    return AHOY_MAX(AHOY_MIN(next, now_us + p->period_us + SLACK_US), now_us + SLACK_US);
}
