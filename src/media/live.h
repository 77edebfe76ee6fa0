/*
 * A live sound device of one call: opened where it may take its time, heard of and refilled on the media worker. The
 * device's own clock is the call's: whenever it has moved sound the worker is called, reads what has come and makes
 * ready what will be taken next (live_queue.h). A device that stands still leaves time to the worker's. Media worker.
 * Private to media/.
 */
#ifndef AHOY_MEDIA_LIVE_H
#define AHOY_MEDIA_LIVE_H

#include "audio/device.h"
#include "sys/loop.h"

enum { LIVE_PERIOD_MS = 5 };

struct live;

struct live_config {
    struct audio_device_config device; /* its event, ready and arg are ours */
    struct sys_loop *worker;
    struct sys_loop *opener; /* NULL: opened in place */
    bool once;               /* a device that is not there when it is opened is not tried again */
    /**
     * DEVICE: it failed or went away, and is tried again; another error: it failed for good. OK: it is there, or another
     * one is, or one direction of it (`why` says so).
     */
    void (*state)(void *arg, enum ahoy_err err, const char *why);
    void (*devices)(void *arg); /* the machine's devices changed */
    void (*moved)(void *arg);   /* it has moved sound: read, then write what is wanted */
    void *arg;
};

/** `state` follows from `worker`'s loop, never within a call of ours, so it may close what it is told of. NOMEM. */
AHOY_MUST_USE enum ahoy_err live_open(struct live **out, const struct live_config *cfg);

/** The callbacks of `cfg`, with its argument, are called from now on. */
void live_retarget(struct live *l, const struct live_config *cfg);

/** No callback comes afterwards; the device is closed as soon as it can be. NULL is ignored. */
void live_close(struct live *l);

/** Whether its opening has been answered. */
bool live_opened(const struct live *l);

/** Whether the device runs, so that `moved` comes often. */
bool live_runs(const struct live *l, int64_t now_us);

/** How many samples to write now; 0 … `most`. While the device does not run: those of the time that has passed. */
size_t live_want(struct live *l, int64_t now_us, size_t most);

/** Queues them; a device that does not run plays nothing. */
void live_write(struct live *l, const int16_t *pcm, size_t n, int64_t now_us);

/** What has come, at most `n` samples; silence for the time that has passed when nothing comes for long. */
size_t live_read(struct live *l, int16_t *pcm, size_t n, int64_t now_us);

/**
 * What cannot be heard or played to at present: all of it when the device could not be opened or went away, nothing
 * while it is being opened.
 */
void live_presence(const struct live *l, enum audio_presence *microphone, enum audio_presence *speaker);

/** False while it is not open. */
bool live_flow(struct live *l, struct audio_device_flow *out);
bool live_stats(struct live *l, struct audio_device_stats *out);

#endif
