/*
 * When to look after a sound device that the worker runs itself (audio_device_run): when the next piece of the microphone
 * is due, which follows from how much has come, and not each time that its server has written something. What was not
 * there yet is looked for again a moment later, and taken for the time to come. Now and then a period is looked through in
 * short steps, which tells whether pieces come earlier than that, and when the loudspeaker asks: where that is near a look,
 * so that one request more or less might wait for the next, it is looked a little later. What it always asked for and did
 * not this time is looked for again, too. So one wake-up does for both
 * directions, and sound waits for a few tenths of a millisecond. The caller's memory. Private to media/.
 */
#ifndef AHOY_MEDIA_PACE_H
#define AHOY_MEDIA_PACE_H

#include "base/base.h"

struct pace {
    uint32_t rate_hz;
    int64_t period_us; /* the longest time between two looks */
    int64_t due_us;    /* when the next piece is likely to be there; 0: not known */
    int64_t shift_us;  /* how much later than due it is looked, for the loudspeaker's sake */
    uint64_t seen;     /* samples that had come by the last look */
    uint64_t asked;    /* samples asked for by then */
    unsigned misses;   /* looks in vain since a piece was due */
    unsigned since;    /* pieces since a period was looked through, … */
    unsigned every;    /* … which is done each so many */
    unsigned steady;   /* looks that each found a request */
    unsigned tries;    /* looks for one that did not come */
    bool sweeping;     /* that is being done */
};

void pace_init(struct pace *p, uint32_t rate_hz, int64_t period_us);

/** After a look at `now_us`, when in all `captured` samples had come and `asked` had been asked for: the time of the next. */
int64_t pace_next(struct pace *p, int64_t now_us, uint64_t captured, uint64_t asked);

#endif
