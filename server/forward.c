#include "server/forward.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    TIMER_C_S = 185,       /* more than 3 minutes (RFC 3261 section 16.6 step 11) */
    CANCEL_AGAIN_MS = 500, /* after a CANCEL that found no memory */
    TRIES_MOST = 4,        /* places that one fork is sent to, one after the other */
    CHALLENGE_BYTES = 16384,
    BRANCH_BYTES = 64,
    TOKEN_CHARS = 16,
};

/*
 * One place that a request went to:
 *
 *     locating ──► sent ──► over (a final response, or a failure with nowhere left to try)
 *        ▲          │
 *        ╰──────────╯ it failed before anyone rang
 */
struct fork {
    struct list_link link;
    struct forward *f;
    char *uri, *next_hop, *path; /* path NULL: none */
    struct way way;
    struct sip_locate *locate;
    struct sip_target target; /* the place being tried, as `locate` gave it */
    struct sip_client_txn *txn;
    struct sys_timer timer_c;
    unsigned tries;
    unsigned failed_with; /* what the place tried last stands for, 0 before */
    bool by_way, rang, cancelled, over;
};

struct forward {
    struct list_link link;
    struct exchange *x;
    struct sip_server_txn *txn; /* NULL: gone */
    struct sip_msg *request;
    const struct sip_core *core;
    struct route route;
    char digest[EXCHANGE_DIGEST_BYTES];
    struct list forks;
    size_t count, open; /* forks; those that are not over, and forward_start itself */
    uint32_t breadth;
    bool started, cancelled, final_sent, dropped;
    struct sip_msg *best;  /* the best final response that is no 2xx; NULL: of our own making */
    unsigned best_status;  /* 0: none yet */
    struct buf challenges; /* of all 401 and 407 */
};

static void forward_check(struct forward *f);

struct forward *forward_of(struct list_link *link)
{
    return LIST_ENTRY(link, struct forward, link);
}

static bool is_invite(const struct forward *f)
{
    return f->request->method == SIP_METHOD_INVITE;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void fork_free(struct fork *k)
{
    list_remove(&k->link);
    sys_timer_stop(&k->timer_c);
    sip_locate_destroy(k->locate);
    sip_client_txn_release(k->txn);
    mem_free(k->uri);
    mem_free(k->next_hop);
    mem_free(k->path);
    mem_free(k);
}

void forward_destroy(struct forward *f)
{
    f->dropped = true;
    LIST_EACH(k, &f->forks)
        fork_free(LIST_ENTRY(k, struct fork, link));
    if (f->started)
        sip_server_txn_release(f->txn);
    list_remove(&f->link);
    sip_msg_unref(f->request);
    sip_msg_unref(f->best);
    buf_fini(&f->challenges);
    mem_free(f);
}

enum ahoy_err forward_create(struct forward **out, struct exchange *x, struct sip_server_txn *txn,
                             struct sip_msg *request, const struct sip_core *core, const struct route *r,
                             const char *digest)
{
    struct forward *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    f->x = x;
    f->txn = txn;
    f->request = sip_msg_ref(request);
    f->core = core;
    f->route = *r;
    (void) view_copy(view_str(digest), f->digest, sizeof f->digest);
    list_init(&f->forks);
    buf_init(&f->challenges, CHALLENGE_BYTES);
    list_push_back(&x->forwards, &f->link);
    *out = f;
    return AHOY_OK;
}

/* A contact may hold what a Request-URI may not: header fields (RFC 3261 table 1). */
static char *request_uri(struct view text)
{
    struct sip_uri u;
    struct buf b;
    if (sip_uri_parse(text, &u) || (u.scheme != SIP_SCHEME_SIP && u.scheme != SIP_SCHEME_SIPS))
        return view_dup(text);
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_uri_put_request(&u, &b);
    char *uri = buf_err(&b) ? NULL : buf_take(&b);
    buf_fini(&b);
    return uri;
}

static void timer_c(void *arg);

enum ahoy_err forward_add(struct forward *f, const struct forward_target *t)
{
    struct sip_addr first;
    struct view path = t->path, item, hop = t->next_hop;
    if (f->count >= EXCHANGE_MAX_TARGETS)
        return AHOY_OK;
    if (!view_empty(path) && sip_list_next(&path, &item) && sip_addr_parse(item, &first) == AHOY_OK)
        hop = first.uri;
    struct fork *k = mem_zalloc(sizeof *k);
    if (!k)
        return AHOY_ERR_NOMEM;
    k->f = f;
    sys_timer_init(&k->timer_c, timer_c, k);
    k->uri = request_uri(t->uri);
    k->next_hop = view_dup(hop);
    k->path = view_empty(t->path) ? NULL : view_dup(t->path);
    k->way = t->way;
    list_push_back(&f->forks, &k->link);
    if (!k->uri || !k->next_hop || (!view_empty(t->path) && !k->path)) {
        fork_free(k);
        return AHOY_ERR_NOMEM;
    }
    f->count++;
    return AHOY_OK;
}

size_t forward_count(const struct forward *f)
{
    return f->count;
}

/* ---- answers going back ------------------------------------------------------------------------------------------ */

static bool send_back(struct forward *f, const struct sip_msg *r, struct view challenges)
{
    struct buf b;
    if (!f->txn)
        return true;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    forward_print_response(r, challenges, &b);
    enum ahoy_err err = buf_err(&b);
    if (!err)
        err = sip_server_txn_respond(f->txn, buf_content(&b));
    if (err)
        log_write(&f->x->log, LOG_INFO, "proxy", "a %u response could not be forwarded: %s", r->status,
                  ahoy_err_name(err));
    buf_fini(&b);
    return !err;
}

/* The caller gets no answer from us any more than this: a 500, or silence without memory for that. */
static void let_caller_go(struct forward *f)
{
    sip_server_txn_release(f->txn);
    f->txn = NULL;
}

/*
 * Which status tells the caller more (the lower): 6xx decides, then the lowest class; of 4xx those that let the caller
 * do better (RFC 3261 section 16.7 step 6), then what a person said, then the rest; 503 last.
 */
static unsigned rank(unsigned status)
{
    static const uint16_t order[] = { 401, 407, 415, 420, 484, 486 };
    if (status >= 600)
        return 0;
    if (status < 400)
        return 1;
    for (unsigned i = 0; i < AHOY_COUNT(order); i++)
        if (status == order[i])
            return 2 + i / 2; /* 401 and 407 are alike */
    if (status == 408 || status == 487)
        return 11; /* says the least of its class */
    if (status < 500)
        return 10;
    return status == 503 ? 13 : 12;
}

static void consider(struct forward *f, unsigned status, struct sip_msg *r)
{
    if (r && (status == 401 || status == 407)) {
        sip_build_copy(&f->challenges, r, SIP_HDR_WWW_AUTHENTICATE);
        sip_build_copy(&f->challenges, r, SIP_HDR_PROXY_AUTHENTICATE);
    }
    if (f->best_status != 0 && rank(f->best_status) <= rank(status))
        return;
    sip_msg_unref(f->best);
    f->best = r ? sip_msg_ref(r) : NULL;
    f->best_status = status;
}

/* All forks are over: the best answer goes back, once. */
static void conclude(struct forward *f)
{
    unsigned status = f->best_status;
    bool ok;
    if (f->final_sent || !f->txn)
        return;
    f->final_sent = true;
    if (status == 0 || (f->cancelled && !f->best))
        status = f->cancelled ? 487 : 408;
    if (f->best && status != 503)
        ok = send_back(f, f->best, status == 401 || status == 407 ? buf_content(&f->challenges) : view_of(NULL, 0));
    else /* a 503 is about one server, not about us (16.7 step 6) */
        ok = sip_server_txn_reply(f->txn, status == 503 ? 500 : status, view_of(NULL, 0)) == AHOY_OK;
    if (!ok)
        let_caller_go(f);
}

static void fork_over(struct fork *k)
{
    struct forward *f = k->f;
    if (k->over)
        return;
    k->over = true;
    sys_timer_stop(&k->timer_c);
    sip_locate_destroy(k->locate);
    k->locate = NULL;
    if (--f->open == 0)
        conclude(f);
}

static void fork_fail(struct fork *k, unsigned status)
{
    consider(k->f, status, NULL);
    fork_over(k);
}

/* ---- giving up --------------------------------------------------------------------------------------------------- */

static void fork_cancel(struct fork *k)
{
    if (k->over)
        return;
    k->cancelled = true;
    if (!k->txn)
        fork_fail(k, 487); /* not sent yet: it will not be */
    else if (sip_client_txn_cancel(k->txn, view_of(NULL, 0)) == AHOY_ERR_NOMEM)
        sys_timer_start(k->f->x->loop, &k->timer_c, SYS_MS(CANCEL_AGAIN_MS));
}

static void cancel_others(struct forward *f, const struct fork *but)
{
    LIST_EACH(l, &f->forks) {
        struct fork *k = LIST_ENTRY(l, struct fork, link);
        if (k != but && !k->cancelled)
            fork_cancel(k);
    }
}

static void timer_c(void *arg)
{
    struct fork *k = arg;
    struct forward *f = k->f;
    fork_cancel(k);
    forward_check(f);
}

/* ---- a fork ------------------------------------------------------------------------------------------------------ */

static void fork_elsewhere(struct fork *k, unsigned status);

static bool may_try_elsewhere(const struct fork *k)
{
    if (k->cancelled || k->rang || !k->f->txn || k->f->final_sent || k->tries >= TRIES_MOST)
        return false;
    if (k->by_way) /* behind a NAT no other place is any better; a connection may have been lost */
        return k->way.proto == SIP_PROTO_TCP;
    return k->locate && sip_locate_may_have_more(k->locate);
}

static void take_provisional(struct fork *k, struct sip_msg *r)
{
    struct forward *f = k->f;
    if (r->status == 100 || !is_invite(f))
        return;
    k->rang = true;
    if (!k->cancelled)
        sys_timer_start(f->x->loop, &k->timer_c, SYS_S(TIMER_C_S));
    if (!f->final_sent)
        (void) send_back(f, r, view_of(NULL, 0)); /* the next one may find memory */
}

/* Every 2xx to an INVITE goes back at once (16.7 step 5); of another request only the first answer does. */
static void take_success(struct fork *k, struct sip_msg *r)
{
    struct forward *f = k->f;
    if (is_invite(f) || !f->final_sent) {
        if (is_invite(f) && view_empty(f->core->to_tag) && !k->over)
            calls_note_answer(f->x, r);
        if (send_back(f, r, view_of(NULL, 0)) || is_invite(f)) /* an INVITE's 2xx comes again */
            f->final_sent = true;
    }
    cancel_others(f, k);
    fork_over(k);
}

static void on_response(void *arg, struct sip_client_txn *txn, struct sip_msg *r)
{
    struct fork *k = arg;
    struct forward *f = k->f;
    (void) txn;
    if (r->status < 200) {
        take_provisional(k, r);
    } else if (r->status < 300) {
        take_success(k, r);
    } else if (!k->over) {
        if (r->status == 503 && may_try_elsewhere(k)) { /* RFC 3263 section 4.3 */
            fork_elsewhere(k, 503);
            forward_check(f);
            return;
        }
        consider(f, r->status, r);
        if (r->status >= 600)
            cancel_others(f, k);
        fork_over(k);
    }
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    struct fork *k = arg;
    struct forward *f = k->f;
    unsigned status = k->cancelled ? 487 : err == AHOY_ERR_TIMEOUT ? 408 : 503;
    (void) txn;
    if (may_try_elsewhere(k))
        fork_elsewhere(k, status);
    else
        fork_fail(k, status);
    forward_check(f);
}

static void on_done(void *arg, struct sip_client_txn *txn)
{
    struct fork *k = arg;
    (void) txn;
    k->txn = NULL;
    forward_check(k->f);
}

static enum ahoy_err fork_send(struct fork *k, struct sip_flow *flow)
{
    struct forward *f = k->f;
    struct sip_client_handler handler = { .response = on_response, .failed = on_failed, .done = on_done, .arg = k };
    char branch[BRANCH_BYTES], token[TOKEN_CHARS + 1];
    struct buf b;
    rng_token(sip_stack_rng(f->x->stack), token, TOKEN_CHARS);
    snprintf(branch, sizeof branch, "z9hG4bK%s.%s", token, f->digest);
    struct forward_what w = { .request = f->request,
                              .core = f->core,
                              .route = &f->route,
                              .uri = view_str(k->uri),
                              .path = view_str(k->path),
                              .breadth = f->breadth,
                              .in_flow = sip_server_txn_flow(f->txn),
                              .out_flow = flow };
    if (k->by_way)
        w.callee = k->way;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    forward_print(f->x, &w, &b);
    struct sip_client_config cfg = { .flow = flow, .request = buf_content(&b), .branch = branch };
    enum ahoy_err err = buf_err(&b);
    if (!err)
        err = sip_client_txn_create(&k->txn, f->x->stack, &cfg, &handler);
    buf_fini(&b);
    if (!err && is_invite(f))
        sys_timer_start(f->x->loop, &k->timer_c, SYS_S(TIMER_C_S));
    return err;
}

static void fork_to(struct fork *k, enum ahoy_err err, struct sip_flow *flow)
{
    k->tries++;
    if (!err) {
        err = fork_send(k, flow);
        sip_flow_unref(flow);
    }
    if (!err)
        return;
    if (err != AHOY_ERR_NOMEM && may_try_elsewhere(k))
        fork_elsewhere(k, 503);
    else
        fork_fail(k, err == AHOY_ERR_NOMEM ? 500 : 503);
}

static void on_target(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct fork *k = arg;
    struct forward *f = k->f;
    struct sip_flow *flow = NULL;
    if (!f->txn) {
        fork_over(k); /* nobody waits any more */
    } else if (!err) {
        k->target = *target;
        err = sip_flow_to(f->x->stack, target->proto, &target->addr, NULL, &flow);
        fork_to(k, err, flow);
    } else {
        unsigned nowhere = err == AHOY_ERR_DNS_NAME || err == AHOY_ERR_DNS_EMPTY ? 404
                           : err == AHOY_ERR_NOMEM                               ? 500
                                                                                 : 503;
        fork_fail(k, k->failed_with != 0 ? k->failed_with : nowhere);
    }
    forward_check(f);
}

/* The transaction that failed, if there is one, is let go; the next place is asked for. */
static void fork_elsewhere(struct fork *k, unsigned status)
{
    struct exchange *x = k->f->x;
    sip_client_txn_release(k->txn);
    k->txn = NULL;
    k->failed_with = status;
    sys_timer_stop(&k->timer_c);
    if (!k->by_way) {
        sip_locator_penalize(x->locator, &k->target, 0);
        sip_locate_next(k->locate);
        return;
    }
    k->by_way = false;
    if (sip_locate_start(&k->locate, x->locator, view_str(k->next_hop), on_target, k))
        fork_fail(k, status);
}

static void fork_begin(struct fork *k)
{
    struct exchange *x = k->f->x;
    struct sip_flow *flow = NULL;
    if (k->way.proto != SIP_PROTO_UNKNOWN) {
        k->by_way = true;
        enum ahoy_err err = way_open(x, &k->way, &flow);
        fork_to(k, err, flow);
        return;
    }
    enum ahoy_err err = sip_locate_start(&k->locate, x->locator, view_str(k->next_hop), on_target, k);
    if (err)
        fork_fail(k, err == AHOY_ERR_UNSUPPORTED ? 416 : 500);
}

/* ---- the server transaction -------------------------------------------------------------------------------------- */

static void on_cancelled(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel)
{
    struct forward *f = arg;
    (void) txn;
    (void) cancel;
    f->cancelled = true;
    cancel_others(f, NULL);
    forward_check(f);
}

static void on_server_done(void *arg, struct sip_server_txn *txn)
{
    struct forward *f = arg;
    (void) txn;
    f->txn = NULL;
    forward_check(f);
}

/*
 * Frees what is over: all forks are, their transactions are gone, and so is the server transaction. A caller whose
 * answer was lost for want of memory, with nothing left that could bring another, is let go.
 */
static void forward_check(struct forward *f)
{
    if (f->dropped || f->open > 0)
        return;
    LIST_EACH(l, &f->forks)
        if (LIST_ENTRY(l, struct fork, link)->txn)
            return;
    if (f->txn && !sip_server_txn_final(f->txn))
        let_caller_go(f);
    if (f->txn)
        return;
    struct exchange *x = f->x;
    forward_destroy(f);
    exchange_check_stopped(x);
}

void forward_start(struct forward *f, uint32_t breadth)
{
    struct sip_server_handler handler = { .cancelled = on_cancelled, .done = on_server_done, .arg = f };
    f->started = true;
    f->breadth = breadth;
    f->open = f->count + 1; /* and this function: the conclusion waits until all were tried */
    sip_server_txn_set_handler(f->txn, &handler);
    LIST_EACH(l, &f->forks)
        fork_begin(LIST_ENTRY(l, struct fork, link));
    if (--f->open == 0)
        conclude(f);
    forward_check(f);
}
