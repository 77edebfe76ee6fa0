/*
 * Calls with peers that speak as the standards allow and as no telephone of ours does: packets of any length, many frames
 * in a packet, two channels, pauses, numbers that change. A tone goes in, and of what comes out is told how long it was
 * broken.
 */
#include "audio/codec.h"
#include "audio/wav.h"
#include "base/rng.h"
#include "rtp/red.h"
#include "support/phone.h"
#include "support/temp.h"
#include "support_raw.h"

#include <opus/opus.h>
#include <stdio.h>

enum { PT_OPUS = 111, PT_RED = 63, PT_EVENT = 101, MOST_BYTES = 1275 };

static const double tone_hz = 400, tone_level = 9000;

/* A call to a telephone that keeps what it hears. */
struct talk {
    struct sim *sim;
    struct sys_host *host_a, *host_r;
    struct phone a;
    struct raw r;
    char dir[TEMP_PATH_BYTES], heard[2 * TEMP_PATH_BYTES], audio[2 * TEMP_PATH_BYTES + 8];
    OpusEncoder *opus;
    unsigned channels;
    double phase;
    double ppm;     /* the peer's clock */
    double owed_us; /* of the packets' time */
    bool resting;   /* its last packet said nothing */
};

static const char opus_sdp[] = RAW_SDP("111 63 101", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
                                                     "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
                                                     "a=rtpmap:101 telephone-event/48000\r\na=rtcp-mux\r\n");

static bool talk_open(struct talk *k, const char *codecs, const char *impair, const char *sdp)
{
    *k = (struct talk){ .channels = 1 };
    if (!temp_make(k->dir, sizeof k->dir) || sim_create(&k->sim, 5) || sim_host(k->sim, "192.0.2.1", &k->host_a)
        || sim_host(k->sim, "192.0.2.9", &k->host_r) || raw_open(&k->r, k->sim, k->host_r, "192.0.2.9")
        || phone_open(&k->a, k->sim, k->host_a, "192.0.2.1:5060"))
        return false;
    (void) snprintf(k->audio, sizeof k->audio, "file:,%s", temp_path(k->dir, "heard.wav", k->heard));
    struct ahoy_listen_config listen = { .auto_answer = true,
                                         .media = { .codecs = codecs, .audio = k->audio, .impair = impair } };
    if (ahoy_listen(k->a.engine, &listen))
        return false;
    phone_run_ms(&k->a, NULL, 10);
    raw_call(&k->r, "192.0.2.1", sdp);
    phone_run_ms(&k->a, NULL, 200);
    return k->r.status == 200;
}

static void talk_close(struct t *t, struct talk *k)
{
    phone_close_checked(t, &k->a);
    raw_close(&k->r);
    sim_destroy(k->sim);
    if (k->opus)
        opus_encoder_destroy(k->opus);
    temp_remove(k->dir);
}

static void hang_up(struct talk *k)
{
    raw_request(&k->r, "BYE", "", NULL);
    (void) phone_run(&k->a, NULL, phone_one_ended, 2000);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

static bool use_opus(struct talk *k, unsigned channels, bool vbr)
{
    int err;
    k->opus = opus_encoder_create(48000, (int) channels, OPUS_APPLICATION_VOIP, &err);
    k->channels = channels;
    return k->opus && opus_encoder_ctl(k->opus, OPUS_SET_VBR(vbr)) == OPUS_OK
           && opus_encoder_ctl(k->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK
           && opus_encoder_ctl(k->opus, OPUS_SET_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND)) == OPUS_OK
           && opus_encoder_ctl(k->opus, OPUS_SET_BITRATE(32000)) == OPUS_OK;
}

static void tone(struct talk *k, int16_t *pcm, size_t n)
{
    for (size_t i = 0; i < n; i++, k->phase += tone_hz / 48000)
        for (unsigned c = 0; c < k->channels; c++)
            pcm[i * k->channels + c] = (int16_t) (tone_level * sin(6.283185307 * k->phase));
}

static size_t opus_frame(struct talk *k, size_t samples, uint8_t dst[MOST_BYTES])
{
    int16_t pcm[2 * 5760];
    tone(k, pcm, samples);
    opus_int32 n = opus_encode(k->opus, pcm, (int) samples, dst, MOST_BYTES);
    return n > 0 ? (size_t) n : 0;
}

/* So much time passes, by the peer's clock. */
static void pass(struct talk *k, double us)
{
    k->owed_us += us * (1 + k->ppm * 1e-6);
    int64_t whole = (int64_t) k->owed_us;
    k->owed_us -= (double) whole;
    sim_run(k->sim, whole);
    phone_pump(&k->a);
}

/* Packets of one payload type, then their time. */
static void send(struct talk *k, unsigned pt, const void *payload, size_t n, size_t samples)
{
    raw_send_rtp(&k->r, pt, false, k->r.ts, payload, n);
    k->r.ts += (uint32_t) samples;
    pass(k, (double) samples * 1000 / 48);
}

static void say(struct talk *k, unsigned pt, double frame_ms, double ms)
{
    uint8_t p[MOST_BYTES];
    size_t samples = (size_t) (48 * frame_ms);
    for (double at = 0; at < ms; at += frame_ms)
        send(k, pt, p, opus_frame(k, samples, p), samples);
}

/* Frames of 20 ms, `frames` of them in a packet that is padded by `pad` bytes: code 3 of RFC 6716 section 3.2.5. */
static bool say_packed(struct talk *k, unsigned frames, unsigned pad, double ms)
{
    uint8_t part[6][MOST_BYTES], out[6 * MOST_BYTES];
    OpusRepacketizer *rp = opus_repacketizer_create();
    bool ok = rp != NULL;
    for (double at = 0; at < ms && ok; at += 20 * frames) {
        rp = opus_repacketizer_init(rp);
        for (unsigned i = 0; i < frames && ok; i++) {
            size_t n = opus_frame(k, 960, part[i]);
            ok = opus_repacketizer_cat(rp, part[i], (opus_int32) n) == OPUS_OK;
        }
        opus_int32 n = opus_repacketizer_out(rp, out, (opus_int32) sizeof out - 1000);
        if (pad > 0 && ok && (ok = opus_packet_pad(out, n, n + (opus_int32) pad) == OPUS_OK))
            n += (opus_int32) pad;
        if (ok)
            send(k, PT_OPUS, out, (size_t) n, 960 * frames);
    }
    opus_repacketizer_destroy(rp);
    return ok;
}

/* The packet before, for RED. */
struct before {
    uint8_t data[MOST_BYTES];
    size_t n;
    uint32_t ts;
    bool lost;
};

/* One frame, and a copy of the one before. */
static void say_with_copy(struct talk *k, struct before *b, unsigned frame_ms, bool lost)
{
    uint8_t p[MOST_BYTES], red[2 * MOST_BYTES];
    size_t samples = 48 * frame_ms, bytes = opus_frame(k, samples, p), n = 0;
    struct red_block block[2] = {
        { PT_OPUS, (uint16_t) (k->r.ts - b->ts), view_of((const char *) b->data, b->n) },
        { PT_OPUS, 0, view_of((const char *) p, bytes) },
    };
    size_t first = b->n > 0 ? 0 : 1;
    if (red_print(block + first, 2 - first, red, sizeof red, &n))
        return;
    memcpy(b->data, p, bytes);
    b->n = bytes;
    b->ts = k->r.ts;
    b->lost = lost;
    if (lost) {
        k->r.seq++;
        k->r.ts += (uint32_t) samples;
        pass(k, (double) samples * 1000 / 48);
    } else {
        send(k, PT_RED, red, n, samples);
    }
}

/* ---- what is heard ----------------------------------------------------------------------------------------------- */

/* How many milliseconds of the last `ms`, but for the very end, are far from as loud as the tone, in steps of 5. */
static unsigned broken_ms(const struct talk *k, unsigned ms)
{
    enum { STEPS = 8000, END = 12 };
    static bool bad[STEPS];
    struct wav_reader *r;
    int16_t pcm[240];
    unsigned n = 0, broken = 0;
    if (wav_reader_open(&r, k->heard))
        return UINT32_MAX;
    for (size_t step = wav_reader_hz(r) / 200; n < STEPS && wav_reader_read(r, pcm, step) == step; n++) {
        double sum = 0;
        for (size_t i = 0; i < step; i++)
            sum += (double) pcm[i] * pcm[i];
        double part = sqrt(sum / (double) step) / (tone_level / sqrt(2));
        bad[n] = part < 0.6 || part > 1.3;
    }
    wav_reader_close(r);
    for (unsigned i = n > ms / 5 ? n - ms / 5 : 0; i + END < n; i++)
        broken += bad[i];
    return n > END ? 5 * broken : UINT32_MAX;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void test_packets_of_any_length_are_heard(struct t *t)
{
    static const double length_ms[] = { 2.5, 5, 10, 40, 60, 80, 100, 120 };
    struct talk k;
    for (size_t i = 0; i < AHOY_COUNT(length_ms); i++) {
        T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        say(&k, PT_OPUS, length_ms[i], 5000);
        hang_up(&k);
        T_EQ(k.a.stats.lost, 0);
        T_EQ(k.a.stats.late, 0);
        T_LE(k.a.stats.concealed_ms, 50);
        T_EQ(broken_ms(&k, 4000), 0);
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

static void test_many_frames_in_a_packet_are_heard(struct t *t)
{
    struct talk k;
    for (unsigned i = 0; i < 8; i++) {
        T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
        T_CHECK(use_opus(&k, 1 + i % 2, i % 4 < 2));
        T_CHECK(say_packed(&k, 2 + i % 5, i < 4 ? 0 : 300, 4000));
        hang_up(&k);
        T_EQ(k.a.stats.lost, 0);
        T_LE(k.a.stats.concealed_ms, 50);
        T_EQ(broken_ms(&k, 3000), 0);
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

/* The jitter buffer looks 128 packets ahead, what is judged of quality 512: longer outages are told as well as shorter ones. */
static void test_behind_an_outage_all_is_heard(struct t *t)
{
    static const unsigned packets[] = { 100, 128, 500, 1500 };
    struct talk k;
    for (size_t i = 0; i < AHOY_COUNT(packets); i++) {
        T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        say(&k, PT_OPUS, 20, 3000);
        k.r.seq = (uint16_t) (k.r.seq + packets[i]);
        k.r.ts += 960 * packets[i];
        pass(&k, 20000.0 * packets[i]);
        say(&k, PT_OPUS, 20, 3000);
        hang_up(&k);
        T_EQ(k.a.stats.lost, packets[i]);
        T_NEAR(k.a.stats.loss, packets[i] / (packets[i] + 300.0), 0.01);
        T_LE(broken_ms(&k, 2980), 15); /* the tone fades in */
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

/* RFC 2198 tells how long ago a copy was said, and not which packet it is of: packets of 20 and 40 ms by turns. */
static void test_copies_fit_whatever_length_packets_have(struct t *t)
{
    struct talk k;
    struct rng rng;
    rng_init_u64(&rng, 3);
    for (int turns = 0; turns < 2; turns++) {
        struct before b = { .n = 0 };
        T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        for (unsigned i = 0; i < 600; i++)
            say_with_copy(&k, &b, turns && i / 5 % 2 ? 40 : 20, !b.lost && i % 599 > 0 && rng_below(&rng, 8) == 0);
        hang_up(&k);
        T_LE(40, k.a.stats.lost);
        T_NEAR(k.a.stats.recovered_red, k.a.stats.lost, 1); /* one may be lost before the source has proved itself */
        T_LE(k.a.stats.concealed_ms, 100); /* until the first loss nobody waits for copies: one stretch */
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

/* RFC 4733 section 2.5.1.4: the end of each key goes along with the next one. */
static void test_keys_within_red_are_heard(struct t *t)
{
    struct talk k;
    T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
    T_CHECK(use_opus(&k, 1, true));
    say(&k, PT_OPUS, 20, 500);
    for (unsigned key = 1; key <= 5; key++) {
        for (unsigned i = 1; i <= 3; i++) {
            uint8_t ended[] = { (uint8_t) (key - 1), 0x8a, 11, 64 };
            uint8_t pressed[] = { (uint8_t) key, 10, (uint8_t) (960 * i >> 8), (uint8_t) (960 * i & 0xff) };
            uint8_t red[16];
            struct red_block block[2] = { { PT_EVENT, 960 * 3, view_of((const char *) ended, sizeof ended) },
                                          { PT_EVENT, 0, view_of((const char *) pressed, sizeof pressed) } };
            size_t n, first = key > 1 ? 0 : 1;
            T_OK(red_print(block + first, 2 - first, red, sizeof red, &n));
            raw_send_rtp(&k.r, PT_RED, i == 1, k.r.ts, red, n);
            pass(&k, 20000);
        }
        k.r.ts += 960 * 3;
    }
    say(&k, PT_OPUS, 20, 500);
    T_STR(k.a.digits, "12345");
    T_EQ(k.a.stats.lost, 0);
    hang_up(&k);
out:
    talk_close(t, &k);
}

/* Speech of a second and pauses of one and a half, of which the first packet and one each 400 ms are sent, as WebRTC does. */
static void say_with_pauses(struct talk *k, unsigned turns)
{
    static int16_t silence[960];
    for (unsigned i = 0; i < 125 * turns; i++) {
        uint8_t p[MOST_BYTES];
        unsigned at = i % 125;
        opus_int32 n = at < 50 ? (opus_int32) opus_frame(k, 960, p) : opus_encode(k->opus, silence, 960, p, sizeof p);
        bool resting = n <= 2, first = resting && !k->resting;
        k->resting = resting;
        if (!resting || first)
            raw_send_rtp(&k->r, PT_OPUS, false, k->r.ts, p, (size_t) n);
        k->r.ts += 960;
        pass(k, 20000);
    }
}

/* The packet that tells of a pause may be lost, or the first one behind it be overtaken: neither makes a pause a loss. */
static void test_pauses_are_no_losses_on_any_network(struct t *t)
{
    static const char *const network[] = { NULL, "jitter=30,seed=4", "loss=10,seed=3", "loss=10,jitter=30,seed=5" };
    struct talk k;
    for (size_t i = 0; i < AHOY_COUNT(network); i++) {
        T_CHECK(talk_open(&k, "opus", network[i], opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        T_OK(opus_encoder_ctl(k.opus, OPUS_SET_DTX(1)));
        say_with_pauses(&k, 16);
        hang_up(&k);
        T_LE(k.a.stats.late, 1);
        T_LE(k.a.stats.concealed_ms, 20 * k.a.stats.lost + 100);
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

static void test_payload_numbers_may_change_with_an_offer(struct t *t)
{
    struct talk k;
    T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
    T_CHECK(use_opus(&k, 1, true));
    say(&k, PT_OPUS, 20, 2000);
    raw_request(&k.r, "INVITE", "application/sdp",
                RAW_SDP("96 97", "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 red/48000/2\r\na=fmtp:97 96/96\r\n"
                                 "a=rtcp-mux\r\n"));
    say(&k, PT_OPUS, 20, 300); /* what was on its way */
    unsigned before = k.r.by_pt[PT_OPUS];
    say(&k, 96, 20, 2000);
    T_EQ(k.r.status, 200);
    T_EQ(k.r.by_pt[PT_OPUS], before);
    hang_up(&k);
    T_EQ(k.a.stats.concealed_ms, 0);
    T_EQ(broken_ms(&k, 4000), 0);
out:
    talk_close(t, &k);
}

/* Receivers count packets by the distance of copies in time: behind a change of their length none is sent of those before. */
static void test_copies_are_sent_among_packets_of_one_length(struct t *t)
{
    unsigned copies = 0;
    struct talk k;
    T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
    T_CHECK(use_opus(&k, 1, true));
    say(&k, PT_OPUS, 20, 1000);
    T_LE(10, k.r.by_pt[PT_RED]);
    raw_request(&k.r, "INVITE", "application/sdp",
                RAW_SDP("111 63", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
                                  "a=ptime:60\r\na=rtcp-mux\r\n"));
    for (unsigned i = 0; i < 60; i++) {
        struct red_block block[RED_MAX_BLOCKS];
        size_t n = 0;
        unsigned before = k.r.by_pt[PT_RED];
        say(&k, PT_OPUS, 20, 20);
        if (k.r.by_pt[PT_RED] == before || red_parse(view_of((const char *) k.r.last_payload, k.r.last_n), block, &n)
            || opus_packet_get_nb_samples((const uint8_t *) block[n - 1].data.p, (opus_int32) block[n - 1].data.n,
                                          48000)
                   != 48 * 60)
            continue;
        for (size_t b = 0; b + 1 < n; b++, copies++)
            T_EQ(block[b].offset_ts % (48 * 60), 0);
    }
    T_LE(5, copies);
    hang_up(&k);
out:
    talk_close(t, &k);
}

static void test_a_clock_that_is_far_off_and_losses(struct t *t)
{
    struct talk k;
    for (int way = -1; way <= 1; way += 2) {
        T_CHECK(talk_open(&k, "opus", "loss=10,seed=8", opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        T_OK(opus_encoder_ctl(k.opus, OPUS_SET_DTX(1)));
        k.ppm = 500 * way;
        say_with_pauses(&k, 40);
        hang_up(&k);
        T_LE(k.a.stats.late, 2);
        T_LE(k.a.stats.buffer_ms, k.a.stats.buffer_target_ms + 30);
        T_LE(k.a.stats.concealed_ms, 20 * k.a.stats.lost + 200);
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

/* RFC 3551 section 4.5.2: G.722 has a clock of 8000 Hz, whatever its rate. Some count samples all the same. */
static void test_g722_is_heard_with_either_clock(struct t *t)
{
    struct audio_encoder *e = NULL;
    const struct audio_encoder_config cfg = { .complexity = 5 };
    struct talk k;
    for (uint32_t step = 160; step <= 320; step += 160) {
        T_CHECK(talk_open(&k, "g722", NULL, RAW_SDP("9", "a=rtpmap:9 G722/8000\r\n")));
        T_OK(audio_encoder_create(&e, audio_codec_by_name(VIEW("g722")), &cfg));
        for (int i = 0; i < 500; i++, k.r.ts += step) {
            int16_t pcm[320];
            uint8_t p[160];
            size_t n;
            for (size_t at = 0; at < AHOY_COUNT(pcm); at++, k.phase += tone_hz / 16000)
                pcm[at] = (int16_t) (tone_level * sin(6.283185307 * k.phase));
            T_OK(audio_encode(e, pcm, AHOY_COUNT(pcm), p, sizeof p, &n));
            raw_send_rtp(&k.r, 9, false, k.r.ts, p, n);
            pass(&k, 20000);
        }
        audio_encoder_destroy(e);
        e = NULL;
        hang_up(&k);
        T_LE(k.a.stats.concealed_ms, 40);
        T_LE(k.a.stats.jitter_ms, 5);
        T_LE(k.a.stats.buffer_ms, 120); /* until it is found out; a tone has no pause to give it back in */
        T_EQ(broken_ms(&k, 9000), 0);
        talk_close(t, &k);
    }
    return;
out:
    audio_encoder_destroy(e);
    talk_close(t, &k);
}

/* A sender whose timestamps leap while its packets come on: none is lost, and delay does not stay. */
static void test_timestamps_that_leap_cost_nothing(struct t *t)
{
    static const int32_t leap[] = { 480000, -480000, 48000 * 60, -48000 * 3600, INT32_MAX };
    struct talk k;
    for (size_t i = 0; i < AHOY_COUNT(leap); i++) {
        T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
        T_CHECK(use_opus(&k, 1, true));
        for (int n = 0; n < 4; n++) {
            say(&k, PT_OPUS, 20, 1500);
            k.r.ts += (uint32_t) leap[i];
        }
        say(&k, PT_OPUS, 20, 1500);
        hang_up(&k);
        T_EQ(k.a.stats.lost + k.a.stats.late, 0);
        T_EQ(k.a.stats.concealed_ms, 0);
        T_LE(k.a.stats.buffer_ms, 20);
        T_LE(broken_ms(&k, 7000), 20);
        talk_close(t, &k);
    }
    return;
out:
    talk_close(t, &k);
}

/* What was made up in a call's first words is held against all that was heard by then, not against what is judged yet. */
static void test_a_stumble_at_the_start_is_no_bad_network(struct t *t)
{
    struct talk k;
    double worst = 5;
    T_CHECK(talk_open(&k, "opus", NULL, opus_sdp));
    T_CHECK(use_opus(&k, 1, true));
    say(&k, PT_OPUS, 20, 100);
    pass(&k, 60000);
    for (int i = 0; i < 100; i++) {
        say(&k, PT_OPUS, 20, 20);
        if (k.a.stats.mos_now > 0)
            worst = AHOY_MIN(worst, k.a.stats.mos_now);
    }
    T_LE(40, k.a.stats.concealed_ms);
    T_LE(25, 10 * worst);
    T_LE(33, 10 * k.a.stats.mos_now);
    hang_up(&k);
out:
    talk_close(t, &k);
}

T_MAIN(T_PLAIN(test_packets_of_any_length_are_heard), T_PLAIN(test_many_frames_in_a_packet_are_heard),
       T_PLAIN(test_behind_an_outage_all_is_heard), T_PLAIN(test_copies_fit_whatever_length_packets_have),
       T_STRIDE(test_keys_within_red_are_heard, 41), T_PLAIN(test_pauses_are_no_losses_on_any_network),
       T_PLAIN(test_payload_numbers_may_change_with_an_offer),
       T_PLAIN(test_copies_are_sent_among_packets_of_one_length), T_PLAIN(test_a_clock_that_is_far_off_and_losses),
       T_PLAIN(test_g722_is_heard_with_either_clock), T_PLAIN(test_timestamps_that_leap_cost_nothing),
       T_PLAIN(test_a_stumble_at_the_start_is_no_bad_network))
