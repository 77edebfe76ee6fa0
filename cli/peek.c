#include "cli/peek.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 32, FRAME_MAX = 65535 };

struct span {
    const char *p;
    size_t n;
};

/* The line at *rest, without its end; moves *rest behind it. False at the end. */
static bool next_line(struct span *rest, struct span *line)
{
    if (rest->n == 0)
        return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t) (end - rest->p) : rest->n;
    *line = (struct span){ rest->p, n };
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    n += end ? 1 : 0;
    rest->p += n;
    rest->n -= n;
    return true;
}

static struct span trim(struct span s)
{
    while (s.n > 0 && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The value of `line` if it is the header `name` (or its compact form). */
static bool header(struct span line, const char *name, char compact, struct span *value)
{
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon)
        return false;
    struct span key = trim((struct span){ line.p, (size_t) (colon - line.p) });
    bool same = (key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0)
                || (compact && key.n == 1 && (key.p[0] | 0x20) == compact);
    if (same)
        *value = trim((struct span){ colon + 1, (size_t) (line.p + line.n - colon - 1) });
    return same;
}

static void put(char *dst, size_t size, struct span s)
{
    struct text t;
    text_init(&t, dst, size);
    text_clean(&t, s.p, s.n, false);
}

static bool digits(struct span s, size_t max, uint32_t *out)
{
    char word[12];
    if (s.n == 0 || s.n > max || s.n >= sizeof word)
        return false;
    memcpy(word, s.p, s.n);
    word[s.n] = 0;
    return text_number(word, 0, 4294967295u, out);
}

static bool first_line(struct span line, struct peek *out)
{
    uint32_t status;
    if (line.n >= 11 && memcmp(line.p, "SIP/2.0 ", 8) == 0 && digits((struct span){ line.p + 8, 3 }, 3, &status)) {
        out->status = (unsigned) status;
        put(out->what, sizeof out->what, (struct span){ line.p + 8, line.n - 8 });
        return true;
    }
    const char *space = memchr(line.p, ' ', line.n);
    if (!space || space == line.p || space - line.p > METHOD_MAX || line.n < 9)
        return false;
    if (memcmp(line.p + line.n - 8, " SIP/2.0", 8) != 0)
        return false;
    out->request = true;
    put(out->what, sizeof out->what, (struct span){ line.p, (size_t) (space - line.p) });
    return true;
}

bool peek_message(const char *p, size_t n, struct peek *out)
{
    struct span rest = { p, n }, line, value;
    struct peek peek = { .request = false };
    if (!next_line(&rest, &line) || !first_line(line, &peek))
        return false;
    while (next_line(&rest, &line) && line.n > 0) {
        if (header(line, "CSeq", 0, &value)) {
            const char *space = memchr(value.p, ' ', value.n);
            struct span number = { value.p, space ? (size_t) (space - value.p) : value.n };
            if (digits(number, 10, &peek.cseq) && space)
                put(peek.cseq_method, sizeof peek.cseq_method,
                    trim((struct span){ space, (size_t) (value.p + value.n - space) }));
        } else if (header(line, "Call-ID", 'i', &value)) {
            put(peek.call_id, sizeof peek.call_id, value);
        } else if (header(line, "Content-Type", 'c', &value)) {
            peek.sdp = value.n >= 15 && strncasecmp(value.p, "application/sdp", 15) == 0;
        }
    }
    *out = peek;
    return true;
}

bool peek_is_sip(const char *p, size_t n)
{
    struct span rest = { p, n }, line;
    struct peek peek = { .request = false };
    return next_line(&rest, &line) && first_line(line, &peek);
}

size_t peek_frame(const char *p, size_t n, size_t *skip)
{
    *skip = 0;
    while (*skip < n && (p[*skip] == '\r' || p[*skip] == '\n'))
        ++*skip;
    struct span rest = { p + *skip, n - *skip }, line, value;
    uint32_t body = 0;
    bool first = true;
    while (next_line(&rest, &line)) {
        if (rest.p[-1] != '\n')
            return n - *skip > FRAME_MAX ? SIZE_MAX : 0; /* the line is not whole yet */
        struct peek peek = { .request = false };
        if (first && !first_line(line, &peek))
            return SIZE_MAX;
        first = false;
        if (header(line, "Content-Length", 'l', &value) && (!digits(value, 5, &body) || body > FRAME_MAX))
            return SIZE_MAX;
        if (line.n > 0)
            continue;
        size_t head = (size_t) (rest.p - (p + *skip));
        return rest.n >= body ? head + body : 0;
    }
    return n - *skip > FRAME_MAX ? SIZE_MAX : 0;
}
