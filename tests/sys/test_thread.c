/* Scheduling: what was granted holds for that thread alone; it uses threads. */
#include "sys/thread.h"

#include "support/t.h"

#include <pthread.h>
#include <sched.h>

static void *hasten(void *arg)
{
    bool *ok = arg;
    bool granted = sys_thread_hasten();
    int policy = sched_getscheduler(0);
    *ok = policy == (granted ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER);
    return NULL;
}

static void test_it_is_granted_or_nothing_changes(struct t *t)
{
    pthread_t thread;
    bool ok = false;
    T_EQ(pthread_create(&thread, NULL, hasten, &ok), 0);
    T_EQ(pthread_join(thread, NULL), 0);
    T_CHECK(ok);
    T_EQ(sched_getscheduler(0), SCHED_OTHER);
out:
    return;
}

T_MAIN(T(test_it_is_granted_or_nothing_changes))
