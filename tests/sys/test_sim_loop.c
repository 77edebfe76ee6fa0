#include "sys/sim.h"

#include "support/t.h"

enum { NOTES = 64 };

struct notes {
    int at[NOTES];
    size_t n;
};

struct note {
    struct sys_msg msg; /* first */
    struct sys_timer timer;
    struct notes *notes;
    int value;
};

static void write_down(void *arg)
{
    struct note *k = arg;
    if (k->notes->n < NOTES)
        k->notes->at[k->notes->n++] = k->value;
}

static void write_msg(struct sys_msg *msg)
{
    write_down(msg);
}

struct world {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop, *other;
    struct notes notes;
};

static enum ahoy_err world_open(struct world *w)
{
    enum ahoy_err err = sim_create(&w->sim, 5);
    if (!err)
        err = sim_host(w->sim, "192.0.2.1", &w->host);
    if (!err)
        err = sys_loop_create(w->host, &w->loop);
    return err ? err : sys_loop_create(w->host, &w->other);
}

static void world_close(struct world *w)
{
    sys_loop_destroy(w->loop);
    sys_loop_destroy(w->other);
    sim_destroy(w->sim);
}

static void test_timers_of_two_loops_run_in_order_of_time_then_of_starting(struct t *t)
{
    struct world w = { 0 };
    static const int delay[] = { 30, 10, 20, 10, 0 };
    struct note note[AHOY_COUNT(delay)];
    T_OK(world_open(&w));
    for (size_t i = 0; i < AHOY_COUNT(delay); i++) {
        note[i] = (struct note){ .notes = &w.notes, .value = (int) i };
        sys_timer_init(&note[i].timer, write_down, &note[i]);
        sys_timer_start(i == 2 ? w.other : w.loop, &note[i].timer, SYS_MS(delay[i]));
    }
    sim_run(w.sim, SYS_MS(9));
    T_EQ(w.notes.n, 1);
    T_CHECK(sim_run_idle(w.sim, SYS_S(1)));
    static const int want[] = { 4, 1, 3, 2, 0 };
    T_EQ(w.notes.n, AHOY_COUNT(want));
    for (size_t i = 0; i < AHOY_COUNT(want); i++)
        T_EQ(w.notes.at[i], want[i]);
    T_EQ(sim_now_us(w.sim), SYS_S(1000) + SYS_MS(30));
out:
    world_close(&w);
}

static void test_a_stopped_timer_does_not_run_and_a_restarted_one_runs_once(struct t *t)
{
    struct world w = { 0 };
    struct note a = { .notes = &w.notes, .value = 1 }, b = { .notes = &w.notes, .value = 2 };
    sys_timer_init(&a.timer, write_down, &a);
    sys_timer_init(&b.timer, write_down, &b);
    T_OK(world_open(&w));
    sys_timer_start(w.loop, &a.timer, SYS_MS(10));
    sys_timer_start(w.loop, &b.timer, SYS_MS(10));
    sys_timer_stop(&a.timer);
    T_CHECK(!sys_timer_running(&a.timer) && sys_timer_running(&b.timer));
    sys_timer_start(w.loop, &b.timer, SYS_MS(50));
    sim_run(w.sim, SYS_MS(49));
    T_EQ(w.notes.n, 0);
    sim_run(w.sim, SYS_S(10));
    T_EQ(w.notes.n, 1);
    T_EQ(w.notes.at[0], 2);
    T_CHECK(!sys_timer_running(&b.timer));
    sys_timer_stop(&b.timer);
out:
    world_close(&w);
}

static void test_messages_run_on_the_loop_in_order_of_posting(struct t *t)
{
    struct world w = { 0 };
    struct note note[5];
    T_OK(world_open(&w));
    for (int i = 0; i < 5; i++) {
        note[i] = (struct note){ .msg.fn = write_msg, .notes = &w.notes, .value = i };
        sys_post(w.loop, &note[i].msg);
    }
    T_EQ(w.notes.n, 0);
    sim_run(w.sim, 0);
    T_EQ(w.notes.n, 5);
    for (int i = 0; i < 5; i++)
        T_EQ(w.notes.at[i], i);
    sys_post(w.loop, &note[0].msg); /* one that only the destruction of the loop runs */
    sys_loop_destroy(w.loop);
    w.loop = NULL;
    T_EQ(w.notes.n, 6);
out:
    world_close(&w);
}

static void test_a_joined_loop_has_run_its_mail_and_rests(struct t *t)
{
    struct world w = { 0 };
    struct note a = { .msg.fn = write_msg, .notes = &w.notes, .value = 1 }, b = { .notes = &w.notes, .value = 2 };
    sys_timer_init(&b.timer, write_down, &b);
    T_OK(world_open(&w));
    T_OK(sys_loop_spawn(w.other, "media"));
    sys_timer_start(w.other, &b.timer, SYS_MS(10));
    sys_post(w.other, &a.msg);
    sys_loop_join(w.other);
    T_EQ(w.notes.n, 1);
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.notes.n, 1);
    T_OK(sys_loop_spawn(w.other, "media"));
    sim_run(w.sim, SYS_S(1));
    T_EQ(w.notes.n, 2);
    sys_loop_join(w.other);
out:
    sys_timer_stop(&b.timer);
    world_close(&w);
}

static bool has_note(void *arg)
{
    return ((struct notes *) arg)->n > 0;
}

static void test_run_until_stops_at_the_event_or_at_the_limit(struct t *t)
{
    struct world w = { 0 };
    struct note a = { .notes = &w.notes };
    sys_timer_init(&a.timer, write_down, &a);
    T_OK(world_open(&w));
    T_CHECK(!sim_run_until(w.sim, has_note, &w.notes, SYS_MS(5)));
    T_EQ(sim_now_us(w.sim), SYS_S(1000) + SYS_MS(5));
    sys_timer_start(w.loop, &a.timer, SYS_S(3600));
    T_CHECK(sim_run_until(w.sim, has_note, &w.notes, SYS_S(7200)));
    T_EQ(sim_now_us(w.sim), SYS_S(4600) + SYS_MS(5));
    T_EQ(sys_wall_ms(w.loop), INT64_C(1767225600000) + 3600005);
    T_EQ(sys_now_us(w.loop), sys_clock_us(w.loop));
out:
    sys_timer_stop(&a.timer);
    world_close(&w);
}

static void count(void *arg)
{
    ++*(int *) arg;
}

static void test_a_watch_hears_of_changed_addresses(struct t *t)
{
    struct world w = { 0 };
    struct sys_iface_watch *watch = NULL;
    struct sys_iface iface[8];
    int changes = 0;
    T_OK(world_open(&w));
    T_OK(sys_iface_watch_start(&watch, w.loop, count, &changes));
    T_EQ(sys_host_ifaces(w.host, iface, 8), 2);
    T_OK(sim_host_add_ip(w.host, "2001:db8::1"));
    T_EQ(changes, 0);
    sim_run(w.sim, 0);
    T_EQ(changes, 1);
    T_EQ(sys_host_ifaces(w.host, iface, 8), 3);
    T_CHECK(iface[0].loopback && !iface[2].loopback && iface[2].addr.family == ADDR_IP6);
    sim_host_remove_ip(w.host, "192.0.2.1");
    sim_run(w.sim, 0);
    T_EQ(changes, 2);
    T_ERR(sim_host_add_ip(w.host, "2001:db8::1"), AHOY_ERR_EXISTS);
out:
    sys_iface_watch_stop(watch);
    world_close(&w);
}

T_MAIN(T(test_timers_of_two_loops_run_in_order_of_time_then_of_starting),
       T(test_a_stopped_timer_does_not_run_and_a_restarted_one_runs_once),
       T(test_messages_run_on_the_loop_in_order_of_posting), T(test_a_joined_loop_has_run_its_mail_and_rests),
       T(test_run_until_stops_at_the_event_or_at_the_limit), T(test_a_watch_hears_of_changed_addresses))
