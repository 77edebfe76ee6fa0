#include "sip/scan.h"

#include "base/addr.h"
#include "base/chars.h"

/* A bit a class; tests/sip/test_hdr.c holds each against the grammar's own list of characters. */
const uint8_t sip_class[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x79, 0x80, 0x48, 0x78, 0x41,
    0x58, 0x79, 0xf8, 0x78, 0x79, 0x79, 0x88, 0x7d, 0x7d, 0x78, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d,
    0x7d, 0x70, 0x08, 0x80, 0x48, 0x00, 0x68, 0x40, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d,
    0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x70, 0x40, 0x70, 0x40,
    0x7d, 0x41, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d,
    0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x7d, 0x40, 0x40, 0x40, 0x79, 0x00, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
};

const char *sip_skip_quoted(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && ++p == end)
            return NULL;
    }
    return NULL;
}

const char *sip_param_step(const char *p, const char *end, struct view *name, struct view *value)
{
    p = sip_skip_lws(p, end);
    *name = *value = view_of(NULL, 0);
    if (p == end)
        return end;
    if (*p != ';')
        return NULL;
    p = sip_skip_lws(p + 1, end);
    const char *start = p;
    p = sip_skip(p, end, SIP_C_TOKEN);
    if (p == start)
        return NULL;
    *name = sip_span(start, p);
    p = sip_skip_lws(p, end);
    if (p == end || *p != '=')
        return p == end || *p == ';' ? p : NULL;
    p = sip_skip_lws(p + 1, end);
    start = p;
    if (p < end && *p == '"')
        p = sip_skip_quoted(p, end);
    else
        p = sip_skip(p, end, SIP_C_VALUE);
    if (!p)
        return NULL;
    *value = sip_span(start, p);
    p = sip_skip_lws(p, end);
    return p == end || *p == ';' ? p : NULL;
}

void sip_line_scan(const char *p, const char *end, struct sip_line *out)
{
    *out = (struct sip_line){ 0 };
    const char *name = p;
    p = sip_skip(p, end, SIP_C_TOKEN);
    const char *name_end = p;
    while (p < end && (*p == ' ' || *p == '\t')) /* HCOLON allows them in front of the colon */
        p++;
    bool well_formed = name_end > name && p < end && *p == ':';
    if (well_formed)
        p++;
    const char *value = p;
    for (;;) {
        p = sip_find_control(p, end);
        if (p == end)
            break;
        bool crlf = *p == '\r' && end - p >= 2 && p[1] == '\n';
        if (!crlf && *p != '\n') {
            out->bare_cr |= *p == '\r';
            p++;
            continue;
        }
        out->next = p + (crlf ? 2 : 1);
        if (out->next < end && (*out->next == ' ' || *out->next == '\t')) {
            p = out->next;
            continue;
        }
        out->ended = true;
        break;
    }
    if (!out->ended)
        out->next = end;
    if (!well_formed)
        return;
    out->name = sip_span(name, name_end);
    value = sip_skip_lws(value, p);
    out->value = sip_span(value, sip_trim_end(value, p));
}

enum ahoy_err sip_content_length(struct view value, size_t *out)
{
    uint64_t n;
    enum ahoy_err err = view_u64(value, SIZE_MAX / 4, &n);
    if (!err)
        *out = (size_t) n;
    return err;
}

enum ahoy_err sip_host_ip(struct view host, struct addr *out)
{
    if (host.n == 0 || view_find(host, '%') < host.n) /* a zone is for this machine to name, not for a peer */
        return AHOY_ERR_SYNTAX;
    if (addr_parse_ip(host, out) == AHOY_OK)
        return AHOY_OK;
    char fixed[64];
    size_t at = view_search(host, VIEW(":::"));
    if (at == host.n || host.n > sizeof fixed)
        return AHOY_ERR_SYNTAX;
    memcpy(fixed, host.p, at);
    memcpy(fixed + at, host.p + at + 1, host.n - at - 1);
    return addr_parse_ip(view_of(fixed, host.n - 1), out);
}

const char *sip_hostport(const char *p, const char *end, bool lws, struct view *host, uint16_t *port,
                         enum ahoy_err *err)
{
    const char *start = p;
    *port = 0;
    *err = AHOY_ERR_SYNTAX;
    if (p < end && *p == '[') {
        const char *close = memchr(p, ']', (size_t) (end - p));
        if (!close)
            return NULL;
        p = close + 1;
        struct addr ip;
        if (sip_host_ip(sip_span(start, p), &ip))
            return NULL;
    } else {
        p = sip_skip(p, end, SIP_C_HOST);
        if (p == start)
            return NULL;
    }
    *host = sip_span(start, p);
    const char *host_end = p;
    if (lws)
        p = sip_skip_lws(p, end);
    if (p == end || *p != ':')
        return host_end;
    p++;
    if (lws)
        p = sip_skip_lws(p, end);
    start = p;
    uint32_t x = 0;
    while (p < end && chars_is_digit(*p) && x <= UINT16_MAX)
        x = x * 10 + (uint32_t) (*p++ - '0');
    if (p == start)
        return NULL;
    if (x == 0 || x > UINT16_MAX) {
        *err = AHOY_ERR_RANGE;
        return NULL;
    }
    *port = (uint16_t) x;
    return p;
}
