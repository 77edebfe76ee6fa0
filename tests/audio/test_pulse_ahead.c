#include "audio/pulse_ahead.h"

#include "support/t.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * A loudspeaker whose server has a queue: a stumble needs so much in it, is dry when there is less, and an answer that came late
 * otherwise. Its server does not tell by how much it was dry.
 */
struct speaker {
    struct pulse_ahead ahead;
    int64_t now_us, looked_us;
    unsigned stumbles, dry, changes;
    double heard;   /* points × seconds: by the same scale as the policy's, but said here */
    double delay_s; /* milliseconds × seconds */
};

enum { SECOND = 1000000, MS = 1000 };

static uint32_t ahead_us(const struct speaker *s)
{
    return pulse_ahead_now(&s->ahead).ahead_us;
}

static void pass(struct speaker *s, int64_t until_us)
{
    for (; s->looked_us + SECOND <= until_us; s->looked_us += SECOND) {
        s->delay_s += (double) ahead_us(s) / MS;
        s->changes += pulse_ahead_look(&s->ahead, s->looked_us + SECOND);
    }
    s->now_us = until_us;
}

static void begin(struct speaker *s)
{
    *s = (struct speaker){ .now_us = 7 * SECOND, .looked_us = 7 * SECOND };
    pulse_ahead_init(&s->ahead);
    pulse_ahead_begin(&s->ahead, s->now_us);
}

/* `ms` after the last one, `need_ms` were needed in the queue. Every other time it is the server that was late, not we. */
static void stumble(struct speaker *s, unsigned ms, double need_ms)
{
    bool server = ++s->stumbles % 2 == 0;
    pass(s, s->now_us + (int64_t) ms * MS);
    pulse_ahead_answered(&s->ahead, s->now_us - (server ? 5 * MS : (int64_t) (need_ms * MS)), 5 * MS);
    double lack_ms = need_ms - (double) pulse_ahead_queue_us(pulse_ahead_now(&s->ahead)) / MS;
    if (lack_ms > 0) {
        s->dry++;
        s->heard += 2 + 0.25 * (lack_ms < 60 ? lack_ms : 60);
        pulse_ahead_dry(&s->ahead, s->now_us);
    } else if (!server) {
        pulse_ahead_answered(&s->ahead, s->now_us, (int64_t) (need_ms * MS));
    }
    s->changes += pulse_ahead_look(&s->ahead, s->now_us);
}

static void answer_in_time(struct speaker *s, unsigned ms)
{
    for (unsigned i = 0; i < ms; i += 5) {
        pass(s, s->now_us + 5 * MS);
        pulse_ahead_answered(&s->ahead, s->now_us, 5 * MS);
    }
}

static void test_a_calm_machine_has_the_least_after_two_seconds(struct t *t)
{
    struct speaker s;
    begin(&s);
    T_EQ(ahead_us(&s), 20000);
    answer_in_time(&s, 3100);
    T_EQ(ahead_us(&s), 12000);
    answer_in_time(&s, 60000);
    T_EQ(ahead_us(&s), 12000);
    T_EQ(s.changes, 1);
out:;
}

static void test_what_comes_while_a_stream_begins_is_nobodys_fault(struct t *t)
{
    struct speaker s;
    begin(&s);
    for (int i = 0; i < 9; i++)
        stumble(&s, 100, 40);
    T_EQ(ahead_us(&s), 20000);
    pass(&s, s.now_us + 3 * SECOND);
    T_EQ(ahead_us(&s), 12000);
out:;
}

static void test_once_is_chance_and_twice_is_too_little(struct t *t)
{
    struct speaker s;
    begin(&s);
    pass(&s, s.now_us + 20 * SECOND);
    stumble(&s, 0, 10);
    T_EQ(ahead_us(&s), 12000);
    stumble(&s, 60000, 10);
    T_EQ(ahead_us(&s), 12000);
    stumble(&s, 4000, 10);
    T_EQ(ahead_us(&s), 15300);
    stumble(&s, 4000, 10); /* it was enough */
    T_EQ(s.dry, 3);
    T_EQ(ahead_us(&s), 15300);
out:;
}

static void test_it_grows_in_one_jump_to_what_was_needed(struct t *t)
{
    struct speaker s;
    begin(&s);
    pass(&s, s.now_us + 20 * SECOND);
    for (int i = 0; i < 5; i++) {
        s.stumbles = 0; /* we were late, so it is known by how much */
        stumble(&s, 1000, 28);
        T_CHECK(ahead_us(&s) == 12000 || ahead_us(&s) == 45000);
    }
    T_EQ(ahead_us(&s), 45000);
    T_EQ(s.changes, 2); /* one of them was the beginning's end */
out:;
}

static void test_a_stall_that_nothing_bridges_is_not_paid_for(struct t *t)
{
    struct speaker s;
    begin(&s);
    pass(&s, s.now_us + 20 * SECOND);
    for (int i = 0; i < 20; i++)
        stumble(&s, 10000, 500);
    T_CHECK(ahead_us(&s) <= 15300);
out:;
}

static void test_it_shrinks_when_the_machine_is_calm_again(struct t *t)
{
    struct speaker s;
    begin(&s);
    pass(&s, s.now_us + 20 * SECOND);
    for (int i = 0; i < 6; i++)
        stumble(&s, 700, 33);
    T_CHECK(ahead_us(&s) >= 45000);
    answer_in_time(&s, 20000);
    T_CHECK(ahead_us(&s) <= 30000);
    answer_in_time(&s, 30000);
    T_EQ(ahead_us(&s), 12000);
    T_CHECK(s.dry <= 6);
out:;
}

/* Somebody who answers each other period only is no stumble, but how it is. */
static void test_a_slow_caller_gets_what_he_needs(struct t *t)
{
    struct speaker s;
    begin(&s);
    for (unsigned i = 0; i < 1000; i++) {
        pass(&s, s.now_us + 10 * MS);
        pulse_ahead_answered(&s.ahead, s.now_us, 10 * MS);
    }
    T_EQ(ahead_us(&s), 15300);
    T_EQ(s.changes, 1);
out:;
}

/* Stumbles that a larger size bridges keep it, though nothing is dry. */
static void test_what_would_have_been_dry_counts(struct t *t)
{
    struct speaker s;
    begin(&s);
    for (int i = 0; i < 40; i++)
        stumble(&s, 3000, 14.9);
    T_EQ(ahead_us(&s), 20000);
    T_CHECK(s.dry <= 3);
out:;
}

/* Chance decides when: by no rate it goes up and down more than a few times a minute. */
static void test_it_does_not_swing(struct t *t)
{
    for (unsigned mean_ms = 1000; mean_ms <= 60000; mean_ms *= 2) {
        struct speaker s;
        uint32_t seed = 1;
        begin(&s);
        while (s.now_us < 1200 * (int64_t) SECOND) {
            seed = seed * 1664525u + 1013904223u;
            double gap_ms = -log(((double) (seed >> 8) + 1) / 16777217.0) * mean_ms;
            stumble(&s, (unsigned) gap_ms, (seed >> 5) % 4 == 0 ? 14 : 10);
        }
        if (getenv("AHOY_TEST_FIGURES"))
            fprintf(stderr, "a stumble each %u ms: %.2f changes, %.1f dry moments a minute, %.1f ms\n", mean_ms,
                    s.changes / 20.0, s.dry / 20.0, s.delay_s / 1200);
        T_CHECK(s.changes < 20 * 3);
        T_CHECK(s.dry < 20 * 6);
    }
out:;
}

/* ---- this machine ------------------------------------------------------------------------------------------------ */

/* What was in use before: twice within five seconds is too much, by steps, and twenty calm seconds back. */
struct steps {
    uint32_t ahead_us;
    int64_t dry_us, grew_us;
};

static double steps_queue_ms(const struct steps *s)
{
    return (s->ahead_us / 2 + AHOY_MIN(s->ahead_us / 2 - 5000, 2650u)) / 1000.0;
}

static void steps_pass(struct steps *s, int64_t now_us)
{
    if (s->ahead_us > 12000 && now_us - s->dry_us > 20 * SECOND && now_us - s->grew_us > 20 * SECOND) {
        s->ahead_us = s->ahead_us > 15300 ? s->ahead_us - 5000 : 12000;
        s->grew_us = now_us;
    }
}

static void steps_dry(struct steps *s, int64_t now_us)
{
    bool again = now_us - s->dry_us < 5 * SECOND && now_us - s->grew_us > SECOND / 2;
    s->dry_us = now_us;
    if (again && s->ahead_us < 60300) {
        s->ahead_us = s->ahead_us < 15300 ? 15300 : s->ahead_us + 5000;
        s->grew_us = now_us;
    }
}

/* Stumbles: when, in milliseconds from the stream's beginning, and how much the queue needed, in tenths of one. */
struct moment {
    unsigned at_ms, need_tenths;
};

static const struct moment busy_a[] = {
    { 3532, 149 },  { 3832, 155 },  { 5673, 101 },  { 6590, 101 },  { 7822, 101 },  { 8076, 149 },  { 8591, 149 },
    { 9095, 112 },  { 12988, 98 },  { 25586, 100 }, { 27588, 100 }, { 47534, 100 }, { 49663, 100 }, { 56287, 100 },
    { 57993, 100 }, { 61283, 100 }, { 63954, 100 }, { 65814, 100 }, { 71243, 100 }, { 72643, 100 }
};

static const struct moment busy_b[] = { { 3155, 98 },   { 3527, 100 },  { 3848, 142 },  { 5488, 101 },  { 7836, 118 },
                                        { 8121, 148 },  { 8586, 98 },   { 9285, 101 },  { 12985, 98 },  { 25619, 100 },
                                        { 27583, 100 }, { 36083, 100 }, { 41182, 100 }, { 47521, 100 }, { 56282, 100 },
                                        { 57690, 100 }, { 57996, 100 }, { 59245, 100 }, { 65223, 100 }, { 65834, 100 },
                                        { 71224, 100 }, { 71840, 100 }, { 72697, 100 }, { 73915, 100 } };

static const struct moment busy_c[] = { { 4066, 100 },  { 7376, 100 },  { 17482, 100 }, { 25883, 100 }, { 31883, 100 },
                                        { 32392, 100 }, { 32794, 200 }, { 33661, 100 }, { 34048, 100 }, { 35247, 150 },
                                        { 38190, 150 }, { 41766, 100 }, { 42547, 100 }, { 45524, 100 }, { 46385, 100 },
                                        { 46741, 100 }, { 50237, 150 }, { 51307, 150 }, { 53295, 100 }, { 56771, 100 },
                                        { 58684, 100 }, { 59417, 100 }, { 61056, 100 }, { 62091, 100 }, { 63486, 100 },
                                        { 67091, 100 }, { 67585, 100 }, { 69186, 150 } };

static const struct moment busy_d[] = { { 10382, 100 }, { 17421, 100 }, { 23481, 100 }, { 25882, 100 }, { 32381, 100 },
                                        { 32811, 200 }, { 35246, 200 }, { 38190, 150 }, { 41767, 150 }, { 45522, 100 },
                                        { 46080, 100 }, { 46381, 100 }, { 50237, 150 }, { 51307, 150 }, { 53232, 150 },
                                        { 55080, 100 }, { 58395, 100 }, { 58683, 100 }, { 59421, 100 }, { 60480, 100 },
                                        { 62082, 100 }, { 63482, 100 }, { 67081, 100 }, { 67581, 100 }, { 69183, 100 },
                                        { 70525, 100 } };

static const struct trace {
    const char *name;
    const struct moment *m;
    size_t n;
    unsigned seconds;
} traces[] = {
    { "busy machine", busy_a, AHOY_COUNT(busy_a), 79 },
    { "busy machine, the other phone", busy_b, AHOY_COUNT(busy_b), 79 },
    { "packets of 10 ms", busy_c, AHOY_COUNT(busy_c), 72 },
    { "packets of 10 ms, the other phone", busy_d, AHOY_COUNT(busy_d), 72 },
};

struct outcome {
    unsigned dry;
    double points, delay_ms; /* points: what is heard and what the delay costs, of the E-model's */
};

static struct outcome play_new(const struct trace *r)
{
    struct speaker s;
    begin(&s);
    int64_t began_us = s.now_us;
    for (size_t i = 0; i < r->n; i++)
        stumble(&s, (unsigned) (began_us / MS + r->m[i].at_ms - s.now_us / MS), r->m[i].need_tenths / 10.0);
    pass(&s, began_us + r->seconds * (int64_t) SECOND);
    struct outcome o = { .dry = s.dry, .delay_ms = s.delay_s / r->seconds };
    o.points = 0.04 * o.delay_ms + s.heard / r->seconds;
    return o;
}

static struct outcome play_steps(const struct trace *r)
{
    struct steps s = { .ahead_us = 12000, .dry_us = -SECOND * 60, .grew_us = -SECOND * 60 };
    struct outcome o = { .dry = 0 };
    size_t i = 0;
    double heard = 0, delay_s = 0;
    for (unsigned second = 1; second <= r->seconds; second++) {
        for (; i < r->n && r->m[i].at_ms <= second * 1000; i++) {
            double lack_ms = r->m[i].need_tenths / 10.0 - steps_queue_ms(&s);
            int64_t now_us = r->m[i].at_ms * (int64_t) MS;
            if (lack_ms <= 0)
                continue;
            o.dry++;
            heard += 2 + 0.25 * (lack_ms < 60 ? lack_ms : 60);
            steps_dry(&s, now_us);
        }
        steps_pass(&s, second * (int64_t) SECOND);
        delay_s += s.ahead_us / 1000.0;
    }
    o.delay_ms = delay_s / r->seconds;
    o.points = 0.04 * o.delay_ms + heard / r->seconds;
    return o;
}

static void test_it_is_better_than_steps_on_a_busy_machine(struct t *t)
{
    double points = 0, before = 0;
    for (size_t i = 0; i < AHOY_COUNT(traces); i++) {
        const struct trace *r = &traces[i];
        struct outcome now = play_new(r), then = play_steps(r);
        points += now.points;
        before += then.points;
        if (getenv("AHOY_TEST_FIGURES"))
            fprintf(stderr, "%s: %.1f dry moments a minute, %.1f ms, %.2f points; by steps %.1f, %.1f, %.2f\n", r->name,
                    now.dry * 60.0 / r->seconds, now.delay_ms, now.points, then.dry * 60.0 / r->seconds, then.delay_ms,
                    then.points);
        T_CHECK(now.points < then.points * 1.1);
    }
    T_CHECK(points < before);
out:;
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T(test_a_calm_machine_has_the_least_after_two_seconds),
        T(test_what_comes_while_a_stream_begins_is_nobodys_fault),
        T(test_once_is_chance_and_twice_is_too_little),
        T(test_it_grows_in_one_jump_to_what_was_needed),
        T(test_a_stall_that_nothing_bridges_is_not_paid_for),
        T(test_it_shrinks_when_the_machine_is_calm_again),
        T(test_a_slow_caller_gets_what_he_needs),
        T(test_what_would_have_been_dry_counts),
        T(test_it_does_not_swing),
        T(test_it_is_better_than_steps_on_a_busy_machine),
    };
    return t_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
