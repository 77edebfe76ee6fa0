#include "ua/impl.h"

/* Copies v with the value behind `key` (quoted or not, up to a separator) replaced. */
static void mask_value(struct view line, struct view key, struct buf *out)
{
    for (;;) {
        size_t at = view_search(line, key);
        if (at == line.n)
            break;
        at += key.n;
        buf_view(out, view_first(line, at));
        line = view_from(line, at);
        bool quoted = line.n > 0 && line.p[0] == '"';
        size_t end = quoted ? 1 : 0;
        while (end < line.n && (quoted ? line.p[end] != '"' : !strchr(",; |\r\n", line.p[end])))
            end++;
        buf_str(out, quoted ? "\"****" : "****");
        line = view_from(line, end);
    }
    buf_view(out, line);
}

void ua_mask(struct view message, struct buf *out)
{
    struct view rest = message;
    while (rest.n > 0) {
        size_t end = view_find(rest, '\n');
        struct view line = view_first(rest, end < rest.n ? end + 1 : end);
        rest = view_from(rest, line.n);
        if (view_istarts(line, VIEW("Authorization:")) || view_istarts(line, VIEW("Proxy-Authorization:")))
            mask_value(line, VIEW("response="), out); /* with nonce and user it is enough to guess passwords offline */
        else if (view_istarts(line, VIEW("a=crypto:")))
            mask_value(line, VIEW("inline:"), out);
        else
            buf_view(out, line);
    }
}
