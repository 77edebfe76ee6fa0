/*
 * What audio/mic.h promises of any chain: it runs for ours and, in the preset `webrtc`, for webrtc-audio-processing's.
 * What ours is held to beyond that is in test_mic.c. Allocations are made in mic_create alone, and fail in the test of that.
 */
#include "audio/mic.h"

#include "audio/mix.h"
#include "audio/score.h"
#include "base/mem.h"
#include "base/rt.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>
#include <string.h>

enum { SECONDS = 8, MOST = 48000 * SECONDS };

static int16_t far[MOST], mic[MOST], out[MOST + MIC_MORE];
static const uint32_t rates[] = { 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000 };

/* Syllables of 4 Hz, each a noise of another colour and loudness, with a pause each second. */
static void fill_talk(int16_t *dst, size_t n, uint32_t rate_hz, uint64_t seed, double dbfs)
{
    struct rng r;
    double low = 0, color = 0, level = 0, sum = 1;
    size_t syllable = rate_hz / 4;
    rng_init_u64(&r, seed);
    for (size_t i = 0; i < n; i++) {
        if (i % syllable == 0) {
            level = i / syllable % 4 == 3 ? 0 : 3000 + 6000 * rng_unit(&r);
            color = 0.3 + 0.6 * rng_unit(&r);
        }
        double shape = sin(3.14159265 * (double) (i % syllable) / (double) syllable);
        low = color * low + (1 - color) * 2 * (rng_unit(&r) - 0.5);
        dst[i] = (int16_t) lrint(level * shape * shape * low);
        sum += dst[i] * (double) dst[i];
    }
    double scale = 32768 * pow(10, dbfs / 20) / sqrt(sum / (double) n);
    for (size_t i = 0; i < n; i++)
        dst[i] = (int16_t) lrint(fmax(-32000, fmin(32000, dst[i] * scale)));
}

static void add(int16_t *dst, const int16_t *x, size_t n, double gain)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int16_t) lrint(fmax(-32768, fmin(32767, dst[i] + gain * x[i])));
}

/* What the microphone hears of `far`: direct sound after 50 ms and a wall. */
static void fill_echo(size_t n, uint32_t rate_hz)
{
    size_t direct = rate_hz / 20;
    memset(mic, 0, n * sizeof *mic);
    add(mic + direct, far, n - direct, 0.4);
    add(mic + direct + 97, far, n - direct - 97, -0.2);
}

static double level_db(const int16_t *x, uint32_t rate_hz, double from_s, double to_s)
{
    size_t from = (size_t) (from_s * rate_hz);
    return mix_level_dbfs(x + from, (size_t) (to_s * rate_hz) - from);
}

/* In pieces as a device gives them, in turn 13 ms and 6; inside a realtime section, where the house's heap is shut. */
static size_t run(struct mic *m, size_t n, uint32_t rate_hz)
{
    size_t got = 0;
    memset(out, 0, sizeof out);
    for (size_t at = 0, part, turn = 0; at < n; at += part, turn++) {
        int16_t some[48 * 13 + MIC_MORE];
        part = AHOY_MIN(n - at, (size_t) rate_hz / 1000 * (turn % 2 ? 6 : 13));
        rt_enter();
        mic_far(m, far + at, part);
        size_t k = mic_run(m, mic + at, part, some);
        rt_leave();
        AHOY_ASSERT(k <= part + MIC_MORE);
        k = AHOY_MIN(k, AHOY_COUNT(out) - got);
        memcpy(out + got, some, k * sizeof *out);
        got += k;
    }
    return got;
}

static void test_it_is_the_chain_that_was_asked_for(struct t *t)
{
    T_STR(mic_chain(), TEST_MIC);
out:;
}

static void test_creation_gives_back_what_it_took(struct t *t)
{
    struct mic *m = NULL;
    for (size_t i = 0; i < 2; i++) {
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = i ? 44100 : 16000, .steps = MIC_ALL }));
        memset(mic, 0, 44100 / 10 * sizeof *mic);
        T_LE(run(m, 4410, 44100), 4410);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

static void test_other_rates_are_refused(struct t *t)
{
    struct mic *m = NULL;
    T_ERR(mic_create(&m, &(struct mic_config){ .rate_hz = 7999, .steps = MIC_ALL }), AHOY_ERR_RANGE);
    T_ERR(mic_create(&m, &(struct mic_config){ .rate_hz = 48001, .steps = MIC_ALL }), AHOY_ERR_RANGE);
    T_ERR(mic_create(&m, &(struct mic_config){ .rate_hz = 96000, .steps = MIC_ALL }), AHOY_ERR_RANGE);
    T_CHECK(m == NULL);
    mic_destroy(NULL);
out:
    mic_destroy(m);
}

static void test_without_steps_sound_passes_at_once(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 8000 }));
    sound_noise(mic, 8000, 1, -50);
    sound_voice(mic + 8000, 8000, 8000, 120);
    T_EQ(run(m, 16000, 8000), 16000);
    T_MEM(mic, out, 16000 * sizeof *out);
    T_NEAR(mic_delay_ms(m), 0, 0.001);
    mic_read_stats(m, &s);
    T_CHECK(s.speech);
    T_CHECK(s.speech_ms >= 900);
out:
    mic_destroy(m);
}

/* Whoever speaks is heard, as late as is told. */
static void test_the_delay_that_is_told_is_true(struct t *t)
{
    static const unsigned sets[] = { MIC_ALL, MIC_HIGH_PASS, MIC_ECHO, MIC_NOISE, MIC_ECHO | MIC_NOISE, MIC_GAIN };
    struct mic *m = NULL;
    memset(far, 0, sizeof far);
    for (size_t i = 0; i < AHOY_COUNT(rates) * AHOY_COUNT(sets); i++) {
        uint32_t hz = rates[i % AHOY_COUNT(rates)];
        if (i >= AHOY_COUNT(rates) && hz != 16000 && hz != 48000)
            continue; /* more of the same */
        struct score_match match;
        size_t n = 3 * hz;
        fill_talk(mic, n, hz, 7, -24);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = hz, .steps = sets[i / AHOY_COUNT(rates)] }));
        size_t got = run(m, n, hz);
        T_CHECK(got <= n + 1 && got + hz / 40 >= n);
        T_OK(score_match(mic + hz, 2 * hz, out + hz, got - hz, hz, 60, &match));
        T_NEAR(sound_figure("told", mic_delay_ms(m)), sound_figure("measured", match.delay_ms), 0.6);
        T_CHECK(sound_figure("correlation", match.corr) > 0.5);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

static void test_silence_stays_silent(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    memset(far, 0, sizeof far);
    memset(mic, 0, sizeof mic);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
    T_CHECK(run(m, 4 * 16000, 16000) > 3 * 16000);
    T_CHECK(sound_figure("level", level_db(out, 16000, 0, 3)) < -85);
    mic_read_stats(m, &s);
    T_CHECK(!s.speech && s.speech_ms == 0 && !s.echo);
    T_CHECK(s.level_dbfs < -85 && s.noise_dbfs < -70);
out:
    mic_destroy(m);
}

static void test_an_echo_goes_at_each_rate(struct t *t)
{
    struct mic *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        uint32_t hz = rates[i];
        size_t n = 5 * hz;
        struct mic_stats s;
        fill_talk(far, n, hz, 20 + i, -24);
        fill_echo(n, hz);
        sound_noise(out, n, 3, -80);
        add(mic, out, n, 1);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = hz, .steps = MIC_ALL }));
        (void) run(m, n, hz);
        T_CHECK(sound_figure("erle", level_db(mic, hz, 3, 4.9) - level_db(out, hz, 3, 4.9)) > 25);
        mic_read_stats(m, &s);
        T_CHECK(s.echo);
        T_NEAR(sound_figure("echo after, ms", s.echo_delay_ms), 50, 20);
        T_CHECK(sound_figure("erle told", s.erle_db) > 5);
        T_LE(sound_figure("taken for speech, ms", s.speech_ms), 1500);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

/* Somebody speaks while the loudspeaker is silent, and later while it speaks as loud. */
static void test_speech_comes_through(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    struct score_match match;
    static int16_t near[MOST];
    size_t n = 4 * 16000;
    fill_talk(near, n, 16000, 31, -26);
    fill_talk(far, n, 16000, 32, -24);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_HIGH_PASS | MIC_ECHO | MIC_NOISE }));
    fill_echo(n, 16000);
    (void) run(m, n, 16000); /* the echo's way is learned */
    add(mic, near, n, 1);
    (void) run(m, n, 16000);
    T_OK(score_match(near, n, out, n, 16000, 60, &match));
    T_CHECK(sound_figure("double talk, correlation", match.corr) > 0.3);
    memset(far, 0, sizeof far);
    memcpy(mic, near, n * sizeof *mic);
    mic_read_stats(m, &s);
    uint32_t before = s.speech_ms;
    (void) run(m, n, 16000);
    T_OK(score_match(near, n, out, n, 16000, 60, &match));
    T_CHECK(sound_figure("alone, correlation", match.corr) > 0.8);
    T_NEAR(sound_figure("alone, level", level_db(out, 16000, 2, 4)), level_db(near, 16000, 2, 4), 3);
    mic_read_stats(m, &s);
    T_LE(1500, sound_figure("speech, ms", s.speech_ms - before));
out:
    mic_destroy(m);
}

static void test_noise_goes_down(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    memset(far, 0, sizeof far);
    sound_noise(mic, 6 * 16000, 4, -45);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_NOISE }));
    (void) run(m, 6 * 16000, 16000);
    T_CHECK(sound_figure("noise left", level_db(out, 16000, 3, 5.9)) < -53);
    mic_read_stats(m, &s);
    T_NEAR(sound_figure("noise told", s.noise_dbfs), -45, 4);
    T_LE(sound_figure("taken for speech, ms", s.speech_ms), 600);
out:
    mic_destroy(m);
}

static void test_weak_speech_is_brought_up_and_nothing_clips(struct t *t)
{
    struct mic *m = NULL;
    int most = 0;
    size_t one = sound_speech("Front_Center", 16000, out, 2 * 16000);
    T_CHECK(one > 16000);
    double gain = pow(10, (-42 - mix_level_dbfs(out, one)) / 20);
    memset(far, 0, sizeof far);
    memset(mic, 0, sizeof mic);
    for (size_t at = 0; at + one <= 12 * 16000; at += one)
        add(mic + at, out, one, gain);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
    (void) run(m, 12 * 16000, 16000);
    T_CHECK(sound_figure("loudness", level_db(out, 16000, 8, 11.5))
            > sound_figure("before", level_db(mic, 16000, 8, 11.5)) + 5);
    sound_sine(mic, 4 * 16000, 16000, 440, -3.1);
    (void) run(m, 4 * 16000, 16000);
    for (size_t i = 0; i < 4 * 16000; i++)
        most = AHOY_MAX(most, abs(out[i]));
    T_LE(sound_figure("peak", most), 32000);
out:
    mic_destroy(m);
}

static void test_what_is_below_speech_goes(struct t *t)
{
    struct mic *m = NULL;
    memset(far, 0, sizeof far);
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_HIGH_PASS }));
    sound_sine(mic, 2 * 16000, 16000, 20, -20);
    (void) run(m, 2 * 16000, 16000);
    T_CHECK(sound_figure("20 Hz", level_db(out, 16000, 1, 1.9)) < -35);
    sound_sine(mic, 2 * 16000, 16000, 300, -20);
    (void) run(m, 2 * 16000, 16000);
    T_NEAR(sound_figure("300 Hz", level_db(out, 16000, 1, 1.9)), -20, 0.5);
out:
    mic_destroy(m);
}

static void test_hostile_sound_leaves_it_sane(struct t *t)
{
    struct mic *m = NULL;
    struct mic_stats s;
    struct rng r;
    size_t n = 4 * 16000;
    rng_init_u64(&r, 11);
    for (size_t i = 0; i < n; i++) {
        far[i] = (int16_t) (i / 16000 == 1 ? 32767 : i / 16000 == 2 ? -32768 : (int) (rng_u32(&r) % 65536) - 32768);
        mic[i] = (int16_t) (i / 16000 == 2 ? (i % 2 ? 32767 : -32768) : far[n - 1 - i]);
    }
    T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = 16000, .steps = MIC_ALL }));
    (void) run(m, n, 16000);
    mic_read_stats(m, &s);
    T_CHECK(isfinite(s.level_dbfs) && !isinf(s.gain_db) && isfinite(s.noise_dbfs) && isfinite(s.erle_db));
    fill_talk(mic, n, 16000, 12, -24);
    memset(far, 0, sizeof far);
    (void) run(m, n, 16000);
    T_CHECK(sound_figure("speech after it all", level_db(out, 16000, 3, 3.9)) > -40);
out:
    mic_destroy(m);
}

#if defined(__SANITIZE_ADDRESS__)
/* As sanitizer/allocator_interface.h declares it; gcc's package comes without that header. */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *));

static unsigned heap; /* within sections */

static void on_malloc(const volatile void *p, size_t n)
{
    (void) p, (void) n;
    heap += *rt_flag();
}

static void on_free(const volatile void *p)
{
    (void) p;
    heap += *rt_flag();
}

/* No library's heap either, from the first sample on. */
static void test_nothing_allocates(struct t *t)
{
    static bool hooked;
    struct mic *m = NULL;
    if (!hooked)
        hooked = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
    T_CHECK(hooked);
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        fill_talk(far, rates[i], rates[i], 2, -24);
        fill_echo(rates[i], rates[i]);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = rates[i], .steps = MIC_ALL }));
        heap = 0;
        (void) run(m, rates[i], rates[i]);
        T_EQ(heap, 0);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}
#else
static void test_nothing_allocates(struct t *t)
{
    (void) t; /* the hooks are the sanitizer's */
}
#endif

T_MAIN(T(test_it_is_the_chain_that_was_asked_for), T(test_creation_gives_back_what_it_took),
       T(test_other_rates_are_refused), T_PLAIN(test_without_steps_sound_passes_at_once),
       T_PLAIN(test_the_delay_that_is_told_is_true), T_PLAIN(test_silence_stays_silent),
       T_PLAIN(test_an_echo_goes_at_each_rate), T_PLAIN(test_speech_comes_through), T_PLAIN(test_noise_goes_down),
       T_PLAIN(test_weak_speech_is_brought_up_and_nothing_clips), T_PLAIN(test_what_is_below_speech_goes),
       T_PLAIN(test_hostile_sound_leaves_it_sane), T_PLAIN(test_nothing_allocates))
