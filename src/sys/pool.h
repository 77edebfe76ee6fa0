/*
 * Blocks for datagrams and stream segments, in two size classes with a few blocks kept for reuse, so that a busy loop
 * does not go to the heap for each packet and an idle one holds next to nothing. For the files of src/sys alone.
 */
#ifndef AHOY_SYS_POOL_H
#define AHOY_SYS_POOL_H

#include "base/base.h"

enum { POOL_CLASSES = 2 };

struct pool_block {
    struct pool_block *next;
};

struct pool {
    struct pool_block *spare[POOL_CLASSES];
    unsigned spares[POOL_CLASSES];
    unsigned keep; /* spare blocks kept in each class */
};

/** An empty pool that keeps at most `keep` spare blocks of each size. */
void pool_init(struct pool *p, unsigned keep);

/** Frees the spare blocks; those handed out must have come back. */
void pool_fini(struct pool *p);

/** The size of the block that holds `n` bytes: what pool_get gives and pool_put must be told. */
size_t pool_size(size_t n);

/** A block of pool_size(n) bytes of undefined content, or NULL. */
void *pool_get(struct pool *p, size_t n);

/** Takes a block back; `n` as in pool_get. */
void pool_put(struct pool *p, void *block, size_t n);

#endif
