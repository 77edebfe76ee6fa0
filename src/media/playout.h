/*
 * From the jitter buffer to the sound endpoint: decodes, recovers, conceals, stretches and resamples. One stream, one
 * thread (the media worker). Private to media/.
 */
#ifndef AHOY_MEDIA_PLAYOUT_H
#define AHOY_MEDIA_PLAYOUT_H

#include "audio/cng.h"
#include "audio/codec.h"
#include "audio/resample.h"
#include "media/length.h"

/** Codec of a received payload type: NULL when it is none (comfort noise: *cn is set). */
typedef const struct audio_codec *playout_codec_fn(void *arg, unsigned pt, bool *cn);

/** A lost packet was made good, and by what; for figures. */
enum playout_recovered { PLAYOUT_FEC, PLAYOUT_RED, PLAYOUT_DRED };
typedef void playout_recovered_fn(void *arg, uint16_t seq, enum playout_recovered by);

/* Packets made good so far. */
struct playout_recovery {
    uint64_t fec, red, dred;
};

struct playout {
    struct jitter *jitter;
    struct audio_decoder *decoder;
    const struct audio_codec *codec; /* of the decoder; NULL before the first packet */
    struct resample *resample;       /* codec rate to sound rate; NULL when equal */
    uint32_t sound_hz, resample_from_hz, resample_to_hz;
    struct jitter_config expected;   /* what the jitter buffer was made or told to be */
    uint64_t past_played, past_lost; /* of jitter buffers that were replaced */
    int16_t *fifo;                   /* at the sound's rate */
    size_t fifo_n, fifo_at;
    struct cng cng;
    uint64_t noise_seed;
    bool plain;            /* decoders do without what costs much */
    bool noise;            /* the sender told of comfort noise */
    uint64_t concealed_us; /* time concealed */
    struct length length;
    uint64_t stretched, shrunk;      /* frames whose length was changed to move the delay */
    double fec_share;                /* of late, of packets of speech that carried in-band FEC */
    unsigned dred_reach;             /* packets back */
    unsigned since_reach;            /* packets since it was looked how far their redundancy reaches */
    double sender_ppm, endpoint_ppm; /* their clocks against ours */
    bool trimmed;                    /* the resampler evens them out … */
    double trim_ppm;                 /* … by so much */
    playout_codec_fn *codec_of;
    playout_recovered_fn *recovered; /* may be NULL */
    void *arg;                       /* of both */
    struct playout_recovery recovery;
};

/** `tick_us`: how far apart calls of playout_get are. `seed`: any number. NOMEM. */
AHOY_MUST_USE enum ahoy_err playout_init(struct playout *p, int64_t tick_us, uint64_t seed, playout_codec_fn *codec_of,
                                         void *arg);
void playout_fini(struct playout *p);

/** Another distance of the calls. */
void playout_set_tick(struct playout *p, int64_t tick_us);

/** The sampling rate of the endpoint; before the first playout_get, and again when it changes. */
void playout_set_rate(struct playout *p, uint32_t sound_hz);

/** The codec that packets are expected to have: clock and frame length of the jitter buffer. */
void playout_expect(struct playout *p, const struct audio_codec *codec, unsigned ptime_ms);

/**
 * Asks the jitter buffer until there is sound, if there is none: for an endpoint that takes what comes and is run again
 * when that has been played. Returns the samples that wait (never 0), at the endpoint's rate.
 */
size_t playout_ready(struct playout *p, int64_t now_us, int64_t queued_us);

/** Whether the next of it is a packet that is here already, in its turn: then it can as well be asked for now. */
bool playout_goes_on(const struct playout *p);

/** How much faster than nominal the endpoint's clock runs; 0 for one that follows ours. */
void playout_set_clock(struct playout *p, double ppm);

/** Fills `n` samples at the endpoint's rate. `queued_us`: sound queued behind it (in the device), for the delay. */
void playout_get(struct playout *p, int64_t now_us, int64_t queued_us, int16_t *pcm, size_t n);

/** Decoders do without what costs much, or with it again. */
void playout_set_plain(struct playout *p, bool on);

/** Frames played and lost so far, as the jitter buffer saw them. */
void playout_counts(const struct playout *p, uint64_t *played, uint64_t *lost);

/** A packet that was lost is made good; once for each. */
void playout_note_recovered(struct playout *p, uint16_t seq, enum playout_recovered by);

/** Sound decoded and not yet taken, microseconds. */
int64_t playout_held_us(const struct playout *p);

#endif
