/* Our side of a description: the lines of an offer or an answer, and their text. */
#include "sdp/desc.h"

#include <stdio.h>

/* A value that may stand in a line. */
static bool is_text(struct view v)
{
    return view_find(v, '\r') == v.n && view_find(v, '\n') == v.n && view_find(v, '\0') == v.n;
}

static bool is_attributes(struct view v)
{
    struct view line;
    while (view_line(&v, &line))
        if (line.n > 0 && (!is_text(line) || !view_starts(line, VIEW("a=")) || line.n == 2))
            return false;
    return true;
}

static bool is_name(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] == '/' || v.p[i] == 0x7f)
            return false;
    return v.n > 0;
}

static bool check_codec(const struct sdp_codec *c)
{
    struct sdp_format_id id;
    return is_name(c->name) && is_text(c->fmtp) && c->pt < SDP_PT_COUNT
           && sdp_format_id(c->name, c->clock_hz, c->channels, c->fmtp, &id);
}

static bool check_cap(const struct sdp_cap *cap)
{
    if (cap->off)
        return true;
    bool rtp_proto = cap->proto > SDP_PROTO_OTHER && cap->proto <= SDP_TLS_SAVPF;
    if (cap->kind <= SDP_KIND_OTHER || cap->kind > SDP_MESSAGE || !rtp_proto || cap->rtp.family == ADDR_NONE
        || cap->rtp.port == 0 || cap->codecs > SDP_MAX_CODECS || (cap->codecs == 0 && !cap->events))
        return false;
    if (cap->rtcp.family == ADDR_NONE && cap->rtp.port == UINT16_MAX && !cap->rtcp_mux)
        return false;
    if (!is_text(cap->events_fmtp) || !is_attributes(cap->extra) || cap->dir > SDP_SENDRECV)
        return false;
    bool useful = cap->codecs == 0; /* events alone are a stream (RFC 4733 section 2.5.1.1), red alone is none */
    for (size_t i = 0; i < cap->codecs; i++) {
        if (!check_codec(&cap->codec[i]))
            return false;
        useful = useful || !view_ieq(cap->codec[i].name, VIEW("red"));
    }
    return useful;
}

enum ahoy_err desc_check(const struct sdp_local *local)
{
    if (local->caps > SDP_MAX_CAPS || local->addr.family == ADDR_NONE || !is_attributes(local->extra))
        return AHOY_ERR_INVAL;
    for (size_t i = 0; i < local->caps; i++)
        if (!check_cap(&local->cap[i]))
            return AHOY_ERR_INVAL;
    return AHOY_OK;
}

/* A line with port 0 (RFC 3264 section 8.2), of the same kind, protocol and one format as before or as offered. */
static enum ahoy_err dead_line(struct arena *arena, struct view kind, struct view proto, struct view format, int cap,
                               enum sdp_reject why, struct desc_media *m)
{
    *m = (struct desc_media){ .cap = cap, .reject = why };
    if (!arena_view(arena, kind, &m->kind_text) || !arena_view(arena, proto, &m->proto_text)
        || !arena_view(arena, format.n > 0 ? format : VIEW("0"), &m->dead_format))
        return AHOY_ERR_NOMEM;
    for (int k = SDP_AUDIO; k <= SDP_MESSAGE; k++)
        if (view_ieq(kind, view_str(sdp_kind_name((enum sdp_kind) k))))
            m->kind = (enum sdp_kind) k;
    return AHOY_OK;
}

static enum ahoy_err dead_like(struct arena *arena, const struct desc_media *old, struct desc_media *m)
{
    struct view format = old->dead_format;
    char pt[16];
    if (format.n == 0 && old->formats > 0) {
        (void) snprintf(pt, sizeof pt, "%u", old->format[0].pt);
        format = view_str(pt);
    }
    return dead_line(arena, old->kind_text, old->proto_text, format, old->cap, SDP_REJECT_OFF, m);
}

static enum ahoy_err dead_remote(struct arena *arena, const struct sdp_media *r, int cap, enum sdp_reject why,
                                 struct desc_media *m)
{
    return dead_line(arena, r->kind_text, r->proto_text, r->formats > 0 ? r->format[0].text : VIEW("0"), cap, why, m);
}

/* All of a live line but its formats, from the cap. */
static enum ahoy_err live_line(struct arena *arena, const struct sdp_cap *cap, int index, struct desc_media *m)
{
    *m = (struct desc_media){
        .cap = index,
        .active = true,
        .kind = cap->kind,
        .kind_text = view_str(sdp_kind_name(cap->kind)),
        .proto_text = view_str(sdp_proto_name(cap->proto)),
        .protos = cap->protos | SDP_PROTO_BIT(cap->proto),
        .any_family = cap->any_family,
        .dir = cap->dir,
        .ptime_ms = cap->ptime_ms,
        .maxptime_ms = cap->maxptime_ms,
        .bandwidth_kbps = cap->bandwidth_kbps,
        .rtp = cap->rtp,
        .rtcp = cap->rtcp,
        .rtcp_mux = cap->rtcp_mux,
    };
    return arena_view(arena, cap->extra, &m->extra) ? AHOY_OK : AHOY_ERR_NOMEM;
}

static const struct sdp_media *remote_line(const struct desc_build *b, size_t i)
{
    return b->remote && i < b->remote->medias ? &b->remote->media[i] : NULL;
}

static enum ahoy_err offer_line(const struct desc_build *b, size_t i, size_t c, struct desc *out)
{
    const struct sdp_cap *cap = &b->local->cap[c];
    struct desc_media *m = &out->media[i];
    enum ahoy_err err = live_line(b->arena, cap, (int) c, m);
    if (err)
        return err;
    const struct sdp_media *r = remote_line(b, i);
    struct desc_choice choice = { .arena = b->arena, .cap = cap, .remote = r, .map = &b->map[i], .mux = cap->rtcp_mux };
    if (r && r->mid.n > 0 && !arena_view(b->arena, r->mid, &m->mid)) /* it keeps the name it has */
        return AHOY_ERR_NOMEM;
    err = desc_choose(&choice, m);
    return err ? err : m->formats == 0 ? AHOY_ERR_LIMIT : AHOY_OK;
}

/*
 * The line for a stream that has none (RFC 3264 section 8.1): a dead one of its kind, else a new one. A dead one of
 * another kind only when no new one is left: it is as legal, but devices stumble over a line that changes from video
 * to audio.
 */
static size_t free_line(const struct desc_build *b, const struct desc *out, const bool *taken, enum sdp_kind kind)
{
    size_t any = SDP_MAX_MEDIA;
    for (size_t i = 0; i < out->n; i++) {
        const struct desc_media *old = b->before && i < b->before->n ? &b->before->media[i] : NULL;
        const struct sdp_media *r = remote_line(b, i);
        bool dead = old && !taken[i] && (!old->active || !r || r->port == 0);
        if (dead && old->kind == kind)
            return i;
        if (dead && any == SDP_MAX_MEDIA)
            any = i;
    }
    return out->n < SDP_MAX_MEDIA ? out->n : any;
}

enum ahoy_err desc_offer(const struct desc_build *b, struct desc *out)
{
    bool taken[SDP_MAX_MEDIA] = { false }, placed[SDP_MAX_CAPS] = { false };
    enum ahoy_err err = AHOY_OK;
    *out = (struct desc){ .addr = b->local->addr, .time = VIEW("0 0") };
    out->n = b->before ? b->before->n : 0;
    for (size_t i = 0; i < out->n && !err; i++) {
        int c = b->before->media[i].cap;
        bool wanted = c >= 0 && (size_t) c < b->local->caps && !b->local->cap[c].off && !placed[c];
        if (wanted) {
            placed[c] = taken[i] = true;
            err = offer_line(b, i, (size_t) c, out);
        } else {
            err = dead_like(b->arena, &b->before->media[i], &out->media[i]);
        }
    }
    for (size_t c = 0; c < b->local->caps && !err; c++) {
        if (placed[c] || b->local->cap[c].off)
            continue;
        size_t i = free_line(b, out, taken, b->local->cap[c].kind);
        if (i == SDP_MAX_MEDIA)
            return AHOY_ERR_LIMIT;
        out->n = AHOY_MAX(out->n, i + 1);
        taken[i] = true;
        err = offer_line(b, i, c, out);
    }
    if (!err && !arena_view(b->arena, b->local->extra, &out->extra))
        err = AHOY_ERR_NOMEM;
    return err;
}

static enum sdp_reject fits(const struct sdp_cap *cap, const struct sdp_media *r)
{
    if (r->kind != cap->kind)
        return SDP_REJECT_KIND;
    if (r->proto == SDP_PROTO_OTHER || !(cap->protos & SDP_PROTO_BIT(r->proto)))
        return SDP_REJECT_PROTO;
    if (!r->conn.present || addr_is_multicast(&r->conn.addr))
        return SDP_REJECT_ADDRESS;
    if (!cap->any_family && !r->conn.null && r->conn.addr.family != ADDR_NONE && r->conn.addr.family != cap->rtp.family)
        return SDP_REJECT_ADDRESS;
    return SDP_REJECT_NONE;
}

/* Tries to answer a line with a cap; *why says what came of it. */
static enum ahoy_err answer_line(const struct desc_build *b, size_t i, size_t c, struct desc_media *m,
                                 enum sdp_reject *why)
{
    const struct sdp_cap *cap = &b->local->cap[c];
    const struct sdp_media *r = &b->remote->media[i];
    *why = cap->off ? SDP_REJECT_UNWANTED : fits(cap, r);
    if (*why != SDP_REJECT_NONE)
        return AHOY_OK;
    struct desc_media built;
    enum ahoy_err err = live_line(b->arena, cap, (int) c, &built);
    if (err)
        return err;
    built.proto_text = view_str(sdp_proto_name(r->proto));
    built.rtcp_mux = cap->rtcp_mux && r->rtcp_mux;
    if (built.rtcp_mux) /* agreed: there is no second port to speak of */
        built.rtcp = (struct addr){ 0 };
    built.dir = (enum sdp_dir)(cap->dir & sdp_dir_reverse(r->dir)); /* RFC 3264 section 6.1 */
    struct desc_choice choice = {
        .arena = b->arena, .cap = cap, .remote = r, .map = &b->map[i], .answer = true, .mux = built.rtcp_mux
    };
    err = desc_choose(&choice, &built);
    if (!err && !arena_view(b->arena, r->mid, &built.mid)) /* RFC 5888 section 9.1: the same names */
        err = AHOY_ERR_NOMEM;
    if (err)
        return err;
    if (built.formats == 0)
        *why = SDP_REJECT_FORMAT;
    else
        *m = built;
    return AHOY_OK;
}

/* The cap that was in this line, if the line is still of its kind; else -1. */
static int cap_before(const struct desc_build *b, size_t i)
{
    int c = b->before && i < b->before->n ? b->before->media[i].cap : -1;
    if (c < 0 || (size_t) c >= b->local->caps || b->local->cap[c].kind != b->remote->media[i].kind)
        return -1;
    return c;
}

/* First the lines whose stream is known: a newcomer must not take its place. */
static enum ahoy_err answer_known(const struct desc_build *b, struct desc *out, bool *placed)
{
    for (size_t i = 0; i < out->n; i++) {
        int c = cap_before(b, i);
        if (c < 0 || placed[c] || b->remote->media[i].port == 0)
            continue;
        struct desc_media *m = &out->media[i];
        enum sdp_reject why;
        enum ahoy_err err = answer_line(b, i, (size_t) c, m, &why);
        if (err)
            return err;
        m->reject = why;
        placed[c] = m->active;
    }
    return AHOY_OK;
}

/* Then the first stream that fits; several of a kind share the caps of that kind in order. */
static enum ahoy_err answer_new(const struct desc_build *b, struct desc *out, bool *placed, size_t i)
{
    struct desc_media *m = &out->media[i];
    for (size_t c = 0; c < b->local->caps && !m->active; c++) {
        enum sdp_reject why = SDP_REJECT_UNWANTED;
        if (b->local->cap[c].kind != b->remote->media[i].kind)
            continue;
        enum ahoy_err err = placed[c] ? AHOY_OK : answer_line(b, i, c, m, &why);
        if (err)
            return err;
        if (m->active)
            placed[c] = true;
        else
            m->reject = AHOY_MAX(m->reject, why);
    }
    return AHOY_OK;
}

enum ahoy_err desc_answer(const struct desc_build *b, struct desc *out)
{
    bool placed[SDP_MAX_CAPS] = { false };
    *out = (struct desc){ .addr = b->local->addr, .n = b->remote->medias };
    enum ahoy_err err = answer_known(b, out, placed);
    for (size_t i = 0; i < out->n && !err; i++)
        if (!out->media[i].active && b->remote->media[i].port > 0)
            err = answer_new(b, out, placed, i);
    for (size_t i = 0; i < out->n && !err; i++) {
        struct desc_media *m = &out->media[i];
        if (m->active)
            continue;
        int c = cap_before(b, i);
        enum sdp_reject why = b->remote->media[i].port == 0  ? SDP_REJECT_OFF
                              : m->reject == SDP_REJECT_NONE ? SDP_REJECT_KIND
                                                             : m->reject;
        err = dead_remote(b->arena, &b->remote->media[i], c >= 0 && placed[c] ? -1 : c, why, m);
    }
    /* RFC 3264 section 6: the answer's t= equals the offer's */
    struct view time = b->remote->time.n > 0 ? b->remote->time : VIEW("0 0");
    if (!err && (!arena_view(b->arena, time, &out->time) || !arena_view(b->arena, b->local->extra, &out->extra)))
        err = AHOY_ERR_NOMEM;
    return err;
}

enum ahoy_err desc_answer_none(const struct desc_build *b, struct desc *out)
{
    struct view time = b->remote->time.n > 0 ? b->remote->time : VIEW("0 0");
    *out = (struct desc){ .addr = b->local->addr, .n = b->remote->medias };
    if (!arena_view(b->arena, time, &out->time))
        return AHOY_ERR_NOMEM;
    for (size_t i = 0; i < out->n; i++) {
        const struct sdp_media *r = &b->remote->media[i];
        const struct desc_media *old = b->before && i < b->before->n ? &b->before->media[i] : NULL;
        int cap = old && view_ieq(old->kind_text, r->kind_text) ? old->cap : -1;
        enum sdp_reject why = r->port == 0 ? SDP_REJECT_OFF : SDP_REJECT_UNWANTED;
        enum ahoy_err err = dead_remote(b->arena, r, cap, why, &out->media[i]);
        if (err)
            return err;
    }
    return AHOY_OK;
}
