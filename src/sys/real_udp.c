/*
 * UDP of the real world. Datagrams are read sixteen at a time into memory that all sockets of the loop share, and leave
 * thirty-two at a time at the end of the turn. ICMP errors come from the socket's error queue with the destination they
 * are about (IP_RECVERR), so that one dead peer does not look like another.
 */
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <unistd.h>

enum {
    UDP_READ_BATCHES = 4, /* of one wake-up: then other sockets have their turn */
    UDP_SEND_BATCH = 32,
    UDP_QUEUE_DATAGRAMS = 2048,
    UDP_QUEUE_BYTES = 4 << 20,
    UDP_READ_CONTROL_BYTES = 128,
    UDP_SEND_CONTROL_BYTES = 64,
    UDP_ERRORS_AT_ONCE = 64,
    UDP_MOST_WAIT_US = 1000000 /* an older stamp is not believed */
};

struct real_udp {
    struct sys_udp base;
    uv_poll_t poll;
    int fd;
    struct real_flush flush;
    struct list queue; /* out_packet */
    size_t queued, queued_bytes;
    bool blocked; /* the socket takes no more; wait until it is writable */
    bool any;     /* bound to "any": each datagram tells its local address */
    bool closed;
};

struct out_packet {
    struct list_link link;
    struct addr src, dst; /* src.family ADDR_NONE: the system chooses */
    size_t n;
    uint8_t data[];
};

static struct real_loop *loop_of(const struct real_udp *u)
{
    return real_loop_of(u->base.loop);
}

/* ---- opening ---- */

static bool set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

static void set_options(int fd, const struct sys_udp_config *cfg, bool any)
{
    /* All of them best effort: an old kernel without one of them still carries datagrams. */
    if (cfg->local.family == ADDR_IP4) {
        (void) set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT); /* large requests may be fragmented */
        (void) set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
        (void) set_int(fd, IPPROTO_IP, IP_TOS, cfg->dscp << 2);
        if (any)
            (void) set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    } else {
        (void) set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        (void) set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
        (void) set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        (void) set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, cfg->dscp << 2);
        if (any)
            (void) set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
    (void) set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    (void) set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    if (cfg->recv_buf_bytes > 0)
        (void) set_int(fd, SOL_SOCKET, SO_RCVBUF, cfg->recv_buf_bytes);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_flush(struct real_flush *f);

static void listen_for(struct real_udp *u)
{
    (void) uv_poll_start(&u->poll, UV_READABLE | (u->blocked ? UV_WRITABLE : 0), on_poll);
}

enum ahoy_err real_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                            const struct sys_udp_handler *handler)
{
    union real_sockaddr sa;
    socklen_t n = real_to_sockaddr(&cfg->local, &sa);
    struct real_udp *u = mem_zalloc(sizeof *u);
    if (!u)
        return AHOY_ERR_NOMEM;
    u->any = addr_is_any(&cfg->local);
    u->fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd >= 0)
        set_options(u->fd, cfg, u->any);
    if (u->fd < 0 || bind(u->fd, &sa.any, n) < 0 || uv_poll_init(&real_loop_of(loop)->uv, &u->poll, u->fd) < 0) {
        enum ahoy_err err = real_err(errno);
        if (u->fd >= 0)
            close(u->fd);
        mem_free(u);
        return err ? err : AHOY_ERR_IO;
    }
    u->base = (struct sys_udp){ .loop = loop, .local = real_local_of(u->fd), .handler = *handler };
    u->poll.data = u;
    u->flush.fn = on_flush;
    list_init(&u->queue);
    listen_for(u);
    loop->open++;
    *out = &u->base;
    return AHOY_OK;
}

/* ---- sending ---- */

static void drop_first(struct real_udp *u)
{
    struct out_packet *p = LIST_ENTRY(list_pop_front(&u->queue), struct out_packet, link);
    u->queued--;
    u->queued_bytes -= p->n;
    pool_put(&loop_of(u)->pool, p, sizeof *p + p->n);
}

/* The control message that makes a datagram leave from one of several local addresses. */
static void put_source(struct msghdr *m, void *control, const struct addr *src)
{
    m->msg_control = control;
    m->msg_controllen = UDP_SEND_CONTROL_BYTES;
    memset(control, 0, UDP_SEND_CONTROL_BYTES);
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (src->family == ADDR_IP4) {
        struct in_pktinfo info = { 0 };
        memcpy(&info.ipi_spec_dst, src->ip, 4);
        *c = (struct cmsghdr){ .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info) };
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = { .ipi6_ifindex = src->scope };
        memcpy(&info.ipi6_addr, src->ip, 16);
        *c = (struct cmsghdr){ .cmsg_level = IPPROTO_IPV6,
                               .cmsg_type = IPV6_PKTINFO,
                               .cmsg_len = CMSG_LEN(sizeof info) };
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

/* Sends the first datagrams of the queue, at most a batch; returns how many went, or -1 with errno about the first. */
static int send_batch(struct real_udp *u)
{
    struct mmsghdr msg[UDP_SEND_BATCH];
    struct iovec iov[UDP_SEND_BATCH];
    union real_sockaddr to[UDP_SEND_BATCH];
    union {
        struct cmsghdr align;
        char bytes[UDP_SEND_CONTROL_BYTES];
    } control[UDP_SEND_BATCH];
    unsigned n = 0;
    LIST_EACH(k, &u->queue) {
        struct out_packet *p = LIST_ENTRY(k, struct out_packet, link);
        if (n == UDP_SEND_BATCH)
            break;
        iov[n] = (struct iovec){ .iov_base = p->data, .iov_len = p->n };
        msg[n] = (struct mmsghdr){ .msg_hdr = { .msg_name = &to[n], .msg_iov = &iov[n], .msg_iovlen = 1 } };
        msg[n].msg_hdr.msg_namelen = real_to_sockaddr(&p->dst, &to[n]);
        if (p->src.family != ADDR_NONE)
            put_source(&msg[n].msg_hdr, &control[n], &p->src);
        n++;
    }
    int sent;
    do
        sent = sendmmsg(u->fd, msg, n, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* Sends what can be sent now. With `report` a datagram that cannot leave is dropped and its error told. */
static void send_queue(struct real_udp *u, bool report)
{
    bool again = false;
    while (u->queued > 0 && !u->blocked) {
        int sent = send_batch(u);
        for (int i = 0; i < sent; i++)
            drop_first(u);
        if (sent > 0) {
            again = false;
            continue;
        }
        int why = errno;
        if (why == EAGAIN || why == EWOULDBLOCK) {
            u->blocked = true;
            return;
        }
        if (!again) { /* the first failure may be the news of an older datagram's ICMP error */
            again = true;
            continue;
        }
        if (!report)
            return;
        again = false;
        struct addr dst = LIST_ENTRY(list_first(&u->queue), struct out_packet, link)->dst;
        drop_first(u);
        if (why != ENOBUFS && u->base.handler.error) /* that one is a full queue of the interface: a loss */
            u->base.handler.error(u->base.handler.arg, &dst, real_err(why));
        if (u->closed)
            return;
    }
}

static void on_flush(struct real_flush *f)
{
    struct real_udp *u = AHOY_CONTAINER_OF(f, struct real_udp, flush);
    send_queue(u, true);
    if (u->blocked && !u->closed)
        listen_for(u);
}

enum ahoy_err real_udp_send(struct sys_udp *base, const struct addr *src, const struct addr *dst, const void *data,
                            size_t n)
{
    struct real_udp *u = (struct real_udp *) base;
    if (u->queued >= UDP_QUEUE_DATAGRAMS || u->queued_bytes + n > UDP_QUEUE_BYTES)
        return AHOY_ERR_LIMIT;
    struct out_packet *p = pool_get(&loop_of(u)->pool, sizeof *p + n);
    if (!p)
        return AHOY_ERR_NOMEM;
    *p = (struct out_packet){ .dst = *dst, .n = n };
    if (src && u->any && !addr_is_any(src))
        p->src = *src;
    if (n > 0)
        memcpy(p->data, data, n);
    list_push_back(&u->queue, &p->link);
    u->queued++;
    u->queued_bytes += n;
    if (!u->blocked) {
        real_flush_later(loop_of(u), &u->flush);
        if (u->queued % UDP_SEND_BATCH == 0)
            send_queue(u, false);
    }
    return AHOY_OK;
}

/* ---- receiving ---- */

/*
 * When the system had it, by the loop's clock: a machine that lets us read late is no network that carries late.
 * `offset_us`: from the wall clock, which the stamp is of, to the loop's; it may have been set meanwhile.
 */
static int64_t arrival_of(const struct real_udp *u, struct msghdr *m, int64_t offset_us)
{
    int64_t now_us = sys_now_us(u->base.loop);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec ts;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&ts, CMSG_DATA(c), sizeof ts);
        int64_t at_us = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + offset_us;
        return at_us <= now_us && now_us - at_us <= UDP_MOST_WAIT_US ? at_us : now_us;
    }
    return now_us;
}

static struct addr local_of(struct real_udp *u, struct msghdr *m)
{
    struct addr local = u->base.local;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local.ip, &info.ipi_spec_dst, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local.ip, &info.ipi6_addr, 16);
            local.scope = addr_is_link_local(&local) ? (uint32_t) info.ipi6_ifindex : 0;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t total;
            memcpy(&total, CMSG_DATA(c), sizeof total);
            u->base.overflows += total - (uint32_t) u->base.overflows; /* the kernel's counter wraps, ours does not */
        }
    }
    return local;
}

/* Reads and delivers one batch; returns whether there may be more. */
static bool read_batch(struct real_udp *u, size_t *heard)
{
    struct mmsghdr msg[REAL_SLAB_SLOTS];
    struct iovec iov[REAL_SLAB_SLOTS];
    union real_sockaddr from[REAL_SLAB_SLOTS];
    union {
        struct cmsghdr align;
        char bytes[UDP_READ_CONTROL_BYTES];
    } control[REAL_SLAB_SLOTS];
    struct real_loop *l = loop_of(u);
    if (!real_slab_slot(l, 0)) {
        (void) recv(u->fd, control, sizeof control, MSG_DONTWAIT); /* this one is lost, but the loop goes on */
        return false;
    }
    for (size_t i = 0; i < REAL_SLAB_SLOTS; i++) {
        iov[i] = (struct iovec){ .iov_base = real_slab_slot(l, i), .iov_len = REAL_SLOT_BYTES };
        msg[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
                                          .msg_namelen = sizeof from[i],
                                          .msg_iov = &iov[i],
                                          .msg_iovlen = 1,
                                          .msg_control = &control[i],
                                          .msg_controllen = sizeof control[i] };
    }
    int n = recvmmsg(u->fd, msg, REAL_SLAB_SLOTS, MSG_DONTWAIT, NULL);
    int64_t offset_us = real_clock_us() - real_wall_us();
    for (int i = 0; i < n && !u->closed; i++) {
        struct addr src = real_from_sockaddr(&from[i]);
        struct addr local = local_of(u, &msg[i].msg_hdr);
        ++*heard;
        u->base.handler.recv(u->base.handler.arg, &src, &local, iov[i].iov_base, msg[i].msg_len,
                             arrival_of(u, &msg[i].msg_hdr, offset_us));
    }
    for (int i = 0; i < n; i++)
        real_slab_used(l, (size_t) i, msg[i].msg_len);
    return n == REAL_SLAB_SLOTS && !u->closed;
}

static void read_datagrams(struct real_udp *u)
{
    size_t heard = 0;
    for (int i = 0; i < UDP_READ_BATCHES; i++)
        if (!read_batch(u, &heard))
            break;
    if (heard > 0 && !u->closed && u->base.handler.batch_end)
        u->base.handler.batch_end(u->base.handler.arg);
}

/* The error that a message of the error queue is about, or AHOY_OK. */
static enum ahoy_err error_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        bool ours = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
                    || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        struct sock_extended_err e;
        if (!ours)
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof e);
        bool icmp = e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
        /* "Administratively prohibited" is a peer out of reach, not a lack of our rights. */
        bool prohibited = icmp && (e.ee_errno == EACCES || e.ee_errno == EPERM);
        return prohibited ? AHOY_ERR_UNREACHABLE : real_err((int) e.ee_errno);
    }
    return AHOY_OK;
}

static void read_errors(struct real_udp *u)
{
    for (int i = 0; i < UDP_ERRORS_AT_ONCE && !u->closed; i++) {
        char data[1];
        union real_sockaddr to = { 0 };
        union {
            struct cmsghdr align;
            char bytes[256];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = sizeof data };
        struct msghdr m = { .msg_name = &to,
                            .msg_namelen = sizeof to,
                            .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
        if (recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        struct addr dst = real_from_sockaddr(&to);
        enum ahoy_err err = error_of(&m);
        if (err && dst.family != ADDR_NONE && u->base.handler.error)
            u->base.handler.error(u->base.handler.arg, &dst, err);
    }
    if (!u->closed) { /* what the socket remembers of it, lest the poll spin on it */
        int value;
        socklen_t n = sizeof value;
        (void) getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &value, &n);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct real_udp *u = poll->data;
    real_touch(loop_of(u));
    if (status < 0) { /* libuv's word for POLLERR; it has stopped polling */
        read_errors(u);
        if (!u->closed)
            listen_for(u);
        return;
    }
    if (events & UV_READABLE)
        read_datagrams(u);
    if (!u->closed && (events & UV_WRITABLE) && u->blocked) {
        u->blocked = false;
        send_queue(u, true);
        if (!u->closed)
            listen_for(u);
    }
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void real_udp_close(struct sys_udp *base)
{
    struct real_udp *u = (struct real_udp *) base;
    u->blocked = false;
    while (u->queued > 0) { /* each round sends some, or drops one that does not go */
        size_t before = u->queued;
        send_queue(u, false);
        if (u->blocked) /* the socket is full: what is left is lost, as with any full queue */
            while (u->queued > 0)
                drop_first(u);
        if (u->queued > 0 && u->queued == before)
            drop_first(u);
    }
    u->closed = true;
    list_remove(&u->flush.link);
    base->loop->open--;
    real_poll_close(&u->poll, u->fd, on_closed);
}
