/*
 * A route set at work: where a request goes and what it says. RFC 3261 sections 8.1.2 and 12.2.1.1. A route set is the
 * values of Route joined by commas (empty ones count for nothing), the target the URI behind all of them. Pure.
 */
#ifndef AHOY_SIP_ROUTE_H
#define AHOY_SIP_ROUTE_H

#include "base/buf.h"
#include "sip/uri.h"

/** Whether the set is one that can be followed: SYNTAX otherwise. */
AHOY_MUST_USE enum ahoy_err sip_route_check(struct view routes);

/** The URI whose host is located: of the first route, or without routes the target. A view into either. SYNTAX. */
AHOY_MUST_USE enum ahoy_err sip_route_next_hop(struct view routes, struct view target, struct sip_uri *out);

/**
 * Appends the Request-URI: the target, or the first route's when that router knows no loose routing; without what a
 * Request-URI may not carry. SYNTAX, or the buffer's error.
 */
AHOY_MUST_USE enum ahoy_err sip_route_put_uri(struct view routes, struct view target, struct buf *out);

/** Appends a Route line for each route; behind a strict router's set, which it leaves, the target comes last. */
void sip_route_put(struct view routes, struct view target, struct buf *out);

#endif
