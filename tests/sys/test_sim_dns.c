#include "support_net.h"
#include "sys/sim.h"

#include "support/t.h"

#include <stdio.h>

struct world {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop;
};

static enum ahoy_err world_open(struct world *w)
{
    enum ahoy_err err = sim_create(&w->sim, 3);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host);
    if (!err)
        err = sys_loop_create(w->host, &w->loop);
    if (!err)
        err = sim_dns_add_ip(w->sim, "Example.org", "192.0.2.7");
    if (!err)
        err = sim_dns_add_ip(w->sim, "example.org", "2001:db8::7");
    if (!err)
        err = sim_dns_add_srv(w->sim, "_sip._udp.example.org", 10, 60, 5060, "a.example.org");
    return err ? err : sim_dns_add_srv(w->sim, "_sip._udp.example.org", 20, 40, 5062, "b.example.org");
}

static void world_close(struct world *w)
{
    sys_loop_destroy(w->loop);
    sim_destroy(w->sim);
}

static struct answer ask(struct t *t, struct world *w, const char *name, enum sys_dns_type type)
{
    struct answer a = { 0 };
    struct sys_dns_query *q;
    T_OK(sys_dns_start(&q, w->loop, name, type, answer_take, &a));
    T_CHECK(a.calls == 0);
    sim_run(w->sim, SYS_S(1));
    T_EQ(a.calls, 1);
out:
    return a;
}

static void test_records_are_found_by_name_and_type(struct t *t)
{
    struct world w = { 0 };
    T_OK(world_open(&w));
    struct answer a = ask(t, &w, "EXAMPLE.org.", SYS_DNS_A);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].u.addr.ip[3], 7);
    a = ask(t, &w, "example.org", SYS_DNS_AAAA);
    T_EQ(a.n, 1);
    T_EQ(a.record[0].u.addr.family, ADDR_IP6);
    a = ask(t, &w, "_sip._udp.example.org", SYS_DNS_SRV);
    T_EQ(a.n, 2);
    T_EQ(a.record[0].u.srv.priority, 10);
    T_STR(a.record[1].u.srv.target, "b.example.org");
    T_EQ(ask(t, &w, "example.org", SYS_DNS_NAPTR).err, AHOY_ERR_DNS_EMPTY);
    T_EQ(ask(t, &w, "other.org", SYS_DNS_A).err, AHOY_ERR_DNS_NAME);
    T_EQ(ask(t, &w, "localhost", SYS_DNS_A).record[0].u.addr.ip[0], 127);
    sim_dns_remove(w.sim, "example.ORG");
    T_EQ(ask(t, &w, "example.org", SYS_DNS_A).err, AHOY_ERR_DNS_NAME);
out:
    world_close(&w);
}

static void test_a_broken_server_fails_after_five_seconds_and_a_cancel_is_silent(struct t *t)
{
    struct world w = { 0 };
    struct answer a = { 0 }, b = { 0 };
    struct sys_dns_query *q;
    T_OK(world_open(&w));
    T_OK(sys_dns_start(&q, w.loop, "example.org", SYS_DNS_A, answer_take, &b));
    sys_dns_cancel(q);
    sim_dns_broken(w.sim, true);
    T_OK(sys_dns_start(&q, w.loop, "example.org", SYS_DNS_A, answer_take, &a));
    sim_run(w.sim, SYS_S(4));
    T_EQ(a.calls, 0);
    sim_run(w.sim, SYS_S(1));
    T_EQ(a.err, AHOY_ERR_DNS_SERVER);
    sim_dns_broken(w.sim, false);
    T_EQ(ask(t, &w, "example.org", SYS_DNS_A).err, AHOY_OK);
    T_EQ(b.calls, 0);
out:
    if (w.sim)
        sim_run(w.sim, SYS_S(10)); /* what was started and not answered */
    world_close(&w);
}

T_MAIN(T(test_records_are_found_by_name_and_type),
       T(test_a_broken_server_fails_after_five_seconds_and_a_cancel_is_silent))
