/*
 * The way through the simulated network: who owns an address, and what NATs do to it (RFC 4787's terms).
 *
 * All kinds but the symmetric map one inner address and port to one public port, whoever is spoken to; the symmetric
 * maps anew for each remote address and port. Filtering: a full cone lets everybody in; the address-restricted
 * whoever's address, the other two whoever's address and port, was spoken to. Only packets going out keep a binding
 * alive (REQ-6). Hairpinning works (REQ-9).
 */
#include "base/mem.h"
#include "sys/sim_world.h"

enum {
    NAT_FIRST_PORT = 1024,
    NAT_PORT_DRAWS = 200,
    NAT_DEFAULT_BINDING_S = 120,
    NAT_FIRST_SWEEP = 64,
    NAT_MOST_PERMITS = 64, /* of one binding; the oldest goes */
    INNER_KEY_BYTES = 4 + 2 * ADDR_KEY_BYTES
};

struct sim_nat {
    struct list_link link;
    struct sim *sim;
    struct sim_ip public_ip;
    enum sim_nat_kind kind;
    int64_t binding_us;
    struct list bindings;
    size_t sweep_at; /* this many bindings: look for dead ones */
    struct map by_inner, by_port;
};

struct binding {
    struct list_link link;
    struct map_node inner_node, port_node;
    char inner_key[INNER_KEY_BYTES], port_key[2];
    struct sim_host *host;
    struct addr inner;
    uint16_t port;
    int64_t last_out_us;
    struct list permits; /* most recent first */
    size_t permits_n;
};

struct permit {
    struct list_link link;
    struct addr remote;
    int64_t last_out_us;
};

struct sim_nat *sim_nat_of_link(struct list_link *link)
{
    return LIST_ENTRY(link, struct sim_nat, link);
}

static void free_binding(struct sim_nat *nat, struct binding *b)
{
    map_remove(&nat->by_inner, &b->inner_node);
    map_remove(&nat->by_port, &b->port_node);
    list_remove(&b->link);
    for (struct list_link *k; (k = list_pop_front(&b->permits));)
        mem_free(LIST_ENTRY(k, struct permit, link));
    mem_free(b);
}

void sim_nat_free(struct sim_nat *nat)
{
    list_remove(&nat->link);
    LIST_EACH(k, &nat->bindings)
        free_binding(nat, LIST_ENTRY(k, struct binding, link));
    map_remove(&nat->sim->ips, &nat->public_ip.node);
    map_fini(&nat->by_inner);
    map_fini(&nat->by_port);
    mem_free(nat);
}

static struct sim_nat *find_nat(struct sim *s, const struct addr *public_ip)
{
    char key[ADDR_KEY_BYTES];
    for (struct map_node *k = map_get(&s->ips, addr_key(public_ip, key)); k; k = map_get_next(k)) {
        struct sim_ip *ip = MAP_ENTRY(k, struct sim_ip, node);
        if (ip->nat)
            return ip->nat;
    }
    return NULL;
}

enum ahoy_err sim_nat(struct sys_host *host, const char *public_ip, enum sim_nat_kind kind, uint32_t binding_s)
{
    struct sim_host *h = sim_host_of(host);
    struct sim *s = h->sim;
    struct addr a;
    enum ahoy_err err = addr_parse_ip(view_str(public_ip), &a);
    if (err)
        return err;
    struct sim_nat *nat = find_nat(s, &a);
    if (!nat) {
        nat = mem_zalloc(sizeof *nat);
        if (!nat)
            return AHOY_ERR_NOMEM;
        nat->sim = s;
        nat->public_ip.addr = a;
        nat->public_ip.nat = nat;
        nat->sweep_at = NAT_FIRST_SWEEP;
        list_init(&nat->bindings);
        map_init(&nat->by_inner, s->map_seed);
        map_init(&nat->by_port, s->map_seed);
        err = map_put(&s->ips, addr_key(&a, nat->public_ip.key), &nat->public_ip.node);
        if (err) {
            mem_free(nat);
            return err;
        }
        list_push_back(&s->nats, &nat->link);
    }
    nat->kind = kind;
    nat->binding_us = SYS_S(binding_s > 0 ? binding_s : NAT_DEFAULT_BINDING_S);
    h->nat = nat;
    return AHOY_OK;
}

static bool expired(const struct sim_nat *nat, int64_t last_out_us)
{
    return sim_clock(nat->sim) - last_out_us > nat->binding_us;
}

static void sweep(struct sim_nat *nat)
{
    if (nat->by_port.count < nat->sweep_at)
        return;
    LIST_EACH(k, &nat->bindings) {
        struct binding *b = LIST_ENTRY(k, struct binding, link);
        if (expired(nat, b->last_out_us))
            free_binding(nat, b);
    }
    nat->sweep_at = AHOY_MAX((size_t) NAT_FIRST_SWEEP, nat->by_port.count * 2);
}

static struct view inner_key(const struct sim_nat *nat, const struct sim_host *h, const struct addr *inner,
                             const struct addr *remote, char key[INNER_KEY_BYTES])
{
    struct addr none = { 0 };
    memcpy(key, &h->index, 4);
    addr_key(inner, key + 4);
    addr_key(nat->kind == SIM_NAT_SYMMETRIC ? remote : &none, key + 4 + ADDR_KEY_BYTES);
    return view_of(key, INNER_KEY_BYTES);
}

static struct view port_key(uint16_t port, char key[2])
{
    key[0] = (char) (port >> 8);
    key[1] = (char) (port & 0xff);
    return view_of(key, 2);
}

static struct binding *find_by_port(struct sim_nat *nat, uint16_t port)
{
    char key[2];
    struct map_node *k = map_get(&nat->by_port, port_key(port, key));
    return k ? MAP_ENTRY(k, struct binding, port_node) : NULL;
}

static uint16_t draw_port(struct sim_nat *nat)
{
    for (int i = 0; i < NAT_PORT_DRAWS; i++) {
        uint16_t port = (uint16_t) (NAT_FIRST_PORT + rng_below(&nat->sim->net, 65536 - NAT_FIRST_PORT));
        if (!find_by_port(nat, port))
            return port;
    }
    return 0;
}

/* A new binding; NULL without memory or a free port. */
static struct binding *make_binding(struct sim_nat *nat, struct sim_host *h, const struct addr *inner,
                                    const struct addr *remote)
{
    sweep(nat);
    uint16_t port = draw_port(nat);
    struct binding *b = port > 0 ? mem_zalloc(sizeof *b) : NULL;
    if (!b)
        return NULL;
    b->host = h;
    b->inner = *inner;
    b->port = port;
    list_init(&b->permits);
    list_push_back(&nat->bindings, &b->link);
    if (map_put(&nat->by_inner, inner_key(nat, h, inner, remote, b->inner_key), &b->inner_node)
        || map_put(&nat->by_port, port_key(port, b->port_key), &b->port_node)) {
        free_binding(nat, b);
        return NULL;
    }
    return b;
}

static bool let_in_later(struct sim_nat *nat, struct binding *b, const struct addr *remote)
{
    struct permit *p = NULL;
    LIST_EACH(k, &b->permits) {
        struct permit *e = LIST_ENTRY(k, struct permit, link);
        if (addr_eq(&e->remote, remote))
            p = e;
    }
    if (!p && b->permits_n == NAT_MOST_PERMITS)
        p = LIST_ENTRY(list_last(&b->permits), struct permit, link);
    if (p) {
        list_remove(&p->link);
    } else {
        p = mem_zalloc(sizeof *p);
        if (!p)
            return false;
        b->permits_n++;
    }
    p->remote = *remote;
    p->last_out_us = sim_clock(nat->sim);
    list_push_front(&b->permits, &p->link);
    return true;
}

/* What a packet going out becomes. */
static enum ahoy_err outward(struct sim_nat *nat, struct sim_host *h, const struct addr *inner,
                             const struct addr *remote, struct addr *out)
{
    char key[INNER_KEY_BYTES];
    struct map_node *k = map_get(&nat->by_inner, inner_key(nat, h, inner, remote, key));
    struct binding *b = k ? MAP_ENTRY(k, struct binding, inner_node) : NULL;
    if (b && expired(nat, b->last_out_us)) {
        free_binding(nat, b);
        b = NULL;
    }
    if (!b)
        b = make_binding(nat, h, inner, remote);
    if (!b)
        return AHOY_ERR_NOMEM;
    if (nat->kind != SIM_NAT_FULL_CONE && !let_in_later(nat, b, remote))
        return AHOY_ERR_NOMEM;
    b->last_out_us = sim_clock(nat->sim);
    *out = addr_with_port(&nat->public_ip.addr, b->port);
    return AHOY_OK;
}

static bool permitted(const struct sim_nat *nat, const struct binding *b, const struct addr *src)
{
    if (nat->kind == SIM_NAT_FULL_CONE)
        return true;
    LIST_EACH(k, &b->permits) {
        const struct permit *p = LIST_ENTRY(k, struct permit, link);
        bool same = nat->kind == SIM_NAT_ADDRESS_RESTRICTED ? addr_eq_ip(&p->remote, src) : addr_eq(&p->remote, src);
        if (same && !expired(nat, p->last_out_us))
            return true;
    }
    return false;
}

bool sim_nat_inward(struct sim_nat *nat, const struct addr *src, const struct addr *dst, struct sim_host **host,
                    struct addr *inner)
{
    struct binding *b = find_by_port(nat, dst->port);
    if (!b || expired(nat, b->last_out_us) || !permitted(nat, b, src))
        return false;
    *host = b->host;
    *inner = b->inner;
    return true;
}

/* The host or the NAT that `dst` means to `from`; NOT_FOUND when nobody has it. */
static enum ahoy_err find_target(struct sim_host *from, const struct addr *dst, struct sim_host **to,
                                 struct sim_nat **into)
{
    char key[ADDR_KEY_BYTES];
    struct addr ip = addr_with_port(dst, 0);
    *to = NULL;
    *into = NULL;
    if (sim_host_has_ip(from, dst)) {
        *to = from;
        return AHOY_OK;
    }
    for (struct map_node *k = map_get(&from->sim->ips, addr_key(&ip, key)); k; k = map_get_next(k)) {
        struct sim_ip *e = MAP_ENTRY(k, struct sim_ip, node);
        if (e->nat)
            *into = e->nat;
        else if (!e->host->nat || e->host->nat == from->nat)
            *to = e->host;
    }
    return *to || *into ? AHOY_OK : AHOY_ERR_NOT_FOUND;
}

enum ahoy_err sim_route_udp(struct sim_host *from, const struct addr *src, const struct addr *dst,
                            struct sim_route *out)
{
    struct sim_route r = { .src = *src, .dst = *dst };
    enum ahoy_err err = find_target(from, dst, &r.to, &r.into);
    if (r.to)
        r.into = NULL;
    bool outside = from->nat && (err || !(r.to && r.to->nat == from->nat));
    if (outside) { /* a binding is made even for a packet to nowhere */
        enum ahoy_err nat_err = outward(from->nat, from, src, dst, &r.src);
        if (nat_err)
            return nat_err;
    }
    if (err)
        return err;
    if (r.into) {
        struct binding *b = find_by_port(r.into, dst->port);
        if (!b)
            return AHOY_ERR_NOT_FOUND;
        r.to = b->host;
    }
    *out = r;
    return AHOY_OK;
}

enum ahoy_err sim_route_tcp(struct sim_host *from, const struct addr *src, const struct addr *dst,
                            struct sim_route *out)
{
    struct sim_route r = { .src = *src, .dst = *dst };
    enum ahoy_err err = find_target(from, dst, &r.to, &r.into);
    if (err)
        return err;
    if (!r.to)
        return AHOY_ERR_NOT_FOUND;
    r.into = NULL;
    if (from->nat && r.to->nat != from->nat) {
        r.src = from->nat->public_ip.addr;
        r.src.port = (uint16_t) (NAT_FIRST_PORT + rng_below(&from->sim->net, 65536 - NAT_FIRST_PORT));
    }
    *out = r;
    return AHOY_OK;
}
