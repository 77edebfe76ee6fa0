/* An INVITE that came, the first one or another: RFC 3261 sections 9.2, 13.3 and 14.2. */
#include "base/mem.h"
#include "sip/invite_priv.h"

/* ---- what is repeated -------------------------------------------------------------------------------------------- */

static void arm(struct sip_invite *inv)
{
    int64_t when = AHOY_MIN(inv->in.repeat_us, inv->in.give_up_us);
    if (when == INT64_MAX)
        sys_timer_stop(&inv->in.timer);
    else
        sys_timer_start_at(sip_invite_loop(inv), &inv->in.timer, when);
}

static int64_t after_ms(const struct sip_invite *inv, uint64_t ms)
{
    return sys_now_us(sip_invite_loop(inv)) + (int64_t) ms * 1000;
}

static void let_txn_go(struct invite_in *in)
{
    sip_server_txn_release(in->txn);
    in->txn = NULL;
}

/* The final response; out of memory, the transaction answers 500 by itself. */
static void finish(struct sip_invite *inv, unsigned status)
{
    inv->in.pending = false;
    if (sip_server_txn_reply(inv->in.txn, status, (struct view){ 0 }))
        let_txn_go(&inv->in);
}

static void forget_response(struct invite_in *in)
{
    sys_timer_stop(&in->timer);
    mem_free(in->bytes);
    in->bytes = NULL;
    in->n = 0;
    in->repeat_us = in->give_up_us = INT64_MAX;
}

/* Nobody answered in time: what the caller asked for by Expires, or our own patience. */
static void expire(struct sip_invite *inv)
{
    unsigned status = inv->in.expires ? 487 : 480;
    bool first = inv->state != SIP_INVITE_CONFIRMED;
    forget_response(&inv->in);
    finish(inv, status);
    if (!first)
        return;
    sip_invite_note_end(inv, SIP_INVITE_NETWORK, status, AHOY_ERR_TIMEOUT, NULL);
    sip_invite_over(inv);
}

static void lack_ack(struct sip_invite *inv)
{
    inv->in.await_ack = false;
    forget_response(&inv->in);
    let_txn_go(&inv->in);
    if (inv->state == SIP_INVITE_ENDING)
        sip_invite_bye(inv, inv->dialog, true);
    else
        sip_invite_break(inv, SIP_INVITE_NETWORK, 408, AHOY_ERR_TIMEOUT, NULL);
}

static void on_timer(void *arg)
{
    struct sip_invite *inv = arg;
    struct invite_in *in = &inv->in;
    int64_t now = sys_now_us(sip_invite_loop(inv));
    if (now >= in->give_up_us) {
        if (in->await_ack)
            lack_ack(inv);
        else
            expire(inv);
        return;
    }
    if (now >= in->repeat_us) {
        if (in->txn && in->bytes)
            (void) sip_server_txn_respond(in->txn, view_of(in->bytes, in->n));
        if (in->await_ack)
            in->interval_ms = AHOY_MIN(2 * in->interval_ms, sip_stack_timers(sip_invite_stack(inv))->t2_ms);
        in->repeat_us = after_ms(inv, in->interval_ms);
    }
    arm(inv);
}

void sip_invite_in_init(struct sip_invite *inv)
{
    inv->in.repeat_us = inv->in.give_up_us = INT64_MAX;
    sys_timer_init(&inv->in.timer, on_timer, inv);
}

void sip_invite_in_fini(struct invite_in *in)
{
    forget_response(in);
    let_txn_go(in);
    sip_msg_unref(in->request);
    in->request = NULL;
    in->pending = in->await_ack = false;
}

void sip_invite_in_stop(struct sip_invite *inv)
{
    if (inv->in.pending) /* RFC 3261 section 15.1.2 */
        finish(inv, 487);
    sip_invite_in_fini(&inv->in);
}

bool sip_invite_in_busy(const struct sip_invite *inv)
{
    return inv->in.pending || inv->in.await_ack || inv->in.txn;
}

/* ---- the transaction --------------------------------------------------------------------------------------------- */

static void on_cancelled(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel)
{
    struct sip_invite *inv = arg;
    (void) txn;
    if (!inv->in.pending)
        return;
    forget_response(&inv->in);
    finish(inv, 487);
    if (inv->state == SIP_INVITE_CONFIRMED)
        return; /* a re-INVITE: the session stays as it was */
    sip_invite_note_end(inv, SIP_INVITE_REMOTE, 487, AHOY_OK, cancel);
    sip_invite_over(inv);
}

static void on_acked(void *arg, struct sip_server_txn *txn, struct sip_msg *ack)
{
    struct sip_invite *inv = arg;
    (void) txn;
    (void) ack;
    let_txn_go(&inv->in); /* confirmed: another INVITE may begin (RFC 3261 section 14.1) */
    sip_invite_check_ready(inv);
}

static void on_done(void *arg, struct sip_server_txn *txn)
{
    struct sip_invite *inv = arg;
    (void) txn;
    inv->in.txn = NULL;
    if (inv->in.pending) { /* the stack goes down */
        inv->in.pending = false;
        forget_response(&inv->in);
    }
    sip_invite_check_ready(inv);
}

static void begin(struct sip_invite *inv, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct invite_in *in = &inv->in;
    const struct sip_core *core;
    uint32_t patience_ms = sip_ua_get_config(inv->ua)->ring_timeout_ms, expires_s;
    sip_invite_in_fini(in);
    in->txn = txn;
    in->request = sip_msg_ref(request);
    in->pending = true;
    in->offered = in->expires = false;
    in->cseq = sip_msg_core(request, &core) ? 0 : core->cseq.number;
    sip_server_txn_set_handler(
        txn, &(struct sip_server_handler){ .cancelled = on_cancelled, .acked = on_acked, .done = on_done, .arg = inv });
    in->give_up_us = patience_ms ? after_ms(inv, patience_ms) : INT64_MAX;
    const struct sip_hdr *expires = sip_msg_first(request, SIP_HDR_EXPIRES);
    if (expires && !sip_delta_parse(expires->value, &expires_s)) {
        int64_t when = after_ms(inv, (uint64_t) expires_s * 1000);
        in->expires = when < in->give_up_us;
        in->give_up_us = AHOY_MIN(when, in->give_up_us);
    }
    arm(inv);
}

/* ---- arrivals ---------------------------------------------------------------------------------------------------- */

static enum ahoy_err set_up(struct sip_invite *inv, struct sip_server_txn *txn, struct sip_msg *request, bool secure)
{
    struct sip_uri uri;
    enum ahoy_err err = sip_dialog_create_uas(&inv->dialog, sip_ua_dialogs(inv->ua), request,
                                              view_str(sip_server_txn_tag(txn)), secure);
    if (err)
        return err;
    sip_dialog_set_flow(inv->dialog, sip_server_txn_flow(txn));
    sip_invite_listen(inv, inv->dialog);
    if (!sip_uri_parse(request->uri, &uri) && uri.has_user && !(inv->contact_user = view_dup(uri.user)))
        return AHOY_ERR_NOMEM;
    return AHOY_OK;
}

struct sip_invite *sip_invite_incoming(struct sip_ua *ua, struct sip_server_txn *txn, struct sip_msg *request,
                                       bool secure)
{
    struct sip_invite *inv;
    enum ahoy_err err = sip_invite_create(&inv, ua, false);
    if (err == AHOY_ERR_LIMIT) {
        sip_ua_reply(txn, 486, VIEW("Retry-After: 5\r\n"));
        return NULL;
    }
    if (!err) {
        err = set_up(inv, txn, request, secure);
        if (!err) {
            begin(inv, txn, request);
            return inv;
        }
        sip_invite_destroy(inv);
    }
    sip_ua_reply(txn, err == AHOY_ERR_SYNTAX ? 400 : err == AHOY_ERR_LIMIT ? 503 : 500, (struct view){ 0 });
    return NULL;
}

void sip_invite_in_reinvite(struct sip_invite *inv, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct sip_body body;
    if (inv->state == SIP_INVITE_ENDING) {
        sip_ua_reply(txn, 481, (struct view){ 0 });
        return;
    }
    if (inv->in.pending) { /* RFC 3261 section 14.2 */
        char extra[40] = "Retry-After: 0\r\n";
        extra[13] = (char) ('0' + rng_below(sip_stack_rng(sip_invite_stack(inv)), 10));
        sip_ua_reply(txn, 500, view_str(extra));
        return;
    }
    if (inv->re || inv->owes_ack || inv->state < SIP_INVITE_ANSWERED || (inv->in.await_ack && inv->in.offered)) {
        sip_ua_reply(txn, 491, (struct view){ 0 });
        return;
    }
    if (inv->in.await_ack)
        sip_invite_in_ack(inv, NULL);         /* who goes on had our 2xx: its ACK was lost (RFC 5407 section 3.1.4) */
    if (inv->state != SIP_INVITE_CONFIRMED) { /* the owner hung up just now */
        sip_ua_reply(txn, 481, (struct view){ 0 });
        return;
    }
    begin(inv, txn, request);
    if (!inv->handler.offer) {
        (void) sip_invite_reject(inv, 488, (struct view){ 0 });
        return;
    }
    sip_body_of(request, &body);
    inv->handler.offer(inv->handler.arg, inv, &body, request);
}

/* `ack` is NULL when what came implies that there was one. */
void sip_invite_in_ack(struct sip_invite *inv, struct sip_msg *ack)
{
    const struct sip_core *core;
    struct sip_body body = { .data = { 0 } };
    bool offered = inv->in.offered;
    if (!inv->in.await_ack)
        return;
    if (ack && (sip_msg_core(ack, &core) || core->cseq.number != inv->in.cseq))
        return;
    inv->in.await_ack = false;
    forget_response(&inv->in);
    let_txn_go(&inv->in);
    if (inv->state == SIP_INVITE_ENDING) { /* the hang-up that waited */
        inv->was_confirmed = true;
        sip_invite_bye(inv, inv->dialog, true);
        return;
    }
    bool first = sip_invite_move(inv, INVITE_EV_ACK);
    inv->was_confirmed = true;
    if (ack)
        sip_body_of(ack, &body);
    if (offered && inv->handler.answer)
        inv->handler.answer(inv->handler.arg, inv, &body, ack);
    if (first && inv->state == SIP_INVITE_CONFIRMED && inv->handler.confirmed)
        inv->handler.confirmed(inv->handler.arg, inv, ack);
    sip_invite_check_ready(inv);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* Builds and sends a response, and keeps its bytes for repeating. */
static enum ahoy_err respond(struct sip_invite *inv, unsigned status, struct view headers, const struct sip_body *body)
{
    struct invite_in *in = &inv->in;
    enum ahoy_err err;
    struct buf b;
    char *bytes;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_server_txn_begin(in->txn, &b, status, (struct view){ 0 });
    sip_invite_put_contact(inv, sip_server_txn_flow(in->txn), sip_dialog_is_secure(inv->dialog), &b);
    sip_ua_put_capabilities(inv->ua, &b);
    buf_view(&b, headers);
    if (body && !view_empty(body->data))
        sip_build_body(&b, body->type, body->data);
    else
        sip_build_body(&b, (struct view){ 0 }, (struct view){ 0 });
    err = buf_err(&b);
    size_t n = b.n;
    bytes = err ? NULL : buf_take(&b);
    buf_fini(&b);
    if (!err && !bytes)
        err = AHOY_ERR_NOMEM;
    if (!err)
        err = sip_server_txn_respond(in->txn, view_of(bytes, n));
    if (err) {
        mem_free(bytes);
        return err;
    }
    mem_free(in->bytes);
    in->bytes = bytes;
    in->n = n;
    return AHOY_OK;
}

enum ahoy_err sip_invite_ring(struct sip_invite *inv, unsigned status, struct view headers, const struct sip_body *body)
{
    enum ahoy_err err;
    if (!inv->in.pending || inv->is_caller || status < 101 || status > 199 || !sip_invite_move(inv, INVITE_EV_PROGRESS))
        return AHOY_ERR_STATE;
    err = respond(inv, status, headers, body);
    if (err)
        return err;
    inv->in.interval_ms = INVITE_REPEAT_MS;
    inv->in.repeat_us = after_ms(inv, INVITE_REPEAT_MS);
    arm(inv);
    return AHOY_OK;
}

enum ahoy_err sip_invite_accept(struct sip_invite *inv, struct view headers, const struct sip_body *body)
{
    struct invite_in *in = &inv->in;
    struct sip_body offer;
    enum ahoy_err err;
    if (!in->pending || inv->state == SIP_INVITE_ENDING)
        return AHOY_ERR_STATE;
    err = respond(inv, 200, headers, body);
    if (err)
        return err;
    sip_body_of(in->request, &offer);
    in->offered = view_empty(offer.data);
    in->pending = false;
    in->await_ack = true;
    in->interval_ms = sip_stack_timers(sip_invite_stack(inv))->t1_ms;
    in->repeat_us = after_ms(inv, in->interval_ms);
    in->give_up_us = after_ms(inv, sip_invite_64_t1_ms(inv));
    arm(inv);
    if (sip_invite_move(inv, INVITE_EV_SUCCESS))
        (void) sip_dialog_confirm(inv->dialog, NULL);
    else
        (void) sip_dialog_refresh_target(inv->dialog, in->request); /* RFC 3261 section 12.2.2 */
    return AHOY_OK;
}

enum ahoy_err sip_invite_reject(struct sip_invite *inv, unsigned status, struct view headers)
{
    enum ahoy_err err;
    if (!inv->in.pending || status < 300 || status > 699)
        return AHOY_ERR_STATE;
    err = sip_server_txn_reply(inv->in.txn, status, headers);
    if (err)
        return err;
    inv->in.pending = false;
    forget_response(&inv->in);
    if (inv->state == SIP_INVITE_CONFIRMED)
        return AHOY_OK;
    sip_invite_note_end(inv, SIP_INVITE_LOCAL, status, AHOY_OK, NULL);
    sip_invite_over(inv);
    return AHOY_OK;
}

struct sip_server_txn *sip_invite_server_txn(const struct sip_invite *inv)
{
    return inv->in.txn;
}

void sip_invite_remote_offer(const struct sip_invite *inv, struct sip_body *out)
{
    *out = (struct sip_body){ .data = { 0 } };
    if (inv->in.pending)
        sip_body_of(inv->in.request, out);
}
