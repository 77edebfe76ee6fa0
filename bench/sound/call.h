/*
 * End to end: two whole media sessions in the simulated world, joined by offer and answer, so that what the sender
 * learns from the receiver's reports takes part. One says the speech, the other one hears it; the impairment harms
 * both ways.
 */
#ifndef BENCH_SOUND_CALL_H
#define BENCH_SOUND_CALL_H

#include "sound/run.h"

struct call;

/** Speech and configuration stay the caller's. `alone`: every piece is a call by itself, all of which counts. NOMEM. */
AHOY_MUST_USE enum ahoy_err call_create(struct call **out, const struct run_config *config,
                                        const struct prompts *speech, bool alone);
void call_destroy(struct call *c);

/**
 * One call a seed: the last piece first, while both ends get used to the network, then all pieces, of which the figures
 * are. Or a call a seed and piece. Deterministic. The sender's clock never drifts here.
 */
AHOY_MUST_USE enum ahoy_err call_condition(struct call *c, const struct condition *condition, struct outcome *out);

#endif
