/* Answers: which way they go, and those given without a transaction. RFC 3261 sections 8.2.6, 8.2.7, 18.2.2; RFC 3581. */
#include "base/encode.h"
#include "sip/stack.h"
#include "sip/stack_priv.h"

static bool topmost_via(const struct sip_msg *m, struct sip_via *out)
{
    struct view rest = sip_msg_value(m, SIP_HDR_VIA), item;
    return sip_list_next(&rest, &item) && sip_via_parse(item, out) == AHOY_OK;
}

/* Where a response over UDP goes. A Via that can't be read gets it back where the request came from. */
static struct addr udp_reply_to(const struct sip_flow *f, const struct sip_msg *request)
{
    struct sip_via via;
    if (!topmost_via(request, &via))
        return f->peer;
    uint16_t port = via.port ? via.port : 5060;
    struct addr to;
    /* A multicast maddr would make us an amplifier; its sender is answered alone. */
    if (!view_empty(via.maddr) && addr_parse_ip(via.maddr, &to) == AHOY_OK && to.family == f->peer.family
        && !addr_is_multicast(&to) && !addr_is_any(&to))
        return addr_with_port(&to, port);
    return via.has_rport ? f->peer : addr_with_port(&f->peer, port);
}

enum ahoy_err sip_reply_flow(struct sip_stack *s, struct sip_flow *f, const struct sip_msg *request,
                             struct sip_flow **out)
{
    if (f->proto == SIP_PROTO_UDP) {
        if (f->broken)
            return AHOY_ERR_CLOSED;
        struct addr to = udp_reply_to(f, request);
        if (addr_eq(&to, &f->peer)) {
            *out = sip_flow_ref(f);
            return AHOY_OK;
        }
        return sip_udp_flow(f->transport, &to, &f->local, out);
    }
    if (!f->broken) {
        *out = sip_flow_ref(f);
        return AHOY_OK;
    }
    /* The connection is gone: a new one to where the request came from, at the port its Via gives. */
    struct sip_via via;
    uint16_t port = topmost_via(request, &via) && via.port ? via.port : f->proto == SIP_PROTO_TCP ? 5060 : 5061;
    struct addr to = addr_with_port(&f->peer, port);
    return sip_flow_to(s, f->proto, &to, NULL, out);
}

/* The same tag for the same request, without remembering it (RFC 3261 section 8.2.7). */
static struct view stateless_tag(const struct sip_stack *s, const struct sip_msg *m, char text[17])
{
    struct view parts[] = { sip_msg_value(m, SIP_HDR_VIA), sip_msg_value(m, SIP_HDR_FROM),
                            sip_msg_value(m, SIP_HDR_CALL_ID), sip_msg_value(m, SIP_HDR_CSEQ) };
    struct sip_digest d;
    sip_stack_digest(s, parts, AHOY_COUNT(parts), &d);
    encode_hex(d.b, 8, text);
    return view_of(text, 16);
}

static enum ahoy_err reply(struct sip_stack *s, struct sip_flow *f, struct sip_msg *request, unsigned status,
                           struct view reason, struct view extra)
{
    struct sip_flow *back = NULL;
    struct buf b;
    char tag[17];
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    enum ahoy_err err = sip_reply_flow(s, f, request, &back);
    if (err)
        goto out;
    sip_build_response(&b, request, status, reason, stateless_tag(s, request, tag), &f->peer);
    if (s->cfg.user_agent)
        sip_build_hdr(&b, SIP_HDR_SERVER, view_str(s->cfg.user_agent));
    buf_view(&b, extra);
    sip_build_body(&b, VIEW(""), VIEW(""));
    err = buf_err(&b);
    if (!err)
        err = sip_flow_send(back, buf_content(&b));
    if (!err)
        s->counts.replied_stateless++;
out:
    buf_fini(&b);
    sip_flow_unref(back);
    return err;
}

enum ahoy_err sip_stack_reply(struct sip_stack *s, struct sip_flow *flow, struct sip_msg *request, unsigned status,
                              struct view extra)
{
    if (!request->is_request || request->method == SIP_METHOD_ACK || status < 100 || status > 699)
        return AHOY_ERR_INVAL;
    return reply(s, flow, request, status, VIEW(""), extra);
}

enum ahoy_err sip_stack_refuse(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, unsigned status,
                               const char *reason, struct view extra)
{
    if (!m || !m->is_request || m->method == SIP_METHOD_ACK || status < 300 || status > 699)
        return AHOY_ERR_INVAL;
    if (!sip_msg_first(m, SIP_HDR_VIA) || !sip_stack_may_refuse(s))
        return AHOY_ERR_LIMIT;
    return reply(s, f, m, status, view_str(reason), extra);
}
