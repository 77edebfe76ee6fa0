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
    s->live = s->kind == MEDIA_SOUND_DEVICE && (s->spec.kind == AUDIO_PULSE || s->spec.kind == AUDIO_ALSA);
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
    sound_play(s, NULL);
    sound_record(s, NULL);
}

/* The sound may be in the middle of a file: only its resampler is another one. */
static void retune_play(struct sound *s)
{
    uint32_t hz = s->play ? wav_reader_hz(s->play) : 0;
    resample_destroy(s->play_resample);
    s->play_resample = NULL;
    s->play_n = s->play_at = 0;
    if (hz == 0 || hz == s->rate_hz)
        return;
    if (resample_create(&s->play_resample, hz, s->rate_hz, RESAMPLE_VOICE)) {
        sound_play(s, NULL);
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

static void record_side(struct sound *s, int side, const int16_t *pcm, size_t n);

void sound_write(struct sound *s, const int16_t *pcm, size_t n)
{
    AHOY_ASSERT(n <= SOUND_MAX_TICK_SAMPLES);
    mix_meter_put(&s->meter_in, pcm, n);
    if (s->record)
        record_side(s, 1, pcm, n);
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

/* ---- a file in place of the microphone --------------------------------------------------------------------------- */

void sound_play(struct sound *s, struct wav_reader *file)
{
    wav_reader_close(s->play);
    resample_destroy(s->play_resample);
    mem_free(s->play_fifo);
    s->play = NULL;
    s->play_resample = NULL;
    s->play_fifo = NULL;
    s->play_n = s->play_at = 0;
    if (!file)
        return;
    uint32_t hz = wav_reader_hz(file);
    s->play_fifo = mem_alloc(PLAY_FIFO_SAMPLES * sizeof *s->play_fifo);
    bool ok = s->play_fifo != NULL;
    if (ok && hz != s->rate_hz)
        ok = resample_create(&s->play_resample, hz, s->rate_hz, RESAMPLE_VOICE) == AHOY_OK
             && resample_max_out(s->play_resample, PLAY_CHUNK) <= PLAY_FIFO_SAMPLES;
    if (!ok) {
        wav_reader_close(file);
        resample_destroy(s->play_resample);
        mem_free(s->play_fifo);
        s->play_resample = NULL;
        s->play_fifo = NULL;
        tell(s, AHOY_ERR_NOMEM, "the file cannot be played: out of memory");
        return;
    }
    s->play = file;
}

/* Overwrites `pcm` with what the file gives; behind its end the rest is silence. */
static void play_into(struct sound *s, int16_t *pcm, size_t n)
{
    size_t done = 0;
    while (done < n && s->play) {
        if (s->play_at == s->play_n) {
            int16_t raw[PLAY_CHUNK];
            size_t got = wav_reader_read(s->play, raw, PLAY_CHUNK);
            s->play_at = 0;
            if (s->play_resample) {
                s->play_n = resample_run(s->play_resample, raw, got, s->play_fifo);
            } else {
                memcpy(s->play_fifo, raw, got * sizeof *raw);
                s->play_n = got;
            }
            if (got == 0) {
                sound_play(s, NULL);
                if (s->events.played)
                    s->events.played(s->events.arg);
                break;
            }
        }
        size_t part = AHOY_MIN(n - done, s->play_n - s->play_at);
        memcpy(pcm + done, s->play_fifo + s->play_at, part * sizeof *pcm);
        s->play_at += part;
        done += part;
    }
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

size_t sound_read(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
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
    if (s->play)
        play_into(s, pcm, got);
    mix_meter_put(&s->meter_out, pcm, got);
    if (s->record)
        record_side(s, 0, pcm, got);
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

/* Writes what both sides have; false when that failed. */
static bool join_sides(struct sound *s)
{
    size_t done = 0, both_n = AHOY_MIN(s->record_n[0], s->record_n[1]);
    while (done < both_n) {
        int16_t both[2 * 480];
        size_t part = AHOY_MIN(both_n - done, (size_t) 480);
        for (size_t i = 0; i < part; i++) {
            both[2 * i] = s->record_side[0][done + i];
            both[2 * i + 1] = s->record_side[1][done + i];
        }
        if (wav_writer_put(s->record, both, part))
            return false;
        done += part;
    }
    for (int k = 0; k < 2 && done > 0; k++) {
        s->record_n[k] -= done;
        memmove(s->record_side[k], s->record_side[k] + done, s->record_n[k] * sizeof(int16_t));
    }
    return true;
}

/* Silence for a side up to `n` samples. */
static void pad_side(struct sound *s, int side, size_t n)
{
    if (s->record_n[side] >= n)
        return;
    memset(s->record_side[side] + s->record_n[side], 0, (n - s->record_n[side]) * sizeof(int16_t));
    s->record_n[side] = n;
}

static void end_record(struct sound *s, bool written)
{
    if (s->record && written) { /* what only one side has said yet */
        size_t most = AHOY_MAX(s->record_n[0], s->record_n[1]);
        pad_side(s, 0, most);
        pad_side(s, 1, most);
        written = join_sides(s);
    }
    if (s->record && (wav_writer_close(s->record) || !written))
        tell(s, AHOY_ERR_IO, "the recording could not be completed: is the disk full?");
    s->record = NULL;
    for (int side = 0; side < 2; side++) {
        mem_free(s->record_side[side]);
        s->record_side[side] = NULL;
        s->record_n[side] = 0;
    }
}

void sound_record(struct sound *s, struct wav_writer *file)
{
    end_record(s, true);
    if (!file)
        return;
    for (int side = 0; side < 2; side++)
        s->record_side[side] = mem_alloc(s->rate_hz * sizeof(int16_t));
    s->record = file;
    if (!s->record_side[0] || !s->record_side[1]) {
        tell(s, AHOY_ERR_NOMEM, "recording stopped: out of memory");
        end_record(s, true);
    }
}

static void record_side(struct sound *s, int side, const int16_t *pcm, size_t n)
{
    n = AHOY_MIN(n, s->rate_hz - s->record_n[side]);
    memcpy(s->record_side[side] + s->record_n[side], pcm, n * sizeof *pcm);
    s->record_n[side] += n;
    if (s->record_n[side] == s->rate_hz) /* a second ahead of the other: that one is taken to be silent */
        pad_side(s, 1 - side, s->rate_hz / 2);
    if (!join_sides(s))
        end_record(s, false);
}
