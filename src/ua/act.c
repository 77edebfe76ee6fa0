/* Commands on calls, OPTIONS, and the settings for calls that come in. */
#include "ua/call.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- calls ------------------------------------------------------------------------------------------------------- */

struct ua_call *ua_call_find(const struct ua *ua, ahoy_call_id id)
{
    LIST_EACH(k, &ua->calls) {
        struct ua_call *c = LIST_ENTRY(k, struct ua_call, link);
        if (c->id == id && !c->over)
            return c;
    }
    return NULL;
}

static enum ahoy_err act_answer(struct ua_call *c, ahoy_command_id command)
{
    if (!c->incoming || c->answered_us > 0 || !sip_invite_server_txn(c->inv) || c->answer_command)
        return AHOY_ERR_STATE;
    c->answer_command = command;
    ua_call_answer_now(c, 200);
    return AHOY_ERR_AGAIN; /* the result comes with the ACK */
}

static enum ahoy_err act_reject(struct ua_call *c, unsigned status)
{
    if (!c->incoming || c->answered_us > 0 || !sip_invite_server_txn(c->inv))
        return AHOY_ERR_STATE;
    if (status < 300 || status > 699)
        return AHOY_ERR_RANGE;
    ua_call_hang_up(c, status);
    return AHOY_OK;
}

/* The result comes with the answer to the re-INVITE. */
static enum ahoy_err later(enum ahoy_err err)
{
    return err ? err : AHOY_ERR_AGAIN;
}

static enum ahoy_err act_reinvite(struct ua_call *c, ahoy_command_id command, const char *codecs)
{
    struct media_codecs list;
    if (!codecs || !codecs[0])
        return later(ua_call_reinvite(c, command, NULL));
    if (media_codecs_parse(view_str(codecs), &list))
        return AHOY_ERR_INVAL;
    return later(ua_call_reinvite(c, command, &list));
}

static enum ahoy_err act_mute(struct ua_call *c, bool on)
{
    if (!c->media)
        return AHOY_ERR_STATE;
    c->muted = on;
    media_session_set_mute(c->media, on);
    ua_call_emit_media(c);
    return AHOY_OK;
}

static enum ahoy_err act_play(struct ua_call *c, const struct ahoy_play_config *cfg)
{
    struct media_play play = { .path = cfg->path, .loop = cfg->loop, .mix = cfg->mix };
    return media_session_play(c->media, &play);
}

enum ahoy_err ua_record_parse(const struct ahoy_record_config *cfg, struct media_record *out)
{
    *out = (struct media_record){ .path = cfg->path, .mixed = cfg->mixed };
    if (!cfg->path)
        return AHOY_OK;
    if (!cfg->format) {
        out->kind = soundfile_kind_of(view_str(cfg->path));
        return AHOY_OK;
    }
    return soundfile_kind_parse(view_str(cfg->format), &out->kind) ? AHOY_ERR_INVAL : AHOY_OK;
}

static enum ahoy_err act_record(struct ua_call *c, const struct ahoy_record_config *cfg)
{
    struct media_record record;
    enum ahoy_err err = ua_record_parse(cfg, &record);
    return err ? err : media_session_record(c->media, &record);
}

static enum ahoy_err act(struct ua_call *c, ahoy_command_id command, enum ua_act what, const struct ua_act_args *args)
{
    bool sounds = c->media && c->media_ready;
    switch (what) {
    case UA_ANSWER: return act_answer(c, command);
    case UA_REJECT: return act_reject(c, args->status);
    case UA_HANGUP: ua_call_hang_up(c, 0); return AHOY_OK;
    case UA_HOLD: return later(ua_call_hold(c, command, true));
    case UA_RESUME: return later(ua_call_hold(c, command, false));
    case UA_MUTE: return act_mute(c, true);
    case UA_UNMUTE: return act_mute(c, false);
    case UA_DTMF: return sounds ? media_session_dtmf(c->media, view_str(args->text)) : AHOY_ERR_STATE;
    case UA_REINVITE: return act_reinvite(c, command, args->text);
    case UA_PLAY: return sounds ? act_play(c, &args->play) : AHOY_ERR_STATE;
    case UA_REPORT: return ua_report_now(c);
    case UA_GAIN: return sounds ? media_session_set_gain(c->media, args->gain_db) : AHOY_ERR_STATE;
    case UA_SPLIT: return ua_conference_split(c);
    case UA_RECORD: return sounds ? act_record(c, &args->record) : AHOY_ERR_STATE;
    }
    return AHOY_ERR_UNSUPPORTED;
}

void ua_call_act(struct ua *ua, ahoy_call_id id, ahoy_command_id command, enum ua_act what,
                 const struct ua_act_args *args)
{
    struct ua_call *c = ua_call_find(ua, id);
    enum ahoy_err err = c ? act(c, command, what, args) : AHOY_ERR_NOT_FOUND;
    if (err == AHOY_ERR_AGAIN && c)
        return; /* told later */
    ua_result(ua, command, err, 0, err == AHOY_ERR_NOT_FOUND && !c ? "there is no such call" : NULL, 0);
}

enum ahoy_err ua_listen(struct ua *ua, const struct ahoy_listen_config *cfg)
{
    const char *why;
    struct ua_media media;
    enum ahoy_err err = ua_media_parse(&cfg->media, &media, &why);
    if (err)
        return err;
    ua->listen_media = media;
    ua->listen = *cfg;
    ua->listen.media = (struct ahoy_media_config){ 0 };
    return AHOY_OK;
}

void ua_set_call_ids(struct ua *ua, ahoy_call_id (*next)(void *arg), void *arg)
{
    ua->next_call = next;
    ua->next_call_arg = arg;
}

enum ahoy_err ua_local_for(struct ua *ua, const struct addr *peer, struct addr *out)
{
    /* A named address of the peer's family is the one to use; "any" leaves it to the routes. */
    for (size_t i = 0; i < ua->transports; i++) {
        const struct addr *local = sip_transport_local(ua->transport[i]);
        if (local->family == peer->family && !addr_is_any(local) && addr_is_loopback(local) == addr_is_loopback(peer)) {
            *out = addr_with_port(local, 0);
            return AHOY_OK;
        }
    }
    return sys_host_source(sys_loop_host(ua->loop), peer, out);
}

/* ---- OPTIONS ----------------------------------------------------------------------------------------------------- */

struct ua_ping {
    struct list_link link;
    struct ua *ua;
    struct sip_request *rq;
    ua_ping_fn *fn;
    void *arg;
    int64_t begun_us;
};

static void ping_free(struct ua_ping *p)
{
    list_remove(&p->link);
    sip_request_destroy(p->rq);
    mem_free(p);
}

static void ping_over(void *arg, struct sip_request *rq, const struct sip_outcome *out)
{
    struct ua_ping *p = arg;
    (void) rq;
    p->fn(p->arg, out, (uint32_t) ((sys_now_us(p->ua->loop) - p->begun_us) / 1000));
    ping_free(p);
}

enum ahoy_err ua_ping(struct ua *ua, struct ua_account *a, const char *uri, uint32_t timeout_ms, ua_ping_fn *fn,
                      void *arg)
{
    struct buf target, headers;
    struct ua_ping *p = mem_zalloc(sizeof *p);
    if (!p)
        return AHOY_ERR_NOMEM;
    p->ua = ua;
    p->fn = fn;
    p->arg = arg;
    p->begun_us = sys_now_us(ua->loop);
    list_push_back(&ua->pings, &p->link);
    buf_init(&target, UA_URI_BYTES);
    buf_init(&headers, 4 * UA_URI_BYTES);
    enum ahoy_err err = ua_complete_uri(a, AHOY_TRANSPORT_AUTO, uri, &target);
    char tag[17], call_id[25];
    rng_token(sip_stack_rng(ua->stack), tag, 16);
    rng_token(sip_stack_rng(ua->stack), call_id, 24);
    buf_printf(&headers, "From: <%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nAccept: application/sdp\r\n",
               a ? a->uri : "sip:ahoy@invalid", tag, buf_cstr(&target), call_id);
    if (!err)
        err = buf_err(&headers);
    struct sip_request_config cfg = { .locator = ua->locator,
                                      .auth = a ? a->auth : NULL,
                                      .method = VIEW("OPTIONS"),
                                      .uri = buf_content(&target),
                                      .routes = a ? ua_account_routes(a) : view_of(NULL, 0),
                                      .headers = buf_content(&headers),
                                      .timeout_ms = timeout_ms };
    struct sip_request_handler handler = { .final = ping_over, .arg = p };
    if (!err)
        err = sip_request_start(&p->rq, &cfg, &handler);
    buf_fini(&target);
    buf_fini(&headers);
    if (err)
        ping_free(p);
    return err;
}

void ua_pings_drop(struct ua *ua)
{
    struct sip_outcome out = { .err = AHOY_ERR_CANCELLED };
    LIST_EACH(k, &ua->pings) {
        struct ua_ping *p = LIST_ENTRY(k, struct ua_ping, link);
        p->fn(p->arg, &out, 0);
        ping_free(p);
    }
}

/* The command's id travels as the callback's argument together with the agent. */
struct ua_options {
    struct ua *ua;
    ahoy_command_id command;
};

static void options_over(void *arg, const struct sip_outcome *out, uint32_t took_ms)
{
    struct ua_options *o = arg;
    struct buf text;
    struct cause_subject subject = { .reason = out->response ? out->response->reason : view_of(NULL, 0) };
    buf_init(&text, UA_TEXT_BYTES);
    if (out->err)
        cause_sentence(out->status, out->err, &subject, &text);
    else
        buf_str(&text, "it answered");
    ua_result(o->ua, o->command, out->err, out->status, buf_cstr(&text), took_ms);
    buf_fini(&text);
    mem_free(o);
}

void ua_options(struct ua *ua, ahoy_command_id command, ahoy_account_id account, const char *uri)
{
    struct ua_options *o = mem_zalloc(sizeof *o);
    enum ahoy_err err = o ? AHOY_OK : AHOY_ERR_NOMEM;
    if (o) {
        o->ua = ua;
        o->command = command;
        err = ua_ping(ua, ua_account_for(ua, account), uri, 0, options_over, o);
    }
    if (err) {
        mem_free(o);
        ua_result(ua, command, err, 0, NULL, 0);
    }
}
