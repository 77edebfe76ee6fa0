#include "ua/impl.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- URIs -------------------------------------------------------------------------------------------------------- */

void ua_put_transport(enum ahoy_transport t, struct buf *out)
{
    static const char *const name[] = { [AHOY_TRANSPORT_UDP] = "udp",
                                        [AHOY_TRANSPORT_TCP] = "tcp",
                                        [AHOY_TRANSPORT_TLS] = "tls",
                                        [AHOY_TRANSPORT_WS] = "ws",
                                        [AHOY_TRANSPORT_WSS] = "wss" };
    if ((size_t) t < AHOY_COUNT(name) && name[t])
        buf_printf(out, ";transport=%s", name[t]);
}

bool ua_has_scheme(struct view v)
{
    return view_istarts(v, VIEW("sip:")) || view_istarts(v, VIEW("sips:")) || view_istarts(v, VIEW("tel:"));
}

/* RFC 3261 section 19.1.6: the number with its parameters, without what only parts its digits, is the user. */
static void put_number(struct view tel, const struct sip_uri *own, struct buf *out)
{
    bool digits = true;
    buf_str(out, "sip:");
    for (size_t i = 0; i < tel.n; i++) {
        digits = digits && tel.p[i] != ';';
        if (!digits || !memchr("-.()", tel.p[i], 4))
            buf_char(out, tel.p[i]);
    }
    buf_char(out, '@');
    buf_view(out, own->host);
    if (own->port > 0)
        buf_printf(out, ":%u", own->port);
    buf_str(out, ";user=phone");
}

enum ahoy_err ua_complete_uri(const struct ua_account *a, enum ahoy_transport t, const char *text, struct buf *out)
{
    struct view v = view_trim(view_str(text));
    struct sip_uri u, own;
    size_t start = out->n;
    bool number = view_istarts(v, VIEW("tel:"));
    if (view_empty(v))
        return AHOY_ERR_SYNTAX;
    if (ua_has_scheme(v) && !number) {
        buf_view(out, v);
    } else if (view_find(v, '@') < v.n) {
        buf_str(out, "sip:");
        buf_view(out, v);
    } else {
        if (!a)
            return AHOY_ERR_STATE;
        if (sip_uri_parse(view_str(a->uri), &own))
            return AHOY_ERR_SYNTAX;
        if (number) {
            if (sip_uri_parse(v, &u) || u.scheme != SIP_SCHEME_TEL)
                return AHOY_ERR_SYNTAX;
            put_number(view_from(v, 4), &own, out);
        } else {
            buf_str(out, "sip:");
            sip_uri_escape_user(v, out);
            buf_char(out, '@');
            buf_view(out, own.host);
            if (own.port > 0)
                buf_printf(out, ":%u", own.port);
        }
    }
    struct view done = view_from(buf_content(out), start), value;
    if (buf_err(out))
        return buf_err(out);
    if (sip_uri_parse(done, &u) || u.scheme == SIP_SCHEME_OTHER)
        return AHOY_ERR_SYNTAX;
    if (t != AHOY_TRANSPORT_AUTO && !sip_uri_param(&u, VIEW("transport"), &value) && view_empty(u.headers))
        ua_put_transport(t, out);
    return buf_err(out);
}

enum ahoy_err ua_check_uri(const char *text, bool whole)
{
    struct view v = view_trim(view_str(text));
    struct buf b;
    bool number = view_istarts(v, VIEW("tel:"));
    if (number || (!ua_has_scheme(v) && view_find(v, '@') == v.n))
        return whole || view_empty(v) ? AHOY_ERR_INVAL : AHOY_OK; /* a bare name: completed by the account */
    buf_init(&b, UA_URI_BYTES);
    enum ahoy_err err = ua_complete_uri(NULL, AHOY_TRANSPORT_AUTO, text, &b);
    buf_fini(&b);
    return err == AHOY_ERR_NOMEM || err == AHOY_OK ? err : AHOY_ERR_INVAL;
}

static char *complete(enum ahoy_transport t, const char *text, enum ahoy_err *err)
{
    struct buf b;
    buf_init(&b, UA_URI_BYTES);
    struct view v = view_trim(view_str(text));
    if (!ua_has_scheme(v))
        buf_str(&b, "sip:");
    buf_view(&b, v);
    struct sip_uri u;
    if (buf_err(&b) || sip_uri_parse(buf_content(&b), &u) || u.scheme == SIP_SCHEME_OTHER
        || u.scheme == SIP_SCHEME_TEL) {
        *err = buf_err(&b) == AHOY_ERR_NOMEM ? AHOY_ERR_NOMEM : AHOY_ERR_INVAL;
        buf_fini(&b);
        return NULL;
    }
    struct view value;
    if (t != AHOY_TRANSPORT_AUTO && !sip_uri_param(&u, VIEW("transport"), &value))
        ua_put_transport(t, &b);
    char *s = buf_take(&b);
    if (!s)
        *err = AHOY_ERR_NOMEM;
    buf_fini(&b);
    return s;
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

struct ua_account *ua_account_find(const struct ua *ua, ahoy_account_id id)
{
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (a->id == id && !a->removing)
            return a;
    }
    return NULL;
}

struct ua_account *ua_account_for(const struct ua *ua, ahoy_account_id id)
{
    if (id != 0)
        return ua_account_find(ua, id);
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (!a->removing)
            return a;
    }
    return NULL;
}

static bool means(const struct ua_account *a, struct view uri)
{
    struct sip_uri u;
    return sip_uri_parse(uri, &u) == AHOY_OK && view_eq(u.user, view_str(a->contact_user));
}

struct ua_account *ua_account_of_request(const struct ua *ua, struct sip_msg *request)
{
    const struct sip_core *core;
    struct sip_uri to, own;
    if (sip_msg_core(request, &core))
        return NULL;
    bool has_to = sip_uri_parse(core->to.uri, &to) == AHOY_OK;
    struct ua_account *by_user = NULL;
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (a->removing)
            continue;
        if (has_to && sip_uri_parse(view_str(a->uri), &own) == AHOY_OK && view_eq(own.user, to.user)
            && view_ieq(own.host, to.host))
            return a;
        if (!by_user && means(a, request->uri))
            by_user = a;
    }
    return by_user;
}

struct view ua_account_routes(const struct ua_account *a)
{
    if (a->reg && !view_empty(sip_register_routes(a->reg)))
        return sip_register_routes(a->reg);
    return view_str(a->proxy);
}

/* ---- registration ------------------------------------------------------------------------------------------------ */

static void account_wipe(struct ua_account *a)
{
    sip_auth_destroy(a->auth);
    mem_free(a->name);
    mem_free(a->uri);
    mem_free(a->display);
    mem_free(a->user);
    mem_free(a->contact_user);
    mem_free(a->registrar);
    mem_free(a->proxy);
    mem_free(a);
}

/* Call legs and requests may still hold the credentials: those are kept until nobody can. */
static void account_free(struct ua_account *a)
{
    struct ua *ua = a->ua;
    ua_calls_forget_account(ua, a);
    list_remove(&a->link);
    sip_register_destroy(a->reg);
    a->reg = NULL;
    if (a->auth)
        list_push_back(&ua->retired, &a->link);
    else
        account_wipe(a);
    if (sip_ua_invite_count(ua->core) == 0 && list_empty(&ua->pings) && list_empty(&ua->exams))
        ua_accounts_wipe_retired(ua);
}

void ua_accounts_wipe_retired(struct ua *ua)
{
    LIST_EACH(k, &ua->retired) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        list_remove(&a->link);
        account_wipe(a);
    }
}

static void emit_state(struct ua_account *a, enum ahoy_account_state state, const struct sip_register_event *ev)
{
    struct ahoy_event e = { .type = AHOY_EVENT_ACCOUNT };
    struct buf text;
    char peer[ADDR_TEXT_BYTES], registrar[ADDR_TEXT_BYTES + 8] = "";
    a->state = state;
    buf_init(&text, UA_TEXT_BYTES);
    e.account.id = a->id;
    e.account.state = state;
    e.account.name = a->name;
    e.account.uri = a->uri;
    e.account.removed = a->removing && state == AHOY_ACCOUNT_OFFLINE;
    e.account.registrar = registrar;
    struct sip_flow *flow = a->reg ? sip_register_flow(a->reg) : NULL;
    if (flow)
        snprintf(registrar, sizeof registrar, "%s:%s", sip_flow_proto(flow) == SIP_PROTO_TCP ? "tcp" : "udp",
                 addr_print(sip_flow_peer(flow), peer));
    if (ev) {
        struct cause_subject subject = { .peer = view_str(a->uri), .no_password = !a->has_password };
        if (ev->response && ev->status >= 300)
            subject.reason = ev->response->reason;
        struct sip_uri server;
        if (!sip_uri_parse(view_str(a->registrar ? a->registrar : a->uri), &server))
            subject.server = server.host;
        e.account.sip_status = (uint16_t) ev->status;
        e.account.expires_s = ev->expires_s;
        e.account.retry_in_s = ev->retry_in_s;
        if (state == AHOY_ACCOUNT_FAILED) {
            e.account.cause = ev->credentials_refused ? AHOY_CAUSE_AUTH : cause_of(ev->status, ev->err);
            cause_sentence(ev->status, ev->err, &subject, &text);
            a->failure = e.account.cause;
            (void) view_copy(buf_content(&text), a->failure_text, sizeof a->failure_text);
        }
    }
    e.account.text = buf_cstr(&text);
    ua_emit(a->ua, &e);
    buf_fini(&text);
}

static enum ahoy_err start_register(struct ua_account *a);

static void gone(struct ua_account *a, const struct sip_register_event *ev)
{
    struct ua *ua = a->ua;
    emit_state(a, AHOY_ACCOUNT_OFFLINE, ev);
    sip_register_destroy(a->reg);
    a->reg = NULL;
    a->stopping = false;
    if (a->removing) {
        account_free(a);
        ua_check_left(ua);
    } else if (a->wanted && start_register(a)) {
        emit_state(a, AHOY_ACCOUNT_FAILED, &(struct sip_register_event){ .err = AHOY_ERR_NOMEM });
    }
}

static void on_register(void *arg, struct sip_register *r, const struct sip_register_event *ev)
{
    struct ua_account *a = arg;
    (void) r;
    switch (ev->state) {
    case SIP_REGISTER_IDLE: break;
    case SIP_REGISTER_REGISTERING: emit_state(a, AHOY_ACCOUNT_REGISTERING, ev); break;
    case SIP_REGISTER_REGISTERED: emit_state(a, AHOY_ACCOUNT_REGISTERED, ev); break;
    case SIP_REGISTER_FAILED: emit_state(a, AHOY_ACCOUNT_FAILED, ev); break;
    case SIP_REGISTER_UNREGISTERING: emit_state(a, AHOY_ACCOUNT_LEAVING, ev); break;
    case SIP_REGISTER_GONE: gone(a, ev); break;
    }
}

static enum ahoy_err start_register(struct ua_account *a)
{
    struct sip_register_config cfg = SIP_REGISTER_CONFIG_DEFAULT;
    struct sip_register_handler handler = { .event = on_register, .arg = a };
    struct buf aor;
    buf_init(&aor, UA_URI_BYTES * 2);
    if (a->display) {
        sip_build_display(&aor, view_str(a->display));
        buf_char(&aor, ' ');
    }
    buf_printf(&aor, "<%s>", a->uri);
    cfg.locator = a->ua->locator;
    cfg.auth = a->auth;
    cfg.aor = buf_content(&aor);
    cfg.registrar = view_str(a->registrar);
    cfg.routes = view_str(a->proxy);
    cfg.contact_user = view_str(a->contact_user);
    if (a->expires_s > 0)
        cfg.expires_s = a->expires_s;
    a->wanted = false;
    enum ahoy_err err = buf_err(&aor);
    if (!err)
        err = sip_register_create(&a->reg, &cfg, &handler);
    if (!err && (err = sip_register_start(a->reg))) {
        sip_register_destroy(a->reg);
        a->reg = NULL;
    }
    buf_fini(&aor);
    return err;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static enum ahoy_err add_host(struct sip_auth *auth, const char *uri)
{
    struct sip_uri u;
    if (!uri || sip_uri_parse(view_str(uri), &u))
        return AHOY_OK;
    return sip_auth_add_host(auth, u.host);
}

static enum ahoy_err make_auth(struct ua_account *a, const struct ahoy_account_config *cfg)
{
    enum ahoy_err err = sip_auth_create(&a->auth, sip_stack_rng(a->ua->stack));
    if (err)
        return err;
    struct sip_auth_credential c = { .realm = view_str(cfg->realm),
                                     .user = view_str(a->user),
                                     .password = view_str(cfg->password) };
    if (cfg->password && (err = sip_auth_set(a->auth, &c)))
        return err;
    a->has_password = cfg->password != NULL;
    if ((err = add_host(a->auth, a->uri)) || (err = add_host(a->auth, a->registrar)))
        return err;
    struct sip_addr proxy;
    struct sip_uri u;
    if (a->proxy && sip_addr_parse(view_str(a->proxy), &proxy) == AHOY_OK && sip_uri_parse(proxy.uri, &u) == AHOY_OK)
        return sip_auth_add_host(a->auth, u.host);
    return AHOY_OK;
}

char *ua_make_route(enum ahoy_transport t, const char *proxy, enum ahoy_err *err)
{
    char *uri = complete(t, proxy, err);
    struct sip_uri u;
    struct buf b;
    if (!uri)
        return NULL;
    buf_init(&b, UA_URI_BYTES);
    bool loose = sip_uri_parse(view_str(uri), &u) == AHOY_OK && sip_uri_is_loose(&u);
    buf_printf(&b, "<%s%s>", uri, loose ? "" : ";lr");
    char *route = buf_take(&b);
    if (!route)
        *err = AHOY_ERR_NOMEM;
    buf_fini(&b);
    mem_free(uri);
    return route;
}

static enum ahoy_err fill(struct ua_account *a, const struct ahoy_account_config *cfg)
{
    enum ahoy_err err = AHOY_OK;
    struct sip_uri u;
    if (!cfg->uri)
        return AHOY_ERR_INVAL;
    if (!(a->uri = complete(AHOY_TRANSPORT_AUTO, cfg->uri, &err)))
        return err;
    if (sip_uri_parse(view_str(a->uri), &u) || view_empty(u.user))
        return AHOY_ERR_INVAL;
    if (cfg->registrar && !(a->registrar = complete(cfg->transport, cfg->registrar, &err)))
        return err;
    if (!cfg->registrar && cfg->transport != AHOY_TRANSPORT_AUTO) { /* the transport is said by the registrar's URI */
        struct buf b;
        buf_init(&b, UA_URI_BYTES);
        buf_str(&b, "sip:");
        buf_view(&b, u.host);
        if (u.port > 0)
            buf_printf(&b, ":%u", u.port);
        ua_put_transport(cfg->transport, &b);
        a->registrar = buf_take(&b);
        buf_fini(&b);
        if (!a->registrar)
            return AHOY_ERR_NOMEM;
    }
    if (cfg->proxy && !(a->proxy = ua_make_route(cfg->transport, cfg->proxy, &err)))
        return err;
    struct buf user;
    buf_init(&user, UA_URI_BYTES);
    sip_uri_unescape(u.user, &user);
    a->user = cfg->user ? view_dup(view_str(cfg->user)) : buf_take(&user);
    buf_fini(&user);
    a->contact_user = view_dup(u.user);
    a->name = view_dup(view_str(cfg->name ? cfg->name : a->uri));
    a->display = cfg->display_name ? view_dup(view_str(cfg->display_name)) : NULL;
    if (!a->user || !a->contact_user || !a->name || (cfg->display_name && !a->display))
        return AHOY_ERR_NOMEM;
    a->transport = cfg->transport;
    a->no_register = cfg->no_register;
    a->expires_s = cfg->expires_s;
    return make_auth(a, cfg);
}

enum ahoy_err ua_account_add(struct ua *ua, ahoy_account_id id, const struct ahoy_account_config *cfg)
{
    if (ua->leaving)
        return AHOY_ERR_CLOSED;
    struct ua_account *a = mem_zalloc(sizeof *a);
    if (!a)
        return AHOY_ERR_NOMEM;
    a->ua = ua;
    a->id = id;
    enum ahoy_err err = fill(a, cfg);
    if (!err) {
        list_push_back(&ua->accounts, &a->link);
        if (!a->no_register)
            err = start_register(a);
        else
            emit_state(a, AHOY_ACCOUNT_OFFLINE, NULL);
    }
    if (err)
        account_free(a);
    return err;
}

enum ahoy_err ua_account_register(struct ua *ua, ahoy_account_id id, bool on)
{
    struct ua_account *a = ua_account_find(ua, id);
    if (!a)
        return AHOY_ERR_NOT_FOUND;
    if (!on) {
        a->wanted = false;
        a->stopping = a->reg != NULL;
        if (a->reg)
            sip_register_stop(a->reg);
        return AHOY_OK;
    }
    if (!a->reg)
        return start_register(a);
    a->wanted = a->stopping; /* then it begins anew when that is done */
    if (!a->wanted)
        sip_register_now(a->reg);
    return AHOY_OK;
}

static void leave(struct ua_account *a)
{
    if (a->removing)
        return;
    a->removing = true;
    if (a->reg) {
        sip_register_stop(a->reg);
        return;
    }
    emit_state(a, AHOY_ACCOUNT_OFFLINE, NULL);
    account_free(a);
}

enum ahoy_err ua_account_remove(struct ua *ua, ahoy_account_id id)
{
    struct ua_account *a = ua_account_find(ua, id);
    if (!a)
        return AHOY_ERR_NOT_FOUND;
    ua_calls_forget_account(ua, a);
    leave(a);
    return AHOY_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

void ua_accounts_flow_lost(struct ua *ua, struct sip_flow *flow)
{
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (a->reg)
            sip_register_flow_lost(a->reg, flow);
    }
}

void ua_accounts_network_changed(struct ua *ua)
{
    LIST_EACH(k, &ua->accounts) {
        struct ua_account *a = LIST_ENTRY(k, struct ua_account, link);
        if (a->reg)
            sip_register_network_changed(a->reg);
    }
}

void ua_accounts_leave(struct ua *ua)
{
    LIST_EACH(k, &ua->accounts)
        leave(LIST_ENTRY(k, struct ua_account, link));
}

void ua_accounts_drop(struct ua *ua)
{
    LIST_EACH(k, &ua->accounts)
        account_free(LIST_ENTRY(k, struct ua_account, link));
}
