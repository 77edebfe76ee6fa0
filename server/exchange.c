#include "server/exchange.h"

#include "base/mem.h"
#include "net/portowner.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    SIP_PORT = 5060,
    ARENA_BYTES = 1 << 16,
    WHY_BYTES = 512,
    NEWS_BYTES = 400,
    SWEEP_S = 30,
    PATIENCE_MS = 2000,
    MAX_CONNECTIONS = 16384,
    NO_SWITCH_BYTES =
        1 << 17, /* a telephone that registered by UDP is not tried by TCP for a long INVITE: behind its NAT
                                  that costs seconds and fails */
};

struct ahoy_exchange {
    struct exchange x;
};

struct exchange *exchange_of(struct ahoy_exchange *x)
{
    return &x->x;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

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

static void log_line(void *arg, enum log_level level, const char *room, const char *line)
{
    struct exchange *x = arg;
    x->log_fn(x->log_arg, (enum ahoy_log_level) level, room, line);
}

/* A line of a message without what nobody else may read: credentials and keys. */
static void trace_line(const struct exchange *x, struct view line)
{
    static const struct view secrets[] = {
        { "authorization:", 14 }, { "proxy-authorization:", 20 }, { "a=crypto:", 9 }, { "k=", 2 }
    };
    for (size_t i = 0; i < AHOY_COUNT(secrets); i++)
        if (view_istarts(line, secrets[i])) {
            log_write(&x->log, LOG_DEBUG, "sip", "  %.*s ...", VIEW_ARG(view_first(line, secrets[i].n)));
            return;
        }
    log_write(&x->log, LOG_DEBUG, "sip", "  %.*s", VIEW_ARG(line));
}

static void on_trace(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                     const struct addr *peer, struct view raw)
{
    struct exchange *x = arg;
    char text[ADDR_TEXT_BYTES];
    struct view rest = raw, line;
    (void) local;
    log_write(&x->log, LOG_DEBUG, "sip", "%s %s %s", dir == SIP_TRACE_SENT ? "to" : "from", sip_proto_name(proto),
              addr_print(peer, text));
    while (view_line(&rest, &line))
        trace_line(x, line);
}

/* ---- housekeeping ------------------------------------------------------------------------------------------------ */

static void on_sweep(void *arg)
{
    struct exchange *x = arg;
    location_sweep(x->location, sys_wall_ms(x->loop));
    calls_sweep(x);
    kept_sweep(x);
    sys_timer_start(x->loop, &x->sweep, SYS_S(SWEEP_S));
}

static void on_patience(void *arg)
{
    services_drop_all(arg);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void explain_listen(const char *what, const struct addr *local, enum sip_proto proto, enum ahoy_err err,
                           char *why, size_t why_size)
{
    struct portowner owner;
    char text[PORTOWNER_TEXT_BYTES] = "";
    if (err == AHOY_ERR_ADDR_IN_USE
        && portowner_find(proto == SIP_PROTO_TCP ? PORTOWNER_TCP : PORTOWNER_UDP, local, &owner) == AHOY_OK)
        portowner_text(&owner, local->port, text);
    snprintf(why, why_size, "cannot listen on %s: %s%s%s", what, ahoy_err_text(err), text[0] ? ": " : "", text);
}

static enum ahoy_err listen_one(struct exchange *x, enum sip_proto proto, struct addr *local)
{
    if (x->transports == EXCHANGE_MAX_TRANSPORTS)
        return AHOY_ERR_LIMIT;
    enum ahoy_err err = sip_stack_listen(x->stack, proto, local, &x->transport[x->transports]);
    if (!err)
        local->port = sip_transport_local(x->transport[x->transports++])->port;
    return err;
}

/* What is named: one transport of "udp:ADDR:PORT", both of "ADDR:PORT", on one port. */
static enum ahoy_err listen_at(struct exchange *x, const char *what, char *why, size_t why_size)
{
    enum { TRIES = 8 }; /* of port 0: one that UDP has may be taken for TCP */
    struct view rest = view_str(what), scheme = view_cut(&rest, ':');
    enum sip_proto only = sip_proto_of(scheme);
    struct addr wanted, local;
    if (only != SIP_PROTO_UDP && only != SIP_PROTO_TCP) {
        only = SIP_PROTO_UNKNOWN;
        rest = view_str(what);
    }
    if (addr_parse(rest, SIP_PORT, &wanted)) {
        snprintf(why, why_size,
                 "'%s' is no address to listen on; it should look like 127.0.0.1:5060, udp:127.0.0.1:5060 "
                 "or tcp:[::]:5060",
                 what);
        return AHOY_ERR_CONFIG;
    }
    enum sip_proto proto = SIP_PROTO_UDP;
    enum ahoy_err err = AHOY_OK;
    size_t before = x->transports;
    for (int i = 0; i < TRIES; i++) {
        local = wanted;
        proto = only != SIP_PROTO_UNKNOWN ? only : SIP_PROTO_UDP;
        err = listen_one(x, proto, &local);
        if (!err && only == SIP_PROTO_UNKNOWN)
            err = listen_one(x, proto = SIP_PROTO_TCP, &local);
        if (!err)
            return AHOY_OK;
        while (x->transports > before)
            sip_transport_close(x->transport[--x->transports]);
        if (err != AHOY_ERR_ADDR_IN_USE || wanted.port != 0)
            break;
    }
    explain_listen(what, &local, proto, err, why, why_size);
    return err;
}

static enum ahoy_err listen_all(struct exchange *x, const struct ahoy_exchange_config *cfg, char *why, size_t why_size)
{
    enum ahoy_err err = AHOY_OK;
    for (size_t i = 0; !err && i < cfg->listen_count; i++)
        err = listen_at(x, cfg->listens[i], why, why_size);
    if (cfg->listen_count > 0)
        return err;
    char unheard[200]; /* a machine without IPv6 is served by IPv4 alone */
    err = listen_at(x, "0.0.0.0", why, why_size);
    if (!err && listen_at(x, "[::]", unheard, sizeof unheard))
        log_write(&x->log, LOG_INFO, "exchange", "not listening on IPv6");
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
        snprintf(why, why_size,
                 "nobody could register: name users with --users FILE or --user NAME:PASSWORD, or say --open");
        err = AHOY_ERR_CONFIG;
    }
    return err;
}

static void map_init_random(struct exchange *x, struct map *m)
{
    uint8_t seed[16];
    rng_bytes(sip_stack_rng(x->stack), seed, sizeof seed);
    map_init(m, seed);
}

static enum ahoy_err make_stack(struct exchange *x)
{
    struct sip_core_ops core;
    struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    struct sip_ua_config ua = SIP_UA_CONFIG_DEFAULT;
    ua.max_invites = EXCHANGE_MAX_SERVICES;
    ua.methods &= ~SIP_UA_METHOD(INFO); /* the test numbers have no use for keys */
    struct sip_ua_ops ops = { .incoming = services_incoming, .arg = x };
    struct sip_locator_config locator = SIP_LOCATOR_CONFIG_DEFAULT;
    enum ahoy_err err = sip_ua_create(&x->ua, &ua, &ops);
    if (err)
        return err;
    sip_ua_core(x->ua, &x->ua_core);
    exchange_core(x, &core);
    cfg.proxy = true;
    cfg.mtu_bytes = NO_SWITCH_BYTES;
    cfg.max_connections = MAX_CONNECTIONS;
    cfg.user_agent = "Ahoy/" AHOY_VERSION " exchange";
    cfg.log = &x->log;
    cfg.trace = x->trace ? on_trace : NULL;
    cfg.trace_arg = x;
    if ((err = sip_stack_create(&x->stack, x->loop, &cfg, &core))
        || (err = sip_locator_create(&x->locator, x->stack, &locator)) || (err = sip_ua_start(x->ua, x->locator)))
        return err;
    map_init_random(x, &x->calls);
    map_init_random(x, &x->kept);
    return AHOY_OK;
}

static enum ahoy_err make_guard(struct exchange *x)
{
    struct sip_auth_server_config auth = SIP_AUTH_SERVER_CONFIG_DEFAULT;
    auth.realm = x->realm;
    auth.offered = users_algs(x->users, auth.algs);
    return sip_auth_server_create(&x->auth, sip_stack_rng(x->stack), &auth);
}

/* The key lives with the bindings: dialogs that were routed through us before a restart still are afterwards. */
static enum ahoy_err open_location(struct exchange *x, const struct ahoy_exchange_config *cfg, char *why,
                                   size_t why_size)
{
    enum ahoy_err err = location_open(&x->location, cfg->database, why, why_size);
    if (err)
        return err;
    sys_host_random(x->host, x->key, sizeof x->key);
    if ((err = location_secret(x->location, x->key, sizeof x->key)))
        snprintf(why, why_size, "the location database cannot be written");
    return err;
}

static void run_begin(struct sys_msg *msg)
{
    struct exchange *x = AHOY_CONTAINER_OF(msg, struct exchange, begin_msg);
    sys_lock_take(&x->lock);
    x->thread = pthread_self();
    x->has_thread = true;
    sys_lock_give(&x->lock);
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
    x->trace = cfg->trace && cfg->log;
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
        || (err = load_users(x, cfg, why, why_size)) || (err = make_guard(x))
        || (err = open_location(x, cfg, why, why_size)) || (err = listen_all(x, cfg, why, why_size)))
        return err;
    sys_timer_start(x->loop, &x->sweep, SYS_S(SWEEP_S));
    x->begin_msg.fn = run_begin;
    sys_post(x->loop, &x->begin_msg);
    return sys_loop_spawn(x->loop, "ahoy-exchange");
}

static void exchange_free(struct ahoy_exchange *a)
{
    struct exchange *x = &a->x;
    sys_timer_stop(&x->sweep);
    sys_timer_stop(&x->patience);
    if (x->ua)
        sip_ua_stop(x->ua);
    proxy_drop_all(x);
    calls_drop_all(x);
    kept_drop_all(x);
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
    list_init(&x->call_ages);
    list_init(&x->kept_all);
    sys_timer_init(&x->sweep, on_sweep, x);
    sys_timer_init(&x->patience, on_patience, x);
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

/* ---- ending ------------------------------------------------------------------------------------------------------ */

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
    sys_timer_start(x->loop, &x->patience, SYS_MS(PATIENCE_MS));
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

/* ---- questions --------------------------------------------------------------------------------------------------- */

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

/* On the loop, or where no loop runs meanwhile. */
static void count(struct exchange *x)
{
    struct sip_stack_counts n;
    sip_stack_counts(x->stack, &n);
    size_t bindings = location_count(x->location, sys_wall_ms(x->loop));
    sys_lock_take(&x->lock);
    x->counts.users = (uint32_t) users_count(x->users);
    x->counts.bindings = (uint32_t) bindings;
    x->counts.calls = (uint32_t) (x->calls.count + x->service_count);
    x->counts.transactions = (uint32_t) (n.client_txns + n.server_txns);
    x->shown = x->counts;
    sys_lock_give(&x->lock);
}

static void run_count(struct sys_msg *msg)
{
    struct exchange *x = AHOY_CONTAINER_OF(msg, struct exchange, counts_msg);
    count(x);
    sys_lock_take(&x->lock);
    x->counting = false;
    x->counted++;
    sys_lock_signal(&x->lock);
    sys_lock_give(&x->lock);
}

void ahoy_exchange_counts(struct ahoy_exchange *a, struct ahoy_exchange_counts *out)
{
    struct exchange *x = &a->x;
    sys_lock_take(&x->lock);
    bool on_loop = !x->own_host || (x->has_thread && pthread_equal(x->thread, pthread_self()));
    sys_lock_give(&x->lock);
    if (on_loop)
        count(x);
    sys_lock_take(&x->lock);
    if (!on_loop) {
        uint64_t before = x->counted;
        if (!x->counting) {
            x->counting = true;
            x->counts_msg.fn = run_count;
            sys_post(x->loop, &x->counts_msg);
        }
        while (x->counted == before)
            (void) sys_lock_wait(&x->lock, -1);
    }
    *out = x->shown;
    sys_lock_give(&x->lock);
}
