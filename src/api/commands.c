/* Commands: checked and copied on the caller's thread, done on the loop's. */
#include "api/impl.h"

#include "base/mem.h"

#include <string.h>

enum { CMD_ARENA_BYTES = 1 << 16 };

enum cmd_kind {
    CMD_ACCOUNT_ADD,
    CMD_ACCOUNT_REMOVE,
    CMD_ACCOUNT_REGISTER,
    CMD_PLACE,
    CMD_LISTEN,
    CMD_ACT,
    CMD_CONFERENCE,
    CMD_OPTIONS,
    CMD_DOCTOR,
    CMD_TRACE,
};

struct api_cmd {
    struct sys_msg msg;
    struct ahoy_engine *engine;
    enum cmd_kind kind;
    uint32_t id, command;
    bool on;
    struct arena arena; /* of the strings */
    char *password;     /* the arena's copy, to be wiped */
    union {
        struct ahoy_account_config account;
        struct ahoy_call_config call;
        struct ahoy_listen_config listen;
        struct {
            enum ua_act act;
            struct ua_act_args args;
        } act;
        struct {
            enum ua_conf_act act;
            struct ua_conf_args args;
        } conference;
        struct {
            ahoy_account_id account;
            const char *text;
        } ask;
    } u;
};

static void account_failed(struct api_cmd *c, enum ahoy_err err)
{
    struct ahoy_event e = { .type = AHOY_EVENT_ACCOUNT };
    e.account.id = c->id;
    e.account.state = AHOY_ACCOUNT_FAILED;
    e.account.cause = AHOY_CAUSE_CONFIG;
    e.account.name = e.account.uri = c->u.account.uri;
    e.account.text = ahoy_err_text(err);
    e.account.removed = true;
    api_events_emit(c->engine, &e);
}

static void cmd_free(struct api_cmd *c)
{
    if (c->kind == CMD_ACCOUNT_ADD && c->password)
        mem_wipe(c->password, strlen(c->password));
    arena_fini(&c->arena);
    mem_free(c);
}

static void run(struct sys_msg *msg)
{
    struct api_cmd *c = AHOY_CONTAINER_OF(msg, struct api_cmd, msg);
    struct ua *ua = c->engine->ua;
    enum ahoy_err err = AHOY_OK;
    switch (c->kind) {
    case CMD_ACCOUNT_ADD:
        if ((err = ua_account_add(ua, c->id, &c->u.account)))
            account_failed(c, err);
        break;
    case CMD_ACCOUNT_REMOVE: err = ua_account_remove(ua, c->id); break;
    case CMD_ACCOUNT_REGISTER: err = ua_account_register(ua, c->id, c->on); break;
    case CMD_PLACE: ua_call_place(ua, c->id, &c->u.call); break;
    case CMD_LISTEN: err = ua_listen(ua, &c->u.listen); break;
    case CMD_ACT: ua_call_act(ua, c->id, c->command, c->u.act.act, &c->u.act.args); break;
    case CMD_CONFERENCE: ua_conference_act(ua, c->command, c->u.conference.act, &c->u.conference.args); break;
    case CMD_OPTIONS: ua_options(ua, c->command, c->u.ask.account, c->u.ask.text); break;
    case CMD_DOCTOR: ua_doctor(ua, c->command, c->u.ask.account, c->u.ask.text); break;
    case CMD_TRACE: ua_set_trace(ua, c->on); break;
    }
    if (err)
        log_write(&c->engine->log, LOG_INFO, "api", "a command came to nothing: %s", ahoy_err_text(err));
    cmd_free(c);
}

static struct api_cmd *cmd_new(struct ahoy_engine *e, enum cmd_kind kind)
{
    struct api_cmd *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->msg.fn = run;
    c->engine = e;
    c->kind = kind;
    arena_init(&c->arena, CMD_ARENA_BYTES);
    return c;
}

static enum ahoy_err cmd_post(struct api_cmd *c, bool ok)
{
    if (!ok) {
        cmd_free(c);
        return AHOY_ERR_NOMEM;
    }
    sys_post(c->engine->loop, &c->msg);
    return AHOY_OK;
}

/* The same for what a result is told of by its number. */
static enum ahoy_err cmd_post_numbered(struct api_cmd *c, bool ok, ahoy_command_id *out)
{
    ahoy_command_id command = c->command = api_next_id(c->engine, &c->engine->last_command);
    enum ahoy_err err = cmd_post(c, ok);
    if (!err && out)
        *out = command;
    return err;
}

static bool keep(struct api_cmd *c, const char **s)
{
    struct view v;
    if (!*s)
        return true;
    bool ok = arena_view(&c->arena, view_str(*s), &v);
    *s = ok ? v.p : NULL;
    return ok;
}

static bool keep_media(struct api_cmd *c, struct ahoy_media_config *m)
{
    return keep(c, &m->codecs) && keep(c, &m->audio) && keep(c, &m->impair) && keep(c, &m->processing)
           && keep(c, &m->dtmf) && keep(c, &m->tones) && keep(c, &m->ring) && keep(c, &m->ring_sound);
}

/* ---- accounts ---------------------------------------------------------------------------------------------------- */

static bool keep_secret(struct api_cmd *c, const char **s)
{
    size_t n = *s ? strlen(*s) + 1 : 0;
    if (n == 0)
        return true;
    c->password = arena_alloc(&c->arena, n);
    if (c->password)
        memcpy(c->password, *s, n);
    *s = c->password;
    return c->password != NULL;
}

enum ahoy_err ahoy_account_add(struct ahoy_engine *e, const struct ahoy_account_config *cfg, ahoy_account_id *out)
{
    if (!cfg->uri || ua_check_uri(cfg->uri, true))
        return AHOY_ERR_INVAL;
    struct api_cmd *c = cmd_new(e, CMD_ACCOUNT_ADD);
    if (!c)
        return AHOY_ERR_NOMEM;
    struct ahoy_account_config *a = &c->u.account;
    *a = *cfg;
    c->id = api_next_id(e, &e->last_account);
    ahoy_account_id id = c->id;
    bool ok = keep(c, &a->name) && keep(c, &a->uri) && keep(c, &a->display_name) && keep(c, &a->user)
              && keep_secret(c, &a->password) && keep(c, &a->realm) && keep(c, &a->registrar) && keep(c, &a->proxy);
    enum ahoy_err err = cmd_post(c, ok);
    if (!err && out)
        *out = id;
    return err;
}

enum ahoy_err ahoy_account_remove(struct ahoy_engine *e, ahoy_account_id account)
{
    struct api_cmd *c = cmd_new(e, CMD_ACCOUNT_REMOVE);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->id = account;
    return cmd_post(c, true);
}

enum ahoy_err ahoy_account_register(struct ahoy_engine *e, ahoy_account_id account, bool on)
{
    struct api_cmd *c = cmd_new(e, CMD_ACCOUNT_REGISTER);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->id = account;
    c->on = on;
    return cmd_post(c, true);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

enum ahoy_err ahoy_call_place(struct ahoy_engine *e, const struct ahoy_call_config *cfg, ahoy_call_id *out)
{
    if (!cfg->uri || ua_check_uri(cfg->uri, false))
        return AHOY_ERR_INVAL;
    enum ahoy_err err = ua_check_media(&cfg->media);
    if (err)
        return err;
    struct api_cmd *c = cmd_new(e, CMD_PLACE);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->u.call = *cfg;
    c->id = api_next_id(e, &e->last_call);
    ahoy_call_id id = c->id;
    bool ok = keep(c, &c->u.call.uri) && keep(c, &c->u.call.from) && keep(c, &c->u.call.proxy)
              && keep_media(c, &c->u.call.media);
    err = cmd_post(c, ok);
    if (!err && out)
        *out = id;
    return err;
}

enum ahoy_err ahoy_listen(struct ahoy_engine *e, const struct ahoy_listen_config *cfg)
{
    unsigned status = cfg->answer_status;
    bool sane = status == 0 || status == 200 || (status >= 180 && status < 200) || (status >= 300 && status < 700);
    enum ahoy_err err = ua_check_media(&cfg->media);
    if (!sane || err)
        return err ? err : AHOY_ERR_INVAL;
    struct api_cmd *c = cmd_new(e, CMD_LISTEN);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->u.listen = *cfg;
    return cmd_post(c, keep_media(c, &c->u.listen.media));
}

static enum ahoy_err act_with(struct ahoy_engine *e, ahoy_call_id call, enum ua_act what,
                              const struct ua_act_args *args, ahoy_command_id *out)
{
    struct api_cmd *c = cmd_new(e, CMD_ACT);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->id = call;
    c->u.act.act = what;
    c->u.act.args = *args;
    struct ua_act_args *a = &c->u.act.args;
    bool ok = keep(c, &a->text) && keep(c, &a->play.path) && keep(c, &a->record.path) && keep(c, &a->record.format);
    return cmd_post_numbered(c, ok, out);
}

static enum ahoy_err act(struct ahoy_engine *e, ahoy_call_id call, enum ua_act what, unsigned status, const char *text,
                         ahoy_command_id *out)
{
    struct ua_act_args args = { .status = status, .text = text };
    return act_with(e, call, what, &args, out);
}

enum ahoy_err ahoy_call_answer(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out)
{
    return act(e, call, UA_ANSWER, 0, NULL, out);
}

enum ahoy_err ahoy_call_reject(struct ahoy_engine *e, ahoy_call_id call, unsigned sip_status, ahoy_command_id *out)
{
    return act(e, call, UA_REJECT, sip_status, NULL, out);
}

enum ahoy_err ahoy_call_hangup(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out)
{
    return act(e, call, UA_HANGUP, 0, NULL, out);
}

enum ahoy_err ahoy_call_hold(struct ahoy_engine *e, ahoy_call_id call, bool on, ahoy_command_id *out)
{
    return act(e, call, on ? UA_HOLD : UA_RESUME, 0, NULL, out);
}

enum ahoy_err ahoy_call_mute(struct ahoy_engine *e, ahoy_call_id call, bool on, ahoy_command_id *out)
{
    return act(e, call, on ? UA_MUTE : UA_UNMUTE, 0, NULL, out);
}

enum ahoy_err ahoy_call_dtmf(struct ahoy_engine *e, ahoy_call_id call, const char *digits, ahoy_command_id *out)
{
    return digits ? act(e, call, UA_DTMF, 0, digits, out) : AHOY_ERR_INVAL;
}

enum ahoy_err ahoy_call_reinvite(struct ahoy_engine *e, ahoy_call_id call, const char *codecs, ahoy_command_id *out)
{
    return act(e, call, UA_REINVITE, 0, codecs, out);
}

enum ahoy_err ahoy_call_play(struct ahoy_engine *e, ahoy_call_id call, const struct ahoy_play_config *cfg,
                             ahoy_command_id *out)
{
    struct ua_act_args args = { 0 };
    if (cfg && !cfg->path)
        return AHOY_ERR_INVAL;
    if (cfg)
        args.play = *cfg;
    return act_with(e, call, UA_PLAY, &args, out);
}

enum ahoy_err ahoy_call_record(struct ahoy_engine *e, ahoy_call_id call, const struct ahoy_record_config *cfg,
                               ahoy_command_id *out)
{
    struct ua_act_args args = { 0 };
    if (cfg && !cfg->path)
        return AHOY_ERR_INVAL;
    if (cfg)
        args.record = *cfg;
    return act_with(e, call, UA_RECORD, &args, out);
}

enum ahoy_err ahoy_call_report(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out)
{
    return act(e, call, UA_REPORT, 0, NULL, out);
}

enum ahoy_err ahoy_call_gain(struct ahoy_engine *e, ahoy_call_id call, double db, ahoy_command_id *out)
{
    struct ua_act_args args = { .gain_db = db };
    return db >= -100 && db <= 60 ? act_with(e, call, UA_GAIN, &args, out) : AHOY_ERR_INVAL;
}

/* ---- conferences ------------------------------------------------------------------------------------------------- */

static enum ahoy_err confer(struct ahoy_engine *e, enum ua_conf_act what, const struct ua_conf_args *args,
                            ahoy_command_id *out)
{
    struct api_cmd *c = cmd_new(e, CMD_CONFERENCE);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->u.conference.act = what;
    c->u.conference.args = *args;
    struct ahoy_record_config *r = &c->u.conference.args.record;
    return cmd_post_numbered(c, keep(c, &r->path) && keep(c, &r->format), out);
}

enum ahoy_err ahoy_call_join(struct ahoy_engine *e, const ahoy_call_id *calls, size_t n, ahoy_command_id *out)
{
    struct ua_conf_args args = { .n = n };
    if (n == 0 || n > AHOY_CONFERENCE_CALLS)
        return AHOY_ERR_INVAL;
    memcpy(args.calls, calls, n * sizeof *calls);
    return confer(e, UA_CONF_JOIN, &args, out);
}

enum ahoy_err ahoy_call_split(struct ahoy_engine *e, ahoy_call_id call, ahoy_command_id *out)
{
    return act(e, call, UA_SPLIT, 0, NULL, out);
}

enum ahoy_err ahoy_conference_attend(struct ahoy_engine *e, ahoy_conference_id conference, bool on,
                                     ahoy_command_id *out)
{
    struct ua_conf_args args = { .id = conference };
    return confer(e, on ? UA_CONF_ATTEND : UA_CONF_LEAVE, &args, out);
}

enum ahoy_err ahoy_conference_record(struct ahoy_engine *e, ahoy_conference_id conference,
                                     const struct ahoy_record_config *cfg, ahoy_command_id *out)
{
    struct ua_conf_args args = { .id = conference };
    if (cfg && !cfg->path)
        return AHOY_ERR_INVAL;
    if (cfg)
        args.record = *cfg;
    return confer(e, UA_CONF_RECORD, &args, out);
}

enum ahoy_err ahoy_conference_hangup(struct ahoy_engine *e, ahoy_conference_id conference, ahoy_command_id *out)
{
    struct ua_conf_args args = { .id = conference };
    return confer(e, UA_CONF_HANGUP, &args, out);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

static enum ahoy_err ask(struct ahoy_engine *e, enum cmd_kind kind, ahoy_account_id account, const char *text,
                         ahoy_command_id *out)
{
    struct api_cmd *c = cmd_new(e, kind);
    if (!c)
        return AHOY_ERR_NOMEM;
    c->u.ask.account = account;
    c->u.ask.text = text;
    return cmd_post_numbered(c, keep(c, &c->u.ask.text), out);
}

enum ahoy_err ahoy_options(struct ahoy_engine *e, ahoy_account_id account, const char *uri, ahoy_command_id *out)
{
    return uri && !ua_check_uri(uri, false) ? ask(e, CMD_OPTIONS, account, uri, out) : AHOY_ERR_INVAL;
}

enum ahoy_err ahoy_doctor_start(struct ahoy_engine *e, const struct ahoy_doctor_config *cfg, ahoy_command_id *out)
{
    return ask(e, CMD_DOCTOR, cfg->account, cfg->server, out);
}

void ahoy_engine_set_trace(struct ahoy_engine *e, bool on)
{
    struct api_cmd *c = cmd_new(e, CMD_TRACE);
    if (!c)
        return;
    c->on = on;
    (void) cmd_post(c, true);
}
