/* `ahoy call` and `ahoy listen`. */
#include "cli/fail.h"
#include "cli/phone.h"
#include "cli/verbs.h"

#include <string.h>
#include <unistd.h>

enum { READY_BYTES = 1024 };

/* ---- ready: where we can be reached ------------------------------------------------------------------------------ */

static void say_ready(struct phone *p, bool aloud)
{
    char line[READY_BYTES];
    struct text t;
    char **at = ahoy_engine_listening(p->engine);
    json_t *list = json_array(), *o = json_head("ready", phone_now(p));
    text_init(&t, line, sizeof line);
    for (size_t i = 0; at && at[i]; i++) {
        text_add(&t, "%s%s", i > 0 ? ", " : "", at[i]);
        if (list)
            (void) json_array_append_new(list, json_words(at[i]));
    }
    ahoy_free(at);
    if (o && json_add(o, "listening", list) && json_add(o, "pid", json_integer(getpid()))
        && json_add(o, "unix_ms", json_integer((json_int_t) clock_unix_ms())))
        phone_tell(p, o);
    else
        json_decref(o);
    if (aloud && !p->json)
        say("listening on %s; Ctrl-C ends%s", line, p->console_open ? ", ? and Enter tells what you can say" : "");
}

/* What an account event means for one who waits for it: true when it is registered. */
static bool registered(struct phone *p, const struct ahoy_event *e)
{
    if (!p->waiting || e->type != AHOY_EVENT_ACCOUNT || e->account.id != p->account)
        return false;
    if (e->account.state == AHOY_ACCOUNT_FAILED) {
        p->waiting = false;
        p->summary.cause = e->account.cause == AHOY_CAUSE_NONE ? AHOY_CAUSE_SIP : e->account.cause;
        p->summary.sip_status = e->account.sip_status;
        (void) text_copy(p->summary.text, sizeof p->summary.text, e->account.text);
        p->done = true;
    }
    if (e->account.state != AHOY_ACCOUNT_REGISTERED)
        return false;
    p->waiting = false;
    return true;
}

/* The line on standard error and the exit status for how it went. */
static void conclude(struct phone *p)
{
    struct summary *s = &p->summary;
    if (p->status == EXIT_DONE && s->cause != AHOY_CAUSE_NONE)
        p->status = fail(ahoy_cause_exit_status(s->cause), "%s", s->text[0] ? s->text : ahoy_cause_name(s->cause));
    if (p->interrupted && p->summary.calls == 0 && !p->many && !p->json)
        say("given up");
    phone_say_summary(p);
}

/* ---- call -------------------------------------------------------------------------------------------------------- */

static void place(struct phone *p)
{
    ahoy_call_id call = 0;
    p->status = phone_place(p, p->args->words[0], &call);
    if (p->status != EXIT_DONE)
        p->done = true;
}

static void on_call_event(struct phone *p, const struct ahoy_event *e)
{
    if (registered(p, e))
        place(p);
    if (e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_ENDED && phone_calls(p) == 0)
        p->done = true;
}

int verb_call(const struct cli_args *args)
{
    struct phone phone, *p = &phone;
    struct phone_options o = { .any_port = true, .control = true, .on_event = on_call_event };
    int status = phone_try_files(args);
    if (status != EXIT_DONE)
        return status;
    if (phone_open(p, args, &o) == EXIT_DONE)
        p->status = phone_add_accounts(p, false);
    p->console_open = p->json || isatty(STDIN_FILENO);
    /* Nobody should ring this phone while it calls. */
    if (p->status == EXIT_DONE
        && ahoy_listen(p->engine, &(struct ahoy_listen_config){ .auto_answer = true, .answer_status = 486 }))
        p->status = fail(EXIT_SIP, "the phone cannot be set up: out of memory");
    if (p->status != EXIT_DONE)
        return phone_close(p);
    say_ready(p, false);
    if (!p->waiting)
        place(p);
    phone_run(p);
    conclude(p);
    return phone_close(p);
}

/* ---- listen ------------------------------------------------------------------------------------------------------ */

static bool answer_how(const struct cli_args *args, struct ahoy_listen_config *cfg, bool *ask)
{
    uint32_t status = 0;
    *ask = args->answer && strcmp(args->answer, "ask") == 0;
    if (*ask)
        return true;
    cfg->auto_answer = true;
    if (!args->answer || strcmp(args->answer, "auto") == 0)
        return true;
    if (!text_number(args->answer, 180, 699, &status) || (status > 183 && status < 300) || status == 181
        || status == 182)
        return false;
    cfg->answer_status = (uint16_t) status;
    return true;
}

static void on_listen_event(struct phone *p, const struct ahoy_event *e)
{
    if (registered(p, e))
        say_ready(p, true);
    /* One call's failure is told, and is not the phone's. */
    if (e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_ENDED) {
        if (e->call.cause != AHOY_CAUSE_NONE && e->call.cause != AHOY_CAUSE_NO_ANSWER && !p->leaving && *e->call.text)
            warn("call %u: %s", e->call.id, e->call.text);
        p->summary.cause = AHOY_CAUSE_NONE;
        p->summary.text[0] = 0;
    }
}

int verb_listen(const struct cli_args *args)
{
    struct phone phone, *p = &phone;
    struct phone_options o = { .control = true, .on_event = on_listen_event };
    struct ahoy_listen_config cfg = { .answer_after_ms = args->answer_after_ms, .max_s = args->max_s };
    bool ask = false;
    if (!answer_how(args, &cfg, &ask))
        return fail(EXIT_USAGE, "--answer must be auto, ask, 180, 183 or a status from 300 to 699, not '%s'",
                    args->answer);
    int status = phone_try_files(args);
    if (status != EXIT_DONE)
        return status;
    if (args->transport)
        o.listen_transport = strcmp(args->transport, "tcp") == 0 ? AHOY_TRANSPORT_TCP : AHOY_TRANSPORT_UDP;
    if (phone_open(p, args, &o) == EXIT_DONE)
        p->status = phone_add_accounts(p, true);
    p->many = true;
    p->ask = ask && !p->json;
    p->console_open = p->json || p->ask || isatty(STDIN_FILENO);
    cfg.media = p->media;
    cfg.media.echo = args->echo;
    if (p->status == EXIT_DONE) {
        enum ahoy_err err = ahoy_listen(p->engine, &cfg);
        if (err)
            p->status = err == AHOY_ERR_INVAL || err == AHOY_ERR_UNSUPPORTED
                            ? phone_blame(p, NULL)
                            : fail(fail_status(err), "%s", ahoy_err_text(err));
    }
    if (p->status != EXIT_DONE)
        return phone_close(p);
    if (args->max_s > 0)
        p->end_at_ms = clock_ms() + (int64_t) args->max_s * 1000;
    if (!p->waiting)
        say_ready(p, true);
    phone_run(p);
    conclude(p);
    return phone_close(p);
}
