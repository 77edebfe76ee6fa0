#include "support_net.h"
#include "support_real.h"

#include "base/mem.h"
#include "sys/udp.h"

static void test_a_datagram_travels_over_loopback_in_both_families(struct t *t)
{
    static const char *const at[] = { "127.0.0.1:0", "[::1]:0" };
    for (int i = 0; i < 2; i++) {
        struct real r;
        struct ear a = { 0 }, b = { 0 };
        T_OK(real_open(&r, t));
        b.loop = r.loop;
        b.want = 1;
        T_OK(ear_open(&a, r.loop, at[i]));
        T_OK(ear_open(&b, r.loop, at[i]));
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "hello", 5));
        T_CHECK(real_run(&r));
        T_STR(b.last, "hello");
        T_CHECK(addr_eq(&b.src, sys_udp_local(a.udp)));
        T_CHECK(addr_eq(&b.local, sys_udp_local(b.udp)));
        T_EQ(b.batches, 1);
        T_LE(b.when_us, sys_clock_us(r.loop));
    out:
        sys_udp_close(a.udp);
        sys_udp_close(b.udp);
        real_close(&r);
        if (t->failed || t_excused(t))
            return;
    }
}

/* Until the clock says so. */
static void spin(const struct real *r, int64_t until_us)
{
    while (sys_clock_us(r->loop) < until_us)
        ;
}

/* The system begins to stamp datagrams some time after the first socket has asked for it. */
static void test_a_datagram_arrives_when_the_system_has_it(struct t *t)
{
    enum { LATE_US = 2000, TRIES = 500 };
    struct real r;
    struct ear a = { 0 }, b = { 0 };
    int64_t sent_us = 0;
    T_OK(real_open(&r, t));
    b.loop = r.loop;
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    for (b.want = 1; b.want <= TRIES; b.want++) {
        T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "early", 5));
        sys_udp_close(a.udp); /* which sends */
        a.udp = NULL;
        sent_us = sys_clock_us(r.loop);
        spin(&r, sent_us + LATE_US);
        T_CHECK(real_run(&r));
        if (b.when_us <= sent_us)
            break;
    }
    T_LE(b.when_us, sent_us);
    T_LE(sent_us - b.when_us, SYS_S(1));
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

/* A timer that is overdue, and a datagram that came before it could run. */
struct overdue {
    struct real *r;
    struct sys_udp *from;
    const struct addr *to;
    struct ear *ear;
    struct sys_timer timer;
    int64_t due_us;
    size_t heard, before; /* when it ran, since the last time */
};

static void overdue_ran(void *arg)
{
    struct overdue *o = arg;
    o->heard = o->ear->heard - o->before;
    o->before = o->ear->heard + (o->heard == 0); /* that one is under way */
    sys_loop_stop(o->r->loop);
}

/* Holds the loop up until the timer is due, and sends what is there then. */
static void hold_up(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                    int64_t when_us)
{
    struct overdue *o = arg;
    (void) src, (void) local, (void) when_us;
    spin(o->r, o->due_us + 500);
    (void) sys_udp_send(o->from, NULL, o->to, data, n);
}

static void test_a_late_loop_reads_before_its_timers_run(struct t *t)
{
    struct real r;
    struct ear ear = { 0 };
    struct overdue o = { .r = &r, .ear = &ear };
    struct sys_udp_config cfg = { .local = addr_ip4(127, 0, 0, 1, 0) };
    struct sys_udp_handler handler = { .recv = hold_up, .arg = &o };
    enum { TRIES = 50 }; /* a machine that is late by itself may hold the loop up before hold_up does */
    sys_timer_init(&o.timer, overdue_ran, &o);
    T_OK(real_open(&r, t));
    T_OK(ear_open(&ear, r.loop, "127.0.0.1:0"));
    T_OK(sys_udp_open(&o.from, r.loop, &cfg, &handler));
    o.to = sys_udp_local(ear.udp);
    for (int i = 0; i < TRIES && o.heard != 1; i++) {
        o.due_us = sys_clock_us(r.loop) + 5000;
        sys_timer_start_at(r.loop, &o.timer, o.due_us);
        T_OK(sys_udp_send(o.from, NULL, sys_udp_local(o.from), "x", 1));
        T_CHECK(real_run(&r));
    }
    T_EQ(o.heard, 1);
out:
    sys_timer_stop(&o.timer);
    sys_udp_close(o.from);
    sys_udp_close(ear.udp);
    real_close(&r);
}

static void test_an_any_socket_tells_and_chooses_its_address(struct t *t)
{
    static const char *const any[] = { "0.0.0.0:0", "[::]:0" };
    for (int i = 0; i < 2; i++) {
        struct real r;
        struct ear a = { 0 }, b = { .echo = true };
        struct addr dst = { .family = ADDR_IP6, .ip = { [15] = 1 } };
        T_OK(real_open(&r, t));
        a.loop = r.loop;
        a.want = 1;
        T_OK(ear_open(&a, r.loop, any[i]));
        T_OK(ear_open(&b, r.loop, any[i]));
        if (i == 0)
            dst = addr_ip4(127, 0, 0, 5, 0); /* all of 127/8 is ours */
        dst.port = sys_udp_local(b.udp)->port;
        T_OK(sys_udp_send(a.udp, NULL, &dst, "who", 3));
        T_CHECK(real_run(&r));
        T_CHECK(addr_eq(&b.local, &dst));
        T_CHECK(addr_eq(&a.src, &dst)); /* the echo left from the address that was asked */
    out:
        sys_udp_close(a.udp);
        sys_udp_close(b.udp);
        real_close(&r);
        if (t->failed || t_excused(t))
            return;
    }
}

static void test_many_datagrams_arrive_in_order_and_in_batches(struct t *t)
{
    enum { N = 150 };
    struct real r;
    struct ear a = { 0 }, b = { .want = N };
    T_OK(real_open(&r, t));
    b.loop = r.loop;
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    for (int i = 0; i < N; i++) {
        char c = (char) i;
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), &c, 1));
    }
    T_CHECK(real_run(&r));
    T_EQ(b.heard, N);
    T_EQ((uint8_t) b.last[0], N - 1);
    T_LE(b.batches, N / 16);
    T_EQ(sys_udp_overflows(b.udp), 0);
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_the_largest_datagram_arrives_whole(struct t *t)
{
    struct real r;
    struct ear a = { 0 }, b = { .want = 3 };
    char *big = mem_zalloc(65507);
    T_OK(real_open(&r, t));
    T_CHECK(big != NULL);
    b.loop = r.loop;
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    big[0] = 'b';
    T_ERR(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), big, 65508), AHOY_ERR_TOO_BIG);
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), big, 65507));
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), NULL, 0));
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), big, 65507));
    T_CHECK(real_run(&r));
    T_EQ(b.bytes, 2 * 65507);
    T_EQ(b.last_n, 65507);
    T_EQ(b.last[0], 'b');
out:
    mem_free(big);
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_a_refusal_names_its_destination_and_spares_the_others(struct t *t)
{
    static const char *const at[] = { "127.0.0.1:0", "[::1]:0" };
    for (int i = 0; i < 2; i++) {
        struct real r;
        struct ear a = { 0 }, b = { .want = 2 }, gone = { 0 };
        T_OK(real_open(&r, t));
        T_OK(ear_open(&a, r.loop, at[i]));
        T_OK(ear_open(&b, r.loop, at[i]));
        T_OK(ear_open(&gone, r.loop, at[i]));
        struct addr dead = *sys_udp_local(gone.udp);
        sys_udp_close(gone.udp);
        gone.udp = NULL;
        a.loop = b.loop = r.loop;
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "1", 1));
        T_OK(sys_udp_send(a.udp, NULL, &dead, "x", 1));
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "2", 1));
        for (int k = 0; k < 2 && (a.errors == 0 || b.heard < 2); k++)
            T_CHECK(real_run(&r));
        T_EQ(b.heard, 2);
        T_EQ(a.errors, 1);
        T_EQ(a.error, AHOY_ERR_REFUSED);
        T_CHECK(addr_eq(&a.error_dst, &dead));
    out:
        sys_udp_close(a.udp);
        sys_udp_close(b.udp);
        sys_udp_close(gone.udp);
        real_close(&r);
        if (t->failed || t_excused(t))
            return;
    }
}

static void test_a_refusal_costs_no_other_datagram(struct t *t)
{
    enum { BATCH = 32 }; /* so many are sent at once, when they gather within a turn */
    struct real r;
    struct ear a = { 0 }, b = { .want = BATCH }, gone = { 0 };
    T_OK(real_open(&r, t));
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&gone, r.loop, "127.0.0.1:0"));
    struct addr dead = *sys_udp_local(gone.udp);
    sys_udp_close(gone.udp);
    gone.udp = NULL;
    a.loop = b.loop = r.loop;
    for (int i = 0; i < BATCH - 1; i++)
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "1", 1));
    T_OK(sys_udp_send(a.udp, NULL, &dead, "x", 1));
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "2", 1)); /* meets the pending error of the one before */
    for (int k = 0; k < 2 && (a.errors == 0 || b.heard < BATCH); k++)
        T_CHECK(real_run(&r));
    T_EQ(b.heard, BATCH);
    T_EQ(a.errors, 1);
    T_CHECK(addr_eq(&a.error_dst, &dead));
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    sys_udp_close(gone.udp);
    real_close(&r);
}

static void test_no_route_is_told_and_not_fatal(struct t *t)
{
    struct real r;
    struct ear a = { 0 }, b = { .want = 1 };
    struct addr limited = addr_ip4(255, 255, 255, 255, 9); /* broadcast without SO_BROADCAST: not permitted */
    T_OK(real_open(&r, t));
    a.loop = b.loop = r.loop;
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    T_OK(sys_udp_send(a.udp, NULL, &limited, "x", 1));
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "y", 1));
    for (int k = 0; k < 2 && (a.errors == 0 || b.heard < 1); k++)
        T_CHECK(real_run(&r));
    T_EQ(a.errors, 1);
    T_CHECK(addr_eq(&a.error_dst, &limited));
    T_EQ(b.heard, 1);
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_ports_in_use_and_foreign_addresses_are_errors(struct t *t)
{
    struct real r;
    struct ear a = { 0 }, b = { 0 };
    char text[ADDR_TEXT_BYTES];
    T_OK(real_open(&r, t));
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_ERR(ear_open(&b, r.loop, addr_print(sys_udp_local(a.udp), text)), AHOY_ERR_ADDR_IN_USE);
    T_ERR(ear_open(&b, r.loop, "192.0.2.1:0"), AHOY_ERR_ADDR_UNAVAILABLE);
    struct addr six = { .family = ADDR_IP6, .port = 9, .ip = { [15] = 1 } };
    T_ERR(sys_udp_send(a.udp, NULL, &six, "x", 1), AHOY_ERR_INVAL);
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_closing_sends_what_was_handed_over(struct t *t)
{
    struct real r;
    struct ear a = { 0 }, b = { .want = 40 };
    T_OK(real_open(&r, t));
    b.loop = r.loop;
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    for (int i = 0; i < 40; i++)
        T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(b.udp), "bye", 3));
    sys_udp_close(a.udp);
    a.udp = NULL;
    T_CHECK(real_run(&r));
    T_EQ(b.heard, 40);
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_dscp_and_buffer_are_set(struct t *t)
{
    struct real r;
    struct ear a = { 0 };
    struct sys_udp_handler handler = ear_handler(&a);
    struct sys_udp_config cfg = { .local = addr_ip4(127, 0, 0, 1, 0), .dscp = 46, .recv_buf_bytes = 100000 };
    T_OK(real_open(&r, t));
    T_OK(sys_udp_open(&a.udp, r.loop, &cfg, &handler));
    a.want = 1;
    a.loop = r.loop;
    T_OK(sys_udp_send(a.udp, NULL, sys_udp_local(a.udp), "self", 4));
    T_CHECK(real_run(&r));
    cfg.dscp = 64;
    struct sys_udp *none = NULL;
    T_ERR(sys_udp_open(&none, r.loop, &cfg, &handler), AHOY_ERR_INVAL);
out:
    sys_udp_close(a.udp);
    real_close(&r);
}

T_MAIN(T(test_a_datagram_travels_over_loopback_in_both_families), T(test_a_datagram_arrives_when_the_system_has_it),
       T(test_a_late_loop_reads_before_its_timers_run), T(test_an_any_socket_tells_and_chooses_its_address),
       T_STRIDE(test_many_datagrams_arrive_in_order_and_in_batches, 20), /* 150 packets, all alike */
       T(test_the_largest_datagram_arrives_whole), T(test_a_refusal_names_its_destination_and_spares_the_others),
       T_STRIDE(test_a_refusal_costs_no_other_datagram, 7), /* 30 packets, all alike */
       T(test_no_route_is_told_and_not_fatal), T(test_ports_in_use_and_foreign_addresses_are_errors),
       T_STRIDE(test_closing_sends_what_was_handed_over, 7), /* 40 packets, all alike */
       T(test_dscp_and_buffer_are_set))
