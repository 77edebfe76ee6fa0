#include "sys/ring.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

enum { CACHE_LINE_BYTES = 64 };

/*
 * `head` counts elements ever put, `tail` elements ever taken; both wrap. The producer writes elements, then publishes
 * them by a release store of head, which the consumer's acquire load pairs with. The consumer reads elements, then
 * gives the room back by a release store of tail, which the producer's acquire load pairs with. Each on its own cache
 * line.
 */
struct sys_ring {
    alignas(CACHE_LINE_BYTES) atomic_size_t head;
    alignas(CACHE_LINE_BYTES) atomic_size_t tail;
    alignas(CACHE_LINE_BYTES) size_t mask;
    size_t size;
    char *data;
    void *block; /* what mem_alloc gave; the ring is aligned inside it */
};

enum ahoy_err sys_ring_create(struct sys_ring **out, size_t capacity, size_t size)
{
    size_t n = 1;
    if (capacity == 0 || size == 0 || capacity > SIZE_MAX / 4 / size)
        return AHOY_ERR_INVAL;
    while (n < capacity)
        n *= 2;
    char *block = mem_zalloc(sizeof(struct sys_ring) + CACHE_LINE_BYTES - 1 + n * size);
    if (!block)
        return AHOY_ERR_NOMEM;
    size_t skew = (CACHE_LINE_BYTES - (uintptr_t) block % CACHE_LINE_BYTES) % CACHE_LINE_BYTES;
    struct sys_ring *r = (struct sys_ring *) (void *) (block + skew);
    r->mask = n - 1;
    r->size = size;
    r->data = block + skew + sizeof *r;
    r->block = block;
    *out = r;
    return AHOY_OK;
}

void sys_ring_destroy(struct sys_ring *r)
{
    if (r)
        mem_free(r->block);
}

AHOY_RT size_t sys_ring_put(struct sys_ring *r, const void *p, size_t n)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed); /* only this side writes it */
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire); /* pairs with the release in skip */
    n = AHOY_MIN(n, r->mask + 1 - (head - tail));
    if (n == 0)
        return 0;
    size_t at = head & r->mask;
    size_t first = AHOY_MIN(n, r->mask + 1 - at);
    memcpy(r->data + at * r->size, p, first * r->size);
    if (n > first)
        memcpy(r->data, (const char *) p + first * r->size, (n - first) * r->size);
    atomic_store_explicit(&r->head, head + n, memory_order_release); /* pairs with the acquire in get and count */
    return n;
}

AHOY_RT size_t sys_ring_get(struct sys_ring *r, void *p, size_t n)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed); /* only this side writes it */
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire); /* pairs with the release in put */
    n = AHOY_MIN(n, head - tail);
    if (n == 0)
        return 0;
    size_t at = tail & r->mask;
    size_t first = AHOY_MIN(n, r->mask + 1 - at);
    memcpy(p, r->data + at * r->size, first * r->size);
    if (n > first)
        memcpy((char *) p + first * r->size, r->data, (n - first) * r->size);
    atomic_store_explicit(&r->tail, tail + n, memory_order_release); /* pairs with the acquire in put */
    return n;
}

AHOY_RT size_t sys_ring_count(const struct sys_ring *r)
{
    /* Tail first: head can only have grown since, so the difference never wraps below zero. */
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    return AHOY_MIN(head - tail, r->mask + 1);
}

AHOY_RT size_t sys_ring_skip(struct sys_ring *r, size_t n)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    n = AHOY_MIN(n, head - tail);
    atomic_store_explicit(&r->tail, tail + n, memory_order_release); /* pairs with the acquire in put */
    return n;
}
