/*
 * The inside of the real world, shared by the files src/sys/real_*.c: libuv's loop with sockets of our own on uv_poll,
 * so that datagrams travel in batches, tell which of our addresses they came to, and ICMP errors find their
 * destination.
 */
#ifndef AHOY_SYS_REAL_H
#define AHOY_SYS_REAL_H

#include "base/list.h"
#include "sys/pool.h"
#include "sys/world.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <uv.h>

enum { REAL_SLAB_SLOTS = 16, REAL_SLOT_BYTES = 65536 };

struct real_dns;

struct real_host {
    struct sys_host base;
    pthread_mutex_t lock; /* of all below */
    struct rng rng;
    struct addr server[SYS_MAX_NAMESERVERS];
    size_t servers; /* 0: the system's */
    unsigned servers_changed;
};

/* A socket with something to send, waiting for the end of the turn. */
struct real_flush {
    struct list_link link;
    void (*fn)(struct real_flush *f);
};

struct real_slab;

struct real_loop {
    struct sys_loop base;
    _Atomic int64_t now_us;
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_poll_t timer_poll;
    int timer_fd;
    int64_t armed_us;               /* what the timerfd is set to; INT64_MAX: off, -1: it has fired */
    _Atomic(struct sys_msg *) mail; /* newest first */
    struct list flushes;
    struct pool pool;
    struct real_slab *slab; /* where datagrams and stream bytes are received; NULL until the first */
    struct real_dns *dns;   /* NULL until the first look-up */
    pthread_t thread;
    bool spawned, running;
    char name[16];
    struct sys_msg stop_msg;
};

union real_sockaddr {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

static inline struct real_loop *real_loop_of(const struct sys_loop *loop)
{
    return (struct real_loop *) loop;
}

static inline struct real_host *real_host_of(const struct sys_host *host)
{
    return (struct real_host *) host;
}

/** Our word for an errno. */
enum ahoy_err real_err(int sys_errno);

socklen_t real_to_sockaddr(const struct addr *a, union real_sockaddr *out);
/** Family ADDR_NONE for what is neither IPv4 nor IPv6. */
struct addr real_from_sockaddr(const union real_sockaddr *in);
struct addr real_local_of(int fd);

int64_t real_clock_us(void);
int64_t real_wall_us(void);

/** To be called first in each callback of libuv: refreshes the loop's cached time. */
void real_touch(struct real_loop *l);

/** Has f->fn run at the end of this turn, once. */
void real_flush_later(struct real_loop *l, struct real_flush *f);

/** A slot of the slab with room for any datagram, valid until the next receiving; NULL without memory. */
char *real_slab_slot(struct real_loop *l, size_t i);
/** Gives back the memory of a slot of which `used` bytes were written, when that is a lot. */
void real_slab_used(struct real_loop *l, size_t i, size_t used);
void real_slab_free(struct real_loop *l);

/** Closes a poll handle and its descriptor; `done` may free what holds the handle. */
void real_poll_close(uv_poll_t *poll, int fd, uv_close_cb done);

enum ahoy_err real_loop_create(struct sys_host *host, struct sys_loop **out);
void real_loop_destroy(struct sys_loop *loop);
void real_loop_run(struct sys_loop *loop);
void real_loop_stop(struct sys_loop *loop);
enum ahoy_err real_loop_spawn(struct sys_loop *loop, const char *name);
void real_loop_join(struct sys_loop *loop);
int64_t real_loop_clock_us(const struct sys_loop *loop);
int64_t real_loop_wall_ms(const struct sys_loop *loop);
int64_t real_loop_busy_us(const struct sys_loop *loop);
void real_loop_post(struct sys_loop *loop, struct sys_msg *msg);
void real_loop_timers_changed(struct sys_loop *loop);

enum ahoy_err real_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                            const struct sys_udp_handler *handler);
void real_udp_close(struct sys_udp *u);
enum ahoy_err real_udp_send(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                            size_t n);

enum ahoy_err real_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                               const struct addr *dst, const struct sys_tcp_handler *handler);
void real_tcp_close(struct sys_tcp *t);
enum ahoy_err real_tcp_write(struct sys_tcp *t, const void *data, size_t n);
void real_tcp_shutdown(struct sys_tcp *t);
void real_tcp_pause(struct sys_tcp *t, bool paused);
/** Takes a connected descriptor; closes it when it fails. */
enum ahoy_err real_tcp_adopt(struct real_loop *l, int fd, const struct addr *peer, struct sys_tcp **out);

/** After the accept callback: begins to read, or closes what was not taken. */
void real_tcp_accepted(struct sys_tcp *t);

enum ahoy_err real_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                              sys_tcp_accept_fn *accept, void *arg);
void real_tcp_listener_close(struct sys_tcp_listener *l);

enum ahoy_err real_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name,
                             enum sys_dns_type type, sys_dns_fn *fn, void *arg);
void real_dns_cancel(struct sys_dns_query *q);
/** When the loop ends; all queries were cancelled or answered. */
void real_dns_free(struct real_loop *l);

size_t real_host_ifaces(struct sys_host *host, struct sys_iface *out, size_t max);
enum ahoy_err real_host_source(struct sys_host *host, const struct addr *dst, struct addr *out);
enum ahoy_err real_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                     void *arg);
void real_iface_watch_stop(struct sys_iface_watch *w);

#endif
