/* Secrets of a message that is to be shown: enough stays to see what went on. Generous in taking things for secrets. */
#include "ua/impl.h"

#include "base/chars.h"

static const struct view stars = { .p = "****", .n = 4 };

/* Index of `key`, letters compared without case, or line.n. */
static size_t find_word(struct view line, struct view key)
{
    for (size_t at = 0; at + key.n <= line.n; at++)
        if (view_ieq(view_of(line.p + at, key.n), key))
            return at;
    return line.n;
}

static size_t skip_blank(struct view line, size_t at)
{
    while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\t'))
        at++;
    return at;
}

static bool ends_value(char c)
{
    return c == ',' || c == ';' || c == '|' || chars_is_lws(c);
}

/* Copies `line` with each value behind `key` and `mark` (blanks between allowed), quoted or not, replaced. */
static void mask_value(struct view line, struct view key, char mark, struct buf *out)
{
    for (size_t at; (at = find_word(line, key)) < line.n;) {
        size_t from = skip_blank(line, at + key.n);
        if (from == line.n || line.p[from] != mark) {
            buf_view(out, view_first(line, at + key.n));
            line = view_from(line, at + key.n);
            continue;
        }
        from = skip_blank(line, from + 1);
        bool quoted = from < line.n && line.p[from] == '"';
        size_t end = quoted ? from + 1 : from;
        while (end < line.n && (quoted ? line.p[end] != '"' : !ends_value(line.p[end])))
            end++;
        buf_view(out, view_first(line, quoted ? from + 1 : from));
        buf_view(out, stars);
        line = view_from(line, end);
    }
    buf_view(out, line);
}

static bool is_header(struct view line, struct view name)
{
    size_t at = skip_blank(line, name.n);
    return view_istarts(line, name) && at < line.n && line.p[at] == ':';
}

/* Credentials: of Digest the response (with nonce and user it is enough to guess passwords offline), else all of it. */
static void mask_credentials(struct view line, bool continued, bool *digest, struct buf *out)
{
    size_t scheme = continued ? 0 : skip_blank(line, view_find(line, ':') + 1);
    if (!continued)
        *digest = view_istarts(view_from(line, scheme), VIEW("Digest"));
    if (*digest) {
        mask_value(line, VIEW("response"), '=', out);
        return;
    }
    struct view value = view_from(line, scheme);
    size_t keep = continued ? 0 : view_find(value, ' ') < value.n ? view_find(value, ' ') + 1 : 0;
    buf_view(out, view_first(line, scheme + keep));
    buf_view(out, stars);
    buf_str(out, line.n >= 2 && line.p[line.n - 2] == '\r' ? "\r\n" : "\n");
}

void ua_mask(struct view message, struct buf *out)
{
    struct view rest = message;
    bool credentials = false, digest = false;
    while (rest.n > 0) {
        size_t end = view_find(rest, '\n');
        struct view line = view_first(rest, end < rest.n ? end + 1 : end);
        bool continued = credentials && (line.p[0] == ' ' || line.p[0] == '\t');
        rest = view_from(rest, line.n);
        credentials = continued || is_header(line, VIEW("Authorization"))
                      || is_header(line, VIEW("Proxy-Authorization"));
        if (credentials)
            mask_credentials(line, continued, &digest, out);
        else if (view_istarts(line, VIEW("a=crypto:")))
            mask_value(line, VIEW("inline"), ':', out);
        else
            buf_view(out, line);
    }
}
