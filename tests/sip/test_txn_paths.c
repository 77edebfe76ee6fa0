/* Where responses go: RFC 3261 section 18.2.2, RFC 3581. */
#include "support_txn_world.h"

#include "support/deaf.h"

#include <stdio.h>

static struct world w;

static struct sys_udp *nat_socket(struct t *t)
{
    struct sys_udp *u = NULL;
    struct sys_udp_config cfg = { .local = addr_with_port(&w.there, 30000) };
    struct sys_udp_handler none = { .recv = deaf_datagram };
    T_OK(sys_udp_open(&u, w.peer_loop, &cfg, &none));
    return u;
out:
    return NULL;
}

struct seen {
    struct addr dst;
    unsigned count;
};

static void on_tap(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                   size_t n, bool lost)
{
    struct seen *seen = arg;
    (void) now_us;
    (void) lost;
    (void) data;
    (void) n;
    if (addr_eq(src, &w.here)) {
        seen->dst = *dst;
        seen->count++;
    }
}

static void test_responses_go_where_via_and_rport_say(struct t *t)
{
    static const struct {
        const char *sent_by, *rest;
        struct addr want;
        const char *via;
    } cases[] = {
        { "192.0.2.2:5060",
          ";rport",
          { ADDR_IP4, 30000, 0, { 192, 0, 2, 2 } },
          "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1;rport=30000;received=192.0.2.2" },
        { "192.0.2.2:5070", "", { ADDR_IP4, 5070, 0, { 192, 0, 2, 2 } }, "SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK1" },
        { "192.0.2.2", "", { ADDR_IP4, 5060, 0, { 192, 0, 2, 2 } }, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1" },
        { "10.1.1.1:5071",
          "",
          { ADDR_IP4, 5071, 0, { 192, 0, 2, 2 } },
          "SIP/2.0/UDP 10.1.1.1:5071;branch=z9hG4bK1;received=192.0.2.2" },
        { "pc.example.com",
          ";rport",
          { ADDR_IP4, 30000, 0, { 192, 0, 2, 2 } },
          "SIP/2.0/UDP pc.example.com;branch=z9hG4bK1;rport=30000;received=192.0.2.2" },
        { "192.0.2.2:5072",
          ";maddr=192.0.2.1",
          { ADDR_IP4, 5072, 0, { 192, 0, 2, 1 } },
          "SIP/2.0/UDP 192.0.2.2:5072;branch=z9hG4bK1;maddr=192.0.2.1" },
        { "192.0.2.2:5072",
          ";maddr=224.2.0.1;ttl=16",
          { ADDR_IP4, 5072, 0, { 192, 0, 2, 2 } },
          "SIP/2.0/UDP 192.0.2.2:5072;branch=z9hG4bK1;maddr=224.2.0.1;ttl=16" },
    };
    for (size_t i = 0; i < AHOY_COUNT(cases); i++) {
        struct seen seen = { .count = 0 };
        struct form f = { "" };
        struct sys_udp *nat = NULL;
        if (!world_init(t, &w) || !(nat = nat_socket(t)))
            goto next;
        w.reply_now = 200;
        sim_tap(w.sim, on_tap, &seen);
        snprintf(f.text, sizeof f.text,
                 "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1%s\r\nMax-Forwards: 70\r\n"
                 "From: <sip:alice@example.com>;tag=a73\r\nTo: <sip:bob@example.com>\r\nCall-ID: 1@example.com\r\n"
                 "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                 cases[i].sent_by, cases[i].rest);
        world_send_from(&w, nat, f.text);
        if (!t_eq_int(t, __FILE__, __LINE__, "responses", seen.count, 1))
            goto next;
        char got[ADDR_TEXT_BYTES], want[ADDR_TEXT_BYTES];
        if (!t_eq_str(t, __FILE__, __LINE__, cases[i].via, addr_print(&seen.dst, got),
                      addr_print(&cases[i].want, want)))
            goto next;
        if (w.wire.count > 0)
            (void) t_eq_view(t, __FILE__, __LINE__, "Via", wire_value(&w.wire.got[0], "Via"), view_str(cases[i].via));
    next:
        sys_udp_close(nat);
        world_fini(&w);
        if (t->failed)
            return;
    }
}

static void test_broken_connection_is_replaced_for_the_response(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_listen(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.set_handler = true;
    world_request_tcp(&w, "INVITE", "z9hG4bK1");
    world_peer_disconnect(&w);
    world_run_ms(&w, 300);
    T_CHECK(strstr(w.notes, "lost "));
    w.notes[0] = '\0';
    unsigned before = w.peer_conns;
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 486, VIEW("")));
    world_run_ms(&w, 10);
    T_EQ(wire_count(&w.wire, "SIP/2.0 486"), 1);
    T_LE(before, w.peer_conns);
    T_STR(w.notes, "");
    world_request_tcp(&w, "ACK", "z9hG4bK1");
    T_CHECK(strstr(w.notes, "acked; server done"));
out:
    world_fini(&w);
}

static void test_response_that_cannot_be_delivered_is_told(struct t *t)
{
    if (!world_init(t, &w) || !world_peer_connect(t, &w))
        goto out;
    w.set_handler = true;
    world_request_tcp(&w, "INVITE", "z9hG4bK1");
    world_peer_disconnect(&w);
    world_run_ms(&w, 10);
    w.notes[0] = '\0';
    T_CHECK(w.server != NULL);
    T_OK(sip_server_txn_reply(w.server, 486, VIEW(""))); /* nobody listens there */
    world_run_ms(&w, 10);
    T_CHECK(strstr(w.notes, "server failed REFUSED"));
out:
    world_fini(&w);
}

T_MAIN(T(test_responses_go_where_via_and_rport_say), T(test_broken_connection_is_replaced_for_the_response),
       T(test_response_that_cannot_be_delivered_is_told))
