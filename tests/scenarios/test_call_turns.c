/* A peer's stream that takes turns in the middle of a call, as gateways, mixers and transfers make them. */
#include "rtp/packet.h"
#include "rtp/red.h"
#include "rtp/rtcp.h"
#include "support_odd.h"

enum { PT_OPUS = 111, PT_RED = 63, FRAME_TS = 960 };

/* 20 ms of silence, as encoders of full band have it. */
static const uint8_t opus_silence[] = { 0xf8, 0xff, 0xfe };

static const char opus_with_red[] = RAW_SDP(
    "111 63", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n"
              "a=fmtp:63 111/111\r\n");

/* Packets with a copy of the one before, of which every fifth is lost; each takes 20 ms. */
static void send_red(struct odd *o, unsigned n)
{
    struct view frame = view_of((const char *) opus_silence, sizeof opus_silence);
    struct red_block blocks[] = { { PT_OPUS, FRAME_TS, frame }, { PT_OPUS, 0, frame } };
    uint8_t payload[64];
    size_t bytes;
    for (unsigned i = 0; i < n; i++) {
        AHOY_ASSERT(!red_print(blocks, AHOY_COUNT(blocks), payload, sizeof payload, &bytes));
        if (i % 5 == 4)
            o->r.seq++;
        else
            raw_send_rtp(&o->r, PT_RED, i == 0, o->r.ts, payload, bytes);
        o->r.ts += FRAME_TS;
        sim_run(o->sim, SYS_MS(20)); /* exactly */
        phone_pump(&o->a);
    }
}

/* The copy in a new source's first packet is of a packet that it never sent: neither harm nor help. */
static void test_a_new_source_in_the_middle_of_red(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called_with(&o, "opus", opus_with_red));
    send_red(&o, 200);
    T_LE(20, o.a.stats.recovered_red);
    for (int i = 0; i < 3; i++) {
        o.r.ssrc += 77;
        o.r.seq = (uint16_t) (o.r.seq + 9000);
        o.r.ts += 1234567;
        uint64_t before = o.a.stats.recovered_red;
        send_red(&o, 200);
        T_LE(before + 20, o.a.stats.recovered_red);
    }
    T_LE(o.a.stats.concealed_ms, 800);
    T_LE(o.a.stats.loss, 0.05);
    T_LE(o.a.stats.buffer_ms, 130);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* One stream, 20 ms, then 60, then 10 and back, without a word. */
static void test_packet_times_that_change(struct t *t)
{
    static const unsigned ptime[] = { 20, 60, 10, 120, 20 };
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    for (size_t i = 0; i < AHOY_COUNT(ptime); i++) {
        raw_talk(&o.r, 0, ptime[i]);
        phone_run_ms(&o.a, NULL, 4000);
        T_LE(o.a.stats.buffer_ms, 40 + (i > 0 ? ptime[i - 1] : 0)); /* of a long packet the sound is older */
        T_LE(-20, o.a.stats.level_in_dbfs);
    }
    T_EQ(o.a.stats.lost, 0);
    T_EQ(o.a.stats.late, 0);
    T_LE(o.a.stats.concealed_ms, 300); /* a longer packet must be waited for */
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* Half a minute of nothing, of which the user is told; then sound as if nothing had been. */
static void test_sound_that_comes_very_late(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    phone_run_ms(&o.a, NULL, 30000);
    T_EQ(o.a.trouble_now, AHOY_CAUSE_NO_RTP);
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 3000);
    T_EQ(o.a.trouble_now, AHOY_CAUSE_NONE);
    T_EQ(o.a.stats.lost, 0);
    T_LE(o.a.stats.concealed_ms, 40);
    T_LE(o.a.stats.buffer_ms, 40);
    T_LE(-20, o.a.stats.level_in_dbfs);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* A mixer that takes leave of one source and goes on with another, at once. */
static void test_a_source_that_says_bye(struct t *t)
{
    struct odd o;
    uint8_t wire[100];
    struct rtcp_out out;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 2000);
    for (int i = 0; i < 5; i++) {
        struct addr to = addr_with_port(&o.r.media, (uint16_t) (o.r.media.port + 1));
        rtcp_out_init(&out, wire, sizeof wire);
        rtcp_put_rr(&out, o.r.ssrc, NULL, 0);
        rtcp_put_bye(&out, &o.r.ssrc, 1, VIEW("moved"));
        T_OK(rtcp_out_err(&out));
        (void) sys_udp_send(o.r.rtcp, NULL, &to, wire, out.n);
        o.r.ssrc++;
        o.r.seq = (uint16_t) (o.r.seq + 30000);
        o.r.ts += 500000;
        phone_run_ms(&o.a, NULL, 2000);
    }
    T_EQ(o.a.calls_ended, 0);
    T_EQ(o.a.stats.lost, 0);
    T_LE(o.a.stats.concealed_ms, 5 * 40);
    T_LE(-20, o.a.stats.level_in_dbfs);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

struct sources {
    uint32_t now, before; /* 0: none */
    unsigned packets, of_before;
};

/* Which source the telephone's packets are of. */
static void see_source(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                       size_t n, bool lost)
{
    struct sources *s = arg;
    struct rtp_packet p;
    (void) now_us, (void) src, (void) lost;
    if (dst->port != 40000 || rtp_parse(view_of(data, n), &p) || p.payload_type != PT_OPUS)
        return;
    if (p.ssrc != s->now && p.ssrc != s->before) {
        s->before = s->now;
        s->now = p.ssrc;
    }
    s->packets++;
    s->of_before += p.ssrc == s->before;
}

/* While packets are sent twice, the peer takes our SSRC: what was sent as the old source is not sent again. */
static void test_a_collision_while_packets_are_sent_twice(struct t *t)
{
    struct sources s = { .now = 0 };
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called_with(&o, "opus", RAW_SDP("111", "a=rtpmap:111 opus/48000/2\r\n")));
    for (int i = 0; i < 10; i++) {
        raw_report(&o.r, 50);
        phone_run_ms(&o.a, NULL, 500);
    }
    sim_tap(o.sim, see_source, &s);
    phone_run_ms(&o.a, NULL, 1000);
    T_LE(80, s.packets); /* twice */
    uint32_t own = o.r.ssrc;
    o.r.ssrc = s.now;
    raw_send_rtp(&o.r, PT_OPUS, false, 0, opus_silence, sizeof opus_silence);
    o.r.ssrc = own;
    phone_run_ms(&o.a, NULL, 1000);
    T_CHECK(s.before != 0);
    T_EQ(s.of_before, 0);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* Long calls; what fails in them for want of memory does so in shorter ones, too. */
T_MAIN(T_STRIDE(test_a_new_source_in_the_middle_of_red, 61), T_STRIDE(test_packet_times_that_change, 61),
       T_STRIDE(test_sound_that_comes_very_late, 61), T_STRIDE(test_a_source_that_says_bye, 61),
       T_STRIDE(test_a_collision_while_packets_are_sent_twice, 61))
