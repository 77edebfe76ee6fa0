/* RTCP of a session: when to send what (RFC 3550 section 6 and A.7), and what the peer's reports mean. */
#include "rtp/session.h"

#include "rtp/session_priv.h"

enum {
    RLE_LAG = 2,           /* packets: what came out of order by so much is not called lost */
    TIMEOUT_INTERVALS = 5, /* section 6.3.5: a silent member is forgotten */
    MAX_RTT_US = 60000000,
    MIN_RTT_US = -1000000, /* clocks drift and DLSR is rounded: a little below zero counts as zero */
};

/* ---- the interval ------------------------------------------------------------------------------------------------ */

int64_t rtp_rtcp_interval_us(const struct rtp_rtcp_timing *t)
{
    const double sender_share = 0.25;
    double bandwidth = t->rtcp_bytes_s, n = t->members;
    double min_us = (double) (t->initial ? t->min_us / 2 : t->min_us);
    if (t->senders <= t->members * sender_share) {
        bandwidth *= t->we_sent ? sender_share : 1 - sender_share;
        n = t->we_sent ? t->senders : t->members - t->senders;
    }
    double us = t->avg_bytes * n / bandwidth * 1e6;
    return (int64_t) AHOY_MIN(AHOY_MAX(us, min_us), 3600e6);
}

int64_t rtp_rtcp_random_interval_us(const struct rtp_rtcp_timing *t, struct rng *rng)
{
    const double compensation = 2.71828 - 1.5;
    return (int64_t) ((double) rtp_rtcp_interval_us(t) * (rng_unit(rng) + 0.5) / compensation);
}

static bool we_sent(const struct rtp_session *s)
{
    return s->sent_any && s->last_sent_us >= s->report_us[1]; /* since the report before the last one */
}

static struct rtp_rtcp_timing timing(const struct rtp_session *s, int64_t now_us)
{
    struct rtp_rtcp_timing t = {
        .members = 1,
        .we_sent = we_sent(s),
        .initial = s->initial,
        .rtcp_bytes_s = s->rtcp_bytes_s,
        .avg_bytes = s->avg_bytes,
        .min_us = s->min_us,
    };
    t.senders = t.we_sent;
    for (size_t i = 0; i < SESSION_MEMBERS; i++) {
        const struct session_member *m = &s->member[i];
        t.members += m->used;
        t.senders += m->used && m->rtp_us != INT64_MIN
                     && now_us - m->rtp_us < 2 * AHOY_MAX(s->min_us, (int64_t) SESSION_MIN_US);
    }
    return t;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

void session_heard(struct rtp_session *s, uint32_t ssrc, bool rtp, int64_t now_us)
{
    struct session_member *m = NULL, *spare = &s->member[0];
    for (size_t i = 0; i < SESSION_MEMBERS && !m; i++) {
        struct session_member *x = &s->member[i];
        if (x->used && x->ssrc == ssrc)
            m = x;
        else if (!x->used || (spare->used && x->heard_us < spare->heard_us))
            spare = x;
    }
    if (!m) {
        m = spare;
        *m = (struct session_member){ .used = true, .ssrc = ssrc, .rtp_us = INT64_MIN };
    }
    m->heard_us = now_us;
    if (rtp)
        m->rtp_us = now_us;
}

static unsigned count_members(const struct rtp_session *s)
{
    unsigned n = 1;
    for (size_t i = 0; i < SESSION_MEMBERS; i++)
        n += s->member[i].used;
    return n;
}

/* Reverse reconsideration (section 6.3.4): the group shrank, so the next report comes sooner. */
static void reconsider_back(struct rtp_session *s, int64_t now_us)
{
    unsigned members = count_members(s);
    if (members < s->pmembers) {
        double share = (double) members / s->pmembers;
        s->due_us = now_us + (int64_t) (share * (double) (s->due_us - now_us));
        s->tp_us = now_us - (int64_t) (share * (double) (now_us - s->tp_us));
        s->pmembers = members;
    }
}

static void leave(struct rtp_session *s, uint32_t ssrc, int64_t now_us)
{
    for (size_t i = 0; i < SESSION_MEMBERS; i++) {
        if (s->member[i].used && s->member[i].ssrc == ssrc)
            s->member[i].used = false;
    }
    reconsider_back(s, now_us);
}

static void time_members_out(struct rtp_session *s, int64_t now_us)
{
    struct rtp_rtcp_timing t = timing(s, now_us);
    t.we_sent = false; /* section 6.3.5: by the receivers' interval, and without halving */
    t.initial = false;
    t.min_us = AHOY_MAX(t.min_us, (int64_t) SESSION_MIN_US); /* whatever interval is in use, section 6.3.5 */
    int64_t most = TIMEOUT_INTERVALS * rtp_rtcp_interval_us(&t);
    for (size_t i = 0; i < SESSION_MEMBERS; i++) {
        if (s->member[i].used && now_us - s->member[i].heard_us > most)
            s->member[i].used = false;
    }
    reconsider_back(s, now_us);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

void session_measure_rtt(struct rtp_session *s, uint32_t middle, uint32_t delay, int64_t now_us)
{
    if (middle == 0)
        return;
    for (size_t i = 0; i < SESSION_SENT_REPORTS; i++) {
        if (s->sent[i].middle != middle)
            continue;
        int64_t us = now_us - s->sent[i].us - rtcp_units_to_us(delay);
        if (us < MIN_RTT_US || us > MAX_RTT_US)
            return;
        double ms = (double) AHOY_MAX(us, (int64_t) 0) / 1000;
        struct rtp_stats *r = &s->stats;
        r->rtt_min_ms = r->rtt_count == 0 ? ms : AHOY_MIN(r->rtt_min_ms, ms);
        r->rtt_max_ms = AHOY_MAX(r->rtt_max_ms, ms);
        r->rtt_ms = ms;
        r->rtt_count++;
        s->rtt_sum_ms += ms;
        return;
    }
}

static void take_report(struct rtp_session *s, const struct rtcp_report *b, int64_t now_us)
{
    s->stats.remote_reports++;
    s->stats.remote_fraction_lost = b->fraction_lost;
    s->stats.remote_lost = b->lost;
    s->stats.remote_ext_seq = b->ext_seq;
    s->stats.remote_jitter_ms = (double) b->jitter * 1000 / s->send_hz;
    s->stats.remote_report_us = now_us;
    session_measure_rtt(s, b->lsr, b->dlsr, now_us);
    session_xr_report(s, b);
}

static void take_reports(struct rtp_session *s, const struct rtcp_packet *p, int64_t now_us, struct rtp_rtcp_news *news)
{
    struct rtcp_reports r;
    if (rtcp_parse_reports(p, &r) || r.ssrc == s->ssrc)
        return;
    session_heard(s, r.ssrc, false, now_us);
    if (r.has_sender) {
        s->last_sr = (struct session_time_from){ true, r.ssrc, rtcp_ntp_middle(r.sender.ntp), now_us };
        news->sender_report = true;
    }
    for (size_t i = 0; i < r.n; i++) {
        struct rtcp_report b = rtcp_report_at(&r, i);
        if (b.ssrc == s->ssrc) {
            take_report(s, &b, now_us);
            news->report_on_us = true;
        }
    }
}

static void take_bye(struct rtp_session *s, const struct rtcp_packet *p, int64_t now_us, struct rtp_rtcp_news *news)
{
    struct rtcp_bye b;
    if (rtcp_parse_bye(p, &b))
        return;
    for (size_t i = 0; i < b.n; i++) {
        uint32_t ssrc = rtcp_bye_ssrc(&b, i);
        leave(s, ssrc, now_us);
        if (s->source.known && s->source.probation == 0 && s->source.ssrc == ssrc) {
            s->source.bye = true;
            news->bye = true;
            news->bye_reason = b.reason;
        }
    }
}

static void take_feedback(struct rtp_session *s, const struct rtcp_packet *p, struct rtp_rtcp_news *news)
{
    struct rtcp_feedback fb;
    if (!rtcp_parse_feedback(p, &fb) && fb.media == s->ssrc) {
        news->feedback = true;
        news->fb = fb;
    }
}

/* Somebody reports as us. */
static bool claims_ours(const struct rtp_session *s, struct view datagram)
{
    struct rtcp_packet p;
    uint32_t ssrc;
    while (!rtcp_next(&datagram, &p)) {
        if ((p.type == RTCP_SR || p.type == RTCP_RR || p.type == RTCP_SDES) && rtcp_sender(&p, &ssrc)
            && ssrc == s->ssrc)
            return true;
    }
    return false;
}

static void count_size(struct rtp_session *s, size_t bytes)
{
    s->avg_bytes += ((double) (bytes + SESSION_OVERHEAD_BYTES) - s->avg_bytes) / 16;
}

enum ahoy_err rtp_session_rtcp(struct rtp_session *s, struct view datagram, const struct addr *src, int64_t now_us,
                               struct rtp_rtcp_news *news)
{
    enum ahoy_err err = rtcp_check(datagram, s->reduced_size);
    if (err)
        return err;
    struct rtp_rtcp_news out = { 0 };
    struct rtcp_packet p;
    s->stats.rtcp_received++;
    count_size(s, datagram.n);
    if (claims_ours(s, datagram)) {
        out.collision = session_collide(s, src, now_us);
        *news = out;
        return AHOY_OK;
    }
    while (!rtcp_next(&datagram, &p)) {
        switch (p.type) {
        case RTCP_SR:
        case RTCP_RR:
            out.reports = true;
            take_reports(s, &p, now_us, &out);
            break;
        case RTCP_BYE: take_bye(s, &p, now_us, &out); break;
        case RTCP_RTPFB:
        case RTCP_PSFB: take_feedback(s, &p, &out); break;
        case RTCP_XR: session_xr_take(s, &p, now_us, &out); break;
        default: break;
        }
    }
    *news = out;
    return AHOY_OK;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* RFC 3550 A.3. */
static size_t fill_report(struct rtp_session *s, int64_t now_us, struct rtcp_report *r)
{
    struct session_source *src = &s->source;
    uint64_t expected = session_expected(src);
    if (expected == 0 || src->bye)
        return 0;
    int64_t lost = (int64_t) expected - (int64_t) src->received;
    int64_t expected_now = (int64_t) (expected - src->expected_prior);
    int64_t lost_now = expected_now - (int64_t) (src->received - src->received_prior);
    src->expected_prior = expected;
    src->received_prior = src->received;
    *r = (struct rtcp_report){
        .ssrc = src->ssrc,
        .lost = (int32_t) AHOY_MAX((int64_t) -0x800000, AHOY_MIN(lost, (int64_t) 0x7fffff)),
        .ext_seq = src->cycles + src->max_seq,
        .jitter = (uint32_t) src->jitter,
    };
    if (expected_now > 0 && lost_now > 0)
        r->fraction_lost = (uint8_t) AHOY_MIN(lost_now * 256 / expected_now, (int64_t) 255);
    if (s->last_sr.known && s->last_sr.ssrc == src->ssrc) {
        r->lsr = s->last_sr.middle;
        r->dlsr = rtcp_units_from_us(now_us - s->last_sr.us);
    }
    return 1;
}

static uint64_t ntp_now(struct rtp_session *s, int64_t now_us)
{
    uint64_t ntp = rtcp_ntp_from_unix_us(now_us + s->wall_offset_us);
    s->sent[s->sent_at] = (struct session_sent){ rtcp_ntp_middle(ntp), now_us };
    s->sent_at = (s->sent_at + 1) % SESSION_SENT_REPORTS;
    return ntp;
}

static void put_report(struct rtp_session *s, int64_t now_us, uint64_t ntp, struct rtcp_out *o)
{
    struct rtcp_report report;
    size_t n = fill_report(s, now_us, &report);
    if (!we_sent(s)) {
        rtcp_put_rr(o, s->ssrc, &report, n);
        return;
    }
    /* The timestamp that stands for the same instant as the NTP time. */
    int64_t since_us = AHOY_MAX(now_us - s->last_sent_us, (int64_t) 0);
    struct rtcp_sender_info info = {
        .ntp = ntp,
        .timestamp = s->ts_offset + s->last_ts + (uint32_t) rtp_us_to_ts(since_us, s->send_hz),
        .packets = s->report_packets,
        .octets = s->report_octets,
    };
    rtcp_put_sr(o, s->ssrc, &info, &report, n);
}

static void put_cname(const struct rtp_session *s, uint32_t ssrc, struct rtcp_out *o)
{
    struct rtcp_sdes_item item = { ssrc, RTCP_SDES_CNAME, view_of(s->cname, s->cname_n) };
    rtcp_put_sdes(o, &item, 1);
}

/* Reports on what was received change state, so a packet that did not fit must leave none of it changed. */
static enum ahoy_err build(struct rtp_session *s, int64_t now_us, bool bye, struct view reason, void *dst, size_t max,
                           size_t *n)
{
    struct rtcp_out o;
    struct session_source before = s->source;
    unsigned sent_at = s->sent_at;
    bool told = false;
    struct session_sent sent = s->sent[sent_at];
    rtcp_out_init(&o, dst, max);
    uint64_t ntp = ntp_now(s, now_us);
    if (s->has_old_ssrc) {
        /* A compound packet of its own source, as a BYE of the old SSRC must be; the new one's follows in the next. */
        rtcp_put_rr(&o, s->old_ssrc, NULL, 0);
        put_cname(s, s->old_ssrc, &o);
        rtcp_put_bye(&o, &s->old_ssrc, 1, VIEW("SSRC collision"));
    } else {
        put_report(s, now_us, ntp, &o);
        put_cname(s, s->ssrc, &o);
        session_xr_put(s, now_us, ntp, we_sent(s), &o);
        if (bye)
            rtcp_put_bye(&o, &s->ssrc, 1, reason); /* the last packet of the compound (section 6.6) */
        told = true;
    }
    enum ahoy_err err = rtcp_out_err(&o);
    if (err) {
        s->source = before;
        s->sent_at = sent_at;
        s->sent[sent_at] = sent;
        return err;
    }
    if (told)
        session_xr_sent(s, now_us);
    *n = o.n;
    s->stats.rtcp_sent++;
    return AHOY_OK;
}

int64_t rtp_session_rtcp_due_us(const struct rtp_session *s)
{
    return s->left ? INT64_MAX : s->due_us;
}

/* A report was sent: the next one (section 6.3.6). */
static void schedule_next(struct rtp_session *s, int64_t now_us, size_t bytes)
{
    count_size(s, bytes);
    s->tp_us = now_us;
    s->report_us[1] = s->report_us[0];
    s->report_us[0] = now_us;
    struct rtp_rtcp_timing t = timing(s, now_us);
    s->due_us = now_us + rtp_rtcp_random_interval_us(&t, s->rng);
    s->initial = false;
    s->pmembers = t.members;
}

enum ahoy_err rtp_session_rtcp_build(struct rtp_session *s, int64_t now_us, void *dst, size_t max, size_t *n)
{
    if (now_us < rtp_session_rtcp_due_us(s))
        return AHOY_ERR_AGAIN;
    enum ahoy_err err;
    if (s->has_old_ssrc) {
        err = build(s, now_us, false, VIEW(""), dst, max, n);
        if (!err)
            s->has_old_ssrc = false; /* the report of the new source keeps its time: the timer is reconsidered */
        return err;
    }
    time_members_out(s, now_us);
    struct rtp_rtcp_timing t = timing(s, now_us);
    int64_t next = s->tp_us + rtp_rtcp_random_interval_us(&t, s->rng);
    s->pmembers = t.members;
    if (next > now_us) {
        s->due_us = next;
        return AHOY_ERR_AGAIN;
    }
    err = build(s, now_us, false, VIEW(""), dst, max, n);
    if (!err)
        schedule_next(s, now_us, *n);
    return err;
}

enum ahoy_err rtp_session_bye(struct rtp_session *s, struct view reason, int64_t now_us, void *dst, size_t max,
                              size_t *n)
{
    if (s->left)
        return AHOY_ERR_STATE;
    s->has_old_ssrc = false;
    s->metrics_us = 0; /* the final ones go along */
    enum ahoy_err err = build(s, now_us, true, view_first(reason, RTCP_MAX_TEXT_BYTES), dst, max, n);
    if (!err)
        s->left = true;
    return err;
}

void rtp_session_quick_feedback(struct rtp_session *s, uint32_t rtcp_bps, int64_t min_us, int64_t now_us)
{
    if (!s->quick) {
        s->plain.reduced_size = s->reduced_size;
        s->plain.rtcp_bytes_s = s->rtcp_bytes_s;
        s->plain.min_us = s->min_us;
    }
    s->quick = s->reduced_size = true;
    s->rtcp_bytes_s = (double) rtcp_bps / 8;
    s->min_us = min_us;
    if (s->due_us - now_us > min_us) { /* it was chosen by the longer interval */
        s->due_us = now_us + min_us;
        s->tp_us = AHOY_MIN(s->tp_us, now_us);
    }
}

void rtp_session_plain_feedback(struct rtp_session *s)
{
    if (!s->quick)
        return;
    s->quick = false;
    s->reduced_size = s->plain.reduced_size;
    s->rtcp_bytes_s = s->plain.rtcp_bytes_s;
    s->min_us =
        s->plain.min_us; /* a report that is due sooner is put off when its time comes (RFC 3550 section 6.3.3) */
}

enum ahoy_err rtp_session_nack(struct rtp_session *s, struct view fci, void *dst, size_t max, size_t *n)
{
    struct rtcp_out o;
    if (!s->quick || !s->source.known || s->left)
        return AHOY_ERR_STATE;
    rtcp_out_init(&o, dst, max);
    struct rtcp_feedback fb = {
        .type = RTCP_RTPFB, .format = RTCP_FB_NACK, .sender = s->ssrc, .media = s->source.ssrc, .fci = fci
    };
    rtcp_put_feedback(&o, &fb);
    enum ahoy_err err = rtcp_out_err(&o);
    if (err)
        return err;
    *n = o.n;
    count_size(s, o.n);
    s->stats.rtcp_sent++;
    return AHOY_OK;
}
