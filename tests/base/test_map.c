#include "base/map.h"

#include "support/t.h"

#include <stdio.h>

struct item {
    struct map_node node;
    char key[16];
    int value;
};

static const uint8_t seed[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* SipHash-2-4's published vector for the input 00 01 … 0e with the key 00 … 0f. */
static void test_hash_matches_the_published_vector(struct t *t)
{
    uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    char in[15];
    for (int i = 0; i < 15; i++)
        in[i] = (char) i;
    T_CHECK(map_hash(key, view_of(in, sizeof in)) == 0xa129ca6149be45e5u);
out:
    return;
}

static void test_holds_many_and_forgets_what_is_removed(struct t *t)
{
    enum { N = 500 };
    struct map m;
    static struct item item[N];
    memset(item, 0, sizeof item);
    map_init(&m, seed);
    for (int i = 0; i < N; i++) {
        snprintf(item[i].key, sizeof item[i].key, "key-%d", i);
        item[i].value = i;
        T_OK(map_put(&m, view_str(item[i].key), &item[i].node));
    }
    T_EQ(m.count, N);
    for (int i = 0; i < N; i += 2)
        map_remove(&m, &item[i].node);
    for (int i = 0; i < N; i++) {
        struct map_node *k = map_get(&m, view_str(item[i].key));
        T_EQ(k != NULL, i % 2);
        if (k)
            T_EQ(MAP_ENTRY(k, struct item, node)->value, i);
    }
    size_t seen = 0;
    for (struct map_node *k = map_each(&m, NULL); k; k = map_each(&m, k))
        seen++;
    T_EQ(seen, N / 2);
    map_remove(&m, &item[0].node); /* in no map any more: ignored */
    T_EQ(m.count, N / 2);
    while (map_take(&m))
        seen--;
    T_EQ(seen, 0);
out:
    map_fini(&m);
}

static void test_finds_the_newest_of_equal_keys_first_also_after_growth(struct t *t)
{
    struct map m;
    struct item twin[3] = { { .value = 0 }, { .value = 1 }, { .value = 2 } };
    static struct item other[200];
    memset(other, 0, sizeof other);
    map_init(&m, seed);
    for (int i = 0; i < 3; i++)
        T_OK(map_put(&m, VIEW("twin"), &twin[i].node));
    for (int i = 0; i < 200; i++) {
        snprintf(other[i].key, sizeof other[i].key, "%d", i);
        T_OK(map_put(&m, view_str(other[i].key), &other[i].node));
    }
    struct map_node *k = map_get(&m, VIEW("twin"));
    for (int want = 2; want >= 0; want--, k = map_get_next(k)) {
        T_CHECK(k != NULL);
        T_EQ(MAP_ENTRY(k, struct item, node)->value, want);
    }
    T_CHECK(k == NULL);
out:
    map_fini(&m);
}

T_MAIN(T(test_hash_matches_the_published_vector), T(test_holds_many_and_forgets_what_is_removed),
       T(test_finds_the_newest_of_equal_keys_first_also_after_growth))
