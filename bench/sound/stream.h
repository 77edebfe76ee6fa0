/*
 * One stream and what a network does to it: the packets of an encoder, and when each arrives. The same for every
 * receiver. Time begins with the first sample that is said.
 */
#ifndef BENCH_SOUND_STREAM_H
#define BENCH_SOUND_STREAM_H

#include "audio/codec.h"
#include "rtp/impair.h"

enum {
    STREAM_HZ = 48000,      /* of sound on both ends */
    STREAM_BASE_US = 10000, /* what the network takes at least */
};

struct stream_config {
    const struct audio_codec *codec;
    uint32_t bitrate_bps; /* 0: the codec's default */
    uint8_t complexity;   /* 0: the codec's default */
    unsigned ptime_ms;
    uint8_t loss_percent; /* that the encoder is told to expect; 0: none, and no in-band redundancy */
    unsigned dred_ms;     /* of deep redundancy in each packet */
    double drift_ppm;     /* by how much the sender's clock is fast */
};

struct stream_packet {
    uint32_t timestamp;
    int64_t sent_us;
    size_t at, n; /* in bytes */
};

struct stream {
    struct stream_config config;
    struct stream_packet *packet;
    size_t count;
    uint8_t *bytes;
    size_t bytes_n;
    size_t frame; /* samples, at the codec's rate */
};

/** Encodes `n` samples at STREAM_HZ, and half a second of silence behind them. NOMEM. */
AHOY_MUST_USE enum ahoy_err stream_create(struct stream *s, const struct stream_config *config, const int16_t *pcm,
                                          size_t n);
void stream_free(struct stream *s);

struct view stream_payload(const struct stream *s, size_t i);

/** Bits a second of payload, and with RTP, UDP and IPv4 headers. */
double stream_payload_bps(const struct stream *s);
double stream_wire_bps(const struct stream *s);

struct stream_arrival {
    size_t packet;
    int64_t at_us;
};

struct stream_arrivals {
    struct stream_arrival *arrival; /* by time */
    size_t count;
    size_t lost;
    int64_t *first_us; /* for each packet: its first arrival, INT64_MAX when lost */
};

/** What the impairment makes of the stream. NOMEM. */
AHOY_MUST_USE enum ahoy_err stream_arrive(struct stream_arrivals *a, const struct stream *s,
                                          const struct impair_config *harm);
void stream_arrivals_free(struct stream_arrivals *a);

#endif
