/*
 * From one telephone's microphone to another's loudspeaker on one machine: two phones of a kind talk over loopback with
 * PulseAudio devices in periods of 5 ms. What goes into the microphone and what comes out of the loudspeaker are
 * recorded on one clock; for each second the lag of their best correlation is the delay. The same with no phone between
 * (the second recorder on the microphone itself) says what the measuring itself adds, and is taken off.
 *
 *     ahoy-bench-latency [--quick] [--seconds N] [--json] [--only NAME] [--pipewire]      one JSON object as the last line
 *
 * --quick: one call in place of three; --seconds: how long each is measured; --pipewire: on PipeWire in place of PulseAudio.
 *
 * Beside each row stands what the machine did meanwhile: how often, and how far, a thread that asks for each millisecond was
 * woken late, and how often our phones' devices ran dry. A host that stalls for 10 ms makes every loudspeaker with less in
 * front of it dry, so figures are to be compared where these are alike.
 * The server's processor time has player and recorders in it, which are the same for every phone.
 */
#include "latency.h"

#include "audio/score.h"
#include "base/base.h"
#include "phone.h"
#include "signalling.h"
#include "tool.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETTLE_MS = 3000,
    SKIP_S = 5,
    PIECE_S = 1,
    MAX_LAG_MS = 900,
    MAX_S = 60,
    MAX_PIECES = 256,
    MAX_CALLS = 8,
    PTIMES = 2
};

/* Who talks to his like. The others do nothing to the microphone; ours does by default, and is measured both ways. */
static const struct phone_variant {
    const char *name, *processing;
    enum phone_kind kind;
} variants[] = {
    { "ahoy", "off", PHONE_AHOY },
    { "ahoy-processing", "auto", PHONE_AHOY },
    { "baresip", NULL, PHONE_BARESIP },
    { "linphonec", NULL, PHONE_LINPHONEC },
};

enum { VARIANTS = sizeof variants / sizeof variants[0] };

static const unsigned ptimes[PTIMES] = { 20, 10 };
static const double targets[PTIMES] = { 60, 40 };

static int16_t said[CABLE_HZ * MAX_S], mouth_pcm[CABLE_HZ * MAX_S], ear_pcm[CABLE_HZ * MAX_S];

/* The delays of the pieces of one row, milliseconds. */
struct row {
    double delay[MAX_PIECES];
    size_t n, pieces; /* found, looked for */
    /* The busier of the two phones in each call: per cent of a core, wake-ups a second; and the sound server's share. */
    double cpu[MAX_CALLS], wakeups[MAX_CALLS], server_cpu[MAX_CALLS];
    size_t calls;
    struct lateness machine[2]; /* of an ordinary thread, of one in realtime */
    double dry, dry_s;          /* moments at which devices ran dry, of both phones; in so many seconds; of ours only */
};

/* The median of one figure of the calls; negative: none was measured. */
static double typical(const struct row *r, double figure[MAX_CALLS])
{
    return r->calls > 0 ? tool_median(figure, r->calls) : -1;
}

static double quantile(struct row *r, double q)
{
    if (r->n == 0)
        return -1;
    tool_sort(r->delay, r->n);
    return r->delay[(size_t) ((double) (r->n - 1) * q)];
}

/* How loud it is at `t` seconds: phrases of 1.8 s in syllables, and pauses of 0.5 s, in which phones mend their delay. */
static double loudness(double t)
{
    const double turn = 6.283185307179586, phrase_s = 1.8, pause_s = 0.5, edge_s = 0.02;
    double in = fmod(t, phrase_s + pause_s), syllable = sin(turn * 2.3 * t + sin(turn * 0.37 * t));
    double edge = fmin(1, fmin(in, phrase_s - in) / edge_s);
    return edge > 0 ? edge * (0.15 + 0.85 * (syllable > 0 ? syllable : 0)) : 0;
}

/* A voice whose pitch glides, so that no two places are alike. */
static void make_speech(void)
{
    const double turn = 6.283185307179586;
    double phase = 0;
    for (size_t i = 0; i < AHOY_COUNT(said); i++) {
        double t = (double) i / CABLE_HZ, sum = 0;
        phase += turn * (140 + 45 * sin(turn * 0.71 * t) + 20 * sin(turn * 0.23 * t)) / CABLE_HZ;
        for (int k = 1; k <= 20; k++)
            sum += sin(phase * k) / k;
        said[i] = (int16_t) (5000 * sum * loudness(t));
    }
}

/* Where each second of what was said is in what was heard. */
static void find_pieces(struct row *r, const struct recording *mouth, const struct recording *ear, double own_ms)
{
    size_t piece = (size_t) CABLE_HZ * PIECE_S, room = (size_t) CABLE_HZ / 1000 * MAX_LAG_MS;
    for (size_t at = (size_t) CABLE_HZ * SKIP_S; at + piece + room <= mouth->n; at += piece) {
        struct score_match m;
        double begin_ms = mouth->start_ms + (double) at * 1000 / CABLE_HZ;
        double from = (begin_ms - ear->start_ms) * CABLE_HZ / 1000; /* the sample of the ear at that time */
        if (from < 0 || (size_t) from + piece + room > ear->n || r->pieces == MAX_PIECES)
            continue;
        size_t k = (size_t) from;
        r->pieces++;
        if (score_match(mouth->pcm + at, piece, ear->pcm + k, piece + room, CABLE_HZ, MAX_LAG_MS, &m))
            continue;
        if (getenv("AHOY_BENCH_LOG"))
            fprintf(stderr, "second %zu: delay %.1f ms, correlation %.2f, %.0f dB\n", at / CABLE_HZ, m.delay_ms, m.corr,
                    m.heard_dbfs);
        if (m.corr > 0.5)
            r->delay[r->n++] = m.delay_ms + ((double) k - from) * 1000 / CABLE_HZ - own_ms;
    }
}

static bool measure(struct row *r, unsigned seconds, double own_ms)
{
    struct recording mouth = { .pcm = mouth_pcm }, ear = { .pcm = ear_pcm };
    if (!cable_measure(said, (size_t) seconds * CABLE_HZ, seconds, &mouth, &ear))
        return false;
    if (getenv("AHOY_BENCH_LOG"))
        fprintf(stderr, "the recorders were late by up to %.1f and %.1f ms\n", mouth.late_ms, ear.late_ms);
    find_pieces(r, &mouth, &ear, own_ms);
    return true;
}

/* No phone: the ear is at the microphone. */
static bool measure_nothing(double *own_ms)
{
    struct row r = { .n = 0 };
    struct recording mouth = { .pcm = mouth_pcm }, ear = { .pcm = ear_pcm };
    if (!cable_measure_itself(said, (size_t) (SKIP_S + 4) * CABLE_HZ, SKIP_S + 4, &mouth, &ear))
        return false;
    find_pieces(&r, &mouth, &ear, 0);
    *own_ms = quantile(&r, 0.5);
    return r.n > 0;
}

/* What two phones and the sound server between them have cost until now. */
struct costs {
    struct cost phone[2];
    double server_ms;
};

static bool read_costs(const struct phone p[2], const struct pulse_daemon *server, struct costs *out)
{
    struct cost part;
    *out = (struct costs){ .server_ms = 0 };
    for (int i = 0; i < 2; i++)
        if (!cost_read(p[i].pid, &out->phone[i]))
            return false;
    for (int i = 0; i < PULSE_PARTS; i++) {
        if (server->part[i] > 0 && !cost_read(server->part[i], &part))
            return false;
        out->server_ms += server->part[i] > 0 ? part.cpu_ms : 0;
    }
    return true;
}

/* One call's, which took `ms`. */
static void count_costs(struct row *r, const struct costs *before, const struct costs *after, double ms)
{
    double cpu_ms = 0, wakeups = 0;
    if (r->calls == MAX_CALLS)
        return;
    for (int i = 0; i < 2; i++) {
        cpu_ms = fmax(cpu_ms, after->phone[i].cpu_ms - before->phone[i].cpu_ms);
        wakeups = fmax(wakeups, (double) (after->phone[i].wakeups - before->phone[i].wakeups));
    }
    r->cpu[r->calls] = 100 * cpu_ms / ms;
    r->wakeups[r->calls] = 1000 * wakeups / ms;
    r->server_cpu[r->calls++] = 100 * (after->server_ms - before->server_ms) / ms;
}

/* Measures the delay, and meanwhile what phones and server cost and what the machine is like. */
static bool measure_both(struct row *r, const struct phone p[2], const struct pulse_daemon *server, unsigned seconds,
                         double own_ms)
{
    struct costs before, after;
    bool known = read_costs(p, server, &before);
    double from_ms = tool_now_ms();
    struct probe probe[2];
    for (int i = 0; i < 2; i++)
        if (!probe_start(&probe[i], i == 1))
            abort();
    bool ok = measure(r, seconds, own_ms);
    for (int i = 0; i < 2; i++)
        probe_stop(&probe[i], &r->machine[i]);
    double ms = tool_now_ms() - from_ms;
    if (ok && known && read_costs(p, server, &after))
        count_costs(r, &before, &after, ms);
    return ok;
}

/* How often their devices ran dry, which our phones tell in the figures of an ended call. */
static void count_dry(struct row *r, char out[2][240], double seconds)
{
    for (int i = 0; i < 2; i++) {
        double n = phone_said(out[i], "dropouts");
        r->dry += n >= 0 ? n : 0;
        r->dry_s += n >= 0 ? seconds : 0;
    }
}

/* One call between two phones of a kind. */
static bool run_call(const struct pulse_daemon *server, const struct phone_variant *v, unsigned ptime_ms,
                     unsigned seconds, double own_ms, struct row *r)
{
    char home[2][232], out[2][240];
    struct phone p[2] = { { .input = -1 }, { .input = -1 } };
    uint16_t port = peer_free_port();
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        snprintf(home[i], sizeof home[i], "%s/%s-%c", server->dir, v->name, "ba"[i]);
        snprintf(out[i], sizeof out[i], "%s/out", home[i]);
        struct phone_config cfg = { .dir = home[i],
                                    .rate_hz = CABLE_HZ,
                                    .codec = "opus",
                                    .source = i == 0 ? "mic_b" : "mic_a",
                                    .sink = i == 0 ? "ear_b" : "ear_a",
                                    .listen = i == 0 ? port : 0,
                                    .call = i == 0 ? 0 : port,
                                    .ptime_ms = ptime_ms,
                                    .processing = v->processing,
                                    .out = out[i] };
        (void) phone_make_home(home[i]);
        ok = phone_start(&p[i], v->kind, &cfg);
        (void) poll(NULL, 0, SETTLE_MS);
    }
    double from_ms = tool_now_ms();
    ok = ok && measure_both(r, p, server, seconds, own_ms);
    double ms = SETTLE_MS + tool_now_ms() - from_ms;
    phone_stop(&p[1]);
    phone_stop(&p[0]);
    if (ok && v->kind == PHONE_AHOY)
        count_dry(r, out, ms / 1000);
    return ok;
}

static double late_a_second(const struct lateness *m)
{
    return m->seconds > 0 ? m->late / m->seconds : 0;
}

static double dry_a_minute(const struct row *r)
{
    return r->dry_s > 0 ? r->dry * 60 / r->dry_s : 0;
}

static void print_json(struct row row[VARIANTS][PTIMES])
{
    printf("{\"bench\":\"latency\",\"rows\":[");
    for (int i = 0; i < PTIMES; i++) {
        double own = quantile(&row[0][i], 0.5), best = -1;
        printf("%s{\"name\":\"Opus, packets of %u ms\",\"unit\":\"ms\"", i ? "," : "", ptimes[i]);
        for (int k = 0; k < VARIANTS; k++) {
            double v = quantile(&row[k][i], 0.5);
            if (v < 0)
                continue;
            const char *name = variants[k].name;
            struct row *r = &row[k][i];
            printf(",\"%s\":%.1f,\"%s_95\":%.1f,\"%s_cpu\":%.2f", name, v, name, quantile(r, 0.95), name,
                   typical(r, r->cpu));
            printf(",\"%s_wakeups\":%.0f,\"%s_server_cpu\":%.2f", name, typical(r, r->wakeups), name,
                   typical(r, r->server_cpu));
            for (int m = 0; m < 2; m++) {
                const struct lateness *late = &row[k][i].machine[m];
                const char *kind = m == 1 ? "realtime" : "ordinary";
                printf(",\"%s_%s_late_a_second\":%.2f,\"%s_%s_late_most_ms\":%.1f", name, kind, late_a_second(late),
                       name, kind, late->worst_ms);
            }
            if (row[k][i].dry_s > 0)
                printf(",\"%s_dry_a_minute\":%.1f", name, dry_a_minute(&row[k][i]));
            best = variants[k].kind != PHONE_AHOY && (best < 0 || v < best) ? v : best;
        }
        printf(",\"target\":%.0f,\"met\":%s", targets[i], own >= 0 && own <= targets[i] ? "true" : "false");
        if (best > 0 && own > 0)
            printf(",\"ratio_to_best_peer\":%.2f", best / own);
        printf("}");
    }
    printf("]}\n");
}

static void print_rows(struct row row[VARIANTS][PTIMES])
{
    printf("%-16s %10s %10s %10s %10s %9s %8s %9s %12s\n", "", "packets", "median", "95 %", "longest", "CPU",
           "wake-ups", "server", "found");
    for (int i = 0; i < PTIMES; i++)
        for (int k = 0; k < VARIANTS; k++) {
            struct row *r = &row[k][i];
            if (r->pieces == 0)
                continue;
            printf("%-16s %7u ms %7.1f ms %7.1f ms %7.1f ms %7.2f %% %6.0f/s %7.2f %% %6zu of %zu", variants[k].name,
                   ptimes[i], quantile(r, 0.5), quantile(r, 0.95), quantile(r, 1), typical(r, r->cpu),
                   typical(r, r->wakeups), typical(r, r->server_cpu), r->n, r->pieces);
            if (variants[k].kind == PHONE_AHOY)
                printf("   target %.0f: %s", targets[i], r->n > 0 && quantile(r, 0.5) <= targets[i] ? "met" : "MISSED");
            printf(
                "\n%16s the machine was > %d ms late %.1f times a second (worst %.1f ms), in realtime %.1f (%.1f ms)",
                "", PROBE_LATE_MS, late_a_second(&r->machine[0]), r->machine[0].worst_ms, late_a_second(&r->machine[1]),
                r->machine[1].worst_ms);
            if (r->dry_s > 0)
                printf("; dry %.1f times a minute and phone", dry_a_minute(r));
            printf("\n");
        }
}

int main(int argc, char **argv)
{
    static struct row row[VARIANTS][PTIMES];
    struct cable cable = { .listeners = 0 };
    bool json = false, quick = false, pipewire = false;
    double own_ms = 0;
    const char *only = NULL;
    unsigned seconds = 0;
    const struct tool_option list[] = { { "--only", .text = &only, .value = "NAME", .help = "rows of this telephone" },
                                        { "--json", .flag = &json, .help = "one JSON object as the last line" },
                                        { "--seconds", .number = &seconds, .least = SKIP_S + 3, .most = MAX_S,
                                          .value = "N", .help = "length of a call (default: 16)" },
                                        { "--quick", .flag = &quick, .help = "shorter calls" },
                                        { "--pipewire", .flag = &pipewire,
                                          .help = "through PipeWire in place of PulseAudio" } };
    const struct tool_usage usage = {
        "ahoy-bench-latency", "the delay from mouth to ear through a sound server, beside baresip and linphonec", list,
        AHOY_COUNT(list)
    };
    int status;
    if (!tool_options(&usage, argc, argv, &status))
        return status;
    if (seconds == 0)
        seconds = quick ? 10 : 16;
    if (pipewire)
        (void) setenv("AHOY_TEST_SOUND_SERVER", "pipewire", 1);
    (void) signal(SIGPIPE, SIG_IGN);
    phone_find_ahoy(argv[0]);
    make_speech();
    bool ok = cable_start(&cable) && measure_nothing(&own_ms);
    if (!ok)
        fprintf(stderr, "The sound server cannot be started, or does not carry sound: is it installed?\n");
    else
        printf("the cable itself: %.1f ms, taken off below\n", own_ms);
    for (int turn = 0; ok && turn < (quick ? 1 : 3); turn++)
        for (int i = 0; ok && i < PTIMES; i++)
            for (int k = 0; ok && k < VARIANTS; k++)
                if (phone_installed(variants[k].kind) && (!only || strcmp(only, variants[k].name) == 0))
                    ok = run_call(&cable.server, &variants[k], ptimes[i], seconds, own_ms, &row[k][i]);
    if (ok)
        print_rows(row);
    if (ok && json)
        print_json(row);
    cable_stop(&cable);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
