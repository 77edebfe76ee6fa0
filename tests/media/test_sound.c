/* Where sound comes from and goes to: endpoints, echo, files, recordings, other rates. */
#include "audio/mix.h"
#include "base/mem.h"
#include "media/sound.h"
#include "support/t.h"
#include "sys/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct room {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sound *s;
    char path[64];
    unsigned played, told, reads, writes, closes;
    enum ahoy_err err;
};

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

static enum ahoy_err room_open(struct room *r, const struct media_session_config *session, uint32_t rate_hz)
{
    *r = (struct room){ .sim = NULL };
    (void) snprintf(r->path, sizeof r->path, "/tmp/ahoy-sound-XXXXXX");
    int fd = mkstemp(r->path);
    if (fd < 0)
        return AHOY_ERR_IO;
    close(fd);
    enum ahoy_err err = sim_create(&r->sim, 1);
    if (!err)
        err = sim_host(r->sim, "192.0.2.1", &r->host);
    if (!err)
        err = sys_loop_create(r->host, &r->loop);
    if (err || !(r->s = mem_zalloc(sizeof *r->s)))
        return err ? err : AHOY_ERR_NOMEM;
    struct sound_config cfg = { .session = session,
                                .rate_hz = rate_hz,
                                .worker = r->loop,
                                .events = { .state = on_state, .played = on_played, .arg = r } };
    sound_start(r->s, &cfg);
    return AHOY_OK;
}

static void room_close(struct room *r)
{
    if (r->s)
        sound_stop(r->s);
    mem_free(r->s);
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
    struct room r;
    struct media_session_config c = {
        .sound = MEDIA_SOUND_ENDPOINT,
        .endpoint = { .rate_hz = 8000, .read = read_one, .write = write_one, .close = close_one, .arg = &r }
    };
    int16_t pcm[160] = { 0 };
    T_OK(room_open(&r, &c, 8000));
    T_EQ(sound_want(r.s, 20), 160);
    sound_write(r.s, pcm, 160);
    T_EQ(sound_read(r.s, pcm, 160, 0), 160);
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
    struct room r;
    struct media_session_config c = { .sound = MEDIA_SOUND_ECHO };
    int16_t pcm[160];
    T_OK(room_open(&r, &c, 8000));
    for (int i = 0; i < 160; i++)
        pcm[i] = (int16_t) i;
    sound_write(r.s, pcm, 160);
    memset(pcm, 0, sizeof pcm);
    T_EQ(sound_read(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[159], 159);
    sound_set_rate(r.s, 16000); /* what was kept had another rate */
    T_EQ(sound_read(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[159], 0);
    T_EQ(sound_want(r.s, 20), 320);
out:
    room_close(&r);
}

static void test_a_device_that_cannot_be_opened_is_told_and_silent(struct t *t)
{
    struct room r;
    struct media_session_config c = { .sound = MEDIA_SOUND_DEVICE };
    int16_t pcm[160];
    T_OK(audio_spec_parse(VIEW("file:/nowhere/there/is.wav"), &c.device));
    T_OK(room_open(&r, &c, 8000));
    T_EQ(r.told, 1);
    T_CHECK(r.err != AHOY_OK);
    T_EQ(sound_read(r.s, pcm, 160, 0), 160);
    T_EQ(pcm[0], 0);
    sound_write(r.s, pcm, 160);
out:
    room_close(&r);
}

static void test_a_tone_keeps_its_pitch_at_another_rate(struct t *t)
{
    struct room r;
    struct media_session_config c = { .sound = MEDIA_SOUND_DEVICE };
    int16_t pcm[960];
    T_OK(audio_spec_parse(VIEW("tone:1000"), &c.device));
    T_OK(room_open(&r, &c, 8000));
    sound_set_rate(r.s, 48000);
    T_EQ(sound_read(r.s, pcm, 960, 0), 960);
    T_EQ(sound_read(r.s, pcm, 960, 0), 960);
    unsigned crossings = 0;
    for (int i = 1; i < 960; i++)
        crossings += (pcm[i - 1] < 0) != (pcm[i] < 0);
    T_NEAR(crossings, 40, 1); /* 20 ms */
out:
    room_close(&r);
}

/* Records 300 ms said and 200 ms heard. */
static void test_a_recording_is_whole_though_one_side_is_ahead(struct t *t)
{
    struct room r;
    struct media_session_config c = { .sound = MEDIA_SOUND_ENDPOINT,
                                      .endpoint = { .rate_hz = 8000, .read = read_one } };
    struct wav_writer *w = NULL;
    struct wav_reader *reader = NULL;
    int16_t pcm[160] = { 0 }, back[4000];
    c.endpoint.arg = &r;
    T_OK(room_open(&r, &c, 8000));
    T_OK(wav_writer_open(&w, r.path, WAV_PCM16, 8000, 2));
    sound_record(r.s, w);
    for (int i = 0; i < 15; i++) {
        (void) sound_read(r.s, pcm, 160, 0);
        if (i < 10)
            sound_write(r.s, pcm, 160);
    }
    sound_record(r.s, NULL);
    T_EQ(r.told, 0);
    T_OK(wav_reader_open(&reader, r.path));
    T_EQ(wav_reader_hz(reader), 8000);
    T_EQ(wav_reader_read(reader, back, AHOY_COUNT(back)), 2400);
out:
    wav_reader_close(reader);
    room_close(&r);
}

static void test_a_file_is_played_once_at_the_sounds_rate(struct t *t)
{
    struct room r;
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
    sound_play(r.s, reader);
    for (int i = 0; i < 3; i++) {
        (void) sound_read(r.s, pcm, 960, 0);
        loud |= mix_level_dbfs(pcm, 960) > -20;
    }
    T_CHECK(loud);
    T_EQ(r.played, 0);
    sound_set_rate(r.s, 16000); /* in the middle of it */
    for (int i = 0; i < 6; i++)
        (void) sound_read(r.s, pcm, 320, 0);
    T_EQ(r.played, 1);
    T_LE(mix_level_dbfs(pcm, 320), -90);
out:
    room_close(&r);
}

T_MAIN(T(test_an_endpoint_is_written_read_and_closed_once), T(test_echo_gives_back_what_was_played),
       T(test_a_device_that_cannot_be_opened_is_told_and_silent), T(test_a_tone_keeps_its_pitch_at_another_rate),
       T(test_a_recording_is_whole_though_one_side_is_ahead), T(test_a_file_is_played_once_at_the_sounds_rate))
