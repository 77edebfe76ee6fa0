/*
 * pulse[:DEV]: PulseAudio, and PipeWire's server of the same protocol. libpulse runs its own thread; our part of it
 * moves samples between stream and ring. Fragments of 10 ms and a playback buffer of 30 ms keep mouth-to-ear delay
 * small.
 *
 * A lost server is tried again after 1 s, then 2, 4 … 10 s. A lost device is tried by its name and by the server's
 * default in turn, so a pulled headset goes on where the user's desktop sends it.
 */
#include "audio/device_impl.h"
#include "audio/pulse_link.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    PULSE_FRAGMENT_MS = 10,
    PULSE_PLAYBACK_MS = 30,
    PULSE_OPEN_LIMIT_US = 5000000,
    PULSE_RETRY_US = 1000000,
    PULSE_MAX_RETRY_US = 10000000,
    PULSE_BLOCK = 480,
};

struct pulse_device {
    struct pulse_link link;
    struct audio_way *capture, *playback;
    pa_stream *rec, *play;
    pa_time_event *retry;
    int64_t retry_us;
    bool opened; /* audio_device_open has returned: from here on losses are events */
    bool lost;
    bool use_default; /* this try ignores the names */
    bool one_name;    /* one name was given for both directions: either may fall back to the default, not both */
    uint32_t rate_hz;
    char capture_id[AUDIO_NAME_BYTES], playback_id[AUDIO_NAME_BYTES], app_name[64];
    struct sys_loop *loop;
    const struct log *log;
    void (*event)(void *arg, enum audio_event event);
    void *arg;
};

static void start(struct pulse_device *d);
static void on_stream_state(pa_stream *s, void *arg);

static void tell(struct pulse_device *d, enum audio_event e)
{
    if (d->opened && d->event)
        d->event(d->arg, e);
}

/* ---- samples: libpulse's thread, AHOY_RT for our part ------------------------------------------------------------ */

static void stamp(struct pulse_device *d, struct audio_way *w, pa_stream *s)
{
    pa_usec_t us = 0;
    int negative = 0;
    bool known = d->link.lib.pa_stream_get_latency(s, &us, &negative) == 0;
    audio_way_stamp(w, d->loop ? sys_clock_us(d->loop) : 0, !known ? -1 : negative ? 0 : (int64_t) us);
}

AHOY_RT static void on_readable(pa_stream *s, size_t bytes, void *arg)
{
    static const int16_t silence[PULSE_BLOCK] = { 0 };
    struct pulse_device *d = arg;
    const void *data = NULL;
    const struct pulse_lib *lib = &d->link.lib;
    while (lib->pa_stream_readable_size(s) > 0 && lib->pa_stream_peek(s, &data, &bytes) == 0 && bytes > 0) {
        size_t n = bytes / sizeof(int16_t);
        if (data)
            audio_way_captured(d->capture, data, n);
        for (; !data && n > 0; n -= AHOY_MIN(n, (size_t) PULSE_BLOCK)) /* a hole */
            audio_way_captured(d->capture, silence, AHOY_MIN(n, (size_t) PULSE_BLOCK));
        (void) lib->pa_stream_drop(s);
    }
    stamp(d, d->capture, s);
}

AHOY_RT static void on_writable(pa_stream *s, size_t bytes, void *arg)
{
    struct pulse_device *d = arg;
    while (bytes >= sizeof(int16_t)) {
        void *data = NULL;
        size_t room = bytes;
        if (d->link.lib.pa_stream_begin_write(s, &data, &room) < 0 || !data)
            break;
        size_t n = AHOY_MIN(room, bytes) / sizeof(int16_t);
        if (n == 0)
            break;
        audio_way_to_play(d->playback, data, n);
        if (d->link.lib.pa_stream_write(s, data, n * sizeof(int16_t), NULL, 0, PA_SEEK_RELATIVE) < 0)
            break;
        bytes -= n * sizeof(int16_t);
    }
    stamp(d, d->playback, s);
}

static void on_xrun(pa_stream *s, void *arg)
{
    struct pulse_device *d = arg;
    struct audio_way *w = s == d->rec ? d->capture : d->playback;
    w->stamp.xruns++;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void drop_stream(struct pulse_device *d, pa_stream **s)
{
    if (!*s)
        return;
    d->link.lib.pa_stream_set_state_callback(*s, NULL, NULL);
    d->link.lib.pa_stream_set_read_callback(*s, NULL, NULL);
    d->link.lib.pa_stream_set_write_callback(*s, NULL, NULL);
    d->link.lib.pa_stream_set_underflow_callback(*s, NULL, NULL);
    d->link.lib.pa_stream_set_overflow_callback(*s, NULL, NULL);
    (void) d->link.lib.pa_stream_disconnect(*s);
    d->link.lib.pa_stream_unref(*s);
    *s = NULL;
}

static void drop_all(struct pulse_device *d)
{
    drop_stream(d, &d->rec);
    drop_stream(d, &d->play);
    pulse_link_disconnect(&d->link);
}

static void on_retry(pa_mainloop_api *api, pa_time_event *e, const struct timeval *tv, void *arg)
{
    struct pulse_device *d = arg;
    (void) tv;
    api->time_free(e);
    d->retry = NULL;
    drop_all(d);
    start(d);
}

/* Something broke. While opening that is the answer; later it is tried again from a timer, never from within the
 * callback of what broke. */
static void broken(struct pulse_device *d, const char *text, int code)
{
    if (!d->opened) {
        pulse_link_settle(&d->link, PULSE_FAILED, text, code);
        return;
    }
    if (d->retry)
        return;
    if (!d->lost) {
        log_write(d->log, LOG_WARN, "audio", "pulse: %s: %s", text, d->link.lib.pa_strerror(code));
        d->lost = true;
        tell(d, AUDIO_EVENT_LOST);
    } else {
        d->use_default = !d->use_default;
    }
    struct timeval when;
    d->link.lib.pa_timeval_add(d->link.lib.pa_gettimeofday(&when), (pa_usec_t) d->retry_us);
    d->retry_us = AHOY_MIN(d->retry_us * 2, (int64_t) PULSE_MAX_RETRY_US);
    d->retry = d->link.api->time_new(d->link.api, &when, on_retry, d);
}

static pa_stream *make_stream(struct pulse_device *d, const char *name)
{
    pa_sample_spec spec = { .format = PA_SAMPLE_S16NE, .rate = d->rate_hz, .channels = 1 };
    pa_proplist *props = d->link.lib.pa_proplist_new();
    if (props)
        (void) d->link.lib.pa_proplist_sets(props, PA_PROP_MEDIA_ROLE, "phone");
    pa_stream *s = d->link.lib.pa_stream_new_with_proplist(d->link.ctx, name, &spec, NULL, props);
    if (props)
        d->link.lib.pa_proplist_free(props);
    if (s)
        d->link.lib.pa_stream_set_state_callback(s, on_stream_state, d);
    return s;
}

static const char *chosen(const struct pulse_device *d, const char *id)
{
    return id[0] && !d->use_default ? id : NULL;
}

static const pa_stream_flags_t stream_flags = (pa_stream_flags_t) (PA_STREAM_ADJUST_LATENCY
                                                                   | PA_STREAM_AUTO_TIMING_UPDATE
                                                                   | PA_STREAM_INTERPOLATE_TIMING);

static pa_buffer_attr buffering(const struct pulse_device *d)
{
    uint32_t ms = d->rate_hz / 1000 * (uint32_t) sizeof(int16_t);
    return (pa_buffer_attr){ .maxlength = UINT32_MAX,
                             .tlength = ms * PULSE_PLAYBACK_MS,
                             .prebuf = 0,
                             .minreq = ms * PULSE_FRAGMENT_MS,
                             .fragsize = ms * PULSE_FRAGMENT_MS };
}

static bool make_rec(struct pulse_device *d)
{
    const struct pulse_lib *lib = &d->link.lib;
    pa_buffer_attr attr = buffering(d);
    d->rec = make_stream(d, "microphone");
    if (!d->rec)
        return false;
    lib->pa_stream_set_read_callback(d->rec, on_readable, d);
    lib->pa_stream_set_overflow_callback(d->rec, on_xrun, d);
    return lib->pa_stream_connect_record(d->rec, chosen(d, d->capture_id), &attr, stream_flags) >= 0;
}

static bool make_play(struct pulse_device *d)
{
    const struct pulse_lib *lib = &d->link.lib;
    pa_buffer_attr attr = buffering(d);
    d->play = make_stream(d, "call");
    if (!d->play)
        return false;
    lib->pa_stream_set_write_callback(d->play, on_writable, d);
    lib->pa_stream_set_underflow_callback(d->play, on_xrun, d);
    return lib->pa_stream_connect_playback(d->play, chosen(d, d->playback_id), &attr, stream_flags, NULL, NULL) >= 0;
}

static void stream_failed(struct pulse_device *d, bool is_rec)
{
    char *id = is_rec ? d->capture_id : d->playback_id;
    int code = d->link.lib.pa_context_errno(d->link.ctx);
    if (d->one_name && code == PA_ERR_NOENTITY && !d->opened) {
        d->one_name = false; /* a microphone's name is not a speaker's */
        id[0] = '\0';
        drop_stream(d, is_rec ? &d->rec : &d->play);
        if (is_rec ? make_rec(d) : make_play(d))
            return;
    }
    char text[AUDIO_WHY_BYTES];
    (void) snprintf(text, sizeof text, "the %s \"%.100s\" cannot be used", is_rec ? "microphone" : "speaker",
                    id[0] ? id : "default");
    broken(d, text, code);
}

static void on_stream_state(pa_stream *s, void *arg)
{
    struct pulse_device *d = arg;
    const struct pulse_lib *lib = &d->link.lib;
    if (lib->pa_stream_get_state(s) == PA_STREAM_FAILED || lib->pa_stream_get_state(s) == PA_STREAM_TERMINATED) {
        stream_failed(d, s == d->rec);
        return;
    }
    bool rec_ready = !d->capture || (d->rec && lib->pa_stream_get_state(d->rec) == PA_STREAM_READY);
    bool play_ready = !d->playback || (d->play && lib->pa_stream_get_state(d->play) == PA_STREAM_READY);
    if (!rec_ready || !play_ready)
        return;
    pulse_link_settle(&d->link, PULSE_READY, "", 0);
    d->retry_us = PULSE_RETRY_US;
    if (d->lost) {
        d->lost = d->use_default = false;
        tell(d, AUDIO_EVENT_BACK);
    }
}

static void on_subscribed(pa_context *c, pa_subscription_event_type_t t, uint32_t index, void *arg)
{
    (void) c, (void) index;
    unsigned facility = t & PA_SUBSCRIPTION_EVENT_FACILITY_MASK;
    bool change = (t & PA_SUBSCRIPTION_EVENT_TYPE_MASK) == PA_SUBSCRIPTION_EVENT_CHANGE;
    /* A device's own change is its volume or state; the server's is its defaults. */
    if (!change || facility == PA_SUBSCRIPTION_EVENT_SERVER)
        tell(arg, AUDIO_EVENT_DEVICES);
}

static void on_context_state(pa_context *c, void *arg)
{
    struct pulse_device *d = arg;
    const struct pulse_lib *lib = &d->link.lib;
    pa_context_state_t state = lib->pa_context_get_state(c);
    if (!PA_CONTEXT_IS_GOOD(state)) {
        broken(d, "no sound server answers (PulseAudio or PipeWire)", lib->pa_context_errno(c));
        return;
    }
    if (state != PA_CONTEXT_READY)
        return;
    lib->pa_context_set_subscribe_callback(c, on_subscribed, d);
    pa_operation *op = lib->pa_context_subscribe(
        c, PA_SUBSCRIPTION_MASK_SINK | PA_SUBSCRIPTION_MASK_SOURCE | PA_SUBSCRIPTION_MASK_SERVER, NULL, NULL);
    if (op)
        lib->pa_operation_unref(op);
    if ((d->capture && !make_rec(d)) || (d->playback && !make_play(d)))
        broken(d, "the sound server refuses a stream", lib->pa_context_errno(c));
    else if (d->lost)
        tell(d, AUDIO_EVENT_DEVICES);
}

static void start(struct pulse_device *d)
{
    if (pulse_link_connect(&d->link, d->app_name, PA_CONTEXT_NOFLAGS, on_context_state, d))
        broken(d, "no sound server answers (PulseAudio or PipeWire)",
               d->link.ctx ? d->link.lib.pa_context_errno(d->link.ctx) : 0);
}

static void pulse_close(void *b)
{
    struct pulse_device *d = b;
    d->link.lib.pa_threaded_mainloop_lock(d->link.loop);
    d->opened = false;
    if (d->retry)
        d->link.api->time_free(d->retry);
    drop_all(d);
    d->link.lib.pa_threaded_mainloop_unlock(d->link.loop);
    pulse_link_fini(&d->link);
    mem_free(d);
}

static void take_names(struct pulse_device *d, const struct audio_device_config *cfg)
{
    bool own_capture = cfg->capture_id && cfg->capture_id[0];
    bool own_playback = cfg->playback_id && cfg->playback_id[0];
    const char *capture = own_capture ? cfg->capture_id : cfg->spec.dev;
    const char *playback = own_playback ? cfg->playback_id : cfg->spec.out[0] ? cfg->spec.out : cfg->spec.dev;
    d->one_name = d->capture && d->playback && !own_capture && !own_playback && !cfg->spec.out[0];
    (void) view_copy(view_str(capture), d->capture_id, sizeof d->capture_id);
    (void) view_copy(view_str(playback), d->playback_id, sizeof d->playback_id);
    (void) view_copy(view_str(cfg->app_name ? cfg->app_name : "Ahoy"), d->app_name, sizeof d->app_name);
}

static enum ahoy_err pulse_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                                struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    struct pulse_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    d->capture = capture;
    d->playback = playback;
    d->rate_hz = cfg->rate_hz;
    d->retry_us = PULSE_RETRY_US;
    d->loop = cfg->loop;
    d->log = cfg->log;
    d->event = cfg->event;
    d->arg = cfg->arg;
    take_names(d, cfg);
    enum ahoy_err err = pulse_link_init(&d->link, why);
    if (err) {
        mem_free(d);
        return err;
    }
    d->link.lib.pa_threaded_mainloop_lock(d->link.loop);
    start(d);
    pulse_link_wait(&d->link, PULSE_OPEN_LIMIT_US);
    bool ready = d->link.state == PULSE_READY;
    d->opened = ready;
    (void) view_copy(view_str(d->link.why), why, AUDIO_WHY_BYTES);
    d->link.lib.pa_threaded_mainloop_unlock(d->link.loop);
    if (!ready) {
        pulse_close(d);
        return AHOY_ERR_DEVICE;
    }
    *out = d;
    return AHOY_OK;
}

const struct audio_backend_ops audio_pulse_ops = { .open = pulse_open, .close = pulse_close, .live = true };
