/*
 * Sound over bad networks: speech through a seeded impairment to our receiver, in virtual time, beside an ideal
 * receiver of the same stream that knows every arrival. docs/bench-sound.md says what is measured.
 *
 *     ahoy-bench-sound [--mode receiver,call,short,phone,phonecall] [--codec opus|g722|pcmu|all] [--only r20,j50]
 *         [--impair SPEC] [--bitrate BPS] [--complexity N] [--expect PERCENT] [--dred MS] [--tick 0|10|20] [--ptime MS] [--budget MS]
 *         [--speech DIR] [--level DB] [--pieces N] [--seed N] [--seeds N] [--no-ideal] [--write DIR] [--svg FILE] [--quick] [--json]
 */
#include "base/mem.h"
#include "sound/call.h"
#ifdef BENCH_PEERS
#include "sound/peers.h"
#endif
#include "sound/report.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

enum { CODECS = 3, REPORTS = 9 * CODECS };
static const char *const codec_names[CODECS] = { "opus", "g722", "pcmu" };

struct options {
    const char *mode, *codec, *only, *impair, *speech, *write, *svg;
    unsigned bitrate, complexity, expect, dred, tick, ptime, budget, level, pieces, seed, seeds;
    bool no_ideal, quick, json;
};

static const struct options defaults = { .mode = "receiver,call",
                                         .codec = "all",
                                         .bitrate = 32000,
                                         .expect = 10,
                                         .tick = 0,
                                         .ptime = 20,
                                         .budget = 250,
                                         .level = 26,
                                         .pieces = 4,
                                         .seed = 1,
                                         .seeds = 1 };

static bool parse(struct options *o, int argc, char **argv, int *status)
{
    const struct tool_option list[] = {
        { "--mode", .text = &o->mode, .value = "LIST",
          .help = "receiver, call, short, phone, phonecall: what is looked at (default: receiver,call)" },
        { "--codec", .text = &o->codec, .value = "LIST", .help = "opus, g722, pcmu or all" },
        { "--only", .text = &o->only, .value = "LIST", .help = "these networks alone, as clean,r10,j50" },
        { "--impair", .text = &o->impair, .value = "SPEC",
          .help = "a network of your own, as `ahoy call --impair` has it" },
        { "--speech", .text = &o->speech, .value = "DIR",
          .help = "WAV files to speak, in place of the prompts of Debian" },
        { "--write", .text = &o->write, .value = "DIR",
          .help = "leave what was heard there as WAV files, and what was said" },
        { "--svg", .text = &o->svg, .value = "FILE", .help = "draw the scores there" },
        { "--bitrate", .number = &o->bitrate, .least = 6000, .most = 510000, .value = "BIT/S",
          .help = "of the stream that a receiver gets (default: 32000)" },
        { "--complexity", .number = &o->complexity, .most = 10, .value = "N",
          .help = "of its encoder; 0: as the telephone does" },
        { "--expect", .number = &o->expect, .most = 100, .value = "PERCENT",
          .help = "loss that its encoder is told of (default: 10)" },
        { "--dred", .number = &o->dred, .most = 1000, .value = "MS", .help = "deep redundancy in it (default: none)" },
        { "--tick", .number = &o->tick, .most = 60, .value = "MS",
          .help = "how often a receiver is asked for sound; 0: as it runs out" },
        { "--ptime", .number = &o->ptime, .least = 10, .most = 60, .value = "MS",
          .help = "sound in a packet (default: 20)" },
        { "--budget", .number = &o->budget, .most = 10000, .value = "MS",
          .help = "how late a packet may be for the ideal receiver (default: 250)" },
        { "--level", .number = &o->level, .least = 3, .most = 60, .value = "DB",
          .help = "how far below full scale speech is (default: 26)" },
        { "--pieces", .number = &o->pieces, .least = 1, .most = PROMPTS_MAX_PIECES, .value = "N",
          .help = "how many pieces of speech (default: 4)" },
        { "--seed", .number = &o->seed, .most = 1000000, .value = "N", .help = "the first seed (default: 1)" },
        { "--seeds", .number = &o->seeds, .least = 1, .most = 1000, .value = "N",
          .help = "the mean over so many (default: 1)" },
        { "--json", .flag = &o->json, .help = "one JSON object as the last line" },
        { "--quick", .flag = &o->quick, .help = "seven networks, two pieces of speech" },
        { "--no-ideal", .flag = &o->no_ideal, .help = "without the ideal receivers" },
    };
    const struct tool_usage usage = { "ahoy-bench-sound",
                                      "what is heard of speech over bad networks, beside an ideal receiver; "
                                      "docs/bench-sound.md tells how",
                                      list, AHOY_COUNT(list) };
    return tool_options(&usage, argc, argv, status);
}

/* Whether a list of words with commas between has this one; NULL: all are meant. */
static bool listed(const char *list, const char *word)
{
    struct view rest = view_str(list ? list : "");
    if (!list)
        return true;
    while (!view_empty(rest)) {
        size_t comma = view_find(rest, ',');
        if (view_ieq(view_first(rest, comma), view_str(word)))
            return true;
        rest = view_from(rest, comma + 1);
    }
    return false;
}

static bool wanted(const struct options *o, const struct condition *c)
{
    static const char quick[] = "clean,r10,r20,b10,j50,spike,j50r5";
    return listed(o->only ? o->only : o->quick ? quick : NULL, c->name);
}

/* What a report is of: one of them is there. */
struct subject {
    struct run *run;
    struct call *call;
    struct peers *peers;
};

static enum ahoy_err subject_open(struct subject *s, const struct report *r, const struct prompts *speech)
{
    *s = (struct subject){ 0 };
    switch (r->mode) {
    case REPORT_RECEIVER: return run_create(&s->run, &r->config, speech);
    case REPORT_CALL:
    case REPORT_SHORT: return call_create(&s->call, &r->config, speech, r->mode == REPORT_SHORT);
    case REPORT_PHONE:
    case REPORT_PHONE_CALL: break;
    }
#ifdef BENCH_PEERS
    return peers_create(&s->peers, &r->config, speech);
#else
    return AHOY_ERR_UNSUPPORTED;
#endif
}

static void subject_close(struct subject *s)
{
    run_destroy(s->run);
    call_destroy(s->call);
#ifdef BENCH_PEERS
    peers_destroy(s->peers);
#endif
}

/* One row, printed. A real telephone that fails is told of and left out. */
static enum ahoy_err one(const struct subject *s, const struct condition *c, struct report *report)
{
    struct report_row *row = &report->row[report->n];
    enum ahoy_err err = AHOY_OK;
    row->condition = c;
    if (!s->run && c->drift_ppm != 0)
        return AHOY_OK; /* both ends have the world's one clock */
    if (s->run)
        err = run_condition(s->run, c, &row->outcome);
    else if (s->call)
        err = call_condition(s->call, c, &row->outcome);
#ifdef BENCH_PEERS
    else if ((err = peers_condition(s->peers, (enum phone_kind) report->phone, c, &row->outcome))) {
        printf("%-8s %s\n", c->name, ahoy_err_text(err));
        return AHOY_OK;
    }
#endif
    if (err)
        return err;
    report->n++;
    report_row(row, stdout);
    return AHOY_OK;
}

static enum ahoy_err one_report(const struct options *o, const struct prompts *speech, struct report *report)
{
    report->own = (struct condition){ "own", "as asked", o->impair, 0 };
    struct subject s;
    enum ahoy_err err = subject_open(&s, report, speech);
    if (err)
        return err;
    report_head(report, stdout);
    if (o->impair)
        err = one(&s, &report->own, report);
    for (size_t i = 0; i < CONDITIONS && !o->impair && !err; i++)
        if (wanted(o, &conditions[i]))
            err = one(&s, &conditions[i], report);
    subject_close(&s);
    return err;
}

static void configure(struct report *r, const struct options *o, enum report_mode mode, const char *codec)
{
    *r = (struct report){ .codec = codec, .mode = mode };
    r->config = (struct run_config){ .codec = audio_codec_by_name(view_str(codec)),
                                     .bitrate_bps = (uint32_t) o->bitrate,
                                     .complexity = (uint8_t) o->complexity,
                                     .expect_percent = (unsigned) o->expect,
                                     .dred_ms = (unsigned) o->dred,
                                     .ptime_ms = (unsigned) o->ptime,
                                     .tick_ms = (unsigned) o->tick,
                                     .budget_ms = (unsigned) o->budget,
                                     .first_seed = (unsigned) o->seed,
                                     .seeds = (unsigned) o->seeds,
                                     .no_ideal = o->no_ideal,
                                     .write_folder = o->write };
    r->config.our_sender = mode == REPORT_PHONE_CALL;
    if (!r->config.codec->ops->set_bitrate)
        r->config.bitrate_bps = r->config.codec->bitrate_bps;
}

/* Unless codecs are named, the receiver is run with all, whole calls and real telephones with Opus alone. */
static bool codec_wanted(const struct options *o, enum report_mode mode, size_t codec)
{
    if (strcmp(o->codec, "all") == 0)
        return mode == REPORT_RECEIVER || codec == 0;
    return listed(o->codec, codec_names[codec]);
}

/* The reports to be made; returns how many. */
static size_t plan(const struct options *o, struct report *reports)
{
    static const char *const modes[] = { "receiver", "call", "short", "phone", "phonecall" };
    size_t n = 0;
    for (enum report_mode mode = REPORT_RECEIVER; mode <= REPORT_PHONE_CALL; mode++)
        for (size_t i = 0; i < CODECS; i++) {
            if (!listed(o->mode, modes[mode]) || !codec_wanted(o, mode, i))
                continue;
#ifdef BENCH_PEERS
            for (int kind = 0; mode >= REPORT_PHONE && kind < PHONE_KINDS; kind++) {
                if (!phone_installed((enum phone_kind) kind) || strcmp(codec_names[i], "g722") == 0
                    || (mode == REPORT_PHONE_CALL && kind == PHONE_AHOY)) /* that is "call" */
                    continue;
                configure(&reports[n], o, mode, codec_names[i]);
                reports[n].phone = kind;
                reports[n++].phone_name = phone_name((enum phone_kind) kind);
            }
#endif
            if (mode < REPORT_PHONE)
                configure(&reports[n++], o, mode, codec_names[i]);
        }
    return n;
}

/* Calls with telephones that are not there are left out, and that is said. */
static void tell_who_is_missing(const struct options *o)
{
#ifdef BENCH_PEERS
    for (int kind = 0; kind < PHONE_KINDS && (listed(o->mode, "phone") || listed(o->mode, "phonecall")); kind++)
        if (!phone_installed((enum phone_kind) kind))
            fprintf(stderr, "ahoy-bench-sound: without %s, which is not %s\n", phone_name((enum phone_kind) kind),
                    kind == PHONE_AHOY ? "beside this program (AHOY_BIN says where else)" : "installed");
#else
    (void) o;
#endif
}

static enum ahoy_err bench(const struct options *o, const struct prompts *speech, struct report *reports)
{
    struct impair_config checked;
    enum ahoy_err err = o->impair ? impair_parse(view_str(o->impair), &checked) : AHOY_OK;
    tell_who_is_missing(o);
    size_t n = plan(o, reports);
    if (!err && n == 0)
        err = AHOY_ERR_NOT_FOUND;
    for (size_t i = 0; i < n && !err; i++)
        err = one_report(o, speech, &reports[i]);
    if (!err && o->svg && !report_svg(reports, n, o->svg))
        err = AHOY_ERR_IO;
    if (!err && o->json)
        report_json(reports, n, stdout);
    return err;
}

int main(int argc, char **argv)
{
    struct options o = defaults;
    struct prompts speech;
#ifdef BENCH_PEERS
    phone_find_ahoy(argv[0]);
#endif
    int status;
    if (!parse(&o, argc, argv, &status))
        return status;
    enum ahoy_err err = prompts_load(&speech, o.speech, (double) o.level, o.quick ? AHOY_MIN(o.pieces, 2u) : o.pieces);
    if (err) {
        fprintf(stderr,
                "ahoy-bench-sound: no speech; install asterisk-core-sounds-en-g722 and alsa-utils, or --speech DIR\n");
        return EXIT_FAILURE;
    }
    struct report *reports = mem_zalloc(REPORTS * sizeof *reports);
    err = reports ? bench(&o, &speech, reports) : AHOY_ERR_NOMEM;
    if (err)
        fprintf(stderr, "ahoy-bench-sound: %s\n", ahoy_err_text(err));
    mem_free(reports);
    prompts_free(&speech);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
