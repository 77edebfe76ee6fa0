/*
 * A growable byte buffer that cannot be made without a maximum.
 *
 * Errors stick: after the first failed write (NOMEM, or LIMIT at the maximum) the content stays as it was and further
 * writes do nothing, so a printer writes all its parts and asks buf_err() once.
 */
#ifndef AHOY_BASE_BUF_H
#define AHOY_BASE_BUF_H

#include "base/view.h"

#include <stdarg.h>

struct buf {
    char *p; /* n bytes, followed by a zero byte whenever p is not NULL */
    size_t n;
    size_t cap;
    size_t max;
    enum ahoy_err err;
};

/** An empty buffer that may grow to `max` bytes. No allocation yet. */
void buf_init(struct buf *b, size_t max);

/** Frees; the buffer is empty with the same maximum afterwards. */
void buf_fini(struct buf *b);

/** Forgets content and error, keeps the memory. */
void buf_clear(struct buf *b);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_view(struct buf *b, struct view v);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t x); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) AHOY_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/** Removes the first `n` bytes (n <= b->n). */
void buf_drop(struct buf *b, size_t n);

/** Cuts to `n` bytes (n <= b->n). */
void buf_truncate(struct buf *b, size_t n);

/** Room for at least `n` more bytes at b->p + b->n; commit by adding to b->n. */
AHOY_MUST_USE enum ahoy_err buf_reserve(struct buf *b, size_t n);

static inline enum ahoy_err buf_err(const struct buf *b)
{
    return b->err;
}

/** The content, valid until the next write. */
static inline struct view buf_content(const struct buf *b)
{
    return view_of(b->p, b->n);
}

/** The content as a zero-terminated string, never NULL, valid until the next write. */
static inline const char *buf_cstr(const struct buf *b)
{
    return b->p ? b->p : "";
}

/** Hands the memory over as a zero-terminated string (mem_free it); NULL on NOMEM. The buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
