/* Hosts of the simulation: addresses, ports, randomness. */
#include "base/mem.h"
#include "sys/sim_world.h"

enum { EPHEMERAL_FIRST = 32768, EPHEMERAL_LAST = 60999, EPHEMERAL_DRAWS = 200 };

struct sim_watch {
    struct sys_iface_watch base;
    struct list_link link;
    struct sim_event event;
};

struct sim_host *sim_host_of(struct sys_host *host)
{
    AHOY_ASSERT(host->ops == &sim_ops);
    return (struct sim_host *) host;
}

enum ahoy_err sim_host(struct sim *s, const char *ip, struct sys_host **out)
{
    struct sim_host *h = mem_zalloc(sizeof *h);
    if (!h)
        return AHOY_ERR_NOMEM;
    h->base.ops = &sim_ops;
    h->sim = s;
    h->index = s->hosts_made++;
    uint8_t seed[32] = { 'h', 'o', 's', 't' };
    memcpy(seed + 8, &s->seed, sizeof s->seed);
    memcpy(seed + 16, &h->index, sizeof h->index);
    rng_init(&h->rng, seed);
    list_init(&h->ips);
    list_init(&h->watches);
    map_init(&h->udp, s->map_seed);
    map_init(&h->tcp, s->map_seed);
    map_init(&h->tcp_out, s->map_seed);
    list_push_back(&s->hosts, &h->link);
    enum ahoy_err err = sim_host_add_ip(&h->base, ip);
    if (err) {
        list_remove(&h->link);
        sim_host_free(h);
        return err;
    }
    *out = &h->base;
    return AHOY_OK;
}

static void free_ip(struct sim *s, struct sim_ip *ip)
{
    map_remove(&s->ips, &ip->node);
    list_remove(&ip->link);
    mem_free(ip);
}

void sim_host_free(struct sim_host *h)
{
    AHOY_ASSERT(h->udp.count == 0 && h->tcp.count == 0 && h->tcp_out.count == 0 && list_empty(&h->watches));
    LIST_EACH(k, &h->ips)
        free_ip(h->sim, LIST_ENTRY(k, struct sim_ip, link));
    map_fini(&h->udp);
    map_fini(&h->tcp);
    map_fini(&h->tcp_out);
    mem_free(h);
}

static void addresses_changed(struct sim_host *h)
{
    LIST_EACH(k, &h->watches) {
        struct sim_watch *w = LIST_ENTRY(k, struct sim_watch, link);
        if (!w->event.node.linked)
            sim_schedule(h->sim, &w->event, sim_clock(h->sim));
    }
}

enum ahoy_err sim_host_add_ip(struct sys_host *host, const char *ip)
{
    struct sim_host *h = sim_host_of(host);
    struct addr a;
    enum ahoy_err err = addr_parse_ip(view_str(ip), &a);
    if (err)
        return err;
    if (sim_host_has_ip(h, &a))
        return AHOY_ERR_EXISTS;
    struct sim_ip *e = mem_zalloc(sizeof *e);
    if (!e)
        return AHOY_ERR_NOMEM;
    e->addr = a;
    e->host = h;
    err = map_put(&h->sim->ips, addr_key(&a, e->key), &e->node);
    if (err) {
        mem_free(e);
        return err;
    }
    list_push_back(&h->ips, &e->link);
    addresses_changed(h);
    return AHOY_OK;
}

void sim_host_busy(struct sys_host *host, double share)
{
    struct sim_host *h = sim_host_of(host);
    int64_t now_us = sim_now_us(h->sim);
    h->busy_before_us += (int64_t) ((double) (now_us - h->busy_since_us) * h->busy);
    h->busy_since_us = now_us;
    h->busy = share;
}

void sim_host_remove_ip(struct sys_host *host, const char *ip)
{
    struct sim_host *h = sim_host_of(host);
    struct addr a;
    if (addr_parse_ip(view_str(ip), &a))
        return;
    LIST_EACH(k, &h->ips) {
        struct sim_ip *e = LIST_ENTRY(k, struct sim_ip, link);
        if (addr_eq_ip(&e->addr, &a)) {
            free_ip(h->sim, e);
            addresses_changed(h);
            return;
        }
    }
}

bool sim_host_has_ip(const struct sim_host *h, const struct addr *ip)
{
    if (addr_is_loopback(ip))
        return true;
    LIST_EACH(k, &h->ips)
        if (addr_eq_ip(&LIST_ENTRY(k, struct sim_ip, link)->addr, ip))
            return true;
    return false;
}

bool sim_host_pick_source(const struct sim_host *h, const struct addr *dst, struct addr *out)
{
    if (sim_host_has_ip(h, dst)) {
        *out = addr_with_port(dst, 0);
        return true;
    }
    LIST_EACH(k, &h->ips) {
        const struct sim_ip *e = LIST_ENTRY(k, struct sim_ip, link);
        if (e->addr.family == dst->family) {
            *out = e->addr;
            return true;
        }
    }
    return false;
}

static struct view port_key(const struct addr *a, char key[3])
{
    key[0] = (char) a->family;
    key[1] = (char) (a->port >> 8);
    key[2] = (char) (a->port & 0xff);
    return view_of(key, 3);
}

/* Whether two sockets on one port would both hear some address. */
static bool port_taken(struct map *ports, const struct addr *local)
{
    char key[3];
    for (struct map_node *k = map_get(ports, port_key(local, key)); k; k = map_get_next(k)) {
        const struct addr *other = &MAP_ENTRY(k, struct sim_port, node)->local;
        if (addr_is_any(other) || addr_is_any(local) || addr_eq_ip(other, local))
            return true;
    }
    return false;
}

enum ahoy_err sim_port_take(struct sim_host *h, struct map *ports, struct sim_port *port, const struct addr *local)
{
    struct addr a = *local;
    if (!addr_is_any(&a) && !sim_host_has_ip(h, &a))
        return AHOY_ERR_ADDR_UNAVAILABLE;
    if (a.port > 0 && port_taken(ports, &a))
        return AHOY_ERR_ADDR_IN_USE;
    for (int i = 0; a.port == 0; i++) {
        if (i == EPHEMERAL_DRAWS)
            return AHOY_ERR_ADDR_IN_USE;
        a.port = (uint16_t) (EPHEMERAL_FIRST + rng_below(&h->rng, EPHEMERAL_LAST - EPHEMERAL_FIRST + 1));
        if (port_taken(ports, &a))
            a.port = 0;
    }
    port->local = a;
    return map_put(ports, port_key(&a, port->key), &port->node);
}

struct sim_port *sim_port_find(struct map *ports, const struct addr *to)
{
    char key[3];
    for (struct map_node *k = map_get(ports, port_key(to, key)); k; k = map_get_next(k)) {
        struct sim_port *p = MAP_ENTRY(k, struct sim_port, node);
        if (addr_is_any(&p->local) || addr_eq_ip(&p->local, to))
            return p;
    }
    return NULL;
}

/* ---- the table's entries ---- */

static size_t host_ifaces(struct sys_host *host, struct sys_iface *out, size_t max)
{
    struct sim_host *h = sim_host_of(host);
    size_t n = 0;
    if (n < max)
        out[n++] = (struct sys_iface){ .name = "lo", .addr = addr_ip4(127, 0, 0, 1, 0), .loopback = true };
    LIST_EACH(k, &h->ips)
        if (n < max)
            out[n++] = (struct sys_iface){ .name = "eth0", .addr = LIST_ENTRY(k, struct sim_ip, link)->addr };
    return n;
}

static enum ahoy_err host_source(struct sys_host *host, const struct addr *dst, struct addr *out)
{
    return sim_host_pick_source(sim_host_of(host), dst, out) ? AHOY_OK : AHOY_ERR_UNREACHABLE;
}

static void host_random(struct sys_host *host, void *p, size_t n)
{
    rng_bytes(&sim_host_of(host)->rng, p, n);
}

static enum ahoy_err host_set_nameservers(struct sys_host *host, const struct addr *servers, size_t n)
{
    (void) host;
    (void) servers;
    (void) n;
    return AHOY_ERR_UNSUPPORTED;
}

static void run_watch(struct sim *s, struct sim_event *ev)
{
    (void) s;
    struct sim_watch *w = AHOY_CONTAINER_OF(ev, struct sim_watch, event);
    if (!sim_loop_deaf(w->base.loop))
        w->base.fn(w->base.arg);
}

enum ahoy_err sim_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                    void *arg)
{
    struct sim_watch *w = mem_zalloc(sizeof *w);
    if (!w)
        return AHOY_ERR_NOMEM;
    w->base = (struct sys_iface_watch){ .loop = loop, .fn = fn, .arg = arg };
    w->event.run = run_watch;
    list_push_back(&sim_host_of(loop->host)->watches, &w->link);
    loop->open++;
    *out = &w->base;
    return AHOY_OK;
}

void sim_iface_watch_stop(struct sys_iface_watch *base)
{
    struct sim_watch *w = (struct sim_watch *) base;
    sim_unschedule(sim_host_of(base->loop->host)->sim, &w->event);
    list_remove(&w->link);
    base->loop->open--;
    mem_free(w);
}

const struct sys_ops sim_ops = {
    .host_ifaces = host_ifaces,
    .host_source = host_source,
    .host_random = host_random,
    .host_set_nameservers = host_set_nameservers,
    .loop_create = sim_loop_create,
    .loop_destroy = sim_loop_destroy,
    .loop_run = sim_loop_run,
    .loop_stop = sim_loop_stop,
    .loop_spawn = sim_loop_spawn,
    .loop_join = sim_loop_join,
    .clock_us = sim_loop_clock_us,
    .wall_ms = sim_loop_wall_ms,
    .busy_us = sim_loop_busy_us,
    .post = sim_loop_post,
    .timers_changed = sim_loop_timers_changed,
    .udp_open = sim_udp_open,
    .udp_close = sim_udp_close,
    .udp_send = sim_udp_send,
    .tcp_connect = sim_tcp_connect,
    .tcp_close = sim_tcp_close,
    .tcp_write = sim_tcp_write,
    .tcp_shutdown = sim_tcp_shutdown,
    .tcp_pause = sim_tcp_pause,
    .tcp_listen = sim_tcp_listen,
    .tcp_listener_close = sim_tcp_listener_close,
    .dns_start = sim_dns_start,
    .dns_cancel = sim_dns_cancel,
    .iface_watch_start = sim_iface_watch_start,
    .iface_watch_stop = sim_iface_watch_stop,
};
