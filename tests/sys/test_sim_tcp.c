#include "sys/sim.h"

#include "support/t.h"
#include "support_net.h"

#include "base/mem.h"

struct world {
    struct sim *sim;
    struct sys_host *host[2];
    struct sys_loop *loop[2];
    struct sys_tcp_listener *listener;
    struct end client, server;
    bool refuse_stream; /* the callee does not take it */
    size_t accepted;
};

static const struct addr server_addr = { .family = ADDR_IP4, .port = 5060, .ip = { 192, 0, 2, 2 } };

static void on_accept(void *arg, struct sys_tcp *stream)
{
    struct world *w = arg;
    struct sys_tcp_handler handler = end_handler(&w->server);
    w->accepted++;
    if (w->refuse_stream)
        return;
    w->server.tcp = stream;
    sys_tcp_set_handler(stream, &handler);
}

static enum ahoy_err world_open(struct world *w)
{
    static const char *const ip[] = { "192.0.2.1", "192.0.2.2" };
    enum ahoy_err err = sim_create(&w->sim, 11);
    for (int i = 0; i < 2 && !err; i++) {
        err = sim_host(w->sim, ip[i], &w->host[i]);
        if (!err)
            err = sys_loop_create(w->host[i], &w->loop[i]);
    }
    if (err)
        return err;
    sim_default_link(w->sim, &(struct sim_link){ .delay_us = SYS_MS(10) });
    return sys_tcp_listen(&w->listener, w->loop[1], &server_addr, on_accept, w);
}

static void world_close(struct world *w)
{
    sys_tcp_close(w->client.tcp);
    sys_tcp_close(w->server.tcp);
    sys_tcp_listener_close(w->listener);
    for (int i = 0; i < 2; i++)
        sys_loop_destroy(w->loop[i]);
    sim_destroy(w->sim);
}

static enum ahoy_err dial(struct world *w)
{
    struct sys_tcp_handler handler = end_handler(&w->client);
    return sys_tcp_connect(&w->client.tcp, w->loop[0], NULL, &server_addr, &handler);
}

static void test_a_stream_opens_carries_both_ways_and_ends(struct t *t)
{
    struct world w = { .server.echo = true };
    T_OK(world_open(&w));
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, "early ", 6)); /* before it is connected */
    sim_run(w.sim, SYS_MS(19));
    T_EQ(w.client.connected, 0);
    sim_run(w.sim, SYS_MS(1));
    T_EQ(w.client.connected, 1);
    T_OK(sys_tcp_write(w.client.tcp, "bird", 4));
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.accepted, 1);
    T_MEM(w.server.data, "early bird", 10);
    T_MEM(w.client.data, "early bird", 10);
    T_CHECK(addr_eq(sys_tcp_peer(w.server.tcp), sys_tcp_local(w.client.tcp)));
    T_CHECK(addr_eq(sys_tcp_local(w.server.tcp), &server_addr));
    sys_tcp_close(w.client.tcp);
    w.client.tcp = NULL;
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.server.closed, 1);
    T_EQ(w.server.err, AHOY_ERR_END);
    T_ERR(sys_tcp_write(w.server.tcp, "x", 1), AHOY_ERR_CLOSED);
out:
    world_close(&w);
}

static void test_a_megabyte_arrives_in_order_over_a_lossy_link(struct t *t)
{
    enum { N = 1 << 20 };
    struct world w = { 0 };
    uint8_t *data = mem_alloc(N);
    T_CHECK(data != NULL);
    end_fill(data, N);
    T_OK(world_open(&w));
    sim_default_link(w.sim, &(struct sim_link){ .delay_us = SYS_MS(10), .jitter_us = SYS_MS(30), .loss = 0.05 });
    T_OK(dial(&w));
    sim_run(w.sim, SYS_S(10));
    T_OK(sys_tcp_write(w.client.tcp, data, N));
    T_ERR(sys_tcp_write(w.client.tcp, data, 1), AHOY_ERR_LIMIT);
    sim_run(w.sim, SYS_MS(45)); /* all would be there by now, were it not for the losses */
    T_LE(w.server.n, N - 1);
    sim_run(w.sim, SYS_S(100));
    T_EQ(w.server.n, N);
    T_CHECK(w.server.sum == end_sum(0, data, N));
    T_OK(sys_tcp_write(w.client.tcp, data, 1));
out:
    mem_free(data);
    world_close(&w);
}

static void test_a_half_close_leaves_the_other_half_open(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w));
    T_OK(dial(&w));
    sim_run(w.sim, SYS_S(1));
    T_CHECK(w.server.tcp != NULL);
    T_OK(sys_tcp_write(w.server.tcp, "reply", 5));
    T_OK(sys_tcp_write(w.client.tcp, "ask", 3));
    sys_tcp_shutdown(w.client.tcp);
    T_ERR(sys_tcp_write(w.client.tcp, "x", 1), AHOY_ERR_CLOSED);
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.server.n, 3);
    T_EQ(w.server.err, AHOY_ERR_END);
    T_EQ(w.client.n, 5);
    T_EQ(w.client.closed, 0);
    sys_tcp_close(w.server.tcp);
    w.server.tcp = NULL;
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.client.err, AHOY_ERR_END);
out:
    world_close(&w);
}

static void test_refusal_timeout_and_no_route(struct t *t)
{
    struct world w = { 0 };
    struct sys_tcp_handler handler = end_handler(&w.client);
    struct addr shut = addr_with_port(&server_addr, 9), nowhere = addr_ip4(198, 51, 100, 9, 80);
    T_OK(world_open(&w));
    T_OK(sys_tcp_connect(&w.client.tcp, w.loop[0], NULL, &shut, &handler));
    sim_run(w.sim, SYS_MS(20));
    T_EQ(w.client.err, AHOY_ERR_REFUSED);
    sys_tcp_close(w.client.tcp);
    w.client = (struct end){ 0 };
    T_OK(sys_tcp_connect(&w.client.tcp, w.loop[0], NULL, &nowhere, &handler));
    sim_run(w.sim, SYS_S(60));
    T_EQ(w.client.closed, 0);
    sim_run(w.sim, SYS_S(120));
    T_EQ(w.client.err, AHOY_ERR_TIMEOUT);
    struct addr six = { .family = ADDR_IP6, .port = 80, .ip = { 0x20, 1 } };
    struct sys_tcp *none = NULL;
    T_ERR(sys_tcp_connect(&none, w.loop[0], NULL, &six, &handler), AHOY_ERR_UNREACHABLE);
out:
    world_close(&w);
}

static void test_a_cut_delays_when_healed_and_times_out_otherwise(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w));
    T_OK(dial(&w));
    sim_run(w.sim, SYS_S(1));
    T_OK(sim_partition(w.sim, w.host[0], w.host[1], true));
    T_OK(sys_tcp_write(w.client.tcp, "late", 4));
    sim_run(w.sim, SYS_S(30));
    T_EQ(w.server.n, 0);
    T_OK(sim_partition(w.sim, w.host[0], w.host[1], false));
    sim_run(w.sim, SYS_S(30));
    T_EQ(w.server.n, 4);
    T_OK(sim_partition(w.sim, w.host[0], w.host[1], true));
    T_OK(sys_tcp_write(w.client.tcp, "never", 5));
    sim_run(w.sim, SYS_S(200));
    T_EQ(w.server.n, 4);
    T_EQ(w.client.err, AHOY_ERR_TIMEOUT);
    T_EQ(w.server.closed, 0); /* the other end cannot know */
out:
    world_close(&w);
}

static void test_writing_to_a_closed_peer_is_reset(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w));
    T_OK(dial(&w));
    sim_run(w.sim, SYS_S(1));
    T_CHECK(w.server.tcp != NULL);
    T_OK(sys_tcp_write(w.client.tcp, "crossing", 8));
    sys_tcp_close(w.server.tcp);
    w.server.tcp = NULL;
    T_OK(sim_pair_link(w.sim, w.host[1], w.host[0], &(struct sim_link){ .delay_us = SYS_MS(5) }));
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.client.closed, 1); /* the end came first; the reset after it says nothing new */
    T_EQ(w.client.err, AHOY_ERR_END);
    sys_tcp_close(w.client.tcp);
    w.client = (struct end){ 0 };
    w.refuse_stream = true;
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, "to nobody", 9));
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.accepted, 2);
    T_EQ(w.client.closed, 1);
out:
    world_close(&w);
}

static void test_a_paused_stream_pushes_back(struct t *t)
{
    enum { CHUNK = 50000 };
    struct world w = { 0 };
    char *chunk = mem_zalloc(CHUNK);
    size_t sent = 0;
    T_CHECK(chunk != NULL);
    T_OK(world_open(&w));
    T_OK(dial(&w));
    sim_run(w.sim, SYS_S(1));
    T_CHECK(w.server.tcp != NULL);
    sys_tcp_pause(w.server.tcp, true);
    for (int i = 0; i < 30; i++) {
        if (sys_tcp_write(w.client.tcp, chunk, CHUNK) == AHOY_OK)
            sent += CHUNK;
        sim_run(w.sim, SYS_S(1));
    }
    T_EQ(w.server.n, 0);
    T_CHECK(sent <= SYS_TCP_QUEUE_BYTES && sent > SYS_TCP_QUEUE_BYTES - CHUNK);
    sys_tcp_pause(w.server.tcp, false);
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.server.n, sent);
out:
    mem_free(chunk);
    world_close(&w);
}

static void test_an_unfinished_connection_dies_with_the_simulation(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w));
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, "x", 1));
    sim_run(w.sim, SYS_MS(25)); /* connected, not accepted yet */
    T_EQ(w.client.connected, 1);
    sys_tcp_close(w.client.tcp);
    w.client.tcp = NULL;
    T_EQ(w.accepted, 0);
out:
    world_close(&w);
}

static void test_a_stream_from_behind_a_nat_goes_out_and_none_comes_in(struct t *t)
{
    struct world w = { 0 };
    struct sys_host *inner = NULL;
    struct sys_loop *loop = NULL;
    struct end in = { 0 }, out = { 0 };
    struct sys_tcp_handler in_handler = end_handler(&in), out_handler = end_handler(&out);
    struct addr public_ip = addr_ip4(203, 0, 113, 1, 0);
    T_OK(world_open(&w));
    T_OK(sim_host(w.sim, "10.0.0.2", &inner));
    T_OK(sys_loop_create(inner, &loop));
    T_OK(sim_nat(inner, "203.0.113.1", SIM_NAT_FULL_CONE, 0));
    T_OK(sys_tcp_connect(&out.tcp, loop, NULL, &server_addr, &out_handler));
    T_OK(sys_tcp_write(out.tcp, "hi", 2));
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.server.n, 2);
    T_CHECK(addr_eq_ip(sys_tcp_peer(w.server.tcp), &public_ip));
    public_ip.port = 5060;
    T_OK(sys_tcp_connect(&in.tcp, w.loop[0], NULL, &public_ip, &in_handler));
    sim_run(w.sim, SYS_S(200));
    T_EQ(in.err, AHOY_ERR_TIMEOUT);
out:
    sys_tcp_close(in.tcp);
    sys_tcp_close(out.tcp);
    sys_loop_destroy(loop);
    world_close(&w);
}

T_MAIN(T(test_a_stream_opens_carries_both_ways_and_ends),
       T_STRIDE(test_a_megabyte_arrives_in_order_over_a_lossy_link, 101), /* 700 segments, all alike */
       T(test_a_half_close_leaves_the_other_half_open), T(test_refusal_timeout_and_no_route),
       T(test_a_cut_delays_when_healed_and_times_out_otherwise), T(test_writing_to_a_closed_peer_is_reset),
       T_STRIDE(test_a_paused_stream_pushes_back, 101), /* 700 segments, all alike */
       T(test_an_unfinished_connection_dies_with_the_simulation),
       T(test_a_stream_from_behind_a_nat_goes_out_and_none_comes_in))
