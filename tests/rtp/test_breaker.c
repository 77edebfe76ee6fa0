#include "rtp/breaker.h"

#include "support/t.h"

/* A call of 20 ms frames on 64 kbit/s. */
static struct breaker_report report_of(double fraction, uint32_t ext_seq, int64_t round_ms)
{
    return (struct breaker_report){ .fraction = fraction,
                                    .ext_seq = ext_seq,
                                    .round_us = round_ms * 1000,
                                    .packet_bytes = 160,
                                    .bytes_s = 8000,
                                    .frame_us = 20000 };
}

/* Reports each second; the second in which it triggered, 0: it did not. */
static int triggers(struct breaker *b, double fraction, int64_t round_ms, int seconds)
{
    for (int s = 1; s <= seconds; s++) {
        struct breaker_report r = report_of(fraction, (uint32_t) s * 50, round_ms);
        breaker_report(b, &r, (int64_t) s * 1000000);
        if (b->why != BREAKER_CLOSED)
            return s;
    }
    return 0;
}

static void test_loss_alone_on_a_quick_path_is_borne(struct t *t)
{
    struct breaker b;
    breaker_init(&b, 0);
    T_EQ(triggers(&b, 0.3, 20, 60), 0);
    breaker_init(&b, 0);
    T_EQ(triggers(&b, 0, 2000, 60), 0);
    breaker_init(&b, 0);
    T_EQ(triggers(&b, 0.05, 400, 60), 0);
out:
    return;
}

static void test_a_congested_path_opens_it(struct t *t)
{
    struct breaker b;
    breaker_init(&b, 0);
    int s = triggers(&b, 0.4, 800, 60);
    T_EQ(b.why, BREAKER_CONGESTION);
    T_LE(8, s); /* ten round trips */
    T_LE(s, 10);
    T_CHECK(!breaker_retry(&b, 0, 29000000 + (int64_t) s * 1000000));
    T_CHECK(breaker_retry(&b, 0, 30000000 + (int64_t) s * 1000000));
    T_EQ(b.why, BREAKER_CLOSED);
out:
    return;
}

static void test_packets_that_never_arrive_open_it(struct t *t)
{
    struct breaker b;
    breaker_init(&b, 0);
    for (int s = 1; s <= 5; s++) {
        struct breaker_report r = report_of(0, 77, 20);
        breaker_report(&b, &r, (int64_t) s * 1000000);
        T_EQ(b.why, BREAKER_CLOSED);
    }
    struct breaker_report r = report_of(0, 78, 20); /* one did */
    breaker_report(&b, &r, 6000000);
    for (int i = 1; i <= 30 && b.why == BREAKER_CLOSED; i++) /* ten reports a second: a second counts once */
        breaker_report(&b, &r, 6000000 + i * 100000);
    T_EQ(b.why, BREAKER_CLOSED);
    for (int s = 10; s <= 12; s++)
        breaker_report(&b, &r, (int64_t) s * 1000000);
    T_EQ(b.why, BREAKER_MEDIA);
    T_CHECK(!breaker_retry(&b, 0, b.opened_us + 4900000)); /* a broken path is not harmed by trying, so that is soon */
    T_CHECK(breaker_retry(&b, 0, b.opened_us + 5000000));
out:
    return;
}

static void test_a_peer_that_falls_silent_opens_it_if_it_ever_reported(struct t *t)
{
    struct breaker b;
    breaker_init(&b, 0);
    breaker_tick(&b, 0, 60000000);
    T_EQ(b.why, BREAKER_CLOSED); /* it may not know RTCP */
    struct breaker_report r = report_of(0, 50, 20);
    breaker_report(&b, &r, 60000000);
    breaker_tick(&b, 70000000, 80000000);
    T_EQ(b.why, BREAKER_CLOSED); /* it is heard */
    breaker_tick(&b, 70000000, 85000000);
    T_EQ(b.why, BREAKER_RTCP);
    T_CHECK(!breaker_retry(&b, 70000000, 85000000 + 14900000)); /* as long as it took to find out */
    struct breaker other = b;
    T_CHECK(breaker_retry(&other, 70000000, 85000000 + 15000000));
    T_CHECK(breaker_retry(&b, 87000000, 87100000)); /* it is there again */
    T_EQ(b.why, BREAKER_CLOSED);
out:
    return;
}

static void test_who_reports_seldom_is_not_tried_often(struct t *t)
{
    struct breaker b;
    breaker_init(&b, 0);
    for (int s = 5; s <= 30; s += 5) {
        struct breaker_report r = report_of(0, 77, 20);
        breaker_report(&b, &r, (int64_t) s * 1000000);
    }
    T_EQ(b.why, BREAKER_MEDIA);
    T_CHECK(!breaker_retry(&b, 0, b.opened_us + 24900000)); /* five reports took 25 s */
    T_CHECK(breaker_retry(&b, 0, b.opened_us + 25000000));
out:
    return;
}

T_MAIN(T(test_loss_alone_on_a_quick_path_is_borne), T(test_a_congested_path_opens_it),
       T(test_packets_that_never_arrive_open_it), T(test_a_peer_that_falls_silent_opens_it_if_it_ever_reported),
       T(test_who_reports_seldom_is_not_tried_often))
