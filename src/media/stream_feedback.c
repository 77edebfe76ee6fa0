/*
 * What the two ends tell each other of loss while it happens: we ask for what we miss (generic NACK, RFC 4585), and hear
 * what the peer misses. Media worker.
 */
#include "media/stream.h"

enum {
    RTCP_BPS = 5000,        /* 5 % of 100 kbit/s: what a protected stream may take */
    RTCP_MIN_US = 400000,   /* between reports, on average */
    USELESS_US = 250000,    /* what is missing for so long is not waited for */
    ROUND_US = 40000,       /* assumed until a round trip was measured */
    ROUND_SLACK_US = 25000, /* the answer goes with the next frame */
    ASK_EVERY_US = 8000,    /* however many packets come: less than a frame */
    REORDER_MOST_US = 150000,
    REORDER_FORGET = 64, /* packets */
    LEAST_PTIME_MS = 10, /* that is agreed on; before that it is 0 */
};

/* ---- asking ------------------------------------------------------------------------------------------------------ */

void media_feedback_ask(struct media_stream *st, int64_t now_us)
{
    uint8_t fci[NACK_FCI_BYTES], packet[128];
    struct rtp_stats s;
    int64_t next_us;
    size_t n;
    if (!st->params.quick_feedback)
        return;
    if (st->asked_us > 0 && now_us - st->asked_us < ASK_EVERY_US) {
        sys_timer_start_at(st->worker->loop, &st->nack_timer, st->asked_us + ASK_EVERY_US);
        return;
    }
    rtp_session_stats(st->rtp, &s);
    struct nack_timing t = {
        .patience_us = st->reorder_us,
        .round_us = (s.rtt_count > 0 ? (int64_t) (s.rtt_ms * 1000) : ROUND_US) + ROUND_SLACK_US,
        .useless_us = USELESS_US,
    };
    size_t bytes = nack_ask(&st->missing, &t, now_us, fci, &next_us);
    if (bytes > 0
        && rtp_session_nack(st->rtp, view_of((const char *) fci, bytes), packet, sizeof packet, &n) == AHOY_OK) {
        media_tx_send_rtcp(st, packet, n);
        st->asked_us = now_us;
    }
    if (next_us < INT64_MAX)
        sys_timer_start_at(st->worker->loop, &st->nack_timer, AHOY_MAX(next_us, now_us + 1000));
    else
        sys_timer_stop(&st->nack_timer);
}

static void nack_due(void *arg)
{
    struct media_stream *st = arg;
    media_feedback_ask(st, sys_now_us(st->worker->loop));
}

/* How long a packet stays away that others overtook: so long, nobody is asked for it. */
static void learn_reordering(struct media_stream *st, uint32_t ext_seq, int64_t now_us)
{
    const struct nack_missing *m = &st->missing;
    st->reorder_us -= st->reorder_us / REORDER_FORGET;
    if (!m->begun || (int32_t) (ext_seq - m->highest) > 0 || m->highest - ext_seq >= NACK_WINDOW)
        return;
    unsigned i = ext_seq % NACK_WINDOW;
    if (m->there[i])
        return; /* a copy was quicker; what is asked for comes as one, too, so this is the packet itself */
    st->reorder_us = AHOY_MIN(AHOY_MAX(st->reorder_us, now_us - m->noticed_us[i]), (int64_t) REORDER_MOST_US);
}

void media_feedback_packet(struct media_stream *st, uint32_t ext_seq, bool copy, int64_t now_us)
{
    if (!st->params.quick_feedback)
        return;
    if (!copy)
        learn_reordering(st, ext_seq, now_us);
    nack_packet(&st->missing, ext_seq, now_us);
}

/* ---- being asked ------------------------------------------------------------------------------------------------- */

static void asked(void *arg, uint16_t seq)
{
    protect_asked(arg, seq);
}

/* How far apart our packets are, never 0. */
static int64_t packet_us(const struct media_stream *st)
{
    return SYS_MS(AHOY_MAX(st->params.ptime_ms, (unsigned) LEAST_PTIME_MS));
}

static void watch_congestion(struct media_stream *st, const struct rtp_stats *s, int64_t now_us)
{
    bool sent = s->sent_packets > st->reported_sent;
    st->reported_sent = s->sent_packets;
    if (!sent && st->breaker.why == BREAKER_CLOSED) { /* a hold, a pause: section 4.2, a sender that stops */
        breaker_init(&st->breaker, now_us);
        return;
    }
    double bytes = (double) st->protect.means.head_bytes + (double) s->sent_bytes / (double) s->sent_packets;
    struct breaker_report r = { .fraction = s->remote_fraction_lost / 256.0,
                                .ext_seq = s->remote_ext_seq,
                                .round_us = s->rtt_count > 0 ? (int64_t) (s->rtt_ms * 1000) : 0,
                                .packet_bytes = bytes,
                                .bytes_s = bytes * 1e6 / (double) packet_us(st),
                                .frame_us = packet_us(st) };
    breaker_report(&st->breaker, &r, now_us);
}

static const char *why_text(enum breaker_why why)
{
    switch (why) {
    case BREAKER_CLOSED: break;
    case BREAKER_RTCP: return "nothing at all comes from the peer any more";
    case BREAKER_MEDIA: return "nothing of what is sent reaches the peer any more";
    case BREAKER_CONGESTION: return "the network is so full that it pushes everybody else aside";
    }
    return "";
}

void media_feedback_tick(struct media_stream *st, int64_t now_us)
{
    struct rtp_stats s;
    if (st->sending_us == 0)
        return;
    rtp_session_stats(st->rtp, &s);
    int64_t heard_us = AHOY_MAX(s.last_received_us, s.remote_report_us);
    if (breaker_retry(&st->breaker, heard_us, now_us))
        log_write(st->log, LOG_WARN, "media", "sound is sent again, to see whether the network bears it now");
    breaker_tick(&st->breaker, heard_us, now_us);
    bool stopped = st->breaker.why != BREAKER_CLOSED;
    if (stopped && !st->stats.send_stopped)
        log_write(st->log, LOG_WARN, "media", "no sound is sent for a while: %s (RFC 8083)", why_text(st->breaker.why));
    st->stats.send_stopped = stopped;
}

void media_feedback_news(struct media_stream *st, const struct rtp_rtcp_news *news, int64_t now_us)
{
    struct rtp_stats s;
    rtp_session_stats(st->rtp, &s);
    if (news->feedback && news->fb.type == RTCP_RTPFB && news->fb.format == RTCP_FB_NACK)
        nack_each(news->fb.fci, asked, &st->protect);
    if (news->runs_on_us)
        protect_runs(&st->protect, news->runs.packets, news->runs.lost, news->runs.runs);
    if (!news->report_on_us)
        return;
    int64_t since = st->reported_us > 0 ? st->reported_us : st->sending_us;
    unsigned packets = (unsigned) (AHOY_MAX(now_us - since, (int64_t) 0) / packet_us(st));
    st->reported_us = now_us;
    struct protect_report report = { .fraction = s.remote_fraction_lost / 256.0,
                                     .lost = s.remote_lost - st->reported_lost,
                                     .packets = AHOY_MAX(packets, 1u) };
    st->reported_lost = s.remote_lost;
    protect_report(&st->protect, &report);
    watch_congestion(st, &s, now_us);
    if (s.rtt_count > 0)
        protect_round_trip(&st->protect, s.rtt_ms, s.jitter_ms + s.remote_jitter_ms, now_us);
}

void media_feedback_configure(struct media_stream *st, const struct media_params *p, int64_t now_us)
{
    if (!addr_eq(&p->rtp, &st->params.rtp)) /* another path */
        breaker_init(&st->breaker, now_us);
    if (p->quick_feedback)
        rtp_session_quick_feedback(st->rtp, RTCP_BPS, RTCP_MIN_US, now_us);
    else
        rtp_session_plain_feedback(st->rtp);
    if (!st->nack_timer.fn)
        sys_timer_init(&st->nack_timer, nack_due, st);
}

void media_feedback_fini(struct media_stream *st)
{
    sys_timer_stop(&st->nack_timer);
}
