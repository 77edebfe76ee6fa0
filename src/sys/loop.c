#include "sys/loop.h"

#include "base/rt.h"
#include "sys/world.h"

void sys_host_destroy(struct sys_host *host)
{
    if (host && host->ops->host_destroy)
        host->ops->host_destroy(host);
}

size_t sys_host_ifaces(struct sys_host *host, struct sys_iface *out, size_t max)
{
    return host->ops->host_ifaces(host, out, max);
}

enum ahoy_err sys_host_source(struct sys_host *host, const struct addr *dst, struct addr *out)
{
    return host->ops->host_source(host, dst, out);
}

void sys_host_random(struct sys_host *host, void *p, size_t n)
{
    host->ops->host_random(host, p, n);
}

enum ahoy_err sys_host_set_nameservers(struct sys_host *host, const struct addr *servers, size_t n)
{
    return host->ops->host_set_nameservers(host, servers, n);
}

void sys_loop_init(struct sys_loop *loop, struct sys_host *host, const _Atomic int64_t *now_us)
{
    *loop = (struct sys_loop){ .ops = host->ops, .host = host, .now_us = now_us };
    heap_init(&loop->timers);
}

enum ahoy_err sys_loop_create(struct sys_host *host, struct sys_loop **out)
{
    return host->ops->loop_create(host, out);
}

void sys_loop_destroy(struct sys_loop *loop)
{
    if (loop)
        loop->ops->loop_destroy(loop);
}

void sys_loop_run(struct sys_loop *loop)
{
    loop->ops->loop_run(loop);
}

void sys_loop_stop(struct sys_loop *loop)
{
    loop->ops->loop_stop(loop);
}

enum ahoy_err sys_loop_spawn(struct sys_loop *loop, const char *name)
{
    return loop->ops->loop_spawn(loop, name);
}

void sys_loop_join(struct sys_loop *loop)
{
    loop->ops->loop_join(loop);
}

struct sys_host *sys_loop_host(const struct sys_loop *loop)
{
    return loop->host;
}

int64_t sys_now_us(const struct sys_loop *loop)
{
    return atomic_load_explicit(loop->now_us, memory_order_relaxed); /* a number on its own: nothing hangs on it */
}

int64_t sys_clock_us(const struct sys_loop *loop)
{
    return loop->ops->clock_us(loop);
}

int64_t sys_wall_ms(const struct sys_loop *loop)
{
    return loop->ops->wall_ms(loop);
}

int64_t sys_busy_us(const struct sys_loop *loop)
{
    return loop->ops->busy_us(loop);
}

void sys_post(struct sys_loop *loop, struct sys_msg *msg)
{
    rt_forbid("a message is posted");
    AHOY_ASSERT(msg->fn);
    loop->ops->post(loop, msg);
}

void sys_timer_init(struct sys_timer *t, sys_timer_fn *fn, void *arg)
{
    *t = (struct sys_timer){ .fn = fn, .arg = arg };
}

void sys_timer_start(struct sys_loop *loop, struct sys_timer *t, int64_t delay_us)
{
    /* Outside of callbacks the cached time may be old, and a timer must not fire early. */
    int64_t now = loop->in_turn ? sys_now_us(loop) : sys_clock_us(loop);
    if (delay_us < 0)
        delay_us = 0;
    sys_timer_start_at(loop, t, delay_us > INT64_MAX - now ? INT64_MAX : now + delay_us);
}

void sys_timer_start_at(struct sys_loop *loop, struct sys_timer *t, int64_t when_us)
{
    AHOY_ASSERT(t->fn && (!t->loop || t->loop == loop));
    const struct heap_node *before = heap_min(&loop->timers);
    heap_remove(&loop->timers, &t->node);
    t->loop = loop;
    heap_insert(&loop->timers, &t->node, when_us);
    if (before == &t->node || heap_min(&loop->timers) == &t->node)
        loop->ops->timers_changed(loop);
}

void sys_timer_stop(struct sys_timer *t)
{
    struct sys_loop *loop = t->loop;
    if (!loop)
        return;
    bool first = heap_min(&loop->timers) == &t->node;
    heap_remove(&loop->timers, &t->node);
    t->loop = NULL;
    if (first)
        loop->ops->timers_changed(loop);
}

bool sys_loop_fire_timer(struct sys_loop *loop, int64_t now_us)
{
    struct heap_node *node = heap_min(&loop->timers);
    if (!node || node->key > now_us)
        return false;
    struct sys_timer *t = AHOY_CONTAINER_OF(node, struct sys_timer, node);
    heap_remove(&loop->timers, node);
    t->loop = NULL;
    t->fn(t->arg);
    return true;
}

void sys_loop_fire_timers(struct sys_loop *loop, int64_t now_us)
{
    uint64_t last = loop->timers.inserted;
    for (const struct heap_node *k; (k = heap_min(&loop->timers)) && k->order < last;)
        if (!sys_loop_fire_timer(loop, now_us))
            break;
}

enum ahoy_err sys_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                    void *arg)
{
    return loop->ops->iface_watch_start(out, loop, fn, arg);
}

void sys_iface_watch_stop(struct sys_iface_watch *w)
{
    if (w)
        w->loop->ops->iface_watch_stop(w);
}
