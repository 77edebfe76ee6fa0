/* A media session's descriptions (RFC 3264): what is offered, and what the stream is told of what was agreed. */
#include "media/session_priv.h"

#include "base/mem.h"
#include "rtp/cn.h"

#include <string.h>

/* What we are ready for, as sdp/offer.h wants it; the arrays live as long as the caller's frame. */
struct local_description {
    struct sdp_codec codec[MEDIA_MAX_CODECS + 1]; /* … and RED */
    char fmtp[MEDIA_MAX_CODECS][AUDIO_FMTP_BYTES];
    struct sdp_cap cap;
    struct sdp_local local;
};

#define XR_LINE "a=rtcp-xr:" RTCP_XR_SDP "\r\n"

/* Whether the offer that waits knows the attribute of RFC 3611: then its sender is asked, too (section 5.2). */
static bool offers_xr(const struct sdp *offer)
{
    struct view value;
    for (size_t i = 0; offer && i < offer->medias; i++)
        if (sdp_attr_inherited(offer, &offer->media[i], VIEW("rtcp-xr"), &value))
            return true;
    return false;
}

/* What we want to receive, as text in `dst`; a codec without parameters has none. */
static struct view local_fmtp(const struct audio_codec *c, char dst[AUDIO_FMTP_BYTES])
{
    struct audio_params params = audio_codec_default_params(c);
    struct buf b;
    params.dred = audio_opus_build().dred; /* only Opus prints it */
    buf_init(&b, AUDIO_FMTP_BYTES);
    audio_codec_print_fmtp(c, &params, &b);
    size_t n = buf_err(&b) ? 0 : b.n;
    if (n > 0)
        memcpy(dst, b.p, n);
    buf_fini(&b);
    return n > 0 ? view_of(dst, n) : view_str(c->fmtp);
}

/* Feedback while it is of use: what is missing is asked for, reports are short and frequent (RFC 4585, RFC 5506). */
#define QUICK_LINES "a=rtcp-fb:* nack\r\na=rtcp-rsize\r\n"

static bool wants_quick_feedback(const struct sdp *remote, const struct sdp_media *m)
{
    struct view value;
    if (!sdp_attr_inherited(remote, m, VIEW("rtcp-rsize"), &value))
        return false;
    for (const struct sdp_line *l = NULL; (l = sdp_attr(m->lines, VIEW("rtcp-fb"), l));) {
        struct view rest = l->value;
        (void) view_cut(&rest, ' '); /* the payload type, or * for all */
        if (view_ieq(view_trim(rest), VIEW("nack")))
            return true;
    }
    return false;
}

static bool offers_quick_feedback(const struct sdp *offer)
{
    for (size_t i = 0; i < offer->medias; i++)
        if (wants_quick_feedback(offer, &offer->media[i]))
            return true;
    return false;
}

/* `offer`: the peer's, when this is to be the answer. */
static void describe(struct media_session *s, const struct sdp *offer, struct local_description *d)
{
    *d = (struct local_description){ 0 };
    bool noise = false, opus = false;
    size_t n = s->config.codecs.n;
    for (size_t i = 0; i < n; i++) {
        const struct audio_codec *c = s->config.codecs.codec[i];
        d->codec[i] = (struct sdp_codec){ .name = view_str(c->name),
                                          .clock_hz = c->clock_hz,
                                          .channels = c->channels,
                                          .fmtp = local_fmtp(c, d->fmtp[i]) };
        noise |= c->clock_hz == 8000;
        opus = opus || c->ops->set_fec;
    }
    if (opus) /* RED of a codec of fixed rate would double it */
        d->codec[n++] = (struct sdp_codec){ .name = VIEW("red"), .clock_hz = 48000, .channels = 2 };
    d->cap = (struct sdp_cap){ .kind = SDP_AUDIO,
                               .codec = d->codec,
                               .codecs = n,
                               .events = true,
                               .comfort_noise = noise,
                               .dir = s->hold ? SDP_SENDONLY : SDP_SENDRECV,
                               .ptime_ms = s->config.ptime_ms,
                               .rtp = s->rtp,
                               .rtcp = s->rtcp,
                               .rtcp_mux = true,
                               .proto = SDP_RTP_AVP,
                               .protos = SDP_PROTO_BIT(SDP_RTP_AVP) | SDP_PROTO_BIT(SDP_RTP_AVPF) };
    bool xr = !offer || offers_xr(offer), quick = !offer || offers_quick_feedback(offer);
    d->cap.extra = xr && quick ? VIEW(XR_LINE QUICK_LINES) : xr ? VIEW(XR_LINE) : quick ? VIEW(QUICK_LINES) : VIEW("");
    d->local = (struct sdp_local){ .addr = s->rtp, .cap = &d->cap, .caps = 1 };
}

/*
 * Comfort noise has the static number 13 (RFC 3551 section 6), and gateways send it unasked: beside a codec of its clock it is
 * what it is, and no loss.
 */
static void add_static_noise(struct media_params *p)
{
    bool fits = false, taken = p->rx_n == MEDIA_MAX_RX;
    for (size_t i = 0; i < p->rx_n; i++) {
        fits |= p->rx[i].use == SDP_USE_CODEC && p->rx[i].codec->clock_hz == 8000;
        taken |= p->rx[i].pt == CN_PAYLOAD_TYPE;
    }
    if (!fits || taken)
        return;
    p->rx[p->rx_n].pt = CN_PAYLOAD_TYPE;
    p->rx[p->rx_n++].use = SDP_USE_CN;
}

static void fill_rx(const struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    for (size_t i = 0; i < stream->formats && p->rx_n < MEDIA_MAX_RX; i++) {
        const struct sdp_agreed *f = &stream->format[i];
        if (f->use == SDP_USE_CODEC && (f->codec < 0 || (size_t) f->codec >= s->offered.n))
            continue;
        p->rx[p->rx_n].pt = f->rx_pt;
        p->rx[p->rx_n].use = f->use;
        p->rx[p->rx_n].codec = f->use == SDP_USE_CODEC ? s->offered.codec[f->codec] : NULL;
        p->rx_n++;
    }
    add_static_noise(p);
}

static void fill_tx(const struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    const struct sdp_agreed *f = sdp_stream_codec(stream);
    if (!f || f->codec < 0 || (size_t) f->codec >= s->offered.n)
        return;
    p->tx_codec = s->offered.codec[f->codec];
    p->tx_pt = f->tx_pt;
    p->tx_params = audio_codec_parse_fmtp(p->tx_codec, f->tx_fmtp);
    unsigned ptime = stream->ptime_ms > 0 ? stream->ptime_ms : s->config.ptime_ms;
    if (stream->maxptime_ms > 0)
        ptime = AHOY_MIN(ptime, stream->maxptime_ms);
    p->ptime_ms = audio_codec_ptime_fit(p->tx_codec, AHOY_MIN(AHOY_MAX(ptime, 10u), 60u));
    const struct sdp_agreed *event = sdp_stream_events(stream, p->tx_codec->clock_hz);
    if (event && event->clock_hz == p->tx_codec->clock_hz)
        p->tx_event_pt = event->tx_pt;
    p->event_clock_hz = event ? event->clock_hz : 0;
    const struct sdp_agreed *noise = sdp_stream_cn(stream, p->tx_codec->clock_hz);
    p->tx_noise_pt = noise && !p->tx_codec->ops->recover ? noise->tx_pt : -1; /* Opus has its own */
    const struct sdp_agreed *red = sdp_stream_red(stream, p->tx_codec->clock_hz);
    p->tx_red_pt = red && p->tx_codec->ops->set_fec ? red->tx_pt : -1;
    p->bandwidth_bps = stream->bandwidth_bps;
    const struct sdp *remote = sdp_session_remote(s->sdp);
    p->quick_feedback = remote && stream->remote && wants_quick_feedback(remote, stream->remote);
}

static void fill_xr(const struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    struct view value;
    if (stream->remote && sdp_attr_inherited(sdp_session_remote(s->sdp), stream->remote, VIEW("rtcp-xr"), &value))
        rtcp_xr_parse_sdp(value, &p->xr);
}

/* ---- the peer's address ------------------------------------------------------------------------------------------ */

static void hand_down(struct media_session *s, struct media_cmd *c);

static void host_found(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct media_session *s = arg;
    struct media_cmd *c;
    s->query = NULL;
    if (err || n == 0) {
        log_write(media_engine_log(s->engine), LOG_WARN, "media", "the peer's address for sound, %s, was not found: %s",
                  s->host, ahoy_err_text(err));
        return;
    }
    s->host_addr = records[0].u.addr;
    if ((c = media_cmd_new(s, MEDIA_CMD_CONFIGURE)))
        hand_down(s, c);
}

/* RFC 8866 section 5.7 allows a name where everybody writes an address: it is looked up, and sending begins then. */
static void find_host(struct media_session *s, const struct sdp_stream *stream, struct media_params *p)
{
    char host[SYS_DNS_NAME_BYTES];
    if (!view_copy(stream->host, host, sizeof host) || !host[0])
        return;
    if (!view_ieq(view_str(host), view_str(s->host))) {
        sys_dns_cancel(s->query);
        s->query = NULL;
        s->host_addr = (struct addr){ 0 };
        (void) view_copy(view_str(host), s->host, sizeof s->host);
    }
    if (s->host_addr.family) {
        p->rtp = addr_with_port(&s->host_addr, stream->rtp.port);
        p->rtcp = addr_with_port(&s->host_addr, stream->rtcp.port);
    } else if (!s->query
               && sys_dns_start(&s->query, s->loop, s->host, s->rtp.family == ADDR_IP6 ? SYS_DNS_AAAA : SYS_DNS_A,
                                host_found, s)) {
        s->query = NULL;
    }
}

/* ---- handing down ------------------------------------------------------------------------------------------------ */

static bool may_retune(const struct media_session *s)
{
    if (s->recordings > 0) /* a file has one rate */
        return false;
    if (s->config.sound == MEDIA_SOUND_DEVICE)
        return sound_is_live(&s->config) || (s->config.device.kind != AUDIO_FILE && s->config.device.kind != AUDIO_MEM);
    return s->config.sound == MEDIA_SOUND_ECHO;
}

/*
 * The sound's rate is the first codec's. It goes up with a better codec, so that its sound is heard, where the source
 * has no rate of its own; never down, for that would only be to hear.
 */
static uint32_t choose_rate(const struct media_session *s, const struct audio_codec *codec)
{
    if (s->config.sound == MEDIA_SOUND_ENDPOINT)
        return s->config.endpoint.rate_hz;
    if (s->sound_hz == 0 || (codec->rate_hz > s->sound_hz && may_retune(s)))
        return codec->rate_hz;
    return s->sound_hz;
}

/* Tells the stream what is agreed. Takes `c`. */
static void hand_down(struct media_session *s, struct media_cmd *c)
{
    const struct sdp_stream *stream = sdp_session_stream_of(s->sdp, 0);
    struct media_params *p = &c->u.params;
    p->tx_event_pt = p->tx_red_pt = p->tx_noise_pt = -1;
    p->bandwidth_bps = -1;
    p->signalling = s->signalling;
    if (stream && stream->active) {
        p->active = true;
        p->send = stream->dir & SDP_SENDONLY;
        p->receive = stream->dir & SDP_RECVONLY;
        p->held = stream->held;
        p->silent = stream->silent;
        p->rtcp_mux = stream->rtcp_mux;
        p->rtp = stream->rtp;
        p->rtcp = stream->rtcp;
        if (p->rtp.family == ADDR_NONE && !p->silent)
            find_host(s, stream, p);
        fill_rx(s, stream, p);
        fill_tx(s, stream, p);
        fill_xr(s, stream, p);
        if (p->tx_codec)
            p->sound_hz = s->sound_hz = choose_rate(s, p->tx_codec);
    }
    media_cmd_post(c);
}

/* ---- offers and answers ------------------------------------------------------------------------------------------ */

enum ahoy_err media_session_offer(struct media_session *s, struct buf *out)
{
    struct local_description d;
    if (!s->ready)
        return AHOY_ERR_STATE;
    describe(s, NULL, &d);
    enum ahoy_err err = sdp_session_offer(s->sdp, &d.local, out);
    if (err)
        return err;
    s->before = s->offered;
    s->offered = s->config.codecs;
    return AHOY_OK;
}

enum ahoy_err media_session_answer(struct media_session *s, struct view offer, struct buf *out, struct sdp_error *why)
{
    struct local_description d;
    if (!s->ready)
        return AHOY_ERR_STATE;
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_CONFIGURE);
    if (!c)
        return AHOY_ERR_NOMEM;
    size_t at = out->n;
    enum ahoy_err err = sdp_session_receive_offer(s->sdp, offer, why);
    if (err)
        goto fail;
    describe(s, sdp_session_remote(s->sdp), &d);
    err = sdp_session_answer(s->sdp, &d.local, out);
    if (!err && !(err = buf_err(out))) {
        s->offered = s->config.codecs;
        hand_down(s, c);
        return AHOY_OK;
    }
    buf_truncate(out, AHOY_MIN(at, out->n));
    sdp_session_rollback(s->sdp);
fail:
    mem_free(c);
    return err;
}

enum ahoy_err media_session_apply(struct media_session *s, struct view answer, bool final, struct sdp_error *why)
{
    struct media_cmd *c = media_cmd_new(s, MEDIA_CMD_CONFIGURE);
    if (!c)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = sdp_session_apply_answer(s->sdp, answer, final, why);
    if (err) {
        mem_free(c);
        return err;
    }
    s->provisional = !final;
    hand_down(s, c);
    return AHOY_OK;
}

void media_session_rollback(struct media_session *s)
{
    struct media_cmd *c;
    if (sdp_session_state(s->sdp) == SDP_STABLE)
        return;
    if (sdp_session_state(s->sdp) == SDP_HAVE_LOCAL_OFFER)
        s->offered = s->before;
    sdp_session_rollback(s->sdp);
    if (s->provisional && (c = media_cmd_new(s, MEDIA_CMD_CONFIGURE)))
        hand_down(s, c);
    s->provisional = false;
}

bool media_session_offering(const struct media_session *s)
{
    return sdp_session_state(s->sdp) == SDP_HAVE_LOCAL_OFFER;
}

bool media_session_active(const struct media_session *s)
{
    const struct sdp_stream *stream = sdp_session_stream_of(s->sdp, 0);
    return stream && stream->active;
}

void media_session_set_signalling(struct media_session *s, const struct addr *peer)
{
    s->signalling = *peer;
}
