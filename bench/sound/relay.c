#include "sound/relay.h"

#include "base/mem.h"
#include "tool.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 8192, HELD_MAX = 2000, PACKET = 1600, PORT_TRIES = 200, SIDES = 2, SOCKETS = 1 + 2 * SIDES };

/* A packet that waits for its time. */
struct held {
    double at_ms;
    int side, rtcp; /* where to send */
    size_t n;
    uint8_t data[PACKET];
};

struct relay {
    struct capture *capture;
    int sip, media[SIDES][2]; /* [0] faces the caller, [1] the called; RTP, RTCP */
    uint16_t sip_port, media_port[SIDES];
    struct sockaddr_in caller, called; /* signalling */
    struct sockaddr_in target[SIDES];  /* where each wants its RTP */
    double first_ms;                   /* 0: nothing yet */
    struct held *held;
    size_t held_n;
};

static int bound(uint16_t port, uint16_t *got)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *) &a, sizeof a) == 0
        && getsockname(fd, (struct sockaddr *) &a, &len) == 0) {
        *got = ntohs(a.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* An even port for RTP with the next one for RTCP. */
static bool bind_pair(int fd[2], uint16_t *port)
{
    uint16_t next;
    for (int i = 0; i < PORT_TRIES; i++) {
        fd[0] = bound(0, port);
        fd[1] = fd[0] >= 0 && *port % 2 == 0 ? bound((uint16_t) (*port + 1), &next) : -1;
        if (fd[1] >= 0)
            return true;
        if (fd[0] >= 0)
            close(fd[0]);
    }
    return false;
}

enum ahoy_err relay_create(struct relay **out, uint16_t to, const struct impair_config *harm, uint16_t *port)
{
    struct relay *r = mem_zalloc(sizeof *r);
    if (!r)
        return AHOY_ERR_NOMEM;
    r->sip = r->media[0][0] = r->media[0][1] = r->media[1][0] = r->media[1][1] = -1;
    r->held = mem_alloc(HELD_MAX * sizeof *r->held);
    enum ahoy_err err = r->held ? capture_create(&r->capture, harm) : AHOY_ERR_NOMEM;
    r->sip = bound(0, &r->sip_port);
    r->called = (struct sockaddr_in){ .sin_family = AF_INET,
                                      .sin_port = htons(to),
                                      .sin_addr = { htonl(INADDR_LOOPBACK) } };
    if (!err
        && (r->sip < 0 || !bind_pair(r->media[0], &r->media_port[0]) || !bind_pair(r->media[1], &r->media_port[1])))
        err = AHOY_ERR_IO;
    *port = r->sip_port;
    if (err)
        relay_destroy(r);
    else
        *out = r;
    return err;
}

void relay_destroy(struct relay *r)
{
    if (!r)
        return;
    const int fds[SOCKETS] = { r->sip, r->media[0][0], r->media[0][1], r->media[1][0], r->media[1][1] };
    for (int i = 0; i < SOCKETS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    capture_destroy(r->capture);
    mem_free(r->held);
    mem_free(r);
}

/* ---- signalling -------------------------------------------------------------------------------------------------- */

struct text {
    char s[TEXT];
    size_t n;
};

static void put(struct text *t, const char *s, size_t n)
{
    n = AHOY_MIN(n, sizeof t->s - 1 - t->n);
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* The body with our port in place of theirs, which goes to `target`. Their RTCP is where one expects it. */
static void rewrite_body(const char *body, uint16_t port, struct sockaddr_in *target, struct text *out)
{
    char line[64];
    for (const char *end; *body; body = end) {
        end = strchr(body, '\n');
        end = end ? end + 1 : body + strlen(body);
        if (begins(body, "m=audio ")) {
            char *rest;
            *target = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
            target->sin_port = htons((uint16_t) strtoul(body + 8, &rest, 10));
            int n = snprintf(line, sizeof line, "m=audio %u", port);
            put(out, line, (size_t) n);
            put(out, rest, (size_t) (end - rest));
        } else if (!begins(body, "a=rtcp:") && !begins(body, "a=rtcp-mux") && !begins(body, "a=candidate")) {
            put(out, body, (size_t) (end - body));
        }
    }
}

/* Hands a message on with our Via (or without it, for a response) and the rewritten body. */
static void hand_on(struct relay *r, const char *text, bool request, const struct sockaddr_in *to)
{
    struct text out = { .n = 0 }, body = { .n = 0 };
    char line[160];
    bool via = false;
    const char *blank = strstr(text, "\r\n\r\n");
    if (!blank)
        return;
    rewrite_body(blank + 4, r->media_port[request ? 1 : 0], &r->target[request ? 0 : 1], &body);
    for (const char *at = text, *end; at < blank + 2; at = end) {
        end = strstr(at, "\r\n") + 2;
        bool ours = !request && !via && (begins(at, "Via:") || begins(at, "v:"));
        if (request && at == text) { /* whom it is for: baresip knows itself by one name only */
            int n = snprintf(line, sizeof line, "%.*s sip:bench@127.0.0.1:%u SIP/2.0\r\n", (int) strcspn(at, " "), at,
                             ntohs(to->sin_port));
            put(&out, line, (size_t) n);
            continue;
        }
        if (request && !via && begins(at, "Via:")) {
            int n = snprintf(line, sizeof line, "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKrelay%u\r\n", r->sip_port,
                             r->sip_port);
            put(&out, line, (size_t) n);
            via = true;
        }
        via |= ours;
        if (!ours && !begins(at, "Content-Length:"))
            put(&out, at, (size_t) (end - at));
    }
    int n = snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", body.n);
    put(&out, line, (size_t) n);
    put(&out, body.s, body.n);
    (void) sendto(r->sip, out.s, out.n, 0, (const struct sockaddr *) to, sizeof *to);
}

static void signalling(struct relay *r)
{
    char text[TEXT];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(r->sip, text, sizeof text - 1, 0, (struct sockaddr *) &from, &len);
    if (n <= 0)
        return;
    text[n] = '\0';
    if (begins(text, "SIP/2.0 ")) {
        hand_on(r, text, false, &r->caller);
    } else {
        r->caller = from;
        hand_on(r, text, true, &r->called);
    }
}

/* ---- media ------------------------------------------------------------------------------------------------------- */

static void hold(struct relay *r, int side, int rtcp, double at_ms, const uint8_t *data, size_t n)
{
    if (r->held_n == HELD_MAX)
        return;
    struct held *h = &r->held[r->held_n++];
    *h = (struct held){ .at_ms = at_ms, .side = side, .rtcp = rtcp, .n = n };
    memcpy(h->data, data, n);
}

/* What came from one side: on to the other, the caller's packets harmed, and the network's own delay both ways. */
static void media(struct relay *r, int side, int rtcp)
{
    uint8_t data[PACKET];
    ssize_t n = recv(r->media[side][rtcp], data, sizeof data, 0);
    double at_ms = tool_now_ms() + STREAM_BASE_US / 1000.0;
    if (n <= 0)
        return;
    if (side == 1) {
        hold(r, 0, rtcp, at_ms, data, (size_t) n);
        return;
    }
    struct impair_decision d;
    if (r->first_ms <= 0 && !rtcp)
        r->first_ms = tool_now_ms();
    capture_add(r->capture, (int64_t) (at_ms * 1000), data, (size_t) n, &d);
    for (unsigned i = 0; i < d.copies; i++)
        hold(r, 1, rtcp, (double) d.at_us[i] / 1000, data, (size_t) n);
}

/* Sends what is due; returns when the next is. */
static double release(struct relay *r, double limit_ms)
{
    double now = tool_now_ms(), next = limit_ms;
    for (size_t i = 0; i < r->held_n;) {
        struct held *h = &r->held[i];
        struct sockaddr_in to = r->target[h->side];
        if (h->at_ms > now) {
            next = h->at_ms < next ? h->at_ms : next;
            i++;
            continue;
        }
        to.sin_port = htons((uint16_t) (ntohs(to.sin_port) + h->rtcp));
        if (to.sin_port != 0)
            (void) sendto(r->media[h->side][h->rtcp], h->data, h->n, 0, (const struct sockaddr *) &to, sizeof to);
        memmove(h, h + 1, (--r->held_n - i) * sizeof *h);
    }
    return next;
}

bool relay_run(struct relay *r, double ms, bool first)
{
    double end = tool_now_ms() + ms;
    struct pollfd fd[SOCKETS] = { { r->sip, POLLIN, 0 } };
    for (int i = 0; i < 2 * SIDES; i++)
        fd[1 + i] = (struct pollfd){ r->media[i / 2][i % 2], POLLIN, 0 };
    while (tool_now_ms() < end && !(first && r->first_ms > 0)) {
        double wait = release(r, end) - tool_now_ms();
        struct timespec ts = { .tv_sec = (time_t) (wait > 0 ? wait / 1000 : 0) };
        ts.tv_nsec = wait > 0 ? (long) ((wait - (double) ts.tv_sec * 1000) * 1e6) : 0;
        if (ppoll(fd, SOCKETS, &ts, NULL) <= 0)
            continue;
        if (fd[0].revents)
            signalling(r);
        for (int i = 0; i < 2 * SIDES; i++)
            if (fd[1 + i].revents)
                media(r, i / 2, i % 2);
    }
    return !first || r->first_ms > 0;
}

double relay_first_ms(const struct relay *r)
{
    return r->first_ms;
}

const struct capture *relay_capture(const struct relay *r)
{
    return r->capture;
}
