#include "sys/sim.h"

#include "base/mem.h"
#include "sys/sim_world.h"

enum { SIM_SPARE_PACKETS = 256 };

int64_t sim_clock(const struct sim *s)
{
    return atomic_load_explicit(&s->now, memory_order_relaxed); /* one thread; atomic because sys_now_us is */
}

static void set_clock(struct sim *s, int64_t now)
{
    atomic_store_explicit(&s->now, now, memory_order_relaxed);
}

void sim_schedule(struct sim *s, struct sim_event *ev, int64_t when_us)
{
    heap_insert(&s->events, &ev->node, AHOY_MAX(when_us, sim_clock(s)));
}

void sim_unschedule(struct sim *s, struct sim_event *ev)
{
    heap_remove(&s->events, &ev->node);
}

enum ahoy_err sim_create(struct sim **out, uint64_t seed)
{
    struct sim *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    s->seed = seed;
    set_clock(s, SYS_S(1000));
    heap_init(&s->events);
    rng_init_u64(&s->net, seed);
    rng_bytes(&s->net, s->map_seed, sizeof s->map_seed);
    list_init(&s->hosts);
    list_init(&s->nats);
    list_init(&s->conns);
    map_init(&s->ips, s->map_seed);
    map_init(&s->paths, s->map_seed);
    map_init(&s->names, s->map_seed);
    pool_init(&s->pool, SIM_SPARE_PACKETS);
    s->link.delay_us = SYS_MS(1);
    *out = s;
    return AHOY_OK;
}

void sim_destroy(struct sim *s)
{
    if (!s)
        return;
    AHOY_ASSERT(s->loops == 0 && !s->running);
    sim_tcp_free_all(s);
    for (struct heap_node *k; (k = heap_min(&s->events));) { /* without loops, only datagrams are under way */
        heap_remove(&s->events, k);
        sim_udp_drop_event(s, AHOY_CONTAINER_OF(k, struct sim_event, node));
    }
    for (struct map_node *k; (k = map_take(&s->paths));)
        mem_free(MAP_ENTRY(k, struct sim_path, node));
    for (struct list_link *k; (k = list_pop_front(&s->nats));)
        sim_nat_free(sim_nat_of_link(k));
    for (struct list_link *k; (k = list_pop_front(&s->hosts));)
        sim_host_free(LIST_ENTRY(k, struct sim_host, link));
    sim_dns_free(s);
    map_fini(&s->ips);
    map_fini(&s->paths);
    map_fini(&s->names);
    pool_fini(&s->pool);
    mem_free(s);
}

void sim_dns_broken(struct sim *s, bool broken)
{
    s->dns_broken = broken;
}

void sim_tap(struct sim *s, sim_tap_fn *fn, void *arg)
{
    s->tap = fn;
    s->tap_arg = arg;
}

int64_t sim_now_us(const struct sim *s)
{
    return sim_clock(s);
}

/* Runs the next event if it is due by `limit`. */
static bool step(struct sim *s, int64_t limit)
{
    struct heap_node *k = heap_min(&s->events);
    if (!k || k->key > limit)
        return false;
    struct sim_event *ev = AHOY_CONTAINER_OF(k, struct sim_event, node);
    if (k->key > sim_clock(s))
        set_clock(s, k->key);
    heap_remove(&s->events, k);
    ev->run(s, ev);
    return true;
}

static int64_t begin(struct sim *s, int64_t us)
{
    AHOY_ASSERT(!s->running && us >= 0);
    s->running = true;
    int64_t now = sim_clock(s);
    return us > INT64_MAX - now ? INT64_MAX : now + us;
}

void sim_run(struct sim *s, int64_t us)
{
    int64_t limit = begin(s, us);
    while (step(s, limit))
        continue;
    set_clock(s, limit);
    s->running = false;
}

bool sim_run_until(struct sim *s, bool (*done)(void *arg), void *arg, int64_t limit_us)
{
    int64_t limit = begin(s, limit_us);
    bool yes = done(arg);
    while (!yes && step(s, limit))
        yes = done(arg);
    if (!yes)
        set_clock(s, limit);
    s->running = false;
    return yes;
}

bool sim_run_idle(struct sim *s, int64_t limit_us)
{
    int64_t limit = begin(s, limit_us);
    while (step(s, limit))
        continue;
    bool idle = heap_min(&s->events) == NULL;
    if (!idle)
        set_clock(s, limit);
    s->running = false;
    return idle;
}
