/* The message of one try. */
#include "sip/request_priv.h"

static enum ahoy_err take_route(struct view *rest, struct view *item, struct sip_addr *route, struct sip_uri *uri)
{
    do {
        if (!sip_list_next(rest, item))
            return AHOY_ERR_END;
    } while (item->n == 0);
    enum ahoy_err err = sip_addr_parse(*item, route);
    return err == AHOY_OK ? sip_uri_parse(route->uri, uri) : err;
}

enum ahoy_err request_check_routes(struct view routes)
{
    struct view item;
    struct sip_addr route;
    struct sip_uri uri;
    enum ahoy_err err = AHOY_OK;
    while (err == AHOY_OK)
        err = take_route(&routes, &item, &route, &uri);
    return err == AHOY_ERR_END ? AHOY_OK : AHOY_ERR_SYNTAX;
}

enum ahoy_err request_next_hop(const struct sip_request *rq, struct view *located, struct view *host)
{
    struct view rest = rq->routes, item;
    struct sip_addr route;
    struct sip_uri uri;
    enum ahoy_err err = take_route(&rest, &item, &route, &uri);
    if (err == AHOY_ERR_END)
        err = sip_uri_parse(view_str(rq->uri[rq->at]), &uri);
    if (err != AHOY_OK)
        return err;
    *located = uri.text;
    *host = uri.host;
    return AHOY_OK;
}

static bool is_strict(const struct sip_request *rq, struct sip_uri *top, struct view *behind)
{
    struct view item;
    struct sip_addr route;
    *behind = rq->routes;
    return take_route(behind, &item, &route, top) == AHOY_OK && !sip_uri_is_loose(top);
}

enum ahoy_err request_put_uri(struct sip_request *rq)
{
    struct sip_uri uri;
    struct view behind;
    buf_clear(&rq->request_uri);
    if (!is_strict(rq, &uri, &behind)) {
        enum ahoy_err err = sip_uri_parse(view_str(rq->uri[rq->at]), &uri);
        if (err != AHOY_OK)
            return err;
    }
    if (uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS)
        sip_uri_put_request(&uri, &rq->request_uri);
    else
        buf_view(&rq->request_uri, uri.text);
    return buf_err(&rq->request_uri);
}

/* RFC 3261 section 12.2.1.1: a strict router at the top takes the Request-URI, the target goes to the end. */
static void put_routes(const struct sip_request *rq, struct buf *out)
{
    struct sip_uri top;
    struct view rest = rq->routes, behind, item;
    bool strict = is_strict(rq, &top, &behind);
    if (strict)
        rest = behind;
    while (sip_list_next(&rest, &item)) {
        if (item.n > 0)
            sip_build_hdr(out, SIP_HDR_ROUTE, item);
    }
    if (strict)
        sip_build_hdr_printf(out, SIP_HDR_ROUTE, "<%s>", rq->uri[rq->at]);
}

bool request_lines_have(struct view lines, struct view name)
{
    struct view line;
    while (view_line(&lines, &line)) {
        if (view_ieq(view_trim(view_first(line, view_find(line, ':'))), name))
            return true;
    }
    return false;
}

struct sip_auth_request request_auth(const struct sip_request *rq)
{
    struct sip_auth_request a = { .method = rq->method, .uri = buf_content(&rq->request_uri), .body = rq->body };
    struct view located;
    if (request_next_hop(rq, &located, &a.next_hop) != AHOY_OK)
        a.next_hop = (struct view){ 0 };
    a.peer = rq->flow ? sip_flow_peer(rq->flow) : NULL;
    return a;
}

enum ahoy_err request_build(struct sip_request *rq, struct buf *out)
{
    const char *agent = sip_stack_user_agent(rq->stack);
    enum ahoy_err err = request_put_uri(rq);
    if (err != AHOY_OK)
        return err;
    buf_clear(&rq->auth_lines);
    if (rq->auth) {
        struct sip_auth_request a = request_auth(rq);
        err = sip_auth_put(rq->auth, &rq->auth_try, &a, &rq->auth_lines);
        if (err != AHOY_OK)
            return err;
    }
    sip_build_request_line(out, rq->method, buf_content(&rq->request_uri));
    if (!rq->has_max_forwards)
        sip_build_hdr_u32(out, SIP_HDR_MAX_FORWARDS, 70);
    put_routes(rq, out);
    buf_view(out, rq->headers);
    sip_build_hdr_printf(out, SIP_HDR_CSEQ, "%u %.*s", (unsigned) rq->cseq, VIEW_ARG(rq->method));
    if (rq->put_headers)
        rq->put_headers(rq->handler.arg, rq, rq->flow, out);
    buf_view(out, buf_content(&rq->auth_lines));
    if (agent && !rq->has_user_agent)
        sip_build_hdr(out, SIP_HDR_USER_AGENT, view_str(agent));
    sip_build_body(out, rq->content_type, rq->body);
    return buf_err(out);
}
