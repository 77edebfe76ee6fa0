/*
 * One RTP session for one stream each way (RFC 3550): numbers what is sent, validates and counts what is received, and
 * keeps RTCP: when to send, what, and what the peer's reports mean. No sockets and no clock: it is handed monotonic
 * microseconds. Media thread; nothing is allocated after creation.
 */
#ifndef AHOY_RTP_SESSION_H
#define AHOY_RTP_SESSION_H

#include "base/addr.h"
#include "base/rng.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"

struct rtp_session;

struct rtp_session_config {
    struct rng *rng;   /* used at creation and for timers; must outlive the session */
    struct view cname; /* 1 … 255 bytes, copied (RFC 7022) */
    uint32_t ssrc;     /* 0: random */
    uint32_t send_clock_hz;
    uint32_t receive_clock_hz;
    int64_t now_us;
    int64_t unix_us;         /* wall clock at now_us, for NTP times; since 1970 */
    uint32_t rtcp_bps;       /* RTCP's share of the bandwidth; 0: 5 % of 64 kbit/s */
    int64_t rtcp_min_us;     /* shortest mean interval; 0: 5 s (RFC 3550 section 6.2) */
    bool reduced_size;       /* RFC 5506 was negotiated: accept it */
    struct rtcp_xr_wants xr; /* extended reports that the peer wants; see rtp_session_set_xr */
    unsigned probation;      /* sequential packets that make a source valid; 0: 2 (MIN_SEQUENTIAL). 1: at once, for
                                    packets that SRTP has authenticated */
};

/** INVAL: no generator, a clock of 0, or a CNAME of impossible length. NOMEM. */
AHOY_MUST_USE enum ahoy_err rtp_session_create(struct rtp_session **out, const struct rtp_session_config *config);
void rtp_session_destroy(struct rtp_session *s);

uint32_t rtp_session_ssrc(const struct rtp_session *s);

/** The peer's source that is valid now; false while there is none. */
bool rtp_session_remote_ssrc(const struct rtp_session *s, uint32_t *ssrc);

/**
 * A new description was agreed: other clocks, and the next valid source may replace the present one at once, unless that
 * goes on for some seconds.
 */
void rtp_session_renegotiated(struct rtp_session *s, uint32_t send_clock_hz, uint32_t receive_clock_hz);

/* ---- sending ----------------------------------------------------------------------------------------------------- */

enum rtp_marker { RTP_MARKER_AUTO, RTP_MARKER_SET, RTP_MARKER_CLEAR };

struct rtp_send {
    uint8_t payload_type;
    enum rtp_marker marker; /* AUTO: set on the first packet and behind silence (RFC 3551 section 4.1) */
    uint32_t timestamp;     /* the caller's media clock; a random offset is added */
    uint32_t duration_ts;   /* what the payload covers */
    size_t payload_bytes;
};

/**
 * Fills SSRC, sequence number, timestamp and marker of the next packet and counts it as sent. `out` has no payload,
 * CSRC, extension and padding yet; the caller adds them and prints.
 */
void rtp_session_send(struct rtp_session *s, const struct rtp_send *send, int64_t now_us, struct rtp_packet *out);

/* ---- receiving --------------------------------------------------------------------------------------------------- */

enum rtp_verdict {
    RTP_OK,        /* play it */
    RTP_PROBATION, /* of a source that is not valid yet, while none is or another one is awaited */
    RTP_DUPLICATE,
    RTP_BAD_SEQ, /* a jump: dropped, unless the next packet confirms it (RFC 3550 A.1) */
    RTP_OTHER,   /* of another source, while the present one is alive */
    RTP_COLLISION, /* carries our SSRC: we have chosen another one (section 8.2). Who then sends that one, too, sends our own
                      packets back, and is a source like any other */
};

struct rtp_received {
    bool new_stream;  /* first packet of a new source, or the sender restarted: forget codec and buffer state */
    uint32_t ext_seq; /* with cycles in the upper half */
};

/** `src` may be NULL when unknown. */
enum rtp_verdict rtp_session_receive(struct rtp_session *s, const struct rtp_packet *p, const struct addr *src,
                                     int64_t now_us, struct rtp_received *info);

/* ---- RTCP -------------------------------------------------------------------------------------------------------- */

/* What a received RTCP datagram told. Views are valid as long as the datagram. */
struct rtp_rtcp_news {
    bool reports; /* a sender's or a receiver's report came, on us or not */
    bool sender_report;
    bool report_on_us;
    bool bye;       /* the peer's valid source left */
    bool collision; /* our SSRC was in use: it has changed */
    struct view bye_reason;
    bool feedback; /* RTPFB or PSFB for our stream; the last one */
    struct rtcp_feedback fb;
    bool voip_on_us, runs_on_us, summary_on_us;
    struct rtcp_voip voip;       /* the peer's VoIP metrics of our stream */
    struct rtcp_runs runs;       /* the losses it saw in the interval of its loss run-length block */
    struct rtcp_summary summary; /* its statistics of an interval */
};

/** SYNTAX: refused as a whole, nothing changed. A packet inside a sound compound that makes no sense is skipped. */
AHOY_MUST_USE enum ahoy_err rtp_session_rtcp(struct rtp_session *s, struct view datagram, const struct addr *src,
                                             int64_t now_us, struct rtp_rtcp_news *news);

/**
 * Quick feedback was agreed on with the peer (RFC 4585): reports come as often as `rtcp_bps` allows, though not closer
 * than `min_us` on average, and RTCP may be of reduced size (RFC 5506).
 */
void rtp_session_quick_feedback(struct rtp_session *s, uint32_t rtcp_bps, int64_t min_us, int64_t now_us);

/** It is no longer agreed on: reports are as rare and as whole as the session was made for. */
void rtp_session_plain_feedback(struct rtp_session *s);

/** Prints a generic NACK (RFC 4585 section 6.2.1) of reduced size. STATE: no peer yet, or no quick feedback. */
AHOY_MUST_USE enum ahoy_err rtp_session_nack(struct rtp_session *s, struct view fci, void *dst, size_t max, size_t *n);

/** When rtp_session_rtcp_build wants to be called next. */
int64_t rtp_session_rtcp_due_us(const struct rtp_session *s);

/**
 * At that time: writes a compound packet (SR or RR, SDES, XR when asked for, BYE for a source given up in a
 * collision). AGAIN: the timer was reconsidered (section 6.3.3), ask for the new time. LIMIT: `max` too small.
 */
AHOY_MUST_USE enum ahoy_err rtp_session_rtcp_build(struct rtp_session *s, int64_t now_us, void *dst, size_t max,
                                                   size_t *n);

/** The last packet: a report, SDES and BYE, sent at once as is allowed below 50 members (section 6.3.7). */
AHOY_MUST_USE enum ahoy_err rtp_session_bye(struct rtp_session *s, struct view reason, int64_t now_us, void *dst,
                                            size_t max, size_t *n);

/**
 * What the peer's description asked for (RFC 3611 section 5). A peer that asked for nothing, because it does not know the
 * attribute, gets what it sends itself. Receiver reference times go out only while we send no sender reports; they are
 * always answered.
 */
void rtp_session_set_xr(struct rtp_session *s, const struct rtcp_xr_wants *wants);

/** Whether VoIP metrics are sent: rtp_session_set_voip is worth its while. */
bool rtp_session_sends_voip(const struct rtp_session *s);

/**
 * VoIP metrics to be sent from now on, to a peer that wants them, at most every other second; NULL stops. Copied; the
 * SSRC is filled in.
 */
void rtp_session_set_voip(struct rtp_session *s, const struct rtcp_voip *voip);

/* ---- statistics -------------------------------------------------------------------------------------------------- */

struct rtp_stats {
    uint64_t sent_packets, sent_bytes;         /* payload bytes */
    uint64_t received_packets, received_bytes; /* of valid sources, duplicates not counted */
    uint64_t expected;                         /* by sequence numbers */
    uint64_t lost;                             /* expected and never seen so far */
    uint64_t duplicate, reordered;
    uint64_t late;    /* told by rtp_session_count_late */
    uint64_t ignored; /* probation, jumps, other sources, collisions */
    unsigned restarts, source_changes, collisions;
    double jitter_ms, jitter_max_ms;
    unsigned rtt_count; /* measurements; 0: the next four mean nothing */
    double rtt_ms, rtt_min_ms, rtt_avg_ms, rtt_max_ms;
    /* The peer's view of our stream. */
    unsigned remote_reports;
    uint8_t remote_fraction_lost; /* of 256, in its last interval */
    uint32_t remote_ext_seq;      /* the highest packet that reached it, extended */
    int32_t remote_lost;
    double remote_jitter_ms;
    int64_t remote_report_us; /* when the last one came */
    int64_t last_received_us; /* last RTP packet; 0: none */
    unsigned rtcp_sent, rtcp_received;
};

void rtp_session_stats(const struct rtp_session *s, struct rtp_stats *out);

/* How the length of loss runs is known. */
enum rtp_burst_source {
    RTP_BURST_UNKNOWN,
    RTP_BURST_REPORTS, /* estimated from how unevenly losses fall on its reports: rough, and late */
    RTP_BURST_VOIP,    /* from the burst metrics of its VoIP metrics: of what its recovery left over */
    RTP_BURST_RUNS,    /* from its loss run-length blocks: exact, before recovery */
};

/* What the peer tells of our stream: the sender's guide. Doubles below 0: unknown. */
struct rtp_remote_quality {
    unsigned reports;  /* so far */
    int64_t report_us; /* when the last one came */
    double loss;       /* 0 … 1 on the network in the last interval, before any recovery */
    double jitter_ms, rtt_ms;
    enum rtp_burst_source burst_source;
    double burst_packets; /* mean length of a run of losses, 1 and more; of late */
    bool has_summary;
    struct rtcp_summary summary; /* the last one */
    bool has_voip;               /* the rest is known only then */
    int64_t voip_us;
    struct rtcp_voip voip; /* as it came */
    double residual_loss;  /* lost for good, 0 … 1 of all packets so far */
    double discard;        /* came too late, the same */
    double burst_ms, burst_density, gap_ms, gap_density;
    double jb_nominal_ms, jb_max_ms;
    double end_system_ms;         /* its device, codec and jitter buffer */
    double r, mos_lq, mos_cq;     /* what it hears, by its own reckoning */
    double signal_dbm, noise_dbm; /* 127: unknown */
    double rerl_db;               /* our voice's echo, how far down */
};

void rtp_session_remote(const struct rtp_session *s, struct rtp_remote_quality *out);

/** The jitter buffer found packets that came too late to be played. */
void rtp_session_count_late(struct rtp_session *s, uint64_t n);

/* ---- the interval (RFC 3550 A.7), for tests and tools ------------------------------------------------------------ */

struct rtp_rtcp_timing {
    unsigned members, senders;
    bool we_sent;
    bool initial;
    double rtcp_bytes_s; /* RTCP bandwidth */
    double avg_bytes;    /* average compound packet with UDP and IP headers */
    int64_t min_us;
};

/** The deterministic interval Td in microseconds (section 6.3.1, before randomisation). */
int64_t rtp_rtcp_interval_us(const struct rtp_rtcp_timing *t);

/** Randomised: uniform in 0.5 … 1.5 Td, divided by e - 3/2. */
int64_t rtp_rtcp_random_interval_us(const struct rtp_rtcp_timing *t, struct rng *rng);

#endif
