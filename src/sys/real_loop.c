/*
 * The loop of the real world. One turn of libuv: prepare (set the clock, send), poll (sockets, mail), check
 * (timers, and sending what the callbacks handed over). Timers are one heap behind one timerfd, which is exact to microseconds where
 * libuv's own timers count milliseconds, and which is set at most once a turn.
 */
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOP_SPARE_PACKETS = 16, SLAB_STRIDE_BYTES = REAL_SLOT_BYTES + 512, SLAB_KEEP_BYTES = 8192 };

/* 1 MB of addresses, not of memory: pages come into being when they are written, and large datagrams are rare. */
struct real_slab {
    char data[REAL_SLAB_SLOTS * SLAB_STRIDE_BYTES];
};

static int64_t read_clock(clockid_t id, int64_t units)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t) ts.tv_sec * units + ts.tv_nsec / (1000000000 / units);
}

int64_t real_clock_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

int64_t real_wall_us(void)
{
    return read_clock(CLOCK_REALTIME, 1000000);
}

int64_t real_loop_clock_us(const struct sys_loop *loop)
{
    (void) loop;
    return real_clock_us();
}

int64_t real_loop_wall_ms(const struct sys_loop *loop)
{
    (void) loop;
    return real_wall_us() / 1000;
}

int64_t real_loop_busy_us(const struct sys_loop *loop)
{
    (void) loop;
    return read_clock(CLOCK_THREAD_CPUTIME_ID, 1000000);
}

void real_touch(struct real_loop *l)
{
    atomic_store_explicit(&l->now_us, real_clock_us(), memory_order_relaxed); /* read by sys_now_us */
    l->base.in_turn = true;
}

/* ---- receiving memory ---- */

char *real_slab_slot(struct real_loop *l, size_t i)
{
    if (!l->slab)
        l->slab = mem_alloc(sizeof *l->slab);
    return l->slab ? l->slab->data + i * SLAB_STRIDE_BYTES : NULL;
}

void real_slab_used(struct real_loop *l, size_t i, size_t used)
{
    const uintptr_t page = 4096;
    if (used <= SLAB_KEEP_BYTES)
        return;
    uintptr_t from = ((uintptr_t) real_slab_slot(l, i) + SLAB_KEEP_BYTES + page - 1) / page * page;
    uintptr_t to = ((uintptr_t) real_slab_slot(l, i) + REAL_SLOT_BYTES) / page * page;
    if (to > from)
        (void) madvise((void *) from, to - from, MADV_DONTNEED);
}

void real_slab_free(struct real_loop *l)
{
    mem_free(l->slab);
    l->slab = NULL;
}

/* ---- sending at the end of the turn ---- */

void real_flush_later(struct real_loop *l, struct real_flush *f)
{
    if (!list_linked(&f->link))
        list_push_back(&l->flushes, &f->link);
}

static void run_flushes(struct real_loop *l)
{
    for (struct list_link *k; (k = list_pop_front(&l->flushes));) {
        struct real_flush *f = LIST_ENTRY(k, struct real_flush, link);
        f->fn(f);
    }
}

/* ---- timers ---- */

static void arm_timer(struct real_loop *l)
{
    const struct heap_node *first = heap_min(&l->base.timers);
    int64_t want = first ? AHOY_MAX(first->key, (int64_t) 1) : INT64_MAX;
    if (want == l->armed_us)
        return;
    struct itimerspec ts = { 0 }; /* all zero turns it off, and makes it unreadable again */
    if (want != INT64_MAX) {
        ts.it_value.tv_sec = (time_t) (want / 1000000);
        ts.it_value.tv_nsec = (long) (want % 1000000 * 1000);
    }
    (void) timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &ts, NULL);
    l->armed_us = want;
}

/*
 * Timers run behind the sockets of the turn (on_check). When the machine was late both are due, and a timer whose work needs
 * a datagram, as playing sound does, would miss what has long been there.
 */
static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct real_loop *l = poll->data;
    (void) status;
    (void) events;
    l->armed_us = -1;
}

void real_loop_timers_changed(struct sys_loop *loop)
{
    (void) loop; /* the timerfd is set before the loop sleeps */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct real_loop *l = prepare->data;
    real_touch(l);
    run_flushes(l);
    arm_timer(l);
    l->base.in_turn = false;
}

static void on_check(uv_check_t *check)
{
    struct real_loop *l = check->data;
    real_touch(l);
    if (l->armed_us == -1)
        sys_loop_fire_timers(&l->base, sys_now_us(&l->base));
    run_flushes(l);
    l->base.in_turn = false;
}

/* ---- mail ---- */

void real_loop_post(struct sys_loop *loop, struct sys_msg *msg)
{
    struct real_loop *l = real_loop_of(loop);
    struct sys_msg *newest = atomic_load_explicit(&l->mail, memory_order_relaxed);
    do
        msg->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&l->mail, &newest, msg, memory_order_release,
                                                  memory_order_relaxed)); /* pairs with the exchange in run_mail */
    if (!newest)
        (void) uv_async_send(&l->async);
}

/* Runs all there is; returns whether there was any. */
static bool run_mail(struct real_loop *l)
{
    struct sys_msg *newest = atomic_exchange_explicit(&l->mail, NULL, memory_order_acquire); /* with the one in post */
    struct sys_msg *oldest = NULL;
    if (!newest)
        return false;
    while (newest) {
        struct sys_msg *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct sys_msg *next = oldest->next;
        oldest->fn(oldest);
        oldest = next;
    }
    return true;
}

static void on_async(uv_async_t *async)
{
    struct real_loop *l = async->data;
    real_touch(l);
    (void) run_mail(l);
}

/* ---- life ---- */

void real_poll_close(uv_poll_t *poll, int fd, uv_close_cb done)
{
    uv_close((uv_handle_t *) poll, done); /* takes the descriptor out of the poll set at once */
    close(fd);
}

static void close_handles(struct real_loop *l)
{
    uv_close((uv_handle_t *) &l->async, NULL);
    uv_close((uv_handle_t *) &l->prepare, NULL);
    uv_close((uv_handle_t *) &l->check, NULL);
    if (l->timer_fd >= 0)
        real_poll_close(&l->timer_poll, l->timer_fd, NULL);
    while (uv_loop_close(&l->uv) == UV_EBUSY)
        (void) uv_run(&l->uv, UV_RUN_DEFAULT);
}

static enum ahoy_err open_handles(struct real_loop *l)
{
    l->timer_fd = -1;
    if (uv_async_init(&l->uv, &l->async, on_async) < 0)
        return AHOY_ERR_LIMIT;
    (void) uv_prepare_init(&l->uv, &l->prepare);
    (void) uv_check_init(&l->uv, &l->check);
    l->async.data = l->prepare.data = l->check.data = l->timer_poll.data = l;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd >= 0 && uv_poll_init(&l->uv, &l->timer_poll, fd) == 0) {
        l->timer_fd = fd;
        (void) uv_prepare_start(&l->prepare, on_prepare);
        (void) uv_check_start(&l->check, on_check);
        (void) uv_poll_start(&l->timer_poll, UV_READABLE, on_timer);
        return AHOY_OK;
    }
    if (fd >= 0)
        close(fd);
    close_handles(l);
    return AHOY_ERR_LIMIT;
}

enum ahoy_err real_loop_create(struct sys_host *host, struct sys_loop **out)
{
    struct real_loop *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    int rc = uv_loop_init(&l->uv);
    if (rc < 0) {
        mem_free(l);
        return real_err(-rc);
    }
    sys_loop_init(&l->base, host, &l->now_us);
    atomic_store_explicit(&l->now_us, real_clock_us(), memory_order_relaxed);
    l->armed_us = INT64_MAX;
    list_init(&l->flushes);
    pool_init(&l->pool, LOOP_SPARE_PACKETS);
    enum ahoy_err err = open_handles(l);
    if (err) {
        (void) uv_loop_close(&l->uv);
        mem_free(l);
        return err;
    }
    *out = &l->base;
    return AHOY_OK;
}

void real_loop_destroy(struct sys_loop *loop)
{
    struct real_loop *l = real_loop_of(loop);
    AHOY_ASSERT(!l->spawned);
    while (run_mail(l))
        continue;
    AHOY_ASSERT(loop->open == 0);
    real_dns_free(l);
    close_handles(l);
    real_slab_free(l);
    pool_fini(&l->pool);
    mem_free(l);
}

void real_loop_run(struct sys_loop *loop)
{
    struct real_loop *l = real_loop_of(loop);
    l->running = true;
    (void) uv_run(&l->uv, UV_RUN_DEFAULT);
    l->running = false;
}

void real_loop_stop(struct sys_loop *loop)
{
    struct real_loop *l = real_loop_of(loop);
    if (l->running) /* not from mail that a loop at rest runs: libuv would keep it for the next time */
        uv_stop(&l->uv);
}

static void *thread_main(void *arg)
{
    struct real_loop *l = arg;
    (void) pthread_setname_np(pthread_self(), l->name);
    real_loop_run(&l->base);
    return NULL;
}

enum ahoy_err real_loop_spawn(struct sys_loop *loop, const char *name)
{
    struct real_loop *l = real_loop_of(loop);
    sigset_t all, before;
    AHOY_ASSERT(!l->spawned && strlen(name) < sizeof l->name);
    view_copy(view_str(name), l->name, sizeof l->name);
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are for the threads of the faces */
    int rc = pthread_create(&l->thread, NULL, thread_main, l);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return AHOY_ERR_LIMIT;
    l->spawned = true;
    return AHOY_OK;
}

static void run_stop(struct sys_msg *msg)
{
    real_loop_stop(&AHOY_CONTAINER_OF(msg, struct real_loop, stop_msg)->base);
}

void real_loop_join(struct sys_loop *loop)
{
    struct real_loop *l = real_loop_of(loop);
    if (!l->spawned)
        return;
    l->stop_msg.fn = run_stop;
    real_loop_post(loop, &l->stop_msg);
    (void) pthread_join(l->thread, NULL);
    l->spawned = false;
    while (run_mail(l)) /* left over when the loop had stopped by itself */
        continue;
}
