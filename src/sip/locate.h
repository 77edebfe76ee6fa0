/*
 * Where a URI leads: RFC 3263 (NAPTR, SRV, A, AAAA), RFC 2782 (priorities and weights), RFC 7984 (dual stack), RFC 7118
 * (WebSocket). Targets come one at a time and names are asked for only when their turn comes, so the first attempt does
 * not wait for the last name.
 *
 * A locator is what an engine shares: the protocols it can send by, its address families, and a penalty box of targets
 * that failed a moment ago, which are tried after all others. All on the stack's loop.
 */
#ifndef AHOY_SIP_LOCATE_H
#define AHOY_SIP_LOCATE_H

#include "sip/stack.h"

struct sip_locator;
struct sip_locate;

/** Where to send and by what. */
struct sip_target {
    enum sip_proto proto;
    struct addr addr; /* port filled in */
};

enum {
    SIP_LOCATE_MAX_PROTOS = 6,
    SIP_LOCATE_MAX_NAMES = 32,   /* SRV targets looked at */
    SIP_LOCATE_MAX_ADDRS = 16,   /* addresses of one name */
    SIP_LOCATE_MAX_TARGETS = 64, /* given out by one look-up */
};

struct sip_locator_config {
    enum sip_proto protos[SIP_LOCATE_MAX_PROTOS]; /* available, preferred first; SIP_PROTO_UNKNOWN ends the list */
    bool ip4, ip6;                                /* families in use */
    bool prefer_ip4;                              /* of a name with both; IPv6 first otherwise (RFC 6724's default) */
    uint32_t penalty_s;                           /* how long a failed target is avoided; 0: no penalty box */
    uint32_t max_penalties;                       /* targets in the box; the oldest is let out above it */
};
#define SIP_LOCATOR_CONFIG_DEFAULT                                                                                     \
    ((struct sip_locator_config){                                                                                      \
        .protos = { SIP_PROTO_UDP, SIP_PROTO_TCP }, .ip4 = true, .ip6 = true, .penalty_s = 60, .max_penalties = 256 })

/** The stack is borrowed for the locator's life. INVAL, NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_locator_create(struct sip_locator **out, struct sip_stack *stack,
                                               const struct sip_locator_config *cfg);
void sip_locator_destroy(struct sip_locator *l); /* NULL is ignored; every sip_locate must be gone */

struct sip_stack *sip_locator_stack(const struct sip_locator *l);

/** Puts a target in the penalty box for `seconds` (0: the configured time; clamped at one hour), or lets it out. */
void sip_locator_penalize(struct sip_locator *l, const struct sip_target *t, uint32_t seconds);
void sip_locator_forgive(struct sip_locator *l, const struct sip_target *t);
bool sip_locator_penalized(const struct sip_locator *l, const struct sip_target *t);

/** The network changed: lets all targets out, and forgets what the name servers said, for others may say otherwise. */
void sip_locator_network_changed(struct sip_locator *l);

/**
 * The next target, or why there is none: END after the last; for the first, DNS_NAME, DNS_EMPTY, DNS_SERVER (the names
 * could not be resolved), UNSUPPORTED (no protocol in common), SYNTAX, NOMEM. `target` is NULL then. The owner may call
 * sip_locate_next or sip_locate_destroy in it.
 */
typedef void sip_locate_fn(void *arg, enum ahoy_err err, const struct sip_target *target);

/**
 * Starts to locate a SIP or SIPS URI (the top Route or the Request-URI), copied. The first target comes without asking,
 * never before this returns. UNSUPPORTED for another scheme, SYNTAX, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err sip_locate_start(struct sip_locate **out, struct sip_locator *l, struct view uri,
                                             sip_locate_fn *fn, void *arg);

/** Asks for the next target, once the one before was given. The answer never comes before this returns. */
void sip_locate_next(struct sip_locate *k);

/** Whether the next target is known to exist, or may exist since names are still to be resolved. */
bool sip_locate_may_have_more(const struct sip_locate *k);

/** Gives up; no callback runs any more. NULL is ignored. */
void sip_locate_destroy(struct sip_locate *k);

#endif
