#include "server/support_exch.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- the exchange ------------------------------------------------------------------------------------------------ */

static void on_news(void *arg, const char *line)
{
    struct exch_world *w = arg;
    w->lines++;
    (void) view_copy(view_str(line), w->news, sizeof w->news);
}

enum ahoy_err exch_start(struct exch_world *w, const struct ahoy_exchange_config *cfg)
{
    static const char *const listens[] = { "udp:192.0.2.9:5060", "tcp:192.0.2.9:5060" };
    struct ahoy_exchange_config c = *cfg;
    c.listens = listens;
    c.listen_count = AHOY_COUNT(listens);
    c.news = on_news;
    c.news_arg = w;
    enum ahoy_err err = exchange_create_on(&w->a, w->host, &c, NULL, 0);
    if (!err)
        w->x = exchange_of(w->a);
    return err;
}

enum ahoy_err exch_open(struct exch_world *w, const struct ahoy_exchange_config *cfg)
{
    *w = (struct exch_world){ .sim = NULL };
    enum ahoy_err err = sim_create(&w->sim, 42);
    if (!err)
        err = sim_host(w->sim, "192.0.2.9", &w->host);
    return err ? err : exch_start(w, cfg);
}

static bool is_stopped(void *arg)
{
    return exchange_stopped(arg);
}

void exch_stop(struct exch_world *w)
{
    if (!w->a)
        return;
    exchange_stop(w->a);
    AHOY_ASSERT(sim_run_until(w->sim, is_stopped, w->a, SYS_S(60)));
    ahoy_exchange_destroy(w->a);
    w->a = NULL;
    w->x = NULL;
}

void exch_nothing_left(struct t *t, struct exch_world *w)
{
    struct ahoy_exchange_counts n;
    if (!w->a)
        return;
    exch_run(w, 200000);
    ahoy_exchange_counts(w->a, &n);
    T_ALWAYS(list_empty(&w->x->forwards));
    T_ALWAYS(list_empty(&w->x->acks));
    T_ALWAYS(list_empty(&w->x->services));
    if (n.transactions != 0)
        t_fail_always(t, __FILE__, __LINE__, "transactions", "are left");
out:
    return;
}

void exch_close(struct exch_world *w)
{
    exch_stop(w);
    for (size_t i = 0; i < w->peers; i++) {
        struct exch_peer *p = &w->peer[i];
        sys_udp_close(p->udp);
        sys_tcp_close(p->tcp);
        if (p->loop)
            sys_loop_destroy(p->loop);
        for (size_t k = 0; k < p->got_count; k++)
            sip_msg_unref(p->got[k]);
        buf_fini(&p->in);
    }
    sim_destroy(w->sim);
}

void exch_run(struct exch_world *w, int64_t ms)
{
    sim_run(w->sim, SYS_MS(ms));
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */

static void take(struct exch_peer *p, struct view raw, enum sip_framing framing)
{
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *m = NULL;
    if (p->got_count == EXCH_MAX_GOT || sip_msg_parse(&m, raw, framing, &limits, &fault))
        sip_msg_unref(m);
    else
        p->got[p->got_count++] = m;
}

static void on_packet(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                      int64_t when_us)
{
    (void) src;
    (void) local;
    (void) when_us;
    take(arg, view_of(data, n), SIP_FRAMING_DATAGRAM);
}

static void on_bytes(void *arg, const void *data, size_t n)
{
    struct exch_peer *p = arg;
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    size_t scanned = 0, skip, length;
    buf_put(&p->in, data, n);
    while (sip_stream_frame(buf_content(&p->in), &limits, &scanned, &skip, &length) == AHOY_OK) {
        take(p, view_of(p->in.p + skip, length), SIP_FRAMING_STREAM);
        buf_drop(&p->in, skip + length);
        scanned = 0;
    }
}

static void on_closed(void *arg, enum ahoy_err err)
{
    struct exch_peer *p = arg;
    (void) err;
    p->closed = true;
}

static enum ahoy_err peer_on(struct exch_world *w, const char *ip, uint16_t port, bool tcp, struct exch_peer **out)
{
    struct exch_peer *p = &w->peer[w->peers];
    struct sys_udp_config cfg = { .recv_buf_bytes = 0 };
    struct sys_udp_handler uh = { .recv = on_packet, .arg = p };
    struct sys_tcp_handler th = { .recv = on_bytes, .closed = on_closed, .arg = p };
    struct addr to = addr_ip4(192, 0, 2, 9, 5060);
    *p = (struct exch_peer){ .w = w, .host = p->host, .proto = tcp ? "TCP" : "UDP" };
    buf_init(&p->in, 1 << 20);
    w->peers++;
    enum ahoy_err err = addr_parse(view_str(ip), port, &p->at);
    if (!err)
        err = sys_loop_create(p->host, &p->loop);
    cfg.local = p->at;
    if (!err)
        err = tcp ? sys_tcp_connect(&p->tcp, p->loop, NULL, &to, &th) : sys_udp_open(&p->udp, p->loop, &cfg, &uh);
    addr_print(&p->at, p->name);
    if (!err)
        *out = p;
    return err;
}

enum ahoy_err exch_peer(struct exch_world *w, const char *ip, uint16_t port, bool tcp, struct exch_peer **out)
{
    enum ahoy_err err = sim_host(w->sim, ip, &w->peer[w->peers].host);
    return err ? err : peer_on(w, ip, port, tcp, out);
}

enum ahoy_err exch_peer_nat(struct exch_world *w, const char *ip, const char *public_ip, struct exch_peer **out)
{
    struct sys_host **host = &w->peer[w->peers].host;
    enum ahoy_err err = sim_host(w->sim, ip, host);
    if (!err)
        err = sim_nat(*host, public_ip, SIM_NAT_PORT_RESTRICTED, 0);
    return err ? err : peer_on(w, ip, 5060, false, out);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void send_text(struct exch_peer *p, struct view text)
{
    struct addr to = addr_ip4(192, 0, 2, 9, 5060);
    char out[16384];
    size_t n = 0;
    for (size_t i = 0; i < text.n && n + 2 < sizeof out; i++) {
        if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
            out[n++] = '\r';
        out[n++] = text.p[i];
    }
    if (p->tcp)
        (void) sys_tcp_write(p->tcp, out, n);
    else
        (void) sys_udp_send(p->udp, NULL, &to, out, n);
}

void exch_send(struct exch_peer *p, const char *fmt, ...)
{
    char text[16000];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    AHOY_ASSERT(n >= 0 && (size_t) n < sizeof text);
    send_text(p, view_of(text, (size_t) n));
}

void exch_request(struct exch_peer *p, const char *method, const char *user, const char *to, const char *call_id,
                  unsigned cseq, const char *lines)
{
    bool own_forwards = strstr(lines, "Max-Forwards:") != NULL;
    exch_send(p,
              "%s sip:%s SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s%u;rport\n%sFrom: <sip:%s@192.0.2.9>;tag=f%s\n"
              "To: <sip:%s>\nCall-ID: %s\nCSeq: %u %s\nContact: <sip:%s@%s%s>\n%sContent-Length: 0\n\n",
              method, to, p->proto, p->name, call_id, ++p->branch, own_forwards ? "" : "Max-Forwards: 70\n", user, user,
              to, call_id, cseq, method, user, p->name, p->tcp ? ";transport=tcp" : "", lines);
}

void exch_register(struct exch_peer *p, const char *user, unsigned cseq, const char *lines)
{
    exch_send(p,
              "REGISTER sip:192.0.2.9 SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bKr%s%u;rport\nMax-Forwards: 70\n"
              "From: <sip:%s@192.0.2.9>;tag=r\nTo: <sip:%s@192.0.2.9>\nCall-ID: reg-%s-%s\nCSeq: %u REGISTER\n%s"
              "Content-Length: 0\n\n",
              p->proto, p->name, user, ++p->branch, user, user, user, p->name, cseq, lines);
}

bool exch_enrol(struct exch_peer *p, const char *user)
{
    char contact[200];
    size_t before = exch_count(p, "SIP/2.0 200");
    snprintf(contact, sizeof contact, "Contact: <sip:%s@%s%s>\n", user, p->name, p->tcp ? ";transport=tcp" : "");
    exch_register(p, user, 1, contact);
    exch_run(p->w, 100);
    return exch_count(p, "SIP/2.0 200") == before + 1;
}

/* The Record-Route of a message as Route: reversed for the caller. */
static void put_routes(const struct sip_msg *m, bool reverse, struct buf *out)
{
    struct view item[16];
    size_t n = 0;
    for (const struct sip_hdr *h = sip_msg_first(m, SIP_HDR_RECORD_ROUTE); h; h = sip_msg_next(m, h)) {
        struct view rest = h->value;
        while (n < AHOY_COUNT(item) && sip_list_next(&rest, &item[n]))
            n++;
    }
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "Route: %.*s\n", VIEW_ARG(item[reverse ? n - 1 - i : i]));
}

void exch_in_dialog(struct exch_peer *p, const char *method, unsigned cseq, const char *user, struct sip_msg *of)
{
    const struct sip_core *core;
    struct view rest = of ? sip_msg_value(of, SIP_HDR_CONTACT) : view_of(NULL, 0), item;
    struct sip_contact c;
    struct buf routes;
    if (!of || sip_msg_core(of, &core) || !sip_list_next(&rest, &item) || sip_contact_parse(item, &c))
        return;
    buf_init(&routes, 4096);
    bool caller = !of->is_request;
    put_routes(of, caller, &routes);
    char own_to[300]; /* what the callee's To became by its tag */
    snprintf(own_to, sizeof own_to, "%.*s;tag=%s", VIEW_ARG(core->to.text), user);
    exch_send(p,
              "%s %.*s SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bKd%s%u;rport\nMax-Forwards: 70\n%sFrom: %s%.*s\n"
              "To: %.*s\nCall-ID: %.*s\nCSeq: %u %s\nContact: <sip:%s@%s>\nContent-Length: 0\n\n",
              method, VIEW_ARG(c.addr.uri), p->proto, p->name, user, ++p->branch, buf_cstr(&routes),
              caller ? "" : own_to, VIEW_ARG(caller ? core->from.text : view_of(NULL, 0)),
              VIEW_ARG(caller ? core->to.text : core->from.text), VIEW_ARG(core->call_id), cseq, method, user, p->name);
    buf_fini(&routes);
}

void exch_reply(struct exch_peer *p, struct sip_msg *request, unsigned status, const char *user, const char *lines)
{
    struct buf b;
    if (!request)
        return;
    buf_init(&b, 32768);
    sip_build_response(&b, request, status, view_of(NULL, 0), view_str(user), NULL);
    buf_printf(&b, "Contact: <sip:%s@%s>\r\n", user, p->name);
    buf_str(&b, lines);
    sip_build_body(&b, view_of(NULL, 0), view_of(NULL, 0));
    if (!buf_err(&b))
        send_text(p, buf_content(&b));
    buf_fini(&b);
}

static bool starts(const struct sip_msg *m, const char *start)
{
    return view_starts(m->head, view_str(start));
}

struct sip_msg *exch_got(struct exch_peer *p, const char *start, size_t nth)
{
    for (size_t i = 0; i < p->got_count; i++)
        if (starts(p->got[i], start) && nth-- == 0)
            return p->got[i];
    return NULL;
}

size_t exch_count(struct exch_peer *p, const char *start)
{
    size_t n = 0;
    for (size_t i = 0; i < p->got_count; i++)
        n += starts(p->got[i], start);
    return n;
}

bool exch_has(const struct sip_msg *m, const char *text)
{
    return m && view_search(m->head, view_str(text)) < m->head.n;
}

bool exch_authorize(struct sip_msg *challenge, enum sip_digest_alg alg, const char *method, const char *uri,
                    const char *user, const char *password, char *out, size_t size)
{
    bool proxy = challenge && challenge->status == 407;
    enum sip_hdr_id id = proxy ? SIP_HDR_PROXY_AUTHENTICATE : SIP_HDR_WWW_AUTHENTICATE;
    char ha1[SIP_DIGEST_HEX_BYTES], response[SIP_DIGEST_HEX_BYTES];
    for (const struct sip_hdr *h = challenge ? sip_msg_first(challenge, id) : NULL; h; h = sip_msg_next(challenge, h)) {
        struct sip_challenge c;
        struct view rest = h->value;
        if (sip_challenge_next(&rest, &c) || c.alg != alg
            || sip_digest_ha1(alg, view_str(user), c.realm, view_str(password), ha1))
            continue;
        struct sip_digest_input in = { .alg = alg,
                                       .ha1 = view_str(ha1),
                                       .nonce = c.nonce,
                                       .cnonce = VIEW("abc"),
                                       .nc = 1,
                                       .qop = SIP_QOP_AUTH,
                                       .method = view_str(method),
                                       .uri = view_str(uri) };
        if (sip_digest_response(&in, response))
            return false;
        struct sip_credentials cred = { .username = view_str(user),
                                        .realm = c.realm,
                                        .nonce = c.nonce,
                                        .uri = view_str(uri),
                                        .response = view_str(response),
                                        .cnonce = VIEW("abc"),
                                        .algorithm = c.algorithm,
                                        .alg = alg,
                                        .qop = SIP_QOP_AUTH,
                                        .nc = 1 };
        struct buf b;
        buf_init(&b, size - 1);
        buf_str(&b, proxy ? "Proxy-Authorization: " : "Authorization: ");
        sip_credentials_put(&b, &cred);
        buf_str(&b, "\n");
        bool ok = buf_err(&b) == AHOY_OK && view_copy(buf_content(&b), out, size);
        buf_fini(&b);
        return ok;
    }
    return false;
}
