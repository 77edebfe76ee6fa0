/* What the benchmarks have in common: their options, two clocks, the median; and, from support/temp.h, files that are swept. */
#ifndef AHOY_BENCH_TOOL_H
#define AHOY_BENCH_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* An option that takes a text, a number, or nothing: one of the three is there. */
struct tool_option {
    const char *name; /* "--seeds" */
    const char **text;
    unsigned *number;
    unsigned least, most; /* of the number */
    bool *flag;
    const char *value; /* what --help calls the text or number, as "DIR"; NULL for a flag */
    const char *help;  /* a line of --help */
};

struct tool_usage {
    const char *program, *what; /* what the program does: a line or more, without an end of line */
    const struct tool_option *list;
    size_t n;
};

/**
 * Reads a command line. False: the program is to end with *status, since --help was answered or what is wrong was said.
 * Options before the wrong one are set then.
 */
bool tool_options(const struct tool_usage *usage, int argc, char **argv, int *status);

/** Time that passes, from somewhere on, in milliseconds. */
double tool_now_ms(void);

/** Processor time of this process, in seconds. */
double tool_cpu_s(void);

/** The least first. */
void tool_sort(double *v, size_t n);

/** The middle one of `n` > 0 values, the upper one of two; sorts them. */
double tool_median(double *v, size_t n);

#endif
