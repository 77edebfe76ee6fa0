/* The `ahoy` command: reads the command line and goes to the verb. */
#include "ahoy/ahoy.h"
#include "cli/fail.h"
#include "cli/json.h"
#include "cli/verbs.h"

#include <string.h>
#include <unistd.h>

enum { HELP_BYTES = 65536 };

static int show(const struct text *t)
{
    return text_write(STDOUT_FILENO, t->p, t->n) ? EXIT_DONE : EXIT_CONFIG;
}

static int help(const struct cli_args *args)
{
    char buf[HELP_BYTES];
    struct text t;
    enum cli_verb verb = args->verb;
    text_init(&t, buf, sizeof buf);
    if (verb == CLI_HELP && args->word_count > 0 && !cli_verb_find(args->words[0], &verb))
        return fail(EXIT_USAGE, "there is no verb '%s'; `ahoy help` lists them", args->words[0]);
    if (verb == CLI_HELP)
        cli_help(&t);
    else
        cli_help_verb(verb, &t);
    return show(&t);
}

static int completion(const struct cli_args *args)
{
    char buf[HELP_BYTES];
    struct text t;
    text_init(&t, buf, sizeof buf);
    return cli_completion(args->words[0], &t) ? show(&t) : EXIT_USAGE;
}

static int version(const struct cli_args *args)
{
    struct ahoy_build b = ahoy_build();
    if (!args->json) {
        say("ahoy %s", ahoy_version());
        say("opus %s%s", b.opus,
            b.opus_dred       ? ", deep redundancy and deep concealment"
            : b.opus_deep_plc ? ", deep concealment, no deep redundancy"
                              : ", neither deep redundancy nor deep concealment");
        say("microphone: %s",
            strcmp(b.mic, "own") == 0 ? "processed by our own chain" : "processed by webrtc-audio-processing");
        return EXIT_DONE;
    }
    json_t *o = json_pack("{s:i, s:i, s:s, s:s, s:[s,s,s,s,s], s:[s,s], s:{s:s, s:b, s:b}, s:{s:s}}", "v",
                          JSON_SCHEMA_VERSION, "t_ms", 0, "event", "version", "version", ahoy_version(), "codecs",
                          "opus", "g722", "pcmu", "pcma", "l16", "transports", "udp", "tcp", "opus", "version", b.opus,
                          "deep_plc", (int) b.opus_deep_plc, "dred", (int) b.opus_dred, "microphone", "chain", b.mic);
    return json_say(o) ? EXIT_DONE : EXIT_CONFIG;
}

static int run(const struct cli_args *args)
{
    if (args->help)
        return help(args);
    switch (args->verb) {
    case CLI_ECHO: return verb_echo(args);
    case CLI_CALL: return verb_call(args);
    case CLI_LISTEN: return verb_listen(args);
    case CLI_ACCOUNT: return verb_account(args);
    case CLI_DEVICES: return verb_devices(args);
    case CLI_DOCTOR: return verb_doctor(args);
    case CLI_TRACE: return verb_trace(args);
    case CLI_STATUS: return verb_status(args);
    case CLI_SERVE: return verb_serve(args);
    case CLI_BENCH: return verb_bench(args);
    case CLI_COMPLETION: return completion(args);
    case CLI_VERSION: return version(args);
    case CLI_HELP:
    case CLI_VERB_COUNT: break;
    }
    return help(args);
}

int main(int argc, char **argv)
{
    struct cli_args args;
    char buf[1024];
    struct text why;
    text_init(&why, buf, sizeof buf);
    if (!cli_parse(argc, argv, &args, &why))
        return fail(EXIT_USAGE, "%s", buf);
    return run(&args);
}
