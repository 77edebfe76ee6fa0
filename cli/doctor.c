/* `ahoy doctor`. */
#include "cli/fail.h"
#include "cli/phone.h"
#include "cli/verbs.h"

#include <string.h>

enum { SETTLE_MS = 5000, EXAM_MS = 60000 };

static const char *mark(enum ahoy_verdict v)
{
    return v == AHOY_VERDICT_OK ? "✓" : v == AHOY_VERDICT_WARNING ? "!" : "✗";
}

/* Registrations need a moment before there is something to say about them. */
static bool settled(struct phone *p)
{
    struct ahoy_account_info *list = NULL;
    size_t n = 0;
    bool all = true;
    if (ahoy_account_list(p->engine, &list, &n))
        return true;
    for (size_t i = 0; i < n; i++)
        all = all && list[i].state != AHOY_ACCOUNT_REGISTERING;
    ahoy_free(list);
    return all;
}

static void settle(struct phone *p)
{
    int64_t end = clock_ms() + SETTLE_MS, now;
    while ((now = clock_ms()) < end) {
        struct ahoy_event *e = ahoy_engine_wait(p->engine, (int) (end - now));
        bool account = e && e->type == AHOY_EVENT_ACCOUNT;
        ahoy_event_free(e);
        if (account && settled(p))
            return;
    }
}

static void say_finding(const struct phone *p, const struct ahoy_event *e)
{
    if (p->json) {
        (void) json_say(json_event(e));
    } else if (e->doctor.verdict == AHOY_VERDICT_DONE) {
        say("%s", e->doctor.what);
    } else {
        say("%s %-13s %s", mark(e->doctor.verdict), e->doctor.area, e->doctor.what);
        if (*e->doctor.remedy)
            say("%17s-> %s", "", e->doctor.remedy);
    }
}

/* The worst finding decides: one that failed before one that is only a warning, which is no failure. */
static int examine(struct phone *p)
{
    struct ahoy_doctor_config cfg = { .account = p->account, .server = p->args->server };
    ahoy_command_id command = 0;
    char what[512] = "", remedy[512] = "";
    enum ahoy_cause cause = AHOY_CAUSE_NONE;
    int64_t end = clock_ms() + EXAM_MS, now;
    bool failed = false, done = false;
    if (!p->args->account)
        cfg.account = 0;
    enum ahoy_err err = ahoy_doctor_start(p->engine, &cfg, &command);
    if (err)
        return fail(fail_status(err), "the doctor cannot begin: %s", ahoy_err_text(err));
    while (!done && (now = clock_ms()) < end) {
        struct ahoy_event *e = ahoy_engine_wait(p->engine, (int) (end - now));
        if (e && e->type == AHOY_EVENT_DOCTOR && e->doctor.command == command) {
            say_finding(p, e);
            done = e->doctor.verdict == AHOY_VERDICT_DONE;
            if (e->doctor.verdict == AHOY_VERDICT_FAILED && !failed) {
                failed = true;
                cause = e->doctor.cause;
                (void) text_copy(what, sizeof what, e->doctor.what);
                (void) text_copy(remedy, sizeof remedy, e->doctor.remedy);
            }
        }
        ahoy_event_free(e);
    }
    if (failed)
        return fail(ahoy_cause_exit_status(cause == AHOY_CAUSE_NONE ? AHOY_CAUSE_SIP : cause), "%s%s%s", what,
                    remedy[0] ? "; " : "", remedy);
    return done ? EXIT_DONE : fail(11, "the examination did not end in time; try again with -v");
}

/* Settings that cannot be read are a finding, and all else is looked at without them. */
static bool can_read_accounts(const struct phone *p, int *status)
{
    struct ahoy_account_store *store = NULL;
    char dir[CLI_PATH_BYTES], why[512] = "";
    if (!paths_config(p->args, dir))
        return true;
    enum ahoy_err err = ahoy_account_store_open(&store, dir, why, sizeof why);
    ahoy_account_store_close(store);
    if (!err)
        return true;
    const char *what = why[0] ? why : ahoy_err_text(err);
    static const char remedy[] = "mend it, or move the file away and store the accounts again";
    if (p->json)
        (void) json_say(json_pack("{s:i, s:I, s:s, s:s, s:s, s:s, s:o, s:s}", "v", JSON_SCHEMA_VERSION, "t_ms",
                                  (json_int_t) phone_now(p), "event", "doctor", "verdict", "failed", "cause",
                                  ahoy_cause_name(AHOY_CAUSE_CONFIG), "area", "accounts", "what", json_words(what),
                                  "remedy", remedy));
    else
        say("%s %-13s %s\n%17s-> %s", mark(AHOY_VERDICT_FAILED), "accounts", what, "", remedy);
    *status = fail_store(err, why);
    return false;
}

int verb_doctor(const struct cli_args *args)
{
    struct phone phone, *p = &phone;
    int accounts = EXIT_DONE;
    if (phone_open(p, args, &(struct phone_options){ .control = false }) == EXIT_DONE) {
        phone_kill_on_signals();
        if (can_read_accounts(p, &accounts))
            p->status = phone_add_accounts(p, true);
    }
    if (p->status == EXIT_DONE) {
        if (p->account != 0)
            settle(p);
        p->status = examine(p);
    }
    if (p->status == EXIT_DONE)
        p->status = accounts;
    return phone_close(p);
}
