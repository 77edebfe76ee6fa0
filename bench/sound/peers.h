/*
 * Real telephones with the same packets, in real time: each answers a call over loopback, gets the stream by the
 * impairment's clock, and what it says to a PulseAudio null sink is recorded with its time. Ours, baresip and
 * linphonec.
 */
#ifndef BENCH_SOUND_PEERS_H
#define BENCH_SOUND_PEERS_H

#include "phone.h"
#include "sound/run.h"

struct peers;

/** Starts the sound daemon. UNSUPPORTED: it does not start; NOMEM. Speech and configuration stay the caller's. */
AHOY_MUST_USE enum ahoy_err peers_create(struct peers **out, const struct run_config *config,
                                         const struct prompts *speech);
void peers_destroy(struct peers *p);

/** One call a seed, of the length of the speech. TIMEOUT: the telephone did not answer; NOT_FOUND: it was not heard. */
AHOY_MUST_USE enum ahoy_err peers_condition(struct peers *p, enum phone_kind kind, const struct condition *condition,
                                            struct outcome *out);

#endif
