#include "sys/udp.h"

#include "sys/world.h"

enum ahoy_err sys_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                           const struct sys_udp_handler *handler)
{
    AHOY_ASSERT(handler->recv);
    if (cfg->local.family == ADDR_NONE || cfg->dscp > 63 || cfg->recv_buf_bytes < 0)
        return AHOY_ERR_INVAL;
    return loop->ops->udp_open(out, loop, cfg, handler);
}

void sys_udp_close(struct sys_udp *u)
{
    if (u)
        u->loop->ops->udp_close(u);
}

const struct addr *sys_udp_local(const struct sys_udp *u)
{
    return &u->local;
}

uint64_t sys_udp_overflows(const struct sys_udp *u)
{
    return u->overflows;
}

enum ahoy_err sys_udp_send(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                           size_t n)
{
    if (dst->family != u->local.family || dst->port == 0 || (src && src->family != dst->family))
        return AHOY_ERR_INVAL;
    /* The largest payload of an IPv4 or IPv6 datagram without jumbograms. */
    if (n > (dst->family == ADDR_IP4 ? 65507u : 65527u))
        return AHOY_ERR_TOO_BIG;
    return u->loop->ops->udp_send(u, src, dst, data, n);
}
