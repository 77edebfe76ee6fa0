/*
 * Server transactions. RFC 3261 figure 7 (INVITE) with RFC 6026 figure 2, and figure 8 (others) with RFC 4320:
 *
 *     INVITE   Proceeding -> Completed (300-699) -> Confirmed (ACK) | Accepted (2xx) -> Terminated
 *     others   Trying -> Proceeding -> Completed                                     -> Terminated
 */
#include "base/mem.h"
#include "sip/txn_priv.h"

enum { TAG_BYTES = 12, TRYING_AFTER_MS = 200 /* RFC 3261 section 17.2.1 */ };

struct sip_server_txn {
    struct map_node node; /* in stack->server_map */
    struct sip_digest key;
    struct map_node merge_node; /* in stack->merge_map, the first with its key only */
    struct sip_digest merge_key;
    struct sip_flow_user user;
    struct sip_stack *stack;
    struct sip_flow *flow; /* the request came by it */
    struct sip_flow *out;  /* responses go by it; mostly the same */
    struct sip_msg *request;
    struct sip_server_handler handler;
    struct sip_txn_timer time;
    char *response; /* the last one, while it may have to be sent again */
    size_t response_bytes;
    enum sip_txn_state state;
    enum sip_method method;
    enum ahoy_err error; /* a response was not delivered; told from the loop's next turn */
    bool has_handler, final, merged;
    char tag[TAG_BYTES + 1];
};

static bool is_invite(const struct sip_server_txn *txn)
{
    return txn->method == SIP_METHOD_INVITE;
}

static bool is_reliable(const struct sip_server_txn *txn)
{
    return sip_proto_reliable(txn->flow->proto);
}

static void arm(struct sip_server_txn *txn)
{
    sip_txn_timer_arm(&txn->time, txn->stack->loop);
    if (txn->error)
        sys_timer_start(txn->stack->loop, &txn->time.timer, 0);
}

/* The one place where a state begins, with its timers (RFC 3261 table 4). */
static void enter(struct sip_server_txn *txn, enum sip_txn_state state)
{
    const struct sip_stack *s = txn->stack;
    const struct sip_timers *timers = &s->cfg.timers;
    struct sip_txn_timer *time = &txn->time;
    bool reliable = is_reliable(txn);
    txn->state = state;
    time->resend_us = INT64_MAX;
    switch (state) {
    case SIP_TXN_TRYING: /* an automatic 100, and an end nobody would wait beyond */
        time->resend_us = sip_txn_after(s, sip_txn_e_reaches_t2_ms(timers));
        time->expire_us = sip_txn_after(s, sip_txn_64_t1(s));
        break;
    case SIP_TXN_PROCEEDING:
        if (is_invite(txn)) {
            time->resend_us = txn->response ? INT64_MAX : sip_txn_after(s, TRYING_AFTER_MS);
            time->expire_us = INT64_MAX;
        }
        break;
    case SIP_TXN_COMPLETED: /* G, H; J */
        time->interval_ms = timers->t1_ms;
        if (is_invite(txn) && !reliable)
            time->resend_us = sip_txn_after(s, timers->t1_ms);
        time->expire_us = sip_txn_after(s, is_invite(txn) || !reliable ? sip_txn_64_t1(s) : 0);
        break;
    case SIP_TXN_CONFIRMED: /* I */ time->expire_us = sip_txn_after(s, reliable ? 0 : timers->t4_ms); break;
    case SIP_TXN_ACCEPTED: /* L */ time->expire_us = sip_txn_after(s, sip_txn_64_t1(s)); break;
    default: time->expire_us = sip_txn_after(s, 0); break;
    }
    arm(txn);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void set_out(struct sip_server_txn *txn, struct sip_flow *out)
{
    struct sip_flow *before = txn->out;
    txn->out = sip_flow_ref(out);
    sip_flow_attach(out, &txn->user);
    sip_flow_unref(before);
}

/* RFC 3261 section 18.2.2: a connection that went is replaced by a new one to the Via's sent-by. */
static enum ahoy_err mend_flow(struct sip_server_txn *txn)
{
    if (!txn->out->broken)
        return AHOY_OK;
    if (!txn->request)
        return AHOY_ERR_CLOSED;
    struct sip_flow *out = NULL;
    enum ahoy_err err = sip_reply_flow(txn->stack, txn->flow, txn->request, &out);
    if (err)
        return err;
    set_out(txn, out);
    sip_flow_unref(out);
    return AHOY_OK;
}

static void transmit(struct sip_server_txn *txn, struct view response)
{
    enum ahoy_err err = mend_flow(txn);
    if (!err)
        err = sip_flow_send(txn->out, response);
    bool like_lost = !is_reliable(txn) && (err == AHOY_ERR_LIMIT || err == AHOY_ERR_NOMEM || err == AHOY_ERR_AGAIN);
    if (err && !like_lost && txn->has_handler) {
        txn->error = err;
        arm(txn);
    }
}

static void transmit_again(struct sip_server_txn *txn)
{
    if (!txn->response)
        return;
    txn->stack->counts.retransmitted++;
    transmit(txn, view_of(txn->response, txn->response_bytes));
}

static void forget_response(struct sip_server_txn *txn)
{
    mem_free(txn->response);
    txn->response = NULL;
    txn->response_bytes = 0;
}

static enum ahoy_err keep_response(struct sip_server_txn *txn, struct view response)
{
    char *copy = mem_alloc(response.n);
    if (!copy)
        return AHOY_ERR_NOMEM;
    memcpy(copy, response.p, response.n);
    forget_response(txn);
    txn->response = copy;
    txn->response_bytes = response.n;
    return AHOY_OK;
}

/* "SIP/2.0 NNN …" */
static unsigned status_of(struct view response)
{
    uint32_t status = 0;
    if (!view_starts(response, VIEW("SIP/2.0 ")) || view_u32(view_first(view_from(response, 8), 3), &status)
        || status < 100 || status > 699)
        return 0;
    return status;
}

static enum ahoy_err respond_provisional(struct sip_server_txn *txn, struct view response, unsigned status)
{
    if (txn->final)
        return AHOY_ERR_STATE;
    if (!is_invite(txn) && status != 100)
        return AHOY_ERR_INVAL; /* RFC 4320 section 4.1 */
    if (txn->state == SIP_TXN_TRYING && !is_reliable(txn))
        return AHOY_OK; /* the timer sends it when it may be sent */
    enum ahoy_err err = keep_response(txn, response);
    if (err)
        return err;
    if (is_invite(txn)) {
        txn->time.resend_us = INT64_MAX; /* no automatic 100 any more */
        arm(txn);
    } else if (txn->state == SIP_TXN_TRYING) {
        enter(txn, SIP_TXN_PROCEEDING);
        txn->time.resend_us = INT64_MAX;
    }
    transmit(txn, response);
    return AHOY_OK;
}

static enum ahoy_err respond_final(struct sip_server_txn *txn, struct view response, unsigned status)
{
    bool accept = is_invite(txn) && status < 300;
    if (txn->final && !(accept && txn->state == SIP_TXN_ACCEPTED))
        return AHOY_ERR_STATE;
    bool silent = !is_invite(txn) && status == 408; /* RFC 4320 section 4.2 */
    bool again = !silent && !accept && (is_invite(txn) || !is_reliable(txn));
    if (again) {
        enum ahoy_err err = keep_response(txn, response);
        if (err)
            return err;
    } else {
        forget_response(txn);
    }
    if (!txn->final) {
        txn->final = true;
        enter(txn, accept ? SIP_TXN_ACCEPTED : SIP_TXN_COMPLETED);
    }
    if (!silent)
        transmit(txn, response);
    return AHOY_OK;
}

enum ahoy_err sip_server_txn_respond(struct sip_server_txn *txn, struct view response)
{
    unsigned status = status_of(response);
    if (status == 0)
        return AHOY_ERR_INVAL;
    if (txn->state == SIP_TXN_TERMINATED)
        return AHOY_ERR_STATE;
    return status < 200 ? respond_provisional(txn, response, status) : respond_final(txn, response, status);
}

void sip_server_txn_begin(struct sip_server_txn *txn, struct buf *b, unsigned status, struct view reason)
{
    if (!txn->request) {
        b->err = b->err ? b->err : AHOY_ERR_STATE;
        return;
    }
    sip_build_response(b, txn->request, status, reason, view_str(txn->tag), &txn->flow->peer);
    if (txn->stack->cfg.user_agent)
        sip_build_hdr(b, SIP_HDR_SERVER, view_str(txn->stack->cfg.user_agent));
}

enum ahoy_err sip_server_txn_reply(struct sip_server_txn *txn, unsigned status, struct view extra)
{
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_server_txn_begin(txn, &b, status, VIEW(""));
    buf_view(&b, extra);
    sip_build_body(&b, VIEW(""), VIEW(""));
    enum ahoy_err err = buf_err(&b);
    if (!err)
        err = sip_server_txn_respond(txn, buf_content(&b));
    buf_fini(&b);
    return err;
}

/* The automatic 100. Without memory it is tried again with the next retransmission of the request. */
static void send_trying(struct sip_server_txn *txn)
{
    txn->time.resend_us = INT64_MAX;
    if (txn->state == SIP_TXN_TRYING)
        enter(txn, SIP_TXN_PROCEEDING);
    (void) sip_server_txn_reply(txn, 100, VIEW(""));
    arm(txn);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void destroy(struct sip_server_txn *txn)
{
    struct sip_stack *s = txn->stack;
    map_remove(&s->server_map, &txn->node);
    map_remove(&s->merge_map, &txn->merge_node);
    s->counts.server_txns--;
    sys_timer_stop(&txn->time.timer);
    txn->state = SIP_TXN_TERMINATED;
    if (txn->handler.done)
        txn->handler.done(txn->handler.arg, txn);
    sip_flow_attach(NULL, &txn->user);
    sip_flow_unref(txn->out);
    sip_flow_unref(txn->flow);
    sip_msg_unref(txn->request);
    forget_response(txn);
    mem_free(txn);
}

static void tell_failed(struct sip_server_txn *txn, enum ahoy_err err)
{
    if (txn->handler.failed)
        txn->handler.failed(txn->handler.arg, txn, err);
}

static void expire(struct sip_server_txn *txn)
{
    bool unanswered = txn->state == SIP_TXN_TRYING || txn->state == SIP_TXN_PROCEEDING;
    bool no_ack = txn->state == SIP_TXN_COMPLETED && is_invite(txn);
    txn->state = SIP_TXN_TERMINATED;
    if (unanswered || no_ack)
        tell_failed(txn, AHOY_ERR_TIMEOUT);
    destroy(txn);
}

static void on_timer(void *arg)
{
    struct sip_server_txn *txn = arg;
    struct sip_stack *s = txn->stack;
    int64_t now = sys_now_us(s->loop);
    if (txn->error) {
        enum ahoy_err err = txn->error;
        txn->error = AHOY_OK;
        tell_failed(txn, err);
    }
    if (now >= txn->time.expire_us) {
        expire(txn);
        return;
    }
    if (now >= txn->time.resend_us) {
        if (txn->state == SIP_TXN_COMPLETED) {
            sip_txn_timer_back_off(&txn->time, s->cfg.timers.t2_ms);
            transmit_again(txn);
        } else {
            send_trying(txn);
        }
    }
    arm(txn);
}

/* The connection for responses broke. While none was needed the next response opens another. */
static void on_flow_error(struct sip_flow_user *user, enum ahoy_err err, bool broken)
{
    struct sip_server_txn *txn = AHOY_CONTAINER_OF(user, struct sip_server_txn, user);
    if (!broken || txn->out == txn->flow || !txn->has_handler)
        return;
    txn->error = err; /* a connection opened for a response that is in no other place */
    arm(txn);
}

static void enter_merge_map(struct sip_server_txn *txn, const struct sip_core *core)
{
    struct sip_stack *s = txn->stack;
    uint32_t n = core->cseq.number;
    char number[4] = { (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
    struct view parts[] = { core->from_tag, core->call_id, view_of(number, sizeof number), core->cseq.method_text };
    if (!view_empty(core->to_tag) || txn->method == SIP_METHOD_CANCEL)
        return;
    sip_stack_digest(s, parts, AHOY_COUNT(parts), &txn->merge_key);
    txn->merged = map_get(&s->merge_map, sip_digest_view(&txn->merge_key)) != NULL;
    if (!txn->merged && map_put(&s->merge_map, sip_digest_view(&txn->merge_key), &txn->merge_node))
        txn->merged = false; /* without memory a later fork is not told apart: it rings twice, as before RFC 3261 */
}

enum ahoy_err sip_server_txn_create(struct sip_server_txn **out, struct sip_flow *f, struct sip_msg *request,
                                    const struct sip_core *core, const struct sip_digest *key)
{
    struct sip_stack *s = f->stack;
    struct sip_flow *back = NULL;
    enum ahoy_err err = sip_reply_flow(s, f, request, &back);
    if (err)
        return err;
    struct sip_server_txn *txn = mem_zalloc(sizeof *txn);
    if (!txn) {
        sip_flow_unref(back);
        return AHOY_ERR_NOMEM;
    }
    txn->key = *key;
    err = map_put(&s->server_map, sip_digest_view(&txn->key), &txn->node);
    if (err) {
        sip_flow_unref(back);
        mem_free(txn);
        return err;
    }
    s->counts.server_txns++;
    txn->stack = s;
    txn->flow = sip_flow_ref(f);
    txn->request = sip_msg_ref(request);
    txn->method = request->method;
    txn->user.error = on_flow_error;
    sys_timer_init(&txn->time.timer, on_timer, txn);
    rng_token(&s->rng, txn->tag, TAG_BYTES);
    enter_merge_map(txn, core);
    set_out(txn, back);
    sip_flow_unref(back);
    enter(txn, is_invite(txn) ? SIP_TXN_PROCEEDING : SIP_TXN_TRYING);
    *out = txn;
    return AHOY_OK;
}

void sip_server_txn_set_handler(struct sip_server_txn *txn, const struct sip_server_handler *handler)
{
    txn->handler = *handler;
    txn->has_handler = true;
}

static void forget_request_when_answered(struct sip_server_txn *txn)
{
    if (txn->final && !txn->has_handler) {
        sip_msg_unref(txn->request);
        txn->request = NULL;
    }
}

void sip_server_txn_handed_over(struct sip_server_txn *txn)
{
    forget_request_when_answered(txn);
}

void sip_server_txn_release(struct sip_server_txn *txn)
{
    if (!txn)
        return;
    txn->handler = (struct sip_server_handler){ 0 };
    txn->has_handler = false;
    if (!txn->final && sip_server_txn_reply(txn, 500, VIEW("")) && txn->state != SIP_TXN_TERMINATED) {
        txn->final = true; /* no memory for an answer: silence, like a packet lost */
        enter(txn, SIP_TXN_TERMINATED);
    }
    forget_request_when_answered(txn);
}

void sip_server_txn_destroy_all(struct sip_stack *s)
{
    struct map_node *node;
    while ((node = map_take(&s->server_map)) != NULL) {
        struct sip_server_txn *txn = MAP_ENTRY(node, struct sip_server_txn, node);
        bool pending = !txn->final && txn->state != SIP_TXN_TERMINATED;
        txn->state = SIP_TXN_TERMINATED;
        if (pending)
            tell_failed(txn, AHOY_ERR_CANCELLED);
        destroy(txn);
    }
}

/* ---- what comes in ----------------------------------------------------------------------------------------------- */

struct sip_server_txn *sip_server_txn_find(const struct sip_stack *s, const struct sip_digest *key)
{
    struct map_node *node = map_get(&s->server_map, sip_digest_view(key));
    return node ? MAP_ENTRY(node, struct sip_server_txn, node) : NULL;
}

struct sip_server_txn *sip_stack_find_invite(struct sip_stack *s, struct sip_msg *cancel)
{
    const struct sip_core *core;
    struct sip_digest key;
    if (sip_msg_core(cancel, &core))
        return NULL;
    sip_txn_server_key(s, cancel, core, SIP_METHOD_INVITE, &key);
    return sip_server_txn_find(s, &key);
}

void sip_server_txn_receive(struct sip_server_txn *txn)
{
    switch (txn->state) {
    case SIP_TXN_PROCEEDING:
        if (txn->response)
            transmit_again(txn);
        else
            send_trying(txn);
        break;
    case SIP_TXN_COMPLETED: transmit_again(txn); break;
    default: /* Trying: discarded; Confirmed, Accepted: absorbed */ break;
    }
}

bool sip_server_txn_receive_ack(struct sip_server_txn *txn, struct sip_msg *ack)
{
    if (txn->state == SIP_TXN_ACCEPTED)
        return false;
    if (txn->state == SIP_TXN_COMPLETED) {
        enter(txn, SIP_TXN_CONFIRMED);
        if (txn->handler.acked)
            txn->handler.acked(txn->handler.arg, txn, ack);
    }
    return true;
}

void sip_server_txn_receive_cancel(struct sip_server_txn *txn, struct sip_msg *cancel)
{
    if (txn->final || txn->state == SIP_TXN_TERMINATED)
        return;
    if (txn->handler.cancelled)
        txn->handler.cancelled(txn->handler.arg, txn, cancel);
    else
        (void) sip_server_txn_reply(txn, 487, VIEW("")); /* without memory the INVITE stays; the peer gives it up */
}

void sip_server_txn_share_tag(struct sip_server_txn *txn, const struct sip_server_txn *from)
{
    memcpy(txn->tag, from->tag, sizeof txn->tag);
}

/* ---- asked ------------------------------------------------------------------------------------------------------- */

struct sip_msg *sip_server_txn_request(const struct sip_server_txn *txn)
{
    return txn->request;
}

struct sip_flow *sip_server_txn_flow(const struct sip_server_txn *txn)
{
    return txn->flow;
}

const char *sip_server_txn_tag(const struct sip_server_txn *txn)
{
    return txn->tag;
}

bool sip_server_txn_final(const struct sip_server_txn *txn)
{
    return txn->final;
}

bool sip_server_txn_is_merged(const struct sip_server_txn *txn)
{
    return txn->merged;
}
