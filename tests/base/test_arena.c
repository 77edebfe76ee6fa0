#include "base/arena.h"

#include "support/t.h"

#include <stdalign.h>

static void test_gives_zeroed_aligned_memory_until_its_maximum(struct t *t)
{
    struct arena a;
    size_t total = 0;
    arena_init(&a, 100000);
    for (size_t n = 0; n < 300; n++) {
        char *p = arena_alloc(&a, n);
        T_CHECK(p != NULL);
        T_EQ((uintptr_t) p % alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            T_EQ(p[i], 0);
        memset(p, 0xee, n);
        total += n;
    }
    T_LE(total, a.used);
    T_CHECK(arena_alloc(&a, 100000) == NULL);
    T_CHECK(arena_alloc(&a, SIZE_MAX) == NULL);
    T_CHECK(arena_alloc(&a, SIZE_MAX - 40) == NULL);
    while (arena_alloc(&a, 1000))
        T_LE(a.used, 100000);
out:
    arena_fini(&a);
}

static void test_a_loan_comes_first_and_is_not_freed(struct t *t)
{
    struct arena a;
    struct view v = { 0 };
    alignas(max_align_t) char loan[64];
    arena_init(&a, 1000);
    arena_lend(&a, loan, sizeof loan);
    T_CHECK(arena_alloc(&a, 64) == (void *) loan);
    T_EQ(a.used, 0);
    T_CHECK(arena_view(&a, VIEW("copied"), &v));
    T_VIEW(v, "copied");
    T_EQ(v.p[v.n], 0);
    T_CHECK(a.used > 0);
out:
    arena_fini(&a);
}

T_MAIN(T(test_gives_zeroed_aligned_memory_until_its_maximum), T(test_a_loan_comes_first_and_is_not_freed))
