/*
 * What signalling costs a server: processor time a call or request, measured in the server's own process, beside
 * Kamailio and SIPp in the same run where Debian has them, beside what was recorded of PJSIP where it has not, and
 * beside the target. Then the memory of an open call.
 *
 *     ahoy-bench-signalling [--quick] [--only TEXT] [--json]      rows whose name has TEXT; one JSON object as the last line
 */
#include "signalling.h"

#include "base/base.h"
#include "support/temp.h"
#include "tool.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 5, MAX_ROWS = 24, WINDOW = 48, WARM_UP = 500, OPEN_CALLS = 10000, SETTLE_MS = 3800 };

/* One thing measured: our server and perhaps a peer's under the same load. */
struct job {
    const char *name;
    enum load_kind load;
    enum server_kind ours;
    int peer; /* enum server_kind, or -1 */
    const char *peer_name;
    double recorded; /* of the peer, when it is not measured here; ms */
    double target;   /* ms */
    unsigned count;
};

static const struct job jobs[] = {
    { "call, SDP answered", LOAD_CALL, SERVER_CALL_SDP, -1, "PJSIP 2.17 (recorded)", 0.34, 0.05, 10000 },
    { "call, without SDP handling", LOAD_CALL, SERVER_CALL, -1, "PJSIP 2.17 (recorded)", 0.25, 0.035, 10000 },
    { "the same, SIPp as the server", LOAD_CALL, SERVER_CALL, SERVER_SIPP, "SIPp uas", 0, 0.035, 10000 },
    { "OPTIONS", LOAD_OPTIONS, SERVER_CALL, -1, "PJSIP 2.17 (recorded)", 0.046, 0.012, 30000 },
    { "REGISTER", LOAD_REGISTER, SERVER_EXCHANGE_OPEN, SERVER_KAMAILIO, "Kamailio", 0, 0.015, 30000 },
    { "REGISTER, digest", LOAD_REGISTER_DIGEST, SERVER_EXCHANGE_DIGEST, SERVER_KAMAILIO_DIGEST, "Kamailio", 0, 0.030,
      30000 },
    { "call through the proxy", LOAD_PROXY_CALL, SERVER_EXCHANGE_OPEN, SERVER_KAMAILIO, "Kamailio", 0, 0.08, 8000 },
};

struct row {
    char name[64];
    const char *unit, *peer_name;
    double ours, peer, target; /* peer 0: none */
    double per_s; /* calls or requests a second of wall-clock time, as the generator saw them; 0: does not apply */
    unsigned resent;
};

struct table {
    struct row row[MAX_ROWS];
    unsigned rows;
};

/* Milliseconds of the server's processor time for each of `count`, after a warm-up that does not count. */
static bool measure(enum server_kind kind, enum load_kind what, unsigned count, double *ms, struct load_result *result)
{
    struct server s;
    struct usage before, after;
    struct load_result warm;
    if (!server_start(&s, kind))
        return false;
    struct load l = { .kind = what, .port = s.port, .count = WARM_UP, .window = WINDOW };
    bool ok = load_run(&l, &warm) && server_usage(&s, &before);
    l.count = count;
    ok = ok && load_run(&l, result) && server_usage(&s, &after);
    if (ok)
        *ms = (after.cpu_ms - before.cpu_ms) / count;
    server_stop(&s);
    return ok;
}

static bool run_job(const struct job *j, unsigned rounds, unsigned divisor, struct row *row)
{
    double ours[MAX_ROUNDS], peer[MAX_ROUNDS], per_s[MAX_ROUNDS];
    struct load_result r;
    bool with_peer = j->peer >= 0 && server_available((enum server_kind) j->peer);
    *row = (struct row){ .unit = "ms", .peer_name = j->peer_name, .target = j->target };
    snprintf(row->name, sizeof row->name, "%s", j->name);
    for (unsigned i = 0; i < rounds; i++) { /* interleaved, so that both have the same neighbours on the machine */
        if (!measure(j->ours, j->load, j->count / divisor, &ours[i], &r))
            return false;
        per_s[i] = r.done / r.wall_s;
        row->resent += r.resent;
        if (with_peer && !measure((enum server_kind) j->peer, j->load, j->count / divisor, &peer[i], &r))
            return false;
    }
    row->ours = tool_median(ours, rounds);
    row->per_s = tool_median(per_s, rounds);
    row->peer = with_peer ? tool_median(peer, rounds) : j->recorded;
    if (j->peer >= 0 && !with_peer)
        row->peer_name = "not installed";
    return true;
}

/* What 10,000 open calls take: with the transactions of their INVITEs, and once those are forgotten. */
static bool run_memory(struct table *t)
{
    static const char *const names[] = { "heap of an open call, at once", "heap of an open call, settled",
                                         "resident memory of an open call" };
    struct server s;
    struct usage before, full, settled;
    struct load_result r;
    if (!server_start(&s, SERVER_CALL_FAST))
        return false;
    struct load l = { .kind = LOAD_CALL, .port = s.port, .count = WARM_UP, .window = WINDOW };
    bool ok = load_run(&l, &r);
    (void) poll(NULL, 0, SETTLE_MS);
    ok = ok && server_usage(&s, &before);
    l.kind = LOAD_OPEN_CALL;
    l.count = OPEN_CALLS;
    ok = ok && load_run(&l, &r) && server_usage(&s, &full);
    (void) poll(NULL, 0, SETTLE_MS);
    ok = ok && server_usage(&s, &settled);
    server_stop(&s);
    if (!ok)
        return false;
    double kb[] = { ((double) full.heap_bytes - (double) before.heap_bytes) / OPEN_CALLS / 1024,
                    ((double) settled.heap_bytes - (double) before.heap_bytes) / OPEN_CALLS / 1024,
                    ((double) settled.rss_bytes - (double) before.rss_bytes) / OPEN_CALLS / 1024 };
    for (int i = 0; i < 3; i++) {
        struct row *row = &t->row[t->rows++];
        *row = (struct row){
            .unit = "KB", .peer_name = "PJSIP 2.17 (recorded)", .ours = kb[i], .peer = 50, .target = 6
        };
        snprintf(row->name, sizeof row->name, "%s", names[i]);
    }
    return true;
}

/* Somebody else's telephone calls ours: proof that the generator does not flatter, no figure. */
static bool run_sipp(unsigned calls)
{
    struct server s;
    struct usage u;
    if (!server_available(SERVER_SIPP)) {
        printf("SIPp is not installed: left out\n");
        return true;
    }
    if (!server_start(&s, SERVER_CALL_SDP))
        return false;
    bool ok = peer_sipp_calls(s.port, calls) && server_usage(&s, &u);
    printf("SIPp's uac: %u calls at 1000 a second to ours, %s", calls, ok ? "all went well" : "NOT all went well");
    printf(ok ? "; %.3f ms of the server a call\n" : "\n", ok ? u.cpu_ms / calls : 0);
    server_stop(&s);
    return ok;
}

static void print_row(const struct row *r)
{
    printf("%-34s %8.4f %s", r->name, r->ours, r->unit);
    if (r->per_s > 0)
        printf(" %8.0f", r->per_s);
    else
        printf(" %8s", "");
    printf("   %8.4f %-22s %6.1f x   %7.3f  %s", r->peer, r->peer_name, r->peer > 0 ? r->peer / r->ours : 0, r->target,
           r->ours <= r->target ? "met" : "MISSED");
    if (r->resent > 0)
        printf("  (%u sent again)", r->resent);
    printf("\n");
    fflush(stdout);
}

static void print_json(const struct table *t)
{
    printf("{\"bench\":\"signalling\",\"rows\":[");
    for (unsigned i = 0; i < t->rows; i++) {
        const struct row *r = &t->row[i];
        printf(
            "%s{\"name\":\"%s\",\"unit\":\"%s\",\"ahoy\":%.5f,\"per_second\":%.0f,\"peer\":\"%s\",\"peer_value\":%.5f,"
            "\"ratio\":%.2f,\"target\":%.4f,\"met\":%s}",
            i ? "," : "", r->name, r->unit, r->ours, r->per_s, r->peer_name, r->peer,
            r->peer > 0 ? r->peer / r->ours : 0, r->target, r->ours <= r->target ? "true" : "false");
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    bool json = false, quick = false;
    const char *only = "";
    struct table t = { .rows = 0 };
    const struct tool_option list[] = { { "--only", .text = &only, .value = "WORD",
                                          .help = "rows with this word in their names" },
                                        { "--json", .flag = &json, .help = "one JSON object as the last line" },
                                        { "--quick", .flag = &quick, .help = "one round, a fifth of the calls" } };
    const struct tool_usage usage = { "ahoy-bench-signalling",
                                      "what a call or request costs a server, beside Kamailio and SIPp", list,
                                      AHOY_COUNT(list) };
    int status;
    if (!tool_options(&usage, argc, argv, &status))
        return status;
    if (!temp_begin() || atexit(temp_end) != 0)
        return EXIT_FAILURE;
    printf("processor time of the server, medians; calls or requests a second of wall-clock time with %d under way\n",
           WINDOW);
    printf("%-34s %11s %8s   %8s %-22s %8s   %7s\n", "", "ahoy", "per s", "peer", "", "ratio", "target");
    for (size_t i = 0; i < AHOY_COUNT(jobs); i++) {
        if (!strstr(jobs[i].name, only))
            continue;
        if (!run_job(&jobs[i], quick ? 1 : MAX_ROUNDS, quick ? 5 : 1, &t.row[t.rows]))
            return EXIT_FAILURE;
        print_row(&t.row[t.rows++]);
    }
    unsigned first = t.rows;
    if ((!only[0] || strstr("memory", only)) && !run_memory(&t))
        return EXIT_FAILURE;
    for (unsigned i = first; i < t.rows; i++)
        print_row(&t.row[i]);
    if (!only[0] && !run_sipp(quick ? 500 : 3000))
        return EXIT_FAILURE;
    if (json)
        print_json(&t);
    return EXIT_SUCCESS;
}
