/* UDP of the simulation. */
#include "base/mem.h"
#include "sys/sim_world.h"

enum { IP4_UDP_HEADER_BYTES = 28, IP6_UDP_HEADER_BYTES = 48 };

struct sim_udp {
    struct sys_udp base;
    struct sim_port port;
};

/* A datagram under way, or the ICMP error it became on its way back. */
struct sim_packet {
    struct sim_event event;
    size_t bytes; /* as told to the pool */
    struct sim_host *from, *to;
    struct sim_nat *into;
    struct addr sent_from, sent_to; /* as the sender named them: for an error's way back */
    struct addr src, dst;           /* as on the wire */
    size_t n;
};

static struct sim *sim_of(const struct sys_udp *u)
{
    return sim_host_of(u->loop->host)->sim;
}

enum ahoy_err sim_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                           const struct sys_udp_handler *handler)
{
    struct sim_host *h = sim_host_of(loop->host);
    struct sim_udp *u = mem_zalloc(sizeof *u);
    if (!u)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = sim_port_take(h, &h->udp, &u->port, &cfg->local);
    if (err) {
        mem_free(u);
        return err;
    }
    u->base = (struct sys_udp){ .loop = loop, .local = u->port.local, .handler = *handler };
    loop->open++;
    *out = &u->base;
    return AHOY_OK;
}

void sim_udp_close(struct sys_udp *base)
{
    struct sim_udp *u = (struct sim_udp *) base;
    struct sim_host *h = sim_host_of(base->loop->host);
    if (h->sim->delivering == base)
        h->sim->delivering = NULL;
    map_remove(&h->udp, &u->port.node);
    base->loop->open--;
    mem_free(u);
}

/* The bytes stand at the very end of the block, so that reading past them is reading past it. */
static uint8_t *packet_data(struct sim_packet *p)
{
    return (uint8_t *) p + pool_size(p->bytes) - p->n;
}

static void free_packet(struct sim *s, struct sim_packet *p)
{
    pool_put(&s->pool, p, p->bytes);
}

void sim_udp_drop_event(struct sim *s, struct sim_event *ev)
{
    free_packet(s, AHOY_CONTAINER_OF(ev, struct sim_packet, event));
}

static struct sim_udp *hearer(struct sim_host *h, const struct addr *to)
{
    struct sim_port *port = sim_host_has_ip(h, to) ? sim_port_find(&h->udp, to) : NULL;
    return port ? AHOY_CONTAINER_OF(port, struct sim_udp, port) : NULL;
}

static void run_error(struct sim *s, struct sim_event *ev)
{
    struct sim_packet *p = AHOY_CONTAINER_OF(ev, struct sim_packet, event);
    struct sim_udp *u = hearer(p->from, &p->sent_from);
    if (u && u->base.handler.error && !sim_loop_deaf(u->base.loop))
        u->base.handler.error(u->base.handler.arg, &p->sent_to, AHOY_ERR_REFUSED);
    free_packet(s, p);
}

/* Nobody listens: the packet turns round as an ICMP port unreachable. */
static void refuse(struct sim *s, struct sim_packet *p, const struct sim_host *at)
{
    struct sim_path *back = sim_path_get(s, at, p->from);
    if (!back || back->cut || sim_path_loses(s, back)) {
        free_packet(s, p);
        return;
    }
    p->event.run = run_error;
    sim_schedule(s, &p->event, sim_clock(s) + sim_path_delay(s, back));
}

static void run_packet(struct sim *s, struct sim_event *ev)
{
    struct sim_packet *p = AHOY_CONTAINER_OF(ev, struct sim_packet, event);
    struct sim_host *at = p->to;
    struct addr to = p->dst;
    if ((p->into && !sim_nat_inward(p->into, &p->src, &p->dst, &at, &to)) || !sim_host_has_ip(at, &to)) {
        free_packet(s, p);
        return;
    }
    struct sim_udp *u = hearer(at, &to);
    if (!u) {
        refuse(s, p, at);
        return;
    }
    if (!sim_loop_deaf(u->base.loop)) {
        s->delivering = &u->base;
        u->base.handler.recv(u->base.handler.arg, &p->src, &to, packet_data(p), p->n, sim_clock(s));
        if (s->delivering && u->base.handler.batch_end)
            u->base.handler.batch_end(u->base.handler.arg);
        s->delivering = NULL;
    }
    free_packet(s, p);
}

/* A packet that finds no memory is lost like any other. */
static void launch(struct sim *s, const struct sim_packet *like, const void *data, struct sim_path *path, int64_t delay)
{
    size_t bytes = sizeof *like + like->n;
    struct sim_packet *p = pool_get(&s->pool, bytes);
    if (!p)
        return;
    *p = *like;
    p->bytes = bytes;
    p->event = (struct sim_event){ .run = run_packet };
    uint8_t *to = packet_data(p);
    if (p->n > 0)
        memcpy(to, data, p->n);
    if (p->n > 0 && sim_chance(s, sim_path_link(s, path)->corrupt)) {
        uint32_t bit = rng_below(&s->net, (uint32_t) p->n * 8);
        to[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
    sim_schedule(s, &p->event, sim_clock(s) + delay);
}

/* Whether the packet leaves the sender and survives; `delay` is its wait in the sender's queue. */
static bool passes(struct sim *s, struct sim_path *path, const struct sim_packet *p, int64_t *delay)
{
    size_t header = p->dst.family == ADDR_IP4 ? IP4_UDP_HEADER_BYTES : IP6_UDP_HEADER_BYTES;
    if (!path || path->cut)
        return false;
    if (!sim_path_queue(s, path, p->n + header, delay))
        return false;
    return !sim_path_loses(s, path);
}

enum ahoy_err sim_udp_send(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                           size_t n)
{
    struct sim *s = sim_of(u);
    struct sim_packet p = { .from = sim_host_of(u->loop->host), .sent_to = *dst, .sent_from = u->local, .n = n };
    struct sim_path *path = NULL;
    struct sim_route route = { 0 };
    int64_t wait = 0;
    if (src && !addr_is_any(src))
        p.sent_from = addr_with_port(src, u->local.port);
    else if (addr_is_any(&u->local)) {
        if (!sim_host_pick_source(p.from, dst, &p.sent_from))
            return AHOY_ERR_UNREACHABLE;
        p.sent_from.port = u->local.port;
    }
    if (src && !addr_is_any(&u->local) && !addr_eq_ip(&p.sent_from, &u->local))
        return AHOY_ERR_ADDR_UNAVAILABLE;
    bool ours = sim_host_has_ip(p.from, &p.sent_from); /* not once the address was taken away */
    if (ours && sim_route_udp(p.from, &p.sent_from, dst, &route) == AHOY_OK) {
        p.to = route.to;
        p.into = route.into;
        p.src = route.src;
        p.dst = route.dst;
        path = sim_path_get(s, p.from, p.to);
    }
    bool lives = passes(s, path, &p, &wait);
    if (s->tap)
        s->tap(s->tap_arg, sim_clock(s), &p.sent_from, dst, data, n, !lives);
    if (!lives)
        return AHOY_OK;
    launch(s, &p, data, path, wait + sim_path_delay(s, path));
    if (sim_chance(s, sim_path_link(s, path)->duplicate))
        launch(s, &p, data, path, wait + sim_path_delay(s, path));
    return AHOY_OK;
}
