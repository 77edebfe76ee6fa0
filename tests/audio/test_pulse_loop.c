/* libpulse's main loop without libpulse. It uses threads. */
#include "audio/pulse_loop.h"

#include "support/t.h"

#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

struct witness {
    struct pulse_loop *loop;
    pa_io_event *io;
    int pipe[2];
    unsigned bytes, timed, deferred, destroyed;
    pthread_t thread; /* of the last callback */
};

static void on_byte(pa_mainloop_api *api, pa_io_event *e, int fd, pa_io_event_flags_t events, void *arg)
{
    struct witness *w = arg;
    char c;
    (void) e;
    w->thread = pthread_self();
    if (events & PA_IO_EVENT_INPUT && read(fd, &c, 1) == 1)
        w->bytes++;
    /* As libpulse does it: an event for each piece. */
    api->io_free(w->io);
    w->io = api->io_new(api, fd, PA_IO_EVENT_INPUT, on_byte, w);
    pulse_loop_signal(w->loop);
}

static void on_time(pa_mainloop_api *api, pa_time_event *e, const struct timeval *tv, void *arg)
{
    struct witness *w = arg;
    (void) tv;
    w->timed++;
    api->time_free(e);
    pulse_loop_signal(w->loop);
}

static void on_time_gone(pa_mainloop_api *api, pa_time_event *e, void *arg)
{
    struct witness *w = arg;
    (void) api, (void) e;
    w->destroyed++;
    pulse_loop_signal(w->loop);
}

static void on_defer(pa_mainloop_api *api, pa_defer_event *e, void *arg)
{
    struct witness *w = arg;
    w->deferred++;
    api->defer_enable(e, 0);
    pulse_loop_signal(w->loop);
}

static pa_time_event *after_ms(struct witness *w, int ms)
{
    pa_mainloop_api *api = pulse_loop_api(w->loop);
    struct timeval tv;
    gettimeofday(&tv, NULL);
    tv.tv_usec += ms * 1000;
    tv.tv_sec += tv.tv_usec / 1000000;
    tv.tv_usec %= 1000000;
    pa_time_event *e = api->time_new(api, &tv, on_time, w);
    api->time_set_destroy(e, on_time_gone);
    return e;
}

/* A loop that reads the witness's pipe. */
static enum ahoy_err witness_open(struct witness *w)
{
    if (pipe(w->pipe))
        return AHOY_ERR_LIMIT;
    enum ahoy_err err = pulse_loop_create(&w->loop);
    if (err)
        return err;
    pa_mainloop_api *api = pulse_loop_api(w->loop);
    pulse_loop_lock(w->loop);
    w->io = api->io_new(api, w->pipe[0], PA_IO_EVENT_INPUT, on_byte, w);
    pulse_loop_unlock(w->loop);
    return AHOY_OK;
}

static void witness_close(struct witness *w)
{
    pulse_loop_destroy(w->loop);
    for (int i = 0; i < 2; i++)
        if (w->pipe[i] >= 0)
            (void) close(w->pipe[i]);
}

static void test_its_thread_runs_what_happens(struct t *t)
{
    struct witness w = { .pipe = { -1, -1 } };
    T_OK(witness_open(&w));
    pa_mainloop_api *api = pulse_loop_api(w.loop);
    pulse_loop_lock(w.loop);
    pa_defer_event *defer = api->defer_new(api, on_defer, &w);
    (void) after_ms(&w, 1);
    for (int i = 0; i < 300; i++) /* more than its pool has */
        api->defer_free(api->defer_new(api, on_defer, &w));
    for (unsigned i = 1; i <= 100; i++) {
        T_EQ(write(w.pipe[1], "x", 1), 1);
        while (w.bytes < i)
            pulse_loop_wait(w.loop);
    }
    while (w.timed < 1 || w.deferred < 1 || w.destroyed < 1)
        pulse_loop_wait(w.loop);
    api->defer_enable(defer, 1); /* wakes it */
    while (w.deferred < 2)
        pulse_loop_wait(w.loop);
    T_CHECK(!pthread_equal(w.thread, pthread_self()));
    T_EQ(w.timed, 1);
    api->time_free(after_ms(&w, 0));
    pulse_loop_unlock(w.loop);
out:
    witness_close(&w);
}

static void test_it_is_taken_and_given_back(struct t *t)
{
    struct witness w = { .pipe = { -1, -1 } };
    T_OK(witness_open(&w));
    T_CHECK(!pulse_loop_taken(w.loop));
    for (unsigned turn = 0; turn < 3; turn++) {
        pulse_loop_take(w.loop);
        pulse_loop_take(w.loop);
        T_CHECK(pulse_loop_taken(w.loop));
        T_EQ(write(w.pipe[1], "xyz", 3), 3);
        pulse_loop_lock(w.loop);
        T_EQ(w.bytes, turn * 4);
        pulse_loop_run(w.loop);
        T_EQ(w.bytes, turn * 4 + 3);
        T_CHECK(pthread_equal(w.thread, pthread_self()));
        enum ahoy_err err = pulse_loop_give_back(w.loop);
        bool ok = err == AHOY_OK && write(w.pipe[1], "x", 1) == 1;
        while (ok && w.bytes < turn * 4 + 4)
            pulse_loop_wait(w.loop);
        pulse_loop_unlock(w.loop);
        T_CHECK(ok && !pthread_equal(w.thread, pthread_self()));
    }
out:
    witness_close(&w);
}

T_MAIN(T_PLAIN(test_its_thread_runs_what_happens), T(test_it_is_taken_and_given_back))
