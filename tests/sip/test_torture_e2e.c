/*
 * The torture messages of RFC 4475 and RFC 5118, sent over UDP and over TCP to a whole stack with a user agent on top:
 * what comes back is what tests/vectors/rfc4475/agent.tsv and rfc5118/agent.tsv say, which follow the oracle beside
 * them. An INVITE that is processed rings (180); wsinv.dat has a To tag of no dialog here, so it gets 481 and not a
 * word about its syntax.
 */
#include "base/mem.h"
#include "sip/invite.h"
#include "support/deaf.h"
#include "support/t.h"
#include "sys/sim.h"

#include <stdio.h>

enum { MAX_SENT = 8 };

struct bench {
    struct sim *sim;
    struct sys_host *host, *peer_host;
    struct sys_loop *loop, *peer_loop;
    struct sip_stack *stack;
    struct sip_locator *locator;
    struct sip_ua *ua;
    struct sys_udp *udp;
    struct sys_tcp *tcp;
    bool closed;
    struct sip_invite *leg;
    struct buf sent[MAX_SENT]; /* by the agent */
    size_t sent_count;
    size_t calls;
};

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    (void) arg;
    (void) inv;
    (void) end;
}

static void on_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct bench *b = arg;
    (void) request;
    b->calls++;
    if (b->leg)
        return;
    b->leg = inv;
    sip_invite_set_handler(inv, &(struct sip_invite_handler){ .ended = on_ended });
    if (sip_invite_ring(inv, 180, (struct view){ 0 }, NULL))
        sip_invite_hangup(inv, NULL);
}

/* Stands for whoever takes MESSAGE. */
static void on_request(void *arg, struct sip_server_txn *txn, struct sip_msg *request)
{
    (void) arg;
    (void) request;
    if (sip_server_txn_reply(txn, 200, (struct view){ 0 }))
        sip_server_txn_release(txn);
}

static void on_trace(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                     const struct addr *peer, struct view raw)
{
    struct bench *b = arg;
    (void) proto;
    (void) local;
    (void) peer;
    if (dir == SIP_TRACE_SENT && b->sent_count < MAX_SENT)
        buf_view(&b->sent[b->sent_count++], raw);
}

static void on_closed(void *arg, enum ahoy_err err)
{
    struct bench *b = arg;
    (void) err;
    b->closed = true;
}

static bool init(struct t *t, struct bench *b)
{
    struct sip_ua_config uc = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .incoming = on_incoming, .request = on_request, .arg = b };
    struct sip_stack_config sc = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config lc = SIP_LOCATOR_CONFIG_DEFAULT;
    struct addr local = addr_ip4(192, 0, 2, 1, 5060);
    struct sip_transport *transport;
    struct sip_core_ops core;
    *b = (struct bench){ .sim = NULL };
    for (size_t i = 0; i < MAX_SENT; i++)
        buf_init(&b->sent[i], 65536);
    uc.methods |= SIP_UA_METHOD(MESSAGE);
    sc.trace = on_trace;
    sc.trace_arg = b;
    T_OK(sim_create(&b->sim, 7));
    T_OK(sim_host(b->sim, "192.0.2.1", &b->host));
    T_OK(sim_host(b->sim, "192.0.2.2", &b->peer_host));
    T_OK(sys_loop_create(b->host, &b->loop));
    T_OK(sys_loop_create(b->peer_host, &b->peer_loop));
    T_OK(sip_ua_create(&b->ua, &uc, &ops));
    sip_ua_core(b->ua, &core);
    T_OK(sip_stack_create(&b->stack, b->loop, &sc, &core));
    T_OK(sip_stack_listen(b->stack, SIP_PROTO_UDP, &local, &transport));
    T_OK(sip_stack_listen(b->stack, SIP_PROTO_TCP, &local, &transport));
    T_OK(sip_locator_create(&b->locator, b->stack, &lc));
    T_OK(sip_ua_start(b->ua, b->locator));
    return true;
out:
    return false;
}

static void fini(struct t *t, struct bench *b)
{
    struct sip_stack_counts counts;
    sys_udp_close(b->udp);
    sys_tcp_close(b->tcp);
    sip_invite_release(b->leg);
    if (b->locator) {
        sim_run(b->sim, SYS_S(200));
        sip_stack_counts(b->stack, &counts);
        T_ALWAYS(counts.server_txns == 0);
        T_ALWAYS(counts.client_txns == 0);
        T_ALWAYS(sip_ua_invite_count(b->ua) == 0);
    }
out:
    if (b->locator)
        sip_ua_stop(b->ua);
    sip_locator_destroy(b->locator);
    sip_stack_destroy(b->stack);
    sip_ua_destroy(b->ua);
    if (b->loop)
        sys_loop_destroy(b->loop);
    if (b->peer_loop)
        sys_loop_destroy(b->peer_loop);
    sim_destroy(b->sim);
    for (size_t i = 0; i < MAX_SENT; i++)
        buf_fini(&b->sent[i]);
}

static void send_udp(struct t *t, struct bench *b, struct view raw)
{
    struct addr to = addr_ip4(192, 0, 2, 1, 5060);
    struct sys_udp_config cfg = { .local = addr_ip4(192, 0, 2, 2, 5060) };
    T_OK(sys_udp_open(&b->udp, b->peer_loop, &cfg, &(struct sys_udp_handler){ .recv = deaf_datagram, .arg = b }));
    T_OK(sys_udp_send(b->udp, NULL, &to, raw.p, raw.n));
out:
    return;
}

static void send_tcp(struct t *t, struct bench *b, struct view raw)
{
    struct addr to = addr_ip4(192, 0, 2, 1, 5060);
    struct sys_tcp_handler h = { .recv = deaf_bytes, .closed = on_closed, .arg = b };
    T_OK(sys_tcp_connect(&b->tcp, b->peer_loop, NULL, &to, &h));
    T_OK(sys_tcp_write(b->tcp, raw.p, raw.n));
out:
    return;
}

/* "180", "400 closed", "405 180", "nothing". */
static void outcome(const struct bench *b, char *dst, size_t size)
{
    size_t n = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < b->sent_count; i++) {
        struct view raw = buf_content(&b->sent[i]), line;
        if (view_starts(raw, VIEW("SIP/2.0 ")))
            line = view_first(view_from(raw, 8), 3);
        else
            line = view_first(raw, view_find(raw, ' '));
        n += (size_t) snprintf(dst + n, size - n, "%s%.*s", n ? " " : "", VIEW_ARG(line));
    }
    if (b->closed)
        n += (size_t) snprintf(dst + n, size - n, "%sclosed", n ? " " : "");
    if (!n)
        snprintf(dst, size, "nothing");
}

static void run_one(struct t *t, const char *path, bool tcp, char *got, size_t size, struct buf *first)
{
    struct bench b;
    struct view raw = { 0 };
    got[0] = '\0';
    if (!init(t, &b) || !t_read_file(t, path, &raw))
        goto out;
    if (tcp)
        send_tcp(t, &b, raw);
    else
        send_udp(t, &b, raw);
    sim_run(b.sim, SYS_MS(400)); /* before T1: nothing comes twice */
    outcome(&b, got, size);
    if (first)
        buf_view(first, buf_content(&b.sent[0]));
out:
    fini(t, &b);
    mem_free((void *) raw.p);
}

/* Each line: file, outcome over UDP, outcome over TCP. */
static void check_table(struct t *t, const char *folder, unsigned least)
{
    struct view table = { 0 }, rest, line;
    char path[512], got[128], want[256];
    unsigned seen = 0;
    snprintf(path, sizeof path, "%s/agent.tsv", folder);
    if (!t_read_file(t, path, &table))
        goto out;
    rest = table;
    (void) view_line(&rest, &line); /* the heading */
    while (view_line(&rest, &line) && !t->failed) {
        struct view file = view_cut(&line, '\t'), udp = view_cut(&line, '\t'), tcp = line;
        if (view_empty(file))
            continue;
        snprintf(path, sizeof path, "%s/%.*s", folder, VIEW_ARG(file));
        for (int i = 0; i < 2 && !t->failed; i++) {
            struct view w = i ? tcp : udp;
            run_one(t, path, i == 1, got, sizeof got, NULL);
            snprintf(want, sizeof want, "%.*s %s: %.*s", VIEW_ARG(file), i ? "tcp" : "udp", VIEW_ARG(w));
            char have[256];
            snprintf(have, sizeof have, "%.*s %s: %s", VIEW_ARG(file), i ? "tcp" : "udp", got);
            T_STR(have, want);
        }
        seen++;
    }
    T_LE(least, seen);
out:
    mem_free((void *) table.p);
}

static void test_rfc4475_messages_get_what_the_oracle_says(struct t *t)
{
    check_table(t, "rfc4475", 49);
}

static void test_rfc5118_messages_get_what_the_rfc_says(struct t *t)
{
    check_table(t, "rfc5118", 12);
}

/* The first thing sent has all of these in it. */
static void check_holds(struct t *t, const char *path, bool tcp, const char *const *wanted, size_t n)
{
    char got[128];
    struct buf first;
    buf_init(&first, 65536);
    run_one(t, path, tcp, got, sizeof got, &first);
    for (size_t i = 0; i < n; i++) {
        if (view_search(buf_content(&first), view_str(wanted[i])) == first.n)
            t_fail(t, __FILE__, __LINE__, path, wanted[i]);
    }
    buf_fini(&first);
}

static void test_refusals_say_what_is_needed(struct t *t)
{
    static const struct {
        const char *path;
        const char *want[3];
    } rows[] = {
        { "rfc4475/bext01.dat", { "SIP/2.0 420 Bad Extension\r\n", "Unsupported: ", "nothingSupportsThisEither" } },
        { "rfc4475/invut.dat", { "SIP/2.0 415 ", "Accept: application/sdp\r\n", "Content-Length: 0\r\n" } },
        { "rfc4475/sdp01.dat", { "SIP/2.0 406 ", "Warning: 399 ", "Content-Length: 0\r\n" } },
        { "rfc4475/intmeth.dat",
          { "SIP/2.0 501 ", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE\r\n", "" } },
        { "rfc4475/escnull.dat", { "SIP/2.0 405 ", "Allow: INVITE, ACK,", "" } },
        { "rfc4475/transports.dat", { "SIP/2.0 200 OK\r\n", "Accept: application/sdp\r\n", "Allow: INVITE" } },
        { "rfc4475/badvers.dat", { "SIP/2.0 505 ", "", "" } },
    };
    for (size_t i = 0; i < AHOY_COUNT(rows); i++)
        check_holds(t, rows[i].path, false, rows[i].want, 3);
}

static void test_a_reply_to_the_long_request_echoes_all_of_it(struct t *t)
{
    char got[128];
    struct buf first;
    struct view raw = { 0 };
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *request = NULL, *reply = NULL;
    size_t vias = 0;
    buf_init(&first, 65536);
    run_one(t, "rfc4475/longreq.dat", true, got, sizeof got, &first);
    T_CHECK(t_read_file(t, "rfc4475/longreq.dat", &raw));
    T_OK(sip_msg_parse(&request, raw, SIP_FRAMING_DATAGRAM, &limits, &fault));
    T_OK(sip_msg_parse(&reply, buf_content(&first), SIP_FRAMING_DATAGRAM, &limits, &fault));
    T_EQ(reply->status, 180);
    for (const struct sip_hdr *h = sip_msg_first(reply, SIP_HDR_VIA); h; h = sip_msg_next(reply, h)) {
        struct view list = h->value, item;
        while (sip_list_next(&list, &item))
            vias++;
    }
    T_EQ(vias, 34);
    T_CHECK(view_eq(sip_msg_value(reply, SIP_HDR_CALL_ID), sip_msg_value(request, SIP_HDR_CALL_ID)));
    T_CHECK(view_eq(sip_msg_value(reply, SIP_HDR_FROM), sip_msg_value(request, SIP_HDR_FROM)));
out:
    sip_msg_unref(request);
    sip_msg_unref(reply);
    mem_free((void *) raw.p);
    buf_fini(&first);
}

/* Each has a hundred worlds: the runs with a failing allocation take samples. */
T_MAIN(T_STRIDE(test_rfc4475_messages_get_what_the_oracle_says, 61),
       T_STRIDE(test_rfc5118_messages_get_what_the_rfc_says, 61), T_STRIDE(test_refusals_say_what_is_needed, 7),
       T(test_a_reply_to_the_long_request_echoes_all_of_it))
