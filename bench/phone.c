/*
 * What a telephone costs the machine it runs on: start to registered, idle with one account, a call with Opus and one
 * with PCMU; ours beside baresip and linphonec in the same run. Each registers at the same registrar and calls the same
 * echo (ours), with a file of recorded speech as microphone and a file as loudspeaker.
 *
 *     ahoy-bench-phone [--quick] [--json]      one JSON object as the last line
 */
#include "phone.h"

#include "base/base.h"
#include "signalling.h"
#include "support/temp.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STARTS = 9,
    START_LIMIT_MS = 10000,
    AFTER_START_MS = 30, /* the answer is still to be read when it was sent */
    SETTLE_MS = 4000,
    IDLE_MS = 10000,
    CALL_MS = 20000,
    WAV_S = 40,
    MAX_ROWS = 20
};

/* Of the files that phones play, so that nobody resamples: Opus's clock, and PCMU's. */
static const unsigned rates[2] = { 48000, 8000 };

struct row {
    const char *name, *unit;
    double value[PHONE_KINDS]; /* negative: not measured */
    double target;
};

struct call_kind {
    const char *codec, *processing; /* of the microphone; NULL: off */
    double cpu_target;
    const char *cpu, *wakeups, *resident; /* names of rows */
};

struct bench {
    char dir[64], wav[2][96], sub[PHONE_KINDS][96];
    const char *speech; /* what is said */
    bool quick;
    struct row row[MAX_ROWS];
    size_t rows;
};

static void wait_ms(int ms)
{
    (void) poll(NULL, 0, ms);
}

static struct row *new_row(struct bench *b, const char *name, const char *unit, double target)
{
    struct row *r = &b->row[b->rows++];
    *r = (struct row){ .name = name, .unit = unit, .target = target };
    for (int k = 0; k < PHONE_KINDS; k++)
        r->value[k] = -1;
    return r;
}

/* ---- start to registered ----------------------------------------------------------------------------------------- */

static bool start_once(struct bench *b, enum phone_kind kind, double *wall, double *cpu)
{
    struct phone_config cfg = { .dir = b->sub[kind], .wav = b->wav[0], .rate_hz = rates[0], .codec = "opus" };
    struct phone p = { .input = -1 };
    struct cost c;
    int fd = registrar_open(&cfg.registrar);
    double start = tool_now_ms();
    bool ok = fd >= 0 && phone_start(&p, kind, &cfg) && registrar_serve(fd, START_LIMIT_MS);
    *wall = tool_now_ms() - start;
    wait_ms(AFTER_START_MS);
    ok = ok && cost_read(p.pid, &c);
    *cpu = ok ? c.cpu_ms : 0;
    if (p.pid > 0)
        (void) kill(p.pid, SIGKILL); /* nobody is there to hear it unregister */
    phone_stop(&p);
    if (fd >= 0)
        close(fd);
    if (!ok)
        fprintf(stderr, "%s did not register\n", phone_name(kind));
    return ok;
}

static bool run_starts(struct bench *b)
{
    struct row *wall = new_row(b, "start to registered", "ms", 40), *cpu = new_row(b, "CPU until registered", "ms", 12);
    static double w[PHONE_KINDS][STARTS], c[PHONE_KINDS][STARTS];
    size_t n = b->quick ? 3 : STARTS;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < PHONE_KINDS; k++)
            if (phone_installed((enum phone_kind) k) && !start_once(b, (enum phone_kind) k, &w[k][i], &c[k][i]))
                return false;
    for (int k = 0; k < PHONE_KINDS; k++)
        if (phone_installed((enum phone_kind) k)) {
            wall->value[k] = tool_median(w[k], n);
            cpu->value[k] = tool_median(c[k], n);
        }
    return true;
}

/* ---- idle -------------------------------------------------------------------------------------------------------- */

static bool run_idle(struct bench *b)
{
    struct row *rss = new_row(b, "idle, one account: resident", "MB", 8);
    struct row *pss = new_row(b, "idle, one account: proportional", "MB", 3.5);
    struct row *wakeups = new_row(b, "idle wake-ups a second", "", 1);
    struct phone p[PHONE_KINDS] = { { .input = -1 }, { .input = -1 }, { .input = -1 } };
    struct cost before[PHONE_KINDS] = { 0 }, after;
    bool ok = true;
    for (int k = 0; ok && k < PHONE_KINDS; k++) {
        struct phone_config cfg = { .dir = b->sub[k], .wav = b->wav[0], .rate_hz = rates[0], .codec = "opus" };
        if (!phone_installed((enum phone_kind) k))
            continue;
        int fd = registrar_open(&cfg.registrar);
        ok = fd >= 0 && phone_start(&p[k], (enum phone_kind) k, &cfg) && registrar_serve(fd, START_LIMIT_MS);
        if (fd >= 0)
            close(fd);
    }
    wait_ms(SETTLE_MS);
    for (int k = 0; ok && k < PHONE_KINDS; k++)
        ok = p[k].pid == 0 || cost_read(p[k].pid, &before[k]);
    int ms = b->quick ? IDLE_MS / 3 : IDLE_MS;
    wait_ms(ms);
    for (int k = 0; k < PHONE_KINDS; k++) {
        if (ok && p[k].pid > 0 && cost_read(p[k].pid, &after)) {
            rss->value[k] = after.rss_mb;
            pss->value[k] = after.pss_mb;
            wakeups->value[k] = (double) (after.wakeups - before[k].wakeups) * 1000 / ms;
        }
        if (p[k].pid > 0)
            (void) kill(p[k].pid, SIGKILL);
        phone_stop(&p[k]);
    }
    return ok;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/* One call a phone. Those that want something of the microphone's chain are ours: the others have none like it. */
static bool run_calls(struct bench *b, const struct call_kind *kind)
{
    struct row *cpu = new_row(b, kind->cpu, "%", kind->cpu_target);
    struct row *wakeups = new_row(b, kind->wakeups, "", 110), *rss = new_row(b, kind->resident, "MB", 12);
    const char *codec = kind->codec;
    struct phone p[PHONE_KINDS] = { { .input = -1 }, { .input = -1 }, { .input = -1 } }, echo[PHONE_KINDS];
    struct cost before[PHONE_KINDS], heard[PHONE_KINDS], after;
    size_t rate = strcmp(codec, "opus") == 0 ? 0 : 1;
    bool ok = true;
    for (int k = 0; k < PHONE_KINDS; k++)
        echo[k] = (struct phone){ .input = -1 };
    for (int k = 0; ok && k < PHONE_KINDS; k++) {
        struct phone_config cfg = { .dir = b->sub[k],
                                    .wav = b->wav[rate],
                                    .rate_hz = rates[rate],
                                    .codec = codec,
                                    .call = peer_free_port(),
                                    .processing = kind->processing };
        if (!phone_installed((enum phone_kind) k) || (kind->processing && k != PHONE_AHOY))
            continue;
        ok = phone_start_echo(&echo[k], b->dir, codec, cfg.call);
        wait_ms(500);
        ok = ok && phone_start(&p[k], (enum phone_kind) k, &cfg);
    }
    wait_ms(SETTLE_MS);
    for (int k = 0; ok && k < PHONE_KINDS; k++)
        ok = p[k].pid == 0 || (cost_read(p[k].pid, &before[k]) && cost_read(echo[k].pid, &heard[k]));
    int ms = b->quick ? CALL_MS / 4 : CALL_MS;
    double start = tool_now_ms();
    wait_ms(ms);
    for (int k = 0; k < PHONE_KINDS; k++) {
        double took = tool_now_ms() - start;
        if (ok && p[k].pid > 0 && cost_read(p[k].pid, &after)) {
            wakeups->value[k] = (double) (after.wakeups - before[k].wakeups) * 1000 / took;
            cpu->value[k] = (after.cpu_ms - before[k].cpu_ms) / took * 100;
            rss->value[k] = after.rss_mb;
        }
        /* The echo is woken by each packet; an idle one hardly ever. */
        if (ok && p[k].pid > 0
            && (!cost_read(echo[k].pid, &after) || (double) (after.wakeups - heard[k].wakeups) * 1000 / took < 25)) {
            fprintf(stderr, "%s: the %s call does not stand\n", phone_name((enum phone_kind) k), codec);
            ok = false;
        }
    }
    for (int k = 0; k < PHONE_KINDS; k++) {
        phone_stop(&p[k]);
        phone_stop(&echo[k]);
    }
    return ok;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void print_rows(const struct bench *b)
{
    printf("said in calls: %s\n%-42s", b->speech, "");
    for (int k = 0; k < PHONE_KINDS; k++)
        printf(" %10s", phone_name((enum phone_kind) k));
    printf("      target\n");
    for (size_t i = 0; i < b->rows; i++) {
        const struct row *r = &b->row[i];
        printf("%-42s", r->name);
        for (int k = 0; k < PHONE_KINDS; k++) {
            if (r->value[k] < 0)
                printf(" %10s", "-");
            else
                printf(" %10.2f", r->value[k]);
        }
        printf(" %-2s %7.1f  %s\n", r->unit, r->target, r->value[0] <= r->target ? "met" : "MISSED");
    }
}

static void print_json(const struct bench *b)
{
    printf("{\"bench\":\"phone\",\"speech\":\"%s\",\"rows\":[", b->speech);
    for (size_t i = 0; i < b->rows; i++) {
        const struct row *r = &b->row[i];
        double best = 0;
        printf("%s{\"name\":\"%s\",\"unit\":\"%s\"", i ? "," : "", r->name, r->unit);
        for (int k = 0; k < PHONE_KINDS; k++) {
            if (r->value[k] < 0)
                continue;
            printf(",\"%s\":%.3f", phone_name((enum phone_kind) k), r->value[k]);
            if (k != PHONE_AHOY && (best <= 0 || r->value[k] < best))
                best = r->value[k];
        }
        printf(",\"target\":%.2f,\"met\":%s", r->target, r->value[0] <= r->target ? "true" : "false");
        if (best > 0 && r->value[0] > 0)
            printf(",\"ratio_to_best_peer\":%.2f", best / r->value[0]);
        printf("}");
    }
    printf("]}\n");
}

static bool make_dirs(struct bench *b)
{
    char dir[sizeof b->dir]; /* what is printed from must be seen to be elsewhere than what is printed to */
    if (!temp_begin() || !temp_make(dir, sizeof dir))
        return false;
    memcpy(b->dir, dir, sizeof dir);
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        snprintf(b->wav[i], sizeof b->wav[i], "%s/in%u.wav", dir, rates[i]);
        ok = phone_speech(b->wav[i], rates[i], WAV_S, &b->speech) && ok;
    }
    for (int k = 0; k < PHONE_KINDS; k++) {
        snprintf(b->sub[k], sizeof b->sub[k], "%s/%s", dir, phone_name((enum phone_kind) k));
        ok = phone_make_home(b->sub[k]) && ok;
    }
    return ok;
}

int main(int argc, char **argv)
{
    static const struct call_kind calls[] = {
        { "opus", NULL, 1.8, "Opus call: CPU of a core", "Opus call: wake-ups a second", "Opus call: resident" },
        { "opus", "hpf,aec,ns,agc", 3, "Opus call, every step: CPU of a core",
          "Opus call, every step: wake-ups a second", "Opus call, every step: resident" },
        { "pcmu", NULL, 0.4, "PCMU call: CPU of a core", "PCMU call: wake-ups a second", "PCMU call: resident" },
    };
    struct bench b = { .quick = false };
    bool json = false;
    const struct tool_option list[] = { { "--json", .flag = &json, .help = "one JSON object as the last line" },
                                        { "--quick", .flag = &b.quick, .help = "fewer and shorter rounds" } };
    const struct tool_usage usage = { "ahoy-bench-phone", "what a telephone costs, beside baresip and linphonec", list,
                                      AHOY_COUNT(list) };
    int status;
    if (!tool_options(&usage, argc, argv, &status))
        return status;
    (void) signal(SIGPIPE, SIG_IGN);
    phone_find_ahoy(argv[0]);
    if (!phone_installed(PHONE_AHOY)) {
        fprintf(stderr, "there is no %s\n", phone_ahoy());
        return EXIT_FAILURE;
    }
    for (int k = 1; k < PHONE_KINDS; k++)
        if (!phone_installed((enum phone_kind) k))
            printf("%s is not installed: left out\n", phone_name((enum phone_kind) k));
    bool ok = make_dirs(&b) && run_starts(&b) && run_idle(&b);
    for (size_t i = 0; ok && i < AHOY_COUNT(calls); i++)
        ok = run_calls(&b, &calls[i]);
    if (ok)
        print_rows(&b);
    if (ok && json)
        print_json(&b);
    if (!getenv("AHOY_BENCH_LOG"))
        temp_end();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
