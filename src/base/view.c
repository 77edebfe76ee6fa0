#include "base/view.h"

#include "base/chars.h"
#include "base/mem.h"

bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool view_ieq(struct view a, struct view b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (chars_lower(a.p[i]) != chars_lower(b.p[i]))
            return false;
    return true;
}

int view_cmp(struct view a, struct view b)
{
    size_t n = AHOY_MIN(a.n, b.n);
    int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool view_starts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq(view_first(v, prefix.n), prefix);
}

bool view_istarts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_ieq(view_first(v, prefix.n), prefix);
}

size_t view_find(struct view v, char c)
{
    const char *hit = v.n > 0 ? memchr(v.p, c, v.n) : NULL;
    return hit ? (size_t) (hit - v.p) : v.n;
}

size_t view_search(struct view v, struct view needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t at = 0; v.n - at >= needle.n;) {
        const char *hit = memchr(v.p + at, needle.p[0], v.n - at - needle.n + 1);
        if (!hit)
            return v.n;
        at = (size_t) (hit - v.p);
        if (memcmp(hit, needle.p, needle.n) == 0)
            return at;
        at++;
    }
    return v.n;
}

struct view view_trim(struct view v)
{
    while (v.n > 0 && chars_is_lws(v.p[0])) {
        v.p++;
        v.n--;
    }
    while (v.n > 0 && chars_is_lws(v.p[v.n - 1]))
        v.n--;
    return v;
}

struct view view_cut(struct view *rest, char sep)
{
    size_t at = view_find(*rest, sep);
    struct view head = view_first(*rest, at);
    *rest = at < rest->n ? view_from(*rest, at + 1) : view_of(rest->p ? rest->p + rest->n : NULL, 0);
    return head;
}

bool view_line(struct view *rest, struct view *line)
{
    if (rest->n == 0)
        return false;
    *line = view_cut(rest, '\n');
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

enum ahoy_err view_u64(struct view v, uint64_t max, uint64_t *out)
{
    if (v.n == 0)
        return AHOY_ERR_SYNTAX;
    uint64_t x = 0;
    bool over = false;
    for (size_t i = 0; i < v.n; i++) {
        if (!chars_is_digit(v.p[i]))
            return AHOY_ERR_SYNTAX;
        uint64_t d = (uint64_t) (v.p[i] - '0');
        if (x > (UINT64_MAX - d) / 10)
            over = true;
        else
            x = x * 10 + d;
    }
    if (over || x > max)
        return AHOY_ERR_RANGE;
    *out = x;
    return AHOY_OK;
}

enum ahoy_err view_u32(struct view v, uint32_t *out)
{
    uint64_t x;
    enum ahoy_err err = view_u64(v, UINT32_MAX, &x);
    if (!err)
        *out = (uint32_t) x;
    return err;
}

enum ahoy_err view_u16(struct view v, uint16_t *out)
{
    uint64_t x;
    enum ahoy_err err = view_u64(v, UINT16_MAX, &x);
    if (!err)
        *out = (uint16_t) x;
    return err;
}

bool view_copy(struct view v, char *dst, size_t size)
{
    AHOY_ASSERT(size > 0);
    size_t n = AHOY_MIN(v.n, size - 1);
    if (n > 0)
        memcpy(dst, v.p, n);
    dst[n] = '\0';
    return n == v.n;
}

char *view_dup(struct view v)
{
    char *s = mem_alloc(v.n + 1);
    if (!s)
        return NULL;
    if (v.n > 0)
        memcpy(s, v.p, v.n);
    s[v.n] = '\0';
    return s;
}
