/*
 * What a backend is to audio/device.c: one table of functions. Private to src/audio.
 *
 * `live` backends move samples through the two rings from their own thread and leave stamps in the stamp rings; all
 * else (gain, meters, clocks, statistics) is done by audio/device.c on the caller's thread, so no memory is shared but
 * rings. The audio_way functions are the realtime sections (base/rt.h).
 */
#ifndef AHOY_AUDIO_DEVICE_IMPL_H
#define AHOY_AUDIO_DEVICE_IMPL_H

#include "audio/device.h"
#include "sys/ring.h"

enum {
    AUDIO_CLOCK_STAMPS = 64, /* that wait to be read; more are dropped, … */
    AUDIO_STAMPS = 80,       /* … but for those that say what is there: the room for all */
};

/** What a callback tells about itself, through a ring. Counts are totals. */
struct audio_stamp {
    int64_t when_us;    /* 0: time is not known */
    uint64_t frames;    /* delivered or taken by the hardware */
    uint64_t asked;     /* of a backend with `kick`: asked for by the hardware */
    uint64_t missed;    /* overruns or underruns, samples */
    uint32_t xruns;     /* moments at which server or hardware ran dry or over */
    int64_t latency_us; /* -1: not known */
    enum audio_presence presence;
};

/** One direction of a live device. The callback thread owns `stamp`. */
struct audio_way {
    struct sys_ring *ring;   /* of int16_t */
    struct sys_ring *stamps; /* of struct audio_stamp */
    struct audio_stamp stamp;
    bool started; /* something has been played: silence counts as missed from here */
};

struct audio_backend_ops {
    /** Makes the backend's part of a device; rings exist already for a live one. `why` as in audio_device_open. */
    enum ahoy_err (*open)(void **out, const struct audio_device_config *cfg, struct audio_way *capture,
                          struct audio_way *playback, char why[AUDIO_WHY_BYTES]);
    void (*close)(void *b);
    /** Pulled devices only. */
    void (*read)(void *b, int16_t *pcm, size_t n);
    void (*write)(void *b, const int16_t *pcm, size_t n);
    bool live;
    /**
     * Of a live device that asks for sound and waits until it is there: something that it had asked for was written. From
     * the caller's thread. NULL: the device takes what it finds, and plays silence when that is not enough.
     */
    void (*kick)(void *b);
    /** audio_device_take and audio_device_run; NULL: its thread cannot be done without. */
    bool (*take)(void *b);
    enum audio_ran (*run)(void *b);
};

extern const struct audio_backend_ops audio_null_ops, audio_tone_ops, audio_file_ops, audio_mem_ops, audio_pulse_ops,
    audio_alsa_ops, audio_clocked_ops;

/** Captured samples from a callback; those that do not fit are counted as missed. */
AHOY_RT void audio_way_captured(struct audio_way *w, const int16_t *pcm, size_t n);

/** Samples to play for a callback; silence where none wait, counted as missed once something had been played. */
AHOY_RT void audio_way_to_play(struct audio_way *w, int16_t *pcm, size_t n);

/** The same without silence: gives as many as wait. */
AHOY_RT size_t audio_way_play_some(struct audio_way *w, int16_t *pcm, size_t n);

/** Says that the direction has no device, or has one again; from the callback's thread, or before it runs. */
void audio_way_presence(struct audio_way *w, enum audio_presence presence);

/** Publishes the stamp, with the present time of `clock` (NULL: it is not known). */
AHOY_RT void audio_way_stamp(struct audio_way *w, const struct sys_loop *clock, int64_t latency_us);

/** Lists one backend's devices; what cannot be asked says so in `why`. Return how many. */
size_t audio_pulse_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES]);
size_t audio_alsa_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES]);

#endif
