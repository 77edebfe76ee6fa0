/*
 * RTP packets (RFC 3550 section 5.1): parse and print, header extensions (RFC 8285), and telling RTP from its
 * neighbours on one port (RFC 5761, RFC 7983). Pure and zero-copy: a parsed packet is views into the datagram. Any
 * thread.
 */
#ifndef AHOY_RTP_PACKET_H
#define AHOY_RTP_PACKET_H

#include "base/view.h"

enum {
    RTP_HEADER_BYTES = 12,
    RTP_MAX_CSRC = 15,
    RTP_MAX_HEADER_BYTES = 12 + 4 * 15 + 4 + 4 * 65535, /* worst case of the format, not what we print */
    RTP_EXT_ONE_BYTE = 0xBEDE,                          /* "defined by profile" of RFC 8285 section 4.2 */
    RTP_EXT_TWO_BYTE = 0x1000,                          /* section 4.3; the low four bits are "appbits" */
};

struct rtp_packet {
    uint8_t payload_type; /* 0 … 127 */
    bool marker;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    struct view csrc; /* 4 bytes each, at most RTP_MAX_CSRC of them; see rtp_csrc */
    bool has_ext;
    uint16_t ext_profile;
    struct view ext;       /* the extension's data without its four-byte header; a multiple of 4 bytes */
    uint8_t padding_bytes; /* behind the payload, the count byte included; 0: none */
    struct view payload;   /* without padding */
};

/**
 * Parses a datagram. SYNTAX: not version 2, or a CSRC list, extension or padding that does not fit. Bytes of the second
 * octet that RFC 5761 gives to RTCP are not refused here; ask rtp_classify first when RTP and RTCP share a port.
 */
AHOY_MUST_USE enum ahoy_err rtp_parse(struct view datagram, struct rtp_packet *out);

/** The i-th contributing source, i < csrc.n / 4. */
uint32_t rtp_csrc(const struct rtp_packet *p, size_t i);

/** Bytes that rtp_print_header writes for this packet. */
size_t rtp_header_bytes(const struct rtp_packet *p);

/** Writes the header only, so that a codec may write its payload behind it in place. LIMIT when `max` is too small. */
AHOY_MUST_USE enum ahoy_err rtp_print_header(const struct rtp_packet *p, void *dst, size_t max, size_t *n);

/**
 * Writes header, payload and padding. INVAL: a CSRC list or extension of impossible size. LIMIT: does not fit `max`.
 */
AHOY_MUST_USE enum ahoy_err rtp_print(const struct rtp_packet *p, void *dst, size_t max, size_t *n);

/* ---- header extensions (RFC 8285) -------------------------------------------------------------------------------- */

struct rtp_ext {
    uint8_t id;
    struct view data;
};

/**
 * Walks the elements of a one-byte or two-byte extension: start with *at = 0. False at the end, at an element that does
 * not fit, or when the extension is of another kind. Padding is skipped; ID 15 of the one-byte form ends the walk.
 */
bool rtp_ext_next(const struct rtp_packet *p, size_t *at, struct rtp_ext *out);

/** Finds an element by its negotiated ID. */
bool rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct view *out);

/**
 * Appends an element of the form `profile` to extension data being built in dst[*n … max) and pads it to four bytes;
 * call again to append more. INVAL: the ID or length does not fit the form. LIMIT: no room.
 */
AHOY_MUST_USE enum ahoy_err rtp_ext_put(uint16_t profile, const struct rtp_ext *ext, uint8_t *dst, size_t max,
                                        size_t *n);

/* ---- demultiplexing ---------------------------------------------------------------------------------------------- */

/* What a datagram on a media port is, by its first two octets (RFC 7983 section 7, RFC 5761 section 4). */
enum rtp_kind { RTP_KIND_UNKNOWN, RTP_KIND_STUN, RTP_KIND_DTLS, RTP_KIND_TURN_CHANNEL, RTP_KIND_RTP, RTP_KIND_RTCP };

enum rtp_kind rtp_classify(struct view datagram);

/* ---- sequence numbers -------------------------------------------------------------------------------------------- */

/** a - b on the circle of 16-bit sequence numbers, -32768 … 32767. */
static inline int rtp_seq_diff(uint16_t a, uint16_t b)
{
    uint16_t d = (uint16_t) (a - b);
    return d < 0x8000 ? (int) d : (int) d - 0x10000;
}

/** a - b on the circle of 32-bit timestamps. */
static inline int32_t rtp_ts_diff(uint32_t a, uint32_t b)
{
    uint32_t d = a - b;
    return d <= INT32_MAX ? (int32_t) d : -(int32_t) (UINT32_MAX - d) - 1;
}

/** A duration in units of a media clock, and back; rounded towards 0. Of use for years on end: nothing overflows. */
static inline int64_t rtp_us_to_ts(int64_t us, uint32_t clock_hz)
{
    return us / 1000000 * clock_hz + us % 1000000 * clock_hz / 1000000;
}

static inline int64_t rtp_ts_to_us(int64_t ts, uint32_t clock_hz)
{
    return ts / clock_hz * 1000000 + ts % clock_hz * 1000000 / clock_hz;
}

#endif
