/*
 * SIP over TCP: connections that we open and that others open to us, used in both directions (RFC 3261 section 18,
 * RFC 5923 in spirit: a connection is found again by the peer's address, not by a claim of the peer).
 *
 * A connection lives from connect or accept until it breaks; references and users keep it from being closed as idle.
 */
#include "base/mem.h"
#include "sip/stack_priv.h"

/* How long a ping may go unanswered (RFC 5626 section 4.4.1). */
enum { PONG_WAIT_S = 10 };

/* More than a stream ever hands over at once: what its sender may have queued. */
enum { READ_BYTES = SYS_TCP_QUEUE_BYTES };

/* How many connections in use are passed over in search of an idle one to close for a new one. */
enum { EVICT_LOOKS = 64 };

struct conn {
    struct sip_flow flow; /* first: a flow of this carrier is a conn */
    struct sys_tcp *tcp;
    struct list_link accepted; /* in stack->accepted */
    struct buf in;             /* a message that came in part */
    size_t scanned;            /* of sip_stream_frame */
    int64_t connect_by_us;     /* 0: connected */
    int64_t silent_since_us;   /* last traffic in either direction */
    int64_t partial_since_us;  /* 0: nothing is incomplete */
    int64_t pong_by_us;        /* 0: no answer must come */
    size_t crlf_bytes;         /* of empty lines since the last message, not answered yet */
    bool pinged;               /* a ping of ours is out */
    bool pongs;                /* the peer answers pings */
};

static struct conn *conn_of(struct sip_flow *f)
{
    return (struct conn *) (void *) f;
}

static int64_t now_us(const struct conn *c)
{
    return sys_now_us(c->flow.stack->loop);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static bool in_use(const struct conn *c)
{
    return c->flow.refs > 0 || !list_empty(&c->flow.users);
}

static int64_t idle_at_us(const struct conn *c)
{
    return in_use(c) ? INT64_MAX : c->silent_since_us + SYS_S(c->flow.stack->cfg.idle_s);
}

/* A message that starts must end within the time a transaction has, or it never will. */
static int64_t partial_at_us(const struct conn *c)
{
    return c->partial_since_us ? c->partial_since_us + 64 * SYS_MS(c->flow.stack->cfg.timers.t1_ms) : INT64_MAX;
}

static int64_t or_never(int64_t when_us)
{
    return when_us ? when_us : INT64_MAX;
}

static int64_t deadline_us(const struct conn *c)
{
    return AHOY_MIN(AHOY_MIN(or_never(c->connect_by_us), or_never(c->pong_by_us)), partial_at_us(c));
}

static void tcp_arm(struct sip_flow *f)
{
    const struct conn *c = conn_of(f);
    int64_t next = AHOY_MIN(AHOY_MIN(f->keepalive_us, idle_at_us(c)), deadline_us(c));
    if (next == INT64_MAX)
        sys_timer_stop(&f->timer);
    else
        sys_timer_start_at(f->stack->loop, &f->timer, next);
}

static void tcp_tick(struct sip_flow *f)
{
    struct conn *c = conn_of(f);
    int64_t now = now_us(c);
    if (now >= deadline_us(c)) {
        sip_flow_break(f, AHOY_ERR_TIMEOUT);
        return;
    }
    if (now >= idle_at_us(c)) {
        sip_flow_break(f, AHOY_ERR_END);
        return;
    }
    if (sip_flow_ping(f, VIEW("\r\n\r\n"))) {
        c->pinged = true;
        if (c->pongs)
            c->pong_by_us = now + SYS_S(PONG_WAIT_S);
    }
    tcp_arm(f);
}

static void tcp_unused(struct sip_flow *f)
{
    struct conn *c = conn_of(f);
    c->silent_since_us = now_us(c); /* idle time starts when the last user goes */
    tcp_arm(f);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void touch(struct conn *c)
{
    c->silent_since_us = now_us(c);
    if (list_linked(&c->accepted)) {
        list_remove(&c->accepted);
        list_push_back(&c->flow.stack->accepted, &c->accepted);
    }
}

/*
 * Empty lines between messages: two are a ping, one answers ours (RFC 5626 section 4.4.1). Both are written in one piece,
 * so an odd number of them tells an answer from a ping of the peer's own.
 */
static void on_empty_lines(struct conn *c, size_t bytes)
{
    if (c->pinged && bytes % 4 == 2) {
        c->pinged = false;
        c->pongs = true;
        c->pong_by_us = 0;
        bytes -= 2;
    }
    c->crlf_bytes += bytes;
    if (c->crlf_bytes >= 4) {
        c->crlf_bytes = 0;
        (void) sys_tcp_write(c->tcp, "\r\n", 2); /* a lost answer costs the peer a reconnect, nothing more */
    }
}

/* Takes whole messages off `rest`. False: the connection broke. */
static bool take_messages(struct conn *c, struct view *rest)
{
    struct sip_stack *s = c->flow.stack;
    for (;;) {
        size_t skip = 0, length = 0;
        enum ahoy_err err = sip_stream_frame(*rest, &s->cfg.limits, &c->scanned, &skip, &length);
        if (skip > 0)
            on_empty_lines(c, skip);
        *rest = view_from(*rest, skip);
        if (err == AHOY_ERR_INCOMPLETE)
            return true;
        if (err) {
            bool large = err == AHOY_ERR_LIMIT;
            sip_stack_receive_broken(s, &c->flow, length ? view_first(*rest, length) : *rest, large ? 513 : 400,
                                     large ? "Message Too Large" : "Bad Content-Length");
            sip_flow_break(&c->flow, large ? AHOY_ERR_TOO_BIG : AHOY_ERR_SYNTAX);
            return false;
        }
        c->scanned = 0;
        c->crlf_bytes = 0;
        sip_stack_receive(s, &c->flow, view_first(*rest, length), SIP_FRAMING_STREAM);
        if (c->flow.broken)
            return false;
        *rest = view_from(*rest, length);
    }
}

static void on_bytes(struct conn *c, struct view data)
{
    struct view rest = data;
    if (c->in.n > 0) {
        buf_view(&c->in, data);
        if (buf_err(&c->in)) {
            sip_flow_break(&c->flow, buf_err(&c->in));
            return;
        }
        rest = buf_content(&c->in);
    }
    if (!take_messages(c, &rest))
        return;
    if (c->in.n > 0)
        buf_drop(&c->in, c->in.n - rest.n);
    else
        buf_view(&c->in, rest);
    if (buf_err(&c->in)) {
        sip_flow_break(&c->flow, buf_err(&c->in));
        return;
    }
    bool partial = c->in.n > 0;
    if (!partial)
        buf_fini(&c->in);
    if (partial != (c->partial_since_us != 0)) {
        c->partial_since_us = partial ? now_us(c) : 0;
        if (partial)
            tcp_arm(&c->flow);
    }
}

static void on_recv(void *arg, const void *data, size_t n)
{
    struct conn *c = arg;
    sip_flow_ref(&c->flow);
    touch(c);
    on_bytes(c, view_of(data, n));
    sip_flow_unref(&c->flow);
}

static void on_connected(void *arg)
{
    struct conn *c = arg;
    c->connect_by_us = 0;
    touch(c);
    tcp_arm(&c->flow);
}

static void on_closed(void *arg, enum ahoy_err err)
{
    struct conn *c = arg;
    sip_flow_break(&c->flow, err);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ahoy_err conn_create(struct conn **out, struct sip_stack *s, const struct addr *peer)
{
    struct conn *c = mem_zalloc(sizeof *c);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->flow.proto = SIP_PROTO_TCP;
    buf_init(&c->in, (size_t) s->cfg.limits.max_bytes + READ_BYTES);
    enum ahoy_err err = sip_flow_init(&c->flow, s, &sip_carrier_tcp, 0, peer);
    if (err) {
        mem_free(c);
        return err;
    }
    c->silent_since_us = sys_now_us(s->loop);
    *out = c;
    return AHOY_OK;
}

/* Makes room: the connection that was silent longest and that nobody uses. */
static bool evict_one(struct sip_stack *s)
{
    unsigned looks = 0;
    LIST_EACH(k, &s->accepted) {
        struct conn *c = LIST_ENTRY(k, struct conn, accepted);
        if (!in_use(c)) {
            sip_flow_break(&c->flow, AHOY_ERR_LIMIT);
            return true;
        }
        if (++looks == EVICT_LOOKS)
            break;
    }
    return false;
}

static void on_accept(void *arg, struct sys_tcp *stream)
{
    struct sip_transport *t = arg;
    struct sip_stack *s = t->stack;
    struct conn *c = NULL;
    if ((s->accepted_count >= s->cfg.max_connections && !evict_one(s)) || conn_create(&c, s, sys_tcp_peer(stream))) {
        sys_tcp_close(stream);
        return;
    }
    c->tcp = stream;
    c->flow.local = addr_with_port(sys_tcp_local(stream), t->local.port);
    c->flow.listening = true;
    list_push_back(&s->accepted, &c->accepted);
    s->accepted_count++;
    sys_tcp_set_handler(stream, &(struct sys_tcp_handler){ .recv = on_recv, .closed = on_closed, .arg = c });
    tcp_arm(&c->flow);
}

static enum ahoy_err tcp_listen(struct sip_transport *t, const struct addr *local)
{
    enum ahoy_err err = sys_tcp_listen(&t->listener, t->stack->loop, local, on_accept, t);
    if (err)
        return err;
    t->local = *sys_tcp_listener_local(t->listener);
    return AHOY_OK;
}

static void tcp_unlisten(struct sip_transport *t)
{
    sys_tcp_listener_close(t->listener);
}

/*
 * The local address of a new connection, and the one to advertise: our listener's if there is one, else the connection's
 * own, which the peer can at least use as long as it stands.
 */
static enum ahoy_err choose_local(struct sip_stack *s, const struct addr *dst, const struct sip_transport *via,
                                  struct addr *from, struct addr *advertise)
{
    struct sip_transport *listener = NULL;
    struct addr at;
    if (via && !addr_is_any(&via->local))
        *from = via->local;
    else if (sip_transport_for(s, SIP_PROTO_TCP, dst, &listener, &at) == AHOY_OK)
        *from = at;
    else {
        enum ahoy_err err = sys_host_source(sys_loop_host(s->loop), dst, from);
        if (err)
            return err;
    }
    from->port = 0;
    *advertise = *from;
    LIST_EACH(k, &s->transports) {
        const struct sip_transport *t = LIST_ENTRY(k, struct sip_transport, link);
        if (t->proto == SIP_PROTO_TCP && t->local.family == from->family
            && (addr_is_any(&t->local) || addr_eq_ip(&t->local, from)))
            advertise->port = t->local.port;
    }
    return AHOY_OK;
}

static enum ahoy_err tcp_open(struct sip_stack *s, const struct addr *dst, struct sip_transport *via,
                              struct sip_flow **out)
{
    struct sip_digest key;
    sip_flow_key(s, SIP_PROTO_TCP, 0, dst, &key);
    struct map_node *node = map_get(&s->flow_map, sip_digest_view(&key));
    if (node) {
        *out = sip_flow_ref(MAP_ENTRY(node, struct sip_flow, node));
        return AHOY_OK;
    }
    struct addr from, advertise;
    struct conn *c = NULL;
    enum ahoy_err err = choose_local(s, dst, via, &from, &advertise);
    if (err || (err = conn_create(&c, s, dst)))
        return err;
    struct sys_tcp_handler handler = { .connected = on_connected, .recv = on_recv, .closed = on_closed, .arg = c };
    err = sys_tcp_connect(&c->tcp, s->loop, &from, dst, &handler);
    if (err) {
        sip_flow_discard(&c->flow);
        return err;
    }
    c->flow.local = advertise;
    c->flow.listening = advertise.port != 0;
    if (advertise.port == 0) {
        uint16_t own = sys_tcp_local(c->tcp)->port;
        c->flow.local.port = own ? own : 5060;
    }
    c->connect_by_us = now_us(c) + SYS_MS(s->cfg.connect_timeout_ms);
    *out = sip_flow_ref(&c->flow);
    tcp_arm(&c->flow);
    return AHOY_OK;
}

static enum ahoy_err tcp_send(struct sip_flow *f, struct view bytes)
{
    struct conn *c = conn_of(f);
    c->silent_since_us = now_us(c);
    return sys_tcp_write(c->tcp, bytes.p, bytes.n);
}

static void tcp_close(struct sip_flow *f)
{
    struct conn *c = conn_of(f);
    if (list_linked(&c->accepted)) {
        list_remove(&c->accepted);
        f->stack->accepted_count--;
    }
    sys_tcp_close(c->tcp);
    c->tcp = NULL;
    buf_fini(&c->in);
}

const struct sip_carrier sip_carrier_tcp = {
    .listen = tcp_listen,
    .unlisten = tcp_unlisten,
    .open = tcp_open,
    .send = tcp_send,
    .tick = tcp_tick,
    .arm = tcp_arm,
    .unused = tcp_unused,
    .close = tcp_close,
};
