/*
 * A conference bridge: ports say something and hear the sum of what all the others say (N-1), each at its own rate. Time
 * goes in slots of 10 ms of the caller's clock. Who comes, goes or falls silent does so by a fade, so nobody hears a
 * click; sums that are too loud are turned down, not clipped.
 *
 * In each turn of its clock the caller puts what is new at each port, runs the mixer, and gets what is ready. A port of
 * another clock (a sound device) is `live`: its sound is stretched by parts per million to follow, and waits 12 ms, or more where that has run out.
 *
 * One thread. After creation nothing allocates but mixer_add and mixer_set_rate. Cost is linear in ports.
 */
#ifndef AHOY_AUDIO_MIXER_H
#define AHOY_AUDIO_MIXER_H

#include "base/base.h"

enum { MIXER_SLOT_MS = 10, MIXER_MAX_SLOT = 480 };

struct mixer;
struct mixer_port;

/** The rate at which it adds: 8000, 16000, 32000 or 48000. RANGE, NOMEM. */
AHOY_MUST_USE enum ahoy_err mixer_create(struct mixer **out, uint32_t rate_hz);

/** Removes all ports, too. NULL is ignored. */
void mixer_destroy(struct mixer *m);

struct mixer_port_config {
    uint32_t rate_hz; /* of what is put and got: 8000 … 48000 */
    bool live;        /* a device with a clock of its own */
    bool local;       /* one of ours: a tap hears it apart */
};

/** Begins silent and fades in. NOMEM, RANGE. */
AHOY_MUST_USE enum ahoy_err mixer_add(struct mixer_port **out, struct mixer *m, const struct mixer_port_config *cfg);

/** The others hear it fade out. NULL is ignored. */
void mixer_remove(struct mixer_port *p);

/** Another rate from here on. NOMEM: it is as it was. */
AHOY_MUST_USE enum ahoy_err mixer_set_rate(struct mixer_port *p, uint32_t rate_hz);

/** A muted port is not heard; it goes on hearing. Fades. */
void mixer_set_mute(struct mixer_port *p, bool on);

/** What the port says, any number of samples; 200 ms wait at most, then the oldest is dropped. */
AHOY_RT void mixer_put(struct mixer_port *p, const int16_t *pcm, size_t n);

/** Mixes the slots that are due at `now_us`, and further as long as every port has its sound ready. */
AHOY_RT void mixer_run(struct mixer *m, int64_t now_us);

/** Samples that can be got now. */
size_t mixer_ready(const struct mixer_port *p);

/** What the port hears: fills all `n` samples; what is missing fades to silence. */
AHOY_RT void mixer_get(struct mixer_port *p, int16_t *pcm, size_t n);

/** Whether somebody speaks at the port (and 200 ms after), and how loud its last slot was. */
bool mixer_speaks(const struct mixer_port *p);
double mixer_level_dbfs(const struct mixer_port *p);

/** Hears every slot: what local ports said, and what all others said; for a recording. `fn` NULL: none. */
typedef void mixer_tap_fn(void *arg, const int16_t *local, const int16_t *others, size_t n);
void mixer_set_tap(struct mixer *m, mixer_tap_fn *fn, void *arg);

#endif
