/*
 * TCP of the simulation. A connection is two ends and a flow of segments from each to the other. Segments arrive in
 * order; a lost one arrives later, by the time its retransmissions take. Over a cut (or from an address that was taken
 * away) a segment is tried again with growing pauses, until the sender gives up.
 */
#include "base/mem.h"
#include "sys/sim_world.h"

enum {
    TCP_SEGMENT_BYTES = 1460,
    TCP_MOST_LOSSES = 10,
    TCP_RTO_US = 200000,
    TCP_SYN_RTO_US = 1000000,
    TCP_MOST_RTO_US = 20000000,
    TCP_GIVE_UP_US = 120000000
};

enum stage {
    STAGE_SYN,     /* the client's first packet is under way */
    STAGE_SYN_ACK, /* its answer is */
    STAGE_REFUSED, /* a reset is, instead */
    STAGE_ACK,     /* the client is connected, its acknowledgement is under way */
    STAGE_OPEN
};

struct segment {
    struct list_link link;
    int64_t due_us;
    int64_t made_us;
    size_t n;
    bool fin; /* the end of the stream, behind the data */
    uint8_t data[TCP_SEGMENT_BYTES];
};

struct end {
    struct conn *conn;
    int side;
    struct sim_tcp *t; /* NULL: closed by its owner, or not accepted yet */
    struct sim_host *host;
    struct list out; /* segments on their way to the other end */
    size_t out_bytes;
    bool fin_sent;
    struct sim_event arrival; /* of the first of `out` at the other end */
    int64_t stuck_since_us;   /* -1: not stuck */
    int64_t rto_us;
    struct sim_event reset; /* the other end's reset arrives here */
};

struct conn {
    struct sim *sim;
    struct end end[2]; /* client, server */
    enum stage stage;
    struct sim_event shake;
    struct addr client_seen, server; /* the client as the server sees it; whom the client called */
    int64_t begun_us;
    int64_t syn_rto_us;
    bool syn_lost; /* `shake` is the time to try again, not the arrival */
    struct list_link link;
    unsigned busy; /* callbacks under way: not freed meanwhile */
};

struct sim_tcp {
    struct sys_tcp base;
    struct conn *conn;
    int side;
    bool connected, ended, paused; /* ended: `closed` was called */
    struct sim_port port;          /* of a client */
};

struct sim_listener {
    struct sys_tcp_listener base;
    struct sim_port port;
};

static struct sim_tcp *tcp_of(struct sys_tcp *t)
{
    return (struct sim_tcp *) t;
}

static struct sim_path *path_from(struct conn *c, int side)
{
    return sim_path_get(c->sim, c->end[side].host, c->end[1 - side].host);
}

/* Time under way of one segment with its retransmissions, or TCP_GIVE_UP_US. */
static int64_t travel(struct conn *c, int side, size_t bytes)
{
    struct sim_path *p = path_from(c, side);
    int64_t extra = 0;
    if (!p)
        return TCP_GIVE_UP_US;
    for (int k = 0; sim_path_loses(c->sim, p); k++) {
        if (k == TCP_MOST_LOSSES)
            return TCP_GIVE_UP_US;
        extra += (int64_t) TCP_RTO_US << k;
    }
    if (!sim_path_queue(c->sim, p, bytes + 40, &extra))
        extra += TCP_RTO_US;
    return sim_path_delay(c->sim, p) + extra;
}

static void free_segments(struct conn *c, struct end *e)
{
    for (struct list_link *k; (k = list_pop_front(&e->out));)
        pool_put(&c->sim->pool, LIST_ENTRY(k, struct segment, link), sizeof(struct segment));
    e->out_bytes = 0;
    sim_unschedule(c->sim, &e->arrival);
}

static void free_conn(struct conn *c)
{
    for (int i = 0; i < 2; i++) {
        free_segments(c, &c->end[i]);
        sim_unschedule(c->sim, &c->end[i].reset);
    }
    sim_unschedule(c->sim, &c->shake);
    list_remove(&c->link);
    mem_free(c);
}

/* A client that closed before the server took the connection leaves it behind for the server. */
static void free_when_done(struct conn *c)
{
    bool unborn = c->stage == STAGE_ACK && c->shake.node.linked;
    if (c->busy == 0 && !c->end[0].t && !c->end[1].t && !unborn)
        free_conn(c);
}

void sim_tcp_free_all(struct sim *s)
{
    LIST_EACH(k, &s->conns)
        free_conn(LIST_ENTRY(k, struct conn, link));
}

/* Tells the owner of an end that it is over; nothing of it is sent or delivered any more, but after an orderly end. */
static void end_with(struct conn *c, int side, enum ahoy_err err)
{
    struct sim_tcp *t = c->end[side].t;
    if (err != AHOY_ERR_END) {
        free_segments(c, &c->end[side]);
        c->end[side].fin_sent = true; /* nor will an orderly end be */
    }
    if (!t || t->ended || sim_loop_deaf(t->base.loop))
        return;
    t->ended = true;
    if (t->base.handler.closed)
        t->base.handler.closed(t->base.handler.arg, err);
}

static void run_reset(struct sim *s, struct sim_event *ev)
{
    (void) s;
    struct end *e = AHOY_CONTAINER_OF(ev, struct end, reset);
    struct conn *c = e->conn;
    c->busy++;
    end_with(c, e->side, AHOY_ERR_RESET);
    c->busy--;
    free_when_done(c);
}

/* `side` answers with a reset, which the other end hears later. */
static void send_reset(struct conn *c, int side)
{
    struct end *other = &c->end[1 - side];
    if (!other->reset.node.linked && other->t)
        sim_schedule(c->sim, &other->reset, sim_clock(c->sim) + travel(c, side, 0));
}

static bool broken_way(struct conn *c, int side)
{
    const struct sim_path *p = path_from(c, side);
    const struct end *from = &c->end[side], *to = &c->end[1 - side];
    if (!p || p->cut)
        return true;
    if (from->t && !sim_host_has_ip(from->host, &from->t->base.local))
        return true;
    return to->t && !sim_host_has_ip(to->host, &to->t->base.local);
}

static void schedule_next(struct conn *c, int side)
{
    struct end *e = &c->end[side];
    struct list_link *k = list_first(&e->out);
    if (!k || e->arrival.node.linked)
        return;
    sim_schedule(c->sim, &e->arrival, LIST_ENTRY(k, struct segment, link)->due_us);
}

/* The way is broken: the sender waits and tries again, at last gives up. */
static void stuck(struct conn *c, int side)
{
    struct end *e = &c->end[side];
    int64_t now = sim_clock(c->sim);
    if (e->stuck_since_us < 0) {
        e->stuck_since_us = now;
        e->rto_us = TCP_RTO_US;
    }
    if (now - e->stuck_since_us >= TCP_GIVE_UP_US) {
        free_segments(c, e);
        end_with(c, side, AHOY_ERR_TIMEOUT);
        return;
    }
    sim_schedule(c->sim, &e->arrival, now + e->rto_us);
    e->rto_us = AHOY_MIN(e->rto_us * 2, (int64_t) TCP_MOST_RTO_US);
}

static void deliver(struct conn *c, int side, struct segment *g)
{
    struct sim_tcp *to = c->end[1 - side].t;
    if (g->n > 0 && to && !to->ended)
        to->base.handler.recv(to->base.handler.arg, g->data, g->n);
    else if (g->n > 0)
        send_reset(c, 1 - side);
    if (g->fin)
        end_with(c, 1 - side, AHOY_ERR_END);
}

static void arrive(struct conn *c, int side)
{
    struct end *e = &c->end[side];
    struct sim_tcp *to = c->end[1 - side].t;
    struct segment *g = LIST_ENTRY(list_first(&e->out), struct segment, link);
    if (g->due_us - g->made_us >= TCP_GIVE_UP_US) {
        free_segments(c, e);
        end_with(c, side, AHOY_ERR_TIMEOUT);
        return;
    }
    if (broken_way(c, side)) {
        stuck(c, side);
        return;
    }
    e->stuck_since_us = -1;
    if (to && (to->paused || sim_loop_deaf(to->base.loop)))
        return; /* sys_tcp_pause goes on from here */
    list_remove(&g->link);
    e->out_bytes -= g->n;
    schedule_next(c, side);
    deliver(c, side, g);
    pool_put(&c->sim->pool, g, sizeof *g);
}

static void run_arrival(struct sim *s, struct sim_event *ev)
{
    (void) s;
    struct end *e = AHOY_CONTAINER_OF(ev, struct end, arrival);
    struct conn *c = e->conn;
    c->busy++;
    arrive(c, e->side);
    c->busy--;
    free_when_done(c);
}

/* The last segment, when it was made in this very moment and has room; else NULL. */
static struct segment *open_segment(struct conn *c, int side)
{
    struct list_link *last = list_last(&c->end[side].out);
    struct segment *g = last ? LIST_ENTRY(last, struct segment, link) : NULL;
    return g && g->made_us == sim_clock(c->sim) && g->n < TCP_SEGMENT_BYTES && !g->fin ? g : NULL;
}

static void start_flow(struct conn *c, int side)
{
    if (c->stage == STAGE_OPEN)
        schedule_next(c, side);
}

/* Puts a segment behind the others; its bytes follow. */
static void append_segment(struct conn *c, int side, struct segment *g)
{
    struct list *out = &c->end[side].out;
    struct list_link *last = list_last(out);
    int64_t now = sim_clock(c->sim);
    g->n = 0;
    g->fin = false;
    g->made_us = now;
    g->due_us = c->stage < STAGE_ACK ? INT64_MAX : now + travel(c, side, TCP_SEGMENT_BYTES);
    if (last)
        g->due_us = AHOY_MAX(g->due_us, LIST_ENTRY(last, struct segment, link)->due_us);
    list_push_back(out, &g->link);
}

/* All the segments that `n` more bytes need, or none: half a message is of no use to anybody. */
static bool reserve(struct conn *c, size_t n, struct list *fresh)
{
    list_init(fresh);
    for (size_t room = 0; room < n; room += TCP_SEGMENT_BYTES) {
        struct segment *g = pool_get(&c->sim->pool, sizeof *g);
        if (!g) {
            for (struct list_link *k; (k = list_pop_front(fresh));)
                pool_put(&c->sim->pool, LIST_ENTRY(k, struct segment, link), sizeof *g);
            return false;
        }
        g->link = (struct list_link){ 0 };
        list_push_back(fresh, &g->link);
    }
    return true;
}

enum ahoy_err sim_tcp_write(struct sys_tcp *base, const void *data, size_t n)
{
    struct sim_tcp *t = tcp_of(base);
    struct conn *c = t->conn;
    struct end *e = &c->end[t->side];
    struct segment *g = open_segment(c, t->side);
    size_t room = g ? TCP_SEGMENT_BYTES - g->n : 0;
    const uint8_t *p = data;
    struct list fresh;
    if (t->ended || e->fin_sent)
        return AHOY_ERR_CLOSED;
    if (n > SYS_TCP_QUEUE_BYTES - e->out_bytes)
        return AHOY_ERR_LIMIT;
    if (!reserve(c, n > room ? n - room : 0, &fresh))
        return AHOY_ERR_NOMEM;
    while (n > 0) {
        if (!g || g->n == TCP_SEGMENT_BYTES) {
            g = LIST_ENTRY(list_pop_front(&fresh), struct segment, link);
            append_segment(c, t->side, g);
        }
        size_t part = AHOY_MIN(n, TCP_SEGMENT_BYTES - g->n);
        memcpy(g->data + g->n, p, part);
        g->n += part;
        e->out_bytes += part;
        p += part;
        n -= part;
    }
    start_flow(c, t->side);
    return AHOY_OK;
}

static void send_fin(struct conn *c, int side)
{
    struct end *e = &c->end[side];
    struct segment *g = open_segment(c, side);
    if (e->fin_sent)
        return;
    if (!g) {
        struct list fresh;
        if (!reserve(c, 1, &fresh)) { /* without memory the end is an abrupt one */
            send_reset(c, side);
            return;
        }
        g = LIST_ENTRY(list_pop_front(&fresh), struct segment, link);
        append_segment(c, side, g);
    }
    g->fin = true;
    e->fin_sent = true;
    start_flow(c, side);
}

void sim_tcp_shutdown(struct sys_tcp *base)
{
    struct sim_tcp *t = tcp_of(base);
    if (!t->ended)
        send_fin(t->conn, t->side);
}

void sim_tcp_pause(struct sys_tcp *base, bool paused)
{
    struct sim_tcp *t = tcp_of(base);
    t->paused = paused;
    if (!paused && t->conn->stage == STAGE_OPEN)
        schedule_next(t->conn, 1 - t->side);
}

void sim_tcp_close(struct sys_tcp *base)
{
    struct sim_tcp *t = tcp_of(base);
    struct conn *c = t->conn;
    struct end *e = &c->end[t->side];
    if (c->stage == STAGE_ACK || (c->stage == STAGE_OPEN && c->end[1 - t->side].t))
        send_fin(c, t->side);
    e->t = NULL;
    map_remove(&e->host->tcp_out, &t->port.node);
    base->loop->open--;
    mem_free(t);
    free_when_done(c);
}

/* ---- connecting ---- */

/* The first packet leaves, or, with no way to leave by, is tried again later. */
static void send_syn(struct conn *c)
{
    struct sim *s = c->sim;
    int64_t now = sim_clock(s);
    struct sim_path *p = c->end[1].host ? path_from(c, 0) : NULL;
    c->syn_lost = !p || p->cut || sim_path_loses(s, p);
    if (!c->syn_lost) {
        sim_schedule(s, &c->shake, now + sim_path_delay(s, p));
        return;
    }
    if (now - c->begun_us >= TCP_GIVE_UP_US) {
        end_with(c, 0, AHOY_ERR_TIMEOUT);
        return;
    }
    sim_schedule(s, &c->shake, now + c->syn_rto_us);
    c->syn_rto_us = AHOY_MIN(c->syn_rto_us * 2, (int64_t) TCP_MOST_RTO_US);
}

static struct sim_listener *listener_of(struct conn *c)
{
    struct sim_host *h = c->end[1].host;
    struct sim_port *port = sim_host_has_ip(h, &c->server) ? sim_port_find(&h->tcp, &c->server) : NULL;
    return port ? AHOY_CONTAINER_OF(port, struct sim_listener, port) : NULL;
}

static struct sim_tcp *make_end(struct conn *c, int side, struct sys_loop *loop)
{
    struct sim_tcp *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    t->base.loop = loop;
    t->conn = c;
    t->side = side;
    c->end[side].t = t;
    loop->open++;
    return t;
}

static void flow_out(struct conn *c, int side)
{
    /* What was written before the connection stood leaves now. */
    int64_t due = sim_clock(c->sim) + travel(c, side, TCP_SEGMENT_BYTES);
    LIST_EACH(k, &c->end[side].out) {
        struct segment *g = LIST_ENTRY(k, struct segment, link);
        if (g->due_us == INT64_MAX) {
            g->made_us = sim_clock(c->sim);
            g->due_us = due;
        }
    }
}

static void run_connected(struct conn *c)
{
    struct sim_tcp *t = c->end[0].t;
    c->stage = STAGE_ACK;
    sim_schedule(c->sim, &c->shake, sim_clock(c->sim) + travel(c, 0, 0));
    flow_out(c, 0);
    if (t->ended || sim_loop_deaf(t->base.loop))
        return;
    t->connected = true;
    if (t->base.handler.connected)
        t->base.handler.connected(t->base.handler.arg);
}

static void run_accept(struct conn *c)
{
    struct sim_listener *l = listener_of(c);
    struct sim_tcp *t = l && !sim_loop_deaf(l->base.loop) ? make_end(c, 1, l->base.loop) : NULL;
    c->stage = STAGE_OPEN;
    if (!t) {
        send_reset(c, 1);
        return;
    }
    t->connected = true;
    t->base.local = c->server;
    t->base.peer = c->client_seen;
    l->base.accept(l->base.arg, &t->base);
    t = c->end[1].t;
    if (t && !t->base.handled)
        sim_tcp_close(&t->base);
    schedule_next(c, 0);
}

static void run_shake(struct sim *s, struct sim_event *ev)
{
    struct conn *c = AHOY_CONTAINER_OF(ev, struct conn, shake);
    c->busy++;
    switch (c->stage) {
    case STAGE_SYN:
        if (c->syn_lost) {
            send_syn(c);
            break;
        }
        c->stage = listener_of(c) ? STAGE_SYN_ACK : STAGE_REFUSED;
        sim_schedule(s, &c->shake, sim_clock(s) + travel(c, 1, 0));
        break;
    case STAGE_SYN_ACK: run_connected(c); break;
    case STAGE_REFUSED: end_with(c, 0, AHOY_ERR_REFUSED); break;
    case STAGE_ACK:
    case STAGE_OPEN: run_accept(c); break;
    }
    c->busy--;
    free_when_done(c);
}

static struct conn *make_conn(struct sim *s)
{
    struct conn *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->sim = s;
    c->begun_us = sim_clock(s);
    c->syn_rto_us = TCP_SYN_RTO_US;
    c->shake.run = run_shake;
    list_push_back(&s->conns, &c->link);
    for (int i = 0; i < 2; i++) {
        struct end *e = &c->end[i];
        e->conn = c;
        e->side = i;
        list_init(&e->out);
        e->arrival.run = run_arrival;
        e->reset.run = run_reset;
        e->stuck_since_us = -1;
    }
    return c;
}

static enum ahoy_err bind_client(struct sim_host *h, struct sim_tcp *t, const struct addr *src, const struct addr *dst)
{
    struct addr local;
    if (!sim_host_pick_source(h, dst, &local))
        return AHOY_ERR_UNREACHABLE;
    if (src && !addr_is_any(src))
        local = *src;
    else if (src)
        local.port = src->port;
    return sim_port_take(h, &h->tcp_out, &t->port, &local);
}

enum ahoy_err sim_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                              const struct addr *dst, const struct sys_tcp_handler *handler)
{
    struct sim_host *h = sim_host_of(loop->host);
    struct sim_route route;
    struct conn *c = make_conn(h->sim);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->end[0].host = h;
    struct sim_tcp *t = make_end(c, 0, loop);
    if (!t) {
        free_conn(c);
        return AHOY_ERR_NOMEM;
    }
    enum ahoy_err err = bind_client(h, t, src, dst);
    if (err) {
        sim_tcp_close(&t->base);
        return err;
    }
    t->base.local = t->port.local;
    t->base.peer = *dst;
    sys_tcp_set_handler(&t->base, handler);
    c->server = *dst;
    if (sim_route_tcp(h, &t->base.local, dst, &route) == AHOY_OK) {
        c->end[1].host = route.to;
        c->client_seen = route.src;
    }
    send_syn(c);
    *out = &t->base;
    return AHOY_OK;
}

enum ahoy_err sim_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                             sys_tcp_accept_fn *accept, void *arg)
{
    struct sim_host *h = sim_host_of(loop->host);
    struct sim_listener *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = sim_port_take(h, &h->tcp, &l->port, local);
    if (err) {
        mem_free(l);
        return err;
    }
    l->base = (struct sys_tcp_listener){ .loop = loop, .local = l->port.local, .accept = accept, .arg = arg };
    loop->open++;
    *out = &l->base;
    return AHOY_OK;
}

void sim_tcp_listener_close(struct sys_tcp_listener *base)
{
    struct sim_listener *l = (struct sim_listener *) base;
    map_remove(&sim_host_of(base->loop->host)->tcp, &l->port.node);
    base->loop->open--;
    mem_free(l);
}
