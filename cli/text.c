#include "cli/text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 8192, WORD_LETTERS = 31 };

void text_init(struct text *t, char *p, size_t size)
{
    *t = (struct text){ .p = p, .size = size };
    p[0] = 0;
}

void text_put(struct text *t, const char *p, size_t n)
{
    size_t room = t->size - 1 - t->n;
    if (n > room) {
        t->cut = true;
        n = room;
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

static void add_v(struct text *t, const char *fmt, va_list ap)
{
    size_t room = t->size - t->n;
    int n = vsnprintf(t->p + t->n, room, fmt, ap);
    if (n < 0)
        return;
    if ((size_t) n >= room) {
        t->cut = true;
        t->n = t->size - 1;
    } else {
        t->n += (size_t) n;
    }
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_v(t, fmt, ap);
    va_end(ap);
}

/* Length of the UTF-8 sequence at p (RFC 3629), or 0 when it is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90)
        || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

void text_clean(struct text *t, const char *p, size_t n, bool lines)
{
    for (size_t i = 0; i < n;) {
        const unsigned char *at = (const unsigned char *) p + i;
        size_t len = utf8_length(at, n - i);
        bool c1 = len == 2 && at[0] == 0xc2 && at[1] < 0xa0; /* C1 controls drive terminals, too */
        bool plain = len > 0 && !c1 && at[0] >= 0x20 && at[0] != 0x7f;
        if (plain || (lines && (at[0] == '\n' || at[0] == '\t')))
            text_put(t, p + i, len);
        else if (!(lines && at[0] == '\r'))
            text_put(t, "?", 1);
        i += len > 0 ? len : 1;
    }
}

bool text_copy(char *dst, size_t size, const char *src)
{
    size_t n = src ? strlen(src) : 0;
    bool fits = n < size;
    if (fits && n > 0)
        memcpy(dst, src, n);
    dst[fits ? n : 0] = 0;
    return fits;
}

void text_utf8(const char *src, size_t n, char *dst)
{
    for (size_t i = 0; i < n;) {
        size_t len = utf8_length((const unsigned char *) src + i, n - i);
        if (len == 0) {
            dst[i++] = '?';
            continue;
        }
        memcpy(dst + i, src + i, len);
        i += len;
    }
    dst[n] = 0;
}

bool text_number(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t x = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        x = x * 10 + (uint64_t) (*s - '0');
        if (x > max)
            return false;
    }
    if (x < min)
        return false;
    *out = (uint32_t) x;
    return true;
}

bool text_among(const char *word, const char *choices)
{
    size_t n = strlen(word);
    for (const char *c = choices; *c;) {
        size_t len = strcspn(c, "|");
        if (len == n && memcmp(c, word, n) == 0)
            return true;
        c += len;
        c += *c == '|';
    }
    return false;
}

unsigned text_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[WORD_LETTERS + 1];
    if (n > WORD_LETTERS || m > WORD_LETTERS)
        return WORD_LETTERS + 1;
    for (unsigned j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned) i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            unsigned step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[m];
}

bool text_write(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EAGAIN) { /* somebody made our terminal non-blocking */
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            if (poll(&ready, 1, 1000) <= 0)
                return false;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t) done;
    }
    return true;
}

static void write_line(int fd, const char *head, const char *fmt, va_list ap)
{
    char line[LINE_BYTES];
    struct text t;
    text_init(&t, line, sizeof line - 1);
    text_add(&t, "%s", head);
    add_v(&t, fmt, ap);
    line[t.n++] = '\n';
    (void) text_write(fd, line, t.n);
}

void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_line(STDOUT_FILENO, "", fmt, ap);
    va_end(ap);
}

void warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_line(STDERR_FILENO, "ahoy: ", fmt, ap);
    va_end(ap);
}

void lines_init(struct lines *l, char *p, size_t size)
{
    *l = (struct lines){ .p = p, .size = size };
}

long lines_read(struct lines *l, int fd)
{
    if (l->taken > 0) {
        memmove(l->p, l->p + l->taken, l->n - l->taken);
        l->n -= l->taken;
        l->taken = 0;
    }
    if (l->n == l->size) { /* no line end in all of it */
        l->n = 0;
        l->skipping = l->too_long = true;
    }
    ssize_t n = read(fd, l->p + l->n, l->size - l->n);
    if (n > 0)
        l->n += (size_t) n;
    return (long) n;
}

bool lines_next(struct lines *l, char **line, size_t *n)
{
    for (;;) {
        char *start = l->p + l->taken;
        char *end = memchr(start, '\n', l->n - l->taken);
        if (!end)
            return false;
        l->taken = (size_t) (end + 1 - l->p);
        if (l->skipping) {
            l->skipping = false;
            continue;
        }
        if (end > start && end[-1] == '\r')
            end--;
        *end = 0;
        *line = start;
        *n = (size_t) (end - start);
        return true;
    }
}

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void) clock_gettime(id, &ts);
    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_unix_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}
