/*
 * Tones: sines, DTMF (ITU-T Q.23, Q.24), and the call progress tones of ITU-T E.180 Supplement 2. A generator is the
 * caller's memory and runs on any thread; nothing allocates.
 */
#ifndef AHOY_AUDIO_TONE_H
#define AHOY_AUDIO_TONE_H

#include "base/view.h"

enum { TONE_MAX_FREQS = 3, TONE_MAX_STEPS = 8 };

/** One step of a cadence: sines that sound together for a while. */
struct tone_step {
    uint16_t hz[TONE_MAX_FREQS]; /* 0: none; all 0: silence */
    uint16_t ms;                 /* 0: for ever */
};

/** A tone: up to eight steps, then again from the first when `repeat`, else silence. */
struct tone_spec {
    struct tone_step step[TONE_MAX_STEPS];
    uint8_t steps;
    bool repeat;
    int8_t level_dbfs; /* of each sine (RMS), 0 … -60 */
};

struct tone_gen {
    struct tone_spec spec;
    uint32_t rate_hz;
    uint8_t at;                   /* current step; spec.steps when over */
    uint32_t left;                /* samples left in it */
    uint32_t ramp;                /* samples of fade at both ends of a step, against clicks */
    uint32_t done;                /* samples of the step already made */
    double phase[TONE_MAX_FREQS]; /* in turns */
};

enum tone_kind { TONE_DIAL, TONE_RINGBACK, TONE_BUSY, TONE_CONGESTION, TONE_WAITING, TONE_INFO };

void tone_start(struct tone_gen *g, const struct tone_spec *spec, uint32_t rate_hz);

/** Writes `n` samples (silence after the end). Returns false once the tone is over. */
AHOY_RT bool tone_run(struct tone_gen *g, int16_t *pcm, size_t n);

/** A steady sine of hz (1 … 20000). */
struct tone_spec tone_sine(unsigned hz, int level_dbfs);

/** One digit of "0-9*#A-D" (any case): `on_ms` of sound, `off_ms` of silence. SYNTAX for another character. */
AHOY_MUST_USE enum ahoy_err tone_dtmf(char digit, unsigned on_ms, unsigned off_ms, struct tone_spec *out);

/** A call progress tone as heard in a country (ISO 3166 in any case, "uk" too, "ca" as "us"; "eu" otherwise and when unknown). */
struct tone_spec tone_call(struct view country, enum tone_kind kind);

/** Codes of the countries known, or NULL after the last. */
const char *tone_country(size_t i);

/* ---- DTMF detection ---------------------------------------------------------------------------------------------- */

struct tone_detect {
    uint32_t rate_hz;
    uint32_t block; /* samples of one look: 12.75 ms */
    uint32_t fill;
    float coef[8], s1[8], s2[8];
    float energy;
    uint64_t samples; /* heard so far */
    char last, digit; /* what the last look saw; what is reported as held now; 0 none */
    uint8_t misses;
};

struct tone_digit {
    char digit;
    bool end;    /* false: it began; true: it ended */
    uint64_t at; /* sample, counted from the first one heard */
};

void tone_detect_init(struct tone_detect *d, uint32_t rate_hz);

/**
 * Listens; calls `fn` for the beginning and end of each digit of at least 40 ms (Q.24), with twist of +4/-8 dB and
 * more, in noise of 15 dB below it.
 */
void tone_detect_run(struct tone_detect *d, const int16_t *pcm, size_t n,
                     void (*fn)(void *arg, const struct tone_digit *digit), void *arg);

#endif
