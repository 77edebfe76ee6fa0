/*
 * RTCP packets: compound (RFC 3550 section 6) and reduced-size (RFC 5506), feedback (RFC 4585) and extended reports
 * (RFC 3611). Parsing is an iterator over views into the datagram; printing appends to the caller's memory. Pure,
 * linear time, nothing is allocated. Any thread.
 */
#ifndef AHOY_RTP_RTCP_H
#define AHOY_RTP_RTCP_H

#include "base/view.h"

enum {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_RTPFB = 205, /* RFC 4585 */
    RTCP_PSFB = 206,
    RTCP_XR = 207, /* RFC 3611 */
};

enum { RTCP_MAX_REPORTS = 31, RTCP_MAX_TEXT_BYTES = 255 };

/* ---- walking a datagram ------------------------------------------------------------------------------------------ */

struct rtcp_packet {
    uint8_t type;
    uint8_t count;    /* RC, SC, FMT or subtype: the five bits of the first octet */
    struct view body; /* behind the four-byte header, without padding */
};

/**
 * Checks a datagram as RFC 3550 A.2 does: version 2, lengths that add up, padding in the last packet only, and, unless
 * `reduced_size` was negotiated (RFC 5506), a sender or receiver report first. SYNTAX otherwise.
 */
AHOY_MUST_USE enum ahoy_err rtcp_check(struct view datagram, bool reduced_size);

/** Takes the next packet off `rest`. END when nothing is left, SYNTAX when what is left is not a packet. */
AHOY_MUST_USE enum ahoy_err rtcp_next(struct view *rest, struct rtcp_packet *out);

/** The SSRC that a packet begins with: its sender's, of all but an SDES or BYE of nobody. False when there is none. */
bool rtcp_sender(const struct rtcp_packet *p, uint32_t *ssrc);

/* ---- sender and receiver reports --------------------------------------------------------------------------------- */

/* One reception report block (RFC 3550 section 6.4.1). */
struct rtcp_report {
    uint32_t ssrc;         /* of the sender that is reported on */
    uint8_t fraction_lost; /* of 256, since the last report */
    int32_t lost;          /* in total, -2^23 … 2^23 - 1 */
    uint32_t ext_seq;      /* highest sequence number received, cycles in the upper half */
    uint32_t jitter;       /* timestamp units */
    uint32_t lsr;          /* middle 32 bits of the last SR's NTP time; 0: none */
    uint32_t dlsr;         /* delay since then, 1/65536 s */
};

struct rtcp_sender_info {
    uint64_t ntp;
    uint32_t timestamp;
    uint32_t packets;
    uint32_t octets;
};

/* A parsed SR or RR. */
struct rtcp_reports {
    uint32_t ssrc;
    bool has_sender;
    struct rtcp_sender_info sender; /* SR only */
    size_t n;                       /* blocks, at most RTCP_MAX_REPORTS */
    struct view blocks;
};

/** `p->type` is RTCP_SR or RTCP_RR. SYNTAX when the blocks do not fit. */
AHOY_MUST_USE enum ahoy_err rtcp_parse_reports(const struct rtcp_packet *p, struct rtcp_reports *out);

/** The i-th block, i < r->n. */
struct rtcp_report rtcp_report_at(const struct rtcp_reports *r, size_t i);

/* ---- source description ------------------------------------------------------------------------------------------ */

enum rtcp_sdes_type {
    RTCP_SDES_CNAME = 1,
    RTCP_SDES_NAME,
    RTCP_SDES_EMAIL,
    RTCP_SDES_PHONE,
    RTCP_SDES_LOC,
    RTCP_SDES_TOOL,
    RTCP_SDES_NOTE,
    RTCP_SDES_PRIV,
};

struct rtcp_sdes_item {
    uint32_t ssrc;
    uint8_t type;
    struct view text;
};

struct rtcp_sdes_iter {
    struct view rest;
    uint32_t ssrc;
    unsigned chunks; /* not begun yet */
    bool inside;
};

void rtcp_sdes_begin(const struct rtcp_packet *p, struct rtcp_sdes_iter *it);

/** END behind the last item, SYNTAX when a chunk or item does not fit. */
AHOY_MUST_USE enum ahoy_err rtcp_sdes_next(struct rtcp_sdes_iter *it, struct rtcp_sdes_item *out);

/* ---- BYE, APP, feedback ------------------------------------------------------------------------------------------ */

struct rtcp_bye {
    size_t n;            /* sources, 0 … 31 */
    struct view sources; /* 4 bytes each */
    struct view reason;  /* may be empty */
};

AHOY_MUST_USE enum ahoy_err rtcp_parse_bye(const struct rtcp_packet *p, struct rtcp_bye *out);
uint32_t rtcp_bye_ssrc(const struct rtcp_bye *b, size_t i);

struct rtcp_app {
    uint8_t subtype;
    uint32_t ssrc;
    struct view name; /* 4 bytes */
    struct view data;
};

AHOY_MUST_USE enum ahoy_err rtcp_parse_app(const struct rtcp_packet *p, struct rtcp_app *out);

enum { RTCP_FB_NACK = 1 /* FMT of a generic NACK, of RTPFB: rtp/nack.h */ };

/* RTPFB and PSFB alike (RFC 4585 section 6.1). */
struct rtcp_feedback {
    uint8_t type;   /* RTCP_RTPFB or RTCP_PSFB */
    uint8_t format; /* FMT: 1 of RTPFB is a generic NACK, 1 of PSFB a PLI … */
    uint32_t sender;
    uint32_t media;
    struct view fci;
};

AHOY_MUST_USE enum ahoy_err rtcp_parse_feedback(const struct rtcp_packet *p, struct rtcp_feedback *out);

/* ---- extended reports (RFC 3611) --------------------------------------------------------------------------------- */

enum {
    RTCP_XR_LOSS_RLE = 1, /* which packets came and which did not */
    RTCP_XR_RRTR = 4,     /* receiver reference time */
    RTCP_XR_DLRR = 5,     /* delay since the last receiver report */
    RTCP_XR_SUMMARY = 6,  /* statistics summary */
    RTCP_XR_VOIP = 7,     /* VoIP metrics */
};

struct rtcp_xr_iter {
    uint32_t ssrc; /* of the reporter */
    struct view rest;
};

struct rtcp_xr_block {
    uint8_t type;
    uint8_t specific;
    struct view body;
};

AHOY_MUST_USE enum ahoy_err rtcp_xr_begin(const struct rtcp_packet *p, struct rtcp_xr_iter *it);
AHOY_MUST_USE enum ahoy_err rtcp_xr_next(struct rtcp_xr_iter *it, struct rtcp_xr_block *out); /* END, SYNTAX */

/** Receiver reference time: the reporter's NTP time. */
AHOY_MUST_USE enum ahoy_err rtcp_parse_rrtr(const struct rtcp_xr_block *b, uint64_t *ntp);

struct rtcp_dlrr {
    uint32_t ssrc; /* of the receiver that sent the reference time */
    uint32_t lrr;  /* middle 32 bits of it; 0: none */
    uint32_t dlrr; /* 1/65536 s */
};

/** Sub-blocks of a DLRR block, at most `max`; the rest is ignored. */
AHOY_MUST_USE enum ahoy_err rtcp_parse_dlrr(const struct rtcp_xr_block *b, struct rtcp_dlrr *out, size_t max,
                                            size_t *n);

/* A loss run-length block (section 4.1). */
struct rtcp_rle {
    uint32_t ssrc;
    uint8_t thinning;            /* only sequence numbers that are multiples of 2^thinning are told of */
    uint16_t begin_seq, end_seq; /* the first, and the one behind the last */
    struct view chunks;          /* of 2 bytes; for printing a multiple of 4 in all */
};

AHOY_MUST_USE enum ahoy_err rtcp_parse_rle(const struct rtcp_xr_block *b, struct rtcp_rle *out);

/* What the chunks of a block say. */
struct rtcp_runs {
    uint32_t packets, lost, runs; /* runs: rows of lost packets */
};

/** Counts, also thinned ones. END when the chunks end before the sequence numbers do, SYNTAX for too many of these. */
enum ahoy_err rtcp_rle_count(const struct rtcp_rle *r, struct rtcp_runs *out);

/* A statistics summary block (section 4.6). */
struct rtcp_summary {
    uint32_t ssrc;
    uint16_t begin_seq, end_seq;
    bool has_lost, has_duplicate, has_jitter;
    uint8_t ttl_kind; /* 0: no TTL, 1: of IPv4, 2: hop limits of IPv6 */
    uint32_t lost, duplicate;
    uint32_t jitter_min, jitter_max, jitter_mean, jitter_dev; /* timestamp units */
    uint8_t ttl_min, ttl_max, ttl_mean, ttl_dev;
};

/** SYNTAX also for values in fields that are flagged as not reported, as the RFC wants. */
AHOY_MUST_USE enum ahoy_err rtcp_parse_summary(const struct rtcp_xr_block *b, struct rtcp_summary *out);

enum { RTCP_VOIP_UNKNOWN = 127 }; /* of signal, noise, rerl and the four scores */

/* VoIP metrics (RFC 3611 section 4.7), in the units of the wire. */
struct rtcp_voip {
    uint32_t ssrc;                      /* of the sender that is reported on */
    uint8_t loss_rate, discard_rate;    /* of 256 */
    uint8_t burst_density, gap_density; /* of 256 */
    uint16_t burst_ms, gap_ms;
    uint16_t round_trip_ms, end_system_ms;
    int8_t signal_dbm, noise_dbm;                         /* 127: unknown */
    uint8_t rerl_db, gmin;                                /* 127: unknown; gmin is 16 by default */
    uint8_t r_factor, ext_r_factor, mos_lq_10, mos_cq_10; /* 127: unknown; MOS times ten */
    uint8_t rx_config;                                    /* bits of section 4.7.7 */
    uint16_t jitter_nominal_ms, jitter_maximum_ms, jitter_absolute_ms;
};

/** All unknown, as the RFC wants absent values to be sent. */
void rtcp_voip_init(struct rtcp_voip *v, uint32_t ssrc);
AHOY_MUST_USE enum ahoy_err rtcp_parse_voip(const struct rtcp_xr_block *b, struct rtcp_voip *out);

/* Parts of `rx_config`. */
enum { RTCP_VOIP_PLC_OFF = 1, RTCP_VOIP_PLC_ENHANCED = 2, RTCP_VOIP_PLC_STANDARD = 3 };
enum { RTCP_VOIP_JB_FIXED = 2, RTCP_VOIP_JB_ADAPTIVE = 3 };

static inline uint8_t rtcp_voip_rx_config(unsigned plc, unsigned jb, unsigned jb_rate)
{
    return (uint8_t) (plc << 6 | jb << 4 | AHOY_MIN(jb_rate, 15u));
}

/* ---- XR in SDP (RFC 3611 section 5) ------------------------------------------------------------------------------ */

/* What a description asks its reader to send. */
struct rtcp_xr_wants {
    bool signalled; /* there was an a=rtcp-xr: what it does not name is not to be sent */
    bool rrtr;      /* it answers receiver reference times */
    bool loss_rle;
    uint32_t loss_rle_bytes; /* largest block; 0: not said */
    bool summary, summary_loss, summary_duplicate, summary_jitter;
    bool voip;
};

/** Reads the attribute's value; formats that are not known are passed over. `out` is set in any case. */
void rtcp_xr_parse_sdp(struct view value, struct rtcp_xr_wants *out);

/**
 * The value that asks for all that is understood here. The order is Linphone's: its parser takes nothing behind a format
 * with a number any more, and rcvr-rtt only with one.
 */
#define RTCP_XR_SDP "voip-metrics stat-summary=loss,dup,jitt rcvr-rtt=all:256 pkt-loss-rle=256"

/* ---- printing ---------------------------------------------------------------------------------------------------- */

/* Appends packets to the caller's memory. Errors stick: print all parts, then ask rtcp_out_err once. */
struct rtcp_out {
    uint8_t *p;
    size_t n;
    size_t max;
    enum ahoy_err err; /* LIMIT: did not fit; INVAL: a text or list too long */
};

void rtcp_out_init(struct rtcp_out *o, void *p, size_t max);

static inline enum ahoy_err rtcp_out_err(const struct rtcp_out *o)
{
    return o->err;
}

void rtcp_put_sr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_sender_info *info,
                 const struct rtcp_report *reports, size_t n);
void rtcp_put_rr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_report *reports, size_t n);

/** One SDES packet; consecutive items of the same source share a chunk. */
void rtcp_put_sdes(struct rtcp_out *o, const struct rtcp_sdes_item *items, size_t n);
void rtcp_put_bye(struct rtcp_out *o, const uint32_t *ssrc, size_t n, struct view reason);

/** `name` is 4 bytes, `data` a multiple of 4. */
void rtcp_put_app(struct rtcp_out *o, const struct rtcp_app *app);

/** `fci` is a multiple of 4. */
void rtcp_put_feedback(struct rtcp_out *o, const struct rtcp_feedback *fb);

/* The blocks of an XR packet; what is 0 or NULL is left out. */
struct rtcp_xr_parts {
    uint64_t rrtr_ntp;
    const struct rtcp_dlrr *dlrr;
    size_t dlrrs;
    const struct rtcp_rle *loss;
    const struct rtcp_summary *summary;
    const struct rtcp_voip *voip;
};

/** One XR packet. INVAL sticks for chunks of an odd length. */
void rtcp_put_xr(struct rtcp_out *o, uint32_t ssrc, const struct rtcp_xr_parts *parts);

/* ---- time -------------------------------------------------------------------------------------------------------- */

/** NTP time (seconds since 1900 in the upper half) of microseconds since 1970. */
uint64_t rtcp_ntp_from_unix_us(int64_t unix_us);
int64_t rtcp_ntp_to_unix_us(uint64_t ntp);

/** The middle 32 bits: what LSR and LRR carry. */
static inline uint32_t rtcp_ntp_middle(uint64_t ntp)
{
    return (uint32_t) (ntp >> 16);
}

/** Microseconds to units of 1/65536 s, rounded, and back. Negative gives 0, above 18 h the largest. */
uint32_t rtcp_units_from_us(int64_t us);
int64_t rtcp_units_to_us(uint32_t units);

#endif
