#include "audio/device.h"

#include "audio/device_impl.h"
#include "audio/mix.h"
#include "audio/score.h"
#include "audio/wav.h"
#include "support/t.h"
#include "support/temp.h"
#include "support_sound.h"

enum { MOST = 48000 * 3 };

static int16_t said[MOST], heard[MOST];
static char why[AUDIO_WHY_BYTES];

static void test_specs_are_read_and_printed(struct t *t)
{
    static const char *const good[] = {
        "null",
        "tone:440",
        "file:a.wav",
        "file:a.wav,b.wav",
        "file:,b.wav",
        "pulse",
        "pulse:alsa_input.x",
        "pulse:mic,speaker",
        "alsa",
        "alsa:plughw:CARD=PCH,DEV=0",
    };
    static const char *const bad[] = { "",      "nul",    "null:",  "tone",  "tone:", "tone:abc", "file",
                                       "file:", "file:,", "pulse:", "alsa:", "mem",   "oss",      "tone:440x" };
    struct audio_spec spec = { .kind = AUDIO_MEM };
    char text[AUDIO_SPEC_TEXT_BYTES];
    for (size_t i = 0; i < AHOY_COUNT(good); i++) {
        T_OK(audio_spec_parse(view_str(good[i]), &spec));
        T_STR(audio_spec_print(&spec, text), good[i]);
    }
    T_STR(spec.dev, "plughw:CARD=PCH,DEV=0"); /* ALSA's commas are its own */
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(audio_spec_parse(view_str(bad[i]), &spec), AHOY_ERR_SYNTAX);
    T_ERR(audio_spec_parse(VIEW("tone:19"), &spec), AHOY_ERR_RANGE);
    T_ERR(audio_spec_parse(VIEW("tone:20001"), &spec), AHOY_ERR_RANGE);
    T_ERR(audio_spec_parse(VIEW("pulse:a\0b"), &spec), AHOY_ERR_SYNTAX);
    memset(heard, 'x', 2000);
    memcpy(heard, "file:", 5);
    T_ERR(audio_spec_parse(view_of((char *) heard, 1000), &spec), AHOY_ERR_RANGE);
    T_EQ(spec.kind, AUDIO_ALSA); /* a failure writes nothing */
out:
    return;
}

static enum ahoy_err open_spec(struct audio_device **out, const char *text, uint32_t hz)
{
    struct audio_device_config cfg = audio_device_defaults();
    enum ahoy_err err = audio_spec_parse(view_str(text), &cfg.spec);
    cfg.rate_hz = hz;
    return err ? err : audio_device_open(out, &cfg, why);
}

static void test_null_is_silent_and_takes_all(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_stats s;
    T_OK(open_spec(&d, "null", 16000));
    T_CHECK(!audio_device_live(d));
    heard[0] = 5;
    T_EQ(audio_device_read(d, heard, 320), 320);
    T_EQ(mix_level_dbfs(heard, 320), MIX_SILENCE_DBFS);
    T_EQ(audio_device_write(d, said, 320), 320);
    audio_device_stats(d, &s);
    T_EQ(s.captured, 320);
    T_EQ(s.played, 320);
    T_CHECK(!s.clock_known);
    T_EQ(s.capture_latency_us, -1);
out:
    audio_device_close(d);
}

static void test_tone_hums_and_gain_and_meter_apply(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_stats s;
    T_OK(open_spec(&d, "tone:1000", 48000));
    for (int k = 0; k < 50; k++)
        T_EQ(audio_device_read(d, heard + k * 960, 960), 960);
    T_CHECK(sound_purity_db(heard + 4800, 43200, 48000, 1000) > 70);
    audio_device_stats(d, &s);
    T_NEAR(s.capture_dbfs, -16, 0.2);
    audio_device_set_gain(d, -12, -100);
    for (int k = 0; k < 50; k++) {
        T_EQ(audio_device_read(d, heard, 960), 960);
        T_EQ(audio_device_write(d, heard, 960), 960);
    }
    audio_device_stats(d, &s);
    T_NEAR(s.capture_dbfs, -28, 0.2);
    T_CHECK(s.playback_dbfs < -60);            /* muted; the fade of its first block is still in the meter */
    T_CHECK(mix_level_dbfs(heard, 960) > -30); /* what the caller wrote is untouched */
    audio_device_close(d);
    d = NULL;
    T_ERR(open_spec(&d, "tone:5000", 8000), AHOY_ERR_RANGE);
    T_CHECK(why[0]);
out:
    audio_device_close(d);
}

static void count_silent(void *arg, enum audio_event event, const char *text)
{
    int *n = arg;
    (void) text;
    *n += event == AUDIO_EVENT_SILENT;
}

/* In at 48 kHz, read at 16: resampled, then silence; out recorded at 16. */
static void test_a_file_is_read_to_its_end_and_another_recorded(struct t *t)
{
    char dir[TEMP_PATH_BYTES] = "";
    char path[2 * TEMP_PATH_BYTES];
    struct audio_device *d = NULL;
    struct wav_reader *r = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    int silent = 0;
    T_CHECK(temp_make(dir, sizeof dir));
    cfg.spec.kind = AUDIO_FILE;
    cfg.rate_hz = 16000;
    cfg.event = count_silent;
    cfg.arg = &silent;
    (void) view_copy(VIEW("/usr/share/sounds/alsa/Front_Center.wav"), cfg.spec.dev, sizeof cfg.spec.dev);
    (void) view_copy(view_str(temp_path(dir, "out.wav", path)), cfg.spec.out, sizeof cfg.spec.out);
    T_OK(audio_device_open(&d, &cfg, why));
    size_t n = sound_speech("Front_Center", 16000, said, MOST);
    T_CHECK(n > 16000);
    for (size_t at = 0; at < n + 3200; at += 320) {
        T_EQ(audio_device_read(d, heard + at, 320), 320);
        T_EQ(audio_device_write(d, heard + at, 320), 320);
    }
    T_MEM(heard, said, n * sizeof *said);
    T_EQ(mix_level_dbfs(heard + n, 3000), MIX_SILENCE_DBFS);
    T_EQ(silent, 1);
    audio_device_close(d);
    d = NULL;
    T_OK(wav_reader_open(&r, path));
    T_EQ(wav_reader_hz(r), 16000);
    size_t got = wav_reader_read(r, said, MOST);
    T_EQ(got, (n + 3200 + 319) / 320 * 320);
    T_MEM(said, heard, got * sizeof *said);
out:
    wav_reader_close(r);
    audio_device_close(d);
    temp_remove(dir);
}

static void test_files_that_cannot_be_opened_say_so(struct t *t)
{
    struct audio_device *d = NULL;
    T_ERR(open_spec(&d, "file:/nowhere/in.wav", 16000), AHOY_ERR_NOT_FOUND);
    T_STR(why, "/nowhere/in.wav: not found");
    T_ERR(open_spec(&d, "file:,/nowhere/out.wav", 16000), AHOY_ERR_NOT_FOUND);
    T_STR(why, "/nowhere/out.wav: not found");
    T_ERR(open_spec(&d, "file:/dev/null", 16000), AHOY_ERR_FORMAT);
    T_STR(why, "/dev/null: not a sound file that can be read");
    T_ERR(open_spec(&d, "null", 11025), AHOY_ERR_RANGE);
    T_CHECK(!d);
out:
    audio_device_close(d);
}

static void test_memory_says_and_remembers(struct t *t)
{
    struct audio_device *d = NULL, *second = NULL;
    struct audio_mem *m = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    const int16_t words[5] = { 1, 2, 3, 4, 5 };
    size_t n = 0;
    T_OK(audio_mem_create(&m, words, 5, true, 6));
    cfg.spec.kind = AUDIO_MEM;
    T_ERR(audio_device_open(&d, &cfg, why), AHOY_ERR_INVAL);
    cfg.mem = m;
    T_OK(audio_device_open(&d, &cfg, why));
    T_ERR(audio_device_open(&second, &cfg, why), AHOY_ERR_STATE);
    T_EQ(audio_device_read(d, heard, 7), 7);
    T_MEM(heard, ((int16_t[]){ 1, 2, 3, 4, 5, 1, 2 }), 14);
    T_EQ(audio_mem_read_count(m), 7);
    T_EQ(audio_device_write(d, words, 4), 4);
    T_EQ(audio_device_write(d, words, 4), 4); /* more than it remembers */
    audio_device_close(d);
    d = NULL;
    T_MEM(audio_mem_heard(m, &n), ((int16_t[]){ 1, 2, 3, 4, 1, 2 }), 12);
    T_EQ(n, 6);
    T_OK(audio_device_open(&d, &cfg, why)); /* free again */
    audio_device_close(d);
    d = NULL;
    audio_mem_destroy(m);
    m = NULL;
    T_OK(audio_mem_create(&m, words, 5, false, 0));
    cfg.mem = m;
    T_OK(audio_device_open(&d, &cfg, why));
    T_EQ(audio_device_read(d, heard, 7), 7);
    T_MEM(heard, ((int16_t[]){ 1, 2, 3, 4, 5, 0, 0 }), 14);
out:
    audio_device_close(d);
    audio_device_close(second);
    audio_mem_destroy(m);
}

static void test_one_direction_alone_is_fine(struct t *t)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    cfg.playback = false;
    T_OK(audio_device_open(&d, &cfg, why));
    T_EQ(audio_device_read(d, heard, 160), 160);
    T_EQ(audio_device_write(d, heard, 160), 0);
out:
    audio_device_close(d);
}

/* The callbacks' side of a live device, without one. */
static void test_rings_count_what_is_missed(struct t *t)
{
    struct audio_way w = { 0 };
    struct audio_stamp stamp;
    T_OK(sys_ring_create(&w.ring, 64, sizeof(int16_t)));
    T_OK(sys_ring_create(&w.stamps, 4, sizeof(struct audio_stamp)));
    audio_way_to_play(&w, heard, 32);
    T_EQ(w.stamp.missed, 0); /* nothing had been played yet */
    said[0] = 77;
    T_EQ(sys_ring_put(w.ring, said, 10), 10);
    audio_way_to_play(&w, heard, 32);
    T_EQ(heard[0], 77);
    T_EQ(heard[31], 0);
    T_EQ(w.stamp.missed, 22);
    T_EQ(w.stamp.frames, 64);
    audio_way_stamp(&w, NULL, 456);
    T_EQ(sys_ring_get(w.stamps, &stamp, 1), 1);
    T_EQ(stamp.when_us, 0);
    T_EQ(stamp.latency_us, 456);
    T_EQ(stamp.frames, 64);
    audio_way_captured(&w, said, 100);
    T_EQ(w.stamp.missed, 22 + 36);
out:
    sys_ring_destroy(w.ring);
    sys_ring_destroy(w.stamps);
}

/* A loudspeaker that goes tells so once, and nothing comes behind it. */
static void test_what_is_there_is_known_after_a_long_silence(struct t *t)
{
    struct audio_way w = { 0 };
    struct audio_stamp stamp = { .presence = AUDIO_DUMMY };
    T_OK(sys_ring_create(&w.stamps, AUDIO_STAMPS, sizeof stamp));
    for (int i = 0; i < 1000; i++)
        audio_way_stamp(&w, NULL, 0);
    audio_way_presence(&w, AUDIO_ABSENT);
    while (sys_ring_get(w.stamps, &stamp, 1) == 1)
        continue;
    T_EQ(stamp.presence, AUDIO_ABSENT);
    audio_way_stamp(&w, NULL, 0); /* and it goes on */
    T_EQ(sys_ring_get(w.stamps, &stamp, 1), 1);
out:
    sys_ring_destroy(w.stamps);
}

T_MAIN(T(test_what_is_there_is_known_after_a_long_silence), T(test_specs_are_read_and_printed),
       T(test_null_is_silent_and_takes_all), T(test_tone_hums_and_gain_and_meter_apply),
       T(test_a_file_is_read_to_its_end_and_another_recorded), T(test_files_that_cannot_be_opened_say_so),
       T(test_memory_says_and_remembers), T(test_one_direction_alone_is_fine), T(test_rings_count_what_is_missed))
