/*
 * One device of PulseAudio: what its life (dev_pulse.c) and the moving of its sound (pulse_flow.c) have in common. Private
 * to src/audio. All of it is guarded by the lock of the link's loop, which libpulse's callbacks hold already.
 */
#ifndef AHOY_AUDIO_PULSE_DEVICE_H
#define AHOY_AUDIO_PULSE_DEVICE_H

#include "audio/device_impl.h"
#include "audio/pulse_ahead.h"
#include "audio/pulse_find.h"
#include "audio/pulse_link.h"

/* One direction. */
struct pulse_side {
    struct pulse_device *d;
    struct audio_way *way; /* NULL: not wanted */
    pa_stream *stream;
    bool capture;
    bool away; /* it has a name, and something else is used since that device is not there */
    bool suspended;
    int64_t latency_us, looked_us;   /* the last latency, and when it was asked for */
    bool absent;                     /* there is no device for it, and the other side works without */
    enum audio_presence presence;    /* as it was told last */
    char id[AUDIO_NAME_BYTES];       /* as named; "": the default */
    char now[AUDIO_NAME_BYTES];      /* what is used */
    char standard[AUDIO_NAME_BYTES]; /* the server's default */
};

struct pulse_device {
    struct pulse_link link;
    struct pulse_side rec, play;
    struct pulse_find find;
    pa_time_event *retry;
    pa_io_event *kicked;
    int kick_fd;
    uint64_t taken;        /* samples written to streams */
    uint64_t skew;         /* of those, samples that were asked for when buffers grew (modulo 2^64) */
    pa_defer_event *moved; /* behind our callbacks: tells that sound has moved */
    bool has_moved;        /* sound, in this run of a loop that was taken */
    int64_t retry_us;
    bool opened; /* audio_device_open has returned: from here on losses are events */
    bool lost;
    bool use_default; /* this try ignores the names */
    bool one_name;    /* one name was given for both directions: either may fall back to the default, not both */
    uint32_t rate_hz;
    struct pulse_ahead ahead; /* playback buffered in stream and device together */
    int64_t began_us;         /* the playing stream began */
    char app_name[64];
    struct sys_loop *loop;
    const struct log *log;
    void (*event)(void *arg, enum audio_event event, const char *text);
    void (*ready)(void *arg);
    void *arg;
};

/** What is asked of the server for either direction. */
pa_buffer_attr pulse_buffering(const struct pulse_device *d);

/** Has a new stream's sound moved between it and the side's ring. */
void pulse_flow_attach(struct pulse_side *s);

/** The playing stream has another device. */
void pulse_flow_moved(struct pulse_device *d);

/** Lets go of a stream that ends. */
void pulse_flow_detach(struct pulse_side *s);

/** The part of libpulse's loop: telling that sound has moved, hearing of a kick. */
void pulse_flow_init(struct pulse_device *d);
void pulse_flow_fini(struct pulse_device *d);

/** Whether a kick is heard of in the loop; one that runs on the caller's thread needs none. With the lock when there are others. */
void pulse_flow_hear_kicks(struct pulse_device *d, bool on);

/** From the caller's thread: what was asked for has been written (audio_backend_ops.kick). */
void pulse_flow_kick(struct pulse_device *d);

#endif
