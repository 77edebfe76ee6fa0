/*
 * A stateful proxy: RFC 3261 section 16, with the loop detection and breadth limit of RFC 5393, timer C, parallel forking and record-routing.
 * A request on its way is a `forward`; each place it is sent to is a `fork`.
 */
#include "server/forward.h"

#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

enum { MESSAGE_BYTES = SIP_BUILD_MAX_BYTES, MAX_BREADTH = 60 };

/* ---- routes ------------------------------------------------------------------------------------------------------- */

static bool is_self(const struct exchange *x, struct view uri)
{
    struct sip_uri u;
    return sip_uri_parse(uri, &u) == AHOY_OK && exchange_is_self(x, &u);
}

/* Route fields whose first items are ours are passed over: *skip of them. *next is the first that is not, if any. */
static void look_at_routes(const struct exchange *x, const struct sip_msg *m, size_t *skip, struct view *next)
{
    struct sip_addr a;
    struct view item;
    *skip = 0;
    *next = view_of(NULL, 0);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ROUTE); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, &item)) {
            if (sip_addr_parse(item, &a))
                return;
            if (!is_self(x, a.uri)) {
                *next = a.uri;
                return;
            }
            (*skip)++;
        }
    }
}

/* ---- loops: the branch carries a digest of what routing depends on (RFC 5393 section 4.2) --------------------------- */

static void loop_digest(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core, char out[17])
{
    struct buf b;
    uint64_t key[2];
    memcpy(key, x->branch_key, sizeof key);
    buf_init(&b, MESSAGE_BYTES);
    buf_view(&b, m->uri);
    buf_char(&b, '\n');
    buf_view(&b, core->from_tag);
    buf_view(&b, core->to_tag);
    buf_char(&b, '\n');
    buf_view(&b, core->call_id);
    buf_u64(&b, core->cseq.number);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ROUTE); h; h = sip_msg_next(m, h))
        buf_view(&b, h->value);
    uint64_t digest = map_hash(key, buf_content(&b));
    buf_fini(&b);
    encode_hex(&digest, sizeof digest, out);
}

static bool is_looping(const struct sip_msg *m, const char *digest)
{
    struct view item;
    struct sip_via via;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_VIA); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, &item))
            if (sip_via_parse(item, &via) == AHOY_OK && via.branch.n > 17 && via.branch.p[via.branch.n - 17] == '.'
                && view_eq(view_from(via.branch, via.branch.n - 16), view_str(digest)))
                return true;
    }
    return false;
}

/* ---- writing what is forwarded ------------------------------------------------------------------------------------ */

/* "<sip:192.0.2.1:5060;transport=tcp;lr>" for one side of the proxy. */
static void put_record_route(const struct sip_flow *flow, struct buf *out)
{
    struct buf uri;
    buf_init(&uri, 256);
    sip_flow_put_contact_uri(flow, view_of(NULL, 0), &uri);
    buf_printf(out, "Record-Route: <%s;lr>\r\n", buf_cstr(&uri));
    buf_fini(&uri);
}

static bool makes_dialog(enum sip_method m)
{
    return m == SIP_METHOD_INVITE || m == SIP_METHOD_SUBSCRIBE || m == SIP_METHOD_REFER || m == SIP_METHOD_NOTIFY;
}

/* The Route fields without the first `skip` items. */
static void put_routes(const struct sip_msg *m, size_t skip, struct buf *out)
{
    struct view item;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ROUTE); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (sip_list_next(&rest, &item)) {
            if (skip > 0)
                skip--;
            else
                sip_build_hdr(out, SIP_HDR_ROUTE, item);
        }
    }
}

static bool is_our_realm(const struct exchange *x, struct view value)
{
    struct sip_credentials c;
    return !x->open && sip_credentials_parse(value, &c) == AHOY_OK && view_eq(c.realm, view_str(x->realm));
}

void forward_print(const struct exchange *x, const struct forward_what *w, struct buf *out)
{
    const struct sip_msg *m = w->request;
    sip_build_request_line(out, m->method_text, w->uri);
    if (w->record && makes_dialog(m->method)) {
        put_record_route(w->out_flow, out);
        if (sip_flow_proto(w->in_flow) != sip_flow_proto(w->out_flow)
            || !addr_eq(sip_flow_local(w->in_flow), sip_flow_local(w->out_flow)))
            put_record_route(w->in_flow, out); /* two sides, two entries: each peer sees its own (RFC 5658) */
    }
    if (!view_empty(w->path))
        sip_build_hdr(out, SIP_HDR_ROUTE, w->path);
    put_routes(m, w->skip_routes, out);
    sip_build_hdr_u32(out, SIP_HDR_MAX_FORWARDS, w->max_forwards);
    buf_printf(out, "Max-Breadth: %u\r\n", w->breadth);
    for (uint32_t i = 0; i < m->hdr_count; i++) {
        const struct sip_hdr *h = &m->hdr[i];
        if (h->id == SIP_HDR_ROUTE || h->id == SIP_HDR_MAX_FORWARDS || view_ieq(h->name, VIEW("Max-Breadth"))
            || h->id == SIP_HDR_CONTENT_LENGTH || (h->id == SIP_HDR_PROXY_AUTHORIZATION && is_our_realm(x, h->value)))
            continue;
        buf_view(out, h->name);
        buf_str(out, ": ");
        buf_view(out, h->value);
        buf_str(out, "\r\n");
    }
    sip_build_body(out, view_of(NULL, 0), m->body); /* its Content-Type was copied with the rest */
}

/* ---- where to ----------------------------------------------------------------------------------------------------- */

struct collecting {
    struct forward *f;
    enum ahoy_err err;
};

static bool collect(void *arg, const struct location_binding *b)
{
    struct collecting *c = arg;
    struct forward_target t = { .uri = b->contact,
                                .path = b->path,
                                .has_flow = view_empty(b->path) && b->source.port > 0,
                                .proto = b->proto,
                                .addr = b->source };
    c->err = forward_add(c->f, &t);
    return c->err == AHOY_OK;
}

/* To a user of ours: all its contacts. 0, or the status to refuse with. */
static unsigned route_to_user(struct exchange *x, struct forward *f, const struct sip_uri *u)
{
    char key[EXCHANGE_KEY_BYTES];
    struct collecting c = { .f = f };
    if (exchange_key(u, key))
        return 404;
    if (location_each(x->location, key, sys_wall_ms(x->loop), collect, &c) || c.err)
        return 500;
    if (forward_count(f) == 0)
        return users_has(x->users, view_str(key)) ? 480 : 404;
    return 0;
}

/* A contact that registered with us is reached the way its REGISTER came. */
static bool find_flow(void *arg, const struct location_binding *b)
{
    struct sip_target *t = arg;
    t->proto = b->proto;
    t->addr = b->source;
    return false;
}

static unsigned route(struct exchange *x, struct forward *f, struct sip_msg *request, bool in_dialog)
{
    struct sip_uri u;
    if (sip_uri_parse(request->uri, &u))
        return 400;
    if (u.scheme != SIP_SCHEME_SIP && u.scheme != SIP_SCHEME_SIPS)
        return 416;
    struct view next;
    size_t skip;
    look_at_routes(x, request, &skip, &next);
    struct forward_target t = { .uri = request->uri, .next_hop = view_empty(next) ? request->uri : next };
    forward_skip_routes(f, skip);
    bool further = !view_empty(next) || !exchange_is_ours(x, &u) || (in_dialog && !exchange_is_self(x, &u));
    if (!further)
        return route_to_user(x, f, &u);
    struct sip_target way = { .proto = SIP_PROTO_UNKNOWN };
    if (view_empty(next) && location_by_contact(x->location, request->uri, sys_wall_ms(x->loop), find_flow, &way) == AHOY_OK
        && way.proto != SIP_PROTO_UNKNOWN) {
        t.has_flow = true;
        t.proto = way.proto;
        t.addr = way.addr;
    }
    return forward_add(f, &t) ? 500 : 0;
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static void refuse(struct exchange *x, struct sip_server_txn *txn, unsigned status, const char *extra)
{
    exchange_count_refused(x);
    (void) sip_server_txn_reply(txn, status, view_str(extra));
}

static uint32_t breadth_of(const struct sip_msg *m)
{
    uint32_t n;
    const struct sip_hdr *h = sip_msg_named(m, VIEW("Max-Breadth"));
    return h && view_u32(h->value, &n) == AHOY_OK ? AHOY_MIN(n, (uint32_t) MAX_BREADTH) : MAX_BREADTH;
}

/* Extensions that only a proxy could honour: we know none (RFC 3261 section 16.3 step 5). */
static bool refuse_proxy_require(struct exchange *x, struct sip_server_txn *txn, const struct sip_msg *m)
{
    struct buf b;
    if (!sip_msg_first(m, SIP_HDR_PROXY_REQUIRE))
        return false;
    buf_init(&b, 4096);
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_PROXY_REQUIRE); h; h = sip_msg_next(m, h))
        sip_build_hdr(&b, SIP_HDR_UNSUPPORTED, h->value);
    refuse(x, txn, 420, buf_cstr(&b));
    buf_fini(&b);
    return true;
}

/* Inside a dialog whose route goes through us, the peers were admitted when it began. */
static bool is_admitted(const struct exchange *x, const struct sip_msg *m, const struct sip_core *core)
{
    size_t skip;
    struct view next;
    if (view_empty(core->to_tag))
        return false;
    look_at_routes(x, m, &skip, &next);
    return skip > 0;
}

void proxy_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request)
{
    const struct sip_core *core;
    struct forward *f;
    char digest[17];
    if (sip_msg_core(request, &core))
        return refuse(x, txn, 400, "");
    if (request->method == SIP_METHOD_CANCEL) /* its INVITE is not here (any more) */
        return refuse(x, txn, 481, "");
    if (core->max_forwards == 0)
        return refuse(x, txn, 483, "");
    loop_digest(x, request, core, digest);
    if (is_looping(request, digest))
        return refuse(x, txn, 482, "");
    if (refuse_proxy_require(x, txn, request))
        return;
    struct sip_auth_identity who = { .user = { .n = 0 } };
    if (!is_admitted(x, request, core) && exchange_authenticate(x, txn, request, true, &who) != EXCHANGE_AUTH_OK)
        return;
    if (forward_create(&f, x, txn, request, digest))
        return refuse(x, txn, 500, "");
    unsigned status = route(x, f, request, !view_empty(core->to_tag));
    uint32_t breadth = breadth_of(request);
    if (status == 0 && forward_count(f) > breadth)
        status = 440;
    if (status != 0) {
        forward_destroy(f);
        refuse(x, txn, status, "");
        return;
    }
    forward_start(f, breadth / (uint32_t) forward_count(f));
}

/* ---- ACK for a 2xx: forwarded without a transaction (RFC 3261 section 16.11) --------------------------------------- */

/* An ACK whose next hop has a name waits for the look-up. */
struct ack_forward {
    struct list_link link;
    struct exchange *x;
    struct sip_locate *locate;
    struct sip_msg *ack;
    size_t skip;
};

static void ack_free(struct ack_forward *a)
{
    list_remove(&a->link);
    sip_locate_destroy(a->locate);
    sip_msg_unref(a->ack);
    mem_free(a);
}

/* The same ACK, sent again, gets the same branch: a digest of its own topmost one (RFC 3261 section 16.11). */
static void put_branch(const struct exchange *x, const struct sip_core *core, char branch[40])
{
    uint64_t key[2], digest;
    char hex[17];
    memcpy(key, x->branch_key, sizeof key);
    digest = map_hash(key, core->via.text);
    encode_hex(&digest, sizeof digest, hex);
    snprintf(branch, 40, "z9hG4bKa%s", hex);
}

static void ack_send(struct ack_forward *a, const struct sip_target *target)
{
    struct exchange *x = a->x;
    const struct sip_core *core;
    struct sip_flow *flow;
    struct buf b, whole;
    char branch[40];
    if (sip_msg_core(a->ack, &core) || sip_flow_to(x->stack, target->proto, &target->addr, NULL, &flow))
        return;
    buf_init(&b, MESSAGE_BYTES);
    buf_init(&whole, MESSAGE_BYTES);
    struct forward_what w = { .request = a->ack,
                              .uri = a->ack->uri,
                              .skip_routes = a->skip,
                              .max_forwards = core->max_forwards - 1u,
                              .breadth = 1,
                              .in_flow = flow,
                              .out_flow = flow };
    forward_print(x, &w, &b);
    struct view text = buf_content(&b);
    size_t line = view_search(text, VIEW("\r\n")) + 2;
    put_branch(x, core, branch);
    buf_view(&whole, view_first(text, line));
    buf_str(&whole, "Via: ");
    sip_flow_put_via(flow, view_str(branch), &whole);
    buf_str(&whole, "\r\n");
    buf_view(&whole, view_from(text, line));
    if (!buf_err(&b) && !buf_err(&whole))
        (void) sip_flow_send(flow, buf_content(&whole));
    sip_flow_unref(flow);
    buf_fini(&b);
    buf_fini(&whole);
}

static void on_ack_target(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct ack_forward *a = arg;
    if (!err)
        ack_send(a, target);
    ack_free(a); /* no second place is tried: the peer sends its 2xx, and then the ACK comes, again */
}

void proxy_ack(struct exchange *x, struct sip_msg *ack)
{
    const struct sip_core *core;
    struct sip_uri u;
    struct view next;
    if (x->stopping || sip_msg_core(ack, &core) || core->max_forwards == 0 || sip_uri_parse(ack->uri, &u))
        return;
    struct ack_forward *a = mem_zalloc(sizeof *a);
    if (!a)
        return;
    a->x = x;
    a->ack = sip_msg_ref(ack);
    list_push_back(&x->acks, &a->link);
    look_at_routes(x, ack, &a->skip, &next);
    struct sip_target target = { .proto = SIP_PROTO_UNKNOWN };
    if (view_empty(next) && location_by_contact(x->location, ack->uri, sys_wall_ms(x->loop), find_flow, &target) == AHOY_OK
        && target.proto != SIP_PROTO_UNKNOWN) {
        ack_send(a, &target);
        ack_free(a);
        return;
    }
    bool to_self = view_empty(next) && exchange_is_self(x, &u);
    if (to_self || sip_locate_start(&a->locate, x->locator, view_empty(next) ? ack->uri : next, on_ack_target, a))
        ack_free(a);
}

void proxy_drop_all(struct exchange *x)
{
    LIST_EACH(k, &x->forwards)
        forward_destroy(forward_of(k));
    LIST_EACH(k, &x->acks)
        ack_free(LIST_ENTRY(k, struct ack_forward, link));
}
