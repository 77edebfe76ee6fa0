/* What session.c (packets) and session_rtcp.c (reports) share. Not for other rooms. */
#ifndef AHOY_RTP_SESSION_PRIV_H
#define AHOY_RTP_SESSION_PRIV_H

#include "rtp/losses.h"
#include "rtp/session.h"

enum {
    SESSION_MIN_US = 5000000, /* between reports, RFC 3550 section 6.2 */
    SESSION_MEMBERS = 16,     /* sources remembered for the size of the group; a call has one */
    SESSION_SENT_REPORTS = 8, /* reports that an LSR or LRR may refer to */
    SESSION_CONFLICTS = 4,
    SESSION_OVERHEAD_BYTES = 28, /* IPv4 and UDP headers, counted into RTCP's bandwidth (RFC 3550 section 6.2) */
};

/* A source of received packets: RFC 3550 A.1's struct, and a window that tells repeated packets. */
struct session_source {
    bool known; /* the SSRC is set */
    uint32_t ssrc;
    unsigned probation; /* sequential packets still to come; 0: valid */
    uint16_t max_seq, base_seq;
    uint32_t cycles;   /* shifted, a multiple of 65536 */
    uint32_t bad_seq;  /* 65536: none */
    uint64_t seen[2];  /* bit i: the packet i before the highest one came */
    uint64_t received; /* with duplicates, as RFC 3550 counts */
    uint64_t unique;
    uint64_t expected_prior, received_prior;
    bool has_transit;
    int32_t transit;
    double jitter; /* timestamp units */
    bool bye;
    int64_t last_us;
    unsigned since_rival; /* packets since the last one of the other source */
};

struct session_member {
    bool used;
    uint32_t ssrc;
    int64_t heard_us; /* any packet */
    int64_t rtp_us;   /* last RTP packet; INT64_MIN: none */
};

/* An address that our SSRC came from (RFC 3550 section 8.2). */
struct session_conflict {
    struct addr addr; /* ADDR_NONE: no conflict */
    int64_t us;       /* when it did last */
};

struct session_sent {
    uint32_t middle; /* of the NTP time we sent; 0: empty */
    int64_t us;
};

struct session_time_from { /* an SR's or RRTR's time, to be given back */
    bool known;
    uint32_t ssrc;
    uint32_t middle;
    int64_t us;
};

/* What was received since the last extended report. */
struct session_interval {
    uint32_t begin; /* extended sequence number that the next summary begins with */
    uint32_t duplicates;
    uint32_t jitters; /* relative transit times measured */
    double jitter_sum, jitter_squares;
    uint32_t jitter_min, jitter_max; /* timestamp units */
};

/* What the peer told of our stream. */
struct session_remote {
    bool has_voip, has_summary;
    struct rtcp_voip voip;
    int64_t voip_us;
    struct rtcp_summary summary;
    double run_losses, runs; /* of its loss run-length blocks, the older the less */
    /* its reception reports, for a guess at runs: packets and losses between two of them */
    bool has_last;
    uint32_t last_ext_seq;
    int32_t last_lost;
    unsigned intervals;
    double weight, packets, losses, losses_squared; /* sums over intervals, the older the less; the last by packets */
    double loss;                                    /* of the last interval; below 0: none yet */
};

struct rtp_session {
    struct rng *rng;
    uint8_t cname_n;
    char cname[RTCP_MAX_TEXT_BYTES];
    int64_t wall_offset_us; /* Unix time minus our monotonic time */
    bool reduced_size;
    unsigned min_sequential;

    uint32_t ssrc;
    uint16_t seq;
    uint32_t ts_offset;
    uint32_t send_hz, receive_hz;
    bool sent_any;
    uint32_t next_ts; /* media clock behind the last packet */
    uint32_t last_ts; /* media clock of the last packet */
    int64_t last_sent_us;
    uint32_t report_packets, report_octets; /* as this SSRC */

    struct session_source source; /* the peer's */
    struct session_source rival;  /* one that may follow it */
    unsigned expect_new;          /* packets of the present one for which another may follow it at once */

    struct session_conflict conflict[SESSION_CONFLICTS];
    unsigned conflicts;   /* so far; the oldest gives way */
    int64_t collision_us; /* last change of our SSRC */
    bool has_old_ssrc;    /* given up, BYE not sent yet */
    uint32_t old_ssrc;

    struct session_member member[SESSION_MEMBERS];
    unsigned pmembers;
    bool initial;
    double rtcp_bytes_s, avg_bytes;
    int64_t min_us, tp_us, due_us;
    int64_t report_us[2]; /* the last two reports, newest first */
    bool left;

    struct session_sent sent[SESSION_SENT_REPORTS];
    unsigned sent_at;
    struct session_time_from last_sr, last_rrtr;
    bool has_voip;
    struct rtcp_voip voip;
    struct rtcp_xr_wants xr;
    struct losses losses; /* of the peer's present source */
    struct session_interval interval;
    uint32_t runs_begin; /* as interval.begin, of the next loss run-length block */
    int64_t metrics_us;  /* when summary and VoIP metrics were sent last; 0: never */
    bool metrics_due;    /* they are in the report that is being built */
    struct session_remote remote;
    bool quick; /* feedback as of rtp_session_quick_feedback … */
    struct {
        bool reduced_size;
        double rtcp_bytes_s;
        int64_t min_us;
    } plain; /* … and what holds without */

    struct rtp_stats stats;              /* counters; the rest is filled in when asked */
    uint64_t past_expected, past_unique; /* of sources and runs before the present one */
    double rtt_sum_ms;
};

/* Notes that a source was heard, adding it to the members. */
void session_heard(struct rtp_session *s, uint32_t ssrc, bool rtp, int64_t now_us);

/* Our SSRC came from elsewhere (RFC 3550 section 8.2). Returns whether it has been changed. */
bool session_collide(struct rtp_session *s, const struct addr *src, int64_t now_us);

/* ---- session_xr.c ---- */

/* A packet of the valid source was taken; `fresh` begins a new stream. */
void session_xr_received(struct rtp_session *s, uint32_t ext_seq, bool fresh, bool duplicate);
/* A relative transit time, timestamp units (RFC 3550 A.8's D). */
void session_xr_transit(struct rtp_session *s, uint32_t d);
void session_xr_put(struct rtp_session *s, int64_t now_us, uint64_t ntp, bool sender, struct rtcp_out *o);
void session_xr_sent(struct rtp_session *s, int64_t now_us); /* what session_xr_put wrote has left */
void session_xr_take(struct rtp_session *s, const struct rtcp_packet *p, int64_t now_us, struct rtp_rtcp_news *news);
void session_xr_report(struct rtp_session *s, const struct rtcp_report *b); /* a reception report on us */
void session_xr_new_ssrc(struct rtp_session *s);                            /* ours: what was told of the old one */

/* session_rtcp.c: a round trip from a report's or DLRR's times. */
void session_measure_rtt(struct rtp_session *s, uint32_t middle, uint32_t delay, int64_t now_us);

uint64_t session_expected(const struct session_source *src);

#endif
