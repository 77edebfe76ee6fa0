#include "audio/pulse_loop.h"

#include "base/list.h"
#include "base/mem.h"
#include "sys/lock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    POOL = 64,        /* events without asking for memory; libpulse needs about a dozen */
    DESCRIPTORS = 16, /* that are looked at at a time; libpulse has one, or three with shared memory */
    ROUNDS = 64,      /* of one run: what a server sends without end is not to hold its caller up */
    LONGEST_MS = 60000
};

enum event_kind { EVENT_IO, EVENT_TIME, EVENT_DEFER };

/* libpulse sees it as a pa_io_event, pa_time_event or pa_defer_event, whose insides are their maker's. */
struct event {
    struct list_link link; /* in `events` until it is swept away, or in `spare` */
    struct pulse_loop *loop;
    enum event_kind kind;
    bool dead;                /* freed; it goes when nobody can be looking at it */
    bool on;                  /* EVENT_TIME, EVENT_DEFER */
    int fd;                   /* EVENT_IO, with */
    pa_io_event_flags_t want; /* … what is asked for */
    struct timeval tv;        /* EVENT_TIME, with */
    int64_t when_us;          /* … its monotonic time */
    union {
        pa_io_event_cb_t io;
        pa_time_event_cb_t time;
        pa_defer_event_cb_t defer;
    } fn;
    union {
        pa_io_event_destroy_cb_t io;
        pa_time_event_destroy_cb_t time;
        pa_defer_event_destroy_cb_t defer;
    } destroyed;
    void *arg;
};

struct pulse_loop {
    pa_mainloop_api api;
    struct sys_lock lock;
    pthread_t thread;
    bool taken, quit;
    bool asleep; /* its thread waits without the lock: a change has to wake it */
    int wake_fd;
    struct list events, spare;
    struct event pool[POOL];
};

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void changed(struct pulse_loop *l)
{
    const uint64_t one = 1;
    if (!l->asleep)
        return;
    l->asleep = false;
    while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* libpulse has no way to be told that there is none, and ends the program when it finds no memory itself. */
static struct event *new_event(pa_mainloop_api *api, enum event_kind kind, void *arg)
{
    struct pulse_loop *l = api->userdata;
    struct list_link *k = list_pop_front(&l->spare);
    struct event *e = k ? LIST_ENTRY(k, struct event, link) : mem_alloc(sizeof *e);
    AHOY_ASSERT(e);
    *e = (struct event){ .loop = l, .kind = kind, .fd = -1, .arg = arg };
    list_push_back(&l->events, &e->link);
    changed(l);
    return e;
}

static void free_event(struct event *e)
{
    e->dead = true;
}

/* What was freed meanwhile. */
static void sweep(struct pulse_loop *l)
{
    for (struct list_link *k = list_first(&l->events), *next; k; k = next) {
        struct event *e = LIST_ENTRY(k, struct event, link);
        next = list_next(&l->events, k);
        if (!e->dead)
            continue;
        list_remove(k);
        if (e->kind == EVENT_IO && e->destroyed.io)
            e->destroyed.io(&l->api, (pa_io_event *) (void *) e, e->arg);
        if (e->kind == EVENT_TIME && e->destroyed.time)
            e->destroyed.time(&l->api, (pa_time_event *) (void *) e, e->arg);
        if (e->kind == EVENT_DEFER && e->destroyed.defer)
            e->destroyed.defer(&l->api, (pa_defer_event *) (void *) e, e->arg);
        if (e >= l->pool && e < l->pool + POOL)
            list_push_back(&l->spare, &e->link);
        else
            mem_free(e);
    }
}

static pa_io_event *io_new(pa_mainloop_api *api, int fd, pa_io_event_flags_t want, pa_io_event_cb_t fn, void *arg)
{
    struct event *e = new_event(api, EVENT_IO, arg);
    e->fd = fd;
    e->want = want;
    e->fn.io = fn;
    return (pa_io_event *) (void *) e;
}

static void io_enable(pa_io_event *io, pa_io_event_flags_t want)
{
    struct event *e = (struct event *) (void *) io;
    e->want = want;
    changed(e->loop);
}

static void io_free(pa_io_event *io)
{
    free_event((struct event *) (void *) io);
}

static void io_set_destroy(pa_io_event *io, pa_io_event_destroy_cb_t fn)
{
    ((struct event *) (void *) io)->destroyed.io = fn;
}

/* libpulse gives a foreign loop times of the wall clock. */
static void set_time(struct event *e, const struct timeval *tv)
{
    struct timeval wall;
    e->on = tv != NULL;
    if (tv) {
        gettimeofday(&wall, NULL);
        e->tv = *tv;
        e->when_us = now_us() + ((int64_t) tv->tv_sec - wall.tv_sec) * 1000000 + (tv->tv_usec - wall.tv_usec);
    }
    changed(e->loop);
}

static pa_time_event *time_new(pa_mainloop_api *api, const struct timeval *tv, pa_time_event_cb_t fn, void *arg)
{
    struct event *e = new_event(api, EVENT_TIME, arg);
    e->fn.time = fn;
    set_time(e, tv);
    return (pa_time_event *) (void *) e;
}

static void time_restart(pa_time_event *t, const struct timeval *tv)
{
    set_time((struct event *) (void *) t, tv);
}

static void time_free(pa_time_event *t)
{
    free_event((struct event *) (void *) t);
}

static void time_set_destroy(pa_time_event *t, pa_time_event_destroy_cb_t fn)
{
    ((struct event *) (void *) t)->destroyed.time = fn;
}

static pa_defer_event *defer_new(pa_mainloop_api *api, pa_defer_event_cb_t fn, void *arg)
{
    struct event *e = new_event(api, EVENT_DEFER, arg);
    e->fn.defer = fn;
    e->on = true;
    return (pa_defer_event *) (void *) e;
}

static void defer_enable(pa_defer_event *d, int on)
{
    struct event *e = (struct event *) (void *) d;
    e->on = on;
    changed(e->loop);
}

static void defer_free(pa_defer_event *d)
{
    free_event((struct event *) (void *) d);
}

static void defer_set_destroy(pa_defer_event *d, pa_defer_event_destroy_cb_t fn)
{
    ((struct event *) (void *) d)->destroyed.defer = fn;
}

/* A program's end is not libpulse's to decide. */
static void quit(pa_mainloop_api *api, int value)
{
    (void) api, (void) value;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool run_defers(struct pulse_loop *l)
{
    bool any = false;
    for (struct list_link *k = list_first(&l->events); k; k = list_next(&l->events, k)) {
        struct event *e = LIST_ENTRY(k, struct event, link);
        if (e->kind != EVENT_DEFER || !e->on || e->dead)
            continue;
        any = true;
        e->fn.defer(&l->api, (pa_defer_event *) (void *) e, e->arg);
    }
    return any;
}

static bool run_times(struct pulse_loop *l)
{
    bool any = false;
    int64_t now = now_us();
    for (struct list_link *k = list_first(&l->events); k; k = list_next(&l->events, k)) {
        struct event *e = LIST_ENTRY(k, struct event, link);
        if (e->kind != EVENT_TIME || !e->on || e->dead || e->when_us > now)
            continue;
        any = true;
        e->on = false;
        e->fn.time(&l->api, (pa_time_event *) (void *) e, &e->tv, e->arg);
    }
    return any;
}

/* Libpulse makes and frees an event for each piece that it reads, so the kernel is not told of them before the wait. */
struct waiting {
    struct pollfd fd[DESCRIPTORS + 1];
    struct event *event[DESCRIPTORS + 1];
    nfds_t n;
    int ms;
};

static void gather(struct pulse_loop *l, struct waiting *w)
{
    w->n = 0;
    for (struct list_link *k = list_first(&l->events); k && w->n < DESCRIPTORS; k = list_next(&l->events, k)) {
        struct event *e = LIST_ENTRY(k, struct event, link);
        if (e->dead || e->kind != EVENT_IO || e->want == PA_IO_EVENT_NULL)
            continue;
        short in = e->want & PA_IO_EVENT_INPUT ? POLLIN : 0, out = e->want & PA_IO_EVENT_OUTPUT ? POLLOUT : 0;
        w->fd[w->n] = (struct pollfd){ .fd = e->fd, .events = (short) (in | out) };
        w->event[w->n++] = e;
    }
}

/* Until something is due that no descriptor tells of. */
static int wait_ms(struct pulse_loop *l)
{
    int64_t now = now_us(), wait_us = (int64_t) LONGEST_MS * 1000;
    for (struct list_link *k = list_first(&l->events); k; k = list_next(&l->events, k)) {
        struct event *e = LIST_ENTRY(k, struct event, link);
        if (!e->dead && e->kind != EVENT_IO && e->on)
            wait_us = AHOY_MIN(wait_us, e->kind == EVENT_DEFER ? 0 : AHOY_MAX(e->when_us - now, (int64_t) 0));
    }
    return (int) ((wait_us + 999) / 1000);
}

/* Without the lock; a change meanwhile ends it. */
static int wait_for(struct pulse_loop *l, struct waiting *w)
{
    uint64_t count;
    w->fd[w->n] = (struct pollfd){ .fd = l->wake_fd, .events = POLLIN };
    l->asleep = true;
    sys_lock_give(&l->lock);
    int n = poll(w->fd, w->n + 1, w->ms);
    sys_lock_take(&l->lock);
    l->asleep = false;
    if (n > 0 && w->fd[w->n].revents)
        (void) !read(l->wake_fd, &count, sizeof count);
    return n;
}

static bool run_io(struct pulse_loop *l, const struct waiting *w)
{
    bool any = false;
    for (nfds_t i = 0; i < w->n; i++) {
        struct event *e = w->event[i];
        short got = w->fd[i].revents;
        unsigned flags = 0;
        flags |= got & POLLIN ? PA_IO_EVENT_INPUT : 0;
        flags |= got & POLLOUT ? PA_IO_EVENT_OUTPUT : 0;
        flags |= got & POLLHUP ? PA_IO_EVENT_HANGUP : 0;
        flags |= got & (POLLERR | POLLNVAL) ? PA_IO_EVENT_ERROR : 0;
        if (flags == 0 || e->dead)
            continue;
        any = true;
        e->fn.io(&l->api, (pa_io_event *) (void *) e, e->fd, (pa_io_event_flags_t) flags, e->arg);
    }
    return any;
}

/* Waits until there is something to do, without the lock, and does it. */
static void turn(struct pulse_loop *l)
{
    struct waiting w;
    pulse_loop_flush(l);
    gather(l, &w);
    w.ms = wait_ms(l);
    if ((w.ms > 0 ? wait_for(l, &w) : poll(w.fd, w.n, 0)) > 0)
        (void) run_io(l, &w);
    (void) run_times(l);
    sweep(l);
}

/* For each piece libpulse reads some four times, and each time wants to be told that there is something to read. */
void pulse_loop_run(struct pulse_loop *l)
{
    struct waiting w;
    bool any = true;
    for (int i = 0; i < ROUNDS && any; i++) {
        pulse_loop_flush(l);
        gather(l, &w);
        any = poll(w.fd, w.n, 0) > 0 && run_io(l, &w);
        sweep(l);
    }
    if (run_times(l))
        sweep(l);
    pulse_loop_flush(l);
}

void pulse_loop_flush(struct pulse_loop *l)
{
    for (int i = 0; i < ROUNDS && run_defers(l); i++)
        ;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
    struct pulse_loop *l = arg;
    sys_lock_take(&l->lock);
    while (!l->quit)
        turn(l);
    sys_lock_give(&l->lock);
    return NULL;
}

static enum ahoy_err start_thread(struct pulse_loop *l)
{
    sigset_t all, before;
    l->quit = false;
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are for the threads of the faces */
    bool ok = pthread_create(&l->thread, NULL, thread_main, l) == 0;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok)
        return AHOY_ERR_LIMIT;
    (void) pthread_setname_np(l->thread, "ahoy-pulse");
    l->taken = false;
    return AHOY_OK;
}

enum ahoy_err pulse_loop_create(struct pulse_loop **out)
{
    struct pulse_loop *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    l->api = (pa_mainloop_api){ .userdata = l,
                                .io_new = io_new,
                                .io_enable = io_enable,
                                .io_free = io_free,
                                .io_set_destroy = io_set_destroy,
                                .time_new = time_new,
                                .time_restart = time_restart,
                                .time_free = time_free,
                                .time_set_destroy = time_set_destroy,
                                .defer_new = defer_new,
                                .defer_enable = defer_enable,
                                .defer_free = defer_free,
                                .defer_set_destroy = defer_set_destroy,
                                .quit = quit };
    list_init(&l->events);
    list_init(&l->spare);
    for (size_t i = 0; i < POOL; i++)
        list_push_back(&l->spare, &l->pool[i].link);
    sys_lock_init(&l->lock);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0 || start_thread(l)) {
        if (l->wake_fd >= 0)
            (void) close(l->wake_fd);
        sys_lock_fini(&l->lock);
        mem_free(l);
        return AHOY_ERR_LIMIT;
    }
    *out = l;
    return AHOY_OK;
}

void pulse_loop_take(struct pulse_loop *l)
{
    if (l->taken)
        return;
    sys_lock_take(&l->lock);
    l->quit = true;
    changed(l);
    sys_lock_give(&l->lock);
    (void) pthread_join(l->thread, NULL);
    l->taken = true;
}

enum ahoy_err pulse_loop_give_back(struct pulse_loop *l)
{
    return start_thread(l);
}

void pulse_loop_destroy(struct pulse_loop *l)
{
    if (!l)
        return;
    pulse_loop_take(l);
    for (struct list_link *k = list_first(&l->events); k; k = list_next(&l->events, k))
        LIST_ENTRY(k, struct event, link)->dead = true;
    sweep(l);
    (void) close(l->wake_fd);
    sys_lock_fini(&l->lock);
    mem_free(l);
}

bool pulse_loop_taken(const struct pulse_loop *l)
{
    return l->taken;
}

pa_mainloop_api *pulse_loop_api(struct pulse_loop *l)
{
    return &l->api;
}

void pulse_loop_lock(struct pulse_loop *l)
{
    sys_lock_take(&l->lock);
}

void pulse_loop_unlock(struct pulse_loop *l)
{
    sys_lock_give(&l->lock);
}

void pulse_loop_wait(struct pulse_loop *l)
{
    (void) sys_lock_wait(&l->lock, -1);
}

void pulse_loop_signal(struct pulse_loop *l)
{
    sys_lock_signal(&l->lock);
}
