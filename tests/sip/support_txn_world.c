#include "support_txn_world.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- notes ------------------------------------------------------------------------------------------------------- */

void world_note(struct world *w, const char *fmt, ...)
{
    size_t at = strlen(w->notes);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->notes + at, sizeof w->notes - at, fmt, ap);
    va_end(ap);
}

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    struct world *w = arg;
    world_note(w, "request %.*s; ", VIEW_ARG(m->method_text));
    w->server = txn;
    if (w->set_handler)
        sip_server_txn_set_handler(txn, &w->server_handler);
    if (w->reply_now)
        (void) sip_server_txn_reply(txn, w->reply_now, VIEW(""));
}

static void on_ack(void *arg, struct sip_flow *flow, struct sip_msg *m)
{
    (void) flow;
    (void) m;
    world_note(arg, "ack; ");
}

static void on_stray(void *arg, struct sip_flow *flow, struct sip_msg *m)
{
    (void) flow;
    world_note(arg, "stray %u; ", (unsigned) m->status);
}

static void on_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    (void) flow;
    world_note(arg, "lost %s; ", ahoy_err_name(err));
}

static void on_response(void *arg, struct sip_client_txn *txn, struct sip_msg *m)
{
    (void) txn;
    world_note(arg, "response %u; ", (unsigned) m->status);
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    struct world *w = arg;
    (void) txn;
    world_note(w, "failed %s at %lld; ", ahoy_err_name(err), (long long) world_ms(w));
}

static void on_done(void *arg, struct sip_client_txn *txn)
{
    struct world *w = arg;
    (void) txn;
    world_note(w, "done at %lld; ", (long long) world_ms(w));
}

static void on_cancelled(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    (void) m;
    world_note(arg, "cancelled; ");
    (void) sip_server_txn_reply(txn, 487, VIEW(""));
}

static void on_acked(void *arg, struct sip_server_txn *txn, struct sip_msg *m)
{
    (void) txn;
    (void) m;
    world_note(arg, "acked; ");
}

static void on_server_failed(void *arg, struct sip_server_txn *txn, enum ahoy_err err)
{
    struct world *w = arg;
    (void) txn;
    world_note(w, "server failed %s at %lld; ", ahoy_err_name(err), (long long) world_ms(w));
}

static void on_server_done(void *arg, struct sip_server_txn *txn)
{
    struct world *w = arg;
    (void) txn;
    world_note(w, "server done at %lld; ", (long long) world_ms(w));
}

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

static void record(struct world *w, const struct addr *from, const void *data, size_t n)
{
    if (w->wire.count < WIRE_MAX) {
        struct wire_msg *m = &w->wire.got[w->wire.count];
        m->at_ms = world_ms(w);
        m->from = *from;
        view_copy(view_of(data, n), m->text, sizeof m->text);
    }
    w->wire.count++;
}

static void on_datagram(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                        int64_t when_us)
{
    (void) local;
    (void) when_us;
    record(arg, src, data, n);
}

static void on_peer_bytes(void *arg, const void *data, size_t n)
{
    struct world *w = arg;
    struct wire_msg *last = w->wire.count > 0 && w->wire.count <= WIRE_MAX ? &w->wire.got[w->wire.count - 1] : NULL;
    bool begun = last && last->text[0] >= 'A' && !strstr(last->text, "\r\n\r\n");
    if (begun) /* the rest of a message that came in pieces */
        view_copy(view_of(data, n), last->text + strlen(last->text), sizeof last->text - strlen(last->text));
    else
        record(w, sys_tcp_peer(w->peer_conn), data, n);
}

static void on_peer_closed(void *arg, enum ahoy_err err)
{
    struct world *w = arg;
    w->peer_conn_closed = err;
}

static struct sys_tcp_handler peer_handler(struct world *w)
{
    return (struct sys_tcp_handler){ .recv = on_peer_bytes, .closed = on_peer_closed, .arg = w };
}

static void on_peer_accept(void *arg, struct sys_tcp *stream)
{
    struct world *w = arg;
    struct sys_tcp_handler handler = peer_handler(w);
    sys_tcp_close(w->peer_conn);
    w->peer_conn = stream;
    w->peer_conns++;
    w->peer_conn_closed = AHOY_OK;
    sys_tcp_set_handler(stream, &handler);
}

bool world_peer_listen(struct t *t, struct world *w)
{
    T_OK(sys_tcp_listen(&w->peer_listener, w->peer_loop, &w->there, on_peer_accept, w));
    return true;
out:
    return false;
}

bool world_peer_connect(struct t *t, struct world *w)
{
    struct sys_tcp_handler handler = peer_handler(w);
    world_peer_disconnect(w);
    T_OK(sys_tcp_connect(&w->peer_conn, w->peer_loop, NULL, &w->here, &handler));
    w->peer_conn_closed = AHOY_OK;
    world_run_ms(w, 10);
    return true;
out:
    return false;
}

void world_peer_disconnect(struct world *w)
{
    sys_tcp_close(w->peer_conn);
    w->peer_conn = NULL;
}

void world_send_from(struct world *w, struct sys_udp *socket, const char *text)
{
    if (socket)
        (void) sys_udp_send(socket, NULL, &w->here, text, strlen(text));
    world_run_ms(w, 10);
}

void world_send(struct world *w, const char *text)
{
    world_send_from(w, w->peer, text);
}

void world_send_tcp(struct world *w, const char *text)
{
    if (w->peer_conn)
        (void) sys_tcp_write(w->peer_conn, text, strlen(text));
    world_run_ms(w, 10);
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

bool world_prepare(struct t *t, struct world *w)
{
    memset(w, 0, sizeof *w);
    w->here = addr_ip4(192, 0, 2, 1, 5060);
    w->there = addr_ip4(192, 0, 2, 2, 5060);
    w->cfg = SIP_STACK_CONFIG_DEFAULT;
    w->client_handler = (struct sip_client_handler){ on_response, on_failed, on_done, w };
    w->server_handler = (struct sip_server_handler){ on_cancelled, on_acked, on_server_failed, on_server_done, w };
    T_OK(sim_create(&w->sim, 7));
    T_OK(sim_host(w->sim, "192.0.2.1", &w->host));
    T_OK(sim_host(w->sim, "192.0.2.2", &w->peer_host));
    T_OK(sys_loop_create(w->host, &w->loop));
    T_OK(sys_loop_create(w->peer_host, &w->peer_loop));
    sim_default_link(w->sim, &(struct sim_link){ 0 }); /* no delay: times are the stack's own */
    w->began_us = sim_now_us(w->sim);
    return true;
out:
    return false;
}

bool world_start(struct t *t, struct world *w)
{
    struct sip_core_ops core = { on_request, on_ack, on_stray, on_flow_lost, w };
    struct sys_udp_config cfg = { .local = w->there };
    struct sys_udp_handler handler = { .recv = on_datagram, .arg = w };
    T_OK(sys_udp_open(&w->peer, w->peer_loop, &cfg, &handler));
    T_OK(sip_stack_create(&w->stack, w->loop, &w->cfg, &core));
    T_OK(sip_stack_listen(w->stack, SIP_PROTO_UDP, &w->here, &w->udp));
    T_OK(sip_stack_listen(w->stack, SIP_PROTO_TCP, &w->here, &w->tcp));
    return true;
out:
    return false;
}

bool world_init(struct t *t, struct world *w)
{
    return world_prepare(t, w) && world_start(t, w);
}

void world_fini(struct world *w)
{
    sip_stack_destroy(w->stack);
    sys_udp_close(w->peer);
    sys_tcp_close(w->peer_conn);
    if (w->peer_listener)
        sys_tcp_listener_close(w->peer_listener);
    if (w->sim)
        sim_run(w->sim, SYS_MS(1));
    if (w->loop)
        sys_loop_destroy(w->loop);
    if (w->peer_loop)
        sys_loop_destroy(w->peer_loop);
    sim_destroy(w->sim);
}

void world_run_ms(struct world *w, int64_t ms)
{
    sim_run(w->sim, SYS_MS(ms));
}

int64_t world_ms(const struct world *w)
{
    return (sim_now_us(w->sim) - w->began_us) / 1000;
}

bool world_is_idle(struct world *w)
{
    struct sip_stack_counts c;
    sip_stack_counts(w->stack, &c);
    return c.client_txns == 0 && c.server_txns == 0 && c.flows == 0;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void form_printf(struct form *f, const char *fmt, ...) AHOY_PRINTF(2, 3);
static void form_printf(struct form *f, const char *fmt, ...)
{
    size_t at = strlen(f->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->text + at, sizeof f->text - at, fmt, ap);
    va_end(ap);
}

struct form form_request(const char *method, const char *branch, const char *via_rest, const char *extra)
{
    struct form f = { "" };
    form_printf(&f,
                "%s sip:bob@192.0.2.1 SIP/2.0\r\n"
                "Via: SIP/2.0/UDP 192.0.2.2:5060%s%s%s\r\n"
                "Max-Forwards: 70\r\n"
                "From: <sip:alice@example.com>;tag=a73\r\n"
                "To: <sip:bob@example.com>\r\n"
                "Call-ID: 3848276298220188511@example.com\r\n"
                "CSeq: 1 %s\r\n"
                "Contact: <sip:alice@192.0.2.2>\r\n"
                "%sContent-Length: 0\r\n\r\n",
                method, branch[0] ? ";branch=" : "", branch, via_rest, method, extra);
    return f;
}

void world_request_tcp(struct world *w, const char *method, const char *branch)
{
    struct form f = form_request(method, branch, ";rport", "");
    memcpy(strstr(f.text, "/UDP"), "/TCP", 4);
    world_send_tcp(w, f.text);
}

struct form form_client_request(const char *method, const char *extra)
{
    struct form f = { "" };
    form_printf(&f,
                "%s sip:alice@192.0.2.2 SIP/2.0\r\n"
                "Max-Forwards: 70\r\n"
                "Route: <sip:192.0.2.2;lr>\r\n"
                "From: <sip:bob@example.com>;tag=b21\r\n"
                "To: <sip:alice@example.com>\r\n"
                "Call-ID: 70710@192.0.2.1\r\n"
                "CSeq: 4711 %s\r\n"
                "Contact: <sip:bob@192.0.2.1>\r\n"
                "%sContent-Length: 0\r\n\r\n",
                method, method, extra);
    return f;
}

struct form form_response(const struct wire_msg *request, unsigned status, const char *extra)
{
    struct form f = { "" };
    struct view to = wire_value(request, "To"), via = wire_value(request, "Via");
    form_printf(&f, "SIP/2.0 %u Whatever\r\nVia: %.*s\r\nFrom: %.*s\r\nTo: %.*s%s\r\n", status, VIEW_ARG(via),
                VIEW_ARG(wire_value(request, "From")), VIEW_ARG(to), status == 100 ? "" : ";tag=314159");
    form_printf(&f, "Call-ID: %.*s\r\nCSeq: %.*s\r\n%sContent-Length: 0\r\n\r\n",
                VIEW_ARG(wire_value(request, "Call-ID")), VIEW_ARG(wire_value(request, "CSeq")), extra);
    return f;
}

bool world_client(struct t *t, struct world *w, const char *method, enum sip_proto proto, struct sip_client_txn **out)
{
    struct sip_flow *flow = NULL;
    bool ok = false;
    struct form f = form_client_request(method, "");
    T_OK(sip_flow_to(w->stack, proto, &w->there, NULL, &flow));
    struct sip_client_config cfg = { .flow = flow, .request = view_str(f.text) };
    T_OK(sip_client_txn_create(out, w->stack, &cfg, &w->client_handler));
    ok = true;
out:
    sip_flow_unref(flow);
    return ok;
}

struct view wire_value(const struct wire_msg *m, const char *name)
{
    struct view rest = view_str(m->text), line;
    while (view_line(&rest, &line)) {
        struct view value = line, key = view_cut(&value, ':');
        if (key.n < line.n && view_ieq(view_trim(key), view_str(name)))
            return view_trim(value);
    }
    return VIEW("");
}

const struct wire_msg *wire_nth(const struct wire *wire, const char *start, unsigned n)
{
    static const struct wire_msg none = { .at_ms = -1 };
    for (unsigned i = 0; i < AHOY_MIN(wire->count, WIRE_MAX); i++)
        if (view_starts(view_str(wire->got[i].text), view_str(start)) && n-- == 0)
            return &wire->got[i];
    return &none;
}

unsigned wire_count(const struct wire *wire, const char *start)
{
    unsigned n = 0;
    while (wire_nth(wire, start, n)->at_ms >= 0)
        n++;
    return n;
}

void wire_clear(struct wire *wire)
{
    wire->count = 0;
}

struct form wire_times(const struct wire *wire, const char *start, int64_t since_ms)
{
    struct form f = { "" };
    for (unsigned i = 0; i < wire_count(wire, start); i++)
        form_printf(&f, "%lld ", (long long) (wire_nth(wire, start, i)->at_ms - since_ms));
    return f;
}
