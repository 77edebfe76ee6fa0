/* The lock with its condition, between this thread and those of real loops. */
#include "sys/lock.h"

#include "support/t.h"
#include "sys/loop.h"

enum { LOOPS = 3, PATIENCE_MS = 20000, ADDITIONS = 20000 };

struct shared {
    struct sys_host *host;
    struct sys_loop *loop[LOOPS];
    bool spawned[LOOPS];
    struct sys_lock lock; /* of what follows */
    bool flag;
    int waiting, woken;
    long sum;
};

struct errand {
    struct sys_msg msg; /* first */
    struct shared *shared;
};

static enum ahoy_err shared_open(struct shared *s)
{
    *s = (struct shared){ 0 };
    sys_lock_init(&s->lock);
    enum ahoy_err err = sys_host_real(&s->host);
    for (int i = 0; i < LOOPS && !err; i++) {
        err = sys_loop_create(s->host, &s->loop[i]);
        if (!err)
            err = sys_loop_spawn(s->loop[i], "lock");
        s->spawned[i] = !err;
    }
    return err;
}

/* Waits for the threads: what was posted has run. */
static void shared_join(struct shared *s)
{
    for (int i = 0; i < LOOPS; i++) {
        if (s->spawned[i])
            sys_loop_join(s->loop[i]);
        s->spawned[i] = false;
    }
}

static void shared_close(struct shared *s)
{
    shared_join(s);
    for (int i = 0; i < LOOPS; i++)
        if (s->loop[i])
            sys_loop_destroy(s->loop[i]);
    sys_host_destroy(s->host);
    sys_lock_fini(&s->lock);
}

static void post(struct shared *s, struct errand errand[LOOPS], int loops, sys_msg_fn *fn)
{
    for (int i = 0; i < loops; i++) {
        errand[i] = (struct errand){ .msg = { .fn = fn }, .shared = s };
        sys_post(s->loop[i], &errand[i].msg);
    }
}

static struct shared *of(struct sys_msg *msg)
{
    return ((struct errand *) (void *) msg)->shared;
}

static void test_a_wait_without_a_signal_ends_after_its_timeout(struct t *t)
{
    struct shared s;
    T_OK(shared_open(&s));
    static const int timeout_ms[] = { 0, 1, 30 };
    for (size_t i = 0; i < AHOY_COUNT(timeout_ms); i++) {
        int64_t before = sys_clock_us(s.loop[0]);
        sys_lock_take(&s.lock);
        while (sys_lock_wait(&s.lock, timeout_ms[i]))
            ; /* woken for no reason, which is allowed */
        sys_lock_give(&s.lock);
        int64_t took_us = sys_clock_us(s.loop[0]) - before;
        T_LE(SYS_MS(timeout_ms[i]), took_us);
        T_LE(took_us, SYS_S(10)); /* the machine may be busy */
    }
out:
    shared_close(&s);
}

static void raise_flag(struct sys_msg *msg)
{
    struct shared *s = of(msg);
    sys_lock_take(&s->lock);
    s->flag = true;
    sys_lock_signal(&s->lock);
    sys_lock_give(&s->lock);
}

static void wait_for_a_flag(struct t *t, int timeout_ms)
{
    struct shared s;
    struct errand errand[LOOPS];
    bool in_time = true;
    T_OK(shared_open(&s));
    sys_lock_take(&s.lock);
    post(&s, errand, 1, raise_flag); /* which needs the lock, so it comes while we wait */
    while (!s.flag && in_time)
        in_time = sys_lock_wait(&s.lock, timeout_ms);
    sys_lock_give(&s.lock);
    T_CHECK(in_time);
out:
    shared_close(&s);
}

static void test_a_signal_of_another_loops_thread_ends_a_wait(struct t *t)
{
    wait_for_a_flag(t, PATIENCE_MS);
}

static void test_a_wait_without_timeout_ends_by_a_signal(struct t *t)
{
    wait_for_a_flag(t, -1);
}

static void wait_for_flag(struct sys_msg *msg)
{
    struct shared *s = of(msg);
    bool in_time = true;
    sys_lock_take(&s->lock);
    s->waiting++;
    sys_lock_signal(&s->lock);
    while (!s->flag && in_time)
        in_time = sys_lock_wait(&s->lock, PATIENCE_MS);
    s->woken += s->flag;
    sys_lock_give(&s->lock);
}

static void test_one_signal_wakes_all_that_wait(struct t *t)
{
    struct shared s;
    struct errand errand[LOOPS];
    bool in_time = true;
    T_OK(shared_open(&s));
    post(&s, errand, LOOPS, wait_for_flag);
    sys_lock_take(&s.lock);
    while (s.waiting < LOOPS && in_time)
        in_time = sys_lock_wait(&s.lock, PATIENCE_MS);
    s.flag = true;
    int64_t before = sys_clock_us(s.loop[0]);
    sys_lock_signal(&s.lock);
    sys_lock_give(&s.lock);
    shared_join(&s);
    T_EQ(s.woken, LOOPS);
    T_LE(sys_clock_us(s.loop[0]) - before, SYS_MS(PATIENCE_MS) / 2); /* by the signal, not by their timeouts */
out:
    shared_close(&s);
}

static void add(struct sys_msg *msg)
{
    struct shared *s = of(msg);
    for (int i = 0; i < ADDITIONS; i++) {
        sys_lock_take(&s->lock);
        s->sum++;
        sys_lock_give(&s->lock);
    }
}

static void test_one_thread_at_a_time_holds_it(struct t *t)
{
    struct shared s;
    struct errand errand[LOOPS];
    T_OK(shared_open(&s));
    post(&s, errand, LOOPS, add);
    shared_join(&s);
    T_EQ(s.sum, (long) LOOPS * ADDITIONS);
out:
    shared_close(&s);
}

T_MAIN(T(test_a_wait_without_a_signal_ends_after_its_timeout), T(test_a_signal_of_another_loops_thread_ends_a_wait),
       T(test_a_wait_without_timeout_ends_by_a_signal), T(test_one_signal_wakes_all_that_wait),
       T(test_one_thread_at_a_time_holds_it))
