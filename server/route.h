/* Where a request goes by what it says itself: RFC 3261 section 16.4 and steps 2, 6 and 7 of section 16.6. */
#ifndef AHOY_SERVER_ROUTE_H
#define AHOY_SERVER_ROUTE_H

#include "server/way.h"

enum { ROUTE_MAX_ITEMS = 64 };

/** Views of the request. */
struct route {
    struct view uri;                   /* Request-URI to send, for requests that are not to a user of ours */
    struct view item[ROUTE_MAX_ITEMS]; /* Route values to send … */
    size_t items;
    struct view last;     /* … and behind them this URI: the next hop is a strict router (RFC 2543) */
    struct view next_hop; /* URI to find out the address of */
    bool admitted;        /* in a dialog that we were on the path of from its start */
    struct way way; /* the way that dialog's other side is reached by, when it has one and no other hop comes first */
};

/** 0, or the status to refuse with. */
unsigned route_plan(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core, struct route *out);

/** Whether another hop is asked for by Route. */
static inline bool route_has_hop(const struct route *r)
{
    return r->items > 0 || !view_empty(r->last);
}

#endif
