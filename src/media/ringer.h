/*
 * Rings for a call that waits to be answered: a tone or a file, on a device of its own (a loudspeaker, while the calls
 * themselves are in a headset); and makes the other tones of setting up a call. The device is opened and fed on the engine's thread for devices. Signalling loop.
 */
#ifndef AHOY_MEDIA_RINGER_H
#define AHOY_MEDIA_RINGER_H

#include "audio/device.h"
#include "audio/tone.h"
#include "media/media.h"

struct media_ringer;

enum { RINGER_SOUND_BYTES = 512 };

struct media_ringer_config {
    struct audio_spec device;
    enum tone_kind tone;            /* what it means, in that country: a bell is TONE_RINGBACK */
    bool unasked;                   /* nobody said that it should sound: without a device that is no warning */
    char sound[RINGER_SOUND_BYTES]; /* a country (two letters, E.180), or a sound file, again and again; "": "eu" */
    void (*unheard)(void *arg);     /* there is no device to hear it on; may be NULL. Not behind media_ringer_stop */
    void *arg;
};

/** Begins; a device or file that cannot be opened is logged. NOMEM. */
AHOY_MUST_USE enum ahoy_err media_ringer_start(struct media_ringer **out, struct media_engine *e,
                                               const struct media_ringer_config *cfg);

/** Ends; nothing is heard soon after. Before the engine is destroyed. NULL is ignored. */
void media_ringer_stop(struct media_ringer *r);

#endif
