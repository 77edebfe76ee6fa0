/*
 * Reports of voice quality for a collector: the body application/vq-rtcpxr of RFC 6035, from figures to text. Pure. Any
 * thread.
 */
#ifndef AHOY_RTP_VQREPORT_H
#define AHOY_RTP_VQREPORT_H

#include "base/addr.h"
#include "base/buf.h"
#include "rtp/rtcp.h"

#define VQREPORT_TYPE  "application/vq-rtcpxr"
#define VQREPORT_EVENT "vq-rtcpxr"

enum { VQREPORT_MAX_BYTES = 8192 };

enum vqreport_kind {
    VQREPORT_SESSION, /* of the whole session, at its end or so far */
    VQREPORT_ALERT,   /* something got bad */
};

/* One direction, as its receiver measured it. Doubles below 0: unknown, left out. */
struct vqreport_metrics {
    int64_t start_ms, stop_ms; /* since 1970 */
    int pt;                    /* payload type; below 0: unknown */
    struct view codec;         /* "opus"; empty: unknown */
    uint32_t rate_hz;
    unsigned frame_ms;
    bool dtx;      /* silence is suppressed */
    bool has_voip; /* `voip` counts; else loss and delay alone, where they are known */
    struct rtcp_voip voip;
    double loss;      /* 0 … 1, finer than in voip */
    double jitter_ms; /* RFC 3550 */
    double round_trip_ms;
    double one_way_ms; /* the symmetric one-way delay of RFC 3611 section 4.7.3 */
    double r_lq, r_cq; /* 0 … 120 */
    double mos_lq, mos_cq;
    struct view algorithm; /* "G.107.2" */
};

struct vqreport {
    enum vqreport_kind kind;
    bool call_term;                                      /* SESSION: the final one */
    const char *alert_type, *alert_severity, *alert_dir; /* ALERT: "MOSCQ", "Critical", "local" */
    struct view call_id, local_tag, remote_tag;
    struct view local_id, remote_id; /* name-addr or addr-spec */
    bool we_called;
    struct view local_group, remote_group; /* for aggregation; not empty */
    struct addr local, remote;             /* where sound comes and goes */
    uint32_t local_ssrc, remote_ssrc;
    struct vqreport_metrics local_metrics;
    bool has_remote;
    struct vqreport_metrics remote_metrics;
};

/**
 * Appends the body. What cannot stand in its place (RFC 6035 section 4.6.1) is replaced by '_'. Errors are buf_err's.
 */
void vqreport_print(const struct vqreport *r, struct buf *out);

#endif
