/* Calls that change while they stand: hold, codecs, both at once, muting, playing, recording. */
#include "support/phone.h"

#include <stdio.h>

static const struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "tone:440" };

/* A command on A's call and the result it should have. */
#define COMMAND(w, call, want)                                                                                         \
    do {                                                                                                               \
        T_OK(call);                                                                                                    \
        T_CHECK(phone_result(&(w)->a, &(w)->b, want));                                                                 \
    } while (0)

static void test_hold_silences_both_ways_and_resume_brings_back(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    phone_run_ms(&w.a, &w.b, 1000);
    T_LE(-20, w.b.stats.level_in_dbfs);
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, true, NULL), AHOY_OK);
    T_EQ(w.a.state, AHOY_CALL_HELD);
    phone_run_ms(&w.a, &w.b, 12000);
    T_CHECK(w.b.held_by_peer);
    T_LE(w.b.stats.level_in_dbfs, -60);
    T_LE(w.a.stats.level_in_dbfs, -60);
    T_EQ(w.a.trouble, AHOY_CAUSE_NONE);
    T_EQ(w.b.trouble, AHOY_CAUSE_NONE);
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, true, NULL), AHOY_ERR_STATE);
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, false, NULL), AHOY_OK);
    T_EQ(w.a.state, AHOY_CALL_CONFIRMED);
    phone_run_ms(&w.a, &w.b, 2000);
    T_CHECK(!w.b.held_by_peer);
    T_LE(-20, w.b.stats.level_in_dbfs);
    T_LE(-20, w.a.stats.level_in_dbfs);
    T_EQ(w.a.trouble, AHOY_CAUSE_NONE);
out:
    world_close(t, &w);
}

static void test_both_may_hold_and_each_resumes_its_own(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, true, NULL), AHOY_OK);
    T_OK(ahoy_call_hold(w.b.engine, w.b.incoming, true, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    T_EQ(w.a.state, AHOY_CALL_HELD);
    T_EQ(w.b.state, AHOY_CALL_HELD);
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, false, NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 1500);
    T_CHECK(w.a.held_by_peer);
    T_CHECK(!w.b.held_by_peer);
    T_OK(ahoy_call_hold(w.b.engine, w.b.incoming, false, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    phone_run_ms(&w.a, &w.b, 2000);
    T_LE(-20, w.a.stats.level_in_dbfs);
    T_LE(-20, w.b.stats.level_in_dbfs);
out:
    world_close(t, &w);
}

static void test_both_hold_at_the_same_moment(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    w.a.results_ok = w.b.results_ok = w.a.results_bad = w.b.results_bad = 0;
    T_OK(ahoy_call_hold(w.a.engine, w.a.placed, true, NULL));
    T_OK(ahoy_call_hold(w.b.engine, w.b.incoming, true, NULL));
    phone_run_ms(&w.a, &w.b, 9000); /* RFC 3261 section 14.1: up to 4 s of waiting, more than once */
    T_EQ(w.a.results_ok, 1);
    T_EQ(w.b.results_ok, 1);
    T_EQ(w.a.state, AHOY_CALL_HELD);
    T_EQ(w.b.state, AHOY_CALL_HELD);
    T_CHECK(w.a.held_by_peer);
    T_CHECK(w.b.held_by_peer);
out:
    world_close(t, &w);
}

static void test_codecs_change_and_the_sound_goes_on(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 9));
    T_CHECK(world_call(&w, &(struct ahoy_media_config){ .audio = w.sound_a },
                       &(struct ahoy_media_config){ .codecs = "opus,g722,pcmu", .audio = w.sound_b }, 9));
    T_STR(w.a.codec, "opus/48000");
    phone_run_ms(&w.a, &w.b, 3000);
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "pcmu", NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 2000);
    T_STR(w.a.codec, "PCMU/8000");
    T_STR(w.b.codec, "PCMU/8000");
    T_STR(w.b.stats.codec, "PCMU");
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "g722", NULL), AHOY_OK);
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 9000));
    T_STR(w.b.stats.codec, "G722");
    T_EQ(w.b.stats.lost, 0);
    T_LE(75, world_score(&w, w.heard_a));
    T_LE(75, world_score(&w, w.heard_b));
out:
    world_close(t, &w);
}

/* Copies for lost packets were agreed on for Opus alone. */
static void test_behind_a_codec_with_copies_comes_one_without(struct t *t)
{
    struct world w;
    struct ahoy_media_config media = { .codecs = "opus,pcmu", .audio = "tone:440" };
    T_OK(world_open(&w, 0));
    sim_default_link(w.sim, &(struct sim_link){ .loss = 0.1, .delay_us = 10000 });
    T_CHECK(world_call(&w, &media, &media, 0));
    phone_run_ms(&w.a, &w.b, 8000);
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "pcmu", NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 2000);
    uint64_t heard_a = w.a.stats.rtp_in, heard_b = w.b.stats.rtp_in;
    phone_run_ms(&w.a, &w.b, 4000);
    T_LE(160, w.a.stats.rtp_in - heard_a); /* of 200 */
    T_LE(160, w.b.stats.rtp_in - heard_b);
out:
    if (w.a.engine)
        sim_default_link(w.sim, &(struct sim_link){ .delay_us = 10000 });
    world_close(t, &w);
}

static void test_a_refused_change_leaves_the_call_as_it_was(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "opus", NULL), AHOY_ERR_REJECTED);
    T_EQ(w.a.result_status, 488);
    T_OK(ahoy_call_reinvite(w.b.engine, w.b.incoming, NULL, NULL)); /* answered with what was agreed, not with opus */
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "nonsense", NULL), AHOY_ERR_INVAL);
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, true, NULL), AHOY_OK); /* offers what was agreed, not opus */
    COMMAND(&w, ahoy_call_hold(w.a.engine, w.a.placed, false, NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 1500);
    T_STR(w.a.codec, "PCMU/8000");
    T_LE(-20, w.b.stats.level_in_dbfs);
out:
    world_close(t, &w);
}

static void test_a_second_change_is_refused_while_one_is_under_way(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    T_OK(ahoy_call_hold(w.a.engine, w.a.placed, true, NULL));
    T_OK(ahoy_call_reinvite(w.a.engine, w.a.placed, NULL, NULL));
    phone_run_ms(&w.a, &w.b, 500);
    T_EQ(w.a.results_ok, 1);
    T_EQ(w.a.results_bad, 1);
    T_EQ(w.a.state, AHOY_CALL_HELD);
out:
    world_close(t, &w);
}

static void test_a_better_codec_is_heard_as_such(struct t *t)
{
    struct world w;
    const struct ahoy_media_config a = { .codecs = "pcmu,l16/48000", .audio = "tone:7000" };
    const struct ahoy_media_config b = { .codecs = "pcmu,l16/48000", .audio = "null" };
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &a, &b, 0));
    phone_run_ms(&w.a, &w.b, 1500);
    T_LE(w.b.stats.level_in_dbfs, -40); /* 7 kHz does not fit a telephone of old */
    COMMAND(&w, ahoy_call_reinvite(w.a.engine, w.a.placed, "l16/48000", NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 1500);
    T_STR(w.b.stats.codec, "L16");
    T_LE(-20, w.b.stats.level_in_dbfs);
out:
    world_close(t, &w);
}

static void test_the_call_is_held_after_a_while_by_itself(struct t *t)
{
    struct world w;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain, .max_s = 5 };
    struct ahoy_call_config call = { .uri = "bob@192.0.2.2", .media = plain, .hold_after_s = 2 };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, &w.a.placed));
    phone_run_ms(&w.a, &w.b, 3000);
    T_EQ(w.a.state, AHOY_CALL_HELD);
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000)); /* by the callee's own limit */
    T_NEAR(w.b.stats.duration_ms, 5000, 50);
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
out:
    world_close(t, &w);
}

static void test_muting_silences_us_alone(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    COMMAND(&w, ahoy_call_mute(w.a.engine, w.a.placed, true, NULL), AHOY_OK);
    COMMAND(&w, ahoy_call_mute(w.a.engine, w.a.placed, false, NULL), AHOY_OK);
    COMMAND(&w, ahoy_call_mute(w.a.engine, w.a.placed, true, NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 2000);
    T_CHECK(w.a.muted);
    T_LE(w.b.stats.level_in_dbfs, -60);
    T_LE(-20, w.a.stats.level_in_dbfs);
    COMMAND(&w, ahoy_call_mute(w.a.engine, w.a.placed, false, NULL), AHOY_OK);
    phone_run_ms(&w.a, &w.b, 2000);
    T_LE(-20, w.b.stats.level_in_dbfs);
out:
    world_close(t, &w);
}

static void test_a_file_is_played_and_both_sides_are_recorded(struct t *t)
{
    struct world w;
    struct ahoy_media_config quiet = { .codecs = "g722", .audio = "null" };
    T_OK(world_open(&w, 3));
    struct ahoy_media_config b = { .codecs = "g722", .audio = w.sound_b };
    T_CHECK(world_call(&w, &quiet, &b, 4));
    COMMAND(&w, ahoy_call_record(w.a.engine, w.a.placed, &(struct ahoy_record_config){ .path = w.other }, NULL),
            AHOY_OK);
    COMMAND(&w, ahoy_call_play(w.a.engine, w.a.placed, &(struct ahoy_play_config){ .path = w.said }, NULL), AHOY_OK);
    COMMAND(&w,
            ahoy_call_play(w.a.engine, w.a.placed, &(struct ahoy_play_config){ .path = "/nowhere/there/is.wav" }, NULL),
            AHOY_ERR_NOT_FOUND);
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 6000));
    T_LE(75, world_score(&w, w.heard_b));
    T_LE(30, world_score(&w, w.other)); /* stereo: what both said, added */
out:
    world_close(t, &w);
}

/* Whole calls each; the larger the call, the fewer of its allocations are tried. */
T_MAIN(T_STRIDE(test_hold_silences_both_ways_and_resume_brings_back, 17),
       T_STRIDE(test_both_may_hold_and_each_resumes_its_own, 17), T_STRIDE(test_both_hold_at_the_same_moment, 7),
       T_STRIDE(test_codecs_change_and_the_sound_goes_on, 211),
       T_PLAIN(test_behind_a_codec_with_copies_comes_one_without),
       T_STRIDE(test_a_refused_change_leaves_the_call_as_it_was, 13),
       T_STRIDE(test_a_second_change_is_refused_while_one_is_under_way, 7),
       T_STRIDE(test_a_better_codec_is_heard_as_such, 29), T_STRIDE(test_the_call_is_held_after_a_while_by_itself, 13),
       T_STRIDE(test_muting_silences_us_alone, 13), T_STRIDE(test_a_file_is_played_and_both_sides_are_recorded, 101))
