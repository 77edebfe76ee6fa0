#include "sip/build.h"

#include "sip/scan.h"

static bool is_token(struct view v)
{
    return v.n > 0 && sip_skip(v.p, v.p + v.n, SIP_C_TOKEN) == v.p + v.n;
}

/* What would break a line in two is a programmer's or user's mistake; the error sticks. */
static void fail(struct buf *b)
{
    if (!b->err)
        b->err = AHOY_ERR_INVAL;
}

/* Text without line ends but those of folds. */
static void put_text(struct buf *b, struct view v)
{
    if (v.n == 0)
        return;
    const char *p = v.p, *end = v.p + v.n;
    while (p < end) {
        const char *start = p;
        while (p < end && *p != '\r' && *p != '\n')
            p++;
        buf_put(b, start, (size_t) (p - start));
        if (p == end)
            return;
        if (end - p >= 3 && p[0] == '\r' && p[1] == '\n' && (p[2] == ' ' || p[2] == '\t')) {
            buf_put(b, p, 3);
            p += 3;
        } else {
            buf_char(b, ' ');
            p++;
        }
    }
}

void sip_build_request_line(struct buf *b, struct view method, struct view uri)
{
    bool one_word = uri.n > 0;
    for (size_t i = 0; i < uri.n; i++)
        one_word = one_word && (uint8_t) uri.p[i] > 0x20 && uri.p[i] != 0x7f;
    if (!is_token(method) || !one_word) {
        fail(b);
        return;
    }
    buf_view(b, method);
    buf_char(b, ' ');
    buf_view(b, uri);
    buf_str(b, " SIP/2.0\r\n");
}

void sip_build_status_line(struct buf *b, unsigned status, struct view reason)
{
    if (status < 100 || status > 699) {
        fail(b);
        return;
    }
    buf_str(b, "SIP/2.0 ");
    buf_u64(b, status);
    buf_char(b, ' ');
    if (reason.n == 0)
        buf_str(b, sip_reason(status));
    for (size_t i = 0; i < reason.n; i++)
        buf_char(b, (uint8_t) reason.p[i] < 0x20 || reason.p[i] == 0x7f ? ' ' : reason.p[i]);
    buf_str(b, "\r\n");
}

void sip_build_hdr_named(struct buf *b, struct view name, struct view value)
{
    if (!is_token(name)) {
        fail(b);
        return;
    }
    buf_view(b, name);
    buf_put(b, ": ", 2);
    put_text(b, value);
    buf_put(b, "\r\n", 2);
}

void sip_build_hdr(struct buf *b, enum sip_hdr_id id, struct view value)
{
    sip_build_hdr_named(b, view_str(sip_hdr_name(id)), value);
}

void sip_build_hdr_printf(struct buf *b, enum sip_hdr_id id, const char *fmt, ...)
{
    struct buf value;
    buf_init(&value, SIP_BUILD_MAX_BYTES);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&value, fmt, ap);
    va_end(ap);
    if (!buf_err(&value))
        sip_build_hdr(b, id, buf_content(&value));
    else if (!b->err)
        b->err = buf_err(&value);
    buf_fini(&value);
}

void sip_build_hdr_u32(struct buf *b, enum sip_hdr_id id, uint32_t value)
{
    buf_str(b, sip_hdr_name(id));
    buf_put(b, ": ", 2);
    buf_u64(b, value);
    buf_put(b, "\r\n", 2);
}

void sip_build_copy(struct buf *b, const struct sip_msg *m, enum sip_hdr_id id)
{
    for (const struct sip_hdr *h = sip_msg_first(m, id); h; h = sip_msg_next(m, h))
        sip_build_hdr(b, id, h->value);
}

void sip_build_body(struct buf *b, struct view content_type, struct view body)
{
    if (body.n > 0 && content_type.n > 0)
        sip_build_hdr(b, SIP_HDR_CONTENT_TYPE, content_type);
    buf_str(b, sip_hdr_name(SIP_HDR_CONTENT_LENGTH));
    buf_put(b, ": ", 2);
    buf_u64(b, body.n);
    buf_put(b, "\r\n\r\n", 4);
    buf_view(b, body);
}

void sip_build_display(struct buf *b, struct view display)
{
    bool plain = view_trim(display).n == display.n; /* token characters and spaces between them need no quotes */
    for (size_t i = 0; i < display.n; i++)
        plain = plain && (display.p[i] == ' ' || sip_is(display.p[i], SIP_C_TOKEN));
    if (plain) {
        buf_view(b, display);
        return;
    }
    buf_char(b, '"');
    for (size_t i = 0; i < display.n; i++) {
        char c = display.p[i];
        if (c == '"' || c == '\\')
            buf_char(b, '\\');
        buf_char(b, (uint8_t) c < 0x20 || c == 0x7f ? ' ' : c);
    }
    buf_char(b, '"');
}
