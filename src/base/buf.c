#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>

enum { BUF_FIRST_BYTES = 128 };

void buf_init(struct buf *b, size_t max)
{
    AHOY_ASSERT(max > 0 && max < SIZE_MAX / 2);
    *b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->err = AHOY_OK;
    if (b->p)
        b->p[0] = '\0';
}

enum ahoy_err buf_reserve(struct buf *b, size_t n)
{
    if (b->err)
        return b->err;
    if (n > b->max - b->n)
        return b->err = AHOY_ERR_LIMIT;
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return AHOY_OK;
    size_t cap = AHOY_MAX(b->cap * 2, AHOY_MAX(need, (size_t) BUF_FIRST_BYTES));
    cap = AHOY_MAX(need, AHOY_MIN(cap, b->max + 1));
    char *p = mem_realloc(b->p, cap);
    if (!p)
        return b->err = AHOY_ERR_NOMEM;
    b->p = p;
    b->cap = cap;
    b->p[b->n] = '\0';
    return AHOY_OK;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (buf_reserve(b, n) || n == 0)
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_view(struct buf *b, struct view v)
{
    buf_put(b, v.p, v.n);
}

void buf_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t x)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char) ('0' + x % 10);
        x /= 10;
    } while (x > 0);
    buf_put(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        b->err = AHOY_ERR_INVAL;
    else if (!buf_reserve(b, (size_t) n)) {
        (void) vsnprintf(b->p + b->n, (size_t) n + 1, fmt, again);
        b->n += (size_t) n;
    }
    va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
    AHOY_ASSERT(n <= b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

void buf_truncate(struct buf *b, size_t n)
{
    AHOY_ASSERT(n <= b->n);
    b->n = n;
    if (b->p)
        b->p[n] = '\0';
}

char *buf_take(struct buf *b)
{
    if (buf_err(b) || buf_reserve(b, 0))
        return NULL;
    char *p = b->p;
    *b = (struct buf){ .max = b->max };
    return p;
}
