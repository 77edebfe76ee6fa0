#include "audio/score.h"

#include "audio/fft.h"
#include "audio/mix.h"
#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

enum { MOST = 16000 * 6 };

static int16_t said[MOST], heard[MOST], noise[MOST];

static void test_the_transform_is_the_definition(struct t *t)
{
    enum { N = 64 };
    double re[N], im[N], x[N], y[N];
    struct rng r;
    rng_init_u64(&r, 1);
    for (int i = 0; i < N; i++) {
        re[i] = x[i] = rng_unit(&r) - 0.5;
        im[i] = y[i] = rng_unit(&r) - 0.5;
    }
    fft_run(re, im, N, false);
    for (int k = 0; k < N; k++) {
        double want_re = 0, want_im = 0;
        for (int i = 0; i < N; i++) {
            double angle = -2 * 3.141592653589793 * i * k / N;
            want_re += x[i] * cos(angle) - y[i] * sin(angle);
            want_im += x[i] * sin(angle) + y[i] * cos(angle);
        }
        T_NEAR(re[k], want_re, 1e-12);
        T_NEAR(im[k], want_im, 1e-12);
    }
    fft_run(re, im, N, true);
    for (int i = 0; i < N; i++) {
        T_NEAR(re[i], x[i], 1e-14);
        T_NEAR(im[i], y[i], 1e-14);
    }
    T_EQ(fft_size(0), 1);
    T_EQ(fft_size(1025), 2048);
out:
    return;
}

static void test_a_delayed_quieter_copy_is_found(struct t *t)
{
    static const int lags[] = { -4000, -1, 0, 1, 777, 8000 };
    size_t n = sound_speech("Front_Center", 16000, said, MOST);
    T_CHECK(n > 16000);
    for (size_t i = 0; i < AHOY_COUNT(lags); i++) {
        struct score_match m;
        memset(heard, 0, sizeof heard);
        for (size_t k = 0; k < n; k++)
            if ((int) k + lags[i] >= 0)
                heard[(int) k + lags[i]] = (int16_t) (said[k] / 2);
        T_OK(score_match(said, n, heard, n + 8000, 16000, 600, &m));
        T_EQ(m.lag, lags[i]);
        T_CHECK(m.corr > 0.999);
        T_CHECK(m.snr_db > 30);
        T_NEAR(m.delay_ms, lags[i] / 16.0, 1e-9);
        T_NEAR(m.heard_dbfs, m.said_dbfs - 6.02, 0.1);
    }
out:
    return;
}

static void test_noise_lowers_the_correlation_as_it_should(struct t *t)
{
    for (int snr = -6; snr <= 30; snr += 6) {
        struct score_match m;
        sound_noise(said, 48000, 1, -20);
        sound_noise(noise, 48000, 2, -20 - snr);
        memcpy(heard + 300, said, 47700 * sizeof *said);
        mix_add(heard, noise, 48000);
        T_OK(score_match(said, 48000, heard, 48000, 16000, 100, &m));
        T_EQ(m.lag, 300);
        T_NEAR(m.snr_db, snr, 0.7);
    }
out:
    return;
}

static void test_strangers_and_silence_do_not_match(struct t *t)
{
    struct score_match m;
    sound_noise(said, 48000, 1, -20);
    sound_noise(heard, 48000, 9, -20);
    T_OK(score_match(said, 48000, heard, 48000, 16000, 500, &m));
    T_CHECK(fabs(m.corr) < 0.05);
    memset(heard, 0, sizeof heard);
    T_OK(score_match(said, 48000, heard, 48000, 16000, 500, &m));
    T_EQ(m.corr, 0);
    T_ERR(score_match(said, 0, heard, 1, 16000, 500, &m), AHOY_ERR_INVAL);
    T_ERR(score_match(said, SCORE_MAX_SAMPLES + 1, heard, 1, 16000, 500, &m), AHOY_ERR_LIMIT);
    T_OK(score_match(said, 1, heard, 1, 16000, 500, &m));
    sound_noise(heard, 100, 9, -20);
    T_EQ(score_snr_db(said, said, 100), 100);
    T_NEAR(score_snr_db(said, heard, 100), -3, 2);
out:
    return;
}

/* The score falls with noise, is 1 for the same and near 0 for another signal. */
static void test_intelligibility_falls_with_noise(struct t *t)
{
    double score = 0;
    double before = 1.0001;
    size_t n = sound_speech("Front_Center", 16000, said, MOST);
    T_CHECK(n > 16000);
    T_OK(score_estoi(said, said, n, 16000, &score));
    T_NEAR(score, 1, 1e-6);
    for (int snr = 20; snr >= -15; snr -= 5) {
        sound_noise(heard, n, 4, mix_level_dbfs(said, n) - snr);
        mix_add(heard, said, n);
        T_OK(score_estoi(said, heard, n, 16000, &score));
        T_CHECK(score < before);
        before = score;
    }
    T_CHECK(score < 0.3);
    for (size_t i = 0; i < n; i++)
        heard[i] = (int16_t) (said[i] / 4); /* level does not matter */
    T_OK(score_estoi(said, heard, n, 16000, &score));
    T_CHECK(score > 0.995);
    T_ERR(score_estoi(said, heard, 2000, 16000, &score), AHOY_ERR_INVAL);
    T_ERR(score_estoi(said, heard, 0, 16000, &score), AHOY_ERR_INVAL);
out:
    return;
}

T_MAIN(T(test_the_transform_is_the_definition), T(test_a_delayed_quieter_copy_is_found),
       T(test_noise_lowers_the_correlation_as_it_should), T(test_strangers_and_silence_do_not_match),
       T_STRIDE(test_intelligibility_falls_with_noise, 13)) /* a second each run */
