/*
 * The world, seen through one interface with two implementations: the real one (libuv, sockets, c-ares) and the
 * simulated one (virtual clock, virtual network; see sys/sim.h). Nothing above this floor asks the system for time,
 * randomness, sockets or names in any other way.
 *
 * A host is a machine: it has addresses, a resolver and randomness. A loop lives on a host and runs callbacks one at a
 * time. Everything created on a loop (timers, sockets, look-ups) belongs to it: it is used from callbacks of that loop
 * only, and its callbacks run there. The only calls allowed from other threads are those that say so: sys_post() and the
 * clocks.
 *
 * Life cycle of every socket and request: `open`/`start` creates and returns it; the owner closes it exactly once with
 * the matching `close`/`cancel`, from any callback of the loop, its own included; after that no callback of it runs. An
 * error callback does not close by itself.
 */
#ifndef AHOY_SYS_LOOP_H
#define AHOY_SYS_LOOP_H

#include "base/addr.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/rng.h"

struct sys_host;
struct sys_loop;

/* ---- hosts ------------------------------------------------------------------------------------------------------- */

/** This machine. Several may exist; each has a generator seeded by the operating system. */
AHOY_MUST_USE enum ahoy_err sys_host_real(struct sys_host **out);

/** Frees a real host; all its loops must be gone. NULL is ignored. (A simulated host belongs to its simulation.) */
void sys_host_destroy(struct sys_host *host);

/** One address of the machine. */
struct sys_iface {
    char name[16];
    struct addr addr; /* port 0 */
    bool loopback;
};

/** Lists addresses of interfaces that are up, at most `max`; returns how many. */
size_t sys_host_ifaces(struct sys_host *host, struct sys_iface *out, size_t max);

/** The local address that packets to `dst` would leave from (port 0). UNREACHABLE without a route. */
AHOY_MUST_USE enum ahoy_err sys_host_source(struct sys_host *host, const struct addr *dst, struct addr *out);

/** Fills with randomness of the host: of the operating system, or of the simulation's seed. Any thread. */
void sys_host_random(struct sys_host *host, void *p, size_t n);

/**
 * Asks these name servers (at most SYS_MAX_NAMESERVERS, with their ports; 0: 53) instead of those of the system; n of 0
 * goes back to the system's. Counts for look-ups started later. Before loops of the host run, or from their callbacks.
 * A simulated host has one table of names only: UNSUPPORTED.
 */
AHOY_MUST_USE enum ahoy_err sys_host_set_nameservers(struct sys_host *host, const struct addr *servers, size_t n);

enum { SYS_MAX_NAMESERVERS = 8 };

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/** A loop without a thread: its owner calls sys_loop_run (real), or the simulation runs it. */
AHOY_MUST_USE enum ahoy_err sys_loop_create(struct sys_host *host, struct sys_loop **out);

/** Frees a loop that is not running and on which everything was closed. Posted messages not yet run are run first. */
void sys_loop_destroy(struct sys_loop *loop);

/** Runs callbacks until sys_loop_stop. Real only; a simulated loop is run by sim_run. */
void sys_loop_run(struct sys_loop *loop);

/**
 * Makes sys_loop_run return at the end of this turn: callbacks that are due already still run. From callbacks of this
 * loop. A simulated loop runs nothing any more until it is spawned again.
 */
void sys_loop_stop(struct sys_loop *loop);

/**
 * Starts a thread that runs the loop until sys_loop_join. In the simulation there is no thread; the simulation runs the
 * loop in turn with the others, so the same code works. `name` is at most 15 characters.
 */
AHOY_MUST_USE enum ahoy_err sys_loop_spawn(struct sys_loop *loop, const char *name);

/**
 * Asks a spawned loop to stop and waits for its thread. Messages that the caller posted before are run first. Called
 * from another thread than the loop's; afterwards the caller may close what lives on the loop, and destroy it.
 */
void sys_loop_join(struct sys_loop *loop);

struct sys_host *sys_loop_host(const struct sys_loop *loop);

/**
 * Monotonic microseconds, cached at the start of each batch of callbacks on the loop's own thread. Any thread; the
 * cache of another thread's loop is as old as its last batch, so sys_clock_us serves better there.
 */
int64_t sys_now_us(const struct sys_loop *loop);

/**
 * Monotonic microseconds, read afresh; on the same clock as sys_now_us. Any thread, an audio device's too: it takes no
 * lock and no memory. (A simulated loop has one thread, and one time for all of it.)
 */
int64_t sys_clock_us(const struct sys_loop *loop);

/** Milliseconds since 1970-01-01 UTC. Any thread. */
int64_t sys_wall_ms(const struct sys_loop *loop);

/**
 * Processor time that the loop's thread has spent so far, microseconds; from callbacks of the loop. In the simulation
 * what sim_host_busy says.
 */
int64_t sys_busy_us(const struct sys_loop *loop);

/* ---- messages to a loop ------------------------------------------------------------------------------------------ */

struct sys_msg;
typedef void sys_msg_fn(struct sys_msg *msg);

/**
 * Embedded first in the sender's struct; from sys_post until `fn` runs it belongs to the loop. `fn` frees or reuses it.
 */
struct sys_msg {
    struct sys_msg *next;
    sys_msg_fn *fn;
};

/** Runs msg->fn(msg) on the loop, in order of posting for each sender. Never fails, never blocks. Any thread. */
void sys_post(struct sys_loop *loop, struct sys_msg *msg);

/* ---- timers ------------------------------------------------------------------------------------------------------ */

typedef void sys_timer_fn(void *arg);

/** The caller's memory; starting cannot fail. A stopped timer holds nothing and needs no closing. */
struct sys_timer {
    struct heap_node node;
    struct sys_loop *loop; /* NULL while stopped */
    sys_timer_fn *fn;
    void *arg;
};

/** Prepares a stopped timer. */
void sys_timer_init(struct sys_timer *t, sys_timer_fn *fn, void *arg);

/** (Re)starts: `fn` runs once, not before now + delay. `delay_us` < 0 counts as 0. Order of equal times is kept. */
void sys_timer_start(struct sys_loop *loop, struct sys_timer *t, int64_t delay_us);

/** The same for an absolute monotonic time, for periodic work without drift. */
void sys_timer_start_at(struct sys_loop *loop, struct sys_timer *t, int64_t when_us);

void sys_timer_stop(struct sys_timer *t);

static inline bool sys_timer_running(const struct sys_timer *t)
{
    return t->loop != NULL;
}

/* ---- changes of the machine's addresses -------------------------------------------------------------------------- */

struct sys_iface_watch;

/** Some address came or went; ask sys_host_ifaces. Several changes at once may come as one call. */
typedef void sys_iface_watch_fn(void *arg);

/** Watches the addresses of the loop's host. LIMIT, NOMEM, IO, ACCESS. */
AHOY_MUST_USE enum ahoy_err sys_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop,
                                                  sys_iface_watch_fn *fn, void *arg);

/** NULL is ignored. */
void sys_iface_watch_stop(struct sys_iface_watch *w);

#define SYS_MS(ms) ((int64_t) (ms) *1000)
#define SYS_S(s)   ((int64_t) (s) *1000000)

#endif
