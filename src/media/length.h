/*
 * How long a decoded frame is played: what the jitter buffer advises is done where it is not heard. Pure, one stream. Private
 * to media/.
 *
 * - Silence is lengthened at once, by up to twice its length, and shortened by up to three quarters, behind the first
 *   200 ms of a pause, where a sentence ends. With more than 20 ms to be gained that is waited for 1.5 s only, with 80 ms not
 *   at all: then 60 ms are enough. What is begun goes on until the pause ends.
 * - What is quiet only beside its background changes by up to a half, where it meets itself.
 * - Speech changes by a pitch period, when there was no pause for 2 s, and only now and then.
 */
#ifndef AHOY_MEDIA_LENGTH_H
#define AHOY_MEDIA_LENGTH_H

#include "audio/codec.h"
#include "audio/vad.h"
#include "rtp/jitter.h"

enum { LENGTH_MOST_SAMPLES = AUDIO_MAX_SAMPLES + AUDIO_MAX_SAMPLES / 2 };

struct length {
    struct vad vad;
    bool quiet;          /* the last frame */
    size_t quiet_n;      /* samples of silence in a row */
    size_t over_n;       /* samples of frames while the delay has been too long */
    bool shortening;     /* this pause */
    size_t since_change; /* samples of frames since the length of one in speech was changed */
    size_t since_quiet;  /* the same since the last that was quiet */
};

/** For frames of a sampling rate. */
void length_init(struct length *l, uint32_t rate_hz);

/**
 * Takes the next frame of `n` samples, which lie in `pcm` with room for LENGTH_MOST_SAMPLES, as `spare` has; `by_us` comes with
 * the advice. Returns how many they are now.
 */
size_t length_change(struct length *l, enum jitter_advice advice, int64_t by_us, int16_t *pcm, size_t n,
                     int16_t *spare);

/** Whether the last frame was silence. */
bool length_quiet(const struct length *l);

#endif
