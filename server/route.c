#include "server/route.h"

/*
 * A Route of ours. The topmost one brought the request here, so without a domain to know ourselves by, any name in it
 * that has a port of ours is one of our names.
 */
static bool is_ours(const struct exchange *x, const struct sip_uri *u, bool topmost)
{
    struct addr ip;
    if (exchange_is_self(x, u))
        return true;
    return topmost && !x->domain && sip_uri_ip(u, &ip) != AHOY_OK && exchange_is_ours(x, u) && u->port == 0;
}

static void read_token(const struct exchange *x, const struct sip_uri *u, const struct sip_core *core, struct route *r)
{
    if (!r->admitted && !view_empty(core->to_tag))
        r->admitted = way_read_token(x, u->user, core, &r->way);
}

static unsigned collect(const struct sip_msg *m, struct route *r)
{
    struct view item;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ROUTE); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, &item)) {
            if (view_empty(item))
                continue;
            if (r->items == ROUTE_MAX_ITEMS)
                return 400;
            r->item[r->items++] = item;
        }
    }
    return 0;
}

/* A strict router before us put our Record-Route into the Request-URI: the real one is the last Route (16.4). */
static unsigned undo_strict(const struct exchange *x, const struct sip_core *core, struct route *r)
{
    struct sip_uri u;
    struct sip_addr a;
    if (r->items == 0 || sip_uri_parse(r->uri, &u) || !exchange_is_self(x, &u) || !sip_uri_is_loose(&u))
        return 0;
    read_token(x, &u, core, r);
    if (!r->admitted)
        return 0;
    if (sip_addr_parse(r->item[--r->items], &a))
        return 400;
    r->uri = a.uri;
    return 0;
}

unsigned route_plan(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core, struct route *out)
{
    struct sip_addr a;
    struct sip_uri u;
    size_t skip = 0;
    *out = (struct route){ .uri = m->uri };
    unsigned status = collect(m, out);
    if (status == 0)
        status = undo_strict(x, core, out);
    if (status != 0)
        return status;
    for (; skip < out->items; skip++) {
        if (sip_addr_parse(out->item[skip], &a) || sip_uri_parse(a.uri, &u))
            return 400;
        if (!is_ours(x, &u, skip == 0))
            break;
        read_token(x, &u, core, out);
    }
    out->items -= skip;
    memmove(out->item, out->item + skip, out->items * sizeof out->item[0]);
    out->next_hop = out->uri;
    if (out->items == 0)
        return 0;
    out->way = (struct way){ .proto = SIP_PROTO_UNKNOWN };
    out->next_hop = a.uri;
    if (!sip_uri_is_loose(&u)) { /* 16.6 step 6 */
        out->last = out->uri;
        out->uri = a.uri;
        memmove(out->item, out->item + 1, --out->items * sizeof out->item[0]);
    }
    return 0;
}
