#include "server/location.h"

#include "base/mem.h"
#include "server/sqlite_lib.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_WAIT_MS = 200 }; /* for another program that looks into the file; calls wait meanwhile */

enum statement {
    S_EACH,
    S_ALL,
    S_CONTACT,
    S_PUT,
    S_REMOVE,
    S_REMOVE_ALL,
    S_SWEEP,
    S_COUNT,
    S_SECRET_PUT,
    S_SECRET_GET,
    S_BEGIN,
    S_COMMIT,
    S_ROLLBACK,
    STATEMENTS
};

struct location {
    struct sqlite_lib lib;
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
};

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS binding ("
    " key TEXT NOT NULL, contact TEXT NOT NULL, params TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, q INTEGER NOT NULL, path TEXT NOT NULL, proto TEXT NOT NULL, source TEXT NOT NULL,"
    " port INTEGER NOT NULL, PRIMARY KEY (key, contact)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS binding_contact ON binding (contact);"
    "CREATE INDEX IF NOT EXISTS binding_expires ON binding (expires_ms);"
    "CREATE TABLE IF NOT EXISTS secret (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL);";

#define COLUMNS "contact, params, call_id, cseq, expires_ms, q, path, proto, source, port"

static const char *const sql[STATEMENTS] = {
    [S_EACH] = "SELECT " COLUMNS " FROM binding WHERE key = ?1 AND expires_ms > ?2 ORDER BY q DESC, expires_ms DESC",
    [S_ALL] = "SELECT " COLUMNS " FROM binding WHERE key = ?1 AND expires_ms > ?2", /* sorting is half the work */
    [S_CONTACT] = "SELECT " COLUMNS " FROM binding WHERE contact = ?1 AND expires_ms > ?2 ORDER BY expires_ms DESC",
    /* A refresh leaves the index of contacts alone, which replacing the row would not. */
    [S_PUT] = "INSERT INTO binding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
              " ON CONFLICT (key, contact) DO UPDATE SET params = ?3, call_id = ?4, cseq = ?5, expires_ms = ?6, q = ?7,"
              " path = ?8, proto = ?9, source = ?10, port = ?11",
    [S_REMOVE] = "DELETE FROM binding WHERE key = ?1 AND contact = ?2",
    [S_REMOVE_ALL] = "DELETE FROM binding WHERE key = ?1",
    [S_SWEEP] = "DELETE FROM binding WHERE expires_ms <= ?1",
    [S_COUNT] = "SELECT count(*) FROM binding WHERE expires_ms > ?1",
    [S_SECRET_PUT] = "INSERT OR IGNORE INTO secret VALUES (1, ?1)",
    [S_SECRET_GET] = "SELECT value FROM secret",
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
};

/* The file holds a key, so it is made for its owner alone before SQLite would make it for everybody. */
static void make_private(const char *file)
{
    int fd = open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0)
        close(fd);
}

enum ahoy_err location_open(struct location **out, const char *file, char *why, size_t why_size)
{
    struct location *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    if (!sqlite_lib_open(&l->lib)) {
        snprintf(why, why_size, "SQLite's library is not installed (libsqlite3.so.0)");
        mem_free(l);
        return AHOY_ERR_STORE;
    }
    if (file)
        make_private(file);
    bool ok = l->lib.sqlite3_open_v2(file ? file : ":memory:", &l->db,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
              == SQLITE_OK;
    if (ok) {
        l->lib.sqlite3_busy_timeout(l->db, BUSY_WAIT_MS);
        ok = l->lib.sqlite3_exec(l->db, schema, NULL, NULL, NULL) == SQLITE_OK;
    }
    for (int i = 0; ok && i < STATEMENTS; i++)
        ok = l->lib.sqlite3_prepare_v3(l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->stmt[i], NULL) == SQLITE_OK;
    if (!ok) {
        snprintf(why, why_size, "the location database %s cannot be opened: %s", file ? file : "in memory",
                 l->lib.sqlite3_errmsg(l->db));
        location_close(l);
        return AHOY_ERR_STORE;
    }
    *out = l;
    return AHOY_OK;
}

void location_close(struct location *l)
{
    if (!l)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        l->lib.sqlite3_finalize(l->stmt[i]);
    l->lib.sqlite3_close(l->db);
    sys_dl_close(l->lib.handle);
    mem_free(l);
}

static bool bind_view(struct location *l, sqlite3_stmt *s, int at, struct view v)
{
    return v.n <= INT32_MAX && l->lib.sqlite3_bind_text(s, at, v.p ? v.p : "", (int) v.n, SQLITE_STATIC) == SQLITE_OK;
}

static bool bind_int(struct location *l, sqlite3_stmt *s, int at, int64_t i)
{
    return l->lib.sqlite3_bind_int64(s, at, i) == SQLITE_OK;
}

static enum ahoy_err err_of(int rc)
{
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? AHOY_OK : rc == SQLITE_NOMEM ? AHOY_ERR_NOMEM : AHOY_ERR_STORE;
}

/* Runs a statement without rows, if its parameters could be bound. */
static enum ahoy_err run(struct location *l, enum statement which, bool bound)
{
    sqlite3_stmt *s = l->stmt[which];
    int rc = bound ? l->lib.sqlite3_step(s) : SQLITE_NOMEM;
    l->lib.sqlite3_reset(s);
    l->lib.sqlite3_clear_bindings(s);
    return err_of(rc);
}

static struct view column(struct location *l, sqlite3_stmt *s, int at)
{
    const char *p = (const char *) l->lib.sqlite3_column_text(s, at);
    int n = l->lib.sqlite3_column_bytes(s, at);
    return view_of(p, p && n > 0 ? (size_t) n : 0);
}

static enum ahoy_err each(struct location *l, enum statement which, struct view what, int64_t now_ms, location_fn *fn,
                          void *arg)
{
    sqlite3_stmt *s = l->stmt[which];
    int rc = SQLITE_NOMEM;
    bool bound = bind_view(l, s, 1, what) && bind_int(l, s, 2, now_ms);
    while (bound && (rc = l->lib.sqlite3_step(s)) == SQLITE_ROW) {
        struct location_binding b = { .contact = column(l, s, 0),
                                      .params = column(l, s, 1),
                                      .call_id = column(l, s, 2),
                                      .cseq = (uint32_t) l->lib.sqlite3_column_int64(s, 3),
                                      .expires_ms = l->lib.sqlite3_column_int64(s, 4),
                                      .q_milli = (uint16_t) l->lib.sqlite3_column_int(s, 5),
                                      .path = column(l, s, 6),
                                      .proto = sip_proto_of(column(l, s, 7)),
                                      .port = (uint16_t) l->lib.sqlite3_column_int(s, 9) };
        if (b.proto != SIP_PROTO_UNKNOWN && addr_parse(column(l, s, 8), 0, &b.source))
            b.proto = SIP_PROTO_UNKNOWN;
        if (!fn(arg, &b)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    l->lib.sqlite3_reset(s);
    l->lib.sqlite3_clear_bindings(s);
    return err_of(rc);
}

enum ahoy_err location_each(struct location *l, const char *key, int64_t now_ms, location_fn *fn, void *arg)
{
    return each(l, S_EACH, view_str(key), now_ms, fn, arg);
}

enum ahoy_err location_all(struct location *l, const char *key, int64_t now_ms, location_fn *fn, void *arg)
{
    return each(l, S_ALL, view_str(key), now_ms, fn, arg);
}

enum ahoy_err location_by_contact(struct location *l, struct view contact, int64_t now_ms, location_fn *fn, void *arg)
{
    return each(l, S_CONTACT, contact, now_ms, fn, arg);
}

enum ahoy_err location_begin(struct location *l)
{
    return run(l, S_BEGIN, true);
}

enum ahoy_err location_commit(struct location *l)
{
    return run(l, S_COMMIT, true);
}

void location_rollback(struct location *l)
{
    (void) run(l, S_ROLLBACK, true);
}

enum ahoy_err location_put(struct location *l, const char *key, const struct location_binding *b)
{
    sqlite3_stmt *s = l->stmt[S_PUT];
    char source[ADDR_TEXT_BYTES] = "";
    bool way = b->proto != SIP_PROTO_UNKNOWN;
    if (way)
        addr_print(&b->source, source);
    bool bound = bind_view(l, s, 1, view_str(key)) && bind_view(l, s, 2, b->contact) && bind_view(l, s, 3, b->params)
                 && bind_view(l, s, 4, b->call_id) && bind_int(l, s, 5, b->cseq) && bind_int(l, s, 6, b->expires_ms)
                 && bind_int(l, s, 7, b->q_milli) && bind_view(l, s, 8, b->path)
                 && bind_view(l, s, 9, view_str(way ? sip_proto_name(b->proto) : ""))
                 && bind_view(l, s, 10, view_str(source)) && bind_int(l, s, 11, b->port);
    return run(l, S_PUT, bound);
}

enum ahoy_err location_remove(struct location *l, const char *key, struct view contact)
{
    sqlite3_stmt *s = l->stmt[S_REMOVE];
    return run(l, S_REMOVE, bind_view(l, s, 1, view_str(key)) && bind_view(l, s, 2, contact));
}

enum ahoy_err location_remove_all(struct location *l, const char *key)
{
    return run(l, S_REMOVE_ALL, bind_view(l, l->stmt[S_REMOVE_ALL], 1, view_str(key)));
}

void location_sweep(struct location *l, int64_t now_ms)
{
    (void) run(l, S_SWEEP, bind_int(l, l->stmt[S_SWEEP], 1, now_ms));
}

size_t location_count(struct location *l, int64_t now_ms)
{
    sqlite3_stmt *s = l->stmt[S_COUNT];
    size_t n = 0;
    if (bind_int(l, s, 1, now_ms) && l->lib.sqlite3_step(s) == SQLITE_ROW)
        n = (size_t) l->lib.sqlite3_column_int64(s, 0);
    l->lib.sqlite3_reset(s);
    l->lib.sqlite3_clear_bindings(s);
    return n;
}

enum ahoy_err location_secret(struct location *l, void *key, size_t n)
{
    sqlite3_stmt *put = l->stmt[S_SECRET_PUT], *get = l->stmt[S_SECRET_GET];
    enum ahoy_err err = run(l, S_SECRET_PUT,
                            l->lib.sqlite3_bind_blob(put, 1, key, (int) n, SQLITE_TRANSIENT) == SQLITE_OK);
    if (err)
        return err;
    int rc = l->lib.sqlite3_step(get);
    if (rc == SQLITE_ROW && (size_t) l->lib.sqlite3_column_bytes(get, 0) == n && l->lib.sqlite3_column_blob(get, 0))
        memcpy(key, l->lib.sqlite3_column_blob(get, 0), n);
    else
        err = rc == SQLITE_NOMEM ? AHOY_ERR_NOMEM : AHOY_ERR_STORE;
    l->lib.sqlite3_reset(get);
    return err;
}
