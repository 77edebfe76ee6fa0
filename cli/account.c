/* `ahoy account`. */
#include "cli/fail.h"
#include "cli/phone.h"
#include "cli/verbs.h"

#include <string.h>

enum { WHY_BYTES = 512, TEST_MS = 40000 };

static int open_store(const struct cli_args *args, struct ahoy_account_store **out)
{
    char dir[CLI_PATH_BYTES], why[WHY_BYTES] = "";
    if (!paths_config(args, dir))
        return fail(EXIT_CONFIG, "accounts need a folder of settings: set HOME, or name one with --config DIR");
    enum ahoy_err err = ahoy_account_store_open(out, dir, why, sizeof why);
    return err ? fail_store(err, why) : EXIT_DONE;
}

static enum ahoy_transport transport_of(const char *name)
{
    return !name ? AHOY_TRANSPORT_AUTO : strcmp(name, "tcp") == 0 ? AHOY_TRANSPORT_TCP : AHOY_TRANSPORT_UDP;
}

static int add(const struct cli_args *args, struct ahoy_account_store *store)
{
    struct ahoy_account_config cfg = {
        .name = args->name,
        .uri = args->words[1] + (strncmp(args->words[1], "sip:", 4) == 0 ? 4 : 0),
        .display_name = args->display_name,
        .user = args->user,
        .registrar = args->registrar,
        .proxy = args->proxy,
        .transport = transport_of(args->transport),
        .no_register = args->no_register,
        .expires_s = args->expires_s,
    };
    char question[300];
    struct text t;
    struct secret password;
    if (!strchr(cfg.uri, '@'))
        return fail(EXIT_USAGE, "'%s' is no address; it should look like alice@example.org", cfg.uri);
    bool known = account_find(store, account_name(&cfg)) != NULL;
    int status = secret_of_options(args, &password);
    if (status == EXIT_DONE && !password.known) {
        text_init(&t, question, sizeof question);
        text_add(&t, "Password of %s: ", cfg.uri);
        status = secret_ask(question, &password);
    }
    if (status == EXIT_DONE) {
        cfg.password = password.text;
        enum ahoy_err err = ahoy_account_store_put(store, &cfg);
        if (err == AHOY_ERR_INVAL)
            status = fail(EXIT_USAGE, "'%s' is no address of an account; it should look like alice@example.org",
                          cfg.uri);
        else if (err)
            status = fail(EXIT_CONFIG, "the account could not be stored: %s; check the folder's permissions",
                          ahoy_err_text(err));
    }
    secret_wipe(&password);
    if (status == EXIT_DONE && args->json)
        (void) json_say(json_pack("{s:i, s:i, s:s, s:o}", "v", JSON_SCHEMA_VERSION, "t_ms", 0, "event",
                                  "account.stored", "name", json_words(account_name(&cfg))));
    else if (status == EXIT_DONE)
        say("%s is stored%s; `ahoy account test %s` tries it", account_name(&cfg),
            known ? ", in place of what was" : "", account_name(&cfg));
    return status;
}

static int list(const struct cli_args *args, const struct ahoy_account_store *store)
{
    size_t n = ahoy_account_store_count(store);
    for (size_t i = 0; i < n; i++) {
        const struct ahoy_account_config *a = ahoy_account_store_get(store, i);
        const char *user = a->user ? a->user : "";
        if (args->json)
            (void) json_say(json_pack("{s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "v", JSON_SCHEMA_VERSION, "t_ms",
                                      0, "event", "account", "name", json_words(account_name(a)), "uri",
                                      json_words(a->uri), "user", json_words(user), "registrar",
                                      json_words(a->registrar), "proxy", json_words(a->proxy), "register",
                                      (int) !a->no_register));
        else
            say("%-28s %s%s%s%s%s", account_name(a), a->uri, a->registrar ? "  registrar " : "",
                a->registrar ? a->registrar : "", a->no_register ? "  (calls only)" : "",
                a->password ? "" : "  (no password)");
    }
    if (n == 0 && !args->json)
        say("no accounts yet; `ahoy account add alice@example.org` stores one");
    return EXIT_DONE;
}

static int forget(const struct cli_args *args, struct ahoy_account_store *store)
{
    const struct ahoy_account_config *found = account_find(store, args->words[1]);
    char name[300];
    if (!found)
        return fail(EXIT_CONFIG, "there is no account '%s'; `ahoy account ls` lists them", args->words[1]);
    (void) text_copy(name, sizeof name, account_name(found));
    enum ahoy_err err = ahoy_account_store_remove(store, name);
    if (err)
        return fail(EXIT_CONFIG, "the account could not be removed: %s", ahoy_err_text(err));
    if (args->json)
        (void) json_say(json_pack("{s:i, s:i, s:s, s:o}", "v", JSON_SCHEMA_VERSION, "t_ms", 0, "event",
                                  "account.removed", "name", json_words(name)));
    else
        say("%s is forgotten", name);
    return EXIT_DONE;
}

/* ---- test: register once ----------------------------------------------------------------------------------------- */

static int wait_registered(struct phone *p)
{
    int64_t end = clock_ms() + TEST_MS, now;
    while ((now = clock_ms()) < end) {
        struct ahoy_event *e = ahoy_engine_wait(p->engine, (int) (end - now));
        int status = -1;
        if (e && p->json)
            (void) json_say(json_event(e));
        if (e && e->type == AHOY_EVENT_ACCOUNT && e->account.state == AHOY_ACCOUNT_REGISTERED) {
            status = EXIT_DONE;
            if (!p->json)
                say("%s works: registered for %u s", e->account.uri, e->account.expires_s);
        } else if (e && e->type == AHOY_EVENT_ACCOUNT && e->account.state == AHOY_ACCOUNT_FAILED) {
            enum ahoy_cause cause = e->account.cause == AHOY_CAUSE_NONE ? AHOY_CAUSE_SIP : e->account.cause;
            status = fail(ahoy_cause_exit_status(cause), "%s", e->account.text);
        }
        ahoy_event_free(e);
        if (status >= 0)
            return status;
    }
    return fail(11, "no answer from the server; check its address and port, and whether a firewall is between");
}

static int test(const struct cli_args *args, const struct ahoy_account_store *store)
{
    const struct ahoy_account_config *found = NULL;
    const char *wanted = args->word_count > 1 ? args->words[1] : NULL;
    struct phone phone, *p = &phone;
    struct secret password;
    found = wanted ? account_find(store, wanted) : ahoy_account_store_get(store, 0);
    if (!found)
        return fail(EXIT_CONFIG,
                    wanted ? "there is no account '%s'; `ahoy account ls` lists them"
                           : "there is no account yet; `ahoy account add alice@example.org` stores one",
                    wanted);
    struct ahoy_account_config cfg = *found;
    int status = secret_of_options(args, &password);
    if (status != EXIT_DONE)
        return status;
    if (password.known)
        cfg.password = password.text;
    cfg.no_register = false;
    if (phone_open(p, args, &(struct phone_options){ .any_port = true, .control = false }) == EXIT_DONE) {
        ahoy_account_id id;
        phone_kill_on_signals();
        enum ahoy_err err = ahoy_account_add(p->engine, &cfg, &id);
        p->status = err ? fail(fail_status(err), "%s: %s", cfg.uri, ahoy_err_text(err)) : wait_registered(p);
    }
    secret_wipe(&password);
    return phone_close(p);
}

int verb_account(const struct cli_args *args)
{
    struct ahoy_account_store *store = NULL;
    const char *what = args->words[0];
    bool adds = strcmp(what, "add") == 0, forgets = strcmp(what, "rm") == 0;
    if ((adds || forgets) && args->word_count < 2)
        return fail(EXIT_USAGE, "`ahoy account %s` needs %s", what,
                    adds ? "an address: alice@example.org" : "a name; `ahoy account ls` lists them");
    int status = open_store(args, &store);
    if (status != EXIT_DONE)
        return status;
    if (adds)
        status = add(args, store);
    else if (forgets)
        status = forget(args, store);
    else if (strcmp(what, "test") == 0)
        status = test(args, store);
    else
        status = list(args, store);
    ahoy_account_store_close(store);
    return status;
}
