/*
 * When to look after a sound device that the worker runs itself (audio_device_run): when the next piece of the microphone
 * is due, which follows from how much has come, and not each time that its server has written something. What was not
 * there yet is looked for again a moment later, and taken for the time to come; now and then it is looked for a moment
 * earlier. So one wake-up does for both directions, and sound waits for a few tenths of a millisecond. The caller's
 * memory. Private to media/.
 */
#ifndef AHOY_MEDIA_PACE_H
#define AHOY_MEDIA_PACE_H

#include "base/base.h"

struct pace {
    uint32_t rate_hz;
    int64_t period_us; /* the longest time between two looks */
    int64_t due_us;    /* when the next piece is likely to be there; 0: not known */
    uint64_t seen;     /* samples that had come by the last look */
    unsigned misses;   /* looks in vain since it was due */
    unsigned since;    /* pieces since it was looked for earlier, … */
    unsigned every;    /* … which is done each so many */
    enum pace_look { PACE_DUE, PACE_EARLY, PACE_BEHIND } look; /* what the next one is for */
    bool tried;                                                /* the last look was too early */
    uint64_t asked;                                            /* samples asked for by the last look */
    bool close;       /* it asks shortly before it is looked, so looking earlier would miss that */
    int64_t shift_us; /* how much later than due it is looked, for the loudspeaker's sake */
};

void pace_init(struct pace *p, uint32_t rate_hz, int64_t period_us);

/** After a look at `now_us`, when in all `captured` samples had come and `asked` had been asked for: the time of the next. */
int64_t pace_next(struct pace *p, int64_t now_us, uint64_t captured, uint64_t asked);

#endif
