/* Who the phone is: stored accounts, or what the options say. */
#include "cli/fail.h"
#include "cli/phone.h"

#include <string.h>

enum { WHY_BYTES = 512 };

/* `option` is where its address comes from; "": it is stored. */
static int add(struct phone *p, const struct ahoy_account_config *cfg, const char *option, ahoy_account_id *out)
{
    enum ahoy_err err = ahoy_account_add(p->engine, cfg, out);
    p->has_password = p->has_password || cfg->password;
    if (err == AHOY_ERR_INVAL)
        return fail(EXIT_USAGE, "'%s'%s is no address of an account; it should look like alice@example.org", cfg->uri,
                    option);
    return err ? fail(fail_status(err), "cannot use the account %s: %s", cfg->uri, ahoy_err_text(err)) : EXIT_DONE;
}

const char *account_name(const struct ahoy_account_config *cfg)
{
    return cfg->name ? cfg->name : cfg->uri;
}

static const char *without_scheme(const char *uri)
{
    return uri + (strncmp(uri, "sip:", 4) == 0 ? 4 : 0);
}

const struct ahoy_account_config *account_find(const struct ahoy_account_store *store, const char *wanted)
{
    const struct ahoy_account_config *near = NULL;
    const char *bare = without_scheme(wanted);
    size_t nears = 0;
    for (size_t i = 0; i < ahoy_account_store_count(store); i++) {
        const struct ahoy_account_config *a = ahoy_account_store_get(store, i);
        const char *uri = without_scheme(a->uri);
        size_t user = strcspn(uri, "@");
        if (strcmp(account_name(a), wanted) == 0)
            return a;
        if (strcmp(uri, bare) == 0 || (strlen(bare) == user && memcmp(uri, bare, user) == 0)) {
            near = a;
            nears++;
        }
    }
    return nears == 1 ? near : NULL;
}

/* The host of "sip:user@host;params", with its port. */
static void host_of(const char *uri, struct text *out)
{
    const char *at = strchr(uri, '@');
    const char *host = at ? at + 1 : strncmp(uri, "sip:", 4) == 0 ? uri + 4 : uri;
    text_put(out, host, strcspn(host, ";?>"));
}

/* Options override what is stored: the password, the user, the servers. */
static void override(const struct cli_args *args, const struct secret *password, struct ahoy_account_config *cfg)
{
    if (args->user)
        cfg->user = args->user;
    if (password->known)
        cfg->password = password->text;
    if (args->registrar)
        cfg->registrar = args->registrar;
    if (args->proxy)
        cfg->proxy = args->proxy;
}

/* An account made of options alone. */
static int add_given(struct phone *p, const struct secret *password)
{
    const struct cli_args *args = p->args;
    char uri[256];
    struct text t;
    text_init(&t, uri, sizeof uri);
    if (args->from) {
        text_add(&t, "%s", args->from);
    } else {
        text_add(&t, "sip:%s@", args->user ? args->user : "ahoy");
        host_of(args->registrar  ? args->registrar
                : args->proxy    ? args->proxy
                : args->words[0] ? args->words[0]
                                 : "",
                &t);
    }
    if (t.cut)
        return fail(EXIT_USAGE, "the address of --from or --registrar is too long");
    struct ahoy_account_config cfg = { .uri = uri, .transport = p->transport, .no_register = !args->registrar };
    override(args, password, &cfg);
    int status = add(p, &cfg,
                     args->from        ? ", said by --from,"
                     : args->registrar ? ", made of --registrar,"
                     : args->proxy     ? ", made of --proxy,"
                                       : "",
                     &p->account);
    p->waiting = status == EXIT_DONE && args->registrar;
    return status;
}

static int add_stored(struct phone *p, const struct ahoy_account_store *store, const struct secret *password, bool all)
{
    const char *wanted = p->args->account;
    const struct ahoy_account_config *named = wanted ? account_find(store, wanted) : NULL;
    bool found = false;
    for (size_t i = 0; i < ahoy_account_store_count(store); i++) {
        const struct ahoy_account_config *stored = ahoy_account_store_get(store, i);
        struct ahoy_account_config cfg = *stored;
        const char *name = account_name(&cfg);
        ahoy_account_id id = 0;
        if (wanted ? stored != named : found && !all)
            continue;
        found = true;
        if (!all) /* a single call leaves registrations to the phone that listens */
            cfg.no_register = !p->args->registrar;
        if (wanted || !all)
            override(p->args, password, &cfg);
        if (p->transport != AHOY_TRANSPORT_AUTO)
            cfg.transport = p->transport;
        int status = add(p, &cfg, "", &id);
        if (status == EXIT_USAGE) /* nobody said it on the command line */
            return fail(EXIT_CONFIG, "it is that of the stored account '%s': `ahoy account rm %s` forgets it", name,
                        name);
        if (status != EXIT_DONE)
            return status;
        if (p->account == 0)
            p->account = id;
    }
    if (wanted && !found)
        return fail(EXIT_CONFIG, "there is no account '%s'; `ahoy account ls` lists them", wanted);
    p->waiting = found && p->args->registrar;
    return EXIT_DONE;
}

static int add_from_disk(struct phone *p, const struct secret *password, bool all)
{
    char dir[CLI_PATH_BYTES], why[WHY_BYTES] = "";
    struct ahoy_account_store *store = NULL;
    if (!paths_config(p->args, dir)) {
        if (p->args->account)
            return fail(EXIT_CONFIG, "--account %s needs a folder of settings; leave out --config none",
                        p->args->account);
        return EXIT_DONE;
    }
    enum ahoy_err err = ahoy_account_store_open(&store, dir, why, sizeof why);
    if (err)
        return fail_store(err, why);
    int status = add_stored(p, store, password, all);
    ahoy_account_store_close(store);
    return status;
}

int phone_add_accounts(struct phone *p, bool all)
{
    const struct cli_args *args = p->args;
    struct secret password;
    int status = secret_of_options(args, &password);
    if (status == EXIT_DONE) {
        bool given = args->from || args->user || args->registrar;
        if (given && !args->account)
            status = add_given(p, &password);
        else
            status = add_from_disk(p, &password, all);
    }
    secret_wipe(&password);
    return status;
}
