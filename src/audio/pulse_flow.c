/*
 * The sound of a PulseAudio device: moved between stream and ring by libpulse's thread, in fragments of 5 ms, and in front
 * of the loudspeaker no more than the server needs to be asked again in time (pulse_ahead.h).
 */
#include "audio/pulse_device.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum {
    PULSE_PERIOD_MS = 5,
    PULSE_PERIOD_US = 5000,
    PULSE_EMPTY_US = 200000, /* a stream that begins has nothing to play */
    PULSE_LOOK_US = 100000,  /* between two questions for the latency, which is for people */
    PULSE_BLOCK = 480,
};

static int64_t clock_us(void)
{
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- samples: libpulse's thread, AHOY_RT for our part ------------------------------------------------------------ */

static void stamp(struct pulse_side *s)
{
    int64_t now = clock_us();
    if (now - s->looked_us >= PULSE_LOOK_US || now < s->looked_us) {
        pa_usec_t us = 0;
        int negative = 0;
        bool known = s->d->link.lib.pa_stream_get_latency(s->stream, &us, &negative) == 0;
        s->latency_us = !known ? -1 : negative ? 0 : (int64_t) us;
        s->looked_us = now;
    }
    audio_way_stamp(s->way, s->d->loop, s->latency_us);
    s->d->link.api->defer_enable(s->d->moved, 1);
}

/* The main loop runs it when it has gone through what the server sent. */
static void on_moved_sound(pa_mainloop_api *api, pa_defer_event *e, void *arg)
{
    struct pulse_device *d = arg;
    api->defer_enable(e, 0);
    d->has_moved = true;
    if (d->ready && d->opened && !pulse_loop_taken(d->link.loop))
        d->ready(d->arg);
}

static void on_readable(pa_stream *stream, size_t bytes, void *arg)
{
    static const int16_t silence[PULSE_BLOCK] = { 0 };
    struct pulse_side *s = arg;
    const void *data = NULL;
    const struct pulse_lib *lib = &s->d->link.lib;
    for (size_t some; bytes > 0;
         bytes -= AHOY_MIN(some, bytes)) { /* each call of libpulse asks the kernel who we are */
        if (lib->pa_stream_peek(stream, &data, &some) != 0 || some == 0)
            break;
        size_t n = some / sizeof(int16_t);
        if (data)
            audio_way_captured(s->way, data, n);
        for (; !data && n > 0; n -= AHOY_MIN(n, (size_t) PULSE_BLOCK)) /* a hole */
            audio_way_captured(s->way, silence, AHOY_MIN(n, (size_t) PULSE_BLOCK));
        (void) lib->pa_stream_drop(stream);
    }
    stamp(s);
}

/*
 * Gives the stream what waits for it, as much as it wants. What is missing is not silence yet: it is asked for, and comes
 * with a kick within the time that the server's own buffer bridges.
 */
static void play(struct pulse_side *s, size_t bytes)
{
    const struct pulse_lib *lib = &s->d->link.lib;
    size_t wanted = bytes / sizeof(int16_t);
    int16_t pcm[PULSE_BLOCK];
    s->way->stamp.asked = s->d->taken + wanted;
    s->way->stamp.frames = s->way->stamp.asked - s->d->skew;
    if (wanted > 0 && sys_ring_count(s->way->ring) > 0)
        pulse_ahead_answered(&s->d->ahead, clock_us(), (int64_t) wanted * 1000000 / s->d->rate_hz);
    while (wanted > 0) {
        size_t n = audio_way_play_some(s->way, pcm, AHOY_MIN(wanted, (size_t) PULSE_BLOCK));
        if (n == 0 || lib->pa_stream_write(s->stream, pcm, n * sizeof *pcm, NULL, 0, PA_SEEK_RELATIVE) < 0)
            return;
        s->d->taken += n;
        wanted -= n;
    }
}

static void on_writable(pa_stream *stream, size_t bytes, void *arg)
{
    struct pulse_side *s = arg;
    (void) stream;
    play(s, bytes);
    stamp(s);
}

static void play_kicked(struct pulse_device *d)
{
    const struct pulse_lib *lib = &d->link.lib;
    if (!d->play.stream || lib->pa_stream_get_state(d->play.stream) != PA_STREAM_READY)
        return;
    size_t bytes = lib->pa_stream_writable_size(d->play.stream);
    play(&d->play, bytes == (size_t) -1 ? 0 : bytes);
}

/* The caller has written what was asked for. */
static void on_kick(pa_mainloop_api *api, pa_io_event *e, int fd, pa_io_event_flags_t events, void *arg)
{
    struct pulse_device *d = arg;
    uint64_t n;
    (void) api, (void) e, (void) events;
    if (read(fd, &n, sizeof n) == (ssize_t) sizeof n)
        play_kicked(d);
}

void pulse_flow_hear_kicks(struct pulse_device *d, bool on)
{
    d->link.api->io_enable(d->kicked, on ? PA_IO_EVENT_INPUT : PA_IO_EVENT_NULL);
    if (!on) /* the last one may not have been heard */
        play_kicked(d);
}

void pulse_flow_kick(struct pulse_device *d)
{
    const uint64_t one = 1;
    if (pulse_loop_taken(d->link.loop)) {
        pulse_loop_lock(d->link.loop);
        play_kicked(d);
        pulse_loop_flush(d->link.loop);
        pulse_loop_unlock(d->link.loop);
        return;
    }
    while (write(d->kick_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* ---- how much is buffered ---------------------------------------------------------------------------------------- */

static uint32_t samples_of(const struct pulse_device *d, uint32_t us)
{
    return (uint32_t) ((uint64_t) d->rate_hz * us / 1000000);
}

pa_buffer_attr pulse_buffering(const struct pulse_device *d)
{
    const uint32_t bytes = sizeof(int16_t);
    struct pulse_ahead_size size = pulse_ahead_now(&d->ahead);
    return (pa_buffer_attr){ .maxlength = UINT32_MAX,
                             .tlength = bytes * samples_of(d, size.ahead_us),
                             .prebuf = 0,
                             .minreq = bytes * samples_of(d, size.request_us),
                             .fragsize = bytes * samples_of(d, PULSE_PERIOD_US) };
}

static void look_ahead(struct pulse_device *d, int64_t now_us)
{
    struct pulse_ahead_size was = pulse_ahead_now(&d->ahead);
    if (!pulse_ahead_look(&d->ahead, now_us))
        return;
    /* The server asks for the difference once, which is no time: the clock's measurement must not take it for such. */
    d->skew += (uint64_t) samples_of(d, pulse_ahead_queue_us(pulse_ahead_now(&d->ahead)))
               - samples_of(d, pulse_ahead_queue_us(was));
    log_write(d->log, LOG_DEBUG, "audio", "pulse: %.1f ms in front of the speaker",
              pulse_ahead_now(&d->ahead).ahead_us / 1000.0);
    pa_buffer_attr attr = pulse_buffering(d);
    pa_operation *op = d->link.lib.pa_stream_set_buffer_attr(d->play.stream, &attr, NULL, NULL);
    if (op)
        d->link.lib.pa_operation_unref(op);
}

/* The server had nothing of ours to play. */
static void on_dry(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    int64_t now = clock_us();
    (void) stream;
    if (now - s->d->began_us < PULSE_EMPTY_US)
        return;
    s->way->stamp.xruns++;
    pulse_ahead_dry(&s->d->ahead, now);
    look_ahead(s->d, now);
}

/* From the timing updates, every second or so. */
static void on_timing(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    (void) stream;
    look_ahead(s->d, clock_us());
}

static void on_overrun(pa_stream *stream, void *arg)
{
    struct pulse_side *s = arg;
    (void) stream;
    s->way->stamp.xruns++;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void pulse_flow_moved(struct pulse_device *d)
{
    d->began_us = clock_us();
    pulse_ahead_begin(&d->ahead, d->began_us);
}

void pulse_flow_attach(struct pulse_side *s)
{
    const struct pulse_lib *lib = &s->d->link.lib;
    if (s->capture) {
        lib->pa_stream_set_read_callback(s->stream, on_readable, s);
        lib->pa_stream_set_overflow_callback(s->stream, on_overrun, s);
        return;
    }
    pulse_flow_moved(s->d);
    lib->pa_stream_set_write_callback(s->stream, on_writable, s);
    lib->pa_stream_set_underflow_callback(s->stream, on_dry, s);
    lib->pa_stream_set_latency_update_callback(s->stream, on_timing, s);
}

void pulse_flow_detach(struct pulse_side *s)
{
    const struct pulse_lib *lib = &s->d->link.lib;
    lib->pa_stream_set_read_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_write_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_underflow_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_overflow_callback(s->stream, NULL, NULL);
    lib->pa_stream_set_latency_update_callback(s->stream, NULL, NULL);
}

void pulse_flow_init(struct pulse_device *d)
{
    d->moved = d->link.api->defer_new(d->link.api, on_moved_sound, d);
    d->kicked = d->link.api->io_new(d->link.api, d->kick_fd, PA_IO_EVENT_INPUT, on_kick, d);
    d->link.api->defer_enable(d->moved, 0);
}

void pulse_flow_fini(struct pulse_device *d)
{
    if (d->moved)
        d->link.api->defer_free(d->moved);
    if (d->kicked)
        d->link.api->io_free(d->kicked);
}
