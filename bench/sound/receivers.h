/* What is heard of one stream: by the telephone's own receiver, and by an ideal one that knows every arrival. */
#ifndef BENCH_SOUND_RECEIVERS_H
#define BENCH_SOUND_RECEIVERS_H

#include "sound/stream.h"

struct heard {
    int16_t *pcm; /* at STREAM_HZ, from the moment of the first sample said */
    size_t n;
    double concealed_ms; /* time made up without redundancy */
    uint64_t lost, late;
    double target_ms; /* of the jitter buffer at the end; 0 for the ideal */
};

void heard_free(struct heard *h);

/**
 * src/media/playout over src/rtp/jitter under virtual time, asked every `tick_ms` for so much sound, or, for 0,
 * whenever its sound runs out. `seed` places the ticks between the sender's. NOMEM.
 */
AHOY_MUST_USE enum ahoy_err receiver_ahoy(struct heard *out, const struct stream *s, const struct stream_arrivals *a,
                                          unsigned tick_ms, uint64_t seed);

struct ideal_config {
    int64_t budget_us; /* a packet that takes longer (beyond STREAM_BASE_US) is lost to it */
    unsigned red;      /* RED copies that each packet carries: of the one before, of the two before … */
    unsigned dred_ms;  /* look-ahead into deep redundancy; 0: none */
};

/**
 * Every packet that arrives in time is decoded at its place; what is missing comes from RED, FEC, DRED, concealment.
 */
AHOY_MUST_USE enum ahoy_err receiver_ideal(struct heard *out, const struct stream *s, const struct stream_arrivals *a,
                                           const struct ideal_config *config);

#endif
