#include "media/live_queue.h"

#include <string.h>

enum {
    START_US = 10000,   /* a period of the device, and its like again for a late worker */
    LEAST_US = 3000,    /* the target's lowest */
    MARGIN_US = 1000,   /* more than was ever taken */
    RISE_US = 6000,     /* at most at once */
    BLOCK_US = 2000000, /* the longest memory is LIVE_QUEUE_BLOCKS of these */
    FALL_EVERY_US = 250000,
    FALL_US = 250, /* a millisecond a second */
};

static size_t samples(const struct live_queue *q, int64_t us)
{
    return (size_t) ((int64_t) q->rate_hz * us / 1000000);
}

void live_queue_init(struct live_queue *q, uint32_t rate_hz)
{
    *q = (struct live_queue){ .rate_hz = rate_hz };
    q->target = samples(q, START_US);
}

/* The most that was taken at once in the time remembered. */
static size_t most_taken(struct live_queue *q, int64_t now_us, size_t taken)
{
    size_t most = 0;
    if (now_us - q->block_us >= BLOCK_US) {
        memmove(q->most + 1, q->most, sizeof q->most - sizeof q->most[0]);
        q->most[0] = 0;
        q->block_us = now_us;
    }
    q->most[0] = AHOY_MAX(q->most[0], taken);
    for (size_t i = 0; i < LIVE_QUEUE_BLOCKS; i++)
        most = AHOY_MAX(most, q->most[i]);
    return most;
}

size_t live_queue_look(struct live_queue *q, int64_t now_us, size_t queued, uint64_t missed)
{
    size_t lacked = (size_t) AHOY_MIN(missed - q->missed, (uint64_t) q->rate_hz);
    size_t taken = (q->left > queued ? q->left - queued : 0) + lacked;
    q->missed = missed;
    size_t limit = samples(q, LIVE_QUEUE_MAX_MS * 1000), need = taken + samples(q, MARGIN_US);
    size_t keep = AHOY_MAX(most_taken(q, now_us, taken) + samples(q, MARGIN_US), samples(q, LEAST_US));
    if (lacked > 0) /* one long stumble is not worth its length in delay */
        need = AHOY_MIN(need, q->target + samples(q, RISE_US));
    if (need > q->target) {
        q->target = AHOY_MIN(need, limit);
        q->fell_us = now_us;
    } else if (keep < q->target && now_us - q->fell_us >= FALL_EVERY_US) {
        q->target -= AHOY_MIN(q->target - keep, samples(q, FALL_US));
        q->fell_us = now_us;
    }
    return q->target;
}

void live_queue_filled(struct live_queue *q, size_t queued)
{
    q->left = queued;
}
