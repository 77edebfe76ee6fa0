#include "support/pulse.h"

#include "base/base.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

enum { LOOKS = 1000, LOOK_MS = 20, COMMAND_BYTES = 1000, NAME_BYTES = 64, PATH_BYTES = 2 * TEMP_PATH_BYTES };

/* Of this process, and of what it starts. */
static bool point_environment(const struct pulse_daemon *d)
{
    static const char *const folders[] = { "HOME",           "XDG_RUNTIME_DIR",    "XDG_CONFIG_HOME",
                                           "XDG_STATE_HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH" };
    bool ok = setenv("PULSE_SERVER", d->server, 1) == 0;
    for (size_t i = 0; i < AHOY_COUNT(folders); i++)
        ok = setenv(folders[i], d->dir, 1) == 0 && ok;
    return ok;
}

bool pulse_daemon_init(struct pulse_daemon *d)
{
    const char *which = getenv("AHOY_TEST_SOUND_SERVER");
    if (!temp_begin() || !temp_make(d->dir, sizeof d->dir))
        return false;
    d->pipewire = which && strcmp(which, "pipewire") == 0;
    (void) snprintf(d->server, sizeof d->server, "unix:%s/native", d->dir);
    return point_environment(d);
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* In the child: never returns. */
static void become(const struct pulse_daemon *d, const char *const argv[])
{
    const struct sched_param hurry = { .sched_priority = 10 };
    char path[PATH_BYTES];
    int log = open(temp_path(d->dir, "log", path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        (void) dup2(log, STDOUT_FILENO);
        (void) dup2(log, STDERR_FILENO);
    }
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);        /* it does not outlive a test that crashed */
    (void) sched_setscheduler(0, SCHED_RR, &hurry); /* where it may: the machine's other work is not what is tested */
    (void) point_environment(d);
    (void) unsetenv("PULSE_SERVER");
    (void) snprintf(path, sizeof path, "unix:path=%s/bus", d->dir);
    if (d->pipewire)
        (void) setenv("DBUS_SESSION_BUS_ADDRESS", path, 1);
    (void) execvp(argv[0], (char *const *) (uintptr_t) argv);
    _exit(127);
}

static bool start_part(struct pulse_daemon *d, const char *const argv[])
{
    for (size_t i = 0; i < PULSE_PARTS; i++) {
        if (d->part[i] > 0)
            continue;
        d->part[i] = fork();
        if (d->part[i] == 0)
            become(d, argv);
        return d->part[i] > 0;
    }
    return false;
}
#define START_PART(d, ...) start_part((d), (const char *const[]){ __VA_ARGS__, NULL })

/* A program that serves says so to nobody: it is looked for until it is there. */
static bool wait_until(bool (*done)(const struct pulse_daemon *d, const char *what), const struct pulse_daemon *d,
                       const char *what)
{
    for (int i = 0; i < LOOKS; i++) {
        if (done(d, what))
            return true;
        (void) poll(NULL, 0, LOOK_MS);
    }
    return false;
}

/* A connection to a socket in its folder; -1: there is none. */
static int reach(const struct pulse_daemon *d, const char *name)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char path[PATH_BYTES];
    (void) snprintf(a.sun_path, sizeof a.sun_path, "%.100s", temp_path(d->dir, name, path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *) &a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        (void) close(fd);
    return -1;
}

static bool accepts(const struct pulse_daemon *d, const char *name)
{
    int fd = reach(d, name);
    return fd >= 0 && close(fd) == 0;
}

/* Runs one of its tools; read what it says and pclose it. */
static FILE *ask(const struct pulse_daemon *d, const char *fmt, ...) AHOY_PRINTF(2, 3);

static FILE *ask(const struct pulse_daemon *d, const char *fmt, ...)
{
    char line[COMMAND_BYTES];
    va_list ap;
    int n = snprintf(line, sizeof line, "PULSE_SERVER=%s XDG_RUNTIME_DIR=%s ", d->server, d->dir);
    va_start(ap, fmt);
    n += vsnprintf(line + n, sizeof line - (size_t) n, fmt, ap);
    va_end(ap);
    return n < (int) sizeof line ? popen(line, "re") : NULL;
}

static bool run(FILE *f)
{
    return f && pclose(f) == 0;
}

/* Whether a line of what `pactl …` prints holds `text`. */
static bool pactl_says(const struct pulse_daemon *d, const char *arguments, const char *text)
{
    char line[512];
    bool found = false;
    FILE *f = ask(d, "pactl %s 2>/dev/null", arguments);
    while (f && fgets(line, sizeof line, f))
        found = strstr(line, text) || found;
    if (f)
        (void) pclose(f);
    return found;
}

/* ---- PulseAudio -------------------------------------------------------------------------------------------------- */

static bool start_pulseaudio(struct pulse_daemon *d)
{
    char path[PATH_BYTES], native[PATH_BYTES + 64], cli[PATH_BYTES + 64];
    (void) snprintf(native, sizeof native, "module-native-protocol-unix auth-anonymous=1 socket=%s",
                    temp_path(d->dir, "native", path));
    (void) snprintf(cli, sizeof cli, "module-cli-protocol-unix socket=%s", temp_path(d->dir, "cli", path));
    return START_PART(d, "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                      "--disable-shm=yes", "--high-priority=yes", "--realtime=yes", "-L",
                      "module-null-sink sink_name=ahoy_test rate=48000 channels=1", "-L", cli, "-L", native)
           && wait_until(accepts, d, "native");
}

/* ---- PipeWire ---------------------------------------------------------------------------------------------------- */

/* A bus that starts nothing by itself; wireplumber does not run without one. */
static const char bus[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
    "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig><type>session</type><listen>unix:path=%s/bus</listen>"
    "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>"
    "</busconfig>\n";
/* In a virtual machine PipeWire keeps to periods of 22 ms; the test is to be the same on any. */
static const char core_conf[] =
    "context.properties = { default.clock.min-quantum = 32 vm.overrides = { default.clock.min-quantum = 32 } }\n";
static const char pulse_conf[] = "pulse.properties = { server.address = [ \"%s\" ]\n"
                                 "  vm.overrides = { pulse.min.quantum = 256/48000 } }\n";

static bool write_conf(const struct pulse_daemon *d, const char *name, const char *fmt, ...) AHOY_PRINTF(3, 4);

static bool write_conf(const struct pulse_daemon *d, const char *name, const char *fmt, ...)
{
    char path[PATH_BYTES];
    va_list ap;
    FILE *f = fopen(temp_path(d->dir, name, path), "we");
    if (!f)
        return false;
    va_start(ap, fmt);
    bool ok = vfprintf(f, fmt, ap) > 0;
    va_end(ap);
    return fclose(f) == 0 && ok;
}

static bool configure_pipewire(const struct pulse_daemon *d)
{
    static const char *const folders[] = { "pipewire", "pipewire/pipewire.conf.d", "pipewire/pipewire-pulse.conf.d" };
    char path[PATH_BYTES];
    for (size_t i = 0; i < AHOY_COUNT(folders); i++)
        (void) mkdir(temp_path(d->dir, folders[i], path), 0700);
    return write_conf(d, "bus.conf", bus, d->dir)
           && write_conf(d, "pipewire/pipewire.conf.d/test.conf", "%s", core_conf)
           && write_conf(d, "pipewire/pipewire-pulse.conf.d/test.conf", pulse_conf, d->server);
}

/* The session manager has found the sink that is there when there is no other. */
static bool has_default(const struct pulse_daemon *d, const char *name)
{
    return pactl_says(d, "info", name);
}

static bool start_pipewire(struct pulse_daemon *d)
{
    char path[PATH_BYTES], conf[PATH_BYTES + 32];
    (void) snprintf(conf, sizeof conf, "--config-file=%s", temp_path(d->dir, "bus.conf", path));
    return configure_pipewire(d) && START_PART(d, "dbus-daemon", "--nofork", "--nosyslog", conf)
           && wait_until(accepts, d, "bus") && START_PART(d, "pipewire") && wait_until(accepts, d, "pipewire-0")
           && START_PART(d, "wireplumber") && START_PART(d, "pipewire-pulse") && wait_until(accepts, d, "native")
           && wait_until(has_default, d, "Default Sink: auto_null")
           && pulse_daemon_command(d, "load-module module-null-sink sink_name=ahoy_test rate=48000 channels=1")
           && pulse_daemon_command(d, "set-default-sink ahoy_test")
           && pulse_daemon_command(d, "set-default-source ahoy_test.monitor");
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* Why it did not start. */
static void show_log(const struct pulse_daemon *d)
{
    char path[PATH_BYTES], line[512];
    FILE *f = fopen(temp_path(d->dir, "log", path), "re");
    while (f && fgets(line, sizeof line, f))
        (void) fputs(line, stderr);
    if (f)
        (void) fclose(f);
}

bool pulse_daemon_start(struct pulse_daemon *d)
{
    if (d->part[0] > 0 || (d->pipewire ? start_pipewire(d) : start_pulseaudio(d)))
        return true;
    show_log(d);
    pulse_daemon_stop(d);
    return false;
}

void pulse_daemon_stop(struct pulse_daemon *d)
{
    static const char *const sockets[] = { "native", "cli", "bus", "pipewire-0", "pipewire-0.lock" };
    char path[PATH_BYTES];
    for (size_t i = PULSE_PARTS; i-- > 0;) {
        if (d->part[i] <= 0)
            continue;
        (void) kill(d->part[i], SIGKILL);
        (void) waitpid(d->part[i], NULL, 0);
        d->part[i] = 0;
    }
    for (size_t i = 0; d->dir[0] && i < AHOY_COUNT(sockets); i++)
        (void) unlink(temp_path(d->dir, sockets[i], path));
}

static bool is_listed(const struct pulse_daemon *d, const char *name)
{
    return pactl_says(d, "list short sinks", name) || pactl_says(d, "list short sources", name);
}

/* PipeWire answers before what it loads is there. */
static bool wait_for_loaded(const struct pulse_daemon *d, const char *command)
{
    static const char *const keys[] = { "sink_name=", "source_name=" };
    for (size_t i = 0; i < AHOY_COUNT(keys); i++) {
        const char *at = strstr(command, keys[i]);
        char name[NAME_BYTES];
        if (!at)
            continue;
        at += strlen(keys[i]);
        (void) snprintf(name, sizeof name, "\t%.*s\t", (int) strcspn(at, " "), at);
        if (!wait_until(is_listed, d, name))
            return false;
    }
    return true;
}

bool pulse_daemon_command(const struct pulse_daemon *d, const char *command)
{
    return run(ask(d, "pactl %s >/dev/null", command)) && wait_for_loaded(d, command);
}

/* Pulseaudio's own command line, which knows more than pactl: it answers with a prompt when it is done. */
static bool pulseaudio_command(const struct pulse_daemon *d, const char *command)
{
    char answer[512];
    size_t n = strlen(command);
    int fd = reach(d, "cli");
    bool ok = fd >= 0 && write(fd, command, n) == (ssize_t) n && shutdown(fd, SHUT_WR) == 0;
    while (ok && read(fd, answer, sizeof answer) > 0)
        ;
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

/* The number behind `key`; false when the line does not have it. */
static bool number_in(const char *line, const char *key, unsigned long *out)
{
    const char *at = strstr(line, key);
    if (at)
        *out = strtoul(at + strlen(key), NULL, 10);
    return at != NULL;
}

static bool sink_index(const struct pulse_daemon *d, const char *name, unsigned long *index)
{
    char line[512], key[NAME_BYTES];
    bool found = false;
    (void) snprintf(key, sizeof key, "\t%s\t", name);
    FILE *f = ask(d, "pactl list short sinks");
    while (f && fgets(line, sizeof line, f))
        found = (strstr(line, key) && number_in(line, "", index)) || found;
    return f && pclose(f) == 0 && found;
}

/* The streams of a sink by the number that their killer knows them by. */
static size_t streams_of(const struct pulse_daemon *d, unsigned long sink, unsigned long *id, size_t max)
{
    char line[512];
    unsigned long stream = 0, on = 0, object = 0;
    size_t n = 0;
    FILE *f = ask(d, "pactl list sink-inputs");
    while (f && fgets(line, sizeof line, f) && n < max) {
        (void) number_in(line, "Sink Input #", &stream);
        (void) number_in(line, "\tSink: ", &on);
        if (on == sink && number_in(line, d->pipewire ? "object.id = \"" : "Properties:", &object))
            id[n++] = d->pipewire ? object : stream;
    }
    if (f)
        (void) pclose(f);
    return n;
}

bool pulse_daemon_kill_streams(const struct pulse_daemon *d, const char *sink)
{
    unsigned long id[PULSE_PARTS], index = 0;
    char command[64];
    size_t n = sink_index(d, sink, &index) ? streams_of(d, index, id, AHOY_COUNT(id)) : 0;
    bool ok = n > 0;
    for (size_t i = 0; i < n && ok; i++) {
        (void) snprintf(command, sizeof command, "kill-sink-input %lu\n", id[i]);
        ok = d->pipewire ? run(ask(d, "pw-cli destroy %lu >/dev/null", id[i])) : pulseaudio_command(d, command);
    }
    return ok;
}

void pulse_daemon_fini(struct pulse_daemon *d)
{
    pulse_daemon_stop(d);
    temp_remove(d->dir);
    d->dir[0] = '\0';
}
