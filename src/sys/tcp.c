#include "sys/tcp.h"

#include "sys/world.h"

enum ahoy_err sys_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                              const struct addr *dst, const struct sys_tcp_handler *handler)
{
    AHOY_ASSERT(handler->recv && handler->closed);
    if (dst->family == ADDR_NONE || dst->port == 0 || (src && src->family != dst->family))
        return AHOY_ERR_INVAL;
    return loop->ops->tcp_connect(out, loop, src, dst, handler);
}

void sys_tcp_close(struct sys_tcp *t)
{
    if (t)
        t->loop->ops->tcp_close(t);
}

enum ahoy_err sys_tcp_write(struct sys_tcp *t, const void *data, size_t n)
{
    return t->loop->ops->tcp_write(t, data, n);
}

void sys_tcp_shutdown(struct sys_tcp *t)
{
    t->loop->ops->tcp_shutdown(t);
}

void sys_tcp_pause(struct sys_tcp *t, bool paused)
{
    t->loop->ops->tcp_pause(t, paused);
}

const struct addr *sys_tcp_local(const struct sys_tcp *t)
{
    return &t->local;
}

const struct addr *sys_tcp_peer(const struct sys_tcp *t)
{
    return &t->peer;
}

void sys_tcp_set_handler(struct sys_tcp *t, const struct sys_tcp_handler *handler)
{
    AHOY_ASSERT(handler->recv && handler->closed);
    t->handler = *handler;
    t->handled = true;
}

enum ahoy_err sys_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop, const struct addr *local,
                             sys_tcp_accept_fn *accept, void *arg)
{
    AHOY_ASSERT(accept);
    if (local->family == ADDR_NONE)
        return AHOY_ERR_INVAL;
    return loop->ops->tcp_listen(out, loop, local, accept, arg);
}

void sys_tcp_listener_close(struct sys_tcp_listener *l)
{
    if (l)
        l->loop->ops->tcp_listener_close(l);
}

const struct addr *sys_tcp_listener_local(const struct sys_tcp_listener *l)
{
    return &l->local;
}
