#include "audio/clock.h"

#include "support/t.h"

/* A device that is `ppm` fast, whose stamps come every 10 ms, up to `jitter_us` late. */
static void feed(struct audio_clock *c, double ppm, uint32_t jitter_us, int seconds)
{
    struct rng {
        uint32_t x;
    } r = { 1 };
    for (int k = 0; k < seconds * 100; k++) {
        r.x = r.x * 1664525u + 1013904223u;
        int64_t late = jitter_us ? (r.x >> 8) % jitter_us : 0;
        audio_clock_put(c, 1000000 + (int64_t) (k * 10000 / (1 + ppm * 1e-6)) + late, (uint64_t) k * 480);
    }
}

static void test_drift_is_measured_through_jitter(struct t *t)
{
    static const double ppms[] = { -200, -15, 0, 80, 1000 };
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++) {
        struct audio_clock c;
        double ppm = 1e9;
        audio_clock_init(&c, 48000);
        feed(&c, ppms[i], 0, 20);
        T_CHECK(audio_clock_ppm(&c, &ppm));
        T_NEAR(ppm, ppms[i], 1);
        audio_clock_init(&c, 48000);
        feed(&c, ppms[i], 5000, 20);
        T_CHECK(audio_clock_ppm(&c, &ppm));
        T_NEAR(ppm, ppms[i], 15);
    }
out:
    return;
}

static void test_nothing_is_claimed_too_early_or_of_nonsense(struct t *t)
{
    struct audio_clock c;
    double ppm = 7;
    audio_clock_init(&c, 48000);
    T_CHECK(!audio_clock_ppm(&c, &ppm));
    feed(&c, 0, 0, 4);
    T_CHECK(!audio_clock_ppm(&c, &ppm));
    audio_clock_init(&c, 48000);
    feed(&c, 50000, 0, 20);
    T_CHECK(!audio_clock_ppm(&c, &ppm));
    T_EQ(ppm, 7);
out:
    return;
}

static void test_a_gap_or_a_step_back_starts_anew(struct t *t)
{
    struct audio_clock c;
    double ppm = 0;
    audio_clock_init(&c, 48000);
    feed(&c, 0, 0, 20);
    T_CHECK(audio_clock_ppm(&c, &ppm));
    audio_clock_put(&c, 100000000, 20 * 48000);
    T_CHECK(!audio_clock_ppm(&c, &ppm));
    T_EQ(c.n, 0);
    for (int k = 0; k < 700; k++)
        audio_clock_put(&c, 100300000 + k * 10000, (uint64_t) k * 480);
    T_CHECK(audio_clock_ppm(&c, &ppm));
    T_NEAR(ppm, 0, 1);
    audio_clock_put(&c, 107300000, 5); /* counted anew: the device was opened again */
    T_CHECK(!audio_clock_ppm(&c, &ppm));
out:
    return;
}

T_MAIN(T(test_drift_is_measured_through_jitter), T(test_nothing_is_claimed_too_early_or_of_nonsense),
       T(test_a_gap_or_a_step_back_starts_anew))
