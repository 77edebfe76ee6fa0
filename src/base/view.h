/*
 * A view: a pointer and a length into bytes that somebody else keeps. Not terminated by a zero byte, may hold any byte.
 * All functions are pure.
 */
#ifndef AHOY_BASE_VIEW_H
#define AHOY_BASE_VIEW_H

#include "base/base.h"

#include <string.h>

struct view {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

/* For a string literal. */
#define VIEW(lit) ((struct view){ .p = ("" lit ""), .n = sizeof(lit) - 1 })
/* For printf's "%.*s". */
#define VIEW_ARG(v) ((int) ((v).n > INT32_MAX ? INT32_MAX : (v).n)), ((v).p ? (v).p : "")

static inline struct view view_of(const char *p, size_t n)
{
    return (struct view){ .p = p, .n = n };
}

/** View of a zero-terminated string; NULL gives the empty view. */
static inline struct view view_str(const char *s)
{
    return (struct view){ .p = s, .n = s ? strlen(s) : 0 };
}

static inline bool view_empty(struct view v)
{
    return v.n == 0;
}

/** From `from` (clamped) to the end. */
static inline struct view view_from(struct view v, size_t from)
{
    if (from > v.n)
        from = v.n;
    return view_of(v.p ? v.p + from : v.p, v.n - from);
}

/** The first `n` bytes (clamped). */
static inline struct view view_first(struct view v, size_t n)
{
    return view_of(v.p, n < v.n ? n : v.n);
}

/** Equal byte for byte. */
bool view_eq(struct view a, struct view b);

/** Equal, ASCII letters compared without case. */
bool view_ieq(struct view a, struct view b);

/** memcmp order, shorter first on a tie. */
int view_cmp(struct view a, struct view b);

bool view_starts(struct view v, struct view prefix);
bool view_istarts(struct view v, struct view prefix);

/** Index of the first `c`, or v.n. */
size_t view_find(struct view v, char c);

/** Index of the first occurrence of `needle`, or v.n. An empty needle is at 0. */
size_t view_search(struct view v, struct view needle);

/** Without spaces, tabs, CR and LF at both ends. */
struct view view_trim(struct view v);

/**
 * Cuts at the first `sep`: returns what is before it and moves `rest` behind it. Without a `sep` returns all and leaves
 * `rest` empty.
 */
struct view view_cut(struct view *rest, char sep);

/** Takes a line off the front: ends at LF or CRLF (not included). Returns false when `rest` is empty. */
bool view_line(struct view *rest, struct view *line);

/** Decimal digits only, no sign, whole view. SYNTAX when empty or not digits, RANGE when above `max`. */
AHOY_MUST_USE enum ahoy_err view_u64(struct view v, uint64_t max, uint64_t *out);
AHOY_MUST_USE enum ahoy_err view_u32(struct view v, uint32_t *out);
AHOY_MUST_USE enum ahoy_err view_u16(struct view v, uint16_t *out);

/** Copies into `dst` with a zero byte, truncating to `size`; returns false if it had to truncate. `size` > 0. */
bool view_copy(struct view v, char *dst, size_t size);

/** A zero-terminated heap copy, or NULL. Caller frees with mem_free. */
char *view_dup(struct view v);

#endif
