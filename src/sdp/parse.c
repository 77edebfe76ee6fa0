#include "base/chars.h"
#include "sdp/format.h"
#include "sdp/sdp.h"

enum { MAX_PTIME_MS = 1000 };

struct parser {
    struct view text;
    struct arena *arena;
    struct sdp sdp;
    struct sdp_error why;
    unsigned ptime_ms, maxptime_ms; /* the session's */
    int64_t as_bps, tias_bps;       /* of the part being read */
    int64_t session_bps;
    struct sdp_media *media;   /* all sections … */
    struct sdp_media *m;       /* … and the one being read; NULL in the session part */
    struct sdp_format *format; /* of that section */
    bool own_conn;
    int16_t by_pt[SDP_PT_COUNT]; /* payload type to index of its format, -1: not in the m= line */
};

static enum ahoy_err fail(struct parser *p, enum ahoy_err err, size_t offset, const char *reason)
{
    p->why = (struct sdp_error){ .offset = offset, .reason = reason };
    return err;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the next word between blanks; empty at the end. */
static struct view word(struct view *rest)
{
    size_t at = 0;
    while (at < rest->n && is_blank(rest->p[at]))
        at++;
    size_t end = at;
    while (end < rest->n && !is_blank(rest->p[end]))
        end++;
    struct view w = view_of(rest->n > 0 ? rest->p + at : NULL, end - at);
    *rest = view_from(*rest, end);
    return w;
}

/*
 * Finds the next line that is not blank, without blanks in front. A line ends at CR, LF or both: some devices send one,
 * some the other.
 */
static bool next_line(struct view text, size_t *at, struct view *line)
{
    while (*at < text.n && chars_is_lws(text.p[*at]))
        ++*at;
    if (*at == text.n)
        return false;
    size_t end = *at;
    while (end < text.n && text.p[end] != '\r' && text.p[end] != '\n')
        end++;
    *line = view_of(text.p + *at, end - *at);
    *at = end;
    return true;
}

static struct sdp_line cut_line(struct view line, size_t offset)
{
    struct sdp_line l = { .value = line, .offset = offset };
    if (line.n < 2 || line.p[1] != '=' || !chars_is_alpha(line.p[0]))
        return l;
    l.type = line.p[0];
    l.value = view_from(line, 2);
    if (l.type != 'a')
        return l;
    size_t colon = view_find(l.value, ':');
    l.has_value = colon < l.value.n;
    l.name = view_trim(view_first(l.value, colon));
    l.value = view_trim(view_from(l.value, colon + 1));
    return l;
}

/* Cuts the text into lines; afterwards p->sdp.lines is whole and p->media has room for every section. */
static enum ahoy_err cut_lines(struct parser *p)
{
    size_t lines = 0, medias = 0, at = 0;
    struct view line;
    while (next_line(p->text, &at, &line)) {
        bool is_media = line.n >= 2 && line.p[0] == 'm' && line.p[1] == '=';
        if (++lines > SDP_MAX_LINES)
            return fail(p, AHOY_ERR_LIMIT, at - line.n, "too many lines");
        if (is_media && ++medias > SDP_MAX_MEDIA)
            return fail(p, AHOY_ERR_LIMIT, at - line.n, "too many media sections");
    }
    if (lines == 0)
        return fail(p, AHOY_ERR_SYNTAX, 0, "the description is empty");
    struct sdp_line *v = arena_alloc(p->arena, lines * sizeof *v);
    p->media = arena_alloc(p->arena, medias * sizeof *p->media);
    if (!v || !p->media)
        return AHOY_ERR_NOMEM;
    at = 0;
    for (size_t i = 0; i < lines && next_line(p->text, &at, &line); i++)
        v[i] = cut_line(line, at - line.n);
    p->sdp.lines = (struct sdp_lines){ v, lines };
    p->sdp.session_lines = (struct sdp_lines){ v, 0 };
    p->sdp.media = p->media;
    return AHOY_OK;
}

static struct sdp_conn conn_of(struct view v)
{
    struct sdp_conn c = { 0 };
    struct view net = word(&v), type = word(&v), host = word(&v);
    if (host.n == 0) /* "c=192.0.2.1" and "c=IP4 192.0.2.1" have been seen */
        host = type.n > 0 ? type : net;
    c.host = view_cut(&host, '/');
    c.present = c.host.n > 0;
    struct addr addr;
    if (c.present && !addr_parse_ip(c.host, &addr)) {
        addr.scope = 0; /* an interface of the peer's machine means nothing here */
        c.addr = addr;
        c.null = addr_is_any(&addr);
    }
    return c;
}

static void origin_of(struct sdp *sdp, struct view v)
{
    struct sdp_origin o = { 0 };
    o.user = word(&v);
    o.id = word(&v);
    o.version = word(&v);
    o.net_type = word(&v);
    o.addr_type = word(&v);
    o.host = word(&v);
    if (view_u64(o.id, UINT64_MAX, &o.id_num))
        o.id_num = 0;
    if (view_u64(o.version, UINT64_MAX, &o.version_num))
        o.version_num = 0;
    sdp->origin = o;
    sdp->has_origin = true;
}

/* Leading digits only: "20.5" and "20 " have been seen. 0 when it is out of reason. */
static unsigned ms_of(struct view v)
{
    size_t n = 0;
    uint64_t x;
    while (n < v.n && chars_is_digit(v.p[n]))
        n++;
    return view_u64(view_first(v, n), MAX_PTIME_MS, &x) ? 0 : (unsigned) x;
}

static enum sdp_proto proto_of(struct view v)
{
    for (int i = SDP_RTP_AVP; i <= SDP_TLS_SAVPF; i++)
        if (view_ieq(v, view_str(sdp_proto_name((enum sdp_proto) i))))
            return (enum sdp_proto) i;
    return SDP_PROTO_OTHER;
}

static enum sdp_kind kind_of(struct view v)
{
    for (int i = SDP_AUDIO; i <= SDP_MESSAGE; i++)
        if (view_ieq(v, view_str(sdp_kind_name((enum sdp_kind) i))))
            return (enum sdp_kind) i;
    return SDP_KIND_OTHER;
}

static void format_init(struct parser *p, size_t i, struct view text)
{
    struct sdp_format *f = &p->format[i];
    uint16_t pt;
    *f = (struct sdp_format){ .text = text, .pt = -1 };
    if (p->m->proto == SDP_PROTO_OTHER || view_u16(text, &pt) || pt >= SDP_PT_COUNT)
        return;
    f->pt = pt;
    const struct sdp_static_type *s = sdp_static_type(pt);
    if (s) {
        f->name = view_str(s->name);
        f->clock_hz = s->clock_hz;
        f->channels = s->channels;
        f->is_static = true;
    }
    if (p->by_pt[pt] < 0)
        p->by_pt[pt] = (int16_t) i;
}

static enum ahoy_err read_formats(struct parser *p, const struct sdp_line *line, struct view rest)
{
    size_t n = 0;
    struct view v = rest;
    while (word(&v).n > 0)
        if (++n > SDP_MAX_FORMATS)
            return fail(p, AHOY_ERR_LIMIT, line->offset, "too many formats in an m= line");
    p->format = arena_alloc(p->arena, n * sizeof *p->format);
    if (!p->format)
        return AHOY_ERR_NOMEM;
    memset(p->by_pt, 0xff, sizeof p->by_pt);
    for (size_t i = 0; i < n; i++)
        format_init(p, i, word(&rest));
    p->m->format = p->format;
    p->m->formats = n;
    return AHOY_OK;
}

static int64_t bandwidth(const struct parser *p, int64_t inherited)
{
    return p->tias_bps >= 0 ? p->tias_bps : p->as_bps >= 0 ? p->as_bps : inherited;
}

/* Closes the part being read, the session's or a section's. */
static void end_part(struct parser *p)
{
    if (p->m)
        p->m->bandwidth_bps = bandwidth(p, p->session_bps);
    else
        p->session_bps = bandwidth(p, -1);
    p->as_bps = p->tias_bps = -1;
    p->own_conn = false;
}

static enum ahoy_err begin_media(struct parser *p, const struct sdp_line *line)
{
    struct view v = line->value;
    struct view kind = word(&v), port = word(&v), proto = word(&v);
    end_part(p);
    p->m = &p->media[p->sdp.medias++];
    *p->m = (struct sdp_media){
        .kind = kind_of(kind),
        .kind_text = kind,
        .proto = proto_of(proto),
        .proto_text = proto,
        .conn = p->sdp.conn,
        .dir = p->sdp.dir,
        .port_count = 1,
        .ptime_ms = p->ptime_ms,
        .maxptime_ms = p->maxptime_ms,
        .lines = { line, 0 },
    };
    struct view first = view_cut(&port, '/');
    if (proto.n == 0)
        return fail(p, AHOY_ERR_SYNTAX, line->offset, "an m= line needs a kind, a port and a protocol");
    if (view_u16(first, &p->m->port))
        return fail(p, AHOY_ERR_SYNTAX, line->offset, "the port in an m= line is no port");
    if (port.n > 0 && (view_u32(port, &p->m->port_count) || p->m->port_count == 0))
        p->m->port_count = 1;
    return read_formats(p, line, v);
}

/* The format an rtpmap or fmtp value is about, its number cut off; NULL when the m= line has it not. */
static struct sdp_format *format_for(struct parser *p, struct view *value)
{
    uint16_t pt;
    struct view w = word(value);
    *value = view_trim(*value);
    if (!p->m || view_u16(w, &pt) || pt >= SDP_PT_COUNT || p->by_pt[pt] < 0)
        return NULL;
    return &p->format[p->by_pt[pt]];
}

static void read_rtpmap(struct parser *p, struct view v)
{
    struct sdp_format *f = format_for(p, &v);
    if (!f || (f->name.n > 0 && !f->is_static))
        return;
    struct view name = view_trim(view_cut(&v, '/'));
    struct view clock = view_trim(view_cut(&v, '/'));
    struct view channels = view_trim(view_cut(&v, '/'));
    if (name.n == 0)
        return;
    uint32_t hz, count = 1;
    if (view_u32(clock, &hz) || hz == 0) /* a forgotten rate: RFC 3551's for the number, else the kind's common one */
        hz = f->is_static && view_ieq(f->name, name) ? f->clock_hz : p->m->kind == SDP_VIDEO ? 90000 : 8000;
    if (view_u32(channels, &count) || count == 0 || count > 255)
        count = 1;
    f->name = name;
    f->clock_hz = hz;
    f->channels = count;
    f->is_static = false;
}

static void read_fmtp(struct parser *p, struct view v)
{
    struct sdp_format *f = format_for(p, &v);
    if (f && f->fmtp.n == 0)
        f->fmtp = v;
}

static void read_rtcp(struct parser *p, struct view v)
{
    uint16_t port;
    if (view_u16(word(&v), &port) || port == 0)
        return;
    p->m->rtcp_port = port;
    v = view_trim(v);
    if (v.n > 0)
        p->m->rtcp_conn = conn_of(v);
}

static bool read_direction(struct parser *p, struct view name)
{
    for (int d = SDP_INACTIVE; d <= SDP_SENDRECV; d++)
        if (view_ieq(name, view_str(sdp_dir_name((enum sdp_dir) d)))) {
            *(p->m ? &p->m->dir : &p->sdp.dir) = (enum sdp_dir) d;
            return true;
        }
    return false;
}

static void read_attr(struct parser *p, const struct sdp_line *line)
{
    struct view name = line->name, v = line->value;
    if (!line->has_value) {
        if (read_direction(p, name))
            return;
        if (p->m
            && (view_ieq(name, VIEW("rtcp-mux")) || view_ieq(name, VIEW("rtcp-mux-only")))) /* RFC 5761, RFC 8858 */
            p->m->rtcp_mux = true;
        return;
    }
    if (view_ieq(name, VIEW("ptime")))
        *(p->m ? &p->m->ptime_ms : &p->ptime_ms) = ms_of(v);
    else if (view_ieq(name, VIEW("maxptime")))
        *(p->m ? &p->m->maxptime_ms : &p->maxptime_ms) = ms_of(v);
    else if (!p->m)
        return;
    else if (view_ieq(name, VIEW("rtpmap")))
        read_rtpmap(p, v);
    else if (view_ieq(name, VIEW("fmtp")))
        read_fmtp(p, v);
    else if (view_ieq(name, VIEW("rtcp")))
        read_rtcp(p, v);
    else if (view_ieq(name, VIEW("mid")))
        p->m->mid = v;
}

static void read_bandwidth(struct parser *p, struct view v)
{
    struct view type = view_trim(view_cut(&v, ':'));
    uint64_t x;
    if (view_u64(view_trim(v), UINT32_MAX, &x))
        return;
    if (view_ieq(type, VIEW("AS")))
        p->as_bps = (int64_t) (x * 1000);
    else if (view_ieq(type, VIEW("TIAS")))
        p->tias_bps = (int64_t) x;
}

static void read_conn(struct parser *p, struct view v)
{
    struct sdp_conn c = conn_of(v);
    if (!c.present || p->own_conn) /* of several the first counts */
        return;
    *(p->m ? &p->m->conn : &p->sdp.conn) = c;
    p->own_conn = true;
}

static enum ahoy_err read_line(struct parser *p, const struct sdp_line *line)
{
    switch (line->type) {
    case 'v': /* RFC 3264 section 5: exactly one description */
        return fail(p, AHOY_ERR_SYNTAX, line->offset, "a second description");
    case 'm': return begin_media(p, line);
    case 'a': read_attr(p, line); break;
    case 'b': read_bandwidth(p, line->value); break;
    case 'c': read_conn(p, line->value); break;
    case 'o':
        if (!p->sdp.has_origin)
            origin_of(&p->sdp, line->value);
        break;
    case 's':
        if (!p->m && p->sdp.name.n == 0)
            p->sdp.name = line->value;
        break;
    case 't':
        if (!p->m && p->sdp.time.n == 0)
            p->sdp.time = view_trim(line->value);
        break;
    default: break;
    }
    return AHOY_OK;
}

static enum ahoy_err read_lines(struct parser *p)
{
    const struct sdp_lines all = p->sdp.lines;
    if (all.v[0].type != 'v')
        return fail(p, AHOY_ERR_SYNTAX, all.v[0].offset, "the first line is not v=");
    if (!view_eq(view_trim(all.v[0].value), VIEW("0")))
        return fail(p, AHOY_ERR_SYNTAX, all.v[0].offset, "the version is not 0");
    p->sdp.session_lines.n = 1;
    for (size_t i = 1; i < all.n; i++) {
        enum ahoy_err err = read_line(p, &all.v[i]);
        if (err)
            return err;
        if (p->m)
            p->m->lines.n++;
        else
            p->sdp.session_lines.n++;
    }
    end_part(p);
    return AHOY_OK;
}

enum ahoy_err sdp_parse(struct view text, struct arena *arena, struct sdp *out, struct sdp_error *why)
{
    struct parser p = {
        .text = text,
        .arena = arena,
        .sdp.dir = SDP_SENDRECV,
        .as_bps = -1,
        .tias_bps = -1,
        .session_bps = -1,
    };
    enum ahoy_err err = AHOY_OK;
    while (p.text.n > 0 && (p.text.p[p.text.n - 1] == '\0' || chars_is_lws(p.text.p[p.text.n - 1])))
        p.text.n--;
    size_t zero = view_find(p.text, '\0');
    if (p.text.n > SDP_MAX_BYTES)
        err = fail(&p, AHOY_ERR_LIMIT, SDP_MAX_BYTES, "the description is too long");
    else if (zero < p.text.n)
        err = fail(&p, AHOY_ERR_SYNTAX, zero, "a zero byte in the text");
    if (!err)
        err = cut_lines(&p);
    if (!err)
        err = read_lines(&p);
    if (!err)
        *out = p.sdp;
    else if (why && p.why.reason)
        *why = p.why;
    return err;
}
