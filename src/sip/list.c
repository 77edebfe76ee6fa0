/* Comma lists, parameters and quoted strings: what most header fields are made of. */
#include "sip/hdr.h"

#include "sip/scan.h"

/* Behind the comment whose '(' is at `p`; comments nest. NULL when nothing closes it. */
static const char *skip_comment(const char *p, const char *end)
{
    size_t depth = 0;
    for (; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && --depth == 0)
            return p + 1;
    }
    return NULL;
}

/* Where the item at `p` ends: at a comma that counts, or at the end. */
static const char *item_end(const char *p, const char *end)
{
    const char *start = p;
    while (p < end) {
        while (p < end && !sip_is(*p, SIP_C_LIST))
            p++;
        if (p == end || *p == ',')
            return p;
        if (*p == '"') {
            p = sip_skip_quoted(p, end);
        } else if (*p == '<') {
            p = memchr(p, '>', (size_t) (end - p));
        } else if (p == start || sip_is(p[-1], SIP_C_LWS)) {
            p = skip_comment(p, end);
        } else { /* a parenthesis inside a URI or a word is a character like any other */
            p++;
        }
        if (!p)
            return end;
    }
    return end;
}

bool sip_list_next(struct view *rest, struct view *item)
{
    if (rest->n == 0)
        return false;
    const char *end = rest->p + rest->n, *start = sip_skip_lws(rest->p, end), *stop = item_end(start, end);
    *rest = stop < end ? sip_span(stop + 1, end) : view_of(end, 0);
    if (start == end)
        return false;
    *item = sip_span(start, sip_trim_end(start, stop));
    return true;
}

bool sip_param(struct view params, struct view name, struct view *value)
{
    struct view n, v;
    while (sip_param_next(&params, &n, &v) == AHOY_OK) {
        if (view_ieq(n, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

enum ahoy_err sip_param_next(struct view *rest, struct view *name, struct view *value)
{
    if (rest->n == 0)
        return AHOY_ERR_END;
    struct view n, v;
    const char *end = rest->p + rest->n, *p = sip_param_step(rest->p, end, &n, &v);
    if (!p)
        return AHOY_ERR_SYNTAX;
    if (n.n == 0)
        return AHOY_ERR_END;
    *name = n;
    *value = v;
    *rest = sip_span(p, end);
    return AHOY_OK;
}

void sip_unquote(struct view v, struct buf *out)
{
    if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"') {
        buf_view(out, v);
        return;
    }
    v = view_of(v.p + 1, v.n - 2);
    for (;;) {
        size_t at = view_find(v, '\\');
        buf_view(out, view_first(v, at));
        v = view_from(v, at + 1);
        if (v.n == 0)
            return;
        buf_char(out, v.p[0]); /* behind a backslash any byte stands for itself */
        v = view_from(v, 1);
    }
}
