/*
 * How much to have in front of PulseAudio's loudspeaker, from how late things were: the least that seldom runs dry. It is told
 * when a stream begins, how much was asked for at each answer, and when the server ran dry; it keeps, for each size it might
 * have, how often that would have been dry lately, and takes the one that is heard least. Times are those of any clock that
 * goes on, microseconds. Pure; the caller's memory. Private to src/audio.
 *
 * What is heard is counted in points of the E-model (G.107), where 3 ms lost once in ten seconds are about what five
 * milliseconds more of delay are in a call that has 150: see docs/audio.md.
 */
#ifndef AHOY_AUDIO_PULSE_AHEAD_H
#define AHOY_AUDIO_PULSE_AHEAD_H

#include "base/base.h"

enum { PULSE_AHEAD_SIZES = 6 };

/*
 * What is asked for in front of the loudspeaker, stream and device together, and the least that the server is to ask for at a
 * time. It gives the device half of what is more than two requests, and the stream's queue the rest.
 */
struct pulse_ahead_size {
    uint32_t ahead_us, request_us;
};

struct pulse_ahead {
    unsigned size; /* now */
    bool settled;  /* the stream's beginning is over */
    int64_t began_us, changed_us, answered_us;
    double heard[PULSE_AHEAD_SIZES]; /* with this size: points × seconds of dry moments, fading, … */
    int64_t told_us;                 /* … as of then */
    int64_t late_us, need_us;        /* when the last stumble began, and what it would have needed */
    int64_t shrunk_us, calm_us;      /* when it shrank last; how long it waits before it does so */
};

/** Nothing is known. */
void pulse_ahead_init(struct pulse_ahead *a);

/** A stream begins, or has another device: until its looks are in step with it it may be dry without being too small. */
void pulse_ahead_begin(struct pulse_ahead *a, int64_t now_us);

struct pulse_ahead_size pulse_ahead_now(const struct pulse_ahead *a);

/** Of that, what waits in front of the device when it is full. */
uint32_t pulse_ahead_queue_us(struct pulse_ahead_size size);

/** `asked_us` of sound were missing in that queue when they were given. */
void pulse_ahead_answered(struct pulse_ahead *a, int64_t now_us, int64_t asked_us);

/** The server had nothing of ours to play. */
void pulse_ahead_dry(struct pulse_ahead *a, int64_t now_us);

/** To be called behind these, and every second or so. True when its size is another now. */
bool pulse_ahead_look(struct pulse_ahead *a, int64_t now_us);

#endif
