#include "server/exchange.h"

#include "base/mem.h"
#include "net/portowner.h"

#include <stdarg.h>
#include <stdio.h>

enum { SIP_PORT = 5060, ARENA_BYTES = 1 << 16, WHY_BYTES = 512, NEWS_BYTES = 400, SWEEP_S = 30 };

struct ahoy_exchange {
    struct exchange x;
};

struct exchange *exchange_of(struct ahoy_exchange *x)
{
    return &x->x;
}

/* ---- telling ------------------------------------------------------------------------------------------------------ */

void exchange_news(struct exchange *x, const char *fmt, ...)
{
    char line[NEWS_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log_write(&x->log, LOG_INFO, "exchange", "%s", line);
    if (x->news)
        x->news(x->news_arg, line);
}

void exchange_count_refused(struct exchange *x)
{
    sys_lock_take(&x->lock);
    x->counts.refused++;
    sys_lock_give(&x->lock);
}

static void log_line(void *arg, enum log_level level, const char *room, const char *line)
{
    struct exchange *x = arg;
    x->log_fn(x->log_arg, (enum ahoy_log_level) level, room, line);
}

static void on_trace(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                     const struct addr *peer, struct view raw)
{
    struct exchange *x = arg;
    char text[ADDR_TEXT_BYTES];
    struct view rest = raw, line;
    (void) local;
    if (view_line(&rest, &line))
        log_write(&x->log, LOG_DEBUG, "sip", "%s %s %s: %.*s", dir == SIP_TRACE_SENT ? "to" : "from",
                  sip_proto_name(proto), addr_print(peer, text), VIEW_ARG(line));
}

/* ---- whose URI ---------------------------------------------------------------------------------------------------- */

static bool is_our_port(const struct exchange *x, uint16_t port)
{
    for (size_t i = 0; i < x->transports; i++)
        if (sip_transport_local(x->transport[i])->port == (port > 0 ? port : SIP_PORT))
            return true;
    return false;
}

static bool is_our_ip(const struct exchange *x, const struct addr *ip)
{
    struct sys_iface iface[64];
    bool any = false;
    for (size_t i = 0; i < x->transports; i++) {
        const struct addr *local = sip_transport_local(x->transport[i]);
        if (addr_eq_ip(local, ip))
            return true;
        any |= addr_is_any(local);
    }
    if (!any)
        return false;
    size_t n = sys_host_ifaces(x->host, iface, AHOY_COUNT(iface));
    for (size_t i = 0; i < n; i++)
        if (addr_eq_ip(&iface[i].addr, ip))
            return true;
    return addr_is_loopback(ip);
}

bool exchange_is_self(const struct exchange *x, const struct sip_uri *u)
{
    struct addr ip;
    if (!is_our_port(x, u->port))
        return false;
    if (sip_uri_ip(u, &ip) == AHOY_OK)
        return is_our_ip(x, &ip);
    return x->domain ? view_ieq(u->host, view_str(x->domain)) : view_ieq(u->host, VIEW("localhost"));
}

bool exchange_is_ours(const struct exchange *x, const struct sip_uri *u)
{
    struct addr ip;
    if (exchange_is_self(x, u))
        return true;
    if (sip_uri_ip(u, &ip) == AHOY_OK)
        return false;
    return !x->domain || view_ieq(u->host, view_str(x->domain));
}

enum ahoy_err exchange_key(const struct sip_uri *u, char key[EXCHANGE_KEY_BYTES])
{
    struct buf b;
    buf_init(&b, 2 * EXCHANGE_KEY_BYTES);
    enum ahoy_err err = sip_uri_aor(u, &b);
    struct view aor = buf_content(&b), rest = aor;
    (void) view_cut(&rest, ':');
    size_t at = view_find(rest, '@');
    if (!err && (at == 0 || at == rest.n || !view_copy(view_first(rest, at), key, EXCHANGE_KEY_BYTES)))
        err = AHOY_ERR_SYNTAX;
    buf_fini(&b);
    return err;
}

/* ---- who ---------------------------------------------------------------------------------------------------------- */

enum exchange_auth exchange_authenticate(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *request, bool proxy,
                                         struct sip_auth_identity *who)
{
    struct buf extra;
    char peer[ADDR_TEXT_BYTES];
    int64_t now_ms = sys_now_us(x->loop) / 1000;
    if (x->open)
        return EXCHANGE_AUTH_OK;
    enum sip_auth_verdict v = sip_auth_server_verify(x->auth, now_ms, request, proxy, users_lookup, x->users, who);
    if (v == SIP_AUTH_VERDICT_OK)
        return EXCHANGE_AUTH_OK;
    if (v == SIP_AUTH_VERDICT_WRONG)
        exchange_news(x, "wrong user or password from %s", addr_print(sip_flow_peer(sip_server_txn_flow(txn)), peer));
    if (v == SIP_AUTH_VERDICT_WRONG || v == SIP_AUTH_VERDICT_BAD)
        exchange_count_refused(x);
    buf_init(&extra, 4096);
    unsigned status = v == SIP_AUTH_VERDICT_BAD ? 400 : v == SIP_AUTH_VERDICT_WRONG ? 403 : proxy ? 407 : 401;
    if ((status == 401 || status == 407)
        && sip_auth_server_challenge(x->auth, now_ms, proxy, v == SIP_AUTH_VERDICT_STALE, &extra))
        status = 500;
    (void) sip_server_txn_reply(txn, status, status == 500 ? view_of(NULL, 0) : buf_content(&extra));
    buf_fini(&extra);
    return EXCHANGE_AUTH_ANSWERED;
}

/* ---- the core: what the stack hands up ---------------------------------------------------------------------------- */

/* For a test number, or in a dialog with one, the exchange is an endpoint. */
static bool is_service(const struct exchange *x, const struct sip_msg *m)
{
    struct sip_uri u;
    return sip_uri_parse(m->uri, &u) == AHOY_OK && services_know(u.user) && exchange_is_ours(x, &u);
}

/* OPTIONS, or anything else, to the exchange itself. */
static bool is_for_us(const struct exchange *x, const struct sip_msg *m)
{
    struct sip_uri u;
    return sip_uri_parse(m->uri, &u) == AHOY_OK && view_empty(u.user) && exchange_is_ours(x, &u)
           && !sip_msg_first(m, SIP_HDR_ROUTE);
}

static bool is_admitted_to_service(struct exchange *x, struct sip_server_txn *txn, struct sip_msg *m)
{
    const struct sip_core *core;
    struct sip_auth_identity who;
    if (m->method != SIP_METHOD_INVITE || sip_msg_core(m, &core) || !view_empty(core->to_tag))
        return true;
    return exchange_authenticate(x, txn, m, true, &who) == EXCHANGE_AUTH_OK;
}

static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    struct exchange *x = arg;
    sys_lock_take(&x->lock);
    x->counts.requests++;
    sys_lock_give(&x->lock);
    if (x->stopping)
        (void) sip_server_txn_reply(txn, 503, view_of(NULL, 0));
    else if (request->method == SIP_METHOD_REGISTER && (is_for_us(x, request) || !sip_msg_first(request, SIP_HDR_ROUTE)))
        registrar_request(x, txn, request);
    else if (is_for_us(x, request))
        x->ua_core.request(x->ua_core.arg, txn, request);
    else if (!is_service(x, request))
        proxy_request(x, txn, request);
    else if (is_admitted_to_service(x, txn, request))
        x->ua_core.request(x->ua_core.arg, txn, request);
}

static void on_ack(void *arg, struct sip_flow *flow, struct sip_msg *ack)
{
    struct exchange *x = arg;
    if (is_service(x, ack))
        x->ua_core.ack(x->ua_core.arg, flow, ack);
    else
        proxy_ack(x, ack);
}

static void on_sweep(void *arg)
{
    struct exchange *x = arg;
    size_t n = location_sweep(x->location, sys_wall_ms(x->loop));
    sys_lock_take(&x->lock);
    x->counts.bindings = (uint32_t) n;
    sys_lock_give(&x->lock);
    sys_timer_start(x->loop, &x->sweep, SYS_S(SWEEP_S));
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static void explain_listen(const char *what, const struct addr *local, enum sip_proto proto, enum ahoy_err err, char *why,
                           size_t why_size)
{
    struct portowner owner;
    char text[PORTOWNER_TEXT_BYTES] = "";
    if (err == AHOY_ERR_ADDR_IN_USE
        && portowner_find(proto == SIP_PROTO_TCP ? PORTOWNER_TCP : PORTOWNER_UDP, local, &owner) == AHOY_OK)
        portowner_text(&owner, local->port, text);
    snprintf(why, why_size, "cannot listen on %s: %s%s%s", what, ahoy_err_text(err), text[0] ? ": " : "", text);
}

static enum ahoy_err listen_at(struct exchange *x, const char *what, char *why, size_t why_size)
{
    struct view rest = view_str(what), scheme = view_cut(&rest, ':');
    enum sip_proto proto = sip_proto_of(scheme);
    struct addr local;
    if ((proto != SIP_PROTO_UDP && proto != SIP_PROTO_TCP) || addr_parse(rest, SIP_PORT, &local)) {
        snprintf(why, why_size, "'%s' is not udp:ADDRESS:PORT or tcp:ADDRESS:PORT", what);
        return AHOY_ERR_CONFIG;
    }
    if (x->transports == EXCHANGE_MAX_TRANSPORTS)
        return AHOY_ERR_LIMIT;
    enum ahoy_err err = sip_stack_listen(x->stack, proto, &local, &x->transport[x->transports]);
    if (err)
        explain_listen(what, &local, proto, err, why, why_size);
    else
        x->transports++;
    return err;
}

static enum ahoy_err listen_all(struct exchange *x, const struct ahoy_exchange_config *cfg, char *why, size_t why_size)
{
    static const char *const everywhere[] = { "udp:0.0.0.0:5060", "tcp:0.0.0.0:5060" };
    const char *const *list = cfg->listen_count > 0 ? cfg->listens : everywhere;
    size_t n = cfg->listen_count > 0 ? cfg->listen_count : AHOY_COUNT(everywhere);
    enum ahoy_err err = AHOY_OK;
    for (size_t i = 0; !err && i < n; i++)
        err = listen_at(x, list[i], why, why_size);
    return err;
}

static enum ahoy_err load_users(struct exchange *x, const struct ahoy_exchange_config *cfg, char *why, size_t why_size)
{
    enum ahoy_err err = users_create(&x->users, sip_stack_rng(x->stack));
    if (!err && cfg->users_file)
        err = users_load(x->users, cfg->users_file, why, why_size);
    for (size_t i = 0; !err && i < cfg->user_count; i++)
        if ((err = users_add(x->users, view_str(cfg->users[i]))) == AHOY_ERR_SYNTAX) {
            snprintf(why, why_size, "a user must be given as NAME:PASSWORD");
            err = AHOY_ERR_CONFIG;
        }
    if (!err && !x->open && users_count(x->users) == 0) {
        snprintf(why, why_size, "nobody could register: name users with --users FILE or --user NAME:PASSWORD, or say --open");
        err = AHOY_ERR_CONFIG;
    }
    return err;
}

static enum ahoy_err make_stack(struct exchange *x)
{
    struct sip_core_ops core = { .request = on_request, .ack = on_ack, .arg = x };
    struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    struct sip_ua_config ua = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .incoming = services_incoming, .arg = x };
    struct sip_locator_config locator = SIP_LOCATOR_CONFIG_DEFAULT;
    struct sip_auth_server_config auth = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    enum ahoy_err err = sip_ua_create(&x->ua, &ua, &ops);
    if (err)
        return err;
    sip_ua_core(x->ua, &x->ua_core);
    cfg.proxy = true;
    cfg.user_agent = "Ahoy/" AHOY_VERSION " exchange";
    cfg.log = &x->log;
    cfg.trace = on_trace;
    cfg.trace_arg = x;
    if ((err = sip_stack_create(&x->stack, x->loop, &cfg, &core))
        || (err = sip_locator_create(&x->locator, x->stack, &locator)) || (err = sip_ua_start(x->ua, x->locator)))
        return err;
    auth.realm = x->realm;
    sys_host_random(x->host, x->branch_key, sizeof x->branch_key);
    return sip_auth_server_create(&x->auth, sip_stack_rng(x->stack), &auth);
}

static const char *keep(struct exchange *x, const char *s, bool *ok)
{
    struct view v = { 0 };
    if (s && !arena_view(&x->arena, view_str(s), &v))
        *ok = false;
    return v.p;
}

static enum ahoy_err fill(struct exchange *x, struct sys_host *host, const struct ahoy_exchange_config *cfg, char *why,
                          size_t why_size)
{
    bool ok = true;
    enum ahoy_err err;
    x->domain = keep(x, cfg->domain, &ok);
    x->realm = keep(x, cfg->realm ? cfg->realm : cfg->domain ? cfg->domain : "ahoy", &ok);
    if (!ok)
        return AHOY_ERR_NOMEM;
    x->open = cfg->open;
    x->host = host;
    if (!host) {
        if ((err = sys_host_real(&x->host)))
            return err;
        x->own_host = true;
    }
    struct media_engine_config media = { .log = &x->log };
    if ((err = sys_loop_create(x->host, &x->loop)))
        return err;
    media.loop = x->loop;
    if ((err = media_engine_create(&x->media, &media)) || (err = make_stack(x))
        || (err = load_users(x, cfg, why, why_size)) || (err = location_open(&x->location, cfg->database, why, why_size))
        || (err = listen_all(x, cfg, why, why_size)))
        return err;
    x->counts.users = (uint32_t) users_count(x->users);
    sys_timer_init(&x->sweep, on_sweep, x);
    sys_timer_start(x->loop, &x->sweep, SYS_S(SWEEP_S));
    return sys_loop_spawn(x->loop, "ahoy-exchange");
}

static void exchange_free(struct ahoy_exchange *a)
{
    struct exchange *x = &a->x;
    sys_timer_stop(&x->sweep);
    if (x->ua)
        sip_ua_stop(x->ua);
    proxy_drop_all(x);
    sip_locator_destroy(x->locator);
    sip_stack_destroy(x->stack);
    sip_ua_destroy(x->ua);
    sip_auth_server_destroy(x->auth);
    media_engine_destroy(x->media);
    location_close(x->location);
    users_destroy(x->users);
    if (x->loop)
        sys_loop_destroy(x->loop);
    if (x->own_host)
        sys_host_destroy(x->host);
    sys_lock_fini(&x->lock);
    arena_fini(&x->arena);
    mem_free(a);
}

enum ahoy_err exchange_create_on(struct ahoy_exchange **out, struct sys_host *host,
                                 const struct ahoy_exchange_config *cfg, char *why, size_t why_size)
{
    char own_why[WHY_BYTES];
    if (!why || why_size == 0) {
        why = own_why;
        why_size = sizeof own_why;
    }
    why[0] = '\0';
    struct ahoy_exchange *a = mem_zalloc(sizeof *a);
    if (!a)
        return AHOY_ERR_NOMEM;
    struct exchange *x = &a->x;
    arena_init(&x->arena, ARENA_BYTES);
    sys_lock_init(&x->lock);
    list_init(&x->forwards);
    list_init(&x->acks);
    list_init(&x->services);
    x->log = (struct log){ .level = (enum log_level) cfg->log_level, .sink = cfg->log ? log_line : NULL, .arg = x };
    x->log_fn = cfg->log;
    x->log_arg = cfg->log_arg;
    x->news = cfg->news;
    x->news_arg = cfg->news_arg;
    enum ahoy_err err = fill(x, host, cfg, why, why_size);
    if (err) {
        if (!why[0])
            snprintf(why, why_size, "%s", ahoy_err_text(err));
        exchange_free(a);
        return err;
    }
    *out = a;
    return AHOY_OK;
}

enum ahoy_err ahoy_exchange_create(struct ahoy_exchange **out, const struct ahoy_exchange_config *cfg, char *why,
                                   size_t why_size)
{
    return exchange_create_on(out, NULL, cfg, why, why_size);
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

void exchange_check_stopped(struct exchange *x)
{
    if (!x->stopping || !list_empty(&x->services))
        return;
    sys_lock_take(&x->lock);
    x->stopped = true;
    sys_lock_signal(&x->lock);
    sys_lock_give(&x->lock);
}

/* Sound is closed in order; what is being forwarded is dropped with the stack. */
static void run_stop(struct sys_msg *msg)
{
    struct exchange *x = AHOY_CONTAINER_OF(msg, struct exchange, stop_msg);
    x->stopping = true;
    services_hang_up_all(x);
    exchange_check_stopped(x);
}

void exchange_stop(struct ahoy_exchange *a)
{
    a->x.stop_msg.fn = run_stop;
    sys_post(a->x.loop, &a->x.stop_msg);
}

bool exchange_stopped(struct ahoy_exchange *a)
{
    sys_lock_take(&a->x.lock);
    bool stopped = a->x.stopped;
    sys_lock_give(&a->x.lock);
    return stopped;
}

void ahoy_exchange_destroy(struct ahoy_exchange *a)
{
    if (!a)
        return;
    if (a->x.own_host) {
        exchange_stop(a);
        sys_lock_take(&a->x.lock);
        while (!a->x.stopped)
            (void) sys_lock_wait(&a->x.lock, -1);
        sys_lock_give(&a->x.lock);
    }
    sys_loop_join(a->x.loop);
    exchange_free(a);
}

/* ---- questions ---------------------------------------------------------------------------------------------------- */

char **ahoy_exchange_listening(struct ahoy_exchange *a)
{
    enum { TEXT = 80 };
    struct exchange *x = &a->x;
    char **list = mem_zalloc((x->transports + 1) * sizeof *list + x->transports * TEXT);
    if (!list)
        return NULL;
    char *at = (char *) (list + x->transports + 1);
    for (size_t i = 0; i < x->transports; i++, at += TEXT) {
        char addr[ADDR_TEXT_BYTES];
        addr_print(sip_transport_local(x->transport[i]), addr);
        snprintf(at, TEXT, "%s:%s", sip_transport_proto(x->transport[i]) == SIP_PROTO_TCP ? "tcp" : "udp", addr);
        list[i] = at;
    }
    return list;
}

void ahoy_exchange_counts(struct ahoy_exchange *a, struct ahoy_exchange_counts *out)
{
    sys_lock_take(&a->x.lock);
    *out = a->x.counts;
    sys_lock_give(&a->x.lock);
}
