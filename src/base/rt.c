#include "base/rt.h"

#if defined(AHOY_RT_TRAP)

#include <stdio.h>
#include <stdlib.h>

/* Of debug builds alone; each thread its own. */
static _Thread_local volatile unsigned char inside;

void rt_enter(void)
{
    AHOY_ASSERT(!inside);
    inside = 1;
}

void rt_leave(void)
{
    AHOY_ASSERT(inside);
    inside = 0;
}

void rt_forbid(const char *what)
{
    if (!inside)
        return;
    inside = 0; /* so that the message can be written */
    (void) fprintf(stderr, "in a device callback: %s\n", what);
    abort();
}

const volatile unsigned char *rt_flag(void)
{
    return &inside;
}

#else

typedef int rt_nothing; /* an empty file is not C */

#endif
