#include "support_net.h"
#include "support_real.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

struct mark {
    struct sys_timer timer;
    struct real *real;
    int64_t due_us, ran_us;
    int *order, rank;
    int last; /* stops the loop when it is the last to run */
};

static void mark_ran(void *arg)
{
    struct mark *m = arg;
    m->ran_us = sys_clock_us(m->real->loop);
    m->rank = (*m->order)++;
    if (*m->order == m->last)
        sys_loop_stop(m->real->loop);
}

static void test_timers_run_in_order_never_early_and_soon(struct t *t)
{
    enum { N = 200 };
    struct real r;
    static struct mark mark[N];
    int order = 0;
    struct rng rng;
    T_OK(real_open(&r, t));
    rng_init_u64(&rng, 9);
    for (int i = 0; i < N; i++) {
        mark[i] = (struct mark){ .real = &r, .order = &order, .last = N };
        sys_timer_init(&mark[i].timer, mark_ran, &mark[i]);
        int64_t delay = rng_below(&rng, 30000);
        mark[i].due_us = sys_clock_us(r.loop) + delay;
        sys_timer_start_at(r.loop, &mark[i].timer, mark[i].due_us);
    }
    T_CHECK(real_run(&r));
    int64_t worst = 0;
    for (int i = 0; i < N; i++) {
        T_LE(mark[i].due_us, mark[i].ran_us);
        worst = AHOY_MAX(worst, mark[i].ran_us - mark[i].due_us);
        for (int k = 0; k < N; k++)
            if (mark[i].due_us < mark[k].due_us)
                T_CHECK(mark[i].rank < mark[k].rank);
    }
    T_LE(worst, SYS_S(1)); /* the machine may be busy; idle it is some 50 us */
out:
    for (int i = 0; i < N; i++)
        sys_timer_stop(&mark[i].timer);
    real_close(&r);
}

static void test_an_idle_loop_does_not_wake_up(struct t *t)
{
    struct real r;
    struct ear a = { 0 };
    struct rusage before, after;
    T_OK(real_open(&r, t));
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    real_run_for(&r, SYS_MS(1)); /* what the first turn does once */
    getrusage(RUSAGE_THREAD, &before);
    real_run_for(&r, SYS_MS(300));
    getrusage(RUSAGE_THREAD, &after);
    T_LE(after.ru_nvcsw - before.ru_nvcsw, 2);
out:
    sys_udp_close(a.udp);
    real_close(&r);
}

enum { SENDERS = 4, EACH = 2000 };

struct letter {
    struct sys_msg msg; /* first */
    struct post_office *office;
    int sender, number;
};

struct post_office {
    struct real *real;
    int seen[SENDERS];
    int total;
    bool disorder;
    struct letter letter[SENDERS][EACH];
};

static void read_letter(struct sys_msg *msg)
{
    struct letter *k = (struct letter *) (void *) msg;
    struct post_office *o = k->office;
    if (o->seen[k->sender]++ != k->number)
        o->disorder = true;
    if (++o->total == SENDERS * EACH)
        sys_loop_stop(o->real->loop);
}

static void *send_letters(void *arg)
{
    struct letter *first = arg;
    for (int i = 0; i < EACH; i++)
        sys_post(first->office->real->loop, &first[i].msg);
    return NULL;
}

static void test_messages_of_many_threads_arrive_in_each_ones_order(struct t *t)
{
    struct real r;
    static struct post_office o;
    pthread_t thread[SENDERS];
    int started = 0;
    T_OK(real_open(&r, t));
    o.real = &r;
    o.total = 0;
    o.disorder = false;
    for (int s = 0; s < SENDERS; s++) {
        o.seen[s] = 0;
        for (int i = 0; i < EACH; i++)
            o.letter[s][i] = (struct letter){ .msg.fn = read_letter, .office = &o, .sender = s, .number = i };
    }
    for (; started < SENDERS; started++)
        T_ALWAYS(pthread_create(&thread[started], NULL, send_letters, o.letter[started]) == 0);
    T_CHECK(real_run(&r));
    T_EQ(o.total, SENDERS * EACH);
    T_CHECK(!o.disorder);
out:
    for (int s = 0; s < started; s++)
        pthread_join(thread[s], NULL);
    real_close(&r);
}

struct ping {
    struct sys_msg msg; /* first */
    struct sys_loop *to, *home;
    int hops;
    atomic_int done;
};

static void hop(struct sys_msg *msg)
{
    struct ping *p = (struct ping *) (void *) msg;
    struct sys_loop *next = p->hops % 2 == 0 ? p->to : p->home;
    if (p->hops-- == 0) {
        sys_loop_stop(p->home);
        return;
    }
    sys_post(next, msg);
}

static void test_two_loops_in_two_threads_play_ping_pong(struct t *t)
{
    struct real r;
    struct sys_loop *other = NULL;
    bool spawned = false;
    struct ping p = { .msg.fn = hop, .hops = 1000 };
    T_OK(real_open(&r, t));
    T_OK(sys_loop_create(r.host, &other));
    T_OK(sys_loop_spawn(other, "other"));
    spawned = true;
    p.to = other;
    p.home = r.loop;
    sys_post(r.loop, &p.msg);
    T_CHECK(real_run(&r));
    T_EQ(p.hops, -1);
out:
    if (spawned)
        sys_loop_join(other);
    sys_loop_destroy(other);
    real_close(&r);
}

struct setter {
    struct sys_msg msg; /* first */
    int value;
};

static void set_one(struct sys_msg *msg)
{
    ((struct setter *) (void *) msg)->value = 1;
}

static void test_join_runs_what_was_posted_before(struct t *t)
{
    struct real r;
    struct sys_loop *other = NULL;
    struct setter s = { .msg.fn = set_one }, late = { .msg.fn = set_one };
    T_OK(real_open(&r, t));
    T_OK(sys_loop_create(r.host, &other));
    T_OK(sys_loop_spawn(other, "other"));
    sys_post(other, &s.msg);
    sys_loop_join(other);
    T_EQ(s.value, 1);
    sys_post(other, &late.msg);
    T_EQ(late.value, 0);
    sys_loop_destroy(other);
    other = NULL;
    T_EQ(late.value, 1);
out:
    sys_loop_destroy(other);
    real_close(&r);
}

struct stopper {
    struct sys_msg msg; /* first */
    struct sys_loop *loop;
};

static void stop_it(struct sys_msg *msg)
{
    sys_loop_stop(((struct stopper *) (void *) msg)->loop);
}

static void test_a_loop_that_stopped_by_itself_is_joined_and_spawned_again(struct t *t)
{
    struct real r;
    struct sys_loop *other = NULL;
    struct stopper stop = { .msg.fn = stop_it };
    struct setter s = { .msg.fn = set_one };
    T_OK(real_open(&r, t));
    T_OK(sys_loop_create(r.host, &other));
    stop.loop = other;
    for (int i = 0; i < 3; i++) {
        s.value = 0;
        T_OK(sys_loop_spawn(other, "other"));
        sys_post(other, &stop.msg);
        sys_loop_join(other);
        T_OK(sys_loop_spawn(other, "other"));
        sys_post(other, &s.msg);
        sys_loop_join(other);
        T_EQ(s.value, 1);
    }
out:
    sys_loop_destroy(other);
    real_close(&r);
}

struct note {
    struct sys_msg msg; /* first */
    struct ear *ear;
    const struct addr *to;
};

static void send_one(struct sys_msg *msg)
{
    struct note *k = (struct note *) (void *) msg;
    (void) sys_udp_send(k->ear->udp, NULL, k->to, "posted", 6);
}

static void test_what_a_message_sends_leaves_in_its_turn(struct t *t)
{
    struct real r;
    struct ear a = { 0 }, b = { .want = 1 };
    struct note k = { .msg.fn = send_one, .ear = &a };
    T_OK(real_open(&r, t));
    b.loop = r.loop;
    T_OK(ear_open(&a, r.loop, "127.0.0.1:0"));
    T_OK(ear_open(&b, r.loop, "127.0.0.1:0"));
    k.to = sys_udp_local(b.udp);
    sys_post(r.loop, &k.msg);
    T_CHECK(real_run(&r));
    T_STR(b.last, "posted");
out:
    sys_udp_close(a.udp);
    sys_udp_close(b.udp);
    real_close(&r);
}

static void test_the_machine_knows_its_addresses(struct t *t)
{
    struct real r;
    struct sys_iface iface[64];
    struct addr lo = addr_ip4(127, 0, 0, 1, 0), src;
    uint8_t a[16] = { 0 }, b[16] = { 0 };
    bool found = false;
    T_OK(real_open(&r, t));
    size_t n = sys_host_ifaces(r.host, iface, AHOY_COUNT(iface));
    for (size_t i = 0; i < n; i++)
        found = found || (iface[i].loopback && addr_eq(&iface[i].addr, &lo));
    T_CHECK(found);
    T_EQ(sys_host_ifaces(r.host, iface, 0), 0);
    T_OK(sys_host_source(r.host, &lo, &src));
    T_CHECK(addr_eq(&src, &lo));
    sys_host_random(r.host, a, sizeof a);
    sys_host_random(r.host, b, sizeof b);
    T_CHECK(memcmp(a, b, sizeof a) != 0);
    T_LE(INT64_C(1700000000000), sys_wall_ms(r.loop));
out:
    real_close(&r);
}

static void unexpected(void *arg)
{
    *(bool *) arg = true;
}

static void test_a_watch_over_addresses_starts_and_stops(struct t *t)
{
    struct real r;
    struct sys_iface_watch *w = NULL;
    bool news = false;
    T_OK(real_open(&r, t));
    T_OK(sys_iface_watch_start(&w, r.loop, unexpected, &news));
    real_run_for(&r, SYS_MS(5));
    T_CHECK(!news);
out:
    sys_iface_watch_stop(w);
    real_close(&r);
}

T_MAIN(T(test_timers_run_in_order_never_early_and_soon), T(test_an_idle_loop_does_not_wake_up),
       T(test_messages_of_many_threads_arrive_in_each_ones_order), T(test_two_loops_in_two_threads_play_ping_pong),
       T(test_join_runs_what_was_posted_before), T(test_a_loop_that_stopped_by_itself_is_joined_and_spawned_again),
       T(test_what_a_message_sends_leaves_in_its_turn), T(test_the_machine_knows_its_addresses),
       T(test_a_watch_over_addresses_starts_and_stops))
