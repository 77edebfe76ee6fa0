#include "audio/plc.h"

#include "audio/mix.h"
#include "audio/score.h"
#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 48000 * 2 };

static int16_t said[MOST], heard[MOST], zeros[MOST], repeats[MOST];

/* Loses every tenth 20 ms frame. Fills all three ways of standing in for it. */
static enum ahoy_err lose(uint32_t hz, size_t n, unsigned run)
{
    struct plc *p = mem_alloc(plc_size(hz));
    if (!p)
        return AHOY_ERR_NOMEM;
    plc_init(p, hz);
    size_t frame = hz / 50;
    for (size_t k = 0; (k + 1) * frame <= n; k++) {
        size_t at = k * frame;
        bool lost = k > 2 && k % 10 < run;
        memcpy(heard + at, said + at, frame * sizeof *heard);
        memcpy(zeros + at, said + at, frame * sizeof *heard);
        memcpy(repeats + at, said + at, frame * sizeof *heard);
        if (lost) {
            plc_conceal(p, heard + at, frame);
            memset(zeros + at, 0, frame * sizeof *heard);
            memcpy(repeats + at, repeats + at - frame, frame * sizeof *heard);
        } else {
            plc_good(p, heard + at, frame);
        }
    }
    mem_free(p);
    return AHOY_OK;
}

static void test_a_voice_is_continued_better_than_by_silence_or_repetition(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 32000, 48000 };
    static const double pitches[] = { 90, 130, 210, 320 };
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (size_t k = 0; k < AHOY_COUNT(pitches); k++) {
            size_t n = rates[r] / 50 * 50;
            sound_voice(said, n, rates[r], pitches[k]);
            T_OK(lose(rates[r], n, 1));
            double plc = score_snr_db(said, heard, n);
            T_CHECK(plc > score_snr_db(said, zeros, n) + 1);
            T_CHECK(plc > score_snr_db(said, repeats, n) + 4);
        }
out:
    return;
}

static void test_a_sine_is_continued_almost_exactly(struct t *t)
{
    sound_sine(said, 16000, 16000, 200, -12);
    T_OK(lose(16000, 16000, 1));
    T_CHECK(score_snr_db(said, heard, 16000) > 30);
out:
    return;
}

static void test_speech_is_understood_better_than_with_gaps(struct t *t)
{
    static const char *const names[] = { "Front_Center", "Rear_Left", "Side_Right" };
    for (size_t i = 0; i < AHOY_COUNT(names); i++) {
        size_t n = sound_speech(names[i], 8000, said, MOST) / 160 * 160;
        double plc = 0, gaps = 0, repeated = 0;
        T_CHECK(n > 8000);
        T_OK(lose(8000, n, 2));
        T_OK(score_estoi(said, heard, n, 8000, &plc));
        T_OK(score_estoi(said, zeros, n, 8000, &gaps));
        T_OK(score_estoi(said, repeats, n, 8000, &repeated));
        if (!t->injecting && getenv("AHOY_TEST_FIGURES"))
            fprintf(stderr, "%s: ESTOI %.3f concealed, %.3f gaps, %.3f repeated\n", names[i], plc, gaps, repeated);
        T_CHECK(plc > gaps + 0.02);
        T_CHECK(plc > repeated);
    }
out:
    return;
}

/* The largest step between neighbouring samples. */
static int largest_step(const int16_t *x, size_t n)
{
    int most = 0;
    for (size_t i = 1; i < n; i++)
        most = AHOY_MAX(most, abs(x[i] - x[i - 1]));
    return most;
}

static void test_neither_end_of_a_loss_clicks(struct t *t)
{
    for (int hz = 110; hz < 400; hz += 37) {
        sound_sine(said, 8000, 8000, hz, -12);
        T_OK(lose(8000, 8000, 3));
        T_LE(largest_step(heard, 8000), largest_step(said, 8000) * 3 / 2);
    }
out:
    return;
}

/* A swelling tone broken off at its crest: a period ago it was a fifth lower, and that must not be heard as a step. */
static void test_a_loss_goes_on_from_where_the_sound_was(struct t *t)
{
    struct plc *p = mem_alloc(plc_size(8000));
    int16_t frame[160];
    T_CHECK(p);
    plc_init(p, 8000);
    for (int i = 0; i < 800; i++)
        said[i] = (int16_t) (16000 * exp((i - 799) / 8000.0 * 30) * cos(6.283185307 * 125 * (i - 799) / 8000.0));
    for (int at = 0; at < 800; at += 160)
        plc_good(p, said + at, 160);
    plc_conceal(p, frame, 160);
    T_LE(abs(frame[0] - said[799]), 400);
    T_LE(largest_step(frame, 160), 2000);
out:
    mem_free(p);
}

static void test_a_long_loss_fades_to_silence(struct t *t)
{
    struct plc *p = mem_alloc(plc_size(16000));
    int16_t frame[320];
    T_CHECK(p);
    plc_init(p, 16000);
    sound_voice(said, 16000, 16000, 120);
    for (size_t at = 0; at < 16000; at += 320)
        plc_good(p, said + at, 320);
    double before = mix_level_dbfs(said + 14400, 1600);
    plc_conceal(p, frame, 320);
    T_NEAR(mix_level_dbfs(frame, 320), before, 4);
    for (int k = 0; k < 4; k++)
        plc_conceal(p, frame, 320);
    T_EQ(mix_level_dbfs(frame, 320), MIX_SILENCE_DBFS);
    for (int k = 0; k < 10000; k++) /* it may last for minutes */
        plc_conceal(p, frame, 320);
    T_EQ(mix_level_dbfs(frame, 320), MIX_SILENCE_DBFS);
    memcpy(frame, said + 8000, sizeof frame);
    plc_good(p, frame, 320);
    T_MEM(frame + 160, said + 8160, 320); /* blended over at most 10 ms, then as received */
out:
    mem_free(p);
}

static void test_frames_of_any_size_and_no_history_are_fine(struct t *t)
{
    struct plc *p = mem_alloc(plc_size(48000));
    struct rng r;
    rng_init_u64(&r, 9);
    T_CHECK(p);
    plc_init(p, 48000);
    plc_conceal(p, heard, 5760);
    T_EQ(mix_level_dbfs(heard, 5760), MIX_SILENCE_DBFS);
    for (int k = 0; k < 300; k++) {
        size_t n = 1 + rng_below(&r, 5760);
        if (rng_below(&r, 2)) {
            plc_conceal(p, heard, n);
        } else {
            sound_noise(heard, n, (uint64_t) k, rng_below(&r, 2) ? -3 : -60);
            plc_good(p, heard, n);
        }
    }
out:
    mem_free(p);
}

T_MAIN(T(test_a_voice_is_continued_better_than_by_silence_or_repetition), T(test_a_sine_is_continued_almost_exactly),
       T(test_speech_is_understood_better_than_with_gaps), T(test_neither_end_of_a_loss_clicks),
       T(test_a_loss_goes_on_from_where_the_sound_was), T(test_a_long_loss_fades_to_silence),
       T(test_frames_of_any_size_and_no_history_are_fine))
