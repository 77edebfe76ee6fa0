/*
 * Connections that registrations lean on. A telephone behind a NAT that registered by TCP is reached by its connection
 * or not at all, so the connection must not be closed as idle while the registration lives.
 */
#include "server/exchange.h"

#include "base/mem.h"

struct kept {
    struct map_node node;
    struct list_link link;
    struct sip_flow *flow;
    int64_t until_us;
    char key[ADDR_KEY_BYTES];
};

static struct kept *find(const struct exchange *x, const struct sip_flow *flow)
{
    char key[ADDR_KEY_BYTES];
    struct map_node *n = map_get(&x->kept, addr_key(sip_flow_peer(flow), key));
    return n ? MAP_ENTRY(n, struct kept, node) : NULL;
}

static void let_go(struct exchange *x, struct kept *k)
{
    map_remove(&x->kept, &k->node);
    list_remove(&k->link);
    sip_flow_unref(k->flow);
    mem_free(k);
}

void kept_hold(struct exchange *x, struct sip_flow *flow, uint32_t expires_s)
{
    if (!sip_proto_reliable(sip_flow_proto(flow)) || sip_flow_broken(flow))
        return;
    int64_t until_us = sys_now_us(x->loop) + SYS_S(expires_s);
    struct kept *k = find(x, flow);
    if (k && k->flow != flow) {
        let_go(x, k);
        k = NULL;
    }
    if (k) {
        k->until_us = AHOY_MAX(k->until_us, until_us);
        return;
    }
    k = mem_zalloc(sizeof *k);
    if (!k)
        return; /* it may be closed as idle then: the telephone will register again */
    k->until_us = until_us;
    if (map_put(&x->kept, addr_key(sip_flow_peer(flow), k->key), &k->node)) {
        mem_free(k);
        return;
    }
    k->flow = sip_flow_ref(flow);
    list_push_back(&x->kept_all, &k->link);
}

void kept_lost(struct exchange *x, struct sip_flow *flow)
{
    struct kept *k = find(x, flow);
    if (k && k->flow == flow)
        let_go(x, k);
}

void kept_sweep(struct exchange *x)
{
    int64_t now_us = sys_now_us(x->loop);
    LIST_EACH(k, &x->kept_all) {
        struct kept *kept = LIST_ENTRY(k, struct kept, link);
        if (kept->until_us <= now_us)
            let_go(x, kept);
    }
}

void kept_drop_all(struct exchange *x)
{
    for (struct list_link *k; (k = list_first(&x->kept_all));)
        let_go(x, LIST_ENTRY(k, struct kept, link));
    map_fini(&x->kept);
}
