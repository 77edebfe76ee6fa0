/*
 * How much effort a media worker can afford: sound that is late is worse than sound that is coded with less care. Once a
 * second it is told how much of that second the worker's thread was busy and how many ticks came too late, and gives a
 * level that all its streams follow. Effort falls within two seconds (at once when there is hardly time left) and comes
 * back by one level after ten calm ones, or later: each time that proved too early, after twice as long. Pure state,
 * time by what is put in; private to media/.
 *
 *     level 0   all there is
 *     level 1   the encoder looks less closely: complexity 5 (7 while it makes deep redundancy, which needs that)
 *     level 2   complexity 2 and no deep redundancy: copies (RED) or in-band FEC protect in its place
 *     level 3   complexity 1, and the decoder neither enhances nor conceals by neural networks
 */
#ifndef AHOY_MEDIA_LOAD_H
#define AHOY_MEDIA_LOAD_H

#include "base/base.h"

enum { LOAD_LEVELS = 4, LOAD_PERIOD_US = 1000000 };

struct load {
    unsigned level;
    double share;       /* of the last period that the worker was busy, 0 … 1; -1: there was none */
    unsigned heavy;     /* periods in a row that were */
    int64_t room_us;    /* for so long there has been room for more */
    int64_t wait_us;    /* so much of it is wanted */
    bool tried;         /* effort came back by a level, and that has not proved right yet */
    int64_t settled_us; /* since then */
};

/* What a level means. */
struct load_effort {
    uint8_t complexity; /* of the encoder */
    bool dred;          /* deep redundancy may be made */
    bool plain;         /* the decoder does without its networks */
};

void load_init(struct load *l);

/**
 * A period is over: the worker's thread was busy for `busy_us` of `period_us`, and `late` of `ticks` ticks came so late
 * that it may be heard. Returns whether the level is another one now.
 */
bool load_put(struct load *l, int64_t period_us, int64_t busy_us, unsigned ticks, unsigned late);

const struct load_effort *load_effort(const struct load *l);

#endif
