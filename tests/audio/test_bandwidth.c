#include "audio/bandwidth.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

enum { SECOND = BANDWIDTH_HZ, FRAME = BANDWIDTH_HZ / 50 };

static int16_t pcm[SECOND * 8], part[SECOND * 8];

/* A tone, and another one so much weaker. */
static void two_tones(double hz, double below_db)
{
    sound_sine(pcm, AHOY_COUNT(pcm), BANDWIDTH_HZ, 1000, -20);
    sound_sine(part, AHOY_COUNT(part), BANDWIDTH_HZ, hz, -20 - below_db);
    mix_add(pcm, part, AHOY_COUNT(pcm));
}

/* Runs over [from, to) samples in frames; how many said wide. */
static size_t wide_frames(struct bandwidth *b, size_t from, size_t to, size_t frame)
{
    size_t wide = 0;
    for (size_t at = from; at + frame <= to; at += frame)
        wide += bandwidth_run(b, pcm + at, frame);
    return wide;
}

static void test_what_lies_above_eight_kilohertz_makes_a_voice_wide(struct t *t)
{
    static const struct {
        double hz, below_db;
        bool wide;
    } c[] = { { 3000, 0, false },  { 7900, 0, false }, { 8100, 0, false },  /* a resampler's transition */
              { 9800, 0, true },   { 9800, 25, true }, { 9800, 32, false }, /* its images */
              { 20000, 20, true }, { 23500, 20, true } };
    for (size_t i = 0; i < AHOY_COUNT(c); i++) {
        struct bandwidth b;
        bandwidth_init(&b);
        two_tones(c[i].hz, c[i].below_db);
        (void) wide_frames(&b, 0, SECOND / 2, FRAME);
        T_EQ(b.wide, c[i].wide);
    }
out:
    return;
}

/* The overtones of music are weaker than an s; what a resampler leaves, and the rounding to 16 bits, still are none. */
static void test_of_music_weak_overtones_count(struct t *t)
{
    static const struct {
        double hz, below_db;
        bool wide;
    } c[] = { { 3000, 0, false }, { 8100, 0, false }, { 9800, 32, true }, { 12000, 45, true }, { 12000, 60, false } };
    for (size_t i = 0; i < AHOY_COUNT(c); i++) {
        struct bandwidth b;
        bandwidth_init(&b);
        b.music = true;
        two_tones(c[i].hz, c[i].below_db);
        (void) wide_frames(&b, 0, SECOND / 2, FRAME);
        T_EQ(b.wide, c[i].wide);
    }
out:
    return;
}

/* Frames of 2.5 ms hold no whole look; they must do no harm, and all others must tell. */
static void test_it_is_seen_within_sixty_milliseconds_whatever_the_frame(struct t *t)
{
    static const size_t frames[] = { 480, 960, 1920, 2880, 5760 };
    struct bandwidth b;
    for (size_t i = 0; i < AHOY_COUNT(frames); i++) {
        bandwidth_init(&b);
        two_tones(3000, 0);
        T_EQ(wide_frames(&b, 0, SECOND, frames[i]), 0);
        two_tones(12000, 10);
        size_t n = wide_frames(&b, SECOND, 2 * SECOND, frames[i]);
        size_t late = (SECOND / frames[i] - n) * frames[i];
        T_LE(late, (size_t) BANDWIDTH_HZ * 6 / 100);
    }
    bandwidth_init(&b);
    T_EQ(wide_frames(&b, 0, SECOND, 120), 0);
    T_EQ(bandwidth_run(&b, pcm, 0), false);
out:
    return;
}

static void test_pauses_forget_nothing_and_twenty_seconds_of_sound_do(struct t *t)
{
    struct bandwidth b;
    bandwidth_init(&b);
    two_tones(12000, 10);
    (void) wide_frames(&b, 0, SECOND, FRAME);
    T_CHECK(b.wide);
    memset(pcm, 0, sizeof pcm);
    (void) wide_frames(&b, 0, 8 * SECOND, FRAME);
    T_CHECK(b.wide);
    two_tones(3000, 0);
    (void) wide_frames(&b, 0, 8 * SECOND, FRAME);
    (void) wide_frames(&b, 0, 8 * SECOND, FRAME);
    T_CHECK(b.wide);
    (void) wide_frames(&b, 0, 5 * SECOND, FRAME);
    T_CHECK(!b.wide);
out:
    return;
}

T_MAIN(T(test_what_lies_above_eight_kilohertz_makes_a_voice_wide), T(test_of_music_weak_overtones_count),
       T(test_it_is_seen_within_sixty_milliseconds_whatever_the_frame),
       T(test_pauses_forget_nothing_and_twenty_seconds_of_sound_do))
