/*
 * The location service: which contacts an address of record has now (RFC 3261 section 10). In SQLite, in a file that
 * outlives the exchange or in memory. One thread; a statement is some microseconds.
 */
#ifndef AHOY_SERVER_LOCATION_H
#define AHOY_SERVER_LOCATION_H

#include "sip/hdr.h"

struct location;

enum { LOCATION_URI_BYTES = 1024 };

/** A binding. Views are valid during the callback that hands it out. */
struct location_binding {
    struct view contact; /* URI */
    struct view params;  /* further header parameters of Contact, from ';' */
    struct view call_id;
    uint32_t cseq;
    int64_t expires_ms; /* wall clock */
    uint16_t q_milli;
    struct view path;     /* Route values, joined by commas, or empty (RFC 3327) */
    enum sip_proto proto; /* UNKNOWN: it is reached by its URI. Else by this way alone: … */
    struct addr source;   /* … where its REGISTER came from … */
    uint16_t port;        /* … and the port of ours that it came to */
};

/** `file` NULL: in memory; a new one gets mode 0600. STORE with `why`, NOMEM. */
AHOY_MUST_USE enum ahoy_err location_open(struct location **out, const char *file, char *why, size_t why_size);
void location_close(struct location *l); /* NULL is ignored */

typedef bool location_fn(void *arg, const struct location_binding *b); /* false: enough */

/** Bindings of a key that have not expired, best q first, newest first. STORE. */
AHOY_MUST_USE enum ahoy_err location_each(struct location *l, const char *key, int64_t now_ms, location_fn *fn,
                                          void *arg);

/** The same in the order of their contacts, which is cheaper. */
AHOY_MUST_USE enum ahoy_err location_all(struct location *l, const char *key, int64_t now_ms, location_fn *fn,
                                         void *arg);

/** The same for the bindings of one contact URI (byte for byte), whoever's. */
AHOY_MUST_USE enum ahoy_err location_by_contact(struct location *l, struct view contact, int64_t now_ms,
                                                location_fn *fn, void *arg);

/** Changes of one REGISTER are made between these: all or none. */
AHOY_MUST_USE enum ahoy_err location_begin(struct location *l);
AHOY_MUST_USE enum ahoy_err location_commit(struct location *l);
void location_rollback(struct location *l);

/** Adds, or replaces the binding of the same contact URI (byte for byte; the registrar compares by URI rules first). */
AHOY_MUST_USE enum ahoy_err location_put(struct location *l, const char *key, const struct location_binding *b);
AHOY_MUST_USE enum ahoy_err location_remove(struct location *l, const char *key, struct view contact);
AHOY_MUST_USE enum ahoy_err location_remove_all(struct location *l, const char *key);

/** Takes expired bindings out. What cannot be taken out now can be later: expired ones are never handed out. */
void location_sweep(struct location *l, int64_t now_ms);

/** Bindings that have not expired; 0 when they cannot be counted. */
size_t location_count(struct location *l, int64_t now_ms);

/** Reads the secret that lives in the database; the first time it keeps the one in `key`. STORE, NOMEM. */
AHOY_MUST_USE enum ahoy_err location_secret(struct location *l, void *key, size_t n);

#endif
