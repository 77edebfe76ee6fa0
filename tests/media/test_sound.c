/* Where sound comes from and goes to: endpoints, echo, files, recordings, other rates. */
#include "audio/mix.h"
#include "base/mem.h"
#include "media/sound.h"
#include "support/t.h"
#include "support/temp.h"
#include "sys/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct room {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop, *files;
    struct sound *s;
    char path[64];
    unsigned recorded, played, told, reads, writes, closes;
    enum ahoy_err err;
};

/* As a stream by itself plays and reads. */
static void play_sound(struct sound *s, const int16_t *pcm, size_t n)
{
    sound_heard(s, pcm, n);
    sound_out(s, pcm, n);
}

static size_t read_sound(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    size_t got = sound_in(s, pcm, n, now_us);
    sound_said(s, pcm, got);
    return got;
}

static void on_state(void *arg, enum ahoy_err err, const char *why)
{
    struct room *r = arg;
    (void) why;
    r->told++;
    r->err = err;
}

static void on_played(void *arg)
{
    ((struct room *) arg)->played++;
}

static void told(void *arg, enum ahoy_err err, const char *why)
{
    struct room *r = arg;
    (void) why;
    r->recorded++;
    r->err = err;
}

static void on_recorded(void *arg, struct record *record)
{
    struct room *r = arg;
    record_tell(record, r->loop, told, r);
}

static enum ahoy_err room_open(struct room *r, const struct media_session_config *session, uint32_t rate_hz)
{
    *r = (struct room){ .sim = NULL };
    if (!temp_file(r->path, sizeof r->path))
        return AHOY_ERR_IO;
    enum ahoy_err err = sim_create(&r->sim, 1);
    if (!err)
        err = sim_host(r->sim, "192.0.2.1", &r->host);
    if (!err)
        err = sys_loop_create(r->host, &r->loop);
    if (!err)
        err = sys_loop_create(r->host, &r->files);
    if (!err)
        err = sys_loop_spawn(r->loop, "worker");
    if (!err)
        err = sys_loop_spawn(r->files, "files");
    if (err || !(r->s = mem_zalloc(sizeof *r->s)))
        return err ? err : AHOY_ERR_NOMEM;
    struct sound_config cfg = { .session = session,
                                .rate_hz = rate_hz,
                                .worker = r->loop,
                                .events = {
                                    .state = on_state, .played = on_played, .recorded = on_recorded, .arg = r } };
    sound_start(r->s, &cfg);
    return AHOY_OK;
}

static void room_close(struct room *r)
{
    if (r->s) {
        sound_stop(r->s);
        sim_run(r->sim, SYS_MS(1)); /* files are closed */
        AHOY_ASSERT(r->s->records == 0);
    }
    mem_free(r->s);
    if (r->files)
        sys_loop_destroy(r->files);
    if (r->loop)
        sys_loop_destroy(r->loop);
    sim_destroy(r->sim);
    (void) unlink(r->path);
}

static void read_one(void *arg, int16_t *pcm, size_t n)
{
    ((struct room *) arg)->reads++;
    for (size_t i = 0; i < n; i++)
        pcm[i] = 1000;
}

static void write_one(void *arg, const int16_t *pcm, size_t n)
{
    (void) pcm;
    (void) n;
    ((struct room *) arg)->writes++;
}

static void close_one(void *arg)
{
    ((struct room *) arg)->closes++;
}

static void test_an_endpoint_is_written_read_and_closed_once(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = {
        .sound = MEDIA_SOUND_ENDPOINT,
        .endpoint = { .rate_hz = 8000, .read = read_one, .write = write_one, .close = close_one, .arg = &r }
    };
    int16_t pcm[160] = { 0 };
    T_OK(room_open(&r, &c, 8000));
    T_EQ(sound_want(r.s, 20, 0), 160);
    play_sound(r.s, pcm, 160);
    T_EQ(read_sound(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[159], 1000);
    T_EQ(r.reads, 1);
    T_EQ(r.writes, 1);
    sound_stop(r.s);
    T_EQ(r.closes, 1);
out:
    room_close(&r);
}

static void test_echo_gives_back_what_was_played(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    int16_t pcm[160];
    T_OK(room_open(&r, &c, 8000));
    for (int i = 0; i < 160; i++)
        pcm[i] = (int16_t) i;
    play_sound(r.s, pcm, 160);
    memset(pcm, 0, sizeof pcm);
    T_EQ(read_sound(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[159], 159);
    sound_set_rate(r.s, 16000); /* what was kept had another rate */
    T_EQ(read_sound(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[159], 0);
    T_EQ(sound_want(r.s, 20, 0), 320);
out:
    room_close(&r);
}

static void test_a_device_that_cannot_be_opened_is_told_and_silent(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_DEVICE };
    int16_t pcm[160];
    T_OK(audio_spec_parse(VIEW("file:/nowhere/there/is.wav"), &c.device));
    T_OK(room_open(&r, &c, 8000));
    T_EQ(r.told, 1);
    T_CHECK(r.err != AHOY_OK);
    T_EQ(read_sound(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[0], 0);
    play_sound(r.s, pcm, 160);
out:
    room_close(&r);
}

static void test_a_tone_keeps_its_pitch_at_another_rate(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_DEVICE };
    int16_t pcm[960];
    T_OK(audio_spec_parse(VIEW("tone:1000"), &c.device));
    T_OK(room_open(&r, &c, 8000));
    sound_set_rate(r.s, 48000);
    T_EQ(read_sound(r.s, pcm, 960, 0), 960);
    T_EQ(read_sound(r.s, pcm, 960, 0), 960);
    unsigned crossings = 0;
    for (int i = 1; i < 960; i++)
        crossings += (pcm[i - 1] < 0) != (pcm[i] < 0);
    T_NEAR(crossings, 40, 1); /* 20 ms */
out:
    room_close(&r);
}

static enum ahoy_err start_recording(struct room *r, uint32_t hz, bool mixed)
{
    struct soundfile_config file = { .path = r->path, .kind = SOUNDFILE_WAV, .rate_hz = hz, .channels = mixed ? 1 : 2 };
    struct record_config cfg = {
        .rate_hz = hz, .mixed = mixed, .worker = r->loop, .files = r->files, .done = sound_record_done, .arg = r->s
    };
    struct record *record;
    enum ahoy_err err = soundfile_create(&cfg.file, &file);
    if (!err && (err = record_create(&record, &cfg)))
        (void) !soundfile_close(cfg.file);
    if (!err)
        sound_record(r->s, record);
    return err;
}

/* Records 300 ms said and 200 ms heard. */
static void test_a_recording_is_whole_though_one_side_is_ahead(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ENDPOINT,
                                      .endpoint = { .rate_hz = 8000, .read = read_one } };
    struct wav_reader *reader = NULL;
    int16_t pcm[160] = { 0 }, back[4000];
    c.endpoint.arg = &r;
    T_OK(room_open(&r, &c, 8000));
    T_OK(start_recording(&r, 8000, false));
    for (int i = 0; i < 15; i++) {
        (void) read_sound(r.s, pcm, 160, 0);
        memset(pcm, 0, sizeof pcm);
        if (i < 10)
            play_sound(r.s, pcm, 160);
    }
    sound_record(r.s, NULL);
    T_EQ(r.recorded, 0); /* the thread for files has it */
    sim_run(r.sim, SYS_MS(1));
    T_EQ(r.recorded, 1);
    T_EQ(r.told, 0);
    T_OK(wav_reader_open(&reader, r.path));
    T_EQ(wav_reader_hz(reader), 8000);
    T_EQ(wav_reader_read(reader, back, AHOY_COUNT(back)), 2400);
    T_EQ(back[2399], 500); /* 1000 left, nothing right */
out:
    wav_reader_close(reader);
    room_close(&r);
}

/* Two seconds and a half are said, and nothing is heard. */
static void test_a_recording_goes_on_where_one_side_gives_nothing(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ENDPOINT,
                                      .endpoint = { .rate_hz = 8000, .read = read_one } };
    struct wav_reader *reader = NULL;
    int16_t pcm[160];
    static int16_t back[125 * 160 + 1];
    c.endpoint.arg = &r;
    T_OK(room_open(&r, &c, 8000));
    T_OK(start_recording(&r, 8000, false));
    for (int i = 0; i < 125; i++)
        (void) read_sound(r.s, pcm, 160, 0);
    sound_record(r.s, NULL);
    sim_run(r.sim, SYS_MS(1));
    T_EQ(r.recorded, 1);
    T_OK(wav_reader_open(&reader, r.path));
    T_EQ(wav_reader_read(reader, back, AHOY_COUNT(back)), 125 * 160);
    T_EQ(back[125 * 160 - 1], 500);
out:
    wav_reader_close(reader);
    room_close(&r);
}

/* What is said while muted is not in the recording; mixed, there is one channel. */
static void test_a_mixed_recording_does_not_hear_the_muted(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ENDPOINT,
                                      .endpoint = { .rate_hz = 8000, .read = read_one } };
    struct wav_reader *reader = NULL;
    int16_t pcm[160], back[4000];
    c.endpoint.arg = &r;
    T_OK(room_open(&r, &c, 8000));
    T_OK(start_recording(&r, 8000, true));
    for (int i = 0; i < 10; i++) {
        r.s->muted = i >= 5;
        for (int k = 0; k < 160; k++)
            pcm[k] = 70;
        play_sound(r.s, pcm, 160);
        (void) read_sound(r.s, pcm, 160, 0);
    }
    sound_record(r.s, NULL);
    sim_run(r.sim, SYS_MS(1));
    T_EQ(r.recorded, 1);
    T_OK(wav_reader_open(&reader, r.path));
    T_EQ(wav_reader_channels(reader), 1);
    T_EQ(wav_reader_read(reader, back, AHOY_COUNT(back)), 1600);
    T_EQ(back[0], 1070);
    T_EQ(back[799], 1070);
    T_EQ(back[800], 70);
out:
    wav_reader_close(reader);
    room_close(&r);
}

/* A new recording ends the one before; both are told. */
static void test_a_recording_may_follow_another_at_once(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    int16_t pcm[160] = { 0 };
    T_OK(room_open(&r, &c, 8000));
    T_OK(start_recording(&r, 8000, true));
    play_sound(r.s, pcm, 160);
    T_OK(start_recording(&r, 8000, false));
    T_EQ(r.s->records, 2);
    sim_run(r.sim, SYS_MS(1));
    T_EQ(r.recorded, 1);
    T_CHECK(r.s->record != NULL);
    sound_set_rate(r.s, 16000); /* a file has one rate */
    sim_run(r.sim, SYS_MS(1));
    T_EQ(r.recorded, 2);
    T_CHECK(r.s->record == NULL);
out:
    room_close(&r);
}

/* The limit of a file's size stands for a full disk. */
static void test_a_full_disk_is_told_once_and_the_call_goes_on(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    struct rlimit before, limit;
    int16_t pcm[160] = { 0 };
    struct wav_reader *reader = NULL;
    int16_t back[160];
    (void) getrlimit(RLIMIT_FSIZE, &before);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){ .rlim_cur = 60000, .rlim_max = before.rlim_max };
    T_OK(room_open(&r, &c, 8000));
    T_OK(start_recording(&r, 8000, false));
    (void) setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 200; i++) { /* 4 s, 128 kB */
        play_sound(r.s, pcm, 160);
        (void) read_sound(r.s, pcm, 160, 0);
        sim_run(r.sim, SYS_MS(1));
    }
    (void) setrlimit(RLIMIT_FSIZE, &before);
    T_EQ(r.recorded, 1);
    T_ERR(r.err, AHOY_ERR_IO);
    T_CHECK(r.s->record == NULL);
    size_t n = 0;
    T_OK(wav_reader_open(&reader, r.path));
    for (size_t got; (got = wav_reader_read(reader, back, 160)) > 0;)
        n += got;
    T_LE(8000, n); /* the second before is there */
out:
    (void) setrlimit(RLIMIT_FSIZE, &before);
    (void) signal(SIGXFSZ, handler);
    wav_reader_close(reader);
    room_close(&r);
}

static void test_a_file_is_played_once_at_the_sounds_rate(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    struct wav_writer *w = NULL;
    struct wav_reader *reader = NULL;
    int16_t pcm[960];
    bool loud = false;
    T_OK(room_open(&r, &c, 48000));
    T_OK(wav_writer_open(&w, r.path, WAV_PCM16, 8000, 1));
    for (int i = 0; i < 960; i++)
        pcm[i] = i % 8 < 4 ? 9000 : -9000;
    enum ahoy_err put = wav_writer_put(w, pcm, 800); /* 100 ms */
    enum ahoy_err closed = wav_writer_close(w);
    T_OK(put);
    T_OK(closed);
    T_OK(wav_reader_open(&reader, r.path));
    sound_play(r.s, &(struct sound_play){ .file = reader });
    for (int i = 0; i < 3; i++) {
        (void) read_sound(r.s, pcm, 960, 0);
        loud |= mix_level_dbfs(pcm, 960) > -20;
    }
    T_CHECK(loud);
    T_EQ(r.played, 0);
    sound_set_rate(r.s, 16000); /* in the middle of it */
    for (int i = 0; i < 6; i++)
        (void) read_sound(r.s, pcm, 320, 0);
    T_EQ(r.played, 1);
    T_LE(mix_level_dbfs(pcm, 320), -90);
out:
    room_close(&r);
}

static void test_a_file_whose_rate_is_too_low_is_refused_by_its_name(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    struct sound_play play = { .loop = false };
    struct wav_writer *w = NULL;
    int16_t pcm[160] = { 0 };
    T_OK(room_open(&r, &c, 8000));
    T_OK(wav_writer_open(&w, r.path, WAV_PCM16, 4000, 1));
    enum ahoy_err put = wav_writer_put(w, pcm, 160), closed = wav_writer_close(w);
    T_OK(put);
    T_OK(closed);
    T_OK(wav_reader_open(&play.file, r.path));
    sound_play(r.s, &play);
    T_EQ(r.told, 1);
    T_ERR(r.err, AHOY_ERR_RANGE);
    T_EQ(read_sound(r.s, pcm, 160, 0), 160); /* and the call goes on without it */
    T_EQ(r.played, 0);
out:
    room_close(&r);
}

/* 20 ms of 1000 on a microphone that says 1000, for ever: with it, then in its place. */
static void test_a_file_may_loop_and_join_the_microphone(struct t *t)
{
    struct room r = { .sim = NULL };
    struct media_session_config c = { .sound = MEDIA_SOUND_ENDPOINT,
                                      .endpoint = { .rate_hz = 8000, .read = read_one } };
    struct wav_writer *w = NULL;
    struct sound_play play = { .loop = true, .mix = true };
    int16_t pcm[160];
    c.endpoint.arg = &r;
    T_OK(room_open(&r, &c, 8000));
    T_OK(wav_writer_open(&w, r.path, WAV_PCM16, 8000, 1));
    for (int i = 0; i < 160; i++)
        pcm[i] = 500;
    enum ahoy_err put = wav_writer_put(w, pcm, 160), closed = wav_writer_close(w);
    T_OK(put);
    T_OK(closed);
    T_OK(wav_reader_open(&play.file, r.path));
    sound_play(r.s, &play);
    for (int i = 0; i < 5; i++) {
        T_EQ(read_sound(r.s, pcm, 150, 0), 150);
        T_EQ(pcm[0], 1500);
        T_EQ(pcm[149], 1500);
    }
    T_EQ(r.played, 0);
    play.mix = play.loop = false;
    T_OK(wav_reader_open(&play.file, r.path));
    sound_play(r.s, &play);
    (void) read_sound(r.s, pcm, 160, 0);
    T_EQ(pcm[0], 500);
    (void) read_sound(r.s, pcm, 160, 0);
    T_EQ(pcm[0], 0);
    T_EQ(r.played, 1);
    (void) read_sound(r.s, pcm, 160, 0);
    T_EQ(pcm[0], 1000);
out:
    room_close(&r);
}

T_MAIN(T(test_an_endpoint_is_written_read_and_closed_once), T(test_echo_gives_back_what_was_played),
       T(test_a_device_that_cannot_be_opened_is_told_and_silent), T(test_a_tone_keeps_its_pitch_at_another_rate),
       T(test_a_recording_is_whole_though_one_side_is_ahead), T(test_a_recording_goes_on_where_one_side_gives_nothing),
       T(test_a_mixed_recording_does_not_hear_the_muted), T(test_a_recording_may_follow_another_at_once),
       T_PLAIN(test_a_full_disk_is_told_once_and_the_call_goes_on), T(test_a_file_is_played_once_at_the_sounds_rate),
       T(test_a_file_may_loop_and_join_the_microphone), T(test_a_file_whose_rate_is_too_low_is_refused_by_its_name))
