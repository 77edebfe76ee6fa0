/*
 * An intrusive pairing heap ordered by a 64-bit key, then by order of insertion: the queue of timers. Insertion never
 * fails, since the memory is the caller's.
 */
#ifndef AHOY_BASE_HEAP_H
#define AHOY_BASE_HEAP_H

#include "base/base.h"

struct heap_node {
    struct heap_node *child, *next, *prev; /* prev: the older sibling, or the parent for a first child */
    int64_t key;
    uint64_t order;
    bool linked;
};

struct heap {
    struct heap_node *root;
    uint64_t inserted;
    size_t count;
};

static inline void heap_init(struct heap *h)
{
    *h = (struct heap){ 0 };
}

/** Inserts a node that is in no heap. */
void heap_insert(struct heap *h, struct heap_node *n, int64_t key);

/** Takes a node out; a node in no heap is ignored. */
void heap_remove(struct heap *h, struct heap_node *n);

/** The node with the smallest key (first inserted on a tie), or NULL. */
static inline struct heap_node *heap_min(const struct heap *h)
{
    return h->root;
}

#endif
