#include "cli/ladder.h"

#include "cli/peek.h"

#include <stdio.h>
#include <string.h>

enum { LEFT = 14, FIRST = LEFT + 11, SPACING = 34, ROW = FIRST + SPACING * LADDER_COLUMNS + 40 };

static size_t place(size_t column)
{
    return FIRST + SPACING * column;
}

/* The column of an address; makes one, in the place of the one least used lately when all are taken. */
static size_t column_of(struct ladder *l, const char *address, size_t keep, bool *fresh)
{
    size_t oldest = keep == 0 ? 1 : 0;
    for (size_t i = 0; i < l->columns; i++) {
        if (strncmp(l->column[i], address, LADDER_ADDRESS - 1) == 0) {
            l->used[i] = ++l->count;
            return i;
        }
        if (i != keep && l->used[i] < l->used[oldest])
            oldest = i;
    }
    size_t at = l->columns < LADDER_COLUMNS ? l->columns++ : oldest;
    (void) snprintf(l->column[at], LADDER_ADDRESS, "%s", address);
    l->used[at] = ++l->count;
    *fresh = true;
    return at;
}

static void row_init(char row[ROW])
{
    memset(row, ' ', ROW);
}

static void row_put(char row[ROW], size_t middle, size_t width, const char *word)
{
    size_t n = strlen(word);
    if (n > width)
        n = width;
    size_t at = middle > n / 2 ? middle - n / 2 : 0;
    if (at + n < ROW)
        memcpy(row + at, word, n);
}

static void row_end(const char *row, size_t size, struct text *out)
{
    size_t n = size;
    while (n > 0 && row[n - 1] == ' ')
        n--;
    text_clean(out, row, n, false);
}

static void addresses(const struct ladder *l, struct text *out)
{
    char row[ROW];
    row_init(row);
    for (size_t i = 0; i < l->columns; i++)
        row_put(row, place(i), SPACING - 2, l->column[i]);
    row_end(row, ROW, out);
    text_add(out, "\n");
}

static void arrow(char row[ROW], size_t from, size_t to, const char *label)
{
    char word[LADDER_COLUMNS * SPACING];
    size_t left = place(from < to ? from : to), right = place(from < to ? to : from);
    for (size_t x = left + 1; x < right; x++)
        row[x] = '-';
    row[from < to ? right - 1 : left + 1] = from < to ? '>' : '<';
    (void) snprintf(word, sizeof word, " %.*s ", (int) (right - left - 8), label);
    row_put(row, (left + right) / 2, right - left - 4, word);
}

static void whole_message(const struct seen *m, struct text *out)
{
    size_t start = 0;
    while (start < m->n) {
        const char *end = memchr(m->text + start, '\n', m->n - start);
        size_t n = end ? (size_t) (end - m->text) - start : m->n - start;
        size_t shown = n > 0 && m->text[start + n - 1] == '\r' ? n - 1 : n;
        text_add(out, "    ");
        text_clean(out, m->text + start, shown, false);
        text_add(out, "\n");
        start += n + 1;
    }
    text_add(out, "\n");
}

void ladder_add(struct ladder *l, const struct seen *m, struct text *out)
{
    struct peek peek;
    char row[ROW], label[100];
    bool fresh = false;
    if (!peek_message(m->text, m->n, &peek))
        return; /* a keep-alive */
    size_t from = column_of(l, m->from, SIZE_MAX, &fresh);
    size_t to = column_of(l, m->to, from, &fresh);
    if (fresh)
        addresses(l, out);
    (void) snprintf(label, sizeof label, "%s%s", peek.what, peek.sdp ? " (sdp)" : "");
    row_init(row);
    for (size_t i = 0; i < l->columns; i++)
        row[place(i)] = '|';
    if (from == to)
        row_put(row, place(from), SPACING - 4, label);
    else
        arrow(row, from, to, label);
    text_add(out, "%10.3f", (double) m->t_ms / 1000.0);
    row_end(row + 10, ROW - 10, out);
    text_add(out, "   %u ", peek.cseq);
    text_clean(out, peek.cseq_method, strlen(peek.cseq_method), false);
    text_add(out, " %s\n", m->transport);
    if (l->whole)
        whole_message(m, out);
}
