/*
 * The decisions of RFC 3263, without I/O: what a URI says by itself, which names to ask, and in what order the records
 * that come back are tried.
 */
#ifndef AHOY_SIP_LOCATE_PLAN_H
#define AHOY_SIP_LOCATE_PLAN_H

#include "base/rng.h"
#include "sip/hdr.h"
#include "sip/uri.h"
#include "sys/dns.h"

enum { SIP_PLAN_MAX_PROTOS = 6 };

/** Protocols that the caller can send by, preferred first. */
struct sip_protos {
    enum sip_proto p[SIP_PLAN_MAX_PROTOS];
    size_t n;
};

bool sip_protos_has(const struct sip_protos *set, enum sip_proto p);

enum sip_plan_step {
    SIP_PLAN_NUMERIC, /* the address is `addr` */
    SIP_PLAN_HOST,    /* A and AAAA of `host`, at `port` */
    SIP_PLAN_SRV,     /* SRV of `host` for protos.p[0] alone, else as HOST with the default port */
    SIP_PLAN_NAPTR,   /* NAPTR of `host`, else SRV for each of protos, else as HOST */
};

struct sip_plan {
    enum sip_plan_step step;
    bool secure;              /* SIPS, or transport=tls: TLS all the way to the next hop */
    struct sip_protos protos; /* to be used, preferred first; exactly one unless NAPTR */
    struct addr addr;         /* NUMERIC, port filled in */
    struct view host;         /* maddr, or the URI's host; no brackets */
    uint16_t port;            /* 0: the protocol's default */
};

/** RFC 3263 section 4. UNSUPPORTED: no available protocol fits; SYNTAX: no host. Views point into the URI. */
AHOY_MUST_USE enum ahoy_err sip_plan_make(const struct sip_uri *uri, const struct sip_protos *available,
                                          struct sip_plan *out);

/** 5060, 5061, 80, 443. */
uint16_t sip_proto_port(enum sip_proto p);

/** "_sips._tcp.example.com" for a protocol; "" when it has no SRV name or the name would be too long. */
const char *sip_plan_srv_name(enum sip_proto p, struct view host, char dst[SYS_DNS_NAME_BYTES]);

/**
 * NAPTR records to follow, best first by order and preference, as indexes into `records`: those with flag "s" or "a"
 * and a service among `protos` (RFC 3263 section 4.1). Returns how many of at most `max`.
 */
size_t sip_plan_order_naptr(const struct sys_dns_record *records, size_t n, const struct sip_protos *protos,
                            bool secure, size_t *index, size_t max);

/** The protocol a NAPTR service stands for: "SIP+D2U" … ; UNKNOWN for others. */
enum sip_proto sip_plan_naptr_proto(const char *service);

/** Puts SRV records in the order of RFC 2782: by priority, then weighted at random. Returns how many of at most `max`.
 * */
size_t sip_plan_order_srv(struct rng *rng, const struct sys_dns_record *records, size_t n, size_t *index, size_t max);

/** Puts addresses of both families in turns, starting with the preferred family (RFC 8305 section 4), order kept. */
void sip_plan_interleave(struct addr *addrs, size_t n, bool ip4_first);

#endif
