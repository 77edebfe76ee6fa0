#include "sip/msg.h"

#include "sip/scan.h"

/*
 * *scanned is one of two things: how many bytes of the head were searched for the empty line, or, marked by the top
 * bit, how long the whole message will be. So the Content-Length of a body that trickles in is looked up once.
 */
static const size_t KNOWN = ~(SIZE_MAX >> 1);

static size_t count_empty_lines(struct view raw)
{
    if (raw.n == 0)
        return 0;
    const char *p = raw.p, *end = raw.p + raw.n, *next;
    while ((next = sip_empty_line(p, end)) != NULL)
        p = next;
    return (size_t) (p - raw.p);
}

/* The length of start line, header fields and empty line, or 0 with *scanned moved on. */
static size_t find_head(struct view v, size_t *scanned)
{
    size_t from = AHOY_MIN(*scanned, v.n);
    while (from < v.n) {
        const char *lf = memchr(v.p + from, '\n', v.n - from);
        if (!lf) {
            from = v.n;
            break;
        }
        const char *end = v.p + v.n, *body = sip_empty_line(lf + 1, end);
        if (body)
            return (size_t) (body - v.p);
        from = (size_t) (lf - v.p);
        if (end - lf <= 2) /* what follows this LF is yet to come */
            break;
        from++;
    }
    *scanned = from;
    return 0;
}

/* The one Content-Length of a complete head. */
static enum ahoy_err head_content_length(struct view head, size_t *out)
{
    size_t n = 0;
    unsigned seen = 0;
    const char *end = head.p + head.n;
    for (const char *p = memchr(head.p, '\n', head.n); p; p = memchr(p, '\n', (size_t) (end - p))) {
        if (++p == end)
            break;
        if ((*p | 0x20) != 'c' && (*p | 0x20) != 'l')
            continue;
        struct sip_line line;
        sip_line_scan(p, end, &line);
        if (sip_hdr_id_of(line.name) == SIP_HDR_CONTENT_LENGTH) {
            if (++seen > 1 || sip_content_length(line.value, &n))
                return AHOY_ERR_SYNTAX;
        }
        p = line.next - 1;
    }
    if (seen == 0)
        return AHOY_ERR_SYNTAX;
    *out = n;
    return AHOY_OK;
}

enum ahoy_err sip_stream_frame(struct view raw, const struct sip_limits *limits, size_t *scanned, size_t *skip,
                               size_t *length)
{
    size_t empty = count_empty_lines(raw);
    *skip = empty;
    struct view v = view_from(raw, empty);
    if ((*scanned & KNOWN) == 0) {
        size_t head = find_head(v, scanned), body = 0;
        if (head == 0 || head > limits->max_bytes) {
            if (v.n <= limits->max_bytes)
                return AHOY_ERR_INCOMPLETE;
            *length = 0;
            return AHOY_ERR_LIMIT;
        }
        if (head_content_length(view_first(v, head), &body)) {
            *length = head;
            return AHOY_ERR_SYNTAX;
        }
        if (body > limits->max_bytes - head) {
            *length = head;
            return AHOY_ERR_LIMIT;
        }
        *scanned = KNOWN | (head + body);
    }
    size_t total = *scanned & ~KNOWN;
    if (v.n < total)
        return AHOY_ERR_INCOMPLETE;
    *length = total;
    return AHOY_OK;
}
