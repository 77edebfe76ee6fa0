#include "rtp/misclock.h"

#include "support/t.h"

static struct rtp_packet packet(uint16_t seq, uint32_t timestamp)
{
    return (struct rtp_packet){ .ssrc = 7, .seq = seq, .timestamp = timestamp };
}

/* Both clocks wrap on the way; what is out of order and what is no sound has its place, too. */
static void test_a_doubled_clock_is_halved(struct t *t)
{
    struct misclock m = { 0 };
    uint32_t right = 0, found = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        struct rtp_packet p = packet((uint16_t) (65000 + i), 0xffff0000 + 320 * i);
        bool now = misclock_map(&m, &p, 160, 20000 * (int64_t) i);
        found += now;
        if (i > 20)
            T_EQ(p.timestamp, right + 160);
        right = p.timestamp;
    }
    T_EQ(found, 1);
    struct rtp_packet old = packet((uint16_t) (65000 + 99998), 0xffff0000 + 320 * 99998u);
    T_CHECK(!misclock_map(&m, &old, 160, INT64_C(2000000000)));
    T_EQ(old.timestamp, right - 160);
    struct rtp_packet key = packet((uint16_t) (65000 + 100000), 0xffff0000 + 320 * 100000u);
    T_CHECK(!misclock_map(&m, &key, 0, INT64_C(2000000000)));
    T_EQ(key.timestamp, right + 160);
    struct rtp_packet other = { .ssrc = 8, .seq = 1, .timestamp = 5 };
    T_CHECK(!misclock_map(&m, &other, 160, INT64_C(2000000000)));
    T_EQ(other.timestamp, 5);
out:
    return;
}

/* The agreed clock stays as it is, whatever is lost, and when each second frame is paused. */
static void test_the_agreed_clock_is_left_alone(struct t *t)
{
    struct misclock m = { 0 };
    for (uint32_t i = 0; i < 5000; i++) {
        struct rtp_packet p = packet((uint16_t) i, 160 * i);
        if (i % 3 > 0)
            T_CHECK(!misclock_map(&m, &p, i % 50 ? 160 : 0, 20000 * (int64_t) i));
        T_EQ(p.timestamp, 160 * i);
    }
    for (uint32_t i = 0; i < 100; i++) {
        struct rtp_packet p = packet((uint16_t) (5000 + i), 160 * 5000 + 320 * i);
        T_CHECK(!misclock_map(&m, &p, 160, 20000 * 5000 + 40000 * (int64_t) i));
        T_EQ(p.timestamp, 160 * 5000 + 320 * i);
    }
out:
    return;
}

/* A gateway that hands the call on to another machine may change it in the middle. */
static void test_a_clock_that_becomes_right_is_believed(struct t *t)
{
    struct misclock m = { 0 };
    uint32_t sent = 0, right = 0, found = 0;
    for (uint32_t i = 0; i < 100; i++) {
        sent += i < 50 ? 320 : 160;
        struct rtp_packet p = packet((uint16_t) i, sent);
        found += misclock_map(&m, &p, 160, 20000 * (int64_t) i);
        if (i > 70)
            T_EQ(p.timestamp, right + 160);
        right = p.timestamp;
    }
    T_EQ(found, 2);
out:
    return;
}

/* G.722 for a while, then PCMU, whose clock is what it is; digits in between count with the clock around them. */
static void test_another_codec_brings_its_own_clock(struct t *t)
{
    struct misclock m = { 0 };
    uint32_t sent = 0, right = 0, found = 0;
    for (uint32_t i = 0; i < 100; i++) {
        bool pcmu = i >= 50;
        sent += pcmu ? 160 : 320;
        struct rtp_packet p = packet((uint16_t) i, sent);
        if (pcmu)
            misclock_trust(&m);
        found += misclock_map(&m, &p, pcmu || i == 40 ? 0 : 160, 20000 * (int64_t) i);
        if (i > 20)
            T_EQ(p.timestamp, right + 160);
        right = p.timestamp;
    }
    T_EQ(found, 1);
out:
    return;
}

T_MAIN(T(test_a_doubled_clock_is_halved), T(test_the_agreed_clock_is_left_alone),
       T(test_a_clock_that_becomes_right_is_believed), T(test_another_codec_brings_its_own_clock))
