/*
 * The one door to the heap. Nothing in the house calls malloc but this file, so that a test can make the Nth request
 * fail (tests/support wraps these symbols at link time) and count what was not given back.
 */
#ifndef AHOY_BASE_MEM_H
#define AHOY_BASE_MEM_H

#include "base/base.h"

/** `n` bytes of undefined content, or NULL. `n` of 0 gives a unique pointer. Free with mem_free. Any thread. */
void *mem_alloc(size_t n);

/** `n` zeroed bytes, or NULL. */
void *mem_zalloc(size_t n);

/** Resizes; on failure returns NULL and `p` stays valid. `p` may be NULL. */
void *mem_realloc(void *p, size_t n);

/** Gives back; NULL is ignored. */
void mem_free(void *p);

/** Overwrites a secret so that the compiler cannot leave it out. */
void mem_wipe(void *p, size_t n);

#endif
