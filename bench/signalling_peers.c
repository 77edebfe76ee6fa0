/* The peers of the signalling benchmark, as Debian ships them: Kamailio and SIPp, started on loopback, ended with it. */
#include "signalling.h"

#include "base/view.h"
#include "support/temp.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TRIES = 100, START_WAIT_MS = 50, MAX_PROCESSES = 64 };

static const char *program_of(enum server_kind kind)
{
    static const char *const kamailio[] = { "/usr/sbin/kamailio", "/usr/local/sbin/kamailio" };
    static const char *const sipp[] = { "/usr/bin/sipp", "/usr/local/bin/sipp" };
    const char *const *list = kind == SERVER_SIPP ? sipp : kamailio;
    for (int i = 0; i < 2; i++)
        if (access(list[i], X_OK) == 0)
            return list[i];
    return NULL;
}

bool server_available(enum server_kind kind)
{
    return kind < SERVER_KAMAILIO || program_of(kind);
}

uint16_t peer_free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *) &a, n) == 0 && getsockname(fd, (struct sockaddr *) &a, &n) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? ntohs(a.sin_port) : 0;
}

static const char kamailio_config[] =
    "debug=-1\nlog_stderror=yes\nfork=yes\nchildren=1\ndisable_tcp=yes\nauto_aliases=no\ndns=no\nrev_dns=no\n"
    "server_signature=no\nlisten=udp:127.0.0.1:%u\n"
    "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\nloadmodule \"pv.so\"\nloadmodule \"maxfwd.so\"\n"
    "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"siputils.so\"\nloadmodule \"textops.so\"\n"
    "loadmodule \"auth.so\"\n"
    "modparam(\"usrloc\", \"db_mode\", 0)\nmodparam(\"rr\", \"enable_double_rr\", 0)\n"
    "request_route {\n"
    "  if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; }\n"
    "  if (has_totag()) { if (loose_route()) { t_relay(); } exit; }\n"
    "  if (is_method(\"REGISTER\")) {\n"
    "%s"
    "    save(\"location\"); exit;\n"
    "  }\n"
    "  if (is_method(\"OPTIONS\")) { sl_send_reply(\"200\", \"OK\"); exit; }\n"
    "  record_route();\n"
    "  if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Found\"); exit; }\n"
    "  t_relay();\n"
    "}\n";
static const char kamailio_digest[] = "    if (!pv_www_authenticate(\"" SERVER_REALM "\", \"" SERVER_PASSWORD
                                      "\", \"0\")) {\n"
                                      "      www_challenge(\"" SERVER_REALM "\", \"1\"); exit;\n"
                                      "    }\n";

static bool write_config(const struct server *s, enum server_kind kind, char *path, size_t size)
{
    snprintf(path, size, "%s/kamailio.cfg", s->dir);
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f, kamailio_config, s->port, kind == SERVER_KAMAILIO_DIGEST ? kamailio_digest : "");
    return fclose(f) == 0;
}

/* In the child: silent, gone with its parent. */
static void become(const char *const argv[], const char *dir)
{
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void) dup2(null, 0);
        (void) dup2(null, 1);
        (void) dup2(null, 2);
    }
    if (dir[0] && chdir(dir) < 0)
        _exit(126);
    (void) setenv("TERM", "dumb", 1);
    (void) execv(argv[0], (char *const *) argv);
    _exit(127);
}

/* Whether something answers OPTIONS there. */
static bool answers(uint16_t port)
{
    static const char format[] =
        "OPTIONS sip:127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bKprobe\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:p@127.0.0.1>;tag=p\r\nTo: <sip:p@127.0.0.1>\r\nCall-ID: probe\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char text[512], reply[2048];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int n = snprintf(text, sizeof text, format, port, port);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *) &to, sizeof to) == 0 && send(fd, text, (size_t) n, 0) == n
              && poll(&p, 1, START_WAIT_MS) == 1 && recv(fd, reply, sizeof reply, 0) > 0;
    if (fd >= 0)
        close(fd);
    if (!ok) /* refused at once as long as nobody is there */
        (void) poll(NULL, 0, START_WAIT_MS);
    return ok;
}

/* SIPp's uas answers nothing but calls: it is there when its port is taken. */
static bool port_taken(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && bind(fd, (struct sockaddr *) &a, sizeof a) < 0;
    if (fd >= 0)
        close(fd);
    (void) poll(NULL, 0, taken ? 0 : START_WAIT_MS);
    return taken;
}

bool peer_start(struct server *s, enum server_kind kind)
{
    char config[128], port[8];
    const char *program = program_of(kind);
    if (!program || !temp_make(s->dir, sizeof s->dir))
        return false;
    s->port = peer_free_port();
    snprintf(port, sizeof port, "%u", s->port);
    if (!write_config(s, kind, config, sizeof config))
        return false;
    const char *const sipp[] = { program, "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-nostdin", NULL };
    const char *const kamailio[] = { program, "-f",  config, "-DD",  "-E", "-x",   "fm", "-X",           "fm",
                                     "-m",    "512", "-Y",   s->dir, "-w", s->dir, "-P", "kamailio.pid", NULL };
    s->pid = fork();
    if (s->pid == 0)
        become(kind == SERVER_SIPP ? sipp : kamailio, s->dir);
    for (int i = 0; s->pid > 0 && i < START_TRIES; i++) {
        if (kind == SERVER_SIPP ? port_taken(s->port) : answers(s->port))
            return true;
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            s->pid = 0;
    }
    fprintf(stderr, "%s did not start\n", program);
    peer_stop(s);
    return false;
}

/* Reads a small file of /proc into text. */
static struct view read_proc(char *text, size_t size, const char *format, int pid)
{
    char path[64];
    snprintf(path, sizeof path, format, pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size) : -1;
    if (fd >= 0)
        close(fd);
    return view_of(text, n > 0 ? (size_t) n : 0);
}

/* Nanoseconds on a processor of all threads of a process: the first number of schedstat. */
static double process_ms(int pid)
{
    char path[64], text[128];
    double ms = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        uint32_t tid;
        uint64_t ns;
        if (view_u32(view_str(e->d_name), &tid))
            continue;
        struct view v = read_proc(text, sizeof text, "/proc/%d/schedstat", (int) tid);
        if (view_u64(view_cut(&v, ' '), UINT64_MAX, &ns) == AHOY_OK)
            ms += (double) ns / 1e6;
    }
    if (d)
        closedir(d);
    return ms;
}

bool peer_usage(struct server *s, struct usage *out)
{
    char text[1024];
    struct view v = read_proc(text, sizeof text, "/proc/%d/statm", s->pid);
    uint64_t pages = 0;
    uint32_t child;
    if (v.n == 0)
        return false;
    (void) view_cut(&v, ' ');
    if (view_u64(view_cut(&v, ' '), SIZE_MAX, &pages))
        return false;
    *out = (struct usage){ .cpu_ms = process_ms(s->pid), .rss_bytes = (size_t) pages * (size_t) sysconf(_SC_PAGESIZE) };
    snprintf(text, sizeof text, "/proc/%d/task/%d/children", s->pid, s->pid);
    FILE *f = fopen(text, "r");
    bool ok = f && fgets(text, sizeof text, f);
    if (f)
        fclose(f);
    v = view_str(ok ? text : "");
    for (int i = 0; i < MAX_PROCESSES && v.n > 0; i++)
        if (view_u32(view_trim(view_cut(&v, ' ')), &child) == AHOY_OK)
            out->cpu_ms += process_ms((int) child);
    return true;
}

void peer_stop(struct server *s)
{
    if (s->pid > 0) {
        (void) kill(s->pid, SIGTERM); /* Kamailio ends its workers then */
        (void) waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
    temp_remove(s->dir);
    s->dir[0] = '\0';
}

bool peer_sipp_calls(uint16_t port, unsigned calls)
{
    char target[32], count[16], dir[64];
    int status = -1;
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    snprintf(count, sizeof count, "%u", calls);
    const char *const argv[] = { program_of(SERVER_SIPP),
                                 target,
                                 "-sn",
                                 "uac",
                                 "-i",
                                 "127.0.0.1",
                                 "-m",
                                 count,
                                 "-r",
                                 "1000",
                                 "-l",
                                 "200",
                                 "-d",
                                 "0",
                                 "-nostdin",
                                 "-timeout",
                                 "60",
                                 NULL };
    if (!temp_make(dir, sizeof dir))
        return false;
    pid_t pid = fork();
    if (pid == 0)
        become(argv, dir);
    if (pid > 0)
        (void) waitpid(pid, &status, 0);
    temp_remove(dir);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
