/*
 * The core of a user agent: what RFC 3261 section 8.2 asks of whoever is sent a request, before anyone looks at what it
 * means. It implements struct sip_core_ops for a stack, owns the dialogs and the call legs (sip/invite.h), answers
 * OPTIONS, and hands the rest to its owner.
 *
 * Order of the checks: loop and merge (482), method (501, 405), the Request-URI's scheme (416) and whether it is ours
 * (404), the dialog (481), Require (420), the body's encoding and type (415), Accept (406), CSeq (500). All calls on
 * the stack's loop.
 *
 *     sip_ua_create(&ua, &cfg, &ops);
 *     sip_ua_core(ua, &core);
 *     sip_stack_create(&stack, loop, &stack_cfg, &core);
 *     sip_locator_create(&locator, stack, &locator_cfg);
 *     sip_ua_start(ua, locator);
 *     …
 *     sip_ua_stop(ua);            // no leg, dialog or request is left
 *     sip_locator_destroy(locator); sip_stack_destroy(stack); sip_ua_destroy(ua);
 */
#ifndef AHOY_SIP_UAS_H
#define AHOY_SIP_UAS_H

#include "sip/dialog.h"
#include "sip/locate.h"
#include "sip/txn.h"

struct sip_ua;
struct sip_invite;

#define SIP_UA_METHOD(name) (1u << SIP_METHOD_##name)
/* What legs and the core do by themselves. */
#define SIP_UA_METHODS_DEFAULT                                                                                         \
    (SIP_UA_METHOD(INVITE) | SIP_UA_METHOD(ACK) | SIP_UA_METHOD(CANCEL) | SIP_UA_METHOD(BYE) | SIP_UA_METHOD(OPTIONS)  \
     | SIP_UA_METHOD(INFO))

/** The strings are borrowed for the object's life. */
struct sip_ua_config {
    uint32_t methods;      /* set of SIP_UA_METHOD(x): Allow. Others get 405 (501 when unknown) */
    const char *supported; /* option tags joined by commas: Supported, and what Require may ask; "" for none */
    const char *accept;    /* media types of session bodies joined by commas: "application/sdp" */
    size_t max_invites;    /* calls at a time; above it an INVITE gets 486 with Retry-After */
    size_t max_dialogs;
    uint32_t ring_timeout_ms; /* an INVITE nobody answers gets 480 after this; 0: never */
};
#define SIP_UA_CONFIG_DEFAULT                                                                                          \
    ((struct sip_ua_config){ .methods = SIP_UA_METHODS_DEFAULT,                                                        \
                             .supported = "",                                                                          \
                             .accept = "application/sdp",                                                              \
                             .max_invites = 100000,                                                                    \
                             .max_dialogs = 200000,                                                                    \
                             .ring_timeout_ms = 300000 })

/** What the owner does. Any may be NULL. */
struct sip_ua_ops {
    /**
     * A new call, in state SIP_INVITE_INCOMING. The owner takes it by sip_invite_set_handler before it returns, and
     * answers now or later; a leg not taken is rejected with 480. Without this callback INVITE gets 480.
     */
    void (*incoming)(void *arg, struct sip_invite *inv, struct sip_msg *request);
    /**
     * What an INVITE would get now, for OPTIONS (RFC 3261 section 11.2): 200 by default. Body lines may be given: a
     * type (static string) and bytes appended to `body`.
     */
    unsigned (*options)(void *arg, struct sip_msg *request, const char **type, struct buf *body);
    /**
     * A request outside dialogs with a method of `methods` that is not ours (MESSAGE, NOTIFY, SUBSCRIBE, REFER…).
     * Answers `txn`. NULL: 405.
     */
    void (*request)(void *arg, struct sip_server_txn *txn, struct sip_msg *request);
    /** A request whose method is none of ours was refused (405, 501). May be NULL. */
    void (*unknown)(void *arg, const struct sip_msg *request, bool in_dialog);
    /** Whether a Request-URI means us; false: 404. NULL: everything does. Not asked inside dialogs. */
    bool (*is_ours)(void *arg, const struct sip_uri *uri);
    /** See struct sip_core_ops. */
    void (*flow_lost)(void *arg, struct sip_flow *flow, enum ahoy_err err);
    void *arg;
};

/** NOMEM. The configuration and the callbacks are copied. */
AHOY_MUST_USE enum ahoy_err sip_ua_create(struct sip_ua **out, const struct sip_ua_config *cfg,
                                          const struct sip_ua_ops *ops);

/** The callbacks to make the stack with. */
void sip_ua_core(struct sip_ua *ua, struct sip_core_ops *core);

/** Connects the ends: the locator (and its stack) that requests go out by; borrowed until sip_ua_stop. NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_ua_start(struct sip_ua *ua, struct sip_locator *locator);

/**
 * Drops every leg and dialog at once, without callbacks, and without a word to peers but the 500 of INVITEs that wait.
 * Not from within a callback of a leg.
 */
void sip_ua_stop(struct sip_ua *ua);

/** After sip_ua_stop. NULL is ignored. */
void sip_ua_destroy(struct sip_ua *ua);

struct sip_stack *sip_ua_stack(const struct sip_ua *ua); /* NULL before sip_ua_start */
struct sip_locator *sip_ua_locator(const struct sip_ua *ua);
struct sip_dialogs *sip_ua_dialogs(const struct sip_ua *ua);
const struct sip_ua_config *sip_ua_get_config(const struct sip_ua *ua);

/** Calls that are alive, those that only wait for late messages included. */
size_t sip_ua_invite_count(const struct sip_ua *ua);

/** Appends "Allow: …", "Supported: …" (when not empty) lines. */
void sip_ua_put_capabilities(const struct sip_ua *ua, struct buf *out);

#endif
