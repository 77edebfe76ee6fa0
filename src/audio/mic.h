/*
 * From microphone to wire: high-pass, echo canceller, noise suppression, automatic gain with a limiter, voice activity.
 * Any rate and any number of samples go in; inside, 16 or 48 kHz are worked on. docs/mic.md says what each step does to
 * sound, with figures.
 *
 * An object belongs to one thread at a time. Nothing allocates, locks or logs but create and destroy.
 */
#ifndef AHOY_AUDIO_MIC_H
#define AHOY_AUDIO_MIC_H

#include "base/view.h"

struct mic;

/** Steps; a set of them. */
enum mic_step {
    MIC_HIGH_PASS = 1,
    MIC_ECHO = 2,
    MIC_NOISE = 4,
    MIC_GAIN = 8,
    MIC_ALL = MIC_HIGH_PASS | MIC_ECHO | MIC_NOISE | MIC_GAIN,
    MIC_AUTO = 16, /* for settings: all of them where there is a microphone, none for files and tones */
    MIC_RNN = 32   /* RNNoise in place of MIC_NOISE; never among MIC_ALL */
};

/**
 * "auto", "off", or a list of hpf, aec, ns or rnn, agc. SYNTAX: another word, one of the first two in a list, or both kinds
 * of noise suppression.
 */
AHOY_MUST_USE enum ahoy_err mic_steps_parse(struct view text, unsigned *out);

/** Whether this machine has what the steps need: RNNoise's library for MIC_RNN, which is opened for that. Any thread. */
bool mic_steps_possible(unsigned steps);

/** Which chain this build has: "own", or "webrtc" for webrtc-audio-processing (AHOY_MIC in CMake). Static storage. */
const char *mic_chain(void);

struct mic_config {
    uint32_t rate_hz; /* 8000 … 48000 */
    unsigned steps;   /* of enum mic_step, without MIC_AUTO */
};

/** RANGE, NOMEM; UNSUPPORTED: see mic_steps_possible. */
AHOY_MUST_USE enum ahoy_err mic_create(struct mic **out, const struct mic_config *cfg);

/**
 * A new chain goes on with what another one of the same steps has learnt (echo, background, gain) and counted, whatever
 * the rates are. Its first samples are not worth sending. With AHOY_MIC=webrtc only what was counted can be taken over.
 */
void mic_take_over(struct mic *m, const struct mic *from);

/** NULL is ignored. */
void mic_destroy(struct mic *m);

/** Samples that mic_run may give beyond those it is given. */
enum { MIC_MORE = 600 };

/** What is handed to the loudspeaker, as it is handed. Only the count of samples matters, not the moment. AHOY_RT. */
void mic_far(struct mic *m, const int16_t *pcm, size_t n);

/**
 * Takes `n` samples of the microphone, gives what is ready: in the long run as many. `out` has room for n + MIC_MORE and
 * does not overlap `pcm`. AHOY_RT.
 */
size_t mic_run(struct mic *m, const int16_t *pcm, size_t n, int16_t *out);

/** By how much later a sound comes out than it went in; what waits for a whole block not included. */
double mic_delay_ms(const struct mic *m);

struct mic_stats {
    bool speech;          /* somebody near speaks, or did 200 ms ago */
    uint32_t speech_ms;   /* how much of that there was since the object was made */
    double level_dbfs;    /* of the last block that came out */
    double noise_dbfs;    /* background that comes in; -100 unknown */
    double gain_db;       /* automatic gain now; NAN: this chain does not know */
    bool echo;            /* an echo was found; the next three are 0 until then */
    double echo_delay_ms; /* from mic_far to the strongest echo */
    double drift_ppm;     /* by how much the loudspeaker's clock is faster than the microphone's; NAN: not known */
    double erle_db;       /* echo taken out while only the far end talks */
};

void mic_read_stats(const struct mic *m, struct mic_stats *out);

#endif
