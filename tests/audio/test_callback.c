/*
 * Nothing in a device's callback allocates, locks or makes a system call: proved on each kind of live device while it
 * runs. The kernel reports system calls of realtime sections (base/rt.h) by SIGSYS, the sanitizer's hooks report libc's
 * heap, and pthread_mutex_lock is this program's own. It uses threads. T_PLAIN: real time, and libpulse allocates.
 */
#include "audio/device.h"
#include "audio/device_impl.h"
#include "base/rt.h"
#include "support/pulse.h"
#include "support/t.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#if !defined(AHOY_RT_TRAP)

static void test_only_debug_builds_mark_sections(struct t *t)
{
    (void) t;
}

T_MAIN(T_PLAIN(test_only_debug_builds_mark_sections))

#else

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* As sanitizer/allocator_interface.h declares it; gcc's package comes without that header. */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *));
#define HEAP_HOOKS 1
#else
#define HEAP_HOOKS 0
#endif

static struct pulse_daemon the_daemon;
static atomic_uint calls, heap, locks; /* inside realtime sections */
static bool kernel_reports;

/* ---- traps ------------------------------------------------------------------------------------------------------- */

static void on_system_call(int sig)
{
    (void) sig;
    *(volatile unsigned char *) (uintptr_t) rt_flag() = 0; /* or returning from here would be the next one */
    atomic_fetch_add(&calls, 1);
}

#if HEAP_HOOKS
static void on_malloc(const volatile void *p, size_t n)
{
    (void) p, (void) n;
    atomic_fetch_add(&heap, *rt_flag());
}

static void on_free(const volatile void *p)
{
    (void) p;
    atomic_fetch_add(&heap, *rt_flag());
}
#endif

#if !defined(__SANITIZE_THREAD__) /* which has its own */
AHOY_API int pthread_mutex_lock(pthread_mutex_t *m)
{
    static _Atomic(void *) real;
    void *fn = atomic_load(&real);
    if (!fn)
        atomic_store(&real, fn = dlsym(RTLD_NEXT, "pthread_mutex_lock"));
    atomic_fetch_add(&locks, *rt_flag());
    return (*(int (**)(pthread_mutex_t *)) & fn)(m);
}
#endif

/* On the thread whose sections are to be watched; false when the kernel cannot. */
static bool watch_thread(void)
{
#if defined(__SANITIZE_THREAD__) /* which delays signals */
    return false;
#else
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, rt_flag()) == 0;
#endif
}

/* In each test: the frame around it takes SIGSYS for itself. */
static void set_trap(void)
{
    struct sigaction sa = { .sa_handler = on_system_call };
    (void) sigaction(SIGSYS, &sa, NULL);
}

static void set_hooks(void)
{
#if HEAP_HOOKS
    (void) __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif
}

/* ---- the traps themselves ---------------------------------------------------------------------------------------- */

static void *sin_in_a_section(void *arg)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const bool *call = arg;
    bool watched = watch_thread();
    if (*call) {
        rt_enter();
        (void) getppid();
        if (*rt_flag())
            rt_leave();
        return watched ? arg : NULL;
    }
    rt_enter();
    char *p = malloc(100);
    free(p);
    (void) pthread_mutex_lock(&lock);
    (void) pthread_mutex_unlock(&lock);
    if (*rt_flag())
        rt_leave();
    return p ? arg : NULL;
}

static void test_the_traps_hold(struct t *t)
{
    bool call = true;
    pthread_t thread;
    void *watched = NULL;
    set_trap();
    T_EQ(pthread_create(&thread, NULL, sin_in_a_section, &call), 0);
    T_EQ(pthread_join(thread, &watched), 0);
    kernel_reports = watched != NULL;
    T_EQ(atomic_exchange(&calls, 0), kernel_reports ? 1 : 0);
    call = false;
    T_EQ(pthread_create(&thread, NULL, sin_in_a_section, &call), 0);
    T_EQ(pthread_join(thread, NULL), 0);
    if (HEAP_HOOKS)
        T_CHECK(atomic_exchange(&heap, 0) >= 2);
#if !defined(__SANITIZE_THREAD__)
    T_CHECK(atomic_exchange(&locks, 0) >= 1);
#endif
    if (!kernel_reports)
        fprintf(stderr, "this kernel does not report system calls of a section: only the heap and locks are watched\n");
out:
    atomic_store(&calls, 0);
    atomic_store(&heap, 0);
    atomic_store(&locks, 0);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

struct watched {
    atomic_uint turns;
    atomic_bool watched;
    sem_t enough;
    unsigned wanted;
};

/* On the device's thread, outside its sections. */
static void on_ready(void *arg)
{
    struct watched *w = arg;
    if (!atomic_exchange(&w->watched, true) && kernel_reports && !watch_thread())
        atomic_store(&w->watched, false);
    if (atomic_fetch_add(&w->turns, 1) + 1 == w->wanted)
        (void) sem_post(&w->enough);
}

static void run_device(struct t *t, const struct audio_device_config *base, unsigned turns)
{
    struct audio_device *d = NULL;
    struct audio_device_config cfg = *base;
    struct watched w = { .wanted = turns };
    struct audio_device_stats st;
    struct timespec until;
    char why[AUDIO_WHY_BYTES];
    (void) sem_init(&w.enough, 0, 0);
    cfg.ready = on_ready;
    cfg.arg = &w;
    T_OK(audio_device_open(&d, &cfg, why));
    (void) clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    T_EQ(sem_timedwait(&w.enough, &until), 0);
    audio_device_stats(d, &st);
    T_CHECK(st.captured > 0 && st.played > 0);
    T_EQ(atomic_load(&w.watched), true);
    T_EQ(atomic_exchange(&calls, 0), 0);
    T_EQ(atomic_exchange(&heap, 0), 0);
    T_EQ(atomic_exchange(&locks, 0), 0);
out:
    audio_device_close(d);
    (void) sem_destroy(&w.enough);
}

/* The sections' clock is the loop's, as in a call. */
static void run_spec(struct t *t, const char *spec)
{
    struct sys_host *host = NULL;
    struct sys_loop *loop = NULL;
    struct audio_device_config cfg = audio_device_defaults();
    set_trap();
    T_OK(sys_host_real(&host));
    T_OK(sys_loop_create(host, &loop));
    T_OK(audio_spec_parse(view_str(spec), &cfg.spec));
    cfg.loop = loop;
    cfg.frame_ms = 5;
    run_device(t, &cfg, 200);
out:
    if (loop)
        sys_loop_destroy(loop);
    sys_host_destroy(host);
}

static void test_pulse(struct t *t)
{
    run_spec(t, "pulse");
}

static void test_alsa(struct t *t)
{
    run_spec(t, "alsa:pulse");
}

/* Its timer's loop is its thread: opened and closed there, as the media worker does. */
struct on_loop {
    struct sys_msg msg;
    struct sys_loop *loop;
    struct t *t;
    struct audio_device *device;
    struct audio_device_config cfg;
    struct watched w;
    bool opened;
};

static void mem_ready(void *arg)
{
    struct on_loop *o = arg;
    on_ready(&o->w);
    if (atomic_load(&o->w.turns) >= o->w.wanted)
        sys_loop_stop(o->loop);
}

static void test_memory_with_a_clock(struct t *t)
{
    struct sys_host *host = NULL;
    struct on_loop o = { .w = { .wanted = 100 } };
    struct audio_mem *m = NULL;
    struct audio_device_stats st;
    char why[AUDIO_WHY_BYTES];
    static const int16_t said[4] = { 1, 2, 3, 4 };
    (void) sem_init(&o.w.enough, 0, 0);
    set_trap();
    T_OK(sys_host_real(&host));
    T_OK(sys_loop_create(host, &o.loop));
    T_OK(audio_mem_create(&m, said, 4, true, 48000));
    audio_mem_set_clock(m, &(struct audio_mem_clock){ .period_us = 2000 });
    o.cfg = audio_device_defaults();
    o.cfg.spec.kind = AUDIO_MEM;
    o.cfg.mem = m;
    o.cfg.loop = o.loop;
    o.cfg.ready = mem_ready;
    o.cfg.arg = &o;
    T_OK(audio_device_open(&o.device, &o.cfg, why));
    sys_loop_run(o.loop);
    audio_device_stats(o.device, &st);
    T_CHECK(st.captured > 0 && st.played > 0);
    T_EQ(atomic_load(&o.w.watched), true);
    T_EQ(atomic_exchange(&calls, 0), 0);
    T_EQ(atomic_exchange(&heap, 0), 0);
    T_EQ(atomic_exchange(&locks, 0), 0);
out:
    audio_device_close(o.device);
    audio_mem_destroy(m);
    if (o.loop)
        sys_loop_destroy(o.loop);
    sys_host_destroy(host);
    (void) sem_destroy(&o.w.enough);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T_PLAIN(test_the_traps_hold),
        T_PLAIN(test_pulse),
        T_PLAIN(test_alsa),
        T_PLAIN(test_memory_with_a_clock),
    };
    set_hooks();
    if (!pulse_daemon_init(&the_daemon) || !pulse_daemon_start(&the_daemon)) {
        fprintf(stderr, "the sound server cannot be started: is it installed?\n");
        pulse_daemon_fini(&the_daemon);
        return 1;
    }
    int failed = t_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
    pulse_daemon_fini(&the_daemon);
    return failed;
}

#endif
