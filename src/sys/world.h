/*
 * What the two worlds have in common, for the files of src/sys alone: the beginnings of the opaque structs of the
 * public headers, and the table through which each call reaches its world. sys_host and sys_loop carry the table;
 * everything that lives on a loop finds it there.
 */
#ifndef AHOY_SYS_WORLD_H
#define AHOY_SYS_WORLD_H

#include "sys/dns.h"
#include "sys/loop.h"
#include "sys/tcp.h"
#include "sys/udp.h"

#include <stdatomic.h>

struct sys_ops {
    void (*host_destroy)(struct sys_host *host);
    size_t (*host_ifaces)(struct sys_host *host, struct sys_iface *out, size_t max);
    enum ahoy_err (*host_source)(struct sys_host *host, const struct addr *dst, struct addr *out);
    void (*host_random)(struct sys_host *host, void *p, size_t n);
    enum ahoy_err (*host_set_nameservers)(struct sys_host *host, const struct addr *servers, size_t n);

    enum ahoy_err (*loop_create)(struct sys_host *host, struct sys_loop **out);
    void (*loop_destroy)(struct sys_loop *loop);
    void (*loop_run)(struct sys_loop *loop);
    void (*loop_stop)(struct sys_loop *loop);
    enum ahoy_err (*loop_spawn)(struct sys_loop *loop, const char *name);
    void (*loop_join)(struct sys_loop *loop);
    int64_t (*clock_us)(const struct sys_loop *loop);
    int64_t (*wall_ms)(const struct sys_loop *loop);
    int64_t (*busy_us)(const struct sys_loop *loop);
    void (*post)(struct sys_loop *loop, struct sys_msg *msg);
    /* The earliest timer of the loop is another one now. */
    void (*timers_changed)(struct sys_loop *loop);

    enum ahoy_err (*udp_open)(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                              const struct sys_udp_handler *handler);
    void (*udp_close)(struct sys_udp *u);
    enum ahoy_err (*udp_send)(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                              size_t n);

    enum ahoy_err (*tcp_connect)(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                                 const struct addr *dst, const struct sys_tcp_handler *handler);
    void (*tcp_close)(struct sys_tcp *t);
    enum ahoy_err (*tcp_write)(struct sys_tcp *t, const void *data, size_t n);
    void (*tcp_shutdown)(struct sys_tcp *t);
    void (*tcp_pause)(struct sys_tcp *t, bool paused);
    enum ahoy_err (*tcp_listen)(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                                sys_tcp_accept_fn *accept, void *arg);
    void (*tcp_listener_close)(struct sys_tcp_listener *l);

    enum ahoy_err (*dns_start)(struct sys_dns_query **out, struct sys_loop *loop, const char *name,
                               enum sys_dns_type type, sys_dns_fn *fn, void *arg);
    void (*dns_cancel)(struct sys_dns_query *q);

    enum ahoy_err (*iface_watch_start)(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                       void *arg);
    void (*iface_watch_stop)(struct sys_iface_watch *w);
};

struct sys_host {
    const struct sys_ops *ops;
};

struct sys_loop {
    const struct sys_ops *ops;
    struct sys_host *host;
    struct heap timers;
    const _Atomic int64_t *now_us; /* the loop's own cache, or the clock of the simulation; written by the world */
    bool in_turn;                  /* inside a batch of callbacks: *now_us is fresh enough to start timers from */
    size_t open;                   /* sockets, look-ups and watches alive; 0 when the loop is destroyed */
};

struct sys_udp {
    struct sys_loop *loop;
    struct addr local;
    struct sys_udp_handler handler;
    uint64_t overflows;
};

struct sys_tcp {
    struct sys_loop *loop;
    struct addr local, peer;
    struct sys_tcp_handler handler;
    bool handled; /* a handler was set */
};

struct sys_tcp_listener {
    struct sys_loop *loop;
    struct addr local;
    sys_tcp_accept_fn *accept;
    void *arg;
};

struct sys_dns_query {
    struct sys_loop *loop;
    sys_dns_fn *fn;
    void *arg;
};

struct sys_iface_watch {
    struct sys_loop *loop;
    sys_iface_watch_fn *fn;
    void *arg;
};

/** Prepares the common part of a loop. */
void sys_loop_init(struct sys_loop *loop, struct sys_host *host, const _Atomic int64_t *now_us);

/** Runs the earliest timer if it is due at `now_us`; returns whether one ran. */
bool sys_loop_fire_timer(struct sys_loop *loop, int64_t now_us);

/** Runs the timers that are due now; those started meanwhile wait for the next time. */
void sys_loop_fire_timers(struct sys_loop *loop, int64_t now_us);

#endif
