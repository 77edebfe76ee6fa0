/* `ahoy serve`: the exchange. */
#include "ahoy/exchange.h"
#include "cli/fail.h"
#include "cli/json.h"
#include "cli/phone.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct serve {
    const struct cli_args *args;
    int64_t started_ms;
};

/* On the exchange's thread: one write a line, so lines stay whole. */
static void news(void *arg, const char *line)
{
    const struct serve *s = arg;
    if (!s->args->json) {
        say("%s", line);
        return;
    }
    json_t *o = json_head("serve.news", clock_ms() - s->started_ms);
    if (o && json_add(o, "text", json_words(line)))
        (void) json_say(o);
    else
        json_decref(o);
}

/* "NAME:PASSWORD" shows in the list of processes, as the help says: for a trial. What follows the colon is blotted out. */
static void hide_passwords(const struct cli_args *args)
{
    for (size_t i = 0; i < args->users.n; i++) {
        char *colon = strchr((char *) (uintptr_t) args->users.v[i], ':');
        if (colon)
            memset(colon + 1, '*', strlen(colon + 1));
    }
}

/* The users' file of the settings, when nothing else says who may register. False: there is none. */
static bool find_users(const struct cli_args *args, char path[CLI_PATH_BYTES])
{
    char dir[CLI_PATH_BYTES];
    struct text t;
    text_init(&t, path, CLI_PATH_BYTES);
    if (args->users_file || args->users.n > 0 || args->open || !paths_config(args, dir))
        return false;
    text_add(&t, "%s/users", dir);
    return !t.cut && access(path, F_OK) == 0;
}

static void say_hint(const struct cli_args *args, const char *address)
{
    const char *colon = strchr(address, ':');
    const char *place = colon ? colon + 1 : address;
    char host[128];
    bool any6 = strncmp(place, "[::]", 4) == 0, any = any6 || strncmp(place, "0.0.0.0", 7) == 0;
    const char *port = strrchr(place, ':');
    struct text t;
    text_init(&t, host, sizeof host);
    text_add(&t, "%s%s", any6 ? "[::1]" : any ? "127.0.0.1" : place, any && port ? port : "");
    if (args->users.n > 0) {
        int n = (int) strcspn(args->users.v[0], ":");
        say("try:  PW=... ahoy listen --registrar sip:%s --user %.*s --password-env PW", host, n, args->users.v[0]);
    } else if (args->open) {
        say("try:  ahoy listen --registrar sip:%s --user alice", host);
    } else {
        say("try:  PW=... ahoy listen --registrar sip:%s --user NAME --password-env PW", host);
    }
}

static void say_ready(const struct serve *s, struct ahoy_exchange *x)
{
    char **at = ahoy_exchange_listening(x);
    json_t *list = json_array(), *o = json_head("serve.ready", clock_ms() - s->started_ms);
    for (size_t i = 0; at && at[i]; i++) {
        if (!s->args->json)
            say("serving on %s", at[i]);
        if (list)
            (void) json_array_append_new(list, json_words(at[i]));
    }
    if (!s->args->json && at && at[0])
        say_hint(s->args, at[0]);
    ahoy_free(at);
    if (o && json_add(o, "listen", list) && s->args->json)
        (void) json_say(o);
    else
        json_decref(o);
}

static void say_summary(const struct serve *s, struct ahoy_exchange *x)
{
    struct ahoy_exchange_counts c;
    ahoy_exchange_counts(x, &c);
    if (s->args->json)
        (void) json_say(json_pack("{s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "v", JSON_SCHEMA_VERSION, "t_ms",
                                  (json_int_t) (clock_ms() - s->started_ms), "event", "summary", "result", "done",
                                  "users", (json_int_t) c.users, "bindings", (json_int_t) c.bindings, "calls",
                                  (json_int_t) c.calls, "requests", (json_int_t) c.requests, "refused",
                                  (json_int_t) c.refused));
    else
        say("%llu requests, %llu refused, %u registrations at the end", (unsigned long long) c.requests,
            (unsigned long long) c.refused, c.bindings);
}

static int wait_for_signal(int fd)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    while (poll(&ready, 1, -1) < 0 && errno == EINTR)
        ;
    return ready.revents ? EXIT_DONE : fail(EXIT_SIP, "waiting failed: %s", strerror(errno));
}

int verb_serve(const struct cli_args *args)
{
    struct serve s = { .args = args, .started_ms = clock_ms() };
    struct ahoy_engine_config base = phone_engine_config(args);
    struct ahoy_exchange *x = NULL;
    char why[512] = "", users_path[CLI_PATH_BYTES] = "";
    sigset_t set;
    bool kept = find_users(args, users_path);
    if (!kept && !args->users_file && args->users.n == 0 && !args->open)
        return fail(
            EXIT_USAGE,
            "nobody could register: name the users with --users FILE or --user NAME:PASSWORD, or let anybody in "
            "with --open");
    for (size_t i = 0; i < args->users.n; i++)
        if (!strchr(args->users.v[i], ':'))
            return fail(EXIT_USAGE, "--user must look like NAME:PASSWORD");
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGHUP);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        return fail(14, "the system gives no file descriptors: %s", strerror(errno));
    struct ahoy_exchange_config cfg = { .listens = args->listens.v,
                                        .listen_count = args->listens.n,
                                        .domain = args->domain,
                                        .users_file = kept ? users_path : args->users_file,
                                        .users = args->users.v,
                                        .user_count = args->users.n,
                                        .open = args->open,
                                        .database = args->database,
                                        .realm = args->realm,
                                        .trace = args->verbose >= 2,
                                        .log_level = base.log_level,
                                        .log = base.log,
                                        .news = news,
                                        .news_arg = &s };
    enum ahoy_err err = ahoy_exchange_create(&x, &cfg, why, sizeof why);
    hide_passwords(args);
    if (err) {
        (void) close(fd);
        return fail(fail_status(err), "%s", why[0] ? why : ahoy_err_text(err));
    }
    say_ready(&s, x);
    int status = wait_for_signal(fd);
    say_summary(&s, x);
    ahoy_exchange_destroy(x);
    (void) close(fd);
    return status;
}
