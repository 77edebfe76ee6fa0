#include "sys/pool.h"

#include "base/mem.h"

static const size_t class_bytes[POOL_CLASSES] = { 512, 2048 };

void pool_init(struct pool *p, unsigned keep)
{
    *p = (struct pool){ .keep = keep };
}

void pool_fini(struct pool *p)
{
    for (int i = 0; i < POOL_CLASSES; i++) {
        while (p->spare[i]) {
            struct pool_block *b = p->spare[i];
            p->spare[i] = b->next;
            mem_free(b);
        }
        p->spares[i] = 0;
    }
}

static int class_of(size_t n)
{
    for (int i = 0; i < POOL_CLASSES; i++)
        if (n <= class_bytes[i])
            return i;
    return POOL_CLASSES;
}

size_t pool_size(size_t n)
{
    int c = class_of(n);
    return c < POOL_CLASSES ? class_bytes[c] : n;
}

void *pool_get(struct pool *p, size_t n)
{
    int c = class_of(n);
    if (c == POOL_CLASSES || !p->spare[c])
        return mem_alloc(pool_size(n));
    struct pool_block *b = p->spare[c];
    p->spare[c] = b->next;
    p->spares[c]--;
    return b;
}

void pool_put(struct pool *p, void *block, size_t n)
{
    int c = class_of(n);
    if (c == POOL_CLASSES || p->spares[c] == p->keep) {
        mem_free(block);
        return;
    }
    struct pool_block *b = block;
    b->next = p->spare[c];
    p->spare[c] = b;
    p->spares[c]++;
}
