/* When two URIs are the same: RFC 3261 section 19.1.4, RFC 3966 section 4. */
#include "sip/uri.h"

#include "base/chars.h"

/* Comparing parameters is quadratic in their number; beyond this it is not done. */
enum { COMPARED_MOST = 32 };

enum fold { KEEP_CASE, FOLD_CASE };

/*
 * The next character as comparison sees it: an escaped character is the character, but one of the reserved set means
 * something else when it is escaped (RFC 2396 section 2.2), and is moved out of the way by 256.
 */
static int take_unit(struct view *v, enum fold fold)
{
    int c = (uint8_t) v->p[0], high, low;
    size_t n = 1;
    if (c == '%' && v->n >= 3 && (high = chars_hex(v->p[1])) >= 0 && (low = chars_hex(v->p[2])) >= 0) {
        c = high << 4 | low;
        n = 3;
        if (c != 0 && memchr(";/?:@&=+$,", c, 10))
            c += 256;
    }
    *v = view_from(*v, n);
    return fold == FOLD_CASE && c < 128 ? (uint8_t) chars_lower((char) c) : c;
}

static bool same_text(struct view a, struct view b, enum fold fold)
{
    while (a.n > 0 && b.n > 0)
        if (take_unit(&a, fold) != take_unit(&b, fold))
            return false;
    return a.n == 0 && b.n == 0;
}

static bool same_host(const struct sip_uri *a, const struct sip_uri *b)
{
    struct addr x, y;
    if (view_ieq(a->host, b->host))
        return true;
    return sip_uri_ip(a, &x) == AHOY_OK && sip_uri_ip(b, &y) == AHOY_OK && addr_eq_ip(&x, &y);
}

/* "name=value" items with `sep` between them. */
struct items {
    struct view rest;
    char sep;
};

static bool next_item(struct items *it, struct view *name, struct view *value)
{
    if (it->rest.n == 0)
        return false;
    *value = view_cut(&it->rest, it->sep);
    *name = view_cut(value, '=');
    return true;
}

static bool find_item(struct items it, struct view wanted, struct view *value)
{
    struct view name;
    while (next_item(&it, &name, value))
        if (same_text(name, wanted, FOLD_CASE))
            return true;
    return false;
}

static size_t count_items(struct items it)
{
    struct view name, value;
    size_t n = 0;
    while (next_item(&it, &name, &value))
        n++;
    return n;
}

/* A parameter that, in one URI alone, makes them differ. */
static bool must_be_in_both(struct view name)
{
    return same_text(name, VIEW("user"), FOLD_CASE) || same_text(name, VIEW("ttl"), FOLD_CASE)
           || same_text(name, VIEW("method"), FOLD_CASE) || same_text(name, VIEW("maddr"), FOLD_CASE)
           || same_text(name, VIEW("transport"), FOLD_CASE);
}

enum rule { ANY_MAY_BE_MISSING, NONE_MAY_BE_MISSING };

/* Each item of `a` is in `b` with the same value, or may be missing there. */
static bool items_agree(struct items a, struct items b, enum rule rule, enum fold values)
{
    struct view name, value, other;
    while (next_item(&a, &name, &value)) {
        if (find_item(b, name, &other)) {
            if (!same_text(value, other, values))
                return false;
        } else if (rule == NONE_MAY_BE_MISSING || must_be_in_both(name)) {
            return false;
        }
    }
    return true;
}

static bool same_items(struct view a, struct view b, char sep, enum rule rule, enum fold values)
{
    struct items x = { a, sep }, y = { b, sep };
    if (count_items(x) > COMPARED_MOST || count_items(y) > COMPARED_MOST)
        return view_eq(a, b);
    return items_agree(x, y, rule, values) && items_agree(y, x, rule, values);
}

static bool same_sip(const struct sip_uri *a, const struct sip_uri *b)
{
    return a->has_user == b->has_user && same_text(a->user, b->user, KEEP_CASE)
           && same_text(a->password, b->password, KEEP_CASE) && a->port == b->port && same_host(a, b)
           && same_items(view_from(a->params, 1), view_from(b->params, 1), ';', ANY_MAY_BE_MISSING, FOLD_CASE)
           && same_items(a->headers, b->headers, '&', NONE_MAY_BE_MISSING, KEEP_CASE);
}

/* The next digit of a number, visual separators left out; -1 at the end. */
static int take_digit(struct view *v)
{
    while (v->n > 0) {
        char c = chars_lower(v->p[0]);
        *v = view_from(*v, 1);
        if (c != '-' && c != '.' && c != '(' && c != ')')
            return (uint8_t) c;
    }
    return -1;
}

static bool same_number(struct view a, struct view b)
{
    for (;;) {
        int x = take_digit(&a), y = take_digit(&b);
        if (x != y)
            return false;
        if (x < 0)
            return true;
    }
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (view_eq(a->text, b->text))
        return true;
    switch (a->scheme) {
    case SIP_SCHEME_SIP:
    case SIP_SCHEME_SIPS: return same_sip(a, b);
    case SIP_SCHEME_TEL:
        return same_number(a->user, b->user)
               && same_items(view_from(a->params, 1), view_from(b->params, 1), ';', NONE_MAY_BE_MISSING, FOLD_CASE);
    default: return false;
    }
}
