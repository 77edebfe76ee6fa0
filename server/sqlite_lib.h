/* SQLite at run time: who only calls does not carry it. */
#ifndef AHOY_SERVER_SQLITE_LIB_H
#define AHOY_SERVER_SQLITE_LIB_H

#include "sys/dl.h"

#include <sqlite3.h>

/* X(result, function, arguments) */
#define SQLITE_FUNCTIONS(X)                                                                                            \
    X(int, sqlite3_open_v2, (const char *, sqlite3 **, int, const char *) )                                            \
    X(int, sqlite3_close, (sqlite3 *) )                                                                                \
    X(int, sqlite3_busy_timeout, (sqlite3 *, int) )                                                                    \
    X(int, sqlite3_exec, (sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **) )          \
    X(const char *, sqlite3_errmsg, (sqlite3 *) )                                                                      \
    X(int, sqlite3_prepare_v3, (sqlite3 *, const char *, int, unsigned int, sqlite3_stmt **, const char **) )          \
    X(int, sqlite3_step, (sqlite3_stmt *) )                                                                            \
    X(int, sqlite3_reset, (sqlite3_stmt *) )                                                                           \
    X(int, sqlite3_clear_bindings, (sqlite3_stmt *) )                                                                  \
    X(int, sqlite3_finalize, (sqlite3_stmt *) )                                                                        \
    X(int, sqlite3_bind_text, (sqlite3_stmt *, int, const char *, int, void (*)(void *)))                              \
    X(int, sqlite3_bind_blob, (sqlite3_stmt *, int, const void *, int, void (*)(void *)))                              \
    X(int, sqlite3_bind_int64, (sqlite3_stmt *, int, sqlite3_int64))                                                   \
    X(int, sqlite3_column_int, (sqlite3_stmt *, int) )                                                                 \
    X(sqlite3_int64, sqlite3_column_int64, (sqlite3_stmt *, int) )                                                     \
    X(const unsigned char *, sqlite3_column_text, (sqlite3_stmt *, int) )                                              \
    X(const void *, sqlite3_column_blob, (sqlite3_stmt *, int) )                                                       \
    X(int, sqlite3_column_bytes, (sqlite3_stmt *, int) )

struct sqlite_lib {
    void *handle;
#define X(result, name, args) result(*name) args;
    SQLITE_FUNCTIONS(X)
#undef X
};

/** False when it is not installed, or too old. sys_dl_close(handle) ends it. */
bool sqlite_lib_open(struct sqlite_lib *lib);

#endif
