/* What the benchmark prints: a table for people, one JSON object for programs, a plot. */
#ifndef BENCH_SOUND_REPORT_H
#define BENCH_SOUND_REPORT_H

#include "sound/run.h"

#include <stdio.h>

/*
 * The receiver alone, whole calls, calls of one piece each, real telephones with one fixed stream, real telephones called
 * by ours.
 */
enum report_mode { REPORT_RECEIVER, REPORT_CALL, REPORT_SHORT, REPORT_PHONE, REPORT_PHONE_CALL };

struct report_row {
    const struct condition *condition;
    struct outcome outcome;
};

struct report {
    const char *codec;
    enum report_mode mode;
    int phone; /* REPORT_PHONE: which, and its name */
    const char *phone_name;
    struct run_config config;
    struct condition own; /* the one that was asked for, if any */
    struct report_row row[CONDITIONS + 1];
    size_t n;
};

/** "receiver", "call", "short", or the telephone's name. */
const char *report_name(const struct report *r);

void report_head(const struct report *r, FILE *to);
void report_row(const struct report_row *row, FILE *to);

/** One line: the object of a codec's rows. */
void report_json(const struct report *reports, size_t n, FILE *to);

/** False: the file cannot be written. */
bool report_svg(const struct report *reports, size_t n, const char *path);

#endif
