/* What is written into a REGISTER and read out of its answer. Pure but for the Contact it remembers. */
#include "sip/register_priv.h"

#include "sip/request_priv.h"
#include "sip/route.h"

enum { LIST_MAX_BYTES = 4096 };

/* The AOR as a From or To value without parameters. */
static void put_aor(const struct sip_register *r, struct buf *out)
{
    struct sip_addr aor;
    if (sip_addr_parse(r->cfg.aor, &aor) != AHOY_OK)
        return; /* checked at creation */
    if (aor.display.n > 0) {
        buf_view(out, aor.display);
        buf_char(out, ' ');
    }
    buf_char(out, '<');
    buf_view(out, aor.uri);
    buf_char(out, '>');
}

void register_put_headers(const struct sip_register *r, struct buf *out)
{
    buf_str(out, "From: ");
    put_aor(r, out);
    buf_printf(out, ";tag=%s\r\nTo: ", r->tag);
    put_aor(r, out);
    buf_printf(out, "\r\nCall-ID: %s\r\n", r->call_id);
    if (!request_lines_have(r->cfg.headers, VIEW("Supported")) && !request_lines_have(r->cfg.headers, VIEW("k")))
        buf_str(out, "Supported: path\r\n");
    buf_printf(out, "Expires: %u\r\n", r->stopping ? 0 : (unsigned) r->ask_s);
    buf_view(out, r->cfg.headers);
}

/* A Contact URI that names the address a NAT gave us. */
static void put_public_uri(const struct sip_register *r, const struct sip_flow *flow, struct buf *out)
{
    char text[ADDR_TEXT_BYTES];
    enum sip_proto proto = sip_flow_proto(flow);
    buf_str(out, "sip:");
    sip_uri_escape_user(r->user, out);
    buf_printf(out, "@%s", addr_print(&r->public_addr, text));
    if (proto != SIP_PROTO_UDP) {
        buf_str(out, ";transport=");
        for (const char *p = sip_proto_name(proto); *p; p++)
            buf_char(out, (char) (*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p));
    }
}

static void put_contact_line(const struct sip_register *r, struct view uri, uint32_t expires_s, struct buf *out)
{
    buf_printf(out, "Contact: <%.*s>", VIEW_ARG(uri));
    if (expires_s > 0) {
        buf_view(out, r->cfg.contact_params);
        if (r->cfg.q_milli >= 0)
            buf_printf(out, ";q=%d.%03d", r->cfg.q_milli / 1000, r->cfg.q_milli % 1000);
    }
    buf_printf(out, ";expires=%u\r\n", (unsigned) expires_s);
}

/* The URI for this flow; when it differs from the registered one, that binding is to be taken back. */
static void renew_contact(struct sip_register *r, const struct sip_flow *flow, struct buf *out)
{
    struct buf uri;
    buf_init(&uri, LIST_MAX_BYTES);
    if (r->has_public && r->public_flow == flow)
        put_public_uri(r, flow, &uri);
    else
        sip_flow_put_contact_uri(flow, r->user, &uri);
    if (buf_err(&uri) != AHOY_OK) {
        out->err = buf_err(&uri);
    } else if (!view_eq(buf_content(&uri), buf_content(&r->contact))) {
        if (r->bound_until_us != 0 && r->stale_contact.n == 0)
            buf_view(&r->stale_contact, buf_content(&r->contact));
        buf_clear(&r->contact);
        buf_view(&r->contact, buf_content(&uri));
    }
    if (buf_err(&r->contact) != AHOY_OK)
        out->err = buf_err(&r->contact);
    buf_fini(&uri);
}

void register_put_contact(struct sip_register *r, const struct sip_flow *flow, struct buf *out)
{
    if (!r->stopping)
        renew_contact(r, flow, out);
    put_contact_line(r, buf_content(&r->contact), r->stopping ? 0 : r->ask_s, out);
    if (r->stale_contact.n > 0 && !view_eq(buf_content(&r->stale_contact), buf_content(&r->contact)))
        put_contact_line(r, buf_content(&r->stale_contact), 0, out);
}

/* Value of a parameter of ours, or empty. */
static struct view instance_of(struct view params)
{
    struct view v = { 0 };
    return sip_param(params, VIEW("+sip.instance"), &v) ? v : (struct view){ 0 };
}

static bool is_our_contact(const struct sip_register *r, const struct sip_contact *c)
{
    struct sip_uri ours, theirs;
    struct view instance = instance_of(r->cfg.contact_params);
    if (sip_uri_parse(buf_content(&r->contact), &ours) == AHOY_OK && sip_uri_parse(c->addr.uri, &theirs) == AHOY_OK
        && sip_uri_equal(&ours, &theirs))
        return true;
    return instance.n > 0 && view_eq(instance_of(c->addr.params), instance);
}

uint32_t register_granted(const struct sip_register *r, const struct sip_msg *response)
{
    uint32_t usual = r->ask_s, found = 0;
    unsigned contacts = 0;
    bool any = false;
    const struct sip_hdr *expires = sip_msg_first(response, SIP_HDR_EXPIRES);
    if (expires && sip_delta_parse(expires->value, &usual) != AHOY_OK)
        usual = r->ask_s;
    for (const struct sip_hdr *h = sip_msg_first(response, SIP_HDR_CONTACT); h; h = sip_msg_next(response, h)) {
        struct view rest = h->value, item;
        struct sip_contact c;
        while (sip_list_next(&rest, &item)) {
            if (sip_contact_parse(item, &c) != AHOY_OK || c.star)
                continue;
            contacts++;
            uint32_t s = c.has_expires ? c.expires_s : usual;
            if (is_our_contact(r, &c))
                return s;
            any = true;
            found = s;
        }
    }
    /* A registrar that rewrites the one Contact (a session border controller) means ours by it. */
    return any && contacts == 1 ? found : usual;
}

enum ahoy_err register_join_routes(const struct sip_msg *response, enum sip_hdr_id id, struct buf *out)
{
    for (const struct sip_hdr *h = sip_msg_first(response, id); h; h = sip_msg_next(response, h)) {
        if (out->n > 0)
            buf_str(out, ", ");
        buf_view(out, h->value);
    }
    enum ahoy_err err = buf_err(out);
    return err == AHOY_OK ? sip_route_check(buf_content(out)) : err;
}

bool register_seen(const struct sip_flow *flow, struct sip_msg *response, struct addr *out)
{
    const struct sip_core *core;
    struct addr seen;
    const struct addr *local = sip_flow_local(flow);
    if (sip_msg_core(response, &core) != AHOY_OK)
        return false;
    const struct sip_via *via = &core->via;
    if ((via->received.n > 0 ? sip_via_received(via, &seen) : addr_parse_ip(via->host, &seen)) != AHOY_OK)
        return false;
    seen.port = via->rport ? via->rport : (via->port ? via->port : local->port);
    /* A connection comes from a port of its own without any NAT; only another address shows that there is one. */
    bool same = sip_proto_reliable(sip_flow_proto(flow)) ? addr_eq_ip(&seen, local) : addr_eq(&seen, local);
    if (same || addr_is_any(&seen) || addr_is_multicast(&seen) || seen.port == 0)
        return false;
    *out = seen;
    return true;
}
