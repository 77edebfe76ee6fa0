/* REGISTER: RFC 3261 section 10.3, RFC 3327 (Path). */
#include "server/exchange.h"

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
    size_t contacts;
    bool star;
    uint32_t expires_s;       /* of the Expires header */
    bool has_expires;
    unsigned status;          /* what to refuse with, once something is wrong */
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
        if (sip_uri_parse(c.addr.uri, &u) || (u.scheme != SIP_SCHEME_SIP && u.scheme != SIP_SCHEME_SIPS))
            return 400;
        uint32_t s = expires_of(r, &c);
        if (s > 0 && s < EXCHANGE_MIN_EXPIRES_S)
            return 423;
    }
    if (r->star && (r->contacts > 1 || !r->has_expires || r->expires_s != 0))
        return 400; /* RFC 3261 section 10.3 step 6 */
    return r->contacts > EXCHANGE_MAX_CONTACTS ? 403 : 0;
}

/* ---- the bindings there are --------------------------------------------------------------------------------------- */

struct old_binding {
    const struct registering *r;
    const struct sip_uri *wanted;
    char contact[LOCATION_URI_BYTES];
    bool found, out_of_order;
    size_t others;
};

static bool compare_binding(void *arg, const struct location_binding *b)
{
    struct old_binding *o = arg;
    struct sip_uri u;
    if (o->wanted && (sip_uri_parse(b->contact, &u) || !sip_uri_equal(&u, o->wanted))) {
        o->others++;
        return true;
    }
    o->found = true;
    o->out_of_order |= view_eq(b->call_id, o->r->core->call_id) && o->r->core->cseq.number <= b->cseq;
    (void) view_copy(b->contact, o->contact, sizeof o->contact);
    return o->wanted == NULL;
}

static void put_path(const struct sip_msg *m, struct buf *out)
{
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_PATH); h; h = sip_msg_next(m, h)) {
        if (out->n > 0)
            buf_str(out, ", ");
        buf_view(out, h->value);
    }
}

/* Adds, refreshes or removes one contact. */
static unsigned apply_contact(struct registering *r, const struct sip_contact *c)
{
    struct location *l = r->x->location;
    struct sip_uri u;
    struct buf path;
    if (sip_uri_parse(c->addr.uri, &u) || c->addr.uri.n >= LOCATION_URI_BYTES)
        return 400;
    struct old_binding o = { .r = r, .wanted = &u };
    if (location_each(l, r->key, r->now_ms, compare_binding, &o))
        return 500;
    if (o.out_of_order)
        return 500; /* an older request came late (RFC 3261 section 10.3 step 7) */
    if (o.found && location_remove(l, r->key, view_str(o.contact)))
        return 500;
    uint32_t s = expires_of(r, c);
    if (s == 0)
        return 0;
    if (!o.found && o.others >= EXCHANGE_MAX_CONTACTS)
        return 403;
    buf_init(&path, HEADERS_BYTES);
    put_path(r->request, &path);
    struct sip_flow *flow = sip_server_txn_flow(r->txn);
    struct location_binding b = { .contact = c->addr.uri,
                                  .params = c->addr.params,
                                  .call_id = r->core->call_id,
                                  .cseq = r->core->cseq.number,
                                  .expires_ms = r->now_ms + (int64_t) s * 1000,
                                  .q_milli = c->has_q ? c->q_milli : 1000,
                                  .path = buf_content(&path),
                                  .proto = sip_flow_proto(flow),
                                  .source = *sip_flow_peer(flow),
                                  .user_agent = sip_msg_value(r->request, SIP_HDR_USER_AGENT) };
    unsigned status = buf_err(&path) || location_put(l, r->key, &b) ? 500 : 0;
    buf_fini(&path);
    return status;
}

static unsigned apply(struct registering *r)
{
    const struct sip_hdr *h = NULL;
    struct view rest, item;
    struct sip_contact c;
    unsigned status = 0;
    if (location_begin(r->x->location))
        return 500;
    if (r->star) {
        struct old_binding o = { .r = r };
        if (location_each(r->x->location, r->key, r->now_ms, compare_binding, &o) || o.out_of_order
            || location_remove_all(r->x->location, r->key))
            status = 500;
    } else {
        while (status == 0 && next_contact(r->request, &h, &rest, &item))
            status = sip_contact_parse(item, &c) ? 400 : apply_contact(r, &c);
    }
    if (status == 0 && location_commit(r->x->location))
        status = 500;
    if (status != 0)
        location_rollback(r->x->location);
    return status;
}

/* ---- the answer --------------------------------------------------------------------------------------------------- */

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
    bool ok = location_each(r->x->location, r->key, r->now_ms, put_contact, r) == AHOY_OK;
    sip_build_copy(&b, r->request, SIP_HDR_PATH);
    if (!view_empty(who->user)
        && sip_auth_server_put_info(r->x->auth, sys_now_us(r->x->loop) / 1000, who, view_of(NULL, 0), &b))
        ok = false;
    sip_build_body(&b, view_of(NULL, 0), view_of(NULL, 0));
    if (!ok || buf_err(&b) || sip_server_txn_respond(r->txn, buf_content(&b)))
        (void) sip_server_txn_reply(r->txn, 500, view_of(NULL, 0));
    buf_fini(&b);
}

static void tell(struct registering *r)
{
    char source[ADDR_TEXT_BYTES];
    if (r->contacts == 0)
        return;
    bool leaving = r->star || (r->has_expires && r->expires_s == 0);
    exchange_news(r->x, "%s %s from %s", r->key, leaving ? "unregistered" : "registered",
                  addr_print(sip_flow_peer(sip_server_txn_flow(r->txn)), source));
}

static void refuse(struct registering *r, unsigned status)
{
    char extra[64] = "";
    if (status == 423)
        snprintf(extra, sizeof extra, "Min-Expires: %d\r\n", EXCHANGE_MIN_EXPIRES_S);
    exchange_count_refused(r->x);
    (void) sip_server_txn_reply(r->txn, status, view_str(extra));
}

void registrar_request(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct registering r = { .x = x, .request = request, .txn = txn, .now_ms = sys_wall_ms(x->loop) };
    struct sip_auth_identity who = { .user = { .n = 0 } };
    struct sip_uri to;
    if (sip_msg_core(request, &r.core) || sip_uri_parse(r.core->to.uri, &to)
        || (to.scheme != SIP_SCHEME_SIP && to.scheme != SIP_SCHEME_SIPS)) {
        refuse(&r, 400);
        return;
    }
    if (!exchange_is_ours(x, &to) || exchange_key(&to, r.key)) {
        refuse(&r, 404);
        return;
    }
    if (exchange_authenticate(x, txn, request, false, &who) != EXCHANGE_AUTH_OK)
        return;
    if (!view_empty(who.user) && !view_eq(who.user, view_str(r.key))) {
        refuse(&r, 403); /* a user may bind its own address of record alone */
        return;
    }
    unsigned status = check_contacts(&r);
    if (status == 0 && r.contacts > 0)
        status = apply(&r);
    if (status != 0) {
        refuse(&r, status);
        return;
    }
    answer(&r, &who);
    tell(&r);
}
