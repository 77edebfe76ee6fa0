/*
 * A call with a peer that means no good, or is broken in every way at once: for half a minute a seeded stream of packets
 * that are nearly right comes in. Whatever they are, the telephone neither falls nor grows, sends no more than its own
 * sound and a few reports, and what it says of the call can be true. When the peer comes to its senses, it is heard as if
 * nothing had been.
 *
 * AHOY_STORM="FIRST COUNT" runs other seeds than the few of each day.
 */
#include "audio/codec.h"
#include "base/rng.h"
#include "rtp/wire.h"
#include "support/phone.h"
#include "support_raw.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SOUND = 100,       /* packets of real sound of each codec … */
    SOUND_BYTES = 400, /* … of at most so many bytes */
    STORM_PACKETS = 4000,
    NETWORK_PACKETS = 600,
    GROWTH_BYTES = 200000, /* a decoder of Opus (153 KB) and what the application was not told yet come and go */
    MOST_OUT_PER_S = 300, /* packets of ours, all kinds: 50 of sound, perhaps twice, and requests for what is missing */
};

enum { PT_OPUS = 111, PT_RED = 63, PT_L16 = 96, PT_EVENT = 101, PT_EVENT_48K = 102, PT_CN = 13, PT_G722 = 9 };

static const char description[] =
    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVPF 111 63 9 0 8 96 13 101 102\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1;dred=10\r\n"
    "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111/111\r\n"
    "a=rtpmap:96 L16/16000\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000\r\n"
    "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtcp-fb:* nack\r\na=rtcp-xr:voip-metrics stat-summary pkt-loss-rle\r\n";

struct sound {
    size_t n[SOUND];
    uint8_t data[SOUND][SOUND_BYTES];
};

/* How the peer behaves for a while. */
enum mood {
    PLAIN,
    JUMP_SEQ,
    JUMP_TIME,
    CREEP_TIME, /* timestamps nearly stand still */
    FLAP_SOURCE,
    FLAP_CODEC,
    REPEAT,
    LOSSY,
    LATE,
    REDUNDANT,
    NOISE,
    KEYS,
    TINY,
    HUGE_ONES,
    MUTATED,
    RUBBISH,
    REPORTS,
    REQUESTS,
    STALL,
    MOODS
};

struct storm {
    struct sim *sim;
    struct sys_host *host_a, *host_r;
    struct phone a;
    struct raw r;
    struct rng rng;
    struct sound opus;
    enum mood mood;
    unsigned mood_left;
    unsigned pt;
    uint32_t step_ts;
    uint64_t sent;
    size_t last_n;
    uint8_t packet[4096], last[4096];
};

static uint32_t below(struct storm *s, uint32_t n)
{
    return rng_below(&s->rng, n);
}

static bool often(struct storm *s, uint32_t percent)
{
    return below(s, 100) < percent;
}

/* Something that wavers, as Opus with in-band FEC and deep redundancy. */
static enum ahoy_err make_sound(struct sound *out)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder *e = NULL;
    struct audio_encoder_config cfg = { .peer = audio_codec_default_params(c), .loss_percent = 20, .complexity = 7 };
    enum ahoy_err err = audio_encoder_create(&e, c, &cfg);
    if (err)
        return err;
    audio_encoder_set_dred(e, 200);
    for (size_t i = 0; i < SOUND && !err; i++) {
        int16_t pcm[960];
        for (size_t k = 0; k < AHOY_COUNT(pcm); k++) {
            double at = (double) (i * AHOY_COUNT(pcm) + k) / 48000;
            pcm[k] = (int16_t) (9000 * sin(6.2831853 * 180 * at) * (1 + sin(6.2831853 * 3 * at)));
        }
        err = audio_encode(e, pcm, AHOY_COUNT(pcm), out->data[i], SOUND_BYTES, &out->n[i]);
    }
    audio_encoder_destroy(e);
    return err;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static void send_datagram(struct storm *s, const uint8_t *p, size_t n)
{
    s->sent++;
    (void) sys_udp_send(s->r.rtp, NULL, &s->r.media, p, n);
}

/* Any number, but mostly one at an edge. */
static uint32_t odd(struct storm *s)
{
    static const uint32_t edge[] = { 0,        1,        2,          0x7f,       0xff,       0x100,
                                     0x3fff,   0x7fff,   0x8000,     0xffff,     0x10000,    0x7fffff,
                                     0x800000, 0xffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    return often(s, 70) ? edge[below(s, AHOY_COUNT(edge))] : rng_u32(&s->rng);
}

static void send_rtp(struct storm *s, unsigned pt, size_t n)
{
    uint8_t *p = s->packet;
    p[0] = 0x80;
    p[1] = (uint8_t) (pt | (often(s, 5) ? 0x80u : 0));
    wire_put16(p + 2, s->r.seq++);
    wire_put32(p + 4, s->r.ts);
    wire_put32(p + 8, s->r.ssrc);
    memcpy(s->last, p, n + 12);
    s->last_n = n + 12;
    send_datagram(s, p, n + 12);
}

/* Sound of a codec of any length it can have; returns the bytes. */
static size_t put_sound(struct storm *s, unsigned pt, uint8_t *dst)
{
    if (pt == PT_OPUS) {
        size_t i = below(s, SOUND);
        memcpy(dst, s->opus.data[i], s->opus.n[i]);
        s->step_ts = 960;
        return s->opus.n[i];
    }
    size_t ms = often(s, 80) ? 20 : 1 + below(s, 120);
    size_t per_ms = pt == PT_L16 ? 32 : 8;
    s->step_ts = (uint32_t) (ms * (pt == PT_L16 ? 16 : 8));
    for (size_t i = 0; i < ms * per_ms; i++)
        dst[i] = (uint8_t) (pt == PT_L16 ? rng_u32(&s->rng) & 0x1f : (i / 9) % 2 ? 0x95 : 0x15);
    return ms * per_ms;
}

static void send_sound(struct storm *s, unsigned pt)
{
    size_t n = put_sound(s, pt, s->packet + 12);
    send_rtp(s, pt, n);
    s->r.ts += s->step_ts;
}

static unsigned any_codec(struct storm *s)
{
    static const uint8_t pts[] = { PT_OPUS, PT_G722, 0, 8, PT_L16 };
    return pts[below(s, AHOY_COUNT(pts))];
}

/* RFC 2198 with offsets and lengths of all kinds, right ones and wrong ones. */
static void send_red(struct storm *s)
{
    uint8_t *head = s->packet + 12, body[2000];
    size_t n = 0;
    for (unsigned blocks = below(s, 9); blocks > 0; blocks--) {
        size_t i = below(s, SOUND), bytes = often(s, 90) ? AHOY_MIN(s->opus.n[i], (size_t) 200) : below(s, 1024);
        uint32_t offset = often(s, 80) ? 960 * (1 + below(s, 12)) : odd(s) & 0x3fff;
        bool fits = n + bytes <= sizeof body;
        wire_put32(head, 0x80000000u | (often(s, 90) ? PT_OPUS : any_codec(s)) << 24 | (offset & 0x3fff) << 10
                             | (uint32_t) bytes);
        if (fits)
            memcpy(body + n, s->opus.data[i], AHOY_MIN(bytes, s->opus.n[i]));
        n += fits ? bytes : 0;
        head += 4;
    }
    *head++ = (uint8_t) (often(s, 90) ? PT_OPUS : PT_RED);
    memcpy(head, body, n);
    n += put_sound(s, PT_OPUS, head + n);
    send_rtp(s, PT_RED, (size_t) (head - s->packet) - 12 + n);
    s->r.ts += 960;
}

static void send_key(struct storm *s)
{
    uint8_t *p = s->packet + 12;
    size_t events = often(s, 80) ? 1 : 1 + below(s, 12);
    for (size_t i = 0; i < events; i++, p += 4) {
        p[0] = (uint8_t) (often(s, 80) ? below(s, 16) : odd(s));
        p[1] = (uint8_t) (odd(s) & (often(s, 80) ? 0x3f : 0xff)); /* mostly without an end */
        wire_put16(p + 2, (uint16_t) odd(s));
    }
    if (often(s, 20))
        s->r.ts += odd(s);
    send_rtp(s, often(s, 50) ? PT_EVENT : PT_EVENT_48K, 4 * events - (often(s, 5) ? 1 : 0));
}

static void send_mutated(struct storm *s)
{
    size_t n = 12 + put_sound(s, any_codec(s), s->packet + 12);
    s->packet[0] = 0x80;
    s->packet[1] = (uint8_t) any_codec(s);
    wire_put16(s->packet + 2, s->r.seq++);
    wire_put32(s->packet + 4, s->r.ts);
    wire_put32(s->packet + 8, s->r.ssrc);
    for (unsigned flips = 1 + below(s, 8); flips > 0; flips--)
        s->packet[below(s, (uint32_t) AHOY_MIN(n, (size_t) 40))] = (uint8_t) odd(s);
    s->r.ts += s->step_ts;
    send_datagram(s, s->packet, often(s, 80) ? n : below(s, (uint32_t) n + 1));
}

static void send_rubbish(struct storm *s)
{
    size_t n = below(s, 1500);
    for (size_t i = 0; i < n; i++)
        s->packet[i] = (uint8_t) rng_u32(&s->rng);
    if (n > 1 && often(s, 70)) {
        s->packet[0] = (uint8_t) (0x80 | (s->packet[0] & 0x3f));
        s->packet[1] = (uint8_t) (often(s, 50) ? 200 + below(s, 8) : any_codec(s));
    }
    send_datagram(s, s->packet, n);
}

/* ---- RTCP -------------------------------------------------------------------------------------------------------- */

/* A header, then words that are told, or odd ones; returns the bytes. */
static size_t rtcp(struct storm *s, uint8_t *p, unsigned count, unsigned type, const uint32_t *words, size_t n)
{
    p[0] = (uint8_t) (0x80 | count);
    p[1] = (uint8_t) type;
    wire_put16(p + 2, (uint16_t) n);
    for (size_t i = 0; i < n; i++)
        wire_put32(p + 4 + 4 * i, words ? words[i] : odd(s));
    return 4 + 4 * n;
}

static size_t put_report(struct storm *s, uint8_t *p)
{
    bool sr = often(s, 50);
    size_t blocks = often(s, 90) ? 1 : below(s, 4);
    size_t words = (sr ? 6u : 1u) + 6 * (size_t) blocks;
    size_t n = rtcp(s, p, (unsigned) blocks, sr ? 200 : 201, NULL, words);
    wire_put32(p + 4, s->r.ssrc);
    for (size_t i = 0; i < blocks; i++)
        wire_put32(p + 8 + (sr ? 20 : 0) + 24 * i, s->r.heard_ssrc);
    return n;
}

/* XR: run lengths, receipt of reports, summary, VoIP metrics, all of odd numbers; and blocks that lie of their length. */
static size_t put_xr(struct storm *s, uint8_t *p)
{
    static const uint8_t types[] = { 1, 2, 3, 4, 5, 6, 7, 99 }, words[] = { 8, 3, 3, 2, 3, 9, 8, 1 };
    size_t kind = below(s, AHOY_COUNT(types)), n = often(s, 95) ? words[kind] : below(s, 12);
    size_t bytes = rtcp(s, p, below(s, 32), 207, NULL, n + 2);
    wire_put32(p + 4, s->r.ssrc);
    p[8] = types[kind];
    p[9] = (uint8_t) (kind == 5 ? 0xe0 : odd(s));
    wire_put16(p + 10, (uint16_t) (often(s, 95) ? n : odd(s)));
    wire_put32(p + 12, s->r.heard_ssrc);
    return bytes;
}

static void send_reports(struct storm *s)
{
    uint8_t *p = s->packet;
    size_t n = put_report(s, p);
    if (often(s, 50))
        n += put_xr(s, p + n);
    if (often(s, 30)) { /* the receiver, others and the sender leave */
        uint32_t who[3] = { s->r.heard_ssrc, odd(s), often(s, 10) ? s->r.ssrc : odd(s) };
        n += rtcp(s, p + n, 3, 203, who, 3);
    }
    if (often(s, 10))
        n += rtcp(s, p + n, below(s, 32), 202 + below(s, 5), NULL, below(s, 20));
    send_datagram(s, p, often(s, 95) ? n : below(s, (uint32_t) n));
}

/* Generic NACK for everything there is. */
static void send_requests(struct storm *s)
{
    uint32_t words[2 + 64] = { s->r.ssrc, s->r.heard_ssrc };
    size_t items = 1 + below(s, 64);
    for (size_t i = 0; i < items; i++)
        words[2 + i] = below(s, 0x10000) << 16 | 0xffff;
    for (size_t i = 0; i < items && often(s, 90); i++)
        words[2 + i] = (uint32_t) ((s->r.rtp_in + i * 17) & 0xffff) << 16 | 0xffff;
    size_t n = put_report(s, s->packet);
    n += rtcp(s, s->packet + n, 1, 205, words, 2 + items);
    send_datagram(s, s->packet, n);
}

/* ---- moods ------------------------------------------------------------------------------------------------------- */

static void change_mood(struct storm *s)
{
    s->mood = (enum mood) below(s, MOODS);
    s->mood_left = s->mood == STALL ? 1 : 1 + below(s, often(s, 80) ? 60 : 400);
    if (often(s, 30))
        s->pt = any_codec(s);
}

/* One packet, or a few at once; returns how long to the next, microseconds. */
static int64_t act(struct storm *s)
{
    int64_t pause = often(s, 90) ? SYS_MS(20) : below(s, 60000);
    switch (s->mood) {
    case PLAIN: send_sound(s, s->pt); break;
    case JUMP_SEQ:
        s->r.seq = (uint16_t) (s->r.seq + (often(s, 50) ? below(s, 140) : odd(s)));
        send_sound(s, s->pt);
        break;
    case JUMP_TIME:
        s->r.ts += often(s, 50) ? odd(s) : below(s, 48000);
        send_sound(s, s->pt);
        break;
    case CREEP_TIME:
        send_sound(s, s->pt);
        s->r.ts -= s->step_ts - below(s, 3);
        break;
    case FLAP_SOURCE:
        s->r.ssrc = often(s, 70) ? s->r.ssrc ^ 1 : often(s, 10) ? s->r.heard_ssrc : odd(s);
        send_sound(s, s->pt);
        break;
    case FLAP_CODEC: send_sound(s, any_codec(s)); break;
    case REPEAT:
        send_sound(s, s->pt);
        for (unsigned i = below(s, 200); i > 0; i--)
            send_datagram(s, s->last, s->last_n);
        break;
    case LOSSY:
        s->r.seq = (uint16_t) (s->r.seq + (often(s, 40) ? 1 + below(s, 6) : 0));
        send_sound(s, s->pt);
        break;
    case LATE:
        s->r.seq = (uint16_t) (s->r.seq - below(s, 40));
        send_sound(s, s->pt);
        s->r.seq = (uint16_t) (s->r.seq + below(s, 40));
        break;
    case REDUNDANT: send_red(s); break;
    case NOISE:
        for (size_t i = 0; i < 20; i++)
            s->packet[12 + i] = (uint8_t) odd(s);
        send_rtp(s, PT_CN, below(s, 20));
        s->r.ts += odd(s) & 0xffff;
        pause = often(s, 50) ? pause : below(s, 1000000);
        break;
    case KEYS: send_key(s); break;
    case TINY:
        for (size_t i = 0; i < 4; i++)
            s->packet[12 + i] = (uint8_t) odd(s);
        send_rtp(s, any_codec(s), below(s, 4));
        s->r.ts += 1;
        break;
    case HUGE_ONES:
        memset(s->packet + 12, 0x33, 1400);
        send_rtp(s, any_codec(s), 900 + below(s, 500));
        s->r.ts += 960;
        break;
    case MUTATED: send_mutated(s); break;
    case RUBBISH: send_rubbish(s); break;
    case REPORTS: send_reports(s); break;
    case REQUESTS: send_requests(s); break;
    case STALL: return often(s, 80) ? below(s, 2000000) : below(s, 15000000);
    case MOODS: break;
    }
    return often(s, 70) ? pause : below(s, 2000);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static enum ahoy_err storm_open(struct storm *s, uint64_t seed)
{
    rng_init_u64(&s->rng, seed);
    enum ahoy_err err = make_sound(&s->opus);
    if (!err)
        err = sim_create(&s->sim, seed);
    if (!err)
        err = sim_host(s->sim, "192.0.2.1", &s->host_a);
    if (!err)
        err = sim_host(s->sim, "192.0.2.9", &s->host_r);
    if (!err)
        err = raw_open(&s->r, s->sim, s->host_r, "192.0.2.9");
    if (!err)
        err = phone_open(&s->a, s->sim, s->host_a, "192.0.2.1:5060");
    struct ahoy_listen_config listen = { .auto_answer = true,
                                         .media = { .codecs = "opus,g722,pcmu,pcma,l16", .audio = "tone:1000" } };
    s->pt = PT_OPUS;
    return err ? err : ahoy_listen(s->a.engine, &listen);
}

static bool begin_call(struct storm *s)
{
    phone_run_ms(&s->a, NULL, 10);
    raw_call(&s->r, "192.0.2.1", description);
    phone_run_ms(&s->a, NULL, 200);
    for (int i = 0; i < 50; i++) {
        send_sound(s, PT_OPUS);
        phone_run_ms(&s->a, NULL, 20);
    }
    memset(s->packet, 0, sizeof s->packet);
    for (int i = 0; i < NETWORK_PACKETS; i++) /* no packets of anybody's: the simulated network keeps their memory */
        send_datagram(s, s->packet, 500 + (size_t) i % 2 * 900);
    phone_run_ms(&s->a, NULL, 20);
    return s->r.status == 200 && s->r.rtp_in > 20;
}

static void rage(struct storm *s)
{
    int64_t due = 0;
    for (unsigned i = 0; i < STORM_PACKETS; i++) {
        if (s->mood_left-- == 0)
            change_mood(s);
        due += act(s);
        for (; due >= SYS_MS(10); due -= SYS_MS(10))
            phone_run_ms(&s->a, NULL, 10);
    }
}

/* A stream like any other, with pauses, that goes on where the storm has left numbers. */
static void calm(struct storm *s, int turns)
{
    for (int i = 0; i < turns; i++) {
        raw_talk(&s->r, 0, 20);
        phone_run_ms(&s->a, NULL, 2000);
        raw_hush(&s->r);
        s->r.ts += 8 * 300;
        if (i + 1 < turns)
            phone_run_ms(&s->a, NULL, 300);
    }
}

/* Doubles that anybody could have measured. */
static bool is_sane(const struct ahoy_call_stats *x)
{
    const double all[] = { x->loss,
                           x->burst,
                           x->jitter_ms,
                           x->rtt_ms,
                           x->buffer_ms,
                           x->buffer_target_ms,
                           x->mos,
                           x->mos_lq,
                           x->mos_now,
                           x->r_factor,
                           x->delay_ms,
                           x->level_in_dbfs,
                           x->level_out_dbfs,
                           x->remote_mos,
                           x->remote_loss,
                           x->remote_burst,
                           x->remote_r_factor,
                           x->remote_lost_fraction,
                           x->remote_jitter_ms,
                           x->end_system_ms };
    for (size_t i = 0; i < AHOY_COUNT(all); i++)
        if (!(fabs(all[i]) < 1e8))
            return false;
    return x->loss <= 1 && x->buffer_target_ms <= 600 && x->buffer_ms < 60000 && x->mos <= 4.6 && x->mos_now <= 4.6
           && x->lost <= x->expected && x->rtp_in < 1000000;
}

static void weather(struct t *t, uint64_t seed)
{
    static struct storm s;
    s = (struct storm){ .sim = NULL };
    T_OK(storm_open(&s, seed));
    T_CHECK(begin_call(&s));
    size_t before = t_live_bytes();
    unsigned out_before = s.r.rtp_in + s.r.rtcp_in;
    int64_t began = sim_now_us(s.sim);
    rage(&s);
    int64_t took_s = (sim_now_us(s.sim) - began) / 1000000 + 1;
    T_EQ(s.a.calls_ended, 0);
    T_CHECK(is_sane(&s.a.stats));
    T_LE(t_live_bytes(), before + GROWTH_BYTES);
    T_LE(s.r.rtp_in + s.r.rtcp_in - out_before, MOST_OUT_PER_S * took_s);
    uint64_t heard = s.a.stats.rtp_in;
    calm(&s, 2);
    struct ahoy_call_stats then = s.a.stats;
    calm(&s, 9); /* what spikes had asked for is given back slowly */
    const struct ahoy_call_stats *x = &s.a.stats;
    T_CHECK(is_sane(x));
    T_LE(heard + 500, x->rtp_in);
    T_STR(x->codec, "PCMU");
    T_LE(x->buffer_ms, 120);
    T_LE(x->buffer_target_ms, 120);
    T_LE(-30, x->level_out_dbfs);
    T_EQ(x->lost, then.lost);
    T_LE(x->late, then.late + 3);
    T_LE(x->concealed_ms, then.concealed_ms + 150);
    T_LE(t_live_bytes(), before + GROWTH_BYTES);
out:
    if (t->failed)
        fprintf(stderr, "storm: seed %llu, buffer %.0f of %.0f ms\n", (unsigned long long) seed, s.a.stats.buffer_ms,
                s.a.stats.buffer_target_ms);
    raw_request(&s.r, "BYE", "", NULL);
    phone_close_checked(t, &s.a);
    raw_close(&s.r);
    sim_destroy(s.sim);
}

static void test_no_stream_of_packets_breaks_a_call(struct t *t)
{
    unsigned long first = 1, count = 3;
    const char *other = getenv("AHOY_STORM");
    if (other) {
        char *end;
        first = strtoul(other, &end, 10);
        count = strtoul(end, NULL, 10);
    }
    for (unsigned long seed = first; seed < first + count && !t->failed; seed++)
        weather(t, seed);
}

/* Half a minute of ASan each, and thousands of allocations. */
T_MAIN(T_PLAIN(test_no_stream_of_packets_breaks_a_call))
