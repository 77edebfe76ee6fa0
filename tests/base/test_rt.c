/* Realtime sections trap the house's doors, in a child that ends by it. T_PLAIN: children. */
#include "base/rt.h"

#include "base/log.h"
#include "base/mem.h"
#include "support/t.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void allocate(void)
{
    mem_free(mem_alloc(10));
}

static void resize(void)
{
    mem_free(mem_realloc(NULL, 10));
}

static void zeroed(void)
{
    mem_free(mem_zalloc(10));
}

static void give_back(void)
{
    mem_free(NULL);
}

static void sink(void *arg, enum log_level level, const char *room, const char *line)
{
    (void) arg, (void) level, (void) room, (void) line;
}

static void say(void)
{
    struct log log = { .level = LOG_DEBUG, .sink = sink };
    log_write(&log, LOG_ERROR, "test", "hello");
}

static void nothing(void)
{
}

/* Whether a child that does it inside a section ends by SIGABRT. */
static bool trapped(void (*what)(void), bool inside)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void) signal(SIGABRT, SIG_DFL);
        (void) close(STDERR_FILENO);
        if (inside)
            rt_enter();
        what();
        if (inside)
            rt_leave();
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_the_doors_are_shut_inside_a_section(struct t *t)
{
    static void (*const doors[])(void) = { allocate, resize, zeroed, give_back, say };
#if defined(AHOY_RT_TRAP)
    const bool trap = true;
#else
    const bool trap = false; /* a release build marks nothing */
#endif
    for (size_t i = 0; i < AHOY_COUNT(doors); i++) {
        T_EQ(trapped(doors[i], true), trap);
        T_CHECK(!trapped(doors[i], false));
    }
    T_CHECK(!trapped(nothing, true));
    T_EQ(trapped(rt_leave, false), trap);
out:
    return;
}

T_MAIN(T_PLAIN(test_the_doors_are_shut_inside_a_section))
