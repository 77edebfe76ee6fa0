/*
 * One look-up. It goes down three steps, each only as far as the next target needs:
 *
 *     services (NAPTR, SRV owner names by protocol)  ->  hosts (name, port, protocol)  ->  addresses
 *
 * NAPTR and the SRV records of the usual names are asked for together, since few domains have the former.
 */
#include "sip/locate.h"

#include "base/arena.h"
#include "base/mem.h"
#include "net/names.h"
#include "sip/locate_priv.h"

enum {
    MAX_SERVICES = 12, /* of NAPTR, besides the usual ones */
    ARENA_MAX_BYTES = 65536,
    LATE_FAMILY_MS = 250, /* how long one family's addresses wait for the other's (RFC 8305 section 3 says 50 ms) */
};

struct ask {
    struct sip_locate *owner;
    struct names_query *query; /* NULL: none under way */
    enum sys_dns_type type;
};

struct host {
    struct host *next;
    enum sip_proto proto;
    uint16_t port;
    const char *name;
};

/* An SRV owner name, and what it led to. */
struct service {
    struct ask ask;
    enum sip_proto proto;
    const char *name;
    bool asked, by_host; /* by_host: `name` is a host (NAPTR flag "a") */
    struct host *hosts;
};

struct sip_locate {
    struct sip_locator *locator;
    sip_locate_fn *fn;
    void *arg;
    char *text; /* the URI */
    struct sip_plan plan;
    struct arena arena;

    struct service service[MAX_SERVICES + SIP_PLAN_MAX_PROTOS];
    size_t services;
    size_t order[MAX_SERVICES + SIP_PLAN_MAX_PROTOS], ordered, at; /* services in the order of trying */
    struct ask naptr;
    bool services_known; /* the order stands */
    bool any_service;    /* some service had hosts */
    bool declined;       /* an SRV record said "not offered" */
    bool fell_back;      /* to the host itself, for want of services */
    struct host *hosts;  /* still to be resolved, of the present service */
    size_t names;

    const struct host *host; /* the one being resolved or tried */
    struct ask a, aaaa;
    struct sys_timer late;
    bool late_over;
    struct addr addr[2 * SIP_LOCATE_MAX_ADDRS];
    size_t addrs, addr_at;

    struct sip_target deferred[SIP_LOCATE_MAX_ADDRS]; /* penalized or without a route: last resort */
    size_t deferreds, deferred_at;

    struct sys_timer turn; /* takes the next step in a callback of its own */
    bool wanted;
    size_t given;
    enum ahoy_err err; /* the gravest trouble so far */
};

static void step(struct sip_locate *k);

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static enum ahoy_err ask_start(struct ask *q, const char *name, sys_dns_fn *fn)
{
    return names_start(&q->query, sip_stack_names(q->owner->locator->stack), name, q->type, fn, q);
}

static void ask_stop(struct ask *q)
{
    names_cancel(q->query);
    q->query = NULL;
}

static int gravity(enum ahoy_err err)
{
    switch (err) {
    case AHOY_OK: return 0;
    case AHOY_ERR_DNS_NAME: return 1;
    case AHOY_ERR_DNS_EMPTY: return 2;
    case AHOY_ERR_NOMEM: return 4;
    default: return 3;
    }
}

static void note_err(struct sip_locate *k, enum ahoy_err err)
{
    if (gravity(err) > gravity(k->err))
        k->err = err;
}

static void wake(struct sip_locate *k)
{
    if (k->wanted)
        sys_timer_start(sip_stack_loop(k->locator->stack), &k->turn, 0);
}

/* ---- services ---------------------------------------------------------------------------------------------------- */

static struct host *host_new(struct sip_locate *k, enum sip_proto proto, uint16_t port, struct view name)
{
    struct view copy;
    struct host *h = arena_alloc(&k->arena, sizeof *h);
    if (!h || !arena_view(&k->arena, name, &copy)) {
        note_err(k, AHOY_ERR_NOMEM);
        return NULL;
    }
    *h = (struct host){ .proto = proto, .port = port ? port : sip_proto_port(proto), .name = copy.p };
    return h;
}

static void service_take(struct sip_locate *k, struct service *s, const struct sys_dns_record *records, size_t n)
{
    size_t index[SIP_LOCATE_MAX_NAMES];
    size_t count = sip_plan_order_srv(sip_stack_rng(k->locator->stack), records, n, index, SIP_LOCATE_MAX_NAMES);
    struct host **tail = &s->hosts;
    if (count == 0 && n > 0)
        k->declined = true; /* RFC 2782: a target of "." */
    for (size_t i = 0; i < count && k->names < SIP_LOCATE_MAX_NAMES; i++, k->names++) {
        const struct sys_dns_record *r = &records[index[i]];
        *tail = host_new(k, s->proto, r->u.srv.port, view_str(r->u.srv.target));
        if (!*tail)
            return;
        tail = &(*tail)->next;
    }
}

static void on_srv(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct ask *q = arg;
    struct service *s = AHOY_CONTAINER_OF(q, struct service, ask);
    struct sip_locate *k = q->owner;
    q->query = NULL;
    note_err(k, err);
    if (err == AHOY_OK)
        service_take(k, s, records, n);
    wake(k);
}

static struct service *service_add(struct sip_locate *k, enum sip_proto proto, struct view name, bool by_host)
{
    struct view copy;
    for (size_t i = 0; i < k->services; i++) {
        struct service *s = &k->service[i];
        if (s->proto == proto && s->by_host == by_host && view_ieq(view_str(s->name), name))
            return s;
    }
    if (k->services == AHOY_COUNT(k->service) || !arena_view(&k->arena, name, &copy))
        return NULL;
    struct service *s = &k->service[k->services++];
    *s = (struct service){ .proto = proto, .name = copy.p, .by_host = by_host };
    s->ask = (struct ask){ .owner = k, .type = SYS_DNS_SRV };
    return s;
}

static void service_ask(struct service *s)
{
    struct sip_locate *k = s->ask.owner;
    if (s->asked)
        return;
    s->asked = true;
    if (s->by_host)
        s->hosts = host_new(k, s->proto, 0, view_str(s->name));
    else
        note_err(k, ask_start(&s->ask, s->name, on_srv));
}

/* Without NAPTR the usual names are tried in the caller's order of protocols. */
static void order_usual(struct sip_locate *k)
{
    k->ordered = k->services;
    for (size_t i = 0; i < k->services; i++)
        k->order[i] = i;
    k->services_known = true;
}

/* Where a service stands in the order; k->ordered when it does not. */
static size_t place_of(const struct sip_locate *k, size_t service)
{
    size_t at = 0;
    while (at < k->ordered && k->order[at] != service)
        at++;
    return at;
}

static void on_naptr(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct ask *q = arg;
    struct sip_locate *k = q->owner;
    size_t index[MAX_SERVICES];
    q->query = NULL;
    size_t count = 0, usual = k->services;
    if (err == AHOY_OK)
        count = sip_plan_order_naptr(records, n, &k->plan.protos, k->plan.secure, index, MAX_SERVICES);
    for (size_t i = 0; i < count; i++) {
        const struct sys_dns_record *r = &records[index[i]];
        bool by_host = view_ieq(view_str(r->u.naptr.flags), VIEW("a"));
        struct service *s = service_add(k, sip_plan_naptr_proto(r->u.naptr.service), view_str(r->u.naptr.replacement),
                                        by_host);
        if (s && place_of(k, (size_t) (s - k->service)) == k->ordered)
            k->order[k->ordered++] = (size_t) (s - k->service);
    }
    if (k->ordered == 0)
        order_usual(k);
    for (size_t i = 0; i < usual; i++) {
        if (place_of(k, i) == k->ordered)
            ask_stop(&k->service[i].ask);
    }
    k->services_known = true;
    wake(k);
}

static void start_services(struct sip_locate *k)
{
    char name[SYS_DNS_NAME_BYTES];
    for (size_t i = 0; i < k->plan.protos.n; i++) {
        struct view owner = view_str(sip_plan_srv_name(k->plan.protos.p[i], k->plan.host, name));
        struct service *s = owner.n > 0 ? service_add(k, k->plan.protos.p[i], owner, false) : NULL;
        if (s)
            service_ask(s);
    }
    if (k->plan.step == SIP_PLAN_SRV) {
        order_usual(k);
        return;
    }
    (void) view_copy(k->plan.host, name, sizeof name);
    enum ahoy_err err = ask_start(&k->naptr, name, on_naptr);
    note_err(k, err);
    if (err != AHOY_OK)
        order_usual(k);
}

/* The next host to resolve; NULL with *busy set while it must be waited for. */
static const struct host *next_host(struct sip_locate *k, bool *busy)
{
    *busy = !k->services_known;
    while (!*busy && !k->hosts && k->at < k->ordered) {
        struct service *s = &k->service[k->order[k->at]];
        service_ask(s);
        *busy = s->ask.query != NULL;
        if (*busy)
            break;
        k->hosts = s->hosts;
        k->any_service = k->any_service || s->hosts;
        k->at++;
    }
    if (*busy)
        return NULL;
    if (!k->hosts && !k->any_service && !k->fell_back && !k->declined) {
        enum sip_proto usual = k->plan.secure ? SIP_PROTO_TLS : SIP_PROTO_UDP;
        k->fell_back = true;
        k->hosts = host_new(k, sip_protos_has(&k->plan.protos, usual) ? usual : k->plan.protos.p[0], k->plan.port,
                            k->plan.host);
    }
    const struct host *h = k->hosts;
    if (h)
        k->hosts = h->next;
    return h;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static void on_late(void *arg)
{
    struct sip_locate *k = arg;
    k->late_over = true;
    step(k);
}

static void on_addrs(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct ask *q = arg;
    struct sip_locate *k = q->owner;
    size_t before = k->addrs;
    q->query = NULL;
    note_err(k, err);
    for (size_t i = 0; err == AHOY_OK && i < n && k->addrs - before < SIP_LOCATE_MAX_ADDRS; i++) {
        if (records[i].type == q->type && k->addrs < AHOY_COUNT(k->addr))
            k->addr[k->addrs++] = addr_with_port(&records[i].u.addr, k->host->port);
    }
    if (k->addr_at < k->addrs)
        sip_plan_interleave(k->addr + k->addr_at, k->addrs - k->addr_at, k->locator->cfg.prefer_ip4);
    bool other = k->a.query || k->aaaa.query;
    if (other && k->addrs > 0 && !k->late_over)
        sys_timer_start(sip_stack_loop(k->locator->stack), &k->late, SYS_MS(LATE_FAMILY_MS));
    wake(k);
}

static void host_start(struct sip_locate *k, const struct host *h)
{
    struct addr ip;
    ask_stop(&k->a);
    ask_stop(&k->aaaa);
    sys_timer_stop(&k->late);
    k->host = h;
    k->addrs = k->addr_at = 0;
    k->late_over = false;
    if (addr_parse_ip(view_str(h->name), &ip) == AHOY_OK) {
        k->addr[k->addrs++] = addr_with_port(&ip, h->port);
        return;
    }
    if (k->locator->cfg.ip4)
        note_err(k, ask_start(&k->a, h->name, on_addrs));
    if (k->locator->cfg.ip6)
        note_err(k, ask_start(&k->aaaa, h->name, on_addrs));
}

static bool host_is_waited_for(const struct sip_locate *k)
{
    bool asking = k->a.query || k->aaaa.query;
    return asking && (k->addrs == 0 || (k->addr_at == 0 && !k->late_over) || k->addr_at == k->addrs);
}

/* Whether a target is better tried after the others. */
static bool is_last_resort(const struct sip_locate *k, const struct sip_target *t)
{
    struct addr source;
    if (sip_locator_penalized(k->locator, t))
        return true;
    return sys_host_source(sys_loop_host(sip_stack_loop(k->locator->stack)), &t->addr, &source) != AHOY_OK;
}

/* The next address of the present host that is worth trying now. */
static bool next_target(struct sip_locate *k, struct sip_target *out)
{
    while (k->addr_at < k->addrs) {
        struct sip_target t = { .proto = k->host->proto, .addr = k->addr[k->addr_at++] };
        if (is_last_resort(k, &t) && k->deferreds < AHOY_COUNT(k->deferred)) {
            k->deferred[k->deferreds++] = t;
            continue;
        }
        *out = t;
        return true;
    }
    return false;
}

/* ---- giving out -------------------------------------------------------------------------------------------------- */

static void give(struct sip_locate *k, enum ahoy_err err, const struct sip_target *t)
{
    k->wanted = false;
    if (t)
        k->given++;
    k->fn(k->arg, err, t); /* may destroy k */
}

static void give_end(struct sip_locate *k)
{
    enum ahoy_err err = k->err;
    if (k->given > 0)
        err = AHOY_ERR_END;
    else if (err == AHOY_OK)
        err = AHOY_ERR_DNS_EMPTY;
    give(k, err, NULL);
}

static void step(struct sip_locate *k)
{
    struct sip_target t;
    while (k->wanted) {
        if (k->given >= SIP_LOCATE_MAX_TARGETS) {
            give_end(k);
            return;
        }
        if (k->host && host_is_waited_for(k))
            return;
        if (k->host && next_target(k, &t)) {
            give(k, AHOY_OK, &t);
            return;
        }
        if (k->host && (k->a.query || k->aaaa.query))
            return;
        bool busy = false;
        const struct host *h = next_host(k, &busy);
        if (busy)
            return;
        if (h) {
            host_start(k, h);
            continue;
        }
        if (k->deferred_at < k->deferreds) {
            t = k->deferred[k->deferred_at++];
            give(k, AHOY_OK, &t);
        } else {
            give_end(k);
        }
        return;
    }
}

static void on_turn(void *arg)
{
    step(arg);
}

void sip_locate_next(struct sip_locate *k)
{
    k->wanted = true;
    wake(k);
}

bool sip_locate_may_have_more(const struct sip_locate *k)
{
    bool fallback = !k->any_service && !k->fell_back && !k->declined;
    return k->given < SIP_LOCATE_MAX_TARGETS
           && (k->addr_at < k->addrs || k->a.query || k->aaaa.query || k->hosts || k->at < k->ordered
               || !k->services_known || fallback || k->deferred_at < k->deferreds);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ahoy_err plan(struct sip_locate *k)
{
    struct sip_uri uri;
    enum ahoy_err err = sip_uri_parse(view_str(k->text), &uri);
    if (err != AHOY_OK)
        return AHOY_ERR_SYNTAX;
    if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
        return AHOY_ERR_UNSUPPORTED;
    return sip_plan_make(&uri, &k->locator->protos, &k->plan);
}

enum ahoy_err sip_locate_start(struct sip_locate **out, struct sip_locator *l, struct view uri, sip_locate_fn *fn,
                               void *arg)
{
    struct sip_locate *k = mem_zalloc(sizeof *k);
    if (!k)
        return AHOY_ERR_NOMEM;
    k->locator = l;
    k->fn = fn;
    k->arg = arg;
    k->naptr = (struct ask){ .owner = k, .type = SYS_DNS_NAPTR };
    k->a = (struct ask){ .owner = k, .type = SYS_DNS_A };
    k->aaaa = (struct ask){ .owner = k, .type = SYS_DNS_AAAA };
    arena_init(&k->arena, ARENA_MAX_BYTES);
    sys_timer_init(&k->turn, on_turn, k);
    sys_timer_init(&k->late, on_late, k);
    l->lookups++;
    k->text = view_dup(uri);
    enum ahoy_err err = k->text ? plan(k) : AHOY_ERR_NOMEM;
    if (err != AHOY_OK) {
        sip_locate_destroy(k);
        return err;
    }
    k->wanted = true;
    if (k->plan.step == SIP_PLAN_SRV || k->plan.step == SIP_PLAN_NAPTR)
        start_services(k);
    else
        k->services_known = true; /* none: the host itself is the only one */
    wake(k);
    *out = k;
    return AHOY_OK;
}

void sip_locate_destroy(struct sip_locate *k)
{
    if (!k)
        return;
    ask_stop(&k->naptr);
    ask_stop(&k->a);
    ask_stop(&k->aaaa);
    for (size_t i = 0; i < k->services; i++)
        ask_stop(&k->service[i].ask);
    sys_timer_stop(&k->turn);
    sys_timer_stop(&k->late);
    arena_fini(&k->arena);
    mem_free(k->text);
    k->locator->lookups--;
    mem_free(k);
}
