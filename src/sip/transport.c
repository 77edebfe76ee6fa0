/* Bound local addresses: which carrier opens them, and which one a packet leaves from. RFC 3261 section 18. */
#include "sip/stack.h"

#include "base/mem.h"
#include "sip/stack_priv.h"

const struct sip_carrier *sip_carrier_of(enum sip_proto proto)
{
    switch (proto) {
    case SIP_PROTO_UDP: return &sip_carrier_udp;
    case SIP_PROTO_TCP: return &sip_carrier_tcp;
    default: return NULL;
    }
}

enum ahoy_err sip_stack_listen(struct sip_stack *s, enum sip_proto proto, const struct addr *local,
                               struct sip_transport **out)
{
    const struct sip_carrier *carrier = sip_carrier_of(proto);
    if (!carrier)
        return AHOY_ERR_UNSUPPORTED;
    if (s->closing)
        return AHOY_ERR_CLOSED;
    struct sip_transport *t = mem_zalloc(sizeof *t);
    if (!t)
        return AHOY_ERR_NOMEM;
    t->stack = s;
    t->carrier = carrier;
    t->proto = proto;
    t->id = s->last_transport_id + 1;
    enum ahoy_err err = carrier->listen(t, local);
    if (err) {
        mem_free(t);
        return err;
    }
    s->last_transport_id = t->id;
    list_push_back(&s->transports, &t->link);
    s->counts.transports++;
    *out = t;
    return AHOY_OK;
}

/* Whether a flow stands or falls with a transport: its socket, or the local address that went away. */
static bool flow_leans_on(const struct sip_flow *f, const struct sip_transport *t)
{
    if (f->broken || f->proto != t->proto)
        return false;
    if (f->transport)
        return f->transport == t;
    return f->local.port == t->local.port && (addr_is_any(&t->local) || addr_eq_ip(&f->local, &t->local))
           && f->local.family == t->local.family;
}

void sip_transport_close(struct sip_transport *t)
{
    struct sip_stack *s = t->stack;
    list_remove(&t->link);
    s->counts.transports--;
    /* Breaking a flow calls its users, who may break others: so each is looked at once, from the front to the back. */
    for (size_t n = s->counts.flows; n > 0 && !list_empty(&s->flows); n--) {
        struct sip_flow *f = LIST_ENTRY(list_pop_front(&s->flows), struct sip_flow, link);
        list_push_back(&s->flows, &f->link);
        if (flow_leans_on(f, t))
            sip_flow_break(f, s->closing ? AHOY_ERR_CANCELLED : AHOY_ERR_CLOSED);
    }
    t->carrier->unlisten(t);
    mem_free(t);
}

const struct addr *sip_transport_local(const struct sip_transport *t)
{
    return &t->local;
}

enum sip_proto sip_transport_proto(const struct sip_transport *t)
{
    return t->proto;
}

/* How well a transport suits packets that would leave from `src`: 0 not at all. */
static unsigned fitness(const struct sip_transport *t, enum sip_proto proto, const struct addr *src)
{
    if (t->proto != proto || t->local.family != src->family)
        return 0;
    if (addr_is_any(&t->local))
        return 2;
    if (addr_eq_ip(&t->local, src))
        return 3;
    return addr_is_loopback(&t->local) == addr_is_loopback(src) ? 1 : 0;
}

enum ahoy_err sip_transport_for(struct sip_stack *s, enum sip_proto proto, const struct addr *dst,
                                struct sip_transport **out, struct addr *src)
{
    struct addr from;
    enum ahoy_err err = sys_host_source(sys_loop_host(s->loop), dst, &from);
    if (err)
        return err;
    struct sip_transport *best = NULL;
    unsigned best_fitness = 0;
    LIST_EACH(k, &s->transports) {
        struct sip_transport *t = LIST_ENTRY(k, struct sip_transport, link);
        unsigned fits = fitness(t, proto, &from);
        if (fits > best_fitness) {
            best = t;
            best_fitness = fits;
        }
    }
    if (!best)
        return AHOY_ERR_UNREACHABLE;
    const struct addr *ip = addr_is_any(&best->local) ? &from : &best->local;
    *src = addr_with_port(ip, best->local.port);
    *out = best;
    return AHOY_OK;
}

bool sip_stack_is_ours(const struct sip_stack *s, const struct sip_via *via)
{
    struct addr host;
    if (addr_parse_ip(via->host, &host))
        return false;
    uint16_t port = via->port ? via->port : 5060;
    LIST_EACH(k, &s->transports) {
        const struct sip_transport *t = LIST_ENTRY(k, struct sip_transport, link);
        if (t->proto == via->proto && t->local.port == port && t->local.family == host.family
            && (addr_is_any(&t->local) || addr_eq_ip(&t->local, &host)))
            return true;
    }
    return false;
}
