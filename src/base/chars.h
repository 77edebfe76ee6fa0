/* ASCII classes without locale. */
#ifndef AHOY_BASE_CHARS_H
#define AHOY_BASE_CHARS_H

#include "base/base.h"

static inline char chars_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

static inline bool chars_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool chars_is_alpha(char c)
{
    return chars_lower(c) >= 'a' && chars_lower(c) <= 'z';
}

static inline bool chars_is_alnum(char c)
{
    return chars_is_digit(c) || chars_is_alpha(c);
}

/** Space, tab, CR, LF: what RFC 3261's LWS is made of. */
static inline bool chars_is_lws(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/** Value of a hexadecimal digit, or -1. */
static inline int chars_hex(char c)
{
    if (chars_is_digit(c))
        return c - '0';
    c = chars_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
