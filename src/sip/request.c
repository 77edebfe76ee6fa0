#include "sip/request.h"

#include "base/mem.h"
#include "sip/request_priv.h"
#include "sip/route.h"

enum { TEXT_MAX_BYTES = 131072, TRY_MS = 8000, RETRY_AFTER_MAX_S = 86400, CSEQ_MAX = 0x7fffffff };

static void begin_target(struct sip_request *rq);
static void next_server(struct sip_request *rq);
static void send_try(struct sip_request *rq);

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void drop_txn(struct sip_request *rq)
{
    sip_client_txn_release(rq->txn);
    rq->txn = NULL;
}

static void drop_locate(struct sip_request *rq)
{
    sip_locate_destroy(rq->locate);
    rq->locate = NULL;
}

static void set_response(struct sip_request *rq, struct sip_msg *response)
{
    sip_msg_ref(response);
    sip_msg_unref(rq->response);
    rq->response = response;
}

static void later(struct sip_request *rq)
{
    sys_timer_start(sip_stack_loop(rq->stack), &rq->turn, 0);
}

static bool retry_after(const struct sip_msg *response, uint32_t *out)
{
    uint32_t s = 0;
    const struct sip_hdr *h = sip_msg_first(response, SIP_HDR_RETRY_AFTER);
    if (!h || sip_delta_parse(h->value, &s) != AHOY_OK)
        return false;
    *out = AHOY_MIN(s, (uint32_t) RETRY_AFTER_MAX_S);
    return true;
}

/* Tells the outcome; the owner may destroy rq in it, so this is always the last thing done. */
static void finish(struct sip_request *rq, enum ahoy_err err, bool unproven)
{
    struct sip_outcome out = { .err = err, .server_unproven = unproven, .tries = rq->tries };
    drop_locate(rq);
    if (rq->response) {
        out.response = rq->response;
        out.status = rq->response->status;
        out.has_retry_after = retry_after(rq->response, &out.retry_after_s);
    }
    bool accepted = err == AHOY_OK && rq->is_invite && rq->txn;
    rq->state = accepted ? REQUEST_ACCEPTED : REQUEST_OVER;
    if (!accepted) {
        drop_txn(rq);
        later(rq); /* `ended` */
    }
    rq->handler.final(rq->handler.arg, rq, &out);
}

/* Ends with what the last try left behind. */
static void finish_failed(struct sip_request *rq)
{
    if (rq->cancelled && !rq->response)
        rq->err = AHOY_ERR_CANCELLED;
    finish(rq, rq->err, false);
}

/* Nothing is left for the present target: the next of the target set, or the end. */
static void next_target(struct sip_request *rq)
{
    drop_locate(rq);
    if (rq->cancelled || rq->at + 1 >= rq->uris || rq->tries >= SIP_REQUEST_MAX_TRIES) {
        finish_failed(rq);
        return;
    }
    rq->at++;
    if (rq->followed) { /* what becomes of the redirection counts, not the 3xx */
        sip_msg_unref(rq->response);
        rq->response = NULL;
        rq->err = AHOY_OK;
        rq->followed = false;
    }
    begin_target(rq);
}

static void fail(struct sip_request *rq, enum ahoy_err err)
{
    sip_msg_unref(rq->response);
    rq->response = NULL;
    rq->err = err;
    next_target(rq);
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

static void penalize(struct sip_request *rq, uint32_t seconds)
{
    struct sip_target t = { .proto = sip_flow_proto(rq->flow), .addr = *sip_flow_peer(rq->flow) };
    sip_locator_penalize(rq->locator, &t, seconds);
}

/* It answered: whatever was held against it is over. */
static void forgive(struct sip_request *rq)
{
    struct sip_target t = { .proto = sip_flow_proto(rq->flow), .addr = *sip_flow_peer(rq->flow) };
    sip_locator_forgive(rq->locator, &t);
}

/* Not challenged: the credentials worked. False when the server's own proof is wrong. */
static bool note_accepted(struct sip_request *rq, struct sip_msg *response)
{
    if (!rq->auth)
        return true;
    struct sip_auth_request a = request_auth(rq);
    bool proven = sip_auth_accepted(rq->auth, &rq->auth_try, &a, response) != AHOY_ERR_AUTH;
    if (!proven)
        log_write(sip_stack_log(rq->stack), LOG_WARN, "sip", "the server's proof of our password is wrong");
    return proven;
}

static void on_challenge(struct sip_request *rq, struct sip_msg *response)
{
    struct sip_auth_request a = request_auth(rq);
    enum ahoy_err err = AHOY_ERR_NOT_FOUND;
    if (rq->auth && !rq->cancelled)
        err = sip_auth_challenged(rq->auth, &rq->auth_try, &a, response);
    if (err == AHOY_OK && rq->tries < SIP_REQUEST_MAX_TRIES) {
        drop_txn(rq);
        send_try(rq); /* to the same server, now with credentials */
        return;
    }
    rq->err = rq->cancelled ? AHOY_ERR_REJECTED : (err == AHOY_OK ? AHOY_ERR_AUTH : err);
    drop_txn(rq);
    next_target(rq);
}

static void on_redirection(struct sip_request *rq, struct sip_msg *response)
{
    rq->err = AHOY_ERR_REJECTED;
    if (rq->follow_redirects && !rq->cancelled && response->status != 304) {
        enum ahoy_err err = request_redirect(rq, response);
        if (err == AHOY_ERR_LOOP || err == AHOY_ERR_NOMEM)
            rq->err = err;
        rq->followed = err == AHOY_OK;
    }
    drop_txn(rq);
    next_target(rq);
}

static void on_final(struct sip_request *rq, struct sip_msg *response)
{
    unsigned status = response->status;
    uint32_t seconds = 0;
    set_response(rq, response);
    if (status != 503 && status != 430)
        forgive(rq);
    bool proven = status == 401 || status == 407 || note_accepted(rq, response);
    if (status < 300) {
        finish(rq, AHOY_OK, !proven);
    } else if (status < 400) {
        on_redirection(rq, response);
    } else if (status == 401 || status == 407) {
        on_challenge(rq, response);
    } else if ((status == 503 || status == 430) && !rq->cancelled) {
        (void) retry_after(response, &seconds);
        penalize(rq, seconds);
        rq->err = AHOY_ERR_REJECTED;
        drop_txn(rq);
        next_server(rq);
    } else {
        rq->err = AHOY_ERR_REJECTED;
        drop_txn(rq);
        if (status >= 600) /* a global failure: no other target will do (RFC 3261 section 16.7 step 5) */
            finish_failed(rq);
        else
            next_target(rq);
    }
}

/* A large request may have changed from UDP to TCP: the dialog goes on where it went. */
static void follow_flow(struct sip_request *rq, struct sip_client_txn *txn)
{
    struct sip_flow *flow = sip_client_txn_flow(txn);
    if (!flow || flow == rq->flow)
        return;
    sip_flow_ref(flow);
    sip_flow_unref(rq->flow);
    rq->flow = flow;
}

static void on_response(void *arg, struct sip_client_txn *txn, struct sip_msg *response)
{
    struct sip_request *rq = arg;
    follow_flow(rq, txn);
    if (rq->state == REQUEST_ACCEPTED) {
        if (response->status >= 200 && response->status < 300 && rq->handler.more)
            rq->handler.more(rq->handler.arg, rq, response);
    } else if (response->status >= 200) {
        on_final(rq, response);
    } else if (rq->handler.provisional) {
        rq->handler.provisional(rq->handler.arg, rq, response);
    }
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    struct sip_request *rq = arg;
    follow_flow(rq, txn);
    rq->txn = NULL; /* it goes away by itself; `done` of it is ignored below */
    sip_client_txn_release(txn);
    sip_msg_unref(rq->response);
    rq->response = NULL;
    rq->err = err;
    if (err == AHOY_ERR_CANCELLED || err == AHOY_ERR_NOMEM || rq->cancelled) {
        finish_failed(rq);
        return;
    }
    penalize(rq, 0);
    next_server(rq);
}

static void on_done(void *arg, struct sip_client_txn *txn)
{
    struct sip_request *rq = arg;
    if (rq->txn != txn)
        return;
    rq->txn = NULL;
    if (rq->state == REQUEST_ACCEPTED) {
        rq->state = REQUEST_OVER;
        if (rq->handler.ended)
            rq->handler.ended(rq->handler.arg, rq);
    }
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static uint32_t patience_ms(const struct sip_request *rq)
{
    if (!rq->locate) /* on the configured flow, which has worked before */
        return rq->flow_only ? rq->timeout_ms : rq->flow_try_ms;
    bool more = rq->at + 1 < rq->uris || sip_locate_may_have_more(rq->locate);
    return more ? rq->try_ms : rq->timeout_ms;
}

static uint32_t next_cseq(struct sip_request *rq)
{
    uint32_t given = rq->next_cseq ? rq->next_cseq(rq->handler.arg, rq) : 0;
    if (given > 0)
        return given;
    if (rq->tries == 0)
        return rq->first_cseq;
    return rq->cseq < CSEQ_MAX ? rq->cseq + 1 : 1;
}

/* Sends on rq->flow. */
static void send_try(struct sip_request *rq)
{
    const struct sip_client_handler handler = {
        .response = on_response, .failed = on_failed, .done = on_done, .arg = rq
    };
    struct buf text;
    buf_init(&text, SIP_BUILD_MAX_BYTES);
    if (rq->tries > 0 && rq->handler.retry)
        rq->handler.retry(rq->handler.arg, rq, rq->response, rq->response ? AHOY_OK : rq->err);
    rq->cseq = next_cseq(rq);
    rq->tries++;
    rq->state = REQUEST_TRYING;
    enum ahoy_err err = request_build(rq, &text);
    if (err == AHOY_OK) {
        const struct sip_client_config cfg = { .flow = rq->flow,
                                               .request = buf_content(&text),
                                               .timeout_ms = patience_ms(rq) };
        err = sip_client_txn_create(&rq->txn, rq->stack, &cfg, &handler);
    }
    buf_fini(&text);
    if (err != AHOY_OK) {
        rq->txn = NULL;
        fail(rq, err);
    }
}

static void on_located(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct sip_request *rq = arg;
    struct sip_flow *flow = NULL;
    if (err != AHOY_OK) {
        if (err != AHOY_ERR_END && !rq->response && rq->err == AHOY_OK)
            rq->err = err;
        next_target(rq);
        return;
    }
    if (rq->skip_target && target->proto == rq->skip.proto && addr_eq(&target->addr, &rq->skip.addr)) {
        rq->skip_target = false;
        sip_locate_next(rq->locate);
        return;
    }
    err = sip_flow_to(rq->stack, target->proto, &target->addr, NULL, &flow);
    if (err != AHOY_OK) {
        if (!rq->response)
            rq->err = err;
        sip_locate_next(rq->locate);
        return;
    }
    rq->target = *target;
    sip_flow_unref(rq->flow);
    rq->flow = flow;
    send_try(rq);
}

static void start_locate(struct sip_request *rq)
{
    struct sip_uri hop;
    rq->state = REQUEST_LOCATING;
    enum ahoy_err err = sip_route_next_hop(rq->routes, sip_request_uri(rq), &hop);
    if (err == AHOY_OK)
        err = sip_locate_start(&rq->locate, rq->locator, hop.text, on_located, rq);
    if (err != AHOY_OK) {
        rq->locate = NULL;
        fail(rq, err);
    }
}

/* The present server is no good: the next one of the same target. */
static void next_server(struct sip_request *rq)
{
    if (rq->cancelled || rq->tries >= SIP_REQUEST_MAX_TRIES) {
        finish_failed(rq);
    } else if (rq->locate) {
        rq->state = REQUEST_LOCATING;
        sip_locate_next(rq->locate);
    } else if (rq->flow_only) {
        next_target(rq);
    } else {
        rq->skip_target = rq->err != AHOY_OK && !sip_flow_broken(rq->flow);
        rq->skip = (struct sip_target){ .proto = sip_flow_proto(rq->flow), .addr = *sip_flow_peer(rq->flow) };
        start_locate(rq);
    }
}

static void begin_target(struct sip_request *rq)
{
    struct sip_flow *own = rq->own_flow;
    rq->own_flow = NULL;
    if (own && sip_flow_broken(own) && !rq->flow_only) {
        sip_flow_unref(own);
        own = NULL;
    }
    if (!own) {
        start_locate(rq);
        return;
    }
    sip_flow_unref(rq->flow);
    rq->flow = own;
    send_try(rq);
}

static void on_turn(void *arg)
{
    struct sip_request *rq = arg;
    switch (rq->state) {
    case REQUEST_LOCATING: begin_target(rq); break;
    case REQUEST_ENDING: finish_failed(rq); break;
    case REQUEST_OVER:
        if (rq->handler.ended)
            rq->handler.ended(rq->handler.arg, rq);
        break;
    case REQUEST_TRYING:
    case REQUEST_ACCEPTED: break;
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ahoy_err copy_texts(struct sip_request *rq, const struct sip_request_config *cfg)
{
    struct view *const slot[] = { &rq->method, &rq->routes, &rq->headers, &rq->content_type, &rq->body };
    const struct view from[] = { cfg->method, cfg->routes, cfg->headers, cfg->content_type, cfg->body };
    size_t at[AHOY_COUNT(slot)];
    for (size_t i = 0; i < AHOY_COUNT(slot); i++) {
        at[i] = rq->text.n;
        buf_view(&rq->text, from[i]);
    }
    if (buf_err(&rq->text) != AHOY_OK)
        return buf_err(&rq->text);
    for (size_t i = 0; i < AHOY_COUNT(slot); i++)
        *slot[i] = view_of(rq->text.p + at[i], from[i].n);
    rq->uri[0] = view_dup(cfg->uri);
    rq->uris = rq->uri[0] ? 1 : 0;
    return rq->uri[0] ? AHOY_OK : AHOY_ERR_NOMEM;
}

static enum ahoy_err check_config(const struct sip_request_config *cfg, const struct sip_request_handler *handler)
{
    struct sip_uri uri;
    struct view h = cfg->headers;
    if (!cfg->locator || !handler->final || cfg->method.n == 0 || cfg->cseq > CSEQ_MAX)
        return AHOY_ERR_INVAL;
    if (h.n < 2 || h.p[h.n - 2] != '\r' || h.p[h.n - 1] != '\n' || (cfg->flow_only && !cfg->flow))
        return AHOY_ERR_INVAL;
    if (sip_uri_parse(cfg->uri, &uri) != AHOY_OK)
        return AHOY_ERR_SYNTAX;
    return sip_route_check(cfg->routes);
}

enum ahoy_err sip_request_start(struct sip_request **out, const struct sip_request_config *cfg,
                                const struct sip_request_handler *handler)
{
    enum ahoy_err err = check_config(cfg, handler);
    if (err != AHOY_OK)
        return err;
    struct sip_request *rq = mem_zalloc(sizeof *rq);
    if (!rq)
        return AHOY_ERR_NOMEM;
    rq->state = REQUEST_LOCATING;
    rq->handler = *handler;
    rq->locator = cfg->locator;
    rq->stack = sip_locator_stack(cfg->locator);
    rq->auth = cfg->auth;
    buf_init(&rq->text, TEXT_MAX_BYTES);
    buf_init(&rq->auth_lines, SIP_BUILD_MAX_BYTES);
    buf_init(&rq->request_uri, SIP_BUILD_MAX_BYTES);
    sys_timer_init(&rq->turn, on_turn, rq);
    rq->put_headers = cfg->put_headers;
    rq->next_cseq = cfg->next_cseq;
    rq->flow_only = cfg->flow_only;
    rq->follow_redirects = cfg->follow_redirects;
    rq->try_ms = cfg->try_ms ? cfg->try_ms : TRY_MS;
    rq->flow_try_ms = cfg->try_ms ? cfg->try_ms : cfg->timeout_ms;
    rq->timeout_ms = cfg->timeout_ms;
    rq->first_cseq = cfg->cseq ? cfg->cseq : 1;
    rq->own_flow = cfg->flow ? sip_flow_ref(cfg->flow) : NULL;
    err = copy_texts(rq, cfg);
    if (err != AHOY_OK) {
        sip_request_destroy(rq);
        return err;
    }
    rq->is_invite = view_eq(rq->method, VIEW("INVITE"));
    rq->has_max_forwards = request_lines_have(rq->headers, VIEW("Max-Forwards"));
    rq->has_user_agent = request_lines_have(rq->headers, VIEW("User-Agent"));
    later(rq);
    *out = rq;
    return AHOY_OK;
}

void sip_request_cancel(struct sip_request *rq, struct view extra)
{
    if (rq->cancelled || rq->state == REQUEST_ENDING || rq->state == REQUEST_ACCEPTED || rq->state == REQUEST_OVER)
        return;
    rq->cancelled = true;
    if (rq->txn && rq->is_invite && sip_client_txn_cancel(rq->txn, extra) == AHOY_OK)
        return;
    drop_txn(rq);
    drop_locate(rq);
    sip_msg_unref(rq->response);
    rq->response = NULL;
    rq->state = REQUEST_ENDING;
    later(rq);
}

void sip_request_destroy(struct sip_request *rq)
{
    if (!rq)
        return;
    drop_txn(rq);
    drop_locate(rq);
    sys_timer_stop(&rq->turn);
    sip_flow_unref(rq->own_flow);
    sip_flow_unref(rq->flow);
    sip_msg_unref(rq->response);
    for (size_t i = 0; i < rq->uris; i++)
        mem_free(rq->uri[i]);
    buf_fini(&rq->text);
    buf_fini(&rq->auth_lines);
    buf_fini(&rq->request_uri);
    mem_free(rq);
}

uint32_t sip_request_cseq(const struct sip_request *rq)
{
    return rq->cseq;
}

struct sip_client_txn *sip_request_txn(const struct sip_request *rq)
{
    return rq->txn;
}

struct sip_flow *sip_request_flow(const struct sip_request *rq)
{
    return rq->flow;
}

struct view sip_request_uri(const struct sip_request *rq)
{
    return view_str(rq->uri[rq->at]);
}

void sip_request_put_auth(const struct sip_request *rq, struct buf *out)
{
    buf_view(out, buf_content(&rq->auth_lines));
}
