/* TCP listeners of the real world. */
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024, LISTEN_ACCEPTS = 64, LISTEN_REST_MS = 100 };

struct real_listener {
    struct sys_tcp_listener base;
    uv_poll_t poll;
    int fd;
    struct sys_timer rest; /* out of descriptors: polling would spin, so it pauses */
    bool closed;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_rested(void *arg)
{
    struct real_listener *l = arg;
    (void) uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

static void take(struct real_listener *l, int fd, const union real_sockaddr *from)
{
    struct addr peer = real_from_sockaddr(from);
    struct sys_tcp *stream;
    if (real_tcp_adopt(real_loop_of(l->base.loop), fd, &peer, &stream))
        return;
    l->base.accept(l->base.arg, stream);
    real_tcp_accepted(stream); /* still there when the callee closed it: libuv frees at the end of the turn */
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct real_listener *l = poll->data;
    (void) events;
    real_touch(real_loop_of(l->base.loop));
    for (int i = 0; i < LISTEN_ACCEPTS && !l->closed; i++) {
        union real_sockaddr from = { 0 };
        socklen_t n = sizeof from;
        int fd = accept4(l->fd, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            (void) uv_poll_stop(&l->poll);
            sys_timer_start(l->base.loop, &l->rest, SYS_MS(LISTEN_REST_MS));
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
    } /* other errors are about a connection that is gone already: the next one */
    if (status < 0 && !l->closed)
        (void) uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

enum ahoy_err real_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                              sys_tcp_accept_fn *accept, void *arg)
{
    union real_sockaddr sa;
    socklen_t n = real_to_sockaddr(local, &sa);
    const int on = 1;
    struct real_listener *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    l->fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd >= 0)
        (void) setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* over what lingers of an earlier run */
    if (l->fd >= 0 && local->family == ADDR_IP6)
        (void) setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (l->fd < 0 || bind(l->fd, &sa.any, n) < 0 || listen(l->fd, LISTEN_BACKLOG) < 0
        || uv_poll_init(&real_loop_of(loop)->uv, &l->poll, l->fd) < 0) {
        enum ahoy_err err = real_err(errno);
        if (l->fd >= 0)
            close(l->fd);
        mem_free(l);
        return err ? err : AHOY_ERR_IO;
    }
    l->base = (struct sys_tcp_listener){ .loop = loop, .local = real_local_of(l->fd), .accept = accept, .arg = arg };
    l->poll.data = l;
    sys_timer_init(&l->rest, on_rested, l);
    (void) uv_poll_start(&l->poll, UV_READABLE, on_poll);
    loop->open++;
    *out = &l->base;
    return AHOY_OK;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void real_tcp_listener_close(struct sys_tcp_listener *base)
{
    struct real_listener *l = (struct real_listener *) base;
    l->closed = true;
    sys_timer_stop(&l->rest);
    base->loop->open--;
    real_poll_close(&l->poll, l->fd, on_closed);
}
