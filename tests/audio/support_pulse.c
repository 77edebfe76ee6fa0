#include "support_pulse.h"

#include "ahoy/error.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
/* libpulse is not built for ThreadSanitizer, which cannot see its atomics: its locks and packets are passed over. */
AHOY_API const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:pa_packet_new\nrace:pa_iochannel_read\nrace:pa_mutex_";
}
#endif

enum { START_LIMIT_MS = 20000 };

bool pulse_daemon_init(struct pulse_daemon *d)
{
    char path[2 * TEMP_PATH_BYTES];
    char server[2 * TEMP_PATH_BYTES + 8];
    *d = (struct pulse_daemon){ .pid = 0 };
    if (!temp_begin() || !temp_make(d->dir, sizeof d->dir))
        return false;
    (void) snprintf(server, sizeof server, "unix:%s", temp_path(d->dir, "native", path));
    (void) unsetenv("DBUS_SESSION_BUS_ADDRESS");
    (void) unsetenv("PULSE_SINK");
    (void) unsetenv("PULSE_SOURCE");
    return setenv("HOME", d->dir, 1) == 0 && setenv("XDG_RUNTIME_DIR", d->dir, 1) == 0
           && setenv("XDG_CONFIG_HOME", d->dir, 1) == 0 && setenv("PULSE_RUNTIME_PATH", d->dir, 1) == 0
           && setenv("PULSE_STATE_PATH", d->dir, 1) == 0 && setenv("PULSE_SERVER", server, 1) == 0;
}

/* In the child: never returns. */
static void become_daemon(const struct pulse_daemon *d)
{
    char path[2 * TEMP_PATH_BYTES];
    char native[600];
    char cli[600];
    (void) snprintf(native, sizeof native, "module-native-protocol-unix auth-anonymous=1 socket=%s",
                    temp_path(d->dir, "native", path));
    (void) snprintf(cli, sizeof cli, "module-cli-protocol-unix socket=%s", temp_path(d->dir, "cli", path));
    int log = open(temp_path(d->dir, "log", path), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log >= 0)
        (void) dup2(log, STDERR_FILENO);
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that crashed */
    (void) unsetenv("PULSE_SERVER");
    (void) execlp("pulseaudio", "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                  "--disable-shm=yes", "--high-priority=no", "--realtime=no", "-L",
                  "module-null-sink sink_name=ahoy_test rate=48000 channels=1", "-L", native, "-L", cli, (char *) NULL);
    _exit(127);
}

/* The command line's socket is made last: when it is there, all is. */
static bool wait_for_socket(int watch)
{
    for (;;) {
        _Alignas(struct inotify_event) char events[4096];
        struct pollfd p = { .fd = watch, .events = POLLIN };
        if (poll(&p, 1, START_LIMIT_MS) <= 0)
            return false;
        ssize_t n = read(watch, events, sizeof events);
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *) (events + at);
            if (e->len > 0 && strcmp(e->name, "cli") == 0)
                return true;
            at += (ssize_t) (sizeof *e + e->len);
        }
    }
}

bool pulse_daemon_start(struct pulse_daemon *d)
{
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, d->dir, IN_CREATE) < 0)
        return false;
    d->pid = fork();
    if (d->pid == 0)
        become_daemon(d);
    bool ok = d->pid > 0 && wait_for_socket(watch);
    (void) close(watch);
    if (!ok && d->pid > 0)
        pulse_daemon_stop(d);
    return ok;
}

void pulse_daemon_stop(struct pulse_daemon *d)
{
    char path[2 * TEMP_PATH_BYTES];
    if (d->pid <= 0)
        return;
    (void) kill(d->pid, SIGKILL);
    (void) waitpid(d->pid, NULL, 0);
    d->pid = 0;
    (void) unlink(temp_path(d->dir, "native", path));
    (void) unlink(temp_path(d->dir, "cli", path));
}

bool pulse_daemon_command(const struct pulse_daemon *d, const char *command)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char path[2 * TEMP_PATH_BYTES];
    (void) snprintf(a.sun_path, sizeof a.sun_path, "%.100s", temp_path(d->dir, "cli", path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *) &a, sizeof a) == 0
              && write(fd, command, strlen(command)) == (ssize_t) strlen(command) && write(fd, "\n", 1) == 1;
    if (ok) { /* it answers with a prompt when the command is done */
        char answer[512];
        (void) shutdown(fd, SHUT_WR);
        while (read(fd, answer, sizeof answer) > 0)
            ;
    }
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

void pulse_daemon_fini(struct pulse_daemon *d)
{
    pulse_daemon_stop(d);
    temp_remove(d->dir);
}
