/*
 * Transactions: the four state machines of RFC 3261 section 17 with the Accepted state of RFC 6026 on both sides and the
 * rules of RFC 4320. All calls on the stack's loop.
 *
 * A client transaction is made with a complete request except for its topmost Via, which the transaction adds. The TU holds the returned pointer until `done` or its
 * own sip_client_txn_release; the transaction itself lives on by its timers.
 */
#ifndef AHOY_SIP_TXN_H
#define AHOY_SIP_TXN_H

#include "sip/stack.h"

/* ---- client ------------------------------------------------------------------------------------------------------- */

struct sip_client_handler {
    /**
     * A response: provisional ones (100 too), the final one, and for INVITE each further 2xx while Accepted (RFC 6026;
     * the TU ACKs every 2xx). ACK for 300-699 is the transaction's own. Valid during the call.
     */
    void (*response)(void *arg, struct sip_client_txn *txn, struct sip_msg *response);
    /** No final response: TIMEOUT (timer B or F), or the transport's error. Once, instead of a final response. */
    void (*failed)(void *arg, struct sip_client_txn *txn, enum ahoy_err err);
    /** The transaction is gone (after Completed/Accepted or failure); the pointer is invalid afterwards. May be NULL. */
    void (*done)(void *arg, struct sip_client_txn *txn);
    void *arg;
};

struct sip_client_config {
    struct sip_flow *flow;       /* where to; referenced by the transaction */
    struct view request;         /* the whole message without the topmost Via (inserted behind the start line); copied */
    const char *branch;          /* NULL: a new one; given for a proxy that computes it */
    uint32_t timeout_ms;         /* of B/F; 0: 64 * T1 */
};

/** Sends the request. The error of a failed first send comes later through `failed`. SYNTAX for a request that does not parse, NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_client_txn_create(struct sip_client_txn **out, struct sip_stack *s,
                                                  const struct sip_client_config *cfg,
                                                  const struct sip_client_handler *handler);

/** The TU is no longer interested: no callback comes any more; an INVITE still ACKs its final response. */
void sip_client_txn_release(struct sip_client_txn *txn);

/**
 * CANCELs a pending INVITE (RFC 3261 section 9.1): at once after a provisional response, else when one comes; nothing after a final response. The
 * CANCEL is a transaction of its own that needs no owner. 64 * T1 after it without a final response the INVITE fails with TIMEOUT. `extra`: whole header lines
 * (Reason, RFC 3326) or empty.
 */
enum ahoy_err sip_client_txn_cancel(struct sip_client_txn *txn, struct view extra);

const struct sip_msg *sip_client_txn_request(const struct sip_client_txn *txn); /* as sent, with Via */
struct sip_flow *sip_client_txn_flow(const struct sip_client_txn *txn);
const char *sip_client_txn_branch(const struct sip_client_txn *txn);

/* ---- server ------------------------------------------------------------------------------------------------------- */

struct sip_server_handler {
    /** A CANCEL came for this INVITE, which has no final response yet; the CANCEL itself was answered 200. The TU answers 487. */
    void (*cancelled)(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel);
    /** The ACK for a 300-699 came. May be NULL. (The ACK for a 2xx goes to the core.) */
    void (*acked)(void *arg, struct sip_server_txn *txn, struct sip_msg *ack);
    /** A response could not be delivered, or no ACK came for a 300-699 (TIMEOUT, timer H). May be NULL. */
    void (*failed)(void *arg, struct sip_server_txn *txn, enum ahoy_err err);
    /** The transaction is gone; the pointer is invalid afterwards. May be NULL. */
    void (*done)(void *arg, struct sip_server_txn *txn);
    void *arg;
};

/** Sets who hears of it; without a handler a CANCELled INVITE is answered 487 by the transaction itself. */
void sip_server_txn_set_handler(struct sip_server_txn *txn, const struct sip_server_handler *handler);

/**
 * Sends a complete response (as built by sip_build_response …): provisional, or the one final. 100 is sent by the transaction itself when the TU is
 * silent for 200 ms on an INVITE. 2xx to INVITE are retransmitted by the TU, 300-699 by the transaction. STATE after a final response (except further
 * 2xx to INVITE while Accepted, RFC 6026).
 */
enum ahoy_err sip_server_txn_respond(struct sip_server_txn *txn, struct view response);

/** The usual short way: status, extra header lines (may be empty), no body. The To tag is the transaction's own. */
enum ahoy_err sip_server_txn_reply(struct sip_server_txn *txn, unsigned status, struct view extra);

/** Starts a response in `b` for the TU to complete: sip_build_response with this transaction's To tag and source. */
void sip_server_txn_begin(struct sip_server_txn *txn, struct buf *b, unsigned status, struct view reason);

/** The TU will not answer (it is going away): 500 if there was no final response, then no callback any more. */
void sip_server_txn_release(struct sip_server_txn *txn);

struct sip_msg *sip_server_txn_request(const struct sip_server_txn *txn);
struct sip_flow *sip_server_txn_flow(const struct sip_server_txn *txn);
const char *sip_server_txn_tag(const struct sip_server_txn *txn); /* the To tag put into responses */
bool sip_server_txn_final(const struct sip_server_txn *txn);      /* a final response was given */

/** The INVITE transaction that a CANCEL, or a request with the same branch, belongs to; NULL if none. */
struct sip_server_txn *sip_stack_find_invite(struct sip_stack *s, struct sip_msg *cancel);

/**
 * Whether another transaction has the same From tag, Call-ID and CSeq but another branch, for a request without a To
 * tag: a merged request, to be answered 482 by a user agent (RFC 3261 section 8.2.2.2).
 */
bool sip_server_txn_is_merged(const struct sip_server_txn *txn);

#endif
