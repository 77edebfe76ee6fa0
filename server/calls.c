/*
 * Which calls stand, to be counted: a proxy on the path sees the 2xx that begins one and the BYE that ends it. What it
 * does not see (a telephone whose battery is empty) is forgotten after a day.
 */
#include "server/exchange.h"

#include "base/mem.h"

enum { MAX_CALLS = 200000, FORGET_S = 24 * 3600, NAME_BYTES = 2048 };

struct call {
    struct map_node node;
    struct list_link link; /* in call_ages, longest silent first */
    int64_t heard_us;
    char name[];
};

/* Call-ID and both tags, whichever side sends. */
static bool put_name(const struct sip_core *core, struct buf *out)
{
    bool swap = view_cmp(core->from_tag, core->to_tag) > 0;
    buf_view(out, core->call_id);
    buf_char(out, '\n');
    buf_view(out, swap ? core->to_tag : core->from_tag);
    buf_char(out, '\n');
    buf_view(out, swap ? core->from_tag : core->to_tag);
    return buf_err(out) == AHOY_OK;
}

static void call_free(struct exchange *x, struct call *c)
{
    map_remove(&x->calls, &c->node);
    list_remove(&c->link);
    mem_free(c);
}

static struct call *find(struct exchange *x, struct view name)
{
    struct map_node *n = map_get(&x->calls, name);
    return n ? MAP_ENTRY(n, struct call, node) : NULL;
}

static void touch(struct exchange *x, struct call *c)
{
    c->heard_us = sys_now_us(x->loop);
    list_remove(&c->link);
    list_push_back(&x->call_ages, &c->link);
}

/* Without memory, or above the limit, it is a call that is not counted. */
static void add(struct exchange *x, struct view name)
{
    struct call *c = x->calls.count < MAX_CALLS ? mem_zalloc(sizeof *c + name.n) : NULL;
    if (!c)
        return;
    memcpy(c->name, name.p, name.n);
    if (map_put(&x->calls, view_of(c->name, name.n), &c->node))
        mem_free(c);
    else
        touch(x, c);
}

void calls_note_answer(struct exchange *x, struct sip_msg *response)
{
    const struct sip_core *core;
    struct buf name;
    buf_init(&name, NAME_BYTES);
    if (sip_msg_core(response, &core) == AHOY_OK && put_name(core, &name) && !find(x, buf_content(&name)))
        add(x, buf_content(&name));
    buf_fini(&name);
}

void calls_note_request(struct exchange *x, struct sip_msg *request)
{
    const struct sip_core *core;
    struct buf name;
    buf_init(&name, NAME_BYTES);
    if (sip_msg_core(request, &core) == AHOY_OK && put_name(core, &name)) {
        struct call *c = find(x, buf_content(&name));
        if (c && request->method == SIP_METHOD_BYE)
            call_free(x, c);
        else if (c)
            touch(x, c);
    }
    buf_fini(&name);
}

void calls_sweep(struct exchange *x)
{
    int64_t old_us = sys_now_us(x->loop) - SYS_S(FORGET_S);
    for (struct list_link *k; (k = list_first(&x->call_ages));) {
        struct call *c = LIST_ENTRY(k, struct call, link);
        if (c->heard_us > old_us)
            break;
        call_free(x, c);
    }
}

void calls_drop_all(struct exchange *x)
{
    for (struct list_link *k; (k = list_first(&x->call_ages));)
        call_free(x, LIST_ENTRY(k, struct call, link));
    map_fini(&x->calls);
}
