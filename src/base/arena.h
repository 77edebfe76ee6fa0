/*
 * An arena: many small allocations, one free. Used for what lives and dies together, such as a message's parsed
 * headers. Cannot be made without a maximum; at the maximum arena_alloc returns NULL.
 */
#ifndef AHOY_BASE_ARENA_H
#define AHOY_BASE_ARENA_H

#include "base/view.h"

struct arena_block;

struct arena {
    struct arena_block *head;
    char *at; /* free bytes of the newest block: at … end */
    char *end;
    size_t used; /* bytes taken from the heap so far */
    size_t max;
};

/** An empty arena that may take `max` bytes from the heap. */
void arena_init(struct arena *a, size_t max);

/** Lends caller's memory (aligned for any type) as the first block; it must outlive the arena and is not freed. */
void arena_lend(struct arena *a, void *p, size_t n);

/** Frees everything. */
void arena_fini(struct arena *a);

/** `n` zeroed bytes aligned for any type, or NULL. */
void *arena_alloc(struct arena *a, size_t n);

/** A copy of `v` (with a zero byte behind it). Returns false on NOMEM. */
AHOY_MUST_USE bool arena_view(struct arena *a, struct view v, struct view *out);

#endif
