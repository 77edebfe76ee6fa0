#include "audio/stretch.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>

enum { MOST = 48000 * 3 };

static int16_t said[MOST], out_pcm[2 * MOST];

static const uint32_t rates[] = { 8000, 16000, 32000, 48000 };

/* Every frame of `ms` is changed in turn; returns the length of all. */
static size_t change_all(uint32_t hz, size_t n, unsigned ms, bool shrink, size_t *changed)
{
    size_t frame = hz / 1000 * ms;
    size_t made = 0;
    *changed = 0;
    for (size_t at = 0; at + frame <= n; at += frame) {
        size_t got = shrink ? stretch_shrink(hz, STRETCH_GENTLE, said + at, frame, out_pcm + made)
                            : stretch_expand(hz, STRETCH_GENTLE, said + at, frame, out_pcm + made);
        *changed += got != frame;
        made += got;
    }
    return made;
}

/* A tone keeps its frequency: what is not that tone stays far below it. */
static void test_pitch_stays(struct t *t)
{
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (int shrink = 0; shrink < 2; shrink++) {
            size_t n = rates[r] * 2;
            size_t changed = 0;
            sound_sine(said, n, rates[r], 200, -12);
            size_t got = change_all(rates[r], n, 20, shrink, &changed);
            T_LE(95, changed);
            T_CHECK(shrink ? got < n * 8 / 10 : got > n * 12 / 10);
            T_NEAR(mix_level_dbfs(out_pcm, got), -12, 0.5);
            T_CHECK(sound_purity_db(out_pcm + 1000, got / 200 * 200 - 2000, rates[r], 200) > 15);
        }
out:
    return;
}

static void test_a_voice_shrinks_and_grows_by_whole_periods(struct t *t)
{
    for (size_t r = 0; r < AHOY_COUNT(rates); r++)
        for (int shrink = 0; shrink < 2; shrink++) {
            size_t changed = 0;
            size_t n = rates[r] * 2;
            sound_voice(said, n, rates[r], 140);
            size_t got = change_all(rates[r], n, 30, shrink, &changed);
            T_CHECK(changed > 60); /* of 66 */
            double per_change = fabs((double) got - (double) n) / (double) changed / rates[r];
            double periods = per_change * 140;
            T_CHECK(periods > 0.9 && periods < 2.1);
            T_NEAR(mix_level_dbfs(out_pcm, got), mix_level_dbfs(said, n), 1);
        }
out:
    return;
}

static void test_ends_of_a_piece_stay_and_no_seam_is_heard(struct t *t)
{
    for (int hz = 90; hz < 500; hz += 23) {
        sound_sine(said, 480, 16000, hz, -12);
        int most = 0, step = 0;
        for (size_t i = 1; i < 480; i++)
            most = AHOY_MAX(most, abs(said[i] - said[i - 1]));
        for (int shrink = 0; shrink < 2; shrink++) {
            size_t got = shrink ? stretch_shrink(16000, STRETCH_FORCED, said, 480, out_pcm)
                                : stretch_expand(16000, STRETCH_FORCED, said, 480, out_pcm);
            T_CHECK(got != 480);
            T_EQ(out_pcm[0], said[0]);
            T_EQ(out_pcm[got - 1], said[479]);
            for (size_t i = 1; i < got; i++)
                step = AHOY_MAX(step, abs(out_pcm[i] - out_pcm[i - 1]));
            T_LE(step, most + most / 4);
        }
    }
out:
    return;
}

static void test_noise_is_left_alone_unless_forced_and_silence_is_not(struct t *t)
{
    size_t changed = 0;
    sound_noise(said, 16000, 4, -20);
    (void) change_all(16000, 16000, 20, true, &changed);
    T_EQ(changed, 0);
    size_t got = stretch_shrink(16000, STRETCH_FORCED, said, 320, out_pcm);
    T_CHECK(got < 320 && got >= 320 - 16 * STRETCH_MAX_MS);
    T_EQ(stretch_shrink(16000, STRETCH_GENTLE, said, 320, out_pcm), 320);
    T_MEM(out_pcm, said, 640);
    sound_noise(said, 16000, 4, -65);
    (void) change_all(16000, 16000, 20, false, &changed);
    T_EQ(changed, 50);
    memset(said, 0, sizeof said);
    (void) change_all(16000, 16000, 20, true, &changed);
    T_EQ(changed, 50);
out:
    return;
}

static void test_pieces_of_any_length_stay_within_their_room(struct t *t)
{
    static int16_t in[5760], made[5760 + 48 * STRETCH_MAX_MS + 8];
    struct rng r;
    rng_init_u64(&r, 12);
    for (int k = 0; k < 600; k++) {
        uint32_t hz = rates[rng_below(&r, 4)];
        size_t n = rng_below(&r, 5760);
        if (k % 2)
            sound_voice(in, n, hz, 100);
        else
            sound_noise(in, n, (uint64_t) k, -10);
        size_t room = n + hz / 1000 * STRETCH_MAX_MS;
        made[room] = 1234;
        size_t got = stretch_expand(hz, STRETCH_FORCED, in, n, made);
        T_CHECK(got >= n && got <= room);
        T_EQ(made[room], 1234);
        memcpy(made, in, n * sizeof *in);
        made[n] = 1234;
        got = stretch_shrink(hz, STRETCH_FORCED, made, n, made); /* in place */
        T_CHECK(got <= n);
        T_EQ(made[n], 1234);
        T_EQ(stretch_shrink(hz, STRETCH_FORCED, in, n, out_pcm), got);
        T_MEM(made, out_pcm, got * sizeof *made);
    }
    T_EQ(stretch_shrink(8000, STRETCH_FORCED, in, 79, made), 79);
    T_EQ(stretch_expand(8000, STRETCH_FORCED, in, 0, made), 0);
out:
    return;
}

T_MAIN(T(test_pitch_stays), T(test_a_voice_shrinks_and_grows_by_whole_periods),
       T(test_ends_of_a_piece_stay_and_no_seam_is_heard), T(test_noise_is_left_alone_unless_forced_and_silence_is_not),
       T(test_pieces_of_any_length_stay_within_their_room))
