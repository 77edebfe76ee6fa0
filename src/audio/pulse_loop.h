/*
 * libpulse's main loop, of our own making behind libpulse's table of functions (pa_mainloop_api). Its own wakes itself by a
 * pipe at each change of an event, several times for each piece of sound, and belongs to one thread for good. This one
 * does neither: it has a thread, and whoever moves the sound may take that thread's work over, so that no thread has to
 * wake another for each piece. Private to src/audio.
 *
 * Everything is guarded by its lock. Events' callbacks run with it; so does whatever calls libpulse.
 */
#ifndef AHOY_AUDIO_PULSE_LOOP_H
#define AHOY_AUDIO_PULSE_LOOP_H

#include "base/base.h"

#include <pulse/mainloop-api.h>

struct pulse_loop;

/** With its thread running. NOMEM, LIMIT. */
AHOY_MUST_USE enum ahoy_err pulse_loop_create(struct pulse_loop **out);

/** Without the lock, from another thread than its own; events that are left go with it. NULL is ignored. */
void pulse_loop_destroy(struct pulse_loop *l);

/** What libpulse is given. Events may be made and changed by whoever holds the lock. */
pa_mainloop_api *pulse_loop_api(struct pulse_loop *l);

void pulse_loop_lock(struct pulse_loop *l);
void pulse_loop_unlock(struct pulse_loop *l);

/** Waits for pulse_loop_signal; with the lock, which is given up meanwhile. */
void pulse_loop_wait(struct pulse_loop *l);

/** Wakes who waits; with the lock. */
void pulse_loop_signal(struct pulse_loop *l);

/** Ends the thread (without the lock): from now on the caller's thread has to call pulse_loop_run. */
void pulse_loop_take(struct pulse_loop *l);

/** Starts it again; with the lock, from the thread that had taken it. LIMIT: nothing has changed. */
AHOY_MUST_USE enum ahoy_err pulse_loop_give_back(struct pulse_loop *l);

/** Whether it has no thread. By the thread that may take it, or with the lock. */
bool pulse_loop_taken(const struct pulse_loop *l);

/** Runs all that is due and returns at once; with the lock. Of a loop that was taken. */
void pulse_loop_run(struct pulse_loop *l);

/** Runs what was deferred, which is how libpulse sends; with the lock. */
void pulse_loop_flush(struct pulse_loop *l);

#endif
