#include "net/names.h"

#include "base/chars.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

enum { NAMES_MOST_S = 86400, NAMES_NEGATIVE_S = 30, NAMES_FAILURE_S = 5, NAMES_STALE_S = 30 };

struct entry {
    struct map_node node;
    struct list_link link; /* of the cache, most recently used first */
    struct names *names;
    char key[SYS_DNS_NAME_BYTES + 2]; /* type, then the name in lower case */
    struct sys_dns_query *asking;     /* NULL: not under way */
    struct list waiting;              /* names_query */
    unsigned busy;                    /* callbacks under way that see the records */
    bool known, forgotten;            /* has an answer; goes with its last query */
    enum ahoy_err err;
    struct sys_dns_record *record;
    size_t records;
    int64_t fresh_until_us, stale_until_us;
};

struct names_query {
    struct list_link link;
    struct entry *entry;
    struct sys_timer later; /* runs when the answer is there */
    sys_dns_fn *fn;
    void *arg;
};

struct names {
    struct sys_loop *loop;
    struct map entries;
    struct list recent;
    size_t max;
};

enum ahoy_err names_create(struct names **out, struct sys_loop *loop, size_t max)
{
    uint8_t seed[16];
    struct names *n = mem_zalloc(sizeof *n);
    if (!n)
        return AHOY_ERR_NOMEM;
    sys_host_random(sys_loop_host(loop), seed, sizeof seed);
    n->loop = loop;
    n->max = max > 0 ? max : NAMES_DEFAULT_ENTRIES;
    map_init(&n->entries, seed);
    list_init(&n->recent);
    *out = n;
    return AHOY_OK;
}

static void free_entry(struct entry *e)
{
    sys_dns_cancel(e->asking);
    map_remove(&e->names->entries, &e->node);
    list_remove(&e->link);
    mem_free(e->record);
    mem_free(e);
}

static bool idle(const struct entry *e)
{
    return !e->asking && list_empty(&e->waiting) && e->busy == 0;
}

void names_destroy(struct names *n)
{
    if (!n)
        return;
    for (struct list_link *k; (k = list_first(&n->recent));) {
        struct entry *e = LIST_ENTRY(k, struct entry, link);
        AHOY_ASSERT(e->busy == 0);
        e->forgotten = false; /* so that its last query does not free it */
        while (!list_empty(&e->waiting))
            names_cancel(LIST_ENTRY(list_first(&e->waiting), struct names_query, link));
        free_entry(e);
    }
    map_fini(&n->entries);
    mem_free(n);
}

void names_flush(struct names *n)
{
    LIST_EACH(k, &n->recent) {
        struct entry *e = LIST_ENTRY(k, struct entry, link);
        map_remove(&n->entries, &e->node); /* nobody finds it any more */
        e->forgotten = true;
        if (idle(e))
            free_entry(e);
    }
}

/* ---- the answer ---- */

static void tell(void *arg)
{
    struct names_query *q = arg;
    struct entry *e = q->entry;
    sys_dns_fn *fn = q->fn;
    void *fn_arg = q->arg;
    e->busy++;
    names_cancel(q); /* the query is gone when its callback runs */
    fn(fn_arg, e->err, e->err ? NULL : e->record, e->err ? 0 : e->records);
    e->busy--;
    if (e->forgotten && idle(e))
        free_entry(e);
}

static void tell_all(struct entry *e)
{
    LIST_EACH(k, &e->waiting) {
        struct names_query *q = LIST_ENTRY(k, struct names_query, link);
        if (!sys_timer_running(&q->later))
            sys_timer_start(e->names->loop, &q->later, 0);
    }
}

static bool is_failure(enum ahoy_err err)
{
    return err != AHOY_OK && err != AHOY_ERR_DNS_NAME && err != AHOY_ERR_DNS_EMPTY;
}

/* Replaces the entry's records by a copy. */
static enum ahoy_err keep(struct entry *e, const struct sys_dns_record *records, size_t n, uint32_t *ttl_s)
{
    struct sys_dns_record *copy = mem_alloc(n * sizeof *copy);
    if (!copy)
        return AHOY_ERR_NOMEM;
    *ttl_s = NAMES_MOST_S;
    for (size_t i = 0; i < n; i++) {
        copy[i] = records[i];
        *ttl_s = AHOY_MIN(*ttl_s, records[i].ttl_s);
    }
    mem_free(e->record);
    e->record = copy;
    e->records = n;
    return AHOY_OK;
}

static void on_answer(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n)
{
    struct entry *e = arg;
    int64_t now = sys_now_us(e->names->loop);
    uint32_t ttl_s = 0;
    e->asking = NULL;
    e->known = true;
    if (!err)
        err = keep(e, records, n, &ttl_s);
    if (!err) {
        e->err = AHOY_OK;
        e->fresh_until_us = now + SYS_S(ttl_s);
        e->stale_until_us = e->fresh_until_us + SYS_S(NAMES_MOST_S);
    } else if (is_failure(err) && e->record && now < e->stale_until_us) {
        e->err = AHOY_OK;
        e->fresh_until_us = now + SYS_S(NAMES_STALE_S);
    } else {
        e->err = err;
        e->fresh_until_us = now + SYS_S(is_failure(err) ? NAMES_FAILURE_S : NAMES_NEGATIVE_S);
        if (!is_failure(err))
            e->stale_until_us = now; /* the name is known to have nothing: older answers are untrue */
    }
    tell_all(e);
    if (e->forgotten && idle(e))
        free_entry(e);
}

/* ---- the question ---- */

static bool make_key(const char *name, enum sys_dns_type type, char key[SYS_DNS_NAME_BYTES + 2], struct view *out)
{
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n == 0 || n >= SYS_DNS_NAME_BYTES)
        return false;
    key[0] = (char) ((unsigned) type >> 8);
    key[1] = (char) ((unsigned) type & 0xff);
    for (size_t i = 0; i < n; i++)
        key[2 + i] = chars_lower(name[i]);
    *out = view_of(key, n + 2);
    return true;
}

static bool make_room(struct names *n)
{
    struct list_link *oldest = list_last(&n->recent);
    while (n->entries.count >= n->max && oldest) {
        struct entry *e = LIST_ENTRY(oldest, struct entry, link);
        oldest = oldest->prev == &n->recent.head ? NULL : oldest->prev;
        if (idle(e))
            free_entry(e);
    }
    return n->entries.count < n->max;
}

static enum ahoy_err find_entry(struct names *n, const char *name, enum sys_dns_type type, struct entry **out)
{
    char key[SYS_DNS_NAME_BYTES + 2];
    struct view v;
    if (!make_key(name, type, key, &v))
        return AHOY_ERR_INVAL;
    struct map_node *k = map_get(&n->entries, v);
    struct entry *e = k ? MAP_ENTRY(k, struct entry, node) : NULL;
    if (!e) {
        if (!make_room(n))
            return AHOY_ERR_LIMIT;
        e = mem_zalloc(sizeof *e);
        if (!e)
            return AHOY_ERR_NOMEM;
        e->names = n;
        list_init(&e->waiting);
        memcpy(e->key, key, v.n);
        enum ahoy_err err = map_put(&n->entries, view_of(e->key, v.n), &e->node);
        if (err) {
            mem_free(e);
            return err;
        }
    }
    list_remove(&e->link);
    list_push_front(&n->recent, &e->link);
    *out = e;
    return AHOY_OK;
}

enum ahoy_err names_start(struct names_query **out, struct names *n, const char *name, enum sys_dns_type type,
                          sys_dns_fn *fn, void *arg)
{
    struct entry *e;
    struct names_query *q = mem_zalloc(sizeof *q);
    if (!q)
        return AHOY_ERR_NOMEM;
    enum ahoy_err err = find_entry(n, name, type, &e);
    if (err)
        goto fail;
    bool fresh = e->known && sys_now_us(n->loop) < e->fresh_until_us;
    if (!fresh && !e->asking) {
        err = sys_dns_start(&e->asking, n->loop, name, type, on_answer, e);
        if (err)
            goto fail;
    }
    q->entry = e;
    q->fn = fn;
    q->arg = arg;
    sys_timer_init(&q->later, tell, q);
    list_push_back(&e->waiting, &q->link);
    if (fresh)
        sys_timer_start(n->loop, &q->later, 0);
    *out = q;
    return AHOY_OK;
fail:
    mem_free(q);
    return err;
}

void names_cancel(struct names_query *q)
{
    if (!q)
        return;
    struct entry *e = q->entry;
    sys_timer_stop(&q->later);
    list_remove(&q->link);
    mem_free(q);
    if (e->forgotten && idle(e))
        free_entry(e); /* a question under way goes on without listeners: its answer is worth keeping */
}
