/*
 * A request on its way through the proxy: the server transaction it came by, the forks it went to, and the best of their
 * answers. RFC 3261 sections 16.6 to 16.10.
 */
#ifndef AHOY_SERVER_FORWARD_H
#define AHOY_SERVER_FORWARD_H

#include "server/exchange.h"

struct forward;

struct forward_target {
    struct view uri;         /* Request-URI to send */
    struct view next_hop;    /* URI to locate; empty: uri, or the first of `path` */
    struct view path;        /* Route to put in front (RFC 3327) */
    bool has_flow;           /* a registered contact: back the way its REGISTER came, and no other */
    enum sip_proto proto;
    struct addr addr;
};

/** What goes out to one fork. */
struct forward_what {
    const struct sip_msg *request;
    struct view uri, path;
    size_t skip_routes;
    unsigned max_forwards;
    uint32_t breadth;
    bool record;
    const struct sip_flow *in_flow, *out_flow;
};

/** proxy.c: prints the forwarded request without the Via of ours. */
void forward_print(const struct exchange *x, const struct forward_what *w, struct buf *out);

/** NOMEM. Takes care of `txn` from forward_start on. */
AHOY_MUST_USE enum ahoy_err forward_create(struct forward **out, struct exchange *x, struct sip_server_txn *txn,
                                           struct sip_msg *request, const char *digest);

/** Adds a place to send to (views are copied). LIMIT above EXCHANGE_MAX_TARGETS is no error: it is left out. NOMEM. */
AHOY_MUST_USE enum ahoy_err forward_add(struct forward *f, const struct forward_target *t);
size_t forward_count(const struct forward *f);
void forward_skip_routes(struct forward *f, size_t n);

/** Sends to all. */
void forward_start(struct forward *f, uint32_t breadth);

/** Drops it without a word; before forward_start, or when the exchange goes down. */
void forward_destroy(struct forward *f);

struct forward *forward_of(struct list_link *link);

#endif
