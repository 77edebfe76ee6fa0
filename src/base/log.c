#include "base/log.h"

#include "base/rt.h"

#include <stdarg.h>
#include <stdio.h>

void log_write(const struct log *log, enum log_level level, const char *room, const char *fmt, ...)
{
    rt_forbid("a line is logged");
    if (!log || !log->sink || level > log->level)
        return;
    char line[1000];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *c = line; *c; c++) /* what a peer sent shall not forge a line, nor drive a terminal */
        if ((unsigned char) *c < ' ' || *c == 127)
            *c = '?';
    log->sink(log->arg, level, room, line);
}

const char *log_level_name(enum log_level level)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };
    return (size_t) level < AHOY_COUNT(name) ? name[level] : "?";
}
