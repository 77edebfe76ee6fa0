#include "media/ringer.h"

#include "audio/resample.h"
#include "audio/wav.h"
#include "base/mem.h"
#include "media/stream.h"

enum { RINGER_HZ = 48000, STEP_MS = 20, AHEAD_MS = 100, STEP_SAMPLES = RINGER_HZ / 1000 * STEP_MS, FIFO_STEPS = 8 };

/*
 * Made on the signalling loop; from its first message on it belongs to the devices' loop, but for what is marked. The last
 * message comes back behind all others, and the ringer is freed with it.
 */
struct media_ringer {
    struct sys_msg start, news, stop;
    struct media_ringer_config cfg;
    struct sys_loop *home, *loop; /* of signalling, of devices */
    bool stopped;                 /* signalling's */
    const struct log *log;
    struct audio_device *device;
    struct sys_timer step;
    int64_t next_us;
    struct tone_gen tone;
    struct wav_reader *file; /* NULL: the tone */
    struct resample *resample;
    int16_t fifo[FIFO_STEPS * STEP_SAMPLES]; /* of the file, at our rate */
    size_t fifo_n, fifo_at;
};

/* More of the file; false when it has no sound at all. */
static bool refill(struct media_ringer *r)
{
    int16_t raw[STEP_SAMPLES / 6]; /* at 8 kHz it becomes a step */
    size_t got = wav_reader_read(r->file, raw, AHOY_COUNT(raw));
    if (got == 0 && wav_reader_rewind(r->file) == AHOY_OK)
        got = wav_reader_read(r->file, raw, AHOY_COUNT(raw));
    r->fifo_at = 0;
    r->fifo_n = got;
    if (r->resample)
        r->fifo_n = resample_run(r->resample, raw, got, r->fifo);
    else
        memcpy(r->fifo, raw, got * sizeof *raw);
    return got > 0;
}

static void make_sound(struct media_ringer *r, int16_t *pcm, size_t n)
{
    if (!r->file) {
        (void) tone_run(&r->tone, pcm, n);
        return;
    }
    for (size_t done = 0; done < n;) {
        if (r->fifo_at == r->fifo_n && !refill(r)) {
            memset(pcm + done, 0, (n - done) * sizeof *pcm);
            return;
        }
        size_t part = AHOY_MIN(n - done, r->fifo_n - r->fifo_at);
        memcpy(pcm + done, r->fifo + r->fifo_at, part * sizeof *pcm);
        r->fifo_at += part;
        done += part;
    }
}

static void on_step(void *arg)
{
    struct media_ringer *r = arg;
    int16_t pcm[STEP_SAMPLES];
    struct audio_device_stats st;
    bool live = audio_device_live(r->device);
    for (int i = 0; i < AHEAD_MS / STEP_MS; i++) {
        audio_device_stats(r->device, &st);
        if (live && st.playback_queued >= RINGER_HZ / 1000 * AHEAD_MS)
            break;
        make_sound(r, pcm, STEP_SAMPLES);
        (void) audio_device_write(r->device, pcm, STEP_SAMPLES);
        if (!live)
            break;
    }
    r->next_us = AHOY_MAX(r->next_us, sys_now_us(r->loop) - SYS_MS(AHEAD_MS)) + SYS_MS(STEP_MS);
    sys_timer_start_at(r->loop, &r->step, r->next_us);
}

/* A file, or a country's tone; a file that cannot be used is replaced by the tone. */
static void open_sound(struct media_ringer *r)
{
    const char *sound = r->cfg.sound;
    struct view country = view_str(sound);
    if (country.n > 2) {
        enum ahoy_err err = wav_reader_open(&r->file, sound);
        uint32_t hz = err ? 0 : wav_reader_hz(r->file);
        if (!err && hz != RINGER_HZ)
            err = resample_create(&r->resample, hz, RINGER_HZ, RESAMPLE_VOICE);
        if (!err && r->resample && resample_max_out(r->resample, STEP_SAMPLES / 6) > AHOY_COUNT(r->fifo))
            err = AHOY_ERR_RANGE;
        if (err) {
            log_write(r->log, LOG_WARN, "media", "%s cannot be rung with: %s", sound, ahoy_err_text(err));
            wav_reader_close(r->file);
            r->file = NULL;
        }
        country = view_of(NULL, 0);
    }
    struct tone_spec tone = tone_call(country, r->cfg.tone);
    tone_start(&r->tone, &tone, RINGER_HZ);
}

static void on_unheard(struct sys_msg *msg)
{
    struct media_ringer *r = AHOY_CONTAINER_OF(msg, struct media_ringer, news);
    if (!r->stopped && r->cfg.unheard)
        r->cfg.unheard(r->cfg.arg);
}

static void on_start(struct sys_msg *msg)
{
    struct media_ringer *r = AHOY_CONTAINER_OF(msg, struct media_ringer, start);
    struct audio_device_config cfg = audio_device_defaults();
    char why[AUDIO_WHY_BYTES];
    cfg.spec = r->cfg.device;
    cfg.capture = false;
    cfg.rate_hz = RINGER_HZ;
    cfg.frame_ms = STEP_MS;
    cfg.loop = r->loop;
    cfg.log = r->log;
    if (audio_device_open(&r->device, &cfg, why)) {
        log_write(r->log, r->cfg.unasked ? LOG_INFO : LOG_WARN, "media", "no ring, and no tone, is heard: %s", why);
        sys_post(r->home, &r->news);
        return;
    }
    open_sound(r);
    r->next_us = sys_now_us(r->loop);
    on_step(r);
}

static void on_gone(struct sys_msg *msg)
{
    mem_free(AHOY_CONTAINER_OF(msg, struct media_ringer, stop));
}

static void on_stop(struct sys_msg *msg)
{
    struct media_ringer *r = AHOY_CONTAINER_OF(msg, struct media_ringer, stop);
    sys_timer_stop(&r->step);
    audio_device_close(r->device);
    wav_reader_close(r->file);
    resample_destroy(r->resample);
    msg->fn = on_gone;
    sys_post(r->home, msg);
}

enum ahoy_err media_ringer_start(struct media_ringer **out, struct media_engine *e,
                                 const struct media_ringer_config *cfg)
{
    struct media_ringer *r = mem_zalloc(sizeof *r);
    if (!r || !(r->loop = media_engine_opener(e))) {
        mem_free(r);
        return AHOY_ERR_NOMEM;
    }
    r->cfg = *cfg;
    r->home = media_engine_loop(e);
    r->log = media_engine_log(e);
    r->start.fn = on_start;
    r->news.fn = on_unheard;
    r->stop.fn = on_stop;
    sys_timer_init(&r->step, on_step, r);
    sys_post(r->loop, &r->start);
    *out = r;
    return AHOY_OK;
}

void media_ringer_stop(struct media_ringer *r)
{
    if (!r)
        return;
    r->stopped = true;
    sys_post(r->loop, &r->stop);
}
