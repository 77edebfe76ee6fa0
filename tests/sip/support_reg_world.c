#include "sip/support_reg_world.h"

#include <stdio.h>

/* ---- servers ----------------------------------------------------------------------------------------------------- */

static bool lookup(void *arg, struct view user, struct view realm, enum sip_digest_alg alg, struct sip_auth_secret *out)
{
    struct reg_server *s = arg;
    (void) realm;
    (void) alg;
    return view_eq(user, VIEW("alice")) && view_copy(view_str(s->password), out->text, sizeof out->text);
}

/* Challenges when credentials are missing or wrong; true when it has answered. */
static bool server_challenges(struct reg_server *s, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct buf lines;
    struct sip_auth_identity who;
    int64_t now_ms = sys_now_us(s->loop) / 1000;
    if (!s->auth)
        return false;
    enum sip_auth_verdict v = sip_auth_server_verify(s->auth, now_ms, request, s->proxy_auth, lookup, s, &who);
    if (v == SIP_AUTH_VERDICT_OK)
        return false;
    buf_init(&lines, 8192);
    bool stale = v == SIP_AUTH_VERDICT_STALE && !s->forget_stale;
    if (sip_auth_server_challenge(s->auth, now_ms, s->proxy_auth, stale, &lines) == AHOY_OK)
        (void) sip_server_txn_reply(txn, s->proxy_auth ? 407 : 401, buf_content(&lines));
    buf_fini(&lines);
    return true;
}

static uint32_t asked_s(const struct sip_msg *request)
{
    uint32_t s = 3600;
    struct view v = sip_msg_value(request, SIP_HDR_EXPIRES);
    return sip_delta_parse(v, &s) == AHOY_OK ? s : 3600;
}

/* The answer of a registrar: Contact with what was granted. */
static void put_binding(struct reg_server *s, const struct sip_msg *request, struct buf *lines)
{
    uint32_t s_granted = asked_s(request);
    struct sip_contact c;
    if (s->grant_s && s_granted > s->grant_s)
        s_granted = s->grant_s;
    const struct sip_hdr *h = sip_msg_first(request, SIP_HDR_CONTACT);
    if (s->no_contact)
        buf_printf(lines, "Expires: %u\r\n", (unsigned) s_granted);
    else if (h && sip_contact_parse(h->value, &c) == AHOY_OK && s_granted > 0)
        buf_printf(lines, "Contact: <sip:other@203.0.113.1>;expires=7777\r\nContact: <%.*s>;expires=%u\r\n",
                   VIEW_ARG(c.addr.uri), (unsigned) s_granted);
}

static void server_answers(struct reg_server *s, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct buf lines;
    unsigned status = s->status ? s->status : 200;
    buf_init(&lines, 8192);
    if (s->status && s->status_times && --s->status_times == 0)
        s->status = 0;
    if (s->lines)
        buf_str(&lines, s->lines);
    if (request->method == SIP_METHOD_REGISTER && status == 200) {
        if (s->min_expires_s && asked_s(request) > 0 && asked_s(request) < s->min_expires_s) {
            status = 423;
            buf_printf(&lines, "Min-Expires: %u\r\n", (unsigned) s->min_expires_s);
        } else {
            put_binding(s, request, &lines);
        }
    }
    if (request->method == SIP_METHOD_INVITE && status < 300)
        buf_str(&lines, "Contact: <sip:bob@192.0.2.77>\r\n");
    if (buf_err(&lines) == AHOY_OK)
        (void) sip_server_txn_reply(txn, status, buf_content(&lines));
    else
        sip_server_txn_release(txn);
    buf_fini(&lines);
}

static void on_cancelled(void *arg, struct sip_server_txn *txn, struct sip_msg *cancel)
{
    struct reg_server *s = arg;
    (void) cancel;
    s->held = NULL;
    (void) sip_server_txn_reply(txn, 487, (struct view){ 0 });
}

static void on_held_done(void *arg, struct sip_server_txn *txn)
{
    struct reg_server *s = arg;
    if (s->held == txn)
        s->held = NULL;
}

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct reg_server *s = arg;
    if (s->count < REG_MAX_GOT) {
        s->got_us[s->count] = sys_now_us(s->loop);
        s->proto[s->count] = sip_flow_proto(sip_server_txn_flow(txn));
        s->got[s->count++] = sip_msg_ref(request);
    }
    if (server_challenges(s, txn, request))
        return;
    if (s->ring && request->method == SIP_METHOD_INVITE)
        (void) sip_server_txn_reply(txn, s->ring, (struct view){ 0 });
    if (s->holds) {
        const struct sip_server_handler handler = { .cancelled = on_cancelled, .done = on_held_done, .arg = s };
        sip_server_txn_set_handler(txn, &handler);
        s->held = txn;
        return;
    }
    server_answers(s, txn, request);
}

static void on_ack(void *arg, struct sip_flow *flow, struct sip_msg *ack)
{
    (void) arg;
    (void) flow;
    (void) ack;
}

bool reg_server_up(struct reg_server *s)
{
    struct addr any = addr_any(ADDR_IP4, 5060);
    const struct sip_core_ops ops = { .request = on_request, .ack = on_ack, .arg = s };
    const struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    return sip_stack_create(&s->stack, s->loop, &cfg, &ops) == AHOY_OK
           && sip_stack_listen(s->stack, SIP_PROTO_UDP, &any, &s->udp) == AHOY_OK
           && sip_stack_listen(s->stack, SIP_PROTO_TCP, &any, &s->tcp) == AHOY_OK;
}

void reg_server_down(struct reg_server *s)
{
    sip_stack_destroy(s->stack);
    s->stack = NULL;
    s->held = NULL;
}

struct reg_server *reg_server(struct reg_world *w, const char *ip)
{
    struct reg_server *s = &w->server[w->servers];
    *s = (struct reg_server){ .w = w, .password = "secret" };
    if (sim_host(w->sim, ip, &s->host) != AHOY_OK || sys_loop_create(s->host, &s->loop) != AHOY_OK)
        return NULL;
    w->servers++;
    return reg_server_up(s) ? s : NULL;
}

bool reg_server_auth(struct reg_server *s, const struct sip_auth_server_config *cfg)
{
    struct sip_auth_server_config c = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    c = cfg ? *cfg : c;
    c.realm = "example.com";
    sip_auth_server_destroy(s->auth);
    s->auth = NULL;
    return sip_auth_server_create(&s->auth, &s->w->rng, &c) == AHOY_OK;
}

/* ---- the telephone ----------------------------------------------------------------------------------------------- */

static void phone_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    (void) arg;
    (void) request;
    if (sip_server_txn_reply(txn, 501, (struct view){ 0 }) != AHOY_OK)
        sip_server_txn_release(txn);
}

static void phone_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    struct reg_world *w = arg;
    if (w->flow_lost)
        w->flow_lost(w->flow_lost_arg, flow, err);
}

bool reg_init(struct t *t, struct reg_world *w, const struct sip_locator_config *cfg)
{
    struct addr any = addr_any(ADDR_IP4, 5060);
    const struct sip_core_ops ops = { .request = phone_request, .ack = on_ack, .flow_lost = phone_flow_lost, .arg = w };
    const struct sip_stack_config stack_cfg = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config locator_cfg = SIP_LOCATOR_CONFIG_DEFAULT;
    memset(w, 0, sizeof *w);
    buf_init(&w->log, 65536);
    rng_init_u64(&w->rng, 5);
    T_OK(sim_create(&w->sim, 11));
    T_OK(sim_host(w->sim, "192.0.2.1", &w->host));
    T_OK(sys_loop_create(w->host, &w->loop));
    T_OK(sip_stack_create(&w->stack, w->loop, &stack_cfg, &ops));
    T_OK(sip_stack_listen(w->stack, SIP_PROTO_UDP, &any, &w->udp));
    T_OK(sip_locator_create(&w->locator, w->stack, cfg ? cfg : &locator_cfg));
    T_OK(sip_auth_create(&w->auth, &w->rng));
    T_OK(sip_auth_add_host(w->auth, VIEW("example.com")));
    T_OK(sip_auth_set(w->auth, &(struct sip_auth_credential){ .user = VIEW("alice"), .password = VIEW("secret") }));
    return true;
out:
    return false;
}

void reg_fini(struct t *t, struct reg_world *w)
{
    (void) t;
    sip_request_destroy(w->rq);
    sip_locator_destroy(w->locator);
    sip_auth_destroy(w->auth);
    sip_stack_destroy(w->stack);
    for (size_t i = 0; i < REG_MAX_SERVERS; i++) {
        struct reg_server *s = &w->server[i];
        for (size_t k = 0; k < s->count; k++)
            sip_msg_unref(s->got[k]);
        sip_stack_destroy(s->stack);
        sip_auth_server_destroy(s->auth);
        if (s->loop)
            sys_loop_destroy(s->loop);
    }
    if (w->loop)
        sys_loop_destroy(w->loop);
    sim_destroy(w->sim);
    buf_fini(&w->log);
}

static void note(struct reg_world *w, const char *what, unsigned status)
{
    if (w->log.n)
        buf_str(&w->log, "; ");
    buf_str(&w->log, what);
    if (status)
        buf_u64(&w->log, status);
}

static void on_provisional(void *arg, struct sip_request *rq, struct sip_msg *response)
{
    (void) rq;
    note(arg, "", response->status);
}

static void on_final(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct reg_world *w = arg;
    note(w, "final ", out->status);
    if (!out->status)
        note(w, ahoy_err_name(out->err), 0);
    w->final = true;
    w->err = out->err;
    w->status = out->status;
    w->tries = out->tries;
    w->retry_after_s = out->has_retry_after ? out->retry_after_s : 0;
    w->unproven = out->server_unproven;
    if (w->destroy_in_final) {
        sip_request_destroy(rq);
        w->rq = NULL;
    }
}

static void on_more(void *arg, struct sip_request *rq, struct sip_msg *response)
{
    (void) rq;
    (void) response;
    note(arg, "more", 0);
}

static void on_ended(void *arg, struct sip_request *rq)
{
    (void) rq;
    note(arg, "ended", 0);
}

enum ahoy_err reg_send(struct reg_world *w, const char *method, const char *uri,
                       void (*more)(struct sip_request_config *))
{
    struct sip_request_config cfg = {
        .locator = w->locator,
        .auth = w->auth,
        .method = view_str(method),
        .uri = view_str(uri),
        .headers = VIEW("From: <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>\r\nCall-ID: one\r\n"
                        "Contact: <sip:alice@192.0.2.1>\r\n"),
    };
    const struct sip_request_handler handler = {
        .provisional = on_provisional, .final = on_final, .more = on_more, .ended = on_ended, .arg = w
    };
    if (more)
        more(&cfg);
    sip_request_destroy(w->rq);
    w->rq = NULL;
    w->final = false;
    buf_clear(&w->log);
    return sip_request_start(&w->rq, &cfg, &handler);
}

void reg_run(struct reg_world *w, int64_t ms)
{
    sim_run(w->sim, SYS_MS(ms));
}

static bool has_final(void *arg)
{
    return ((struct reg_world *) arg)->final;
}

bool reg_run_final(struct reg_world *w, int64_t limit_ms)
{
    return sim_run_until(w->sim, has_final, w, SYS_MS(limit_ms));
}

const char *reg_log(struct reg_world *w)
{
    return buf_cstr(&w->log);
}

bool reg_has(const struct sip_msg *m, const char *text)
{
    return m && (view_search(m->head, view_str(text)) < m->head.n || view_search(m->body, view_str(text)) < m->body.n);
}

uint32_t reg_cseq(struct sip_msg *m)
{
    const struct sip_core *core;
    return m && sip_msg_core(m, &core) == AHOY_OK ? core->cseq.number : 0;
}
