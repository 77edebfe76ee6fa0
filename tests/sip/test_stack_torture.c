/*
 * RFC 4475 from end to end: each of its messages sent by UDP and by TCP into a stack under a user agent's core, and what
 * comes back compared with what the RFC asks for (a user agent that registers nobody and takes no calls: REGISTER gets
 * 405, a good INVITE 480).
 */
#include "base/mem.h"
#include "sip/uas.h"
#include "support_txn_world.h"

#include <stdio.h>

static struct world w;

struct torture {
    const char *file;
    const char *udp; /* final statuses allowed, space apart; "" for silence */
    const char *tcp; /* the same; NULL: like udp */
};

static const struct torture messages[] = {
    { "wsinv", "481", NULL },
    { "intmeth", "501", NULL },
    { "esc01", "480", NULL },
    { "escnull", "405", NULL },
    { "esc02", "501", NULL },
    { "lwsdisp", "200", NULL },
    { "longreq", "480", NULL },
    { "dblreq", "405", "405 480" }, /* as a stream these are two messages */
    { "semiuri", "200", NULL },
    { "transports", "200", NULL },
    { "mpart01", "405", NULL },
    { "unreason", "", NULL },
    { "noreason", "", NULL },
    { "badinv01", "400", NULL },
    { "clerr", "400", "" }, /* a stream waits for the rest */
    { "ncl", "400", NULL },
    { "scalar02", "400", NULL },
    { "scalarlg", "", NULL },
    { "quotbal", "400", NULL },
    { "ltgtruri", "400", NULL },
    { "lwsruri", "400", NULL },
    { "lwsstart", "400 480", NULL },
    { "trws", "400 200", NULL },
    { "escruri", "400 480", NULL },
    { "baddate", "480", NULL },
    { "regbadct", "400 405", NULL },
    { "badaspec", "400 200", NULL },
    { "baddn", "400", "" }, /* ends before its empty line */
    { "baddn.fixed", "400 200", NULL },
    { "badvers", "505", NULL },
    { "mismatch01", "400", NULL },
    { "mismatch02", "501 400", NULL },
    { "bigcode", "", NULL },
    { "badbranch", "400 200", NULL },
    { "insuf", "400", NULL },
    { "unkscm", "416", NULL },
    { "novelsc", "416", NULL },
    { "unksm2", "405 400", NULL },
    { "bext01", "420", NULL },
    { "invut", "415", NULL },
    { "regaut01", "405", NULL },
    { "multi01", "400", NULL },
    { "mcl01", "400", NULL },
    { "bcast", "", NULL },
    { "zeromf", "200", NULL },
    { "cparam01", "405", NULL },
    { "cparam02", "405", NULL },
    { "regescrt", "405", NULL },
    { "sdp01", "406 400", NULL },
    { "inv2543", "480", "400" }, /* no Content-Length: no end in a stream */
};

/* What left the stack by UDP, wherever it went: the Via of some messages names others. */
struct finals {
    unsigned count, requests;
    unsigned status[8]; /* different ones */
};

static void add_final(struct finals *f, struct view message)
{
    uint32_t status = 0;
    if (!view_starts(message, VIEW("SIP/2.0 "))) {
        f->requests++;
        return;
    }
    if (view_u32(view_first(view_from(message, 8), 3), &status) || status < 200)
        return;
    for (unsigned i = 0; i < f->count; i++)
        if (f->status[i] == status)
            return;
    if (f->count < AHOY_COUNT(f->status))
        f->status[f->count++] = status;
}

static void on_tap(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                   size_t n, bool lost)
{
    (void) now_us;
    (void) dst;
    (void) lost;
    if (addr_eq(src, &w.here))
        add_final(arg, view_of(data, n));
}

static bool is_allowed(const char *allowed, const struct finals *f)
{
    if (f->requests > 0)
        return false;
    if (!allowed[0])
        return f->count == 0;
    for (unsigned i = 0; i < f->count; i++) {
        struct view rest = view_str(allowed);
        bool found = false;
        while (!view_empty(rest)) {
            uint32_t status;
            if (view_u32(view_cut(&rest, ' '), &status) == AHOY_OK && status == f->status[i])
                found = true;
        }
        if (!found)
            return false;
    }
    return f->count > 0;
}

struct phone {
    struct sip_ua *ua;
    struct sip_locator *locator;
};

static bool phone_start(struct t *t, struct phone *p)
{
    struct sip_ua_config cfg = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .arg = NULL };
    struct sip_core_ops core;
    T_OK(sip_ua_create(&p->ua, &cfg, &ops));
    sip_ua_core(p->ua, &core);
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    T_OK(sip_stack_create(&w.stack, w.loop, &w.cfg, &core));
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_UDP, &w.here, &w.udp));
    T_OK(sip_stack_listen(w.stack, SIP_PROTO_TCP, &w.here, &w.tcp));
    T_OK(sip_locator_create(&p->locator, w.stack, &SIP_LOCATOR_CONFIG_DEFAULT));
    T_OK(sip_ua_start(p->ua, p->locator));
    return true;
out:
    return false;
}

static void phone_stop(struct phone *p)
{
    if (p->locator)
        sip_ua_stop(p->ua);
    sip_locator_destroy(p->locator);
    sip_stack_destroy(w.stack);
    w.stack = NULL;
    sip_ua_destroy(p->ua);
}

static void torture(struct t *t, const struct torture *c, bool tcp)
{
    struct phone phone = { NULL, NULL };
    struct view raw = { NULL, 0 };
    struct finals finals = { .count = 0 };
    const char *allowed = tcp && c->tcp ? c->tcp : c->udp;
    char path[500], what[80];
    snprintf(path, sizeof path, "rfc4475/%s.dat", c->file);
    snprintf(what, sizeof what, "%s by %s", c->file, tcp ? "TCP" : "UDP");
    if (!world_init(t, &w) || !phone_start(t, &phone) || !t_read_file(t, path, &raw)
        || (tcp && !world_peer_connect(t, &w)))
        goto out;
    sim_tap(w.sim, on_tap, &finals);
    if (tcp)
        T_OK(sys_tcp_write(w.peer_conn, raw.p, raw.n));
    else
        T_OK(sys_udp_send(w.peer, NULL, &w.here, raw.p, raw.n));
    world_run_ms(&w, 100);
    for (unsigned i = 0; tcp && i < AHOY_MIN(w.wire.count, WIRE_MAX); i++)
        add_final(&finals, view_str(w.wire.got[i].text));
    if (!is_allowed(allowed, &finals)) {
        char how[80];
        int n = snprintf(how, sizeof how, "not \"%s\" but", allowed);
        for (unsigned i = 0; i < finals.count && n > 0 && (size_t) n < sizeof how; i++)
            n += snprintf(how + n, sizeof how - (size_t) n, " %u", finals.status[i]);
        t_fail(t, __FILE__, __LINE__, what, how);
    }
    if (t->failed)
        goto out;
    world_peer_disconnect(&w);
    world_run_ms(&w, 120000);
    T_CHECK(world_is_idle(&w));
out:
    phone_stop(&phone);
    mem_free((void *) (uintptr_t) raw.p);
    world_fini(&w);
}

static void test_each_message_gets_what_rfc4475_asks_by_udp(struct t *t)
{
    for (size_t i = 0; i < AHOY_COUNT(messages) && !t->failed; i++)
        torture(t, &messages[i], false);
}

static void test_each_message_gets_what_rfc4475_asks_by_tcp(struct t *t)
{
    for (size_t i = 0; i < AHOY_COUNT(messages) && !t->failed; i++)
        torture(t, &messages[i], true);
}

/* Hundreds of worlds in a run: some allocations of each. */
T_MAIN(T_STRIDE(test_each_message_gets_what_rfc4475_asks_by_udp, 61),
       T_STRIDE(test_each_message_gets_what_rfc4475_asks_by_tcp, 61))
