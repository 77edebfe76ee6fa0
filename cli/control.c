#include "cli/control.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SEND_BUFFER_BYTES = 1 << 20 };

void control_init(struct control *c, struct control_memory *memory)
{
    c->memory = memory;
    c->fd = -1;
    c->serial = 0;
    c->path[0] = 0;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        c->client[i].fd = -1;
}

static bool address(struct sockaddr_un *a, const char *dir, uint32_t pid)
{
    struct text t;
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    text_init(&t, a->sun_path, sizeof a->sun_path);
    text_add(&t, "%s/%u.sock", dir, pid);
    return !t.cut;
}

bool control_open(struct control *c, const char *dir, struct text *why)
{
    struct sockaddr_un a;
    if (!address(&a, dir, (uint32_t) getpid())) {
        text_add(why, "the path %s is too long for a socket", dir);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto fail;
    (void) unlink(a.sun_path); /* of a phone that had our number and was killed */
    mode_t before = umask(0177);
    int bound = bind(fd, (const struct sockaddr *) &a, sizeof a);
    (void) umask(before);
    if (bound != 0 || listen(fd, CONTROL_CLIENTS) != 0)
        goto fail;
    c->fd = fd;
    (void) text_copy(c->path, sizeof c->path, a.sun_path);
    return true;
fail:
    text_add(why, "cannot open the socket %s: %s", a.sun_path, strerror(errno));
    if (fd >= 0)
        (void) close(fd);
    return false;
}

void control_drop(struct control *c, int client)
{
    struct control_client *k = &c->client[client];
    if (k->fd >= 0)
        (void) close(k->fd);
    k->fd = -1;
    k->trace = false;
}

void control_close(struct control *c)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        control_drop(c, i);
    if (c->fd >= 0) {
        (void) close(c->fd);
        (void) unlink(c->path);
    }
    c->fd = -1;
}

int control_accept(struct control *c)
{
    int size = SEND_BUFFER_BYTES;
    int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *k = &c->client[i];
        if (k->fd >= 0)
            continue;
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        k->fd = fd;
        k->serial = ++c->serial;
        k->trace = false;
        lines_init(&k->lines, c->memory->line[i], sizeof c->memory->line[i]);
        return i;
    }
    (void) close(fd);
    return -1;
}

void control_send(struct control *c, int client, const char *line, size_t n)
{
    struct control_client *k = &c->client[client];
    if (k->fd >= 0 && send(k->fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t) n)
        control_drop(c, client);
}

bool control_any_trace(const struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (c->client[i].fd >= 0 && c->client[i].trace)
            return true;
    return false;
}

int control_connect(const char *dir, uint32_t pid)
{
    struct sockaddr_un a;
    int fd = address(&a, dir, pid) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *) &a, sizeof a) == 0)
        return fd;
    if (errno == ECONNREFUSED)
        (void) unlink(a.sun_path);
    (void) close(fd);
    return -1;
}

static void insert(uint32_t *pids, size_t n, uint32_t pid)
{
    while (n > 0 && pids[n - 1] > pid) {
        pids[n] = pids[n - 1];
        n--;
    }
    pids[n] = pid;
}

size_t control_list(const char *dir, uint32_t *pids, size_t max)
{
    size_t n = 0;
    uint32_t pid;
    char number[16];
    DIR *d = opendir(dir);
    if (!d)
        return 0;
    for (const struct dirent *e; n < max && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len <= 5 || len - 5 >= sizeof number || strcmp(e->d_name + len - 5, ".sock") != 0)
            continue;
        memcpy(number, e->d_name, len - 5);
        number[len - 5] = 0;
        if (text_number(number, 1, INT32_MAX, &pid))
            insert(pids, n++, pid);
    }
    (void) closedir(d);
    return n;
}
