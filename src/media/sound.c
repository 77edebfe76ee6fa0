#include "media/sound.h"

#include "base/mem.h"

#include <string.h>

enum { PLAY_CHUNK = 960, PLAY_FIFO_SAMPLES = 48000 };

/* ---- opening a device -------------------------------------------------------------------------------------------- */

/*
 * Between a live device and its sound: goes to the opener's loop and comes back to the worker's, and stays as long as
 * the device. `sound` is looked at on the worker only, so whatever comes late finds nobody instead of freed memory.
 */
struct sound_link {
    struct sys_msg msg;
    struct sound *sound; /* NULL: nobody waits any more */
    struct sys_loop *worker;
    struct audio_device_config config;
    struct audio_device *device;
    bool opened;
    enum ahoy_err err;
    char why[AUDIO_WHY_BYTES];
};

/* A device's event on its way from the device's thread to the worker. */
struct sound_news {
    struct sys_msg msg;
    struct sound_link *link;
    enum audio_event event;
};

static void tell(struct sound *s, enum ahoy_err err, const char *why)
{
    if (s->events.state)
        s->events.state(s->events.arg, err, why);
}

static void news_arrived(struct sys_msg *msg)
{
    struct sound_news *n = AHOY_CONTAINER_OF(msg, struct sound_news, msg);
    struct sound *s = n->link->sound;
    if (s && n->event == AUDIO_EVENT_LOST)
        tell(s, AHOY_ERR_DEVICE, "the sound device went away; it is tried again");
    else if (s && n->event == AUDIO_EVENT_BACK)
        tell(s, AHOY_OK, "the sound device is back");
    else if (s && n->event == AUDIO_EVENT_DEVICES && s->events.devices)
        s->events.devices(s->events.arg);
    mem_free(n);
}

/* From any thread: out of a live device. */
static void live_event(void *arg, enum audio_event event)
{
    struct sound_link *link = arg;
    struct sound_news *n = mem_zalloc(sizeof *n);
    if (!n)
        return;
    n->msg.fn = news_arrived;
    n->link = link;
    n->event = event;
    sys_post(link->worker, &n->msg);
}

/* Of a pulled device: the end of a file comes on the worker itself, out of audio_device_read. */
static void pulled_event(void *arg, enum audio_event event)
{
    struct sound *s = arg;
    if (event == AUDIO_EVENT_SILENT && s->events.played)
        s->events.played(s->events.arg);
}

static void free_link(struct sys_msg *msg)
{
    mem_free(AHOY_CONTAINER_OF(msg, struct sound_link, msg));
}

/* Closes; what the device had posted before still finds the link. */
static void close_link(struct sound_link *link)
{
    audio_device_close(link->device);
    link->sound = NULL;
    link->msg.fn = free_link;
    sys_post(link->worker, &link->msg);
}

static void opened(struct sys_msg *msg)
{
    struct sound_link *link = AHOY_CONTAINER_OF(msg, struct sound_link, msg);
    struct sound *s = link->sound;
    link->opened = true;
    if (!s) {
        close_link(link);
        return;
    }
    if (link->err) {
        s->link = NULL;
        tell(s, link->err, link->why);
        close_link(link);
        return;
    }
    s->device = link->device;
    tell(s, AHOY_OK, "the sound device is open");
}

static void open_now(struct sys_msg *msg)
{
    struct sound_link *link = AHOY_CONTAINER_OF(msg, struct sound_link, msg);
    link->err = audio_device_open(&link->device, &link->config, link->why);
    link->msg.fn = opened;
    sys_post(link->worker, &link->msg);
}

static void open_live(struct sound *s, struct audio_device_config *cfg)
{
    struct sound_link *link = mem_zalloc(sizeof *link);
    if (!link) {
        tell(s, AHOY_ERR_NOMEM, "the sound device cannot be opened: out of memory");
        return;
    }
    link->sound = s;
    link->worker = s->worker;
    link->config = *cfg;
    link->config.event = live_event;
    link->config.arg = link;
    link->msg.fn = open_now;
    s->link = link;
    if (s->opener)
        sys_post(s->opener, &link->msg);
    else
        open_now(&link->msg);
}

static void open_device(struct sound *s)
{
    struct audio_device_config cfg = audio_device_defaults();
    char why[AUDIO_WHY_BYTES];
    cfg.spec = s->spec;
    cfg.capture = cfg.playback = true;
    cfg.rate_hz = s->rate_hz;
    cfg.frame_ms = SOUND_LIVE_TICK_MS;
    cfg.loop = s->worker;
    cfg.log = s->log;
    cfg.mem = s->mem;
    cfg.event = pulled_event;
    cfg.arg = s;
    if (s->live) {
        open_live(s, &cfg);
        return;
    }
    enum ahoy_err err = audio_device_open(&s->device, &cfg, why);
    if (err)
        tell(s, err, why);
}

static void close_device(struct sound *s)
{
    struct sound_link *link = s->link;
    if (!link)
        audio_device_close(s->device);
    else if (link->opened)
        close_link(link);
    else
        link->sound = NULL; /* `opened` closes it */
    s->link = NULL;
    s->device = NULL;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void stop_play(struct sound *s);

void sound_start(struct sound *s, const struct sound_config *cfg)
{
    AHOY_ASSERT(s->rate_hz == 0);
    s->kind = cfg->session->sound;
    s->rate_hz = cfg->rate_hz;
    s->spec = cfg->session->device;
    s->mem = cfg->session->mem;
    s->endpoint = cfg->session->endpoint;
    s->events = cfg->events;
    s->worker = cfg->worker;
    s->opener = cfg->opener;
    s->log = cfg->log;
    s->live = s->kind == MEDIA_SOUND_DEVICE && sound_is_live(&s->spec);
    mix_meter_init(&s->meter_in, s->rate_hz);
    mix_meter_init(&s->meter_out, s->rate_hz);
    if (s->kind == MEDIA_SOUND_DEVICE)
        open_device(s);
}

void sound_stop(struct sound *s)
{
    close_device(s);
    if (s->kind == MEDIA_SOUND_ENDPOINT && s->endpoint.close)
        s->endpoint.close(s->endpoint.arg);
    s->endpoint = (struct media_endpoint){ 0 };
    stop_play(s);
    sound_record(s, NULL);
}

/* The sound may be in the middle of a file: only its resampler is another one. */
static void retune_play(struct sound *s)
{
    uint32_t hz = s->play.file ? wav_reader_hz(s->play.file) : 0;
    resample_destroy(s->play_resample);
    s->play_resample = NULL;
    s->play_n = s->play_at = 0;
    if (hz == 0 || hz == s->rate_hz)
        return;
    if (resample_create(&s->play_resample, hz, s->rate_hz, RESAMPLE_VOICE)) {
        stop_play(s);
        tell(s, AHOY_ERR_NOMEM, "the file cannot be played on: out of memory");
    }
}

void sound_set_rate(struct sound *s, uint32_t rate_hz)
{
    if (s->rate_hz == rate_hz)
        return;
    sound_record(s, NULL);
    s->rate_hz = rate_hz;
    s->echo_n = 0;
    s->dry_since_us = 0;
    mix_meter_init(&s->meter_in, rate_hz);
    mix_meter_init(&s->meter_out, rate_hz);
    retune_play(s);
    if (s->kind == MEDIA_SOUND_DEVICE) {
        close_device(s);
        open_device(s);
    }
}

bool sound_is_live(const struct audio_spec *spec)
{
    return spec->kind == AUDIO_PULSE || spec->kind == AUDIO_ALSA;
}

bool sound_follows(const struct sound *s)
{
    return s->kind == MEDIA_SOUND_DEVICE && !s->live;
}

unsigned sound_tick_ms(const struct sound *s, unsigned ptime_ms)
{
    return s->live ? SOUND_LIVE_TICK_MS : ptime_ms;
}

/* ---- playing ----------------------------------------------------------------------------------------------------- */

size_t sound_want(struct sound *s, unsigned tick_ms)
{
    size_t tick = (size_t) s->rate_hz / 1000 * tick_ms;
    if (!s->live || !s->device)
        return tick;
    struct audio_device_stats st;
    audio_device_stats(s->device, &st);
    size_t target = (size_t) s->rate_hz / 1000 * SOUND_LIVE_QUEUE_MS;
    size_t want = st.playback_queued < target ? target - st.playback_queued : 0;
    return AHOY_MIN(want, (size_t) SOUND_MAX_TICK_SAMPLES);
}

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
    case MEDIA_SOUND_DEVICE:
        if (s->device)
            (void) audio_device_write(s->device, pcm, n);
        break;
    case MEDIA_SOUND_ECHO:
        memcpy(s->echo, pcm, n * sizeof *pcm);
        s->echo_n = n;
        break;
    case MEDIA_SOUND_ENDPOINT:
        if (s->endpoint.write)
            s->endpoint.write(s->endpoint.arg, pcm, n);
        break;
    }
}

void sound_write(struct sound *s, const int16_t *pcm, size_t n)
{
    sound_heard(s, pcm, n);
    sound_out(s, pcm, n);
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
    uint32_t hz = wav_reader_hz(play->file);
    s->play = *play;
    s->play_fifo = mem_alloc(PLAY_FIFO_SAMPLES * sizeof *s->play_fifo);
    bool ok = s->play_fifo != NULL;
    if (ok && hz != s->rate_hz)
        ok = resample_create(&s->play_resample, hz, s->rate_hz, RESAMPLE_VOICE) == AHOY_OK
             && resample_max_out(s->play_resample, PLAY_CHUNK) <= PLAY_FIFO_SAMPLES;
    if (!ok) {
        stop_play(s);
        tell(s, AHOY_ERR_NOMEM, "the file cannot be played: out of memory");
    }
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

/*
 * A live microphone gives what it has; one that gives nothing for long is replaced by silence, so that the peer still
 * hears from us.
 */
static size_t read_live(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    size_t got = s->device ? audio_device_read(s->device, pcm, n) : 0;
    if (got > 0) {
        s->dry_since_us = now_us;
        return got;
    }
    if (s->dry_since_us == 0)
        s->dry_since_us = now_us;
    if (s->device && now_us - s->dry_since_us < SOUND_DRY_US)
        return 0;
    got = AHOY_MIN(n, (size_t) s->rate_hz / 1000 * SOUND_LIVE_TICK_MS);
    memset(pcm, 0, got * sizeof *pcm);
    return got;
}

size_t sound_in(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    size_t got = n;
    if (s->live) {
        got = read_live(s, pcm, n, now_us);
    } else if (s->kind == MEDIA_SOUND_ECHO) {
        got = AHOY_MIN(n, s->echo_n);
        memcpy(pcm, s->echo, got * sizeof *pcm);
        memset(pcm + got, 0, (n - got) * sizeof *pcm);
        got = n;
    } else if (s->kind == MEDIA_SOUND_ENDPOINT && s->endpoint.read) {
        s->endpoint.read(s->endpoint.arg, pcm, n);
    } else if (s->kind == MEDIA_SOUND_DEVICE && s->device) {
        got = audio_device_read(s->device, pcm, n);
    } else {
        memset(pcm, 0, n * sizeof *pcm);
    }
    return got;
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

size_t sound_read(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    size_t got = sound_in(s, pcm, n, now_us);
    sound_said(s, pcm, got);
    return got;
}

int64_t sound_queued_us(struct sound *s)
{
    if (!s->live || !s->device)
        return 0;
    struct audio_device_stats st;
    audio_device_stats(s->device, &st);
    return (int64_t) st.playback_queued * 1000000 / s->rate_hz;
}

int64_t sound_latency_us(struct sound *s)
{
    if (!s->live || !s->device)
        return 0;
    struct audio_device_stats st;
    audio_device_stats(s->device, &st);
    return AHOY_MAX(st.capture_latency_us, (int64_t) 0) + AHOY_MAX(st.playback_latency_us, (int64_t) 0);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

void sound_record_done(void *arg, struct record *r, enum ahoy_err err, const char *why)
{
    struct sound *s = arg;
    if (s->record == r)
        s->record = NULL;
    s->records--;
    if (s->events.recorded)
        s->events.recorded(s->events.arg, err, why);
}

void sound_record(struct sound *s, struct record *record)
{
    if (s->record)
        record_end(s->record); /* `done` comes when its file is closed */
    s->record = record;
    s->records += record != NULL;
}
