/* Our stack as the server: each in a forked process, so that its processor time and memory are its own. */
#include "signalling.h"

#include "ahoy/exchange.h"
#include "base/mem.h"
#include "sdp/offer.h"
#include "sip/invite.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a user agent that takes every call -------------------------------------------------------------------------- */

struct agent {
    struct sys_host *host;
    struct sys_loop *loop;
    struct sip_ua *ua;
    struct sip_stack *stack;
    struct sip_locator *locator;
    struct sip_transport *transport;
    bool sdp;
    uint64_t sessions;
};

struct call {
    struct agent *agent;
    struct sdp_session *session;
};

static const char fixed_answer[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                                   "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static enum ahoy_err answer(struct call *c, struct view offer, struct buf *out)
{
    static const struct sdp_codec codecs[] = {
        { .name = { .p = "opus", .n = 4 }, .clock_hz = 48000, .channels = 2, .pt = 96 },
        { .name = { .p = "G722", .n = 4 }, .clock_hz = 8000, .channels = 1 },
        { .name = { .p = "PCMU", .n = 4 }, .clock_hz = 8000, .channels = 1 },
        { .name = { .p = "PCMA", .n = 4 }, .clock_hz = 8000, .channels = 1 },
    };
    struct addr here = addr_ip4(127, 0, 0, 1, 40000);
    struct sdp_cap cap = { .kind = SDP_AUDIO,
                           .codec = codecs,
                           .codecs = AHOY_COUNT(codecs),
                           .events = true,
                           .dir = SDP_SENDRECV,
                           .ptime_ms = 20,
                           .rtp = here,
                           .rtcp_mux = true,
                           .proto = SDP_RTP_AVP,
                           .protos = SDP_PROTO_BIT(SDP_RTP_AVP) };
    struct sdp_local local = { .addr = here, .cap = &cap, .caps = 1 };
    struct sdp_session_config cfg = { .id = ++c->agent->sessions, .addr = here };
    enum ahoy_err err = sdp_session_create(&c->session, &cfg);
    if (!err)
        err = sdp_session_receive_offer(c->session, offer, NULL);
    return err ? err : sdp_session_answer(c->session, &local, out);
}

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    struct call *c = arg;
    (void) end;
    sdp_session_destroy(c->session);
    mem_free(c);
    sip_invite_release(inv);
}

static void on_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct agent *a = arg;
    struct sip_body body = { .type = VIEW("application/sdp"), .data = view_str(fixed_answer) }, offer;
    struct buf text;
    struct call *c = mem_zalloc(sizeof *c);
    (void) request;
    if (!c)
        return;
    c->agent = a;
    sip_invite_set_handler(inv, &(struct sip_invite_handler){ .ended = on_ended, .arg = c });
    buf_init(&text, SDP_MAX_BYTES);
    if (a->sdp) {
        sip_invite_remote_offer(inv, &offer);
        if (answer(c, offer.data, &text) == AHOY_OK)
            body.data = buf_content(&text);
        else
            body.data.n = 0;
    }
    if (body.data.n == 0 || sip_invite_accept(inv, view_of(NULL, 0), &body))
        (void) sip_invite_reject(inv, 500, view_of(NULL, 0));
    buf_fini(&text);
}

static uint16_t agent_start(struct agent *a, enum server_kind kind)
{
    struct sip_ua_config ua = SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .incoming = on_incoming, .arg = a };
    struct sip_stack_config cfg = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config locator = SIP_LOCATOR_CONFIG_DEFAULT;
    struct sip_core_ops core;
    struct addr local = addr_ip4(127, 0, 0, 1, 0);
    a->sdp = kind == SERVER_CALL_SDP;
    cfg.user_agent = "Ahoy";
    if (kind == SERVER_CALL_FAST)
        cfg.timers.t1_ms = 50;
    if (sys_host_real(&a->host) || sys_loop_create(a->host, &a->loop) || sip_ua_create(&a->ua, &ua, &ops))
        return 0;
    sip_ua_core(a->ua, &core);
    if (sip_stack_create(&a->stack, a->loop, &cfg, &core) || sip_locator_create(&a->locator, a->stack, &locator)
        || sip_ua_start(a->ua, a->locator) || sip_stack_listen(a->stack, SIP_PROTO_UDP, &local, &a->transport)
        || sys_loop_spawn(a->loop, "server"))
        return 0;
    return sip_transport_local(a->transport)->port;
}

static void agent_stop(struct agent *a)
{
    sys_loop_join(a->loop);
    sip_ua_stop(a->ua);
    sip_locator_destroy(a->locator);
    sip_stack_destroy(a->stack);
    sip_ua_destroy(a->ua);
    sys_loop_destroy(a->loop);
    sys_host_destroy(a->host);
}

/* ---- the exchange ------------------------------------------------------------------------------------------------ */

static uint16_t exchange_start(struct ahoy_exchange **out, enum server_kind kind)
{
    static const char *const listens[] = { "udp:127.0.0.1:0" };
    static char lines[SERVER_USERS][24];
    static const char *users[SERVER_USERS];
    char why[256];
    for (int i = 0; i < SERVER_USERS; i++) {
        snprintf(lines[i], sizeof lines[i], "u%04d:%s", i, SERVER_PASSWORD);
        users[i] = lines[i];
    }
    struct ahoy_exchange_config cfg = { .listens = listens,
                                        .listen_count = 1,
                                        .realm = SERVER_REALM,
                                        .open = kind == SERVER_EXCHANGE_OPEN,
                                        .users = users,
                                        .user_count = kind == SERVER_EXCHANGE_OPEN ? 0 : SERVER_USERS };
    if (ahoy_exchange_create(out, &cfg, why, sizeof why)) {
        fprintf(stderr, "the exchange: %s\n", why);
        return 0;
    }
    char **list = ahoy_exchange_listening(*out);
    const char *colon = list && list[0] ? strrchr(list[0], ':') : NULL;
    uint16_t port = 0;
    if (!colon || view_u16(view_str(colon + 1), &port))
        port = 0;
    free(list);
    return port;
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static size_t resident_bytes(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    bool ok = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    struct view rest = view_str(text);
    uint64_t pages = 0;
    (void) view_cut(&rest, ' ');
    return ok && !view_u64(view_cut(&rest, ' '), SIZE_MAX, &pages) ? (size_t) pages * (size_t) sysconf(_SC_PAGESIZE)
                                                                   : 0;
}

static void measure_self(struct usage *u)
{
    struct rusage r;
    struct mallinfo2 m = mallinfo2();
    getrusage(RUSAGE_SELF, &r);
    u->cpu_ms = (double) (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000
                + (double) (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
    u->heap_bytes = m.uordblks + m.hblkhd;
    u->rss_bytes = resident_bytes();
}

/* The child: tells its port, answers each byte with its usage, goes when the parent hangs up. */
static void serve(enum server_kind kind, int control)
{
    struct agent agent = { .host = NULL };
    struct ahoy_exchange *x = NULL;
    struct usage u;
    char ask;
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool exchange = kind == SERVER_EXCHANGE_OPEN || kind == SERVER_EXCHANGE_DIGEST;
    uint16_t port = exchange ? exchange_start(&x, kind) : agent_start(&agent, kind);
    if (send(control, &port, sizeof port, 0) != sizeof port || port == 0)
        _exit(1);
    while (recv(control, &ask, 1, 0) == 1) {
        measure_self(&u);
        if (send(control, &u, sizeof u, 0) != sizeof u)
            break;
    }
    if (exchange)
        ahoy_exchange_destroy(x);
    else
        agent_stop(&agent);
    _exit(0);
}

static bool is_ours(enum server_kind kind)
{
    return kind < SERVER_KAMAILIO;
}

bool server_start(struct server *s, enum server_kind kind)
{
    int pair[2];
    *s = (struct server){ .control = -1 };
    if (!is_ours(kind))
        return peer_start(s, kind);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        close(pair[0]);
        serve(kind, pair[1]);
    }
    close(pair[1]);
    s->control = pair[0];
    if (s->pid > 0 && recv(s->control, &s->port, sizeof s->port, 0) == sizeof s->port && s->port != 0)
        return true;
    fprintf(stderr, "the server did not start\n");
    server_stop(s);
    return false;
}

bool server_usage(struct server *s, struct usage *out)
{
    if (s->control < 0)
        return peer_usage(s, out);
    return send(s->control, "u", 1, MSG_NOSIGNAL) == 1 && recv(s->control, out, sizeof *out, 0) == sizeof *out;
}

void server_stop(struct server *s)
{
    if (s->control < 0) {
        peer_stop(s);
        return;
    }
    close(s->control);
    s->control = -1;
    if (s->pid > 0)
        (void) waitpid(s->pid, NULL, 0);
    s->pid = 0;
}
