/* Sending: sound → codec rate → frames of ptime → encoder, or telephone-event → RTP → socket; and RTCP. */
#include "media/stream.h"

#include "base/mem.h"

#include <string.h>

enum {
    TX_FIFO_SAMPLES = 48 * 60 * 3, /* three of the longest frames, at 48 kHz */
    RTCP_PACKET_BYTES = 1500,
    MUTE_FADE_MS = 5,
    WIRE_BPS = 64000,                        /* headers included */
    SSRC_AT = 8,                             /* in a packet (RFC 3550 section 5.1) */
    HEAD4_BYTES = 20 + 8 + RTP_HEADER_BYTES, /* IPv4, UDP */
    HEAD6_BYTES = 40 + 8 + RTP_HEADER_BYTES,
    RED_PACKET_BYTES = 1200, /* below every path's MTU */
    RED_NOTHING = 128,       /* no payload type: takes a place among the generations */
    WHOLE_COMPLEXITY = 5,    /* with the codec's whole rate */
};

/*
 * What the wire may carry, and what can be done about loss within it. 64 kbit/s with headers is what every line that
 * carries G.711 has; Opus at half of it sounds no worse than at all of it, so the other half is there to protect it.
 */
static void configure_protection(struct media_stream *st, const struct media_params *p)
{
    struct protect_means means = { .wire_bps = WIRE_BPS,
                                   .clean_bps = p->tx_codec->bitrate_bps,
                                   .frame_ms = p->ptime_ms,
                                   .head_bytes = p->rtp.family == ADDR_IP6 ? HEAD6_BYTES : HEAD4_BYTES,
                                   .adaptive = p->tx_codec->ops->set_bitrate,
                                   .fec = p->tx_codec->ops->set_fec && p->tx_params.fec,
                                   .dred = p->tx_codec->ops->set_dred && p->tx_params.dred && audio_opus_build().dred
                                           && load_effort(&st->worker->load)->dred,
                                   .red = p->tx_red_pt >= 0 };
    if (p->bandwidth_bps >= 0)
        means.wire_bps = (uint32_t) AHOY_MIN(p->bandwidth_bps, (int64_t) means.wire_bps);
    if (p->tx_params.max_average_bps > 0)
        means.clean_bps = AHOY_MIN(means.clean_bps, p->tx_params.max_average_bps);
    protect_set_means(&st->protect, &means);
    st->plan = (struct protect_plan){ 0 }; /* the encoder may be a new one */
}

/*
 * The little that is left of the rate beside copies wants the closest look. With the whole rate 5 is heard
 * as well as 9 with 4 kbit/s less, and takes a fifth of the time less.
 */
static unsigned complexity_of(const struct media_stream *st, const struct protect_plan *plan)
{
    unsigned effort = load_effort(&st->worker->load)->complexity;
    bool whole = plan->generations == 0 && plan->twice_after == 0;
    return whole ? AHOY_MIN(effort, (unsigned) WHOLE_COMPLEXITY) : effort;
}

/* A file, a tone and a test number are no microphone. */
static enum audio_content content_of(const struct media_stream *st)
{
    const struct sound *s = &st->sound;
    bool tone = s->kind == MEDIA_SOUND_DEVICE && s->spec.kind == AUDIO_TONE;
    bool music = s->kind == MEDIA_SOUND_ENDPOINT && s->endpoint.music;
    return s->play.file || tone || music ? AUDIO_CONTENT_ANY : AUDIO_CONTENT_VOICE;
}

/* The encoder follows the plan; only what has changed is told, to a new encoder all. */
static void follow_plan(struct media_stream *st)
{
    if (!st->params.tx_codec->ops->set_fec)
        return; /* a codec of fixed rate */
    const struct protect_plan *plan = protect_plan(&st->protect);
    bool fresh = st->plan.bitrate_bps == 0;
    if (plan->bitrate_bps != st->plan.bitrate_bps)
        audio_encoder_set_bitrate(st->encoder, plan->bitrate_bps);
    if (plan->fec != st->plan.fec || fresh)
        audio_encoder_set_fec(st->encoder, plan->fec);
    if (plan->loss_percent != st->plan.loss_percent || fresh)
        audio_encoder_set_loss(st->encoder, plan->loss_percent);
    if (plan->dred_ms != st->plan.dred_ms)
        audio_encoder_set_dred(st->encoder, plan->dred_ms);
    unsigned complexity = complexity_of(st, plan);
    if (complexity != st->complexity || fresh)
        audio_encoder_set_complexity(st->encoder, complexity);
    enum audio_content content = content_of(st);
    if (content != st->content || fresh)
        audio_encoder_set_content(st->encoder, content);
    st->complexity = complexity;
    st->content = content;
    st->plan = *plan;
}

void media_tx_follow_effort(struct media_stream *st)
{
    if (!st->encoder)
        return;
    configure_protection(st, &st->params); /* and with the next frame the encoder is told */
}

static bool same_params(const struct audio_params *a, const struct audio_params *b)
{
    return a->max_playback_hz == b->max_playback_hz && a->max_average_bps == b->max_average_bps
           && a->stereo == b->stereo && a->fec == b->fec && a->dtx == b->dtx && a->cbr == b->cbr;
}

enum ahoy_err media_tx_configure(struct media_stream *st, const struct media_params *p)
{
    struct audio_encoder *encoder = NULL;
    struct resample *resample = NULL;
    enum ahoy_err err;
    if (!p->tx_codec) {
        media_tx_fini(st);
        return AHOY_OK;
    }
    media_keys_configure(st, p);
    configure_protection(st, p);
    /* The number of a copied packet follows from its distance in time, among equals alone. */
    if (st->red && (p->tx_pt != st->params.tx_pt || p->ptime_ms != st->params.ptime_ms))
        red_sender_reset(st->red);
    if (p->tx_red_pt < 0) { /* it was agreed on for another codec */
        red_sender_destroy(st->red);
        st->red = NULL;
    } else if (!st->red && (err = red_sender_create(&st->red))) {
        goto fail;
    }
    if (st->encoder && st->params.tx_codec == p->tx_codec && st->tx_from_hz == st->sound.rate_hz
        && same_params(&st->params.tx_params, &p->tx_params))
        return AHOY_OK;
    struct audio_encoder_config cfg = { .peer = p->tx_params,
                                        .complexity = load_effort(&st->worker->load)->complexity };
    if ((err = audio_encoder_create(&encoder, p->tx_codec, &cfg)))
        goto fail;
    if (st->sound.rate_hz != p->tx_codec->rate_hz
        && (err = resample_create(&resample, st->sound.rate_hz, p->tx_codec->rate_hz, RESAMPLE_VOICE)))
        goto fail;
    if (!st->tx_fifo && !(st->tx_fifo = mem_alloc(TX_FIFO_SAMPLES * sizeof *st->tx_fifo))) {
        err = AHOY_ERR_NOMEM;
        goto fail;
    }
    audio_encoder_destroy(st->encoder);
    resample_destroy(st->tx_resample);
    st->encoder = encoder;
    st->tx_resample = resample;
    st->tx_from_hz = st->sound.rate_hz;
    st->tx_fifo_n = 0;
    st->keys.tone.rate_hz = 0; /* a key that sounds was made for another rate */
    return AHOY_OK;
fail:
    audio_encoder_destroy(encoder);
    resample_destroy(resample);
    media_tx_fini(st); /* rather nothing than the old codec under the new one's number */
    return err;
}

void media_tx_fini(struct media_stream *st)
{
    audio_encoder_destroy(st->encoder);
    resample_destroy(st->tx_resample);
    red_sender_destroy(st->red);
    mem_free(st->again);
    st->again = NULL;
    mem_free(st->tx_fifo);
    st->red = NULL;
    st->encoder = NULL;
    st->tx_resample = NULL;
    st->tx_fifo = NULL;
    st->tx_fifo_n = 0;
}

/* ---- RTP --------------------------------------------------------------------------------------------------------- */

static bool may_send(struct media_stream *st)
{
    return st->params.active && st->params.send && !st->params.silent && st->breaker.why == BREAKER_CLOSED
           && latch_target(&st->latch);
}

/* Sends the packet of some packets ago once more, when the plan says so, and remembers this one. */
static void send_again(struct media_stream *st, const uint8_t *packet, size_t n)
{
    unsigned after = st->plan.twice_after;
    if (after == 0) { /* what is remembered grows old */
        mem_free(st->again);
        st->again = NULL;
    }
    if (after == 0 || (!st->again && !(st->again = mem_zalloc(MEDIA_AGAIN * sizeof *st->again))))
        return;
    const struct sent_packet *old = &st->again[(st->again_at + MEDIA_AGAIN - after) % MEDIA_AGAIN];
    bool ours = old->n > 0 && memcmp(old->data + SSRC_AT, packet + SSRC_AT, 4) == 0; /* else a collision changed it */
    if (ours)
        (void) sys_udp_send(st->rtp_socket, NULL, latch_target(&st->latch), old->data, old->n);
    struct sent_packet *to = &st->again[st->again_at];
    st->again_at = (st->again_at + 1) % MEDIA_AGAIN;
    to->n = n <= sizeof to->data ? n : 0;
    memcpy(to->data, packet, to->n);
}

/* `p` is numbered; sends it with this payload. */
static void send_packet(struct media_stream *st, struct rtp_packet *p, struct view payload, int64_t now_us)
{
    uint8_t packet[RTP_HEADER_BYTES + AUDIO_MAX_PAYLOAD_BYTES];
    size_t n;
    if (st->sending_us == 0)
        st->sending_us = now_us;
    p->payload = payload;
    protect_sent(&st->protect, p->seq, payload.n);
    if (rtp_print(p, packet, sizeof packet, &n))
        return;
    (void) sys_udp_send(st->rtp_socket, NULL, latch_target(&st->latch), packet, n);
    send_again(st, packet, n);
}

/* What later packets may carry of this one. An empty copy that cannot be kept only takes its place in the sequence. */
static void keep_copy(struct media_stream *st, struct view payload)
{
    uint8_t copy[AUDIO_MAX_PAYLOAD_BYTES];
    if (!st->red || payload.n > sizeof copy)
        return;
    memcpy(copy, payload.p, payload.n);
    size_t n = audio_payload_strip(st->params.tx_codec, copy, payload.n);
    protect_stripped(&st->protect, payload.n - n);
    red_sender_keep(st->red, st->params.tx_pt, st->tx_ts, view_of((const char *) copy, n));
}

/* A key as telephone-event in place of sound (RFC 4733). */
static bool send_event(struct media_stream *st, int64_t now_us)
{
    struct dtmf_packet d;
    if (st->params.tx_event_pt < 0 || !dtmf_sender_tick(&st->keys.sender, st->tx_ts, &d))
        return false;
    struct rtp_send send = { .payload_type = (uint8_t) st->params.tx_event_pt,
                             .marker = d.marker ? RTP_MARKER_SET : RTP_MARKER_CLEAR,
                             .timestamp = d.timestamp,
                             .duration_ts = d.duration_ts,
                             .payload_bytes = DTMF_EVENT_BYTES };
    struct rtp_packet p;
    rtp_session_send(st->rtp, &send, now_us, &p);
    send_packet(st, &p, view_of((const char *) d.payload, DTMF_EVENT_BYTES), now_us);
    if (st->red)
        red_sender_keep(st->red, RED_NOTHING, st->tx_ts, view_of(NULL, 0));
    return true;
}

/* The payload with the copies that go along, when there are any: RFC 2198. */
static struct view with_copies(struct media_stream *st, uint32_t generations, struct view payload, uint8_t *dst,
                               size_t max)
{
    struct red_block primary = { .payload_type = st->params.tx_pt, .data = payload };
    size_t n;
    return red_sender_print(st->red, generations, &primary, st->tx_ts, dst, max, &n) == AHOY_OK
               ? view_of((const char *) dst, n)
               : view_of(NULL, 0);
}

/* ---- pauses ------------------------------------------------------------------------------------------------------ */

/* Only what a microphone of ours gives: a file, a tone or a conference may have quiet parts that are meant to be heard. */
bool media_tx_pauses(const struct media_stream *st)
{
    return st->params.tx_noise_pt >= 0 && st->sound.live && !st->seat && !st->sound.play.file;
}

static void send_noise(struct media_stream *st, int64_t now_us)
{
    uint8_t noise[CNG_MAX_BYTES];
    struct rtp_packet p;
    size_t n = pause_describe(&st->pause, noise);
    struct rtp_send send = { .payload_type = (uint8_t) st->params.tx_noise_pt,
                             .marker = RTP_MARKER_CLEAR,
                             .timestamp = st->tx_ts,
                             .duration_ts = media_params_frame_ts(&st->params),
                             .payload_bytes = n };
    rtp_session_send(st->rtp, &send, now_us, &p);
    send_packet(st, &p, view_of((const char *) noise, n), now_us);
}

/* In a pause: the background is told now and then, and the frame is not sent. */
static bool rests(struct media_stream *st, const int16_t *pcm, size_t n, int64_t now_us)
{
    struct mic_stats mic;
    if (!media_tx_pauses(st))
        return false;
    if (st->pause.rate_hz != st->params.tx_codec->rate_hz)
        pause_init(&st->pause, st->params.tx_codec->rate_hz);
    bool speech = !st->muted && sound_mic_stats(&st->sound, &mic) && mic.speech;
    enum pause_act act = pause_look(&st->pause, pcm, n, speech);
    if (act == PAUSE_DESCRIBE)
        send_noise(st, now_us);
    return act != PAUSE_SEND;
}

static void send_frame(struct media_stream *st, const int16_t *pcm, size_t n, int64_t now_us)
{
    uint8_t coded[AUDIO_MAX_PAYLOAD_BYTES], red[RED_PACKET_BYTES];
    size_t bytes;
    if (!may_send(st) || send_event(st, now_us) || rests(st, pcm, n, now_us))
        return;
    follow_plan(st);
    if (audio_encode(st->encoder, pcm, n, coded, sizeof coded, &bytes) || bytes == 0) {
        if (st->red)
            red_sender_reset(st->red); /* over a pause, distance in time says nothing of sequence numbers */
        return;
    }
    struct view payload = view_of((const char *) coded, bytes), wrapped = view_of(NULL, 0);
    uint32_t generations = st->red ? protect_generations(&st->protect) : 0;
    if (generations != 0)
        wrapped = with_copies(st, generations, payload, red, sizeof red);
    struct rtp_packet p;
    struct rtp_send send = { .payload_type = wrapped.n > 0 ? (uint8_t) st->params.tx_red_pt : st->params.tx_pt,
                             .marker = RTP_MARKER_AUTO,
                             .timestamp = st->tx_ts,
                             .duration_ts = media_params_frame_ts(&st->params),
                             .payload_bytes = wrapped.n > 0 ? wrapped.n : bytes };
    rtp_session_send(st->rtp, &send, now_us, &p);
    send_packet(st, &p, wrapped.n > 0 ? wrapped : payload, now_us);
    keep_copy(st, payload);
}

/* Who is muted is silent, and becomes so and sounds again within 5 ms, without a click. */
static void mute(struct media_stream *st, int16_t *pcm, size_t n)
{
    struct mix_gain *g = &st->tx_gain;
    size_t fade = AHOY_MIN(n, (size_t) st->params.tx_codec->rate_hz / 1000 * MUTE_FADE_MS);
    mix_gain_set(g, st->muted ? MIX_SILENCE_DBFS : 0);
    if (st->sending_us == 0)
        g->now = g->target;
    if (g->now == g->target)
        fade = 0;
    mix_gain_run(g, pcm, fade);
    if (st->muted)
        memset(pcm + fade, 0, (n - fade) * sizeof *pcm);
}

void media_tx_frame(struct media_stream *st, const int16_t *pcm, size_t n, int64_t now_us)
{
    if (!st->encoder)
        return;
    if (st->tx_resample) {
        if (st->tx_fifo_n + resample_max_out(st->tx_resample, n) > TX_FIFO_SAMPLES)
            return;
        st->tx_fifo_n += resample_run(st->tx_resample, pcm, n, st->tx_fifo + st->tx_fifo_n);
    } else {
        n = AHOY_MIN(n, TX_FIFO_SAMPLES - st->tx_fifo_n);
        memcpy(st->tx_fifo + st->tx_fifo_n, pcm, n * sizeof *pcm);
        st->tx_fifo_n += n;
    }
    size_t frame = audio_codec_samples(st->params.tx_codec, st->params.ptime_ms);
    size_t at = 0;
    for (; st->tx_fifo_n - at >= frame; at += frame) {
        mute(st, st->tx_fifo + at, frame);
        media_keys_overlay(st, st->tx_fifo + at, frame);
        send_frame(st, st->tx_fifo + at, frame, now_us);
        st->tx_ts += media_params_frame_ts(&st->params);
    }
    st->tx_fifo_n -= at;
    memmove(st->tx_fifo, st->tx_fifo + at, st->tx_fifo_n * sizeof *pcm);
}

/* ---- RTCP -------------------------------------------------------------------------------------------------------- */

void media_tx_send_rtcp(struct media_stream *st, const void *data, size_t n)
{
    const struct addr *to = latch_target(st->params.rtcp_mux ? &st->latch : &st->rtcp_latch);
    struct sys_udp *socket = st->params.rtcp_mux ? st->rtp_socket : st->rtcp_socket;
    if (to && socket && st->params.active && !st->params.silent)
        (void) sys_udp_send(socket, NULL, to, data, n);
}

void media_tx_rtcp(struct media_stream *st)
{
    uint8_t packet[RTCP_PACKET_BYTES];
    size_t n;
    int64_t now_us = sys_now_us(st->worker->loop);
    if (rtp_session_rtcp_due_us(st->rtp) <= now_us
        && rtp_session_rtcp_build(st->rtp, now_us, packet, sizeof packet, &n) == AHOY_OK)
        media_tx_send_rtcp(st, packet, n);
    int64_t due = rtp_session_rtcp_due_us(st->rtp);
    sys_timer_start_at(st->worker->loop, &st->rtcp_timer, AHOY_MAX(due, now_us + 1000));
}

void media_tx_bye(struct media_stream *st)
{
    uint8_t packet[RTCP_PACKET_BYTES];
    size_t n;
    int64_t now_us = sys_now_us(st->worker->loop);
    if (rtp_session_bye(st->rtp, view_of(NULL, 0), now_us, packet, sizeof packet, &n) == AHOY_OK)
        media_tx_send_rtcp(st, packet, n);
}
