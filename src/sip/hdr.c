#include "sip/hdr.h"

#include "base/chars.h"
#include "sip/core.h"
#include "sip/scan.h"

/* ---- Via --------------------------------------------------------------------------------------------------------- */

/* sent-protocol: three tokens with '/' between them. Returns where it ends, or NULL. */
static const char *via_protocol(const char *p, const char *end, struct view *transport)
{
    static const char usual[] = "SIP/2.0/";
    if ((size_t) (end - p) >= sizeof usual - 1 && memcmp(p, usual, sizeof usual - 1) == 0) {
        p += sizeof usual - 1;
    } else {
        for (int i = 0; i < 2; i++) {
            const char *start = p;
            p = sip_skip(p, end, SIP_C_TOKEN);
            if (p == start)
                return NULL;
            p = sip_skip_lws(p, end);
            if (p == end || *p != '/')
                return NULL;
            p++;
            p = sip_skip_lws(p, end);
        }
    }
    p = sip_skip_lws(p, end);
    const char *start = p;
    p = sip_skip(p, end, SIP_C_TOKEN);
    *transport = sip_span(start, p);
    return p > start && p < end && sip_is(*p, SIP_C_LWS) ? p : NULL;
}

static enum ahoy_err via_param(struct sip_via *via, struct view name, struct view value)
{
    uint64_t x = 0;
    if (name.n == 6 && view_ieq(name, VIEW("branch"))) {
        via->branch = value;
    } else if (name.n == 8 && view_ieq(name, VIEW("received"))) {
        via->received = value;
    } else if (name.n == 5 && view_ieq(name, VIEW("maddr"))) {
        via->maddr = value;
    } else if (name.n == 5 && view_ieq(name, VIEW("rport"))) {
        via->has_rport = true;
        if (value.n > 0 && view_u16(value, &via->rport))
            return AHOY_ERR_SYNTAX;
    } else if (name.n == 3 && view_ieq(name, VIEW("ttl"))) {
        if (view_u64(value, 255, &x))
            return AHOY_ERR_SYNTAX;
        via->ttl = (uint16_t) x;
    }
    return AHOY_OK;
}

enum ahoy_err sip_via_parse(struct view v, struct sip_via *out)
{
    struct sip_via via = { 0 };
    via.text = v = sip_trim(v);
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    const char *end = v.p + v.n, *p = via_protocol(v.p, end, &via.proto_text);
    if (!p)
        return AHOY_ERR_SYNTAX;
    enum ahoy_err err;
    p = sip_hostport(sip_skip_lws(p, end), end, true, &via.host, &via.port, &err);
    if (!p)
        return AHOY_ERR_SYNTAX;
    p = sip_skip_lws(p, end);
    if (p < end && *p != ';')
        return AHOY_ERR_SYNTAX;
    via.params = sip_span(p, end);
    while (p < end) {
        struct view name, value;
        p = sip_param_step(p, end, &name, &value);
        if (!p || via_param(&via, name, value))
            return AHOY_ERR_SYNTAX;
    }
    via.proto = sip_proto_of(via.proto_text);
    *out = via;
    return AHOY_OK;
}

enum ahoy_err sip_via_received(const struct sip_via *via, struct addr *out)
{
    return sip_host_ip(via->received, out);
}

bool sip_branch_is_3261(struct view branch)
{
    return branch.n > 7 && view_istarts(branch, VIEW("z9hG4bK"));
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* name-addr: what is in front of '<', the URI up to '>'. Returns behind '>', or NULL. */
static const char *name_addr(const char *p, const char *open, const char *end, struct sip_addr *a)
{
    const char *close = memchr(open, '>', (size_t) (end - open));
    if (!close)
        return NULL;
    a->display = sip_span(p, sip_trim_end(p, open));
    a->uri = sip_trim(sip_span(open + 1, close)); /* RFC 4475 section 3.1.2.14: white space there means nothing */
    a->has_brackets = true;
    if (a->uri.n == 0 || memchr(a->uri.p, '<', a->uri.n))
        return NULL;
    return sip_skip_lws(close + 1, end);
}

/* addr-spec without brackets: up to the first ';'. */
static const char *addr_spec(const char *p, const char *stop, struct sip_addr *a)
{
    a->uri = sip_span(p, sip_trim_end(p, stop));
    if (a->uri.n == 0 || memchr(a->uri.p, '?', a->uri.n))
        return NULL;
    for (size_t i = 0; i < a->uri.n; i++)
        if (sip_is(a->uri.p[i], SIP_C_LWS))
            return NULL;
    return stop;
}

enum ahoy_err sip_addr_parse_tag(struct view v, struct sip_addr *out, struct view *tag)
{
    struct sip_addr a = { 0 };
    struct view found = { 0 };
    a.text = v = sip_trim(v);
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    const char *p = v.p, *end = p + v.n, *stop;
    if (*p == '"') {
        stop = sip_skip_quoted(p, end);
        stop = stop ? sip_skip_lws(stop, end) : end;
        if (stop == end || *stop != '<')
            return AHOY_ERR_SYNTAX;
    } else {
        stop = sip_skip(p, end, SIP_C_VALUE | SIP_C_LWS);
    }
    if (stop < end && *stop == '<')
        p = name_addr(p, stop, end, &a);
    else
        p = stop == end || *stop == ';' ? addr_spec(p, stop, &a) : NULL;
    if (!p || (p < end && *p != ';'))
        return AHOY_ERR_SYNTAX;
    a.params = sip_span(p, end);
    while (p < end) {
        struct view name, value;
        p = sip_param_step(p, end, &name, &value);
        if (!p)
            return AHOY_ERR_SYNTAX;
        if (name.n == 3 && view_ieq(name, VIEW("tag")))
            found = value;
    }
    *out = a;
    *tag = found;
    return AHOY_OK;
}

enum ahoy_err sip_addr_parse(struct view v, struct sip_addr *out)
{
    struct view tag;
    return sip_addr_parse_tag(v, out, &tag);
}

struct view sip_addr_tag(const struct sip_addr *a)
{
    struct view tag = { 0 };
    return sip_param(a->params, VIEW("tag"), &tag) ? tag : view_of(NULL, 0);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

enum ahoy_err sip_cseq_parse(struct view v, struct sip_cseq *out)
{
    v = sip_trim(v);
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    const char *end = v.p + v.n, *p = v.p;
    uint64_t x = 0;
    while (p < end && chars_is_digit(*p) && x <= INT32_MAX)
        x = x * 10 + (uint64_t) (*p++ - '0');
    if (p == v.p || x > INT32_MAX || p == end || !sip_is(*p, SIP_C_LWS))
        return AHOY_ERR_SYNTAX;
    p = sip_skip_lws(p, end);
    if (p == end || sip_skip(p, end, SIP_C_TOKEN) != end)
        return AHOY_ERR_SYNTAX;
    out->number = (uint32_t) x;
    out->method_text = sip_span(p, end);
    out->method = sip_method_of(out->method_text);
    return AHOY_OK;
}

enum ahoy_err sip_delta_parse(struct view v, uint32_t *out)
{
    v = sip_trim(v);
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    const char *end = v.p + v.n, *p = v.p;
    uint64_t x = 0;
    for (; p < end && chars_is_digit(*p); p++)
        x = AHOY_MIN(x * 10 + (uint64_t) (*p - '0'), (uint64_t) UINT32_MAX);
    if (p == v.p)
        return AHOY_ERR_SYNTAX;
    p = sip_skip_lws(p, end);
    if (p < end && *p != ';' && *p != '(')
        return AHOY_ERR_SYNTAX;
    *out = (uint32_t) x;
    return AHOY_OK;
}

/* qvalue in thousandths; digits beyond the third are cut off. */
static enum ahoy_err parse_q(struct view v, uint16_t *milli)
{
    struct view fraction = v, whole = view_cut(&fraction, '.');
    if (v.n == 0 || whole.n > 1 || (whole.n == 1 && whole.p[0] != '0' && whole.p[0] != '1'))
        return AHOY_ERR_SYNTAX;
    unsigned q = whole.n == 1 && whole.p[0] == '1' ? 1000 : 0, weight = 100;
    for (size_t i = 0; i < fraction.n; i++, weight /= 10) {
        if (!chars_is_digit(fraction.p[i]))
            return AHOY_ERR_SYNTAX;
        q += (unsigned) (fraction.p[i] - '0') * weight;
    }
    if (q > 1000)
        return AHOY_ERR_SYNTAX;
    *milli = (uint16_t) q;
    return AHOY_OK;
}

/* ---- Contact, Content-Type --------------------------------------------------------------------------------------- */

enum ahoy_err sip_contact_parse(struct view v, struct sip_contact *out)
{
    struct sip_contact c = { 0 };
    v = sip_trim(v);
    if (view_eq(v, VIEW("*"))) {
        c.star = true;
        c.addr.text = v;
        *out = c;
        return AHOY_OK;
    }
    if (sip_addr_parse(v, &c.addr))
        return AHOY_ERR_SYNTAX;
    struct view rest = c.addr.params, name, value;
    while (sip_param_next(&rest, &name, &value) == AHOY_OK) {
        if (view_ieq(name, VIEW("q"))) {
            if (parse_q(value, &c.q_milli))
                return AHOY_ERR_SYNTAX;
            c.has_q = true;
        } else if (view_ieq(name, VIEW("expires"))) {
            c.has_expires = true;
            if (sip_delta_parse(value, &c.expires_s))
                c.expires_s = 3600;
        }
    }
    *out = c;
    return AHOY_OK;
}

enum ahoy_err sip_media_type_parse(struct view v, struct sip_media_type *out)
{
    v = sip_trim(v);
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    struct sip_media_type t = { 0 };
    const char *end = v.p + v.n, *p = sip_skip(v.p, end, SIP_C_TOKEN);
    t.type = sip_span(v.p, p);
    p = sip_skip_lws(p, end);
    if (p == end || *p != '/')
        return AHOY_ERR_SYNTAX;
    const char *start = sip_skip_lws(p + 1, end);
    p = sip_skip(start, end, SIP_C_TOKEN);
    t.subtype = sip_span(start, p);
    p = sip_skip_lws(p, end);
    t.params = sip_span(p, end);
    if (t.type.n == 0 || t.subtype.n == 0)
        return AHOY_ERR_SYNTAX;
    struct view name, value;
    while (p < end)
        if ((p = sip_param_step(p, end, &name, &value)) == NULL)
            return AHOY_ERR_SYNTAX;
    *out = t;
    return AHOY_OK;
}

bool sip_media_type_is(const struct sip_media_type *t, struct view type, struct view subtype)
{
    return view_ieq(t->type, type) && view_ieq(t->subtype, subtype);
}
