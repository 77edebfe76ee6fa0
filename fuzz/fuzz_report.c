/*
 * What extended reports come to: XR blocks from a peer (RFC 3611), through a session, as figures; and these and any
 * others as the body of a quality report (RFC 6035), which must have its grammar whatever the peer says. The first byte
 * chooses what is known, then there are lines for names, and the rest is a datagram behind an empty line. What a peer wants
 * by its description (a=rtcp-xr) is the first line.
 */
#include "rtp/session.h"
#include "rtp/vqreport.h"
#include "support/vq_abnf.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OURS = 0x01020304, PACKETS = 40, NAME = 40 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Known and within its bounds, or below 0 for unknown. */
static void check_bounds(double x, double most)
{
    must(isfinite(x) && x <= most);
}

static void check_remote(const struct rtp_remote_quality *q)
{
    check_bounds(q->loss, 1);
    check_bounds(q->jitter_ms, 1e9);
    check_bounds(q->rtt_ms, 60000);
    check_bounds(q->burst_packets, 65535);
    check_bounds(q->residual_loss, 1);
    check_bounds(q->discard, 1);
    check_bounds(q->burst_density, 1);
    check_bounds(q->gap_density, 1);
    check_bounds(q->r, 120);
    check_bounds(q->mos_lq, 5);
    check_bounds(q->mos_cq, 5);
    must(q->burst_packets < 0 || q->burst_packets >= 1);
}

/* A call in which the peer speaks and reports. */
static void converse(struct view wants, struct view datagram, struct rtp_remote_quality *q)
{
    struct rng rng;
    struct rtp_session *s = NULL;
    struct rtcp_xr_wants xr;
    int64_t now = 1000000;
    rng_init_u64(&rng, 1);
    struct rtp_session_config c = {
        .rng = &rng, .cname = VIEW("fuzz"), .ssrc = OURS, .send_clock_hz = 8000, .receive_clock_hz = 8000, .now_us = now
    };
    must(rtp_session_create(&s, &c) == AHOY_OK);
    rtcp_xr_parse_sdp(wants, &xr);
    rtp_session_set_xr(s, &xr);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct rtp_received info;
        struct rtp_rtcp_news news;
        struct rtp_packet sent, p = { .seq = (uint16_t) (65530 + i), .timestamp = 160 * i, .ssrc = 7 };
        struct rtcp_voip voip;
        uint8_t wire[1500];
        size_t n;
        rtp_session_send(s, &(struct rtp_send){ .timestamp = 160 * i, .duration_ts = 160, .payload_bytes = 160 }, now,
                         &sent);
        if (i % 7 != 3)
            (void) rtp_session_receive(s, &p, NULL, now, &info);
        if (i % 8 == 7)
            (void) !rtp_session_rtcp(s, datagram, NULL, now, &news);
        rtcp_voip_init(&voip, 7);
        rtp_session_set_voip(s, rtp_session_sends_voip(s) ? &voip : NULL);
        now = i % 10 == 9 ? AHOY_MAX(now, rtp_session_rtcp_due_us(s)) : now + 20000;
        if (!rtp_session_rtcp_build(s, now, wire, sizeof wire, &n))
            must(rtcp_check(view_of((char *) wire, n), false) == AHOY_OK);
        rtp_session_remote(s, q);
        check_remote(q);
    }
    rtp_session_destroy(s);
}

static struct view line(struct view *rest)
{
    return view_cut(rest, '\n');
}

/* Figures as the peer told them, where it told any, and some of its bytes for the others. */
static struct vqreport_metrics metrics(const struct rtp_remote_quality *q, uint8_t what, struct view codec)
{
    struct vqreport_metrics m = { .start_ms = INT64_C(1097432623500),
                                  .stop_ms = INT64_C(1097432623500) + INT64_C(1000003) * what,
                                  .pt = what & 1 ? what : -1,
                                  .codec = codec,
                                  .rate_hz = 8000u << (what & 31),
                                  .frame_ms = what * 5u,
                                  .dtx = what & 2,
                                  .has_voip = q->has_voip,
                                  .loss = q->loss,
                                  .jitter_ms = q->jitter_ms,
                                  .round_trip_ms = q->rtt_ms,
                                  .one_way_ms = what & 4 ? what * 300.0 : -1,
                                  .r_lq = what & 8 ? what : -1,
                                  .r_cq = q->r,
                                  .mos_lq = q->mos_lq,
                                  .mos_cq = q->mos_cq,
                                  .algorithm = what & 16 ? VIEW("G.107.2") : VIEW("") };
    if (q->has_voip)
        m.voip = q->voip;
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtp_remote_quality q;
    unsigned where;
    struct buf body;
    if (size < 2 || size > 3000)
        return 0;
    uint8_t what = data[0];
    struct view rest = view_of((const char *) data + 1, size - 1), wants = line(&rest);
    struct vqreport r = { .kind = what & 32 ? VQREPORT_ALERT : VQREPORT_SESSION,
                          .call_term = what & 64,
                          .alert_type = "MOSCQ",
                          .alert_severity = "Critical",
                          .alert_dir = "local",
                          .we_called = what & 128,
                          .local_id = VIEW("sip:a@example.org"),
                          .remote_id = VIEW("<sip:b@example.org>"),
                          .local = addr_ip4(192, 0, 2, 1, 4000),
                          .remote = addr_any(what & 1 ? ADDR_IP6 : ADDR_NONE, 5000),
                          .local_ssrc = OURS,
                          .remote_ssrc = 7,
                          .has_remote = true };
    r.call_id = line(&rest);
    r.local_tag = line(&rest);
    r.remote_tag = line(&rest);
    r.local_group = line(&rest);
    r.remote_group = line(&rest);
    struct view codec = line(&rest);
    converse(wants, rest, &q);
    r.local_metrics = metrics(&q, (uint8_t) ~what, VIEW("PCMU"));
    r.remote_metrics = metrics(&q, what, codec);
    buf_init(&body, VQREPORT_MAX_BYTES);
    vqreport_print(&r, &body);
    bool brief = codec.n <= NAME && r.call_id.n <= NAME && r.local_group.n <= NAME && r.remote_group.n <= NAME
                 && r.local_tag.n <= NAME
                 && r.remote_tag.n <= NAME; /* regular expressions take their time over others */
    if (!buf_err(&body) && brief)
        must(vq_abnf_check(buf_content(&body), &where));
    buf_fini(&body);
    return 0;
}
