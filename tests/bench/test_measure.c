/* What the sound benchmark measures by: the perceptual score, the alignment, the figures made of both. */
#include "sound/measure.h"

#include "base/mem.h"
#include "base/rng.h"
#include "sound/align.h"
#include "support/t.h"

#include <string.h>

enum { SECONDS = 4, N = PQ_HZ * SECONDS, ROOM = N + PQ_HZ };

static int16_t said[ROOM], heard[ROOM];

/* Something like speech: a gliding pulse train through a resonance, in syllables, with hiss between some. */
static void speak(int16_t *dst, size_t n, uint32_t rate_hz)
{
    struct rng rng;
    double phase = 0, y1 = 0, y2 = 0;
    rng_init_u64(&rng, 7);
    memset(dst, 0, n * sizeof *dst);
    for (size_t i = 0; i < n; i++) {
        double s = (double) i / rate_hz, syllable = fmod(s, 0.31) / 0.31;
        double hz = 110 + 40 * sin(2 * 3.141592653589793 * 0.7 * s) + 25 * sin(2 * 3.141592653589793 * 1.9 * s);
        phase += hz / rate_hz;
        double pulse = phase >= 1 ? 1 : 0;
        phase -= pulse;
        double formant = 500 + 900 * (0.5 + 0.5 * sin(2 * 3.141592653589793 * 1.3 * s));
        double r = 0.98, x = pulse + (syllable > 0.8 ? 0.2 * (rng_unit(&rng) - 0.5) : 0.002 * rng_unit(&rng));
        double y = x + 2 * r * cos(2 * 3.141592653589793 * formant / rate_hz) * y1 - r * r * y2;
        y2 = y1;
        y1 = y;
        dst[i] = (int16_t) lrint(2500 * y * (syllable < 0.9 ? sin(3.141592653589793 * syllable / 0.9) : 0));
    }
}

static void add_noise(int16_t *x, size_t n, double amplitude, uint64_t seed)
{
    struct rng rng;
    rng_init_u64(&rng, seed);
    for (size_t i = 0; i < n; i++)
        x[i] = (int16_t) lrint(fmin(fmax(x[i] + amplitude * (rng_unit(&rng) - 0.5), -32768), 32767));
}

static enum ahoy_err score(double *out)
{
    struct pq_signals s = { .said = said, .heard = heard, .said_n = N, .heard_n = ROOM };
    struct pq_score p;
    enum ahoy_err err = pq_score(&s, &p);
    if (!err)
        *out = p.mos;
    return err;
}

static void test_the_same_sound_scores_best_at_any_level(struct t *t)
{
    double mos;
    speak(said, N, PQ_HZ);
    memcpy(heard, said, sizeof heard);
    T_OK(score(&mos));
    T_NEAR(mos, 4.64, 0.01);
    for (size_t i = 0; i < N; i++)
        heard[i] = (int16_t) (said[i] / 3);
    T_OK(score(&mos));
    T_CHECK(mos > 4.5);
out:
    return;
}

static void test_noise_lowers_the_score_step_by_step(struct t *t)
{
    double before = 4.6, mos = 0;
    speak(said, N, PQ_HZ);
    for (double amplitude = 30; amplitude < 20000; amplitude *= 2.5) {
        memcpy(heard, said, sizeof heard);
        add_noise(heard, N, amplitude, 1);
        T_OK(score(&mos));
        T_CHECK(mos < before);
        before = mos;
    }
    T_CHECK(mos < 1.5);
out:
    return;
}

static void test_holes_lower_it_by_how_many_there_are_and_clicks_more(struct t *t)
{
    double mos[3];
    speak(said, N, PQ_HZ);
    for (int kind = 0; kind < 3; kind++) { /* a hole of 20 ms in 320; two; one full of noise */
        memcpy(heard, said, sizeof heard);
        for (size_t at = 0; at + 5120 <= N; at += 5120) {
            memset(heard + at + 1000, 0, 320 * sizeof *heard);
            if (kind == 1)
                memset(heard + at + 3000, 0, 320 * sizeof *heard);
            if (kind == 2)
                add_noise(heard + at + 1000, 320, 8000, at);
        }
        T_OK(score(&mos[kind]));
    }
    T_CHECK(mos[0] < 3.8);
    T_CHECK(mos[1] < mos[0] - 0.2);
    T_CHECK(mos[2] < mos[0] - 0.2);
out:
    return;
}

static void test_silence_and_too_little_are_refused(struct t *t)
{
    struct pq_signals s = { .said = said, .heard = said, .said_n = N, .heard_n = N };
    struct pq_score p;
    memset(said, 0, sizeof said);
    T_ERR(pq_score(&s, &p), AHOY_ERR_INVAL);
    s.said_n = 4000;
    T_ERR(pq_score(&s, &p), AHOY_ERR_INVAL);
out:
    return;
}

static void test_play_out_that_moves_is_followed(struct t *t)
{
    enum { FIRST = 900, SECOND = 1237, AT = N / 2 };
    struct align supple = { 0 }, stiff = { 0 }, rigid = { 0 };
    speak(said, N, PQ_HZ);
    memset(heard, 0, sizeof heard);
    memcpy(heard + FIRST, said, AT * sizeof *heard);
    memcpy(heard + AT + SECOND, said + AT, (N - AT) * sizeof *heard);
    T_OK(align_find(said, N, heard, ROOM, 200, &supple, &stiff, &rigid));
    struct align *const each[] = { &supple, &stiff, &rigid };
    for (int k = 0; k < 3; k++) {
        unsigned wrong = 0, active = 0;
        T_EQ(each[k]->n, N / PQ_HOP);
        for (size_t h = 0; h < each[k]->n; h++) {
            bool near = h + 4 > AT / PQ_HOP && h < AT / PQ_HOP + 4;
            active += each[k]->active[h] > 0.5f;
            wrong += !near && each[k]->active[h] > 0.5f && each[k]->lag[h] != (h < AT / PQ_HOP ? FIRST : SECOND);
        }
        T_CHECK(active > 100);
        T_EQ(wrong, 0);
    }
out:
    align_free(&supple);
    align_free(&stiff);
    align_free(&rigid);
}

static void test_a_delay_is_measured_and_costs_nothing(struct t *t)
{
    enum { M = MEASURE_HZ * SECONDS, LATE = MEASURE_HZ / 1000 * 75 };
    struct measure *m = NULL;
    struct figures f;
    int16_t *pcm = mem_zalloc(2 * M * sizeof *pcm);
    T_CHECK(pcm);
    speak(pcm + LATE, M, MEASURE_HZ);
    T_OK(measure_create(&m, pcm + LATE, M));
    T_OK(measure_run(m, pcm, 2 * M, 200, &f));
    T_NEAR(f.delay_ms, 75, 0.1);
    T_NEAR(f.delay_95_ms, 75, 0.1);
    T_CHECK(f.pq > 4.6);
    T_CHECK(f.estoi > 0.999);
    T_NEAR(f.lsd_db, 0, 0.2);
out:
    measure_destroy(m);
    mem_free(pcm);
}

T_MAIN(T(test_the_same_sound_scores_best_at_any_level), T_STRIDE(test_noise_lowers_the_score_step_by_step, 3),
       T(test_holes_lower_it_by_how_many_there_are_and_clicks_more), T(test_silence_and_too_little_are_refused),
       T_STRIDE(test_play_out_that_moves_is_followed, 3), /* a second each run */
       T_STRIDE(test_a_delay_is_measured_and_costs_nothing, 7))
