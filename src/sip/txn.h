/*
 * Transactions: the four state machines of RFC 3261 section 17 with the Accepted state of RFC 6026 on both sides and the
 * rules of RFC 4320. All calls on the stack's loop.
 *
 * A transaction lives by its own timers and frees itself: never inside a call or callback of its user, always from the
 * loop, after `done`. So a pointer to one is good until `done` runs, or until its user releases it.
 */
#ifndef AHOY_SIP_TXN_H
#define AHOY_SIP_TXN_H

#include "sip/stack.h"

/* ---- client ------------------------------------------------------------------------------------------------------ */

struct sip_client_handler {
    /**
     * A response: provisional ones (100 too), the final one, and for INVITE each further 2xx while Accepted (RFC 6026;
     * the TU ACKs every 2xx). ACK for 300-699 is the transaction's own. Valid during the call. May be NULL.
     */
    void (*response)(void *arg, struct sip_client_txn *txn, struct sip_msg *response);
    /** No final response: TIMEOUT (timer B or F), or the transport's error. Once, instead of a final response.
     * May be NULL. */
    void (*failed)(void *arg, struct sip_client_txn *txn, enum ahoy_err err);
    /** The transaction is gone (after Completed/Accepted or failure); the pointer is invalid afterwards. May be NULL. */
    void (*done)(void *arg, struct sip_client_txn *txn);
    void *arg;
};

struct sip_client_config {
    struct sip_flow *flow; /* where to; referenced by the transaction */
    struct view request;   /* the whole message without the topmost Via (inserted behind the start line); copied */
    const char *branch;    /* NULL: a new one; given for a proxy that computes it; at most 100 characters */
    uint32_t timeout_ms;   /* of timer B or F; 0: 64 * T1 */
};

/**
 * Sends the request. The error of a failed first send comes later through `failed`. SYNTAX for a request that does not
 * parse, INVAL for an ACK (no transaction, RFC 3261 section 17) or a bad branch, NOMEM, CLOSED for a broken flow or while
 * the stack goes down.
 *
 * A request too large for UDP goes by TCP, its Via saying so, and by UDP after all when no connection comes about (RFC
 * 3261 section 18.1.1); sip_client_txn_flow tells which.
 */
AHOY_MUST_USE enum ahoy_err sip_client_txn_create(struct sip_client_txn **out, struct sip_stack *s,
                                                  const struct sip_client_config *cfg,
                                                  const struct sip_client_handler *handler);

/**
 * The TU is no longer interested: no callback comes any more. An INVITE still ACKs a refusal, gives a 2xx to the core's
 * stray_response, and when it rings ends 64 * T1 later without a final response. NULL is ignored.
 */
void sip_client_txn_release(struct sip_client_txn *txn);

/**
 * CANCELs a pending INVITE (RFC 3261 section 9.1): at once after a provisional response, else when one comes. The
 * CANCEL is a transaction of its own that needs no owner; when memory or a connection lacks for it, it is tried again
 * every T1. 64 * T1 after the first try without a final response the INVITE fails with TIMEOUT. `extra`: whole header
 * lines (Reason, RFC 3326) or empty; left out when there is no memory to keep them. Asking twice is asking once. STATE
 * when it is no INVITE or has its final response or failure.
 */
enum ahoy_err sip_client_txn_cancel(struct sip_client_txn *txn, struct view extra);

const struct sip_msg *sip_client_txn_request(const struct sip_client_txn *txn); /* as sent, with Via */
struct sip_flow *sip_client_txn_flow(const struct sip_client_txn *txn);
const char *sip_client_txn_branch(const struct sip_client_txn *txn);

/* ---- server ------------------------------------------------------------------------------------------------------ */

struct sip_server_handler {
    /**
     * A CANCEL came for this INVITE, which has no final response yet; the CANCEL itself was answered 200. The TU
     * answers 487. NULL: the transaction does.
     */
    void (*cancelled)(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel);
    /** The ACK for a 300-699 came. May be NULL. (The ACK for a 2xx goes to the core.) */
    void (*acked)(void *arg, struct sip_server_txn *txn, struct sip_msg *ack);
    /**
     * A response could not be delivered (the transport's error), no ACK came for a 300-699 (TIMEOUT, timer H), or the TU
     * let 64 * T1 pass without a final response to a non-INVITE, which nobody waits for any more (TIMEOUT). May be NULL.
     */
    void (*failed)(void *arg, struct sip_server_txn *txn, enum ahoy_err err);
    /** The transaction is gone; the pointer is invalid afterwards. May be NULL. */
    void (*done)(void *arg, struct sip_server_txn *txn);
    void *arg;
};

/** Sets who hears of it; without a handler a CANCELled INVITE is answered 487 by the transaction itself. */
void sip_server_txn_set_handler(struct sip_server_txn *txn, const struct sip_server_handler *handler);

/**
 * Sends a complete response (as built by sip_server_txn_begin, sip_build_response …): provisional, or the one final.
 * 2xx to INVITE are retransmitted by the TU (RFC 3261 13.3.1.4), 300-699 by the transaction. STATE after a final
 * response (except further 2xx to INVITE while Accepted, RFC 6026); INVAL for what is no response; NOMEM. That it could
 * not be sent is told by `failed`, not here.
 *
 * 100 is sent by the transaction itself when the TU is silent for 200 ms on an INVITE, or until timer E reaches T2
 * (3.5 s) on another request. RFC 4320 for those others: a provisional response but 100 is refused with INVAL, a
 * 100 over UDP is held back until then, and a 408 ends the transaction without being sent.
 */
enum ahoy_err sip_server_txn_respond(struct sip_server_txn *txn, struct view response);

/** The usual short way: status, extra header lines (may be empty), no body. The To tag is the transaction's own. */
enum ahoy_err sip_server_txn_reply(struct sip_server_txn *txn, unsigned status, struct view extra);

/**
 * Starts a response in `b` for the TU to complete: sip_build_response with this transaction's To tag and source, and
 * Server. An empty reason gives the standard phrase. Sets STATE in `b` when the request is no longer kept (see
 * sip_server_txn_request).
 */
void sip_server_txn_begin(struct sip_server_txn *txn, struct buf *b, unsigned status, struct view reason);

/** The TU will not answer (it is going away): 500 if there was no final response, then no callback any more. NULL is
 * ignored. */
void sip_server_txn_release(struct sip_server_txn *txn);

/**
 * The request. A transaction that was finally answered within the core's `request` callback and has no handler, or was
 * released, keeps it no longer than that callback (NULL then): a busy server would keep 32 s of requests otherwise.
 */
struct sip_msg *sip_server_txn_request(const struct sip_server_txn *txn);
struct sip_flow *sip_server_txn_flow(const struct sip_server_txn *txn); /* that the request came by */
const char *sip_server_txn_tag(const struct sip_server_txn *txn);       /* the To tag put into responses */
bool sip_server_txn_final(const struct sip_server_txn *txn);            /* a final response was given */

/** The INVITE transaction that a CANCEL, an ACK or another request with the same branch belongs to; NULL if none. */
struct sip_server_txn *sip_stack_find_invite(struct sip_stack *s, struct sip_msg *cancel);

/**
 * Whether another transaction had the same From tag, Call-ID and CSeq but another branch when this one came, for a
 * request without a To tag: a merged request, to be answered 482 by a user agent (RFC 3261 section 8.2.2.2).
 */
bool sip_server_txn_is_merged(const struct sip_server_txn *txn);

#endif
