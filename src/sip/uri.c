#include "sip/uri.h"

#include "base/chars.h"
#include "sip/scan.h"

/* A run of characters of the class and %HH escapes. */
static const char *skip_escaped(const char *p, const char *end, unsigned classes)
{
    for (;;) {
        p = sip_skip(p, end, classes);
        if (end - p < 3 || *p != '%' || chars_hex(p[1]) < 0 || chars_hex(p[2]) < 0)
            return p;
        p += 3;
    }
}

/* user [":" password] in front of '@'. */
static enum ahoy_err parse_userinfo(struct view v, struct sip_uri *u)
{
    const char *end = v.p + v.n, *p = skip_escaped(v.p, end, SIP_C_USER);
    u->has_user = true;
    u->user = sip_span(v.p, p);
    if (p == end)
        return AHOY_OK;
    if (*p != ':' || skip_escaped(p + 1, end, SIP_C_USER) != end)
        return AHOY_ERR_SYNTAX;
    u->password = sip_span(p + 1, end);
    return AHOY_OK;
}

/* *( ";" pname [ "=" pvalue ] ). Returns where they end, or NULL. */
static const char *skip_params(const char *p, const char *end)
{
    while (p < end && *p == ';') {
        const char *name = ++p;
        p = skip_escaped(p, end, SIP_C_PARAM);
        if (p == name)
            return NULL;
        if (p < end && *p == '=')
            p = skip_escaped(p + 1, end, SIP_C_PARAM);
    }
    return p;
}

/* hname "=" hvalue *( "&" … ) up to the end. */
static bool are_headers(const char *p, const char *end)
{
    for (;; p++) {
        const char *name = p;
        p = skip_escaped(p, end, SIP_C_HVALUE);
        if (p == name || p == end || *p != '=')
            return false;
        p = skip_escaped(p + 1, end, SIP_C_HVALUE);
        if (p == end)
            return true;
        if (*p != '&')
            return false;
    }
}

static enum ahoy_err parse_sip(const char *p, const char *end, struct sip_uri *u)
{
    const char *at = memchr(p, '@', (size_t) (end - p));
    if (at) {
        if (parse_userinfo(sip_span(p, at), u))
            return AHOY_ERR_SYNTAX;
        p = at + 1;
    }
    enum ahoy_err err;
    p = sip_hostport(p, end, false, &u->host, &u->port, &err);
    if (!p)
        return err;
    const char *params = p;
    p = skip_params(p, end);
    if (!p)
        return AHOY_ERR_SYNTAX;
    u->params = sip_span(params, p);
    if (p == end)
        return AHOY_OK;
    if (*p != '?' || !are_headers(p + 1, end))
        return AHOY_ERR_SYNTAX;
    u->headers = sip_span(p + 1, end);
    return AHOY_OK;
}

/* RFC 3966 section 3: a number of digits and visual separators, then parameters. */
static enum ahoy_err parse_tel(const char *p, const char *end, struct sip_uri *u)
{
    const char *start = p;
    bool any = false;
    for (; p < end && *p != ';'; p++) {
        bool separator = *p == '-' || *p == '.' || *p == '(' || *p == ')';
        bool plus = *p == '+' && p == start;
        bool digit = chars_hex(*p) >= 0 || *p == '*' || *p == '#';
        if (!separator && !plus && !digit)
            return AHOY_ERR_SYNTAX;
        any |= digit;
    }
    u->user = sip_span(start, p);
    u->has_user = true;
    u->params = sip_span(p, end);
    return any && skip_params(p, end) == end ? AHOY_OK : AHOY_ERR_SYNTAX;
}

static enum ahoy_err parse_other(const char *p, const char *end, struct sip_uri *u)
{
    u->user = sip_span(p, end);
    for (; p < end; p++)
        if ((uint8_t) *p <= 0x20 || *p == 0x7f || *p == '<' || *p == '>' || *p == '"')
            return AHOY_ERR_SYNTAX;
    return u->user.n > 0 ? AHOY_OK : AHOY_ERR_SYNTAX;
}

static enum sip_scheme scheme_of(struct view v)
{
    if (view_ieq(v, VIEW("sip")))
        return SIP_SCHEME_SIP;
    if (view_ieq(v, VIEW("sips")))
        return SIP_SCHEME_SIPS;
    return view_ieq(v, VIEW("tel")) ? SIP_SCHEME_TEL : SIP_SCHEME_OTHER;
}

enum ahoy_err sip_uri_parse(struct view v, struct sip_uri *out)
{
    struct sip_uri u = { .text = v };
    if (v.n == 0 || !chars_is_alpha(v.p[0]))
        return AHOY_ERR_SYNTAX;
    const char *p = v.p, *end = v.p + v.n;
    while (p < end && (chars_is_alnum(*p) || *p == '+' || *p == '-' || *p == '.'))
        p++;
    if (p == end || *p != ':')
        return AHOY_ERR_SYNTAX;
    u.scheme_text = sip_span(v.p, p);
    u.scheme = scheme_of(u.scheme_text);
    p++;
    enum ahoy_err err;
    switch (u.scheme) {
    case SIP_SCHEME_SIP:
    case SIP_SCHEME_SIPS: err = parse_sip(p, end, &u); break;
    case SIP_SCHEME_TEL: err = parse_tel(p, end, &u); break;
    default: err = parse_other(p, end, &u); break;
    }
    if (!err)
        *out = u;
    return err;
}

/* ---- escapes ----------------------------------------------------------------------------------------------------- */

/* The next byte with its escape resolved. `v` is not empty. */
static char take_unescaped(struct view *v)
{
    int high = -1, low = -1;
    if (v->n >= 3 && v->p[0] == '%') {
        high = chars_hex(v->p[1]);
        low = chars_hex(v->p[2]);
    }
    bool escape = high >= 0 && low >= 0;
    char c = v->p[0];
    if (escape)
        c = (char) (high << 4 | low);
    *v = view_from(*v, escape ? 3 : 1);
    return c;
}

void sip_uri_unescape(struct view v, struct buf *out)
{
    while (v.n > 0)
        buf_char(out, take_unescaped(&v));
}

static void put_user_char(char c, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    if (sip_is(c, SIP_C_USER) && c != '#') {
        buf_char(out, c);
        return;
    }
    const char escape[3] = { '%', digits[(uint8_t) c >> 4], digits[(uint8_t) c & 15] };
    buf_put(out, escape, sizeof escape);
}

void sip_uri_escape_user(struct view v, struct buf *out)
{
    for (size_t i = 0; i < v.n; i++)
        put_user_char(v.p[i], out);
}

void sip_uri_put_user(struct view user, struct buf *out)
{
    while (user.n > 0)
        put_user_char(take_unescaped(&user), out);
}

/* `raw`, escapes resolved, is `name` without case. */
static bool is_named(struct view raw, struct view name)
{
    while (raw.n > 0 && name.n > 0) {
        if (chars_lower(take_unescaped(&raw)) != chars_lower(name.p[0]))
            return false;
        name = view_from(name, 1);
    }
    return raw.n == 0 && name.n == 0;
}

bool sip_uri_param(const struct sip_uri *u, struct view name, struct view *value)
{
    struct view rest = view_from(u->params, 1);
    while (rest.n > 0) {
        struct view v = view_cut(&rest, ';'), n = view_cut(&v, '=');
        if (is_named(n, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

bool sip_uri_is_loose(const struct sip_uri *u)
{
    struct view value;
    return sip_uri_param(u, VIEW("lr"), &value);
}

enum ahoy_err sip_uri_ip(const struct sip_uri *u, struct addr *out)
{
    struct addr a;
    enum ahoy_err err = sip_host_ip(u->host, &a);
    if (err)
        return err;
    a.port = u->port;
    *out = a;
    return AHOY_OK;
}

/* ---- other forms ------------------------------------------------------------------------------------------------- */

enum ahoy_err sip_uri_aor(const struct sip_uri *u, struct buf *out)
{
    if (u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS)
        return AHOY_ERR_SYNTAX;
    buf_str(out, "sip:");
    if (u->has_user) {
        sip_uri_put_user(u->user, out);
        buf_char(out, '@');
    }
    struct addr ip;
    char text[ADDR_TEXT_BYTES];
    if (sip_uri_ip(u, &ip) == AHOY_OK)
        buf_str(out, addr_print_ip(&ip, true, text));
    else
        for (size_t i = 0; i < u->host.n; i++)
            buf_char(out, chars_lower(u->host.p[i]));
    if (u->port > 0) {
        buf_char(out, ':');
        buf_u64(out, u->port);
    }
    return buf_err(out);
}

void sip_uri_put_request(const struct sip_uri *u, struct buf *out)
{
    if (u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS) {
        buf_view(out, u->text);
        return;
    }
    buf_put(out, u->text.p, (size_t) (u->params.p - u->text.p));
    struct view rest = view_from(u->params, 1);
    while (rest.n > 0) {
        struct view param = view_cut(&rest, ';'), value = param, name = view_cut(&value, '=');
        if (is_named(name, VIEW("method")))
            continue;
        buf_char(out, ';');
        buf_view(out, param);
    }
}
