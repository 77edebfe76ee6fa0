/* Whole calls between two telephones in the simulated network, through the public interface. */
#include "support/phone.h"

static void test_two_telephones_hear_each_other(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 4));
    T_CHECK(world_call(&w, &(struct ahoy_media_config){ .audio = w.sound_a },
                       &(struct ahoy_media_config){ .audio = w.sound_b }, 4));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 10000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_EQ(w.a.status, 200);
    T_CHECK(!w.a.ended_by_peer);
    T_CHECK(w.b.ended_by_peer);
    T_STR(w.a.stats.codec, "opus");
    T_LE(190, w.a.stats.rtp_in);
    T_LE(190, w.b.stats.rtp_in);
    T_EQ(w.a.stats.lost, 0);
    T_NEAR(w.a.stats.duration_ms, 4000, 20);
    T_LE(80, world_score(&w, w.heard_a));
    T_LE(80, world_score(&w, w.heard_b));
out:
    world_close(t, &w);
}

/* The least a call can be: no files, a codec without a library. */
static void test_a_short_call_leaves_nothing_whatever_fails(struct t *t)
{
    struct world w;
    const struct ahoy_media_config media = { .codecs = "pcmu", .audio = "null", .ptime_ms = 60 };
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &media, &media, 1));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_LE(15, w.b.stats.rtp_in);
    T_EQ(w.a.calls_ended, 1);
    T_EQ(w.b.calls_ended, 1);
out:
    world_close(t, &w);
}

static void test_a_call_with_files_digits_and_hold_leaves_nothing_whatever_fails(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 1));
    struct ahoy_media_config a = { .audio = w.sound_a, .dtmf = "12", .impair = "loss=5,jitter=10,seed=3" };
    T_CHECK(world_call(&w, &a, &(struct ahoy_media_config){ .audio = w.sound_b }, 2));
    T_OK(ahoy_call_record(w.a.engine, w.a.placed, &(struct ahoy_record_config){ .path = w.other }, NULL));
    T_OK(ahoy_call_mute(w.b.engine, w.b.incoming, true, NULL));
    phone_run_ms(&w.a, &w.b, 700);
    T_OK(ahoy_call_hold(w.a.engine, w.a.placed, true, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_OK));
    T_OK(ahoy_call_reinvite(w.b.engine, w.b.incoming, "g722", NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    T_STR(w.b.digits, "12");
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000));
out:
    world_close(t, &w);
}

/* The third has thousands of allocations, and each run is a call with Opus. */
T_MAIN(T_PLAIN(test_two_telephones_hear_each_other), T(test_a_short_call_leaves_nothing_whatever_fails),
       T_STRIDE(test_a_call_with_files_digits_and_hold_leaves_nothing_whatever_fails, 2))
