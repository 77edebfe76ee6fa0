/*
 * pulse[:DEV]: PulseAudio, and PipeWire's server of the same protocol. libpulse runs its own thread, in which
 * pulse_flow.c moves the samples; here is what streams there are and where they lead.
 *
 * Where sound goes: a stream without a name follows the server's default, which the server does by moving it (where an
 * old one does not, we ask for it). A named device that vanishes is replaced by the default, by the server's rescue or
 * by a new stream, and taken again when it is back. A lost server is tried again after 0.1 s, then 0.2, 0.4 … 1 s, the
 * named device and the default in turn. Where there is a microphone and no loudspeaker, or the other way, the one works
 * alone until the server tells of new devices; what a server puts in place of none ("auto_null") is used, and known for it.
 */
#include "audio/pulse_device.h"
#include "base/mem.h"
#include "sys/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    PULSE_OPEN_LIMIT_US = 5000000,
    PULSE_RETRY_US = 100000,
    PULSE_MAX_RETRY_US = 1000000, /* somebody waits for it; a try costs next to nothing */
};

static void start(struct pulse_device *d);
static void on_stream_state(pa_stream *stream, void *arg);
static void on_stream_moved(pa_stream *stream, void *arg);
static void on_suspended(pa_stream *stream, void *arg);

static void tell(struct pulse_device *d, enum audio_event e, const char *text)
{
    if (d->opened && d->event)
        d->event(d->arg, e, text);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void drop_stream(struct pulse_side *s)
{
    const struct pulse_lib *lib = &s->d->link.lib;
    if (!s->stream)
        return;
    lib->pa_stream_set_state_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_moved_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_suspended_callback(s->stream, NULL, NULL);
    pulse_flow_detach(s);
    (void) lib->pa_stream_disconnect(s->stream);
    lib->pa_stream_unref(s->stream);
    s->stream = NULL;
    s->suspended = false;
}

static void drop_all(struct pulse_device *d)
{
    drop_stream(&d->rec);
    drop_stream(&d->play);
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
        tell(d, AUDIO_EVENT_LOST, "");
    } else {
        d->use_default = !d->use_default;
    }
    struct timeval when;
    d->link.lib.pa_timeval_add(d->link.lib.pa_gettimeofday(&when), (pa_usec_t) d->retry_us);
    d->retry_us = AHOY_MIN(d->retry_us * 2, (int64_t) PULSE_MAX_RETRY_US);
    d->retry = d->link.api->time_new(d->link.api, &when, on_retry, d);
}

static pa_stream *new_stream(struct pulse_device *d, const char *name)
{
    pa_sample_spec spec = { .format = PA_SAMPLE_S16NE, .rate = d->rate_hz, .channels = 1 };
    pa_proplist *props = d->link.lib.pa_proplist_new();
    if (props)
        (void) d->link.lib.pa_proplist_sets(props, PA_PROP_MEDIA_ROLE, "phone");
    pa_stream *s = d->link.lib.pa_stream_new_with_proplist(d->link.ctx, name, &spec, NULL, props);
    if (props)
        d->link.lib.pa_proplist_free(props);
    return s;
}

static const pa_stream_flags_t stream_flags = (pa_stream_flags_t) (PA_STREAM_ADJUST_LATENCY
                                                                   | PA_STREAM_AUTO_TIMING_UPDATE
                                                                   | PA_STREAM_INTERPOLATE_TIMING);

/* Connects a side to its device, or to the default. */
static bool make_stream(struct pulse_side *s, bool use_default)
{
    struct pulse_device *d = s->d;
    const struct pulse_lib *lib = &d->link.lib;
    pa_buffer_attr attr = pulse_buffering(d);
    s->absent = false;
    s->away = s->id[0] && use_default;
    const char *dev = s->id[0] && !use_default ? s->id : NULL;
    s->stream = new_stream(d, s->capture ? "microphone" : "call");
    if (!s->stream)
        return false;
    lib->pa_stream_set_state_callback(s->stream, on_stream_state, s);
    lib->pa_stream_set_moved_callback(s->stream, on_stream_moved, s);
    lib->pa_stream_set_suspended_callback(s->stream, on_suspended, s);
    pulse_flow_attach(s);
    return (s->capture ? lib->pa_stream_connect_record(s->stream, dev, &attr, stream_flags)
                       : lib->pa_stream_connect_playback(s->stream, dev, &attr, stream_flags, NULL, NULL))
           >= 0;
}

static void unusable(struct pulse_side *s, int code)
{
    char text[AUDIO_WHY_BYTES];
    (void) snprintf(text, sizeof text, "the %s \"%.100s\" cannot be used", s->capture ? "microphone" : "speaker",
                    s->id[0] ? s->id : "default");
    broken(s->d, text, code);
}

static bool is_monitor_of(const char *source, const char *sink)
{
    size_t n = strlen(sink);
    return n > 0 && strncmp(source, sink, n) == 0 && strcmp(source + n, ".monitor") == 0;
}

/*
 * Where there is no microphone a server gives the monitor of its default loudspeaker for one, and the other side would hear
 * itself. Another sink's monitor is nobody's fallback: somebody has made it the default.
 */
static bool hears_us(const struct pulse_side *s)
{
    const struct pulse_side *play = &s->d->play;
    const char *named = getenv("PULSE_SOURCE"); /* which libpulse heeds */
    return s->capture && !(named && *named)
           && (is_monitor_of(s->now, play->now) || is_monitor_of(s->now, play->standard));
}

static enum audio_presence presence(const struct pulse_side *s)
{
    bool dummy = view_eq(view_str(s->now), VIEW("auto_null")) || view_eq(view_str(s->now), VIEW("auto_null.monitor"));
    dummy = !s->id[0] && (dummy || hears_us(s));
    return !s->way ? AUDIO_PRESENT : s->absent ? AUDIO_ABSENT : dummy ? AUDIO_DUMMY : AUDIO_PRESENT;
}

/* What a microphone is worth depends on where the loudspeaker is, too. True when it has changed. */
static bool note_presence(struct pulse_side *s)
{
    enum audio_presence was = s->presence;
    if (!s->way || s->absent || !s->now[0])
        return false;
    s->presence = presence(s);
    if (s->presence != was)
        audio_way_presence(s->way, s->presence);
    return s->presence != was;
}

/* Streams that are to be run, or there is nothing to run them on. */
static bool ready(const struct pulse_side *s)
{
    return !s->way || s->absent || (s->stream && s->d->link.lib.pa_stream_get_state(s->stream) == PA_STREAM_READY);
}

/* All that there is works: the opening has succeeded, a loss is over, or another device is used. */
static void settle(struct pulse_device *d, const char *other)
{
    const char *lack = audio_lack_text(presence(&d->rec), presence(&d->play));
    if (!ready(&d->rec) || !ready(&d->play))
        return;
    pulse_link_settle(&d->link, PULSE_READY, lack, 0);
    d->retry_us = PULSE_RETRY_US;
    if (d->lost) {
        d->lost = d->use_default = false;
        tell(d, AUDIO_EVENT_BACK, other ? other : "");
    } else if (other && !lack[0]) {
        tell(d, AUDIO_EVENT_MOVED, other);
    }
    if (other && lack[0])
        tell(d, AUDIO_EVENT_LACKS, lack);
}

/* False when there is nothing else that works. */
static bool do_without(struct pulse_side *s)
{
    struct pulse_device *d = s->d;
    const struct pulse_side *other = s->capture ? &d->play : &d->rec;
    if (!other->way || other->absent)
        return false;
    drop_stream(s);
    s->absent = true;
    s->away = false;
    s->now[0] = '\0';
    log_write(d->log, LOG_INFO, "audio", "pulse: there is no %s", s->capture ? "microphone" : "speaker");
    s->presence = AUDIO_ABSENT;
    audio_way_presence(s->way, AUDIO_ABSENT);
    settle(d, "");
    return true;
}

/* Perhaps there is one now. */
static void try_absent(struct pulse_side *s)
{
    if (s->absent && !make_stream(s, s->id[0] != '\0') && !do_without(s))
        broken(s->d, "the sound server refuses a stream", s->d->link.lib.pa_context_errno(s->d->link.ctx));
}

static void stream_failed(struct pulse_side *s)
{
    struct pulse_device *d = s->d;
    int code = d->link.lib.pa_context_errno(d->link.ctx);
    bool was_away = s->away;
    if (d->one_name && code == PA_ERR_NOENTITY && !d->opened) {
        d->one_name = false; /* a microphone's name is not a speaker's */
        s->id[0] = '\0';
        drop_stream(s);
        if (make_stream(s, false))
            return;
    } else if (d->opened && s->now[0] && d->link.lib.pa_context_get_state(d->link.ctx) == PA_CONTEXT_READY) {
        s->now[0] = '\0'; /* its device went and took the stream along: at once the default, once */
        drop_stream(s);
        if (make_stream(s, true))
            return;
    }
    if (code == PA_ERR_NOENTITY && do_without(s))
        return;
    s->away = was_away;
    const struct pulse_side *other = s->capture ? &d->play : &d->rec;
    if (code == PA_ERR_NOENTITY && other->absent && !s->id[0] && !other->id[0])
        broken(d, audio_lack_text(AUDIO_ABSENT, AUDIO_ABSENT), 0);
    else
        unusable(s, code);
}

/* Notes which device a stream has; true when it is another than before. */
static bool note_device(struct pulse_side *s)
{
    const char *name = s->d->link.lib.pa_stream_get_device_name(s->stream);
    bool other = name && !view_eq(view_str(name), view_str(s->now));
    if (name)
        (void) view_copy(view_str(name), s->now, sizeof s->now);
    s->away = s->id[0] && !view_eq(view_str(s->now), view_str(s->id));
    (void) note_presence(&s->d->rec);
    (void) note_presence(&s->d->play);
    return other;
}

static void on_stream_state(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    struct pulse_device *d = s->d;
    pa_stream_state_t state = d->link.lib.pa_stream_get_state(stream);
    if (state == PA_STREAM_FAILED || state == PA_STREAM_TERMINATED) {
        stream_failed(s);
        return;
    }
    if (state != PA_STREAM_READY)
        return;
    settle(d, note_device(s) || d->lost ? s->now : NULL);
}

/* The server has given the stream another device; it plays on. */
static void on_stream_moved(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    (void) stream;
    if (note_device(s)) {
        if (!s->capture)
            pulse_flow_moved(s->d);
        log_write(s->d->log, LOG_INFO, "audio", "pulse: the %s is %s now", s->capture ? "microphone" : "speaker",
                  s->now);
        settle(s->d, s->now);
    }
}

static void on_suspended(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    bool now = s->d->link.lib.pa_stream_is_suspended(stream) > 0;
    if (now != s->suspended)
        tell(s->d, now ? AUDIO_EVENT_LOST : AUDIO_EVENT_BACK, s->now);
    s->suspended = now;
}

/* ---- following the user's devices -------------------------------------------------------------------------------- */

static void move_to(struct pulse_side *s, const char *name)
{
    const struct pulse_lib *lib = &s->d->link.lib;
    uint32_t index = lib->pa_stream_get_index(s->stream);
    pa_operation *op = s->capture ? lib->pa_context_move_source_output_by_name(s->d->link.ctx, index, name, NULL, NULL)
                                  : lib->pa_context_move_sink_input_by_name(s->d->link.ctx, index, name, NULL, NULL);
    if (op)
        lib->pa_operation_unref(op);
}

static bool can_move(const struct pulse_side *s)
{
    return s->stream && ready(s);
}

/*
 * The defaults, asked for since they may have changed: servers before PulseAudio 14 leave streams where they are. A stream
 * that its user had put elsewhere stays there.
 */
static void on_server(pa_context *c, const pa_server_info *info, void *arg)
{
    struct pulse_device *d = arg;
    struct pulse_side *side[2] = { &d->rec, &d->play };
    (void) c;
    for (int i = 0; info && i < 2; i++) {
        struct pulse_side *s = side[i];
        const char *name = i == 0 ? info->default_source_name : info->default_sink_name;
        bool followed = !s->id[0] && view_eq(view_str(s->now), view_str(s->standard));
        if (followed && name && can_move(s) && !view_eq(view_str(name), view_str(s->now)))
            move_to(s, name);
        (void) view_copy(view_str(name), s->standard, sizeof s->standard);
    }
    if (note_presence(&d->rec) && d->opened)
        settle(d, d->rec.now);
}

static void ask_defaults(struct pulse_device *d)
{
    pa_operation *op = d->link.lib.pa_context_get_server_info(d->link.ctx, on_server, d);
    if (op)
        d->link.lib.pa_operation_unref(op);
}

static void on_subscribed(pa_context *c, pa_subscription_event_type_t t, uint32_t index, void *arg)
{
    struct pulse_device *d = arg;
    (void) c, (void) index;
    unsigned facility = t & PA_SUBSCRIPTION_EVENT_FACILITY_MASK;
    unsigned type = t & PA_SUBSCRIPTION_EVENT_TYPE_MASK;
    if (facility == PA_SUBSCRIPTION_EVENT_SERVER)
        ask_defaults(d);
    if (type == PA_SUBSCRIPTION_EVENT_NEW || facility == PA_SUBSCRIPTION_EVENT_SERVER) {
        try_absent(&d->rec);
        try_absent(&d->play);
    }
    struct pulse_side *s = facility == PA_SUBSCRIPTION_EVENT_SOURCE ? &d->rec : &d->play;
    if (type == PA_SUBSCRIPTION_EVENT_NEW && facility != PA_SUBSCRIPTION_EVENT_SERVER && s->away && can_move(s))
        move_to(s, s->id); /* perhaps it is ours that came back; if not, nothing happens */
    /* A device's own change is its volume or state; the server's is its defaults. */
    if (type != PA_SUBSCRIPTION_EVENT_CHANGE || facility == PA_SUBSCRIPTION_EVENT_SERVER)
        tell(d, AUDIO_EVENT_DEVICES, "");
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static void make_streams(struct pulse_device *d)
{
    if ((d->rec.way && !make_stream(&d->rec, d->use_default))
        || (d->play.way && !make_stream(&d->play, d->use_default)))
        broken(d, "the sound server refuses a stream", d->link.lib.pa_context_errno(d->link.ctx));
    else if (d->lost)
        tell(d, AUDIO_EVENT_DEVICES, "");
}

/* While it is being opened: what is named must be there. One name for both is that of one device, seldom of two. */
static void on_names_known(void *arg)
{
    struct pulse_device *d = arg;
    bool no_source = d->rec.way && !d->find.source_found;
    bool no_sink = d->play.way && !d->find.sink_found;
    if (d->one_name && no_source != no_sink) {
        (no_source ? &d->rec : &d->play)->id[0] = '\0';
        d->one_name = no_source = no_sink = false;
    }
    if (no_source || no_sink)
        unusable(no_source ? &d->rec : &d->play, PA_ERR_NOENTITY);
    else
        make_streams(d);
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
    (void) sys_thread_hasten();
    ask_defaults(d);
    d->find = (struct pulse_find){
        .link = &d->link, .source = d->rec.id, .sink = d->play.id, .done = on_names_known, .arg = d
    };
    if (d->opened) /* a name that is missing now is replaced */
        make_streams(d);
    else if (!pulse_find_start(&d->find))
        broken(d, "the sound server does not list its devices", lib->pa_context_errno(c));
}

static void start(struct pulse_device *d)
{
    if (pulse_link_connect(&d->link, d->app_name, PA_CONTEXT_NOFLAGS, on_context_state, d))
        broken(d, "no sound server answers (PulseAudio or PipeWire)",
               d->link.ctx ? d->link.lib.pa_context_errno(d->link.ctx) : 0);
}

static void pulse_kick(void *b)
{
    pulse_flow_kick(b);
}

static bool pulse_take(void *b)
{
    struct pulse_device *d = b;
    pulse_loop_lock(d->link.loop);
    bool steady = !d->lost;
    pulse_loop_unlock(d->link.loop);
    if (steady) {
        pulse_loop_take(d->link.loop);
        pulse_flow_hear_kicks(d, false);
    }
    return steady;
}

/* A lost server is connected to by a thread of its own: libpulse may read files then, or start one. */
static enum audio_ran pulse_run(void *b)
{
    struct pulse_device *d = b;
    pulse_loop_lock(d->link.loop);
    d->has_moved = false;
    pulse_loop_run(d->link.loop);
    enum audio_ran ran = d->has_moved ? AUDIO_RAN_MOVED : AUDIO_RAN_IDLE;
    if (d->lost && pulse_loop_give_back(d->link.loop) == AHOY_OK) {
        pulse_flow_hear_kicks(d, true);
        ran = AUDIO_RAN_GONE;
    }
    pulse_loop_unlock(d->link.loop);
    return ran;
}

static void pulse_close(void *b)
{
    struct pulse_device *d = b;
    pulse_loop_lock(d->link.loop);
    d->opened = false;
    if (d->retry)
        d->link.api->time_free(d->retry);
    drop_all(d);
    pulse_flow_fini(d);
    pulse_loop_unlock(d->link.loop);
    pulse_link_fini(&d->link);
    (void) close(d->kick_fd);
    mem_free(d);
}

static void take_names(struct pulse_device *d, const struct audio_device_config *cfg)
{
    bool own_capture = cfg->capture_id && cfg->capture_id[0];
    bool own_playback = cfg->playback_id && cfg->playback_id[0];
    const char *capture = own_capture ? cfg->capture_id : cfg->spec.dev;
    const char *playback = own_playback ? cfg->playback_id : cfg->spec.out[0] ? cfg->spec.out : cfg->spec.dev;
    d->one_name = d->rec.way && d->play.way && !own_capture && !own_playback && !cfg->spec.out[0];
    (void) view_copy(view_str(capture), d->rec.id, sizeof d->rec.id);
    (void) view_copy(view_str(playback), d->play.id, sizeof d->play.id);
    (void) view_copy(view_str(cfg->app_name ? cfg->app_name : "Ahoy"), d->app_name, sizeof d->app_name);
}

static enum ahoy_err pulse_open(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                                struct audio_way *playback, char why[AUDIO_WHY_BYTES])
{
    struct pulse_device *d = mem_zalloc(sizeof *d);
    if (!d)
        return AHOY_ERR_NOMEM;
    d->rec = (struct pulse_side){ .d = d, .way = capture, .capture = true };
    d->play = (struct pulse_side){ .d = d, .way = playback };
    pulse_ahead_init(&d->ahead);
    d->rate_hz = cfg->rate_hz;
    d->retry_us = PULSE_RETRY_US;
    d->loop = cfg->loop;
    d->log = cfg->log;
    d->event = cfg->event;
    d->ready = cfg->ready;
    d->arg = cfg->arg;
    take_names(d, cfg);
    d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum ahoy_err err = d->kick_fd >= 0 ? pulse_link_init(&d->link, why) : AHOY_ERR_LIMIT;
    if (err) {
        if (d->kick_fd >= 0)
            (void) close(d->kick_fd);
        mem_free(d);
        return err;
    }
    pulse_loop_lock(d->link.loop);
    pulse_flow_init(d);
    start(d);
    pulse_link_wait(&d->link, PULSE_OPEN_LIMIT_US);
    bool is_ready = d->link.state == PULSE_READY;
    d->opened = is_ready;
    (void) view_copy(view_str(d->link.why), why, AUDIO_WHY_BYTES);
    pulse_loop_unlock(d->link.loop);
    if (!is_ready) {
        pulse_close(d);
        return AHOY_ERR_DEVICE;
    }
    *out = d;
    return AHOY_OK;
}

const struct audio_backend_ops audio_pulse_ops = {
    .open = pulse_open, .close = pulse_close, .kick = pulse_kick, .take = pulse_take, .run = pulse_run, .live = true
};
