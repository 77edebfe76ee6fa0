/*
 * Microphones and loudspeakers behind one interface.
 *
 * A device is opened for capture, playback or both, mono, 16 bits, at the rate asked for. One thread (the media thread)
 * reads and writes it; neither call blocks. There are two sorts:
 *
 *   - live (pulse, alsa): the hardware has its own clock. Its callback thread copies between hardware and rings, no
 *     more; read gives what has arrived, write queues what will be played. audio_device_stats tells how much is queued
 *     and how fast the clock runs, so that the caller can correct drift.
 *   - pulled (null, tone, file, mem): clocked by the caller. Read always gives all that is asked for, write takes all.
 *
 * libpulse, libasound and libsndfile are opened when first asked for: an idle telephone does not carry them.
 */
#ifndef AHOY_AUDIO_DEVICE_H
#define AHOY_AUDIO_DEVICE_H

#include "base/log.h"
#include "base/view.h"
#include "sys/loop.h"

enum {
    AUDIO_SPEC_BYTES = 512,
    AUDIO_SPEC_TEXT_BYTES = 2 * AUDIO_SPEC_BYTES + 16,
    AUDIO_WHY_BYTES = 256, /* room for the reason of a failure, for people */
    AUDIO_NAME_BYTES = 256,
    AUDIO_MAX_DEVICES = 128,
};

enum audio_kind { AUDIO_NULL, AUDIO_TONE, AUDIO_FILE, AUDIO_PULSE, AUDIO_ALSA, AUDIO_MEM };

/**
 * A device as people write it: null | tone:HZ | file:IN.wav[,OUT.wav] | pulse[:DEV] | pulse:MIC,SPEAKER | alsa[:DEV].
 * pulse:DEV may name a source or a sink; the other direction is then the server's default.
 */
struct audio_spec {
    enum audio_kind kind;
    uint32_t tone_hz;
    char dev[AUDIO_SPEC_BYTES]; /* pulse, alsa: the device ("" is the default); file: the file that is read ("" none) */
    char out[AUDIO_SPEC_BYTES]; /* file: the file that is written ("" none); pulse: the speaker ("": as dev) */
};

/** SYNTAX: not one of the forms; RANGE: HZ outside 20 … 20000, or too long. */
AHOY_MUST_USE enum ahoy_err audio_spec_parse(struct view v, struct audio_spec *out);

/** The text of a spec; returns dst. */
const char *audio_spec_print(const struct audio_spec *spec, char dst[AUDIO_SPEC_TEXT_BYTES]);

struct audio_mem;

enum audio_event {
    AUDIO_EVENT_DEVICES, /* the list of devices or the defaults changed */
    AUDIO_EVENT_LOST,    /* the device or its server went away; it is tried again */
    AUDIO_EVENT_BACK,    /* it works again */
    AUDIO_EVENT_MOVED,  /* sound goes on with another device: the default changed, or the one named left or came back */
    AUDIO_EVENT_SILENT, /* a file device has played its file to the end (from audio_device_read) */
    AUDIO_EVENT_LACKS,  /* there is no microphone or no loudspeaker; what there is works. `text`: audio_lack_text */
};

/** One direction of a live device. */
enum audio_presence {
    AUDIO_PRESENT,
    AUDIO_DUMMY,  /* the sound server's stand-in where the machine has none: it plays to nobody, and hears itself */
    AUDIO_ABSENT, /* nothing: its time passes by the caller's clock; taken as soon as there is one */
};

/** What people are told when one direction or both are missing, and what to do; "" when neither is. Static storage. */
const char *audio_lack_text(enum audio_presence microphone, enum audio_presence speaker);

struct audio_device_config {
    struct audio_spec spec;
    const char *capture_id; /* pulse, alsa: overrides spec.dev for one direction; NULL or "": as the spec says */
    const char *playback_id;
    bool capture, playback;
    uint32_t rate_hz;      /* 8000, 16000, 32000, 44100, 48000 */
    uint16_t frame_ms;     /* what the caller reads and writes at a time: 5 … 60 */
    const char *app_name;  /* shown by the sound server; NULL: "Ahoy" */
    struct sys_loop *loop; /* its clock stamps a live device; NULL: its clock is not measured. Outlives the device. A
                              clocked memory lives on it */
    const struct log *log; /* may be NULL; outlives the device */
    struct audio_mem *mem; /* for AUDIO_MEM */
    /**
     * May be NULL. Comes from any thread, the device's own included, with the backend's lock held: post and return.
     * `text` says which device it is now, for people (MOVED, LOST), or what is missing (LACKS), or is ""; it is valid
     * during the call.
     */
    void (*event)(void *arg, enum audio_event event, const char *text);
    /**
     * May be NULL. A live device has moved sound: there may be some to read, and room to write. From the device's thread
     * behind its realtime part: ring a bell and return.
     */
    void (*ready)(void *arg);
    void *arg;
};

/** Both directions, 48 kHz, 20 ms. */
struct audio_device_config audio_device_defaults(void);

struct audio_device;

/**
 * Opens; for pulse this waits for the server's answer (at most some seconds). DEVICE with a sentence for people in
 * `why` when there is no library, no server, no such device or it is busy; NOT_FOUND, ACCESS, FORMAT for a file; NOMEM,
 * RANGE. `why` is "" or set whenever the call fails. Where a machine has a microphone or a loudspeaker and not the other,
 * a device wanted for both opens with the one, and `why` says so (audio_lack_text); otherwise it is "" on success.
 */
AHOY_MUST_USE enum ahoy_err audio_device_open(struct audio_device **out, const struct audio_device_config *cfg,
                                              char why[AUDIO_WHY_BYTES]);

/** Stops and frees; completes a recording. No event comes afterwards. NULL is ignored. */
void audio_device_close(struct audio_device *d);

/** Up to `n` captured samples; a pulled device gives all n. Gain and meter are applied. */
size_t audio_device_read(struct audio_device *d, int16_t *pcm, size_t n);

/** Queues up to `n` samples for playing; returns how many were taken (the queue holds 200 ms). `pcm` is not changed. */
size_t audio_device_write(struct audio_device *d, const int16_t *pcm, size_t n);

/** True for devices with a clock of their own. */
bool audio_device_live(const struct audio_device *d);

/** Gain in dB; -100 mutes. */
void audio_device_set_gain(struct audio_device *d, double capture_db, double playback_db);

struct audio_device_stats {
    size_t capture_ready;      /* samples that can be read now */
    size_t playback_queued;    /* samples written and not yet taken by the hardware */
    int64_t playback_asked;    /* samples the device has asked for and waits for; -1: it takes what it finds queued */
    uint64_t captured, played; /* samples the hardware has delivered and taken */
    uint64_t overruns;         /* captured samples that were dropped because nobody read them */
    uint64_t underruns;        /* samples of silence played because nobody wrote */
    uint32_t xruns;            /* moments at which server or hardware ran dry or over */
    bool clock_known;
    double capture_ppm, playback_ppm;                /* how much faster than nominal the clocks run, when clock_known */
    int64_t capture_latency_us, playback_latency_us; /* in server and hardware, queues here not included; -1 unknown */
    double capture_dbfs, playback_dbfs;
    enum audio_presence microphone, speaker; /* PRESENT for a direction that is not wanted */
};

/** From the thread that reads and writes. */
void audio_device_stats(struct audio_device *d, struct audio_device_stats *out);

/** What moves it now: a part of its statistics that costs nothing to ask for. */
struct audio_device_flow {
    size_t capture_ready, playback_queued; /* as in the statistics */
    int64_t playback_asked;
    uint64_t captured, played, underruns;
    enum audio_presence microphone, speaker;
};

/** From the thread that reads and writes. */
void audio_device_flow(struct audio_device *d, struct audio_device_flow *out);

/* ---- without a thread of its own --------------------------------------------------------------------------------- */

/**
 * Ends the thread of a live device, where that can be done without: from now on the thread that reads and writes runs it.
 * Between two threads each piece of sound costs both directions a wake-up of either. False: it goes on by itself.
 */
bool audio_device_take(struct audio_device *d);

enum audio_ran {
    AUDIO_RAN_IDLE,
    AUDIO_RAN_MOVED, /* sound has moved; `ready` does not come */
    AUDIO_RAN_GONE,  /* something broke, and mending it may take its time: it has a thread again */
};

/** Moves the sound of a device that was taken. Events may come out of it. */
enum audio_ran audio_device_run(struct audio_device *d);

/* ---- what there is ----------------------------------------------------------------------------------------------- */

struct audio_device_info {
    enum audio_kind kind; /* AUDIO_PULSE or AUDIO_ALSA */
    bool capture, playback;
    bool is_default;             /* of its kind, for this direction */
    double latency_ms;           /* as the server says, while something uses it; < 0: unknown */
    bool monitor;                /* hears what another device plays */
    bool muted;                  /* at the server or in the hardware */
    double volume;               /* as the server shows it: 0 is nothing, 1 all; < 0: unknown */
    uint32_t rate_hz;            /* at which it runs; 0: unknown */
    char id[AUDIO_NAME_BYTES];   /* for a spec: pulse:ID, alsa:ID */
    char name[AUDIO_NAME_BYTES]; /* for people */
};

/**
 * Lists devices of PulseAudio (or PipeWire) and ALSA: at most `max`. Returns how many. Waits for the server at most two
 * seconds. When a backend cannot be asked, the reason is added to `why` (may be NULL) and the others are still listed.
 */
size_t audio_devices_list(struct audio_device_info *out, size_t max, char why[AUDIO_WHY_BYTES]);

/* ---- memory as a device, for tests ------------------------------------------------------------------------------- */

/** A microphone that plays given samples (then silence, or again when `loop`) and a loudspeaker that remembers up to
 * `max_heard` samples. It may be opened by one device at a time and outlives it. */
AHOY_MUST_USE enum ahoy_err audio_mem_create(struct audio_mem **out, const int16_t *said, size_t n, bool loop,
                                             size_t max_heard);
void audio_mem_destroy(struct audio_mem *m);

/** The clock of a memory that is to be a live device. */
struct audio_mem_clock {
    uint32_t period_us;               /* how often sound moves */
    double capture_ppm, playback_ppm; /* how much faster than nominal the two sides run */
    uint32_t jitter_us;               /* periods come up to so much late */
    uint64_t seed;                    /* of the jitter */
};

/** Makes the memory a live device on the loop of whoever opens it, before it is opened. */
void audio_mem_set_clock(struct audio_mem *m, const struct audio_mem_clock *clock);

/** Whether it has a clock of its own. NULL has none. */
bool audio_mem_clocked(const struct audio_mem *m);

/** What an opening gets while the memory is open already: another memory, which is to outlive it. Else it fails. */
void audio_mem_set_second(struct audio_mem *m, struct audio_mem *second);

/** A machine without a microphone, a loudspeaker or both; for a memory with a clock, before it is opened. */
void audio_mem_lack(struct audio_mem *m, bool microphone, bool speaker);

/** The next so many openings find no device. */
void audio_mem_refuse(struct audio_mem *m, unsigned openings);

/** Nothing moves for `us` from now on, as on a machine that stumbles; then all that was due moves at once. */
void audio_mem_stall(struct audio_mem *m, int64_t us);

/** The device goes away for `us`: nothing moves, and what was due is gone; tells LOST and BACK. */
void audio_mem_unplug(struct audio_mem *m, int64_t us);

/** What was played so far; valid until the next write. */
const int16_t *audio_mem_heard(const struct audio_mem *m, size_t *n);

/** How many samples of `said` have been read so far (loops counted). */
uint64_t audio_mem_read_count(const struct audio_mem *m);

#endif
