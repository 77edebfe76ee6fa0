/*
 * What one end of a call sent, seen on the wire, and when each payload reached the other end: the impairment there is
 * played again from its seed. RED copies and packets that were sent again are payloads too. From it comes the stream
 * that an ideal receiver is given.
 */
#ifndef BENCH_SOUND_CAPTURE_H
#define BENCH_SOUND_CAPTURE_H

#include "sound/stream.h"

struct capture;

/** `harm`: what the listening end was told, seed included. NOMEM. */
AHOY_MUST_USE enum ahoy_err capture_create(struct capture **out, const struct impair_config *harm);
void capture_destroy(struct capture *c);

/**
 * A datagram that arrives (unharmed) at `at_us`; all that go to the listening end, in order, RTCP too. `fate` may be
 * NULL.
 */
void capture_add(struct capture *c, int64_t at_us, const void *data, size_t n, struct impair_decision *fate);

/** The payload type of RED (RFC 2198); without it there is none. */
void capture_set_red(struct capture *c, unsigned payload_type);

struct capture_sums {
    uint64_t packets, bytes, lost; /* of RTP; bytes with its headers */
};

/** Of what came in [from, until). */
void capture_sums(const struct capture *c, int64_t from_us, int64_t until_us, struct capture_sums *out);

/**
 * One packet a frame, with the payload and the time of its first arrival in whatever packet; times count from
 * `start_us`. Its list of arrivals stays empty. NOT_FOUND: nothing was sent; NOMEM.
 */
AHOY_MUST_USE enum ahoy_err capture_stream(const struct capture *c, const struct audio_codec *codec, unsigned ptime_ms,
                                           int64_t start_us, struct stream *s, struct stream_arrivals *a);

#endif
