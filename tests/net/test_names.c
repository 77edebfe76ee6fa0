#include "net/names.h"

#include "support/t.h"
#include "sys/sim.h"

struct world {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop;
    struct names *names;
};

struct answer {
    struct world *world;
    size_t calls, n;
    enum ahoy_err err;
    uint8_t last_ip_byte;
    struct names_query *cancel; /* by the callback */
    bool flush;
};

static void on_answer(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct answer *a = arg;
    a->calls++;
    a->err = err;
    a->n = n;
    names_cancel(a->cancel);
    a->cancel = NULL;
    if (a->flush)
        names_flush(a->world->names);
    if (n > 0) /* still there after a flush */
        a->last_ip_byte = records[0].u.addr.ip[3];
}

static enum ahoy_err world_open(struct world *w, size_t max)
{
    enum ahoy_err err = sim_create(&w->sim, 3);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host);
    if (!err)
        err = sys_loop_create(w->host, &w->loop);
    return err ? err : names_create(&w->names, w->loop, max);
}

static void world_close(struct world *w)
{
    names_destroy(w->names);
    sys_loop_destroy(w->loop);
    sim_destroy(w->sim);
}

static enum ahoy_err add(struct world *w, const char *name, uint8_t last, uint32_t ttl_s)
{
    struct sys_dns_record r = { .type = SYS_DNS_A, .ttl_s = ttl_s, .u.addr = addr_ip4(192, 0, 2, last, 0) };
    return sim_dns_add(w->sim, name, &r);
}

/* Asks for an A record; the time that the answer took in *us. */
static struct answer ask(struct t *t, struct world *w, const char *name, int64_t *us)
{
    struct answer a = { .world = w };
    struct names_query *q;
    T_OK(names_start(&q, w->names, name, SYS_DNS_A, on_answer, &a));
    T_ALWAYS(a.calls == 0);
    int64_t start = sim_now_us(w->sim);
    while (a.calls == 0 && sim_now_us(w->sim) < start + SYS_S(20))
        sim_run(w->sim, SYS_MS(1));
    if (us)
        *us = sim_now_us(w->sim) - start;
    T_ALWAYS(a.calls == 1);
out:
    return a;
}

static void test_answers_are_kept_for_their_time_to_live(struct t *t)
{
    struct world w = { 0 };
    int64_t us = 0;
    T_OK(world_open(&w, 0));
    T_OK(add(&w, "a.example", 7, 100));
    T_OK(add(&w, "a.example", 7, 60));
    T_EQ(ask(t, &w, "a.example", &us).n, 2);
    T_LE(SYS_MS(10), us);
    T_EQ(ask(t, &w, "A.Example.", &us).last_ip_byte, 7);
    T_LE(us, SYS_MS(1));
    sim_dns_remove(w.sim, "a.example");
    T_OK(add(&w, "a.example", 8, 0));
    sim_run(w.sim, SYS_S(59));
    T_EQ(ask(t, &w, "a.example", &us).last_ip_byte, 7);
    sim_run(w.sim, SYS_S(1));
    T_EQ(ask(t, &w, "a.example", &us).last_ip_byte, 8);
    T_EQ(ask(t, &w, "a.example", &us).last_ip_byte, 8); /* a time to live of 0: asked again */
    T_LE(SYS_MS(10), us);
out:
    world_close(&w);
}

static void test_absence_and_failure_are_kept_for_a_while(struct t *t)
{
    struct world w = { 0 };
    int64_t us = 0;
    T_OK(world_open(&w, 0));
    T_EQ(ask(t, &w, "no.example", NULL).err, AHOY_ERR_DNS_NAME);
    T_EQ(ask(t, &w, "no.example", &us).err, AHOY_ERR_DNS_NAME);
    T_LE(us, SYS_MS(1));
    T_OK(add(&w, "no.example", 7, 100));
    sim_run(w.sim, SYS_S(31));
    T_EQ(ask(t, &w, "no.example", NULL).err, AHOY_OK);
    sim_dns_broken(w.sim, true);
    T_EQ(ask(t, &w, "other.example", &us).err, AHOY_ERR_DNS_SERVER);
    T_LE(SYS_S(5), us);
    T_EQ(ask(t, &w, "other.example", &us).err, AHOY_ERR_DNS_SERVER);
    T_LE(us, SYS_MS(1));
    sim_run(w.sim, SYS_S(6));
    sim_dns_broken(w.sim, false);
    T_EQ(ask(t, &w, "other.example", NULL).err, AHOY_ERR_DNS_NAME);
out:
    world_close(&w);
}

static void test_an_old_answer_serves_while_the_server_fails(struct t *t)
{
    struct world w = { 0 };
    int64_t us = 0;
    T_OK(world_open(&w, 0));
    T_OK(add(&w, "a.example", 7, 60));
    T_EQ(ask(t, &w, "a.example", NULL).last_ip_byte, 7);
    sim_dns_broken(w.sim, true);
    sim_run(w.sim, SYS_S(3600));
    T_EQ(ask(t, &w, "a.example", &us).last_ip_byte, 7);
    T_LE(SYS_S(5), us); /* the server's silence is waited for, … */
    T_EQ(ask(t, &w, "a.example", &us).last_ip_byte, 7);
    T_LE(us, SYS_MS(1)); /* … but not by each call */
    sim_run(w.sim, SYS_S(2 * 86400));
    T_EQ(ask(t, &w, "a.example", NULL).err, AHOY_ERR_DNS_SERVER);
    names_flush(w.names);
    sim_dns_broken(w.sim, false);
    T_EQ(ask(t, &w, "a.example", NULL).err, AHOY_OK);
out:
    world_close(&w);
}

static void test_the_same_question_goes_out_once_and_each_asker_may_give_up(struct t *t)
{
    struct world w = { 0 };
    struct answer a[4] = { 0 };
    struct names_query *q[4];
    T_OK(world_open(&w, 0));
    T_OK(add(&w, "a.example", 7, 60));
    for (int i = 0; i < 4; i++) {
        a[i].world = &w;
        T_OK(names_start(&q[i], w.names, "a.example", SYS_DNS_A, on_answer, &a[i]));
    }
    names_cancel(q[1]);
    a[0].cancel = q[2];
    a[0].flush = true;
    sim_run(w.sim, SYS_S(1));
    T_EQ(a[0].calls, 1);
    T_EQ(a[0].last_ip_byte, 7);
    T_EQ(a[1].calls + a[2].calls, 0);
    T_EQ(a[3].calls, 1);
    T_EQ(a[3].last_ip_byte, 7);
out:
    world_close(&w);
}

static void test_a_forgotten_answer_not_told_yet_dies_with_the_cache(struct t *t)
{
    struct world w = { 0 };
    struct answer a = { .world = &w };
    struct names_query *q;
    T_OK(world_open(&w, 0));
    T_OK(add(&w, "a.example", 7, 60));
    T_EQ(ask(t, &w, "a.example", NULL).n, 1);
    T_OK(names_start(&q, w.names, "a.example", SYS_DNS_A, on_answer, &a));
    names_flush(w.names);
out:
    world_close(&w);
    t->failed = t->failed || a.calls > 0;
}

static void test_the_least_recently_used_makes_room(struct t *t)
{
    struct world w = { 0 };
    int64_t us = 0;
    struct names_query *q[3];
    struct answer a = { .world = &w };
    T_OK(world_open(&w, 2));
    T_OK(add(&w, "a.example", 1, 600));
    T_OK(add(&w, "b.example", 2, 600));
    T_OK(add(&w, "c.example", 3, 600));
    T_EQ(ask(t, &w, "a.example", NULL).n, 1);
    T_EQ(ask(t, &w, "b.example", NULL).n, 1);
    T_EQ(ask(t, &w, "a.example", NULL).n, 1);
    T_EQ(ask(t, &w, "c.example", NULL).n, 1);
    T_EQ(ask(t, &w, "a.example", &us).n, 1);
    T_LE(us, SYS_MS(1));
    T_EQ(ask(t, &w, "b.example", &us).n, 1);
    T_LE(SYS_MS(10), us);
    names_flush(w.names);
    T_OK(names_start(&q[0], w.names, "a.example", SYS_DNS_A, on_answer, &a));
    T_OK(names_start(&q[1], w.names, "a.example", SYS_DNS_SRV, on_answer, &a));
    T_ERR(names_start(&q[2], w.names, "c.example", SYS_DNS_A, on_answer, &a), AHOY_ERR_LIMIT);
    T_ERR(names_start(&q[2], w.names, ".", SYS_DNS_A, on_answer, &a), AHOY_ERR_INVAL);
out:
    world_close(&w); /* with two under way */
    t->failed = t->failed || a.calls > 0;
}

T_MAIN(T(test_answers_are_kept_for_their_time_to_live), T(test_absence_and_failure_are_kept_for_a_while),
       T(test_an_old_answer_serves_while_the_server_fails),
       T(test_the_same_question_goes_out_once_and_each_asker_may_give_up),
       T(test_a_forgotten_answer_not_told_yet_dies_with_the_cache), T(test_the_least_recently_used_makes_room))
