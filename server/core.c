/* What the stack hands up, and whom it is for: the registrar, a test number, or the proxy. */
#include "server/route.h"

#include "base/encode.h"

enum { SIP_PORT = 5060, MAX_IFACES = 64 };

/* ---- answers ----------------------------------------------------------------------------------------------------- */

void exchange_reply(struct sip_server_txn *txn, unsigned status, struct view extra)
{
    if (sip_server_txn_reply(txn, status, extra))
        sip_server_txn_release(txn);
}

void exchange_refuse(struct exchange *x, struct sip_server_txn *txn, unsigned status, struct view extra)
{
    x->counts.refused++;
    exchange_reply(txn, status, extra);
}

/* ---- whose URI --------------------------------------------------------------------------------------------------- */

static bool is_our_port(const struct exchange *x, uint16_t port)
{
    for (size_t i = 0; i < x->transports; i++)
        if (sip_transport_local(x->transport[i])->port == (port > 0 ? port : SIP_PORT))
            return true;
    return false;
}

static bool is_our_ip(const struct exchange *x, const struct addr *ip)
{
    struct sys_iface iface[MAX_IFACES];
    bool any = false;
    for (size_t i = 0; i < x->transports; i++) {
        const struct addr *local = sip_transport_local(x->transport[i]);
        if (addr_eq_ip(local, ip))
            return true;
        any |= addr_is_any(local);
    }
    if (!any)
        return false;
    size_t n = sys_host_ifaces(x->host, iface, AHOY_COUNT(iface));
    for (size_t i = 0; i < n; i++)
        if (addr_eq_ip(&iface[i].addr, ip))
            return true;
    return addr_is_loopback(ip);
}

static bool is_our_domain(const struct exchange *x, const struct sip_uri *u)
{
    return x->domain && view_ieq(u->host, view_str(x->domain));
}

bool exchange_is_self(const struct exchange *x, const struct sip_uri *u)
{
    struct addr ip;
    if ((u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS) || !is_our_port(x, u->port))
        return false;
    if (is_our_domain(x, u))
        return true;
    if (sip_uri_ip(u, &ip) == AHOY_OK)
        return is_our_ip(x, &ip);
    return !x->domain && view_ieq(u->host, VIEW("localhost"));
}

bool exchange_is_ours(const struct exchange *x, const struct sip_uri *u)
{
    struct addr ip;
    if (u->scheme != SIP_SCHEME_SIP && u->scheme != SIP_SCHEME_SIPS)
        return false;
    if (exchange_is_self(x, u) || is_our_domain(x, u))
        return true;
    return !x->domain && sip_uri_ip(u, &ip) != AHOY_OK;
}

bool exchange_is_our_name(const struct exchange *x, const struct sip_uri *u)
{
    struct addr ip;
    return exchange_is_ours(x, u)
           || ((u->scheme == SIP_SCHEME_SIP || u->scheme == SIP_SCHEME_SIPS) && u->port == 0
               && sip_uri_ip(u, &ip) == AHOY_OK && is_our_ip(x, &ip));
}

enum ahoy_err exchange_key(const struct sip_uri *u, char key[EXCHANGE_KEY_BYTES])
{
    struct buf b;
    buf_init(&b, EXCHANGE_KEY_BYTES - 1);
    sip_uri_put_user(u->user, &b);
    enum ahoy_err err = buf_err(&b);
    if (!err && b.n == 0)
        err = AHOY_ERR_SYNTAX;
    if (!err)
        (void) view_copy(buf_content(&b), key, EXCHANGE_KEY_BYTES);
    buf_fini(&b);
    return err;
}

void exchange_digest(const struct exchange *x, char what, struct view text, char out[EXCHANGE_DIGEST_BYTES])
{
    uint64_t key[2] = { x->key[0] ^ (uint64_t) (unsigned char) what, x->key[1] };
    uint64_t digest = map_hash(key, text);
    encode_hex(&digest, sizeof digest, out);
}

/* ---- whom it is for ---------------------------------------------------------------------------------------------- */

enum receiver { FOR_PROXY, FOR_REGISTRAR, FOR_SERVICE, FOR_US };

static enum receiver receiver_of(const struct exchange *x, const struct sip_msg *m, const struct route *r)
{
    struct sip_uri u;
    if (route_has_hop(r) || sip_uri_parse(r->uri, &u))
        return FOR_PROXY;
    if (m->method == SIP_METHOD_REGISTER)
        return FOR_REGISTRAR;
    if (r->way.proto != SIP_PROTO_UNKNOWN || !exchange_is_our_name(x, &u))
        return FOR_PROXY;
    if (view_empty(u.user))
        return FOR_US;
    return services_know(u.user) ? FOR_SERVICE : FOR_PROXY;
}

static bool begins_call(const struct sip_msg *m, const struct sip_core *core)
{
    return m->method == SIP_METHOD_INVITE && view_empty(core->to_tag);
}

static void to_endpoint(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *m, const struct sip_core *core,
                        enum receiver who)
{
    if (begins_call(m, core)) {
        if (who == FOR_US) { /* nobody answers at the exchange itself */
            exchange_refuse(x, txn, 404, view_of(NULL, 0));
            return;
        }
        if (!guard_admits_caller(x, txn, m, core))
            return;
    }
    x->ua_core.request(x->ua_core.arg, txn, m);
}

static void dispatch(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *m)
{
    const struct sip_core *core;
    struct route r;
    unsigned status = sip_msg_core(m, &core) ? 400 : m->method == SIP_METHOD_CANCEL ? 481 : 0;
    if (status
        == 0) /* a CANCEL comes here when its INVITE is not, or no more: then nothing was sent on that it could undo */
        status = route_plan(x, m, core, &r);
    if (status != 0) {
        exchange_refuse(x, txn, status, view_of(NULL, 0));
        return;
    }
    enum receiver who = receiver_of(x, m, &r);
    if (x->stopping && (who == FOR_PROXY || who == FOR_REGISTRAR || view_empty(core->to_tag))) {
        exchange_reply(txn, 503, view_of(NULL, 0)); /* what ends our own calls is still heard */
        return;
    }
    switch (who) {
    case FOR_REGISTRAR: registrar_request(x, txn, m); break;
    case FOR_US:
    case FOR_SERVICE: to_endpoint(x, txn, m, core, who); break;
    case FOR_PROXY: proxy_request(x, txn, m, &r); break;
    }
}

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct exchange *x = arg;
    x->counts.requests++;
    dispatch(x, txn, request);
}

static void on_ack(void *arg, struct sip_flow *flow, struct sip_msg *ack)
{
    struct exchange *x = arg;
    const struct sip_core *core;
    struct route r;
    if (sip_msg_core(ack, &core) || route_plan(x, ack, core, &r))
        return;
    enum receiver who = receiver_of(x, ack, &r);
    if (who == FOR_PROXY)
        proxy_ack(x, flow, ack, &r);
    else
        x->ua_core.ack(x->ua_core.arg, flow, ack);
}

static void on_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    struct exchange *x = arg;
    kept_lost(x, flow);
    x->ua_core.flow_lost(x->ua_core.arg, flow, err);
}

void exchange_core(struct exchange *x, struct sip_core_ops *core)
{
    *core = (struct sip_core_ops){ .request = on_request, .ack = on_ack, .flow_lost = on_flow_lost, .arg = x };
}
