/*
 * A stateful proxy: RFC 3261 section 16, with the loop detection and breadth limit of RFC 5393. A request on its way is
 * a `forward` (forward.h).
 */
#include "server/forward.h"

#include "base/mem.h"

enum { MESSAGE_BYTES = SIP_BUILD_MAX_BYTES, MAX_BREADTH = 60, BRANCH_BYTES = 8 + EXCHANGE_DIGEST_BYTES };

/* ---- loops: the branch carries a digest of what routing depends on (RFC 5393 section 4.2) ------------------------ */

static bool loop_digest(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core,
                        char out[EXCHANGE_DIGEST_BYTES])
{
    struct buf b;
    buf_init(&b, 2 * MESSAGE_BYTES);
    buf_view(&b, m->uri);
    buf_char(&b, '\n');
    buf_view(&b, core->from_tag);
    buf_char(&b, '\n');
    buf_view(&b, core->to_tag);
    buf_char(&b, '\n');
    buf_view(&b, core->call_id);
    buf_char(&b, '\n');
    buf_u64(&b, core->cseq.number);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ROUTE); h; h = sip_msg_next(m, h)) {
        buf_char(&b, '\n');
        buf_view(&b, h->value);
    }
    bool ok = buf_err(&b) == AHOY_OK;
    exchange_digest(x, 'l', buf_content(&b), out);
    buf_fini(&b);
    return ok;
}

static bool is_looping(const struct sip_msg *m, const char *digest)
{
    enum { CHARS = EXCHANGE_DIGEST_BYTES - 1 };
    struct view item;
    struct sip_via via;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_VIA); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, &item))
            if (sip_via_parse(item, &via) == AHOY_OK && via.branch.n > CHARS
                && via.branch.p[via.branch.n - CHARS - 1] == '.'
                && view_eq(view_from(via.branch, via.branch.n - CHARS), view_str(digest)))
                return true;
    }
    return false;
}

/* ---- where to ---------------------------------------------------------------------------------------------------- */

struct collecting {
    struct forward *f;
    enum ahoy_err err;
};

static bool collect(void *arg, const struct location_binding *b)
{
    struct collecting *c = arg;
    struct forward_target t = { .uri = b->contact,
                                .path = b->path,
                                .next_hop = b->contact,
                                .way = { .proto = b->proto, .peer = b->source, .port = b->port } };
    c->err = forward_add(c->f, &t);
    return c->err == AHOY_OK;
}

/* Whether a key names a user of the file. */
static bool is_user(const struct exchange *x, const char *key)
{
    struct buf name;
    buf_init(&name, EXCHANGE_KEY_BYTES);
    sip_uri_unescape(view_str(key), &name);
    bool has = buf_err(&name) == AHOY_OK && users_has(x->users, buf_content(&name));
    buf_fini(&name);
    return has;
}

/* To a user of ours: all its contacts. 0, or the status to refuse with. */
static unsigned to_user(struct exchange *x, struct forward *f, const struct sip_uri *u)
{
    char key[EXCHANGE_KEY_BYTES];
    struct collecting c = { .f = f };
    enum ahoy_err err = exchange_key(u, key);
    if (err)
        return err == AHOY_ERR_NOMEM ? 500 : 404;
    if (location_each(x->location, key, sys_wall_ms(x->loop), collect, &c) || c.err)
        return 500;
    if (forward_count(f) == 0)
        return is_user(x, key) ? 480 : 404;
    return 0;
}

static bool take_way(void *arg, const struct location_binding *b)
{
    struct way *way = arg;
    *way = (struct way){ .proto = b->proto, .peer = b->source, .port = b->port };
    return false;
}

/* A request to the very contact that somebody registered goes the way that contact is reached by. */
static struct way way_to(const struct exchange *x, const struct route *r)
{
    struct way way = r->way;
    if (way.proto == SIP_PROTO_UNKNOWN && !route_has_hop(r)
        && location_by_contact(x->location, r->uri, sys_wall_ms(x->loop), take_way, &way))
        way.proto = SIP_PROTO_UNKNOWN; /* a database that fails: its URI will have to do */
    return way;
}

static unsigned where_to(struct exchange *x, struct forward *f, const struct route *r, bool in_dialog)
{
    struct sip_uri u;
    struct forward_target t = { .uri = r->uri, .next_hop = r->next_hop };
    if (sip_uri_parse(r->uri, &u))
        return 400;
    bool sip = u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS;
    if (!route_has_hop(r) && !sip)
        return 416;
    t.way = way_to(x, r);
    bool named = t.way.proto != SIP_PROTO_UNKNOWN || route_has_hop(r) || (in_dialog && !exchange_is_self(x, &u));
    if (!named && exchange_is_our_name(x, &u))
        return to_user(x, f, &u);
    return forward_add(f, &t) ? 500 : 0;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static uint32_t breadth_of(const struct sip_msg *m)
{
    uint32_t n;
    const struct sip_hdr *h = sip_msg_named(m, VIEW("Max-Breadth"));
    return h && view_u32(h->value, &n) == AHOY_OK ? AHOY_MIN(n, (uint32_t) MAX_BREADTH) : MAX_BREADTH;
}

/* Extensions that only a proxy could honour: we know none (RFC 3261 section 16.3 step 5). True: refused. */
static bool refuse_proxy_require(struct exchange *x, struct sip_server_txn *txn, const struct sip_msg *m)
{
    struct buf b;
    if (!sip_msg_first(m, SIP_HDR_PROXY_REQUIRE))
        return false;
    buf_init(&b, MESSAGE_BYTES);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_PROXY_REQUIRE); h; h = sip_msg_next(m, h))
        sip_build_hdr(&b, SIP_HDR_UNSUPPORTED, h->value);
    exchange_refuse(x, txn, 420, buf_err(&b) ? view_of(NULL, 0) : buf_content(&b));
    buf_fini(&b);
    return true;
}

/* In the order of RFC 3261 section 16.3. 0, or the status to refuse with. */
static unsigned check(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core,
                      char digest[EXCHANGE_DIGEST_BYTES])
{
    if (core->max_forwards == 0)
        return 483;
    if (!loop_digest(x, m, core, digest))
        return 500;
    return is_looping(m, digest) ? 482 : 0;
}

void proxy_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, const struct route *r)
{
    const struct sip_core *core;
    struct forward *f;
    char digest[EXCHANGE_DIGEST_BYTES];
    unsigned status = sip_msg_core(request, &core) ? 400 : check(x, request, core, digest);
    if (status != 0) {
        exchange_refuse(x, txn, status, view_of(NULL, 0));
        return;
    }
    if (refuse_proxy_require(x, txn, request) || (!r->admitted && !guard_admits_caller(x, txn, request, core)))
        return;
    if (forward_create(&f, x, txn, request, core, r, digest)) {
        exchange_reply(txn, 500, view_of(NULL, 0));
        return;
    }
    uint32_t breadth = breadth_of(request);
    status = where_to(x, f, r, !view_empty(core->to_tag));
    if (status == 0 && forward_count(f) > breadth)
        status = 440;
    if (status != 0) {
        forward_destroy(f);
        exchange_refuse(x, txn, status, view_of(NULL, 0));
        return;
    }
    if (!view_empty(core->to_tag))
        calls_note_request(x, request);
    forward_start(f, breadth / (uint32_t) forward_count(f));
}

/* ---- ACK for a 2xx: forwarded without a transaction (RFC 3261 section 16.11) ------------------------------------- */

/* An ACK whose next hop has to be looked up. */
struct ack_forward {
    struct list_link link;
    struct exchange *x;
    struct sip_locate *locate;
    struct sip_msg *ack;
    struct sip_flow *in_flow;
    struct route route;
};

static void ack_free(struct ack_forward *a)
{
    list_remove(&a->link);
    sip_locate_destroy(a->locate);
    sip_msg_unref(a->ack);
    sip_flow_unref(a->in_flow);
    mem_free(a);
}

/* The same ACK, sent again, gets the same branch: a digest of its own topmost one (RFC 3261 section 16.11). */
static void ack_branch(const struct exchange *x, const struct sip_core *core, char branch[BRANCH_BYTES])
{
    memcpy(branch, "z9hG4bKa", 8);
    exchange_digest(x, 'a', core->via.text, branch + 8);
}

static void ack_send(struct ack_forward *a, struct sip_flow *flow)
{
    const struct sip_core *core;
    struct buf b, whole;
    char branch[BRANCH_BYTES];
    if (sip_msg_core(a->ack, &core))
        return;
    struct forward_what w = { .request = a->ack,
                              .core = core,
                              .route = &a->route,
                              .uri = a->route.uri,
                              .in_flow = a->in_flow,
                              .out_flow = flow };
    buf_init(&b, MESSAGE_BYTES);
    buf_init(&whole, MESSAGE_BYTES);
    forward_print(a->x, &w, &b);
    ack_branch(a->x, core, branch);
    if (!buf_err(&b))
        sip_flow_put_request(flow, buf_content(&b), view_str(branch), &whole);
    if (!buf_err(&b) && !buf_err(&whole))
        (void) sip_flow_send(flow, buf_content(&whole)); /* a lost ACK brings the 2xx, and then an ACK, again */
    buf_fini(&b);
    buf_fini(&whole);
}

static void on_ack_target(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct ack_forward *a = arg;
    struct sip_flow *flow;
    if (!err && sip_flow_to(a->x->stack, target->proto, &target->addr, NULL, &flow) == AHOY_OK) {
        ack_send(a, flow);
        sip_flow_unref(flow);
    }
    ack_free(a); /* no second place is tried: the 2xx comes again */
}

void proxy_ack(struct exchange *x, struct sip_flow *in, struct sip_msg *ack, const struct route *r)
{
    const struct sip_core *core;
    struct sip_uri u;
    struct sip_flow *flow;
    /* Only in dialogs that were begun through us: this is no open relay, and an ACK cannot be challenged. */
    if (x->stopping || sip_msg_core(ack, &core) || core->max_forwards == 0 || !(r->admitted || x->open)
        || sip_uri_parse(r->uri, &u))
        return;
    struct way way = way_to(x, r);
    if (!route_has_hop(r) && way.proto == SIP_PROTO_UNKNOWN && exchange_is_self(x, &u))
        return;
    struct ack_forward *a = mem_zalloc(sizeof *a);
    if (!a)
        return;
    a->x = x;
    a->ack = sip_msg_ref(ack);
    a->in_flow = sip_flow_ref(in);
    a->route = *r;
    list_push_back(&x->acks, &a->link);
    if (way.proto == SIP_PROTO_UNKNOWN) {
        if (sip_locate_start(&a->locate, x->locator, r->next_hop, on_ack_target, a))
            ack_free(a);
        return;
    }
    if (way_open(x, &way, &flow) == AHOY_OK) {
        ack_send(a, flow);
        sip_flow_unref(flow);
    }
    ack_free(a);
}

void proxy_drop_all(struct exchange *x)
{
    LIST_EACH(k, &x->forwards)
        forward_destroy(forward_of(k));
    LIST_EACH(k, &x->acks)
        ack_free(LIST_ENTRY(k, struct ack_forward, link));
}
