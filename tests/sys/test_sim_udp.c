#include "sys/sim.h"

#include "support/t.h"
#include "support_net.h"

#include <stdio.h>

/* Two hosts with a socket each, and what a test needs to have one talk to the other. */
struct pair {
    struct sim *sim;
    struct sys_host *host[2];
    struct sys_loop *loop[2];
    struct ear ear[2];
};

static enum ahoy_err pair_open(struct pair *p, uint64_t seed)
{
    static const char *const ip[] = { "192.0.2.1", "192.0.2.2" };
    char text[ADDR_TEXT_BYTES];
    enum ahoy_err err = sim_create(&p->sim, seed);
    for (int i = 0; i < 2 && !err; i++) {
        err = sim_host(p->sim, ip[i], &p->host[i]);
        if (!err)
            err = sys_loop_create(p->host[i], &p->loop[i]);
        snprintf(text, sizeof text, "%s:5060", ip[i]);
        if (!err)
            err = ear_open(&p->ear[i], p->loop[i], text);
    }
    return err;
}

static void pair_close(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        sys_udp_close(p->ear[i].udp);
        sys_loop_destroy(p->loop[i]);
    }
    sim_destroy(p->sim);
}

static enum ahoy_err say(struct pair *p, const char *text)
{
    return sys_udp_send(p->ear[0].udp, NULL, sys_udp_local(p->ear[1].udp), text, strlen(text));
}

static void test_a_datagram_arrives_after_the_delay(struct t *t)
{
    struct pair p = { 0 };
    T_OK(pair_open(&p, 1));
    sim_default_link(p.sim, &(struct sim_link){ .delay_us = SYS_MS(30) });
    T_OK(say(&p, "hello"));
    sim_run(p.sim, SYS_MS(30) - 1);
    T_EQ(p.ear[1].heard, 0);
    sim_run(p.sim, 1);
    T_EQ(p.ear[1].heard, 1);
    T_EQ(p.ear[1].batches, 1);
    T_STR(p.ear[1].last, "hello");
    T_CHECK(addr_eq(&p.ear[1].src, sys_udp_local(p.ear[0].udp)));
    T_CHECK(addr_eq(&p.ear[1].local, sys_udp_local(p.ear[1].udp)));
    T_EQ(p.ear[1].when_us, sim_now_us(p.sim));
out:
    pair_close(&p);
}

static void test_a_closed_port_refuses_after_the_way_back(struct t *t)
{
    struct pair p = { 0 };
    T_OK(pair_open(&p, 1));
    sim_default_link(p.sim, &(struct sim_link){ .delay_us = SYS_MS(30) });
    struct addr dst = addr_ip4(192, 0, 2, 2, 9);
    T_OK(sys_udp_send(p.ear[0].udp, NULL, &dst, "x", 1));
    sim_run(p.sim, SYS_MS(59));
    T_EQ(p.ear[0].errors, 0);
    sim_run(p.sim, SYS_MS(1));
    T_EQ(p.ear[0].errors, 1);
    T_EQ(p.ear[0].error, AHOY_ERR_REFUSED);
    T_CHECK(addr_eq(&p.ear[0].error_dst, &dst));
    struct addr nowhere = addr_ip4(198, 51, 100, 1, 9); /* a silent drop, not a refusal */
    T_OK(sys_udp_send(p.ear[0].udp, NULL, &nowhere, "x", 1));
    T_CHECK(sim_run_idle(p.sim, SYS_S(10)));
    T_EQ(p.ear[0].errors, 1);
out:
    pair_close(&p);
}

static void test_a_partition_swallows_until_healed(struct t *t)
{
    struct pair p = { 0 };
    T_OK(pair_open(&p, 1));
    T_OK(sim_partition(p.sim, p.host[0], p.host[1], true));
    T_OK(say(&p, "lost"));
    sim_run(p.sim, SYS_S(1));
    T_EQ(p.ear[1].heard, 0);
    T_EQ(p.ear[0].errors, 0);
    T_OK(sim_partition(p.sim, p.host[0], p.host[1], false));
    T_OK(say(&p, "found"));
    sim_run(p.sim, SYS_S(1));
    T_STR(p.ear[1].last, "found");
out:
    pair_close(&p);
}

/* Sends n datagrams, a millisecond apart; returns the fraction that arrived. */
static double arrived(struct pair *p, int n)
{
    size_t before = p->ear[1].heard;
    for (int i = 0; i < n; i++) {
        (void) say(p, "datagram");
        sim_run(p->sim, SYS_MS(1));
    }
    sim_run(p->sim, SYS_S(1));
    return (double) (p->ear[1].heard - before) / n;
}

static void test_loss_and_duplication_have_their_rates(struct t *t)
{
    struct pair p = { 0 };
    T_OK(pair_open(&p, 7));
    sim_default_link(p.sim, &(struct sim_link){ .loss = 0.2, .delay_us = SYS_MS(5) });
    T_NEAR(arrived(&p, 5000), 0.8, 0.02);
    sim_default_link(p.sim, &(struct sim_link){ .loss = 1 });
    T_NEAR(arrived(&p, 100), 0, 0);
    sim_default_link(p.sim, &(struct sim_link){ .duplicate = 0.3, .delay_us = SYS_MS(5) });
    T_NEAR(arrived(&p, 5000), 1.3, 0.02);
    /* One direction only. */
    T_OK(sim_pair_link(p.sim, p.host[0], p.host[1], &(struct sim_link){ .loss = 1 }));
    T_NEAR(arrived(&p, 50), 0, 0);
    T_OK(sys_udp_send(p.ear[1].udp, NULL, sys_udp_local(p.ear[0].udp), "back", 4));
    sim_run(p.sim, SYS_S(1));
    T_EQ(p.ear[0].heard, 1);
out:
    pair_close(&p);
}

struct runs {
    bool was_lost;
    size_t lost, runs;
};

static void count_runs(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                       size_t n, bool lost)
{
    struct runs *r = arg;
    (void) now_us, (void) src, (void) dst, (void) data, (void) n;
    r->lost += lost;
    r->runs += lost && !r->was_lost;
    r->was_lost = lost;
}

static void test_losses_come_in_bursts_of_the_given_length(struct t *t)
{
    struct pair p = { 0 };
    struct runs r = { 0 };
    T_OK(pair_open(&p, 3));
    sim_tap(p.sim, count_runs, &r);
    sim_default_link(p.sim, &(struct sim_link){ .loss = 0.1, .burst = 5, .delay_us = SYS_MS(5) });
    T_NEAR(arrived(&p, 20000), 0.9, 0.02);
    T_NEAR((double) r.lost / (double) r.runs, 5, 0.5);
out:
    pair_close(&p);
}

static void test_a_slow_link_queues_and_then_drops(struct t *t)
{
    struct pair p = { 0 };
    char big[972] = { 0 }; /* 1,000 bytes with headers */
    T_OK(pair_open(&p, 3));
    sim_default_link(p.sim, &(struct sim_link){ .rate_bps = 80000, .queue_bytes = 5000, .delay_us = SYS_MS(5) });
    for (int i = 0; i < 10; i++)
        T_OK(sys_udp_send(p.ear[0].udp, NULL, sys_udp_local(p.ear[1].udp), big, sizeof big));
    sim_run(p.sim, SYS_MS(104)); /* 100 ms a packet, and the delay */
    T_EQ(p.ear[1].heard, 0);
    sim_run(p.sim, SYS_MS(1));
    T_EQ(p.ear[1].heard, 1);
    sim_run(p.sim, SYS_S(2));
    T_EQ(p.ear[1].heard, 5);
out:
    pair_close(&p);
}

static void test_corruption_flips_one_bit(struct t *t)
{
    struct pair p = { 0 };
    T_OK(pair_open(&p, 3));
    sim_default_link(p.sim, &(struct sim_link){ .corrupt = 1 });
    for (int i = 0; i < 50; i++) {
        char zeros[10] = { 0 };
        T_OK(sys_udp_send(p.ear[0].udp, NULL, sys_udp_local(p.ear[1].udp), zeros, sizeof zeros));
        sim_run(p.sim, SYS_MS(5));
        int bits = 0;
        for (size_t k = 0; k < sizeof zeros; k++)
            for (int b = 0; b < 8; b++)
                bits += (p.ear[1].last[k] >> b) & 1;
        T_EQ(bits, 1);
    }
out:
    pair_close(&p);
}

/* The trace of a messy exchange as a number. */
static uint32_t trace(uint64_t seed)
{
    struct pair p = { 0 };
    uint32_t sum = 0;
    if (pair_open(&p, seed) == AHOY_OK) {
        sim_default_link(p.sim, &(struct sim_link){ .loss = 0.1,
                                                    .duplicate = 0.1,
                                                    .reorder = 0.2,
                                                    .corrupt = 0.1,
                                                    .delay_us = SYS_MS(5),
                                                    .jitter_us = SYS_MS(40) });
        p.ear[1].echo = true;
        for (int i = 0; i < 500; i++) {
            uint8_t noise[8];
            sys_host_random(p.host[0], noise, sizeof noise);
            (void) sys_udp_send(p.ear[0].udp, NULL, sys_udp_local(p.ear[1].udp), noise, sizeof noise);
            sim_run(p.sim, SYS_MS(2));
            sum = end_sum(sum, p.ear[0].last, p.ear[0].last_n);
            sum = end_sum(sum, &p.ear[0].when_us, sizeof p.ear[0].when_us);
            sum = end_sum(sum, &p.ear[1].heard, sizeof p.ear[1].heard);
        }
    }
    pair_close(&p);
    return sum;
}

static void test_a_run_is_a_function_of_its_seed(struct t *t)
{
    uint32_t once = trace(42);
    T_CHECK(once == trace(42));
    T_CHECK(once != trace(43));
out:
    return;
}

static void test_ports_are_freed_kept_apart_and_drawn_without_collision(struct t *t)
{
    enum { N = 300 };
    struct pair p = { 0 };
    struct ear extra = { 0 }, many[N];
    memset(many, 0, sizeof many);
    T_OK(pair_open(&p, 1));
    T_ERR(ear_open(&extra, p.loop[0], "192.0.2.1:5060"), AHOY_ERR_ADDR_IN_USE);
    T_ERR(ear_open(&extra, p.loop[0], "0.0.0.0:5060"), AHOY_ERR_ADDR_IN_USE);
    T_ERR(ear_open(&extra, p.loop[0], "192.0.2.77:5060"), AHOY_ERR_ADDR_UNAVAILABLE);
    sys_udp_close(p.ear[0].udp);
    p.ear[0].udp = NULL;
    T_OK(ear_open(&extra, p.loop[0], "0.0.0.0:5060"));
    for (int i = 0; i < N; i++) {
        T_OK(ear_open(&many[i], p.loop[0], "192.0.2.1:0"));
        for (int k = 0; k < i; k++)
            T_CHECK(sys_udp_local(many[i].udp)->port != sys_udp_local(many[k].udp)->port);
    }
out:
    for (int i = 0; i < N; i++)
        sys_udp_close(many[i].udp);
    sys_udp_close(extra.udp);
    pair_close(&p);
}

static void test_an_any_socket_answers_from_the_address_that_was_asked(struct t *t)
{
    struct pair p = { 0 };
    struct ear any = { .echo = true };
    T_OK(pair_open(&p, 1));
    T_OK(sim_host_add_ip(p.host[1], "192.0.2.22"));
    T_OK(ear_open(&any, p.loop[1], "0.0.0.0:7000"));
    any.echo = true;
    struct addr dst = addr_ip4(192, 0, 2, 22, 7000);
    T_OK(sys_udp_send(p.ear[0].udp, NULL, &dst, "who", 3));
    sim_run(p.sim, SYS_S(1));
    T_EQ(any.heard, 1);
    T_CHECK(addr_eq(&any.local, &dst));
    T_CHECK(addr_eq(&p.ear[0].src, &dst));
out:
    sys_udp_close(any.udp);
    pair_close(&p);
}

static void test_a_host_whose_address_is_gone_is_silent(struct t *t)
{
    struct pair p = { 0 };
    struct addr src;
    T_OK(pair_open(&p, 1));
    sim_host_remove_ip(p.host[0], "192.0.2.1");
    T_OK(say(&p, "nobody hears"));
    T_OK(sys_udp_send(p.ear[1].udp, NULL, sys_udp_local(p.ear[0].udp), "nor this", 8));
    sim_run(p.sim, SYS_S(1));
    T_EQ(p.ear[0].heard + p.ear[1].heard + p.ear[1].errors, 0);
    T_ERR(sys_host_source(p.host[0], sys_udp_local(p.ear[1].udp), &src), AHOY_ERR_UNREACHABLE);
out:
    pair_close(&p);
}

static void test_packets_in_flight_die_with_the_simulation(struct t *t)
{
    struct pair p = { 0 };
    char big[3000] = { 0 };
    T_OK(pair_open(&p, 1));
    T_OK(say(&p, "under way"));
    T_OK(sys_udp_send(p.ear[0].udp, NULL, sys_udp_local(p.ear[1].udp), big, sizeof big));
    T_ERR(sys_udp_send(p.ear[0].udp, NULL, sys_udp_local(p.ear[1].udp), big, 65508), AHOY_ERR_TOO_BIG);
out:
    pair_close(&p); /* the runner sees a leak */
}

static void close_itself(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                         int64_t when_us)
{
    struct ear *e = arg;
    (void) src, (void) local, (void) data, (void) n, (void) when_us;
    e->heard++;
    sys_udp_close(e->udp);
    e->udp = NULL;
}

static void test_a_socket_may_close_itself_when_it_hears(struct t *t)
{
    struct pair p = { 0 };
    struct ear e = { 0 };
    struct sys_udp_handler handler = ear_handler(&e);
    handler.recv = close_itself;
    struct sys_udp_config cfg = { .local = addr_ip4(192, 0, 2, 2, 7000) };
    T_OK(pair_open(&p, 1));
    T_OK(sys_udp_open(&e.udp, p.loop[1], &cfg, &handler));
    for (int i = 0; i < 3; i++)
        T_OK(sys_udp_send(p.ear[0].udp, NULL, &cfg.local, "x", 1));
    sim_run(p.sim, SYS_S(1));
    T_EQ(e.heard, 1);
    T_EQ(e.batches, 0);
    T_EQ(p.ear[0].errors, 2);
out:
    sys_udp_close(e.udp);
    pair_close(&p);
}

T_MAIN(T(test_a_datagram_arrives_after_the_delay), T(test_a_closed_port_refuses_after_the_way_back),
       T(test_a_partition_swallows_until_healed), T(test_loss_and_duplication_have_their_rates),
       T(test_losses_come_in_bursts_of_the_given_length), T(test_a_slow_link_queues_and_then_drops),
       T(test_corruption_flips_one_bit), T(test_a_run_is_a_function_of_its_seed),
       T(test_ports_are_freed_kept_apart_and_drawn_without_collision),
       T(test_an_any_socket_answers_from_the_address_that_was_asked), T(test_a_host_whose_address_is_gone_is_silent),
       T(test_packets_in_flight_die_with_the_simulation), T(test_a_socket_may_close_itself_when_it_hears))
