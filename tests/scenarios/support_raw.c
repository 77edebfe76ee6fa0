#include "support_raw.h"

#include "base/buf.h"
#include "sys/udp.h"

#include <stdio.h>
#include <stdlib.h>

enum { RAW_RTP_PORT = 40000 };

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* The first header line of that name, whole with its line end; "" when missing. */
static struct view line_of(const char *msg, const char *name)
{
    struct view rest = view_str(msg), line;
    while (view_line(&rest, &line) && line.n > 0)
        if (view_istarts(line, view_str(name)) && line.n > strlen(name) && line.p[strlen(name)] == ':')
            return line;
    return view_of("", 0);
}

static struct view value_of(const char *msg, const char *name)
{
    struct view line = line_of(msg, name);
    return view_trim(view_from(line, view_find(line, ':') + 1));
}

static void put_all(const char *msg, const char *name, struct buf *out)
{
    struct view rest = view_str(msg), line;
    while (view_line(&rest, &line) && line.n > 0)
        if (view_istarts(line, view_str(name)) && line.p[strlen(name)] == ':')
            buf_printf(out, "%.*s\r\n", VIEW_ARG(line));
}

/* `sdp` with each %s replaced by our address. */
static void put_sdp(const struct raw *r, const char *sdp, struct buf *out)
{
    struct view rest = view_str(sdp);
    for (size_t at; (at = view_search(rest, VIEW("%s"))) < rest.n; rest = view_from(rest, at + 2)) {
        buf_view(out, view_first(rest, at));
        buf_str(out, r->ip);
    }
    buf_view(out, rest);
}

static void send_text(struct raw *r, struct buf *b)
{
    AHOY_ASSERT(buf_err(b) == AHOY_OK || buf_err(b) == AHOY_ERR_NOMEM);
    if (!buf_err(b))
        (void) sys_udp_send(r->sip, NULL, &r->peer, b->p, b->n);
    buf_fini(b);
}

static void put_body(const struct raw *r, const char *type, const char *body, struct buf *out)
{
    struct buf b;
    buf_init(&b, RAW_TEXT);
    if (body)
        put_sdp(r, body, &b);
    if (body)
        buf_printf(out, "Content-Type: %s\r\n", type);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", b.n);
    buf_view(out, buf_content(&b));
    buf_fini(&b);
}

static void respond(struct raw *r, const char *request, unsigned status, const char *extra, const char *sdp)
{
    struct buf b;
    struct view to = line_of(request, "To");
    buf_init(&b, 2 * RAW_TEXT);
    buf_printf(&b, "SIP/2.0 %u Raw\r\n", status);
    put_all(request, "Via", &b);
    put_all(request, "Record-Route", &b);
    buf_printf(&b, "%.*s\r\n", VIEW_ARG(line_of(request, "From")));
    buf_printf(&b, "%.*s%s\r\n", VIEW_ARG(to),
               view_search(to, VIEW(";tag=")) < to.n || status == 100 ? "" : ";tag=raw");
    buf_printf(&b, "%.*s\r\n%.*s\r\n", VIEW_ARG(line_of(request, "Call-ID")), VIEW_ARG(line_of(request, "CSeq")));
    buf_printf(&b, "Contact: <sip:raw@%s>\r\n%s", r->ip, extra);
    put_body(r, "application/sdp", sdp, &b);
    send_text(r, &b);
}

void raw_answer(struct raw *r, unsigned status, const char *sdp)
{
    respond(r, r->invite, status, "", sdp);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void send_request(struct raw *r, const char *method, unsigned cseq, const char *type, const char *body)
{
    bool called = r->to_tag[0] != '\0' || !r->invite[0]; /* the dialog is one that we began */
    struct buf b;
    char peer[ADDR_TEXT_BYTES];
    buf_init(&b, 2 * RAW_TEXT);
    addr_print(&r->peer, peer);
    buf_printf(&b, "%s sip:phone@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKraw%s%u\r\nMax-Forwards: 70\r\n",
               method, peer, r->ip, method, cseq);
    if (called) {
        buf_printf(&b, "From: <sip:raw@%s>;tag=raw\r\nTo: <sip:phone@%s>%s%s\r\nCall-ID: raw-call@%s\r\n", r->ip, peer,
                   r->to_tag[0] ? ";tag=" : "", r->to_tag, r->ip);
    } else {
        buf_printf(&b, "From: %.*s;tag=raw\r\nTo: %.*s\r\n%.*s\r\n", VIEW_ARG(value_of(r->invite, "To")),
                   VIEW_ARG(value_of(r->invite, "From")), VIEW_ARG(line_of(r->invite, "Call-ID")));
    }
    buf_printf(&b, "CSeq: %u %s\r\nContact: <sip:raw@%s>\r\n", cseq, method, r->ip);
    put_body(r, type, body, &b);
    send_text(r, &b);
}

void raw_call(struct raw *r, const char *to_ip, const char *sdp)
{
    AHOY_ASSERT(addr_parse(view_str(to_ip), 5060, &r->peer) == AHOY_OK);
    r->invite[0] = r->to_tag[0] = '\0';
    send_request(r, "INVITE", ++r->cseq, "application/sdp", sdp);
}

void raw_request(struct raw *r, const char *method, const char *type, const char *body)
{
    send_request(r, method, ++r->cseq, type, body);
}

/* ---- arrivals ---------------------------------------------------------------------------------------------------- */

static void note_sdp(struct raw *r, const char *msg)
{
    const char *body = strstr(msg, "\r\n\r\n"), *m, *c;
    if (!body || strncmp(body + 4, "v=0", 3) != 0)
        return;
    (void) view_copy(view_str(body + 4), r->sdp, sizeof r->sdp);
    m = strstr(r->sdp, "m=audio ");
    c = strstr(r->sdp, "c=IN IP4 ");
    if (!m || !c)
        return;
    struct view rest = view_str(c + 9), line;
    if (view_line(&rest, &line) && !addr_parse(line, 0, &r->media))
        r->media.port = (uint16_t) strtoul(m + 8, NULL, 10);
}

static void take_response(struct raw *r, const char *msg)
{
    unsigned status = (unsigned) strtoul(msg + 8, NULL, 10);
    struct view to = value_of(msg, "To");
    size_t at = view_search(to, VIEW(";tag="));
    (void) view_copy(view_str(msg), r->response, sizeof r->response);
    note_sdp(r, msg);
    if (status < 200)
        return;
    r->status = status;
    if (view_search(value_of(msg, "CSeq"), VIEW("INVITE")) == value_of(msg, "CSeq").n)
        return;
    if (at < to.n && !r->invite[0])
        (void) view_copy(view_from(to, at + 5), r->to_tag, sizeof r->to_tag);
    send_request(r, "ACK", (unsigned) strtoul(value_of(msg, "CSeq").p, NULL, 10), "", NULL);
}

static void take_register(struct raw *r, const char *msg)
{
    char extra[200];
    r->registers++;
    if (r->nonce[0] && view_empty(line_of(msg, "Authorization"))) {
        (void) snprintf(extra, sizeof extra, "WWW-Authenticate: Digest realm=\"raw\", nonce=\"%s\", algorithm=MD5\r\n",
                        r->nonce);
        respond(r, msg, 401, extra, NULL);
        return;
    }
    (void) snprintf(extra, sizeof extra, "Expires: %u\r\n", r->register_expires);
    if (r->register_status)
        respond(r, msg, r->register_status, extra, NULL);
}

static void on_sip(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                   int64_t when)
{
    struct raw *r = arg;
    char msg[RAW_TEXT];
    (void) local;
    (void) when;
    (void) view_copy(view_of(data, n), msg, sizeof msg);
    r->peer = *src;
    if (strncmp(msg, "SIP/2.0", 7) == 0) {
        take_response(r, msg);
        return;
    }
    note_sdp(r, msg);
    if (strncmp(msg, "INVITE", 6) == 0) {
        bool again = view_eq(line_of(r->invite, "Via"), line_of(msg, "Via"));
        (void) view_copy(view_str(msg), r->invite, sizeof r->invite);
        r->invites += !again;
        return;
    }
    if (strncmp(msg, "ACK", 3) == 0) {
        r->acks++;
        return;
    }
    (void) view_copy(view_str(msg), r->request, sizeof r->request);
    if (strncmp(msg, "REGISTER", 8) == 0) {
        take_register(r, msg);
        return;
    }
    if (strncmp(msg, "PUBLISH", 7) == 0) {
        r->publishes++;
        (void) view_copy(view_str(msg), r->published, sizeof r->published);
        respond(r, msg, r->publish_status > 0 ? r->publish_status : 200, "", NULL);
        return;
    }
    respond(r, msg, 200, "", NULL);
    r->byes += strncmp(msg, "BYE", 3) == 0;
    r->others += strncmp(msg, "BYE", 3) != 0 && strncmp(msg, "CANCEL", 6) != 0;
    if (strncmp(msg, "CANCEL", 6) == 0 && r->cancels++ == 0)
        raw_answer(r, 487, NULL);
}

static void on_rtp(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                   int64_t when)
{
    struct raw *r = arg;
    const uint8_t *p = data;
    (void) src;
    (void) local;
    (void) when;
    if (n < 12)
        return;
    if (p[1] >= 200 && p[1] <= 207) { /* multiplexed RTCP */
        r->rtcp_in++;
        return;
    }
    r->rtp_in++;
    r->heard_ssrc = (uint32_t) p[8] << 24 | (uint32_t) p[9] << 16 | (uint32_t) p[10] << 8 | p[11];
    r->by_pt[p[1] & 0x7f]++;
    r->last_n = AHOY_MIN(n - 12, sizeof r->last_payload);
    memcpy(r->last_payload, p + 12, r->last_n);
}

static void on_rtcp(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                    int64_t when)
{
    struct raw *r = arg;
    (void) src;
    (void) local;
    (void) data;
    (void) n;
    (void) when;
    r->rtcp_in++;
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */

void raw_send_rtp(struct raw *r, unsigned pt, bool marker, uint32_t ts, const void *payload, size_t n)
{
    uint8_t p[2048] = { 0x80, (uint8_t) (pt | (marker ? 0x80u : 0)) };
    p[2] = (uint8_t) (r->seq >> 8);
    p[3] = (uint8_t) r->seq++;
    for (int i = 0; i < 4; i++) {
        p[4 + i] = (uint8_t) (ts >> (24 - 8 * i));
        p[8 + i] = (uint8_t) (r->ssrc >> (24 - 8 * i));
    }
    n = AHOY_MIN(n, sizeof p - 12);
    memcpy(p + 12, payload, n);
    if (r->media.family)
        (void) sys_udp_send(r->rtp, NULL, &r->media, p, n + 12);
}

static void put32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t) (x >> (24 - 8 * i));
}

void raw_report(struct raw *r, uint8_t fraction)
{
    uint8_t p[32 + 12] = { 0x81, 201, 0, 7 }; /* RR with one block, then SDES with a CNAME of one letter */
    struct addr to = addr_with_port(&r->media, (uint16_t) (r->media.port + 1));
    put32(p + 4, r->ssrc);
    put32(p + 8, r->heard_ssrc);
    p[12] = fraction;
    put32(p + 16, r->rtp_in);
    p[32] = 0x81;
    p[33] = 202;
    p[35] = 2;
    put32(p + 36, r->ssrc);
    p[40] = 1;
    p[41] = 1;
    p[42] = 'r';
    (void) sys_udp_send(r->rtcp, NULL, &to, p, sizeof p);
}

/* ITU-T G.711's mu-law, by its segments. */
static uint8_t ulaw(int x)
{
    int sign = x < 0 ? 0x80 : 0, seg = 7;
    x = AHOY_MIN((x < 0 ? -x : x) + 132, 32767);
    while (seg > 0 && !(x & (0x80 << seg)))
        seg--;
    return (uint8_t) ~(sign | seg << 4 | ((x >> (seg + 3)) & 15));
}

static void talk_due(void *arg)
{
    struct raw *r = arg;
    uint8_t payload[8 * 200];
    size_t n = 8 * r->ptime_ms;
    for (size_t i = 0; i < n; i++, r->phase += 440.0 / 8000)
        payload[i] = ulaw((int) (8000 * sin(6.283185307 * r->phase)));
    raw_send_rtp(r, r->pt, false, r->ts, payload, n);
    r->ts += (uint32_t) n;
    sys_timer_start(r->loop, &r->talk, SYS_MS(r->ptime_ms));
}

void raw_talk(struct raw *r, unsigned pt, unsigned ptime_ms)
{
    r->pt = pt;
    r->ptime_ms = AHOY_MIN(ptime_ms, 200u);
    sys_timer_start(r->loop, &r->talk, 0);
}

void raw_hush(struct raw *r)
{
    sys_timer_stop(&r->talk);
}

enum ahoy_err raw_move(struct raw *r)
{
    struct sys_udp *udp;
    struct sys_udp_config cfg = { .local = addr_with_port(&r->local, RAW_RTP_PORT + 10) };
    struct sys_udp_handler handler = { .recv = on_rtp, .arg = r };
    enum ahoy_err err = sys_udp_open(&udp, r->loop, &cfg, &handler);
    if (err)
        return err;
    sys_udp_close(r->rtp);
    r->rtp = udp;
    return AHOY_OK;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

enum ahoy_err raw_open(struct raw *r, struct sim *sim, struct sys_host *host, const char *ip)
{
    struct sys_udp_handler sip = { .recv = on_sip, .arg = r }, rtp = { .recv = on_rtp, .arg = r },
                           rtcp = { .recv = on_rtcp, .arg = r };
    struct sys_udp_config cfg = { .recv_buf_bytes = 0 };
    (void) sim;
    *r = (struct raw){ .ssrc = 0x12345678, .ts = 1000, .seq = 100, .register_expires = 600 };
    (void) view_copy(view_str(ip), r->ip, sizeof r->ip);
    sys_timer_init(&r->talk, talk_due, r);
    enum ahoy_err err = addr_parse(view_str(ip), 5060, &cfg.local);
    r->local = cfg.local;
    if (!err)
        err = sys_loop_create(host, &r->loop);
    if (!err)
        err = sys_udp_open(&r->sip, r->loop, &cfg, &sip);
    cfg.local.port = RAW_RTP_PORT;
    if (!err)
        err = sys_udp_open(&r->rtp, r->loop, &cfg, &rtp);
    cfg.local.port++;
    if (!err)
        err = sys_udp_open(&r->rtcp, r->loop, &cfg, &rtcp);
    return err;
}

void raw_close(struct raw *r)
{
    if (!r->loop)
        return;
    sys_timer_stop(&r->talk);
    sys_udp_close(r->sip);
    sys_udp_close(r->rtp);
    sys_udp_close(r->rtcp);
    sys_loop_destroy(r->loop);
    r->loop = NULL;
}
