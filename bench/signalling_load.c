/*
 * The generator: a window of slots, each with one call or request at a time. Messages are printed from templates and
 * leave in batches; a response finds its slot by the number in our Via's branch.
 */
#include "signalling.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"
#include "crypto/digest.h"
#include "tool.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 32,
    MESSAGE_BYTES = 4096,
    RESEND_MS = 500,
    SILENCE_MS = 5000,
    POLL_MS = 100,
    SOCKET_BYTES = 4 << 20,
};

enum stage { STAGE_IDLE, STAGE_FIRST, STAGE_BYE };

struct slot {
    unsigned index;
    enum stage stage;
    int64_t sent_ms;
    char to[256], target[256], route[512]; /* of the dialog */
};

struct outbox {
    int fd;
    unsigned count;
    size_t n[BATCH];
    char data[BATCH][MESSAGE_BYTES];
};

struct gen {
    const struct load *l;
    struct outbox out, callee; /* the caller's socket and, behind a proxy, the phone's that is called */
    uint16_t here, phone;      /* their ports */
    unsigned run;              /* keeps runs against one server apart */
    struct slot *slot;
    unsigned started, done, resent, tries;
    char nonce[256];
    unsigned nonce_count;
    struct buf text;
    bool failed;
};

static int64_t now_ms(void)
{
    return (int64_t) tool_now_ms();
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static bool open_socket(struct outbox *o, uint16_t server, uint16_t *here)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int bytes = SOCKET_BYTES;
    o->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (o->fd < 0 || bind(o->fd, (struct sockaddr *) &a, n) < 0 || getsockname(o->fd, (struct sockaddr *) &a, &n) < 0)
        return false;
    (void) setsockopt(o->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    *here = ntohs(a.sin_port);
    a.sin_port = htons(server);
    return connect(o->fd, (struct sockaddr *) &a, n) == 0;
}

static void flush(struct outbox *o)
{
    struct mmsghdr msg[BATCH] = { 0 };
    struct iovec iov[BATCH];
    unsigned at = 0;
    for (unsigned i = 0; i < o->count; i++) {
        iov[i] = (struct iovec){ .iov_base = o->data[i], .iov_len = o->n[i] };
        msg[i].msg_hdr.msg_iov = &iov[i];
        msg[i].msg_hdr.msg_iovlen = 1;
    }
    while (at < o->count) {
        int n = sendmmsg(o->fd, msg + at, o->count - at, 0);
        if (n <= 0)
            break; /* as good as lost: it is sent again */
        at += (unsigned) n;
    }
    o->count = 0;
}

/* Hands over what was printed into g->text. */
static void post(struct gen *g, struct outbox *o)
{
    if (o->count == BATCH)
        flush(o);
    if (buf_err(&g->text) || g->text.n > MESSAGE_BYTES) {
        g->failed = true;
        return;
    }
    memcpy(o->data[o->count], g->text.p, g->text.n);
    o->n[o->count++] = g->text.n;
}

/* ---- what is sent ------------------------------------------------------------------------------------------------ */

static const char offer[] =
    "v=0\r\no=bench 2890844526 2890844526 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

static void put_start(struct gen *g, const struct slot *s, const char *method, const char *uri, char stage)
{
    buf_clear(&g->text);
    buf_printf(&g->text,
               "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bKb%08x%c%x%x\r\nMax-Forwards: 70\r\n",
               method, uri, g->here, s->index, stage, g->tries, g->run);
}

static void put_ids(struct gen *g, const struct slot *s, const char *to, unsigned cseq, const char *method)
{
    buf_printf(&g->text,
               "From: \"Bench\" <sip:bench@127.0.0.1:%u>;tag=f%x.%x\r\nTo: %s\r\nCall-ID: %08x.%x@127.0.0.1\r\n"
               "CSeq: %u %s\r\n",
               g->here, s->index, g->run, to, s->index, g->run, cseq, method);
}

static void send_invite(struct gen *g, const struct slot *s)
{
    char uri[64], to[80];
    snprintf(uri, sizeof uri, "sip:%s@127.0.0.1:%u", g->l->kind == LOAD_PROXY_CALL ? "u0000" : "bob", g->l->port);
    snprintf(to, sizeof to, "<%s>", uri);
    put_start(g, s, "INVITE", uri, 'i');
    put_ids(g, s, to, 1, "INVITE");
    buf_printf(&g->text, "Contact: <sip:bench@127.0.0.1:%u>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n", g->here);
    buf_printf(&g->text, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", sizeof offer - 1, offer);
    post(g, &g->out);
}

static void send_in_dialog(struct gen *g, const struct slot *s, const char *method, unsigned cseq, char stage)
{
    put_start(g, s, method, s->target, stage);
    buf_str(&g->text, s->route);
    put_ids(g, s, s->to, cseq, method);
    buf_str(&g->text, "Content-Length: 0\r\n\r\n");
    post(g, &g->out);
}

static void send_options(struct gen *g, const struct slot *s)
{
    char uri[64], to[80];
    snprintf(uri, sizeof uri, "sip:127.0.0.1:%u", g->l->port);
    snprintf(to, sizeof to, "<%s>", uri);
    put_start(g, s, "OPTIONS", uri, 'o');
    put_ids(g, s, to, 1, "OPTIONS");
    buf_str(&g->text, "Content-Length: 0\r\n\r\n");
    post(g, &g->out);
}

static bool md5_hex(const char *text, char hex[33])
{
    uint8_t raw[CRYPTO_DIGEST_MAX_BYTES];
    struct view v = view_str(text);
    if (crypto_digest(CRYPTO_MD5, &v, 1, raw))
        return false;
    encode_hex(raw, 16, hex);
    return true;
}

static void put_credentials(struct gen *g, const char *user, const char *uri)
{
    char text[512], ha1[33], ha2[33], response[33];
    unsigned nc = ++g->nonce_count;
    snprintf(text, sizeof text, "%s:%s:%s", user, SERVER_REALM, SERVER_PASSWORD);
    bool ok = md5_hex(text, ha1);
    snprintf(text, sizeof text, "REGISTER:%s", uri);
    ok = ok && md5_hex(text, ha2);
    if (ok)
        snprintf(text, sizeof text, "%s:%s:%08x:0a4f113b:auth:%s", ha1, g->nonce, nc, ha2);
    if (!ok || !md5_hex(text, response)) {
        g->failed = true;
        return;
    }
    buf_printf(&g->text,
               "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", "
               "algorithm=MD5, cnonce=\"0a4f113b\", qop=auth, nc=%08x\r\n",
               user, SERVER_REALM, g->nonce, uri, response, nc);
}

/* One binding for each user; the number of the round is the CSeq, so each refreshes the one before. */
static void send_register(struct gen *g, const struct slot *s, struct outbox *o)
{
    char user[16], uri[64];
    unsigned port = o == &g->callee ? g->phone : g->here;
    snprintf(user, sizeof user, "u%04u", s->index % SERVER_USERS);
    snprintf(uri, sizeof uri, "sip:127.0.0.1:%u", g->l->port);
    put_start(g, s, "REGISTER", uri, 'r');
    buf_printf(&g->text,
               "From: <sip:%s@127.0.0.1:%u>;tag=f%x\r\nTo: <sip:%s@127.0.0.1:%u>\r\nCall-ID: %s.%x@127.0.0.1\r\n"
               "CSeq: %u REGISTER\r\nContact: <sip:%s@127.0.0.1:%u>;expires=3600\r\n",
               user, g->l->port, s->index, user, g->l->port, user, g->run,
               (s->index / SERVER_USERS) * 16 + 1 + g->tries % 16, user, port);
    if (g->nonce[0])
        put_credentials(g, user, uri);
    buf_str(&g->text, "Content-Length: 0\r\n\r\n");
    post(g, o);
}

static void send_first(struct gen *g, const struct slot *s)
{
    switch (g->l->kind) {
    case LOAD_CALL:
    case LOAD_OPEN_CALL:
    case LOAD_PROXY_CALL: send_invite(g, s); break;
    case LOAD_OPTIONS: send_options(g, s); break;
    case LOAD_REGISTER:
    case LOAD_REGISTER_DIGEST: send_register(g, s, &g->out); break;
    }
}

static void start(struct gen *g, struct slot *s, unsigned index)
{
    s->stage = STAGE_IDLE;
    if (g->started >= g->l->count)
        return;
    g->started++;
    *s = (struct slot){ .index = index, .stage = STAGE_FIRST, .sent_ms = now_ms() };
    send_first(g, s);
}

static void finish(struct gen *g, struct slot *s)
{
    g->done++;
    start(g, s, s->index + g->l->window);
}

/* ---- what comes back --------------------------------------------------------------------------------------------- */

/* Copies the values of header fields of that name, each as a line with `as` in front, into out. */
static void take_header(struct view msg, const char *name, const char *as, char *out, size_t size)
{
    struct view rest = msg, line;
    size_t n = 0, name_bytes = strlen(name);
    out[0] = '\0';
    while (view_line(&rest, &line) && line.n > 0) {
        if (!view_istarts(line, view_str(name)) || line.n <= name_bytes || line.p[name_bytes] != ':' || n >= size)
            continue;
        struct view value = view_trim(view_from(line, name_bytes + 1));
        n += (size_t) snprintf(out + n, size - n, "%s%.*s%s", as, VIEW_ARG(value), as[0] ? "\r\n" : "");
    }
}

static void take_dialog(struct slot *s, struct view msg)
{
    char contact[256];
    take_header(msg, "To", "", s->to, sizeof s->to);
    take_header(msg, "Contact", "", contact, sizeof contact);
    take_header(msg, "Record-Route", "Route: ", s->route, sizeof s->route);
    struct view v = view_str(contact);
    size_t open = view_find(v, '<');
    v = open < v.n ? view_from(v, open + 1) : v;
    (void) view_copy(view_first(v, view_find(v, '>')), s->target, sizeof s->target);
}

static void take_nonce(struct gen *g, struct view msg)
{
    struct view v = view_from(msg, view_search(msg, VIEW("nonce=\"")) + 7);
    (void) view_copy(view_first(v, view_find(v, '"')), g->nonce, sizeof g->nonce);
    g->nonce_count = 0;
}

static void answered(struct gen *g, struct slot *s, char stage, struct view msg)
{
    if (stage != 'i') {
        if (stage != 'b' || s->stage == STAGE_BYE)
            finish(g, s);
        return;
    }
    if (s->stage == STAGE_FIRST)
        take_dialog(s, msg);
    send_in_dialog(g, s, "ACK", 1, 'a');
    if (g->l->kind == LOAD_OPEN_CALL) {
        finish(g, s);
    } else if (s->stage == STAGE_FIRST) {
        s->stage = STAGE_BYE;
        s->sent_ms = now_ms();
        send_in_dialog(g, s, "BYE", 2, 'b');
    }
}

static void on_response(struct gen *g, struct view msg)
{
    struct view mark = VIEW("z9hG4bKb");
    size_t at = view_search(msg, mark);
    char hex[9], *end;
    if (!view_copy(view_first(view_from(msg, at + mark.n), 8), hex, sizeof hex) || at + mark.n + 9 > msg.n
        || msg.n < 12)
        return;
    unsigned index = (unsigned) strtoul(hex, &end, 16);
    char stage = msg.p[at + mark.n + 8];
    struct slot *s = &g->slot[index % g->l->window];
    if (s->index != index || s->stage == STAGE_IDLE || msg.p[8] == '1')
        return; /* late, or provisional */
    if (msg.p[8] == '2') {
        answered(g, s, stage, msg);
    } else if (g->l->kind == LOAD_REGISTER_DIGEST && view_starts(view_from(msg, 8), VIEW("401")) && g->tries < 1000) {
        g->tries++; /* a first challenge, or the nonce had its time */
        take_nonce(g, msg);
        send_first(g, s);
    } else {
        struct view rest = msg, line;
        (void) view_line(&rest, &line);
        fprintf(stderr, "load: %.*s\n", VIEW_ARG(line));
        g->failed = true;
    }
}

/* The phone behind the proxy takes every call. */
static void on_callee(struct gen *g, struct view msg)
{
    static const char *const copied[] = { "Via", "Record-Route", "From", "Call-ID", "CSeq" };
    char text[2048], to[256], as[24];
    bool invite = view_starts(msg, VIEW("INVITE "));
    if (!invite && !view_starts(msg, VIEW("BYE ")))
        return;
    take_header(msg, "To", "", to, sizeof to);
    buf_clear(&g->text);
    buf_str(&g->text, "SIP/2.0 200 OK\r\n");
    for (size_t i = 0; i < AHOY_COUNT(copied); i++) {
        snprintf(as, sizeof as, "%s: ", copied[i]);
        take_header(msg, copied[i], as, text, sizeof text);
        buf_str(&g->text, text);
    }
    buf_printf(&g->text, invite ? "To: %s;tag=callee\r\n" : "To: %s\r\n", to);
    if (invite)
        buf_printf(&g->text, "Contact: <sip:u0000@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\n", g->phone);
    buf_printf(&g->text, "Content-Length: %zu\r\n\r\n%s", invite ? sizeof offer - 1 : 0, invite ? offer : "");
    post(g, &g->callee);
}

static void receive(struct gen *g, struct outbox *o)
{
    static char data[BATCH][MESSAGE_BYTES];
    struct mmsghdr msg[BATCH] = { 0 };
    struct iovec iov[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){ .iov_base = data[i], .iov_len = MESSAGE_BYTES };
        msg[i].msg_hdr.msg_iov = &iov[i];
        msg[i].msg_hdr.msg_iovlen = 1;
    }
    int n = recvmmsg(o->fd, msg, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct view v = view_of(data[i], msg[i].msg_len);
        if (view_starts(v, VIEW("SIP/2.0 ")))
            on_response(g, v);
        else if (o == &g->callee)
            on_callee(g, v);
    }
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void resend_old(struct gen *g, int64_t now)
{
    for (unsigned i = 0; i < g->l->window; i++) {
        struct slot *s = &g->slot[i];
        if (s->stage == STAGE_IDLE || now - s->sent_ms < RESEND_MS)
            continue;
        s->sent_ms = now;
        g->resent++;
        if (s->stage == STAGE_BYE) {
            send_in_dialog(g, s, "ACK", 1, 'a');
            send_in_dialog(g, s, "BYE", 2, 'b');
        } else {
            send_first(g, s);
        }
    }
}

static bool turn(struct gen *g)
{
    struct pollfd p[2] = { { .fd = g->out.fd, .events = POLLIN }, { .fd = g->callee.fd, .events = POLLIN } };
    flush(&g->out);
    flush(&g->callee);
    int n = poll(p, g->callee.fd >= 0 ? 2 : 1, POLL_MS);
    if (n > 0 && (p[0].revents & POLLIN))
        receive(g, &g->out);
    if (n > 0 && (p[1].revents & POLLIN))
        receive(g, &g->callee);
    return n > 0;
}

static bool run_all(struct gen *g)
{
    int64_t heard = now_ms(), checked = heard;
    for (unsigned i = 0; i < g->l->window; i++)
        start(g, &g->slot[i], i);
    while (g->done < g->l->count && !g->failed) {
        unsigned before = g->done;
        (void) turn(g);
        int64_t now = now_ms();
        if (g->done != before)
            heard = now;
        if (now - heard > SILENCE_MS) {
            fprintf(stderr, "load: silence after %u of %u\n", g->done, g->l->count);
            return false;
        }
        if (now - checked >= POLL_MS) {
            checked = now;
            resend_old(g, now);
        }
    }
    flush(&g->out); /* the last ACKs */
    return !g->failed;
}

/* Registers the phone that is called, from its own socket. */
static bool register_phone(struct gen *g)
{
    struct slot s = { .index = 0 };
    char reply[MESSAGE_BYTES];
    struct pollfd p = { .fd = g->callee.fd, .events = POLLIN };
    send_register(g, &s, &g->callee);
    flush(&g->callee);
    ssize_t n = poll(&p, 1, SILENCE_MS) == 1 ? recv(g->callee.fd, reply, sizeof reply, 0) : 0;
    if (n > 12 && view_starts(view_of(reply, (size_t) n), VIEW("SIP/2.0 200")))
        return true;
    fprintf(stderr, "load: the phone could not be registered\n");
    return false;
}

bool load_run(const struct load *l, struct load_result *out)
{
    static unsigned runs;
    struct gen *g = mem_zalloc(sizeof *g);
    if (!g)
        return false;
    g->l = l;
    g->run = ++runs;
    g->out.fd = g->callee.fd = -1;
    buf_init(&g->text, MESSAGE_BYTES);
    g->slot = mem_zalloc(l->window * sizeof *g->slot);
    bool proxied = l->kind == LOAD_PROXY_CALL;
    bool ok = g->slot && open_socket(&g->out, l->port, &g->here)
              && (!proxied || (open_socket(&g->callee, l->port, &g->phone) && register_phone(g)));
    double began_ms = tool_now_ms();
    ok = ok && run_all(g);
    *out = (struct load_result){ .wall_s = (tool_now_ms() - began_ms) / 1000, .done = g->done, .resent = g->resent };
    if (g->out.fd >= 0)
        close(g->out.fd);
    if (g->callee.fd >= 0)
        close(g->callee.fd);
    buf_fini(&g->text);
    mem_free(g->slot);
    mem_free(g);
    return ok;
}
