/*
 * A recording: two sides of sound are joined on the media worker and written on the thread for files, since a disk may
 * take its time. At most ten seconds wait; what is too much by then becomes silence, so that time is kept. Private to
 * media/.
 */
#ifndef AHOY_MEDIA_RECORD_H
#define AHOY_MEDIA_RECORD_H

#include "audio/limit.h"
#include "audio/soundfile.h"
#include "sys/loop.h"

struct record;

enum { RECORD_LEFT, RECORD_RIGHT }; /* what we say; what we hear */

struct record_config {
    struct soundfile *file; /* taken over; channels: 2, or 1 when `mixed` */
    uint32_t rate_hz;
    bool mixed;
    struct sys_loop *worker; /* whose thread calls; `done` comes there */
    struct sys_loop *files;  /* where writing is done */
    /** Once: the file is closed. The recording is the receiver's, to be told of (record_tell) or discarded. */
    void (*done)(void *arg, struct record *r);
    void *arg;
};

/** The file is complete (OK) or ends where it could not be written (IO; LIMIT). */
typedef void record_told_fn(void *arg, enum ahoy_err err, const char *why);

/** Any thread. NOMEM; then the file is still the caller's. */
AHOY_MUST_USE enum ahoy_err record_create(struct record **out, const struct record_config *cfg);

/** Never begun, or done: closes the file if it is open. NULL is ignored. */
void record_discard(struct record *r);

/** Of one that is done: says on `loop` what came of it, then it is gone. Its own memory carries the news, so it arrives. */
void record_tell(struct record *r, struct sys_loop *loop, record_told_fn *told, void *arg);

/** Adds sound of one side; on the worker. The other side may be a second behind, then it is taken to be silent. */
void record_put(struct record *r, int side, const int16_t *pcm, size_t n);

/** Ends it; `done` follows, also when that is on its way already. On the worker; nothing may be put any more. */
void record_end(struct record *r);

#endif
