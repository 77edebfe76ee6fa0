/*
 * How fast messages are parsed, beside libosip2 and libre on the same messages: parse, read what a transaction needs
 * (top Via and branch, tags, Call-ID, CSeq, Max-Forwards), free. Medians of interleaved rounds. Then how the time grows
 * with the number of header fields.
 *
 *     ahoy-bench-parse [--quick] [--json]
 */
#include "parse.h"

#include "base/mem.h"
#include "sip/hdr.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 11, QUICK_ROUNDS = 3, SLICE_US = 30000, SCALES = 7, SCALE_FIRST = 125 };

static const struct sip_limits limits = { .max_bytes = 16 << 20, .max_headers = SIP_HEADERS_MOST };

static char first(struct view v)
{
    return v.n > 0 ? v.p[0] : '\0';
}

static bool parse_ours(const char *text, size_t n, struct parse_fields *out)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct sip_core *core;
    if (sip_msg_parse(&m, view_of(text, n), SIP_FRAMING_DATAGRAM, &limits, &fault)) {
        sip_msg_unref(m);
        return false;
    }
    bool ok = sip_msg_core(m, &core) == AHOY_OK;
    if (ok)
        *out = (struct parse_fields){
            .branch_bytes = core->via.branch.n,
            .host_bytes = core->via.host.n,
            .from_tag_bytes = core->from_tag.n,
            .to_tag_bytes = core->to_tag.n,
            .call_id_bytes = core->call_id.n,
            .branch_first = first(core->via.branch),
            .from_tag_first = first(core->from_tag),
            .to_tag_first = first(core->to_tag),
            .call_id_first = first(core->call_id),
            .cseq = core->cseq.number,
            .max_forwards = core->has_max_forwards ? core->max_forwards : 0,
        };
    sip_msg_unref(m);
    return ok;
}

/* Ours with the whole check of sip_msg_check as well, which neither of the others makes. */
static bool parse_checked(const char *text, size_t n, struct parse_fields *out)
{
    struct sip_msg *m = NULL;
    struct sip_fault fault;
    const struct sip_core *core;
    bool ok = sip_msg_parse(&m, view_of(text, n), SIP_FRAMING_DATAGRAM, &limits, &fault) == AHOY_OK
              && sip_msg_check(m, &fault) == AHOY_OK && sip_msg_core(m, &core) == AHOY_OK;
    if (ok)
        *out = (struct parse_fields){ .branch_bytes = core->via.branch.n, .cseq = core->cseq.number };
    sip_msg_unref(m);
    return ok;
}

struct parser {
    const char *name;
    parse_fn *parse;
    bool compared; /* reports all fields */
};

static const struct parser parsers[] = {
    { "ahoy", parse_ours, true },
    { "ahoy+check", parse_checked, false },
#ifdef BENCH_OSIP
    { "libosip2", parse_osip, true },
#endif
#ifdef BENCH_RE
    { "libre", parse_re, true },
#endif
};
enum { PARSERS = (int) AHOY_COUNT(parsers) };

/* The processor time of this thread: what else the machine does is not counted. */
static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

/* Nanoseconds a message, over about `us` microseconds. */
static double measure(parse_fn *parse, const char *text, size_t n, unsigned us)
{
    struct parse_fields f = { 0 };
    uint64_t start = now_ns(), spent = 0, done = 0, batch = 1;
    volatile size_t sink = 0;
    while (spent < (uint64_t) us * 1000) {
        for (uint64_t i = 0; i < batch; i++) {
            if (!parse(text, n, &f))
                return 0;
            sink += f.branch_bytes + f.cseq;
        }
        done += batch;
        spent = now_ns() - start;
        batch = AHOY_MIN(batch * 2, (uint64_t) 256); /* asking for the time must not count */
    }
    return (double) spent / (double) done;
}

static bool same_fields(const struct parse_fields *a, const struct parse_fields *b)
{
    return a->branch_bytes == b->branch_bytes && a->host_bytes == b->host_bytes
           && a->from_tag_bytes == b->from_tag_bytes && a->to_tag_bytes == b->to_tag_bytes
           && a->call_id_bytes == b->call_id_bytes && a->branch_first == b->branch_first
           && a->from_tag_first == b->from_tag_first && a->to_tag_first == b->to_tag_first
           && a->call_id_first == b->call_id_first && a->cseq == b->cseq && a->max_forwards == b->max_forwards;
}

/* All parsers read the same from the message; otherwise comparing their time means nothing. */
static bool agree(const struct parse_message *m)
{
    struct parse_fields want, got;
    if (!parse_ours(m->text, m->n, &want))
        return false;
    for (int i = 0; i < PARSERS; i++) {
        if (!parsers[i].parse(m->text, m->n, &got) || (parsers[i].compared && !same_fields(&want, &got))) {
            fprintf(stderr, "%s reads \"%s\" otherwise\n", parsers[i].name, m->name);
            return false;
        }
    }
    return true;
}

/* Medians in ns[]; returns the ratio of the best peer to ours, 0 without peers, negative on failure. */
static double compare(const struct parse_message *m, int count, double ns[PARSERS])
{
    double rounds[PARSERS][ROUNDS];
#ifdef BENCH_RE
    if (!parse_re_load(m->text, m->n))
        return -1;
#endif
    bool ok = agree(m);
    for (int r = 0; ok && r < count; r++)
        for (int i = 0; i < PARSERS; i++)
            rounds[i][r] = measure(parsers[i].parse, m->text, m->n, SLICE_US);
#ifdef BENCH_RE
    parse_re_unload();
#endif
    if (!ok)
        return -1;
    double best = 0;
    for (int i = 0; i < PARSERS; i++) {
        ns[i] = tool_median(rounds[i], (size_t) count);
        if (i >= 2 && (best <= 0 || ns[i] < best))
            best = ns[i];
    }
    return best / ns[0];
}

static char *many_vias(unsigned count, size_t *n)
{
    struct buf b;
    buf_init(&b, limits.max_bytes);
    buf_str(&b, "OPTIONS sip:bob@biloxi.example.com SIP/2.0\r\n");
    for (unsigned i = 0; i < count; i++)
        buf_printf(&b, "Via: SIP/2.0/UDP p%u.example.com:5060;branch=z9hG4bK%08x\r\n", i, i * 2654435761u);
    buf_str(
        &b,
        "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: c@example.com\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
    *n = b.n;
    char *text = buf_take(&b);
    buf_fini(&b);
    return text;
}

/* Microseconds for 125, 250 … 8,000 Via fields, and how much each costs more than the one before, in the same round. */
static bool scale(int count, double us[SCALES], double step[SCALES])
{
    char *text[SCALES] = { NULL };
    size_t n[SCALES];
    double rounds[SCALES][ROUNDS], steps[SCALES][ROUNDS];
    bool ok = true;
    for (unsigned i = 0; i < SCALES; i++)
        ok = (text[i] = many_vias(SCALE_FIRST << i, &n[i])) != NULL && ok;
    for (int r = 0; ok && r < count; r++) {
        for (int i = 0; i < SCALES; i++) {
            rounds[i][r] = measure(parse_ours, text[i], n[i], SLICE_US) / 1000;
            steps[i][r] = i > 0 ? rounds[i][r] / rounds[i - 1][r] : 0;
        }
    }
    for (int i = 0; i < SCALES; i++) {
        us[i] = ok ? tool_median(rounds[i], (size_t) count) : 0;
        step[i] = ok ? tool_median(steps[i], (size_t) count) : 0;
        mem_free(text[i]);
    }
    return ok;
}

struct summary {
    double ns[PARSE_MESSAGES][PARSERS], ratio[PARSE_MESSAGES], us[SCALES], step[SCALES], worst_ratio, worst_step;
};

static void print_json(const struct parse_message *m, const struct summary *s)
{
    printf("{\"bench\":\"parse\",\"messages\":[");
    for (int i = 0; i < PARSE_MESSAGES; i++) {
        printf("%s{\"name\":\"%s\",\"bytes\":%zu,\"per_second\":{", i ? "," : "", m[i].name, m[i].n);
        for (int k = 0; k < PARSERS; k++)
            printf("%s\"%s\":%.0f", k ? "," : "", parsers[k].name, 1e9 / s->ns[i][k]);
        printf("},\"ratio_to_best_peer\":%.2f}", s->ratio[i]);
    }
    printf("],\"worst_ratio\":%.2f,\"scaling\":[", s->worst_ratio);
    for (int i = 0; i < SCALES; i++)
        printf("%s{\"vias\":%d,\"us\":%.2f}", i ? "," : "", SCALE_FIRST << i, s->us[i]);
    printf("],\"worst_doubling\":%.2f}\n", s->worst_step);
}

int main(int argc, char **argv)
{
    bool json = false, quick = false;
    struct parse_message m[PARSE_MESSAGES] = { 0 };
    struct summary s = { 0 };
    int code = EXIT_FAILURE, status;
    const struct tool_option list[] = {
        { "--json", .flag = &json, .help = "one JSON object as the last line" },
        { "--quick", .flag = &quick, .help = "three rounds in place of eleven" },
    };
    const struct tool_usage usage = { "ahoy-bench-parse", "how fast SIP messages are parsed, beside libosip2 and libre",
                                      list, AHOY_COUNT(list) };
    if (!tool_options(&usage, argc, argv, &status))
        return status;
    int rounds = quick ? QUICK_ROUNDS : ROUNDS;
#ifdef BENCH_OSIP
    if (!parse_osip_init())
        return code;
#else
    printf("libosip2 is not installed: left out\n");
#endif
#ifndef BENCH_RE
    printf("libre is not installed: left out\n");
#endif
    if (!parse_messages_make(m))
        goto out;
    printf("%-10s %6s", "message", "bytes");
    for (int k = 0; k < PARSERS; k++)
        printf(" %12s", parsers[k].name);
    printf("   messages a second; best peer / ahoy\n");
    for (int i = 0; i < PARSE_MESSAGES; i++) {
        s.ratio[i] = compare(&m[i], rounds, s.ns[i]);
        if (s.ratio[i] < 0)
            goto out;
        if (i == 0 || s.ratio[i] < s.worst_ratio)
            s.worst_ratio = s.ratio[i];
        printf("%-10s %6zu", m[i].name, m[i].n);
        for (int k = 0; k < PARSERS; k++)
            printf(" %12.0f", 1e9 / s.ns[i][k]);
        printf("   %.2f\n", s.ratio[i]);
    }
    if (!scale(rounds, s.us, s.step))
        goto out;
    for (int i = 0; i < SCALES; i++) {
        s.worst_step = AHOY_MAX(s.worst_step, s.step[i]);
        printf("%6d Via fields %10.2f us", SCALE_FIRST << i, s.us[i]);
        printf(i > 0 ? "   x%.2f\n" : "\n", s.step[i]);
    }
    if (json)
        print_json(m, &s);
    code = EXIT_SUCCESS;
out:
    parse_messages_free(m);
    return code;
}
