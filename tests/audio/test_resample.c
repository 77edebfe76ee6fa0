#include "audio/resample.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

enum { MOST = 48000 * 2 };

static const uint32_t rates[] = { 8000, 16000, 32000, 44100, 48000 };
static int16_t in[MOST], made[MOST * 7];

/* All of `in` in uneven pieces; returns the length. */
static size_t run_in_pieces(struct resample *r, size_t n)
{
    size_t out = 0;
    for (size_t at = 0, k = 0; at < n; k++) {
        size_t some = AHOY_MIN(n - at, 1 + k * 37 % 700);
        out += resample_run(r, in + at, some, made + out);
        at += some;
    }
    return out;
}

static void test_a_minute_has_exactly_as_many_samples_as_it_should(struct t *t)
{
    struct resample *r = NULL;
    for (size_t a = 0; a < AHOY_COUNT(rates); a++)
        for (size_t b = 0; b < AHOY_COUNT(rates); b++) {
            uint64_t out = 0;
            size_t frame = rates[a] / 50;
            T_OK(resample_create(&r, rates[a], rates[b], 0));
            for (int k = 0; k < 3000; k++)
                out += resample_run(r, in, frame, made);
            T_EQ(out, (uint64_t) rates[b] * 60);
            resample_destroy(r);
            r = NULL;
        }
out:
    resample_destroy(r);
}

/* Tones inside the narrower band pass at their level and clean; those above it vanish. */
static void test_tones_pass_and_aliases_stay_60_db_down(struct t *t)
{
    struct resample *r = NULL;
    for (size_t a = 0; a < AHOY_COUNT(rates); a++)
        for (size_t b = 0; b < AHOY_COUNT(rates); b++) {
            double half = AHOY_MIN(rates[a], rates[b]) / 2.0;
            size_t n = rates[a] / 2;
            for (double hz = 100; hz < rates[a] / 2.0; hz *= 1.33) {
                T_OK(resample_create(&r, rates[a], rates[b], RESAMPLE_VOICE));
                sound_sine(in, n, rates[a], hz, -6);
                size_t got = run_in_pieces(r, n);
                const int16_t *middle = made + got / 4;
                if (hz < half * 0.8) {
                    T_NEAR(sound_part_dbfs(middle, got / 2, rates[b], hz), -6, 0.3);
                    T_CHECK(sound_purity_db(middle, got / 2, rates[b], hz) > 60);
                } else if (hz > half * 1.15) {
                    T_CHECK(mix_level_dbfs(middle, got / 2) < -66);
                }
                resample_destroy(r);
                r = NULL;
            }
        }
out:
    resample_destroy(r);
}

static void test_drift_is_followed_to_the_ppm(struct t *t)
{
    static const double ppms[] = { -300, -37, 50, 1000 };
    struct resample *r = NULL;
    for (size_t i = 0; i < AHOY_COUNT(ppms); i++) {
        uint64_t out = 0;
        T_OK(resample_create(&r, 48000, 48000, RESAMPLE_VOICE));
        resample_set_ppm(r, ppms[i]);
        for (int k = 0; k < 3000; k++)
            out += resample_run(r, in, 960, made);
        T_NEAR((double) out, 2880000 * (1 + ppms[i] * 1e-6), 2);
        resample_destroy(r);
        r = NULL;
    }
    T_OK(resample_create(&r, 44100, 48000, RESAMPLE_VOICE));
    resample_set_ppm(r, 1e9); /* held to the most there is */
    uint64_t out = 0;
    for (int k = 0; k < 100; k++) {
        size_t got = resample_run(r, in, 441, made);
        T_LE(got, resample_max_out(r, 441));
        out += got;
    }
    T_NEAR((double) out, 48000 * (1 + RESAMPLE_MAX_PPM * 1e-6), 10);
out:
    resample_destroy(r);
}

static void test_a_changing_trim_does_not_click(struct t *t)
{
    static const uint32_t pairs[][2] = { { 48000, 48000 }, { 48000, 16000 }, { 8000, 48000 }, { 44100, 48000 } };
    struct resample *r = NULL;
    for (size_t i = 0; i < AHOY_COUNT(pairs); i++) {
        T_OK(resample_create(&r, pairs[i][0], pairs[i][1], RESAMPLE_VOICE));
        sound_sine(in, pairs[i][0], pairs[i][0], 440, -10);
        size_t out = 0;
        size_t frame = pairs[i][0] / 100;
        for (size_t k = 0; k < 100; k++) {
            resample_set_ppm(r, k % 4 == 3 ? 0 : (double) (k % 7) * 20 - 60);
            out += resample_run(r, in + k * frame, frame, made + out);
        }
        /* x[i+1] + x[i-1] = 2 cos(w) x[i] holds for a sine whatever its phase; a click breaks it. */
        double worst = 0;
        for (size_t k = out / 10; k + 1 < out; k++)
            worst = fmax(worst, fabs(made[k + 1] + made[k - 1] - 2 * cos(6.283185307 * 440 / pairs[i][1]) * made[k]));
        T_CHECK(worst < 12);
        resample_destroy(r);
        r = NULL;
    }
out:
    resample_destroy(r);
}

static void test_delay_is_small_and_as_reported(struct t *t)
{
    struct resample *r = NULL;
    for (size_t a = 0; a < AHOY_COUNT(rates); a++)
        for (size_t b = 0; b < AHOY_COUNT(rates); b++) {
            T_OK(resample_create(&r, rates[a], rates[b], RESAMPLE_VOICE));
            T_CHECK(resample_delay_ms(r) < 3.1);
            memset(in, 0, sizeof in);
            in[1000] = 30000; /* an impulse comes out late by what was said */
            size_t got = run_in_pieces(r, 4000);
            size_t peak = 0;
            for (size_t i = 0; i < got; i++)
                if (made[i] > made[peak])
                    peak = i;
            double late_ms = (double) peak * 1000 / rates[b] - 1000.0 * 1000 / rates[a];
            T_NEAR(late_ms, resample_delay_ms(r), 1000.0 / rates[b] + 0.05);
            resample_reset(r);
            T_EQ(resample_run(r, in, 1000, made) > 0, 1);
            T_EQ(mix_level_dbfs(made, 10), MIX_SILENCE_DBFS);
            resample_destroy(r);
            r = NULL;
        }
out:
    resample_destroy(r);
}

static void test_senseless_rates_are_refused(struct t *t)
{
    struct resample *r = NULL;
    T_ERR(resample_create(&r, 0, 8000, 3), AHOY_ERR_RANGE);
    T_ERR(resample_create(&r, 8000, 1000000, 3), AHOY_ERR_RANGE);
    T_ERR(resample_create(&r, 8000, 8000, 11), AHOY_ERR_RANGE);
    T_CHECK(!r);
out:
    resample_destroy(r);
}

T_MAIN(T_STRIDE(test_a_minute_has_exactly_as_many_samples_as_it_should, 11), /* 25 minutes of sound a run */
       T_STRIDE(test_tones_pass_and_aliases_stay_60_db_down, 101),           /* hundreds of sweeps a run */
       T(test_drift_is_followed_to_the_ppm), T(test_a_changing_trim_does_not_click),
       T_STRIDE(test_delay_is_small_and_as_reported, 7), T(test_senseless_rates_are_refused))
