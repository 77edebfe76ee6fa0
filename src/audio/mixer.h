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

#include "audio/resample.h"
#include "audio/seam.h"
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

/** A sound that ran without the bridge until now. */
struct mixer_past {
    const int16_t *said; /* what `from` said last, up to now, at its rate; SEAM_PAST_MS of it at most */
    size_t said_n;
    const int16_t *heard; /* and what was heard of it last, at heard_hz, behind … */
    size_t heard_n;
    uint32_t heard_hz;
    struct resample *after; /* … this, which converts what `to` gets; NULL: nothing does */
};

/**
 * What the new port `from` says goes on to be heard at the new port `to` as if it had run through the bridge before: all
 * converters begin with the past, and what is to wait from now on is the past once more, from the place that is most like
 * what was heard last. `seam` is to be run over what is heard next. Not of a device that is to be heard at a device. False, and
 * nothing has changed: there is too little of a past, and it fades in.
 */
AHOY_MUST_USE bool mixer_go_on(struct mixer_port *from, struct mixer_port *to, const struct mixer_past *past,
                               int64_t now_us, struct seam *seam);

/** How much later what `from` said last is heard at `to`. */
double mixer_lag_ms(const struct mixer_port *from, const struct mixer_port *to);

/** The others hear it fade out. NULL is ignored. */
void mixer_remove(struct mixer_port *p);

/** Another rate from here on. NOMEM: it is as it was. */
AHOY_MUST_USE enum ahoy_err mixer_set_rate(struct mixer_port *p, uint32_t rate_hz);

/** A muted port is not heard; it goes on hearing. Fades, once it was heard. */
void mixer_set_mute(struct mixer_port *p, bool on);

/** What the port says, any number of samples; 200 ms wait at most, then the oldest is dropped. */
AHOY_RT void mixer_put(struct mixer_port *p, const int16_t *pcm, size_t n);

/** Mixes the slots that are due at `now_us`, and further as long as every port has its sound ready. */
AHOY_RT void mixer_run(struct mixer *m, int64_t now_us);

/** Samples that have to be put for one slot. */
size_t mixer_lacks(const struct mixer_port *p);

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
