/* What the delay is measured by, where a whole jitter buffer's tests do not reach. */
#include "rtp/jitter_priv.h"
#include "support/t.h"

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

T_MAIN(T(test_a_stall_behind_a_long_pause_leaves_the_target))
