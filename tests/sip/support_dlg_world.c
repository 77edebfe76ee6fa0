#include "sip/support_dlg_world.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- the owner of legs ------------------------------------------------------------------------------------------- */

static void note(struct dlg_world *w, const char *fmt, ...) AHOY_PRINTF(2, 3);

static void note(struct dlg_world *w, const char *fmt, ...)
{
    va_list ap;
    if (w->log.n)
        buf_str(&w->log, "; ");
    va_start(ap, fmt);
    buf_vprintf(&w->log, fmt, ap);
    va_end(ap);
}

static struct sip_body sdp(const char *text)
{
    return (struct sip_body){ .type = VIEW("application/sdp"), .data = view_str(text) };
}

static void on_progress(void *arg, struct sip_invite *inv, struct sip_dialog *fork, const struct sip_body *body,
                        struct sip_msg *response)
{
    struct dlg_world *w = arg;
    (void) inv;
    w->fork = fork;
    note(w, "progress %u%s%s%.*s", response->status, fork ? "" : " no-dialog", body->data.n ? " " : "",
         VIEW_ARG(body->data));
}

static void on_answer(void *arg, struct sip_invite *inv, const struct sip_body *answer, struct sip_msg *msg)
{
    struct dlg_world *w = arg;
    (void) msg;
    note(w, "answer %.*s", VIEW_ARG(answer->data));
    if (w->hangup_on_answer)
        sip_invite_hangup(inv, NULL);
}

static void on_offer(void *arg, struct sip_invite *inv, const struct sip_body *offer, struct sip_msg *msg)
{
    struct dlg_world *w = arg;
    (void) msg;
    note(w, "offer %.*s", VIEW_ARG(offer->data));
    if (w->refuse_offer) {
        (void) sip_invite_reject(inv, w->refuse_offer, (struct view){ 0 });
    } else if (w->offer_with) {
        struct sip_body body = sdp(w->offer_with);
        if (sip_invite_answer(inv, &body))
            note(w, "answering failed");
    }
}

static void on_confirmed(void *arg, struct sip_invite *inv, struct sip_msg *msg)
{
    (void) inv;
    (void) msg;
    note(arg, "confirmed");
}

static void on_reinvited(void *arg, struct sip_invite *inv, unsigned status, struct sip_msg *response)
{
    (void) inv;
    (void) response;
    note(arg, "reinvited %u", status);
}

static void on_ready(void *arg, struct sip_invite *inv)
{
    (void) inv;
    note(arg, "ready");
}

static unsigned on_info(void *arg, struct sip_invite *inv, const struct sip_body *body, struct sip_msg *request)
{
    struct dlg_world *w = arg;
    (void) inv;
    (void) request;
    note(w, "info %.*s %.*s", VIEW_ARG(body->type), VIEW_ARG(body->data));
    return w->info_status ? w->info_status : 200;
}

static bool on_request(void *arg, struct sip_invite *inv, struct sip_dialog *d, struct sip_server_txn *txn,
                       struct sip_msg *request)
{
    struct dlg_world *w = arg;
    (void) inv;
    (void) d;
    note(w, "request %.*s", VIEW_ARG(request->method_text));
    if (!w->takes_requests)
        return false;
    if (sip_server_txn_reply(txn, 202, (struct view){ 0 }))
        sip_server_txn_release(txn);
    return true;
}

static void on_ended(void *arg, struct sip_invite *inv, const struct sip_invite_end *end)
{
    static const char *const who[] = { "local", "remote", "network" };
    struct dlg_world *w = arg;
    (void) inv;
    note(w, "ended %s %u%s", who[end->who], end->status, end->was_confirmed ? " confirmed" : "");
    if (end->err)
        note(w, "%s", ahoy_err_name(end->err));
    if (!view_empty(end->reason.protocol))
        note(w, "reason %.*s %u %.*s", VIEW_ARG(end->reason.protocol), end->reason.cause, VIEW_ARG(end->reason.text));
}

static struct sip_invite_handler handler(struct dlg_world *w)
{
    return (struct sip_invite_handler){ .progress = on_progress,
                                        .answer = on_answer,
                                        .offer = on_offer,
                                        .confirmed = on_confirmed,
                                        .reinvited = on_reinvited,
                                        .reinvite_ready = on_ready,
                                        .info = on_info,
                                        .request = on_request,
                                        .ended = on_ended,
                                        .arg = w };
}

static void keep(struct dlg_world *w, struct sip_invite *inv)
{
    AHOY_ASSERT(w->legs < DLG_MAX_LEGS);
    w->leg[w->legs++] = inv;
    w->inv = inv;
}

static void on_incoming(void *arg, struct sip_invite *inv, struct sip_msg *request)
{
    struct dlg_world *w = arg;
    struct sip_invite_handler h = handler(w);
    struct sip_body offer, body;
    (void) request;
    sip_invite_remote_offer(inv, &offer);
    note(w, "incoming%s%.*s", offer.data.n ? " " : "", VIEW_ARG(offer.data));
    if (w->untaken)
        return;
    sip_invite_set_handler(inv, &h);
    keep(w, inv);
    if (w->ring && sip_invite_ring(inv, w->ring, (struct view){ 0 }, NULL))
        note(w, "ringing failed");
    if (!w->accept_with)
        return;
    body = sdp(w->accept_with);
    if (sip_invite_accept(inv, (struct view){ 0 }, &body))
        note(w, "accepting failed");
}

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

/* What the peer holds is the test's, and never fails. */
static void on_packet(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                      int64_t when_us)
{
    struct dlg_world *w = arg;
    struct sip_limits limits = SIP_LIMITS_DEFAULT;
    struct sip_fault fault;
    struct sip_msg *m = NULL;
    (void) src;
    (void) local;
    if (w->got_count == DLG_MAX_GOT)
        return;
    if (sip_msg_parse(&m, view_of(data, n), SIP_FRAMING_DATAGRAM, &limits, &fault)) {
        sip_msg_unref(m);
        return;
    }
    w->got_us[w->got_count] = when_us;
    w->got[w->got_count++] = m;
}

static bool starts(const struct sip_msg *m, const char *start)
{
    return view_starts(m->head, view_str(start));
}

struct sip_msg *dlg_find(struct dlg_world *w, const char *start, size_t nth)
{
    for (size_t i = 0; i < w->got_count; i++) {
        if (starts(w->got[i], start) && nth-- == 0)
            return w->got[i];
    }
    return NULL;
}

size_t dlg_count(struct dlg_world *w, const char *start)
{
    size_t n = 0;
    for (size_t i = 0; i < w->got_count; i++)
        n += starts(w->got[i], start);
    return n;
}

int64_t dlg_time_ms(struct dlg_world *w, const char *start, size_t nth)
{
    for (size_t i = 0; i < w->got_count; i++) {
        if (starts(w->got[i], start) && nth-- == 0)
            return w->got_us[i] / 1000;
    }
    return -1;
}

bool dlg_has(const struct sip_msg *m, const char *text)
{
    return m && (view_search(m->head, view_str(text)) < m->head.n || view_search(m->body, view_str(text)) < m->body.n);
}

static void send_crlf(struct dlg_world *w, struct view text)
{
    struct addr to = addr_ip4(192, 0, 2, 1, w->port);
    char out[8192];
    size_t n = 0;
    for (size_t i = 0; i < text.n && n + 2 < sizeof out; i++) {
        if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
            out[n++] = '\r';
        out[n++] = text.p[i];
    }
    (void) sys_udp_send(w->udp, NULL, &to, out, n);
}

void dlg_send(struct dlg_world *w, const char *fmt, ...)
{
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    AHOY_ASSERT(n >= 0 && (size_t) n < sizeof text);
    send_crlf(w, view_of(text, (size_t) n));
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

void dlg_reply(struct dlg_world *w, struct sip_msg *request, unsigned status, const char *tag, const char *lines,
               const char *body)
{
    char via[4096];
    size_t n = 0;
    const struct sip_core *core;
    if (!request || sip_msg_core(request, &core))
        return;
    via[0] = '\0';
    for (const struct sip_hdr *h = sip_msg_first(request, SIP_HDR_VIA); h; h = sip_msg_next(request, h))
        n += (size_t) snprintf(via + n, sizeof via - n, "Via: %.*s\n", VIEW_ARG(h->value));
    bool contact = !lines || !strstr(lines, "Contact:");
    dlg_send(w,
             "SIP/2.0 %u %s\n%sFrom: %.*s\nTo: %.*s%s%s\nCall-ID: %.*s\nCSeq: %u %.*s\n%s%s%s"
             "Content-Length: %zu\n\n%s",
             status, sip_reason(status), via, VIEW_ARG(core->from.text), VIEW_ARG(core->to.text),
             tag && core->to_tag.n == 0 ? ";tag=" : "", core->to_tag.n == 0 ? or_empty(tag) : "",
             VIEW_ARG(core->call_id), (unsigned) core->cseq.number, VIEW_ARG(core->cseq.method_text),
             contact ? "Contact: <sip:bob@192.0.2.2>\n" : "", or_empty(lines),
             body ? "Content-Type: application/sdp\n" : "", strlen(or_empty(body)), or_empty(body));
}

void dlg_invite(struct dlg_world *w, const char *lines, const char *body)
{
    bool contact = !lines || !strstr(lines, "Contact:");
    w->peer_cseq = 1;
    dlg_send(w,
             "INVITE sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKin1\nMax-Forwards: 70\n"
             "From: <sip:bob@example.net>;tag=peer\nTo: <sip:alice@example.net>\nCall-ID: in-call\nCSeq: 1 INVITE\n"
             "%s%s%sContent-Length: %zu\n\n%s",
             contact ? "Contact: <sip:bob@192.0.2.2>\n" : "", or_empty(lines),
             body ? "Content-Type: application/sdp\n" : "", strlen(or_empty(body)), or_empty(body));
}

static void send_in_dialog(struct dlg_world *w, const struct sip_dialog *d, const char *method, uint32_t cseq,
                           const char *branch, const char *lines, const char *body)
{
    dlg_send(w,
             "%s sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK%s%u\nMax-Forwards: 70\n"
             "From: %.*s;tag=%.*s\nTo: %.*s;tag=%.*s\nCall-ID: %.*s\nCSeq: %u %s\n%s%s"
             "Content-Length: %zu\n\n%s",
             method, branch, (unsigned) cseq, VIEW_ARG(sip_dialog_remote(d)), VIEW_ARG(sip_dialog_remote_tag(d)),
             VIEW_ARG(sip_dialog_local(d)), VIEW_ARG(sip_dialog_local_tag(d)), VIEW_ARG(sip_dialog_call_id(d)),
             (unsigned) cseq, method, or_empty(lines),
             body && !strstr(or_empty(lines), "Content-Type") ? "Content-Type: application/sdp\n" : "",
             strlen(or_empty(body)), or_empty(body));
}

void dlg_request(struct dlg_world *w, struct sip_invite *inv, const char *method, uint32_t cseq, const char *lines,
                 const char *body)
{
    if (!cseq)
        cseq = ++w->peer_cseq;
    if (inv && sip_invite_dialog(inv))
        send_in_dialog(w, sip_invite_dialog(inv), method, cseq, "rq", lines, body);
}

void dlg_ack(struct dlg_world *w, struct sip_invite *inv, uint32_t cseq, const char *body)
{
    if (inv && sip_invite_dialog(inv))
        send_in_dialog(w, sip_invite_dialog(inv), "ACK", cseq, "ack", NULL, body);
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

bool dlg_init(struct t *t, struct dlg_world *w, const struct sip_ua_config *cfg)
{
    struct sip_ua_config uc = cfg ? *cfg : SIP_UA_CONFIG_DEFAULT;
    struct sip_ua_ops ops = { .incoming = on_incoming, .arg = w };
    struct sip_stack_config sc = SIP_STACK_CONFIG_DEFAULT;
    struct sip_locator_config lc = SIP_LOCATOR_CONFIG_DEFAULT;
    struct sys_udp_handler uh = { .recv = on_packet, .arg = w };
    struct addr local = addr_ip4(192, 0, 2, 1, 5060);
    struct sip_transport *transport;
    struct sip_core_ops core;
    *w = (struct dlg_world){ .port = 5060 };
    buf_init(&w->log, sizeof w->text - 1);
    T_OK(sim_create(&w->sim, 42));
    T_OK(sim_host(w->sim, "192.0.2.1", &w->host));
    T_OK(sim_host(w->sim, "192.0.2.2", &w->peer_host));
    T_OK(sys_loop_create(w->host, &w->loop));
    T_OK(sys_loop_create(w->peer_host, &w->peer_loop));
    T_OK(sip_ua_create(&w->ua, &uc, &ops));
    sip_ua_core(w->ua, &core);
    T_OK(sip_stack_create(&w->stack, w->loop, &sc, &core));
    T_OK(sip_stack_listen(w->stack, SIP_PROTO_UDP, &local, &transport));
    T_OK(sip_locator_create(&w->locator, w->stack, &lc));
    T_OK(sip_ua_start(w->ua, w->locator));
    T_OK(sys_udp_open(&w->udp, w->peer_loop, &(struct sys_udp_config){ .local = addr_ip4(192, 0, 2, 2, 5060) }, &uh));
    return true;
out:
    return false;
}

static void settle(struct t *t, struct dlg_world *w)
{
    struct sip_stack_counts counts;
    for (size_t i = 0; i < w->legs; i++)
        sip_invite_release(w->leg[i]);
    w->legs = 0;
    sim_run(w->sim, SYS_S(400));
    T_ALWAYS(sip_ua_invite_count(w->ua) == 0);
    T_ALWAYS(sip_dialogs_count(sip_ua_dialogs(w->ua)) == 0);
    sip_stack_counts(w->stack, &counts);
    T_ALWAYS(counts.client_txns == 0);
    T_ALWAYS(counts.server_txns == 0);
out:
    return;
}

void dlg_fini(struct t *t, struct dlg_world *w)
{
    if (w->udp && sip_ua_stack(w->ua))
        settle(t, w);
    sys_udp_close(w->udp);
    if (w->ua && sip_ua_stack(w->ua))
        sip_ua_stop(w->ua);
    sip_locator_destroy(w->locator);
    sip_stack_destroy(w->stack);
    sip_ua_destroy(w->ua);
    for (size_t i = 0; i < w->got_count; i++)
        sip_msg_unref(w->got[i]);
    if (w->loop)
        sys_loop_destroy(w->loop);
    if (w->peer_loop)
        sys_loop_destroy(w->peer_loop);
    sim_destroy(w->sim);
    buf_fini(&w->log);
}

void dlg_run(struct dlg_world *w, int64_t ms)
{
    sim_run(w->sim, SYS_MS(ms));
}

enum ahoy_err dlg_call(struct dlg_world *w, const char *offer)
{
    struct sip_invite_config cfg = { .target = VIEW("sip:bob@192.0.2.2"),
                                     .from = VIEW("\"Alice\" <sip:alice@example.net>"),
                                     .to = VIEW("<sip:bob@example.net>"),
                                     .contact_user = VIEW("alice") };
    struct sip_invite_handler h = handler(w);
    struct sip_invite *inv = NULL;
    if (offer)
        cfg.offer = sdp(offer);
    enum ahoy_err err = sip_invite_call(&inv, w->ua, &cfg, &h);
    if (!err)
        keep(w, inv);
    return err;
}

const char *dlg_log(struct dlg_world *w)
{
    (void) view_copy(buf_content(&w->log), w->text, sizeof w->text);
    buf_clear(&w->log);
    return w->text;
}

void dlg_release(struct dlg_world *w)
{
    for (size_t i = 0; i < w->legs; i++) {
        if (w->leg[i] == w->inv) {
            w->leg[i] = w->leg[--w->legs];
            break;
        }
    }
    sip_invite_release(w->inv);
    w->inv = NULL;
}

bool dlg_establish_out(struct dlg_world *w)
{
    struct sip_msg *m;
    if (dlg_call(w, "off"))
        return false;
    dlg_run(w, 10);
    m = dlg_find(w, "INVITE ", 0);
    if (!m)
        return false;
    dlg_reply(w, m, 200, "b1", NULL, "ans");
    dlg_run(w, 10);
    buf_clear(&w->log);
    w->peer_cseq = 100;
    return w->inv && sip_invite_state(w->inv) == SIP_INVITE_CONFIRMED;
}

bool dlg_establish_in(struct dlg_world *w)
{
    const char *before = w->accept_with;
    w->accept_with = "ans";
    dlg_invite(w, NULL, "off");
    dlg_run(w, 10);
    w->accept_with = before;
    if (!w->inv)
        return false;
    dlg_ack(w, w->inv, 1, NULL);
    dlg_run(w, 10);
    buf_clear(&w->log);
    return sip_invite_state(w->inv) == SIP_INVITE_CONFIRMED;
}
