/* How busy the machine was: programs that get no processor are late, and so is the sound they make. */
#ifndef AHOY_TESTS_SUPPORT_BUSY_H
#define AHOY_TESTS_SUPPORT_BUSY_H

#include "base/base.h"

struct busy {
    int64_t began_us, stalled_us; /* -1: the kernel does not tell */
};

/** Begins to measure. */
void busy_begin(struct busy *b);

/** Percent of the time since then in which somebody on this machine waited for a processor. Where the kernel does not tell
 * (no /proc/pressure/cpu), 100 when twice as many want one as there are, else 0. */
unsigned busy_percent(const struct busy *b);

#endif
