/*
 * The exchange: a registrar, a stateful proxy and test numbers in one process; what `ahoy serve` runs. RFC 3261 sections
 * 10 and 16.
 */
#ifndef AHOY_EXCHANGE_H
#define AHOY_EXCHANGE_H

#include "ahoy/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ahoy_exchange;

struct ahoy_exchange_config {
    /* "127.0.0.1:5060", or for one of both "udp:127.0.0.1:5060", "tcp:…"; none: udp and tcp on every interface, IPv6
     * where there is any, port 5060. Port 0 picks one. */
    const char *const *listens;
    size_t listen_count;
    const char *domain;     /* the domain served, besides the own addresses; NULL: any host that reaches us */
    const char *users_file; /* lines NAME:PASSWORD or NAME:{HA1-MD5}HEX, {HA1-SHA-256}, {HA1-SHA-512-256}; NULL: none */
    const char *const *users; /* "NAME:PASSWORD" */
    size_t user_count;
    bool open;            /* anybody may register and call without a password: laboratories only */
    const char *database; /* SQLite file of the location service; NULL: in memory */
    const char *realm;    /* NULL: the domain, or "ahoy" */
    bool trace;           /* SIP messages to the log at level debug */
    enum ahoy_log_level log_level;
    ahoy_log_fn *log;
    void *log_arg;
    /** Called on the exchange's thread for a line of news ("alice registered from …"). May be NULL. */
    void (*news)(void *arg, const char *line);
    void *news_arg;
};

/** Starts it on a thread of its own; sockets are open when this returns. Errors as of ahoy_engine_create. */
AHOY_API AHOY_MUST_USE enum ahoy_err
ahoy_exchange_create(struct ahoy_exchange **out, const struct ahoy_exchange_config *cfg, char *why, size_t why_size);

/** Stops and frees. NULL is ignored. */
AHOY_API void ahoy_exchange_destroy(struct ahoy_exchange *x);

/** Addresses listened on, as ahoy_engine_listening. */
AHOY_API char **ahoy_exchange_listening(struct ahoy_exchange *x);

struct ahoy_exchange_counts {
    uint32_t users, bindings, calls, transactions;
    uint64_t requests, refused;
};
AHOY_API void ahoy_exchange_counts(struct ahoy_exchange *x, struct ahoy_exchange_counts *out);

#ifdef __cplusplus
}
#endif
#endif
