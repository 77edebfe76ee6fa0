/* What the delay is measured by, where a whole jitter buffer's tests do not reach. */
#include "rtp/jitter_priv.h"
#include "support/t.h"

enum { SECOND = 1000000 };

/* After so long a pause nothing else is in the window than what begins a stall, and that is not measured by. */
static void test_a_stall_behind_a_long_pause_leaves_the_target(struct t *t)
{
    struct jitter_config cfg = { .start_delay_us = 40000, .max_delay_us = 400000 };
    struct delay d;
    bool restarted;
    delay_init(&d, &cfg);
    (void) delay_add(&d, 1000000, 1000000, &restarted);
    T_CHECK(restarted);
    int64_t target_us = d.target_us;
    T_EQ(delay_add(&d, 1000000 + 400000, 12000000, &restarted), 400000);
    T_CHECK(!restarted && d.in_spike);
    T_EQ(d.target_us, target_us);
out:
    return;
}

/* Packets of 10 ms for a while, each 50th late by `late_us`, all else by up to `other_us`. */
static void feed(struct delay *d, int64_t *now_us, int seconds, int64_t late_us, int64_t other_us)
{
    bool restarted;
    for (int i = 0; i < 100 * seconds; i++, *now_us += 10000) {
        int64_t us = i % 50 == 49 ? late_us : i * 7 % 11 * other_us / 10;
        (void) delay_add(d, us, *now_us + us, &restarted);
    }
}

/* As long as it is known it makes all others look late; what was enough then is no more than enough afterwards. */
static void test_an_early_first_packet_leaves_no_delay(struct t *t)
{
    struct jitter_config cfg = jitter_config_default(48000);
    struct delay d;
    bool restarted;
    int64_t now_us = SECOND, first_us, early_us = 8000;
    delay_init(&d, &cfg);
    (void) delay_add(&d, -early_us, now_us - 10000 - early_us, &restarted);
    feed(&d, &now_us, 4, 12000, 1000);
    first_us = d.target_us;
    T_LE(early_us + 12000, first_us);
    feed(&d, &now_us, 8, 12000, 1000);
    T_LE(d.target_us, first_us - early_us + 100);
    T_LE(12000, d.target_us);
out:
    return;
}

static void test_short_delays_have_a_short_target(struct t *t)
{
    struct jitter_config cfg = jitter_config_default(48000);
    struct delay d;
    int64_t now_us = SECOND;
    delay_init(&d, &cfg);
    feed(&d, &now_us, 3, 4400, 3000);
    T_LE(d.target_us, 4400 + 2100);
    T_LE(4400, d.target_us);
    feed(&d, &now_us, 2, 9000, 3000); /* and one that was longer for a while */
    T_LE(9000, d.target_us);
    feed(&d, &now_us, 12, 4400, 3000);
    T_LE(d.target_us, 4400 + 2100);
out:
    return;
}

T_MAIN(T(test_a_stall_behind_a_long_pause_leaves_the_target), T(test_an_early_first_packet_leaves_no_delay),
       T(test_short_delays_have_a_short_target))
