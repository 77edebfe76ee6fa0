/* REGISTER: RFC 3261 section 10.3, RFC 3327 (Path). */
#include "server/way.h"

#include <stdio.h>

enum { REPLY_BYTES = 60000, HEADERS_BYTES = 32768 };

/* What one REGISTER asks, checked before anything is changed. */
struct registering {
    struct exchange *x;
    struct sip_msg *request;
    struct sip_server_txn *txn;
    const struct sip_core *core;
    char key[EXCHANGE_KEY_BYTES];
    int64_t now_ms;
    size_t contacts, added, removed;
    bool star;
    uint32_t expires_s; /* of the Expires header */
    bool has_expires;
    struct buf *out;
};

static uint32_t expires_of(const struct registering *r, const struct sip_contact *c)
{
    uint32_t s = c->has_expires ? c->expires_s : r->has_expires ? r->expires_s : EXCHANGE_DEFAULT_EXPIRES_S;
    return AHOY_MIN(s, (uint32_t) EXCHANGE_MAX_EXPIRES_S);
}

/* Walks all items of all Contact fields. */
static bool next_contact(const struct sip_msg *m, const struct sip_hdr **h, struct view *rest, struct view *item)
{
    for (;;) {
        if (*h && sip_list_next(rest, item))
            return true;
        *h = *h ? sip_msg_next(m, *h) : sip_msg_first(m, SIP_HDR_CONTACT);
        if (!*h)
            return false;
        *rest = (*h)->value;
    }
}

static unsigned check_contacts(struct registering *r)
{
    const struct sip_hdr *h = NULL;
    struct view rest, item;
    struct sip_contact c;
    struct sip_uri u;
    if (sip_msg_first(r->request, SIP_HDR_EXPIRES)) {
        r->has_expires = sip_delta_parse(sip_msg_value(r->request, SIP_HDR_EXPIRES), &r->expires_s) == AHOY_OK;
        if (!r->has_expires) /* malformed: as if it were an hour (RFC 3261 section 20.19) */
            r->expires_s = EXCHANGE_DEFAULT_EXPIRES_S;
    }
    while (next_contact(r->request, &h, &rest, &item)) {
        if (sip_contact_parse(item, &c))
            return 400;
        r->contacts++;
        r->star |= c.star;
        if (c.star)
            continue;
        if (sip_uri_parse(c.addr.uri, &u) || (u.scheme != SIP_SCHEME_SIP && u.scheme != SIP_SCHEME_SIPS)
            || c.addr.uri.n >= LOCATION_URI_BYTES)
            return 400;
        uint32_t s = expires_of(r, &c);
        if (s > 0 && s < EXCHANGE_MIN_EXPIRES_S)
            return 423;
    }
    if (r->star && (r->contacts > 1 || !r->has_expires || r->expires_s != 0))
        return 400; /* RFC 3261 section 10.3 step 6 */
    return r->contacts > EXCHANGE_MAX_CONTACTS ? 403 : 0;
}

/* ---- the bindings there are -------------------------------------------------------------------------------------- */

struct old_binding {
    const struct registering *r;
    const struct sip_uri *wanted;     /* NULL: any */
    char contact[LOCATION_URI_BYTES]; /* as the one that was found is written, … */
    char soonest[LOCATION_URI_BYTES]; /* … and the other one that expires first */
    int64_t soonest_ms;
    bool found, out_of_order;
    size_t others;
};

static bool compare_binding(void *arg, const struct location_binding *b)
{
    struct old_binding *o = arg;
    struct sip_uri u;
    if (o->wanted && (sip_uri_parse(b->contact, &u) || !sip_uri_equal(&u, o->wanted))) {
        if (o->others++ == 0 || b->expires_ms < o->soonest_ms) {
            o->soonest_ms = b->expires_ms;
            (void) view_copy(b->contact, o->soonest, sizeof o->soonest);
        }
        return true;
    }
    o->found = true;
    o->out_of_order |= view_eq(b->call_id, o->r->core->call_id) && o->r->core->cseq.number <= b->cseq;
    (void) view_copy(b->contact, o->contact, sizeof o->contact);
    return true;
}

static bool look_up(const struct registering *r, const struct sip_uri *wanted, struct old_binding *o)
{
    *o = (struct old_binding){ .r = r, .wanted = wanted };
    return location_all(r->x->location, r->key, r->now_ms, compare_binding, o) == AHOY_OK;
}

static void put_path(const struct sip_msg *m, struct buf *out)
{
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_PATH); h; h = sip_msg_next(m, h)) {
        if (out->n > 0)
            buf_str(out, ", ");
        buf_view(out, h->value);
    }
}

static unsigned put_binding(struct registering *r, const struct sip_contact *c, uint32_t expires_s)
{
    struct sip_flow *flow = sip_server_txn_flow(r->txn);
    struct way way = { .proto = SIP_PROTO_UNKNOWN };
    struct buf path;
    buf_init(&path, HEADERS_BYTES);
    put_path(r->request, &path);
    if (path.n == 0 && way_is_needed(flow, r->request, r->core, c->addr.uri)) {
        way_of_flow(flow, &way);
        kept_hold(r->x, flow, expires_s);
    }
    struct location_binding b = { .contact = c->addr.uri,
                                  .params = c->addr.params,
                                  .call_id = r->core->call_id,
                                  .cseq = r->core->cseq.number,
                                  .expires_ms = r->now_ms + (int64_t) expires_s * 1000,
                                  .q_milli = c->has_q ? c->q_milli : 1000,
                                  .path = buf_content(&path),
                                  .proto = way.proto,
                                  .source = way.peer,
                                  .port = way.port };
    unsigned status = buf_err(&path) || location_put(r->x->location, r->key, &b) ? 500 : 0;
    buf_fini(&path);
    return status;
}

/* Adds, refreshes or removes one contact. */
static unsigned apply_contact(struct registering *r, const struct sip_contact *c)
{
    struct location *l = r->x->location;
    struct sip_uri u;
    struct old_binding o;
    if (sip_uri_parse(c->addr.uri, &u))
        return 400;
    uint32_t s = expires_of(r, c);
    if (!look_up(r, &u, &o) || (r->contacts == 1 && o.out_of_order))
        return 500;
    bool same = s > 0 && view_eq(view_str(o.contact), c->addr.uri); /* then the new one takes the old one's place */
    if (o.found && !same && location_remove(l, r->key, view_str(o.contact)))
        return 500;
    if (s == 0) {
        r->removed += o.found;
        return 0;
    }
    /* A telephone that starts anew with another port each time would lock itself out until its old bindings expire. */
    if (!o.found && o.others >= EXCHANGE_MAX_CONTACTS && location_remove(l, r->key, view_str(o.soonest)))
        return 500;
    r->added++;
    return put_binding(r, c, s);
}

/*
 * An older request came late (RFC 3261 section 10.3 step 7): nothing at all is changed. Asked before the first change,
 * for of two equal contacts in one request the second would look late; a single one is asked as it is applied.
 */
static unsigned check_order(struct registering *r)
{
    const struct sip_hdr *h = NULL;
    struct view rest, item;
    struct sip_contact c;
    struct sip_uri u;
    struct old_binding o;
    if (r->star)
        return !look_up(r, NULL, &o) || o.out_of_order ? 500 : 0;
    while (next_contact(r->request, &h, &rest, &item))
        if (sip_contact_parse(item, &c) || sip_uri_parse(c.addr.uri, &u) || !look_up(r, &u, &o) || o.out_of_order)
            return 500;
    return 0;
}

static unsigned change(struct registering *r)
{
    const struct sip_hdr *h = NULL;
    struct view rest, item;
    struct sip_contact c;
    unsigned status = r->contacts == 1 && !r->star ? 0 : check_order(r);
    if (status == 0 && r->star) {
        r->removed = 1;
        return location_remove_all(r->x->location, r->key) ? 500 : 0;
    }
    while (status == 0 && next_contact(r->request, &h, &rest, &item))
        status = sip_contact_parse(item, &c) ? 400 : apply_contact(r, &c);
    return status;
}

static unsigned apply(struct registering *r)
{
    if (location_begin(r->x->location))
        return 500;
    unsigned status = change(r);
    if (status == 0 && location_commit(r->x->location))
        status = 500;
    if (status != 0)
        location_rollback(r->x->location);
    return status;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static bool put_contact(void *arg, const struct location_binding *b)
{
    const struct registering *r = arg;
    struct view rest = b->params, name, value;
    buf_printf(r->out, "Contact: <%.*s>;expires=%u", VIEW_ARG(b->contact),
               (unsigned) ((b->expires_ms - r->now_ms + 999) / 1000));
    while (sip_param_next(&rest, &name, &value) == AHOY_OK) {
        if (view_ieq(name, VIEW("expires")))
            continue;
        buf_printf(r->out, value.n > 0 ? ";%.*s=%.*s" : ";%.*s%.*s", VIEW_ARG(name), VIEW_ARG(value));
    }
    buf_str(r->out, "\r\n");
    return true;
}

static void answer(struct registering *r, const struct sip_auth_identity *who)
{
    struct buf b;
    buf_init(&b, REPLY_BYTES);
    r->out = &b;
    sip_server_txn_begin(r->txn, &b, 200, view_of(NULL, 0));
    bool ok = location_all(r->x->location, r->key, r->now_ms, put_contact, r) == AHOY_OK;
    sip_build_copy(&b, r->request, SIP_HDR_PATH);
    if (!view_empty(who->user)
        && sip_auth_server_put_info(r->x->auth, sys_now_us(r->x->loop) / 1000, who, view_of(NULL, 0), &b))
        ok = false;
    sip_build_body(&b, view_of(NULL, 0), view_of(NULL, 0));
    if (!ok || buf_err(&b) || sip_server_txn_respond(r->txn, buf_content(&b)))
        exchange_reply(r->txn, 500, view_of(NULL, 0));
    buf_fini(&b);
}

static void tell(struct registering *r)
{
    char source[ADDR_TEXT_BYTES];
    if (r->added + r->removed > 0)
        exchange_news(r->x, "%s %s from %s", r->key, r->added > 0 ? "registered" : "unregistered",
                      addr_print(sip_flow_peer(sip_server_txn_flow(r->txn)), source));
}

/* Extensions that must be understood: Path alone is (RFC 3261 section 10.3 step 2). True: refused. */
static bool refuse_require(struct registering *r)
{
    struct buf b;
    bool unknown = false;
    buf_init(&b, HEADERS_BYTES);
    for (const struct sip_hdr *h = sip_msg_first(r->request, SIP_HDR_REQUIRE); h; h = sip_msg_next(r->request, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item)) {
            if (view_empty(item) || view_ieq(item, VIEW("path")))
                continue;
            sip_build_hdr(&b, SIP_HDR_UNSUPPORTED, item);
            unknown = true;
        }
    }
    if (unknown)
        exchange_refuse(r->x, r->txn, 420, buf_err(&b) ? view_of(NULL, 0) : buf_content(&b));
    buf_fini(&b);
    return unknown;
}

static void refuse(struct registering *r, unsigned status)
{
    char extra[64] = "";
    if (status == 423)
        snprintf(extra, sizeof extra, "Min-Expires: %d\r\n", EXCHANGE_MIN_EXPIRES_S);
    exchange_refuse(r->x, r->txn, status, view_str(extra));
}

/* 0, or why this is no address of record of ours. */
static unsigned find_key(struct registering *r)
{
    struct sip_uri to, domain;
    if (sip_uri_parse(r->core->to.uri, &to) || (to.scheme != SIP_SCHEME_SIP && to.scheme != SIP_SCHEME_SIPS))
        return 400;
    if (sip_uri_parse(r->request->uri, &domain) || !exchange_is_ours(r->x, &domain) || !exchange_is_our_name(r->x, &to))
        return 404;
    enum ahoy_err err = exchange_key(&to, r->key);
    return err == AHOY_ERR_NOMEM ? 500 : err ? 404 : 0;
}

void registrar_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct registering r = { .x = x, .request = request, .txn = txn, .now_ms = sys_wall_ms(x->loop) };
    struct sip_auth_identity who = { .user = { .n = 0 } };
    if (sip_msg_core(request, &r.core)) {
        refuse(&r, 400);
        return;
    }
    unsigned status = find_key(&r);
    if (status != 0) {
        refuse(&r, status);
        return;
    }
    if (refuse_require(&r) || !guard_admits(x, txn, request, false, &who))
        return;
    if (!view_empty(who.user) && !guard_is_user(who.user, r.key)) {
        refuse(&r, 403); /* a user may bind its own address of record alone */
        return;
    }
    status = check_contacts(&r);
    if (status == 0 && r.contacts > 0)
        status = apply(&r);
    if (status != 0) {
        refuse(&r, status);
        return;
    }
    answer(&r, &who);
    tell(&r);
}
