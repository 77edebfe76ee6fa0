/*
 * What is said in a whole call: all pieces, of which the figures are, and before them the last one for once, while both
 * ends get used to the network, unless that is what is looked at.
 */
#ifndef BENCH_SOUND_SPOKEN_H
#define BENCH_SOUND_SPOKEN_H

#include "sound/measure.h"
#include "sound/prompts.h"

struct spoken {
    int16_t *pcm;    /* at PROMPTS_HZ */
    size_t n, first; /* first: where the pieces begin that figures are of; 0: at once */
    const struct prompts *prompts;
    struct measure *measure[PROMPTS_MAX_PIECES];
};

/** `prompts` stay the caller's. `acquainted`: the last piece is said before all others. NOMEM. */
AHOY_MUST_USE enum ahoy_err spoken_create(struct spoken *s, const struct prompts *prompts, bool acquainted);
void spoken_free(struct spoken *s);

/**
 * Adds `part` of the mean figures of the pieces to `sum`; `heard` begins with the first sample said. Errors of
 * measure_run.
 */
AHOY_MUST_USE enum ahoy_err spoken_score(const struct spoken *s, const int16_t *heard, size_t n, int max_delay_ms,
                                         double part, struct figures *sum);

/** The same of the piece that was said before all others; INVAL: there was none. */
AHOY_MUST_USE enum ahoy_err spoken_score_first(const struct spoken *s, const int16_t *heard, size_t n, int max_delay_ms,
                                               double part, struct figures *sum);

#endif
