/* Accounts: who we are at which server, and the registration that keeps us reachable there (RFC 3261 section 10). */
#ifndef AHOY_ACCOUNT_H
#define AHOY_ACCOUNT_H

#include "ahoy/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ahoy_account_state {
    AHOY_ACCOUNT_OFFLINE, /* not registering */
    AHOY_ACCOUNT_REGISTERING,
    AHOY_ACCOUNT_REGISTERED,
    AHOY_ACCOUNT_FAILED,  /* will be tried again after retry_in_s, unless that is 0 */
    AHOY_ACCOUNT_LEAVING, /* unregistering */
};

struct ahoy_account_config {
    const char *name;         /* how the account is called locally; NULL: the address of record */
    const char *uri;          /* address of record: "sip:alice@example.org" or "alice@example.org". Needed */
    const char *display_name; /* NULL: none */
    const char *user;         /* user name for authentication; NULL: the user part of uri */
    const char *password;     /* NULL: none. Never logged, never in an event */
    const char *realm;        /* only answer challenges of this realm; NULL: any */
    const char *registrar;    /* "sip:HOST[:PORT]"; NULL: the host of uri */
    const char *proxy;        /* outbound proxy URI (loose route); NULL: none */
    enum ahoy_transport transport;
    bool no_register;   /* only place calls; do not register */
    uint32_t expires_s; /* 0: 600 */
};

/**
 * Adds an account and starts to register it. It is gone when the engine is; see ahoy_account_store. INVAL for a bad
 * URI, NOMEM; what is found wrong later comes as AHOY_EVENT_ACCOUNT with FAILED and `removed`.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_add(struct ahoy_engine *engine, const struct ahoy_account_config *cfg,
                                                      ahoy_account_id *out);

/**
 * Unregisters and forgets it; AHOY_EVENT_ACCOUNT with `removed` is the last news of it. An unknown id does nothing.
 * NOMEM.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_remove(struct ahoy_engine *engine, ahoy_account_id account);

/** Registers now (again), or unregisters. An unknown id does nothing. NOMEM. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_register(struct ahoy_engine *engine, ahoy_account_id account,
                                                           bool on);

/** A registration as it stands. */
struct ahoy_account_info {
    ahoy_account_id id;
    enum ahoy_account_state state;
    char name[128];
    char uri[256];
    char registrar[256]; /* the address that answered, "udp:192.0.2.1:5060", or empty */
    uint16_t sip_status; /* last final answer, or 0 */
    char reason[160];
    uint32_t expires_in_s, retry_in_s;
};

/** Accounts of the engine as an array; free with ahoy_free. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_list(struct ahoy_engine *engine, struct ahoy_account_info **out,
                                                       size_t *count);

AHOY_API const char *ahoy_account_state_name(enum ahoy_account_state state); /* "registered" */

/* ---- accounts kept on disk: config_dir/accounts.ini; passwords in config_dir/secrets.ini, mode 0600 ---- */

struct ahoy_account_store;

/**
 * Reads the stored accounts. `dir` NULL: $XDG_CONFIG_HOME/ahoy. CONFIG with `why` naming file and line, ACCESS,
 * NOMEM. No engine needed; one thread.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_store_open(struct ahoy_account_store **out, const char *dir,
                                                             char *why, size_t why_size);
/** NULL is ignored. */
AHOY_API void ahoy_account_store_close(struct ahoy_account_store *store);

AHOY_API size_t ahoy_account_store_count(const struct ahoy_account_store *store);
/** Borrowed until the store changes or closes. NULL behind the end. */
AHOY_API const struct ahoy_account_config *ahoy_account_store_get(const struct ahoy_account_store *store, size_t i);

/**
 * Adds or replaces (by name) and writes to disk atomically. INVAL: no URI, or a value that a line of an INI file cannot
 * keep (180 bytes, blanks at its ends, control characters, " ;"; a password may hold anything up to 511 bytes); LIMIT
 * above 256 accounts; ACCESS, IO, NOMEM.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_store_put(struct ahoy_account_store *store,
                                                            const struct ahoy_account_config *cfg);
/** NOT_FOUND, ACCESS, IO, NOMEM. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_account_store_remove(struct ahoy_account_store *store, const char *name);

#ifdef __cplusplus
}
#endif
#endif
