/* Addresses and errors as the system has them, the machine's interfaces and the watch over them. */
#include "base/mem.h"
#include "sys/real.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <unistd.h>

enum ahoy_err real_err(int sys_errno)
{
    switch (sys_errno) {
    case 0: return AHOY_OK;
    case ENOMEM:
    case ENOBUFS: return AHOY_ERR_NOMEM;
    case EMFILE:
    case ENFILE: return AHOY_ERR_LIMIT;
    case EADDRINUSE: return AHOY_ERR_ADDR_IN_USE;
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL: return AHOY_ERR_ADDR_UNAVAILABLE;
    case EACCES:
    case EPERM: return AHOY_ERR_ACCESS;
    case ECONNREFUSED: return AHOY_ERR_REFUSED;
    case ENETDOWN:
    case EHOSTDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPROTO:      /* ICMP parameter problem */
    case ENOPROTOOPT: /* ICMP protocol unreachable */
    case EOPNOTSUPP: return AHOY_ERR_UNREACHABLE;
    case EPIPE:
    case ECONNABORTED:
    case ECONNRESET: return AHOY_ERR_RESET;
    case ETIMEDOUT: return AHOY_ERR_TIMEOUT;
    case EMSGSIZE: return AHOY_ERR_TOO_BIG;
    case EINVAL: return AHOY_ERR_INVAL;
    default: return AHOY_ERR_IO;
    }
}

socklen_t real_to_sockaddr(const struct addr *a, union real_sockaddr *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == ADDR_IP4) {
        out->ip4.sin_family = AF_INET;
        out->ip4.sin_port = htons(a->port);
        memcpy(&out->ip4.sin_addr, a->ip, 4);
        return sizeof out->ip4;
    }
    out->ip6.sin6_family = AF_INET6;
    out->ip6.sin6_port = htons(a->port);
    out->ip6.sin6_scope_id = a->scope;
    memcpy(&out->ip6.sin6_addr, a->ip, 16);
    return sizeof out->ip6;
}

struct addr real_from_sockaddr(const union real_sockaddr *in)
{
    struct addr a = { 0 };
    if (in->any.sa_family == AF_INET) {
        a.family = ADDR_IP4;
        a.port = ntohs(in->ip4.sin_port);
        memcpy(a.ip, &in->ip4.sin_addr, 4);
    } else if (in->any.sa_family == AF_INET6) {
        a.family = ADDR_IP6;
        a.port = ntohs(in->ip6.sin6_port);
        a.scope = in->ip6.sin6_scope_id;
        memcpy(a.ip, &in->ip6.sin6_addr, 16);
    }
    return a;
}

struct addr real_local_of(int fd)
{
    union real_sockaddr sa = { 0 };
    socklen_t n = sizeof sa;
    if (getsockname(fd, &sa.any, &n) < 0)
        return (struct addr){ 0 };
    return real_from_sockaddr(&sa);
}

size_t real_host_ifaces(struct sys_host *host, struct sys_iface *out, size_t max)
{
    struct ifaddrs *all = NULL;
    size_t n = 0;
    (void) host;
    if (getifaddrs(&all) < 0)
        return 0;
    for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next) {
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
            continue;
        union real_sockaddr sa = { 0 };
        sa.any.sa_family = i->ifa_addr->sa_family;
        if (sa.any.sa_family == AF_INET)
            memcpy(&sa.ip4, i->ifa_addr, sizeof sa.ip4);
        else if (sa.any.sa_family == AF_INET6)
            memcpy(&sa.ip6, i->ifa_addr, sizeof sa.ip6);
        struct sys_iface f = { .addr = real_from_sockaddr(&sa), .loopback = (i->ifa_flags & IFF_LOOPBACK) != 0 };
        if (f.addr.family == ADDR_NONE)
            continue;
        f.addr.port = 0;
        view_copy(view_str(i->ifa_name), f.name, sizeof f.name);
        out[n++] = f;
    }
    freeifaddrs(all);
    return n;
}

enum ahoy_err real_host_source(struct sys_host *host, const struct addr *dst, struct addr *out)
{
    union real_sockaddr sa;
    struct addr to = addr_with_port(dst, dst->port > 0 ? dst->port : 9);
    socklen_t n = real_to_sockaddr(&to, &sa);
    (void) host;
    if (dst->family == ADDR_NONE)
        return AHOY_ERR_INVAL;
    int fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return real_err(errno);
    enum ahoy_err err = AHOY_ERR_UNREACHABLE;
    if (connect(fd, &sa.any, n) == 0) { /* asks the routes; nothing is sent */
        struct addr a = real_local_of(fd);
        a.port = 0;
        if (a.family != ADDR_NONE && !addr_is_any(&a)) {
            *out = a;
            err = AHOY_OK;
        }
    }
    close(fd);
    return err;
}

/* ---- the watch: the kernel's news about addresses ---- */

struct real_watch {
    struct sys_iface_watch base;
    uv_poll_t poll;
    int fd;
    bool stopped;
};

static void watch_event(uv_poll_t *poll, int status, int events)
{
    struct real_watch *w = poll->data;
    char buf[4096];
    bool news = false;
    (void) events;
    real_touch(real_loop_of(w->base.loop));
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(w->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) { /* news were dropped: there were some */
            news = true;
            continue;
        }
        if (n <= 0)
            break;
        news = true;
    }
    if (status < 0)
        (void) uv_poll_start(&w->poll, UV_READABLE, watch_event);
    if (news && !w->stopped)
        w->base.fn(w->base.arg);
}

static void watch_gone(uv_handle_t *handle)
{
    mem_free(handle->data);
}

enum ahoy_err real_iface_watch_start(struct sys_iface_watch **out, struct sys_loop *loop, sys_iface_watch_fn *fn,
                                     void *arg)
{
    struct sockaddr_nl local = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
    struct real_watch *w = mem_zalloc(sizeof *w);
    if (!w)
        return AHOY_ERR_NOMEM;
    w->base = (struct sys_iface_watch){ .loop = loop, .fn = fn, .arg = arg };
    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (w->fd < 0 || bind(w->fd, (struct sockaddr *) &local, sizeof local) < 0
        || uv_poll_init(&real_loop_of(loop)->uv, &w->poll, w->fd) < 0) {
        enum ahoy_err err = real_err(errno);
        if (w->fd >= 0)
            close(w->fd);
        mem_free(w);
        return err ? err : AHOY_ERR_IO;
    }
    w->poll.data = w;
    (void) uv_poll_start(&w->poll, UV_READABLE, watch_event);
    loop->open++;
    *out = &w->base;
    return AHOY_OK;
}

void real_iface_watch_stop(struct sys_iface_watch *base)
{
    struct real_watch *w = (struct real_watch *) base;
    w->stopped = true;
    base->loop->open--;
    real_poll_close(&w->poll, w->fd, watch_gone);
}
