#include "server/forward.h"

#include "base/mem.h"

#include <stdio.h>

enum {
    TIMER_C_S = 185,          /* more than 3 minutes (RFC 3261 section 16.6 step 11) */
    RESPONSE_BYTES = SIP_BUILD_MAX_BYTES,
    BRANCH_BYTES = 64,
};

struct fork {
    struct list_link link;
    struct forward *f;
    char *uri, *next_hop, *path; /* path NULL: none */
    bool has_flow;
    enum sip_proto proto;
    struct addr addr;
    struct sip_locate *locate;
    struct sip_client_txn *txn;
    struct sys_timer timer_c;
    bool over, cancelled;
};

struct forward {
    struct list_link link;
    struct exchange *x;
    struct sip_server_txn *txn; /* NULL: gone */
    struct sip_msg *request;
    char digest[17];
    struct list forks;
    size_t count, open;
    size_t skip_routes;
    uint32_t breadth;
    bool started, cancelled, final_sent;
    struct sip_msg *best;       /* the best final response that is no 2xx */
    struct buf challenges;      /* of all 401 and 407 */
    unsigned best_status;       /* of `best`, or one of our own making */
    bool dropped;               /* being destroyed: callbacks do nothing */
};


struct forward *forward_of(struct list_link *link)
{
    return LIST_ENTRY(link, struct forward, link);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

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
    if (f->txn && f->started)
        sip_server_txn_release(f->txn);
    list_remove(&f->link);
    sip_msg_unref(f->request);
    sip_msg_unref(f->best);
    buf_fini(&f->challenges);
    mem_free(f);
}

static void timer_c(void *arg)
{
    struct fork *k = arg;
    if (k->txn && sip_client_txn_cancel(k->txn, view_of(NULL, 0)) == AHOY_OK)
        k->cancelled = true;
}

enum ahoy_err forward_create(struct forward **out, struct exchange *x, struct sip_server_txn *txn,
                             struct sip_msg *request, const char *digest)
{
    struct forward *f = mem_zalloc(sizeof *f);
    if (!f)
        return AHOY_ERR_NOMEM;
    f->x = x;
    f->txn = txn;
    f->request = sip_msg_ref(request);
    (void) view_copy(view_str(digest), f->digest, sizeof f->digest);
    list_init(&f->forks);
    buf_init(&f->challenges, 16384);
    list_push_back(&x->forwards, &f->link);
    *out = f;
    return AHOY_OK;
}

enum ahoy_err forward_add(struct forward *f, const struct forward_target *t)
{
    struct sip_addr first;
    struct view path = t->path, item;
    struct view hop = view_empty(t->next_hop) ? t->uri : t->next_hop;
    if (f->count >= EXCHANGE_MAX_TARGETS)
        return AHOY_OK;
    if (!view_empty(path) && sip_list_next(&path, &item) && sip_addr_parse(item, &first) == AHOY_OK)
        hop = first.uri;
    struct fork *k = mem_zalloc(sizeof *k);
    if (!k)
        return AHOY_ERR_NOMEM;
    k->f = f;
    sys_timer_init(&k->timer_c, timer_c, k);
    k->uri = view_dup(t->uri);
    k->next_hop = view_dup(hop);
    k->path = view_empty(t->path) ? NULL : view_dup(t->path);
    k->has_flow = t->has_flow;
    k->proto = t->proto;
    k->addr = t->addr;
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

void forward_skip_routes(struct forward *f, size_t n)
{
    f->skip_routes = n;
}

/* ---- answers going back ------------------------------------------------------------------------------------------- */

/* The response without our Via, which is the topmost (RFC 3261 section 16.7 step 3). */
static void print_response(const struct sip_msg *r, struct view extra, struct buf *out)
{
    bool first_via = true;
    sip_build_status_line(out, r->status, r->reason);
    for (uint32_t i = 0; i < r->hdr_count; i++) {
        const struct sip_hdr *h = &r->hdr[i];
        struct view value = h->value, item;
        if (h->id == SIP_HDR_VIA && first_via) {
            first_via = false;
            (void) sip_list_next(&value, &item);
            value = view_trim(value);
            if (view_empty(value))
                continue;
        }
        if (h->id == SIP_HDR_CONTENT_LENGTH || (extra.n > 0 && (h->id == SIP_HDR_WWW_AUTHENTICATE || h->id == SIP_HDR_PROXY_AUTHENTICATE)))
            continue;
        buf_view(out, h->name);
        buf_str(out, ": ");
        buf_view(out, value);
        buf_str(out, "\r\n");
    }
    buf_view(out, extra);
    sip_build_body(out, view_of(NULL, 0), r->body);
}

static void send_back(struct forward *f, const struct sip_msg *r, struct view extra)
{
    struct buf b;
    if (!f->txn)
        return;
    buf_init(&b, RESPONSE_BYTES);
    print_response(r, extra, &b);
    if (buf_err(&b) || sip_server_txn_respond(f->txn, buf_content(&b)))
        log_write(&f->x->log, LOG_INFO, "proxy", "a %u response could not be forwarded", r->status);
    buf_fini(&b);
}

static void cancel_others(struct forward *f, const struct fork *but)
{
    LIST_EACH(l, &f->forks)
    {
        struct fork *k = LIST_ENTRY(l, struct fork, link);
        if (k == but || k->over || k->cancelled)
            continue;
        k->cancelled = true;
        if (k->txn)
            (void) sip_client_txn_cancel(k->txn, view_of(NULL, 0));
    }
}

/* Which of two statuses tells the caller more: 6xx decides, then the lowest class, challenges before others of 4xx, 503 last. */
static unsigned rank(unsigned status)
{
    if (status >= 600)
        return 0;
    if (status == 401 || status == 407)
        return 40;
    if (status == 408 || status == 487)
        return 450; /* says the least of its class */
    if (status == 503)
        return 599;
    return status >= 500 ? 500 : status >= 400 ? 41 + (status - 400) / 10 : 30;
}

static void keep_challenges(struct forward *f, const struct sip_msg *r)
{
    sip_build_copy(&f->challenges, r, SIP_HDR_WWW_AUTHENTICATE);
    sip_build_copy(&f->challenges, r, SIP_HDR_PROXY_AUTHENTICATE);
}

static void consider(struct forward *f, unsigned status, struct sip_msg *r)
{
    if (r && (status == 401 || status == 407))
        keep_challenges(f, r);
    if (f->best_status != 0 && rank(f->best_status) <= rank(status))
        return;
    sip_msg_unref(f->best);
    f->best = r ? sip_msg_ref(r) : NULL;
    f->best_status = status;
}

/* All forks are over: the best answer goes back, once. */
static void conclude(struct forward *f)
{
    unsigned status = f->best_status != 0 ? f->best_status : 408;
    if (f->final_sent || !f->txn)
        return;
    f->final_sent = true;
    if (f->cancelled && status != 487 && status < 600)
        status = 487;
    if (f->best && f->best->status == status && status != 503)
        send_back(f, f->best, status == 401 || status == 407 ? buf_content(&f->challenges) : view_of(NULL, 0));
    else
        (void) sip_server_txn_reply(f->txn, status == 503 ? 500 : status, view_of(NULL, 0)); /* 503 is about one server, not us: 16.7 step 6 */
}

static void fork_over(struct fork *k)
{
    struct forward *f = k->f;
    if (k->over)
        return;
    k->over = true;
    sys_timer_stop(&k->timer_c);
    if (--f->open == 0)
        conclude(f);
}

/* ---- a fork ------------------------------------------------------------------------------------------------------- */

static void on_response(void *arg, struct sip_client_txn *txn, struct sip_msg *r)
{
    struct fork *k = arg;
    struct forward *f = k->f;
    (void) txn;
    if (r->status == 100)
        return;
    if (r->status < 200) {
        if (f->request->method == SIP_METHOD_INVITE)
            sys_timer_start(f->x->loop, &k->timer_c, SYS_S(TIMER_C_S));
        if (!f->final_sent)
            send_back(f, r, view_of(NULL, 0));
        return;
    }
    if (r->status < 300) {
        if (f->request->method != SIP_METHOD_INVITE && f->final_sent)
            return;
        f->final_sent = true;
        send_back(f, r, view_of(NULL, 0)); /* every 2xx to INVITE, at once (16.7 step 5) */
        cancel_others(f, k);
        fork_over(k);
        return;
    }
    if (k->over)
        return;
    consider(f, r->status, r);
    if (r->status >= 600)
        cancel_others(f, k);
    fork_over(k);
}

static void on_failed(void *arg, struct sip_client_txn *txn, enum ahoy_err err)
{
    struct fork *k = arg;
    (void) txn;
    if (k->locate && !k->cancelled && sip_locate_may_have_more(k->locate)) {
        sip_client_txn_release(k->txn);
        k->txn = NULL;
        sip_locate_next(k->locate);
        return;
    }
    consider(k->f, err == AHOY_ERR_TIMEOUT ? 408 : 503, NULL);
    fork_over(k);
}

static void forward_check(struct forward *f);

static void on_done(void *arg, struct sip_client_txn *txn)
{
    struct fork *k = arg;
    if (k->txn == txn)
        k->txn = NULL;
    forward_check(k->f);
}

static enum ahoy_err fork_send(struct fork *k, struct sip_flow *flow)
{
    struct forward *f = k->f;
    struct sip_client_handler handler = { .response = on_response, .failed = on_failed, .done = on_done, .arg = k };
    const struct sip_core *core;
    char branch[BRANCH_BYTES], token[17];
    struct buf b;
    enum ahoy_err err = sip_msg_core(f->request, &core);
    if (err)
        return err;
    rng_token(sip_stack_rng(f->x->stack), token, 16);
    snprintf(branch, sizeof branch, "z9hG4bK%s.%s", token, f->digest);
    struct forward_what w = { .request = f->request,
                              .uri = view_str(k->uri),
                              .path = view_str(k->path),
                              .skip_routes = f->skip_routes,
                              .max_forwards = core->max_forwards - 1u,
                              .breadth = f->breadth,
                              .record = true,
                              .in_flow = sip_server_txn_flow(f->txn),
                              .out_flow = flow };
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    forward_print(f->x, &w, &b);
    struct sip_client_config cfg = { .flow = flow, .request = buf_content(&b), .branch = branch };
    if (!(err = buf_err(&b)))
        err = sip_client_txn_create(&k->txn, f->x->stack, &cfg, &handler);
    buf_fini(&b);
    if (!err && f->request->method == SIP_METHOD_INVITE)
        sys_timer_start(f->x->loop, &k->timer_c, SYS_S(TIMER_C_S));
    return err;
}

static void fork_to(struct fork *k, enum sip_proto proto, const struct addr *addr)
{
    struct sip_flow *flow;
    if (!k->f->txn || k->cancelled) {
        fork_over(k);
        return;
    }
    enum ahoy_err err = sip_flow_to(k->f->x->stack, proto, addr, NULL, &flow);
    if (!err) {
        err = fork_send(k, flow);
        sip_flow_unref(flow);
    }
    if (err) {
        consider(k->f, err == AHOY_ERR_NOMEM ? 500 : 503, NULL);
        fork_over(k);
    }
}

static void on_target(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct fork *k = arg;
    if (!err) {
        fork_to(k, target->proto, &target->addr);
    } else {
        consider(k->f, err == AHOY_ERR_DNS_NAME || err == AHOY_ERR_DNS_EMPTY ? 404 : 503, NULL);
        fork_over(k);
    }
    forward_check(k->f);
}

static void fork_try(struct fork *k)
{
    if (k->has_flow) {
        fork_to(k, k->proto, &k->addr);
        return;
    }
    if (sip_locate_start(&k->locate, k->f->x->locator, view_str(k->next_hop), on_target, k)) {
        consider(k->f, 500, NULL);
        fork_over(k);
    }
}

/* ---- the server transaction --------------------------------------------------------------------------------------- */

static void on_cancelled(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel)
{
    struct forward *f = arg;
    (void) txn;
    (void) cancel;
    f->cancelled = true;
    cancel_others(f, NULL);
    LIST_EACH(l, &f->forks)
    {
        struct fork *k = LIST_ENTRY(l, struct fork, link);
        if (!k->over && !k->txn) {
            sip_locate_destroy(k->locate); /* not sent yet: it will not be */
            k->locate = NULL;
            fork_over(k);
        }
    }
}

static void on_server_done(void *arg, struct sip_server_txn *txn)
{
    struct forward *f = arg;
    (void) txn;
    f->txn = NULL;
    forward_check(f);
}

/* Nothing can come any more: the server transaction and all client transactions are gone. */
static void forward_check(struct forward *f)
{
    if (f->dropped || f->txn || f->open > 0)
        return;
    LIST_EACH(l, &f->forks)
        if (LIST_ENTRY(l, struct fork, link)->txn)
            return;
    struct exchange *x = f->x;
    forward_destroy(f);
    exchange_check_stopped(x);
}

void forward_start(struct forward *f, uint32_t breadth)
{
    struct sip_server_handler handler = { .cancelled = on_cancelled, .done = on_server_done, .arg = f };
    f->started = true;
    f->breadth = AHOY_MAX(breadth, 1u);
    f->open = f->count;
    sip_server_txn_set_handler(f->txn, &handler);
    f->open++; /* this function: the conclusion waits until all were tried */
    LIST_EACH(l, &f->forks)
        fork_try(LIST_ENTRY(l, struct fork, link));
    if (--f->open == 0)
        conclude(f);
}
