/* The message of one try. */
#include "sip/request_priv.h"
#include "sip/route.h"

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
    struct sip_uri hop;
    if (sip_route_next_hop(rq->routes, sip_request_uri(rq), &hop) == AHOY_OK)
        a.next_hop = hop.host;
    a.peer = rq->flow ? sip_flow_peer(rq->flow) : NULL;
    return a;
}

enum ahoy_err request_build(struct sip_request *rq, struct buf *out)
{
    const char *agent = sip_stack_user_agent(rq->stack);
    buf_clear(&rq->request_uri);
    enum ahoy_err err = sip_route_put_uri(rq->routes, sip_request_uri(rq), &rq->request_uri);
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
    sip_route_put(rq->routes, sip_request_uri(rq), out);
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
