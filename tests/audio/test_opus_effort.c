#include "audio/opus_effort.h"

#include "support/t.h"

/* `frames` of 20 ms at a rate. */
static enum opus_effort after(struct opus_rate *r, unsigned bps, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++)
        (void) opus_rate_follow(r, bps / 400, 960);
    return r->effort;
}

static void test_the_less_was_spent_the_more_is_enhanced(struct t *t)
{
    static const struct {
        unsigned bps;
        enum opus_effort effort;
    } c[] = { { 6000, OPUS_BEST },     { 15000, OPUS_BEST },    { 20000, OPUS_ENHANCE }, { 28000, OPUS_ENHANCE },
              { 32000, OPUS_ENHANCE }, { 36000, OPUS_CONCEAL }, { 64000, OPUS_CONCEAL } };
    for (size_t i = 0; i < AHOY_COUNT(c); i++) {
        struct opus_rate r;
        opus_rate_init(&r);
        T_EQ(r.effort, OPUS_ENHANCE);
        T_EQ(after(&r, c[i].bps, 500), c[i].effort);
    }
out:
    return;
}

static void test_a_rate_between_two_changes_nothing(struct t *t)
{
    struct opus_rate r;
    opus_rate_init(&r);
    T_EQ(after(&r, 36000, 500), OPUS_CONCEAL);
    T_EQ(after(&r, 32500, 2000), OPUS_CONCEAL);
    T_EQ(after(&r, 29000, 500), OPUS_ENHANCE);
    T_EQ(after(&r, 32500, 2000), OPUS_ENHANCE);
    T_EQ(after(&r, 16000, 500), OPUS_BEST);
    T_EQ(after(&r, 19500, 2000), OPUS_BEST);
    T_EQ(after(&r, 23000, 500), OPUS_ENHANCE);
out:
    return;
}

static void test_pauses_do_not_make_a_rich_stream_a_poor_one(struct t *t)
{
    struct opus_rate r;
    opus_rate_init(&r);
    for (int turn = 0; turn < 20; turn++) {
        T_EQ(after(&r, 38000, 100), OPUS_CONCEAL);
        T_EQ(after(&r, 9000, 60), OPUS_CONCEAL);
    }
    T_EQ(after(&r, 15000, 400), OPUS_BEST); /* but it has become one, too */
out:
    return;
}

static void test_a_change_is_told_once_and_no_size_does_harm(struct t *t)
{
    struct opus_rate r;
    unsigned told = 0;
    opus_rate_init(&r);
    for (int i = 0; i < 500; i++)
        told += opus_rate_follow(&r, 100, 960);
    T_EQ(told, 1);
    T_CHECK(opus_rate_follow(&r, SIZE_MAX / 8, 120) || r.effort == OPUS_CONCEAL);
    T_LE(r.bps, 510000u);
    T_EQ(after(&r, 0, 5000), OPUS_BEST);
out:
    return;
}

T_MAIN(T(test_the_less_was_spent_the_more_is_enhanced), T(test_a_rate_between_two_changes_nothing),
       T(test_pauses_do_not_make_a_rich_stream_a_poor_one), T(test_a_change_is_told_once_and_no_size_does_harm))
