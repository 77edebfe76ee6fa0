#include "audio/cng.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

static int16_t pcm[64000], made[64000];

static void test_noise_has_the_level_that_was_asked_for(struct t *t)
{
    for (int level = 20; level <= 70; level += 10) {
        struct cng c;
        uint8_t p[1] = { (uint8_t) level };
        cng_init(&c, 1, 8000);
        cng_run(&c, made, 800);
        T_EQ(mix_level_dbfs(made, 800), MIX_SILENCE_DBFS);
        T_OK(cng_set(&c, p, 1));
        cng_run(&c, made, 8000);
        T_NEAR(mix_level_dbfs(made + 4000, 4000), -level, 1);
        cng_set_level(&c, -level - 6);
        cng_run(&c, made, 8000);
        T_NEAR(mix_level_dbfs(made + 4000, 4000), -level - 6, 1);
    }
out:
    return;
}

/* Power below and above 1 kHz by a one-pole split, as a difference in dB. */
static double tilt_db(const int16_t *x, size_t n)
{
    double low = 0, p_low = 1, p_high = 1;
    for (size_t i = 0; i < n; i++) {
        low += 0.5 * (x[i] - low);
        p_low += low * low;
        p_high += (x[i] - low) * (x[i] - low);
    }
    return 10 * log10(p_low / p_high);
}

static void test_a_description_brings_back_level_and_colour(struct t *t)
{
    static const double poles[] = { 0.9, 0.5, 0, -0.6 };
    for (size_t k = 0; k < AHOY_COUNT(poles); k++) {
        struct cng c;
        uint8_t p[CNG_MAX_BYTES];
        sound_noise(pcm, 64000, 3, -40);
        double y = 0;
        for (size_t i = 0; i < 64000; i++) {
            y = poles[k] * y + pcm[i];
            pcm[i] = (int16_t) y;
        }
        T_EQ(cng_describe(pcm, 64000, 10, p), 11);
        cng_init(&c, 9, 8000);
        T_OK(cng_set(&c, p, 11));
        cng_run(&c, made, 64000);
        T_NEAR(mix_level_dbfs(made + 8000, 56000), mix_level_dbfs(pcm, 64000), 1);
        T_NEAR(tilt_db(made + 8000, 56000), tilt_db(pcm, 64000), 1);
    }
out:
    return;
}

static void test_any_description_is_stable(struct t *t)
{
    struct rng r;
    rng_init_u64(&r, 2);
    for (int k = 0; k < 300; k++) {
        struct cng c;
        uint8_t p[40];
        size_t n = rng_below(&r, sizeof p);
        rng_bytes(&r, p, sizeof p);
        if (k % 3 == 0)
            memset(p + 1, k % 2 ? 255 : 0, sizeof p - 1);
        p[0] |= 30;
        cng_init(&c, (uint64_t) k, 8000);
        enum ahoy_err err = cng_set(&c, p, n);
        T_EQ(err, n == 0 ? AHOY_ERR_FORMAT : AHOY_OK);
        cng_run(&c, made, 2000);
        for (size_t i = 0; i < CNG_MAX_ORDER; i++)
            T_CHECK(fabs((double) c.back[i]) < 1e6);
    }
    T_EQ(cng_describe(made, 0, 4, (uint8_t[CNG_MAX_BYTES]){ 0 }), 5);
    memset(pcm, 0, sizeof pcm);
    uint8_t p[CNG_MAX_BYTES];
    T_EQ(cng_describe(pcm, 160, 0, p), 1);
    T_EQ(p[0], 127);
out:
    return;
}

/* Filters that change abruptly between their extremes: what rings on is bounded, ends, and noise can be heard again. */
static void test_no_description_stops_the_noise_for_ever(struct t *t)
{
    struct cng c;
    uint8_t p[CNG_MAX_BYTES];
    cng_init(&c, 1, 8000);
    for (unsigned i = 0; i < 400; i++) {
        p[0] = 0; /* as loud as can be */
        for (unsigned k = 1; k < CNG_MAX_BYTES; k++)
            p[k] = (i * 7 + k * (i / 3)) % 3 == 0 ? 0 : (i + k) % 2 ? 254 : 127;
        T_OK(cng_set(&c, p, i % 5 == 0 ? 1 : CNG_MAX_BYTES));
        cng_run(&c, made, 160);
    }
    p[0] = 30;
    T_OK(cng_set(&c, p, 1));
    cng_run(&c, made, 64000);
    T_NEAR(mix_level_dbfs(made + 60000, 4000), -30, 1);
    for (unsigned k = 1; k < CNG_MAX_BYTES; k++)
        p[k] = 127;
    T_OK(cng_set(&c, p, CNG_MAX_BYTES));
    cng_run(&c, made, 64000);
    T_NEAR(mix_level_dbfs(made + 60000, 4000), -30, 1);
out:
    return;
}

T_MAIN(T(test_noise_has_the_level_that_was_asked_for), T(test_a_description_brings_back_level_and_colour),
       T(test_any_description_is_stable), T(test_no_description_stops_the_noise_for_ever))
