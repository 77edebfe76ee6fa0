#include "media/load.h"

#include "support/t.h"

/* `seconds` of this share of the time, and this many of 100 ticks late; how often the level changed. */
static unsigned run(struct load *l, double share, unsigned late, int seconds)
{
    unsigned changes = 0;
    for (int i = 0; i < seconds; i++)
        changes += load_put(l, LOAD_PERIOD_US, (int64_t) (share * LOAD_PERIOD_US), 100, late);
    return changes;
}

static void test_with_time_enough_all_is_done(struct t *t)
{
    struct load l;
    load_init(&l);
    T_CHECK(l.share < 0);
    T_EQ(run(&l, 0.45, 0, 600), 0);
    T_EQ(l.level, 0);
    T_NEAR(l.share, 0.45, 0.001);
    T_EQ(load_effort(&l)->complexity, 9);
    T_CHECK(load_effort(&l)->dred && !load_effort(&l)->plain);
out:;
}

static void test_one_busy_second_is_borne_two_are_not(struct t *t)
{
    struct load l;
    load_init(&l);
    for (int i = 0; i < 20; i++)
        T_EQ(run(&l, 0.6, 0, 1) + run(&l, 0.4, 0, 1), 0);
    T_EQ(run(&l, 0.6, 0, 2), 1);
    T_EQ(l.level, 1);
    T_EQ(load_effort(&l)->complexity, 5);
    T_EQ(run(&l, 0.6, 0, 2), 1);
    T_EQ(l.level, 2);
    T_CHECK(!load_effort(&l)->dred);
    T_EQ(run(&l, 0.6, 0, 20), 1);
    T_EQ(l.level, 3);
    T_CHECK(load_effort(&l)->plain);
out:;
}

static void test_with_hardly_any_time_two_levels_go_at_once(struct t *t)
{
    struct load l;
    load_init(&l);
    T_EQ(run(&l, 0.9, 0, 1), 1);
    T_EQ(l.level, 2);
    T_EQ(run(&l, 0.9, 0, 1), 1);
    T_EQ(run(&l, 0.9, 0, 5), 0);
    T_EQ(l.level, 3);
out:;
}

static void test_late_ticks_are_a_want_of_time_whatever_took_it(struct t *t)
{
    struct load l;
    load_init(&l);
    T_EQ(run(&l, 0.1, 15, 2), 1);
    T_EQ(run(&l, 0.1, 40, 1), 1);
    T_EQ(l.level, 3);
    load_init(&l);
    T_CHECK(!load_put(&l, LOAD_PERIOD_US, 0, 5, 5)); /* of so few ticks nothing follows */
    T_CHECK(!load_put(&l, LOAD_PERIOD_US, 0, 5, 5));
    T_CHECK(!load_put(&l, 0, 5, 100, 100));
    T_EQ(l.level, 0);
out:;
}

static void test_effort_comes_back_slowly(struct t *t)
{
    struct load l;
    load_init(&l);
    (void) run(&l, 0.9, 0, 2);
    T_EQ(l.level, 3);
    T_EQ(run(&l, 0.1, 0, 9), 0);
    T_EQ(run(&l, 0.4, 0, 1), 0); /* neither room nor want: counted anew */
    T_EQ(run(&l, 0.1, 0, 9), 0);
    T_EQ(run(&l, 0.1, 0, 1), 1);
    T_EQ(l.level, 2);
    T_EQ(run(&l, 0.1, 0, 20), 2);
    T_EQ(l.level, 0);
    T_EQ(run(&l, 0.1, 0, 100), 0);
out:;
}

/* Work that fits at level 1 and not at level 0: after a while it is hardly ever tried. */
static void test_what_proved_too_much_is_tried_less_and_less(struct t *t)
{
    struct load l;
    unsigned changes = 0;
    load_init(&l);
    for (int i = 0; i < 3600; i++)
        changes += run(&l, l.level == 0 ? 0.6 : 0.25, 0, 1);
    T_LE(changes, 36); /* not 600 */
    T_LE(8, changes);
    T_EQ(run(&l, 0.1, 0, 330), l.level == 1 ? 1 : 0);
    T_EQ(run(&l, 0.1, 0, 61), 0);
    T_EQ(run(&l, 0.6, 0, 2), 1); /* it had proved right: back to ten seconds */
    T_EQ(run(&l, 0.1, 0, 10), 1);
out:;
}

T_MAIN(T(test_with_time_enough_all_is_done), T(test_one_busy_second_is_borne_two_are_not),
       T(test_with_hardly_any_time_two_levels_go_at_once), T(test_late_ticks_are_a_want_of_time_whatever_took_it),
       T(test_effort_comes_back_slowly), T(test_what_proved_too_much_is_tried_less_and_less))
