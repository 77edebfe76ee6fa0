/*
 * What the files of the exchange share: one stack whose core is a proxy, a registrar beside it, and a user agent core
 * for the test numbers. Everything runs on the exchange's loop, but for the functions of ahoy/exchange.h.
 */
#ifndef AHOY_SERVER_EXCHANGE_H
#define AHOY_SERVER_EXCHANGE_H

#include "ahoy/exchange.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
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
    EXCHANGE_MAX_SERVICES = 500, /* calls to test numbers at a time */
    EXCHANGE_KEY_BYTES = 256,
    EXCHANGE_MIN_EXPIRES_S = 60,
    EXCHANGE_MAX_EXPIRES_S = 7200,
    EXCHANGE_DEFAULT_EXPIRES_S = 3600,
    EXCHANGE_GUARD_SLOTS = 1024,
};

struct route;

/* Wrong passwords of one address within the last minute; addresses that fall on one slot share its fate. */
struct exchange_guard {
    uint64_t who;
    int64_t since_ms;
    unsigned count;
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
    bool open, trace;

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
    uint64_t key[2]; /* of the digests in branches and Record-Route; lives as long as the database */
    struct exchange_guard guard[EXCHANGE_GUARD_SLOTS];

    struct list forwards; /* struct forward: requests on their way */
    struct list acks;     /* struct ack_forward */
    struct list services; /* struct service_call */
    size_t service_count; /* of those, the ones answered and not over */
    struct map calls;     /* struct call: answered calls between others */
    struct list call_ages;
    struct map kept; /* struct kept: connections that registrations lean on */
    struct list kept_all;
    struct sys_timer sweep, patience; /* patience: with callers when stopping */

    struct ahoy_exchange_counts counts; /* the loop's own */
    bool stopping;

    struct sys_lock lock;              /* of what follows */
    struct ahoy_exchange_counts shown; /* counts as they were last asked for */
    bool stopped;
    bool counting; /* counts_msg is under way */
    uint64_t counted;
    pthread_t thread; /* the loop's, once has_thread */
    bool has_thread;
    struct sys_msg stop_msg, counts_msg, begin_msg;
};

/* ---- exchange.c -------------------------------------------------------------------------------------------------- */

/** The exchange on a host of the caller's: a simulated one for tests. NULL: this machine. */
AHOY_MUST_USE enum ahoy_err exchange_create_on(struct ahoy_exchange **out, struct sys_host *host,
                                               const struct ahoy_exchange_config *cfg, char *why, size_t why_size);

/**
 * The first half of ahoy_exchange_destroy, for the simulation: then run it until exchange_stopped, then destroy.
 */
void exchange_stop(struct ahoy_exchange *x);
bool exchange_stopped(struct ahoy_exchange *x);
struct exchange *exchange_of(struct ahoy_exchange *x);

void exchange_news(struct exchange *x, const char *fmt, ...) AHOY_PRINTF(2, 3);

/** Something ended: when stopping, the exchange may be done. */
void exchange_check_stopped(struct exchange *x);

/* ---- core.c ------------------------------------------------------------------------------------------------------ */

/** The callbacks of the exchange's stack. */
void exchange_core(struct exchange *x, struct sip_core_ops *core);

/** Answers, come what may: without memory for it the transaction is let go. `extra`: whole header lines or empty. */
void exchange_reply(struct sip_server_txn *txn, unsigned status, struct view extra);

/** The same, and counts it as refused. */
void exchange_refuse(struct exchange *x, struct sip_server_txn *txn, unsigned status, struct view extra);

/** Whether a URI is of the domain served: its users are ours. */
bool exchange_is_ours(const struct exchange *x, const struct sip_uri *u);
/** Whether an address of record is one of ours. Telephones leave the port out of it wherever we listen. */
bool exchange_is_our_name(const struct exchange *x, const struct sip_uri *u);

/** Whether it is an address of the exchange itself, with a port it listens on. */
bool exchange_is_self(const struct exchange *x, const struct sip_uri *u);

/** The key of a user of ours: canonical user part. SYNTAX without one, LIMIT, NOMEM. */
AHOY_MUST_USE enum ahoy_err exchange_key(const struct sip_uri *u, char key[EXCHANGE_KEY_BYTES]);

/** SipHash of text under the exchange's key; `what` keeps its uses apart. 16 hex digits and a zero byte. */
enum { EXCHANGE_DIGEST_BYTES = 17 };
void exchange_digest(const struct exchange *x, char what, struct view text, char out[EXCHANGE_DIGEST_BYTES]);

/* ---- guard.c ----------------------------------------------------------------------------------------------------- */

/**
 * Checks who sent a request; otherwise challenges it (401, 407) or refuses it, and returns false. In an open exchange:
 * true, `who->user` empty.
 */
bool guard_admits(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, bool proxy,
                  struct sip_auth_identity *who);

/** The same for a request outside a registration: who calls must be who From says, where that is a user of ours. */
bool guard_admits_caller(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request,
                         const struct sip_core *core);

/** Whether an authenticated user name and a key of exchange_key mean the same. */
bool guard_is_user(struct view user, const char *key);

/* ---- registrar.c ------------------------------------------------------------------------------------------------- */

void registrar_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request);

/* ---- proxy.c ----------------------------------------------------------------------------------------------------- */

void proxy_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, const struct route *r);
void proxy_ack(struct exchange *x, struct sip_flow *in, struct sip_msg *ack, const struct route *r);
void proxy_drop_all(struct exchange *x);

/* ---- calls.c ----------------------------------------------------------------------------------------------------- */

/** A 2xx to an INVITE outside a dialog, or a request inside one, passed: the call is alive. BYE: it is over. */
void calls_note_answer(struct exchange *x, struct sip_msg *response);
void calls_note_request(struct exchange *x, struct sip_msg *request);
void calls_sweep(struct exchange *x); /* forgets those that nothing was heard of for a day */
void calls_drop_all(struct exchange *x);

/* ---- kept.c ------------------------------------------------------------------------------------------------------ */

/** Holds a connection open while a registration made by it lives. Datagrams need none. */
void kept_hold(struct exchange *x, struct sip_flow *flow, uint32_t expires_s);
void kept_lost(struct exchange *x, struct sip_flow *flow);
void kept_sweep(struct exchange *x);
void kept_drop_all(struct exchange *x);

/* ---- services.c -------------------------------------------------------------------------------------------------- */

/** Whether the user part names a test number: echo, music, time. */
bool services_know(struct view user);
void services_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request);
void services_hang_up_all(struct exchange *x); /* each ends once its BYE is answered */
void services_drop_all(struct exchange *x);    /* at once, with a BYE that may get lost */

#endif
