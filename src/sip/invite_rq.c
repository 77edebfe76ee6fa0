/* Requests inside the leg's dialogs, but for INVITE and ACK: RFC 3261 sections 12.2 and 15, RFC 6086. */
#include "base/mem.h"
#include "sip/invite_priv.h"
#include "sip/route.h"

/* ---- ours -------------------------------------------------------------------------------------------------------- */

/*
 * A connection is used again only towards the host that the dialog itself names as next: the peer of the flow may be a
 * proxy that did not ask to stay in the path (no Record-Route) and would not forward this.
 */
struct sip_flow *sip_invite_flow_of(const struct sip_dialog *d)
{
    struct sip_flow *flow = sip_dialog_flow(d);
    struct sip_uri uri;
    struct addr ip;
    if (!flow || sip_flow_broken(flow) || !sip_proto_reliable(sip_flow_proto(flow)))
        return NULL;
    if (sip_route_next_hop(sip_dialog_routes(d), sip_dialog_target(d), &uri) || sip_uri_ip(&uri, &ip))
        return NULL;
    return addr_eq_ip(&ip, sip_flow_peer(flow)) ? flow : NULL;
}

enum ahoy_err sip_invite_start_request(struct sip_invite *inv, const struct invite_start *s, struct sip_request **out)
{
    struct sip_request_config cfg = { .locator = sip_ua_locator(inv->ua), .auth = inv->auth, .method = s->method };
    struct buf headers;
    enum ahoy_err err;
    buf_init(&headers, INVITE_HEADERS_MAX_BYTES + SIP_DIALOG_MAX_TEXT_BYTES);
    sip_dialog_put_names(s->dialog, &headers);
    buf_view(&headers, s->headers);
    err = buf_err(&headers);
    if (err)
        goto out;
    cfg.uri = sip_dialog_target(s->dialog);
    cfg.routes = sip_dialog_routes(s->dialog);
    cfg.headers = buf_content(&headers);
    if (s->body && !view_empty(s->body->data)) {
        cfg.content_type = s->body->type;
        cfg.body = s->body->data;
    }
    cfg.put_headers = s->put_headers;
    cfg.next_cseq = s->next_cseq;
    cfg.flow = sip_invite_flow_of(s->dialog);
    err = sip_request_start(out, &cfg, &s->handler);
out:
    buf_fini(&headers);
    return err;
}

void sip_invite_rq_destroy(struct invite_rq *r)
{
    r->inv->request_count--;
    list_remove(&r->link);
    sip_request_destroy(r->rq);
    mem_free(r);
}

void sip_invite_drop_requests(struct sip_invite *inv)
{
    LIST_EACH(k, &inv->requests) {
        struct invite_rq *r = LIST_ENTRY(k, struct invite_rq, link);
        if (!r->is_bye)
            sip_invite_rq_destroy(r);
    }
}

void sip_invite_forget_dialog(struct sip_invite *inv, const struct sip_dialog *d)
{
    LIST_EACH(k, &inv->requests) {
        struct invite_rq *r = LIST_ENTRY(k, struct invite_rq, link);
        if (r->dialog == d)
            r->dialog = NULL;
    }
}

static uint32_t next_cseq(void *arg, struct sip_request *rq)
{
    struct invite_rq *r = arg;
    (void) rq;
    return r->dialog ? sip_dialog_next_cseq(r->dialog) : 0;
}

static void put_headers(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out)
{
    struct invite_rq *r = arg;
    (void) rq;
    if (r->dialog && r->contact)
        sip_invite_put_contact(r->inv, flow, sip_dialog_is_secure(r->dialog), out);
}

bool sip_invite_break_by(struct sip_invite *inv, const struct sip_outcome *out)
{
    bool silent = !out->status && out->err == AHOY_ERR_TIMEOUT;
    if (!silent && out->status != 408 && out->status != 481)
        return false;
    sip_invite_break(inv, SIP_INVITE_NETWORK, silent ? 408 : out->status, silent ? out->err : AHOY_OK, out->response);
    return true;
}

static void on_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct invite_rq *r = arg, copy = *r;
    struct sip_invite *inv = r->inv;
    (void) rq;
    list_remove(&r->link);
    if (copy.done && inv->state != SIP_INVITE_ENDED)
        copy.done(copy.arg, inv, out);
    if (copy.is_bye) {
        if (copy.ends_leg && !out->status && !inv->end_err)
            inv->end_err = out->err; /* nobody answered the BYE */
        if (copy.ends_leg)
            sip_invite_over(inv);
    } else if (copy.dialog && copy.dialog == inv->dialog) {
        (void) sip_invite_break_by(inv, out);
    }
    sip_invite_rq_destroy(r);
    sip_invite_look(inv);
}

static enum ahoy_err start(struct sip_invite *inv, struct invite_rq *like, const struct invite_start *how)
{
    struct invite_start s = *how;
    struct invite_rq *r = mem_zalloc(sizeof *r);
    enum ahoy_err err;
    if (!r)
        return AHOY_ERR_NOMEM;
    *r = *like;
    r->inv = inv;
    r->dialog = s.dialog;
    s.put_headers = put_headers;
    s.next_cseq = next_cseq;
    s.handler = (struct sip_request_handler){ .final = on_final, .arg = r };
    err = sip_invite_start_request(inv, &s, &r->rq);
    if (err) {
        mem_free(r);
        return err;
    }
    list_push_back(&inv->requests, &r->link);
    inv->request_count++;
    return AHOY_OK;
}

enum ahoy_err sip_invite_send(struct sip_invite *inv, const struct sip_invite_request *rq)
{
    struct sip_dialog *d = rq->fork ? rq->fork : sip_invite_dialog(inv);
    struct invite_rq like = { .done = rq->done, .arg = rq->arg, .contact = rq->contact };
    struct invite_start s = { .dialog = d, .method = rq->method, .headers = rq->headers, .body = &rq->body };
    if (!d || inv->state == SIP_INVITE_ENDING || inv->state == SIP_INVITE_ENDED)
        return AHOY_ERR_STATE;
    if (inv->request_count >= INVITE_MAX_REQUESTS)
        return AHOY_ERR_LIMIT;
    return start(inv, &like, &s);
}

enum ahoy_err sip_invite_info(struct sip_invite *inv, const struct sip_body *body)
{
    return sip_invite_send(inv, &(struct sip_invite_request){ .method = VIEW("INFO"), .body = *body });
}

void sip_invite_bye(struct sip_invite *inv, struct sip_dialog *d, bool ends_leg)
{
    struct invite_rq like = { .is_bye = true, .ends_leg = ends_leg };
    struct invite_start s = { .dialog = d, .method = VIEW("BYE") };
    if (ends_leg)
        s.headers = buf_content(&inv->bye_headers);
    enum ahoy_err err = start(inv, &like, &s);
    if (err && ends_leg) {
        /* The peer will hear 481 when it asks; nobody here waits for it. */
        if (!inv->end_err)
            inv->end_err = err;
        sip_invite_over(inv);
    }
}

/* ---- the peer's -------------------------------------------------------------------------------------------------- */

static void on_bye(struct sip_invite *inv, struct sip_dialog *d, struct sip_server_txn *txn, struct sip_msg *request)
{
    bool session = d == inv->dialog;
    sip_ua_reply(txn, 200, (struct view){ 0 });
    if (!session && inv->is_caller && inv->state == SIP_INVITE_EARLY) {
        /* The 2xx of this fork was lost, or it is an RFC 2543 peer. Other forks may still answer. */
        struct invite_fork *f = sip_invite_fork_of(inv, d);
        bool last = list_first(&inv->forks) == list_last(&inv->forks);
        if (f && !f->answered && last) {
            sip_invite_note_end(inv, SIP_INVITE_REMOTE, 200, AHOY_OK, request);
            sip_invite_over(inv);
            sip_invite_cancel_call(inv, (struct view){ 0 });
        }
        return;
    }
    if (!session)
        return;
    if (inv->state == SIP_INVITE_INCOMING || inv->state == SIP_INVITE_EARLY) {
        sip_invite_note_end(inv, SIP_INVITE_REMOTE, 487, AHOY_OK, request);
    } else {
        inv->was_confirmed = true; /* who says BYE had our 2xx */
        sip_invite_note_end(inv, SIP_INVITE_REMOTE, 200, AHOY_OK, request);
    }
    sip_invite_over(inv);
}

static void on_info(struct sip_invite *inv, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct sip_body body;
    unsigned status;
    if (sip_msg_named(request, VIEW("Info-Package"))) {
        sip_ua_reply(txn, 469, VIEW("Recv-Info:\r\n")); /* RFC 6086 section 4.2.2: we agreed on none */
        return;
    }
    if (!inv->handler.info) {
        sip_ua_reply_not_allowed(inv->ua, txn);
        return;
    }
    body.type = sip_msg_value(request, SIP_HDR_CONTENT_TYPE);
    body.data = request->body;
    status = inv->handler.info(inv->handler.arg, inv, &body, request);
    sip_ua_reply(txn, status >= 200 && status <= 699 ? status : 200, (struct view){ 0 });
}

static void on_request(void *arg, struct sip_dialog *d, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct sip_invite *inv = arg;
    if (inv->state == SIP_INVITE_ENDED) {
        sip_ua_reply(txn, 481, (struct view){ 0 });
        return;
    }
    switch (request->method) {
    case SIP_METHOD_BYE: on_bye(inv, d, txn, request); break;
    case SIP_METHOD_INVITE:
        if (d == inv->dialog)
            sip_invite_in_reinvite(inv, txn, request);
        else
            sip_ua_reply(txn, 481, (struct view){ 0 });
        break;
    case SIP_METHOD_INFO: on_info(inv, txn, request); break;
    default:
        if (!inv->handler.request || !inv->handler.request(inv->handler.arg, inv, d, txn, request))
            sip_ua_reply_not_allowed(inv->ua, txn);
        break;
    }
}

static void on_ack(void *arg, struct sip_dialog *d, struct sip_flow *flow, struct sip_msg *ack)
{
    struct sip_invite *inv = arg;
    (void) flow;
    if (d == inv->dialog)
        sip_invite_in_ack(inv, ack);
}

void sip_invite_listen(struct sip_invite *inv, struct sip_dialog *d)
{
    sip_dialog_set_handler(d, &(struct sip_dialog_handler){ .request = on_request, .ack = on_ack, .arg = inv });
}
