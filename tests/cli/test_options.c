#include "cli/options.h"

#include "base/mem.h"
#include "support/t.h"

#include <stdio.h>

/* Parses a command line of words divided by spaces. */
static bool parse(const char *line, char *store, struct cli_args *args, struct text *why)
{
    char *argv[40] = { "ahoy" };
    int argc = 1;
    struct view rest = view_str(line);
    while (rest.n > 0 && argc < 39) {
        struct view word = view_cut(&rest, ' ');
        argv[argc++] = store;
        memcpy(store, word.p, word.n);
        store[word.n] = 0;
        store += word.n + 1;
    }
    argv[argc] = NULL;
    return cli_parse(argc, argv, args, why);
}

#define PARSE(line)                                                                                                    \
    struct cli_args args;                                                                                              \
    char store[1024], buf[512];                                                                                        \
    struct text why;                                                                                                   \
    text_init(&why, buf, sizeof buf);                                                                                  \
    bool ok = parse(line, store, &args, &why)

static void test_options_of_a_call_are_read(struct t *t)
{
    PARSE("call sip:bob@example.org --codec opus,pcma --ptime=30 -vv --bind 127.0.0.1:0 --bind [::1]:0 --json");
    T_CHECK(ok);
    T_EQ(args.verb, CLI_CALL);
    T_STR(args.words[0], "sip:bob@example.org");
    T_STR(args.codec, "opus,pcma");
    T_EQ(args.ptime_ms, 30);
    T_EQ(args.verbose, 2);
    T_EQ(args.binds.n, 2);
    T_STR(args.binds.v[1], "[::1]:0");
    T_CHECK(args.json && !args.help);
out:;
}

static void test_an_unknown_verb_is_told_with_the_nearest(struct t *t)
{
    PARSE("lissten");
    T_CHECK(!ok);
    T_STR(buf, "there is no verb 'lissten'; did you mean `ahoy listen`?");
out:;
}

static void test_a_verb_of_later_is_told_to_be_one(struct t *t)
{
    static const char *const later[] = { "history", "contacts", "msg", "gui", "tui" };
    for (size_t i = 0; i < AHOY_COUNT(later); i++) {
        PARSE(later[i]);
        (void) args;
        T_CHECK(!ok);
        T_CHECK(strstr(buf, "is not built in yet"));
    }
out:;
}

static void test_an_unknown_option_is_told_with_the_nearest(struct t *t)
{
    PARSE("call sip:x --codecs opus");
    T_CHECK(!ok);
    T_STR(buf, "`ahoy call` has no option --codecs; did you mean --codec?");
out:;
}

static void test_an_option_of_another_verb_is_told_with_it(struct t *t)
{
    PARSE("doctor --dtmf 1");
    T_CHECK(!ok);
    T_STR(buf, "`ahoy doctor` has no option --dtmf; `ahoy echo`, `call` and `listen` have it");
out:;
}

static void test_an_option_of_one_other_verb_is_told_with_it(struct t *t)
{
    PARSE("call x --database f");
    T_CHECK(!ok);
    T_STR(buf, "`ahoy call` has no option --database; `ahoy serve` has it");
out:;
}

static void test_the_exchange_is_bound_as_a_phone_is(struct t *t)
{
    PARSE("serve --open --bind 127.0.0.1:0 --listen tcp:[::1]:5060 --config none");
    T_CHECK(ok);
    T_EQ(args.listens.n, 2);
    T_STR(args.listens.v[0], "127.0.0.1:0");
    T_STR(args.config, "none");
out:;
}

static void test_options_of_later_are_refused_and_off_is_taken(struct t *t)
{
    static const char *const refused[] = {
        "call x --srtp dtls",     "call x --ice on",          "call x --ice trickle",      "call x --stun a",
        "call x --turn a",        "listen --100rel required", "listen --session-timer on", "call x --tls-ca f",
        "call x --transport tls", "call x --transport wss",
    };
    static const char *const taken[] = { "call x --srtp off", "call x --ice=off",
                                         "listen --100rel off --session-timer off", "call x --transport tcp" };
    for (size_t i = 0; i < AHOY_COUNT(refused); i++) {
        PARSE(refused[i]);
        (void) args;
        T_CHECK(!ok);
        T_CHECK(strstr(buf, "not built in yet"));
    }
    for (size_t i = 0; i < AHOY_COUNT(taken); i++) {
        PARSE(taken[i]);
        (void) args;
        T_CHECK(ok);
    }
out:;
}

static void test_values_are_checked(struct t *t)
{
    static const char *const refused[] = {
        "call x --ptime 5",
        "call x --ptime 20ms",
        "call x --max 0",
        "call x --max",
        "call x --srtp maybe",
        "call x --json=yes",
        "call x --transport sctp",
        "call",
        "call x y",
        "account",
        "account frob",
        "devices ls a b",
        "completion tcsh",
        "call x --codec=",
        "call x --max 99999999999999999999",
    };
    for (size_t i = 0; i < AHOY_COUNT(refused); i++) {
        PARSE(refused[i]);
        (void) args;
        T_CHECK(!ok);
        T_CHECK(why.n > 0);
    }
out:;
}

static void test_an_option_repeated_too_often_is_refused(struct t *t)
{
    PARSE(
        "listen --bind 1 --bind 2 --bind 3 --bind 4 --bind 5 --bind 6 --bind 7 --bind 8 --bind 9 --bind a --bind b --bind c "
        "--bind d --bind e --bind f --bind g --bind h");
    (void) args;
    T_CHECK(!ok);
out:;
}

static void test_words_behind_two_dashes_are_no_options(struct t *t)
{
    PARSE("call -- --bob");
    T_CHECK(ok);
    T_STR(args.words[0], "--bob");
out:;
}

static void test_arguments_of_a_benchmark_are_its_own(struct t *t)
{
    PARSE("bench parse --json --rounds 3");
    T_CHECK(ok && !args.json);
    T_EQ(args.word_count, 4);
    T_STR(args.words[3], "3");
out:;
}

static void test_one_name_means_another_thing_to_another_verb(struct t *t)
{
    PARSE("serve --user alice:secret --user bob:secret");
    T_CHECK(ok);
    T_EQ(args.users.n, 2);
    T_CHECK(!args.user);
out:;
}

static void test_help_of_each_verb_tells_its_options_and_fits(struct t *t)
{
    char buf[16384], name[40];
    struct text help;
    for (size_t v = 0; v < CLI_VERB_COUNT; v++) {
        text_init(&help, buf, sizeof buf);
        cli_help_verb((enum cli_verb) v, &help);
        T_CHECK(!help.cut);
        T_CHECK(!strstr(buf, " \n")); /* no line ends in a blank */
        T_CHECK(v == CLI_LISTEN || !strstr(buf, "listen ends"));
        struct view rest = view_str(buf), line;
        while (view_line(&rest, &line))
            T_LE(line.n, 120);
        for (size_t i = 0; i < cli_option_count; i++) {
            (void) snprintf(name, sizeof name, "--%s ", cli_options[i].name);
            if ((cli_options[i].verbs & (1u << v)) && cli_options[i].help && cli_options[i].value)
                T_CHECK(strstr(buf, name));
        }
    }
out:;
}

static void test_completions_know_every_verb_and_fit(struct t *t)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    char buf[65536];
    struct text script;
    for (size_t s = 0; s < AHOY_COUNT(shells); s++) {
        text_init(&script, buf, sizeof buf);
        T_CHECK(cli_completion(shells[s], &script));
        T_CHECK(!script.cut);
        for (size_t v = 0; v < CLI_VERB_COUNT; v++)
            T_CHECK(strstr(buf, cli_verbs[v].name));
    }
    text_init(&script, buf, sizeof buf);
    T_CHECK(!cli_completion("tcsh", &script));
out:;
}

/* Roff writes a dash that is one as "\-". */
static void roff_name(const char *name, char *dst, size_t size)
{
    struct text t;
    text_init(&t, dst, size);
    text_add(&t, "\\-\\-");
    for (; *name; name++)
        text_add(&t, "%s%c", *name == '-' ? "\\" : "", *name);
}

static void test_the_man_page_knows_every_verb_and_option(struct t *t)
{
    struct view page = { .p = NULL };
    char name[80];
    T_ALWAYS(t_read_file(t, "../../packaging/ahoy.1", &page));
    for (size_t v = 0; v < CLI_VERB_COUNT; v++)
        T_CHECK(view_search(page, view_str(cli_verbs[v].name)) < page.n);
    for (size_t i = 0; i < cli_option_count; i++) {
        if (!cli_options[i].help)
            continue;
        roff_name(cli_options[i].name, name, sizeof name);
        if (view_search(page, view_str(name)) == page.n)
            t_fail(t, __FILE__, __LINE__, cli_options[i].name, "is not in packaging/ahoy.1");
        T_CHECK(!t->failed);
    }
out:
    mem_free((char *) (uintptr_t) page.p);
}

T_MAIN(T(test_options_of_a_call_are_read), T(test_an_unknown_verb_is_told_with_the_nearest),
       T(test_a_verb_of_later_is_told_to_be_one), T(test_an_unknown_option_is_told_with_the_nearest),
       T(test_an_option_of_another_verb_is_told_with_it), T(test_an_option_of_one_other_verb_is_told_with_it),
       T(test_the_exchange_is_bound_as_a_phone_is), T(test_options_of_later_are_refused_and_off_is_taken),
       T(test_values_are_checked), T(test_an_option_repeated_too_often_is_refused),
       T(test_words_behind_two_dashes_are_no_options), T(test_arguments_of_a_benchmark_are_its_own),
       T(test_one_name_means_another_thing_to_another_verb), T(test_help_of_each_verb_tells_its_options_and_fits),
       T(test_completions_know_every_verb_and_fit), T(test_the_man_page_knows_every_verb_and_option))
