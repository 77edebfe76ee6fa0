/* A call's signalling: what the leg tells, and what the sound's descriptions have to do with it. */
#include "ua/call.h"

#include "base/arena.h"
#include "base/mem.h"
#include "rtp/dtmf.h"
#include "sdp/sdp.h"

#include <stdio.h>

static const struct sip_body no_body = { .data = { .n = 0 } };

static struct sip_body sdp_body(const struct buf *b)
{
    return (struct sip_body){ .type = VIEW("application/sdp"), .data = buf_content(b) };
}

static bool is_sdp(const struct sip_body *body)
{
    struct sip_media_type type;
    return !view_empty(body->data) && sip_media_type_parse(body->type, &type) == AHOY_OK
           && sip_media_type_is(&type, VIEW("application"), VIEW("sdp"));
}

/* ---- what the leg tells ------------------------------------------------------------------------------------------ */

static void on_progress(void *arg, struct sip_invite *inv, struct sip_dialog *fork, const struct sip_body *body,
                        struct sip_msg *response)
{
    struct ua_call *c = arg;
    struct sdp_error why;
    (void) inv;
    (void) fork;
    bool early = is_sdp(body) && media_session_offering(c->media);
    if (early)
        ua_call_ring_no_more(c); /* before the sound asks for the device */
    if (early && media_session_apply(c->media, body->data, false, &why) == AHOY_OK) {
        ua_call_set_state(c, AHOY_CALL_EARLY);
        return;
    }
    if (response->status == 180 && c->state == AHOY_CALL_CALLING)
        ua_call_set_state(c, AHOY_CALL_RINGING);
    if (response->status == 180 && c->state == AHOY_CALL_RINGING)
        ua_call_ring_back(c);
}

static void end_not_acceptable(struct ua_call *c, const char *why)
{
    struct sip_invite_reason reason = { .protocol = VIEW("SIP"), .cause = 488, .text = VIEW("Not Acceptable Here") };
    log_write(c->ua->config.log, LOG_INFO, "ua", "the session description cannot be used: %s", why);
    sip_invite_hangup(c->inv, &reason);
    ua_call_finish(c, 488, AHOY_OK, false, VIEW("no usable answer"));
}

static void on_answer(void *arg, struct sip_invite *inv, const struct sip_body *answer, struct sip_msg *msg)
{
    struct ua_call *c = arg;
    struct sdp_error why = { .reason = NULL };
    (void) inv;
    (void) msg;
    ua_call_ring_no_more(c);
    enum ahoy_err err = is_sdp(answer) ? media_session_apply(c->media, answer->data, true, &why) : AHOY_ERR_SYNTAX;
    if (!err && (c->answered_us > 0 || media_session_active(c->media)))
        return;
    if (c->answered_us > 0) { /* a re-INVITE's, and useless: the session stays as it was (RFC 6337 section 3.4) */
        media_session_rollback(c->media);
        c->change_bad = c->change_running;
        return;
    }
    end_not_acceptable(c, err == AHOY_OK ? "every stream was refused" : why.reason ? why.reason : ahoy_err_text(err));
}

static unsigned status_of_refusal(enum ahoy_err err)
{
    return err == AHOY_ERR_UNSUPPORTED ? 488 : err == AHOY_ERR_SYNTAX ? 400 : err == AHOY_ERR_STATE ? 491 : 500;
}

/* The peer's re-INVITE; empty: it wants our offer. */
static void on_offer(void *arg, struct sip_invite *inv, const struct sip_body *offer, struct sip_msg *msg)
{
    struct ua_call *c = arg;
    struct sdp_error why;
    struct buf b;
    (void) msg;
    ua_call_change_beaten(c);
    buf_init(&b, UA_SDP_BYTES);
    enum ahoy_err err = is_sdp(offer)             ? media_session_answer(c->media, offer->data, &b, &why)
                        : view_empty(offer->data) ? media_session_offer(c->media, &b)
                                                  : AHOY_ERR_UNSUPPORTED;
    bool agreed = !err && is_sdp(offer);
    struct sip_body body = sdp_body(&b);
    if (!err)
        err = sip_invite_answer(inv, &body);
    buf_fini(&b);
    if (!err)
        return;
    if (err != AHOY_ERR_STATE)
        media_session_rollback(c->media);
    if (sip_invite_reject(inv, status_of_refusal(err), view_of(NULL, 0)) || agreed)
        sip_invite_hangup(inv, NULL); /* out of memory, and the two sides do not mean the same session any more */
}

void ua_call_confirmed(struct ua_call *c)
{
    struct ua *ua = c->ua;
    if (c->answered_us == 0)
        c->answered_us = sys_now_us(ua->loop);
    ua_call_set_state(c, AHOY_CALL_CONFIRMED);
    ua_result(ua, c->answer_command, AHOY_OK, 200, "answered", 0);
    c->answer_command = 0;
    if (c->max_s > 0)
        sys_timer_start(ua->loop, &c->max_timer, SYS_S(c->max_s));
    if (c->hold_after_s > 0)
        sys_timer_start(ua->loop, &c->hold_timer, SYS_S(c->hold_after_s));
    if (c->config.dtmf[0] && media_session_dtmf(c->media, view_str(c->config.dtmf)))
        log_write(ua->config.log, LOG_WARN, "ua", "out of memory: the digits '%s' are not sent", c->config.dtmf);
}

static void on_confirmed(void *arg, struct sip_invite *inv, struct sip_msg *msg)
{
    (void) inv;
    (void) msg;
    ua_call_confirmed(arg);
}

/* Some write * and # as 10 and 11, and A to D as 12 to 15, as RFC 4733 numbers them. */
static char key_of(struct view v)
{
    uint64_t code;
    if (v.n == 1)
        return dtmf_code(v.p[0]) >= 0 ? dtmf_char((uint8_t) dtmf_code(v.p[0])) : '\0';
    return view_u64(v, 15, &code) == AHOY_OK ? dtmf_char((uint8_t) code) : '\0';
}

/* Keys by INFO, as some gateways send them: "Signal=5\r\nDuration=160", or the key alone. */
static unsigned on_info(void *arg, struct sip_invite *inv, const struct sip_body *body, struct sip_msg *request)
{
    struct ua_call *c = arg;
    struct view rest = body->data, line;
    struct ahoy_event e = { .type = AHOY_EVENT_CALL_DTMF };
    bool relay = view_istarts(body->type, VIEW("application/dtmf-relay"));
    (void) inv;
    (void) request;
    if (view_empty(body->data))
        return 200;
    if (!relay && !view_istarts(body->type, VIEW("application/dtmf")))
        return 415;
    e.dtmf.id = c->id;
    e.dtmf.duration_ms = 100;
    if (!relay)
        e.dtmf.digit = key_of(view_trim(body->data));
    while (relay && view_line(&rest, &line)) {
        struct view value = line, key = view_trim(view_cut(&value, '='));
        uint64_t ms;
        value = view_trim(value);
        if (view_ieq(key, VIEW("Signal")))
            e.dtmf.digit = key_of(value);
        else if (view_ieq(key, VIEW("Duration")) && view_u64(value, 60000, &ms) == AHOY_OK)
            e.dtmf.duration_ms = (uint32_t) ms;
    }
    if (e.dtmf.digit == '\0')
        return 400;
    ua_emit(c->ua, &e);
    return 200;
}

/* Nobody answered in the time that we gave, though the other side was there; else the network is to blame. */
static bool was_patience(const struct ua_call *c, const struct sip_invite_end *end)
{
    return end->err == AHOY_ERR_TIMEOUT && !end->was_confirmed
           && (c->incoming || sys_now_us(c->ua->loop) - c->begun_us >= SYS_S(c->ring_s));
}

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    struct ua_call *c = arg;
    bool by_peer = end->who == SIP_INVITE_REMOTE;
    struct view reason = view_empty(end->phrase) ? end->reason.text : end->phrase;
    (void) inv;
    if (end->was_confirmed && end->err == AHOY_OK && end->status < 300) {
        ua_call_finish_quietly(c, by_peer, 200, end->reason.text);
    } else if (end->who == SIP_INVITE_LOCAL && end->err != AHOY_ERR_TIMEOUT && (c->incoming || end->status == 487)) {
        ua_call_finish_quietly(c, false, end->status, reason);
    } else if (c->incoming && by_peer) { /* the caller gave up: no failure of ours */
        ua_call_finish_quietly(c, true, end->status, VIEW("the caller gave up"));
    } else if (!c->incoming && !end->msg && was_patience(c, end)) {
        ua_call_finish_unanswered(c);
    } else if (end->who == SIP_INVITE_NETWORK && !end->msg && !was_patience(c, end)) {
        /* The status stands for what happened (RFC 3261 section 8.1.3.1); nobody answered it. */
        ua_call_finish(c, 0, end->err, false, view_of(NULL, 0));
    } else {
        ua_call_finish(c, end->status >= 300 ? end->status : 0, end->err, by_peer, reason);
    }
}

static const struct sip_invite_handler leg_handler = { .progress = on_progress,
                                                       .answer = on_answer,
                                                       .offer = on_offer,
                                                       .confirmed = on_confirmed,
                                                       .reinvited = ua_call_reinvited,
                                                       .reinvite_ready = ua_call_reinvite_ready,
                                                       .info = on_info,
                                                       .ended = on_ended };

/* ---- calling ----------------------------------------------------------------------------------------------------- */

static void put_from(const struct ua_call *c, struct buf *out)
{
    if (c->from) {
        struct sip_addr a;
        if (sip_addr_parse(view_str(c->from), &a) == AHOY_OK && a.has_brackets)
            buf_str(out, c->from);
        else
            buf_printf(out, ua_has_scheme(view_str(c->from)) ? "<%s>" : "<sip:%s>", c->from);
        return;
    }
    if (c->account && c->account->display) {
        sip_build_display(out, view_str(c->account->display));
        buf_char(out, ' ');
    }
    char ip[ADDR_TEXT_BYTES];
    if (c->account)
        buf_printf(out, "<%s>", c->account->uri);
    else
        buf_printf(out, "<sip:ahoy@%s>", addr_print_ip(&c->info.local, true, ip));
}

static struct view call_routes(const struct ua_call *c)
{
    return c->routes ? view_str(c->routes) : c->account ? ua_account_routes(c->account) : view_of(NULL, 0);
}

static void start_call(struct ua_call *c)
{
    struct buf sdp, from;
    struct sip_invite_handler handler = leg_handler;
    struct ua_account *a = c->account;
    handler.arg = c;
    buf_init(&sdp, UA_SDP_BYTES);
    buf_init(&from, UA_URI_BYTES * 2);
    put_from(c, &from);
    enum ahoy_err err = media_session_offer(c->media, &sdp);
    struct sip_invite_config cfg = { .target = view_str(c->uri),
                                     .from = buf_content(&from),
                                     .routes = call_routes(c),
                                     .contact_user = a ? view_str(a->contact_user) : VIEW("ahoy"),
                                     .offer = sdp_body(&sdp),
                                     .auth = a ? a->auth : NULL,
                                     .ring_timeout_ms = c->ring_s * 1000 };
    if (a && a->reg && !c->routes)
        cfg.flow = sip_register_flow(a->reg);
    if (!err && !(err = buf_err(&sdp)) && !(err = buf_err(&from)))
        err = sip_invite_call(&c->inv, c->ua->core, &cfg, &handler);
    buf_fini(&sdp);
    buf_fini(&from);
    if (err) {
        ua_call_finish(c, 0, err, false, view_of(NULL, 0));
        return;
    }
    (void) view_copy(sip_invite_call_id(c->inv), c->call_id, sizeof c->call_id);
}

void ua_call_media_ready(struct ua_call *c)
{
    if (!c->incoming)
        start_call(c);
    else if (c->answering)
        ua_call_answer_now(c, c->answer_status);
}

/* The address that leads to the first server tells which of ours the sound should use. */
static void on_located(void *arg, enum ahoy_err err, const struct sip_target *target)
{
    struct ua_call *c = arg;
    sip_locate_destroy(c->locate);
    c->locate = NULL;
    struct addr local;
    if (!err)
        err = ua_local_for(c->ua, &target->addr, &local);
    if (!err) {
        c->info.local = local;
        err = ua_call_open_media(c, &local);
    }
    if (err)
        ua_call_finish(c, 0, err, false, view_of(NULL, 0));
}

static struct view first_route(const struct ua_call *c)
{
    struct view item, routes = call_routes(c);
    struct sip_addr a;
    if (sip_list_next(&routes, &item) && sip_addr_parse(item, &a) == AHOY_OK)
        return a.uri;
    return view_str(c->uri);
}

static enum ahoy_err fill_call(struct ua_call *c, const struct ahoy_call_config *cfg, const char **why)
{
    struct buf b;
    enum ahoy_err err = ua_media_parse(&cfg->media, &c->config, why);
    if (err)
        return err;
    buf_init(&b, UA_URI_BYTES);
    err = ua_complete_uri(c->account, cfg->transport, cfg->uri, &b);
    if (err == AHOY_ERR_STATE)
        *why = "a name or number without @host needs an account to complete it";
    if (!err && !(c->uri = buf_take(&b)))
        err = AHOY_ERR_NOMEM;
    if (!err && cfg->proxy && !(c->routes = ua_make_route(cfg->transport, cfg->proxy, &err)) && err == AHOY_ERR_INVAL)
        *why = "the proxy is no address; it should look like proxy.example.org, with :PORT where that is unusual";
    buf_fini(&b);
    if (!err && cfg->from && !(c->from = view_dup(view_str(cfg->from))))
        err = AHOY_ERR_NOMEM;
    c->ring_s = cfg->ring_s > 0 ? cfg->ring_s : 180;
    c->max_s = cfg->max_s;
    c->hold_after_s = cfg->hold_after_s;
    return err;
}

void ua_call_place(struct ua *ua, ahoy_call_id id, const struct ahoy_call_config *cfg)
{
    const char *why = NULL;
    struct ua_call *c = ua_call_new(ua, id, false);
    if (!c) {
        struct ahoy_event e = { .type = AHOY_EVENT_CALL_STATE };
        e.call.id = id;
        e.call.state = AHOY_CALL_ENDED;
        e.call.cause = AHOY_CAUSE_SIP;
        e.call.peer_uri = cfg->uri;
        e.call.peer_name = e.call.call_id = e.call.reason = "";
        e.call.text = "out of memory";
        ua_emit(ua, &e);
        return;
    }
    c->account = ua_account_for(ua, cfg->account);
    c->account_id = c->account ? c->account->id : 0;
    (void) view_copy(view_str(cfg->uri), c->peer_uri, sizeof c->peer_uri);
    c->state = AHOY_CALL_ENDED;
    ua_call_set_state(c, AHOY_CALL_CALLING);
    enum ahoy_err err = ua->leaving                     ? AHOY_ERR_CANCELLED
                        : ua->call_count > UA_MAX_CALLS ? AHOY_ERR_LIMIT
                                                        : fill_call(c, cfg, &why);
    if (!err)
        (void) view_copy(view_str(c->uri), c->peer_uri, sizeof c->peer_uri);
    if (!err)
        err = sip_locate_start(&c->locate, ua->locator, first_route(c), on_located, c);
    if (err)
        ua_call_finish(c, 0, err, false, view_str(why));
}

/* ---- being called ------------------------------------------------------------------------------------------------ */

static void on_refused_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    (void) arg;
    (void) end;
    sip_invite_release(inv);
}

static void refuse(struct sip_invite *inv, unsigned status)
{
    struct sip_invite_handler handler = { .ended = on_refused_ended };
    sip_invite_set_handler(inv, &handler);
    if (sip_invite_reject(inv, status, view_of(NULL, 0)))
        sip_invite_release(inv);
}

static void identify(struct ua_call *c, struct sip_msg *request)
{
    const struct sip_core *core;
    struct buf name;
    if (sip_msg_core(request, &core))
        return;
    buf_init(&name, sizeof c->peer_name - 1);
    sip_unquote(core->from.display, &name);
    (void) view_copy(core->from.uri, c->peer_uri, sizeof c->peer_uri);
    (void) view_copy(buf_content(&name), c->peer_name, sizeof c->peer_name);
    (void) view_copy(core->call_id, c->call_id, sizeof c->call_id);
    buf_fini(&name);
}

/* The call that we place and that has come back to us; NULL: it is somebody else's. */
static struct ua_call *own_call(const struct ua_call *in)
{
    LIST_EACH(k, &in->ua->calls) {
        struct ua_call *c = LIST_ENTRY(k, struct ua_call, link);
        if (!c->incoming && !c->over && c->call_id[0] && strcmp(c->call_id, in->call_id) == 0)
            return c;
    }
    return NULL;
}

/* What ahoy_listen says is to be done with a call that came in. */
static void follow_policy(struct ua_call *c)
{
    const struct ahoy_listen_config *l = &c->ua->listen;
    unsigned status = l->answer_status, ring = status > 180 && status < 200 ? status : 180;
    bool decided = status >= 300 || (l->auto_answer && (status == 0 || status == 200));
    struct ua_call *own = status >= 300 ? own_call(c) : NULL;
    if (own) { /* "busy" would send the caller to wait for somebody who is not there */
        own->itself = true;
        status = 482; /* Loop Detected: RFC 3261 section 21.4.20 */
    }
    c->answer_status = status;
    if (status == 183) { /* sound before the answer, which the face gives */
        ua_call_answer_now(c, 183);
        return;
    }
    if ((!decided || l->answer_after_ms > 0) && sip_invite_ring(c->inv, ring, view_of(NULL, 0), &no_body))
        log_write(c->ua->config.log, LOG_WARN, "ua", "%u could not be sent", ring);
    if (status < 300 && (!decided || l->answer_after_ms > 0))
        ua_call_ring(c);
    if (decided)
        sys_timer_start(c->ua->loop, &c->answer_timer, SYS_MS(l->answer_after_ms));
}

void ua_call_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct ua *ua = arg;
    uint32_t most = ua->listen.max_calls > 0 ? ua->listen.max_calls : 1000;
    if (ua->leaving || ua->call_count >= most) {
        refuse(inv, ua->leaving ? 480 : 486);
        return;
    }
    struct ua_call *c = ua_call_new(ua, ua->next_call(ua->next_call_arg), true);
    if (!c) {
        refuse(inv, 503);
        return;
    }
    struct sip_invite_handler handler = leg_handler;
    handler.arg = c;
    c->inv = inv;
    c->config = ua->listen_media;
    c->max_s = ua->listen.max_s;
    c->account = ua_account_of_request(ua, request);
    c->account_id = c->account ? c->account->id : 0;
    identify(c, request);
    sip_invite_set_handler(inv, &handler);
    if (c->account && sip_invite_set_account(inv, c->account->auth, view_of(NULL, 0)))
        log_write(ua->config.log, LOG_WARN, "ua", "out of memory: the call's requests will not be authorised");
    c->state = AHOY_CALL_RINGING;
    ua_call_emit(c, AHOY_CALL_RINGING);
    follow_policy(c);
}

/* Refuses what was asked for before the call stood. */
static void refuse_call(struct ua_call *c, enum ahoy_err err)
{
    unsigned status = status_of_refusal(err);
    if (sip_invite_reject(c->inv, status, view_of(NULL, 0)) == AHOY_OK)
        ua_call_finish(c, status, AHOY_OK, false, view_str(sip_reason(status)));
    else
        ua_call_finish(c, 0, err, false, view_of(NULL, 0));
}

/* The description for 183 or 200: the answer to the INVITE's offer, or ours when it had none. It is made once. */
static enum ahoy_err describe(struct ua_call *c)
{
    struct sip_body offer;
    struct sdp_error why;
    if (c->early.n > 0)
        return AHOY_OK;
    sip_invite_remote_offer(c->inv, &offer);
    media_session_set_signalling(c->media, sip_flow_peer(sip_server_txn_flow(sip_invite_server_txn(c->inv))));
    enum ahoy_err err = is_sdp(&offer)           ? media_session_answer(c->media, offer.data, &c->early, &why)
                        : view_empty(offer.data) ? media_session_offer(c->media, &c->early)
                                                 : AHOY_ERR_UNSUPPORTED;
    return err ? err : buf_err(&c->early);
}

/*
 * Where the sound of an incoming call is to be received: the address that its INVITE came to. A caller beyond a proxy may be
 * of the other IP version, and is met with an address of ours of that, when there is one.
 */
static struct addr local_for_offer(const struct ua_call *c)
{
    struct addr local = *sip_flow_local(sip_server_txn_flow(sip_invite_server_txn(c->inv))), other, peer;
    struct sip_body offer;
    struct arena arena;
    struct sdp sdp;
    sip_invite_remote_offer(c->inv, &offer);
    arena_init(&arena, SDP_ARENA_BYTES);
    size_t medias = is_sdp(&offer) && sdp_parse(offer.data, &arena, &sdp, NULL) == AHOY_OK ? sdp.medias : 0;
    for (size_t i = 0; i < medias; i++) {
        if (sdp.media[i].kind != SDP_AUDIO || sdp.media[i].port == 0)
            continue;
        peer = sdp_media_rtp(&sdp.media[i]);
        if (peer.family != ADDR_NONE && peer.family != local.family && ua_local_for(c->ua, &peer, &other) == AHOY_OK)
            local = other;
        break;
    }
    arena_fini(&arena);
    return local;
}

void ua_call_answer_now(struct ua_call *c, unsigned status)
{
    sys_timer_stop(&c->answer_timer);
    ua_call_ring_no_more(c);
    c->answering = true;
    c->answer_status = status;
    if (!sip_invite_server_txn(c->inv))
        return; /* it is over already; `ended` comes */
    if (!c->media) {
        struct addr local = local_for_offer(c);
        enum ahoy_err err = ua_call_open_media(c, &local);
        if (err)
            refuse_call(c, err);
        return;
    }
    if (!c->media_ready)
        return;
    enum ahoy_err err = describe(c);
    struct sip_body body = sdp_body(&c->early);
    if (!err && status < 200)
        err = sip_invite_ring(c->inv, status, view_of(NULL, 0), &body);
    else if (!err)
        err = sip_invite_accept(c->inv, view_of(NULL, 0), &body);
    if (err)
        refuse_call(c, err);
    else if (status < 200)
        ua_call_set_state(c, AHOY_CALL_EARLY);
}

/* ---- hanging up -------------------------------------------------------------------------------------------------- */

void ua_call_hang_up(struct ua_call *c, unsigned status)
{
    if (c->over)
        return;
    if (!c->inv) { /* nothing was sent yet */
        ua_call_finish_quietly(c, false, 0, VIEW("given up"));
        return;
    }
    if (c->incoming && status >= 300 && sip_invite_server_txn(c->inv)) {
        struct sip_invite_reason reason = { .protocol = VIEW("SIP"), .cause = status };
        if (sip_invite_reject(c->inv, status, view_of(NULL, 0)) == AHOY_OK)
            ua_call_finish_quietly(c, false, status, view_str(sip_reason(status)));
        else
            sip_invite_hangup(c->inv, &reason); /* out of memory: it is tried again from there */
        return;
    }
    sip_invite_hangup(c->inv, NULL);
}
