/* Loose and strict routes: RFC 3261 sections 8.1.2, 12.2.1.1. */
#include "sip/route.h"

#include "support/t.h"

struct example {
    const char *routes, *target, *uri, *lines, *hop;
};

static const struct example examples[] = {
    /* no routes: the target is all there is, without what a Request-URI may not carry */
    { "", "sip:u@far;method=INVITE;x?subject=y", "sip:u@far;x", "", "sip:u@far;method=INVITE;x?subject=y" },
    { " , ,", "tel:+1555", "tel:+1555", "", "tel:+1555" },
    /* loose: as they are, one a line */
    { "<sip:p1;lr>, \"P, 2\" <sip:p2;lr>;x=\"a,b\"", "sip:u@far", "sip:u@far",
      "Route: <sip:p1;lr>\r\nRoute: \"P, 2\" <sip:p2;lr>;x=\"a,b\"\r\n", "sip:p1;lr" },
    /* a strict one in front is asked by its own URI, the target goes to the end */
    { "<sip:p1;method=BYE>, <sip:p2;lr>,, <sip:p3>", "sip:u@far", "sip:p1",
      "Route: <sip:p2;lr>\r\nRoute: <sip:p3>\r\nRoute: <sip:u@far>\r\n", "sip:p1;method=BYE" },
    { "<sip:p1>", "sip:u@far", "sip:p1", "Route: <sip:u@far>\r\n", "sip:p1" },
    /* a strict one further on is the affair of the router before it */
    { "<sip:p1;lr>,<sip:p2>", "sip:u@far", "sip:u@far", "Route: <sip:p1;lr>\r\nRoute: <sip:p2>\r\n", "sip:p1;lr" },
};

static void test_routes_decide_uri_lines_and_next_hop(struct t *t)
{
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < AHOY_COUNT(examples); i++) {
        const struct example *e = &examples[i];
        struct view routes = view_str(e->routes), target = view_str(e->target);
        struct sip_uri hop;
        T_OK(sip_route_check(routes));
        T_OK(sip_route_next_hop(routes, target, &hop));
        T_VIEW(hop.text, e->hop);
        buf_clear(&b);
        T_OK(sip_route_put_uri(routes, target, &b));
        T_VIEW(buf_content(&b), e->uri);
        buf_clear(&b);
        sip_route_put(routes, target, &b);
        T_OK(buf_err(&b));
        T_VIEW(buf_content(&b), e->lines);
    }
out:
    buf_fini(&b);
}

static void test_what_cannot_be_followed_is_refused(struct t *t)
{
    struct sip_uri hop;
    struct buf b;
    buf_init(&b, 1000);
    T_ERR(sip_route_check(VIEW("<sip:p1;lr>, <sip:p2;lr")), AHOY_ERR_SYNTAX);
    T_ERR(sip_route_check(VIEW("<sip:p1;lr>, <sip:>")), AHOY_ERR_SYNTAX);
    T_ERR(sip_route_next_hop(VIEW("<sip:>"), VIEW("sip:u@far"), &hop), AHOY_ERR_SYNTAX);
    T_ERR(sip_route_next_hop(VIEW(""), VIEW("far away"), &hop), AHOY_ERR_SYNTAX);
    T_ERR(sip_route_put_uri(VIEW(""), VIEW("far away"), &b), AHOY_ERR_SYNTAX);
out:
    buf_fini(&b);
}

T_MAIN(T(test_routes_decide_uri_lines_and_next_hop), T(test_what_cannot_be_followed_is_refused))
