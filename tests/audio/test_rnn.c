/*
 * RNNoise: the way to it on a stand-in (rnnoise_standin.c), and what it does to sound on the real library, where
 * tools/get-rnnoise has put it or the machine has it. T_PLAIN: seconds of sound, and allocations of another test.
 */
#include "audio/rnn.h"

#include "audio/mic.h"
#include "audio/mix.h"
#include "audio/score.h"
#include "base/mem.h"
#include "base/rt.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <string.h>

enum { SECONDS = 4, MOST = 48000 * SECONDS };

static int16_t said[MOST], in[MOST], out[MOST + MIC_MORE];
static const uint32_t rates[] = { 16000, 32000, 48000 };

/* Speech at -26 dBFS, again and again, with pauses; false without alsa-utils. */
static bool fill_speech(uint32_t rate_hz)
{
    size_t n = sound_speech("Front_Center", rate_hz, out, 2 * rate_hz);
    double gain = n > 0 ? pow(10, (-26 - mix_level_dbfs(out, n)) / 20) : 0;
    memset(said, 0, sizeof said);
    for (size_t at = 0; n > 0 && at + n <= (size_t) SECONDS * rate_hz; at += n)
        for (size_t i = 0; i < n; i++)
            said[at + i] = (int16_t) lrint(out[i] * gain);
    return n > 0;
}

static void add_noise(uint64_t seed, size_t n, double dbfs)
{
    sound_noise(out, n, seed, dbfs);
    for (size_t i = 0; i < n; i++)
        in[i] = (int16_t) AHOY_MAX(-32768, AHOY_MIN(32767, said[i] + out[i]));
}

static void run(struct rnn *r, uint32_t rate_hz)
{
    memcpy(out, in, sizeof in);
    rt_enter();
    for (size_t at = 0; at < (size_t) SECONDS * rate_hz; at += rate_hz / 100)
        rnn_run(r, out + at);
    rt_leave();
}

/* ---- the way ----------------------------------------------------------------------------------------------------- */

static void test_words_of_the_setting(struct t *t)
{
    unsigned steps = 77;
    T_ERR(mic_steps_parse(VIEW("ns,rnn"), &steps), AHOY_ERR_SYNTAX);
    T_EQ(steps, 77);
    T_OK(mic_steps_parse(VIEW("hpf,aec,rnn,agc"), &steps));
    T_EQ(steps, MIC_HIGH_PASS | MIC_ECHO | MIC_RNN | MIC_GAIN);
    T_CHECK(!(MIC_ALL & MIC_RNN));
    T_CHECK(mic_steps_possible(MIC_ALL) && mic_steps_possible(MIC_AUTO) && mic_steps_possible(0));
out:;
}

static void test_what_is_no_such_library_is_refused(struct t *t)
{
    static const char *const bad[] = { "librnnoise-that-is-nowhere.so.0", "libm.so.6", TEST_RNN_FRAMES };
    struct rnn *r = NULL;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(rnn_create(&r, bad[i], 48000), AHOY_ERR_UNSUPPORTED);
    T_ERR(rnn_create(&r, TEST_RNN_REFUSES, 48000), AHOY_ERR_NOMEM);
    T_ERR(rnn_create(&r, TEST_RNN, 44100), AHOY_ERR_RANGE);
    T_CHECK(r == NULL);
    rnn_destroy(NULL);
out:
    rnn_destroy(r);
}

static void test_sound_goes_through_and_is_as_late_as_told(struct t *t)
{
    struct rnn *r = NULL;
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct score_match m;
        T_OK(rnn_create(&r, TEST_RNN, rates[i]));
        T_CHECK(fill_speech(rates[i]));
        memcpy(in, said, sizeof in);
        run(r, rates[i]);
        T_OK(score_match(in, SECONDS * rates[i], out, SECONDS * rates[i], rates[i], 60, &m));
        T_NEAR(sound_figure("measured", m.delay_ms), sound_figure("told", rnn_delay_ms(r)), 0.1);
        T_CHECK(m.corr > 0.9);
        T_NEAR(m.heard_dbfs, m.said_dbfs - 6, 1); /* it halves */
        rnn_destroy(r);
        r = NULL;
    }
out:
    rnn_destroy(r);
}

static void test_creation_gives_back_what_it_took(struct t *t)
{
    struct rnn *r = NULL;
    T_OK(rnn_create(&r, TEST_RNN, 16000));
    memset(in, 0, 160 * sizeof *in);
    rnn_run(r, in);
out:
    rnn_destroy(r);
}

static void test_a_chain_has_it_or_says_why_not(struct t *t)
{
    struct mic *m = NULL;
    enum ahoy_err err = mic_create(&m, &(struct mic_config){ .rate_hz = 48000, .steps = MIC_ECHO | MIC_RNN });
    if (err != AHOY_ERR_NOMEM || !t_excused(t))
        T_EQ(err, mic_steps_possible(MIC_RNN) ? AHOY_OK : AHOY_ERR_UNSUPPORTED);
out:
    mic_destroy(m);
}

/* ---- the real one ------------------------------------------------------------------------------------------------ */

static bool missing(void)
{
    if (rnn_present())
        return false;
    printf("    no RNNoise on this machine: not looked at (tools/get-rnnoise brings it)\n");
    return true;
}

static void test_noise_goes_and_speech_stays(struct t *t)
{
    struct rnn *r = NULL;
    for (size_t i = 0; i < AHOY_COUNT(rates) && !missing(); i++) {
        struct score_match m;
        size_t n = (size_t) SECONDS * rates[i];
        T_OK(rnn_create(&r, RNN_SONAME, rates[i]));
        memset(said, 0, sizeof said);
        add_noise(3, n, -45);
        run(r, rates[i]);
        T_CHECK(sound_figure("noise left", mix_level_dbfs(out + n / 2, n / 2)) < -60);
        T_CHECK(fill_speech(rates[i]));
        add_noise(4, n, -40);
        run(r, rates[i]);
        T_OK(score_match(said, n, out, n, rates[i], 60, &m));
        T_CHECK(sound_figure("speech, correlation", m.corr) > 0.85);
        T_NEAR(sound_figure("measured", m.delay_ms), sound_figure("told", rnn_delay_ms(r)), 0.5);
        rnn_destroy(r);
        r = NULL;
    }
out:
    rnn_destroy(r);
}

/* In place of ours, behind the echo canceller: an echo goes, speech stays, at each rate of a device. */
static void test_a_chain_takes_out_echo_and_noise(struct t *t)
{
    static const uint32_t devices[] = { 8000, 16000, 44100, 48000 };
    struct mic *m = NULL;
    for (size_t i = 0; i < AHOY_COUNT(devices) && !missing(); i++) {
        uint32_t hz = devices[i];
        size_t n = (size_t) SECONDS * hz, got = 0;
        struct score_match match;
        T_CHECK(fill_speech(hz));
        add_noise(5, n, -50);
        T_OK(mic_create(&m, &(struct mic_config){ .rate_hz = hz, .steps = MIC_ECHO | MIC_RNN }));
        rt_enter();
        for (size_t at = 0; at + hz / 50 <= n; at += hz / 50) {
            mic_far(m, said + at, 0);
            got += mic_run(m, in + at, hz / 50, out + got);
        }
        rt_leave();
        T_OK(score_match(said, n, out, got, hz, 60, &match));
        T_CHECK(sound_figure("speech, correlation", match.corr) > 0.7);
        T_NEAR(sound_figure("measured", match.delay_ms), sound_figure("told", mic_delay_ms(m)), 1);
        double before = mix_level_dbfs(in, n);
        for (size_t at = 0; at < n; at++) /* the same sound, now an echo of what was played 40 ms before */
            in[at] = (int16_t) (at >= hz / 25 ? said[at - hz / 25] / 2 : 0);
        for (size_t at = got = 0; at + hz / 50 <= n; at += hz / 50) {
            mic_far(m, said + at, hz / 50);
            got += mic_run(m, in + at, hz / 50, out + got);
        }
        T_CHECK(sound_figure("echo left", mix_level_dbfs(out + got / 2, got / 2)) < before - 25);
        mic_destroy(m);
        m = NULL;
    }
out:
    mic_destroy(m);
}

T_MAIN(T(test_words_of_the_setting), T(test_what_is_no_such_library_is_refused),
       T(test_creation_gives_back_what_it_took), T(test_a_chain_has_it_or_says_why_not),
       T_PLAIN(test_sound_goes_through_and_is_as_late_as_told), T_PLAIN(test_noise_goes_and_speech_stays),
       T_PLAIN(test_a_chain_takes_out_echo_and_noise))
