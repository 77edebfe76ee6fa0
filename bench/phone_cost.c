/* What a process costs, from /proc; and the registrar that asks for digests. */
#include "phone.h"

#include "base/view.h"
#include "tool.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- cost -------------------------------------------------------------------------------------------------------- */

/* The number behind a label at the start of a line, 0 when there is none; an empty label: the first number. */
static uint64_t read_number(const char *path, const char *label)
{
    char text[256];
    uint64_t x = 0;
    FILE *f = fopen(path, "r");
    while (f && fgets(text, sizeof text, f)) {
        struct view v = view_str(text);
        if (!view_starts(v, view_str(label)))
            continue;
        v = view_trim(view_from(v, strlen(label)));
        if (view_u64(view_cut(&v, ' '), UINT64_MAX, &x))
            x = 0;
        break;
    }
    if (f)
        fclose(f);
    return x;
}

bool cost_read(pid_t pid, struct cost *out)
{
    char path[320];
    *out = (struct cost){ .cpu_ms = 0 };
    snprintf(path, sizeof path, "/proc/%d/task", (int) pid);
    DIR *d = opendir(path);
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int) pid, e->d_name);
        out->cpu_ms += (double) read_number(path, "") / 1e6;
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int) pid, e->d_name);
        out->wakeups += read_number(path, "voluntary_ctxt_switches:");
    }
    closedir(d);
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int) pid);
    out->rss_mb = (double) read_number(path, "Rss:") / 1024;
    out->pss_mb = (double) read_number(path, "Pss:") / 1024;
    return out->cpu_ms > 0;
}

/* ---- registrar --------------------------------------------------------------------------------------------------- */

int registrar_open(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &a, n) < 0 || getsockname(fd, (struct sockaddr *) &a, &n) < 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static struct view header(struct view msg, struct view name)
{
    struct view rest = msg, line;
    while (view_line(&rest, &line) && line.n > 0)
        if (view_istarts(line, name) && line.n > name.n && line.p[name.n] == ':')
            return view_trim(view_from(line, name.n + 1));
    return view_of(NULL, 0);
}

/* Answers one request; returns whether it was an accepted REGISTER. */
static bool answer(int fd, struct view msg, const struct sockaddr_in *from)
{
    char text[4096];
    bool registers = view_starts(msg, VIEW("REGISTER "));
    bool accepted = registers && view_search(header(msg, VIEW("Authorization")), VIEW("response=\"")) < msg.n
                    && !view_empty(header(msg, VIEW("Authorization")));
    struct view via = header(msg, VIEW("Via")), contact = header(msg, VIEW("Contact"));
    const char *status = accepted ? "200 OK" : registers ? "401 Unauthorized" : "405 Method Not Allowed";
    int n = snprintf(text, sizeof text,
                     "SIP/2.0 %s\r\nVia: %.*s\r\nFrom: %.*s\r\nTo: %.*s;tag=bench\r\nCall-ID: %.*s\r\nCSeq: %.*s\r\n",
                     status, VIEW_ARG(via), VIEW_ARG(header(msg, VIEW("From"))), VIEW_ARG(header(msg, VIEW("To"))),
                     VIEW_ARG(header(msg, VIEW("Call-ID"))), VIEW_ARG(header(msg, VIEW("CSeq"))));
    size_t at = (size_t) n;
    if (accepted)
        n = snprintf(text + at, sizeof text - at, "Contact: %.*s\r\nExpires: 3600\r\n", VIEW_ARG(contact));
    else if (registers)
        n = snprintf(text + at, sizeof text - at,
                     "WWW-Authenticate: Digest realm=\"bench\", nonce=\"5a1f0c93b2\", algorithm=MD5, qop=\"auth\"\r\n");
    else
        n = snprintf(text + at, sizeof text - at, "Allow: REGISTER\r\n");
    at += (size_t) n;
    at += (size_t) snprintf(text + at, sizeof text - at, "Content-Length: 0\r\n\r\n");
    if (!view_starts(msg, VIEW("ACK ")))
        (void) sendto(fd, text, at, 0, (const struct sockaddr *) from, sizeof *from);
    return accepted;
}

bool registrar_serve(int fd, int limit_ms)
{
    char data[4096]; /* views print at most what was received, and the answer is cut to its buffer's size */
    double end_ms = tool_now_ms() + limit_ms, left_ms;
    while ((left_ms = end_ms - tool_now_ms()) > 0) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct sockaddr_in from;
        socklen_t n = sizeof from;
        if (poll(&p, 1, (int) left_ms + 1) != 1)
            continue;
        ssize_t got = recvfrom(fd, data, sizeof data / 2, 0, (struct sockaddr *) &from, &n);
        if (got > 0 && answer(fd, view_of(data, (size_t) got), &from))
            return true;
    }
    return false;
}
