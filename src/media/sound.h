/*
 * Where sound comes from and goes to: a device, the stream itself (echo), or an endpoint of the caller's; with a file
 * playing in place of the microphone or with it, and a recording of both sides. One stream, media worker. Private to
 * media/.
 *
 * All sound here has one rate, given from above. A live device is opened on the engine's opener thread, since a sound
 * server may take its time; until it is there the call is silent.
 */
#ifndef AHOY_MEDIA_SOUND_H
#define AHOY_MEDIA_SOUND_H

#include "audio/mic.h"
#include "audio/mix.h"
#include "audio/resample.h"
#include "audio/seam.h"
#include "audio/wav.h"
#include "media/live.h"
#include "media/media.h"
#include "media/record.h"

enum {
    SOUND_MAX_TICK_MS = 60,
    SOUND_MAX_TICK_SAMPLES = 48 * SOUND_MAX_TICK_MS,
};

/** News of a device; on the media worker. */
struct sound_events {
    void (*state)(void *arg, enum ahoy_err err, const char *why); /* DEVICE: it failed or went away; OK: it is there */
    void (*played)(void *arg);                                    /* a file that played has ended */
    void (*devices)(void *arg);                                   /* the machine's devices changed */
    void (*moved)(void *arg); /* a live device has moved sound: a tick is due, whatever the clock says */
    /** A recording is closed: complete, or up to where it could not be written. */
    void (*recorded)(void *arg, struct record *r); /* it is the receiver's: record_tell */
    void (*muted_speech)(void *arg);               /* somebody speaks into the muted microphone; every 10 s at most */
    void *arg;
};

/** How a file is played. */
struct sound_play {
    struct wav_reader *file; /* taken over; NULL: stop */
    bool loop;               /* again from its beginning at its end, for ever */
    bool mix;                /* with the microphone, instead of in its place */
};

/*
 * What went by last, of a device's sound: microphone and loudspeaker at the device's rate, what is heard from the peer and said
 * to it at the sound's. A stream that changes from by itself to a conference or back goes on from there (seat_turn.c).
 */
struct sound_past {
    struct past microphone, speaker, heard, said;
    struct seam saying, speaking;  /* transitions under way, of what is said and what is played */
    int16_t ahead[SEAM_PAST_MOST]; /* was heard in a conference, and not played yet */
    size_t ahead_n;
};

struct sound {
    enum media_sound kind;
    uint32_t rate_hz; /* 0 before sound_start */
    bool live;
    bool parked; /* its device is not used: a live one is closed */
    struct audio_spec spec;
    struct audio_mem *mem;
    uint32_t face_hz;                         /* what is read and played has this rate: ours, or a conference's */
    uint32_t wish_hz;                         /* a conference wants the device to run at no less */
    uint32_t device_hz;                       /* the rate it runs at */
    struct sound_swap *swap;                  /* a device of a higher rate is on its way; NULL: none */
    struct audio_device *device;              /* a pulled one */
    struct live *live_device;                 /* or a live one */
    struct resample *from_device, *to_device; /* NULL: the rates are equal */
    struct media_endpoint endpoint;
    struct sound_events events;
    struct sys_loop *worker, *opener;
    const struct log *log;

    int16_t echo[SOUND_MAX_TICK_SAMPLES]; /* last played, to be sent back */
    size_t echo_n;

    struct sound_play play; /* file NULL: none */
    struct resample *play_resample;
    int16_t *play_fifo;
    size_t play_n, play_at;

    struct record *record; /* NULL: none */
    unsigned records;      /* recordings whose files are not closed yet */
    bool muted;            /* the recording does not hear us then */

    unsigned processing; /* of enum mic_step */
    struct mic *mic;     /* NULL: what is read is sent */
    bool mic_idle;       /* it only listens for speech, and only while muted */
    bool mic_muted;      /* nobody hears it: who speaks is told so */
    uint64_t underruns;  /* of the loudspeaker that the echo canceller knows of */
    uint32_t speech_ms, muted_ms;
    int64_t hinted_us;
    uint64_t spoke_ms, listened_us;          /* all of the speech, in so much time */
    int64_t looked_us;                       /* when it was looked whether the live device is there; 0: not yet */
    int64_t no_microphone_us, no_speaker_us; /* how long there was none */

    struct mix_meter meter_in, meter_out; /* in: what the peer says; out: what we say */
    struct sound_past *past;              /* NULL: no device, or no memory for it */
};

struct sound_config {
    const struct media_session_config *session;
    uint32_t rate_hz;
    struct sys_loop *worker;
    struct sys_loop *opener; /* for live devices; may be NULL: they are opened in place */
    const struct log *log;
    struct sound_events events;
};

/** Begins; a device that cannot be opened is told by events.state, and the sound is silence. */
void sound_start(struct sound *s, const struct sound_config *cfg);

/** Ends; completes recordings. A sound never started is fine. */
void sound_stop(struct sound *s);

/**
 * Another rate: pulled devices are opened anew, live ones are kept, or changed for a better one. A recording ends, so it is not done during one;
 * files and endpoints keep the rate they began with, so it is not done with them.
 */
void sound_set_rate(struct sound *s, uint32_t rate_hz);

/** Whether the sound of a session will be a live device's. */
bool sound_is_live(const struct media_session_config *c);

/**
 * What is read from the device and played has this rate from here on; the rate of the sound itself stays. When there is no
 * memory for it a live device is opened anew.
 */
void sound_set_face(struct sound *s, uint32_t hz);

/**
 * A live device is to run at no less than `hz` (0: at what it likes). One that is slower is changed for a better one as
 * soon as that runs; never the other way round.
 */
void sound_wish(struct sound *s, uint32_t hz);

/** Lets its device rest, or uses it again: while a conference has another one for the local user. */
void sound_park(struct sound *s, bool on);

/**
 * The live device, and what was learnt of its echo, go from one stream's sound to another's, which has rested until now;
 * nothing is heard of it. The first one rests then. False, and nothing has changed: it is not the same device, or there is
 * no memory.
 */
bool sound_hand_on(struct sound *from, struct sound *to);

/** Milliseconds from tick to tick that suit it, given the packet time. */
unsigned sound_tick_ms(const struct sound *s, unsigned ptime_ms);

/** True for what has no clock and takes what comes: it is run again when that has been played. */
bool sound_follows(const struct sound *s);

/** Whether a live device calls for ticks by itself now (events.moved), so that the worker's clock need not. */
bool sound_clocks(const struct sound *s, int64_t now_us);

/* sound_past.c: what went by is kept (pcm NULL: silence), transitions are run over what is said next, and over `ahead`. */
void sound_keep_heard(struct sound *s, const int16_t *pcm, size_t n);
void sound_keep_said(struct sound *s, int16_t *pcm, size_t n, bool muted); /* `pcm`: the transition is run over it */
void sound_keep_microphone(struct sound *s, const int16_t *pcm, size_t n);
void sound_keep_speaker(struct sound *s, int16_t *pcm, size_t n); /* likewise */
size_t sound_take_ahead(struct sound *s, int16_t *pcm, size_t n);
void sound_past_hand_on(struct sound *from, struct sound *to);

/** How many samples should be played now, given the tick; a live device says by its queue. */
size_t sound_want(struct sound *s, unsigned tick_ms, int64_t now_us);

/** What the peer says: metered and recorded … */
void sound_heard(struct sound *s, const int16_t *pcm, size_t n);

/** … and played; in a conference that is the sum of all. `n` <= SOUND_MAX_TICK_SAMPLES. */
void sound_out(struct sound *s, const int16_t *pcm, size_t n);

/** Up to `n` samples of the microphone, or what stands for it: a pulled source gives all, a live one what it has. */
size_t sound_in(struct sound *s, int16_t *pcm, size_t n, int64_t now_us);

/** What is to be sent, in place: a file that plays comes in, and all is metered and recorded. */
void sound_said(struct sound *s, int16_t *pcm, size_t n);

/* sound_device.c: opening, of a device; reading and writing at its own rate, device_hz, or at the face's. */
void sound_tell(struct sound *s, enum ahoy_err err, const char *why);
void sound_device_open(struct sound *s);
void sound_device_close(struct sound *s);
void sound_live_config(struct sound *s, uint32_t hz, struct live_config *out);
void sound_device_play(struct sound *s, const int16_t *pcm, size_t n);
size_t sound_device_read(struct sound *s, int16_t *pcm, size_t n, int64_t now_us);

/*
 * sound_swap.c: the change to a device of a higher rate. `in` takes what was read and gives what is to be sent, at most
 * `most`; `out` fades over, in place, what is played next; `far` is what the loudspeaker took.
 */
void sound_swap_begin(struct sound *s, uint32_t hz);
void sound_swap_drop(struct sound *s);
size_t sound_swap_in(struct sound *s, int16_t *pcm, size_t got, size_t most, int64_t now_us);
void sound_swap_out(struct sound *s, int16_t *pcm, size_t n, int64_t now_us);
void sound_swap_far(struct sound *s, const int16_t *pcm, size_t n);

/** What moves a live device; false without one. */
bool sound_device_flow(const struct sound *s, struct audio_device_flow *out);

/** Clocks, latency and queues of a live device; false without one. */
bool sound_device_stats(const struct sound *s, struct audio_device_stats *out);

/*
 * What is done to a microphone's sound, in sound_mic.c: `processing` is of enum mic_step, where MIC_AUTO means all for a
 * live device and nothing for others. Nothing is ever done to an echo.
 */
void sound_mic_open(struct sound *s, unsigned processing); /* for device_hz */
void sound_mic_close(struct sound *s);
AHOY_MUST_USE enum ahoy_err sound_mic_again(const struct sound *s, uint32_t hz,
                                            struct mic **out); /* as learnt as it is */
void sound_mic_replace(struct sound *s, struct mic *mic);
void sound_mic_hand_on(struct sound *from, struct sound *to);
bool sound_mic_stats(const struct sound *s, struct mic_stats *out); /* false: nothing is done to a microphone */
void sound_mic_far(struct sound *s, const int16_t *pcm, size_t n);  /* what the loudspeaker took */
size_t sound_mic_ask(const struct sound *s, size_t n);              /* how many to read so that n are not exceeded */
size_t sound_mic_run(struct sound *s, int16_t *pcm, size_t n, int64_t now_us); /* in place; how many are ready */
double sound_mic_delay_ms(const struct sound *s);

/** Sound queued in front of the loudspeaker, microseconds. */
int64_t sound_queued_us(const struct sound *s);

/** Takes the file over and plays it. */
void sound_play(struct sound *s, const struct sound_play *play);

/** Takes a recording over, made for rate_hz; NULL: stop. events.recorded comes for each, once. */
void sound_record(struct sound *s, struct record *record);

/** Where the `done` of a recording for sound_record goes; its argument is the sound. */
void sound_record_done(void *arg, struct record *r);

#endif
