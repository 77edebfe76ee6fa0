/* The latency benchmark's judge of the machine: how late it wakes somebody who asked for each millisecond. */
#include "latency.h"

#include "tool.h"

#include <math.h>
#include <time.h>

enum { TICK_NS = 1000000, SECOND_NS = 1000000000 };

static void *probe_main(void *arg)
{
    struct probe *p = arg;
    struct timespec due;
    if (p->realtime)
        cable_hurry();
    (void) clock_gettime(CLOCK_MONOTONIC, &due);
    double began_ms = tool_now_ms();
    while (!atomic_load(&p->ending)) {
        due.tv_nsec += TICK_NS;
        if (due.tv_nsec >= SECOND_NS) {
            due.tv_nsec -= SECOND_NS;
            due.tv_sec++;
        }
        (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        double now_ms = tool_now_ms();
        double late_ms = now_ms - ((double) due.tv_sec * 1000 + (double) due.tv_nsec / 1e6);
        p->seen.worst_ms = fmax(p->seen.worst_ms, late_ms);
        if (late_ms <= PROBE_LATE_MS)
            continue;
        p->seen.late++;
        (void) clock_gettime(CLOCK_MONOTONIC, &due); /* one stumble counts once */
    }
    p->seen.seconds = (tool_now_ms() - began_ms) / 1000;
    return NULL;
}

bool probe_start(struct probe *p, bool realtime)
{
    *p = (struct probe){ .realtime = realtime, .seen = { .seconds = 0 } };
    return pthread_create(&p->thread, NULL, probe_main, p) == 0;
}

void probe_stop(struct probe *p, struct lateness *sum)
{
    atomic_store(&p->ending, true); /* for probe_main */
    (void) pthread_join(p->thread, NULL);
    sum->seconds += p->seen.seconds;
    sum->late += p->seen.late;
    sum->worst_ms = fmax(sum->worst_ms, p->seen.worst_ms);
}
