#include "sip/uas.h"

#include "base/list.h"
#include "base/mem.h"
#include "sip/invite_priv.h"

enum { EXTRA_MAX_BYTES = 4096, OPTIONS_BODY_MAX_BYTES = 16384 };

struct sip_ua {
    struct sip_ua_config cfg;
    struct sip_ua_ops ops;
    struct sip_locator *locator;
    struct sip_stack *stack;
    struct sip_dialogs *dialogs;
    struct list invites;
    size_t invite_count;
};

/* ---- answers ----------------------------------------------------------------------------------------------------- */

void sip_ua_reply(struct sip_server_txn *txn, unsigned status, struct view extra)
{
    if (sip_server_txn_reply(txn, status, extra))
        sip_server_txn_release(txn);
}

static void put_allow(const struct sip_ua *ua, struct buf *out)
{
    const char *sep = "Allow: ";
    for (unsigned m = 1; m < SIP_METHOD_COUNT; m++) {
        if (!(ua->cfg.methods & (1u << m)))
            continue;
        buf_str(out, sep);
        buf_str(out, sip_method_name((enum sip_method) m));
        sep = ", ";
    }
    buf_str(out, "\r\n");
}

void sip_ua_put_capabilities(const struct sip_ua *ua, struct buf *out)
{
    put_allow(ua, out);
    if (ua->cfg.supported[0])
        buf_printf(out, "Supported: %s\r\n", ua->cfg.supported);
}

/* A refusal with the header lines in `extra`, or without them when they found no memory. */
static void refuse(struct sip_server_txn *txn, unsigned status, struct buf *extra)
{
    sip_ua_reply(txn, status, buf_err(extra) ? (struct view){ 0 } : buf_content(extra));
    buf_fini(extra);
}

void sip_ua_reply_not_allowed(struct sip_ua *ua, struct sip_server_txn *txn)
{
    struct buf extra;
    buf_init(&extra, EXTRA_MAX_BYTES);
    put_allow(ua, &extra);
    refuse(txn, 405, &extra);
}

/* ---- the checks of RFC 3261 section 8.2: each gives 0 or the status to refuse with ------------------------------- */

static bool has_token(const char *list, struct view token)
{
    struct view rest = view_str(list), item;
    while (sip_list_next(&rest, &item)) {
        if (view_ieq(item, token))
            return true;
    }
    return false;
}

static unsigned check_method(const struct sip_ua *ua, const struct sip_msg *m, struct buf *extra)
{
    if (m->method != SIP_METHOD_UNKNOWN && (ua->cfg.methods & (1u << m->method)))
        return 0;
    put_allow(ua, extra);
    return m->method == SIP_METHOD_UNKNOWN ? 501 : 405;
}

static unsigned check_uri(const struct sip_ua *ua, const struct sip_msg *m, bool in_dialog)
{
    struct sip_uri uri;
    if (sip_uri_parse(m->uri, &uri))
        return 400;
    if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
        return 416;
    if (!in_dialog && ua->ops.is_ours && !ua->ops.is_ours(ua->ops.arg, &uri))
        return 404;
    return 0;
}

/* RFC 3261 section 8.2.2.3; what Require asks of an ACK or CANCEL is ignored, and those do not come here. */
static unsigned check_require(const struct sip_ua *ua, const struct sip_msg *m, struct buf *extra)
{
    const char *sep = "Unsupported: ";
    bool missing = false;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_REQUIRE); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item)) {
            if (view_empty(item) || has_token(ua->cfg.supported, item))
                continue;
            buf_str(extra, sep);
            buf_view(extra, item);
            sep = ", ";
            missing = true;
        }
    }
    if (!missing)
        return 0;
    buf_str(extra, "\r\n");
    return 420;
}

static bool body_is_optional(const struct sip_msg *m)
{
    struct view rest = sip_msg_value(m, SIP_HDR_CONTENT_DISPOSITION), value;
    struct view params = view_from(rest, view_find(rest, ';'));
    return sip_param(params, VIEW("handling"), &value) && view_ieq(value, VIEW("optional"));
}

/* Whether a session body can be read: a type of ours, or a multipart that holds one. */
static bool type_is_known(const struct sip_ua *ua, const struct sip_msg *m)
{
    struct sip_media_type type;
    struct view rest = view_str(ua->cfg.accept), item, part;
    if (sip_media_type_parse(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), &type))
        return false;
    bool multipart = view_ieq(type.type, VIEW("multipart"));
    while (sip_list_next(&rest, &item)) {
        struct view sub = item, main = view_cut(&sub, '/');
        if (sip_media_type_is(&type, main, sub))
            return true;
        if (multipart && !sip_msg_body_of_type(m, main, sub, &part))
            return true;
    }
    return false;
}

/* RFC 3261 section 8.2.3. A BYE ends the session whatever it carries. */
static unsigned check_body(const struct sip_ua *ua, const struct sip_msg *m, struct buf *extra)
{
    struct view encoding = sip_msg_value(m, SIP_HDR_CONTENT_ENCODING);
    if (view_empty(m->body) || m->method == SIP_METHOD_BYE || body_is_optional(m))
        return 0;
    if (!view_empty(encoding) && !view_ieq(encoding, VIEW("identity"))) {
        buf_str(extra, "Accept-Encoding: identity\r\n");
        return 415;
    }
    if (m->method == SIP_METHOD_INVITE && !type_is_known(ua, m)) {
        buf_printf(extra, "Accept: %s\r\n", ua->cfg.accept);
        return 415;
    }
    return 0;
}

static bool range_covers(struct view range, struct view main, struct view sub)
{
    struct view name = view_first(range, view_find(range, ';')), rest = name;
    struct view type = view_trim(view_cut(&rest, '/')), subtype = view_trim(rest);
    if (view_eq(type, VIEW("*")))
        return true;
    return view_ieq(type, main) && (view_eq(subtype, VIEW("*")) || view_ieq(subtype, sub));
}

/* Whether the answer could be read by who asks: a session body of ours among its Accept (RFC 3261 section 20.1). */
static unsigned check_accept(const struct sip_ua *ua, const struct sip_msg *m, struct buf *extra)
{
    const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_ACCEPT);
    if (!h || m->method != SIP_METHOD_INVITE)
        return 0;
    for (; h; h = sip_msg_next(m, h)) {
        struct view rest = h->value, item;
        while (sip_list_next(&rest, &item)) {
            struct view ours = view_str(ua->cfg.accept), type;
            while (sip_list_next(&ours, &type)) {
                struct view sub = type, main = view_cut(&sub, '/');
                if (range_covers(item, main, sub))
                    return 0;
            }
        }
    }
    buf_str(extra, "Warning: 399 ahoy \"no acceptable session description type\"\r\n");
    return 406;
}

static unsigned check_request(const struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *m, bool tagged,
                              const struct sip_dialog *d, struct buf *extra)
{
    unsigned status;
    if (!tagged && sip_server_txn_is_merged(txn))
        return 482;
    status = check_method(ua, m, extra);
    if (status && ua->ops.unknown)
        ua->ops.unknown(ua->ops.arg, m, d != NULL);
    if (!status)
        status = check_uri(ua, m, d != NULL);
    if (!status && tagged && !d)
        status = 481;
    if (!status)
        status = check_require(ua, m, extra);
    if (!status)
        status = check_body(ua, m, extra);
    if (!status)
        status = check_accept(ua, m, extra);
    return status;
}

/* ---- methods ----------------------------------------------------------------------------------------------------- */

/* RFC 3261 section 11.2: what an INVITE would get, and what we can do. */
static void answer_options(struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *request)
{
    const char *type = NULL;
    unsigned status = 200;
    struct buf b, body;
    enum ahoy_err err;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    buf_init(&body, OPTIONS_BODY_MAX_BYTES);
    if (ua->ops.options)
        status = ua->ops.options(ua->ops.arg, request, &type, &body);
    sip_server_txn_begin(txn, &b, status >= 200 && status <= 699 ? status : 200, (struct view){ 0 });
    buf_printf(&b, "Accept: %s\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\n", ua->cfg.accept);
    sip_ua_put_capabilities(ua, &b);
    if (type && body.n)
        sip_build_body(&b, view_str(type), buf_content(&body));
    else
        sip_build_body(&b, (struct view){ 0 }, (struct view){ 0 });
    err = buf_err(&body) ? buf_err(&body) : buf_err(&b);
    if (!err)
        err = sip_server_txn_respond(txn, buf_content(&b));
    if (err)
        sip_server_txn_release(txn);
    buf_fini(&body);
    buf_fini(&b);
}

static void take_invite(struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *request)
{
    enum sip_proto proto = sip_flow_proto(sip_server_txn_flow(txn));
    bool secure = (proto == SIP_PROTO_TLS || proto == SIP_PROTO_WSS) && view_istarts(request->uri, VIEW("sips:"));
    struct sip_invite *inv = sip_invite_incoming(ua, txn, request, secure);
    if (!inv)
        return;
    if (ua->ops.incoming)
        ua->ops.incoming(ua->ops.arg, inv, request);
    if (inv->handler.ended || inv->released)
        return;
    (void) sip_invite_reject(inv, 480, (struct view){ 0 });
    sip_invite_release(inv);
}

static void take_outside_dialog(struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *request)
{
    switch (request->method) {
    case SIP_METHOD_INVITE: take_invite(ua, txn, request); break;
    case SIP_METHOD_OPTIONS: answer_options(ua, txn, request); break;
    case SIP_METHOD_BYE:
    case SIP_METHOD_INFO:
    case SIP_METHOD_PRACK:
    case SIP_METHOD_UPDATE:
        sip_ua_reply(txn, 481, (struct view){ 0 }); /* these live in dialogs only */
        break;
    default:
        if (ua->ops.request)
            ua->ops.request(ua->ops.arg, txn, request);
        else
            sip_ua_reply_not_allowed(ua, txn);
        break;
    }
}

static void take_in_dialog(struct sip_ua *ua, struct sip_dialog *d, struct sip_server_txn *txn, struct sip_msg *request)
{
    const struct sip_dialog_handler *handler = sip_dialog_get_handler(d);
    struct sip_flow *flow = sip_server_txn_flow(txn);
    if (sip_dialog_take_cseq(d, request)) {
        sip_ua_reply(txn, 500, (struct view){ 0 });
        return;
    }
    if (sip_proto_reliable(sip_flow_proto(flow)))
        sip_dialog_set_flow(d, flow);
    if (request->method == SIP_METHOD_OPTIONS)
        answer_options(ua, txn, request);
    else if (handler->request)
        handler->request(handler->arg, d, txn, request);
    else
        sip_ua_reply(txn, 481, (struct view){ 0 });
}

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct sip_ua *ua = arg;
    const struct sip_core *core;
    struct sip_dialog *d;
    struct buf extra;
    unsigned status;
    if (!ua->dialogs || sip_msg_core(request, &core)) {
        sip_ua_reply(txn, ua->dialogs ? 400 : 503, (struct view){ 0 });
        return;
    }
    d = sip_dialogs_find(ua->dialogs, request);
    buf_init(&extra, EXTRA_MAX_BYTES);
    status = check_request(ua, txn, request, !view_empty(core->to_tag), d, &extra);
    if (status) {
        refuse(txn, status, &extra);
        return;
    }
    buf_fini(&extra);
    if (d)
        take_in_dialog(ua, d, txn, request);
    else
        take_outside_dialog(ua, txn, request);
}

static void on_ack(void *arg, struct sip_flow *flow, struct sip_msg *ack)
{
    struct sip_ua *ua = arg;
    struct sip_dialog *d = ua->dialogs ? sip_dialogs_find(ua->dialogs, ack) : NULL;
    if (!d)
        return; /* for a dialog that is gone; an ACK is never answered */
    const struct sip_dialog_handler *handler = sip_dialog_get_handler(d);
    if (handler->ack)
        handler->ack(handler->arg, d, flow, ack);
}

static void on_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    struct sip_ua *ua = arg;
    if (ua->ops.flow_lost)
        ua->ops.flow_lost(ua->ops.arg, flow, err);
}

void sip_ua_core(struct sip_ua *ua, struct sip_core_ops *core)
{
    *core = (struct sip_core_ops){ .request = on_request, .ack = on_ack, .flow_lost = on_flow_lost, .arg = ua };
}

/* ---- its life ---------------------------------------------------------------------------------------------------- */

enum ahoy_err sip_ua_create(struct sip_ua **out, const struct sip_ua_config *cfg, const struct sip_ua_ops *ops)
{
    struct sip_ua *ua = mem_zalloc(sizeof *ua);
    if (!ua)
        return AHOY_ERR_NOMEM;
    ua->cfg = *cfg;
    ua->ops = *ops;
    list_init(&ua->invites);
    *out = ua;
    return AHOY_OK;
}

enum ahoy_err sip_ua_start(struct sip_ua *ua, struct sip_locator *locator)
{
    struct sip_stack *stack = sip_locator_stack(locator);
    enum ahoy_err err = sip_dialogs_create(&ua->dialogs, sip_stack_rng(stack), ua->cfg.max_dialogs);
    if (err)
        return err;
    ua->locator = locator;
    ua->stack = stack;
    return AHOY_OK;
}

void sip_ua_stop(struct sip_ua *ua)
{
    while (!list_empty(&ua->invites))
        sip_invite_destroy(sip_invite_of_link(list_first(&ua->invites)));
    sip_dialogs_destroy(ua->dialogs);
    ua->dialogs = NULL;
    ua->locator = NULL;
    ua->stack = NULL;
}

void sip_ua_destroy(struct sip_ua *ua)
{
    mem_free(ua);
}

enum ahoy_err sip_ua_add_invite(struct sip_ua *ua, struct list_link *link)
{
    if (ua->invite_count >= ua->cfg.max_invites)
        return AHOY_ERR_LIMIT;
    list_push_back(&ua->invites, link);
    ua->invite_count++;
    return AHOY_OK;
}

void sip_ua_remove_invite(struct sip_ua *ua, struct list_link *link)
{
    list_remove(link);
    ua->invite_count--;
}

struct sip_stack *sip_ua_stack(const struct sip_ua *ua)
{
    return ua->stack;
}

struct sip_locator *sip_ua_locator(const struct sip_ua *ua)
{
    return ua->locator;
}

struct sip_dialogs *sip_ua_dialogs(const struct sip_ua *ua)
{
    return ua->dialogs;
}

const struct sip_ua_config *sip_ua_get_config(const struct sip_ua *ua)
{
    return &ua->cfg;
}

size_t sip_ua_invite_count(const struct sip_ua *ua)
{
    return ua->invite_count;
}
