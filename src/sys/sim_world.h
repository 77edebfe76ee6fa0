/* The inside of the simulation, shared by the files src/sys/sim_*.c. Described in sys/sim.h. */
#ifndef AHOY_SYS_SIM_WORLD_H
#define AHOY_SYS_SIM_WORLD_H

#include "base/list.h"
#include "base/map.h"
#include "sys/pool.h"
#include "sys/sim.h"
#include "sys/world.h"

struct sim_event;
struct sim_path;
struct sim_nat;

typedef void sim_event_fn(struct sim *s, struct sim_event *ev);

/* Something that will happen; embedded in what it happens to, so that scheduling cannot fail. */
struct sim_event {
    struct heap_node node;
    sim_event_fn *run;
};

struct sim {
    _Atomic int64_t now;
    struct heap events;
    uint64_t seed;
    struct rng net; /* fate of packets; hosts have their own generators */
    uint8_t map_seed[16];
    bool running;
    struct list hosts, nats, conns;
    uint32_t hosts_made;
    size_t loops;
    struct map ips;   /* sim_ip by address */
    struct map paths; /* sim_path by pair of hosts */
    struct map names; /* sim_name by lower-case name */
    struct sim_link link;
    struct pool pool;
    bool dns_broken;
    sim_tap_fn *tap;
    void *tap_arg;
    const struct sys_udp *delivering; /* the socket whose callback runs; NULL once that closed it */
};

struct sim_host {
    struct sys_host base;
    struct sim *sim;
    struct list_link link;
    uint32_t index;
    struct rng rng;
    struct list ips;    /* sim_ip, in the order given */
    struct map udp;     /* sim_port of sockets, by family and port */
    struct map tcp;     /* the same for listeners … */
    struct map tcp_out; /* … and for streams that this host began */
    struct sim_nat *nat;
    struct list watches;
    double busy;            /* share of the time that its loops are said to be busy … */
    int64_t busy_since_us;  /* … since then, … */
    int64_t busy_before_us; /* … and how long they were before */
};

/* An address and whose it is: a host's, or a NAT's public one. */
struct sim_ip {
    struct map_node node;
    struct list_link link;
    struct addr addr;
    char key[ADDR_KEY_BYTES];
    struct sim_host *host;
    struct sim_nat *nat;
};

/* A port in use on a host. */
struct sim_port {
    struct map_node node;
    char key[3];
    struct addr local;
};

struct sim_loop {
    struct sys_loop base;
    struct sim *sim;
    struct sim_event wake; /* for the earliest timer */
    struct sim_event mail; /* for posted messages */
    struct sys_msg *first, **last;
    bool stopped;
};

/* One direction between two hosts. */
struct sim_path {
    struct map_node node;
    char key[8];
    struct sim_link link;
    bool own_link; /* else the simulation's default */
    bool cut;
    bool in_burst;
    int64_t busy_until; /* when the rate-limited sender has sent what it has queued */
};

/* ---- clock and events (sim.c) ---- */

int64_t sim_clock(const struct sim *s);
void sim_schedule(struct sim *s, struct sim_event *ev, int64_t when_us);
void sim_unschedule(struct sim *s, struct sim_event *ev);

/* ---- hosts and ports (sim_host.c) ---- */

struct sim_host *sim_host_of(struct sys_host *host);
void sim_host_free(struct sim_host *h);
bool sim_host_has_ip(const struct sim_host *h, const struct addr *ip);
/* The host's own address that speaks to `dst`; false without one of that family. */
bool sim_host_pick_source(const struct sim_host *h, const struct addr *dst, struct addr *out);
/* Takes a port for `local` (0: a free one is drawn). */
enum ahoy_err sim_port_take(struct sim_host *h, struct map *ports, struct sim_port *port, const struct addr *local);
/* The taker of the port that hears `to`: bound to just this address, or to any. */
struct sim_port *sim_port_find(struct map *ports, const struct addr *to);

/* ---- loops (sim_loop.c) ---- */

enum ahoy_err sim_loop_create(struct sys_host *host, struct sys_loop **out);
void sim_loop_destroy(struct sys_loop *loop);
void sim_loop_run(struct sys_loop *loop);
void sim_loop_stop(struct sys_loop *loop);
enum ahoy_err sim_loop_spawn(struct sys_loop *loop, const char *name);
void sim_loop_join(struct sys_loop *loop);
int64_t sim_loop_clock_us(const struct sys_loop *loop);
int64_t sim_loop_wall_ms(const struct sys_loop *loop);
int64_t sim_loop_busy_us(const struct sys_loop *loop);
void sim_loop_post(struct sys_loop *loop, struct sys_msg *msg);
void sim_loop_timers_changed(struct sys_loop *loop);
bool sim_loop_deaf(const struct sys_loop *loop); /* stopped: nothing is delivered to it */

/* ---- the network (sim_link.c, sim_nat.c) ---- */

/* The path of a pair, made on first use; NULL when there is no memory for it. */
struct sim_path *sim_path_get(struct sim *s, const struct sim_host *from, const struct sim_host *to);
const struct sim_link *sim_path_link(const struct sim *s, const struct sim_path *p);
bool sim_chance(struct sim *s, double p);
/* Draws one packet's loss. */
bool sim_path_loses(struct sim *s, struct sim_path *p);
/* Draws one packet's time under way, queueing excluded; never 0. */
int64_t sim_path_delay(struct sim *s, const struct sim_path *p);
/* Passes `bytes` through the sender's queue: adds the wait to *delay; false when the queue is full. */
bool sim_path_queue(struct sim *s, struct sim_path *p, size_t bytes, int64_t *delay);

/* Where a packet goes, decided when it leaves. */
struct sim_route {
    struct sim_host *to;  /* for the choice of the path; the NAT decides anew on arrival */
    struct sim_nat *into; /* the NAT it has to pass inwards, or NULL */
    struct addr src, dst; /* as on the wire */
};

/* Finds the way and makes or refreshes the binding of the sender's NAT. NOT_FOUND: to nowhere; NOMEM. */
enum ahoy_err sim_route_udp(struct sim_host *from, const struct addr *src, const struct addr *dst,
                            struct sim_route *out);
/* The same for a TCP connection: no bindings; NATs let nothing in. */
enum ahoy_err sim_route_tcp(struct sim_host *from, const struct addr *src, const struct addr *dst,
                            struct sim_route *out);
/* Asks a NAT for the inner host and address of a packet that arrives; false: filtered or no binding. */
bool sim_nat_inward(struct sim_nat *nat, const struct addr *src, const struct addr *dst, struct sim_host **host,
                    struct addr *inner);
void sim_nat_free(struct sim_nat *nat);
struct sim_nat *sim_nat_of_link(struct list_link *link);

/* ---- sockets (sim_udp.c, sim_tcp.c, sim_dns.c) ---- */

enum ahoy_err sim_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                           const struct sys_udp_handler *handler);
void sim_udp_close(struct sys_udp *u);
enum ahoy_err sim_udp_send(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                           size_t n);
/* Frees a packet that is still under way when the simulation ends. */
void sim_udp_drop_event(struct sim *s, struct sim_event *ev);

enum ahoy_err sim_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                              const struct addr *dst, const struct sys_tcp_handler *handler);
void sim_tcp_close(struct sys_tcp *t);
enum ahoy_err sim_tcp_write(struct sys_tcp *t, const void *data, size_t n);
void sim_tcp_shutdown(struct sys_tcp *t);
void sim_tcp_pause(struct sys_tcp *t, bool paused);
enum ahoy_err sim_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                             sys_tcp_accept_fn *accept, void *arg);
void sim_tcp_listener_close(struct sys_tcp_listener *l);
/* Frees connections that nobody holds when the simulation ends. */
void sim_tcp_free_all(struct sim *s);

enum ahoy_err sim_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name, enum sys_dns_type type,
                            sys_dns_fn *fn, void *arg);
void sim_dns_cancel(struct sys_dns_query *q);
void sim_dns_free(struct sim *s);

enum ahoy_err sim_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                    void *arg);
void sim_iface_watch_stop(struct sys_iface_watch *w);

extern const struct sys_ops sim_ops;

#endif
