/*
 * A call's whole receiver (socket, latch, session, RED, feedback, jitter buffer, play-out with comfort noise) on a simulated
 * network. The input is a script of an operation's byte and what it needs: RTP and RTCP of the peer, nearly right or any
 * bytes, from its address or a stranger's; time that passes; descriptions that change the call. Whatever comes, no more is
 * sent than sound and reports, the figures can be true, and nothing is left at the end.
 */
#include "media/media.h"
#include "rtp/packet.h"
#include "rtp/wire.h"
#include "sys/sim.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MOST_OPS = 300,
    MOST_MS = 2000, /* of virtual time */
    PEER_PORT = 4000,
    MOST_OUT_PER_S = 400,
    MOST_BYTES = 256,
};

struct fuzz {
    const uint8_t *p;
    size_t n;
    struct sim *sim;
    struct sys_loop *loop, *peer_loop;
    struct media_engine *engine;
    struct media_session *session;
    struct sys_udp *rtp, *rtcp, *stranger;
    struct addr to; /* its RTP */
    bool ready, closed, mux;
    unsigned out, elapsed_ms, version;
    uint32_t ssrc, their_ssrc, ts;
    uint16_t seq;
};

static unsigned byte(struct fuzz *f)
{
    if (f->n == 0)
        return 0;
    f->n--;
    return *f->p++;
}

static struct view take(struct fuzz *f, size_t n)
{
    struct view v = view_of((const char *) f->p, AHOY_MIN(n, f->n));
    f->p += v.n;
    f->n -= v.n;
    return v;
}

/* ---- the telephone ----------------------------------------------------------------------------------------------- */

static void on_ready(void *arg, enum ahoy_err err, const char *why)
{
    (void) why;
    AHOY_ASSERT(!err);
    ((struct fuzz *) arg)->ready = true;
}

static void check_share(double x)
{
    AHOY_ASSERT(isfinite(x) && x <= 1);
}

static void check(const struct media_stats *s)
{
    check_share(s->loss);
    check_share(s->remote_lost_fraction);
    check_share(s->remote_loss);
    check_share(s->remote_discard);
    AHOY_ASSERT(s->mos <= 5 && s->mos_lq <= 5 && s->mos_now <= 5 && s->remote_mos <= 5 && isfinite(s->mos));
    AHOY_ASSERT(isfinite(s->delay_ms) && isfinite(s->jitter_ms) && isfinite(s->rtt_ms) && isfinite(s->remote_delay_ms));
    AHOY_ASSERT(s->lost <= s->expected && s->buffer_target_ms <= 600);
}

static void on_stats(void *arg, const struct media_stats *stats)
{
    (void) arg;
    check(stats);
}

static void on_dtmf(void *arg, char digit, unsigned duration_ms)
{
    (void) arg, (void) duration_ms;
    AHOY_ASSERT(strchr("0123456789*#ABCD!", digit));
}

static void on_closed(void *arg, const struct media_stats *stats)
{
    check(stats);
    ((struct fuzz *) arg)->closed = true;
}

static void hum(void *arg, int16_t *pcm, size_t n)
{
    (void) arg;
    for (size_t i = 0; i < n; i++)
        pcm[i] = i % 16 < 8 ? 900 : -900;
}

static void on_datagram(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                        int64_t when_us)
{
    struct fuzz *f = arg;
    struct rtp_packet p;
    struct view datagram = view_of(data, n);
    (void) src, (void) local, (void) when_us;
    f->out++;
    if (rtp_classify(datagram) == RTP_KIND_RTP && !rtp_parse(datagram, &p))
        f->their_ssrc = p.ssrc;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

/* The peer's offer; `what` chooses. */
static void offer(struct fuzz *f, unsigned what)
{
    static const char *const formats[] = {
        "0 8 9 13 63 96 97 111 101 102", "111 63 0 13 101 102", "0 13", "9 97 13 101", "97 0", "8 101 111 63 13 102",
    };
    static const char *const directions[] = { "sendrecv", "sendonly", "inactive", "recvonly" };
    struct buf text, answer;
    struct sdp_error why;
    bool nowhere = what % 16 == 15;
    f->mux = what & 64;
    buf_init(&text, 4096);
    buf_init(&answer, 8192);
    buf_printf(
        &text,
        "v=0\r\no=- 1 %u IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP%s %s\r\n"
        "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1;usedtx=1;dred=10\r\n"
        "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111/111\r\na=rtpmap:96 L16/16000\r\na=rtpmap:97 L16/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000\r\na=ptime:%u\r\na=%s\r\n%s%s%s",
        f->version++, nowhere ? "0.0.0.0" : "192.0.2.2", PEER_PORT, what & 128 ? "F" : "",
        formats[what % AHOY_COUNT(formats)], 10 * (1 + what % 7), directions[what % 64 < 48 ? 0 : what % 4],
        f->mux ? "a=rtcp-mux\r\n" : "", what & 128 ? "a=rtcp-rsize\r\na=rtcp-fb:* nack\r\n" : "",
        what & 32 ? "a=rtcp-xr:voip-metrics stat-summary pkt-loss-rle rcvr-rtt=all\r\n" : "");
    (void) !media_session_answer(f->session, buf_content(&text), &answer, &why);
    struct view v = buf_content(&answer), port;
    uint32_t number = 0;
    v = view_from(v, view_search(v, VIEW("m=audio ")));
    (void) view_cut(&v, ' ');
    port = view_cut(&v, ' ');
    if (view_u32(port, &number) == AHOY_OK && number > 0)
        f->to = addr_ip4(192, 0, 2, 1, (uint16_t) number);
    buf_fini(&text);
    buf_fini(&answer);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static void send(struct fuzz *f, struct sys_udp *from, bool rtcp_port, const void *data, size_t n)
{
    struct addr to = addr_with_port(&f->to, (uint16_t) (f->to.port + rtcp_port));
    if (f->to.port > 0)
        (void) sys_udp_send(from, NULL, &to, data, n);
}

/* RTP in sequence, or nearly; a payload type of those offered, mostly. */
static void send_rtp(struct fuzz *f, unsigned op)
{
    static const uint8_t types[] = { 0, 13, 111, 63, 9, 101, 96, 8, 102, 97, 0, 111, 13, 63, 0, 77 };
    unsigned what = byte(f), n = byte(f);
    uint8_t packet[12 + MOST_BYTES] = { 0x80, types[op % 16] };
    f->seq = (uint16_t) (f->seq + (what & 7 ? 1 : byte(f) - 100));
    f->ts += what & 8 ? 160 : what & 16 ? 960 : what & 32 ? byte(f) << 8 : byte(f) << 24;
    if (what == 255)
        f->ssrc++;
    packet[1] |= what & 64 ? 0x80 : 0;
    packet[0] |= what & 128 && n & 1 ? 0x20 : 0;
    wire_put16(packet + 2, f->seq);
    wire_put32(packet + 4, f->ts);
    wire_put32(packet + 8, f->ssrc);
    struct view payload = take(f, n);
    if (payload.n > 0)
        memcpy(packet + 12, payload.p, payload.n);
    send(f, f->rtp, false, packet, 12 + payload.n);
}

/* RTCP whose SSRCs can be right: 0xAA… stands for the peer's, 0xBB… for the telephone's. */
static void send_rtcp(struct fuzz *f, struct sys_udp *from)
{
    struct view v = take(f, byte(f));
    uint8_t packet[MOST_BYTES];
    if (v.n > 0)
        memcpy(packet, v.p, v.n);
    for (size_t i = 0; i + 4 <= v.n; i += 4) {
        if (wire_u32(v.p + i) == 0xaaaaaaaa)
            wire_put32(packet + i, f->ssrc);
        if (wire_u32(v.p + i) == 0xbbbbbbbb)
            wire_put32(packet + i, f->their_ssrc);
    }
    send(f, from, !f->mux, packet, v.n);
}

static void pass(struct fuzz *f, unsigned ms)
{
    ms = AHOY_MIN(ms, MOST_MS - f->elapsed_ms);
    f->elapsed_ms += ms;
    sim_run(f->sim, SYS_MS(ms));
}

static void act(struct fuzz *f)
{
    unsigned op = byte(f);
    struct view v;
    switch (op / 16) {
    case 0:
        v = take(f, byte(f));
        send(f, op & 1 ? f->stranger : f->rtp, op & 2, v.p, v.n);
        break;
    case 1: send_rtcp(f, op % 16 == 15 ? f->stranger : f->mux ? f->rtp : f->rtcp); break;
    case 2: offer(f, byte(f)); break;
    case 3: pass(f, op % 16 * 10 + 1); break;
    default: send_rtp(f, op); pass(f, op & 128 ? 20 : op & 64 ? 5 : 1);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void open_peer(struct fuzz *f, struct sys_udp **out, uint8_t host, struct sys_loop *loop, uint16_t port)
{
    struct sys_udp_config c = { .local = addr_ip4(192, 0, 2, host, port) };
    struct sys_udp_handler h = { .recv = on_datagram, .arg = f };
    AHOY_ASSERT(sys_udp_open(out, loop, &c, &h) == AHOY_OK);
}

static void start(struct fuzz *f)
{
    struct sys_host *host, *peer;
    struct media_session_config cfg = { .sound = MEDIA_SOUND_ENDPOINT, .local = addr_ip4(192, 0, 2, 1, 0) };
    struct media_handler handler = {
        .ready = on_ready, .dtmf = on_dtmf, .stats = on_stats, .closed = on_closed, .arg = f
    };
    cfg.endpoint = (struct media_endpoint){ .rate_hz = 8000, .read = hum };
    AHOY_ASSERT(sim_create(&f->sim, 1) == AHOY_OK && sim_host(f->sim, "192.0.2.1", &host) == AHOY_OK
                && sim_host(f->sim, "192.0.2.2", &peer) == AHOY_OK && sys_loop_create(host, &f->loop) == AHOY_OK
                && sys_loop_create(peer, &f->peer_loop) == AHOY_OK);
    struct media_engine_config engine = { .loop = f->loop };
    AHOY_ASSERT(media_engine_create(&f->engine, &engine) == AHOY_OK
                && media_codecs_parse(VIEW("pcmu,opus,g722,pcma,l16/16000,l16/8000"), &cfg.codecs) == AHOY_OK
                && media_session_open(&f->session, f->engine, &cfg, &handler) == AHOY_OK);
    open_peer(f, &f->rtp, 2, f->peer_loop, PEER_PORT);
    open_peer(f, &f->rtcp, 2, f->peer_loop, PEER_PORT + 1);
    open_peer(f, &f->stranger, 2, f->peer_loop, PEER_PORT + 100);
    sim_run(f->sim, SYS_MS(2));
    AHOY_ASSERT(f->ready);
}

static void end(struct fuzz *f)
{
    media_session_close(f->session);
    sim_run(f->sim, SYS_S(1));
    AHOY_ASSERT(f->closed);
    media_engine_destroy(f->engine);
    sys_udp_close(f->rtp);
    sys_udp_close(f->rtcp);
    sys_udp_close(f->stranger);
    sim_run(f->sim, SYS_MS(1));
    sys_loop_destroy(f->loop);
    sys_loop_destroy(f->peer_loop);
    sim_destroy(f->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .p = data, .n = size, .ssrc = 0x11111111, .seq = 65500, .ts = 0xffff0000 };
    start(&f);
    offer(&f, byte(&f));
    for (unsigned i = 0; i < MOST_OPS && f.n > 0; i++)
        act(&f);
    AHOY_ASSERT(f.out <= MOST_OUT_PER_S * (1 + f.elapsed_ms / 1000));
    end(&f);
    return 0;
}
