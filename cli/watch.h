/* What a person is told of a call's sound while it lasts: that it got bad and what to do, that it is well again. Pure. */
#ifndef AHOY_CLI_WATCH_H
#define AHOY_CLI_WATCH_H

#include "ahoy/ahoy.h"
#include "cli/text.h"

/* Of one call; zero at its beginning. */
struct watch {
    ahoy_call_id call;
    struct {
        uint64_t lost, late;
        uint32_t concealed_ms, duration_ms;
    } calm;                                   /* the figures when it last sounded well */
    bool speaking;                            /* what the microphone gives is to be heard: neither muted nor on hold */
    unsigned bad_s, well_s, spoken_s, ours_s; /* seconds in a row */
    bool told_bad;
    uint32_t told; /* bits of enum ahoy_spoiler that were told: each is news once */
};

/** Takes the figures that come each second. Writes what is to be said now, mostly nothing. */
void watch_second(struct watch *w, const struct ahoy_call_stats *s, struct text *out);

#endif
