/* A sender's clock against ours: found under jitter, not taken out of a network whose delay jumps. */
#include "rtp/drift.h"

#include "base/rng.h"
#include "support/t.h"

/* Packets of 20 ms for `seconds` from a clock off by `ppm`; the network's delay grows by step_us at half time. */
static void feed(struct drift *d, double ppm, int64_t jitter_us, int64_t step_us, int seconds, int64_t from_us)
{
    struct rng rng;
    rng_init_u64(&rng, 5);
    int64_t last = 0;
    for (int i = 0; i < seconds * 50; i++) {
        int64_t sent = from_us + (int64_t) ((double) i * 20000 * (1 - ppm * 1e-6));
        int64_t at = sent + (jitter_us > 0 ? rng_below(&rng, (uint32_t) jitter_us) : 0);
        if (i > seconds * 25)
            at += step_us;
        last = AHOY_MAX(last, at); /* they are told in order of arrival: near enough */
        drift_put(d, at - (int64_t) i * 20000, last);
    }
}

static void test_it_is_found_under_jitter(struct t *t)
{
    static const double ppms[] = { 200, -200, 500, -37 };
    static const int64_t jitters[] = { 0, 20000, 100000 };
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++)
        for (size_t k = 0; k < AHOY_COUNT(jitters); k++) {
            struct drift d = { 0 };
            double ppm = 0;
            feed(&d, ppms[i], jitters[k], 0, 180, 1000000);
            T_CHECK(drift_ppm(&d, &ppm) || (k == 2 && i == 3)); /* 6 ms in three minutes under 100 ms of jitter */
            if (drift_ppm(&d, &ppm))
                T_CHECK(ppm > ppms[i] - 25 && ppm < ppms[i] + 25);
        }
out:
    return;
}

static void test_it_is_not_told_before_it_is_certain(struct t *t)
{
    struct drift d = { 0 };
    double ppm = 7;
    T_CHECK(!drift_ppm(&d, &ppm));
    feed(&d, 200, 0, 0, 20, 1000000);
    T_CHECK(!drift_ppm(&d, &ppm));
    T_CHECK(ppm > 6.9 && ppm < 7.1);
    feed(&d, 200, 0, 0, 40, 21000000);
    drift_reset(&d);
    T_CHECK(!drift_ppm(&d, &ppm));
out:
    return;
}

static void test_a_delay_that_jumps_and_a_network_without_drift_are_none(struct t *t)
{
    static const int64_t steps[] = { 0, 20000, -20000, 150000 };
    for (size_t i = 0; i < AHOY_COUNT(steps); i++) {
        struct drift d = { 0 };
        double ppm = 0;
        feed(&d, 0, 30000, steps[i], 120, 1000000);
        T_CHECK(!drift_ppm(&d, &ppm) || (ppm > -10 && ppm < 10));
    }
out:
    return;
}

static void test_a_long_silence_begins_anew(struct t *t)
{
    struct drift d = { 0 };
    double ppm;
    feed(&d, 300, 5000, 0, 60, 1000000);
    T_CHECK(drift_ppm(&d, &ppm));
    drift_put(&d, 0, 1000000000);
    T_CHECK(!drift_ppm(&d, &ppm));
    drift_put(&d, 0, 900000000); /* nor does time that goes back do harm */
    T_CHECK(!drift_ppm(&d, &ppm));
out:
    return;
}

T_MAIN(T(test_it_is_found_under_jitter), T(test_it_is_not_told_before_it_is_certain),
       T(test_a_delay_that_jumps_and_a_network_without_drift_are_none), T(test_a_long_silence_begins_anew))
