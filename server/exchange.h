/*
 * What the files of the exchange share: one stack whose core is a proxy, a registrar beside it, and a user agent core for
 * the test numbers. Everything runs on the exchange's loop.
 */
#ifndef AHOY_SERVER_EXCHANGE_H
#define AHOY_SERVER_EXCHANGE_H

#include "ahoy/exchange.h"
#include "base/arena.h"
#include "base/list.h"
#include "media/media.h"
#include "server/location.h"
#include "server/users.h"
#include "sip/auth_server.h"
#include "sip/invite.h"
#include "sip/locate.h"
#include "sip/stack.h"
#include "sip/txn.h"
#include "sip/uas.h"
#include "sys/lock.h"

enum {
    EXCHANGE_MAX_TRANSPORTS = 16,
    EXCHANGE_MAX_TARGETS = 20,   /* contacts that one request is forked to */
    EXCHANGE_MAX_CONTACTS = 10,  /* bindings of one address of record */
    EXCHANGE_KEY_BYTES = 256,
    EXCHANGE_MIN_EXPIRES_S = 60,
    EXCHANGE_MAX_EXPIRES_S = 7200,
    EXCHANGE_DEFAULT_EXPIRES_S = 3600,
};

struct exchange {
    struct sys_host *host;
    bool own_host;
    struct sys_loop *loop;
    struct arena arena; /* of the configuration's strings */
    struct log log;
    ahoy_log_fn *log_fn;
    void *log_arg;
    void (*news)(void *arg, const char *line);
    void *news_arg;

    const char *domain; /* NULL: every name, and our own addresses */
    const char *realm;
    bool open;

    struct sip_stack *stack;
    struct sip_locator *locator;
    struct sip_auth_server *auth;
    struct sip_ua *ua; /* the test numbers */
    struct sip_core_ops ua_core;
    struct media_engine *media;
    struct users *users;
    struct location *location;
    struct sip_transport *transport[EXCHANGE_MAX_TRANSPORTS];
    size_t transports;
    uint8_t branch_key[16];

    struct list forwards; /* struct forward: requests on their way */
    struct list acks;     /* struct ack_forward */
    struct list services; /* struct service_call */
    struct sys_timer sweep;

    struct sys_lock lock; /* of the counts and `stopped` */
    struct ahoy_exchange_counts counts;
    bool stopping, stopped;
    struct sys_msg stop_msg;
};

/* ---- exchange.c --------------------------------------------------------------------------------------------------- */

/** The exchange on a host of the caller's: a simulated one for tests. NULL: this machine. */
AHOY_MUST_USE enum ahoy_err exchange_create_on(struct ahoy_exchange **out, struct sys_host *host,
                                               const struct ahoy_exchange_config *cfg, char *why, size_t why_size);

/** The first half of ahoy_exchange_destroy, for the simulation. */
void exchange_stop(struct ahoy_exchange *x);
bool exchange_stopped(struct ahoy_exchange *x);
struct exchange *exchange_of(struct ahoy_exchange *x);

void exchange_news(struct exchange *x, const char *fmt, ...) AHOY_PRINTF(2, 3);
void exchange_count_refused(struct exchange *x);

/** Something ended: when stopping, the exchange may be done. */
void exchange_check_stopped(struct exchange *x);

/** Whether a URI is of the domain served: its users are ours. */
bool exchange_is_ours(const struct exchange *x, const struct sip_uri *u);

/** Whether it is an address of the exchange itself, with a port it listens on. */
bool exchange_is_self(const struct exchange *x, const struct sip_uri *u);

/** The key of a user of ours: canonical user part. SYNTAX without one. */
AHOY_MUST_USE enum ahoy_err exchange_key(const struct sip_uri *u, char key[EXCHANGE_KEY_BYTES]);

enum exchange_auth { EXCHANGE_AUTH_OK, EXCHANGE_AUTH_ANSWERED };

/** Checks who sent a request; otherwise challenges it (401, 407) or refuses, and says ANSWERED. In an open exchange: OK, `user` empty. */
enum exchange_auth exchange_authenticate(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, bool proxy,
                                         struct sip_auth_identity *who);

/* ---- registrar.c -------------------------------------------------------------------------------------------------- */

void registrar_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request);

/* ---- proxy.c ------------------------------------------------------------------------------------------------------ */

void proxy_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request);
void proxy_ack(struct exchange *x, struct sip_msg *ack);
void proxy_drop_all(struct exchange *x);

/* ---- services.c --------------------------------------------------------------------------------------------------- */

/** Whether the user part names a test number: echo, music, time. */
bool services_know(struct view user);
void services_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request);
void services_hang_up_all(struct exchange *x);

#endif
