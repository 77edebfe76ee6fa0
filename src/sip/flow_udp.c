/* SIP over UDP: one socket a transport, one flow for each peer in use. RFC 3261 section 18, RFC 3581. */
#include "base/chars.h"
#include "base/mem.h"
#include "sip/stack_priv.h"

/* What a datagram of IPv4 holds besides its headers. */
enum { UDP_PAYLOAD_BYTES = 65507 };

/* CS5, the service class of telephony signalling (RFC 4594 section 4.2). */
enum { SIGNALLING_DSCP = 40 };

/* Keep-alives, and what other protocols send to our port: nothing of SIP is so short or starts so. */
static bool is_noise(const char *p, size_t n)
{
    if (n < 12)
        return true;
    for (size_t i = 0; i < n; i++)
        if (!chars_is_lws(p[i]))
            return (unsigned char) p[i] < ' ';
    return true;
}

static void on_recv(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                    int64_t when_us)
{
    (void) when_us;
    struct sip_transport *t = arg;
    if (is_noise(data, n) || src->port == 0 || addr_is_any(src) || addr_is_multicast(src) || addr_is_multicast(local))
        return;
    struct addr at = addr_with_port(local, t->local.port);
    if (addr_is_any(&at)) {
        struct addr route;
        if (sys_host_source(sys_loop_host(t->stack->loop), src, &route))
            return;
        at = addr_with_port(&route, t->local.port);
    }
    struct sip_flow *f = NULL;
    if (sip_udp_flow(t, src, &at, &f))
        return;
    sip_stack_receive(t->stack, f, view_of(data, n), SIP_FRAMING_DATAGRAM);
    sip_flow_unref(f); /* `t` may be closed by now */
}

/* RFC 3261 section 18.4: ICMP errors are told to who waits; a too big packet will be sent again in fragments. */
static void on_error(void *arg, const struct addr *dst, enum ahoy_err err)
{
    struct sip_transport *t = arg;
    struct sip_stack *s = t->stack;
    if (err != AHOY_ERR_REFUSED && err != AHOY_ERR_UNREACHABLE)
        return;
    struct sip_digest key;
    sip_flow_key(s, SIP_PROTO_UDP, t->id, dst, &key);
    struct map_node *node = map_get(&s->flow_map, sip_digest_view(&key));
    if (node)
        sip_flow_report(MAP_ENTRY(node, struct sip_flow, node), err);
}

static enum ahoy_err udp_listen(struct sip_transport *t, const struct addr *local)
{
    struct sys_udp_config cfg = { .local = *local, .dscp = SIGNALLING_DSCP };
    struct sys_udp_handler handler = { .recv = on_recv, .error = on_error, .arg = t };
    enum ahoy_err err = sys_udp_open(&t->udp, t->stack->loop, &cfg, &handler);
    if (err)
        return err;
    t->local = *sys_udp_local(t->udp);
    return AHOY_OK;
}

static void udp_unlisten(struct sip_transport *t)
{
    sys_udp_close(t->udp);
}

enum ahoy_err sip_udp_flow(struct sip_transport *t, const struct addr *peer, const struct addr *local,
                           struct sip_flow **out)
{
    struct sip_stack *s = t->stack;
    struct sip_digest key;
    sip_flow_key(s, SIP_PROTO_UDP, t->id, peer, &key);
    for (struct map_node *k = map_get(&s->flow_map, sip_digest_view(&key)); k; k = map_get_next(k)) {
        struct sip_flow *have = MAP_ENTRY(k, struct sip_flow, node);
        if (addr_eq_ip(&have->local, local)) {
            *out = sip_flow_ref(have);
            return AHOY_OK;
        }
    }
    struct sip_flow *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    f->proto = SIP_PROTO_UDP;
    f->transport = t;
    f->local = *local;
    f->listening = true;
    enum ahoy_err err = sip_flow_init(f, s, &sip_carrier_udp, t->id, peer);
    if (err) {
        mem_free(f);
        return err;
    }
    *out = sip_flow_ref(f);
    return AHOY_OK;
}

static enum ahoy_err udp_open(struct sip_stack *s, const struct addr *dst, struct sip_transport *via,
                              struct sip_flow **out)
{
    struct sip_transport *t = via;
    struct addr src;
    if (!via || addr_is_any(&via->local)) {
        struct sip_transport *best = NULL;
        if (via) {
            enum ahoy_err err = sys_host_source(sys_loop_host(s->loop), dst, &src);
            if (err)
                return err;
            src = addr_with_port(&src, via->local.port);
        } else {
            enum ahoy_err err = sip_transport_for(s, SIP_PROTO_UDP, dst, &best, &src);
            if (err)
                return err;
            t = best;
        }
    } else {
        src = via->local;
    }
    if (t->proto != SIP_PROTO_UDP)
        return AHOY_ERR_INVAL;
    return sip_udp_flow(t, dst, &src, out);
}

static enum ahoy_err udp_send(struct sip_flow *f, struct view bytes)
{
    if (bytes.n > UDP_PAYLOAD_BYTES)
        return AHOY_ERR_TOO_BIG;
    struct sip_transport *t = f->transport;
    const struct addr *src = addr_is_any(&t->local) ? &f->local : NULL;
    return sys_udp_send(t->udp, src, &f->peer, bytes.p, bytes.n);
}

static void udp_arm(struct sip_flow *f)
{
    if (f->keepalive_us == INT64_MAX)
        sys_timer_stop(&f->timer);
    else
        sys_timer_start_at(f->stack->loop, &f->timer, f->keepalive_us);
}

static void udp_tick(struct sip_flow *f)
{
    (void) sip_flow_ping(f, VIEW("\r\n"));
    udp_arm(f);
}

static void udp_close(struct sip_flow *f)
{
    (void) f; /* the socket is the transport's */
}

const struct sip_carrier sip_carrier_udp = {
    .listen = udp_listen,
    .unlisten = udp_unlisten,
    .open = udp_open,
    .send = udp_send,
    .tick = udp_tick,
    .arm = udp_arm,
    .close = udp_close,
};
