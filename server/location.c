#include "server/location.h"

#include "base/mem.h"

#include <sqlite3.h>
#include <stdio.h>

enum statement { S_EACH, S_CONTACT, S_PUT, S_REMOVE, S_REMOVE_ALL, S_SWEEP, S_COUNT, S_BEGIN, S_COMMIT, S_ROLLBACK, STATEMENTS };

struct location {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
};

static const char schema[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                             "CREATE TABLE IF NOT EXISTS binding ("
                             " key TEXT NOT NULL, contact TEXT NOT NULL, params TEXT NOT NULL, call_id TEXT NOT NULL,"
                             " cseq INTEGER NOT NULL, expires_ms INTEGER NOT NULL, q INTEGER NOT NULL, path TEXT NOT NULL,"
                             " proto TEXT NOT NULL, source TEXT NOT NULL, user_agent TEXT NOT NULL,"
                             " PRIMARY KEY (key, contact)) WITHOUT ROWID;"
                             "CREATE INDEX IF NOT EXISTS binding_contact ON binding (contact);"
                             "CREATE INDEX IF NOT EXISTS binding_expires ON binding (expires_ms);";

#define COLUMNS "contact, params, call_id, cseq, expires_ms, q, path, proto, source, user_agent"

static const char *const sql[STATEMENTS] = {
    [S_EACH] = "SELECT " COLUMNS " FROM binding WHERE key = ?1 AND expires_ms > ?2 ORDER BY q DESC, expires_ms DESC",
    [S_CONTACT] = "SELECT " COLUMNS " FROM binding WHERE contact = ?1 AND expires_ms > ?2 ORDER BY expires_ms DESC",
    [S_PUT] = "INSERT OR REPLACE INTO binding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [S_REMOVE] = "DELETE FROM binding WHERE key = ?1 AND contact = ?2",
    [S_REMOVE_ALL] = "DELETE FROM binding WHERE key = ?1",
    [S_SWEEP] = "DELETE FROM binding WHERE expires_ms <= ?1",
    [S_COUNT] = "SELECT count(*) FROM binding",
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
};

enum ahoy_err location_open(struct location **out, const char *file, char *why, size_t why_size)
{
    struct location *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    bool ok = sqlite3_open(file ? file : ":memory:", &l->db) == SQLITE_OK;
    if (ok) {
        sqlite3_busy_timeout(l->db, 2000);
        ok = sqlite3_exec(l->db, schema, NULL, NULL, NULL) == SQLITE_OK;
    }
    for (int i = 0; ok && i < STATEMENTS; i++)
        ok = sqlite3_prepare_v3(l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->stmt[i], NULL) == SQLITE_OK;
    if (!ok) {
        snprintf(why, why_size, "the location database %s cannot be opened: %s", file ? file : "in memory",
                 sqlite3_errmsg(l->db));
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
        sqlite3_finalize(l->stmt[i]);
    sqlite3_close(l->db);
    mem_free(l);
}

static void bind_view(sqlite3_stmt *s, int at, struct view v)
{
    (void) sqlite3_bind_text(s, at, v.p ? v.p : "", (int) AHOY_MIN(v.n, (size_t) INT32_MAX), SQLITE_STATIC);
}

/* Runs a statement without rows. A failed bind shows as a failed step: the columns are NOT NULL. */
static enum ahoy_err run(struct location *l, enum statement which)
{
    sqlite3_stmt *s = l->stmt[which];
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? AHOY_OK : rc == SQLITE_NOMEM ? AHOY_ERR_NOMEM : AHOY_ERR_STORE;
}

static struct view column(sqlite3_stmt *s, int at)
{
    const char *p = (const char *) sqlite3_column_text(s, at);
    int n = sqlite3_column_bytes(s, at);
    return view_of(p, p && n > 0 ? (size_t) n : 0);
}

static enum ahoy_err each(struct location *l, enum statement which, struct view what, int64_t now_ms, location_fn *fn,
                          void *arg)
{
    sqlite3_stmt *s = l->stmt[which];
    int rc;
    bind_view(s, 1, what);
    (void) sqlite3_bind_int64(s, 2, now_ms);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct location_binding b = { .contact = column(s, 0),
                                      .params = column(s, 1),
                                      .call_id = column(s, 2),
                                      .cseq = (uint32_t) sqlite3_column_int64(s, 3),
                                      .expires_ms = sqlite3_column_int64(s, 4),
                                      .q_milli = (uint16_t) sqlite3_column_int(s, 5),
                                      .path = column(s, 6),
                                      .proto = sip_proto_of(column(s, 7)),
                                      .user_agent = column(s, 9) };
        if (addr_parse(column(s, 8), 0, &b.source))
            b.source = (struct addr){ 0 };
        if (!fn(arg, &b)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc == SQLITE_DONE ? AHOY_OK : AHOY_ERR_STORE;
}

enum ahoy_err location_each(struct location *l, const char *key, int64_t now_ms, location_fn *fn, void *arg)
{
    return each(l, S_EACH, view_str(key), now_ms, fn, arg);
}

enum ahoy_err location_by_contact(struct location *l, struct view contact, int64_t now_ms, location_fn *fn, void *arg)
{
    return each(l, S_CONTACT, contact, now_ms, fn, arg);
}

enum ahoy_err location_begin(struct location *l)
{
    return run(l, S_BEGIN);
}

enum ahoy_err location_commit(struct location *l)
{
    return run(l, S_COMMIT);
}

void location_rollback(struct location *l)
{
    (void) run(l, S_ROLLBACK);
}

enum ahoy_err location_put(struct location *l, const char *key, const struct location_binding *b)
{
    sqlite3_stmt *s = l->stmt[S_PUT];
    char source[ADDR_TEXT_BYTES];
    bind_view(s, 1, view_str(key));
    bind_view(s, 2, b->contact);
    bind_view(s, 3, b->params);
    bind_view(s, 4, b->call_id);
    (void) sqlite3_bind_int64(s, 5, b->cseq);
    (void) sqlite3_bind_int64(s, 6, b->expires_ms);
    (void) sqlite3_bind_int(s, 7, b->q_milli);
    bind_view(s, 8, b->path);
    bind_view(s, 9, view_str(sip_proto_name(b->proto)));
    bind_view(s, 10, view_str(addr_print(&b->source, source)));
    bind_view(s, 11, b->user_agent);
    return run(l, S_PUT);
}

enum ahoy_err location_remove(struct location *l, const char *key, struct view contact)
{
    bind_view(l->stmt[S_REMOVE], 1, view_str(key));
    bind_view(l->stmt[S_REMOVE], 2, contact);
    return run(l, S_REMOVE);
}

enum ahoy_err location_remove_all(struct location *l, const char *key)
{
    bind_view(l->stmt[S_REMOVE_ALL], 1, view_str(key));
    return run(l, S_REMOVE_ALL);
}

size_t location_sweep(struct location *l, int64_t now_ms)
{
    (void) sqlite3_bind_int64(l->stmt[S_SWEEP], 1, now_ms);
    if (run(l, S_SWEEP))
        return 0;
    sqlite3_stmt *s = l->stmt[S_COUNT];
    size_t n = sqlite3_step(s) == SQLITE_ROW ? (size_t) sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return n;
}
