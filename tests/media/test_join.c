#include "media/join.h"

#include "support/t.h"

static unsigned feed(struct join *j, int64_t lead_us, int n)
{
    unsigned joined = 0;
    for (int i = 0; i < n; i++)
        joined += join_arrival(j, lead_us);
    return joined;
}

static void test_regular_arrivals_are_joined_after_half_a_second(struct t *t)
{
    struct join j = { 0 };
    T_EQ(feed(&j, 7000, 26), 0); /* the first one only tells what is usual */
    T_EQ(feed(&j, 7000, 100), 100);
    T_EQ(feed(&j, 8500, 10), 10);
out:;
}

static void test_the_usual_may_move_slowly(struct t *t)
{
    struct join j = { 0 };
    (void) feed(&j, 5000, 50);
    for (int64_t lead = 5000; lead < 20000; lead += 100)
        T_CHECK(join_arrival(&j, lead));
    T_NEAR((double) j.lead_us, 19900, 1500);
out:;
}

static void test_jitter_is_not_joined(struct t *t)
{
    struct join j = { 0 };
    unsigned joined = 0;
    for (int i = 0; i < 500; i++)
        joined += join_arrival(&j, 2000 + i * 7919 % 11000);
    T_EQ(joined, 0);
out:;
}

static void test_a_late_packet_now_and_then_changes_nothing(struct t *t)
{
    struct join j = { 0 };
    (void) feed(&j, 9000, 60);
    for (int i = 0; i < 200; i++)
        T_CHECK(join_arrival(&j, i % 10 == 0 ? 3000 : 9000));
    T_LE(feed(&j, 1000, 20), 5); /* all of them late: no longer */
    T_EQ(feed(&j, 9000, 10), 0);
out:;
}

static void test_what_is_due_long_after_or_was_due_is_left_to_the_clock(struct t *t)
{
    struct join j = { 0 };
    T_EQ(feed(&j, 26000, 100) + feed(&j, 0, 100) + feed(&j, -5000, 100), 0);
    (void) feed(&j, 9000, 60);
    T_CHECK(!join_arrival(&j, 26000));
    T_CHECK(!join_arrival(&j, -1));
    T_CHECK(join_arrival(&j, 9000));
out:;
}

T_MAIN(T(test_regular_arrivals_are_joined_after_half_a_second), T(test_the_usual_may_move_slowly),
       T(test_jitter_is_not_joined), T(test_a_late_packet_now_and_then_changes_nothing),
       T(test_what_is_due_long_after_or_was_due_is_left_to_the_clock))
