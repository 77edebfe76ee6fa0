/*
 * Look-ups with a memory: a bounded cache of answers in front of sys/dns.h, shared by all that one engine asks. The
 * same question asked twice at a time goes out once. Which questions to ask (RFC 3263) is for floors above.
 *
 * How long an answer is kept: its records' shortest time to live, at most a day; "no such name" and "no such record" 30
 * s (the resolver does not tell RFC 2308's figure); a failure 5 s, so that a dead server is not asked for every call.
 * When the server fails and an expired answer is at hand, that is given, for up to a day after its time (RFC 8767).
 *
 * Belongs to one loop and is used on it only.
 */
#ifndef AHOY_NET_NAMES_H
#define AHOY_NET_NAMES_H

#include "sys/dns.h"

struct names;
struct names_query;

enum { NAMES_DEFAULT_ENTRIES = 256 };

/** An empty cache of at most `max` answers (0: NAMES_DEFAULT_ENTRIES); the one unused for longest makes room. */
AHOY_MUST_USE enum ahoy_err names_create(struct names **out, struct sys_loop *loop, size_t max);

/** Frees; queries not answered yet are cancelled. Not from a callback of a query. NULL is ignored. */
void names_destroy(struct names *n);

/**
 * Asks; `fn` runs once, never before this returns; errors and records as in sys_dns_start. LIMIT when `max` different
 * questions are under way. IP literals are not names: the caller keeps them back.
 */
AHOY_MUST_USE enum ahoy_err names_start(struct names_query **out, struct names *n, const char *name,
                                        enum sys_dns_type type, sys_dns_fn *fn, void *arg);

/** Gives up; the callback will not run. Not once it runs. NULL is ignored. */
void names_cancel(struct names_query *q);

/** Forgets all answers, for another network may give others. Queries under way are answered. */
void names_flush(struct names *n);

#endif
