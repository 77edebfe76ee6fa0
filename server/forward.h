/*
 * A request on its way through the proxy: the server transaction it came by, the forks it went to, and the best of
 * their answers. RFC 3261 sections 16.6 to 16.10.
 */
#ifndef AHOY_SERVER_FORWARD_H
#define AHOY_SERVER_FORWARD_H

#include "server/route.h"

struct forward;

/** What is printed (forward_print.c). */
struct forward_what {
    struct sip_msg *request;
    const struct sip_core *core;
    const struct route *route;
    struct view uri;  /* Request-URI to send */
    struct view path; /* Route values to put in front, joined by commas (RFC 3327); may be empty */
    uint32_t breadth; /* of Max-Breadth */
    const struct sip_flow *in_flow, *out_flow;
    struct way callee; /* how the next hop is reached, for Record-Route */
};

/** Prints the forwarded request without the Via of ours. NOMEM and LIMIT stick in `out`. */
void forward_print(const struct exchange *x, const struct forward_what *w, struct buf *out);

/**
 * Prints a response for the previous hop: without the topmost Via, which is ours (16.7 step 3), and with `challenges`
 * (whole lines, or empty) in place of its own.
 */
void forward_print_response(const struct sip_msg *r, struct view challenges, struct buf *out);

struct forward_target {
    struct view uri;      /* Request-URI to send */
    struct view path;     /* Route values to put in front, joined by commas (RFC 3327); may be empty */
    struct view next_hop; /* URI to find out the address of */
    struct way way;       /* tried first, when known; next_hop only when its connection is gone */
};

/** NOMEM. Nothing happens to `txn` before forward_start, which takes care of it from then on. */
AHOY_MUST_USE enum ahoy_err forward_create(struct forward **out, struct exchange *x, struct sip_server_txn *txn,
                                           struct sip_msg *request, const struct sip_core *core, const struct route *r,
                                           const char *digest);

/** Adds a place to send to (views are copied). Above EXCHANGE_MAX_TARGETS it is left out, which is no error. NOMEM. */
AHOY_MUST_USE enum ahoy_err forward_add(struct forward *f, const struct forward_target *t);
size_t forward_count(const struct forward *f);

/** Sends to all, each with this Max-Breadth. */
void forward_start(struct forward *f, uint32_t breadth);

/** Drops it without a word; before forward_start, or when the exchange goes down. */
void forward_destroy(struct forward *f);

struct forward *forward_of(struct list_link *link);

#endif
