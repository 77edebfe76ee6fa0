/* Our re-INVITE: RFC 3261 section 14.1. */
#include "base/mem.h"
#include "sip/invite_priv.h"

void sip_invite_re_destroy(struct invite_re *re)
{
    if (re->inv->re == re)
        re->inv->re = NULL;
    list_remove(&re->link);
    sip_request_destroy(re->rq);
    sip_invite_ack_fini(&re->ack);
    mem_free(re);
}

void sip_invite_re_cancel(struct sip_invite *inv)
{
    if (!inv->re || inv->re->is_final)
        return;
    inv->re->cancelled = true;
    sip_request_cancel(inv->re->rq, (struct view){ 0 });
    sip_invite_await_cancel(inv);
}

static void put_headers(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out)
{
    struct invite_re *re = arg;
    (void) rq;
    if (re->inv->dialog)
        sip_invite_put_contact(re->inv, flow, sip_dialog_is_secure(re->inv->dialog), out);
}

static uint32_t next_cseq(void *arg, struct sip_request *rq)
{
    struct invite_re *re = arg;
    (void) rq;
    return re->inv->dialog ? sip_dialog_next_cseq(re->inv->dialog) : 0;
}

/* A 2xx to a re-INVITE, or one more of it. */
static enum ahoy_err acknowledge(struct invite_re *re, const struct sip_body *body)
{
    struct sip_invite *inv = re->inv;
    enum ahoy_err err = sip_invite_ack_send(&re->ack, inv, inv->dialog, re->rq, body);
    if (!err && inv->re == re)
        inv->re = NULL;
    return err;
}

enum ahoy_err sip_invite_re_answer(struct sip_invite *inv, const struct sip_body *answer)
{
    return inv->re ? acknowledge(inv->re, answer) : AHOY_ERR_STATE;
}

static void report(struct sip_invite *inv, unsigned status, struct sip_msg *response)
{
    if (inv->state == SIP_INVITE_CONFIRMED && inv->handler.reinvited)
        inv->handler.reinvited(inv->handler.arg, inv, status, response);
}

static void on_success(struct invite_re *re, struct sip_msg *response)
{
    struct sip_invite *inv = re->inv;
    struct sip_body body;
    if (inv->state != SIP_INVITE_CONFIRMED) {
        (void) acknowledge(re, NULL); /* BYE is on its way or was here */
        return;
    }
    (void) sip_dialog_refresh_target(inv->dialog, response);
    sip_body_of(response, &body);
    if (re->has_offer) {
        if (acknowledge(re, NULL))
            return; /* out of memory; the 2xx comes again */
        if (inv->handler.answer)
            inv->handler.answer(inv->handler.arg, inv, &body, response);
        report(inv, response->status, response);
    } else if (view_empty(body.data) || !inv->handler.offer) {
        inv->owes_ack = true;
        sip_invite_break(inv, SIP_INVITE_LOCAL, 488, view_empty(body.data) ? AHOY_ERR_SYNTAX : AHOY_OK, response);
    } else {
        inv->owes_ack = true;
        inv->handler.offer(inv->handler.arg, inv, &body, response);
        report(inv, response->status, response);
    }
    sip_invite_check_ready(inv);
}

static void wait_after_glare(struct sip_invite *inv)
{
    struct rng *rng = sip_stack_rng(sip_invite_stack(inv));
    uint32_t ms = sip_dialog_is_caller(inv->dialog) ? 2100 + 10 * rng_below(rng, 191) : 10 * rng_below(rng, 201);
    sys_timer_start(sip_invite_loop(inv), &inv->glare, SYS_MS(ms));
}

static void on_failure(struct sip_invite *inv, const struct sip_outcome *out)
{
    if (inv->state != SIP_INVITE_CONFIRMED)
        return;
    if (out->status == 491)
        wait_after_glare(inv);
    else if (!sip_invite_break_by(inv, out))
        report(inv, out->status, out->response);
    sip_invite_check_ready(inv);
}

void sip_invite_re_give_up(struct sip_invite *inv)
{
    struct invite_re *re = inv->re;
    if (!re->cancelled) {
        sip_invite_re_cancel(inv);
        return;
    }
    inv->re = NULL;
    on_failure(inv, &(struct sip_outcome){ .err = AHOY_ERR_TIMEOUT });
    sip_invite_re_destroy(re);
    sip_invite_look(inv);
}

static void on_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct invite_re *re = arg;
    struct sip_invite *inv = re->inv;
    sys_timer_stop(&inv->patience);
    re->is_final = true;
    (void) rq;
    if (out->status >= 200 && out->status <= 299) {
        on_success(re, out->response);
        return;
    }
    if (inv->re == re)
        inv->re = NULL;
    on_failure(inv, out);
    sip_invite_re_destroy(re);
    sip_invite_look(inv);
}

static void on_more(void *arg, struct sip_request *rq, struct sip_msg *response)
{
    struct invite_re *re = arg;
    (void) rq;
    if (re->ack.text)
        sip_invite_ack_again(&re->ack);
    else if (!re->inv->owes_ack)
        on_success(re, response);
}

static void on_ended(void *arg, struct sip_request *rq)
{
    struct invite_re *re = arg;
    struct sip_invite *inv = re->inv;
    (void) rq;
    if (inv->owes_ack && inv->re == re) /* the owner did not answer the offer */
        sip_invite_break(inv, SIP_INVITE_LOCAL, 200, AHOY_ERR_TIMEOUT, NULL);
    sip_invite_re_destroy(re);
    sip_invite_check_ready(inv);
    sip_invite_look(inv);
}

enum ahoy_err sip_invite_reinvite(struct sip_invite *inv, struct view headers, const struct sip_body *offer)
{
    struct invite_start s = {
        .method = VIEW("INVITE"), .body = offer, .put_headers = put_headers, .next_cseq = next_cseq
    };
    struct invite_re *re;
    enum ahoy_err err;
    struct buf b;
    if (inv->state != SIP_INVITE_CONFIRMED)
        return AHOY_ERR_STATE;
    if (sys_timer_running(&inv->glare) || sip_invite_is_negotiating(inv)) {
        inv->want_reinvite = true;
        return AHOY_ERR_AGAIN;
    }
    re = mem_zalloc(sizeof *re);
    if (!re)
        return AHOY_ERR_NOMEM;
    re->inv = inv;
    re->has_offer = offer && !view_empty(offer->data);
    buf_init(&b, INVITE_HEADERS_MAX_BYTES);
    sip_ua_put_capabilities(inv->ua, &b);
    buf_view(&b, headers);
    s.dialog = inv->dialog;
    s.headers = buf_content(&b);
    s.handler = (struct sip_request_handler){ .final = on_final, .more = on_more, .ended = on_ended, .arg = re };
    err = buf_err(&b) ? buf_err(&b) : sip_invite_start_request(inv, &s, &re->rq);
    buf_fini(&b);
    if (err) {
        mem_free(re);
        return err;
    }
    list_push_back(&inv->reinvites, &re->link);
    inv->re = re;
    sys_timer_start(sip_invite_loop(inv), &inv->patience, SYS_MS(INVITE_RING_MS));
    return AHOY_OK;
}
