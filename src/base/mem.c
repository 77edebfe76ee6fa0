#include "base/mem.h"

#include "base/rt.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t n)
{
    rt_forbid("memory is allocated");
    return malloc(n > 0 ? n : 1);
}

void *mem_zalloc(size_t n)
{
    rt_forbid("memory is allocated");
    return calloc(1, n > 0 ? n : 1);
}

void *mem_realloc(void *p, size_t n)
{
    rt_forbid("memory is allocated");
    return realloc(p, n > 0 ? n : 1);
}

void mem_free(void *p)
{
    rt_forbid("memory is given back");
    free(p);
}

void mem_wipe(void *p, size_t n)
{
    volatile unsigned char *q = p;
    while (n-- > 0)
        *q++ = 0;
}
