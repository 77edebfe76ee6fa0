#include "sip/route.h"

#include "sip/build.h"
#include "sip/hdr.h"

/* Takes the first route; END when there is none. */
static enum ahoy_err take(struct view *routes, struct sip_uri *uri)
{
    struct view item;
    struct sip_addr route;
    do {
        if (!sip_list_next(routes, &item))
            return AHOY_ERR_END;
    } while (view_empty(item));
    enum ahoy_err err = sip_addr_parse(item, &route);
    return err ? err : sip_uri_parse(route.uri, uri);
}

enum ahoy_err sip_route_check(struct view routes)
{
    struct sip_uri uri;
    enum ahoy_err err = AHOY_OK;
    while (!err)
        err = take(&routes, &uri);
    return err == AHOY_ERR_END ? AHOY_OK : AHOY_ERR_SYNTAX;
}

enum ahoy_err sip_route_next_hop(struct view routes, struct view target, struct sip_uri *out)
{
    enum ahoy_err err = take(&routes, out);
    return err == AHOY_ERR_END ? sip_uri_parse(target, out) : err;
}

/* Whether the first router takes the place of the target; `behind` are the other routes then. */
static bool is_strict(struct view routes, struct sip_uri *top, struct view *behind)
{
    *behind = routes;
    return take(behind, top) == AHOY_OK && !sip_uri_is_loose(top);
}

enum ahoy_err sip_route_put_uri(struct view routes, struct view target, struct buf *out)
{
    struct sip_uri uri;
    struct view behind;
    if (!is_strict(routes, &uri, &behind)) {
        enum ahoy_err err = sip_uri_parse(target, &uri);
        if (err)
            return err;
    }
    if (uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS)
        sip_uri_put_request(&uri, out);
    else
        buf_view(out, uri.text);
    return buf_err(out);
}

void sip_route_put(struct view routes, struct view target, struct buf *out)
{
    struct sip_uri top;
    struct view behind, item;
    bool strict = is_strict(routes, &top, &behind);
    struct view rest = strict ? behind : routes;
    while (sip_list_next(&rest, &item)) {
        if (!view_empty(item))
            sip_build_hdr(out, SIP_HDR_ROUTE, item);
    }
    if (strict)
        sip_build_hdr_printf(out, SIP_HDR_ROUTE, "<%.*s>", VIEW_ARG(target));
}
