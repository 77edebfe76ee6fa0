/* What the benchmark prints: a table for people, one JSON object for programs, a plot. */
#ifndef BENCH_SOUND_REPORT_H
#define BENCH_SOUND_REPORT_H

#include "sound/run.h"

#include <stdio.h>

struct report_row {
    const struct condition *condition;
    struct outcome outcome;
};

struct report {
    const char *codec;
    bool whole_call; /* end to end */
    struct run_config config;
    struct condition own; /* the one that was asked for, if any */
    struct report_row row[CONDITIONS + 1];
    size_t n;
};

void report_head(const struct report *r, FILE *to);
void report_row(const struct report_row *row, FILE *to);

/** One line: the object of a codec's rows. */
void report_json(const struct report *reports, size_t n, FILE *to);

/** False: the file cannot be written. */
bool report_svg(const struct report *reports, size_t n, const char *path);

#endif
