/*
 * Whether a tick that is due soon joins the wake-up of a packet that has just arrived. The sound of a pulled device runs
 * out some milliseconds behind the arrival of the packet that goes on with it, on a quiet line always as many: what is
 * done for both in one wake-up saves half of them. Sending moves with it, so it is done only where arrivals are regular:
 * a jittery network must not make ours jittery. Pure state; private to media/.
 */
#ifndef AHOY_MEDIA_JOIN_H
#define AHOY_MEDIA_JOIN_H

#include "base/base.h"

struct join {
    int64_t lead_us; /* how long before the tick packets come, smoothed */
    unsigned trust;  /* grows with regular arrivals, falls with others */
};

/** A packet came `lead_us` before the tick that will play what is there (one call a tick): whether to run it now. */
bool join_arrival(struct join *j, int64_t lead_us);

#endif
