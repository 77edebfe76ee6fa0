#include "base/log.h"

#include "support/t.h"

#include <string.h>

struct sink {
    int lines;
    enum log_level level;
    char room[16];
    char line[1200];
};

static void sink_line(void *arg, enum log_level level, const char *room, const char *line)
{
    struct sink *s = arg;
    s->lines++;
    s->level = level;
    view_copy(view_str(room), s->room, sizeof s->room);
    view_copy(view_str(line), s->line, sizeof s->line);
}

static void test_lines_are_filtered_cut_and_cannot_be_forged(struct t *t)
{
    struct sink s = { 0 };
    struct log log = { .level = LOG_INFO, .sink = sink_line, .arg = &s };
    char longer[1500];
    log_write(&log, LOG_DEBUG, "sip", "not this");
    T_EQ(s.lines, 0);
    log_write(&log, LOG_WARN, "sip", "peer said %s", "hi\r\nerror: forged\x1b[2J");
    T_EQ(s.lines, 1);
    T_EQ(s.level, LOG_WARN);
    T_STR(s.room, "sip");
    T_STR(s.line, "peer said hi??error: forged?[2J");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    log_write(&log, LOG_INFO, "sip", "%s", longer);
    T_EQ(strlen(s.line), 999);
    log_write(NULL, LOG_ERROR, "sip", "silence");
    log.sink = NULL;
    log_write(&log, LOG_ERROR, "sip", "silence");
    T_EQ(s.lines, 2);
    T_STR(log_level_name(LOG_DEBUG), "debug");
    T_STR(log_level_name((enum log_level) 77), "?");
out:
    return;
}

static void test_errors_have_names_and_texts(struct t *t)
{
    T_STR(ahoy_err_name(AHOY_OK), "OK");
    T_STR(ahoy_err_name(AHOY_ERR_NOMEM), "NOMEM");
    T_STR(ahoy_err_text(AHOY_ERR_DNS_NAME), "the name does not exist");
    T_STR(ahoy_err_name((enum ahoy_err) - 999), "UNKNOWN");
    T_STR(ahoy_err_text((enum ahoy_err) 5), "unknown error");
out:
    return;
}

T_MAIN(T(test_lines_are_filtered_cut_and_cannot_be_forged), T(test_errors_have_names_and_texts))
