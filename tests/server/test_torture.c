/*
 * The torture messages of RFC 4475 sent to an open exchange for example.com: what tests/vectors/rfc4475/oracle.tsv says
 * for a registrar and a proxy, where an agent's answer would differ.
 */
#include "base/mem.h"
#include "server/support_exch.h"

#include <stdio.h>

enum { NOTHING = 0, NOT_400 = 1 };

static const struct {
    const char *file;
    bool tcp;
    unsigned status; /* the final answer; NOT_400: any that takes the message for sound; NOTHING: silence */
} rows[] = {
    { "wsinv", false, NOT_400 },    { "intmeth", true, NOT_400 },  { "esc01", false, 404 },
    { "escnull", false, 200 },      { "esc02", true, NOT_400 },    { "lwsdisp", false, 404 },
    { "longreq", true, 404 },       { "dblreq", false, 200 },      { "semiuri", false, 404 },
    { "transports", false, 404 },   { "mpart01", false, 500 },     { "unreason", false, NOTHING },
    { "noreason", false, NOTHING }, { "badinv01", false, 400 },    { "clerr", false, 400 },
    { "ncl", false, 400 },          { "scalar02", true, 400 },     { "scalarlg", true, NOTHING },
    { "quotbal", false, 400 },      { "ltgtruri", false, 400 },    { "lwsruri", false, 400 },
    { "lwsstart", false, 400 },     { "trws", true, 400 },         { "escruri", false, 400 },
    { "baddate", false, 404 },      { "regbadct", false, 400 },    { "badaspec", false, 404 },
    { "baddn.fixed", false, 400 },  { "badvers", false, 505 },     { "mismatch01", false, 400 },
    { "mismatch02", false, 501 },   { "bigcode", false, NOTHING }, { "badbranch", false, NOT_400 },
    { "insuf", false, 400 },        { "unkscm", true, 416 },       { "novelsc", true, 416 },
    { "unksm2", false, 400 },       { "bext01", true, 420 },       { "invut", false, 404 },
    { "regaut01", true, 200 },      { "multi01", false, 400 },     { "mcl01", false, 400 },
    { "bcast", false, NOTHING },    { "zeromf", false, 483 },      { "cparam01", false, 200 },
    { "cparam02", false, 200 },     { "regescrt", false, 200 },    { "sdp01", false, 404 },
    { "inv2543", false, 404 },
};

/* The final answer that the exchange gave, traced where it leaves: Vias lead anywhere. */
struct answer {
    bool leaves; /* the message whose lines come now */
    unsigned status;
    char head[4096];
};

static void note(struct answer *a, const void *data, size_t n)
{
    struct view v = view_of(data, n);
    uint32_t status;
    if (!view_starts(v, VIEW("SIP/2.0 ")) || view_u32(view_first(view_from(v, 8), 3), &status) || status < 200
        || a->status != 0)
        return;
    a->status = status;
    (void) view_copy(v, a->head, sizeof a->head);
}

static void on_log(void *arg, enum ahoy_log_level level, const char *room, const char *line)
{
    static const char to[] = "  SIP/2.0 ";
    (void) level;
    struct answer *a = arg;
    if (strcmp(room, "sip") == 0 && line[0] != ' ')
        a->leaves = strncmp(line, "to ", 3) == 0;
    else if (a->leaves && strncmp(line, to, sizeof to - 1) == 0)
        note(arg, line + 2, strlen(line + 2));
}

static void tortured(struct t *t, const char *file, bool tcp, struct answer *a, size_t *bindings)
{
    struct ahoy_exchange_config cfg = {
        .open = true, .domain = "example.com", .trace = true, .log_level = AHOY_LOG_DEBUG, .log = on_log, .log_arg = a
    };
    struct addr to = addr_ip4(192, 0, 2, 9, 5060);
    struct ahoy_exchange_counts n;
    struct exch_world w = { .sim = NULL };
    struct exch_peer *p;
    struct view raw = { 0 };
    char path[200];
    snprintf(path, sizeof path, TEST_VECTORS "/rfc4475/%s.dat", file);
    if (!t_read_file(t, path, &raw))
        return;
    T_OK(exch_open(&w, &cfg));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, tcp, &p));
    exch_run(&w, 10);
    *a = (struct answer){ 0 };
    if (tcp)
        T_OK(sys_tcp_write(p->tcp, raw.p, raw.n));
    else
        T_OK(sys_udp_send(p->udp, NULL, &to, raw.p, raw.n));
    exch_run(&w, 40000);
    ahoy_exchange_counts(w.a, &n);
    *bindings = n.bindings;
    exch_nothing_left(t, &w);
out:
    mem_free((char *) raw.p);
    exch_close(&w);
}

static void test_all_messages_get_what_the_oracle_says(struct t *t)
{
    struct answer a = { 0 };
    size_t bindings;
    for (size_t i = 0; i < AHOY_COUNT(rows); i++) {
        tortured(t, rows[i].file, rows[i].tcp, &a, &bindings);
        if (t->failed)
            return;
        bool sound = rows[i].status == NOT_400 ? a.status != 400 && a.status != 0 : a.status == rows[i].status;
        if (!sound && !t_excused(t)) {
            char why[100];
            snprintf(why, sizeof why, "was answered %u, not %u", a.status, rows[i].status);
            t_fail(t, __FILE__, __LINE__, rows[i].file, why);
            return;
        }
    }
}

static void test_a_zero_in_a_contact_shortens_nothing(struct t *t)
{
    struct answer a = { 0 };
    size_t bindings = 0;
    tortured(t, "escnull", false, &a, &bindings);
    T_EQ(a.status, 200);
    T_EQ(bindings, 2);
out:
    return;
}

T_MAIN(/* forty-nine worlds: the parts have tests with every allocation failing */
       T_PLAIN(test_all_messages_get_what_the_oracle_says), T(test_a_zero_in_a_contact_shortens_nothing))
