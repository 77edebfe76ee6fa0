/* Wrapped by the linker (--wrap): calls to mem_* anywhere in the test program come here. Tests run threads, so atomics. */
#include "support/mem_fail.h"

#include "support/t.h"

#include <malloc.h>
#include <stdatomic.h>

void *__real_mem_alloc(size_t n);
void *__real_mem_zalloc(size_t n);
void *__real_mem_realloc(void *p, size_t n);
void __real_mem_free(void *p);
void *__wrap_mem_alloc(size_t n);
void *__wrap_mem_zalloc(size_t n);
void *__wrap_mem_realloc(void *p, size_t n);
void __wrap_mem_free(void *p);

static atomic_ulong fail_at, requests;
static atomic_bool hit;
static atomic_size_t live_blocks, live_bytes;

void mem_fail_arm(unsigned long nth)
{
    atomic_store(&fail_at, nth);
    atomic_store(&requests, 0);
    atomic_store(&hit, false);
}

bool mem_fail_hit(void)
{
    return atomic_load(&hit);
}

size_t t_live_blocks(void)
{
    return atomic_load(&live_blocks);
}

size_t t_live_bytes(void)
{
    return atomic_load(&live_bytes);
}

static bool refuse(void)
{
    unsigned long at = atomic_load(&fail_at);
    if (at == 0 || atomic_fetch_add(&requests, 1) + 1 != at)
        return false;
    atomic_store(&hit, true);
    return true;
}

static void *count(void *p)
{
    if (p) {
        atomic_fetch_add(&live_blocks, 1);
        atomic_fetch_add(&live_bytes, malloc_usable_size(p));
    }
    return p;
}

void *mem_fail_exempt_alloc(size_t n)
{
    return count(__real_mem_alloc(n));
}

void *__wrap_mem_alloc(size_t n)
{
    return refuse() ? NULL : count(__real_mem_alloc(n));
}

void *__wrap_mem_zalloc(size_t n)
{
    return refuse() ? NULL : count(__real_mem_zalloc(n));
}

void *__wrap_mem_realloc(void *p, size_t n)
{
    if (refuse())
        return NULL;
    if (!p)
        return count(__real_mem_alloc(n));
    size_t before = malloc_usable_size(p);
    void *q = __real_mem_realloc(p, n);
    if (q) {
        atomic_fetch_sub(&live_bytes, before);
        atomic_fetch_add(&live_bytes, malloc_usable_size(q));
    }
    return q;
}

void __wrap_mem_free(void *p)
{
    if (p) {
        atomic_fetch_sub(&live_blocks, 1);
        atomic_fetch_sub(&live_bytes, malloc_usable_size(p));
    }
    __real_mem_free(p);
}
