/* The locator: what look-ups share, and the penalty box. */
#include "sip/locate_priv.h"

#include "base/mem.h"
#include "net/names.h"

enum { PENALTY_KEY_BYTES = ADDR_KEY_BYTES + 1, PENALTY_MAX_S = 3600 };

struct penalty {
    struct map_node node;
    struct list_link link;
    char key[PENALTY_KEY_BYTES];
    int64_t until_us;
};

enum ahoy_err sip_locator_create(struct sip_locator **out, struct sip_stack *stack,
                                 const struct sip_locator_config *cfg)
{
    if (cfg->protos[0] == SIP_PROTO_UNKNOWN || (!cfg->ip4 && !cfg->ip6))
        return AHOY_ERR_INVAL;
    struct sip_locator *l = mem_zalloc(sizeof *l);
    if (!l)
        return AHOY_ERR_NOMEM;
    uint8_t seed[16];
    rng_bytes(sip_stack_rng(stack), seed, sizeof seed);
    l->stack = stack;
    l->cfg = *cfg;
    for (size_t i = 0; i < SIP_LOCATE_MAX_PROTOS && cfg->protos[i] != SIP_PROTO_UNKNOWN; i++) {
        if (!sip_protos_has(&l->protos, cfg->protos[i]))
            l->protos.p[l->protos.n++] = cfg->protos[i];
    }
    map_init(&l->penalties, seed);
    list_init(&l->penalty_order);
    *out = l;
    return AHOY_OK;
}

static void penalty_free(struct sip_locator *l, struct penalty *p)
{
    map_remove(&l->penalties, &p->node);
    list_remove(&p->link);
    mem_free(p);
}

static void forgive_all(struct sip_locator *l)
{
    LIST_EACH(k, &l->penalty_order)
        penalty_free(l, LIST_ENTRY(k, struct penalty, link));
}

void sip_locator_network_changed(struct sip_locator *l)
{
    forgive_all(l);
    names_flush(sip_stack_names(l->stack));
}

void sip_locator_destroy(struct sip_locator *l)
{
    if (!l)
        return;
    AHOY_ASSERT(l->lookups == 0);
    forgive_all(l);
    map_fini(&l->penalties);
    mem_free(l);
}

struct sip_stack *sip_locator_stack(const struct sip_locator *l)
{
    return l->stack;
}

static int64_t now_us(const struct sip_locator *l)
{
    return sys_now_us(sip_stack_loop(l->stack));
}

static struct view penalty_key(const struct sip_target *t, char key[PENALTY_KEY_BYTES])
{
    key[0] = (char) t->proto;
    (void) addr_key(&t->addr, key + 1);
    return view_of(key, PENALTY_KEY_BYTES);
}

static struct penalty *penalty_find(const struct sip_locator *l, const struct sip_target *t)
{
    char key[PENALTY_KEY_BYTES];
    struct map_node *node = map_get(&l->penalties, penalty_key(t, key));
    return node ? MAP_ENTRY(node, struct penalty, node) : NULL;
}

void sip_locator_forgive(struct sip_locator *l, const struct sip_target *t)
{
    struct penalty *p = penalty_find(l, t);
    if (p)
        penalty_free(l, p);
}

bool sip_locator_penalized(const struct sip_locator *l, const struct sip_target *t)
{
    const struct penalty *p = penalty_find(l, t);
    return p && p->until_us > now_us(l);
}

void sip_locator_penalize(struct sip_locator *l, const struct sip_target *t, uint32_t seconds)
{
    if (l->cfg.penalty_s == 0 || l->cfg.max_penalties == 0)
        return;
    sip_locator_forgive(l, t);
    if (l->penalties.count >= l->cfg.max_penalties)
        penalty_free(l, LIST_ENTRY(list_first(&l->penalty_order), struct penalty, link));
    struct penalty *p = mem_zalloc(sizeof *p);
    if (!p)
        return; /* then the target is simply not avoided */
    uint32_t length_s = AHOY_MIN(seconds ? seconds : l->cfg.penalty_s, (uint32_t) PENALTY_MAX_S);
    p->until_us = now_us(l) + SYS_S(length_s);
    if (map_put(&l->penalties, penalty_key(t, p->key), &p->node) != AHOY_OK) {
        mem_free(p);
        return;
    }
    list_push_back(&l->penalty_order, &p->link);
}
