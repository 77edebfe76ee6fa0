#include "base/list.h"

#include "support/t.h"

struct item {
    struct list_link link;
    int value;
};

static int sum_in_order(struct list *l)
{
    int sum = 0;
    LIST_EACH(k, l)
        sum = sum * 10 + LIST_ENTRY(k, struct item, link)->value;
    return sum;
}

static void test_keeps_order_and_lets_go(struct t *t)
{
    struct list l;
    struct item item[5] = { { .value = 1 }, { .value = 2 }, { .value = 3 }, { .value = 4 }, { .value = 5 } };
    list_init(&l);
    T_CHECK(list_empty(&l) && !list_first(&l) && !list_last(&l) && !list_pop_front(&l));
    list_push_back(&l, &item[1].link);
    list_push_back(&l, &item[3].link);
    list_push_front(&l, &item[0].link);
    list_insert_before(&item[3].link, &item[2].link);
    list_push_back(&l, &item[4].link);
    T_EQ(sum_in_order(&l), 12345);
    T_CHECK(list_first(&l) == &item[0].link && list_last(&l) == &item[4].link);
    T_CHECK(list_next(&l, &item[4].link) == NULL && list_next(&l, &item[0].link) == &item[1].link);
    LIST_EACH(k, &l)
        if (LIST_ENTRY(k, struct item, link)->value % 2 == 0)
            list_remove(k);
    T_EQ(sum_in_order(&l), 135);
    T_CHECK(!list_linked(&item[1].link) && list_linked(&item[0].link));
    list_remove(&item[1].link); /* in no list: ignored */
    T_CHECK(list_pop_front(&l) == &item[0].link);
    T_EQ(sum_in_order(&l), 35);
out:
    return;
}

T_MAIN(T(test_keeps_order_and_lets_go))
