#include "sip/locate_plan.h"

#include <stdio.h>

bool sip_protos_has(const struct sip_protos *set, enum sip_proto p)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->p[i] == p)
            return true;
    }
    return false;
}

uint16_t sip_proto_port(enum sip_proto p)
{
    switch (p) {
    case SIP_PROTO_TLS: return 5061;
    case SIP_PROTO_WS: return 80;
    case SIP_PROTO_WSS: return 443;
    case SIP_PROTO_UNKNOWN:
    case SIP_PROTO_UDP:
    case SIP_PROTO_TCP:
    case SIP_PROTO_SCTP: break;
    }
    return 5060;
}

static bool proto_is_secure(enum sip_proto p)
{
    return p == SIP_PROTO_TLS || p == SIP_PROTO_WSS;
}

/* What a transport parameter stands for in a URI of this scheme (RFC 3261 section 26.2.2: sips never goes in clear). */
static enum sip_proto proto_of_param(struct view transport, bool sips)
{
    enum sip_proto p = sip_proto_of(transport);
    if (!sips)
        return p;
    if (p == SIP_PROTO_TCP || p == SIP_PROTO_TLS)
        return SIP_PROTO_TLS;
    return p == SIP_PROTO_WS || p == SIP_PROTO_WSS ? SIP_PROTO_WSS : SIP_PROTO_UNKNOWN;
}

/* The protocol when neither the URI nor the DNS names one: UDP for sip, TLS for sips, else the first that is there. */
static void put_default_first(struct sip_protos *set, bool secure)
{
    enum sip_proto usual = secure ? SIP_PROTO_TLS : SIP_PROTO_UDP;
    set->p[0] = sip_protos_has(set, usual) ? usual : set->p[0];
    set->n = 1;
}

enum ahoy_err sip_plan_make(const struct sip_uri *uri, const struct sip_protos *available, struct sip_plan *out)
{
    struct sip_plan plan = { .port = uri->port, .host = uri->host };
    bool sips = uri->scheme == SIP_SCHEME_SIPS;
    struct view maddr, transport;
    bool has_transport = sip_uri_param(uri, VIEW("transport"), &transport);
    if (sip_uri_param(uri, VIEW("maddr"), &maddr) && maddr.n > 0)
        plan.host = maddr;
    if (plan.host.n == 0)
        return AHOY_ERR_SYNTAX;
    bool numeric = addr_parse_ip(plan.host, &plan.addr) == AHOY_OK;
    if (plan.host.n > 1 && plan.host.p[plan.host.n - 1] == '.')
        plan.host.n--;
    if (!numeric && plan.host.n >= SYS_DNS_NAME_BYTES)
        return AHOY_ERR_SYNTAX;
    enum sip_proto wanted = has_transport ? proto_of_param(transport, sips) : SIP_PROTO_UNKNOWN;
    for (size_t i = 0; i < available->n; i++) {
        enum sip_proto p = available->p[i];
        if (has_transport ? p == wanted : !sips || proto_is_secure(p))
            plan.protos.p[plan.protos.n++] = p;
    }
    if (plan.protos.n == 0 || (has_transport && wanted == SIP_PROTO_UNKNOWN))
        return AHOY_ERR_UNSUPPORTED;
    plan.secure = sips || proto_is_secure(wanted);
    if (numeric || plan.port != 0)
        put_default_first(&plan.protos, plan.secure);
    plan.step = numeric ? SIP_PLAN_NUMERIC : SIP_PLAN_HOST;
    if (!numeric && plan.port == 0)
        plan.step = has_transport ? SIP_PLAN_SRV : SIP_PLAN_NAPTR;
    if (numeric)
        plan.addr.port = plan.port ? plan.port : sip_proto_port(plan.protos.p[0]);
    *out = plan;
    return AHOY_OK;
}

const char *sip_plan_srv_name(enum sip_proto p, struct view host, char dst[SYS_DNS_NAME_BYTES])
{
    const char *prefix = NULL;
    switch (p) {
    case SIP_PROTO_UDP: prefix = "_sip._udp."; break;
    case SIP_PROTO_TCP: prefix = "_sip._tcp."; break;
    case SIP_PROTO_TLS: prefix = "_sips._tcp."; break;
    case SIP_PROTO_SCTP: prefix = "_sip._sctp."; break;
    case SIP_PROTO_WS: /* RFC 7118 section 5.4 registers services for NAPTR alone */
    case SIP_PROTO_WSS:
    case SIP_PROTO_UNKNOWN: break;
    }
    dst[0] = '\0';
    if (prefix && strlen(prefix) + host.n < SYS_DNS_NAME_BYTES)
        snprintf(dst, SYS_DNS_NAME_BYTES, "%s%.*s", prefix, VIEW_ARG(host));
    return dst;
}

enum sip_proto sip_plan_naptr_proto(const char *service)
{
    static const struct {
        struct view service;
        enum sip_proto proto;
    } known[] = {
        { { "SIP+D2U", 7 }, SIP_PROTO_UDP },  { { "SIP+D2T", 7 }, SIP_PROTO_TCP }, { { "SIPS+D2T", 8 }, SIP_PROTO_TLS },
        { { "SIP+D2S", 7 }, SIP_PROTO_SCTP }, { { "SIP+D2W", 7 }, SIP_PROTO_WS },  { { "SIPS+D2W", 8 }, SIP_PROTO_WSS },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        if (view_ieq(view_str(service), known[i].service))
            return known[i].proto;
    }
    return SIP_PROTO_UNKNOWN;
}

static bool naptr_is_usable(const struct sys_dns_record *r, const struct sip_protos *protos, bool secure)
{
    struct view flags = view_str(r->u.naptr.flags);
    enum sip_proto p = sip_plan_naptr_proto(r->u.naptr.service);
    return r->type == SYS_DNS_NAPTR && (view_ieq(flags, VIEW("s")) || view_ieq(flags, VIEW("a")))
           && r->u.naptr.replacement[0] != '\0' && sip_protos_has(protos, p) && (!secure || proto_is_secure(p));
}

static uint32_t naptr_rank(const struct sys_dns_record *r)
{
    return (uint32_t) r->u.naptr.order << 16 | r->u.naptr.preference;
}

/* Insertion into a list kept in order; the last falls out when it is full. Equal ranks keep their order. */
static size_t insert_ranked(size_t *index, size_t n, size_t max, size_t value, const uint32_t *rank)
{
    size_t at = n;
    while (at > 0 && rank[index[at - 1]] > rank[value])
        at--;
    if (at == max)
        return n;
    size_t keep = n < max ? n : max - 1;
    for (size_t i = keep; i > at; i--)
        index[i] = index[i - 1];
    index[at] = value;
    return keep + 1;
}

size_t sip_plan_order_naptr(const struct sys_dns_record *records, size_t n, const struct sip_protos *protos,
                            bool secure, size_t *index, size_t max)
{
    uint32_t rank[SYS_DNS_MAX_RECORDS] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < n && i < SYS_DNS_MAX_RECORDS && max > 0; i++) {
        if (!naptr_is_usable(&records[i], protos, secure))
            continue;
        rank[i] = naptr_rank(&records[i]);
        count = insert_ranked(index, count, max, i, rank);
    }
    return count;
}

/* RFC 2782: draws one of index[0 … n-1] with a chance in proportion to its weight, zero weights standing first. */
static size_t draw_weighted(struct rng *rng, const struct sys_dns_record *records, const size_t *index, size_t n)
{
    uint32_t sum = 0, zeros = 0, running = 0;
    for (size_t i = 0; i < n; i++) {
        sum += records[index[i]].u.srv.weight;
        zeros += records[index[i]].u.srv.weight == 0;
    }
    uint32_t at = rng_below(rng, sum + 1);
    uint32_t zero = at == 0 && zeros > 0 ? rng_below(rng, zeros) : UINT32_MAX;
    for (size_t i = 0; i < n && zero != UINT32_MAX; i++) {
        if (records[index[i]].u.srv.weight == 0 && zero-- == 0)
            return i;
    }
    for (size_t i = 0; i < n; i++) {
        running += records[index[i]].u.srv.weight;
        if (running >= at && records[index[i]].u.srv.weight > 0)
            return i;
    }
    return 0;
}

size_t sip_plan_order_srv(struct rng *rng, const struct sys_dns_record *records, size_t n, size_t *index, size_t max)
{
    uint32_t rank[SYS_DNS_MAX_RECORDS] = { 0 };
    size_t all[SYS_DNS_MAX_RECORDS], count = 0;
    for (size_t i = 0; i < n && i < SYS_DNS_MAX_RECORDS; i++) {
        if (records[i].type != SYS_DNS_SRV || records[i].u.srv.target[0] == '\0')
            continue;
        rank[i] = records[i].u.srv.priority;
        count = insert_ranked(all, count, SYS_DNS_MAX_RECORDS, i, rank);
    }
    for (size_t i = 0; i < count; i++) {
        size_t same = i;
        while (same < count && rank[all[same]] == rank[all[i]])
            same++;
        size_t pick = i + draw_weighted(rng, records, all + i, same - i);
        size_t chosen = all[pick];
        for (size_t k = pick; k > i; k--)
            all[k] = all[k - 1];
        all[i] = chosen;
    }
    count = AHOY_MIN(count, max);
    memcpy(index, all, count * sizeof *index);
    return count;
}

void sip_plan_interleave(struct addr *addrs, size_t n, bool ip4_first)
{
    enum addr_family want = ip4_first ? ADDR_IP4 : ADDR_IP6;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        while (at < n && addrs[at].family != want)
            at++;
        if (at < n) {
            struct addr chosen = addrs[at];
            for (size_t k = at; k > i; k--)
                addrs[k] = addrs[k - 1];
            addrs[i] = chosen;
        }
        want = want == ADDR_IP4 ? ADDR_IP6 : ADDR_IP4;
    }
}
