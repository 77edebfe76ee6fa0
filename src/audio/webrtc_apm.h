/*
 * webrtc-audio-processing 0.3 (Debian's libwebrtc-audio-processing1) behind a face in C: the chain of AHOY_MIC=webrtc and
 * the benchmarks stand on it. The only C++ of the engine is behind this header. Blocks are 10 ms. Private to src/audio.
 *
 * An object belongs to one thread at a time. The library takes locks of its own in each call, which nobody else wants, so
 * this belongs on a worker's thread and not into a device's callback.
 */
#ifndef AHOY_AUDIO_WEBRTC_APM_H
#define AHOY_AUDIO_WEBRTC_APM_H

#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct webrtc_apm;

/** How much noise suppression; each costs more of the speech than the one before. */
enum webrtc_apm_noise {
    WEBRTC_APM_NOISE_OFF,
    WEBRTC_APM_NOISE_MODERATE, /* 10 dB */
    WEBRTC_APM_NOISE_HIGH      /* 15 dB */
};

struct webrtc_apm_config {
    uint32_t rate_hz; /* 8000, 16000, 32000 or 48000 */
    enum webrtc_apm_noise noise;
    bool high_pass, echo, gain, voice;
};

struct webrtc_apm_stats {
    bool voice;           /* somebody speaks in the last block; false without `voice` */
    bool echo;            /* an echo was found; the next two are 0 until then */
    double echo_delay_ms; /* from webrtc_apm_far to the echo, by the library's own estimate */
    double erle_db;
};

/** RANGE: another rate. NOMEM. UNSUPPORTED: the library refuses a step. */
AHOY_MUST_USE enum ahoy_err webrtc_apm_create(struct webrtc_apm **out, const struct webrtc_apm_config *cfg);

/** NULL is ignored. */
void webrtc_apm_destroy(struct webrtc_apm *w);

/** Samples of a block. */
size_t webrtc_apm_block(const struct webrtc_apm *w);

/** Shows it a block of what is played. Without `echo` nothing is done. */
void webrtc_apm_far(struct webrtc_apm *w, const int16_t *pcm);

/** A block of the microphone, in place. */
void webrtc_apm_run(struct webrtc_apm *w, int16_t *pcm);

/** By how many samples a sound comes out later than it went in. */
size_t webrtc_apm_delay(const struct webrtc_apm *w);

/** What is known. */
void webrtc_apm_read_stats(struct webrtc_apm *w, struct webrtc_apm_stats *out);

#ifdef __cplusplus
}
#endif

#endif
