/* Sound devices of the machine. */
#ifndef AHOY_DEVICE_H
#define AHOY_DEVICE_H

#include "ahoy/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ahoy_device {
    char spec[256];        /* what `audio` of struct ahoy_media_config takes: "pulse:NAME", "alsa:hw:0" */
    char description[256]; /* for people */
    bool capture, playback;
    bool is_default;
    double latency_ms; /* as the sound server says, while something uses it; < 0: unknown */
    bool monitor;      /* no microphone: it hears what a loudspeaker plays */
    bool muted;        /* in the system's sound settings, whatever a call does */
    double volume;     /* there, too: 0 is nothing, 1 all, more is amplified; < 0: unknown, as of ALSA's devices */
    uint32_t rate_hz;  /* at which it runs; 0: unknown. A call's rate is another: it is converted */
};

/**
 * Lists devices as an array; free with ahoy_free. Asks the sound server and waits for it (at most 2 s). DEVICE: no sound
 * system; `why` says what was tried.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_device_list(struct ahoy_device **out, size_t *count, char *why,
                                                      size_t why_size);

struct ahoy_device_test {
    uint32_t frames_captured, frames_played; /* samples of one channel */
    double level_dbfs;                       /* of what the microphone heard */
    double latency_ms;                       /* as the device reports, both ways; < 0: unknown */
    double latency_in_ms, latency_out_ms;    /* each way */
    bool clock_known;                        /* the next two are measured; it takes five seconds */
    double ppm_in, ppm_out;                  /* parts per million by which the device's clocks are fast */
    uint32_t dropouts;                       /* moments at which it ran dry or over */
};

/** Opens a device, plays a soft tone and listens for `ms`. Blocks for that long. DEVICE with `why`. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_device_test(const char *spec, uint32_t ms, struct ahoy_device_test *out,
                                                      char *why, size_t why_size);

/** What two WAV files have to do with each other: for the verdict on a test call and for tests. */
struct ahoy_sound_score {
    double correlation; /* normalised cross-correlation at the best lag of each second, mean, 0 … 1 */
    double delay_ms;    /* by which `heard` lags `said`, median of the seconds */
    double level_dbfs;  /* of `heard` */
    double gain_db;     /* heard against said */
};

/**
 * Compares a recording with what was played, 65 s at most. Waits for the files. FORMAT, IO, NOT_FOUND; RANGE: a sample rate
 * outside 8 to 192 kHz; INVAL: nothing but silence was said.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_sound_compare(const char *said_wav, const char *heard_wav,
                                                        struct ahoy_sound_score *out);

#ifdef __cplusplus
}
#endif
#endif
