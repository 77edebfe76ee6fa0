/* Messages as they leave: RFC 3261 sections 16.6 and 16.7, RFC 3581, RFC 5393, RFC 5658. */
#include "server/forward.h"

enum { URI_BYTES = 512 };

static void put_header(struct view name, struct view value, struct buf *out)
{
    buf_view(out, name);
    buf_str(out, ": ");
    buf_view(out, value);
    buf_str(out, "\r\n");
}

/* ---- Record-Route ------------------------------------------------------------------------------------------------ */

static bool makes_dialog(enum sip_method m)
{
    return m == SIP_METHOD_INVITE || m == SIP_METHOD_SUBSCRIBE || m == SIP_METHOD_REFER || m == SIP_METHOD_NOTIFY;
}

/* "<sip:TOKEN@192.0.2.1:5060;transport=tcp;lr>" for one side of the proxy. */
static void put_record_route(const struct sip_flow *flow, struct view token, struct buf *out)
{
    struct buf uri;
    buf_init(&uri, URI_BYTES);
    sip_flow_put_contact_uri(flow, token, &uri);
    buf_printf(out, "Record-Route: <%s;lr>\r\n", buf_cstr(&uri));
    if (buf_err(&uri) && !out->err)
        out->err = buf_err(&uri);
    buf_fini(&uri);
}

/* The contact of who sends, where it matters for NAT. */
static struct view contact_of(const struct sip_msg *m)
{
    struct view rest = sip_msg_value(m, SIP_HDR_CONTACT), item;
    struct sip_contact c;
    if (!sip_list_next(&rest, &item) || sip_contact_parse(item, &c) || c.star)
        return view_of(NULL, 0);
    return c.addr.uri;
}

/* Two sides of ours that differ get an entry each, so that each peer sees its own (RFC 5658). */
static void put_record_routes(const struct exchange *x, const struct forward_what *w, struct buf *out)
{
    struct way_pair ways = { .callee = w->callee };
    struct buf token;
    if (way_is_needed(w->in_flow, w->request, w->core, contact_of(w->request)))
        way_of_flow(w->in_flow, &ways.caller);
    buf_init(&token, URI_BYTES);
    way_put_token(x, w->core, &ways, &token);
    put_record_route(w->out_flow, buf_content(&token), out);
    if (sip_flow_proto(w->in_flow) != sip_flow_proto(w->out_flow)
        || !addr_eq(sip_flow_local(w->in_flow), sip_flow_local(w->out_flow)))
        put_record_route(w->in_flow, buf_content(&token), out);
    if (buf_err(&token) && !out->err)
        out->err = buf_err(&token);
    buf_fini(&token);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* The topmost Via tells where the request came from: answers find back by it, and phones learn their public address. */
static void put_first_via(const struct sip_hdr *h, const struct addr *source, struct buf *out)
{
    struct view rest = h->value, item, params, name, value;
    struct sip_via via;
    char ip[ADDR_TEXT_BYTES];
    struct addr from = *source, host;
    from.scope = 0;
    if (!sip_list_next(&rest, &item) || sip_via_parse(item, &via)) {
        put_header(h->name, h->value, out);
        return;
    }
    bool same = addr_parse_ip(via.host, &host) == AHOY_OK && addr_eq_ip(&host, &from);
    buf_view(out, h->name);
    buf_str(out, ": ");
    buf_view(out, view_trim(view_first(via.text, via.text.n - via.params.n)));
    for (params = via.params; sip_param_next(&params, &name, &value) == AHOY_OK;) {
        if (view_ieq(name, VIEW("received")))
            continue;
        buf_printf(out, value.p ? ";%.*s=%.*s" : ";%.*s%.*s", VIEW_ARG(name),
                   VIEW_ARG(view_ieq(name, VIEW("rport")) ? view_of(NULL, 0) : value));
        if (view_ieq(name, VIEW("rport")))
            buf_printf(out, value.p ? "%u" : "=%u", (unsigned) from.port);
    }
    if (!same || via.has_rport)
        buf_printf(out, ";received=%s", addr_print_ip(&from, false, ip));
    rest = view_trim(rest);
    if (rest.n > 0) {
        buf_str(out, ", ");
        buf_view(out, rest);
    }
    buf_str(out, "\r\n");
}

static void put_routes(const struct forward_what *w, struct buf *out)
{
    const struct route *r = w->route;
    if (!view_empty(w->path))
        sip_build_hdr(out, SIP_HDR_ROUTE, w->path);
    for (size_t i = 0; i < r->items; i++)
        sip_build_hdr(out, SIP_HDR_ROUTE, r->item[i]);
    if (!view_empty(r->last))
        buf_printf(out, "Route: <%.*s>\r\n", VIEW_ARG(r->last));
}

static bool is_for_our_realm(const struct exchange *x, struct view credentials)
{
    struct sip_credentials c;
    return !x->open && sip_credentials_parse(credentials, &c) == AHOY_OK && view_eq(c.realm, view_str(x->realm));
}

/* Header fields that are written anew, or were meant for us. */
static bool is_left_out(const struct exchange *x, const struct sip_hdr *h)
{
    switch ((int) h->id) {
    case SIP_HDR_ROUTE:
    case SIP_HDR_MAX_FORWARDS:
    case SIP_HDR_CONTENT_LENGTH: return true;
    case SIP_HDR_PROXY_AUTHORIZATION: return is_for_our_realm(x, h->value);
    default: return view_ieq(h->name, VIEW("Max-Breadth"));
    }
}

void forward_print(const struct exchange *x, const struct forward_what *w, struct buf *out)
{
    const struct sip_msg *m = w->request;
    const struct sip_hdr *via = sip_msg_first(m, SIP_HDR_VIA);
    sip_build_request_line(out, m->method_text, w->uri);
    for (uint32_t i = 0; i < m->hdr_count; i++)
        if (m->hdr[i].id == SIP_HDR_VIA && &m->hdr[i] == via)
            put_first_via(via, sip_flow_peer(w->in_flow), out);
        else if (m->hdr[i].id == SIP_HDR_VIA)
            put_header(m->hdr[i].name, m->hdr[i].value, out);
    if (makes_dialog(m->method))
        put_record_routes(x, w, out);
    put_routes(w, out);
    sip_build_hdr_u32(out, SIP_HDR_MAX_FORWARDS, w->core->max_forwards - 1u);
    if (m->method != SIP_METHOD_ACK)
        buf_printf(out, "Max-Breadth: %u\r\n", (unsigned) w->breadth);
    for (uint32_t i = 0; i < m->hdr_count; i++)
        if (m->hdr[i].id != SIP_HDR_VIA && !is_left_out(x, &m->hdr[i]))
            put_header(m->hdr[i].name, m->hdr[i].value, out);
    sip_build_body(out, view_of(NULL, 0), m->body); /* its Content-Type was copied with the rest */
}

void forward_print_response(const struct sip_msg *r, struct view challenges, struct buf *out)
{
    bool first_via = true;
    sip_build_status_line(out, r->status, r->reason);
    for (uint32_t i = 0; i < r->hdr_count; i++) {
        const struct sip_hdr *h = &r->hdr[i];
        struct view value = h->value, item;
        bool challenge = h->id == SIP_HDR_WWW_AUTHENTICATE || h->id == SIP_HDR_PROXY_AUTHENTICATE;
        if (h->id == SIP_HDR_VIA && first_via) {
            first_via = false;
            (void) sip_list_next(&value, &item);
            value = view_trim(value);
            if (view_empty(value))
                continue;
        }
        if (h->id != SIP_HDR_CONTENT_LENGTH && !(challenge && challenges.n > 0))
            put_header(h->name, value, out);
    }
    buf_view(out, challenges);
    sip_build_body(out, view_of(NULL, 0), r->body);
}
