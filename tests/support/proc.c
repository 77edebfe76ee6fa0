#include "support/proc.h"

#include "base/mem.h"
#include "support/temp.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ENV_MAX = LAB_ENV + 16,
    VAR_BYTES = LAB_PATH_BYTES + 64,
    SHOW_BYTES = 6000,
    PING_MS = 200,
    PROBE_MS = 20,
    KILL_MS = 5000
};

int64_t lab_now_ms(void)
{
    struct timespec now;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the folder --------------------------------------------------------------------------------------------------- */

bool lab_open(struct lab *lab)
{
    *lab = (struct lab){ .env_count = 0 };
    (void) signal(SIGPIPE, SIG_IGN); /* a program that has ended cannot be written to; that is no reason to die */
    return temp_make(lab->dir, sizeof lab->dir);
}

const char *lab_path(const struct lab *lab, const char *name, char path[LAB_PATH_BYTES])
{
    int n = snprintf(path, LAB_PATH_BYTES, "%s/%s", lab->dir, name);
    AHOY_ASSERT(n > 0 && n < LAB_PATH_BYTES);
    return path;
}

bool lab_mkdir(const struct lab *lab, const char *name)
{
    char path[LAB_PATH_BYTES];
    return mkdir(lab_path(lab, name, path), 0700) == 0 || errno == EEXIST;
}

bool lab_write(const struct lab *lab, const char *name, const char *fmt, ...)
{
    char path[LAB_PATH_BYTES];
    va_list ap;
    int fd = open(lab_path(lab, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    va_start(ap, fmt);
    int n = vdprintf(fd, fmt, ap);
    va_end(ap);
    return close(fd) == 0 && n >= 0;
}

/* ---- the environment ---------------------------------------------------------------------------------------------- */

bool lab_env(struct lab *lab, const char *name, const char *value)
{
    size_t n = strlen(name) + (value ? strlen(value) : 0) + 2;
    if (lab->env_count == LAB_ENV)
        return false;
    char *var = mem_alloc(n);
    if (!var)
        return false;
    (void) snprintf(var, n, "%s=%s", name, value ? value : "");
    lab->env[lab->env_count++] = var;
    return true;
}

struct environment {
    char text[ENV_MAX][VAR_BYTES];
    char *v[ENV_MAX + LAB_ENV + 1];
    size_t n;
};

static void env_set(struct environment *e, const char *name, const char *value)
{
    char *var = e->text[e->n];
    (void) snprintf(var, VAR_BYTES, "%s=%s", name, value);
    e->v[e->n++] = var;
}

/* What is set with lab_env comes first: the first of a name wins. */
static void env_make(const struct lab *lab, struct environment *e)
{
    static const char *const inherited[] = { "PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                             "TSAN_OPTIONS" };
    static const char *const ours[] = { "HOME",          "TMPDIR",        "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
                                        "XDG_DATA_HOME", "XDG_CACHE_HOME" };
    e->n = 0;
    for (size_t i = 0; i < AHOY_COUNT(inherited); i++)
        if (getenv(inherited[i]))
            env_set(e, inherited[i], getenv(inherited[i]));
    for (size_t i = 0; i < AHOY_COUNT(ours); i++)
        env_set(e, ours[i], lab->dir);
    env_set(e, "TERM", "xterm");
    env_set(e, "LC_ALL", "C.UTF-8");
    for (size_t i = 0; i < lab->env_count; i++)
        e->v[e->n++] = lab->env[i];
    e->v[e->n] = NULL;
}

/* ---- starting ----------------------------------------------------------------------------------------------------- */

/* In the child, where only async-signal-safe calls are allowed. Never returns. */
static void become(const struct lab *lab, const char *const argv[], char **env, const int pipes[4], pid_t parent)
{
    sigset_t none;
    (void) setpgid(0, 0);
    /* SIGTERM, since a program may have children of its own to end. */
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(126);
    (void) signal(SIGPIPE, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(pipes[0], STDIN_FILENO) < 0 || dup2(pipes[3], STDOUT_FILENO) < 0 || dup2(pipes[3], STDERR_FILENO) < 0
        || chdir(lab->dir) != 0)
        _exit(126);
    (void) execvpe(argv[0], (char *const *) (uintptr_t) argv, env);
    _exit(127);
}

static struct proc *proc_new(struct lab *lab, const char *program)
{
    const char *slash = strrchr(program, '/');
    for (size_t i = 0; i < LAB_PROCS; i++) {
        if (lab->procs[i])
            continue;
        struct proc *p = mem_zalloc(sizeof *p);
        if (!p)
            return NULL;
        lab->procs[i] = p;
        p->lab = lab;
        p->in = p->out = p->pidfd = -1;
        buf_init(&p->text, PROC_TEXT_BYTES);
        (void) snprintf(p->name, sizeof p->name, "%s", slash ? slash + 1 : program);
        return p;
    }
    return NULL;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void) close(*fd);
    *fd = -1;
}

static void proc_free(struct proc *p)
{
    for (size_t i = 0; i < LAB_PROCS; i++)
        if (p->lab->procs[i] == p)
            p->lab->procs[i] = NULL;
    shut(&p->in);
    shut(&p->out);
    shut(&p->pidfd);
    buf_fini(&p->text);
    mem_free(p);
}

struct proc *lab_start(struct lab *lab, const char *const argv[])
{
    struct environment env;
    int pipes[4] = { -1, -1, -1, -1 };
    struct proc *p = proc_new(lab, argv[0]);
    if (!p)
        return NULL;
    pid_t parent = getpid();
    env_make(lab, &env);
    if (pipe2(pipes, O_CLOEXEC) == 0 && pipe2(pipes + 2, O_CLOEXEC) == 0) {
        p->pid = fork();
        if (p->pid == 0)
            become(lab, argv, env.v, pipes, parent);
    }
    shut(&pipes[0]);
    shut(&pipes[3]);
    p->in = pipes[1];
    p->out = pipes[2];
    if (p->pid <= 0) {
        p->pid = 0;
        proc_free(p);
        return NULL;
    }
    (void) setpgid(p->pid, p->pid); /* whoever comes first */
    p->pidfd = pidfd_open(p->pid, 0);
    (void) fcntl(p->out, F_SETFL, O_NONBLOCK);
    return p;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void take_output(struct proc *p)
{
    char some[16384];
    ssize_t n;
    while ((n = read(p->out, some, sizeof some)) > 0)
        buf_put(&p->text, some, (size_t) n);
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        shut(&p->out);
}

static void reap(struct proc *p)
{
    int status = 0;
    if (p->pid <= 0 || waitpid(p->pid, &status, WNOHANG) != p->pid)
        return;
    p->pid = 0;
    p->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    shut(&p->pidfd);
    if (p->out >= 0)
        take_output(p);
}

/* Waits until something happens at any program, and takes it in. */
static void pump(struct lab *lab, int64_t until_ms)
{
    struct pollfd fds[2 * LAB_PROCS];
    int64_t left = until_ms - lab_now_ms();
    for (size_t i = 0; i < LAB_PROCS; i++) {
        const struct proc *p = lab->procs[i];
        fds[2 * i] = (struct pollfd){ .fd = p ? p->out : -1, .events = POLLIN };
        fds[2 * i + 1] = (struct pollfd){ .fd = p ? p->pidfd : -1, .events = POLLIN };
    }
    if (poll(fds, 2 * LAB_PROCS, left < 0 ? 0 : left > 60000 ? 60000 : (int) left) <= 0)
        return;
    for (size_t i = 0; i < LAB_PROCS; i++) {
        if (fds[2 * i].revents)
            take_output(lab->procs[i]);
        if (fds[2 * i + 1].revents)
            reap(lab->procs[i]);
    }
}

/* The line at p->mark, or behind it, that holds both texts. */
static bool find_line(struct proc *p, const char *text, const char *also)
{
    struct view rest = view_from(buf_content(&p->text), p->mark);
    while (!view_empty(rest)) {
        size_t n = view_find(rest, '\n');
        struct view line = view_first(rest, n);
        if (view_search(line, view_str(text)) < line.n && (!also || view_search(line, view_str(also)) < line.n)) {
            (void) view_copy(view_trim(line), p->line, sizeof p->line);
            p->mark = (size_t) (line.p - p->text.p) + n + (n < rest.n ? 1 : 0);
            return true;
        }
        if (n == rest.n) /* not finished: more of it may come */
            break;
        rest = view_from(rest, n + 1);
        p->mark = (size_t) (rest.p - p->text.p);
    }
    return false;
}

const char *proc_wait_both(struct proc *p, const char *text, const char *also, int ms)
{
    int64_t until = lab_now_ms() + ms;
    if (!p)
        return NULL;
    for (;;) {
        bool over = p->out < 0 && p->pid == 0;
        if (find_line(p, text, also))
            return p->line;
        if (over || buf_err(&p->text) || lab_now_ms() >= until)
            return NULL;
        pump(p->lab, until);
    }
}

const char *proc_wait(struct proc *p, const char *text, int ms)
{
    return proc_wait_both(p, text, NULL, ms);
}

size_t proc_said_times(struct proc *p, const char *text)
{
    size_t times = 0;
    if (!p)
        return 0;
    pump(p->lab, 0);
    struct view rest = buf_content(&p->text), needle = view_str(text);
    for (size_t at; (at = view_search(rest, needle)) < rest.n; rest = view_from(rest, at + needle.n))
        times++;
    return times;
}

bool proc_said(struct proc *p, const char *text)
{
    return proc_said_times(p, text) > 0;
}

/* ---- telling and ending ------------------------------------------------------------------------------------------- */

bool proc_say(struct proc *p, const char *fmt, ...)
{
    va_list ap;
    if (!p || p->in < 0)
        return false;
    va_start(ap, fmt);
    int n = vdprintf(p->in, fmt, ap);
    va_end(ap);
    return n >= 0 && write(p->in, "\n", 1) == 1;
}

void proc_hush(struct proc *p)
{
    if (p)
        shut(&p->in);
}

void proc_signal(struct proc *p, int signal_number)
{
    if (p && p->pid > 0)
        (void) kill(p->pid, signal_number);
}

int proc_exit(struct proc *p, int ms)
{
    int64_t until = lab_now_ms() + ms;
    if (!p)
        return -1;
    reap(p);
    while (p->pid > 0 && lab_now_ms() < until)
        pump(p->lab, until);
    return p->pid > 0 ? -1 : p->status;
}

/* Ends it, but keeps what it said. */
static int stop(struct proc *p)
{
    pid_t group = p->pid;
    proc_signal(p, SIGTERM);
    if (proc_exit(p, PROC_END_MS) < 0) {
        (void) kill(-group, SIGKILL);
        (void) proc_exit(p, KILL_MS);
    } else if (group > 0) {
        (void) kill(-group, SIGKILL); /* children that it left */
    }
    return p->status;
}

int proc_end(struct proc *p)
{
    if (!p)
        return -1;
    int status = stop(p);
    proc_free(p);
    return status;
}

/* What programs wrote to logs in the folder. */
static void show_logs(const struct lab *lab)
{
    char path[LAB_PATH_BYTES], text[SHOW_BYTES];
    DIR *dir = opendir(lab->dir);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        int len = snprintf(path, sizeof path, "%s/%s", lab->dir, e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 4, ".log") != 0 || len >= (int) sizeof path)
            continue;
        FILE *f = fopen(path, "re");
        size_t got = f ? fread(text, 1, sizeof text, f) : 0;
        (void) fprintf(stderr, "---- %s:\n%.*s\n", e->d_name, (int) got, text);
        if (f)
            (void) fclose(f);
    }
    if (dir)
        (void) closedir(dir);
}

static void show_proc(const struct proc *p)
{
    struct view all = buf_content(&p->text), tail = view_from(all, all.n > SHOW_BYTES ? all.n - SHOW_BYTES : 0);
    (void) fprintf(stderr, "---- %s (%s, status %d) said%s:\n%.*s\n", p->name, p->pid > 0 ? "running" : "ended",
                   p->status, tail.n < all.n ? " last" : "", VIEW_ARG(tail));
}

void lab_close(struct lab *lab, bool show)
{
    if (show)
        pump(lab, 0);
    for (size_t i = 0; i < LAB_PROCS; i++)
        if (lab->procs[i] && show)
            show_proc(lab->procs[i]);
    if (show)
        show_logs(lab);
    for (size_t i = LAB_PROCS; i-- > 0;) /* the last one started is the first to go */
        (void) proc_end(lab->procs[i]);
    for (size_t i = 0; i < lab->env_count; i++)
        mem_free(lab->env[i]);
    lab->env_count = 0;
    temp_remove(lab->dir);
    lab->dir[0] = '\0';
}

/* ---- the network -------------------------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* A socket bound to the port (0: any); -1 when it is taken. */
static int bound(int type, uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *) &a, sizeof a) != 0)
        shut(&fd);
    return fd;
}

uint16_t proc_port(void)
{
    for (int tries = 0; tries < 100; tries++) {
        struct sockaddr_in a = { 0 };
        socklen_t n = sizeof a;
        int udp = bound(SOCK_DGRAM, 0), tcp = -1, next = -1, next_tcp = -1;
        uint16_t port = 0;
        if (udp >= 0 && getsockname(udp, (struct sockaddr *) &a, &n) == 0 && ntohs(a.sin_port) < 65535) {
            port = ntohs(a.sin_port);
            tcp = bound(SOCK_STREAM, port);
            next = bound(SOCK_DGRAM, (uint16_t) (port + 1));
            next_tcp = bound(SOCK_STREAM, (uint16_t) (port + 1));
        }
        bool good = port % 2 == 0 && tcp >= 0 && next >= 0 && next_tcp >= 0;
        shut(&udp);
        shut(&tcp);
        shut(&next);
        shut(&next_tcp);
        if (good)
            return port;
    }
    return 0;
}

/* Whether the system's table has a socket of that port on 127.0.0.1 or on all addresses. */
static bool in_table(const char *table, uint16_t port)
{
    char line[512], local[2][32];
    bool found = false;
    FILE *f = fopen(table, "re");
    (void) snprintf(local[0], sizeof local[0], ": %08X:%04X ", htonl(INADDR_LOOPBACK), port);
    (void) snprintf(local[1], sizeof local[1], ": 00000000:%04X ", port);
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, local[0]) || strstr(line, local[1]);
    if (f)
        (void) fclose(f);
    return found;
}

bool lab_taken(struct lab *lab, uint16_t port, bool tcp, int ms)
{
    int64_t until = lab_now_ms() + ms;
    bool taken;
    while (!(taken = in_table(tcp ? "/proc/net/tcp" : "/proc/net/udp", port)) && lab_now_ms() < until)
        pump(lab, lab_now_ms() + PROBE_MS);
    return taken;
}

bool lab_ping(struct lab *lab, uint16_t port, int ms)
{
    char text[512], answer[4096];
    struct sockaddr_in own = { 0 }, to = loopback(port);
    socklen_t size = sizeof own;
    int64_t until = lab_now_ms() + ms;
    bool answered = false;
    int fd = bound(SOCK_DGRAM, 0);
    if (fd < 0 || getsockname(fd, (struct sockaddr *) &own, &size) != 0
        || connect(fd, (const struct sockaddr *) &to, sizeof to) != 0)
        goto out;
    for (unsigned i = 0; !answered && lab_now_ms() < until; i++) {
        unsigned from = ntohs(own.sin_port);
        int n = snprintf(
            text, sizeof text,
            "OPTIONS sip:ping@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bKping%u\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1:%u>;tag=ping\r\nTo: <sip:ping@127.0.0.1:%u>\r\n"
            "Call-ID: ping%u-%u\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            port, from, i, from, port, from, i);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t pause = lab_now_ms() + PING_MS;
        (void) !send(fd, text, (size_t) n, 0);
        while (!answered && lab_now_ms() < pause) { /* "port unreachable" wakes the poll, too */
            pump(lab, 0);
            if (poll(&p, 1, (int) AHOY_MAX(pause - lab_now_ms(), 0)) > 0)
                answered = recv(fd, answer, sizeof answer, 0) > 0;
        }
    }
out:
    shut(&fd);
    return answered;
}
