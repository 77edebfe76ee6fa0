/* What our line and the peer's come to: a pure function of the two, so that both ends agree. */
#include "sdp/desc.h"

static const struct desc_format *find_ours(const struct desc_media *m, const struct sdp_format_id *id)
{
    for (size_t i = 0; i < m->formats; i++)
        if (sdp_format_id_eq(&m->format[i].id, id))
            return &m->format[i];
    return NULL;
}

static void agree(struct sdp_stream *s, struct sdp_agreed *v, const struct desc_format *ours,
                  const struct sdp_format *r)
{
    for (size_t i = 0; i < s->formats; i++)
        if (v[i].rx_pt == ours->pt) /* the peer lists it twice: its first is what it prefers */
            return;
    v[s->formats++] = (struct sdp_agreed){
        .use = ours->use,
        .codec = ours->codec,
        .name = ours->name,
        .clock_hz = ours->clock_hz,
        .channels = ours->channels,
        .tx_pt = (uint8_t) r->pt,
        .rx_pt = (uint8_t) ours->pt,
        .tx_fmtp = r->fmtp,
        .rx_fmtp = ours->fmtp,
    };
}

/* Sorts from the peer's order into that of our line. At most DESC_MAX_FORMATS of each. */
static void order_as_ours(struct sdp_agreed *v, size_t n, const struct desc_media *ours)
{
    size_t done = 0;
    for (size_t i = 0; i < ours->formats; i++)
        for (size_t j = done; j < n; j++)
            if (v[j].rx_pt == ours->format[i].pt) {
                struct sdp_agreed a = v[j];
                v[j] = v[done];
                v[done++] = a;
                break;
            }
}

static enum ahoy_err match_formats(const struct desc_match *in, struct sdp_stream *s)
{
    const struct sdp_media *theirs = in->theirs;
    struct sdp_agreed *v = arena_alloc(in->arena, (in->ours->formats + 1) * sizeof *v);
    if (!v)
        return AHOY_ERR_NOMEM;
    for (size_t i = 0; i < theirs->formats; i++) {
        const struct sdp_format *r = &theirs->format[i];
        struct sdp_format_id id;
        if (r->pt < 0 || !sdp_format_id(r->name, r->clock_hz, r->channels, r->fmtp, &id))
            continue;
        const struct desc_format *ours = find_ours(in->ours, &id);
        if (ours)
            agree(s, v, ours, r);
    }
    if (in->we_answered)
        order_as_ours(v, s->formats, in->ours);
    s->format = v;
    return AHOY_OK;
}

static void match_times(const struct desc_match *in, struct sdp_stream *s)
{
    const struct sdp_media *theirs = in->theirs;
    s->ptime_ms = theirs->ptime_ms > 0 ? theirs->ptime_ms : in->ours->ptime_ms > 0 ? in->ours->ptime_ms : SDP_PTIME_MS;
    s->maxptime_ms = theirs->maxptime_ms;
    if (s->maxptime_ms > 0 && s->ptime_ms > s->maxptime_ms)
        s->ptime_ms = s->maxptime_ms;
    s->bandwidth_bps = theirs->bandwidth_bps;
}

static void match_addresses(const struct desc_match *in, struct sdp_stream *s)
{
    const struct sdp_media *theirs = in->theirs;
    s->host = theirs->conn.host;
    s->rtp = sdp_media_rtp(theirs);
    s->rtcp_mux = in->ours->rtcp_mux && theirs->rtcp_mux;
    s->rtcp = s->rtcp_mux ? s->rtp : sdp_media_rtcp(theirs);
}

static void match_direction(const struct desc_match *in, struct sdp_stream *s)
{
    const struct sdp_media *theirs = in->theirs;
    s->dir = (enum sdp_dir)(in->ours->dir & sdp_dir_reverse(theirs->dir));
    s->silent = theirs->conn.null;
    if (s->silent)
        s->dir = (enum sdp_dir)(s->dir & SDP_RECVONLY);
    if (s->silent)
        s->held = true;
    else if (theirs->dir & SDP_RECVONLY)
        s->held = false;
    else if (in->we_answered || (in->ours->dir & SDP_SENDONLY))
        s->held = true;
    else /* we did not offer to send, so the answer could not say; RFC 6337 section 5.3 */
        s->held = in->before && in->before->held;
}

static enum sdp_reject refused(const struct desc_match *in)
{
    const struct desc_media *ours = in->ours;
    const struct sdp_media *theirs = in->theirs;
    if (!ours->active)
        return ours->reject != SDP_REJECT_NONE ? ours->reject : SDP_REJECT_OFF;
    if (!theirs || theirs->port == 0)
        return SDP_REJECT_PEER;
    if (!view_ieq(theirs->kind_text, ours->kind_text))
        return SDP_REJECT_KIND;
    if (theirs->proto == SDP_PROTO_OTHER || !(ours->protos & SDP_PROTO_BIT(theirs->proto)))
        return SDP_REJECT_PROTO;
    if (!theirs->conn.present || addr_is_multicast(&theirs->conn.addr))
        return SDP_REJECT_ADDRESS;
    if (!ours->any_family && !theirs->conn.null && theirs->conn.addr.family != ADDR_NONE
        && theirs->conn.addr.family != ours->rtp.family)
        return SDP_REJECT_ADDRESS;
    return SDP_REJECT_NONE;
}

enum ahoy_err desc_match(const struct desc_match *in, struct sdp_stream *out)
{
    struct sdp_stream s = {
        .cap = in->ours->cap,
        .kind = in->ours->kind,
        .remote = in->theirs,
        .reject = refused(in),
        .bandwidth_bps = -1,
        .ptime_ms = SDP_PTIME_MS,
    };
    enum ahoy_err err = AHOY_OK;
    if (s.reject == SDP_REJECT_NONE)
        err = match_formats(in, &s);
    if (err)
        return err;
    if (s.reject == SDP_REJECT_NONE && !sdp_stream_codec(&s) && !(in->ours->events_only && s.formats > 0))
        s.reject = SDP_REJECT_FORMAT;
    if (s.reject == SDP_REJECT_NONE) {
        s.active = true;
        s.proto = in->theirs->proto;
        match_times(in, &s);
        match_addresses(in, &s);
        match_direction(in, &s);
    }
    *out = s;
    return AHOY_OK;
}

static const struct sdp_agreed *first_of(const struct sdp_stream *s, enum sdp_use use, uint32_t clock_hz)
{
    for (size_t i = 0; i < s->formats; i++)
        if (s->format[i].use == use && (clock_hz == 0 || s->format[i].clock_hz == clock_hz))
            return &s->format[i];
    return NULL;
}

const struct sdp_agreed *sdp_stream_codec(const struct sdp_stream *stream)
{
    return first_of(stream, SDP_USE_CODEC, 0);
}

const struct sdp_agreed *sdp_stream_events(const struct sdp_stream *stream, uint32_t clock_hz)
{
    const struct sdp_agreed *a = first_of(stream, SDP_USE_EVENT, clock_hz);
    return a ? a : first_of(stream, SDP_USE_EVENT, 0);
}

const struct sdp_agreed *sdp_stream_cn(const struct sdp_stream *stream, uint32_t clock_hz)
{
    return clock_hz > 0 ? first_of(stream, SDP_USE_CN, clock_hz) : NULL;
}

const struct sdp_agreed *sdp_stream_red(const struct sdp_stream *stream, uint32_t clock_hz)
{
    return clock_hz > 0 ? first_of(stream, SDP_USE_RED, clock_hz) : NULL;
}

const struct sdp_agreed *sdp_stream_rx(const struct sdp_stream *stream, unsigned pt)
{
    for (size_t i = 0; i < stream->formats; i++)
        if (stream->format[i].rx_pt == pt)
            return &stream->format[i];
    return NULL;
}
