/*
 * Whether a voice at 48 kHz holds anything above what a rate of 16 kHz could have carried. Much that comes at 48 kHz does not:
 * a headset's microphone at 16 kHz, a file, another call. To code the empty half of the spectrum costs bits and time.
 */
#ifndef AHOY_AUDIO_BANDWIDTH_H
#define AHOY_AUDIO_BANDWIDTH_H

#include "base/base.h"

enum { BANDWIDTH_HZ = 48000, BANDWIDTH_TAPS = 128 };

struct bandwidth {
    float tap[BANDWIDTH_TAPS]; /* passes what is above 9.7 kHz and nothing below 8.2 */
    uint32_t skipped;          /* samples since a frame was looked at */
    uint32_t narrow;           /* samples of sound since something was above, up to the time that counts */
    bool wide;
    bool music; /* set from outside: what is far weaker than the rest counts, too, as overtones are */
};

/** Begins as a voice that holds nothing above. */
void bandwidth_init(struct bandwidth *b);

/**
 * Looks at the next frame (any length; at one of 60 ms or so, more would show nothing new). Returns whether the voice is wide:
 * at once when something is heard above, and until twenty seconds of sound have had nothing there.
 */
bool bandwidth_run(struct bandwidth *b, const int16_t *pcm, size_t n);

#endif
