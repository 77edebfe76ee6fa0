/* Bells: rings from other threads, and those that count as one; uses threads. */
#include "sys/bell.h"

#include "support/t.h"
#include "sys/sim.h"

#include <pthread.h>

struct count {
    struct sys_loop *loop;
    struct sys_bell *bell;
    unsigned heard, stop_at;
};

static void on_ring(void *arg)
{
    struct count *c = arg;
    if (++c->heard == c->stop_at)
        sys_loop_stop(c->loop);
}

static void test_rings_before_they_are_heard_count_as_one(struct t *t)
{
    struct sim *sim = NULL;
    struct sys_host *host = NULL;
    struct count c = { .loop = NULL };
    T_OK(sim_create(&sim, 1));
    T_OK(sim_host(sim, "192.0.2.1", &host));
    T_OK(sys_loop_create(host, &c.loop));
    T_OK(sys_loop_spawn(c.loop, "bell"));
    T_OK(sys_bell_create(&c.bell, c.loop, on_ring, &c));
    for (int i = 0; i < 3; i++)
        sys_bell_ring(c.bell);
    sim_run(sim, SYS_MS(1));
    T_EQ(c.heard, 1);
    sys_bell_ring(c.bell);
    sim_run(sim, SYS_MS(1));
    T_EQ(c.heard, 2);
    sys_bell_ring(c.bell); /* on its way when the bell goes: not heard, not leaked */
    sys_bell_destroy(c.bell);
    c.bell = NULL;
    sim_run(sim, SYS_MS(1));
    T_EQ(c.heard, 2);
out:
    sys_bell_destroy(c.bell);
    if (c.loop) {
        sys_loop_join(c.loop);
        sys_loop_destroy(c.loop);
    }
    sim_destroy(sim);
}

enum { RINGS = 20000 };

static void *ring_often(void *arg)
{
    struct count *c = arg;
    for (int i = 0; i < RINGS; i++)
        sys_bell_ring(c->bell);
    return NULL;
}

static void test_a_ring_from_another_thread_is_always_heard(struct t *t)
{
    struct sys_host *host = NULL;
    struct count c = { .loop = NULL };
    pthread_t thread;
    T_OK(sys_host_real(&host));
    T_OK(sys_loop_create(host, &c.loop));
    T_OK(sys_bell_create(&c.bell, c.loop, on_ring, &c));
    T_OK(sys_loop_spawn(c.loop, "bell"));
    T_EQ(pthread_create(&thread, NULL, ring_often, &c), 0);
    T_EQ(pthread_join(thread, NULL), 0);
    sys_loop_join(c.loop); /* what was rung before is heard first */
    T_CHECK(c.heard >= 1 && c.heard <= RINGS);
out:
    sys_bell_destroy(c.bell);
    if (c.loop)
        sys_loop_destroy(c.loop);
    sys_host_destroy(host);
}

T_MAIN(T(test_rings_before_they_are_heard_count_as_one), T(test_a_ring_from_another_thread_is_always_heard))
