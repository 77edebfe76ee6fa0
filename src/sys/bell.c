#include "sys/bell.h"

#include "base/mem.h"

#include <stdatomic.h>

struct sys_bell {
    struct sys_msg msg;
    atomic_bool rung; /* msg is on its way */
    struct sys_loop *loop;
    void (*fn)(void *arg); /* NULL: destroyed, to be freed with the ring that is on its way */
    void *arg;
};

static void heard(struct sys_msg *msg)
{
    struct sys_bell *b = AHOY_CONTAINER_OF(msg, struct sys_bell, msg);
    atomic_store_explicit(&b->rung, false, memory_order_release); /* pairs with the exchange in ring: msg is free */
    if (b->fn)
        b->fn(b->arg);
    else
        mem_free(b);
}

enum ahoy_err sys_bell_create(struct sys_bell **out, struct sys_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct sys_bell *b = mem_zalloc(sizeof *b);
    if (!b)
        return AHOY_ERR_NOMEM;
    b->msg.fn = heard;
    b->loop = loop;
    b->fn = fn;
    b->arg = arg;
    *out = b;
    return AHOY_OK;
}

void sys_bell_destroy(struct sys_bell *b)
{
    if (!b)
        return;
    b->fn = NULL;
    if (!atomic_load_explicit(&b->rung, memory_order_acquire)) /* pairs with the store in heard */
        mem_free(b);
}

void sys_bell_ring(struct sys_bell *b)
{
    if (!atomic_exchange_explicit(&b->rung, true, memory_order_acq_rel)) /* pairs with the store in heard */
        sys_post(b->loop, &b->msg);
}
