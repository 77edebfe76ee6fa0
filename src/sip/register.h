/*
 * Keeping one registration alive: RFC 3261 section 10, RFC 3327 (Path), RFC 3608 (Service-Route), RFC 5626 section 4.5
 * (how to come back after failures), RFC 3581 (what our address looks like from outside).
 *
 *            start, now                  200                   flow lost, network changed
 *      IDLE ────────────> REGISTERING ──────────> REGISTERED ─────────────────────────────> REGISTERING
 *                          │       ^                  │ a refresh failed
 *                  failure v       │ back-off over,   v
 *                          FAILED ─┘ now            FAILED       stop, from any ──> UNREGISTERING ──> GONE
 *
 * A refresh in good time leaves the state at REGISTERED.
 *
 * The owner destroys the object exactly once, at any time, its callback included. All on the stack's loop; the callback
 * never comes out of a call of the owner.
 */
#ifndef AHOY_SIP_REGISTER_H
#define AHOY_SIP_REGISTER_H

#include "sip/request.h"

struct sip_register;

enum sip_register_state {
    SIP_REGISTER_IDLE, /* not started, or stopped before anything was sent */
    SIP_REGISTER_REGISTERING,
    SIP_REGISTER_REGISTERED,
    SIP_REGISTER_FAILED, /* it will try again by itself */
    SIP_REGISTER_UNREGISTERING,
    SIP_REGISTER_GONE,
};

const char *sip_register_state_name(enum sip_register_state s); /* "registering" */

/** What happened. Valid during the callback. */
struct sip_register_event {
    enum sip_register_state state;
    enum sip_register_state before;
    uint32_t expires_s;       /* REGISTERED: what the registrar granted */
    enum ahoy_err err;        /* FAILED, GONE: why (sip_outcome's); OK otherwise */
    unsigned status;          /* FAILED, GONE: the final response, or 0 */
    uint32_t retry_in_s;      /* FAILED: when it tries again */
    bool still_bound;         /* FAILED: the last binding has not run out yet, calls may still arrive */
    bool credentials_refused; /* FAILED: the password is wrong or missing; ask for another before the next try */
    struct sip_msg *response; /* the final response, or NULL */
};

struct sip_register_handler {
    /** A change of state, and each refresh that succeeded (REGISTERED to REGISTERED). */
    void (*event)(void *arg, struct sip_register *r, const struct sip_register_event *e);
    void *arg;
};

/** All views are copied. */
struct sip_register_config {
    struct sip_locator *locator;
    struct sip_auth *auth;      /* borrowed for the object's life; may be NULL */
    struct view aor;            /* "sip:alice@example.com", or a name-addr with a display name */
    struct view registrar;      /* URI; empty: the AOR's host */
    struct view routes;         /* outbound proxy as Route values; may be empty */
    struct view contact_user;   /* empty: the AOR's user */
    struct view contact_params; /* header parameters of Contact: ";+sip.instance=\"…\""; may be empty */
    struct view headers;        /* further whole header lines (Allow, Supported…); may be empty */
    uint32_t expires_s;         /* asked for */
    int q_milli;                /* 0 … 1000; negative: none */
    uint32_t keepalive_s;       /* CRLF on the flow while registered; 0: none */
    bool learn_public;          /* behind a NAT: take the address that the server sees into Contact */
    uint32_t backoff_base_s;    /* RFC 5626 section 4.5: 30 */
    uint32_t backoff_max_s;     /* 1800 */
    uint32_t refused_backoff_s; /* first wait after the credentials were refused, doubled each time up to a day */
    uint32_t stop_ms;           /* longest wait for the answer to the last REGISTER */
};
#define SIP_REGISTER_CONFIG_DEFAULT                                                                                    \
    ((struct sip_register_config){ .expires_s = 600,                                                                   \
                                   .q_milli = -1,                                                                      \
                                   .keepalive_s = 30,                                                                  \
                                   .learn_public = true,                                                               \
                                   .backoff_base_s = 30,                                                               \
                                   .backoff_max_s = 1800,                                                              \
                                   .refused_backoff_s = 1800,                                                          \
                                   .stop_ms = 5000 })

/** IDLE. SYNTAX (AOR, registrar), INVAL, NOMEM. The handler is copied. */
AHOY_MUST_USE enum ahoy_err sip_register_create(struct sip_register **out, const struct sip_register_config *cfg,
                                                const struct sip_register_handler *handler);

/** Registers and keeps it so. STATE once stopping or gone. */
enum ahoy_err sip_register_start(struct sip_register *r);

/** Tries (or refreshes) at once, whatever the back-off: the user asked, or the password was changed. */
void sip_register_now(struct sip_register *r);

/** Addresses of this machine changed: forgets flow and learnt address, registers at once, resets the back-off. */
void sip_register_network_changed(struct sip_register *r);

/** To be called from sip_core_ops.flow_lost for each registration; those on another flow ignore it. */
void sip_register_flow_lost(struct sip_register *r, const struct sip_flow *flow);

/** Takes the binding back (expires=0) and ends in GONE, after stop_ms at the latest. */
void sip_register_stop(struct sip_register *r);

/** Frees at once, sending nothing. NULL is ignored. */
void sip_register_destroy(struct sip_register *r);

enum sip_register_state sip_register_state_of(const struct sip_register *r);

/** Seconds of life that the binding has left; 0 without one. */
uint32_t sip_register_left_s(const struct sip_register *r);

/** The Contact URI registered (or being so), valid until the next event; empty before the first try. */
struct view sip_register_contact(const struct sip_register *r);

/**
 * Route values for requests of this account: the registrar's Service-Route (RFC 3608), or the configured routes. Valid
 * until the next event.
 */
struct view sip_register_routes(const struct sip_register *r);

/** The Path the registrar reported (RFC 3327), as header values joined by commas; empty without. */
struct view sip_register_path(const struct sip_register *r);

/** Our address as the server sees it (Via received and rport); false when unknown. */
bool sip_register_public(const struct sip_register *r, struct addr *out);

/** The flow the registration lives on, for requests of this account; NULL without. */
struct sip_flow *sip_register_flow(const struct sip_register *r);

#endif
