#include "sys/lock.h"

#include "base/rt.h"

#include <time.h>

void sys_lock_init(struct sys_lock *l)
{
    pthread_condattr_t attr;
    AHOY_ASSERT(pthread_mutex_init(&l->mutex, NULL) == 0);
    AHOY_ASSERT(pthread_condattr_init(&attr) == 0);
    AHOY_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    AHOY_ASSERT(pthread_cond_init(&l->cond, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void sys_lock_fini(struct sys_lock *l)
{
    pthread_cond_destroy(&l->cond);
    pthread_mutex_destroy(&l->mutex);
}

void sys_lock_take(struct sys_lock *l)
{
    rt_forbid("a lock is taken");
    AHOY_ASSERT(pthread_mutex_lock(&l->mutex) == 0);
}

void sys_lock_give(struct sys_lock *l)
{
    AHOY_ASSERT(pthread_mutex_unlock(&l->mutex) == 0);
}

void sys_lock_signal(struct sys_lock *l)
{
    rt_forbid("a lock is signalled");
    pthread_cond_broadcast(&l->cond);
}

bool sys_lock_wait(struct sys_lock *l, int timeout_ms)
{
    struct timespec until;
    rt_forbid("a lock is waited for");
    if (timeout_ms < 0)
        return pthread_cond_wait(&l->cond, &l->mutex) == 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t) timeout_ms % 1000 * 1000000;
    until.tv_sec += timeout_ms / 1000 + (time_t) (ns / 1000000000);
    until.tv_nsec = (long) (ns % 1000000000);
    return pthread_cond_timedwait(&l->cond, &l->mutex, &until) == 0;
}
