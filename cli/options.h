/*
 * Verbs and options of the command: two tables from which the parser, the help, the completions and the test of the man
 * page are made. Pure.
 */
#ifndef AHOY_CLI_OPTIONS_H
#define AHOY_CLI_OPTIONS_H

#include "cli/text.h"

#define CLI_BENCHMARKS "parse|signalling|phone|latency|sound|echo|noise"

enum { CLI_LIST_MAX = 16, CLI_WORDS_MAX = 64 };

enum cli_verb {
    CLI_ECHO,
    CLI_CALL,
    CLI_LISTEN,
    CLI_ACCOUNT,
    CLI_DEVICES,
    CLI_DOCTOR,
    CLI_TRACE,
    CLI_STATUS,
    CLI_SERVE,
    CLI_BENCH,
    CLI_COMPLETION,
    CLI_HELP,
    CLI_VERSION,
    CLI_VERB_COUNT
};

struct cli_list {
    const char *v[CLI_LIST_MAX];
    size_t n;
};

/* What the command line says. Strings are the process's own arguments; NULL and 0 mean that an option was not given. */
struct cli_args {
    enum cli_verb verb;
    const char *words[CLI_WORDS_MAX]; /* what is no option, the verb left out */
    size_t word_count;
    bool help, json;
    unsigned verbose;
    /* who we are */
    const char *config, *account, *from, *user, *password_env, *password_file, *registrar, *proxy;
    /* the network */
    struct cli_list binds;
    const char *transport, *media_ports, *impair, *quality_report, *processing;
    /* sound */
    const char *codec, *audio, *dtmf, *ring, *ring_sound, *tones, *record, *play;
    bool record_mixed;
    uint32_t ptime_ms, hold_after_s, give_up_after_s, max_s;
    const char *trace_file;
    /* of later versions: only their harmless values are taken */
    const char *srtp, *ice, *stun, *turn, *prack, *session_timer, *tls;
    /* listen */
    const char *answer;
    uint32_t answer_after_ms;
    bool echo;
    /* account */
    const char *name, *display_name;
    uint32_t expires_s;
    bool no_register;
    /* serve */
    struct cli_list listens, users;
    const char *users_file, *domain, *realm, *database;
    bool open;
    /* the others */
    const char *server, *pcap;
};

enum cli_kind { CLI_FLAG, CLI_COUNTER, CLI_TEXT, CLI_REPEAT, CLI_NUMBER };

struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum cli_kind kind;
    unsigned verbs;    /* bit 1 << enum cli_verb */
    size_t at;         /* in struct cli_args */
    const char *value; /* how help calls its value */
    const char *help;
    const char *choices; /* "a|b": nothing else will do; NULL: anything */
    const char *later;   /* values that a later version will know: "a|b", or "*" for any; NULL: none */
    uint32_t min, max;   /* of a number */
};

struct cli_verb_info {
    const char *name, *syntax, *summary;
    const char *words; /* choices for the first word, or NULL */
    size_t min_words, max_words;
    const char *example;
};

extern const struct cli_verb_info cli_verbs[CLI_VERB_COUNT];
extern const struct cli_option cli_options[];
extern const size_t cli_option_count;

/** Reads argv[1] …; false with a sentence for people in `why`. */
bool cli_parse(int argc, char **argv, struct cli_args *out, struct text *why);

bool cli_verb_find(const char *name, enum cli_verb *out);

/** Help on everything, or on a verb. */
void cli_help(struct text *out);
void cli_help_verb(enum cli_verb verb, struct text *out);

/** Completions for bash, zsh or fish; false for another shell. */
bool cli_completion(const char *shell, struct text *out);

#endif
