/*
 * What the files of the call leg share. Not for others.
 *
 *     invite.c      the state machine, its life, what owners call
 *     invite_uac.c  the first INVITE at the caller: forks, CANCEL, 2xx
 *     invite_uas.c  an INVITE that came, the first or another: provisional responses, the 2xx until its ACK
 *     invite_re.c   our re-INVITE and glare
 *     invite_ack.c  the ACK for a 2xx, sent again for each retransmission
 *     invite_rq.c   the other requests, both ways: BYE, INFO and those of the owner
 */
#ifndef AHOY_SIP_INVITE_PRIV_H
#define AHOY_SIP_INVITE_PRIV_H

#include "base/list.h"
#include "sip/invite.h"

enum {
    INVITE_MAX_FORKS = 64,    /* dialogs one INVITE may make here; further ones are ignored */
    INVITE_MAX_REQUESTS = 32, /* in-dialog requests at a time */
    INVITE_RING_MS = 180000,  /* caller's patience by default, also for a re-INVITE */
    INVITE_REPEAT_MS = 60000, /* RFC 3261 section 13.3.1.1: a provisional response a minute */
    INVITE_HEADERS_MAX_BYTES = 32768,
    INVITE_TAG_CHARS = 16, /* 80 bits */
    INVITE_CALL_ID_CHARS = 24,
};

/* What moves the state machine. */
enum invite_event {
    INVITE_EV_PROGRESS, /* 101-199 came or went */
    INVITE_EV_SUCCESS,  /* 2xx came or went */
    INVITE_EV_ACK,      /* the ACK went or came */
    INVITE_EV_HANGUP,   /* we want it to end */
    INVITE_EV_OVER,     /* it ended: failure, rejection, CANCEL, the peer's BYE, the end of ours */
    INVITE_EV_COUNT
};

/* The ACK for one 2xx. */
struct invite_ack {
    struct sip_invite *inv;
    char *text; /* the request without Via; NULL: not made yet */
    size_t bytes;
    char *hop; /* URI of the next hop */
    char branch[32];
    struct sip_locate *locate; /* while the next hop is looked up */
    struct sip_flow *flow;     /* once it is known */
    struct sip_flow *spare;    /* the INVITE's, when the next hop cannot be found */
};

/* A dialog that the caller's first INVITE made. */
struct invite_fork {
    struct list_link link;
    struct sip_invite *inv;
    struct sip_dialog *dialog;
    struct invite_ack ack;
    bool answered; /* a 2xx came */
};

/* A re-INVITE of ours, kept while 2xx of it may come. */
struct invite_re {
    struct list_link link;
    struct sip_invite *inv;
    struct sip_request *rq;
    struct invite_ack ack;
    bool has_offer;
    bool is_final; /* a final response came */
    bool cancelled;
};

/* Another request of ours. */
struct invite_rq {
    struct list_link link;
    struct sip_invite *inv;
    struct sip_request *rq;
    struct sip_dialog *dialog; /* NULL once that is gone */
    void (*done)(void *arg, struct sip_invite *inv, const struct sip_outcome *out);
    void *arg;
    bool is_bye, ends_leg;
    bool contact;
};

/* An INVITE that came, from its arrival to the ACK. */
struct invite_in {
    struct sip_server_txn *txn; /* NULL without one */
    struct sip_msg *request;
    bool pending;   /* no final response given */
    bool await_ack; /* the ACK of our 2xx */
    bool expires;   /* give_up_us is what the caller's Expires says */
    bool offered;   /* our 2xx had the offer: the ACK has the answer */
    uint32_t cseq;
    char *bytes; /* the response that is repeated */
    size_t n;
    struct sys_timer timer;
    uint32_t interval_ms;
    int64_t repeat_us;  /* when the response is repeated next; INT64_MAX: never */
    int64_t give_up_us; /* end of patience; INT64_MAX: never */
};

/* What the owner is still to be told, from the loop. */
enum { INVITE_TELL_CONFIRMED = 1, INVITE_TELL_READY = 2, INVITE_TELL_ENDED = 4 };

struct sip_invite {
    struct list_link link; /* in the agent's list */
    struct sip_ua *ua;
    struct sip_invite_handler handler;
    enum sip_invite_state state;
    bool is_caller, released, end_told, was_confirmed;
    bool has_offer;     /* our first INVITE had one */
    bool want_reinvite; /* the owner was told AGAIN */
    bool owes_ack;      /* the 2xx to an INVITE of ours has the offer, the owner owes the answer */
    bool flow_only;
    unsigned tell;

    struct sip_auth *auth;
    char *contact, *contact_user; /* NULL: made from the flow */

    /* the caller's first INVITE; the strings go with `rq` */
    struct sip_request *rq; /* NULL once no 2xx of it can come */
    bool rq_final;          /* its final response came */
    char *from, *to;
    char call_id[INVITE_CALL_ID_CHARS + 1], local_tag[INVITE_TAG_CHARS + 1];
    char *own_call_id; /* instead of call_id, when configured */
    struct list forks;

    struct sip_dialog *dialog; /* of the session; callee: owned; caller: a fork's */
    struct invite_in in;
    struct list reinvites; /* struct invite_re */
    struct invite_re *re;  /* the one without final response or ACK */
    struct list requests;  /* struct invite_rq */
    size_t request_count;

    struct sys_timer settle;   /* tells what is to be told, frees what is over */
    struct sys_timer patience; /* with an INVITE of ours, until its final response */
    struct sys_timer glare;    /* the wait after 491 */

    bool end_noted;
    enum sip_invite_who end_who;
    unsigned end_status;
    enum ahoy_err end_err;
    struct sip_msg *end_msg;
    struct buf bye_headers; /* Reason for the BYE */
};

/* ---- agent (uas.c) ----------------------------------------------------------------------------------------------- */

/** Enters a leg; LIMIT above max_invites. */
AHOY_MUST_USE enum ahoy_err sip_ua_add_invite(struct sip_ua *ua, struct list_link *link);
void sip_ua_remove_invite(struct sip_ua *ua, struct list_link *link);

/** Answers by status and lines; out of memory the transaction is let go, which answers 500. */
void sip_ua_reply(struct sip_server_txn *txn, unsigned status, struct view extra);

/** 405 with Allow. */
void sip_ua_reply_not_allowed(struct sip_ua *ua, struct sip_server_txn *txn);

/* ---- invite.c ---------------------------------------------------------------------------------------------------- */

/** An empty leg in the agent's list. */
AHOY_MUST_USE enum ahoy_err sip_invite_create(struct sip_invite **out, struct sip_ua *ua, bool is_caller);

/** Frees it with all it has, at once. */
void sip_invite_destroy(struct sip_invite *inv);

/** The leg of a link of the agent's list. */
struct sip_invite *sip_invite_of_link(struct list_link *link);

/** Moves the state machine; false (and nothing) when the event means nothing in this state. */
bool sip_invite_move(struct sip_invite *inv, enum invite_event event);

/** Tells the owner soon. */
void sip_invite_tell(struct sip_invite *inv, unsigned what);

/** It is over, for this reason (the first one given counts). `msg` may be NULL. */
void sip_invite_over(struct sip_invite *inv);
void sip_invite_note_end(struct sip_invite *inv, enum sip_invite_who who, unsigned status, enum ahoy_err err,
                         struct sip_msg *msg);

/** Notes the reason and ends a confirmed session by BYE. */
void sip_invite_break(struct sip_invite *inv, enum sip_invite_who who, unsigned status, enum ahoy_err err,
                      struct sip_msg *msg);

/** Breaks the session when an outcome says that the peer has no such dialog any more (RFC 3261 section 12.2.1.2). */
bool sip_invite_break_by(struct sip_invite *inv, const struct sip_outcome *out);

/** Looks whether the leg has come to its end and nothing can come any more. */
void sip_invite_look(struct sip_invite *inv);

/** The owner may try its re-INVITE again, if nothing is in the way. */
void sip_invite_check_ready(struct sip_invite *inv);

/** 64 * T1 in milliseconds. */
uint32_t sip_invite_64_t1_ms(const struct sip_invite *inv);

/**
 * Waits for what a CANCEL brings: timer B, then as long again behind the CANCEL (RFC 3261 section 9.1), and a little.
 */
void sip_invite_await_cancel(struct sip_invite *inv);
struct sip_stack *sip_invite_stack(const struct sip_invite *inv);
struct sys_loop *sip_invite_loop(const struct sip_invite *inv);

/** Appends "Contact: …" for messages that leave by `flow`. */
void sip_invite_put_contact(const struct sip_invite *inv, const struct sip_flow *flow, bool secure, struct buf *out);

/* ---- invite_uac.c ------------------------------------------------------------------------------------------------ */

void sip_invite_cancel_call(struct sip_invite *inv, struct view extra);
void sip_invite_give_up_call(struct sip_invite *inv);
struct invite_fork *sip_invite_fork_of(const struct sip_invite *inv, const struct sip_dialog *d);
void sip_invite_drop_forks(struct sip_invite *inv, bool answered_too);

/** Gives the answer that the 2xx's offer asks for in the ACK, and confirms. */
enum ahoy_err sip_invite_ack_call(struct sip_invite *inv, const struct sip_body *answer);

/* ---- invite_uas.c ------------------------------------------------------------------------------------------------ */

/** A first INVITE, checked: makes the leg, or answers what is wrong. `secure`: sips over TLS. */
struct sip_invite *sip_invite_incoming(struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *request,
                                       bool secure);
void sip_invite_in_init(struct sip_invite *inv);
void sip_invite_in_fini(struct invite_in *in);
void sip_invite_in_reinvite(struct sip_invite *inv, struct sip_server_txn *txn, struct sip_msg *request);
void sip_invite_in_ack(struct sip_invite *inv, struct sip_msg *ack);

/** Answers 487 to an INVITE that waits; forgets one that is answered. */
void sip_invite_in_stop(struct sip_invite *inv);

/** An INVITE from the peer is not done with: unanswered, or its response without ACK. */
bool sip_invite_in_busy(const struct sip_invite *inv);

/* ---- invite_re.c ------------------------------------------------------------------------------------------------- */

void sip_invite_re_destroy(struct invite_re *re);
/** CANCELs a pending one; gives up one that nothing answers: CANCEL first, the second time the end. */
void sip_invite_re_cancel(struct sip_invite *inv);
void sip_invite_re_give_up(struct sip_invite *inv);
enum ahoy_err sip_invite_re_answer(struct sip_invite *inv, const struct sip_body *answer);

/* ---- invite_ack.c ------------------------------------------------------------------------------------------------ */

/**
 * Makes and sends the ACK for the 2xx of `rq` in `d`. NOMEM: nothing was made. Whether it arrives is for the peer to
 * find out, who sends its 2xx again.
 */
enum ahoy_err sip_invite_ack_send(struct invite_ack *ack, struct sip_invite *inv, struct sip_dialog *d,
                                  struct sip_request *rq, const struct sip_body *body);
void sip_invite_ack_again(struct invite_ack *ack);
void sip_invite_ack_fini(struct invite_ack *ack);

/* ---- invite_rq.c ------------------------------------------------------------------------------------------------- */

/** How an in-dialog request is made and started, INVITE included. */
struct invite_start {
    struct sip_dialog *dialog;
    struct view method;
    struct view headers;
    const struct sip_body *body; /* may be NULL */
    void (*put_headers)(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out);
    uint32_t (*next_cseq)(void *arg, struct sip_request *rq); /* the dialog's */
    struct sip_request_handler handler;
};
AHOY_MUST_USE enum ahoy_err sip_invite_start_request(struct sip_invite *inv, const struct invite_start *s,
                                                     struct sip_request **out);

/** Sends BYE in a dialog; `ends_leg`: its outcome ends the leg, which also happens at once when it cannot be sent. */
void sip_invite_bye(struct sip_invite *inv, struct sip_dialog *d, bool ends_leg);

void sip_invite_rq_destroy(struct invite_rq *r);
/** Lets requests of the owner go; BYEs stay until they are answered. */
void sip_invite_drop_requests(struct sip_invite *inv);
void sip_invite_forget_dialog(struct sip_invite *inv, const struct sip_dialog *d);

/** The flow to try first in a dialog: a connection to the very host that is the next hop; else NULL. */
struct sip_flow *sip_invite_flow_of(const struct sip_dialog *d);

/** What the leg's dialogs do with requests and ACKs. */
void sip_invite_listen(struct sip_invite *inv, struct sip_dialog *d);

#endif
