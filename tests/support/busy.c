#include "support/busy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS"; -1: not there. */
static int64_t stalled_us(void)
{
    char line[160];
    FILE *f = fopen("/proc/pressure/cpu", "r");
    const char *total = f && fgets(line, sizeof line, f) ? strstr(line, "total=") : NULL;
    int64_t us = total ? strtoll(total + strlen("total="), NULL, 10) : -1;
    if (f)
        (void) fclose(f);
    return us;
}

static bool overloaded(void)
{
    char line[80];
    FILE *f = fopen("/proc/loadavg", "r");
    bool over = f && fgets(line, sizeof line, f) && strtod(line, NULL) > 2.0 * (double) sysconf(_SC_NPROCESSORS_ONLN);
    if (f)
        (void) fclose(f);
    return over;
}

void busy_begin(struct busy *b)
{
    b->began_us = now_us();
    b->stalled_us = stalled_us();
}

unsigned busy_percent(const struct busy *b)
{
    int64_t stalled = stalled_us(), took = now_us() - b->began_us;
    if (stalled < 0 || b->stalled_us < 0 || took <= 0)
        return overloaded() ? 100 : 0;
    return (unsigned) ((stalled - b->stalled_us) * 100 / took);
}
