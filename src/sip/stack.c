#include "sip/stack.h"

#include "base/mem.h"
#include "net/names.h"
#include "sip/stack_priv.h"
#include "sip/txn_priv.h"

/* The budget of answers to faulty requests holds one second of them. */
enum { FAULT_BUDGET_US = 1000000 };

static bool config_is_sound(const struct sip_stack_config *cfg)
{
    const struct sip_timers *t = &cfg->timers;
    return t->t1_ms > 0 && t->t2_ms >= t->t1_ms && t->t4_ms > 0 && cfg->limits.max_bytes > 0
           && cfg->limits.max_headers > 0 && cfg->max_server_txns > 0 && cfg->max_connections > 0
           && cfg->connect_timeout_ms > 0 && cfg->idle_s > 0;
}

static void map_init_random(struct map *m, struct rng *rng)
{
    uint8_t seed[16];
    rng_bytes(rng, seed, sizeof seed);
    map_init(m, seed);
}

enum ahoy_err sip_stack_create(struct sip_stack **out, struct sys_loop *loop, const struct sip_stack_config *cfg,
                               const struct sip_core_ops *core)
{
    if (!config_is_sound(cfg))
        return AHOY_ERR_INVAL;
    AHOY_ASSERT(core->request);
    struct sip_stack *s = mem_zalloc(sizeof *s);
    if (!s)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = names_create(&s->names, loop, 0);
    if (err) {
        mem_free(s);
        return err;
    }
    s->loop = loop;
    s->cfg = *cfg;
    s->core = *core;
    uint8_t seed[32];
    sys_host_random(sys_loop_host(loop), seed, sizeof seed);
    rng_init(&s->rng, seed);
    mem_wipe(seed, sizeof seed);
    rng_bytes(&s->rng, s->seed, sizeof s->seed);
    map_init_random(&s->flow_map, &s->rng);
    map_init_random(&s->client_map, &s->rng);
    map_init_random(&s->server_map, &s->rng);
    map_init_random(&s->merge_map, &s->rng);
    list_init(&s->transports);
    list_init(&s->flows);
    list_init(&s->accepted);
    s->fault_credit_us = FAULT_BUDGET_US;
    s->fault_when_us = sys_now_us(loop);
    *out = s;
    return AHOY_OK;
}

void sip_stack_destroy(struct sip_stack *s)
{
    if (!s)
        return;
    s->closing = true;
    sip_client_txn_destroy_all(s);
    sip_server_txn_destroy_all(s);
    struct list_link *k;
    while ((k = list_first(&s->transports)) != NULL)
        sip_transport_close(LIST_ENTRY(k, struct sip_transport, link));
    while ((k = list_first(&s->flows)) != NULL)
        sip_flow_break(LIST_ENTRY(k, struct sip_flow, link), AHOY_ERR_CANCELLED);
    map_fini(&s->flow_map);
    map_fini(&s->client_map);
    map_fini(&s->server_map);
    map_fini(&s->merge_map);
    names_destroy(s->names);
    mem_free(s);
}

struct sys_loop *sip_stack_loop(const struct sip_stack *s)
{
    return s->loop;
}

struct rng *sip_stack_rng(struct sip_stack *s)
{
    return &s->rng;
}

struct names *sip_stack_names(struct sip_stack *s)
{
    return s->names;
}

const struct sip_timers *sip_stack_timers(const struct sip_stack *s)
{
    return &s->cfg.timers;
}

const struct log *sip_stack_log(const struct sip_stack *s)
{
    return s->cfg.log;
}

const char *sip_stack_user_agent(const struct sip_stack *s)
{
    return s->cfg.user_agent;
}

void sip_stack_counts(const struct sip_stack *s, struct sip_stack_counts *out)
{
    *out = s->counts;
}

void sip_stack_digest(const struct sip_stack *s, const struct view *parts, size_t n, struct sip_digest *out)
{
    enum { PART_BYTES = 64, PARTS = 7 };
    char text[PARTS * (PART_BYTES + 2)];
    size_t at = 0;
    AHOY_ASSERT(n <= PARTS);
    for (size_t i = 0; i < n; i++) {
        struct view part = parts[i];
        uint64_t folded[2];
        bool long_one = part.n > PART_BYTES;
        if (long_one) {
            folded[0] = map_hash(s->seed[0], part);
            folded[1] = map_hash(s->seed[1], part);
            part = view_of((const char *) folded, sizeof folded);
        }
        text[at++] = (char) part.n;
        text[at++] = long_one ? 1 : 0;
        if (part.n > 0)
            memcpy(text + at, part.p, part.n);
        at += part.n;
    }
    uint64_t sum[2] = { map_hash(s->seed[0], view_of(text, at)), map_hash(s->seed[1], view_of(text, at)) };
    memcpy(out->b, sum, sizeof out->b);
}

bool sip_stack_may_refuse(struct sip_stack *s)
{
    if (s->cfg.max_fault_replies_s == 0)
        return false;
    int64_t now = sys_now_us(s->loop), cost = FAULT_BUDGET_US / AHOY_MIN(s->cfg.max_fault_replies_s, FAULT_BUDGET_US);
    s->fault_credit_us = AHOY_MIN(s->fault_credit_us + (now - s->fault_when_us), FAULT_BUDGET_US);
    s->fault_when_us = now;
    if (s->fault_credit_us < cost)
        return false;
    s->fault_credit_us -= cost;
    return true;
}
