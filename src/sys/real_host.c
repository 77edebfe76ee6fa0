/* This machine: randomness, name servers, and the table of the real world. */
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <sys/random.h>

static void host_destroy(struct sys_host *host)
{
    struct real_host *h = real_host_of(host);
    pthread_mutex_destroy(&h->lock);
    mem_wipe(&h->rng, sizeof h->rng);
    mem_free(h);
}

static void host_random(struct sys_host *host, void *p, size_t n)
{
    struct real_host *h = real_host_of(host);
    pthread_mutex_lock(&h->lock);
    rng_bytes(&h->rng, p, n);
    pthread_mutex_unlock(&h->lock);
}

static enum ahoy_err host_set_nameservers(struct sys_host *host, const struct addr *servers, size_t n)
{
    struct real_host *h = real_host_of(host);
    if (n > SYS_MAX_NAMESERVERS)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < n; i++)
        if (servers[i].family == ADDR_NONE)
            return AHOY_ERR_INVAL;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < n; i++)
        h->server[i] = servers[i];
    h->servers = n;
    h->servers_changed++;
    pthread_mutex_unlock(&h->lock);
    return AHOY_OK;
}

static const struct sys_ops real_ops = {
    .host_destroy = host_destroy,
    .host_ifaces = real_host_ifaces,
    .host_source = real_host_source,
    .host_random = host_random,
    .host_set_nameservers = host_set_nameservers,
    .loop_create = real_loop_create,
    .loop_destroy = real_loop_destroy,
    .loop_run = real_loop_run,
    .loop_stop = real_loop_stop,
    .loop_spawn = real_loop_spawn,
    .loop_join = real_loop_join,
    .clock_us = real_loop_clock_us,
    .wall_ms = real_loop_wall_ms,
    .busy_us = real_loop_busy_us,
    .post = real_loop_post,
    .timers_changed = real_loop_timers_changed,
    .udp_open = real_udp_open,
    .udp_close = real_udp_close,
    .udp_send = real_udp_send,
    .tcp_connect = real_tcp_connect,
    .tcp_close = real_tcp_close,
    .tcp_write = real_tcp_write,
    .tcp_shutdown = real_tcp_shutdown,
    .tcp_pause = real_tcp_pause,
    .tcp_listen = real_tcp_listen,
    .tcp_listener_close = real_tcp_listener_close,
    .dns_start = real_dns_start,
    .dns_cancel = real_dns_cancel,
    .iface_watch_start = real_iface_watch_start,
    .iface_watch_stop = real_iface_watch_stop,
};

enum ahoy_err sys_host_real(struct sys_host **out)
{
    uint8_t seed[32];
    struct real_host *h = mem_zalloc(sizeof *h);
    if (!h)
        return AHOY_ERR_NOMEM;
    ssize_t got;
    do /* so few bytes come whole, once the system's generator is seeded */
        got = getrandom(seed, sizeof seed, 0);
    while (got < 0 && errno == EINTR);
    if (got != sizeof seed || pthread_mutex_init(&h->lock, NULL) != 0) {
        mem_free(h);
        return AHOY_ERR_IO;
    }
    h->base.ops = &real_ops;
    rng_init(&h->rng, seed);
    mem_wipe(seed, sizeof seed);
    *out = &h->base;
    return AHOY_OK;
}
