#include "support_net.h"
#include "support_real.h"

#include "base/mem.h"

struct world {
    struct real real;
    struct sys_tcp_listener *listener;
    struct end client, server;
    bool refuse_stream;
    size_t accepted;
};

static void on_accept(void *arg, struct sys_tcp *stream)
{
    struct world *w = arg;
    struct sys_tcp_handler handler = end_handler(&w->server);
    w->accepted++;
    if (w->refuse_stream || w->server.tcp)
        return;
    w->server.tcp = stream;
    sys_tcp_set_handler(stream, &handler);
}

static enum ahoy_err world_open(struct world *w, struct t *t, const char *at)
{
    struct addr local;
    enum ahoy_err err = real_open(&w->real, t);
    if (!err)
        err = addr_parse(view_str(at), 0, &local);
    if (!err)
        err = sys_tcp_listen(&w->listener, w->real.loop, &local, on_accept, w);
    w->client.loop = w->server.loop = w->real.loop;
    return err;
}

static void world_close(struct world *w)
{
    sys_tcp_close(w->client.tcp);
    sys_tcp_close(w->server.tcp);
    sys_tcp_listener_close(w->listener);
    real_close(&w->real);
}

static enum ahoy_err dial(struct world *w)
{
    struct sys_tcp_handler handler = end_handler(&w->client);
    return sys_tcp_connect(&w->client.tcp, w->real.loop, NULL, sys_tcp_listener_local(w->listener), &handler);
}

static void test_a_stream_opens_carries_both_ways_and_ends(struct t *t)
{
    static const char *const at[] = { "127.0.0.1:0", "[::1]:0" };
    for (int i = 0; i < 2; i++) {
        struct world w = { .server.echo = true, .client.want = 10 };
        T_OK(world_open(&w, t, at[i]));
        T_OK(dial(&w));
        T_OK(sys_tcp_write(w.client.tcp, "early ", 6));
        T_OK(sys_tcp_write(w.client.tcp, "bird", 4));
        T_CHECK(real_run(&w.real));
        T_EQ(w.client.connected, 1);
        T_MEM(w.client.data, "early bird", 10);
        T_CHECK(addr_eq(sys_tcp_peer(w.server.tcp), sys_tcp_local(w.client.tcp)));
        T_CHECK(addr_eq(sys_tcp_local(w.server.tcp), sys_tcp_listener_local(w.listener)));
        sys_tcp_close(w.client.tcp);
        w.client.tcp = NULL;
        T_CHECK(real_run(&w.real));
        T_EQ(w.server.err, AHOY_ERR_END);
        T_ERR(sys_tcp_write(w.server.tcp, "x", 1), AHOY_ERR_CLOSED);
    out:
        world_close(&w);
        if (t->failed || t_excused(t))
            return;
    }
}

static void test_megabytes_arrive_in_order_and_the_queue_is_bounded(struct t *t)
{
    enum { N = SYS_TCP_QUEUE_BYTES };
    struct world w = { .server.want = N };
    uint8_t *data = mem_alloc(N);
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    T_CHECK(data != NULL);
    end_fill(data, N);
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, data, N));
    T_ERR(sys_tcp_write(w.client.tcp, data, 1), AHOY_ERR_LIMIT);
    T_CHECK(real_run(&w.real));
    T_EQ(w.server.n, N);
    T_CHECK(w.server.sum == end_sum(0, data, N));
    T_OK(sys_tcp_write(w.client.tcp, data, 1));
out:
    mem_free(data);
    world_close(&w);
}

static void test_a_refused_connection_says_so(struct t *t)
{
    struct world w = { 0 };
    struct sys_tcp_handler handler = end_handler(&w.client);
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    struct addr shut = *sys_tcp_listener_local(w.listener);
    sys_tcp_listener_close(w.listener);
    w.listener = NULL;
    T_OK(sys_tcp_connect(&w.client.tcp, w.real.loop, NULL, &shut, &handler));
    T_EQ(w.client.closed, 0);
    T_CHECK(real_run(&w.real));
    T_EQ(w.client.err, AHOY_ERR_REFUSED);
    T_EQ(w.client.connected, 0);
    T_EQ(w.client.closed, 1);
    struct addr foreign = addr_ip4(192, 0, 2, 1, 0);
    struct sys_tcp *none = NULL;
    T_ERR(sys_tcp_connect(&none, w.real.loop, &foreign, &shut, &handler), AHOY_ERR_ADDR_UNAVAILABLE);
out:
    world_close(&w);
}

static void test_an_untaken_stream_is_closed(struct t *t)
{
    struct world w = { .refuse_stream = true };
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    T_OK(dial(&w));
    T_CHECK(real_run(&w.real));
    T_EQ(w.accepted, 1);
    T_EQ(w.client.err, AHOY_ERR_END);
out:
    world_close(&w);
}

static void test_a_half_close_leaves_the_other_half_open(struct t *t)
{
    struct world w = { .server.want = 3, .client.want = 5 };
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, "ask", 3));
    T_CHECK(real_run(&w.real));
    T_CHECK(w.server.tcp != NULL);
    T_OK(sys_tcp_write(w.server.tcp, "reply", 5));
    sys_tcp_shutdown(w.client.tcp);
    T_ERR(sys_tcp_write(w.client.tcp, "x", 1), AHOY_ERR_CLOSED);
    for (int i = 0; i < 2 && (w.client.n < 5 || w.server.closed == 0); i++)
        T_CHECK(real_run(&w.real));
    T_EQ(w.client.n, 5);
    T_EQ(w.server.err, AHOY_ERR_END);
    T_EQ(w.client.closed, 0);
    sys_tcp_close(w.server.tcp);
    w.server.tcp = NULL;
    T_CHECK(real_run(&w.real));
    T_EQ(w.client.err, AHOY_ERR_END);
out:
    world_close(&w);
}

static void test_a_paused_stream_pushes_back(struct t *t)
{
    enum { CHUNK = 1 << 18, MOST = 16 << 20 };
    struct world w = { .server.want = 1 };
    char *chunk = mem_zalloc(CHUNK);
    size_t sent = 0;
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    T_CHECK(chunk != NULL);
    T_OK(dial(&w));
    T_OK(sys_tcp_write(w.client.tcp, "x", 1));
    T_CHECK(real_run(&w.real));
    T_CHECK(w.server.tcp != NULL);
    sys_tcp_pause(w.server.tcp, true);
    while (sent < MOST && sys_tcp_write(w.client.tcp, chunk, CHUNK) == AHOY_OK) {
        sent += CHUNK;
        real_run_for(&w.real, SYS_MS(2));
    }
    T_CHECK(sent < MOST);
    T_EQ(w.server.n, 1);
    w.server.want = 1 + sent;
    sys_tcp_pause(w.server.tcp, false);
    T_CHECK(real_run(&w.real));
    T_EQ(w.server.n, 1 + sent);
out:
    mem_free(chunk);
    world_close(&w);
}

static void test_an_address_in_use_is_told(struct t *t)
{
    struct world w = { 0 };
    struct sys_tcp_listener *second = NULL;
    T_OK(world_open(&w, t, "127.0.0.1:0"));
    T_ERR(sys_tcp_listen(&second, w.real.loop, sys_tcp_listener_local(w.listener), on_accept, &w),
          AHOY_ERR_ADDR_IN_USE);
out:
    world_close(&w);
}

T_MAIN(T(test_a_stream_opens_carries_both_ways_and_ends), T(test_megabytes_arrive_in_order_and_the_queue_is_bounded),
       T(test_a_refused_connection_says_so), T(test_an_untaken_stream_is_closed),
       T(test_a_half_close_leaves_the_other_half_open), T(test_a_paused_stream_pushes_back),
       T(test_an_address_in_use_is_told))
