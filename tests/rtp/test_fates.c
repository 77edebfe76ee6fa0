#include "rtp/fates.h"

#include "support/t.h"

static void test_the_best_that_is_told_counts(struct t *t)
{
    struct fates f = { 0 };
    fates_tell(&f, 65534, FATE_PLAYED);
    fates_tell(&f, 3, FATE_PLAYED); /* 65535 and 0 to 2 are missing so far */
    fates_tell(&f, 0, FATE_RED);
    fates_tell(&f, 0, FATE_LATE); /* the copy was played */
    fates_tell(&f, 1, FATE_LATE);
    fates_tell(&f, 2, FATE_PLAYED); /* only out of order */
    fates_tell(&f, 65533, FATE_PLAYED);
    fates_judge(&f, 2);
    T_EQ(f.judged, 4);
    fates_tell(&f, 1, FATE_PLAYED); /* too late to change anything */
    fates_judge(&f, 0);
    T_EQ(f.judged, 6);
    T_EQ(f.missing, 3);
    T_EQ(f.late, 1);
    T_EQ(f.red, 1);
    T_EQ(f.bursts.losses, 1);
    T_EQ(f.bursts.discards, 1);
    T_EQ(f.bursts.runs, 2); /* the copy stands between them */
    T_NEAR(fates_impaired(&f), 2.0 / 6, 1e-9);
out:
    return;
}

static void test_what_is_made_good_counts_little(struct t *t)
{
    struct fates f = { 0 };
    T_NEAR(fates_impaired(&f), 0, 0);
    for (uint16_t seq = 0; seq < 1000; seq++)
        if (seq % 10 != 5)
            fates_tell(&f, seq, FATE_PLAYED);
        else if (seq > 10)
            fates_tell(&f, (uint16_t) (seq - 10), seq % 20 == 5 ? FATE_FEC : FATE_DRED);
    fates_tell(&f, 1020, FATE_FEC); /* of the future: nothing is known of it */
    fates_judge(&f, 0);
    T_EQ(f.judged, 1000);
    T_EQ(f.missing, 100);
    T_EQ(f.fec + f.dred, 99);
    T_EQ(f.bursts.losses, 1);
    T_NEAR(fates_impaired(&f), (1 + 0.1 * (double) f.fec + 0.25 * (double) f.dred) / 1000, 1e-9);
out:
    return;
}

static void test_a_leap_begins_anew(struct t *t)
{
    struct fates f = { 0 };
    for (uint16_t seq = 0; seq < 100; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    for (uint16_t seq = 30000; seq < 30010; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    fates_judge(&f, 0);
    T_EQ(f.judged, 110);
    T_EQ(f.missing, 0);
    for (unsigned i = 1; i < 20000; i++) /* much more than the window, judged as it goes */
        fates_tell(&f, (uint16_t) (30009 + i), i % 4 > 0 ? FATE_PLAYED : FATE_LOST);
    fates_judge(&f, 0);
    T_NEAR(f.judged, 110 + 19999, 0);
    T_NEAR(f.missing, 4999, 0);
out:
    return;
}

/* An outage is lost packets, however long it lasts, as long as the stream's own numbers go on behind it. */
static void test_an_outage_beyond_the_window_is_lost(struct t *t)
{
    struct fates f = { 0 };
    for (uint16_t seq = 0; seq < 100; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    for (uint16_t seq = 1600; seq < 1700; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    fates_judge(&f, 0);
    T_EQ(f.judged, 1700);
    T_EQ(f.missing, 1500);
    T_EQ(f.bursts.runs, 1);
    T_NEAR(fates_impaired(&f), 1500.0 / 1700, 1e-9);
out:
    return;
}

/* Half of all new streams begin with a number that is behind the old one's, as far as 16 bits tell. */
static void test_another_stream_begins_with_any_number(struct t *t)
{
    struct fates f = { 0 };
    for (uint16_t seq = 40000; seq < 40020; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    fates_restart(&f);
    T_EQ(f.judged, 20);
    for (uint16_t seq = 30000; seq < 30020; seq++)
        fates_tell(&f, seq, FATE_PLAYED);
    fates_judge(&f, 0);
    T_EQ(f.judged, 40);
    T_EQ(f.missing, 0);
out:
    return;
}

T_MAIN(T(test_the_best_that_is_told_counts), T(test_what_is_made_good_counts_little), T(test_a_leap_begins_anew),
       T(test_an_outage_beyond_the_window_is_lost), T(test_another_stream_begins_with_any_number))
