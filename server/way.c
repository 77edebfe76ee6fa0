#include "server/way.h"

#include "base/encode.h"

enum { SEAL_CHARS = EXCHANGE_DIGEST_BYTES - 1, SIDE_BYTES = 1 + 2 + 2 + 16, TEXT_BYTES = 8192 };

void way_of_flow(const struct sip_flow *f, struct way *out)
{
    *out = (struct way){ .proto = sip_flow_proto(f), .peer = *sip_flow_peer(f), .port = sip_flow_local(f)->port };
}

static bool has_one_via(const struct sip_msg *m)
{
    const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_VIA);
    struct view rest = h->value, item;
    (void) sip_list_next(&rest, &item);
    return !sip_list_next(&rest, &item) && !sip_msg_next(m, h);
}

static bool is_elsewhere(struct view host, uint16_t port, const struct addr *source)
{
    struct addr ip;
    return addr_parse_ip(host, &ip) != AHOY_OK || !addr_eq_ip(&ip, source) || (port > 0 ? port : 5060) != source->port;
}

bool way_is_needed(const struct sip_flow *flow, struct sip_msg *request, const struct sip_core *core,
                   struct view contact)
{
    const struct addr *source = sip_flow_peer(flow);
    struct sip_uri u;
    struct addr ip;
    if (source->scope != 0 || !has_one_via(request))
        return false;
    if (sip_proto_reliable(sip_flow_proto(flow)) || is_elsewhere(core->via.host, core->via.port, source))
        return true;
    return sip_uri_parse(contact, &u) == AHOY_OK && sip_uri_ip(&u, &ip) == AHOY_OK && addr_is_private(&ip)
           && !addr_is_private(source);
}

enum ahoy_err way_open(const struct exchange *x, const struct way *w, struct sip_flow **out)
{
    struct sip_transport *via = NULL;
    for (size_t i = 0; i < x->transports && w->proto == SIP_PROTO_UDP; i++) {
        const struct addr *local = sip_transport_local(x->transport[i]);
        if (sip_transport_proto(x->transport[i]) == w->proto && local->family == w->peer.family
            && local->port == w->port)
            via = x->transport[i];
    }
    return sip_flow_to(x->stack, w->proto, &w->peer, via, out);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static size_t put_side(const struct way *w, uint8_t *p)
{
    bool ip6 = w->peer.family == ADDR_IP6;
    size_t n = ip6 ? 16 : 4;
    p[0] = (uint8_t) (w->proto << 1 | ip6);
    if (w->proto == SIP_PROTO_UNKNOWN)
        return 1;
    p[1] = (uint8_t) (w->port >> 8);
    p[2] = (uint8_t) w->port;
    p[3] = (uint8_t) (w->peer.port >> 8);
    p[4] = (uint8_t) w->peer.port;
    memcpy(p + 5, w->peer.ip, n);
    return 5 + n;
}

/* Bytes taken, 0 when they are no side. They were sealed by us, but perhaps by an older self. */
static size_t get_side(const uint8_t *p, size_t n, struct way *out)
{
    if (n < 1)
        return 0;
    bool ip6 = p[0] & 1;
    size_t ip_n = ip6 ? 16 : 4;
    *out = (struct way){ .proto = (enum sip_proto)(p[0] >> 1) };
    if (out->proto == SIP_PROTO_UNKNOWN)
        return 1;
    if (n < 5 + ip_n || (out->proto != SIP_PROTO_UDP && out->proto != SIP_PROTO_TCP))
        return 0;
    out->port = (uint16_t) (p[1] << 8 | p[2]);
    out->peer.port = (uint16_t) (p[3] << 8 | p[4]);
    out->peer.family = ip6 ? ADDR_IP6 : ADDR_IP4;
    memcpy(out->peer.ip, p + 5, ip_n);
    return 5 + ip_n;
}

/* The seal binds a token to one dialog as its caller's side knows it. False without memory. */
static bool seal(const struct exchange *x, struct view caller_tag, struct view call_id, struct view hex,
                 char out[EXCHANGE_DIGEST_BYTES])
{
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    buf_view(&b, caller_tag);
    buf_char(&b, '\n');
    buf_view(&b, call_id);
    buf_char(&b, '\n');
    buf_view(&b, hex);
    bool ok = buf_err(&b) == AHOY_OK;
    exchange_digest(x, 't', buf_content(&b), out);
    buf_fini(&b);
    return ok;
}

void way_put_token(const struct exchange *x, const struct sip_core *core, const struct way_pair *p, struct buf *out)
{
    uint8_t raw[2 * SIDE_BYTES];
    char hex[2 * sizeof raw + 1], mark[EXCHANGE_DIGEST_BYTES];
    size_t n = put_side(&p->caller, raw);
    n += put_side(&p->callee, raw + n);
    encode_hex(raw, n, hex);
    if (!seal(x, core->from_tag, core->call_id, view_str(hex), mark)) {
        out->err = out->err ? out->err : AHOY_ERR_NOMEM;
        return;
    }
    buf_str(out, mark);
    buf_str(out, hex);
}

static bool is_sealed(const struct exchange *x, struct view token, struct view caller_tag, struct view call_id)
{
    char mark[EXCHANGE_DIGEST_BYTES];
    return seal(x, caller_tag, call_id, view_from(token, SEAL_CHARS), mark)
           && view_eq(view_first(token, SEAL_CHARS), view_str(mark));
}

bool way_read_token(const struct exchange *x, struct view token, const struct sip_core *core, struct way *to)
{
    uint8_t raw[2 * SIDE_BYTES];
    struct way_pair p;
    size_t n, used, more;
    if (token.n <= SEAL_CHARS || decode_hex(view_from(token, SEAL_CHARS), raw, sizeof raw, &n))
        return false;
    bool from_caller = is_sealed(x, token, core->from_tag, core->call_id);
    if (!from_caller && !is_sealed(x, token, core->to_tag, core->call_id))
        return false;
    used = get_side(raw, n, &p.caller);
    more = used > 0 ? get_side(raw + used, n - used, &p.callee) : 0;
    if (more == 0)
        return false;
    *to = from_caller ? p.callee : p.caller;
    return true;
}
