#include "media/sound.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { PLAY_CHUNK = 960, PLAY_FIFO_SAMPLES = 8 * PLAY_CHUNK /* from 8 kHz to 48, and some */ };

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void stop_play(struct sound *s);

void sound_start(struct sound *s, const struct sound_config *cfg)
{
    AHOY_ASSERT(s->rate_hz == 0);
    s->kind = cfg->session->sound;
    s->rate_hz = s->device_hz = s->face_hz = cfg->rate_hz;
    s->spec = cfg->session->device;
    s->mem = cfg->session->mem;
    s->endpoint = cfg->session->endpoint;
    s->events = cfg->events;
    s->worker = cfg->worker;
    s->opener = cfg->opener;
    s->log = cfg->log;
    s->live = sound_is_live(cfg->session);
    mix_meter_init(&s->meter_in, s->rate_hz);
    mix_meter_init(&s->meter_out, s->rate_hz);
    sound_mic_open(s, cfg->session->processing);
    if (s->kind == MEDIA_SOUND_DEVICE) {
        s->past = mem_zalloc(sizeof *s->past);
        sound_device_open(s);
    }
}

void sound_stop(struct sound *s)
{
    sound_device_close(s);
    if (s->kind == MEDIA_SOUND_ENDPOINT && s->endpoint.close)
        s->endpoint.close(s->endpoint.arg);
    s->endpoint = (struct media_endpoint){ 0 };
    stop_play(s);
    sound_record(s, NULL);
    sound_mic_close(s);
    mem_free(s->past);
    s->past = NULL;
}

/* A resampler where the file has another rate than the sound. */
static enum ahoy_err convert_play(struct sound *s)
{
    uint32_t hz = wav_reader_hz(s->play.file);
    if (hz == s->rate_hz)
        return AHOY_OK;
    enum ahoy_err err = resample_create(&s->play_resample, hz, s->rate_hz, RESAMPLE_VOICE);
    AHOY_ASSERT(err || resample_max_out(s->play_resample, PLAY_CHUNK) <= PLAY_FIFO_SAMPLES);
    return err;
}

/* The sound may be in the middle of a file: only its resampler is another one. */
static void retune_play(struct sound *s)
{
    resample_destroy(s->play_resample);
    s->play_resample = NULL;
    s->play_n = s->play_at = 0;
    if (s->play.file && convert_play(s)) {
        stop_play(s);
        sound_tell(s, AHOY_ERR_NOMEM, "the file cannot be played on: out of memory");
    }
}

void sound_set_rate(struct sound *s, uint32_t rate_hz)
{
    if (s->rate_hz == rate_hz)
        return;
    sound_record(s, NULL);
    s->rate_hz = rate_hz;
    s->echo_n = 0;
    if (s->past)
        s->past->ahead_n = 0;
    mix_meter_init(&s->meter_in, rate_hz);
    mix_meter_init(&s->meter_out, rate_hz);
    retune_play(s);
    if (!s->live || s->wish_hz == 0) /* a conference has a face of its own */
        sound_set_face(s, rate_hz);
    if (s->live) {
        sound_wish(s, s->wish_hz);
        return;
    }
    s->device_hz = rate_hz;
    if (s->kind == MEDIA_SOUND_DEVICE) {
        sound_device_close(s);
        sound_device_open(s);
    }
    sound_mic_open(s, s->processing);
}

bool sound_follows(const struct sound *s)
{
    return s->kind == MEDIA_SOUND_DEVICE && !s->live;
}

unsigned sound_tick_ms(const struct sound *s, unsigned ptime_ms)
{
    return s->live ? LIVE_PERIOD_MS : ptime_ms;
}

/* ---- playing ----------------------------------------------------------------------------------------------------- */

void sound_heard(struct sound *s, const int16_t *pcm, size_t n)
{
    mix_meter_put(&s->meter_in, pcm, n);
    if (s->record)
        record_put(s->record, RECORD_RIGHT, pcm, n);
}

void sound_out(struct sound *s, const int16_t *pcm, size_t n)
{
    AHOY_ASSERT(n <= SOUND_MAX_TICK_SAMPLES);
    switch (s->kind) {
    case MEDIA_SOUND_DEVICE: sound_device_play(s, pcm, n); break;
    case MEDIA_SOUND_ECHO:
        memcpy(s->echo, pcm, n * sizeof *pcm);
        s->echo_n = n;
        break;
    case MEDIA_SOUND_ENDPOINT:
        if (s->endpoint.write)
            s->endpoint.write(s->endpoint.arg, pcm, n);
        sound_mic_far(s, pcm, n);
        break;
    }
}

/* ---- a file in place of the microphone --------------------------------------------------------------------------- */

static void stop_play(struct sound *s)
{
    wav_reader_close(s->play.file);
    resample_destroy(s->play_resample);
    mem_free(s->play_fifo);
    s->play = (struct sound_play){ .file = NULL };
    s->play_resample = NULL;
    s->play_fifo = NULL;
    s->play_n = s->play_at = 0;
}

void sound_play(struct sound *s, const struct sound_play *play)
{
    stop_play(s);
    if (!play->file)
        return;
    char why[AUDIO_WHY_BYTES];
    uint32_t hz = wav_reader_hz(play->file);
    s->play = *play;
    s->play_fifo = mem_alloc(PLAY_FIFO_SAMPLES * sizeof *s->play_fifo);
    enum ahoy_err err = s->play_fifo ? AHOY_OK : AHOY_ERR_NOMEM;
    if (!err)
        err = convert_play(s);
    if (!err)
        return;
    stop_play(s);
    if (err == AHOY_ERR_RANGE)
        (void) snprintf(why, sizeof why, "the file cannot be played: its sample rate of %u Hz is not supported",
                        (unsigned) hz);
    else
        (void) snprintf(why, sizeof why, "the file cannot be played: %s", ahoy_err_text(err));
    sound_tell(s, err, why);
}

/* The next piece of the file; false at its end. A file that loops and has no sound ends, too. */
static bool refill_play(struct sound *s)
{
    int16_t raw[PLAY_CHUNK];
    size_t got = wav_reader_read(s->play.file, raw, PLAY_CHUNK);
    if (got == 0 && s->play.loop && wav_reader_rewind(s->play.file) == AHOY_OK)
        got = wav_reader_read(s->play.file, raw, PLAY_CHUNK);
    s->play_at = 0;
    if (s->play_resample) {
        s->play_n = resample_run(s->play_resample, raw, got, s->play_fifo);
    } else {
        memcpy(s->play_fifo, raw, got * sizeof *raw);
        s->play_n = got;
    }
    return got > 0;
}

/* Puts what the file gives in the place of `pcm`, or adds it; behind its end there is silence, or `pcm` as it was. */
static void play_into(struct sound *s, int16_t *pcm, size_t n)
{
    size_t done = 0;
    bool mix = s->play.mix;
    while (done < n && s->play.file) {
        if (s->play_at == s->play_n && !refill_play(s)) {
            stop_play(s);
            if (s->events.played)
                s->events.played(s->events.arg);
            break;
        }
        size_t part = AHOY_MIN(n - done, s->play_n - s->play_at);
        if (mix)
            mix_add(pcm + done, s->play_fifo + s->play_at, part);
        else
            memcpy(pcm + done, s->play_fifo + s->play_at, part * sizeof *pcm);
        s->play_at += part;
        done += part;
    }
    if (!mix)
        memset(pcm + done, 0, (n - done) * sizeof *pcm);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

size_t sound_in(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    if (s->kind == MEDIA_SOUND_DEVICE)
        return sound_device_read(s, pcm, n, now_us);
    if (s->kind == MEDIA_SOUND_ECHO) {
        size_t got = AHOY_MIN(n, s->echo_n);
        memcpy(pcm, s->echo, got * sizeof *pcm);
        memset(pcm + got, 0, (n - got) * sizeof *pcm);
    } else if (s->endpoint.read) {
        s->endpoint.read(s->endpoint.arg, pcm, n);
    } else {
        memset(pcm, 0, n * sizeof *pcm);
    }
    return sound_mic_run(s, pcm, n, now_us);
}

void sound_said(struct sound *s, int16_t *pcm, size_t n)
{
    static const int16_t silence[SOUND_MAX_TICK_SAMPLES];
    AHOY_ASSERT(n <= SOUND_MAX_TICK_SAMPLES);
    if (s->play.file)
        play_into(s, pcm, n);
    mix_meter_put(&s->meter_out, pcm, n);
    if (s->record)
        record_put(s->record, RECORD_LEFT, s->muted ? silence : pcm, n);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

void sound_record_done(void *arg, struct record *r)
{
    struct sound *s = arg;
    if (s->record == r)
        s->record = NULL;
    s->records--;
    if (s->events.recorded)
        s->events.recorded(s->events.arg, r);
    else
        record_discard(r);
}

void sound_record(struct sound *s, struct record *record)
{
    if (s->record)
        record_end(s->record); /* `done` comes when its file is closed */
    s->record = record;
    s->records += record != NULL;
}
