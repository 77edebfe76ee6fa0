/*
 * Client transactions. RFC 3261 figure 5 (INVITE) with RFC 6026 figure 1, and figure 6 (others):
 *
 *     INVITE   Calling -> Proceeding -> Completed (300-699, ACK) | Accepted (2xx) -> Terminated
 *     others   Trying  -> Proceeding -> Completed                                 -> Terminated
 */
#include "base/mem.h"
#include "sip/txn_priv.h"

enum {
    BRANCH_MAX_BYTES = 100,
    BRANCH_BYTES = 7 + 16,      /* "z9hG4bK" and 80 random bits */
    TIMER_D_MS = 32000,         /* at least, RFC 3261 section 17.1.1.2 */
    DEFAULT_LIMIT_BYTES = 1300, /* RFC 3261 section 18.1.1 */
    MTU_MARGIN_BYTES = 200
};

struct sip_client_txn {
    struct map_node node; /* in stack->client_map, by branch; a CANCEL shares its INVITE's */
    struct sip_flow_user user;
    struct sip_stack *stack;
    struct sip_flow *flow;
    struct sip_flow *fallback; /* UDP, while the request tries TCP for its size */
    struct sip_msg *request;   /* as sent */
    struct sip_client_handler handler;
    struct sip_txn_timer time;
    uint64_t timeout_ms;
    char *cancel_extra; /* header lines for a CANCEL that waits; NULL: none */
    enum sip_txn_state state;
    enum ahoy_err error; /* why the transaction ends, when not by its time */
    bool cancel_wanted, cancel_sent;
    char branch[]; /* with a zero byte */
};

static void try_cancel(struct sip_client_txn *txn);

static bool is_invite(const struct sip_client_txn *txn)
{
    return txn->request->method == SIP_METHOD_INVITE;
}

static bool is_pending(const struct sip_client_txn *txn)
{
    return txn->state == SIP_TXN_CALLING || txn->state == SIP_TXN_TRYING || txn->state == SIP_TXN_PROCEEDING;
}

static bool is_reliable(const struct sip_client_txn *txn)
{
    return sip_proto_reliable(txn->flow->proto);
}

static bool has_owner(const struct sip_client_txn *txn)
{
    return txn->handler.response || txn->handler.failed || txn->handler.done;
}

static void arm(struct sip_client_txn *txn)
{
    sip_txn_timer_arm(&txn->time, txn->stack->loop);
}

/* The one place where a state begins, with its timers (RFC 3261 table 4). */
static void enter(struct sip_client_txn *txn, enum sip_txn_state state)
{
    const struct sip_stack *s = txn->stack;
    const struct sip_timers *timers = &s->cfg.timers;
    struct sip_txn_timer *time = &txn->time;
    uint64_t linger_ms = 0;
    txn->state = state;
    switch (state) {
    case SIP_TXN_CALLING: /* A, B */
    case SIP_TXN_TRYING:  /* E, F */
        time->interval_ms = timers->t1_ms;
        time->resend_us = is_reliable(txn) ? INT64_MAX : sip_txn_after(s, timers->t1_ms);
        time->expire_us = sip_txn_after(s, txn->timeout_ms);
        break;
    case SIP_TXN_PROCEEDING:  /* others than INVITE keep E and F running */
        if (is_invite(txn)) { /* its owner's patience ends it; without one nobody's would */
            time->resend_us = INT64_MAX;
            time->expire_us = has_owner(txn) ? INT64_MAX : sip_txn_after(s, sip_txn_64_t1(s));
        }
        break;
    case SIP_TXN_COMPLETED: /* D, K */
        time->resend_us = INT64_MAX;
        if (!is_reliable(txn))
            linger_ms = is_invite(txn) ? AHOY_MAX(TIMER_D_MS, sip_txn_64_t1(s)) : timers->t4_ms;
        time->expire_us = sip_txn_after(s, linger_ms);
        break;
    case SIP_TXN_ACCEPTED: /* M */
        time->resend_us = INT64_MAX;
        time->expire_us = sip_txn_after(s, sip_txn_64_t1(s));
        break;
    default:
        time->resend_us = INT64_MAX;
        time->expire_us = sip_txn_after(s, 0);
        break;
    }
    arm(txn);
}

/* Ends a pending transaction with an error, told from the loop's next turn. */
static void fail_soon(struct sip_client_txn *txn, enum ahoy_err err)
{
    txn->error = err;
    txn->time.resend_us = INT64_MAX;
    txn->time.expire_us = sip_txn_after(txn->stack, 0);
    arm(txn);
}

static void transmit(struct sip_client_txn *txn)
{
    enum ahoy_err err = sip_flow_send(txn->flow, sip_msg_raw(txn->request));
    bool like_lost = !is_reliable(txn) && (err == AHOY_ERR_LIMIT || err == AHOY_ERR_NOMEM || err == AHOY_ERR_AGAIN);
    if (err && !like_lost && is_pending(txn))
        fail_soon(txn, err);
}

/* ---- making the message ------------------------------------------------------------------------------------------ */

static void fresh_branch(struct sip_stack *s, char branch[BRANCH_BYTES + 1])
{
    memcpy(branch, "z9hG4bK", 7);
    rng_token(&s->rng, branch + 7, BRANCH_BYTES - 7);
}

/* The request with our Via for `flow`, parsed. */
static enum ahoy_err make_message(struct sip_stack *s, const struct sip_flow *flow, struct view request,
                                  const char *branch, struct sip_msg **out)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct sip_core *core;
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_flow_put_request(flow, request, view_str(branch), &b);
    enum ahoy_err err = buf_err(&b);
    if (!err)
        err = sip_msg_parse(&m, buf_content(&b), SIP_FRAMING_DATAGRAM, &s->cfg.limits, &fault);
    if (!err)
        err = sip_msg_core(m, &core);
    if (!err && !m->is_request)
        err = AHOY_ERR_SYNTAX;
    if (!err && m->method == SIP_METHOD_ACK)
        err = AHOY_ERR_INVAL;
    if (err)
        sip_msg_unref(m);
    else
        *out = m;
    buf_fini(&b);
    return err;
}

static bool too_large_for_udp(const struct sip_stack *s, const struct sip_msg *m)
{
    uint32_t mtu = s->cfg.mtu_bytes;
    size_t limit = mtu == 0 ? DEFAULT_LIMIT_BYTES : mtu > MTU_MARGIN_BYTES ? mtu - MTU_MARGIN_BYTES : 0;
    return sip_msg_raw(m).n > limit;
}

static void set_flow(struct sip_client_txn *txn, struct sip_flow *flow)
{
    if (txn->flow != flow) {
        struct sip_flow *before = txn->flow;
        txn->flow = sip_flow_ref(flow);
        sip_flow_attach(flow, &txn->user);
        sip_flow_unref(before);
    } else {
        sip_flow_attach(flow, &txn->user);
    }
}

/* RFC 3261 section 18.1.1: a request near the path's MTU goes by a protocol with congestion control, if there is one. */
static void prefer_tcp(struct sip_client_txn *txn, struct view request)
{
    struct sip_stack *s = txn->stack;
    struct sip_flow *tcp = NULL;
    struct sip_msg *m = NULL;
    if (sip_flow_to(s, SIP_PROTO_TCP, &txn->flow->peer, NULL, &tcp))
        return;
    if (make_message(s, tcp, request, txn->branch, &m) == AHOY_OK) {
        sip_msg_unref(txn->request);
        txn->request = m;
        txn->fallback = sip_flow_ref(txn->flow);
        set_flow(txn, tcp);
    }
    sip_flow_unref(tcp);
}

/* The connection for a large request did not come about: UDP after all, from the start. False: no memory for it. */
static bool fall_back(struct sip_client_txn *txn)
{
    const struct sip_msg *sent = txn->request;
    struct view raw = sip_msg_raw(sent);
    size_t line = view_search(raw, VIEW("\r\n")) + 2;
    size_t via = line + view_search(view_from(raw, line), VIEW("\r\n")) + 2;
    struct buf b;
    struct sip_msg *m = NULL;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    buf_view(&b, view_first(raw, line));
    buf_view(&b, view_from(raw, via));
    bool ok = !buf_err(&b) && !make_message(txn->stack, txn->fallback, buf_content(&b), txn->branch, &m);
    buf_fini(&b);
    if (!ok)
        return false;
    sip_msg_unref(txn->request);
    txn->request = m;
    set_flow(txn, txn->fallback);
    sip_flow_unref(txn->fallback);
    txn->fallback = NULL;
    enter(txn, is_invite(txn) ? SIP_TXN_CALLING : SIP_TXN_TRYING);
    transmit(txn);
    return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void destroy(struct sip_client_txn *txn)
{
    struct sip_stack *s = txn->stack;
    map_remove(&s->client_map, &txn->node);
    s->counts.client_txns--;
    sys_timer_stop(&txn->time.timer);
    txn->state = SIP_TXN_TERMINATED;
    if (txn->handler.done)
        txn->handler.done(txn->handler.arg, txn);
    sip_flow_attach(NULL, &txn->user);
    sip_flow_unref(txn->flow);
    sip_flow_unref(txn->fallback);
    sip_msg_unref(txn->request);
    mem_free(txn->cancel_extra);
    mem_free(txn);
}

static void fail(struct sip_client_txn *txn, enum ahoy_err err)
{
    enter(txn, SIP_TXN_TERMINATED);
    if (txn->handler.failed)
        txn->handler.failed(txn->handler.arg, txn, err);
}

static void resend(struct sip_client_txn *txn)
{
    const struct sip_timers *timers = &txn->stack->cfg.timers;
    if (is_invite(txn)) { /* A doubles without end, B ends it */
        sip_txn_timer_back_off(&txn->time, UINT32_MAX / 2);
    } else {
        if (txn->state == SIP_TXN_PROCEEDING)
            txn->time.interval_ms = timers->t2_ms;
        sip_txn_timer_back_off(&txn->time, timers->t2_ms);
    }
    txn->stack->counts.retransmitted++;
    transmit(txn);
}

static void on_timer(void *arg)
{
    struct sip_client_txn *txn = arg;
    int64_t now = sys_now_us(txn->stack->loop);
    if (now >= txn->time.expire_us) {
        if (is_pending(txn))
            fail(txn, txn->error ? txn->error : AHOY_ERR_TIMEOUT);
        else
            destroy(txn);
        return;
    }
    if (now >= txn->time.resend_us && is_invite(txn) && txn->state == SIP_TXN_PROCEEDING)
        try_cancel(txn);
    else if (now >= txn->time.resend_us)
        resend(txn);
    arm(txn);
}

static void on_flow_error(struct sip_flow_user *user, enum ahoy_err err, bool broken)
{
    struct sip_client_txn *txn = AHOY_CONTAINER_OF(user, struct sip_client_txn, user);
    if (!is_pending(txn))
        return;
    bool unanswered = txn->state != SIP_TXN_PROCEEDING;
    if (broken && unanswered && txn->fallback && fall_back(txn))
        return;
    /* An ICMP error after a response is a forgery or a hiccup. A peer that closed in order may answer by a connection of
     * its own, if it can reach us (RFC 3261 section 18.2.2). */
    if (unanswered || (broken && !(err == AHOY_ERR_END && txn->flow->listening)))
        fail_soon(txn, err);
}

static bool branch_is_sound(const char *branch)
{
    size_t n = strlen(branch);
    for (size_t i = 0; i < n; i++)
        if (branch[i] <= ' ' || branch[i] > '~' || strchr(";,\"<>", branch[i]))
            return false;
    return n > 0 && n <= BRANCH_MAX_BYTES;
}

enum ahoy_err sip_client_txn_create(struct sip_client_txn **out, struct sip_stack *s,
                                    const struct sip_client_config *cfg, const struct sip_client_handler *handler)
{
    char fresh[BRANCH_BYTES + 1];
    const char *branch = cfg->branch;
    struct sip_msg *m = NULL;
    if (s->closing)
        return AHOY_ERR_CLOSED;
    if (branch && !branch_is_sound(branch))
        return AHOY_ERR_INVAL;
    if (!branch) {
        fresh_branch(s, fresh);
        branch = fresh;
    }
    enum ahoy_err err = make_message(s, cfg->flow, cfg->request, branch, &m);
    if (err)
        return err;
    size_t n = strlen(branch);
    struct sip_client_txn *txn = mem_zalloc(sizeof *txn + n + 1);
    if (!txn) {
        sip_msg_unref(m);
        return AHOY_ERR_NOMEM;
    }
    memcpy(txn->branch, branch, n + 1);
    err = map_put(&s->client_map, view_of(txn->branch, n), &txn->node);
    if (err) {
        sip_msg_unref(m);
        mem_free(txn);
        return err;
    }
    s->counts.client_txns++;
    txn->stack = s;
    txn->request = m;
    txn->user.error = on_flow_error;
    txn->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : sip_txn_64_t1(s);
    if (handler)
        txn->handler = *handler;
    sys_timer_init(&txn->time.timer, on_timer, txn);
    set_flow(txn, cfg->flow);
    if (cfg->flow->proto == SIP_PROTO_UDP && too_large_for_udp(s, m))
        prefer_tcp(txn, cfg->request);
    enter(txn, is_invite(txn) ? SIP_TXN_CALLING : SIP_TXN_TRYING);
    transmit(txn);
    *out = txn;
    return AHOY_OK;
}

void sip_client_txn_release(struct sip_client_txn *txn)
{
    if (!txn)
        return;
    txn->handler = (struct sip_client_handler){ 0 };
    if (is_invite(txn) && txn->state == SIP_TXN_PROCEEDING && txn->time.expire_us == INT64_MAX) {
        txn->time.expire_us = sip_txn_after(txn->stack, sip_txn_64_t1(txn->stack));
        arm(txn);
    }
}

void sip_client_txn_destroy_all(struct sip_stack *s)
{
    struct map_node *node;
    while ((node = map_take(&s->client_map)) != NULL) {
        struct sip_client_txn *txn = MAP_ENTRY(node, struct sip_client_txn, node);
        bool pending = is_pending(txn);
        txn->state = SIP_TXN_TERMINATED;
        if (pending && txn->handler.failed)
            txn->handler.failed(txn->handler.arg, txn, AHOY_ERR_CANCELLED);
        destroy(txn);
    }
}

/* ---- what a transaction sends of its own ------------------------------------------------------------------------- */

/* Start of an ACK or CANCEL: the INVITE's Request-URI, Route, From, Call-ID and CSeq number (17.1.1.3, 9.1). */
static void begin_companion(const struct sip_client_txn *txn, struct buf *b, enum sip_method method,
                            const struct sip_msg *to_from)
{
    struct sip_msg *invite = txn->request;
    const struct sip_core *core = NULL;
    if (sip_msg_core(invite, &core)) {
        b->err = AHOY_ERR_NOMEM;
        return;
    }
    sip_build_request_line(b, view_str(sip_method_name(method)), invite->uri);
    sip_build_hdr_u32(b, SIP_HDR_MAX_FORWARDS, 70);
    sip_build_copy(b, invite, SIP_HDR_ROUTE);
    sip_build_copy(b, invite, SIP_HDR_FROM);
    sip_build_copy(b, to_from, SIP_HDR_TO);
    sip_build_copy(b, invite, SIP_HDR_CALL_ID);
    sip_build_hdr_printf(b, SIP_HDR_CSEQ, "%u %s", (unsigned) core->cseq.number, sip_method_name(method));
    if (txn->stack->cfg.user_agent)
        sip_build_hdr(b, SIP_HDR_USER_AGENT, view_str(txn->stack->cfg.user_agent));
}

/* A flow to where the INVITE went: the same, or a new connection in place of a broken one. */
static enum ahoy_err companion_flow(const struct sip_client_txn *txn, struct sip_flow **out)
{
    if (!txn->flow->broken) {
        *out = sip_flow_ref(txn->flow);
        return AHOY_OK;
    }
    return sip_flow_to(txn->stack, txn->flow->proto, &txn->flow->peer, NULL, out);
}

/* The ACK for a 300-699 has the INVITE's branch and the response's To (RFC 3261 section 17.1.1.3). */
static void send_ack(struct sip_client_txn *txn, const struct sip_msg *response)
{
    struct sip_flow *flow = NULL;
    struct buf body, b;
    buf_init(&body, SIP_BUILD_MAX_BYTES);
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    if (companion_flow(txn, &flow))
        goto out; /* the response comes again, or has come by a connection */
    begin_companion(txn, &body, SIP_METHOD_ACK, response);
    sip_build_body(&body, VIEW(""), VIEW(""));
    if (buf_err(&body))
        goto out;
    sip_flow_put_request(flow, buf_content(&body), view_str(txn->branch), &b);
    if (!buf_err(&b))
        (void) sip_flow_send(flow, buf_content(&b));
out:
    buf_fini(&b);
    buf_fini(&body);
    sip_flow_unref(flow);
}

static enum ahoy_err send_cancel(struct sip_client_txn *txn, struct view extra)
{
    struct sip_flow *flow = NULL;
    struct sip_client_txn *cancel = NULL;
    struct buf b;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    enum ahoy_err err = companion_flow(txn, &flow);
    if (err)
        goto out;
    begin_companion(txn, &b, SIP_METHOD_CANCEL, txn->request);
    buf_view(&b, extra);
    sip_build_body(&b, VIEW(""), VIEW(""));
    err = buf_err(&b);
    if (err)
        goto out;
    struct sip_client_config cfg = { .flow = flow, .request = buf_content(&b), .branch = txn->branch };
    err = sip_client_txn_create(&cancel, txn->stack, &cfg, NULL);
out:
    buf_fini(&b);
    sip_flow_unref(flow);
    return err;
}

/*
 * The CANCEL of an INVITE in Proceeding. What keeps it from being made, no memory or no connection, may pass: again
 * after T1. An INVITE that it does not end is given up 64 * T1 after the first time (RFC 3261 section 9.1).
 */
static void try_cancel(struct sip_client_txn *txn)
{
    const struct sip_stack *s = txn->stack;
    txn->cancel_sent = send_cancel(txn, txn->cancel_extra ? view_str(txn->cancel_extra) : VIEW("")) == AHOY_OK;
    txn->time.resend_us = txn->cancel_sent ? INT64_MAX : sip_txn_after(s, s->cfg.timers.t1_ms);
    if (txn->time.expire_us == INT64_MAX)
        txn->time.expire_us = sip_txn_after(s, sip_txn_64_t1(s));
    arm(txn);
}

enum ahoy_err sip_client_txn_cancel(struct sip_client_txn *txn, struct view extra)
{
    if (!is_invite(txn) || !is_pending(txn) || txn->error)
        return AHOY_ERR_STATE;
    if (txn->cancel_wanted)
        return AHOY_OK;
    txn->cancel_wanted = true;
    if (!view_empty(extra))
        txn->cancel_extra = view_dup(extra); /* without memory the CANCEL goes without them */
    if (txn->state == SIP_TXN_PROCEEDING)
        try_cancel(txn);
    return AHOY_OK;
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

struct sip_client_txn *sip_client_txn_find(const struct sip_stack *s, const struct sip_core *core)
{
    struct map_node *node = map_get(&s->client_map, core->via.branch);
    for (; node; node = map_get_next(node)) {
        struct sip_client_txn *txn = MAP_ENTRY(node, struct sip_client_txn, node);
        const struct sip_core *sent;
        if (sip_msg_core(txn->request, &sent))
            continue;
        /* RFC 3261 section 18.1.2: a sent-by that is not the one we wrote is not for us. */
        if (view_eq(sent->cseq.method_text, core->cseq.method_text) && view_ieq(sent->via.host, core->via.host)
            && sent->via.port == core->via.port)
            return txn;
    }
    return NULL;
}

static void deliver(struct sip_client_txn *txn, struct sip_msg *response)
{
    if (txn->handler.response)
        txn->handler.response(txn->handler.arg, txn, response);
}

/* False: a 2xx that nobody here waits for. */
static bool receive_invite(struct sip_client_txn *txn, struct sip_msg *response)
{
    unsigned class = response->status / 100u;
    bool wanted = class != 2 || has_owner(txn); /* now: it may be released in the callback */
    if (is_pending(txn) && class == 1) {
        if (txn->state == SIP_TXN_CALLING)
            enter(txn, SIP_TXN_PROCEEDING);
        if (txn->cancel_wanted && !txn->cancel_sent && !txn->error)
            try_cancel(txn);
        deliver(txn, response);
    } else if (is_pending(txn) && class == 2) {
        enter(txn, SIP_TXN_ACCEPTED);
        deliver(txn, response);
    } else if (is_pending(txn)) {
        enter(txn, SIP_TXN_COMPLETED);
        send_ack(txn, response);
        deliver(txn, response);
    } else if (txn->state == SIP_TXN_COMPLETED && class > 2) {
        send_ack(txn, response);
    } else if (txn->state == SIP_TXN_ACCEPTED && class == 2) {
        deliver(txn, response);
    }
    return wanted;
}

bool sip_client_txn_receive(struct sip_client_txn *txn, struct sip_msg *response)
{
    if (txn->error)
        return true; /* its owner will be told of a failure in a moment: not of two outcomes */
    if (is_invite(txn))
        return receive_invite(txn, response);
    if (is_pending(txn)) {
        enter(txn, response->status < 200 ? SIP_TXN_PROCEEDING : SIP_TXN_COMPLETED);
        deliver(txn, response);
    }
    return true;
}

const struct sip_msg *sip_client_txn_request(const struct sip_client_txn *txn)
{
    return txn->request;
}

struct sip_flow *sip_client_txn_flow(const struct sip_client_txn *txn)
{
    return txn->flow;
}

const char *sip_client_txn_branch(const struct sip_client_txn *txn)
{
    return txn->branch;
}
