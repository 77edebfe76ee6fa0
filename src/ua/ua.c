#include "ua/impl.h"

#include "base/mem.h"
#include "net/portowner.h"

#include <stdio.h>

enum { SIP_PORT = 5060 };

/* ---- events ------------------------------------------------------------------------------------------------------ */

int64_t ua_time_ms(const struct ua *ua)
{
    return (sys_clock_us(ua->loop) - ua->started_us) / 1000;
}

void ua_emit(struct ua *ua, struct ahoy_event *event)
{
    event->time_ms = ua_time_ms(ua);
    ua->config.emit(ua->config.emit_arg, event);
}

void ua_result(struct ua *ua, ahoy_command_id command, enum ahoy_err err, unsigned status, const char *text,
               uint32_t took_ms)
{
    if (command == 0)
        return;
    struct ahoy_event e = { .type = AHOY_EVENT_RESULT };
    e.result.command = command;
    e.result.err = err;
    e.result.sip_status = (uint16_t) status;
    e.result.text = text ? text : ahoy_err_text(err);
    e.result.took_ms = took_ms;
    ua_emit(ua, &e);
}

static enum ahoy_transport transport_of(enum sip_proto proto)
{
    switch (proto) {
    case SIP_PROTO_TCP: return AHOY_TRANSPORT_TCP;
    case SIP_PROTO_TLS: return AHOY_TRANSPORT_TLS;
    case SIP_PROTO_WS: return AHOY_TRANSPORT_WS;
    case SIP_PROTO_WSS: return AHOY_TRANSPORT_WSS;
    default: return AHOY_TRANSPORT_UDP;
    }
}

static void on_trace(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                     const struct addr *peer, struct view raw)
{
    struct ua *ua = arg;
    char from[ADDR_TEXT_BYTES], to[ADDR_TEXT_BYTES];
    struct buf masked;
    if (!ua->trace)
        return;
    buf_init(&masked, 4 * raw.n + 64); /* a mask may be longer than what it hides */
    ua_mask(raw, &masked);
    struct ahoy_event e = { .type = AHOY_EVENT_TRACE };
    e.trace.sent = dir == SIP_TRACE_SENT;
    e.trace.transport = transport_of(proto);
    e.trace.local = addr_print(local, from);
    e.trace.peer = addr_print(peer, to);
    e.trace.text = buf_cstr(&masked);
    e.trace.text_bytes = masked.n;
    if (!buf_err(&masked))
        ua_emit(ua, &e);
    buf_fini(&masked);
}

void ua_set_trace(struct ua *ua, bool on)
{
    ua->trace = on;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

static enum ahoy_err listen_one(struct ua *ua, enum sip_proto proto, struct addr *local)
{
    if (ua->transports == UA_MAX_TRANSPORTS)
        return AHOY_ERR_LIMIT;
    struct sip_transport *t;
    enum ahoy_err err = sip_stack_listen(ua->stack, proto, local, &t);
    if (err)
        return err;
    ua->transport[ua->transports++] = t;
    local->port = sip_transport_local(t)->port;
    return AHOY_OK;
}

static void close_last(struct ua *ua, size_t down_to)
{
    while (ua->transports > down_to)
        sip_transport_close(ua->transport[--ua->transports]);
}

/* UDP and TCP, on one port, as the configuration says. */
static enum ahoy_err listen_at(struct ua *ua, const struct addr *wanted)
{
    enum ahoy_transport t = ua->config.engine->transport;
    size_t before = ua->transports;
    enum ahoy_err err = AHOY_OK;
    for (int tries = 0; tries < 8; tries++) {
        struct addr local = *wanted;
        err = t != AHOY_TRANSPORT_TCP ? listen_one(ua, SIP_PROTO_UDP, &local) : AHOY_OK;
        if (!err && t != AHOY_TRANSPORT_UDP)
            err = listen_one(ua, SIP_PROTO_TCP, &local);
        if (!err)
            return AHOY_OK;
        close_last(ua, before);
        if (err != AHOY_ERR_ADDR_IN_USE || wanted->port != 0)
            break; /* with port 0 another try finds another port that is free for both */
    }
    return err;
}

/* "0.0.0.0:5060 is taken: Port 5060 is held by asterisk (pid 812)"; returns dst. */
static const char *say_taken(const struct ua *ua, const struct addr *local, char *dst, size_t size)
{
    char text[ADDR_TEXT_BYTES], holder[PORTOWNER_TEXT_BYTES] = "";
    struct portowner owner;
    bool tcp = ua->config.engine->transport == AHOY_TRANSPORT_TCP;
    if (portowner_find(tcp ? PORTOWNER_TCP : PORTOWNER_UDP, local, &owner) == AHOY_OK
        || portowner_find(PORTOWNER_TCP, local, &owner) == AHOY_OK)
        portowner_text(&owner, local->port, holder);
    snprintf(dst, size, "%s is taken%s%s", addr_print(local, text), holder[0] ? ": " : "", holder);
    return dst;
}

static void explain(const struct ua *ua, const struct addr *local, enum ahoy_err err, char *why, size_t why_size)
{
    char text[ADDR_TEXT_BYTES], taken[ADDR_TEXT_BYTES + PORTOWNER_TEXT_BYTES + 16];
    addr_print(local, text);
    if (err == AHOY_ERR_ADDR_IN_USE)
        snprintf(why, why_size, "%s; choose another with --bind, or port 0 for any",
                 say_taken(ua, local, taken, sizeof taken));
    else if (err == AHOY_ERR_ADDR_UNAVAILABLE)
        snprintf(why, why_size, "%s is not an address of this machine; see `ip address`", text);
    else
        snprintf(why, why_size, "cannot listen on %s: %s", text, ahoy_err_text(err));
}

/* Nothing was named: everywhere, at the usual port or, when that is taken, at any other. */
static enum ahoy_err listen_anywhere(struct ua *ua, char *why, size_t why_size)
{
    struct addr any = addr_any(ADDR_IP4, SIP_PORT);
    enum ahoy_err err = listen_at(ua, &any);
    if (err == AHOY_ERR_ADDR_IN_USE) {
        char taken[ADDR_TEXT_BYTES + PORTOWNER_TEXT_BYTES + 16];
        log_write(ua->config.log, ua->config.engine->any_port ? LOG_INFO : LOG_WARN, "ua", "%s; using another port",
                  say_taken(ua, &any, taken, sizeof taken));
        any.port = 0;
        err = listen_at(ua, &any);
    }
    if (err) {
        explain(ua, &any, err, why, why_size);
        return err;
    }
    struct addr any6 = addr_any(ADDR_IP6, sip_transport_local(ua->transport[0])->port);
    if (listen_at(ua, &any6)) /* a machine without IPv6, or the port is taken there: IPv4 alone will do */
        log_write(ua->config.log, LOG_INFO, "ua", "not listening on IPv6");
    return AHOY_OK;
}

static enum ahoy_err listen_all(struct ua *ua, char *why, size_t why_size)
{
    const struct ahoy_engine_config *cfg = ua->config.engine;
    if (cfg->bind_count == 0)
        return listen_anywhere(ua, why, why_size);
    for (size_t i = 0; i < cfg->bind_count; i++) {
        struct addr local;
        bool port_named = true;
        if (addr_parse(view_str(cfg->binds[i]), 0, &local)) {
            snprintf(why, why_size, "'%s' is not ADDRESS[:PORT] with a port of at most 65535", cfg->binds[i]);
            return AHOY_ERR_INVAL;
        }
        struct addr with_default;
        if (addr_parse(view_str(cfg->binds[i]), SIP_PORT, &with_default) == AHOY_OK
            && with_default.port != local.port) {
            local.port = SIP_PORT; /* no port was named: the usual one, or any */
            port_named = false;
        }
        enum ahoy_err err = listen_at(ua, &local);
        if (err == AHOY_ERR_ADDR_IN_USE && !port_named) {
            local.port = 0;
            err = listen_at(ua, &local);
        }
        if (err) {
            explain(ua, &local, err, why, why_size);
            return err;
        }
    }
    return AHOY_OK;
}

bool ua_listening(const struct ua *ua, size_t i, char text[80])
{
    char addr[ADDR_TEXT_BYTES];
    if (i >= ua->transports)
        return false;
    addr_print(sip_transport_local(ua->transport[i]), addr);
    snprintf(text, 80, "%s:%s", sip_transport_proto(ua->transport[i]) == SIP_PROTO_TCP ? "tcp" : "udp", addr);
    return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void on_flow_lost(void *arg, struct sip_flow *flow, enum ahoy_err err)
{
    (void) err;
    ua_accounts_flow_lost(arg, flow);
}

static void on_addresses(void *arg)
{
    struct ua *ua = arg;
    struct ahoy_event e = { .type = AHOY_EVENT_NETWORK };
    sip_locator_network_changed(ua->locator);
    ua_accounts_network_changed(ua);
    ua_emit(ua, &e);
}

/* Somebody in a call who wants to pass it on and cannot is worth a word to the other one; anybody can send the rest. */
static void on_unknown(void *arg, const struct sip_msg *request, bool in_dialog)
{
    const struct ua *ua = arg;
    if (in_dialog && request->method == SIP_METHOD_REFER)
        log_write(ua->config.log, LOG_WARN, "ua",
                  "the other side wanted to transfer the call, which is not built in yet: it was told so (405)");
    else
        log_write(ua->config.log, LOG_INFO, "ua", "refused a request that is not built in: %s",
                  request->method == SIP_METHOD_UNKNOWN ? "an unknown one" : sip_method_name(request->method));
}

static enum ahoy_err make_stack(struct ua *ua)
{
    struct sip_ua_config core_cfg = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = {
        .incoming = ua_call_incoming, .unknown = on_unknown, .flow_lost = on_flow_lost, .arg = ua
    };
    enum ahoy_err err = sip_ua_create(&ua->core, &core_cfg, &ops);
    if (err)
        return err;
    struct sip_core_ops core;
    sip_ua_core(ua->core, &core);
    struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    cfg.user_agent = ua->config.engine->user_agent;
    cfg.log = ua->config.log;
    cfg.trace = on_trace;
    cfg.trace_arg = ua;
    if (ua->config.engine->t1_ms > 0)
        cfg.timers = (struct sip_timers){ .t1_ms = ua->config.engine->t1_ms,
                                          .t2_ms = 8 * ua->config.engine->t1_ms,
                                          .t4_ms = 10 * ua->config.engine->t1_ms };
    if ((err = sip_stack_create(&ua->stack, ua->loop, &cfg, &core)))
        return err;
    struct sip_locator_config locator = SIP_LOCATOR_CONFIG_DEFAULT;
    if (ua->config.engine->transport == AHOY_TRANSPORT_TCP)
        locator.protos[0] = SIP_PROTO_TCP, locator.protos[1] = SIP_PROTO_UNKNOWN;
    else if (ua->config.engine->transport == AHOY_TRANSPORT_UDP)
        locator.protos[1] = SIP_PROTO_UNKNOWN;
    if ((err = sip_locator_create(&ua->locator, ua->stack, &locator)))
        return err;
    return sip_ua_start(ua->core, ua->locator);
}

static void linger_over(void *arg);

enum ahoy_err ua_create(struct ua **out, const struct ua_config *cfg, char *why, size_t why_size)
{
    why[0] = '\0';
    struct ua *ua = mem_zalloc(sizeof *ua);
    if (!ua)
        return AHOY_ERR_NOMEM;
    ua->config = *cfg;
    ua->loop = cfg->loop;
    ua->trace = cfg->engine->trace;
    ua->started_us = sys_clock_us(cfg->loop);
    list_init(&ua->accounts);
    list_init(&ua->retired);
    list_init(&ua->calls);
    list_init(&ua->conferences);
    list_init(&ua->pings);
    list_init(&ua->exams);
    list_init(&ua->reports);
    sys_timer_init(&ua->linger, linger_over, ua);
    sys_timer_init(&ua->tone_timer, ua_tones_over, ua);
    struct media_engine_config media = { .loop = cfg->loop,
                                         .port_low = cfg->engine->media_port_low,
                                         .port_high = cfg->engine->media_port_high,
                                         .log = cfg->log };
    enum ahoy_err err = media_engine_create(&ua->media, &media);
    if (!err && cfg->engine->quality_collector && ua_check_uri(cfg->engine->quality_collector, true)) {
        snprintf(why, why_size, "'%s' is no address for quality reports; it must look like sip:collector@example.org",
                 cfg->engine->quality_collector);
        err = AHOY_ERR_INVAL;
    } else if (err == AHOY_ERR_INVAL)
        snprintf(why, why_size, "the range of media ports needs at least an even port and the one behind it");
    if (!err)
        err = make_stack(ua);
    if (!err)
        err = listen_all(ua, why, why_size);
    if (!err && sys_iface_watch_start(&ua->watch, ua->loop, on_addresses, ua))
        log_write(cfg->log, LOG_WARN, "ua", "changes of the network cannot be watched");
    if (err) {
        if (!why[0])
            snprintf(why, why_size, "%s", ahoy_err_text(err));
        ua_destroy(ua);
        return err;
    }
    *out = ua;
    return AHOY_OK;
}

void ua_destroy(struct ua *ua)
{
    if (!ua)
        return;
    AHOY_ASSERT(list_empty(&ua->calls) && list_empty(&ua->conferences));
    sys_timer_stop(&ua->linger);
    ua_tones_stop(ua);
    sys_iface_watch_stop(ua->watch);
    ua_pings_drop(ua);
    ua_exams_drop(ua);
    ua_reports_drop(ua);
    ua_accounts_drop(ua);
    if (ua->core)
        sip_ua_stop(ua->core);
    ua_accounts_wipe_retired(ua);
    sip_locator_destroy(ua->locator);
    sip_stack_destroy(ua->stack);
    sip_ua_destroy(ua->core);
    media_engine_destroy(ua->media);
    mem_free(ua);
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

static bool all_gone(const struct ua *ua)
{
    return list_empty(&ua->calls) && list_empty(&ua->conferences) && list_empty(&ua->accounts)
           && list_empty(&ua->reports) && !ua->tone;
}

void ua_check_left(struct ua *ua)
{
    if (ua->leaving && all_gone(ua))
        sys_timer_start(ua->loop, &ua->linger, 0);
}

/* Time is over, or all is done. Sound that is still being closed is waited for: that is local and short. */
static void linger_over(void *arg)
{
    struct ua *ua = arg;
    ua_accounts_drop(ua);
    ua_calls_drop(ua);
    ua_reports_drop(ua);
    ua_tones_stop(ua);
    void (*left)(void *) = ua->left;
    if (!list_empty(&ua->calls) || !list_empty(&ua->conferences) || !left)
        return;
    ua->left = NULL;
    left(ua->left_arg);
}

void ua_leave(struct ua *ua, uint32_t linger_ms, void (*done)(void *arg), void *arg)
{
    ua->leaving = true;
    ua->left = done;
    ua->left_arg = arg;
    ua_pings_drop(ua);
    ua_exams_drop(ua);
    ua_calls_hang_up_all(ua);
    ua_accounts_leave(ua);
    sys_timer_start(ua->loop, &ua->linger, all_gone(ua) ? 0 : SYS_MS(linger_ms));
}

size_t ua_call_count(const struct ua *ua)
{
    return ua->call_count;
}
