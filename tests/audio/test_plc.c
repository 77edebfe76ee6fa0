#include "audio/plc.h"

#include "audio/mix.h"
#include "audio/score.h"
#include "base/mem.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 48000 * 2 };

static int16_t said[MOST], heard[MOST], bridged[MOST], zeros[MOST], repeats[MOST];

static struct plc *make_plc(uint32_t hz)
{
    struct plc *p = mem_alloc(plc_size(hz));
    if (p)
        plc_init(p, hz);
    return p;
}

/* Loses every tenth 20 ms frame, or the first `run` of ten. Fills all four ways of standing in for it. */
static enum ahoy_err lose(uint32_t hz, size_t n, unsigned run)
{
    struct plc *p = make_plc(hz);
    struct plc *q = p ? make_plc(hz) : NULL;
    if (!q) {
        mem_free(p);
        return AHOY_ERR_NOMEM;
    }
    size_t frame = hz / 50;
    for (size_t k = 0; (k + 1) * frame <= n; k++) {
        size_t at = k * frame;
        size_t gap = (run - k % 10) * frame;
        bool lost = k > 2 && k % 10 < run && at + gap + frame <= n;
        memcpy(heard + at, said + at, frame * sizeof *heard);
        memcpy(bridged + at, said + at, frame * sizeof *heard);
        memcpy(zeros + at, said + at, frame * sizeof *heard);
        memcpy(repeats + at, said + at, frame * sizeof *heard);
        if (lost) {
            plc_conceal(p, heard + at, frame);
            if (plc_gap(q) != gap)
                plc_toward(q, said + at + gap, frame, gap, 0);
            plc_conceal(q, bridged + at, frame);
            memset(zeros + at, 0, frame * sizeof *heard);
            memcpy(repeats + at, repeats + at - frame, frame * sizeof *heard);
        } else {
            plc_good(p, heard + at, frame);
            plc_good(q, bridged + at, frame);
        }
    }
    mem_free(q);
    mem_free(p);
    return AHOY_OK;
}

static void test_a_voice_is_continued_better_than_by_silence_or_repetition(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 32000, 48000 };
    static const double pitches[] = { 90, 130, 210, 320 };
    double gained = 0; /* by knowing what follows */
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (size_t k = 0; k < AHOY_COUNT(pitches); k++) {
            size_t n = rates[r] / 50 * 50;
            sound_voice(said, n, rates[r], pitches[k]);
            T_OK(lose(rates[r], n, 1));
            double plc = score_snr_db(said, heard, n);
            T_CHECK(plc > score_snr_db(said, zeros, n) + 1);
            T_CHECK(plc > score_snr_db(said, repeats, n) + 4);
            gained += score_snr_db(said, bridged, n) - plc;
        }
    T_CHECK(gained > 2.0 * AHOY_COUNT(rates) * AHOY_COUNT(pitches));
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

/* Both ends meet: however the pitch glides between them, and for as long as it takes. */
static void test_what_follows_is_reached_in_phase(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 48000 };
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (unsigned run = 1; run <= 3; run++) {
            double most = 6.283185307179586 * 180 / rates[r];
            size_t n = rates[r];
            for (size_t i = 0; i < n; i++) {
                double at = (double) i / rates[r];
                double phase = 6.283185307179586 * (150 * at + 30 * at * at / 2); /* 150 … 180 Hz */
                said[i] = (int16_t) (8000 * sin(phase) + 3000 * sin(3 * phase));
            }
            T_OK(lose(rates[r], n, run));
            T_CHECK(score_snr_db(said, bridged, n) > 20 - 3 * (double) run);
            for (size_t i = 1; i < n; i++)
                T_LE(abs(bridged[i] - bridged[i - 1]), (int) (most * 17000 * 1.2) + 2);
        }
out:
    return;
}

static void test_the_level_goes_evenly_to_what_follows(struct t *t)
{
    struct plc *p = make_plc(16000);
    T_CHECK(p);
    for (int up = 0; up < 2; up++) {
        sound_noise(said, 3200, 5, up ? -40 : -20);
        sound_noise(repeats, 320, 6, up ? -20 : -40);
        plc_good(p, said, 3200);
        plc_toward(p, repeats, 320, 320, 0);
        T_EQ(plc_gap(p), 320);
        plc_conceal(p, heard, 320);
        T_EQ(plc_gap(p), 0);
        double first = mix_level_dbfs(heard, 160);
        double second = mix_level_dbfs(heard + 160, 160);
        T_NEAR(up ? first : second, -35, 3.5);
        T_NEAR(up ? second : first, -25, 3.5);
        memcpy(heard, repeats, 640);
        plc_good(p, heard, 320);
        T_MEM(heard + 100, repeats + 100, 440); /* after a known way the blend is short */
    }
out:
    mem_free(p);
}

static void test_looking_ahead_changes_nothing(struct t *t)
{
    struct plc *p = make_plc(16000);
    T_CHECK(p);
    sound_voice(said, 3200, 16000, 140);
    plc_good(p, said, 2880);
    plc_toward(p, said + 3000, 200, 120, 0);
    for (size_t at = 0; at < 100; at += 10) {
        plc_peek(p, heard, 100);
        plc_conceal(p, repeats, 10);
        T_MEM(heard, repeats, 20);
        T_EQ(plc_gap(p), 110 - at);
    }
out:
    mem_free(p);
}

/* The first samples of what follows may be wrong: the way leads over them. */
static void test_what_is_not_relied_on_is_led_over(struct t *t)
{
    struct plc *p = make_plc(16000);
    double snr[2] = { 0 };
    T_CHECK(p);
    sound_voice(said, 3200, 16000, 160);
    for (int soft = 0; soft < 2; soft++) {
        memcpy(heard, said, 3200 * sizeof *said);
        sound_noise(heard + 1920, 48, 3, -14);
        plc_good(p, heard, 1600);
        plc_toward(p, heard + 1920, 320, 320, soft ? 48 : 0);
        T_EQ(plc_gap(p), 320);
        plc_conceal(p, heard + 1600, 320);
        plc_good(p, heard + 1920, 320);
        snr[soft] = score_snr_db(said + 1600, heard + 1600, 640);
    }
    T_CHECK(snr[1] > snr[0] + 6);
out:
    mem_free(p);
}

static void test_speech_is_understood_better_than_with_gaps(struct t *t)
{
    static const char *const names[] = { "Front_Center", "Rear_Left", "Side_Right" };
    for (size_t i = 0; i < AHOY_COUNT(names); i++) {
        size_t n = sound_speech(names[i], 8000, said, MOST) / 160 * 160;
        double plc = 0, way = 0, gaps = 0, repeated = 0;
        T_CHECK(n > 8000);
        T_OK(lose(8000, n, 2));
        T_OK(score_estoi(said, heard, n, 8000, &plc));
        T_OK(score_estoi(said, bridged, n, 8000, &way));
        T_OK(score_estoi(said, zeros, n, 8000, &gaps));
        T_OK(score_estoi(said, repeats, n, 8000, &repeated));
        if (!t->injecting && getenv("AHOY_TEST_FIGURES"))
            fprintf(stderr, "%s: ESTOI %.3f bridged, %.3f concealed, %.3f gaps, %.3f repeated\n", names[i], way, plc,
                    gaps, repeated);
        T_CHECK(plc > gaps + 0.02);
        T_CHECK(plc > repeated);
        T_CHECK(way > plc + 0.02);
        T_CHECK(way > 0.85);
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
            if (rng_below(&r, 2))
                plc_toward(p, heard, rng_below(&r, 2000), rng_below(&r, 6000), rng_below(&r, 300));
            plc_peek(p, zeros, n);
            plc_conceal(p, heard, n);
            T_MEM(heard, zeros, n * sizeof *heard);
        } else {
            sound_noise(heard, n, (uint64_t) k, rng_below(&r, 2) ? -3 : -60);
            plc_good(p, heard, n);
        }
    }
out:
    mem_free(p);
}

T_MAIN(T(test_a_voice_is_continued_better_than_by_silence_or_repetition), T(test_a_sine_is_continued_almost_exactly),
       T(test_what_follows_is_reached_in_phase), T(test_the_level_goes_evenly_to_what_follows),
       T(test_looking_ahead_changes_nothing), T(test_what_is_not_relied_on_is_led_over),
       T(test_speech_is_understood_better_than_with_gaps), T(test_neither_end_of_a_loss_clicks),
       T(test_a_loss_goes_on_from_where_the_sound_was), T(test_a_long_loss_fades_to_silence),
       T(test_frames_of_any_size_and_no_history_are_fine))
