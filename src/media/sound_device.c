/* The device of a stream's sound: opened, read and written, let rest, handed on to another stream's. */
#include "media/sound.h"

#include <string.h>

enum { SOUND_LOOKED_MS = 200 };

void sound_tell(struct sound *s, enum ahoy_err err, const char *why)
{
    if (s->events.state)
        s->events.state(s->events.arg, err, why);
}

/* Of a pulled device: the end of a file comes on the worker itself, out of audio_device_read. */
static void pulled_event(void *arg, enum audio_event event, const char *text)
{
    struct sound *s = arg;
    (void) text;
    if (event == AUDIO_EVENT_SILENT && s->events.played)
        s->events.played(s->events.arg);
}

static void live_state(void *arg, enum ahoy_err err, const char *why)
{
    sound_tell(arg, err, why);
}

static void live_devices(void *arg)
{
    struct sound *s = arg;
    if (s->events.devices)
        s->events.devices(s->events.arg);
}

static void live_moved(void *arg)
{
    struct sound *s = arg;
    if (s->events.moved)
        s->events.moved(s->events.arg);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

bool sound_is_live(const struct media_session_config *c)
{
    return c->sound == MEDIA_SOUND_DEVICE
           && (c->device.kind == AUDIO_PULSE || c->device.kind == AUDIO_ALSA
               || (c->device.kind == AUDIO_MEM && audio_mem_clocked(c->mem)));
}

static struct audio_device_config device_config(struct sound *s, uint32_t hz)
{
    struct audio_device_config cfg = audio_device_defaults();
    cfg.spec = s->spec;
    cfg.capture = cfg.playback = true;
    cfg.rate_hz = hz;
    cfg.frame_ms = LIVE_PERIOD_MS;
    cfg.loop = s->worker;
    cfg.log = s->log;
    cfg.mem = s->mem;
    cfg.event = pulled_event;
    cfg.arg = s;
    return cfg;
}

void sound_live_config(struct sound *s, uint32_t hz, struct live_config *out)
{
    *out = (struct live_config){ .device = device_config(s, hz),
                                 .worker = s->worker,
                                 .opener = s->spec.kind == AUDIO_MEM ? NULL : s->opener,
                                 .state = live_state,
                                 .devices = live_devices,
                                 .moved = live_moved,
                                 .arg = s };
}

static void free_resamplers(struct sound *s)
{
    resample_destroy(s->from_device);
    resample_destroy(s->to_device);
    s->from_device = s->to_device = NULL;
}

/* Between the device's rate and the face's. NOMEM: all is as it was. */
static enum ahoy_err make_resamplers(struct sound *s)
{
    struct resample *in = NULL, *out = NULL;
    if (s->device_hz != s->face_hz) {
        enum ahoy_err err = resample_create(&in, s->device_hz, s->face_hz, RESAMPLE_VOICE);
        if (!err && (err = resample_create(&out, s->face_hz, s->device_hz, RESAMPLE_VOICE)))
            resample_destroy(in);
        if (err)
            return err;
    }
    free_resamplers(s);
    s->from_device = in;
    s->to_device = out;
    return AHOY_OK;
}

static void open_live(struct sound *s)
{
    struct live_config cfg;
    s->device_hz = AHOY_MAX(s->rate_hz, s->wish_hz);
    if (make_resamplers(s)) {
        free_resamplers(s);
        s->device_hz = s->face_hz;
    }
    sound_live_config(s, s->device_hz, &cfg);
    if (live_open(&s->live_device, &cfg))
        sound_tell(s, AHOY_ERR_NOMEM, "the sound device cannot be opened: out of memory");
}

void sound_device_open(struct sound *s)
{
    char why[AUDIO_WHY_BYTES];
    if (s->live) {
        open_live(s);
        return;
    }
    s->device_hz = s->rate_hz;
    struct audio_device_config cfg = device_config(s, s->device_hz);
    enum ahoy_err err = audio_device_open(&s->device, &cfg, why);
    if (err)
        sound_tell(s, err, why);
}

void sound_device_close(struct sound *s)
{
    if (s->past) /* the next one has heard and played nothing of it */
        s->past->microphone.n = s->past->speaker.n = s->past->ahead_n = 0;
    sound_swap_drop(s);
    live_close(s->live_device);
    audio_device_close(s->device);
    s->live_device = NULL;
    s->device = NULL;
    free_resamplers(s);
}

static void reopen(struct sound *s)
{
    uint32_t was_hz = s->device_hz;
    sound_device_open(s);
    if (s->device_hz != was_hz || !s->mic) /* the microphone's chain may have gone on with the device */
        sound_mic_open(s, s->processing);
}

void sound_park(struct sound *s, bool on)
{
    if (s->parked == on)
        return;
    s->parked = on;
    if (!s->live)
        return;
    if (on) {
        sound_device_close(s);
        return;
    }
    reopen(s);
}

void sound_set_face(struct sound *s, uint32_t hz)
{
    if (s->face_hz == hz)
        return;
    if (s->swap) /* what is on its way was for the face before; it is wished for again */
        sound_swap_drop(s);
    s->face_hz = hz;
    if (!s->live_device || !make_resamplers(s))
        return;
    sound_device_close(s);
    reopen(s);
}

void sound_wish(struct sound *s, uint32_t hz)
{
    s->wish_hz = hz;
    hz = AHOY_MAX(hz, s->rate_hz);
    if (s->live_device && s->device_hz < hz)
        sound_swap_begin(s, hz);
}

/* ---- handing on -------------------------------------------------------------------------------------------------- */

static bool same_device(const struct audio_spec *a, const struct audio_spec *b)
{
    return a->kind == b->kind && strcmp(a->dev, b->dev) == 0 && strcmp(a->out, b->out) == 0;
}

bool sound_hand_on(struct sound *from, struct sound *to)
{
    struct live_config cfg;
    if (!from->live_device || !to->live || to->live_device || from->mem != to->mem
        || !same_device(&from->spec, &to->spec))
        return false;
    sound_swap_drop(from);
    free_resamplers(to);
    to->from_device = from->from_device;
    to->to_device = from->to_device;
    to->live_device = from->live_device;
    to->device_hz = from->device_hz;
    to->face_hz = from->face_hz;
    sound_live_config(to, to->device_hz, &cfg);
    live_retarget(to->live_device, &cfg);
    from->live_device = NULL;
    from->from_device = from->to_device = NULL;
    sound_mic_hand_on(from, to);
    sound_past_hand_on(from, to);
    from->parked = true;
    to->parked = false;
    return true;
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

bool sound_clocks(const struct sound *s, int64_t now_us)
{
    return s->live_device && live_runs(s->live_device, now_us);
}

static size_t device_want(struct sound *s, unsigned tick_ms, int64_t now_us)
{
    if (s->live_device)
        return live_want(s->live_device, now_us, SOUND_MAX_TICK_SAMPLES);
    return (size_t) s->device_hz / 1000 * tick_ms;
}

size_t sound_want(struct sound *s, unsigned tick_ms, int64_t now_us)
{
    size_t n = device_want(s, tick_ms, now_us);
    if (s->to_device) /* what is a sample too few is asked for again */
        n = AHOY_MIN(n * s->face_hz / s->device_hz, (size_t) SOUND_MAX_TICK_SAMPLES);
    return n;
}

static void device_out(struct sound *s, int16_t *pcm, size_t n)
{
    sound_keep_speaker(s, pcm, n);
    if (s->live_device) {
        int64_t now_us = sys_now_us(s->worker);
        live_write(s->live_device, pcm, n, now_us);
        if (live_runs(s->live_device, now_us))
            sound_mic_far(s, pcm, n);
    } else if (s->device) {
        sound_mic_far(s, pcm, audio_device_write(s->device, pcm, n));
    }
}

/* How many samples may be converted at a time without more than `most` coming out. */
static size_t part_for(const struct resample *r, size_t n, size_t most)
{
    while (n > 0 && resample_max_out(r, n) > most)
        n -= n / 8 + 1;
    return n;
}

static void play(struct sound *s, const int16_t *pcm, size_t n)
{
    int16_t raw[SOUND_MAX_TICK_SAMPLES];
    if (!s->to_device) {
        AHOY_ASSERT(n <= AHOY_COUNT(raw));
        memcpy(raw, pcm, n * sizeof *raw);
        device_out(s, raw, n);
        return;
    }
    for (size_t part; n > 0; n -= part, pcm += part) {
        part = part_for(s->to_device, n, AHOY_COUNT(raw));
        device_out(s, raw, resample_run(s->to_device, pcm, part, raw));
    }
}

void sound_device_play(struct sound *s, const int16_t *pcm, size_t n)
{
    int16_t faded[SOUND_MAX_TICK_SAMPLES];
    if (!s->swap) {
        play(s, pcm, n);
        return;
    }
    memcpy(faded, pcm, n * sizeof *pcm);
    sound_swap_out(s, faded, n, sys_now_us(s->worker));
    play(s, faded, n);
}

/* Counts the time without a microphone or a loudspeaker. */
static void note_presence(struct sound *s, int64_t now_us)
{
    enum audio_presence microphone, speaker;
    int64_t passed = s->looked_us > 0 ? now_us - s->looked_us : 0;
    s->looked_us = now_us;
    if (passed > SYS_MS(SOUND_LOOKED_MS))
        return; /* it rested */
    live_presence(s->live_device, &microphone, &speaker);
    s->no_microphone_us += microphone ? passed : 0;
    s->no_speaker_us += speaker ? passed : 0;
}

static size_t device_in(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    size_t got = n;
    if (s->live_device)
        note_presence(s, now_us);
    if (s->live_device)
        got = live_read(s->live_device, pcm, sound_mic_ask(s, n), now_us);
    else if (s->device)
        got = audio_device_read(s->device, pcm, n);
    else
        memset(pcm, 0, n * sizeof *pcm);
    got = sound_mic_run(s, pcm, got, now_us);
    sound_keep_microphone(s, pcm, got);
    return got;
}

static size_t read_face(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    int16_t raw[SOUND_MAX_TICK_SAMPLES];
    if (!s->from_device)
        return device_in(s, pcm, n, now_us);
    size_t most = part_for(s->from_device, AHOY_COUNT(raw), n);
    size_t got = device_in(s, raw, most, now_us);
    return resample_run(s->from_device, raw, got, pcm);
}

size_t sound_device_read(struct sound *s, int16_t *pcm, size_t n, int64_t now_us)
{
    return sound_swap_in(s, pcm, read_face(s, pcm, n, now_us), n, now_us);
}

bool sound_device_flow(const struct sound *s, struct audio_device_flow *out)
{
    return s->live_device && live_flow(s->live_device, out);
}

bool sound_device_stats(const struct sound *s, struct audio_device_stats *out)
{
    return s->live_device && live_stats(s->live_device, out);
}

int64_t sound_queued_us(const struct sound *s)
{
    struct audio_device_flow now;
    return sound_device_flow(s, &now) ? (int64_t) now.playback_queued * 1000000 / s->device_hz : 0;
}
