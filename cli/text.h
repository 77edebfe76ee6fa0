/*
 * Text in the caller's memory, lines in and out of file descriptors, and making a peer's bytes fit for a terminal. The
 * command keeps no heap of its own: every text has a size, and what does not fit is cut.
 */
#ifndef AHOY_CLI_TEXT_H
#define AHOY_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CLI_PRINTF(fmt, args)
#endif

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct text {
    char *p; /* always ends with a zero byte */
    size_t size, n;
    bool cut; /* something did not fit */
};

/** An empty text in `size` (> 0) bytes of the caller's. */
void text_init(struct text *t, char *p, size_t size);
void text_put(struct text *t, const char *p, size_t n);
void text_add(struct text *t, const char *fmt, ...) CLI_PRINTF(2, 3);
/** Adds a stranger's words: control characters and bytes that are not UTF-8 become '?'. Line ends stay with `lines`. */
void text_clean(struct text *t, const char *p, size_t n, bool lines);

/** Copies a string whole, or gives false and an empty dst. */
bool text_copy(char *dst, size_t size, const char *src);

/** Copies n bytes with every byte that is not UTF-8 replaced by '?'; dst has room for n + 1. */
void text_utf8(const char *src, size_t n, char *dst);

/** A decimal number within bounds; false otherwise. */
bool text_number(const char *s, uint32_t min, uint32_t max, uint32_t *out);

/** True when `word` is one of "a|b|c". */
bool text_among(const char *word, const char *choices);

/** Number of single-letter edits from a to b: how near a misspelt word is. Words above 31 letters are infinitely far. */
unsigned text_distance(const char *a, const char *b);

/** Writes all, whatever it takes; false when the other end is gone. One call is one write if the system can. */
bool text_write(int fd, const char *p, size_t n);

/** A line on standard output or on standard error, at once. */
void say(const char *fmt, ...) CLI_PRINTF(1, 2);
void warn(const char *fmt, ...) CLI_PRINTF(1, 2);

/* Lines out of a file descriptor. */
struct lines {
    char *p;
    size_t size, n, taken;
    bool skipping; /* inside a line that was too long */
    bool too_long; /* one was dropped since lines_read */
};

void lines_init(struct lines *l, char *p, size_t size);
/** One read(2). Bytes read, 0 at the end, -1 for an error (errno), EAGAIN included. */
long lines_read(struct lines *l, int fd);
/** The next whole line, without its end and zero-terminated; valid until lines_read. */
bool lines_next(struct lines *l, char **line, size_t *n);

/** Monotonic clock, and the calendar's, in ms. */
int64_t clock_ms(void);
int64_t clock_unix_ms(void);

#endif
