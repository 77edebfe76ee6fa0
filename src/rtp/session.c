#include "rtp/session.h"

#include "base/mem.h"
#include "rtp/session_priv.h"

enum {
    MAX_DROPOUT = 3000, /* RFC 3550 A.1 */
    MAX_MISORDER = 100,
    MIN_SEQUENTIAL = 2,
    SEQ_MOD = 1 << 16,
    RIVAL_PACKETS = 4, /* in a row of a valid rival, while the present source is silent: it follows */
    RIVAL_SILENCE_US = 60000,
    EXPECT_PACKETS = 250,    /* of the present source behind a new description: it stays, nobody else was meant */
    CONFLICT_US = 50000000,  /* ten report intervals (section 8.2) */
    COLLISION_US = 10000000, /* our SSRC changes at most that often */
    DEFAULT_RTCP_BPS = 3200, /* 5 % of 64 kbit/s */
    MAX_RATE_HZ = 1000000,
};

static uint32_t random_ssrc(struct rtp_session *s)
{
    uint32_t x;
    do
        x = rng_u32(s->rng);
    while (x == 0);
    return x;
}

static void begin_timing(struct rtp_session *s, const struct rtp_session_config *c)
{
    s->rtcp_bytes_s = (c->rtcp_bps > 0 ? c->rtcp_bps : DEFAULT_RTCP_BPS) / 8.0;
    s->min_us = c->rtcp_min_us > 0 ? c->rtcp_min_us : SESSION_MIN_US;
    s->initial = true;
    s->pmembers = 1;
    s->avg_bytes = SESSION_OVERHEAD_BYTES + 8 + 24 + 12 + s->cname_n; /* the probable first packet (section 6.3.2) */
    s->tp_us = c->now_us;
    s->report_us[0] = s->report_us[1] = INT64_MIN;
    struct rtp_rtcp_timing t = {
        .members = 1, .initial = true, .rtcp_bytes_s = s->rtcp_bytes_s, .avg_bytes = s->avg_bytes, .min_us = s->min_us
    };
    s->due_us = c->now_us + rtp_rtcp_random_interval_us(&t, s->rng);
}

enum ahoy_err rtp_session_create(struct rtp_session **out, const struct rtp_session_config *c)
{
    if (!c->rng || c->cname.n == 0 || c->cname.n > RTCP_MAX_TEXT_BYTES || c->send_clock_hz == 0
        || c->receive_clock_hz == 0 || c->send_clock_hz > MAX_RATE_HZ || c->receive_clock_hz > MAX_RATE_HZ)
        return AHOY_ERR_INVAL;
    struct rtp_session *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    s->rng = c->rng;
    s->cname_n = (uint8_t) c->cname.n;
    memcpy(s->cname, c->cname.p, c->cname.n);
    s->wall_offset_us = c->unix_us - c->now_us;
    s->reduced_size = c->reduced_size;
    s->xr = c->xr;
    s->remote.loss = -1;
    s->min_sequential = c->probation > 0 ? c->probation : MIN_SEQUENTIAL;
    s->ssrc = c->ssrc > 0 ? c->ssrc : random_ssrc(s);
    s->seq = (uint16_t) rng_u32(s->rng); /* section 5.1: both start at random */
    s->ts_offset = rng_u32(s->rng);
    s->send_hz = c->send_clock_hz;
    s->receive_hz = c->receive_clock_hz;
    s->last_sent_us = INT64_MIN;
    s->collision_us = INT64_MIN;
    begin_timing(s, c);
    *out = s;
    return AHOY_OK;
}

void rtp_session_destroy(struct rtp_session *s)
{
    mem_free(s);
}

uint32_t rtp_session_ssrc(const struct rtp_session *s)
{
    return s->ssrc;
}

static bool is_valid(const struct session_source *src)
{
    return src->known && src->probation == 0;
}

bool rtp_session_remote_ssrc(const struct rtp_session *s, uint32_t *ssrc)
{
    if (!is_valid(&s->source))
        return false;
    *ssrc = s->source.ssrc;
    return true;
}

void rtp_session_renegotiated(struct rtp_session *s, uint32_t send_clock_hz, uint32_t receive_clock_hz)
{
    if (send_clock_hz > 0 && send_clock_hz <= MAX_RATE_HZ)
        s->send_hz = send_clock_hz;
    if (receive_clock_hz > 0 && receive_clock_hz <= MAX_RATE_HZ && receive_clock_hz != s->receive_hz) {
        s->receive_hz = receive_clock_hz;
        s->source.has_transit = s->rival.has_transit = false;
        s->source.jitter = s->rival.jitter = 0;
    }
    s->expect_new = EXPECT_PACKETS;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

void rtp_session_send(struct rtp_session *s, const struct rtp_send *send, int64_t now_us, struct rtp_packet *out)
{
    bool silence = !s->sent_any || send->timestamp != s->next_ts;
    *out = (struct rtp_packet){
        .payload_type = send->payload_type,
        .marker = send->marker == RTP_MARKER_SET || (send->marker == RTP_MARKER_AUTO && silence),
        .seq = s->seq++,
        .timestamp = send->timestamp + s->ts_offset,
        .ssrc = s->ssrc,
    };
    s->sent_any = true;
    s->last_ts = send->timestamp;
    s->next_ts = send->timestamp + send->duration_ts;
    s->last_sent_us = now_us;
    s->report_packets++;
    s->report_octets += (uint32_t) send->payload_bytes;
    s->stats.sent_packets++;
    s->stats.sent_bytes += send->payload_bytes;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void init_seq(struct session_source *src, uint16_t seq)
{
    src->base_seq = seq;
    src->max_seq = seq;
    src->bad_seq = SEQ_MOD;
    src->cycles = 0;
    src->received = src->unique = 0;
    src->received_prior = src->expected_prior = 0;
    src->seen[0] = src->seen[1] = 0;
    src->has_transit = false;
}

static void init_source(const struct rtp_session *s, struct session_source *src, const struct rtp_packet *p)
{
    *src = (struct session_source){ .known = true, .ssrc = p->ssrc, .probation = s->min_sequential };
    init_seq(src, p->seq);
    src->max_seq = (uint16_t) (p->seq - 1);
}

uint64_t session_expected(const struct session_source *src)
{
    if (!is_valid(src) || src->received == 0)
        return 0;
    return (uint64_t) src->cycles + src->max_seq - src->base_seq + 1;
}

/* Marks the packet `back` before the highest as seen; false when it was already. */
static bool mark(struct session_source *src, unsigned back)
{
    uint64_t bit = UINT64_C(1) << (back & 63);
    uint64_t *word = &src->seen[back >> 6];
    if (*word & bit)
        return false;
    *word |= bit;
    return true;
}

static void shift_seen(struct session_source *src, unsigned by)
{
    if (by >= 128) {
        src->seen[0] = src->seen[1] = 0;
    } else if (by >= 64) {
        src->seen[1] = src->seen[0] << (by - 64);
        src->seen[0] = 0;
    } else if (by > 0) {
        src->seen[1] = src->seen[1] << by | src->seen[0] >> (64 - by);
        src->seen[0] <<= by;
    }
}

enum seq_news { SEQ_NEW, SEQ_REORDERED, SEQ_REPEATED, SEQ_JUMP, SEQ_RESTART, SEQ_UNPROVEN, SEQ_VALID_NOW };

/* RFC 3550 A.1, update_seq. */
static enum seq_news update_seq(struct rtp_session *s, struct session_source *src, uint16_t seq)
{
    uint16_t delta = (uint16_t) (seq - src->max_seq);
    if (src->probation > 0) {
        if (delta == 1)
            src->probation--;
        else
            src->probation = s->min_sequential - 1;
        src->max_seq = seq;
        if (src->probation > 0)
            return SEQ_UNPROVEN;
        init_seq(src, seq);
        mark(src, 0);
        return SEQ_VALID_NOW;
    }
    if (delta == 0)
        return mark(src, 0) ? SEQ_NEW : SEQ_REPEATED;
    if (delta < MAX_DROPOUT) {
        if (seq < src->max_seq)
            src->cycles += SEQ_MOD;
        src->max_seq = seq;
        shift_seen(src, delta);
        mark(src, 0);
        return SEQ_NEW;
    }
    if (delta <= SEQ_MOD - MAX_MISORDER) {
        if (seq == src->bad_seq) {
            init_seq(src, seq); /* two in a row: the sender restarted without telling */
            mark(src, 0);
            return SEQ_RESTART;
        }
        src->bad_seq = (uint16_t) (seq + 1);
        return SEQ_JUMP;
    }
    return mark(src, (unsigned) (SEQ_MOD - delta)) ? SEQ_REORDERED : SEQ_REPEATED;
}

/* RFC 3550 A.8. */
static void update_jitter(struct rtp_session *s, struct session_source *src, const struct rtp_packet *p, int64_t now_us)
{
    int32_t transit = rtp_ts_diff((uint32_t) rtp_us_to_ts(now_us, s->receive_hz), p->timestamp);
    if (src->has_transit) {
        int64_t d = rtp_ts_diff((uint32_t) transit, (uint32_t) src->transit);
        src->jitter += ((double) (d < 0 ? -d : d) - src->jitter) / 16;
        session_xr_transit(s, (uint32_t) (d < 0 ? -d : d));
        double ms = src->jitter * 1000 / s->receive_hz;
        s->stats.jitter_max_ms = AHOY_MAX(s->stats.jitter_max_ms, ms);
    }
    src->transit = transit;
    src->has_transit = true;
}

/* Counters of a source or run that ends go to the session's past. */
static void retire(struct rtp_session *s, const struct session_source *ended)
{
    s->past_expected += session_expected(ended);
    s->past_unique += ended->unique;
}

/* The present source has left, or a new one was agreed: who proves itself now follows at once. */
static bool is_awaited(const struct rtp_session *s)
{
    return !is_valid(&s->source) || s->source.bye || s->expect_new > 0;
}

/* A valid rival follows the present source when that one left, is silent, or a new one was agreed. */
static bool may_follow(const struct rtp_session *s, int64_t now_us)
{
    if (!is_valid(&s->rival))
        return false;
    if (is_awaited(s))
        return true;
    return s->rival.since_rival >= RIVAL_PACKETS && now_us - s->source.last_us >= RIVAL_SILENCE_US;
}

/*
 * The source a packet belongs to: the present one, or the rival, begun anew when it carries yet another SSRC. Two new
 * sources at once prove themselves side by side, so they cannot keep each other from it.
 */
static struct session_source *source_of(struct rtp_session *s, const struct rtp_packet *p)
{
    if (!s->source.known)
        init_source(s, &s->source, p);
    if (s->source.ssrc == p->ssrc)
        return &s->source;
    if (!s->rival.known || s->rival.ssrc != p->ssrc)
        init_source(s, &s->rival, p);
    return &s->rival;
}

static void count_unique(struct rtp_session *s, struct session_source *src, const struct rtp_packet *p)
{
    src->unique++;
    s->stats.received_packets++;
    s->stats.received_bytes += p->payload.n;
}

static enum rtp_verdict count(struct rtp_session *s, struct session_source *src, const struct rtp_packet *p,
                              enum seq_news news, struct rtp_received *info)
{
    uint32_t ext = src->cycles + p->seq;
    src->received++;
    info->new_stream = news == SEQ_VALID_NOW || news == SEQ_RESTART;
    if (news == SEQ_REPEATED) {
        s->stats.duplicate++;
    } else {
        count_unique(s, src, p);
        s->stats.reordered += news == SEQ_REORDERED;
    }
    if ((news == SEQ_REORDERED || news == SEQ_REPEATED) && p->seq > src->max_seq)
        ext -= SEQ_MOD; /* from before the wrap */
    info->ext_seq = ext;
    return news == SEQ_REPEATED ? RTP_DUPLICATE : RTP_OK;
}

/* The rival becomes the peer's source. */
static void follow(struct rtp_session *s)
{
    retire(s, &s->source);
    s->source = s->rival;
    s->rival = (struct session_source){ 0 };
    s->expect_new = 0;
    s->stats.source_changes++;
}

static enum rtp_verdict receive_valid(struct rtp_session *s, const struct rtp_packet *p, struct session_source *src,
                                      int64_t now_us, struct rtp_received *info)
{
    struct session_source before = *src;
    enum seq_news news = update_seq(s, src, p->seq);
    src->last_us = now_us;
    if (news == SEQ_UNPROVEN || news == SEQ_JUMP) {
        s->stats.ignored++;
        if (news == SEQ_JUMP)
            return RTP_BAD_SEQ;
        return src == &s->rival && !is_awaited(s) ? RTP_OTHER : RTP_PROBATION;
    }
    bool followed = false;
    if (src == &s->rival) {
        src->since_rival++;
        s->source.since_rival = 0;
        if (!may_follow(s, now_us)) {
            s->stats.ignored++;
            return RTP_OTHER;
        }
        follow(s);
        followed = true;
        src = &s->source;
        init_seq(src, p->seq); /* what was ignored so far was not received */
        mark(src, 0);
    } else {
        s->rival.since_rival = 0;
        s->expect_new -= s->expect_new > 0;
        src->bye = false;
        if (news == SEQ_RESTART) {
            retire(s, &before);
            s->stats.restarts++;
        }
    }
    session_heard(s, p->ssrc, true, now_us);
    s->stats.last_received_us = now_us;
    enum rtp_verdict v = count(s, src, p, news, info);
    info->new_stream = info->new_stream || followed;
    session_xr_received(s, info->ext_seq, info->new_stream, v == RTP_DUPLICATE);
    if (v == RTP_OK)
        update_jitter(s, src, p, now_us);
    return v;
}

/* What is remembered of an address that our SSRC came from, or NULL. */
static const struct session_conflict *find_conflict(const struct rtp_session *s, const struct addr *src)
{
    for (size_t i = 0; i < SESSION_CONFLICTS; i++)
        if (addr_eq(&s->conflict[i].addr, src))
            return &s->conflict[i];
    return NULL;
}

/*
 * Whoever had our SSRC before, and has the one we have changed to, sends our own packets back: an echo test of the simple
 * kind, such as SIPp's. Section 8.2 drops a loop to keep mixers from feeding themselves; we pass nothing on, and a person
 * who calls such a number wants to hear it.
 */
static bool is_reflector(const struct rtp_session *s, const struct addr *src, int64_t now_us)
{
    const struct session_conflict *c = src ? find_conflict(s, src) : NULL;
    return c && (now_us - c->us < CONFLICT_US || (s->source.known && s->source.ssrc == s->ssrc));
}

enum rtp_verdict rtp_session_receive(struct rtp_session *s, const struct rtp_packet *p, const struct addr *src,
                                     int64_t now_us, struct rtp_received *info)
{
    *info = (struct rtp_received){ 0 };
    if (p->ssrc == s->ssrc && !is_reflector(s, src, now_us)) {
        session_collide(s, src, now_us);
        s->stats.ignored++;
        return RTP_COLLISION;
    }
    return receive_valid(s, p, source_of(s, p), now_us, info);
}

/* ---- collisions -------------------------------------------------------------------------------------------------- */

/* True when this address was in conflict before: then it is our own packets that loop. */
static bool note_conflict(struct rtp_session *s, const struct addr *src, int64_t now_us)
{
    const struct session_conflict *before = find_conflict(s, src);
    bool recent = before && now_us - before->us < CONFLICT_US;
    size_t at = before ? (size_t) (before - s->conflict) : s->conflicts++ % SESSION_CONFLICTS;
    s->conflict[at] = (struct session_conflict){ *src, now_us };
    return recent;
}

bool session_collide(struct rtp_session *s, const struct addr *src, int64_t now_us)
{
    if (src && note_conflict(s, src, now_us))
        return false;
    if (s->collision_us != INT64_MIN && now_us - s->collision_us < COLLISION_US)
        return false;
    s->collision_us = now_us;
    s->stats.collisions++;
    s->has_old_ssrc = true;
    s->old_ssrc = s->ssrc;
    do
        s->ssrc = random_ssrc(s);
    while (s->ssrc == s->old_ssrc || s->ssrc == s->source.ssrc || s->ssrc == s->rival.ssrc);
    s->report_packets = s->report_octets = 0;
    memset(s->sent, 0, sizeof s->sent);
    session_xr_new_ssrc(s);
    s->due_us = now_us; /* say BYE for the old one at once */
    return true;
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

void rtp_session_stats(const struct rtp_session *s, struct rtp_stats *out)
{
    struct rtp_stats r = s->stats;
    uint64_t unique = s->past_unique + s->source.unique;
    r.expected = s->past_expected + session_expected(&s->source);
    r.lost = r.expected > unique ? r.expected - unique : 0;
    r.jitter_ms = s->source.jitter * 1000 / s->receive_hz;
    r.rtt_avg_ms = r.rtt_count > 0 ? s->rtt_sum_ms / r.rtt_count : 0;
    *out = r;
}

void rtp_session_count_late(struct rtp_session *s, uint64_t n)
{
    s->stats.late += n;
}
