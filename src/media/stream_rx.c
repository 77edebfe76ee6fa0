/* Receiving: socket → impairment → latch → RTP session → jitter buffer. */
#include "media/stream.h"

#include "base/mem.h"

#include <string.h>

enum { HELD_MAX = 2000, DEAF_AFTER_US = 2000000, REFUSED_AFTER_US = 3000000 };

static uint32_t codec_duration_ts(const struct audio_codec *codec, struct view payload)
{
    size_t samples = audio_payload_samples(codec, (const uint8_t *) payload.p, payload.n);
    return (uint32_t) ((uint64_t) samples * codec->clock_hz / codec->rate_hz);
}

/* How long a payload sounds; 0: it is no sound that we decode. */
static uint32_t payload_duration_ts(const struct media_stream *st, unsigned pt, struct view payload)
{
    const struct media_format *f = media_params_format(&st->params, pt);
    return f && f->codec ? codec_duration_ts(f->codec, payload) : 0;
}

/* A codec's payload: how long it is, and that the peer may have changed to it. False when it decodes to nothing. */
static bool look_into(struct media_stream *st, const struct audio_codec *codec, struct jitter_packet *j)
{
    j->duration_ts = codec_duration_ts(codec, j->payload);
    if (j->duration_ts == 0)
        return false;
    j->silence = codec->ops->recover && j->payload.n <= 2; /* an Opus DTX frame, RFC 6716 section 2.1.9 */
    if (j->redundant || st->rx_codec == codec)
        return true;
    st->rx_codec = codec;
    playout_expect(&st->playout, codec, AHOY_MAX(j->duration_ts / (codec->clock_hz / 1000), 1u));
    rtp_session_renegotiated(st->rtp, 0, codec->clock_hz); /* the peer may change between agreed codecs */
    return true;
}

static void put_audio(struct media_stream *st, struct jitter_packet *j, int64_t now_us)
{
    const struct media_format *f = media_params_format(&st->params, j->payload_type);
    const struct audio_codec *codec = f ? f->codec : NULL;
    enum sdp_use use = f ? f->use : SDP_USE_CODEC; /* in RED there may be what was not agreed on */
    if (use == SDP_USE_RED)                        /* inside of RED: nobody means that */
        return;
    j->silence = use == SDP_USE_CN;
    j->filler = use == SDP_USE_EVENT || j->payload.n == 0; /* padding alone has a number, too, and was not lost */
    if (j->filler && j->redundant)
        return;
    if (j->filler)
        j->payload = view_of(NULL, 0);
    else if (codec && !look_into(st, codec, j))
        return;
    bool late = jitter_put(st->playout.jitter, j, now_us) == JITTER_PUT_LATE;
    if (j->redundant)
        return;
    if (late)
        rtp_session_count_late(st->rtp, 1);
    media_quality_arrived(st, j, codec && !j->filler, late, now_us);
}

/*
 * How many packets ago the one was sent that is copied; 0: that cannot be said. RFC 2198 tells the distance in time alone:
 * of packets that are equally long it follows, and where the length has just changed the copy's own length shows its neighbour.
 */
static uint32_t packets_back(uint32_t offset_ts, uint32_t copy_ts, uint32_t primary_ts)
{
    if (copy_ts == 0 || primary_ts == 0)
        return 0;
    if (offset_ts == copy_ts)
        return 1;
    return copy_ts == primary_ts && offset_ts % primary_ts == 0 ? offset_ts / primary_ts : 0;
}

/* Keys within RFC 2198 (RFC 4733 section 2.6): oldest first, for what is behind a key that was told is taken for old. */
static void put_red_keys(struct media_stream *st, const struct jitter_packet *packet, const struct red_block *block,
                         size_t n, int64_t now_us)
{
    for (size_t i = 0; i < n; i++) {
        const struct media_format *f = media_params_format(&st->params, block[i].payload_type);
        if (f && f->use == SDP_USE_EVENT)
            media_keys_take(st, block[i].data, packet->marker, packet->timestamp - block[i].offset_ts, now_us);
    }
}

/* The blocks of RFC 2198: the newest is the packet's own sound, the others are copies. `ext_seq` counts when `valid`. */
static void put_red(struct media_stream *st, const struct jitter_packet *packet, bool valid, uint32_t ext_seq,
                    int64_t now_us)
{
    struct red_block block[RED_MAX_BLOCKS];
    size_t n;
    if (red_parse(packet->payload, block, &n))
        return;
    if (valid)
        put_red_keys(st, packet, block, n, now_us);
    struct jitter_packet primary = *packet;
    primary.payload_type = block[n - 1].payload_type;
    primary.payload = block[n - 1].data;
    put_audio(st, &primary, now_us);
    for (size_t i = 0; i + 1 < n; i++) {
        uint32_t lasts = payload_duration_ts(st, block[i].payload_type, block[i].data);
        uint32_t back = packets_back(block[i].offset_ts, lasts, primary.duration_ts);
        if (back == 0)
            continue;
        struct jitter_packet copy = { .ssrc = packet->ssrc,
                                      .seq = (uint16_t) (packet->seq - back),
                                      .timestamp = packet->timestamp - block[i].offset_ts,
                                      .payload_type = block[i].payload_type,
                                      .redundant = true,
                                      .payload = block[i].data };
        put_audio(st, &copy, now_us);
        if (valid)
            media_feedback_packet(st, ext_seq - back, true, now_us);
    }
}

/* Who speaks to us, or tells of our packets, is there to hear. */
static void note_reached(struct media_stream *st)
{
    st->refused_us = 0;
    st->stats.remote_refuses = false;
}

/* A phone that is about to listen, or has just hung up, refuses for a moment, too. */
void media_rx_refused(struct media_stream *st, const struct addr *dst, int64_t now_us)
{
    const struct addr *to = latch_target(&st->latch);
    if (!to || !addr_eq(to, dst))
        return;
    if (st->refused_us == 0)
        st->refused_us = now_us;
    st->stats.remote_refuses = now_us - st->refused_us >= REFUSED_AFTER_US;
}

static void note_rtp(struct media_stream *st)
{
    if (st->rtp_seen && !st->rtp_silent)
        return;
    media_note_rtp(st, st->rtp_seen ? MEDIA_RTP_BACK : MEDIA_RTP_FIRST);
    st->rtp_seen = true;
    st->rtp_silent = false;
}

/* A packet of a format that is agreed on. */
static void take_rtp(struct media_stream *st, const struct rtp_packet *p, enum sdp_use use, const struct addr *src,
                     int64_t now_us)
{
    struct rtp_received info;
    enum rtp_verdict verdict = rtp_session_receive(st->rtp, p, src, now_us, &info);
    if (verdict != RTP_OK && verdict != RTP_PROBATION)
        return;
    st->alive_us = now_us;
    st->stats.strange_pt = -1;
    note_reached(st);
    bool valid = verdict == RTP_OK;
    if (valid && info.new_stream) {
        media_keys_restart(st);
        st->missing = (struct nack_missing){ 0 };
        st->misclock = (struct misclock){ 0 };
        media_quality_restart(st);
    }
    note_rtp(st);
    if (use == SDP_USE_EVENT && valid) /* of a source on probation none: keys are repeated */
        media_keys_take(st, p->payload, p->marker, p->timestamp, now_us);
    struct jitter_packet j = { .ssrc = p->ssrc,
                               .seq = p->seq,
                               .timestamp = p->timestamp,
                               .payload_type = p->payload_type,
                               .marker = p->marker,
                               .payload = p->payload };
    if (valid)
        media_feedback_packet(st, info.ext_seq, false, now_us);
    if (use == SDP_USE_RED)
        put_red(st, &j, valid, info.ext_seq, now_us);
    else
        put_audio(st, &j, now_us);
    if (valid)
        media_feedback_ask(st, now_us);
}

/* Of a codec whose clock is not its rate (G.722) some senders take the rate. */
static void put_clock_right(struct media_stream *st, struct rtp_packet *p, int64_t now_us)
{
    const struct media_format *f = media_params_format(&st->params, p->payload_type);
    const struct audio_codec *codec = f ? f->codec : NULL;
    bool odd = codec && codec->rate_hz == 2 * codec->clock_hz;
    if (codec && !odd)
        misclock_trust(&st->misclock);
    if (!misclock_map(&st->misclock, p, odd ? codec_duration_ts(codec, p->payload) : 0, now_us))
        return;
    log_write(st->log, LOG_INFO, "media", "the peer's clock of %s is not the agreed one; it is put right", codec->name);
    jitter_reset(st->playout.jitter);
}

/* What comes through a hold of ours is not heard. It is counted, so that behind the hold none of it is taken for lost. */
static void pass_over_rtp(struct media_stream *st, const struct rtp_packet *p, const struct addr *src, int64_t now_us)
{
    struct rtp_received info;
    if (rtp_session_receive(st->rtp, p, src, now_us, &info) != RTP_OK)
        return;
    st->alive_us = now_us;
    st->missing = (struct nack_missing){ 0 };
    if (info.new_stream)
        media_quality_restart(st);
    media_quality_passed(st, p->seq);
}

static void rtp_datagram(struct media_stream *st, const struct addr *src, struct view datagram, int64_t now_us)
{
    struct rtp_packet p;
    if (rtp_parse(datagram, &p))
        return;
    const struct media_format *f = media_params_format(&st->params, p.payload_type);
    struct latch_packet lp = { .negotiated = f != NULL, .ssrc = p.ssrc, .seq = p.seq };
    const struct addr *was = latch_target(&st->latch);
    struct addr before = was ? *was : (struct addr){ 0 };
    bool take = latch_observe(&st->latch, src, &lp, now_us);
    const struct addr *is = latch_target(&st->latch);
    if (is && !addr_eq(is, &before))
        media_note_info(st);
    if (!f)
        st->stats.strange_pt = p.payload_type;
    if (!take || !f)
        return;
    put_clock_right(st, &p, now_us);
    if (st->params.receive)
        take_rtp(st, &p, f->use, src, now_us);
    else
        pass_over_rtp(st, &p, src, now_us);
}

/* Whose report it is; false for what is none, which proves no address. */
static bool report_source(const struct media_stream *st, struct view datagram, uint32_t *ssrc)
{
    struct rtcp_packet first;
    return rtcp_check(datagram, st->params.quick_feedback) == AHOY_OK && rtcp_next(&datagram, &first) == AHOY_OK
           && rtcp_sender(&first, ssrc);
}

static void rtcp_datagram(struct media_stream *st, bool rtcp_port, const struct addr *src, struct view datagram,
                          int64_t now_us)
{
    /* RTCP beside RTP on one port is judged by RTP's latch, on its own port by its own. */
    struct latch *latch = rtcp_port && !st->params.rtcp_mux ? &st->rtcp_latch : &st->latch;
    struct latch_packet lp = { .rtcp = true };
    lp.negotiated = report_source(st, datagram, &lp.ssrc);
    /* Reports are rare. Where the peer's sound comes from is its host, whatever address it wrote: one is enough there. */
    const struct addr *rtp = latch_target(&st->latch);
    lp.authenticated = latch == &st->rtcp_latch && st->rtp_seen && rtp && addr_eq_ip(rtp, src);
    if (!latch_observe(latch, src, &lp, now_us) || !lp.negotiated)
        return;
    struct rtp_rtcp_news news;
    if (rtp_session_rtcp(st->rtp, datagram, src, now_us, &news))
        return;
    st->alive_us = now_us;
    media_feedback_news(st, &news, now_us);
    if (!news.reports)
        return;
    st->stats.remote_reports = true;
    if (!news.report_on_us) { /* it may say so before anything of ours could reach it */
        st->stats.remote_deaf = st->sending_us > 0 && now_us - st->sending_us >= DEAF_AFTER_US && !news.bye;
        return;
    }
    struct rtp_stats s;
    rtp_session_stats(st->rtp, &s);
    st->stats.remote_deaf = false;
    note_reached(st);
    if (s.remote_fraction_lost < 255)
        st->stats.remote_hears = true;
}

static void deliver(struct media_stream *st, bool rtcp_port, const struct addr *src, const void *data, size_t n,
                    int64_t now_us)
{
    struct view datagram = view_of(data, n);
    switch (rtp_classify(datagram)) {
    case RTP_KIND_RTP: rtp_datagram(st, src, datagram, now_us); break;
    case RTP_KIND_RTCP: rtcp_datagram(st, rtcp_port, src, datagram, now_us); break;
    case RTP_KIND_UNKNOWN:
    case RTP_KIND_STUN:
    case RTP_KIND_DTLS:
    case RTP_KIND_TURN_CHANNEL: break; /* ICE and DTLS are not agreed on here */
    }
}

/* ---- packets held back by --impair ------------------------------------------------------------------------------- */

static void restart_held_timer(struct media_stream *st)
{
    struct list_link *first = list_first(&st->held);
    if (first)
        sys_timer_start_at(st->worker->loop, &st->held_timer, LIST_ENTRY(first, struct media_held, link)->at_us);
    else
        sys_timer_stop(&st->held_timer);
}

static void hold(struct media_stream *st, bool rtcp_port, const struct addr *src, const void *data, size_t n,
                 int64_t at_us)
{
    struct media_held *h = st->held_count < HELD_MAX ? mem_alloc(sizeof *h + n) : NULL;
    if (!h)
        return; /* lost, as on any network */
    *h = (struct media_held){ .at_us = at_us, .src = *src, .rtcp_port = rtcp_port, .n = n };
    memcpy(h->data, data, n);
    struct list_link *after = list_last(&st->held);
    while (after && LIST_ENTRY(after, struct media_held, link)->at_us > at_us)
        after = after->prev == &st->held.head ? NULL : after->prev;
    list_insert_before(after ? after->next : st->held.head.next, &h->link);
    st->held_count++;
}

void media_rx_datagram(struct media_stream *st, bool rtcp_port, const struct addr *src, const void *data, size_t n,
                       int64_t when_us)
{
    if (!st->configured)
        return; /* before the answer nothing is known of payload types */
    if (!st->impaired) {
        deliver(st, rtcp_port, src, data, n, when_us);
        return;
    }
    struct impair_decision d;
    impair_decide(&st->impair, when_us, n, &d);
    for (unsigned i = 0; i < d.copies; i++) {
        if (d.at_us[i] <= when_us)
            deliver(st, rtcp_port, src, data, n, when_us);
        else
            hold(st, rtcp_port, src, data, n, d.at_us[i]);
    }
    restart_held_timer(st);
}

void media_rx_release_held(struct media_stream *st, int64_t now_us)
{
    for (struct list_link *k; (k = list_first(&st->held));) {
        struct media_held *h = LIST_ENTRY(k, struct media_held, link);
        if (h->at_us > now_us)
            break;
        list_remove(k);
        st->held_count--;
        deliver(st, h->rtcp_port, &h->src, h->data, h->n, h->at_us);
        mem_free(h);
    }
    restart_held_timer(st);
}

void media_rx_drop_held(struct media_stream *st)
{
    for (struct list_link *k; (k = list_pop_front(&st->held));)
        mem_free(LIST_ENTRY(k, struct media_held, link));
    st->held_count = 0;
    sys_timer_stop(&st->held_timer);
}
