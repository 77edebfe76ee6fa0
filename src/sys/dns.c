#include "sys/dns.h"

#include "sys/world.h"

enum ahoy_err sys_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name, enum sys_dns_type type,
                            sys_dns_fn *fn, void *arg)
{
    AHOY_ASSERT(fn);
    size_t n = strlen(name);
    if (n == 0 || n >= SYS_DNS_NAME_BYTES)
        return AHOY_ERR_INVAL;
    return loop->ops->dns_start(out, loop, name, type, fn, arg);
}

void sys_dns_cancel(struct sys_dns_query *q)
{
    if (q)
        q->loop->ops->dns_cancel(q);
}
