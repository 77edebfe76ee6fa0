/* What the parsers of this folder share: character classes of RFC 3261 section 25.1 and steps of a cursor. Pure. */
#ifndef AHOY_SIP_SCAN_H
#define AHOY_SIP_SCAN_H

#include "base/view.h"

enum {
    SIP_C_TOKEN = 0x01,
    SIP_C_LWS = 0x02,    /* SP HTAB CR LF: the head's scanner has seen to it that a CRLF inside a value is a fold */
    SIP_C_HOST = 0x04,   /* of a name or IPv4 address; '_' occurs in practice */
    SIP_C_USER = 0x08,   /* of a URI's userinfo but '%' and ':'; '#' is not in the grammar, but telephones dial it */
    SIP_C_PARAM = 0x10,  /* paramchar but '%' */
    SIP_C_HVALUE = 0x20, /* of a URI's headers but '%' and '=' */
    SIP_C_VALUE = 0x40,  /* of an unquoted parameter value: any but white space, controls and  " < > , ;  */
    SIP_C_LIST = 0x80,   /* what may end or hide the end of an item of a comma list:  , " < (  */
};

extern const uint8_t sip_class[256];

static inline bool sip_is(char c, unsigned classes)
{
    return (sip_class[(uint8_t) c] & classes) != 0;
}

/* The first byte that is in none of the classes, or `end`. */
static inline const char *sip_skip(const char *p, const char *end, unsigned classes)
{
    while (p < end && sip_is(*p, classes))
        p++;
    return p;
}

static inline const char *sip_skip_lws(const char *p, const char *end)
{
    return sip_skip(p, end, SIP_C_LWS);
}

/* Where the text from `p` to `end` ends when the white space at its end is left out. */
static inline const char *sip_trim_end(const char *p, const char *end)
{
    while (end > p && sip_is(end[-1], SIP_C_LWS))
        end--;
    return end;
}

static inline struct view sip_span(const char *p, const char *end)
{
    return view_of(p, (size_t) (end - p));
}

static inline struct view sip_trim(struct view v)
{
    if (v.n == 0) /* the pointer may be NULL */
        return v;
    const char *end = v.p + v.n, *p = sip_skip_lws(v.p, end);
    return sip_span(p, sip_trim_end(p, end));
}

/* `p` is at an opening quote: behind the closing one, or NULL without one. */
const char *sip_skip_quoted(const char *p, const char *end);

/*
 * One step through ";name=value": `p` is anywhere in front of a ';' or the end. Returns where to go on, NULL when
 * malformed, or `end` with an empty name at the end. A flag's value has no pointer.
 */
const char *sip_param_step(const char *p, const char *end, struct view *name, struct view *value);

/* The first control character but HTAB at or behind `p`, or `end`. Eight bytes at a time. */
static inline const char *sip_find_control(const char *p, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255;
    for (;;) {
        for (uint64_t x; end - p >= 8; p += 8) {
            memcpy(&x, p, sizeof x);
            if (((x - ones * 0x20) & ~x & ones * 0x80) != 0) /* some byte is below 0x20 */
                break;
        }
        const char *stop = end - p >= 8 ? p + 8 : end;
        while (p < stop && ((uint8_t) *p >= 0x20 || *p == '\t'))
            p++;
        if (p < stop || p == end)
            return p;
    }
}

/* One header field line, its continuation lines included. */
struct sip_line {
    struct view name;  /* empty in a malformed line */
    struct view value; /* trimmed */
    const char *next;  /* the line behind */
    bool ended;        /* a line end was there */
    bool bare_cr;      /* a CR without LF is in it */
};

/* Takes the line at `p` apart. `p` is in front of `end` and at no empty line. */
void sip_line_scan(const char *p, const char *end, struct sip_line *out);

/* Behind the empty line at `p`, or NULL when `p` is not at one. */
static inline const char *sip_empty_line(const char *p, const char *end)
{
    if (p < end && *p == '\n')
        return p + 1;
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* Digits only. SYNTAX otherwise; RANGE above `max`. */
AHOY_MUST_USE enum ahoy_err sip_content_length(struct view value, size_t *out);

/*
 * An address literal as a host of SIP, brackets kept, also with RFC 5118 section 4.10's third colon. SYNTAX for a name.
 */
struct addr;
AHOY_MUST_USE enum ahoy_err sip_host_ip(struct view host, struct addr *out);

/*
 * host [":" port] at `p`, white space allowed round the colon if `lws` (COLON of a Via). Returns where it ends; NULL
 * for a SYNTAX or RANGE error, which is in *err.
 */
const char *sip_hostport(const char *p, const char *end, bool lws, struct view *host, uint16_t *port,
                         enum ahoy_err *err);

#endif
