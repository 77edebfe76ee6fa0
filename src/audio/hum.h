/*
 * The hum of the mains in a microphone: lines at multiples of 50 or 60 Hz, found by phases that go on from block to block, and
 * taken out as those foretell them. Nothing is late by it, and what does not hum stays as it is, bit by bit. Media worker.
 */
#ifndef AHOY_AUDIO_HUM_H
#define AHOY_AUDIO_HUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HUM_FAMILIES = 2, /* 50 and 60 Hz */
    HUM_LINES = 16,   /* the mains and its overtones: up to 800 or 960 Hz */
    HUM_BLOCKS = 32,  /* that are remembered … */
    HUM_BLOCK = 400,  /* … of 100 ms, at 4 kHz: whole periods of both families */
    HUM_WAVE = 512,   /* points of a period */
};

struct hum_phasor {
    float re, im;
};

/* A period of hum, and where in it the next sample is. */
struct hum_wave {
    bool sounds;
    double phase, step; /* in periods */
    float at[HUM_WAVE + 1];
};

struct hum {
    uint32_t rate_hz;
    float cosine[HUM_BLOCK], window[HUM_BLOCK];
    unsigned group;         /* samples that are one at 4 kHz */
    float heard[HUM_BLOCK]; /* of this block */
    float sum;
    unsigned summed, n;
    struct hum_phasor seen[HUM_FAMILIES][HUM_LINES][HUM_BLOCKS]; /* a ring; as if the mains were exact */
    unsigned blocks, newest;
    bool found;
    unsigned family;
    double off_hz;                     /* the mains beside its nominal frequency */
    struct hum_phasor line[HUM_LINES]; /* in the middle of the newest block; zero: none */
    unsigned missed;                   /* quiet blocks in a row in which it was not there */
    struct hum_wave before, now;       /* what is taken out: in each block the one fades into the other */
};

/** `rate_hz`: 16000 or 48000. */
void hum_init(struct hum *h, uint32_t rate_hz);

/** Takes the hum out of `n` samples, in place. */
void hum_run(struct hum *h, int16_t *pcm, size_t n);

/** The frequency of the mains that is heard, in Hz; 0: nothing hums. */
double hum_hz(const struct hum *h);

#endif
