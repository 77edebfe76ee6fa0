/*
 * Dialogs: RFC 3261 section 12. A dialog is what two user agents agree on between requests: its name (Call-ID and two
 * tags), the order of requests (CSeq), and the way to the peer (route set and remote target).
 *
 * All dialogs of an engine stand in one table. A request from the peer finds its dialog there, and the dialog's owner
 * (a call, a subscription) hears of it. The local tag is our own random token, so the table is keyed by it; Call-ID and
 * remote tag are compared as well. All calls on the stack's loop; nothing here sends or waits.
 */
#ifndef AHOY_SIP_DIALOG_H
#define AHOY_SIP_DIALOG_H

#include "base/map.h"
#include "base/rng.h"
#include "sip/build.h"
#include "sip/hdr.h"
#include "sip/stack.h"

/* A peer may grow a dialog to this and no further: LIMIT beyond. */
enum { SIP_DIALOG_MAX_ROUTES = 64, SIP_DIALOG_MAX_TEXT_BYTES = 16384 };

struct sip_dialogs;
struct sip_dialog;

enum sip_dialog_state { SIP_DIALOG_EARLY, SIP_DIALOG_CONFIRMED };

/** Who hears of what the peer sends in the dialog. */
struct sip_dialog_handler {
    /** A request in order (never ACK, never CANCEL): the owner answers `txn`. */
    void (*request)(void *arg, struct sip_dialog *d, struct sip_server_txn *txn, struct sip_msg *request);
    /** The ACK for a 2xx. */
    void (*ack)(void *arg, struct sip_dialog *d, struct sip_flow *flow, struct sip_msg *ack);
    void *arg;
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

/** An empty table for at most `max` dialogs; `rng` seeds its hash. */
AHOY_MUST_USE enum ahoy_err sip_dialogs_create(struct sip_dialogs **out, struct rng *rng, size_t max);

/** Frees an empty table: all dialogs must have been destroyed. NULL is ignored. */
void sip_dialogs_destroy(struct sip_dialogs *ds);

size_t sip_dialogs_count(const struct sip_dialogs *ds);

/** The dialog that a request from the peer belongs to, or NULL: no To tag, or none of ours (481). */
struct sip_dialog *sip_dialogs_find(const struct sip_dialogs *ds, struct sip_msg *request);

/** By name, as Replaces and Join give it (RFC 3891 section 3); an empty remote tag is that of an RFC 2543 peer. */
struct sip_dialog *sip_dialogs_find_name(const struct sip_dialogs *ds, struct view call_id, struct view local_tag,
                                         struct view remote_tag);

/* ---- making them ------------------------------------------------------------------------------------------------- */

/** What the side that sent the first request knows of it. All views are copied. */
struct sip_dialog_seed {
    struct view call_id;
    struct view local_tag;
    struct view local;  /* From as sent, without its tag: name-addr or addr-spec */
    struct view remote; /* To as sent */
    struct view target; /* the Request-URI: where the peer is as long as it gives no Contact */
    uint32_t cseq;      /* of the request */
    bool secure;        /* sent over TLS to a sips: URI */
};

/**
 * The dialog that a response (101-299) makes at the side that asked; early below 200, confirmed from 200. A response
 * without a To tag (RFC 2543) makes one with an empty remote tag; that is for the caller to want. SYNTAX when Contact
 * or Record-Route cannot be used, LIMIT when there are too many dialogs or routes, NOMEM. RFC 3261 section 12.1.2.
 */
AHOY_MUST_USE enum ahoy_err sip_dialog_create_uac(struct sip_dialog **out, struct sip_dialogs *ds,
                                                  const struct sip_dialog_seed *seed, struct sip_msg *response);

/**
 * The early dialog at the side that was asked, whose responses carry `local_tag`. A request without Contact (RFC 2543)
 * is answered to its From URI. `secure`: it came over TLS and its Request-URI is sips. Errors as above. RFC 3261
 * section 12.1.1.
 */
AHOY_MUST_USE enum ahoy_err sip_dialog_create_uas(struct sip_dialog **out, struct sip_dialogs *ds,
                                                  struct sip_msg *request, struct view local_tag, bool secure);

/** Takes it out of the table and frees it. NULL is ignored. */
void sip_dialog_destroy(struct sip_dialog *d);

/** Sets who hears of requests; NULL: nobody, they get 481. Copied. */
void sip_dialog_set_handler(struct sip_dialog *d, const struct sip_dialog_handler *handler);
const struct sip_dialog_handler *sip_dialog_get_handler(const struct sip_dialog *d);

/* ---- its life ---------------------------------------------------------------------------------------------------- */

/**
 * The final response came or was sent: the dialog is confirmed. At the asking side the route set is computed anew from
 * the 2xx (RFC 3261 section 13.2.2.4) and the target taken from its Contact; `response` is NULL at the answering side.
 * On an error the old routes stay and the dialog is confirmed all the same.
 */
enum ahoy_err sip_dialog_confirm(struct sip_dialog *d, struct sip_msg *response);

/**
 * Takes the remote target from the Contact of a target refresh request or of the 2xx to one; without a Contact nothing
 * changes. SYNTAX (and nothing changes) when it is no SIP or SIPS URI.
 */
enum ahoy_err sip_dialog_refresh_target(struct sip_dialog *d, const struct sip_msg *m);

/**
 * Whether a request is in order, which it then counts as received (RFC 3261 section 12.2.2). STATE when its CSeq is not
 * above the last one: it gets 500. Not for ACK and CANCEL, which have the number of another request.
 */
AHOY_MUST_USE enum ahoy_err sip_dialog_take_cseq(struct sip_dialog *d, struct sip_msg *request);

/** The number for the next request of ours. */
uint32_t sip_dialog_next_cseq(struct sip_dialog *d);

/** A request of ours went out again with this number (credentials were added, RFC 3261 section 22.2). Never lowers. */
void sip_dialog_raise_cseq(struct sip_dialog *d, uint32_t cseq);

enum sip_dialog_state sip_dialog_state(const struct sip_dialog *d);
bool sip_dialog_is_caller(const struct sip_dialog *d); /* our request made it: we own the Call-ID */
bool sip_dialog_is_secure(const struct sip_dialog *d); /* our Contact must be sips: */
struct view sip_dialog_call_id(const struct sip_dialog *d);
struct view sip_dialog_local_tag(const struct sip_dialog *d);
struct view sip_dialog_remote_tag(const struct sip_dialog *d); /* empty for an RFC 2543 peer */
struct view sip_dialog_local(const struct sip_dialog *d);      /* From of our requests without its tag */
struct view sip_dialog_remote(const struct sip_dialog *d);     /* To of our requests without its tag */
struct view sip_dialog_target(const struct sip_dialog *d);     /* URI of the peer's last Contact */
uint32_t sip_dialog_local_cseq(const struct sip_dialog *d);    /* of our last request; 0: none yet */

/** The route set: name-addrs with brackets joined by commas (sip/route.h), empty without. Valid until it changes. */
struct view sip_dialog_routes(const struct sip_dialog *d);

/** The flow the peer was last heard on (a reference of the dialog), or NULL. */
struct sip_flow *sip_dialog_flow(const struct sip_dialog *d);
void sip_dialog_set_flow(struct sip_dialog *d, struct sip_flow *flow);

/* ---- its requests ------------------------------------------------------------------------------------------------ */

/** The header lines that name the dialog in our requests: From, To, Call-ID. */
void sip_dialog_put_names(const struct sip_dialog *d, struct buf *out);

/**
 * A request up to where its own header fields begin: request line, Max-Forwards, Route, From, To, Call-ID, CSeq. Via is
 * the transaction's affair.
 */
void sip_dialog_begin_request(const struct sip_dialog *d, struct view method, uint32_t cseq, struct buf *out);

#endif
