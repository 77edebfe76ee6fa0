#include "audio/device.h"

#include "audio/clock.h"
#include "audio/device_impl.h"
#include "audio/mix.h"
#include "base/mem.h"
#include "base/rt.h"

#include <stdio.h>

enum { DEVICE_QUEUE_MS = 200, DEVICE_BLOCK = 480 };

/* What the caller's thread knows of one direction. */
struct side {
    bool on;
    struct audio_way way;
    struct audio_stamp seen;
    uint64_t written; /* samples */
    struct audio_clock clock;
    struct mix_gain gain;
    struct mix_meter meter;
};

struct audio_device {
    const struct audio_backend_ops *ops;
    void *backend;
    uint32_t rate_hz;
    size_t queue; /* samples a ring may hold */
    struct side capture, playback;
};

struct audio_device_config audio_device_defaults(void)
{
    return (struct audio_device_config){
        .spec = { .kind = AUDIO_NULL },
        .capture = true,
        .playback = true,
        .rate_hz = 48000,
        .frame_ms = 20,
    };
}

static const struct audio_backend_ops *ops_of(enum audio_kind kind)
{
    static const struct audio_backend_ops *const table[] = {
        [AUDIO_NULL] = &audio_null_ops,   [AUDIO_TONE] = &audio_tone_ops, [AUDIO_FILE] = &audio_file_ops,
        [AUDIO_PULSE] = &audio_pulse_ops, [AUDIO_ALSA] = &audio_alsa_ops, [AUDIO_MEM] = &audio_mem_ops,
    };
    return table[kind];
}

static enum ahoy_err side_init(struct side *s, struct audio_device *d, bool on)
{
    s->on = on;
    s->seen.latency_us = s->way.stamp.latency_us = -1;
    audio_clock_init(&s->clock, d->rate_hz);
    mix_gain_init(&s->gain, 0);
    mix_meter_init(&s->meter, d->rate_hz);
    if (!on || !d->ops->live)
        return AHOY_OK;
    enum ahoy_err err = sys_ring_create(&s->way.ring, d->queue, sizeof(int16_t));
    return err ? err : sys_ring_create(&s->way.stamps, AUDIO_STAMPS, sizeof(struct audio_stamp));
}

static void side_fini(struct side *s)
{
    sys_ring_destroy(s->way.ring);
    sys_ring_destroy(s->way.stamps);
}

static bool rate_ok(uint32_t hz)
{
    return hz == 8000 || hz == 16000 || hz == 32000 || hz == 44100 || hz == 48000;
}

enum ahoy_err audio_device_open(struct audio_device **out, const struct audio_device_config *cfg,
                                char why[AUDIO_WHY_BYTES])
{
    why[0] = '\0';
    if (!rate_ok(cfg->rate_hz) || cfg->frame_ms < 5 || cfg->frame_ms > 60)
        return AHOY_ERR_RANGE;
    struct audio_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    d->ops = cfg->spec.kind == AUDIO_MEM && audio_mem_clocked(cfg->mem) ? &audio_clocked_ops : ops_of(cfg->spec.kind);
    d->rate_hz = cfg->rate_hz;
    d->queue = (size_t) cfg->rate_hz * DEVICE_QUEUE_MS / 1000;
    enum ahoy_err err = side_init(&d->capture, d, cfg->capture);
    if (!err)
        err = side_init(&d->playback, d, cfg->playback);
    if (!err)
        err = d->ops->open(&d->backend, cfg, cfg->capture ? &d->capture.way : NULL,
                           cfg->playback ? &d->playback.way : NULL, why);
    if (err) {
        d->backend = NULL;
        audio_device_close(d);
        return err;
    }
    *out = d;
    return AHOY_OK;
}

void audio_device_close(struct audio_device *d)
{
    if (!d)
        return;
    if (d->backend)
        d->ops->close(d->backend);
    side_fini(&d->capture);
    side_fini(&d->playback);
    mem_free(d);
}

const char *audio_lack_text(enum audio_presence microphone, enum audio_presence speaker)
{
    if (microphone && speaker)
        return "no microphone and no loudspeaker was found: plug in a headset or turn it on, and it is used at once";
    if (microphone)
        return "no microphone was found, so they do not hear you: plug one in or turn it on, and it is used at once";
    if (speaker)
        return "no loudspeaker was found, so you hear nothing: plug one in or turn it on, and it is used at once";
    return "";
}

bool audio_device_live(const struct audio_device *d)
{
    return d->ops->live;
}

/* Takes in what the callback has said meanwhile. */
static void drain_stamps(struct side *s)
{
    struct audio_stamp stamp;
    while (s->way.stamps && sys_ring_get(s->way.stamps, &stamp, 1) == 1) {
        if (stamp.when_us > 0)
            audio_clock_put(&s->clock, stamp.when_us, stamp.frames);
        s->seen = stamp;
    }
}

size_t audio_device_read(struct audio_device *d, int16_t *pcm, size_t n)
{
    struct side *s = &d->capture;
    if (!s->on)
        return 0;
    if (d->ops->live) {
        drain_stamps(s);
        n = sys_ring_get(s->way.ring, pcm, n);
    } else {
        d->ops->read(d->backend, pcm, n);
        s->seen.frames += n;
    }
    mix_gain_run(&s->gain, pcm, n);
    mix_meter_put(&s->meter, pcm, n);
    return n;
}

size_t audio_device_write(struct audio_device *d, const int16_t *pcm, size_t n)
{
    struct side *s = &d->playback;
    if (!s->on)
        return 0;
    if (d->ops->live) {
        drain_stamps(s);
        if (s->seen.presence == AUDIO_ABSENT)
            return n; /* to nobody */
        n = AHOY_MIN(n, d->queue - AHOY_MIN(d->queue, sys_ring_count(s->way.ring)));
    } else {
        s->seen.frames += n;
    }
    bool awaited = d->ops->kick && n > 0 && s->seen.asked > s->written;
    s->written += n;
    for (size_t done = 0; done < n;) {
        int16_t block[DEVICE_BLOCK];
        size_t some = AHOY_MIN(n - done, (size_t) DEVICE_BLOCK);
        memcpy(block, pcm + done, some * sizeof *pcm);
        mix_gain_run(&s->gain, block, some);
        mix_meter_put(&s->meter, block, some);
        if (d->ops->live)
            (void) sys_ring_put(s->way.ring, block, some);
        else
            d->ops->write(d->backend, block, some);
        done += some;
    }
    if (awaited)
        d->ops->kick(d->backend);
    return n;
}

void audio_device_set_gain(struct audio_device *d, double capture_db, double playback_db)
{
    mix_gain_set(&d->capture.gain, capture_db);
    mix_gain_set(&d->playback.gain, playback_db);
}

void audio_device_flow(struct audio_device *d, struct audio_device_flow *out)
{
    struct side *c = &d->capture;
    struct side *p = &d->playback;
    drain_stamps(c);
    drain_stamps(p);
    *out = (struct audio_device_flow){
        .capture_ready = c->way.ring ? sys_ring_count(c->way.ring) : 0,
        .playback_asked = !d->ops->kick                ? -1
                          : p->seen.asked > p->written ? (int64_t) (p->seen.asked - p->written)
                                                       : 0,
        .playback_queued = p->way.ring ? sys_ring_count(p->way.ring) : 0,
        .captured = c->seen.frames,
        .played = p->seen.frames,
        .underruns = p->seen.missed,
        .microphone = c->seen.presence,
        .speaker = p->seen.presence,
    };
}

void audio_device_stats(struct audio_device *d, struct audio_device_stats *out)
{
    struct side *c = &d->capture;
    struct side *p = &d->playback;
    struct audio_device_flow now;
    audio_device_flow(d, &now);
    *out = (struct audio_device_stats){
        .capture_ready = now.capture_ready,
        .playback_asked = now.playback_asked,
        .playback_queued = now.playback_queued,
        .captured = now.captured,
        .played = now.played,
        .overruns = c->seen.missed,
        .underruns = now.underruns,
        .xruns = c->seen.xruns + p->seen.xruns,
        .capture_latency_us = c->seen.latency_us,
        .playback_latency_us = p->seen.latency_us,
        .capture_dbfs = mix_meter_dbfs(&c->meter),
        .playback_dbfs = mix_meter_dbfs(&p->meter),
        .microphone = c->seen.presence,
        .speaker = p->seen.presence,
    };
    bool c_on = c->on && c->seen.presence != AUDIO_ABSENT;
    bool p_on = p->on && p->seen.presence != AUDIO_ABSENT;
    bool capture_known = audio_clock_ppm(&c->clock, &out->capture_ppm);
    bool playback_known = audio_clock_ppm(&p->clock, &out->playback_ppm);
    out->clock_known = (capture_known || !c_on) && (playback_known || !p_on) && (c_on || p_on);
}

bool audio_device_take(struct audio_device *d)
{
    return d->ops->take && d->ops->take(d->backend);
}

enum audio_ran audio_device_run(struct audio_device *d)
{
    return d->ops->run(d->backend);
}

size_t audio_devices_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES])
{
    char pulse_why[AUDIO_WHY_BYTES] = "";
    char alsa_why[AUDIO_WHY_BYTES] = "";
    size_t n = audio_pulse_list(out, max, pulse_why);
    n += audio_alsa_list(out + n, max - n, alsa_why);
    if (why)
        (void) snprintf(why, AUDIO_WHY_BYTES, "%.120s%s%.120s", pulse_why, pulse_why[0] && alsa_why[0] ? "; " : "",
                        alsa_why);
    return n;
}

/* ---- for callbacks ----------------------------------------------------------------------------------------------- */

void audio_way_captured(struct audio_way *w, const int16_t *pcm, size_t n)
{
    rt_enter();
    w->stamp.frames += n;
    w->stamp.missed += n - sys_ring_put(w->ring, pcm, n);
    rt_leave();
}

void audio_way_to_play(struct audio_way *w, int16_t *pcm, size_t n)
{
    rt_enter();
    size_t got = sys_ring_get(w->ring, pcm, n);
    memset(pcm + got, 0, (n - got) * sizeof *pcm);
    w->started = w->started || got > 0;
    w->stamp.frames += n;
    if (w->started)
        w->stamp.missed += n - got;
    rt_leave();
}

size_t audio_way_play_some(struct audio_way *w, int16_t *pcm, size_t n)
{
    rt_enter();
    n = sys_ring_get(w->ring, pcm, n);
    rt_leave();
    return n;
}

/* Others say the same again a moment later; this one may be the last, and has room even when nobody has read for long. */
void audio_way_presence(struct audio_way *w, enum audio_presence presence)
{
    rt_enter();
    w->stamp.presence = presence;
    w->stamp.when_us = 0;
    w->stamp.latency_us = -1;
    (void) sys_ring_put(w->stamps, &w->stamp, 1);
    rt_leave();
}

void audio_way_stamp(struct audio_way *w, const struct sys_loop *clock, int64_t latency_us)
{
    rt_enter();
    w->stamp.when_us = clock ? sys_clock_us(clock) : 0;
    w->stamp.latency_us = latency_us;
    if (sys_ring_count(w->stamps) < AUDIO_CLOCK_STAMPS)
        (void) sys_ring_put(w->stamps, &w->stamp, 1);
    rt_leave();
}
