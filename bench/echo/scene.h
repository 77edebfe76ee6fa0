/*
 * Synthetic rooms with real speech: what is played, what a microphone hears of it, and what the near end says. Speech
 * comes from Debian's alsa-utils and asterisk-core-sounds-en-wav.
 */
#ifndef AHOY_BENCH_ECHO_SCENE_H
#define AHOY_BENCH_ECHO_SCENE_H

#include "base/base.h"

/* How a scene differs from the plain one. */
struct scene_kind {
    const char *name;
    double rt60_s;      /* 0: seeded in 0.25 … 0.5 */
    double delay_ms;    /* before the room: buffers of devices */
    double jump_ms;     /* the delay's jump in the middle */
    bool near_levelled; /* near speech is … */
    double near_db;     /* … by so much louder than the echo; else as loud as the far end, 3 … 6 dB over its echo */
    double drift_ppm;   /* of the loudspeaker's clock over the microphone's */
    bool distorts;      /* a loudspeaker that clips softly and rectifies a little */
    bool image;         /* a shoebox by the image-source method instead of decaying noise */
    bool stalls;        /* a delay that grows begins with silence; else what was heard is heard again */
    bool moves;         /* another room response in the middle */
};

extern const struct scene_kind scene_kinds[];
extern const size_t scene_kind_count;

/* Seconds. The far end talks all the time, with pauses between sentences; changes come at CHANGE. */
enum { SCENE_SECONDS = 20, SCENE_CHANGE = 10 };

struct scene {
    unsigned rate_hz;
    size_t n;
    int16_t *far, *near; /* n samples each */
    int16_t *echo;       /* echo and room noise */
    int16_t *both;       /* the same with the near end */
};

struct speech;

/** Reads the installed speech, or the WAV files of `folder`; NULL when there is too little. `rate_hz` 16000 or 48000. */
struct speech *speech_load(unsigned rate_hz, const char *folder);
void speech_free(struct speech *s);

/** Fills `dst` with sentences of one half of the recordings (`half` 0 or 1) in seeded order, -26 dBFS in all. */
void speech_fill(const struct speech *s, unsigned half, uint64_t seed, double *dst, size_t n);

/** False when memory runs out. */
bool scene_make(struct scene *out, const struct scene_kind *kind, const struct speech *speech, unsigned rate_hz,
                uint64_t seed);
void scene_free(struct scene *s);

#endif
