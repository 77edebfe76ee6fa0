#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>

enum { ARENA_FIRST_BYTES = 512, ARENA_MOST_BYTES = 16384 };

struct arena_block {
    struct arena_block *next;
    max_align_t data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){ .max = max };
}

void arena_lend(struct arena *a, void *p, size_t n)
{
    AHOY_ASSERT(!a->head && !a->at);
    a->at = p;
    a->end = a->at + n;
}

void arena_fini(struct arena *a)
{
    for (struct arena_block *b = a->head; b;) {
        struct arena_block *next = b->next;
        mem_free(b);
        b = next;
    }
    *a = (struct arena){ .max = a->max };
}

static bool arena_grow(struct arena *a, size_t need)
{
    size_t size = AHOY_MIN(AHOY_MAX((size_t) ARENA_FIRST_BYTES, a->used), (size_t) ARENA_MOST_BYTES);
    size = AHOY_MAX(size, need);
    if (a->used > a->max || size > a->max - a->used)
        size = need;
    if (a->used > a->max || size > a->max - a->used)
        return false;
    struct arena_block *b = mem_alloc(sizeof *b + size);
    if (!b)
        return false;
    b->next = a->head;
    a->head = b;
    a->used += size;
    a->at = (char *) b->data;
    a->end = a->at + size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (n > SIZE_MAX - align)
        return NULL;
    size_t need = n > 0 ? (n + align - 1) / align * align : align; /* nothing has a place of its own, too */
    if ((size_t) (a->end - a->at) < need && !arena_grow(a, need))
        return NULL;
    void *p = a->at;
    a->at += need;
    if (n > 0)
        memset(p, 0, n);
    return p;
}

bool arena_view(struct arena *a, struct view v, struct view *out)
{
    char *p = v.n < SIZE_MAX ? arena_alloc(a, v.n + 1) : NULL;
    if (!p)
        return false;
    if (v.n > 0)
        memcpy(p, v.p, v.n);
    *out = view_of(p, v.n);
    return true;
}
