/* Which names the server has. Private to src/audio. */
#ifndef AHOY_AUDIO_PULSE_FIND_H
#define AHOY_AUDIO_PULSE_FIND_H

#include "audio/pulse_link.h"

struct pulse_find {
    struct pulse_link *link;
    const char *source, *sink; /* names looked for, borrowed until `done`; "" is found */
    void (*done)(void *arg);   /* with the lock held; not when the context has ended before */
    void *arg;
    bool source_found, sink_found;
    unsigned answers; /* of two */
};

/**
 * Looks both names up on a context that is ready (the lock is held). PipeWire needs that: for a name that it does not know it
 * gives the default, where PulseAudio refuses the stream. "@DEFAULT_SINK@" and its like and numbers, which stand for a device
 * of another name, are found unseen. False when the server cannot be asked.
 */
bool pulse_find_start(struct pulse_find *f);

#endif
