/* The first INVITE at the caller: RFC 3261 sections 9.1 and 13.2. */
#include "base/mem.h"
#include "sip/invite_priv.h"

/* ---- forks ------------------------------------------------------------------------------------------------------- */

struct invite_fork *sip_invite_fork_of(const struct sip_invite *inv, const struct sip_dialog *d)
{
    LIST_EACH(k, &inv->forks) {
        struct invite_fork *f = LIST_ENTRY(k, struct invite_fork, link);
        if (f->dialog == d)
            return f;
    }
    return NULL;
}

static void drop_fork(struct invite_fork *f)
{
    list_remove(&f->link);
    sip_invite_forget_dialog(f->inv, f->dialog);
    sip_invite_ack_fini(&f->ack);
    sip_dialog_destroy(f->dialog);
    mem_free(f);
}

void sip_invite_drop_forks(struct sip_invite *inv, bool answered_too)
{
    LIST_EACH(k, &inv->forks) {
        struct invite_fork *f = LIST_ENTRY(k, struct invite_fork, link);
        if (answered_too || !f->answered)
            drop_fork(f);
    }
}

static struct invite_fork *find_fork(const struct sip_invite *inv, struct view tag, size_t *count)
{
    *count = 0;
    LIST_EACH(k, &inv->forks) {
        struct invite_fork *f = LIST_ENTRY(k, struct invite_fork, link);
        if (view_eq(sip_dialog_remote_tag(f->dialog), tag))
            return f;
        ++*count;
    }
    return NULL;
}

static bool sent_secure(const struct sip_invite *inv)
{
    struct sip_flow *flow = sip_request_flow(inv->rq);
    return view_istarts(sip_request_uri(inv->rq), VIEW("sips:")) && flow
           && (sip_flow_proto(flow) == SIP_PROTO_TLS || sip_flow_proto(flow) == SIP_PROTO_WSS);
}

/* The fork that a response belongs to, made when it is new. */
static enum ahoy_err take_fork(struct sip_invite *inv, struct sip_msg *response, struct invite_fork **out)
{
    const struct sip_core *core;
    struct invite_fork *f;
    size_t count;
    enum ahoy_err err = sip_msg_core(response, &core);
    if (err)
        return err;
    f = find_fork(inv, core->to_tag, &count);
    if (f) {
        *out = f;
        return AHOY_OK;
    }
    if (count >= INVITE_MAX_FORKS)
        return AHOY_ERR_LIMIT;
    f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    struct sip_dialog_seed seed = { .call_id = sip_invite_call_id(inv),
                                    .local_tag = view_str(inv->local_tag),
                                    .local = view_str(inv->from),
                                    .remote = view_str(inv->to),
                                    .target = sip_request_uri(inv->rq),
                                    .cseq = sip_request_cseq(inv->rq),
                                    .secure = sent_secure(inv) };
    err = sip_dialog_create_uac(&f->dialog, sip_ua_dialogs(inv->ua), &seed, response);
    if (err) {
        mem_free(f);
        return err;
    }
    f->inv = inv;
    sip_dialog_set_flow(f->dialog, sip_request_flow(inv->rq));
    sip_invite_listen(inv, f->dialog);
    list_push_back(&inv->forks, &f->link);
    *out = f;
    return AHOY_OK;
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

static void on_provisional(void *arg, struct sip_request *rq, struct sip_msg *response)
{
    struct sip_invite *inv = arg;
    const struct sip_core *core;
    struct invite_fork *f = NULL;
    struct sip_body body;
    (void) rq;
    if (response->status == 100 || sip_msg_core(response, &core))
        return;
    if (!sip_invite_move(inv, INVITE_EV_PROGRESS))
        return;
    if (!view_empty(core->to_tag) && take_fork(inv, response, &f))
        f = NULL; /* it rings all the same, and may make its dialog later */
    sip_body_of(response, &body);
    if (inv->handler.progress)
        inv->handler.progress(inv->handler.arg, inv, f ? f->dialog : NULL, &body, response);
    if (response->status == 199 && f && !f->answered)
        drop_fork(f); /* RFC 6228: this early dialog is over */
}

/* A 2xx nobody waits for: acknowledged and hung up. */
static void refuse_fork(struct sip_invite *inv, struct invite_fork *f)
{
    (void) sip_invite_ack_send(&f->ack, inv, f->dialog, inv->rq, NULL);
    if (sip_invite_move(inv, INVITE_EV_SUCCESS)) { /* it crossed our CANCEL */
        inv->dialog = f->dialog;
        sip_invite_bye(inv, f->dialog, true);
    } else {
        sip_invite_bye(inv, f->dialog, false);
    }
}

static void give_late_offer(struct sip_invite *inv, const struct sip_body *body, struct sip_msg *response)
{
    if (view_empty(body->data) || !inv->handler.offer) {
        /* Neither side said what the session is. */
        inv->owes_ack = true;
        sip_invite_break(inv, SIP_INVITE_LOCAL, 488, view_empty(body->data) ? AHOY_ERR_SYNTAX : AHOY_OK, response);
        return;
    }
    inv->owes_ack = true;
    inv->handler.offer(inv->handler.arg, inv, body, response);
}

/* The first 2xx makes the session. */
static void take_session(struct sip_invite *inv, struct invite_fork *f, struct sip_msg *response)
{
    struct sip_body body;
    sip_body_of(response, &body);
    if (inv->has_offer && sip_invite_ack_send(&f->ack, inv, f->dialog, inv->rq, NULL)) {
        f->answered = false; /* the next retransmission is as good as this one */
        return;
    }
    sys_timer_stop(&inv->patience);
    inv->dialog = f->dialog;
    (void) sip_invite_move(inv, INVITE_EV_SUCCESS);
    if (!inv->has_offer) {
        give_late_offer(inv, &body, response);
        return;
    }
    inv->was_confirmed = true;
    (void) sip_invite_move(inv, INVITE_EV_ACK);
    if (inv->handler.answer)
        inv->handler.answer(inv->handler.arg, inv, &body, response);
    if (inv->state == SIP_INVITE_CONFIRMED && inv->handler.confirmed)
        inv->handler.confirmed(inv->handler.arg, inv, response);
}

static enum ahoy_err on_success(struct sip_invite *inv, struct sip_msg *response)
{
    struct invite_fork *f;
    enum ahoy_err err = take_fork(inv, response, &f);
    if (err)
        return err;
    if (f->answered) { /* retransmitted */
        if (f->ack.text)
            sip_invite_ack_again(&f->ack);
        else if (!inv->owes_ack || f->dialog != inv->dialog)
            (void) sip_invite_ack_send(&f->ack, inv, f->dialog, inv->rq, NULL);
        return AHOY_OK;
    }
    f->answered = true;
    sip_dialog_raise_cseq(f->dialog, sip_request_cseq(inv->rq));
    (void) sip_dialog_confirm(f->dialog, response);
    if (inv->state == SIP_INVITE_CALLING || inv->state == SIP_INVITE_EARLY)
        take_session(inv, f, response);
    else
        refuse_fork(inv, f);
    return AHOY_OK;
}

static void drop_request(struct sip_invite *inv)
{
    sip_request_destroy(inv->rq);
    inv->rq = NULL;
    mem_free(inv->from); /* no more dialogs to make */
    mem_free(inv->to);
    inv->from = inv->to = NULL;
    sip_invite_drop_forks(inv, false);
    sip_invite_look(inv);
}

static void on_failure(struct sip_invite *inv, const struct sip_outcome *out)
{
    enum sip_invite_who who = out->status ? SIP_INVITE_REMOTE : SIP_INVITE_NETWORK;
    unsigned status = out->status ? out->status : out->err == AHOY_ERR_TIMEOUT ? 408 : 503; /* 8.1.3.1 */
    sip_invite_note_end(inv, who, status, out->status ? AHOY_OK : out->err, out->response);
    sip_invite_over(inv);
    drop_request(inv);
}

static void on_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct sip_invite *inv = arg;
    enum ahoy_err err;
    (void) rq;
    inv->rq_final = true;
    if (out->status < 200 || out->status > 299) {
        on_failure(inv, out);
        return;
    }
    err = on_success(inv, out->response);
    if (err == AHOY_ERR_SYNTAX && inv->state < SIP_INVITE_ANSWERED) {
        /* It cannot even be acknowledged: no usable Contact or Record-Route. */
        sip_invite_note_end(inv, SIP_INVITE_NETWORK, 500, err, out->response);
        sip_invite_over(inv);
    }
}

static void on_more(void *arg, struct sip_request *rq, struct sip_msg *response)
{
    (void) rq;
    (void) on_success(arg, response); /* out of memory, it comes again */
}

static void on_ended(void *arg, struct sip_request *rq)
{
    struct sip_invite *inv = arg;
    (void) rq;
    if (inv->state == SIP_INVITE_ANSWERED) /* the owner did not answer the offer; so is the peer's patience over */
        sip_invite_break(inv, SIP_INVITE_LOCAL, 200, AHOY_ERR_TIMEOUT, NULL);
    if (inv->state < SIP_INVITE_ANSWERED) { /* its 2xx found no memory, each time */
        sip_invite_note_end(inv, SIP_INVITE_NETWORK, 500, AHOY_ERR_NOMEM, NULL);
        sip_invite_over(inv);
    }
    drop_request(inv);
}

enum ahoy_err sip_invite_ack_call(struct sip_invite *inv, const struct sip_body *answer)
{
    struct invite_fork *f = sip_invite_fork_of(inv, inv->dialog);
    if (!f || !inv->rq)
        return AHOY_ERR_STATE;
    enum ahoy_err err = sip_invite_ack_send(&f->ack, inv, f->dialog, inv->rq, answer);
    if (err)
        return err;
    if (sip_invite_move(inv, INVITE_EV_ACK)) {
        inv->was_confirmed = true;
        sip_invite_tell(inv, INVITE_TELL_CONFIRMED);
    }
    return AHOY_OK;
}

/* ---- calling ----------------------------------------------------------------------------------------------------- */

void sip_invite_cancel_call(struct sip_invite *inv, struct view extra)
{
    if (!inv->rq)
        return;
    sip_request_cancel(inv->rq, extra);
    sip_invite_await_cancel(inv);
}

void sip_invite_give_up_call(struct sip_invite *inv)
{
    sip_invite_note_end(inv, SIP_INVITE_NETWORK, 408, AHOY_ERR_TIMEOUT, NULL);
    sip_invite_over(inv);
    drop_request(inv);
}

static void put_headers(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out)
{
    struct sip_invite *inv = arg;
    sip_invite_put_contact(inv, flow, view_istarts(sip_request_uri(rq), VIEW("sips:")), out);
}

/* From or To for the request and for dialogs: in brackets, so that a tag cannot become part of the URI. */
static enum ahoy_err copy_addr(struct view v, char **out)
{
    struct sip_addr a;
    struct buf b;
    enum ahoy_err err = sip_addr_parse(v, &a);
    if (err)
        return err;
    buf_init(&b, SIP_DIALOG_MAX_TEXT_BYTES);
    buf_view(&b, a.display);
    buf_printf(&b, "%s<%.*s>%.*s", view_empty(a.display) ? "" : " ", VIEW_ARG(a.uri), VIEW_ARG(a.params));
    err = buf_err(&b);
    char *text = buf_take(&b);
    buf_fini(&b);
    if (err || !text)
        return err ? err : AHOY_ERR_NOMEM;
    *out = text;
    return AHOY_OK;
}

static enum ahoy_err copy_config(struct sip_invite *inv, const struct sip_invite_config *cfg)
{
    enum ahoy_err err;
    struct buf to;
    buf_init(&to, SIP_DIALOG_MAX_TEXT_BYTES);
    buf_printf(&to, "<%.*s>", VIEW_ARG(cfg->target));
    err = buf_err(&to);
    if (!err)
        err = copy_addr(view_empty(cfg->to) ? buf_content(&to) : cfg->to, &inv->to);
    buf_fini(&to);
    if (!err)
        err = copy_addr(cfg->from, &inv->from);
    if (!err)
        err = sip_invite_set_account(inv, cfg->auth, cfg->contact);
    if (err)
        return err;
    if (!view_empty(cfg->contact_user) && !(inv->contact_user = view_dup(cfg->contact_user)))
        return AHOY_ERR_NOMEM;
    if (!view_empty(cfg->call_id) && !(inv->own_call_id = view_dup(cfg->call_id)))
        return AHOY_ERR_NOMEM;
    rng_token(sip_stack_rng(sip_invite_stack(inv)), inv->call_id, INVITE_CALL_ID_CHARS);
    rng_token(sip_stack_rng(sip_invite_stack(inv)), inv->local_tag, INVITE_TAG_CHARS);
    inv->has_offer = !view_empty(cfg->offer.data);
    return AHOY_OK;
}

static enum ahoy_err start(struct sip_invite *inv, const struct sip_invite_config *cfg)
{
    struct sip_request_config rc = { .locator = sip_ua_locator(inv->ua),
                                     .auth = cfg->auth,
                                     .method = VIEW("INVITE"),
                                     .uri = cfg->target,
                                     .routes = cfg->routes,
                                     .put_headers = put_headers,
                                     .flow = cfg->flow,
                                     .flow_only = cfg->flow_only,
                                     .follow_redirects = !cfg->no_redirects };
    struct sip_request_handler handler = {
        .provisional = on_provisional, .final = on_final, .more = on_more, .ended = on_ended, .arg = inv
    };
    struct buf b;
    enum ahoy_err err;
    buf_init(&b, INVITE_HEADERS_MAX_BYTES);
    buf_printf(&b, "From: %s;tag=%s\r\nTo: %s\r\nCall-ID: %.*s\r\n", inv->from, inv->local_tag, inv->to,
               VIEW_ARG(sip_invite_call_id(inv)));
    sip_ua_put_capabilities(inv->ua, &b);
    buf_view(&b, cfg->headers);
    rc.headers = buf_content(&b);
    if (inv->has_offer) {
        rc.content_type = cfg->offer.type;
        rc.body = cfg->offer.data;
    }
    err = buf_err(&b);
    if (!err)
        err = sip_request_start(&inv->rq, &rc, &handler);
    buf_fini(&b);
    return err;
}

enum ahoy_err sip_invite_call(struct sip_invite **out, struct sip_ua *ua, const struct sip_invite_config *cfg,
                              const struct sip_invite_handler *handler)
{
    struct sip_invite *inv;
    enum ahoy_err err;
    if (!sip_ua_stack(ua))
        return AHOY_ERR_STATE;
    err = sip_invite_create(&inv, ua, true);
    if (err)
        return err;
    err = copy_config(inv, cfg);
    if (!err)
        err = start(inv, cfg);
    if (err) {
        sip_invite_destroy(inv);
        return err;
    }
    inv->handler = *handler;
    sys_timer_start(sip_invite_loop(inv), &inv->patience,
                    SYS_MS(cfg->ring_timeout_ms ? cfg->ring_timeout_ms : INVITE_RING_MS));
    *out = inv;
    return AHOY_OK;
}
