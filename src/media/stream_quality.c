/* A stream's figures, and what the peer is told of them. */
#include "media/seat.h"

#include <math.h>

enum {
    MARGIN_MS = 300,         /* behind the delay of the jitter buffer: nothing changes a packet's fate any more */
    LEAST_KEPT = 8,          /* packets */
    LEAST_JUDGED = 10,       /* packets, for a score */
    ASSUMED_NETWORK_MS = 50, /* one way, while the round trip is not known */
    BREAK_MS = 3000,         /* without a packet: no losses any more, but a break */
    PAUSE_MS = 8000,         /* the same with one that pauses: a report (every five seconds) should have come */
};

static const double to_dbm0 = 6.15; /* a full-scale sine is -3.01 dBFS here and +3.14 dBm0 in A-law (ITU-T G.711) */
static const double packet_weight = 1.0 / 64; /* of a new packet in their mean size */
static const double level_weight = 0.01;      /* of a new tick in levels: about two seconds of it */
static const double phone_loudness_db = 10;   /* SLR 8 and RLR 2 (RFC 3611 section 4.7.4) */

void media_stats_init(struct media_stats *s)
{
    *s = (struct media_stats){ .rx_pt = -1,
                               .tx_pt = -1,
                               .loss = -1,
                               .rtt_ms = -1,
                               .delay_ms = -1,
                               .end_system_ms = -1,
                               .device_in_ms = -1,
                               .device_out_ms = -1,
                               .cpu = -1,
                               .burst = -1,
                               .mos = -1,
                               .mos_lq = -1,
                               .mos_now = -1,
                               .r = -1,
                               .r_lq = -1,
                               .r_100 = -1,
                               .model = "",
                               .strange_pt = -1,
                               .level_in_dbfs = MIX_SILENCE_DBFS,
                               .level_out_dbfs = MIX_SILENCE_DBFS,
                               .loudest_out_dbfs = MIX_SILENCE_DBFS,
                               .remote_lost_fraction = -1,
                               .remote_jitter_ms = -1,
                               .remote_burst = -1,
                               .remote_loss = -1,
                               .remote_discard = -1,
                               .remote_buffer_ms = -1,
                               .remote_end_system_ms = -1,
                               .remote_delay_ms = -1,
                               .remote_mos = -1,
                               .remote_mos_lq = -1,
                               .remote_r = -1 };
    rtcp_voip_init(&s->voip, 0);
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* What a packet of speech has in it: pauses get fewer bits and do not tell what speech gets. */
static void weigh(struct media_quality *q, double bytes)
{
    if (!q->vad.active)
        return;
    if (q->packet_bytes <= 0)
        q->packet_bytes = bytes;
    else
        q->packet_bytes += (bytes - q->packet_bytes) * packet_weight;
}

/* How long the sender paused before a packet: the time between it and the newest one, less the `missing` ones that filled it. */
static int64_t pause_us(const struct media_stream *st, const struct jitter_packet *j, int missing)
{
    int32_t ahead = (int32_t) (j->timestamp - st->quality.newest.next_ts);
    return (int64_t) ahead * 1000000 / st->playout.expected.clock_hz - missing * jitter_frame_us(st->playout.jitter);
}

/* Whether what is made up now may prove to be a pause: the peer makes some, and has not gone on. */
static bool may_pause(const struct media_quality *q)
{
    return q->newest.silence || q->pauses;
}

/*
 * A packet that is next by number and not by time: the sender paused. What was made up until it came was no loss, though
 * nobody could know while it was. Where packets are missing, too (the one that announced the pause), their own time was one.
 */
static void watch_pauses(struct media_stream *st, const struct jitter_packet *j, int64_t now_us)
{
    struct media_quality *q = &st->quality;
    uint64_t concealed_us = st->playout.concealed_us;
    int16_t step = (int16_t) (uint16_t) (j->seq - q->newest.seq);
    if (q->newest.known && step <= 0)
        return;
    bool silent = q->newest.known && pause_us(st, j, step - 1) > 0;
    uint64_t lost_us = q->held ? 0 : (uint64_t) (step - 1) * (uint64_t) jitter_frame_us(st->playout.jitter);
    uint64_t made_up = concealed_us - q->newest.concealed_us;
    q->pauses |= silent && !q->held;
    if (q->newest.known && (q->held || silent) && made_up > lost_us)
        q->paused_us += made_up - lost_us;
    q->held = !media_params_expect(&st->params);
    q->newest.known = true;
    q->newest.seq = j->seq;
    q->newest.next_ts = j->timestamp + j->duration_ts;
    q->newest.concealed_us = concealed_us;
    q->newest.at_us = now_us;
    q->newest.silence = j->silence;
}

void media_quality_agreed(struct media_stream *st)
{
    st->quality.held |= !media_params_expect(&st->params);
}

void media_quality_arrived(struct media_stream *st, const struct jitter_packet *j, bool sound, bool late,
                           int64_t now_us)
{
    fates_tell(&st->quality.fates, j->seq, late ? FATE_LATE : FATE_PLAYED);
    if (sound && !j->silence)
        weigh(&st->quality, (double) j->payload.n);
    watch_pauses(st, j, now_us);
}

void media_quality_restart(struct media_stream *st)
{
    fates_restart(&st->quality.fates);
    st->quality.newest.known = false;
}

void media_quality_passed(struct media_stream *st, uint16_t seq)
{
    fates_restart(&st->quality.fates);
    st->quality.newest.seq = seq;
}

void media_quality_recovered(void *arg, uint16_t seq, enum playout_recovered by)
{
    static const enum fate fate[] = { [PLAYOUT_FEC] = FATE_FEC, [PLAYOUT_RED] = FATE_RED, [PLAYOUT_DRED] = FATE_DRED };
    struct media_stream *st = arg;
    fates_tell(&st->quality.fates, seq, fate[by]);
}

void media_quality_set_rate(struct media_stream *st)
{
    vad_init(&st->quality.vad, st->sound.rate_hz);
}

static void smooth(double *power, double dbfs)
{
    double now = pow(10, dbfs / 10);
    *power = *power > 0 ? *power + (now - *power) * level_weight : now;
}

void media_quality_heard(struct media_stream *st, const int16_t *pcm, size_t n)
{
    struct media_quality *q = &st->quality;
    if (!st->rtp_seen)
        return;
    bool active = vad_run(&q->vad, pcm, n);
    if (active && q->vad.level_dbfs > q->vad.floor_dbfs + 6) /* not the 200 ms behind speech */
        smooth(&q->speech_power, q->vad.level_dbfs);
    else if (!active)
        smooth(&q->noise_power, q->vad.level_dbfs);
}

/* ---- delays ------------------------------------------------------------------------------------------------------ */

static double share(double part, double whole)
{
    return whole > 0 ? AHOY_MIN(part / whole, 1.0) : 0;
}

static struct emodel_codec model_of(const struct audio_codec *c, double bitrate_bps)
{
    return emodel_codec(view_str(c->name), c->rate_hz, bitrate_bps);
}

static double packet_ms(const struct media_stream *st)
{
    return (double) jitter_frame_us(st->playout.jitter) / 1000;
}

static void device_figures(const struct sound *sound, struct media_stats *s)
{
    struct audio_device_stats d;
    s->device_in_ms = s->device_out_ms = -1;
    s->clock_known = false;
    s->no_microphone_ms = (uint32_t) (sound->no_microphone_us / 1000);
    s->no_speaker_ms = (uint32_t) (sound->no_speaker_us / 1000);
    if (!sound_device_stats(sound, &d))
        return;
    if (d.capture_latency_us >= 0)
        s->device_in_ms = (double) d.capture_latency_us / 1000 + (double) d.capture_ready * 1000 / sound->device_hz;
    if (d.playback_latency_us >= 0)
        s->device_out_ms = (double) d.playback_latency_us / 1000;
    s->dropouts = d.xruns;
    s->clock_known = d.clock_known;
    s->clock_in_ppm = d.capture_ppm;
    s->clock_out_ppm = d.playback_ppm;
}

/* What the peer's codec runs at while somebody speaks; 0: not known yet. */
static double heard_bps(const struct media_stream *st)
{
    return st->quality.packet_bytes * 8000 / packet_ms(st);
}

static void mic_figures(const struct sound *sound, struct media_stats *s)
{
    struct mic_stats m;
    s->mic_known = sound_mic_stats(sound, &m) && sound->listened_us > 0;
    s->echo = s->mic_known && m.echo;
    if (!s->mic_known)
        return;
    s->mic_speech = share((double) sound->spoke_ms * 1000, (double) sound->listened_us);
    s->mic_noise_dbfs = m.noise_dbfs;
    s->mic_gain_db = m.gain_db;
    s->erle_db = m.erle_db;
    s->echo_delay_ms = m.echo_delay_ms;
    s->echo_drift_ppm = m.drift_ppm;
}

struct delays {
    double send_ms;    /* ours: microphone, frame, codec */
    double receive_ms; /* ours: jitter buffer, what waits behind it, loudspeaker */
    double peer_send_ms;
    double peer_receive_ms; /* below 0: unknown */
};

/*
 * The peer's end system delay is what it sends and receives with together (RFC 3611 section 4.7.3). Its nominal jitter
 * buffer delay is the receiving part but for the loudspeaker, which so counts as microphone.
 */
static void find_delays(struct media_stream *st, const struct rtp_remote_quality *peer, struct delays *d)
{
    const struct audio_codec *rx = st->playout.codec, *tx = st->params.tx_codec;
    struct media_stats *s = &st->stats;
    const struct sound *desk = media_seat_desk(st);
    double frame = packet_ms(st) + (rx ? model_of(rx, 0).look_ahead_ms : 0);
    device_figures(desk, s);
    mic_figures(desk, s);
    d->send_ms = st->params.ptime_ms + (tx ? model_of(tx, 0).look_ahead_ms : 0) + AHOY_MAX(s->device_in_ms, 0.0)
                 + sound_mic_delay_ms(desk);
    d->receive_ms = s->buffer_ms + (double) sound_queued_us(desk) / 1000 + AHOY_MAX(s->device_out_ms, 0.0);
    d->peer_send_ms = frame;
    d->peer_receive_ms = -1;
    if (peer->end_system_ms < 0)
        return;
    double most = AHOY_MAX(peer->end_system_ms - frame, 0.0);
    d->peer_receive_ms = peer->jb_nominal_ms >= 0 ? AHOY_MIN(peer->jb_nominal_ms, most) : most;
    d->peer_send_ms = AHOY_MAX(frame, peer->end_system_ms - d->peer_receive_ms);
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* Sound that was made up. A hold and a break are none: nothing is made up for so long, and it may be a pause, which the next packet tells. */
static uint64_t made_up_us(const struct media_stream *st)
{
    const struct media_quality *q = &st->quality;
    uint64_t all = st->playout.concealed_us - q->paused_us;
    bool breaks = q->newest.known && sys_now_us(st->worker->loop) - q->newest.at_us >= SYS_MS(BREAK_MS);
    bool untold = q->newest.known && (q->held || breaks || may_pause(q));
    return untold ? all - (st->playout.concealed_us - q->newest.concealed_us) : all;
}

/* Since when nothing at all has come from a peer that was heard, where something should; 0: it comes. */
static uint32_t gone_ms(const struct media_stream *st)
{
    const struct media_quality *q = &st->quality;
    int64_t since_us = AHOY_MAX(st->alive_us, st->listening_us);
    int64_t gone_us = sys_now_us(st->worker->loop) - since_us;
    if (!st->rtp_seen || !media_params_expect(&st->params) || gone_us < SYS_MS(may_pause(q) ? PAUSE_MS : BREAK_MS))
        return 0;
    return (uint32_t) (gone_us / 1000);
}

static struct media_quality_mark mark_now(const struct media_stream *st)
{
    const struct fates *f = &st->quality.fates;
    return (struct media_quality_mark){ .judged = f->judged,
                                        .losses = f->bursts.losses + f->bursts.discards,
                                        .runs = f->bursts.runs,
                                        .told = f->judged + (f->end - f->next),
                                        .concealed_us = made_up_us(st),
                                        .impaired = fates_impaired(f) * (double) f->judged };
}

/* Scores what lies between two marks. False: too little. */
static bool score(const struct media_stream *st, const struct media_quality_mark *from,
                  const struct media_quality_mark *to, double telr_db, struct emodel_score *out)
{
    double judged = (double) (to->judged - from->judged), losses = (double) (to->losses - from->losses);
    if (!st->playout.codec || judged < LEAST_JUDGED)
        return false;
    double played_us = (double) (to->told - from->told) * packet_ms(st) * 1000;
    double run = to->runs > from->runs ? losses / (double) (to->runs - from->runs) : 1;
    /* Less than before: it was a pause, or is a break. */
    double made_up = to->concealed_us > from->concealed_us ? (double) (to->concealed_us - from->concealed_us) : 0;
    /* Sound that had to be made up because nothing was there in time counts as well as packets that never came. */
    double loss = AHOY_MAX(share(to->impaired - from->impaired, judged), share(made_up, played_us));
    struct emodel_input in = { .codec = model_of(st->playout.codec, heard_bps(st)),
                               .delay_ms = st->stats.delay_ms >= 0 ? st->stats.delay_ms
                                                                   : st->stats.buffer_ms + ASSUMED_NETWORK_MS,
                               .loss = loss,
                               .burst_ratio = emodel_burst_ratio(share(losses, judged), run),
                               .telr_db = telr_db };
    emodel_score(&in, out);
    return true;
}

static void score_ours(struct media_stream *st, const struct rtp_remote_quality *peer)
{
    struct media_stats *s = &st->stats;
    struct media_quality *q = &st->quality;
    struct media_quality_mark none = { 0 }, now = mark_now(st);
    struct emodel_score all, late;
    double telr_db = peer->rerl_db >= 0 ? peer->rerl_db + phone_loudness_db : 0;
    if (score(st, &none, &now, telr_db, &all)) {
        s->mos = all.mos_cq;
        s->mos_lq = all.mos_lq;
        s->r = all.r;
        s->r_100 = all.r_100;
        s->r_lq = all.r_lq;
        s->model = emodel_name(model_of(st->playout.codec, 0).form);
    }
    unsigned n = AHOY_MIN(q->marks, (unsigned) MEDIA_QUALITY_SECONDS);
    const struct media_quality_mark *then = n < MEDIA_QUALITY_SECONDS ? &none : &q->mark[q->marks % n];
    if (score(st, then, &now, telr_db, &late))
        s->mos_now = late.mos_cq;
}

/* What the peer hears: as it says, or as its plain reports let us guess; its recovery is not known then. */
static void score_theirs(struct media_stream *st, const struct rtp_stats *r, const struct rtp_remote_quality *peer)
{
    struct media_stats *s = &st->stats;
    s->remote_told = peer->mos_cq >= 0;
    s->remote_mos = peer->mos_cq;
    s->remote_mos_lq = peer->mos_lq;
    s->remote_r = peer->r;
    if (s->remote_told || peer->reports == 0 || !st->params.tx_codec || r->sent_packets < LEAST_JUDGED)
        return;
    double loss = share(AHOY_MAX((double) r->remote_lost, 0.0), (double) r->sent_packets);
    struct emodel_input in = { .codec = model_of(st->params.tx_codec, st->plan.bitrate_bps),
                               .delay_ms = s->delay_ms >= 0 ? s->delay_ms : ASSUMED_NETWORK_MS,
                               .loss = loss,
                               .burst_ratio = peer->burst_packets > 0 ? emodel_burst_ratio(loss, peer->burst_packets)
                                                                      : 1 };
    struct emodel_score out;
    emodel_score(&in, &out);
    s->remote_mos = out.mos_cq;
    s->remote_mos_lq = out.mos_lq;
    s->remote_r = out.r_100;
}

/* ---- VoIP metrics ------------------------------------------------------------------------------------------------ */

static int8_t dbm0(double power)
{
    double db = power > 0 ? 10 * log10(power) + to_dbm0 : -99;
    return (int8_t) lround(AHOY_MIN(AHOY_MAX(db, -99.0), 20.0)); /* two digits: RFC 6035 has no more */
}

static uint16_t ms16(double ms)
{
    return (uint16_t) lround(AHOY_MIN(AHOY_MAX(ms, 0.0), 65535.0));
}

static uint8_t score8(double x, double unit)
{
    return x >= 0 ? (uint8_t) lround(x * unit) : RTCP_VOIP_UNKNOWN;
}

static void make_voip(struct media_stream *st, const struct delays *d)
{
    struct media_stats *s = &st->stats;
    const struct media_quality *q = &st->quality;
    struct rtcp_voip v;
    bool opus = st->playout.codec && st->playout.codec->ops->recover;
    rtcp_voip_init(&v, s->remote_ssrc);
    quality_fill_voip(&q->fates.bursts, packet_ms(st), &v);
    v.round_trip_ms = ms16(s->rtt_ms);
    v.end_system_ms = ms16(d->send_ms + d->receive_ms);
    v.signal_dbm = q->speech_power > 0 ? dbm0(q->speech_power) : RTCP_VOIP_UNKNOWN;
    v.noise_dbm = q->noise_power > 0 ? dbm0(q->noise_power) : RTCP_VOIP_UNKNOWN;
    v.r_factor = score8(s->r_100, 1);
    v.mos_lq_10 = score8(s->mos_lq, 10);
    v.mos_cq_10 = score8(s->mos, 10);
    v.rx_config = rtcp_voip_rx_config(opus ? RTCP_VOIP_PLC_ENHANCED : RTCP_VOIP_PLC_STANDARD, RTCP_VOIP_JB_ADAPTIVE, 0);
    v.jitter_nominal_ms = ms16(d->receive_ms - AHOY_MAX(s->device_out_ms, 0.0));
    v.jitter_absolute_ms = v.jitter_maximum_ms = ms16((double) st->playout.expected.max_delay_us / 1000);
    s->voip = v;
    rtp_session_set_voip(st->rtp, &v);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void fill_names(struct media_stream *st)
{
    struct media_stats *s = &st->stats;
    const struct media_params *p = &st->params;
    s->rx_codec = st->playout.codec;
    s->tx_codec = p->tx_codec;
    for (size_t i = 0; s->rx_codec && i < p->rx_n; i++)
        if (p->rx[i].use == SDP_USE_CODEC && p->rx[i].codec == s->rx_codec)
            s->rx_pt = p->rx[i].pt;
    s->rx_frame_ms = s->rx_codec ? (unsigned) lround(packet_ms(st)) : 0;
    if (s->tx_codec) {
        s->tx_pt = p->tx_pt;
        s->tx_frame_ms = p->ptime_ms;
        s->tx_dtx = p->tx_params.dtx || media_tx_pauses(st);
    }
    s->ssrc = rtp_session_ssrc(st->rtp);
    (void) rtp_session_remote_ssrc(st->rtp, &s->remote_ssrc);
}

static void fill_counts(struct media_stream *st, const struct rtp_stats *r)
{
    struct media_stats *s = &st->stats;
    const struct fates *f = &st->quality.fates;
    s->rtp_in = r->received_packets;
    s->rtp_out = r->sent_packets;
    s->bytes_in = r->received_bytes;
    s->bytes_out = r->sent_bytes;
    s->expected = r->expected;
    s->lost = r->lost;
    s->late = r->late;
    s->duplicate = r->duplicate;
    s->reordered = r->reordered;
    s->recovered_fec = f->fec;
    s->recovered_red = f->red;
    s->recovered_dred = f->dred;
    s->concealed_ms = (uint32_t) (made_up_us(st) / 1000);
    s->gone_ms = gone_ms(st);
    s->loss = f->judged > 0 ? fates_impaired(f) : -1;
    s->burst = f->bursts.runs > 0 ? quality_mean_run(&f->bursts) : -1;
    s->jitter_ms = r->jitter_ms;
    s->rtt_ms = r->rtt_count > 0 ? r->rtt_ms : -1;
    s->buffer_ms = (double) jitter_delay_us(st->playout.jitter) / 1000;
    s->buffer_target_ms = (double) jitter_target_us(st->playout.jitter) / 1000;
    bool sounds = st->sound.rate_hz > 0;
    s->level_in_dbfs = sounds ? mix_meter_dbfs(&st->sound.meter_in) : MIX_SILENCE_DBFS;
    s->level_out_dbfs = sounds ? mix_meter_dbfs(&st->sound.meter_out) : MIX_SILENCE_DBFS;
    s->loudest_out_dbfs = AHOY_MAX(s->loudest_out_dbfs, s->level_out_dbfs);
}

static void fill_remote(struct media_stats *s, const struct rtp_remote_quality *peer)
{
    s->remote_lost_fraction = peer->loss;
    s->remote_jitter_ms = peer->jitter_ms;
    s->remote_burst = peer->burst_packets;
    s->remote_loss = peer->residual_loss;
    s->remote_discard = peer->discard;
    s->remote_buffer_ms = peer->jb_nominal_ms;
    s->remote_end_system_ms = peer->end_system_ms;
    s->has_remote_voip = peer->has_voip;
    s->remote_voip = peer->voip;
}

void media_quality_collect(struct media_stream *st, bool second, bool end)
{
    struct rtp_stats r;
    struct rtp_remote_quality peer;
    struct delays d;
    struct media_stats *s = &st->stats;
    struct media_quality *q = &st->quality;
    rtp_session_stats(st->rtp, &r);
    rtp_session_remote(st->rtp, &peer);
    double delay_ms = (double) jitter_delay_us(st->playout.jitter) / 1000;
    uint32_t keep = (uint32_t) ((delay_ms + MARGIN_MS) / packet_ms(st)) + LEAST_KEPT;
    fates_judge(&q->fates, end ? jitter_count(st->playout.jitter) : keep);
    fill_names(st);
    fill_counts(st, &r);
    fill_remote(s, &peer);
    find_delays(st, &peer, &d);
    s->end_system_ms = d.send_ms + d.receive_ms;
    s->delay_ms = s->rtt_ms >= 0 ? s->rtt_ms / 2 + d.peer_send_ms + d.receive_ms : -1;
    s->remote_delay_ms = s->rtt_ms >= 0 && d.peer_receive_ms >= 0 ? s->rtt_ms / 2 + d.send_ms + d.peer_receive_ms : -1;
    score_ours(st, &peer);
    score_theirs(st, &r, &peer);
    make_voip(st, &d);
    if (second)
        q->mark[q->marks++ % MEDIA_QUALITY_SECONDS] = mark_now(st);
}
