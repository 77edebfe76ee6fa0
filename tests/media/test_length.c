/* Delay is taken and given back where it is not heard: each rule of media/length.h, frame by frame. */
#include "media/length.h"

#include "support/t.h"
#include "sys/loop.h"

#include <math.h>
#include <stdlib.h>

enum { RATE = 8000, FRAME_MS = 20, N = RATE / 1000 * FRAME_MS, NEVER = -1 };

static int16_t pcm[LENGTH_MOST_SAMPLES], spare[LENGTH_MOST_SAMPLES];

struct line {
    struct length l;
    double hz;
    size_t at;       /* in the sound */
    int first, last; /* samples of the last frame as it came */
};

static void line_init(struct line *x)
{
    *x = (struct line){ .hz = 200 };
    length_init(&x->l, RATE);
}

/* The next frame, a tone, to `pcm`; returns by how many samples it became longer. */
static int frame(struct line *x, double dbfs, enum jitter_advice advice, int64_t by_us)
{
    for (size_t i = 0; i < N; i++)
        pcm[i] = (int16_t) lrint(46340 * pow(10, dbfs / 20) * sin(6.283185307 * x->hz / RATE * (double) (x->at + i)));
    x->at += N;
    x->first = pcm[0];
    x->last = pcm[N - 1];
    return (int) length_change(&x->l, advice, by_us, pcm, N, spare) - N;
}

/* So long a word and a pause behind it: in which frame of the pause the first change comes; a word must not change. */
static int first_change(struct line *x, int word_ms, int pause_ms, enum jitter_advice advice, int64_t by_us)
{
    int first = NEVER;
    for (int ms = 0; ms < word_ms; ms += FRAME_MS)
        if (frame(x, -20, advice, by_us) != 0)
            return -2;
    for (int k = 0; k < pause_ms / FRAME_MS; k++)
        if (frame(x, -70, advice, by_us) != 0 && first == NEVER)
            first = k;
    return first;
}

/* ---- when a pause becomes shorter -------------------------------------------------------------------------------- */

static void test_a_little_delay_is_taken_between_sentences_only(struct t *t)
{
    struct line x;
    line_init(&x);
    for (int words = 0; words < 20; words++)
        T_EQ(first_change(&x, 400, 200, JITTER_TRIM, SYS_MS(20)), NEVER);
    T_EQ(first_change(&x, 400, 400, JITTER_TRIM, SYS_MS(20)), 10); /* 200 ms are left whole */
out:
    return;
}

static void test_more_delay_waits_for_a_sentences_end_for_a_while(struct t *t)
{
    struct line x;
    line_init(&x);
    T_EQ(first_change(&x, 1200, 200, JITTER_TRIM, SYS_MS(21)), NEVER);
    T_EQ(first_change(&x, 100, 200, JITTER_TRIM, SYS_MS(21)), 3); /* 1.5 s have passed: 60 ms are left whole */
    /* The delay was right meanwhile: patience begins anew. */
    T_EQ(first_change(&x, 100, 0, JITTER_NORMAL, 0), NEVER);
    T_EQ(first_change(&x, 400, 200, JITTER_TRIM, SYS_MS(79)), NEVER);
    T_EQ(first_change(&x, 400, 400, JITTER_TRIM, SYS_MS(79)), 10);
out:
    return;
}

static void test_much_delay_is_taken_in_the_next_pause(struct t *t)
{
    struct line x;
    line_init(&x);
    T_EQ(first_change(&x, 200, 60, JITTER_TRIM, SYS_MS(80)), NEVER); /* it may be the end of a word */
    T_EQ(first_change(&x, 200, 200, JITTER_TRIM, SYS_MS(80)), 3);
    T_EQ(first_change(&x, 200, 200, JITTER_SHRINK, SYS_MS(80)), 3);
out:
    return;
}

static void test_what_is_begun_in_a_pause_is_done_there(struct t *t)
{
    struct line x;
    line_init(&x);
    T_EQ(first_change(&x, 200, 80, JITTER_TRIM, SYS_MS(80)), 3);
    for (int left_ms = 15; left_ms > 0; left_ms -= 5) /* so little alone would wait for 200 ms */
        T_EQ(frame(&x, -70, JITTER_TRIM, SYS_MS(left_ms)), -left_ms * RATE / 1000);
    T_EQ(first_change(&x, 200, 180, JITTER_TRIM, SYS_MS(5)), NEVER); /* the next one is another */
out:
    return;
}

/* ---- by how much ------------------------------------------------------------------------------------------------- */

/* The greatest step in it, and to what was heard before and will be behind it. */
static int steepest(const struct line *x, int n)
{
    int most = AHOY_MAX(abs(pcm[0] - x->first), abs(pcm[n - 1] - x->last));
    for (int i = 1; i < n; i++)
        most = AHOY_MAX(most, abs(pcm[i] - pcm[i - 1]));
    return most;
}

static void test_silence_bears_much_and_joins(struct t *t)
{
    struct line x;
    line_init(&x);
    (void) frame(&x, -55, JITTER_NORMAL, 0);
    int steep = steepest(&x, N);
    T_CHECK(steep > 4);
    T_EQ(first_change(&x, 0, 400, JITTER_NORMAL, 0), NEVER);
    x.hz = 230;
    T_EQ(frame(&x, -55, JITTER_TRIM, SYS_MS(3)), -3 * RATE / 1000);
    T_LE(steepest(&x, N - 3 * RATE / 1000), 2 * steep);
    T_EQ(frame(&x, -55, JITTER_TRIM, SYS_MS(500)), -N * 3 / 4);
    T_LE(steepest(&x, N / 4), 2 * steep);
    T_EQ(frame(&x, -55, JITTER_STRETCH, SYS_MS(3)), 3 * RATE / 1000);
    T_LE(steepest(&x, N + 3 * RATE / 1000), 2 * steep);
    T_EQ(frame(&x, -55, JITTER_STRETCH, SYS_MS(500)), 2 * N);
    T_LE(steepest(&x, 3 * N), 2 * steep);
out:
    return;
}

static void test_silence_grows_at_once(struct t *t)
{
    struct line x;
    line_init(&x);
    T_EQ(first_change(&x, 400, 200, JITTER_STRETCH, SYS_MS(2)), 0);
out:
    return;
}

/* The longest frame there is has room for half of it more, and no more is written. */
static void test_a_long_frame_grows_within_its_room(struct t *t)
{
    struct length l;
    length_init(&l, 48000);
    memset(pcm, 0, sizeof pcm);
    T_EQ(length_change(&l, JITTER_STRETCH, SYS_S(1), pcm, AUDIO_MAX_SAMPLES, spare), LENGTH_MOST_SAMPLES);
out:
    return;
}

/* A hum is silence beside itself, and still must not meet itself out of phase. */
static void test_a_hum_changes_by_half_and_in_phase(struct t *t)
{
    static const enum jitter_advice advice[] = { JITTER_TRIM, JITTER_STRETCH };
    struct line x;
    line_init(&x);
    x.hz = 150;
    for (int ms = 0; ms < 4000; ms += FRAME_MS)
        (void) frame(&x, -40, JITTER_NORMAL, 0);
    T_CHECK(length_quiet(&x.l));
    int steep = steepest(&x, N);
    for (size_t i = 0; i < AHOY_COUNT(advice); i++) {
        int by = abs(frame(&x, -40, advice[i], SYS_MS(500)));
        T_LE(N / 4, by);
        T_LE(by, N / 2);
        T_NEAR(by, RATE / 150.0, 1); /* a period */
        T_LE(steepest(&x, advice[i] == JITTER_TRIM ? N - by : N + by), steep * 11 / 10);
    }
out:
    return;
}

/* ---- speech ------------------------------------------------------------------------------------------------------ */

/* Frames between the changes of a word that does not end: the first, and the least behind it. */
static void changes_in_speech(struct line *x, enum jitter_advice advice, int *first_ms, int *every_ms)
{
    int since = 0;
    *first_ms = *every_ms = NEVER;
    for (int ms = 0; ms < 6000; ms += FRAME_MS) {
        if (frame(x, -20, advice, SYS_MS(200)) != 0) {
            if (*first_ms == NEVER)
                *first_ms = ms + FRAME_MS;
            else if (*every_ms == NEVER || ms - since < *every_ms)
                *every_ms = ms - since;
            since = ms;
        }
    }
}

static void test_speech_changes_where_no_pause_comes_and_seldom(struct t *t)
{
    struct line x;
    int first, every;
    line_init(&x);
    changes_in_speech(&x, JITTER_TRIM, &first, &every);
    T_EQ(first, NEVER);
    (void) frame(&x, -70, JITTER_NORMAL, 0);
    changes_in_speech(&x, JITTER_SHRINK, &first, &every);
    T_EQ(first, 2000);
    T_EQ(every, 300);
    (void) frame(&x, -70, JITTER_NORMAL, 0);
    changes_in_speech(&x, JITTER_STRETCH, &first, &every);
    T_EQ(first, 2000);
    T_EQ(every, 1000);
out:
    return;
}

T_MAIN(T(test_a_little_delay_is_taken_between_sentences_only), T(test_more_delay_waits_for_a_sentences_end_for_a_while),
       T(test_much_delay_is_taken_in_the_next_pause), T(test_what_is_begun_in_a_pause_is_done_there),
       T(test_silence_bears_much_and_joins), T(test_silence_grows_at_once), T(test_a_long_frame_grows_within_its_room),
       T(test_a_hum_changes_by_half_and_in_phase), T(test_speech_changes_where_no_pause_comes_and_seldom))
