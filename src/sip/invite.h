/*
 * One call leg: an INVITE session with its dialog, as caller (UAC) and as callee (UAS). RFC 3261 sections 9 and 13 to
 * 15, RFC 6026, RFC 6086 (INFO), RFC 6141, RFC 3326 (Reason).
 *
 *            caller                                                     callee
 *            CALLING ──1xx──► EARLY                        INCOMING ──ring──► EARLY
 *               │   ╲           │                              │  ╲              │
 *            hang up ╲ 2xx      │ 2xx                   accept │   ╲ reject,     │ accept
 *               ▼     ╲         ▼                              ▼    ╲ CANCEL     ▼
 *          CANCELLING  ╰──► ANSWERED (the ACK is owed) ANSWERED (waits for ACK)
 *               │ 2xx           │ ACK sent                     │ ACK
 *               ▼               ▼                              ▼
 *             ENDING ◄─────CONFIRMED ◄─────────────────────────╯
 *               │ BYE answered, or any final failure
 *               ▼
 *             ENDED
 *
 * Bodies are bytes with a type; what an offer means is the owner's affair. Offers and answers pass through callbacks:
 * who gets an offer owes an answer (sip_invite_answer), at once or later. In an INVITE with an offer the answer is in
 * the 2xx; in one without, the 2xx has the offer and the ACK the answer.
 *
 * All calls on the stack's loop. No callback comes out of a call of the owner. After `ended`, which comes exactly once,
 * the owner calls sip_invite_release exactly once; it may also release earlier, then the leg hangs up and cleans up by
 * itself. A leg stays in memory as long as late messages may come (64 * T1 after a 2xx).
 */
#ifndef AHOY_SIP_INVITE_H
#define AHOY_SIP_INVITE_H

#include "sip/request.h"
#include "sip/uas.h"

enum sip_invite_state {
    SIP_INVITE_CALLING,    /* caller: INVITE sent */
    SIP_INVITE_INCOMING,   /* callee: nothing but 100 answered */
    SIP_INVITE_EARLY,      /* 101-199 */
    SIP_INVITE_CANCELLING, /* caller: gave up, the final response is not here yet */
    SIP_INVITE_ANSWERED,   /* 2xx, ACK to come (callee) or to be sent (caller, when the 2xx has the offer) */
    SIP_INVITE_CONFIRMED,
    SIP_INVITE_ENDING, /* BYE on its way, or waiting for the ACK before it */
    SIP_INVITE_ENDED
};

/** A session body. Empty data: none. */
struct sip_body {
    struct view type; /* "application/sdp" */
    struct view data;
};

/** One value of a Reason header field (RFC 3326). */
struct sip_invite_reason {
    struct view protocol; /* "SIP", "Q.850"; empty: none */
    unsigned cause;
    struct view text; /* without quotes; escapes kept when parsed; may be empty */
};

enum sip_invite_who {
    SIP_INVITE_LOCAL,   /* our owner hung up, cancelled or rejected */
    SIP_INVITE_REMOTE,  /* the peer did */
    SIP_INVITE_NETWORK, /* nobody: a timeout, a lost connection, a failed look-up, no memory */
};

/** Why it is over. Valid during the callback. */
struct sip_invite_end {
    enum sip_invite_who who;
    bool was_confirmed; /* there was a session: a 2xx was received, or sent and ACKed */
    unsigned status;    /* the INVITE's final one; 200 for a session ended by BYE; 408, 481 that ended it */
    enum ahoy_err err;  /* OK, or what went wrong without a response (also our BYE's) */
    struct view phrase; /* reason phrase of the peer's response, else empty */
    struct sip_invite_reason reason; /* the peer's Reason (of BYE, CANCEL or a response); SIP's value before others */
    struct sip_msg *msg;             /* the message that ended it, or NULL */
};

/** What the owner hears. Any but `ended` may be NULL. */
struct sip_invite_handler {
    /**
     * Caller: 101-199. `fork` is the dialog it belongs to, NULL without a To tag; several forks may ring. A body is an
     * early look at the answer (RFC 3261 section 13.2.1): the one in the 2xx counts.
     */
    void (*progress)(void *arg, struct sip_invite *inv, struct sip_dialog *fork, const struct sip_body *body,
                     struct sip_msg *response);
    /** The answer to our offer: in the 2xx, or in the ACK. Empty when the peer left it out, which breaks RFC 3264. */
    void (*answer)(void *arg, struct sip_invite *inv, const struct sip_body *answer, struct sip_msg *msg);
    /**
     * The peer's offer, for sip_invite_answer: of a re-INVITE (sip_invite_reject may refuse it), or of the 2xx to an
     * INVITE of ours that had none. An empty one: a re-INVITE asks us for an offer. NULL: a re-INVITE gets 488, a 2xx
     * is hung up.
     */
    void (*offer)(void *arg, struct sip_invite *inv, const struct sip_body *offer, struct sip_msg *msg);
    /** The session stands: caller, the ACK leaves; callee, the ACK came. */
    void (*confirmed)(void *arg, struct sip_invite *inv, struct sip_msg *msg);
    /**
     * Our re-INVITE is over: 2xx (its answer was given before by `answer`) or a failure that leaves the session as it
     * was. status 0: no response (out of memory, cancelled). A session that ends by it reports `ended` alone.
     */
    void (*reinvited)(void *arg, struct sip_invite *inv, unsigned status, struct sip_msg *response);
    /**
     * A re-INVITE refused with AGAIN, or beaten by the peer's (491, after the random wait of RFC 3261 section 14.1),
     * may be tried again now, with an offer that fits the present session.
     */
    void (*reinvite_ready)(void *arg, struct sip_invite *inv);
    /** INFO: returns the status to answer (200, 415 …). NULL: 405. Without a body, 200 is the answer of RFC 6086. */
    unsigned (*info)(void *arg, struct sip_invite *inv, const struct sip_body *body, struct sip_msg *request);
    /**
     * Any other request in a dialog of the leg whose method the agent's configuration allows (UPDATE, PRACK, REFER,
     * NOTIFY, MESSAGE…), in order. True: taken, the owner answers `txn` once. False or NULL: 405.
     */
    bool (*request)(void *arg, struct sip_invite *inv, struct sip_dialog *d, struct sip_server_txn *txn,
                    struct sip_msg *request);
    void (*ended)(void *arg, struct sip_invite *inv, const struct sip_invite_end *end);
    void *arg;
};

/* ---- caller ------------------------------------------------------------------------------------------------------ */

/** All views are copied, pointers borrowed for the leg's life. */
struct sip_invite_config {
    struct view target;       /* the URI called: Request-URI */
    struct view from;         /* name-addr or addr-spec without tag */
    struct view to;           /* the same; empty: <target> */
    struct view routes;       /* Route values joined by commas: outbound proxies, Service-Route; may be empty */
    struct view contact;      /* a whole Contact value (GRUU), or empty: made from the flow with … */
    struct view contact_user; /* … this user part */
    struct view headers;      /* whole header lines for the INVITE, each with CRLF */
    struct sip_body offer;    /* empty: the callee makes the offer */
    struct view call_id;      /* empty: a random one */
    struct sip_auth *auth;    /* may be NULL */
    struct sip_flow *flow;    /* tried first; may be NULL. Not borrowed: referenced */
    bool flow_only;
    bool no_redirects;        /* 3xx ends the call instead of being followed */
    uint32_t ring_timeout_ms; /* CANCEL after this without a final response; 0: 180 s */
};

/** Calls. INVAL, SYNTAX, NOMEM, LIMIT (max_invites). The handler is copied. */
AHOY_MUST_USE enum ahoy_err sip_invite_call(struct sip_invite **out, struct sip_ua *ua,
                                            const struct sip_invite_config *cfg,
                                            const struct sip_invite_handler *handler);

/* ---- callee ------------------------------------------------------------------------------------------------------ */

/** Takes an incoming leg, or changes who hears. Copied. */
void sip_invite_set_handler(struct sip_invite *inv, const struct sip_invite_handler *handler);

/**
 * For an incoming leg: the account's credentials (may be NULL) and Contact (a whole value; empty: made from the flow).
 * NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_invite_set_account(struct sip_invite *inv, struct sip_auth *auth, struct view contact);

/** The transaction of the INVITE that came last, NULL without one; and the body of its offer. */
struct sip_server_txn *sip_invite_server_txn(const struct sip_invite *inv);
void sip_invite_remote_offer(const struct sip_invite *inv, struct sip_body *out);

/**
 * Sends 101-199 for an incoming call. `headers`: whole lines or empty. The last one is repeated every minute (RFC 3261
 * section 13.3.1.1). STATE, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_invite_ring(struct sip_invite *inv, unsigned status, struct view headers,
                                            const struct sip_body *body);

/**
 * Accepts the INVITE that waits, the first or a re-INVITE, by a 200 that is sent again until its ACK comes. The body is
 * the answer, or the offer when the INVITE had none. `body` may be NULL. STATE, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_invite_accept(struct sip_invite *inv, struct view headers, const struct sip_body *body);

/**
 * Refuses the INVITE that waits with 300-699: the call ends, or the session stays as it was for a re-INVITE. STATE,
 * NOMEM.
 */
enum ahoy_err sip_invite_reject(struct sip_invite *inv, unsigned status, struct view headers);

/* ---- both -------------------------------------------------------------------------------------------------------- */

/**
 * Gives what `offer` asked for: the ACK's body, or the 200's to a re-INVITE. To refuse the offer of a 2xx, hang up.
 * STATE when nothing is owed, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_invite_answer(struct sip_invite *inv, const struct sip_body *body);

/**
 * Sends a re-INVITE with an offer, or without (NULL or empty: `offer` brings the peer's). AGAIN while another INVITE is
 * in progress in either direction or a wait after 491 runs: `reinvite_ready` comes. STATE unless confirmed; NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_invite_reinvite(struct sip_invite *inv, struct view headers,
                                                const struct sip_body *offer);

/**
 * Ends it by what fits the state: CANCEL, rejection, BYE (after the ACK where RFC 3261 section 15 wants that), and
 * nothing when it is ending already. `why` (a Reason header) may be NULL; on an unanswered incoming call its SIP cause
 * (300-699) is the status, else 603.
 */
void sip_invite_hangup(struct sip_invite *inv, const struct sip_invite_reason *why);

/** Another request in the dialog. */
struct sip_invite_request {
    struct view method;
    struct view headers; /* whole lines, or empty */
    struct sip_body body;
    struct sip_dialog *fork; /* which of several early dialogs; NULL: the leg's */
    bool contact;            /* add Contact: a target refresh request */
    /**
     * The outcome, once; not when the leg ends before. 408, 481 and no response at all end the session besides (RFC
     * 3261 section 12.2.1.2). May be NULL.
     */
    void (*done)(void *arg, struct sip_invite *inv, const struct sip_outcome *out);
    void *arg;
};

/** Sends it; views are copied. STATE without a dialog or when ending; LIMIT above 32 at a time; NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_invite_send(struct sip_invite *inv, const struct sip_invite_request *rq);

/** INFO with a body, such as application/dtmf-relay; its outcome is of no interest beyond what sip_invite_send says. */
AHOY_MUST_USE enum ahoy_err sip_invite_info(struct sip_invite *inv, const struct sip_body *body);

/**
 * Lets go: no callback any more. What is alive is hung up; the memory goes when nothing can come any more. NULL is
 * ignored.
 */
void sip_invite_release(struct sip_invite *inv);

enum sip_invite_state sip_invite_state(const struct sip_invite *inv);

/** The dialog: callee's at once, caller's from the first 2xx (the first fork that rang before); NULL without. */
struct sip_dialog *sip_invite_dialog(const struct sip_invite *inv);
struct view sip_invite_call_id(const struct sip_invite *inv);
struct view sip_invite_local_tag(const struct sip_invite *inv);

/**
 * An INVITE in either direction, or a 2xx without its ACK, is in progress: no offer may be made now (RFC 3264, RFC
 * 3311).
 */
bool sip_invite_is_negotiating(const struct sip_invite *inv);

/**
 * The session body of a message: application/sdp also inside multipart, or any other body as it is; empty without one.
 */
void sip_body_of(const struct sip_msg *m, struct sip_body *out);

/** Reads Reason: the SIP value if there is one, else the first. NOT_FOUND. RFC 3326. */
AHOY_MUST_USE enum ahoy_err sip_invite_reason_of(const struct sip_msg *m, struct sip_invite_reason *out);

/** Appends a Reason header line. */
void sip_invite_put_reason(const struct sip_invite_reason *why, struct buf *out);

#endif
