/*
 * What a person types while the phone runs, a line at a time: "hold", "join 1 3", "123#". Most words are commands of --json
 * in short. Pure.
 */
#ifndef AHOY_CLI_WORDS_H
#define AHOY_CLI_WORDS_H

#include "ahoy/ahoy.h"
#include "cli/text.h"

#include <jansson.h>

enum words_kind {
    WORDS_NONE,    /* an empty line */
    WORDS_COMMAND, /* `command`; its "id" is what to say when it is done, maybe empty */
    WORDS_CALL,    /* place a call to `rest` */
    WORDS_LIST,    /* tell the calls */
    WORDS_FIGURES, /* tell how `call` sounds */
    WORDS_HELP,
    WORDS_WRONG, /* see `why` */
};

struct words {
    enum words_kind kind;
    json_t *command;   /* the caller's to free */
    ahoy_call_id call; /* 0: none was named */
    const char *rest;  /* in the line */
    bool answers;      /* it takes a call up: others are put on hold before */
};

/** Reads a line. NOMEM; what is wrong with a line is said in `why`. */
AHOY_MUST_USE enum ahoy_err words_read(const char *line, struct words *out, struct text *why);

/** All words, a line each, each line after `indent`. */
void words_help(const char *indent, struct text *out);

/** The name of the i-th word, NULL behind the last. */
const char *words_name(size_t i);

#endif
