/*
 * A lock with a condition, for the few places where threads share memory (the engine's event queue). Signalling and media
 * never hold one; they send messages (sys_post).
 */
#ifndef AHOY_SYS_LOCK_H
#define AHOY_SYS_LOCK_H

#include "base/base.h"

#include <pthread.h>

struct sys_lock {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
};

void sys_lock_init(struct sys_lock *l);
void sys_lock_fini(struct sys_lock *l);

void sys_lock_take(struct sys_lock *l);
void sys_lock_give(struct sys_lock *l);

/** Wakes all that wait. With the lock held. */
void sys_lock_signal(struct sys_lock *l);

/** Gives the lock up, waits for a signal (or for no reason), takes it again. False after `timeout_ms`; -1: for ever. */
bool sys_lock_wait(struct sys_lock *l, int timeout_ms);

#endif
