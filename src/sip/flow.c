/* Flows of any carrier: their life, their users, and what is written from them into messages. */
#include "sip/stack.h"

#include "base/mem.h"
#include "sip/stack_priv.h"

void sip_flow_key(const struct sip_stack *s, enum sip_proto proto, uint32_t id, const struct addr *peer,
                  struct sip_digest *out)
{
    char kind[5] = { (char) proto, (char) (id >> 24), (char) (id >> 16), (char) (id >> 8), (char) id };
    char key[ADDR_KEY_BYTES];
    struct view parts[] = { view_of(kind, sizeof kind), addr_key(peer, key) };
    sip_stack_digest(s, parts, AHOY_COUNT(parts), out);
}

static void on_timer(void *arg)
{
    struct sip_flow *f = arg;
    f->carrier->tick(f);
}

enum ahoy_err sip_flow_init(struct sip_flow *f, struct sip_stack *s, const struct sip_carrier *carrier,
                            uint32_t transport_id, const struct addr *peer)
{
    sip_flow_key(s, f->proto, transport_id, peer, &f->key);
    enum ahoy_err err = map_put(&s->flow_map, sip_digest_view(&f->key), &f->node);
    if (err)
        return err;
    f->stack = s;
    f->carrier = carrier;
    f->peer = *peer;
    f->keepalive_us = INT64_MAX;
    list_init(&f->users);
    list_push_back(&s->flows, &f->link);
    sys_timer_init(&f->timer, on_timer, f);
    s->counts.flows++;
    return AHOY_OK;
}

enum ahoy_err sip_flow_to(struct sip_stack *s, enum sip_proto proto, const struct addr *dst, struct sip_transport *via,
                          struct sip_flow **out)
{
    const struct sip_carrier *carrier = sip_carrier_of(proto);
    if (!carrier)
        return AHOY_ERR_UNSUPPORTED;
    if (s->closing)
        return AHOY_ERR_CLOSED;
    if (dst->port == 0 || addr_is_any(dst) || (via && via->local.family != dst->family))
        return AHOY_ERR_INVAL;
    return carrier->open(s, dst, via, out);
}

struct sip_flow *sip_flow_ref(struct sip_flow *f)
{
    f->refs++;
    return f;
}

/* Takes a flow out of the stack's books; it may stay in memory for those who hold it. */
static void leave(struct sip_flow *f)
{
    struct sip_stack *s = f->stack;
    AHOY_ASSERT(s && !f->broken);
    f->broken = true;
    sys_timer_stop(&f->timer);
    map_remove(&s->flow_map, &f->node);
    list_remove(&f->link);
    s->counts.flows--;
    f->carrier->close(f);
    f->transport = NULL;
    f->stack = NULL; /* whoever holds it longest may outlive the stack */
}

void sip_flow_unref(struct sip_flow *f)
{
    if (!f)
        return;
    AHOY_ASSERT(f->refs > 0);
    if (--f->refs > 0)
        return;
    if (f->broken)
        mem_free(f);
    else if (f->carrier->unused)
        f->carrier->unused(f);
    else
        sip_flow_discard(f);
}

void sip_flow_discard(struct sip_flow *f)
{
    leave(f);
    mem_free(f);
}

/* Calls each user once. They may detach themselves and others meanwhile, so those to come wait in a list of their own. */
static void tell_users(struct sip_flow *f, enum ahoy_err err, bool broken)
{
    struct list waiting;
    struct list_link *k;
    list_init(&waiting);
    while ((k = list_pop_front(&f->users)) != NULL)
        list_push_back(&waiting, k);
    while ((k = list_pop_front(&waiting)) != NULL) {
        struct sip_flow_user *u = LIST_ENTRY(k, struct sip_flow_user, link);
        if (!broken)
            list_push_back(&f->users, k);
        u->error(u, err, broken);
    }
}

void sip_flow_break(struct sip_flow *f, enum ahoy_err err)
{
    if (f->broken)
        return;
    struct sip_stack *s = f->stack;
    sip_flow_ref(f);
    leave(f);
    tell_users(f, err, true);
    if (s->core.flow_lost && !s->closing)
        s->core.flow_lost(s->core.arg, f, err);
    sip_flow_unref(f);
}

void sip_flow_report(struct sip_flow *f, enum ahoy_err err)
{
    sip_flow_ref(f);
    tell_users(f, err, false);
    sip_flow_unref(f);
}

void sip_flow_attach(struct sip_flow *f, struct sip_flow_user *u)
{
    list_remove(&u->link);
    if (f && !f->broken)
        list_push_back(&f->users, &u->link);
}

enum sip_proto sip_flow_proto(const struct sip_flow *f)
{
    return f->proto;
}

const struct addr *sip_flow_peer(const struct sip_flow *f)
{
    return &f->peer;
}

const struct addr *sip_flow_local(const struct sip_flow *f)
{
    return &f->local;
}

bool sip_flow_broken(const struct sip_flow *f)
{
    return f->broken;
}

enum ahoy_err sip_flow_send(struct sip_flow *f, struct view message)
{
    if (f->broken)
        return AHOY_ERR_CLOSED;
    enum ahoy_err err = f->carrier->send(f, message);
    if (err)
        return err;
    struct sip_stack *s = f->stack;
    s->counts.sent++;
    if (s->cfg.trace)
        s->cfg.trace(s->cfg.trace_arg, SIP_TRACE_SENT, f->proto, &f->local, &f->peer, message);
    return AHOY_OK;
}

/* ---- keep-alive -------------------------------------------------------------------------------------------------- */

/* Between 80 and 100 % of the interval, so that flows of many clients drift apart (RFC 5626 section 4.4.1). */
static int64_t keepalive_wait_us(struct sip_flow *f)
{
    uint64_t fifth_ms = (uint64_t) f->keepalive_s * 200;
    uint32_t spread = (uint32_t) AHOY_MIN(fifth_ms, UINT32_MAX - 1) + 1;
    return SYS_MS((int64_t) (fifth_ms * 4) + rng_below(&f->stack->rng, spread));
}

void sip_flow_keepalive(struct sip_flow *f, uint32_t interval_s)
{
    if (f->broken)
        return;
    f->keepalive_s = interval_s;
    f->keepalive_us = interval_s == 0 ? INT64_MAX : sys_now_us(f->stack->loop) + keepalive_wait_us(f);
    f->carrier->arm(f);
}

bool sip_flow_ping(struct sip_flow *f, struct view ping)
{
    int64_t now = sys_now_us(f->stack->loop);
    if (now < f->keepalive_us)
        return false;
    f->keepalive_us = now + keepalive_wait_us(f);
    return f->carrier->send(f, ping) == AHOY_OK;
}

/* ---- in messages ------------------------------------------------------------------------------------------------- */

static void put_host_port(const struct sip_flow *f, struct buf *out)
{
    char text[ADDR_TEXT_BYTES];
    struct addr a = f->local;
    a.scope = 0; /* a zone means nothing to the peer, and RFC 3261's grammar has none */
    buf_str(out, addr_print(&a, text));
}

void sip_flow_put_contact_uri(const struct sip_flow *f, struct view user, struct buf *out)
{
    buf_str(out, "sip:");
    if (!view_empty(user)) {
        sip_uri_escape_user(user, out);
        buf_char(out, '@');
    }
    put_host_port(f, out);
    if (f->proto != SIP_PROTO_UDP) {
        char name[8];
        size_t n = 0;
        for (const char *p = sip_proto_name(f->proto); *p && n < sizeof name; p++)
            name[n++] = *p >= 'A' && *p <= 'Z' ? (char) (*p + 32) : *p;
        buf_str(out, ";transport=");
        buf_put(out, name, n);
    }
}

void sip_flow_put_via(const struct sip_flow *f, struct view branch, struct buf *out)
{
    buf_str(out, "SIP/2.0/");
    buf_str(out, sip_proto_name(f->proto));
    buf_char(out, ' ');
    put_host_port(f, out);
    buf_str(out, ";branch=");
    buf_view(out, branch);
    buf_str(out, ";rport");
}

void sip_flow_put_request(const struct sip_flow *f, struct view request, struct view branch, struct buf *out)
{
    size_t line = view_search(request, VIEW("\r\n"));
    if (line == request.n || f->broken) {
        out->err = out->err ? out->err : line == request.n ? AHOY_ERR_SYNTAX : AHOY_ERR_CLOSED;
        return;
    }
    char fresh[] = "z9hG4bK0123456789abcdef";
    if (view_empty(branch)) {
        rng_token(&f->stack->rng, fresh + 7, sizeof fresh - 8);
        branch = view_str(fresh);
    }
    buf_view(out, view_first(request, line + 2));
    buf_str(out, "Via: ");
    sip_flow_put_via(f, branch, out);
    buf_str(out, "\r\n");
    buf_view(out, view_from(request, line + 2));
}
