/*
 * Look-ups in the DNS: one record type of one name. Which names to ask, in what order (RFC 3263), is for floors above.
 * Rules of life as in sys/loop.h.
 */
#ifndef AHOY_SYS_DNS_H
#define AHOY_SYS_DNS_H

#include "sys/loop.h"

enum sys_dns_type { SYS_DNS_A = 1, SYS_DNS_AAAA = 28, SYS_DNS_SRV = 33, SYS_DNS_NAPTR = 35 };

enum { SYS_DNS_NAME_BYTES = 256, SYS_DNS_TEXT_BYTES = 256, SYS_DNS_MAX_RECORDS = 64 };

struct sys_dns_record {
    enum sys_dns_type type;
    uint32_t ttl_s;
    union {
        struct addr addr; /* A, AAAA; port 0 */
        struct {
            uint16_t priority, weight, port;
            char target[SYS_DNS_NAME_BYTES]; /* without a final dot; "" for "." (not offered, RFC 2782) */
        } srv;
        struct {
            uint16_t order, preference;
            char flags[8];
            char service[64];
            char regexp[SYS_DNS_TEXT_BYTES];
            char replacement[SYS_DNS_NAME_BYTES];
        } naptr;
    } u;
};

struct sys_dns_query;

/**
 * Called once. `err`: DNS_NAME (no such name), DNS_EMPTY (no such record), DNS_SERVER, TIMEOUT, NOMEM. The request is
 * gone when this runs: do not cancel it any more. Records are valid during the call.
 */
typedef void sys_dns_fn(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n);

/** Asks; the answer never comes before this returns. The hosts file and "localhost" count for A and AAAA. */
AHOY_MUST_USE enum ahoy_err sys_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name,
                                          enum sys_dns_type type, sys_dns_fn *fn, void *arg);

/** Gives up; the callback will not run. NULL is ignored. */
void sys_dns_cancel(struct sys_dns_query *q);

#endif
