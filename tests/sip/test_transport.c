/* Transports and flows: RFC 3261 section 18, RFC 5626 keep-alive, connection reuse, framing of streams. */
#include "support_txn_world.h"

#include "base/mem.h"

#include <stdio.h>

static struct world w;

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static void test_via_and_contact_name_the_flow_s_local_address(struct t *t)
{
    struct sip_flow *udp = NULL, *tcp = NULL;
    struct buf b;
    buf_init(&b, 500);
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &udp));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &w.there, NULL, &tcp));
    sip_flow_put_via(udp, VIEW("z9hG4bKx"), &b);
    T_VIEW(buf_content(&b), "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport");
    buf_clear(&b);
    sip_flow_put_contact_uri(udp, VIEW("b ob"), &b);
    T_VIEW(buf_content(&b), "sip:b%20ob@192.0.2.1:5060");
    buf_clear(&b);
    sip_flow_put_via(tcp, VIEW("z9hG4bKx"), &b);
    T_VIEW(buf_content(&b), "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx;rport");
    buf_clear(&b);
    sip_flow_put_contact_uri(tcp, VIEW(""), &b);
    T_VIEW(buf_content(&b), "sip:192.0.2.1:5060;transport=tcp");
out:
    buf_fini(&b);
    sip_flow_unref(udp);
    sip_flow_unref(tcp);
    world_fini(&w);
}

static void test_any_binding_uses_the_address_that_routes_there(struct t *t)
{
    struct sip_transport *any = NULL;
    struct sip_flow *flow = NULL;
    struct addr local = addr_any(ADDR_IP4, 5080), here = addr_ip4(192, 0, 2, 1, 5080);
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_UDP, &local, &any));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, any, &flow));
    T_CHECK(addr_eq(sip_flow_local(flow), &here));
    T_CHECK(addr_eq(sip_flow_peer(flow), &w.there));
    w.reply_now = 200;
    w.here.port = 5080;
    struct form f = form_request("OPTIONS", "z9hG4bK1", ";rport", "");
    world_send(&w, f.text);
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 1);
    T_CHECK(addr_eq(&w.wire.got[0].from, &here));
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_ipv6_flows_have_brackets(struct t *t)
{
    struct sip_transport *six = NULL;
    struct sip_flow *flow = NULL;
    struct addr local, peer;
    struct buf b;
    buf_init(&b, 500);
    if (!world_init(t, &w))
        goto out;
    T_OK(sim_host_add_ip(w.host, "2001:db8::1"));
    T_OK(addr_parse(VIEW("[2001:db8::1]:5062"), 0, &local));
    T_OK(addr_parse(VIEW("[2001:db8::2]:5060"), 0, &peer));
    T_ERR(sip_flow_to(w.stack, SIP_PROTO_UDP, &peer, NULL, &flow), AHOY_ERR_UNREACHABLE);
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_UDP, &local, &six));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &peer, NULL, &flow));
    sip_flow_put_via(flow, VIEW("z9hG4bKx"), &b);
    T_VIEW(buf_content(&b), "SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bKx;rport");
    T_ERR(sip_flow_to(w.stack, SIP_PROTO_UDP, &peer, w.udp, &flow), AHOY_ERR_INVAL);
out:
    buf_fini(&b);
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_what_cannot_be_is_refused(struct t *t)
{
    struct sip_transport *more = NULL;
    struct sip_flow *flow = NULL;
    struct addr zero = addr_ip4(192, 0, 2, 2, 0), free_port = addr_ip4(192, 0, 2, 1, 0);
    if (!world_init(t, &w))
        goto out;
    T_ERR(sip_stack_listen(w.stack, SIP_PROTO_UDP, &w.here, &more), AHOY_ERR_ADDR_IN_USE);
    T_ERR(sip_stack_listen(w.stack, SIP_PROTO_TCP, &w.here, &more), AHOY_ERR_ADDR_IN_USE);
    T_ERR(sip_stack_listen(w.stack, SIP_PROTO_TLS, &w.here, &more), AHOY_ERR_UNSUPPORTED);
    T_ERR(sip_flow_to(w.stack, SIP_PROTO_WSS, &w.there, NULL, &flow), AHOY_ERR_UNSUPPORTED);
    T_ERR(sip_flow_to(w.stack, SIP_PROTO_UDP, &zero, NULL, &flow), AHOY_ERR_INVAL);
    T_ERR(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, w.tcp, &flow), AHOY_ERR_INVAL);
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_UDP, &free_port, &more));
    T_CHECK(sip_transport_local(more)->port != 0);
    T_EQ(sip_transport_proto(more), SIP_PROTO_UDP);
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    char *big = mem_zalloc(65508);
    T_CHECK(big != NULL);
    enum ahoy_err err = sip_flow_send(flow, view_of(big, 65508));
    mem_free(big);
    T_EQ(err, AHOY_ERR_TOO_BIG);
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_udp_flows_are_shared_and_vanish_unused(struct t *t)
{
    struct sip_flow *a = NULL, *b = NULL;
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &a));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &b));
    T_CHECK(a == b);
    sip_flow_unref(b);
    b = NULL;
    sip_flow_unref(a);
    a = NULL;
    T_CHECK(world_is_idle(&w));
out:
    sip_flow_unref(a);
    sip_flow_unref(b);
    world_fini(&w);
}

static void test_noise_is_ignored(struct t *t)
{
    struct sip_stack_counts c;
    if (!world_init(t, &w))
        goto out;
    world_send(&w, "\r\n\r\n");
    world_send(&w, "jaK");
    world_send(&w, "\x01\x01 looks like an answer of STUN");
    sip_stack_counts(w.stack, &c);
    T_EQ(c.received, 0);
    world_send(&w, "hello, is this a telephone?");
    sip_stack_counts(w.stack, &c);
    T_EQ(c.received, 1);
    T_EQ(c.dropped_malformed, 1);
    T_EQ(w.wire.count, 0);
out:
    world_fini(&w);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static void test_a_connection_is_used_in_both_directions(struct t *t)
{
    struct sip_flow *flow = NULL, *again = NULL;
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    /* The peer's connection carries our request, found by the address it came from. */
    w.there = *sys_tcp_local(w.peer_conn);
    if (!world_client(t, &w, "OPTIONS", SIP_PROTO_TCP, &txn))
        goto out;
    world_run_ms(&w, 10);
    T_EQ(wire_count(&w.wire, "OPTIONS"), 1);
    T_VIEW(view_first(wire_value(&w.wire.got[0], "Via"), 27), "SIP/2.0/TCP 192.0.2.1:5060;");
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &w.there, NULL, &flow));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &w.there, NULL, &again));
    T_CHECK(flow == again);
out:
    sip_flow_unref(flow);
    sip_flow_unref(again);
    world_fini(&w);
}

static void test_messages_are_cut_from_the_stream_however_they_arrive(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.reply_now = 200;
    struct form f = form_request("OPTIONS", "z9hG4bK1", "", ""), two = { "" };
    for (const char *p = f.text; *p && w.peer_conn; p++) {
        T_OK(sys_tcp_write(w.peer_conn, p, 1));
        world_run_ms(&w, 1);
    }
    T_STR(w.notes, "request OPTIONS; ");
    struct form second = form_request("INFO", "z9hG4bK2", "", ""), third = form_request("BYE", "z9hG4bK3", "", "");
    int n = snprintf(two.text, sizeof two.text, "%s\r\n%s%.50s", second.text, third.text, f.text);
    T_LE(n, sizeof two.text - 1);
    world_send_tcp(&w, two.text);
    T_STR(w.notes, "request OPTIONS; request INFO; request BYE; ");
out:
    world_fini(&w);
}

static void test_connection_without_content_length_is_answered_and_closed(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    struct form f = form_request("OPTIONS", "z9hG4bK1", "", "");
    memcpy(strstr(f.text, "Content-Length"), "Content-Lentgh", 14);
    world_send_tcp(&w, f.text);
    T_EQ(wire_count(&w.wire, "SIP/2.0 400 Bad Content-Length"), 1);
    T_EQ(w.peer_conn_closed, AHOY_ERR_END);
    T_STR(w.notes, "lost SYNTAX; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_too_large_a_message_is_answered_513_and_closed(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    struct form f = form_request("OPTIONS", "z9hG4bK1", "", "");
    char *length = strstr(f.text, "Content-Length: 0");
    snprintf(length, sizeof f.text - (size_t) (length - f.text), "Content-Length: 70000\r\n\r\n");
    world_send_tcp(&w, f.text);
    T_EQ(wire_count(&w.wire, "SIP/2.0 513 Message Too Large"), 1);
    T_EQ(w.peer_conn_closed, AHOY_ERR_END);
out:
    world_fini(&w);
}

static void test_message_that_never_ends_closes_its_connection(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    world_send_tcp(&w, "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\nVia: ");
    for (int i = 0; i < 31; i++) { /* a drip does not help */
        world_run_ms(&w, 990);
        world_send_tcp(&w, "x");
    }
    T_EQ(w.peer_conn_closed, AHOY_OK);
    world_run_ms(&w, 2000);
    T_EQ(w.peer_conn_closed, AHOY_ERR_END);
    T_STR(w.notes, "lost TIMEOUT; ");
out:
    world_fini(&w);
}

static void test_idle_connection_is_closed_unless_somebody_holds_it(struct t *t)
{
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, sys_tcp_local(w.peer_conn), NULL, &flow));
    world_run_ms(&w, 2000000);
    T_STR(w.notes, "");
    sip_flow_unref(flow);
    flow = NULL;
    world_run_ms(&w, 599000);
    T_EQ(w.peer_conn_closed, AHOY_OK);
    world_run_ms(&w, 2000);
    T_EQ(w.peer_conn_closed, AHOY_ERR_END);
    T_STR(w.notes, "lost END; ");
    T_CHECK(world_is_idle(&w));
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_too_many_connections_cost_the_longest_silent_one(struct t *t)
{
    struct sys_tcp *many[3] = { NULL };
    if (!world_prepare(t, &w))
        goto out;
    w.cfg.max_connections = 2;
    if (!world_start(t, &w) || !world_peer_connect(t, &w)) /* the first: it stays silent */
        goto out;
    struct sip_stack_counts c;
    world_run_ms(&w, 1000);
    struct sys_tcp *silent = w.peer_conn;
    w.peer_conn = NULL;
    many[0] = silent;
    if (!world_peer_connect(t, &w))
        goto out;
    many[1] = w.peer_conn;
    w.peer_conn = NULL;
    T_EQ(w.peer_conn_closed, AHOY_OK);
    if (!world_peer_connect(t, &w))
        goto out;
    sip_stack_counts(w.stack, &c);
    T_EQ(c.flows, 2);
    T_EQ(w.peer_conn_closed, AHOY_ERR_END); /* one was closed; the newest lives: */
    w.reply_now = 200;
    world_send_tcp(&w, form_request("OPTIONS", "z9hG4bK1", "", "").text);
    T_EQ(wire_count(&w.wire, "SIP/2.0 200"), 1);
    T_STR(w.notes, "lost LIMIT; request OPTIONS; ");
out:
    sys_tcp_close(many[0]);
    sys_tcp_close(many[1]);
    world_fini(&w);
}

/* ---- keep-alive -------------------------------------------------------------------------------------------------- */

static void test_ping_gets_a_pong(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    world_send_tcp(&w, "\r\n\r\n");
    T_EQ(w.wire.count, 1);
    T_STR(w.wire.got[0].text, "\r\n");
    world_send_tcp(&w, "\r\n"); /* half a ping, as a slow path may cut it */
    T_EQ(w.wire.count, 1);
    world_send_tcp(&w, "\r\n");
    T_EQ(w.wire.count, 2);
out:
    world_fini(&w);
}

static void test_udp_keepalives_come_within_their_interval(struct t *t)
{
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    sip_flow_keepalive(flow, 30);
    world_run_ms(&w, 300000);
    T_CHECK(w.wire.count >= 10 && w.wire.count <= 12);
    T_STR(w.wire.got[0].text, "\r\n");
    for (unsigned i = 1; i < AHOY_MIN(w.wire.count, WIRE_MAX); i++) {
        int64_t wait = w.wire.got[i].at_ms - w.wire.got[i - 1].at_ms;
        T_CHECK(wait >= 24000 && wait <= 30001);
    }
    unsigned sent = w.wire.count;
    sip_flow_keepalive(flow, 0);
    world_run_ms(&w, 100000);
    T_EQ(w.wire.count, sent);
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_tcp_peer_that_stops_answering_pings_is_lost(struct t *t)
{
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w) || !world_peer_listen(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &w.there, NULL, &flow));
    sip_flow_keepalive(flow, 100);
    world_run_ms(&w, 101000);
    T_EQ(w.wire.count, 1);
    T_STR(w.wire.got[0].text, "\r\n\r\n");
    world_run_ms(&w, 600000); /* a peer that never answers does not know of pings: it stays */
    T_CHECK(!sip_flow_broken(flow));
    world_send_tcp(&w, "\r\n");
    world_run_ms(&w, 101000 + 11000);
    T_CHECK(sip_flow_broken(flow));
    T_STR(w.notes, "lost TIMEOUT; ");
    T_ERR(sip_flow_send(flow, VIEW("x")), AHOY_ERR_CLOSED);
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void test_closing_a_transport_tells_those_on_it(struct t *t)
{
    struct sip_client_txn *txn;
    struct sip_flow *flow = NULL;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn) || !world_peer_connect(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &flow));
    sip_transport_close(w.udp);
    T_CHECK(sip_flow_broken(flow));
    world_run_ms(&w, 10);
    T_STR(w.notes, "lost CLOSED; failed CLOSED at 10; done at 10; ");
    w.notes[0] = '\0';
    sip_transport_close(w.tcp);
    world_run_ms(&w, 10);
    T_STR(w.notes, "lost CLOSED; ");
    T_EQ(w.peer_conn_closed, AHOY_ERR_END);
    T_CHECK(world_is_idle(&w));
out:
    sip_flow_unref(flow);
    world_fini(&w);
}

static void test_a_held_flow_outlives_its_stack(struct t *t)
{
    struct sip_flow *udp = NULL, *tcp = NULL;
    struct buf b;
    buf_init(&b, 500);
    if (!world_init(t, &w))
        goto out;
    T_OK(sip_flow_to(w.stack, SIP_PROTO_UDP, &w.there, NULL, &udp));
    T_OK(sip_flow_to(w.stack, SIP_PROTO_TCP, &w.there, NULL, &tcp));
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    T_CHECK(sip_flow_broken(udp) && sip_flow_broken(tcp));
    T_ERR(sip_flow_send(udp, VIEW("x")), AHOY_ERR_CLOSED);
    sip_flow_put_request(udp, VIEW("OPTIONS sip:a SIP/2.0\r\n\r\n"), VIEW(""), &b);
    T_EQ(buf_err(&b), AHOY_ERR_CLOSED);
    sip_flow_keepalive(tcp, 10);
    T_STR(w.notes, "");
out:
    buf_fini(&b);
    sip_flow_unref(udp);
    sip_flow_unref(tcp);
    world_fini(&w);
}

T_MAIN(T(test_via_and_contact_name_the_flow_s_local_address), T(test_any_binding_uses_the_address_that_routes_there),
       T(test_ipv6_flows_have_brackets), T(test_what_cannot_be_is_refused),
       T(test_udp_flows_are_shared_and_vanish_unused), T(test_noise_is_ignored),
       T(test_a_connection_is_used_in_both_directions), T(test_messages_are_cut_from_the_stream_however_they_arrive),
       T(test_connection_without_content_length_is_answered_and_closed),
       T(test_too_large_a_message_is_answered_513_and_closed), T(test_message_that_never_ends_closes_its_connection),
       T(test_idle_connection_is_closed_unless_somebody_holds_it),
       T(test_too_many_connections_cost_the_longest_silent_one), T(test_ping_gets_a_pong),
       T(test_udp_keepalives_come_within_their_interval), T(test_tcp_peer_that_stops_answering_pings_is_lost),
       T(test_closing_a_transport_tells_those_on_it), T(test_a_held_flow_outlives_its_stack))
