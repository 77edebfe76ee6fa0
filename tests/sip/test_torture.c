/*
 * The torture messages of RFC 4475 and RFC 5118: the verdict on each, and why. What they mean is in
 * test_torture_meaning.c.
 */
#include "sip/torture_help.h"

#include <stdio.h>

enum { COLUMNS_MOST = 10 };

static size_t split(struct view line, struct view col[COLUMNS_MOST])
{
    size_t n = 0;
    while (n < COLUMNS_MOST && line.n > 0)
        col[n++] = view_cut(&line, '\t');
    return n;
}

/* The row of `table` whose first column is `file`. */
static size_t find_row(struct view table, struct view file, struct view col[COLUMNS_MOST])
{
    struct view line;
    while (view_line(&table, &line)) {
        size_t n = split(line, col);
        if (n > 0 && view_eq(col[0], file))
            return n;
    }
    return 0;
}

/* A request that is refused, or answered, gets a response that parses. */
static void check_response(struct t *t, struct sip_msg *m, unsigned status, const char *text)
{
    const struct addr from = addr_ip4(198, 51, 100, 7, 5099);
    struct buf b;
    struct sip_msg *back = NULL;
    struct sip_fault fault;
    buf_init(&b, SIP_BUILD_MAX_BYTES);
    sip_build_response(&b, m, status, view_str(text), VIEW("local"), &from);
    sip_build_body(&b, VIEW(""), VIEW(""));
    T_OK(buf_err(&b));
    T_OK(help_parse(&back, buf_content(&b), &fault));
    T_EQ(back->status, status);
    T_CHECK(sip_msg_first(back, SIP_HDR_ROUTE) == NULL);
out:
    sip_msg_unref(back);
    buf_fini(&b);
}

static void check_row(struct t *t, const struct view col[COLUMNS_MOST], struct view raw, bool stream)
{
    struct outcome o = { 0 };
    uint32_t status, headers, body;
    T_OK(view_u32(col[2], &status));
    T_OK(view_u32(col[3], &headers));
    T_OK(view_u32(col[4], &body));
    receive(&o, raw, stream);
    T_CHECK(o.err != AHOY_ERR_NOMEM);
    T_VIEW(o.err ? VIEW("reject") : VIEW("accept"), view_eq(col[1], VIEW("accept")) ? "accept" : "reject");
    if (o.err)
        T_EQ(o.fault.status, status);
    if (o.msg) {
        T_EQ(o.msg->hdr_count, headers);
        T_EQ(o.msg->body.n, body);
    }
    if (o.msg && o.msg->is_request)
        check_response(t, o.msg, o.err ? o.fault.status : 200, o.err ? o.fault.text : "");
    else
        T_CHECK(status == 0);
out:
    if (t->failed)
        fprintf(stderr, "  in %.*s\n", VIEW_ARG(col[0]));
    sip_msg_unref(o.msg);
}

/* The oracle's `parser` column and ours do not contradict each other, and 400, 501 and 505 are where it wants them. */
static bool oracle_allows(const struct view *oracle, const struct view *ours)
{
    bool accept = view_eq(ours[1], VIEW("accept"));
    if (view_eq(oracle[5], VIEW("accept")))
        return accept;
    if (!view_eq(oracle[5], VIEW("reject"))) /* may-reject, accept-or-400 */
        return accept || view_eq(ours[2], VIEW("400"));
    if (view_search(oracle[6], VIEW("drop")) < oracle[6].n)
        return !accept && view_eq(ours[2], VIEW("0"));
    return !accept && view_search(oracle[6], ours[2]) < oracle[6].n;
}

static void test_every_message_of_rfc4475_gets_its_verdict(struct t *t)
{
    struct view oracle = { 0 }, ours = { 0 }, raw = { 0 }, line, rest;
    struct view want[COLUMNS_MOST], got[COLUMNS_MOST];
    unsigned rows = 0;
    T_CHECK(t_read_file(t, "rfc4475/oracle.tsv", &oracle) && t_read_file(t, "rfc4475/parser.tsv", &ours));
    rest = oracle;
    T_CHECK(view_line(&rest, &line)); /* column names */
    while (view_line(&rest, &line)) {
        T_CHECK(split(line, want) == COLUMNS_MOST);
        T_CHECK(find_row(ours, want[0], got) == 5);
        T_CHECK(oracle_allows(want, got));
        T_CHECK(read_vector(t, "rfc4475", want[0], &raw));
        check_row(t, got, raw, !view_eq(want[3], VIEW("UDP")));
        mem_free((void *) raw.p);
        raw = view_of(NULL, 0);
        rows++;
    }
    T_EQ(rows, 49);
out:
    mem_free((void *) raw.p);
    mem_free((void *) ours.p);
    mem_free((void *) oracle.p);
}

static void test_every_message_of_rfc5118_gets_its_verdict(struct t *t)
{
    struct view ours = { 0 }, raw = { 0 }, line, rest, col[COLUMNS_MOST];
    unsigned rows = 0;
    T_CHECK(t_read_file(t, "rfc5118/parser.tsv", &ours));
    rest = ours;
    T_CHECK(view_line(&rest, &line));
    while (view_line(&rest, &line)) {
        T_CHECK(split(line, col) == 5 && read_vector(t, "rfc5118", col[0], &raw));
        check_row(t, col, raw, false);
        check_row(t, col, raw, true);
        mem_free((void *) raw.p);
        raw = view_of(NULL, 0);
        rows++;
    }
    T_EQ(rows, 12);
out:
    mem_free((void *) raw.p);
    mem_free((void *) ours.p);
}

static void test_refused_messages_say_why(struct t *t)
{
    static const struct {
        const char *file, *text;
    } want[] = {
        { "badinv01.dat", "Bad Via" },
        { "clerr.dat", "Content-Length is larger than the body" },
        { "ncl.dat", "Bad Content-Length" },
        { "scalar02.dat", "Bad CSeq" },
        { "quotbal.dat", "Bad To" },
        { "ltgtruri.dat", "Bad Request-URI" },
        { "lwsruri.dat", "White space in the request line" },
        { "escruri.dat", "Header fields in the Request-URI" },
        { "badvers.dat", "SIP version not supported" },
        { "mismatch01.dat", "CSeq is of another method" },
        { "insuf.dat", "No From" },
        { "multi01.dat", "More than one From" },
        { "mcl01.dat", "More than one Content-Length" },
        { "regbadct.dat", "Bad Contact" },
    };
    struct view raw = { 0 };
    struct outcome o = { 0 };
    for (size_t i = 0; i < AHOY_COUNT(want); i++) {
        T_CHECK(read_vector(t, "rfc4475", view_str(want[i].file), &raw));
        receive(&o, raw, false);
        mem_free((void *) raw.p);
        raw = view_of(NULL, 0);
        T_ERR(o.err, AHOY_ERR_SYNTAX);
        T_STR(o.fault.text, want[i].text);
        sip_msg_unref(o.msg);
        o = (struct outcome){ 0 };
    }
out:
    sip_msg_unref(o.msg);
    mem_free((void *) raw.p);
}

T_MAIN(T(test_every_message_of_rfc4475_gets_its_verdict), T(test_every_message_of_rfc5118_gets_its_verdict),
       T(test_refused_messages_say_why))
