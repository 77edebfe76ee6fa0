/*
 * A logger is a value that is passed in: a level, a sink and a room's name. There is no global one. Never log a secret.
 */
#ifndef AHOY_BASE_LOG_H
#define AHOY_BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/** Receives one line without a line end. Any thread that was handed the logger; `line` is valid during the call. */
typedef void log_sink(void *arg, enum log_level level, const char *room, const char *line);

struct log {
    enum log_level level; /* lines above this level are not formatted */
    log_sink *sink;       /* NULL: silent */
    void *arg;
};

/** `log` may be NULL. Lines are cut at 1,000 bytes; control characters become '?'. */
void log_write(const struct log *log, enum log_level level, const char *room, const char *fmt, ...) AHOY_PRINTF(4, 5);

const char *log_level_name(enum log_level level);

#endif
