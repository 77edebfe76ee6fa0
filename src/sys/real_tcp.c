/* TCP streams of the real world. Writes gather in a buffer that is sent at the end of the turn. */
#include "base/buf.h"
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
    TCP_READS = 4, /* of one wake-up: then other sockets have their turn */
    TCP_KEEP_BYTES = 16384,
    TCP_GONE_BYTES = 65536 /* so many sent bytes at the buffer's front are worth moving the rest */
};

struct real_tcp {
    struct sys_tcp base;
    uv_poll_t poll;
    int fd;
    int polled; /* events asked of libuv */
    struct real_flush flush;
    struct sys_timer later; /* tells of a failure that was known before sys_tcp_connect returned */
    enum ahoy_err later_err;
    struct buf out;
    size_t sent; /* of out's bytes */
    bool connecting, blocked, paused;
    bool fin_wanted, fin_sent;
    bool ended;  /* `closed` was called … */
    bool broken; /* … for another reason than the peer's orderly end, after which what is queued still leaves */
    bool closed;
};

static struct real_loop *loop_of(const struct real_tcp *t)
{
    return real_loop_of(t->base.loop);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void update_poll(struct real_tcp *t)
{
    int want = 0;
    if (t->connecting)
        want = UV_WRITABLE;
    else if (!t->broken)
        want = (t->paused || t->ended || !t->base.handled ? 0 : UV_READABLE) | (t->blocked ? UV_WRITABLE : 0);
    if (want == t->polled)
        return;
    if (want == 0)
        (void) uv_poll_stop(&t->poll);
    else
        (void) uv_poll_start(&t->poll, want, on_poll);
    t->polled = want;
}

static void end_with(struct real_tcp *t, enum ahoy_err err)
{
    t->broken = t->broken || err != AHOY_ERR_END;
    if (t->ended || t->closed)
        return;
    t->ended = true;
    t->connecting = false;
    sys_timer_stop(&t->later);
    update_poll(t);
    if (t->base.handler.closed)
        t->base.handler.closed(t->base.handler.arg, err);
}

/* ---- sending ---- */

/* Sends what the socket takes; returns the failure, if any. */
static enum ahoy_err send_out(struct real_tcp *t)
{
    while (t->out.n > t->sent) {
        ssize_t n = send(t->fd, t->out.p + t->sent, t->out.n - t->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            t->blocked = true;
            return AHOY_OK;
        }
        if (n < 0)
            return real_err(errno);
        t->sent += (size_t) n;
    }
    t->blocked = false;
    t->sent = 0;
    if (t->out.cap > TCP_KEEP_BYTES)
        buf_fini(&t->out);
    else
        buf_clear(&t->out);
    if (t->fin_wanted && !t->fin_sent) {
        t->fin_sent = true;
        (void) shutdown(t->fd, SHUT_WR);
    }
    return AHOY_OK;
}

static void on_flush(struct real_flush *f)
{
    struct real_tcp *t = AHOY_CONTAINER_OF(f, struct real_tcp, flush);
    if (t->connecting || t->broken || t->blocked)
        return;
    enum ahoy_err err = send_out(t);
    if (err)
        end_with(t, err);
    else
        update_poll(t);
}

enum ahoy_err real_tcp_write(struct sys_tcp *base, const void *data, size_t n)
{
    struct real_tcp *t = (struct real_tcp *) base;
    if (t->ended || t->fin_wanted)
        return AHOY_ERR_CLOSED;
    if (n > SYS_TCP_QUEUE_BYTES - (t->out.n - t->sent))
        return AHOY_ERR_LIMIT;
    if (t->sent >= TCP_GONE_BYTES) {
        buf_drop(&t->out, t->sent);
        t->sent = 0;
    }
    enum ahoy_err err = buf_reserve(&t->out, n);
    t->out.err = AHOY_OK; /* the bytes already there are whole; only these did not fit */
    if (err)
        return err;
    buf_put(&t->out, data, n);
    if (!t->connecting && !t->blocked)
        real_flush_later(loop_of(t), &t->flush);
    return AHOY_OK;
}

void real_tcp_shutdown(struct sys_tcp *base)
{
    struct real_tcp *t = (struct real_tcp *) base;
    t->fin_wanted = true;
    if (!t->broken && !t->connecting && !t->blocked)
        real_flush_later(loop_of(t), &t->flush);
}

/* ---- receiving ---- */

static void read_in(struct real_tcp *t)
{
    for (int i = 0; i < TCP_READS && !t->closed && !t->ended && !t->paused; i++) {
        char small[256]; /* when there is no memory for more, a stream goes on in small steps */
        char *slab = real_slab_slot(loop_of(t), 0);
        char *to = slab ? slab : small;
        size_t room = slab ? REAL_SLOT_BYTES : sizeof small;
        ssize_t n = recv(t->fd, to, room, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            end_with(t, n == 0 ? AHOY_ERR_END : real_err(errno));
            return;
        }
        t->base.handler.recv(t->base.handler.arg, to, (size_t) n);
        if (slab)
            real_slab_used(loop_of(t), 0, (size_t) n);
        if ((size_t) n < room)
            return;
    }
}

static void finish_connect(struct real_tcp *t)
{
    int value = 0;
    socklen_t n = sizeof value;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &value, &n) < 0)
        value = errno;
    if (value != 0) {
        end_with(t, real_err(value));
        return;
    }
    t->connecting = false;
    t->base.local = real_local_of(t->fd);
    update_poll(t);
    if (t->out.n > 0 || t->fin_wanted)
        real_flush_later(loop_of(t), &t->flush);
    if (t->base.handler.connected)
        t->base.handler.connected(t->base.handler.arg);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct real_tcp *t = poll->data;
    real_touch(loop_of(t));
    if (status < 0) { /* libuv's word for POLLERR; it has stopped polling */
        t->polled = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if (t->connecting) {
        finish_connect(t);
        return;
    }
    if (status < 0 && t->paused) { /* nothing can be read, but a broken stream is known */
        int value = 0;
        socklen_t n = sizeof value;
        (void) getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &value, &n);
        if (value != 0) {
            end_with(t, real_err(value));
            return;
        }
    }
    if (events & UV_READABLE)
        read_in(t);
    if (!t->closed && !t->broken && (events & UV_WRITABLE)) {
        enum ahoy_err err = send_out(t);
        if (err)
            end_with(t, err);
    }
    if (!t->closed)
        update_poll(t);
}

void real_tcp_pause(struct sys_tcp *base, bool paused)
{
    struct real_tcp *t = (struct real_tcp *) base;
    t->paused = paused;
    update_poll(t);
}

/* ---- life ---- */

static void on_later(void *arg)
{
    struct real_tcp *t = arg;
    end_with(t, t->later_err);
}

static void set_options(int fd)
{
    const int on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a message is whole when it is written */
}

/* Makes the stream of a descriptor; the descriptor stays the caller's when it fails. */
static enum ahoy_err make(struct sys_loop *loop, int fd, const struct addr *peer, struct real_tcp **out)
{
    struct real_tcp *t = mem_zalloc(sizeof *t);
    if (!t)
        return AHOY_ERR_NOMEM;
    int rc = uv_poll_init(&real_loop_of(loop)->uv, &t->poll, fd);
    if (rc < 0) {
        mem_free(t);
        return real_err(-rc);
    }
    t->base = (struct sys_tcp){ .loop = loop, .local = real_local_of(fd), .peer = *peer };
    t->fd = fd;
    t->poll.data = t;
    t->flush.fn = on_flush;
    buf_init(&t->out, SYS_TCP_QUEUE_BYTES + TCP_GONE_BYTES);
    sys_timer_init(&t->later, on_later, t);
    set_options(fd);
    loop->open++;
    *out = t;
    return AHOY_OK;
}

static enum ahoy_err open_socket(const struct addr *src, const struct addr *dst, int *out)
{
    union real_sockaddr sa;
    int fd = socket(dst->family == ADDR_IP4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return real_err(errno);
    if (src) {
        const int on = 1;
        socklen_t n = real_to_sockaddr(src, &sa);
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, &sa.any, n) < 0) {
            enum ahoy_err err = real_err(errno);
            close(fd);
            return err;
        }
    }
    *out = fd;
    return AHOY_OK;
}

enum ahoy_err real_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                               const struct addr *dst, const struct sys_tcp_handler *handler)
{
    int fd = -1;
    struct real_tcp *t;
    union real_sockaddr sa;
    enum ahoy_err err = open_socket(src, dst, &fd);
    if (err)
        return err;
    err = make(loop, fd, dst, &t);
    if (err) {
        close(fd);
        return err;
    }
    sys_tcp_set_handler(&t->base, handler); /* NOLINT: made, since there was no error */
    t->connecting = true;
    socklen_t n = real_to_sockaddr(dst, &sa);
    if (connect(fd, &sa.any, n) == 0 || errno == EINPROGRESS || errno == EINTR) {
        t->base.local = real_local_of(fd);
        update_poll(t);
    } else {
        t->later_err = real_err(errno);
        sys_timer_start(loop, &t->later, 0);
    }
    *out = &t->base;
    return AHOY_OK;
}

enum ahoy_err real_tcp_adopt(struct real_loop *l, int fd, const struct addr *peer, struct sys_tcp **out)
{
    struct real_tcp *t;
    enum ahoy_err err = make(&l->base, fd, peer, &t);
    if (err) {
        close(fd);
        return err;
    }
    *out = &t->base; /* NOLINT: made, since there was no error */
    return AHOY_OK;
}

void real_tcp_accepted(struct sys_tcp *base)
{
    struct real_tcp *t = (struct real_tcp *) base;
    if (t->closed)
        return;
    if (base->handled)
        update_poll(t);
    else
        real_tcp_close(base);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void real_tcp_close(struct sys_tcp *base)
{
    struct real_tcp *t = (struct real_tcp *) base;
    if (!t->connecting)
        (void) send_out(t);
    t->closed = true;
    sys_timer_stop(&t->later);
    list_remove(&t->flush.link);
    buf_fini(&t->out);
    base->loop->open--;
    real_poll_close(&t->poll, t->fd, on_closed);
}
