/* Commands in JSON, from standard input and from the control socket: docs/json.md. */
#include "cli/phone.h"

#include <string.h>
#include <unistd.h>

/* What a command came to: done, or to be answered by the engine's result `wait`. */
struct outcome {
    ahoy_command_id wait;
    json_t *extra;    /* members for the answer */
    const char *text; /* what is wrong, for people; NULL: the error's own text */
    int source;
};

typedef enum ahoy_err command_fn(struct phone *p, const json_t *cmd, struct outcome *out);

static const char *string_of(const json_t *cmd, const char *key)
{
    return json_string_value(json_object_get(cmd, key));
}

static enum ahoy_err wrong(struct outcome *out, const char *text)
{
    out->text = text;
    return AHOY_ERR_INVAL;
}

/* ---- which call, which account ----------------------------------------------------------------------------------- */

/* The call that is named, or the newest; for `ringing` the newest that rings here. */
static enum ahoy_err find_call(struct phone *p, const json_t *cmd, bool ringing, ahoy_call_id *out, struct outcome *o)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    const json_t *named = json_object_get(cmd, "call");
    if (named && !json_is_integer(named))
        return wrong(o, "\"call\" must be the number of a call");
    enum ahoy_err err = ahoy_call_list(p->engine, &list, &n);
    if (err)
        return err;
    err = AHOY_ERR_NOT_FOUND;
    o->text = named ? "there is no such call" : ringing ? "no call rings" : "there is no call";
    for (size_t i = 0; i < n; i++) {
        bool fits = named ? json_integer_value(named) == (json_int_t) list[i].id
                          : !ringing || (list[i].incoming && list[i].state == AHOY_CALL_RINGING);
        if (fits) {
            *out = list[i].id;
            err = AHOY_OK;
        }
    }
    ahoy_free(list);
    return err;
}

static enum ahoy_err find_account(struct phone *p, const json_t *cmd, ahoy_account_id *out, struct outcome *o)
{
    struct ahoy_account_info *list = NULL;
    size_t n = 0;
    const json_t *named = json_object_get(cmd, "account");
    enum ahoy_err err = ahoy_account_list(p->engine, &list, &n);
    if (err)
        return err;
    err = AHOY_ERR_NOT_FOUND;
    o->text = "there is no such account";
    for (size_t i = 0; i < n && err; i++) {
        const char *name = json_string_value(named);
        bool fits = !named || (name && (strcmp(name, list[i].name) == 0 || strcmp(name, list[i].uri) == 0))
                    || (json_is_integer(named) && json_integer_value(named) == (json_int_t) list[i].id);
        if (fits) {
            *out = list[i].id;
            err = AHOY_OK;
        }
    }
    ahoy_free(list);
    return err;
}

/* The conference that is named, or that of the newest call that is in one. */
static enum ahoy_err find_conference(struct phone *p, const json_t *cmd, ahoy_conference_id *out, struct outcome *o)
{
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    const json_t *named = json_object_get(cmd, "conference");
    if (named && !json_is_integer(named))
        return wrong(o, "\"conference\" must be the number of a conference");
    if (named) {
        *out = (ahoy_conference_id) json_integer_value(named);
        return AHOY_OK;
    }
    enum ahoy_err err = ahoy_call_list(p->engine, &list, &n);
    if (err)
        return err;
    err = AHOY_ERR_NOT_FOUND;
    o->text = "there is no conference";
    for (size_t i = 0; i < n; i++)
        if (list[i].conference != 0) {
            *out = list[i].conference;
            err = AHOY_OK;
        }
    ahoy_free(list);
    return err;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static enum ahoy_err cmd_call(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    const json_t *max = json_object_get(cmd, "max");
    struct ahoy_call_config cfg = { .account = p->account,
                                    .uri = string_of(cmd, "uri"),
                                    .from = string_of(cmd, "from"),
                                    .proxy = p->args->proxy,
                                    .transport = p->transport,
                                    .media = p->media,
                                    .ring_s = PHONE_GIVE_UP_AFTER_S,
                                    .max_s = p->args->max_s };
    if (p->args->give_up_after_s > 0)
        cfg.ring_s = p->args->give_up_after_s;
    if (!cfg.uri)
        return wrong(out, "\"uri\" is missing");
    if (max && (!json_is_integer(max) || json_integer_value(max) < 1 || json_integer_value(max) > 8640000))
        return wrong(out, "\"max\" must be seconds");
    if (max)
        cfg.max_s = (uint32_t) json_integer_value(max);
    if (string_of(cmd, "audio"))
        cfg.media.audio = string_of(cmd, "audio");
    if (string_of(cmd, "codecs"))
        cfg.media.codecs = string_of(cmd, "codecs");
    if (string_of(cmd, "dtmf"))
        cfg.media.dtmf = string_of(cmd, "dtmf");
    enum ahoy_err err = ahoy_call_place(p->engine, &cfg, &call);
    if (err)
        return err;
    out->extra = json_pack("{s:I}", "call", (json_int_t) call);
    return AHOY_OK;
}

static enum ahoy_err cmd_answer(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, true, &call, out);
    return err ? err : ahoy_call_answer(p->engine, call, &out->wait);
}

static enum ahoy_err cmd_reject(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    const json_t *code = json_object_get(cmd, "code");
    if (code && (!json_is_integer(code) || json_integer_value(code) < 300 || json_integer_value(code) > 699))
        return wrong(out, "\"code\" must be a SIP status from 300 to 699");
    enum ahoy_err err = find_call(p, cmd, true, &call, out);
    return err ? err : ahoy_call_reject(p->engine, call, code ? (unsigned) json_integer_value(code) : 486, &out->wait);
}

static enum ahoy_err cmd_hangup(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    if (json_object_get(cmd, "conference")) {
        ahoy_conference_id conference;
        enum ahoy_err bad = find_conference(p, cmd, &conference, out);
        return bad ? bad : ahoy_conference_hangup(p->engine, conference, &out->wait);
    }
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_hangup(p->engine, call, &out->wait);
}

static enum ahoy_err cmd_hold(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_hold(p->engine, call, true, &out->wait);
}

static enum ahoy_err cmd_resume(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_hold(p->engine, call, false, &out->wait);
}

static enum ahoy_err cmd_mute(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    const json_t *on = json_object_get(cmd, "on");
    if (on && !json_is_boolean(on))
        return wrong(out, "\"on\" must be true or false");
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_mute(p->engine, call, !on || json_is_true(on), &out->wait);
}

static enum ahoy_err cmd_dtmf(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    const char *digits = string_of(cmd, "digits");
    if (!digits)
        return wrong(out, "\"digits\" is missing");
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_dtmf(p->engine, call, digits, &out->wait);
}

static enum ahoy_err cmd_reinvite(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_reinvite(p->engine, call, string_of(cmd, "codecs"), &out->wait);
}

/* An optional boolean. */
static bool flag_of(const json_t *cmd, const char *key, bool *out, struct outcome *o)
{
    const json_t *v = json_object_get(cmd, key);
    if (v && !json_is_boolean(v)) {
        o->text = "\"loop\", \"mix\" and \"mixed\" must be true or false";
        return false;
    }
    *out = json_is_true(v);
    return true;
}

static enum ahoy_err cmd_play(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    struct ahoy_play_config cfg = { .path = string_of(cmd, "file") };
    if (!flag_of(cmd, "loop", &cfg.loop, out) || !flag_of(cmd, "mix", &cfg.mix, out))
        return AHOY_ERR_INVAL;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_play(p->engine, call, cfg.path ? &cfg : NULL, &out->wait);
}

static enum ahoy_err cmd_record(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    struct ahoy_record_config cfg = { .path = string_of(cmd, "file"), .format = string_of(cmd, "format") };
    if (!flag_of(cmd, "mixed", &cfg.mixed, out))
        return AHOY_ERR_INVAL;
    if (json_object_get(cmd, "conference")) {
        ahoy_conference_id conference;
        enum ahoy_err bad = find_conference(p, cmd, &conference, out);
        return bad ? bad : ahoy_conference_record(p->engine, conference, cfg.path ? &cfg : NULL, &out->wait);
    }
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_record(p->engine, call, cfg.path ? &cfg : NULL, &out->wait);
}

static enum ahoy_err cmd_report(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_report(p->engine, call, &out->wait);
}

/* ---- conferences ------------------------------------------------------------------------------------------------- */

/* The calls that are named, or all that stand. */
static enum ahoy_err find_calls(struct phone *p, const json_t *cmd, ahoy_call_id ids[AHOY_CONFERENCE_CALLS], size_t *n,
                                struct outcome *o)
{
    struct ahoy_call_info *list = NULL;
    const json_t *named = json_object_get(cmd, "calls"), *one;
    size_t count = 0, i;
    *n = 0;
    if (named
        && (!json_is_array(named) || json_array_size(named) == 0 || json_array_size(named) > AHOY_CONFERENCE_CALLS))
        return wrong(o, "\"calls\" must be a list of numbers of calls");
    json_array_foreach(named, i, one)
    {
        if (!json_is_integer(one))
            return wrong(o, "\"calls\" must be a list of numbers of calls");
        ids[(*n)++] = (ahoy_call_id) json_integer_value(one);
    }
    enum ahoy_err err = named ? AHOY_OK : ahoy_call_list(p->engine, &list, &count);
    for (i = 0; i < count && *n < AHOY_CONFERENCE_CALLS; i++)
        if (list[i].state == AHOY_CALL_CONFIRMED || list[i].state == AHOY_CALL_HELD)
            ids[(*n)++] = list[i].id;
    ahoy_free(list);
    if (!err && *n == 0) {
        o->text = "there is no call that stands";
        return AHOY_ERR_NOT_FOUND;
    }
    return err;
}

static enum ahoy_err cmd_join(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id ids[AHOY_CONFERENCE_CALLS];
    size_t n;
    enum ahoy_err err = find_calls(p, cmd, ids, &n, out);
    return err ? err : ahoy_call_join(p->engine, ids, n, &out->wait);
}

static enum ahoy_err cmd_split(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_split(p->engine, call, &out->wait);
}

static enum ahoy_err cmd_attend(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_conference_id conference;
    const json_t *on = json_object_get(cmd, "on");
    if (on && !json_is_boolean(on))
        return wrong(out, "\"on\" must be true or false");
    enum ahoy_err err = find_conference(p, cmd, &conference, out);
    return err ? err : ahoy_conference_attend(p->engine, conference, !on || json_is_true(on), &out->wait);
}

static enum ahoy_err cmd_gain(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_call_id call;
    const json_t *db = json_object_get(cmd, "db");
    if (!json_is_number(db) || json_number_value(db) < -100 || json_number_value(db) > 60)
        return wrong(out, "\"db\" must be a number from -100 (silent) to 60");
    enum ahoy_err err = find_call(p, cmd, false, &call, out);
    return err ? err : ahoy_call_gain(p->engine, call, json_number_value(db), &out->wait);
}

/* ---- the phone --------------------------------------------------------------------------------------------------- */

static enum ahoy_err cmd_options(struct phone *p, const json_t *cmd, struct outcome *out)
{
    const char *uri = string_of(cmd, "uri");
    if (!uri)
        return wrong(out, "\"uri\" is missing");
    return ahoy_options(p->engine, p->account, uri, &out->wait);
}

static enum ahoy_err cmd_register(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_account_id account;
    enum ahoy_err err = find_account(p, cmd, &account, out);
    return err ? err : ahoy_account_register(p->engine, account, true);
}

static enum ahoy_err cmd_unregister(struct phone *p, const json_t *cmd, struct outcome *out)
{
    ahoy_account_id account;
    enum ahoy_err err = find_account(p, cmd, &account, out);
    return err ? err : ahoy_account_register(p->engine, account, false);
}

static enum ahoy_err cmd_quit(struct phone *p, const json_t *cmd, struct outcome *out)
{
    (void) cmd;
    (void) out;
    phone_leave(p);
    return AHOY_OK;
}

static enum ahoy_err cmd_trace(struct phone *p, const json_t *cmd, struct outcome *out)
{
    const json_t *on = json_object_get(cmd, "on");
    if (out->source == PHONE_CONSOLE)
        return wrong(out, "on standard input use --trace FILE");
    p->control.client[out->source].trace = !on || json_is_true(on);
    phone_update_trace(p);
    return AHOY_OK;
}

static json_t *listening(struct phone *p)
{
    json_t *list = json_array();
    char **at = ahoy_engine_listening(p->engine);
    for (size_t i = 0; list && at && at[i]; i++)
        (void) json_array_append_new(list, json_words(at[i]));
    ahoy_free(at);
    return list;
}

static json_t *calls(struct phone *p)
{
    struct ahoy_call_info *info = NULL;
    size_t n = 0;
    json_t *list = json_array();
    if (list && ahoy_call_list(p->engine, &info, &n) == AHOY_OK)
        for (size_t i = 0; i < n; i++)
            (void) json_array_append_new(list, json_call(&info[i]));
    ahoy_free(info);
    return list;
}

static json_t *accounts(struct phone *p)
{
    struct ahoy_account_info *info = NULL;
    size_t n = 0;
    json_t *list = json_array();
    if (list && ahoy_account_list(p->engine, &info, &n) == AHOY_OK)
        for (size_t i = 0; i < n; i++)
            (void) json_array_append_new(list, json_account(&info[i]));
    ahoy_free(info);
    return list;
}

static enum ahoy_err cmd_status(struct phone *p, const json_t *cmd, struct outcome *out)
{
    (void) cmd;
    out->extra = json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:o}", "pid", (json_int_t) getpid(), "version",
                           ahoy_version(), "verb", cli_verbs[p->args->verb].name, "uptime_ms",
                           (json_int_t) phone_now(p), "listening", listening(p), "accounts", accounts(p), "calls",
                           calls(p));
    return out->extra ? AHOY_OK : AHOY_ERR_NOMEM;
}

static enum ahoy_err cmd_later(struct phone *p, const json_t *cmd, struct outcome *out)
{
    (void) p;
    (void) cmd;
    out->text = "this version does not have it yet";
    return AHOY_ERR_UNSUPPORTED;
}

static enum ahoy_err cmd_transfer(struct phone *p, const json_t *cmd, struct outcome *out)
{
    (void) p;
    (void) cmd;
    out->text =
        "this version cannot transfer yet; call the other one, join, and leave the two to themselves: attend, on "
        "false";
    return AHOY_ERR_UNSUPPORTED;
}

static const struct {
    const char *name;
    command_fn *run;
} commands[] = {
    { "call", cmd_call },
    { "answer", cmd_answer },
    { "reject", cmd_reject },
    { "hangup", cmd_hangup },
    { "hold", cmd_hold },
    { "resume", cmd_resume },
    { "mute", cmd_mute },
    { "dtmf", cmd_dtmf },
    { "reinvite", cmd_reinvite },
    { "play", cmd_play },
    { "join", cmd_join },
    { "split", cmd_split },
    { "attend", cmd_attend },
    { "gain", cmd_gain },
    { "record", cmd_record },
    { "report", cmd_report },
    { "options", cmd_options },
    { "register", cmd_register },
    { "unregister", cmd_unregister },
    { "status", cmd_status },
    { "trace", cmd_trace },
    { "quit", cmd_quit },
    { "transfer", cmd_transfer },
    { "update", cmd_later },
    { "message", cmd_later },
    { "subscribe", cmd_later },
    { "publish", cmd_later },
};

/* ---- answering --------------------------------------------------------------------------------------------------- */

static void reply(struct phone *p, const struct outcome *out, json_t *id, enum ahoy_err err)
{
    json_t *o = json_head("result", phone_now(p));
    if (!o)
        return;
    (void) json_object_set(o, "id", id ? id : json_null());
    (void) json_add(o, "ok", json_boolean(err == AHOY_OK));
    if (err) {
        (void) json_add(o, "error", json_string(ahoy_err_name(err)));
        (void) json_add(o, "text", json_words(out->text ? out->text : ahoy_err_text(err)));
    } else if (out->extra) {
        (void) json_object_update(o, out->extra);
    }
    phone_answer(p, out->source, o);
}

static enum ahoy_err remember(struct phone *p, const struct outcome *out, json_t *id)
{
    for (size_t i = 0; i < PHONE_PENDING; i++) {
        if (p->pending[i].command != 0)
            continue;
        uint32_t serial = out->source == PHONE_CONSOLE ? 0 : p->control.client[out->source].serial;
        p->pending[i] = (struct phone_pending){ out->wait, json_incref(id), out->source, serial };
        return AHOY_OK;
    }
    return AHOY_ERR_LIMIT;
}

void phone_run_command(struct phone *p, int source, const json_t *cmd)
{
    struct outcome out = { .source = source };
    json_t *id = json_object_get(cmd, "id");
    const char *name = string_of(cmd, "cmd");
    enum ahoy_err err = AHOY_ERR_UNSUPPORTED;
    if (!json_is_object(cmd))
        err = wrong(&out, "a command is one JSON object on a line");
    else if (!name)
        err = wrong(&out, "\"cmd\" is missing");
    else
        out.text = "there is no such command";
    for (size_t i = 0; name && i < CLI_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        out.text = NULL;
        err = commands[i].run(p, cmd, &out);
        break;
    }
    if (!err && out.wait != 0)
        err = remember(p, &out, id);
    if (err || out.wait == 0)
        reply(p, &out, id, err);
    json_decref(out.extra);
}

void phone_command(struct phone *p, int source, const char *line, size_t n)
{
    json_error_t where;
    json_t *cmd = json_loadb(line, n, JSON_REJECT_DUPLICATES, &where);
    phone_run_command(p, source, cmd);
    json_decref(cmd);
}

bool phone_answer_pending(struct phone *p, const struct ahoy_event *e)
{
    for (size_t i = 0; i < PHONE_PENDING; i++) {
        struct phone_pending *k = &p->pending[i];
        if (k->command == 0 || k->command != e->result.command)
            continue;
        bool there = k->source == PHONE_CONSOLE
                     || (p->control.client[k->source].fd >= 0 && p->control.client[k->source].serial == k->serial);
        json_t *o = json_event(e);
        if (o)
            (void) json_object_set(o, "id", k->id ? k->id : json_null());
        if (there)
            phone_answer(p, k->source, o);
        else
            json_decref(o);
        json_decref(k->id);
        *k = (struct phone_pending){ .command = 0 };
        return true;
    }
    return false;
}

void phone_forget_pending(struct phone *p)
{
    for (size_t i = 0; i < PHONE_PENDING; i++) {
        json_decref(p->pending[i].id);
        p->pending[i] = (struct phone_pending){ .command = 0 };
    }
}
