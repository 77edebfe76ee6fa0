/* Extended reports of a session (RFC 3611): what is told to the peer, and what it tells of our stream. */
#include "rtp/session_priv.h"

#include <math.h>

enum {
    SETTLE_PACKETS = 3,  /* the newest are not reported on yet: one of them may only be out of order */
    RLE_MAX_BYTES = 256, /* of a whole block */
    RLE_OVERHEAD_BYTES = 12,
    GUESS_INTERVALS = 6, /* reception reports before runs are guessed at */
    GUESS_LOSSES = 20,
    LONGEST_GUESS = 20,   /* packets in a run */
    FEW_PACKETS = 16,     /* an interval of fewer tells nothing */
    METRICS_US = 2000000, /* between summaries and VoIP metrics, where reports come more often than that */
};

/* The older a report the less it counts: to a half after about so many packets. */
static const double run_packets = 500, guess_packets = 2500;

void rtp_session_set_xr(struct rtp_session *s, const struct rtcp_xr_wants *wants)
{
    if (!wants->signalled && !s->xr.signalled)
        return; /* what it has sent unasked still counts */
    s->xr = *wants;
}

bool rtp_session_sends_voip(const struct rtp_session *s)
{
    return s->xr.voip;
}

void rtp_session_set_voip(struct rtp_session *s, const struct rtcp_voip *voip)
{
    s->has_voip = voip != NULL;
    if (voip)
        s->voip = *voip;
}

/* ---- what was received ------------------------------------------------------------------------------------------- */

static void begin_interval(struct rtp_session *s, uint32_t seq)
{
    s->interval = (struct session_interval){ .begin = seq, .jitter_min = UINT32_MAX };
}

void session_xr_received(struct rtp_session *s, uint32_t seq, bool fresh, bool duplicate)
{
    if (fresh) {
        losses_reset(&s->losses);
        begin_interval(s, seq);
        s->runs_begin = seq;
    }
    losses_came(&s->losses, seq);
    s->interval.duplicates += duplicate;
}

void session_xr_transit(struct rtp_session *s, uint32_t d)
{
    struct session_interval *v = &s->interval;
    v->jitters++;
    v->jitter_sum += d;
    v->jitter_squares += (double) d * d;
    v->jitter_min = AHOY_MIN(v->jitter_min, d);
    v->jitter_max = AHOY_MAX(v->jitter_max, d);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* Packets that others have overtaken may still come: how many, the jitter lets guess (four times it, in 20 ms). */
static uint32_t settling(const struct rtp_session *s)
{
    double jitter_ms = s->source.jitter * 1000 / s->receive_hz;
    return SETTLE_PACKETS + (uint32_t) AHOY_MIN(4 * jitter_ms / 20, 100.0);
}

/* A report tells of the packets from `begin` up to this, of as many as are known. */
static uint32_t report_end(const struct rtp_session *s, uint32_t *begin)
{
    uint32_t end = s->losses.end - settling(s);
    if (!s->losses.begun || (int32_t) (end - *begin) <= 0)
        return *begin;
    if (end - *begin > LOSSES_WINDOW)
        *begin = end - LOSSES_WINDOW;
    return end;
}

static bool fill_summary(const struct rtp_session *s, struct rtcp_summary *out)
{
    const struct session_interval *v = &s->interval;
    uint32_t begin = v->begin, end = report_end(s, &begin);
    if (end == begin)
        return false;
    *out = (struct rtcp_summary){ .ssrc = s->source.ssrc,
                                  .begin_seq = (uint16_t) begin,
                                  .end_seq = (uint16_t) end,
                                  .has_lost = s->xr.summary_loss,
                                  .has_duplicate = s->xr.summary_duplicate,
                                  .has_jitter = s->xr.summary_jitter && v->jitters > 0 };
    if (out->has_lost)
        out->lost = losses_count(&s->losses, begin, end);
    if (out->has_duplicate)
        out->duplicate = v->duplicates;
    if (!out->has_jitter)
        return true;
    double mean = v->jitter_sum / v->jitters;
    out->jitter_min = v->jitter_min;
    out->jitter_max = v->jitter_max;
    out->jitter_mean = (uint32_t) (mean + 0.5);
    out->jitter_dev = (uint32_t) (sqrt(AHOY_MAX(v->jitter_squares / v->jitters - mean * mean, 0.0)) + 0.5);
    return true;
}

static bool fill_rle(const struct rtp_session *s, uint8_t chunks[RLE_MAX_BYTES], struct rtcp_rle *out)
{
    uint32_t begin = s->runs_begin, end = report_end(s, &begin);
    if (end == begin)
        return false;
    uint32_t most = s->xr.loss_rle_bytes > 0 ? AHOY_MIN(s->xr.loss_rle_bytes, (uint32_t) RLE_MAX_BYTES) : RLE_MAX_BYTES;
    size_t n = 0;
    if (most >= RLE_OVERHEAD_BYTES + 4)
        n = losses_chunks(&s->losses, &begin, end, chunks, most - RLE_OVERHEAD_BYTES);
    *out = (struct rtcp_rle){ .ssrc = s->source.ssrc,
                              .begin_seq = (uint16_t) begin,
                              .end_seq = (uint16_t) end,
                              .chunks = view_of((const char *) chunks, n) };
    return n > 0;
}

void session_xr_put(struct rtp_session *s, int64_t now_us, uint64_t ntp, bool sender, struct rtcp_out *o)
{
    uint8_t chunks[RLE_MAX_BYTES];
    struct rtcp_rle rle;
    struct rtcp_summary summary;
    struct rtcp_dlrr dlrr = { s->last_rrtr.ssrc, s->last_rrtr.middle, rtcp_units_from_us(now_us - s->last_rrtr.us) };
    struct rtcp_xr_parts x = { .rrtr_ntp = s->xr.rrtr && !sender ? ntp : 0,
                               .dlrr = &dlrr,
                               .dlrrs = s->last_rrtr.known ? 1 : 0 };
    bool valid = s->source.known && s->source.probation == 0 && !s->source.bye;
    s->metrics_due = s->metrics_us == 0 || now_us - s->metrics_us >= METRICS_US;
    if (valid && s->xr.loss_rle && fill_rle(s, chunks, &rle))
        x.loss = &rle;
    if (valid && s->xr.summary && s->metrics_due && fill_summary(s, &summary))
        x.summary = &summary;
    if (s->has_voip && s->xr.voip && s->source.known && s->metrics_due) {
        s->voip.ssrc = s->source.ssrc;
        x.voip = &s->voip;
    }
    if (x.rrtr_ntp > 0 || x.dlrrs > 0 || x.loss || x.summary || x.voip)
        rtcp_put_xr(o, s->ssrc, &x);
}

void session_xr_sent(struct rtp_session *s, int64_t now_us)
{
    uint32_t begin = s->interval.begin;
    s->runs_begin = report_end(s, &s->runs_begin);
    if (!s->metrics_due)
        return;
    begin_interval(s, report_end(s, &begin));
    s->metrics_us = now_us;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void take_dlrr(struct rtp_session *s, const struct rtcp_xr_block *b, int64_t now_us)
{
    struct rtcp_dlrr sub[RTCP_MAX_REPORTS];
    size_t n;
    if (rtcp_parse_dlrr(b, sub, AHOY_COUNT(sub), &n))
        return;
    for (size_t i = 0; i < n; i++) {
        if (sub[i].ssrc == s->ssrc)
            session_measure_rtt(s, sub[i].lrr, sub[i].dlrr, now_us);
    }
}

static void take_voip(struct rtp_session *s, const struct rtcp_xr_block *b, int64_t now_us, struct rtp_rtcp_news *news)
{
    struct rtcp_voip voip;
    if (rtcp_parse_voip(b, &voip) || voip.ssrc != s->ssrc)
        return;
    news->voip_on_us = true;
    news->voip = s->remote.voip = voip;
    s->remote.has_voip = true;
    s->remote.voip_us = now_us;
    if (!s->xr.signalled)
        s->xr.voip = true; /* it did not ask, but knows them */
}

static void take_rle(struct rtp_session *s, const struct rtcp_xr_block *b, struct rtp_rtcp_news *news)
{
    struct rtcp_rle rle;
    struct rtcp_runs runs;
    if (rtcp_parse_rle(b, &rle) || rle.ssrc != s->ssrc || rle.thinning > 0 || rtcp_rle_count(&rle, &runs))
        return;
    news->runs_on_us = true;
    news->runs = runs;
    double memory = run_packets / (run_packets + runs.packets);
    s->remote.run_losses = memory * s->remote.run_losses + runs.lost;
    s->remote.runs = memory * s->remote.runs + runs.runs;
}

static void take_summary(struct rtp_session *s, const struct rtcp_xr_block *b, struct rtp_rtcp_news *news)
{
    struct rtcp_summary summary;
    if (rtcp_parse_summary(b, &summary) || summary.ssrc != s->ssrc)
        return;
    news->summary_on_us = true;
    news->summary = s->remote.summary = summary;
    s->remote.has_summary = true;
}

void session_xr_take(struct rtp_session *s, const struct rtcp_packet *p, int64_t now_us, struct rtp_rtcp_news *news)
{
    struct rtcp_xr_iter it;
    struct rtcp_xr_block b;
    uint64_t ntp;
    if (rtcp_xr_begin(p, &it) || it.ssrc == s->ssrc)
        return;
    while (!rtcp_xr_next(&it, &b)) {
        switch (b.type) {
        case RTCP_XR_RRTR:
            if (!rtcp_parse_rrtr(&b, &ntp))
                s->last_rrtr = (struct session_time_from){ true, it.ssrc, rtcp_ntp_middle(ntp), now_us };
            break;
        case RTCP_XR_DLRR: take_dlrr(s, &b, now_us); break;
        case RTCP_XR_VOIP: take_voip(s, &b, now_us, news); break;
        case RTCP_XR_LOSS_RLE: take_rle(s, &b, news); break;
        case RTCP_XR_SUMMARY: take_summary(s, &b, news); break;
        default: break;
        }
    }
}

void session_xr_report(struct rtp_session *s, const struct rtcp_report *b)
{
    struct session_remote *r = &s->remote;
    uint32_t packets = b->ext_seq - r->last_ext_seq;
    int32_t lost = (int32_t) ((uint32_t) b->lost - (uint32_t) r->last_lost);
    r->loss = b->fraction_lost / 256.0;
    if (r->has_last && packets >= FEW_PACKETS && packets < UINT16_MAX && lost >= 0 && (uint32_t) lost <= packets) {
        double memory = guess_packets / (guess_packets + packets);
        r->packets = memory * r->packets + packets;
        r->losses = memory * r->losses + lost;
        r->losses_squared = memory * r->losses_squared + (double) lost * lost / packets;
        r->weight = memory * r->weight + 1;
        r->intervals++;
        r->loss = (double) lost / packets; /* finer than 1/256 */
    }
    r->has_last = true;
    r->last_ext_seq = b->ext_seq;
    r->last_lost = b->lost;
}

void session_xr_new_ssrc(struct rtp_session *s)
{
    s->remote = (struct session_remote){ .loss = -1 };
}

/* ---- what the sender is told ------------------------------------------------------------------------------------- */

/*
 * In a two-state Markov channel the losses of an interval vary (1 + c) / (1 - c) times as much as independent ones, where
 * c is the correlation of neighbours; a run then has 1 / (1 - P(lost after a loss)) packets. Changes of the loss rate
 * look like bursts, too, so this is an upper bound.
 */
static double guess_run(const struct session_remote *r)
{
    double p = r->losses / r->packets;
    double spread = (r->losses_squared - p * r->losses) / (p * (1 - p)) / (r->weight - 1);
    double correlation = AHOY_MAX((spread - 1) / (spread + 1), 0.0);
    double again = p + correlation * (1 - p);
    return AHOY_MIN(1 / AHOY_MAX(1 - again, 0.01), (double) LONGEST_GUESS);
}

/* Losses in bursts come in runs as their density has it, those in gaps alone (RFC 3611 section 4.7.2). */
static double run_of_voip(const struct rtcp_voip *v)
{
    double burst = v->burst_density / 256.0, gap = v->gap_density / 256.0;
    double in_bursts = burst * v->burst_ms, in_gaps = gap * v->gap_ms;
    double runs = in_bursts * (1 - burst) + in_gaps;
    return runs > 0 ? AHOY_MIN((in_bursts + in_gaps) / runs, (double) LONGEST_GUESS) : -1;
}

static void fill_run(const struct session_remote *r, struct rtp_remote_quality *q)
{
    if (r->runs >= 1) {
        q->burst_source = RTP_BURST_RUNS;
        q->burst_packets = r->run_losses / r->runs;
    } else if (r->has_voip && (r->voip.loss_rate > 0 || r->voip.discard_rate > 0) && run_of_voip(&r->voip) > 0) {
        q->burst_source = RTP_BURST_VOIP;
        q->burst_packets = run_of_voip(&r->voip);
    } else if (r->intervals >= GUESS_INTERVALS && r->losses >= GUESS_LOSSES && r->losses < r->packets) {
        q->burst_source = RTP_BURST_REPORTS;
        q->burst_packets = guess_run(r);
    }
}

static double score_of(uint8_t wire, uint8_t least, uint8_t most, double unit)
{
    return wire >= least && wire <= most ? wire * unit : -1; /* other values must be ignored (section 4.7.5) */
}

static void fill_voip(const struct rtcp_voip *v, struct rtp_remote_quality *q)
{
    q->voip = *v;
    q->residual_loss = v->loss_rate / 256.0;
    q->discard = v->discard_rate / 256.0;
    q->burst_ms = v->burst_ms;
    q->burst_density = v->burst_density / 256.0;
    q->gap_ms = v->gap_ms;
    q->gap_density = v->gap_density / 256.0;
    bool has_buffer = (v->rx_config >> 4 & 3) >= RTCP_VOIP_JB_FIXED || v->jitter_nominal_ms > 0;
    q->jb_nominal_ms = has_buffer ? v->jitter_nominal_ms : -1;
    q->jb_max_ms = has_buffer ? v->jitter_maximum_ms : -1;
    q->end_system_ms = v->end_system_ms > 0 ? v->end_system_ms : -1;
    q->r = score_of(v->r_factor, 0, 100, 1);
    q->mos_lq = score_of(v->mos_lq_10, 10, 50, 0.1);
    q->mos_cq = score_of(v->mos_cq_10, 10, 50, 0.1);
    q->signal_dbm = v->signal_dbm;
    q->noise_dbm = v->noise_dbm;
    q->rerl_db = v->rerl_db != RTCP_VOIP_UNKNOWN ? v->rerl_db : -1;
}

void rtp_session_remote(const struct rtp_session *s, struct rtp_remote_quality *out)
{
    const struct session_remote *r = &s->remote;
    struct rtp_remote_quality q = {
        .reports = s->stats.remote_reports,
        .report_us = s->stats.remote_report_us,
        .loss = r->loss,
        .jitter_ms = s->stats.remote_reports > 0 ? s->stats.remote_jitter_ms : -1,
        .rtt_ms = s->stats.rtt_count > 0 ? s->stats.rtt_ms : -1,
        .burst_packets = -1,
        .has_summary = r->has_summary,
        .summary = r->summary,
        .has_voip = r->has_voip,
        .voip_us = r->voip_us,
        .residual_loss = -1,
        .discard = -1,
        .burst_ms = -1,
        .burst_density = -1,
        .gap_ms = -1,
        .gap_density = -1,
        .jb_nominal_ms = -1,
        .jb_max_ms = -1,
        .end_system_ms = -1,
        .r = -1,
        .mos_lq = -1,
        .mos_cq = -1,
        .signal_dbm = RTCP_VOIP_UNKNOWN,
        .noise_dbm = RTCP_VOIP_UNKNOWN,
        .rerl_db = -1,
    };
    fill_run(r, &q);
    if (r->has_voip)
        fill_voip(&r->voip, &q);
    *out = q;
}
