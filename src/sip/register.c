#include "sip/register.h"

#include "base/mem.h"
#include "sip/register_priv.h"
#include "sip/route.h"

enum {
    TEXT_MAX_BYTES = 65536,
    MAX_RAISES = 3,        /* 423 answered in a row */
    MAX_EXPIRES_S = 86400, /* a Min-Expires above it is not followed */
    MAX_LEARNT = 3,        /* public addresses in a row: a NAT that changes each time is not chased */
    MAX_RETRY_AFTER_S = 3600,
    REFUSED_MAX_S = 86400,
    LASTING_FAILURES = 3, /* what counts as many failures at once: 404 and its like do not heal in half a minute */
    FLOW_LOST_SPREAD_MS = 4000,
};

static void begin(struct sip_register *r);

static struct sys_loop *loop_of(const struct sip_register *r)
{
    return sip_stack_loop(r->stack);
}

static bool is_bound(const struct sip_register *r)
{
    return r->bound_until_us > sys_now_us(loop_of(r));
}

static void due_in_ms(struct sip_register *r, int64_t ms)
{
    sys_timer_start(loop_of(r), &r->due, SYS_MS(ms));
}

/* A uniform number of milliseconds between two fractions (in percent) of `s` seconds. */
static int64_t spread_ms(struct sip_register *r, uint32_t s, uint32_t from_percent, uint32_t to_percent)
{
    int64_t percent_milli = from_percent * 1000
                            + rng_below(sip_stack_rng(r->stack), (to_percent - from_percent) * 1000 + 1);
    return (int64_t) s * percent_milli / 100;
}

static void drop_request(struct sip_register *r)
{
    if (r->request)
        r->cseq = AHOY_MAX(r->cseq, sip_request_cseq(r->request) + 1);
    sip_request_destroy(r->request);
    r->request = NULL;
}

static void drop_public(struct sip_register *r)
{
    sip_flow_unref(r->public_flow);
    r->public_flow = NULL;
    r->has_public = false;
}

static void drop_flow(struct sip_register *r)
{
    sip_flow_unref(r->flow);
    r->flow = NULL;
    drop_public(r);
}

/* Tells a change of state. The owner may destroy r in it: always the last thing done. */
static void tell(struct sip_register *r, enum sip_register_state state, struct sip_register_event e)
{
    e.before = r->state;
    e.state = state;
    r->state = state;
    r->handler.event(r->handler.arg, r, &e);
}

/* ---- success ----------------------------------------------------------------------------------------------------- */

/* When to refresh: long enough before the end for two tries at a dead server, and never all phones at once. */
static int64_t refresh_ms(struct sip_register *r, uint32_t granted_s)
{
    int64_t ms = granted_s > 120 ? spread_ms(r, granted_s, 75, 90) : spread_ms(r, granted_s, 50, 70);
    return AHOY_MAX(ms, (int64_t) 1000);
}

/* Takes note of our public address; true when the registered Contact must be changed for it. */
static bool learn_public(struct sip_register *r, struct sip_flow *flow, struct sip_msg *response)
{
    struct addr seen;
    if (!r->cfg.learn_public || r->stopping)
        return false;
    if (!register_seen(flow, response, &seen)) {
        bool changed = r->has_public && r->public_flow == flow;
        drop_public(r);
        return changed;
    }
    if (r->has_public && r->public_flow == flow && addr_eq(&r->public_addr, &seen))
        return false;
    if (r->learnt >= MAX_LEARNT)
        return false;
    r->learnt++;
    sip_flow_ref(flow);
    drop_public(r);
    r->public_flow = flow;
    r->public_addr = seen;
    r->has_public = true;
    return true;
}

static void take_routes(const struct sip_msg *response, enum sip_hdr_id id, struct buf *out)
{
    buf_clear(out);
    if (register_join_routes(response, id, out) != AHOY_OK)
        buf_clear(out);
}

static void take_flow(struct sip_register *r)
{
    struct sip_flow *flow = sip_request_flow(r->request);
    sip_flow_ref(flow);
    sip_flow_unref(r->flow);
    r->flow = flow;
    if (r->cfg.keepalive_s > 0)
        sip_flow_keepalive(flow, r->cfg.keepalive_s);
}

static void on_registered(struct sip_register *r, const struct sip_outcome *out, uint32_t granted_s)
{
    const struct sip_register_event e = { .expires_s = granted_s, .response = out->response, .status = out->status };
    take_flow(r);
    take_routes(out->response, SIP_HDR_SERVICE_ROUTE, &r->routes);
    take_routes(out->response, SIP_HDR_PATH, &r->path);
    buf_clear(&r->stale_contact);
    r->bound_until_us = sys_now_us(loop_of(r)) + SYS_S(granted_s);
    r->failures = r->refusals = r->raised = 0;
    if (learn_public(r, r->flow, out->response)) {
        due_in_ms(r, 0);
    } else {
        r->learnt = 0;
        due_in_ms(r, refresh_ms(r, granted_s));
    }
    sip_msg_ref(out->response);
    struct sip_msg *response = out->response;
    drop_request(r);
    tell(r, SIP_REGISTER_REGISTERED, e);
    sip_msg_unref(response);
}

/* ---- failure ----------------------------------------------------------------------------------------------------- */

static bool is_refusal(const struct sip_outcome *out)
{
    return out->status == 401 || out->status == 403 || out->status == 407;
}

/* What another try in half a minute will not change. */
static bool is_lasting(unsigned status)
{
    switch (status) {
    case 404:
    case 405:
    case 406:
    case 410:
    case 413:
    case 414:
    case 415:
    case 416:
    case 420:
    case 421:
    case 423:
    case 484:
    case 485:
    case 501:
    case 505:
    case 513: return true;
    default: return status >= 600;
    }
}

static uint32_t doubled(uint32_t base_s, unsigned times, uint32_t max_s)
{
    uint64_t s = base_s;
    for (unsigned i = 0; i < times && s < max_s; i++)
        s *= 2;
    return (uint32_t) AHOY_MIN(s, (uint64_t) max_s);
}

/* RFC 5626 section 4.5, with longer waits where a server has judged and not merely failed. */
static int64_t backoff_ms(struct sip_register *r, const struct sip_outcome *out)
{
    if (is_refusal(out))
        return spread_ms(r, doubled(r->cfg.refused_backoff_s, r->refusals++, REFUSED_MAX_S), 90, 100);
    if (is_lasting(out->status))
        r->failures = AHOY_MAX(r->failures, (unsigned) LASTING_FAILURES);
    r->failures++;
    int64_t ms = spread_ms(r, doubled(r->cfg.backoff_base_s, r->failures, r->cfg.backoff_max_s), 50, 100);
    if (!out->has_retry_after)
        return ms;
    /* The server knows better when; a little later than it says, and not all phones at once. */
    uint32_t wait_s = AHOY_MIN(out->retry_after_s, (uint32_t) MAX_RETRY_AFTER_S);
    ms = spread_ms(r, wait_s, 100, 110);
    return AHOY_MAX(ms, (int64_t) 1000);
}

static void on_failure(struct sip_register *r, const struct sip_outcome *out)
{
    int64_t wait_ms = backoff_ms(r, out);
    struct sip_msg *response = out->response ? sip_msg_ref(out->response) : NULL;
    const struct sip_register_event e = {
        .err = out->err != AHOY_OK ? out->err : AHOY_ERR_REJECTED,
        .status = out->status,
        .retry_in_s = (uint32_t) ((wait_ms + 999) / 1000),
        .still_bound = is_bound(r),
        .credentials_refused = is_refusal(out),
        .response = response,
    };
    if (out->status == 0)
        drop_flow(r);
    drop_request(r);
    due_in_ms(r, wait_ms);
    tell(r, SIP_REGISTER_FAILED, e);
    sip_msg_unref(response);
}

/* 423: the registrar wants a longer life (RFC 3261 section 10.2.8). */
static bool raise_expires(struct sip_register *r, const struct sip_outcome *out)
{
    uint32_t least = 0;
    const struct sip_hdr *h = out->status == 423 ? sip_msg_first(out->response, SIP_HDR_MIN_EXPIRES) : NULL;
    if (!h || sip_delta_parse(h->value, &least) != AHOY_OK || least <= r->ask_s || least > MAX_EXPIRES_S
        || r->raised >= MAX_RAISES)
        return false;
    r->raised++;
    r->ask_s = least;
    return true;
}

static void on_gone(struct sip_register *r, enum ahoy_err err, unsigned status)
{
    drop_request(r);
    drop_flow(r);
    sys_timer_stop(&r->due);
    sys_timer_stop(&r->stop_limit);
    r->bound_until_us = 0;
    tell(r, SIP_REGISTER_GONE, (struct sip_register_event){ .err = err, .status = status });
}

static void on_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct sip_register *r = arg;
    (void) rq;
    if (r->stopping) {
        on_gone(r, out->err, out->status);
        return;
    }
    uint32_t granted_s = out->err == AHOY_OK ? register_granted(r, out->response) : 0;
    if (out->err == AHOY_OK && granted_s > 0) {
        on_registered(r, out, granted_s);
    } else if (raise_expires(r, out)) {
        drop_request(r);
        begin(r);
    } else {
        on_failure(r, out);
    }
}

/* Already the challenge shows our address, so that a NAT costs no REGISTER of its own. */
static void on_retry(void *arg, struct sip_request *rq, struct sip_msg *response, enum ahoy_err err)
{
    struct sip_register *r = arg;
    (void) err;
    if (response && sip_request_flow(rq))
        (void) learn_public(r, sip_request_flow(rq), response);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void put_headers(void *arg, struct sip_request *rq, const struct sip_flow *flow, struct buf *out)
{
    struct sip_register *r = arg;
    (void) rq;
    r->sent_any = true;
    register_put_contact(r, flow, out);
}

static enum ahoy_err start_request(struct sip_register *r)
{
    struct buf headers;
    buf_init(&headers, TEXT_MAX_BYTES);
    register_put_headers(r, &headers);
    enum ahoy_err err = buf_err(&headers);
    if (err == AHOY_OK) {
        const struct sip_request_config cfg = {
            .locator = r->locator,
            .auth = r->cfg.auth,
            .method = VIEW("REGISTER"),
            .uri = r->cfg.registrar,
            .routes = r->cfg.routes,
            .headers = buf_content(&headers),
            .cseq = r->cseq,
            .put_headers = put_headers,
            .flow = r->flow,
            .follow_redirects = true,
            .try_ms = 8000,
        };
        const struct sip_request_handler handler = { .retry = on_retry, .final = on_final, .arg = r };
        err = sip_request_start(&r->request, &cfg, &handler);
    }
    buf_fini(&headers);
    return err;
}

static void begin(struct sip_register *r)
{
    drop_request(r);
    enum ahoy_err err = start_request(r);
    if (err != AHOY_OK) {
        const struct sip_outcome out = { .err = err };
        r->request = NULL;
        if (r->stopping)
            on_gone(r, err, 0);
        else
            on_failure(r, &out);
        return;
    }
    if (r->stopping)
        tell(r, SIP_REGISTER_UNREGISTERING, (struct sip_register_event){ 0 });
    else if (r->state != SIP_REGISTER_REGISTERING && !(r->state == SIP_REGISTER_REGISTERED && is_bound(r) && r->flow))
        tell(r, SIP_REGISTER_REGISTERING, (struct sip_register_event){ 0 });
}

static void on_due(void *arg)
{
    struct sip_register *r = arg;
    if (r->stopping && (!r->sent_any || r->contact.n == 0))
        on_gone(r, AHOY_OK, 0);
    else
        begin(r);
}

static void on_stop_limit(void *arg)
{
    on_gone(arg, AHOY_ERR_TIMEOUT, 0);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ahoy_err copy_texts(struct sip_register *r)
{
    struct view *const slot[] = { &r->cfg.aor,          &r->cfg.registrar,      &r->cfg.routes,
                                  &r->cfg.contact_user, &r->cfg.contact_params, &r->cfg.headers };
    size_t at[AHOY_COUNT(slot)];
    for (size_t i = 0; i < AHOY_COUNT(slot); i++) {
        at[i] = r->text.n;
        buf_view(&r->text, *slot[i]);
    }
    struct sip_addr aor;
    struct sip_uri uri;
    if (sip_addr_parse(r->cfg.aor, &aor) != AHOY_OK || sip_uri_parse(aor.uri, &uri) != AHOY_OK
        || (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS))
        return AHOY_ERR_SYNTAX;
    size_t registrar = r->text.n, user = 0;
    if (r->cfg.registrar.n == 0) {
        buf_printf(&r->text, "%.*s:%.*s", VIEW_ARG(uri.scheme_text), VIEW_ARG(uri.host));
        if (uri.port != 0)
            buf_printf(&r->text, ":%u", (unsigned) uri.port);
    }
    size_t registrar_end = r->text.n;
    user = r->text.n;
    if (r->cfg.contact_user.n == 0)
        sip_uri_unescape(uri.user, &r->text);
    if (buf_err(&r->text) != AHOY_OK)
        return buf_err(&r->text);
    bool own_registrar = r->cfg.registrar.n == 0, own_user = r->cfg.contact_user.n == 0;
    for (size_t i = 0; i < AHOY_COUNT(slot); i++)
        *slot[i] = view_of(r->text.p + at[i], slot[i]->n);
    if (own_registrar)
        r->cfg.registrar = view_of(r->text.p + registrar, registrar_end - registrar);
    r->user = own_user ? view_of(r->text.p + user, r->text.n - user) : r->cfg.contact_user;
    return AHOY_OK;
}

enum ahoy_err sip_register_create(struct sip_register **out, const struct sip_register_config *cfg,
                                  const struct sip_register_handler *handler)
{
    struct sip_uri uri;
    struct view h = cfg->headers;
    if (!cfg->locator || !handler->event || cfg->expires_s == 0 || cfg->backoff_base_s == 0 || cfg->q_milli > 1000
        || cfg->refused_backoff_s == 0 || (h.n > 0 && (h.n < 2 || h.p[h.n - 2] != '\r' || h.p[h.n - 1] != '\n')))
        return AHOY_ERR_INVAL;
    if ((cfg->registrar.n > 0 && sip_uri_parse(cfg->registrar, &uri) != AHOY_OK)
        || sip_route_check(cfg->routes) != AHOY_OK)
        return AHOY_ERR_SYNTAX;
    struct sip_register *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    r->cfg = *cfg;
    r->handler = *handler;
    r->locator = cfg->locator;
    r->stack = sip_locator_stack(cfg->locator);
    r->ask_s = cfg->expires_s;
    r->cseq = 1;
    buf_init(&r->text, TEXT_MAX_BYTES);
    buf_init(&r->contact, TEXT_MAX_BYTES);
    buf_init(&r->stale_contact, TEXT_MAX_BYTES);
    buf_init(&r->routes, TEXT_MAX_BYTES);
    buf_init(&r->path, TEXT_MAX_BYTES);
    sys_timer_init(&r->due, on_due, r);
    sys_timer_init(&r->stop_limit, on_stop_limit, r);
    rng_token(sip_stack_rng(r->stack), r->call_id, REGISTER_CALL_ID_CHARS);
    rng_token(sip_stack_rng(r->stack), r->tag, REGISTER_TAG_CHARS);
    enum ahoy_err err = copy_texts(r);
    if (err != AHOY_OK) {
        sip_register_destroy(r);
        return err;
    }
    *out = r;
    return AHOY_OK;
}

void sip_register_destroy(struct sip_register *r)
{
    if (!r)
        return;
    drop_request(r);
    drop_flow(r);
    sys_timer_stop(&r->due);
    sys_timer_stop(&r->stop_limit);
    buf_fini(&r->text);
    buf_fini(&r->contact);
    buf_fini(&r->stale_contact);
    buf_fini(&r->routes);
    buf_fini(&r->path);
    mem_free(r);
}

enum ahoy_err sip_register_start(struct sip_register *r)
{
    if (r->stopping || r->state == SIP_REGISTER_GONE)
        return AHOY_ERR_STATE;
    if (r->state == SIP_REGISTER_IDLE)
        due_in_ms(r, 0);
    return AHOY_OK;
}

void sip_register_now(struct sip_register *r)
{
    if (r->stopping || r->state == SIP_REGISTER_GONE || r->request)
        return;
    r->failures = r->refusals = 0;
    due_in_ms(r, 0);
}

void sip_register_network_changed(struct sip_register *r)
{
    if (r->stopping || r->state == SIP_REGISTER_IDLE || r->state == SIP_REGISTER_GONE)
        return;
    drop_request(r);
    drop_flow(r);
    r->failures = r->learnt = 0;
    due_in_ms(r, 0);
}

void sip_register_flow_lost(struct sip_register *r, const struct sip_flow *flow)
{
    if (!flow || r->flow != flow || r->stopping || r->state == SIP_REGISTER_GONE)
        return;
    drop_flow(r);
    if (r->request || r->state == SIP_REGISTER_FAILED)
        return; /* it is being seen to */
    due_in_ms(r, rng_below(sip_stack_rng(r->stack), FLOW_LOST_SPREAD_MS));
}

void sip_register_stop(struct sip_register *r)
{
    if (r->stopping || r->state == SIP_REGISTER_GONE)
        return;
    r->stopping = true;
    drop_request(r);
    due_in_ms(r, 0);
    sys_timer_start(loop_of(r), &r->stop_limit, SYS_MS(r->cfg.stop_ms));
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

const char *sip_register_state_name(enum sip_register_state s)
{
    static const char *const names[] = { "idle", "registering", "registered", "failed", "unregistering", "gone" };
    return (size_t) s < AHOY_COUNT(names) ? names[s] : "";
}

enum sip_register_state sip_register_state_of(const struct sip_register *r)
{
    return r->state;
}

uint32_t sip_register_left_s(const struct sip_register *r)
{
    int64_t left_us = r->bound_until_us - sys_now_us(loop_of(r));
    return left_us > 0 ? (uint32_t) (left_us / 1000000) : 0;
}

struct view sip_register_contact(const struct sip_register *r)
{
    return buf_content(&r->contact);
}

struct view sip_register_routes(const struct sip_register *r)
{
    return r->routes.n > 0 ? buf_content(&r->routes) : r->cfg.routes;
}

struct view sip_register_path(const struct sip_register *r)
{
    return buf_content(&r->path);
}

bool sip_register_public(const struct sip_register *r, struct addr *out)
{
    if (r->has_public)
        *out = r->public_addr;
    return r->has_public;
}

struct sip_flow *sip_register_flow(const struct sip_register *r)
{
    return r->flow;
}
