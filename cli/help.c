/* Help and completions, made from the tables. */
#include "cli/options.h"
#include "cli/words.h"

#include <string.h>

enum { COLUMN = 27, WIDTH = 110 };

void cli_help(struct text *out)
{
    text_add(out, "Ahoy: a SIP telephone.\n\n");
    for (size_t i = 0; i < CLI_VERB_COUNT; i++)
        text_add(out, "  ahoy %-11s %s\n", cli_verbs[i].name, cli_verbs[i].summary);
    text_add(out, "\nBegin with `ahoy echo`. `ahoy help VERB` tells the options of a verb.\n");
}

/* One option, its help broken at spaces. */
static void option_lines(const struct cli_option *o, struct text *out)
{
    char left[64];
    struct text t;
    text_init(&t, left, sizeof left);
    text_add(&t, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    if (o->letter)
        text_add(&t, ", -%c", o->letter);
    if (t.n >= COLUMN)
        text_add(out, "%s\n%*s", left, COLUMN, "");
    else
        text_add(out, "%-*s", COLUMN, left);
    size_t used = COLUMN;
    for (const char *w = o->help; *w;) {
        size_t n = strcspn(w, " ");
        if (used > COLUMN && used + 1 + n > WIDTH) {
            text_add(out, "\n%*s", COLUMN, "");
            used = COLUMN;
        }
        text_add(out, "%s%.*s", used > COLUMN ? " " : "", (int) n, w);
        used += n + (used > COLUMN);
        w += n;
        w += *w == ' ';
    }
    text_add(out, "\n");
}

void cli_help_verb(enum cli_verb verb, struct text *out)
{
    const struct cli_verb_info *v = &cli_verbs[verb];
    text_add(out, "ahoy %s%s%s [OPTIONS]\n\n  %s.\n\nOptions\n", v->name, *v->syntax ? " " : "", v->syntax, v->summary);
    for (size_t i = 0; i < cli_option_count; i++)
        if ((cli_options[i].verbs & (1u << verb)) && cli_options[i].help)
            option_lines(&cli_options[i], out);
    if (verb == CLI_CALL || verb == CLI_LISTEN) {
        text_add(out, "\nWhile it runs on a terminal, a line may say (N: a call's number, else the newest)\n");
        words_help("  ", out);
    }
    text_add(out, "\nExample\n  %s\n", v->example);
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

static void spaced(struct text *out, const char *choices)
{
    for (const char *c = choices; *c; c++)
        text_put(out, *c == '|' ? " " : c, 1);
}

static const char *first_words(size_t verb)
{
    return verb == CLI_BENCH ? CLI_BENCHMARKS : cli_verbs[verb].words;
}

static bool shown(const struct cli_option *o, size_t verb)
{
    return (o->verbs & (1u << verb)) && o->help;
}

static void bash_completion(struct text *out)
{
    text_add(out,
             "_ahoy() {\n"
             "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n"
             "    COMPREPLY=()\n"
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (size_t i = 0; i < CLI_VERB_COUNT; i++)
        text_add(out, "%s ", cli_verbs[i].name);
    text_add(out, "--help --version\"\n    else\n        case $prev in\n");
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *o = &cli_options[i];
        if (!o->choices)
            continue;
        text_add(out, "        --%s) words=\"", o->name);
        spaced(out, o->choices);
        text_add(out, "\" ;;\n");
    }
    text_add(
        out,
        "        --*-file | --users | --pcap | --trace | --database) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
        "        --config) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
        "        *) case $verb in\n");
    for (size_t v = 0; v < CLI_VERB_COUNT; v++) {
        text_add(out, "        %s) words=\"", cli_verbs[v].name);
        if (first_words(v))
            spaced(out, first_words(v));
        for (size_t i = 0; i < cli_option_count; i++)
            if (shown(&cli_options[i], v))
                text_add(out, " --%s", cli_options[i].name);
        text_add(out, "\" ;;\n");
    }
    text_add(out, "        esac ;;\n        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
                  "complete -o default -F _ahoy ahoy\n");
}

/* A help text inside single quotes; zsh also minds brackets and colons. */
static void quoted(struct text *out, const char *s, bool zsh)
{
    for (; *s; s++) {
        if (*s == '\'')
            text_add(out, "'\\''");
        else if (zsh && (*s == '[' || *s == ']' || *s == ':'))
            text_add(out, "\\%c", *s);
        else
            text_put(out, s, 1);
    }
}

static void zsh_option(struct text *out, const struct cli_option *o)
{
    text_add(out, "            '%s--%s[", o->kind == CLI_REPEAT || o->kind == CLI_COUNTER ? "*" : "", o->name);
    quoted(out, o->help, true);
    text_add(out, "]");
    if (o->value) {
        text_add(out, ":");
        quoted(out, o->value, true);
        text_add(out, ":");
        if (o->choices) {
            text_add(out, "(");
            spaced(out, o->choices);
            text_add(out, ")");
        } else if (strstr(o->value, "FILE")) {
            text_add(out, "_files");
        } else if (strcmp(o->value, "DIR") == 0) {
            text_add(out, "_files -/");
        }
    }
    text_add(out, "' \\\n");
}

static void zsh_completion(struct text *out)
{
    text_add(out, "#compdef ahoy\n_ahoy() {\n    local -a verbs\n    verbs=(\n");
    for (size_t v = 0; v < CLI_VERB_COUNT; v++) {
        text_add(out, "        '%s:", cli_verbs[v].name);
        quoted(out, cli_verbs[v].summary, true);
        text_add(out, "'\n");
    }
    text_add(out, "    )\n    if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
                  "    local verb=$words[2]\n    shift words; (( CURRENT-- ))\n    case $verb in\n");
    for (size_t v = 0; v < CLI_VERB_COUNT; v++) {
        text_add(out, "    %s) _arguments -s \\\n", cli_verbs[v].name);
        for (size_t i = 0; i < cli_option_count; i++)
            if (shown(&cli_options[i], v))
                zsh_option(out, &cli_options[i]);
        if (first_words(v)) {
            text_add(out, "            '1:what:(");
            spaced(out, first_words(v));
            text_add(out, ")' \\\n");
        }
        text_add(out, "            '*: :_files' ;;\n");
    }
    text_add(out, "    esac\n}\n_ahoy \"$@\"\n");
}

static void fish_completion(struct text *out)
{
    for (size_t v = 0; v < CLI_VERB_COUNT; v++) {
        text_add(out, "complete -c ahoy -f -n __fish_use_subcommand -a %s -d '", cli_verbs[v].name);
        quoted(out, cli_verbs[v].summary, false);
        text_add(out, "'\n");
        if (first_words(v)) {
            text_add(out, "complete -c ahoy -f -n '__fish_seen_subcommand_from %s' -a '", cli_verbs[v].name);
            spaced(out, first_words(v));
            text_add(out, "'\n");
        }
    }
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *o = &cli_options[i];
        if (!o->help)
            continue;
        text_add(out, "complete -c ahoy -n '__fish_seen_subcommand_from");
        for (size_t v = 0; v < CLI_VERB_COUNT; v++)
            if (shown(o, v))
                text_add(out, " %s", cli_verbs[v].name);
        text_add(out, "' -l %s%s -d '", o->name, o->value ? " -r" : "");
        quoted(out, o->help, false);
        text_add(out, "'");
        if (o->choices) {
            text_add(out, " -f -a '");
            spaced(out, o->choices);
            text_add(out, "'");
        }
        text_add(out, "\n");
    }
}

bool cli_completion(const char *shell, struct text *out)
{
    if (strcmp(shell, "bash") == 0)
        bash_completion(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh_completion(out);
    else if (strcmp(shell, "fish") == 0)
        fish_completion(out);
    else
        return false;
    return true;
}
