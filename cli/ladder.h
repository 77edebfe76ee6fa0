/* A ladder of SIP messages in plain text: a column for each address, an arrow for each message. Pure. */
#ifndef AHOY_CLI_LADDER_H
#define AHOY_CLI_LADDER_H

#include "cli/text.h"

enum { LADDER_COLUMNS = 6, LADDER_ADDRESS = 64 };

/* A message on its way, wherever it was seen. */
struct seen {
    int64_t t_ms;          /* since the beginning of the trace */
    int64_t unix_ms;       /* by the calendar */
    const char *from, *to; /* "192.0.2.1:5060" */
    const char *transport; /* "udp" */
    const char *text;
    size_t n;
};

struct ladder {
    char column[LADDER_COLUMNS][LADDER_ADDRESS];
    size_t columns;
    size_t used[LADDER_COLUMNS]; /* when a column was last used: the oldest makes room for a seventh address */
    size_t count;
    bool whole; /* show messages whole */
};

/** Draws one message: a line, after a line of addresses when there is a new one. */
void ladder_add(struct ladder *l, const struct seen *m, struct text *out);

#endif
