#include "audio/mic.h"

#include "audio/agc.h"
#include "audio/mix.h"
#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>
#include <string.h>

enum { SECONDS = 8, MOST = 48000 * SECONDS };

static int16_t far[MOST], near[MOST], mic[MOST], out[MOST + MIC_MORE];

static double gauss(struct rng *r)
{
    double sum = -2;
    for (int i = 0; i < 4; i++)
        sum += rng_unit(r);
    return sum * 1.73;
}

/* Syllables of 4 Hz in a noise of changing colour, with a pause each second. */
static void fill_talk(int16_t *dst, size_t n, uint32_t rate_hz, uint64_t seed, double dbfs)
{
    struct rng r;
    double low = 0, color = 0.5, level = 0, sum = 1;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++) {
        size_t part = i % (rate_hz / 4);
        if (part == 0) {
            level = i / (rate_hz / 4) % 4 == 3 ? 0 : 1500 + 3000 * rng_unit(&r);
            color = 0.3 + 0.6 * rng_unit(&r);
        }
        double shape = sin(3.14159265 * (double) part / (rate_hz / 4));
        low = color * low + (1 - color) * gauss(&r);
        double x = level * shape * shape * low;
        dst[i] = (int16_t) lrint(fmax(-32000, fmin(32000, x)));
        sum += x * x;
    }
    double scale = 32768 * pow(10, dbfs / 20) / sqrt(sum / (double) n);
    for (size_t i = 0; i < n; i++)
        dst[i] = (int16_t) lrint(fmax(-32000, fmin(32000, dst[i] * scale)));
}

static void add_noise(int16_t *dst, size_t n, uint64_t seed, double dbfs)
{
    struct rng r;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++)
        dst[i] = (int16_t) lrint(fmax(-32768, fmin(32767, dst[i] + 32768 * pow(10, dbfs / 20) * gauss(&r))));
}

/* A loudspeaker beside the microphone: direct sound and two walls. */
static void fill_echo(size_t n, uint32_t rate_hz)
{
    size_t direct = rate_hz / 20;
    for (size_t i = 0; i < n; i++) {
        double x = i >= direct ? 0.4 * far[i - direct] : 0;
        x += i >= direct + 97 ? 0.2 * far[i - direct - 97] : 0;
        x -= i >= direct + 341 ? 0.1 * far[i - direct - 341] : 0;
        mic[i] = (int16_t) lrint(x);
    }
}

static double level_db(const int16_t *x, size_t n, uint32_t rate_hz, double from_s, double to_s)
{
    size_t from = (size_t) (from_s * rate_hz);
    size_t to = AHOY_MIN((size_t) (to_s * rate_hz), n);
    return mix_level_dbfs(x + from, to - from);
}

/* In pieces as a live device gives them: 10 ms and a bit, then less. */
static size_t run(struct mic *m, size_t n, uint32_t rate_hz)
{
    size_t got = 0;
    size_t most = rate_hz / 1000 * 13;
    for (size_t at = 0, part, turn = 0; at < n; at += part, turn++) {
        part = AHOY_MIN(n - at, turn % 2 ? most / 2 : most);
        mic_far(m, far + at, part);
        int16_t some[48 * 13 + MIC_MORE];
        size_t k = mic_run(m, mic + at, part, some);
        memcpy(out + got, some, AHOY_MIN(k, AHOY_COUNT(out) - got) * sizeof *out);
        got += k;
    }
    return got;
}

static void test_settings_are_read(struct t *t)
{
    static const struct {
        const char *text;
        unsigned steps;
    } good[] = { { "auto", MIC_AUTO },
                 { "off", 0 },
                 { "aec", MIC_ECHO },
                 { "NS, agc", MIC_NOISE | MIC_GAIN },
                 { "hpf,aec,ns,agc", MIC_ALL } };
    static const char *const bad[] = { "", "on", "aec,", ",aec", "aec,auto", "off,ns", "aecns" };
    unsigned steps = 77;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(mic_steps_parse(view_str(bad[i]), &steps), AHOY_ERR_SYNTAX);
    T_EQ(steps, 77);
    for (size_t i = 0; i < AHOY_COUNT(good); i++) {
        T_OK(mic_steps_parse(view_str(good[i].text), &steps));
        T_EQ(steps, good[i].steps);
    }
out:;
}

static void test_at_each_rate_echo_goes_and_as_many_samples_come_as_went(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 24000, 32000, 44100, 48000 };
    struct mic *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        uint32_t hz = rates[i];
        size_t n = 2 * hz;
        struct mic_stats s;
        fill_talk(far, n, hz, 2 + i, -24);
        fill_echo(n, hz);
        add_noise(mic, n, 3, -80);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = hz, .steps = MIC_ALL }));
        size_t got = run(m, n, hz);
        T_CHECK(got <= n + 1 && got + hz / 50 >= n);
        T_CHECK(sound_figure("erle", level_db(mic, n, hz, 1, 1.9) - level_db(out, got, hz, 1, 1.9)) > 25);
        mic_read_stats(m, &s);
        T_CHECK(s.echo && s.echo_delay_ms >= 30 && s.echo_delay_ms <= 70);
        T_CHECK(sound_figure("told", s.erle_db) > 15);
        T_CHECK(mic_delay_ms(m) < (hz == 16000 || hz == 48000 ? 3 : 11));
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

/* Noise goes down, stays down however long it lasts, and is not taken for speech. */
static void test_noise_is_taken_down_and_never_pulled_up(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    size_t n = 6 * 16000;
    memset(far, 0, sizeof far);
    memset(mic, 0, sizeof mic);
    add_noise(mic, n, 4, -45);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
    size_t got = run(m, n, 16000);
    double level = level_db(out, got, 16000, 2, 6);
    T_CHECK(sound_figure("noise left", level) < -54 && level > -70);
    T_NEAR(level_db(out, got, 16000, 2, 3), level_db(out, got, 16000, 5, 5.9), 2);
    mic_read_stats(m, &s);
    T_NEAR(sound_figure("noise told", s.noise_dbfs), -45, 3);
    T_LE(s.speech_ms, 300);
    T_NEAR(s.gain_db, 0, 0.01);
out:
    mic_destroy(m);
}

/* The suppressor alone leaves -20 dB of it. */
static void test_the_mains_go_with_the_noise(struct t *t)
{
    struct mic *m = NULL;
    size_t n = 8 * 16000;
    memset(far, 0, sizeof far);
    for (size_t i = 0; i < n; i++)
        mic[i] = (int16_t) lrint(900 * sin(2 * 3.14159265 * 100.06 * (double) i / 16000)
                                 + 700 * sin(2 * 3.14159265 * 150.09 * (double) i / 16000)
                                 + 500 * sin(2 * 3.14159265 * 250.15 * (double) i / 16000));
    for (unsigned steps = MIC_NOISE; steps > 0; steps = steps == MIC_NOISE ? MIC_GAIN : 0) {
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = steps }));
        size_t got = run(m, n, 16000);
        double gone = level_db(mic, n, 16000, 4, 8) - level_db(out, got, 16000, 4, 8);
        T_CHECK(sound_figure("hum taken away", gone) > (steps == MIC_NOISE ? 30 : -1)
                && (steps == MIC_NOISE || gone < 6));
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

static void test_speech_comes_to_one_loudness(struct t *t)
{
    static const double levels[] = { -42, -33, -12 };
    struct mic *m = NULL;
    size_t n = 8 * 16000;
    memset(far, 0, sizeof far);
    for (size_t i = 0; i < AHOY_COUNT(levels); i++) {
        struct mic_stats s;
        fill_talk(mic, n, 16000, 5, levels[i]);
        add_noise(mic, n, 6, -85);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
        size_t got = run(m, n, 16000);
        T_NEAR(sound_figure("loudness", level_db(out, got, 16000, 6, 7.9)), -24, 5);
        mic_read_stats(m, &s);
        T_CHECK(s.speech_ms > 4000);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

/* A whisper that is brought up, then a shout: the limiter sees it before it comes. */
static void test_nothing_clips(struct t *t)
{
    struct agc a;
    int most = 0;
    size_t n = 4 * 16000;
    agc_init(&a, 16000);
    fill_talk(mic, n, 16000, 7, -40);
    for (size_t at = 0; at < n; at += 160) {
        agc_learn(&a, mic + at, 160, true, -90);
        agc_run(&a, mic + at, 160);
    }
    T_CHECK(sound_figure("gain", a.gain_db) > 6);
    sound_sine(mic, n, 16000, 440, -3.2);
    for (size_t at = 0; at < n; at += 160)
        agc_run(&a, mic + at, 160);
    for (size_t i = 0; i < n; i++)
        most = AHOY_MAX(most, abs(mic[i]));
    T_LE(most, 29204); /* -1 dBFS */
    T_LE(27000, most);
    T_CHECK(sound_figure("purity", sound_purity_db(mic + n / 2, 16000, 16000, 440)) > 30);
    T_EQ(agc_delay(&a), 8);
out:;
}

static void test_what_is_below_speech_goes(struct t *t)
{
    struct mic *m = NULL;
    memset(far, 0, sizeof far);
    size_t n = 2 * 48000;
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 48000, .steps = MIC_HIGH_PASS }));
    sound_sine(mic, n, 48000, 30, -20);
    T_EQ(run(m, n, 48000), n);
    T_CHECK(sound_figure("30 Hz", level_db(out, n, 48000, 1, 2)) < -50);
    sound_sine(mic, n, 48000, 200, -20);
    T_EQ(run(m, n, 48000), n);
    T_NEAR(sound_figure("200 Hz", level_db(out, n, 48000, 1, 2)), -20, 0.3);
out:
    mic_destroy(m);
}

/* A device of another rate: the echo is gone at once, and the gain is what it was. */
static void test_another_rate_goes_on_with_what_was_learnt(struct t *t)
{
    struct mic *narrow = NULL, *wide = NULL;
    struct mic_stats before, after;
    struct mic_config cfg = { .rate_hz = 8000, .steps = MIC_ALL };
    size_t n = 8000 * SECONDS;
    fill_talk(far, n, 8000, 1, -20);
    fill_echo(n, 8000);
    T_OK(mic_create(&narrow, &cfg));
    (void) run(narrow, n, 8000);
    mic_read_stats(narrow, &before);
    cfg.rate_hz = 48000;
    T_OK(mic_create(&wide, &cfg));
    mic_take_over(wide, narrow);
    mic_read_stats(wide, &after);
    T_EQ(after.speech_ms, before.speech_ms);
    fill_talk(far, 48000, 48000, 7, -20);
    memset(mic, 0, sizeof mic);
    for (size_t i = 0; i < 48000; i++) /* the direct sound is where it was */
        mic[i] = (int16_t) lrint(i >= 2400 ? 0.4 * far[i - 2400] : 0);
    size_t got = run(wide, 48000, 48000);
    mic_read_stats(wide, &after);
    T_CHECK(after.echo && fabs(after.echo_delay_ms - before.echo_delay_ms) < 15);
    T_NEAR(after.gain_db, before.gain_db, 1);
    double left_db = level_db(mic, 48000, 48000, 0.1, 0.5) - level_db(out, got, 48000, 0.1, 0.5);
    T_CHECK(sound_figure("echo gone in the first half second", left_db) > 20);
out:
    mic_destroy(narrow);
    mic_destroy(wide);
}

/* Whoever speaks into a room with a loudspeaker is told from the loudspeaker. */
static void test_an_echo_is_no_speech(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    size_t n = 6 * 16000;
    fill_talk(far, n, 16000, 8, -24);
    fill_echo(n, 16000);
    add_noise(mic, n, 9, -75);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
    (void) run(m, n, 16000);
    mic_read_stats(m, &s);
    T_LE(sound_figure("taken for speech, ms", s.speech_ms), 1000);
    uint32_t before = s.speech_ms;
    fill_talk(near, n, 16000, 10, -26);
    for (size_t i = 0; i < n; i++)
        mic[i] = (int16_t) (mic[i] + near[i]);
    (void) run(m, n, 16000);
    mic_read_stats(m, &s);
    T_LE(3000, sound_figure("speech, ms", s.speech_ms - before));
out:
    mic_destroy(m);
}

/* Allocations are made in mic_create alone, and fail in test_mic_any.c. */
T_MAIN(T(test_settings_are_read), T_PLAIN(test_at_each_rate_echo_goes_and_as_many_samples_come_as_went),
       T_PLAIN(test_noise_is_taken_down_and_never_pulled_up), T_PLAIN(test_the_mains_go_with_the_noise),
       T_PLAIN(test_speech_comes_to_one_loudness), T_PLAIN(test_nothing_clips), T_PLAIN(test_what_is_below_speech_goes),
       T_PLAIN(test_an_echo_is_no_speech), T_PLAIN(test_another_rate_goes_on_with_what_was_learnt))
