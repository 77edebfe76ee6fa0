#include "cli/options.h"

#include <string.h>

bool cli_verb_find(const char *name, enum cli_verb *out)
{
    for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
        if (strcmp(name, cli_verbs[i].name) == 0) {
            *out = (enum cli_verb) i;
            return true;
        }
    }
    return false;
}

/* The nearest of what exists, if it is near enough to be meant. */
static const char *nearest_verb(const char *word)
{
    const char *best = NULL;
    unsigned least = strlen(word) < 4 ? 2 : 3;
    for (size_t i = 0; i < CLI_VERB_COUNT; i++) {
        unsigned d = text_distance(word, cli_verbs[i].name);
        if (d < least) {
            least = d;
            best = cli_verbs[i].name;
        }
    }
    return best;
}

static const char *nearest_option(const char *word, enum cli_verb verb)
{
    const char *best = NULL;
    unsigned least = 4;
    for (size_t i = 0; i < cli_option_count; i++) {
        unsigned d = text_distance(word, cli_options[i].name);
        if ((cli_options[i].verbs & (1u << verb)) && cli_options[i].help && d < least) {
            least = d;
            best = cli_options[i].name;
        }
    }
    return best;
}

static const struct cli_option *find_option(const char *name, size_t n, char letter, enum cli_verb verb)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *o = &cli_options[i];
        if (!(o->verbs & (1u << verb)))
            continue;
        if (name ? strlen(o->name) == n && memcmp(o->name, name, n) == 0 : o->letter == letter)
            return o;
    }
    return NULL;
}

/* "; `ahoy call`, `listen` and `echo` have it", when another verb knows an option of that name. */
static bool add_who_has_it(const char *name, struct text *why)
{
    unsigned verbs = 0;
    size_t n = 0;
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].help && strcmp(cli_options[i].name, name) == 0)
            verbs |= cli_options[i].verbs;
    for (size_t v = 0; v < CLI_VERB_COUNT; v++)
        n += verbs >> v & 1;
    for (size_t v = 0, said = 0; v < CLI_VERB_COUNT; v++)
        if (verbs >> v & 1) {
            text_add(why, "%s`%s%s`",
                     said == 0       ? "; "
                     : said + 1 == n ? " and "
                                     : ", ",
                     said == 0 ? "ahoy " : "", cli_verbs[v].name);
            said++;
        }
    if (n > 0)
        text_add(why, n > 1 ? " have it" : " has it");
    return n > 0;
}

static bool unknown_option(const char *arg, size_t n, enum cli_verb verb, struct text *why)
{
    char word[40];
    struct text t;
    text_init(&t, word, sizeof word);
    text_clean(&t, arg, n, false);
    const char *near = n > 2 ? nearest_option(word + 2, verb) : NULL;
    text_add(why, "`ahoy %s` has no option %s", cli_verbs[verb].name, word);
    if (n > 2 && add_who_has_it(word + 2, why))
        return false;
    if (near)
        text_add(why, "; did you mean --%s?", near);
    else
        text_add(why, "; `ahoy help %s` lists them", cli_verbs[verb].name);
    return false;
}

static bool check_value(const struct cli_option *o, const char *value, struct text *why)
{
    if (o->later && (o->later[0] == '*' || text_among(value, o->later))) {
        if (o->later[0] == '*')
            text_add(why, "--%s is not built in yet; leave it out", o->name);
        else
            text_add(why, "--%s %s is not built in yet; this version has: %s", o->name, value, o->choices);
        return false;
    }
    if (o->choices && !text_among(value, o->choices)) {
        text_add(why, "--%s must be one of %s, not '%s'", o->name, o->choices, value);
        return false;
    }
    if (!*value) {
        text_add(why, "--%s needs a %s that is not empty", o->name, o->value);
        return false;
    }
    return true;
}

static bool set_option(const struct cli_option *o, const char *value, struct cli_args *args, struct text *why)
{
    void *at = (char *) args + o->at;
    if (o->value && (!value || !check_value(o, value, why)))
        return false;
    switch (o->kind) {
    case CLI_FLAG: *(bool *) at = true; return true;
    case CLI_COUNTER: ++*(unsigned *) at; return true;
    case CLI_TEXT: *(const char **) at = value; return true;
    case CLI_REPEAT: {
        struct cli_list *list = at;
        if (list->n == CLI_LIST_MAX) {
            text_add(why, "--%s can be given %d times", o->name, CLI_LIST_MAX);
            return false;
        }
        list->v[list->n++] = value;
        return true;
    }
    case CLI_NUMBER:
        if (text_number(value, o->min, o->max, at))
            return true;
        text_add(why, "--%s must be a number from %u to %u, not '%s'", o->name, o->min, o->max, value);
        return false;
    }
    return false;
}

/* "--name=value" and "--name value"; moves *i past what it takes. */
static bool long_option(int argc, char **argv, int *i, struct cli_args *args, struct text *why)
{
    const char *arg = argv[*i], *name = arg + 2;
    size_t n = strcspn(name, "=");
    const struct cli_option *o = find_option(name, n, 0, args->verb);
    if (!o)
        return unknown_option(arg, n + 2, args->verb, why);
    const char *value = name[n] ? name + n + 1 : NULL;
    if (!o->value && value) {
        text_add(why, "--%s takes no value", o->name);
        return false;
    }
    if (o->value && !value) {
        if (*i + 1 >= argc) {
            text_add(why, "--%s needs a %s", o->name, o->value);
            return false;
        }
        value = argv[++*i];
    }
    return set_option(o, value, args, why);
}

static bool short_options(const char *arg, struct cli_args *args, struct text *why)
{
    for (const char *c = arg + 1; *c; c++) {
        const struct cli_option *o = find_option(NULL, 0, *c, args->verb);
        if (!o)
            return unknown_option(arg, strlen(arg), args->verb, why);
        if (!set_option(o, NULL, args, why))
            return false;
    }
    return true;
}

static bool check_words(const struct cli_args *args, struct text *why)
{
    const struct cli_verb_info *verb = &cli_verbs[args->verb];
    if (args->help)
        return true;
    if (args->word_count < verb->min_words) {
        text_add(why, "`ahoy %s` needs %s%s, as in `%s`", verb->name, strchr(verb->syntax, '|') ? "one of " : "a ",
                 verb->syntax, verb->example);
        return false;
    }
    if (args->word_count > verb->max_words) {
        text_add(why, "`ahoy %s` does not know what to do with '%s'", verb->name, args->words[verb->max_words]);
        return false;
    }
    if (verb->words && !text_among(args->words[0], verb->words)) {
        text_add(why, "`ahoy %s` takes %s, not '%s'", verb->name, verb->syntax, args->words[0]);
        return false;
    }
    return true;
}

static bool find_verb(const char *word, struct cli_args *args, struct text *why)
{
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        args->verb = CLI_VERSION;
        return true;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        args->verb = CLI_HELP;
        return true;
    }
    if (cli_verb_find(word, &args->verb))
        return true;
    static const char later[] = "history|contacts|msg|gui|tui";
    if (text_among(word, later)) {
        text_add(why, "`ahoy %s` is not built in yet; `ahoy help` lists what is", word);
        return false;
    }
    const char *near = nearest_verb(word);
    text_add(why, "there is no verb '");
    text_clean(why, word, strlen(word) < 40 ? strlen(word) : 40, false);
    text_add(why, near ? "'; did you mean `ahoy %s`?" : "'; `ahoy help` lists them", near ? near : "");
    return false;
}

bool cli_parse(int argc, char **argv, struct cli_args *out, struct text *why)
{
    struct cli_args args = { .verb = CLI_HELP };
    bool options = true, ok = argc < 2 || find_verb(argv[1], &args, why);
    for (int i = 2; ok && i < argc; i++) {
        const char *arg = argv[i];
        bool benchmark = args.verb == CLI_BENCH && args.word_count > 0; /* its arguments are not ours */
        if (options && !benchmark && strcmp(arg, "--") == 0) {
            options = false;
        } else if (options && !benchmark && arg[0] == '-' && arg[1] == '-') {
            ok = long_option(argc, argv, &i, &args, why);
        } else if (options && !benchmark && arg[0] == '-' && arg[1]) {
            ok = short_options(arg, &args, why);
        } else if (args.word_count < CLI_WORDS_MAX) {
            args.words[args.word_count++] = arg;
        } else {
            text_add(why, "too many arguments");
            ok = false;
        }
    }
    ok = ok && check_words(&args, why);
    if (ok)
        *out = args;
    return ok;
}
