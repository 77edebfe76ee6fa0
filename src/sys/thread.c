#include "sys/thread.h"

#include <sched.h>

enum { REALTIME_PRIORITY = 5 };

bool sys_thread_hasten(void)
{
    struct sched_param p = { .sched_priority = REALTIME_PRIORITY };
    return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p)
           == 0; /* on Linux 0 is the thread, not the process */
}
