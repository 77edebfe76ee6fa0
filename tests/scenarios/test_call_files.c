/* Files in a call: recorded in each format, played once and for ever, and what is told of their ends. */
#include "support/phone.h"

#include <stdio.h>
#include <unistd.h>

/* Both sides in one channel: each is half of what is on it. */
static void records(struct t *t, const char *suffix, bool mixed, int score)
{
    struct world w;
    char path[PHONE_PATH + 8] = "";
    T_OK(world_open(&w, 4));
    (void) snprintf(path, sizeof path, "%s%s", w.other, suffix);
    struct ahoy_record_config cfg = { .path = path, .mixed = mixed };
    struct ahoy_media_config a = { .codecs = "g722", .audio = "null" }, b = { .codecs = "g722", .audio = w.sound_b };
    T_CHECK(world_call(&w, &a, &b, 4));
    T_OK(ahoy_call_record(w.a.engine, w.a.placed, &cfg, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_OK));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 8000));
    T_EQ(w.a.files_recorded, 1); /* it was told before the call's end */
    T_EQ(w.a.files_failed, 0);
    T_LE(score, world_score(&w, path));
out:
    if (path[0])
        (void) unlink(path);
    world_close(t, &w);
}

static void test_a_call_is_recorded_in_each_format(struct t *t)
{
    static const char *const suffix[] = { "", ".flac", ".opus" };
    for (size_t i = 0; i < AHOY_COUNT(suffix) && !t->failed; i++) {
        records(t, suffix[i], false, i == 2 ? 60 : 75);
        if (!t->failed)
            records(t, suffix[i], true, i == 2 ? 60 : 75);
    }
}

static void test_a_format_that_is_none_is_refused(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 1));
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null" };
    struct ahoy_record_config cfg = { .path = w.other, .format = "mp3" };
    T_CHECK(world_call(&w, &plain, &plain, 0));
    T_OK(ahoy_call_record(w.a.engine, w.a.placed, &cfg, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_ERR_INVAL));
    cfg = (struct ahoy_record_config){ .path = "/nowhere/there/is.opus" };
    T_OK(ahoy_call_record(w.a.engine, w.a.placed, &cfg, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_ERR_NOT_FOUND));
    T_ERR(ahoy_call_record(w.a.engine, w.a.placed, &(struct ahoy_record_config){ .mixed = true }, NULL),
          AHOY_ERR_INVAL);
out:
    world_close(t, &w);
}

/* A second of sound: once it ends and is told, in a loop it does not. */
static void test_a_file_is_played_once_or_for_ever(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 1));
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null" };
    T_CHECK(world_call(&w, &plain, &plain, 0));
    struct ahoy_play_config once = { .path = w.said }, loop = { .path = w.said, .loop = true, .mix = true };
    T_OK(ahoy_call_play(w.a.engine, w.a.placed, &once, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_OK));
    phone_run_ms(&w.a, &w.b, 3600);
    T_EQ(w.a.files_played, 1);
    T_CHECK(w.b.stats.level_in_dbfs < -60);
    T_OK(ahoy_call_play(w.a.engine, w.a.placed, &loop, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_OK));
    phone_run_ms(&w.a, &w.b, 3500);
    T_EQ(w.a.files_played, 1);
    T_CHECK(w.b.stats.level_in_dbfs > -40);
    T_OK(ahoy_call_play(w.a.engine, w.a.placed, NULL, NULL));
    T_CHECK(phone_result(&w.a, &w.b, AHOY_OK));
    phone_run_ms(&w.a, &w.b, 3000);
    T_CHECK(w.b.stats.level_in_dbfs < -60);
out:
    world_close(t, &w);
}

/* Sound is measured without failing allocations. */
T_MAIN(T_PLAIN(test_a_call_is_recorded_in_each_format), T_STRIDE(test_a_format_that_is_none_is_refused, 31),
       T_STRIDE(test_a_file_is_played_once_or_for_ever, 61))
