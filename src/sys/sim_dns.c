/* The simulated DNS: one table that all hosts see. */
#include "base/chars.h"
#include "base/mem.h"
#include "sys/sim_world.h"

enum { DNS_DELAY_US = 20000, DNS_BROKEN_US = 5000000, DNS_DEFAULT_TTL_S = 300 };

struct sim_record {
    struct list_link link;
    struct sys_dns_record data;
};

struct sim_name {
    struct map_node node;
    char text[SYS_DNS_NAME_BYTES];
    struct list records; /* in order of adding */
};

struct sim_query {
    struct sys_dns_query base;
    struct sim_event event;
    enum sys_dns_type type;
    bool broken;
    char name[SYS_DNS_NAME_BYTES];
};

/* Lower case, without a final dot. False when too long. */
static bool fold(const char *name, char out[SYS_DNS_NAME_BYTES])
{
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n >= SYS_DNS_NAME_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = chars_lower(name[i]);
    out[n] = '\0';
    return true;
}

static struct sim_name *find_name(struct sim *s, const char *folded)
{
    struct map_node *k = map_get(&s->names, view_str(folded));
    return k ? MAP_ENTRY(k, struct sim_name, node) : NULL;
}

static enum ahoy_err make_name(struct sim *s, const char *folded, struct sim_name **out)
{
    struct sim_name *name = mem_zalloc(sizeof *name);
    if (!name)
        return AHOY_ERR_NOMEM;
    view_copy(view_str(folded), name->text, sizeof name->text);
    list_init(&name->records);
    enum ahoy_err err = map_put(&s->names, view_str(name->text), &name->node);
    if (err) {
        mem_free(name);
        return err;
    }
    *out = name;
    return AHOY_OK;
}

enum ahoy_err sim_dns_add(struct sim *s, const char *text, const struct sys_dns_record *record)
{
    char folded[SYS_DNS_NAME_BYTES];
    if (!fold(text, folded))
        return AHOY_ERR_INVAL;
    struct sim_record *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    r->data = *record;
    struct sim_name *name = find_name(s, folded);
    enum ahoy_err err = name ? AHOY_OK : make_name(s, folded, &name);
    if (err) {
        mem_free(r);
        return err;
    }
    list_push_back(&name->records, &r->link);
    return AHOY_OK;
}

enum ahoy_err sim_dns_add_ip(struct sim *s, const char *name, const char *ip)
{
    struct sys_dns_record r = { .ttl_s = DNS_DEFAULT_TTL_S };
    enum ahoy_err err = addr_parse_ip(view_str(ip), &r.u.addr);
    if (err)
        return err;
    r.type = r.u.addr.family == ADDR_IP4 ? SYS_DNS_A : SYS_DNS_AAAA;
    return sim_dns_add(s, name, &r);
}

enum ahoy_err sim_dns_add_srv(struct sim *s, const char *name, uint16_t priority, uint16_t weight, uint16_t port,
                              const char *target)
{
    struct sys_dns_record r = { .type = SYS_DNS_SRV, .ttl_s = DNS_DEFAULT_TTL_S };
    r.u.srv.priority = priority;
    r.u.srv.weight = weight;
    r.u.srv.port = port;
    if (!view_copy(view_str(target), r.u.srv.target, sizeof r.u.srv.target))
        return AHOY_ERR_INVAL;
    return sim_dns_add(s, name, &r);
}

void sim_dns_remove(struct sim *s, const char *text)
{
    char folded[SYS_DNS_NAME_BYTES];
    struct sim_name *name = fold(text, folded) ? find_name(s, folded) : NULL;
    if (!name)
        return;
    for (struct list_link *k; (k = list_pop_front(&name->records));)
        mem_free(LIST_ENTRY(k, struct sim_record, link));
    map_remove(&s->names, &name->node);
    mem_free(name);
}

void sim_dns_free(struct sim *s)
{
    for (struct map_node *k; (k = map_each(&s->names, NULL));)
        sim_dns_remove(s, MAP_ENTRY(k, struct sim_name, node)->text);
}

static enum ahoy_err localhost(enum sys_dns_type type, struct sys_dns_record *out)
{
    struct addr six = { .family = ADDR_IP6, .ip = { [15] = 1 } };
    if (type != SYS_DNS_A && type != SYS_DNS_AAAA)
        return AHOY_ERR_DNS_EMPTY;
    *out = (struct sys_dns_record){ .type = type, .ttl_s = DNS_DEFAULT_TTL_S };
    out->u.addr = type == SYS_DNS_A ? addr_ip4(127, 0, 0, 1, 0) : six;
    return AHOY_OK;
}

static enum ahoy_err look_up(struct sim *s, const struct sim_query *q, struct sys_dns_record **out, size_t *n)
{
    struct sim_name *name = find_name(s, q->name);
    bool local = strcmp(q->name, "localhost") == 0;
    size_t found = local ? 1 : 0;
    if (q->broken)
        return AHOY_ERR_DNS_SERVER;
    if (!name && !local)
        return AHOY_ERR_DNS_NAME;
    if (!local)
        LIST_EACH(k, &name->records)
            if (LIST_ENTRY(k, struct sim_record, link)->data.type == q->type && found < SYS_DNS_MAX_RECORDS)
                found++;
    if (found == 0)
        return AHOY_ERR_DNS_EMPTY;
    struct sys_dns_record *r = mem_alloc(found * sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = AHOY_OK;
    *n = 0;
    if (local)
        err = localhost(q->type, &r[(*n)++]);
    else
        LIST_EACH(k, &name->records)
            if (LIST_ENTRY(k, struct sim_record, link)->data.type == q->type && *n < found)
                r[(*n)++] = LIST_ENTRY(k, struct sim_record, link)->data;
    if (err)
        mem_free(r);
    else
        *out = r;
    return err;
}

static void run_query(struct sim *s, struct sim_event *ev)
{
    struct sim_query *q = AHOY_CONTAINER_OF(ev, struct sim_query, event);
    struct sys_dns_query base = q->base;
    struct sys_dns_record *r = NULL;
    size_t n = 0;
    enum ahoy_err err = look_up(s, q, &r, &n);
    bool deaf = sim_loop_deaf(base.loop);
    if (deaf) { /* nobody would take the answer: wait for the cancel */
        mem_free(r);
        return;
    }
    sim_dns_cancel(&q->base);
    base.fn(base.arg, err, r, err ? 0 : n);
    mem_free(r);
}

enum ahoy_err sim_dns_start(struct sys_dns_query **out, struct sys_loop *loop, const char *name, enum sys_dns_type type,
                            sys_dns_fn *fn, void *arg)
{
    struct sim *s = sim_host_of(loop->host)->sim;
    struct sim_query *q = mem_zalloc(sizeof *q);
    if (!q)
        return AHOY_ERR_NOMEM;
    if (!fold(name, q->name)) {
        mem_free(q);
        return AHOY_ERR_INVAL;
    }
    q->base = (struct sys_dns_query){ .loop = loop, .fn = fn, .arg = arg };
    q->type = type;
    q->broken = s->dns_broken;
    q->event.run = run_query;
    loop->open++;
    sim_schedule(s, &q->event, sim_clock(s) + (q->broken ? DNS_BROKEN_US : DNS_DELAY_US));
    *out = &q->base;
    return AHOY_OK;
}

void sim_dns_cancel(struct sys_dns_query *base)
{
    struct sim_query *q = (struct sim_query *) base;
    sim_unschedule(sim_host_of(base->loop->host)->sim, &q->event);
    base->loop->open--;
    mem_free(q);
}
