/*
 * How much sound must wait in front of a live loudspeaker: as little as never runs out. The loudspeaker takes sound in
 * pieces, and the worker refills behind each; when either is late, more is taken between two refills. So what is to be
 * ready is the most that was taken at once of late, and a little more: up at once when it ran out, down slowly.
 * Samples; the caller's memory. Private to media/.
 */
#ifndef AHOY_MEDIA_LIVE_QUEUE_H
#define AHOY_MEDIA_LIVE_QUEUE_H

#include "base/base.h"

enum { LIVE_QUEUE_MAX_MS = 80, LIVE_QUEUE_BLOCKS = 4 };

struct live_queue {
    uint32_t rate_hz;
    size_t target;   /* samples to have ready behind a refill */
    size_t left;     /* that were ready behind the last one */
    uint64_t missed; /* the device's count by then */
    size_t
        most[LIVE_QUEUE_BLOCKS]; /* taken at once, in each of the last pieces of two seconds, the present one first */
    int64_t block_us, fell_us;   /* when the present piece began; when the target fell last */
};

void live_queue_init(struct live_queue *q, uint32_t rate_hz);

/** The worker looks: `queued` samples wait, `missed` were asked for in vain so far. Returns how many to have ready. */
size_t live_queue_look(struct live_queue *q, int64_t now_us, size_t queued, uint64_t missed);

/** It has refilled: so many wait now. */
void live_queue_filled(struct live_queue *q, size_t queued);

#endif
