#include "base/heap.h"

#include "base/rng.h"
#include "support/t.h"

enum { N = 400, STEPS = 20000 };

struct item {
    struct heap_node node;
    int64_t key;
    uint64_t born;
};

/* The naive model: looks at all. */
static struct item *least(struct item *item)
{
    struct item *best = NULL;
    for (int i = 0; i < N; i++)
        if (item[i].node.linked
            && (!best || item[i].key < best->key || (item[i].key == best->key && item[i].born < best->born)))
            best = &item[i];
    return best;
}

static void test_agrees_with_a_naive_model(struct t *t)
{
    static struct item item[N];
    struct heap h;
    struct rng rng;
    size_t count = 0;
    memset(item, 0, sizeof item);
    heap_init(&h);
    rng_init_u64(&rng, 8);
    for (uint64_t step = 0; step < STEPS; step++) {
        struct item *k = &item[rng_below(&rng, N)];
        if (rng_below(&rng, 8) == 0 && h.root)
            k = AHOY_CONTAINER_OF(heap_min(&h), struct item, node);
        if (k->node.linked) {
            heap_remove(&h, &k->node);
            count--;
        } else {
            k->key = (int64_t) rng_below(&rng, 50) - 25; /* many ties */
            k->born = step;
            heap_insert(&h, &k->node, k->key);
            count++;
        }
        struct item *want = least(item);
        T_CHECK(heap_min(&h) == (want ? &want->node : NULL));
        T_EQ(h.count, count);
    }
    while (heap_min(&h)) {
        struct item *want = least(item);
        T_CHECK(heap_min(&h) == &want->node);
        heap_remove(&h, &want->node);
        heap_remove(&h, &want->node); /* in no heap: ignored */
    }
out:
    return;
}

static void test_sorts_many_in_little_time(struct t *t)
{
    enum { MANY = 200000 };
    static struct heap_node node[MANY];
    struct heap h;
    int64_t last = INT64_MIN;
    memset(node, 0, sizeof node);
    heap_init(&h);
    for (int i = 0; i < MANY; i++)
        heap_insert(&h, &node[i], (int64_t) i * 7919 % MANY);
    for (struct heap_node *k; (k = heap_min(&h)); heap_remove(&h, k)) {
        T_CHECK(k->key >= last);
        last = k->key;
    }
    T_EQ(last, MANY - 1);
out:
    return;
}

T_MAIN(T(test_agrees_with_a_naive_model), T(test_sorts_many_in_little_time))
