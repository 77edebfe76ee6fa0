/*
 * One request done the whole way: located (sip/locate.h), sent, moved to the next server when one does not answer or
 * says 503 (RFC 3263 section 4.3), authorised when challenged (sip/auth.h), and redirected (RFC 3261 section 8.1.3.4).
 * For requests outside and inside dialogs. Each try is a transaction of its own with a new branch and a higher CSeq
 * number; Call-ID and From stay.
 *
 * The owner destroys the object exactly once, at any time, its callbacks included; no callback runs after that. All on
 * the stack's loop; no callback comes out of a call of the owner. It must be gone before its locator, auth and stack
 * are.
 */
#ifndef AHOY_SIP_REQUEST_H
#define AHOY_SIP_REQUEST_H

#include "sip/auth.h"
#include "sip/locate.h"
#include "sip/txn.h"

struct sip_request;

/** How it ended. Valid during the callback. */
struct sip_outcome {
    /**
     * OK for a 2xx. REJECTED for another final response; AUTH for a 401 or 407 whose credentials were refused,
     * NOT_FOUND for one to which we have none, UNSUPPORTED for one we cannot answer; LOOP for redirections without end.
     * Without a response: TIMEOUT, REFUSED, UNREACHABLE, DNS_NAME, DNS_EMPTY, DNS_SERVER, CANCELLED, NOMEM, …
     */
    enum ahoy_err err;
    unsigned status;          /* 0: no final response came */
    struct sip_msg *response; /* NULL without one; keep by sip_msg_ref */
    bool has_retry_after;
    uint32_t retry_after_s; /* Retry-After of the response, clamped at one day */
    bool server_unproven;   /* a 2xx whose Authentication-Info is wrong: the server does not know our password */
    unsigned tries;         /* transactions used */
};

struct sip_request_handler {
    /** A provisional response, 100 included. May be NULL. */
    void (*provisional)(void *arg, struct sip_request *rq, struct sip_msg *response);
    /**
     * A further try follows: because of this response (a challenge, a 503), or NULL and the error of the try before (OK
     * after a redirection). For learning from it; the request must not be cancelled or destroyed here. May be NULL.
     */
    void (*retry)(void *arg, struct sip_request *rq, struct sip_msg *response, enum ahoy_err err);
    /** How it ended; once. For INVITE a 2xx is the first one. */
    void (*final)(void *arg, struct sip_request *rq, const struct sip_outcome *out);
    /**
     * After a 2xx to INVITE: each further 2xx, of this dialog (retransmitted: ACK it again) or of another fork. NULL
     * for other methods.
     */
    void (*more)(void *arg, struct sip_request *rq, struct sip_msg *response);
    /** After `final`: nothing comes any more. May be NULL. */
    void (*ended)(void *arg, struct sip_request *rq);
    void *arg;
};

enum { SIP_REQUEST_MAX_REDIRECTS = 5, SIP_REQUEST_MAX_TRIES = 24, SIP_REQUEST_MAX_URIS = 16 };

/** All views are copied. */
struct sip_request_config {
    struct sip_locator *locator;
    struct sip_auth *auth; /* NULL: challenges are final. Borrowed for the request's life */
    struct view method;
    struct view uri;    /* the (remote target) URI; headers and method parameter are left out when printed */
    struct view routes; /* Route values joined by commas, loose or strict (RFC 3261 12.2.1.1); or empty */
    /**
     * Whole header lines, each with CRLF: From, To, Call-ID and what else the request carries. Not Via, Route, CSeq,
     * Content-Length, Content-Type, Authorization; Max-Forwards and User-Agent are added when missing.
     */
    struct view headers;
    struct view content_type; /* with a body */
    struct view body;
    uint32_t cseq; /* of the first try; 0: 1; each further try has the next */
    /**
     * Gives each try its number instead, the first included, as it is sent: for a dialog, which other requests count
     * in too (RFC 3261 section 12.2.1.1). `arg` is the handler's. 0: count as without it. May be NULL.
     */
    uint32_t (*next_cseq)(void *arg, struct sip_request *rq);
    /** Appends further header lines that depend on the flow, such as Contact; for each try; `arg` is the handler's. */
    void (*put_headers)(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out);
    struct sip_flow *flow; /* tried first, without locating; referenced. May be NULL */
    bool flow_only;        /* no other flow will do */
    bool follow_redirects; /* 3xx: otherwise it is the final response */
    uint32_t try_ms;       /* longest wait for one server while others may be left; 0: 8 s, 64 * T1 on `flow` */
    uint32_t timeout_ms;   /* of the last or only server; 0: 64 * T1 */
};

/** Starts; the outcome comes later. INVAL, SYNTAX (URI, routes), NOMEM. The handler is copied. */
AHOY_MUST_USE enum ahoy_err sip_request_start(struct sip_request **out, const struct sip_request_config *cfg,
                                              const struct sip_request_handler *handler);

/**
 * Stops: CANCELs a pending INVITE (the outcome is then the 487, or a 2xx that crossed); anything else ends with
 * CANCELLED soon. No new try is begun. `extra`: whole header lines for the CANCEL (Reason), or empty.
 */
void sip_request_cancel(struct sip_request *rq, struct view extra);

/** Forgets the request: a pending INVITE is not cancelled, its 2xx goes to stray_response. NULL is ignored. */
void sip_request_destroy(struct sip_request *rq);

/** CSeq number of the present try: what ACK, PRACK and the dialog continue from. 0 before the first. */
uint32_t sip_request_cseq(const struct sip_request *rq);

/** The present try's transaction and flow, NULL before the first and after the transaction is gone. */
struct sip_client_txn *sip_request_txn(const struct sip_request *rq);
struct sip_flow *sip_request_flow(const struct sip_request *rq); /* of the last try; NULL before the first */

/** The URI the present try is for: another than the configured one after a redirection. */
struct view sip_request_uri(const struct sip_request *rq);

/**
 * Appends the Authorization lines of the present try, for an ACK to its 2xx (RFC 3261 section 22.1: the ACK carries the
 * INVITE's credentials).
 */
void sip_request_put_auth(const struct sip_request *rq, struct buf *out);

#endif
