#include "media/pace.h"

#include "support/t.h"

enum { RATE = 48000, PERIOD_US = 5000, BLOCK = 240 };

/* A device that delivers a block each period from `in_us` on, late by up to `jitter_us`, and asks for one from `out_us` on. */
struct room {
    int64_t in_us, out_us, in_period_us, jitter_us;
    int64_t out_by_us; /* how much longer its loudspeaker's period is */
    struct pace pace;
    int64_t now_us; /* of the next look */
    uint64_t blocks, requests;
};

struct figures {
    unsigned looks, blocks;
    int64_t waited_us, most_us; /* of blocks, until they were looked at: on average, and the longest */
    int64_t answer_us;          /* the longest that a request waited */
};

static int64_t arrival(const struct room *r)
{
    int64_t late = r->jitter_us ? (int64_t) (r->blocks * 7919 % 1000) * r->jitter_us / 1000 : 0;
    return r->in_us + (int64_t) r->blocks * r->in_period_us + late;
}

static int64_t request(const struct room *r)
{
    return r->out_us + (int64_t) r->requests * (PERIOD_US + r->out_by_us);
}

static void look(struct room *r, struct figures *f)
{
    f->looks++;
    for (; arrival(r) <= r->now_us; r->blocks++, f->blocks++) {
        f->waited_us += r->now_us - arrival(r);
        f->most_us = AHOY_MAX(f->most_us, r->now_us - arrival(r));
    }
    for (; request(r) <= r->now_us; r->requests++)
        f->answer_us = AHOY_MAX(f->answer_us, r->now_us - request(r));
    r->now_us = pace_next(&r->pace, r->now_us, r->blocks * BLOCK, r->requests * BLOCK);
}

/* The figures of the `us` behind the first `settle_us`. */
static struct figures run(struct room *r, int64_t settle_us, int64_t us)
{
    struct figures f = { .looks = 0 };
    pace_init(&r->pace, RATE, PERIOD_US);
    while (r->now_us < settle_us)
        look(r, &f);
    f = (struct figures){ .looks = 0 };
    while (r->now_us < settle_us + us)
        look(r, &f);
    f.waited_us /= AHOY_MAX(f.blocks, 1u);
    return f;
}

static void test_a_piece_waits_for_less_than_a_millisecond(struct t *t)
{
    for (int64_t phase = 0; phase < PERIOD_US; phase += 700) {
        struct room r = { .in_us = phase, .out_us = phase + 3000, .in_period_us = PERIOD_US };
        struct figures f = run(&r, 2000000, 10000000);
        T_NEAR(f.blocks, 2000, 1);
        T_CHECK(f.looks < 2000 + 2000 / 128 * 11 + 20);
        T_CHECK(f.waited_us < 800 && f.most_us < 1500);
    }
out:;
}

static void test_drifting_devices_are_followed(struct t *t)
{
    for (int by = -2; by <= 2; by++) { /* 400 ppm */
        struct room r = { .in_us = 1000, .out_us = 4000, .in_period_us = PERIOD_US + by };
        struct figures f = run(&r, 1000000, 60000000);
        T_CHECK(f.looks < f.blocks * 11 / 10);
        T_CHECK(f.waited_us < 1200);
    }
out:;
}

static void test_what_comes_late_is_looked_for_again(struct t *t)
{
    struct room r = { .in_us = 1000, .out_us = 3000, .in_period_us = PERIOD_US, .jitter_us = 1500 };
    struct figures f = run(&r, 1000000, 20000000);
    T_CHECK(f.looks < f.blocks * 3 / 2);
    T_CHECK(f.waited_us < 2000 && f.most_us < 3500);
out:;
}

static void test_no_request_waits_for_nearly_a_period(struct t *t)
{
    for (int64_t phase = 0; phase < PERIOD_US; phase += 250) {
        struct room r = { .in_us = 0, .out_us = phase, .in_period_us = PERIOD_US };
        struct figures f = run(&r, 5000000, 20000000);
        T_CHECK(f.answer_us < 4400);
        T_CHECK(f.waited_us < 2600);
    }
out:;
}

static void test_requests_that_wander_are_followed(struct t *t)
{
    for (int by = -20; by <= 20; by += 4) { /* up to 4000 ppm, far beyond what clocks do */
        struct room r = { .in_us = 0, .out_us = 2000, .in_period_us = PERIOD_US, .out_by_us = by };
        struct figures f = run(&r, 1000000, 60000000);
        T_CHECK(f.answer_us < (by < -8 ? PERIOD_US : 4500));
        T_CHECK(f.looks < f.blocks * 6 / 5);
        T_CHECK(f.waited_us < 1500);
    }
out:;
}

static void test_long_pieces_and_a_device_that_stands_still(struct t *t)
{
    struct room r = { .in_us = 0, .out_us = 0, .in_period_us = 20000 };
    struct figures f = run(&r, 1000000, 1000000);
    T_CHECK(f.looks >= 190 && f.looks < 450); /* the loudspeaker wants to be looked after */
    struct room still = { .in_us = INT64_MAX / 2, .out_us = INT64_MAX / 2 };
    f = run(&still, 1000000, 1000000);
    T_CHECK(f.looks >= 190 && f.looks <= 201);
out:;
}

T_MAIN(T_PLAIN(test_a_piece_waits_for_less_than_a_millisecond), T_PLAIN(test_drifting_devices_are_followed),
       T_PLAIN(test_what_comes_late_is_looked_for_again), T_PLAIN(test_no_request_waits_for_nearly_a_period),
       T_PLAIN(test_requests_that_wander_are_followed), T_PLAIN(test_long_pieces_and_a_device_that_stands_still))
