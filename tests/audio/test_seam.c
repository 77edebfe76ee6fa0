/* Where a sound goes on from another place: the past, the place, the transition. */
#include "audio/seam.h"

#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>
#include <string.h>

enum { HZ = 8000, MS = HZ / 1000, FADE = SEAM_FADE_MS * MS };

static int16_t sound[HZ];

static int most_step(const int16_t *x, size_t n)
{
    int most = 0;
    for (size_t i = 1; i < n; i++)
        most = AHOY_MAX(most, abs(x[i] - x[i - 1]));
    return most;
}

static void test_the_last_of_what_went_by_is_kept(struct t *t)
{
    static struct past p;
    int16_t out[SEAM_PAST_MOST];
    p = (struct past){ 0 };
    T_EQ(past_get(&p, HZ, out), 0);
    sound_noise(sound, HZ, 1, -20);
    size_t at = 0, most = SEAM_PAST_MS * MS;
    for (size_t piece = 1; at + piece < HZ; at += piece, piece = piece * 7 % 613) { /* of every length */
        past_put(&p, HZ, sound + at, piece);
        size_t n = past_get(&p, HZ, out);
        T_EQ(n, AHOY_MIN(at + piece, most));
        T_EQ(memcmp(out, sound + at + piece - n, n * sizeof *out), 0);
    }
    past_put(&p, HZ, NULL, 10);
    T_EQ(past_get(&p, HZ, out), most);
    T_EQ(out[most - 10], 0);
    T_EQ(out[most - 11], sound[at - 1]);
    T_EQ(past_get(&p, 2 * HZ, out), 0); /* of another rate it knows nothing */
    past_put(&p, 2 * HZ, sound, 5);
    T_EQ(past_get(&p, 2 * HZ, out), 5);
out:
    return;
}

static void test_the_place_is_found_that_goes_on(struct t *t)
{
    struct seam_place place;
    struct seam_sounds s = { .past = sound, .past_n = 1000, .next = sound + 300, .next_n = 1000, .hz = HZ };
    sound_noise(sound, HZ, 2, -20);
    T_CHECK(seam_find(&s, 200, 400, &place)); /* the past ends 300 samples before the other does */
    T_EQ(place.at, 700);
    T_CHECK(place.like);
    T_NEAR(place.part, 0, 0.1);
    T_CHECK(seam_find(&s, 320, 400, &place)); /* it is too near to the end */
    T_CHECK(!place.like);
    T_CHECK(place.at >= 600 && place.at <= 680);
    s.next_n = SEAM_LIKE_MS * MS + 10;
    T_CHECK(!seam_find(&s, 11, 20, &place));
    s.next_n = 1000, s.past_n = SEAM_LIKE_MS * MS - 1;
    T_CHECK(!seam_find(&s, 0, 20, &place));
out:
    return;
}

/* Of a tone whose period is no whole number of samples, or which is one in which all places are equal. */
static void test_a_tone_goes_on_in_phase(struct t *t)
{
    struct seam_place place;
    struct seam_sounds s = { .past = sound, .past_n = 1003, .next = sound, .next_n = 1003, .hz = HZ };
    sound_sine(sound, HZ, HZ, 437, -20);
    T_CHECK(seam_find(&s, 160, 260, &place));
    T_CHECK(place.like);
    double periods = ((double) (1003 - place.at) - place.part) * 437 / HZ;
    T_NEAR(periods, (double) (long) (periods + 0.5), 0.005);
    T_CHECK(seam_find(&s, 160, 180, &place)); /* one period to choose from, whose end is a quarter off a sample */
    periods = ((double) (1003 - place.at) - place.part) * 437 / HZ;
    T_NEAR(periods, (double) (long) (periods + 0.5), 0.005);
    memset(sound, 0, sizeof sound);
    T_CHECK(seam_find(&s, 160, 260, &place)); /* silence: the nearest */
    T_EQ(place.at, 1003 - 160);
    T_CHECK(!place.like);
out:
    return;
}

static void test_the_step_that_is_left_dies_away(struct t *t)
{
    static struct seam seam;
    int16_t joined[HZ / 5];
    sound_sine(sound, HZ, HZ, 300, -20);
    int own = most_step(sound, HZ);
    size_t half = AHOY_COUNT(joined) / 2, gap = 5; /* of a sixth of a period */
    memcpy(joined, sound, half * sizeof *joined);
    memcpy(joined + half, sound + half + gap, half * sizeof *joined);
    T_CHECK(most_step(joined, 2 * half) > 2 * own);
    seam_begin(&seam, sound, half, HZ, &sound[half + gap - 1]);
    seam_run(&seam, joined + half, 7);
    seam_run(&seam, joined + half + 7, half - 7);
    T_LE(most_step(joined, 2 * half), own * 5 / 4);
    T_EQ(memcmp(joined + half + FADE, sound + half + gap + FADE, (half - FADE) * sizeof *joined), 0);
out:
    return;
}

/* What is no continuation fades in behind what fades out, with about its loudness. */
static void test_unlike_sounds_fade_over(struct t *t)
{
    static struct seam seam;
    int16_t next[HZ / 5];
    sound_sine(sound, HZ, HZ, 300, -20);
    sound_sine(next, AHOY_COUNT(next), HZ, 1100, -20);
    int own = most_step(next, AHOY_COUNT(next));
    seam_begin(&seam, sound, 507, HZ, NULL);
    seam_run(&seam, next, AHOY_COUNT(next));
    T_LE(abs(next[0] - sound[506]), own);
    T_LE(most_step(next, AHOY_COUNT(next)), own * 3 / 2);
    memset(next, 0, sizeof next);
    seam_begin(&seam, sound, 507, HZ, NULL); /* nothing follows */
    seam_run(&seam, next, AHOY_COUNT(next));
    T_CHECK(next[1] != 0);
    T_EQ(next[FADE], 0);
    seam_begin(&seam, sound, FADE - 1, HZ, NULL); /* too little of a past: nothing is done */
    seam_run(&seam, next + FADE, 100);
    T_EQ(next[FADE], 0);
out:
    return;
}

T_MAIN(T(test_the_last_of_what_went_by_is_kept), T(test_the_place_is_found_that_goes_on),
       T(test_a_tone_goes_on_in_phase), T(test_the_step_that_is_left_dies_away), T(test_unlike_sounds_fade_over))
