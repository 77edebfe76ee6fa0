/*
 * A single-producer single-consumer ring of fixed-size elements: between a device callback and the media thread.
 * Lock-free; put and get are AHOY_RT.
 */
#ifndef AHOY_SYS_RING_H
#define AHOY_SYS_RING_H

#include "base/base.h"

struct sys_ring;

/** Room for at least `capacity` elements of `size` bytes. */
AHOY_MUST_USE enum ahoy_err sys_ring_create(struct sys_ring **out, size_t capacity, size_t size);
void sys_ring_destroy(struct sys_ring *r);

/** Puts up to `n` elements; returns how many fitted. Producer only. */
AHOY_RT size_t sys_ring_put(struct sys_ring *r, const void *p, size_t n);

/** Gets up to `n` elements; returns how many there were. Consumer only. */
AHOY_RT size_t sys_ring_get(struct sys_ring *r, void *p, size_t n);

/** Elements waiting. Either side. */
AHOY_RT size_t sys_ring_count(const struct sys_ring *r);

/** Drops up to `n` waiting elements; returns how many. Consumer only. */
AHOY_RT size_t sys_ring_skip(struct sys_ring *r, size_t n);

#endif
