#include "audio/codec.h"

#include "audio/codec_impl.h"
#include "audio/mix.h"
#include "audio/score.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 48000 * 2 };

static int16_t said[MOST], heard[MOST];

/* Encodes n samples of `said` in frames of ptime and decodes them to `heard`. */
static enum ahoy_err round_trip(const struct audio_codec *c, unsigned ptime_ms, size_t n)
{
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    uint8_t payload[AUDIO_MAX_PAYLOAD_BYTES];
    size_t frame = audio_codec_samples(c, ptime_ms);
    size_t bytes = 0;
    size_t got = 0;
    enum ahoy_err err = audio_encoder_create(&e, c, NULL);
    if (!err)
        err = audio_decoder_create(&d, c);
    for (size_t at = 0; !err && at + frame <= n; at += frame) {
        err = audio_encode(e, said + at, frame, payload, sizeof payload, &bytes);
        if (!err && audio_payload_samples(c, payload, bytes) != frame)
            err = AHOY_ERR_INTERNAL;
        if (!err)
            err = audio_decode(d, payload, bytes, heard + at, frame, &got);
        if (!err && got != frame)
            err = AHOY_ERR_INTERNAL;
    }
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    return err;
}

/* The SNR by codec at which a voice comes through. Opus is a transform of what is heard, not of the waveform. */
static void test_every_codec_carries_a_voice_at_every_ptime(struct t *t)
{
    size_t n_codecs;
    const struct audio_codec *codec = audio_codecs(&n_codecs);
    for (size_t i = 0; i < n_codecs; i++) {
        const struct audio_codec *c = &codec[i];
        double want = view_eq(view_str(c->name), VIEW("L16"))    ? 99
                      : view_eq(view_str(c->name), VIEW("opus")) ? 8
                      : view_eq(view_str(c->name), VIEW("G722")) ? 16
                                                                 : 30;
        size_t n = c->rate_hz / 2;
        sound_voice(said, n, c->rate_hz, 120);
        for (unsigned ptime = 10; ptime <= 60; ptime += 10) {
            if (!audio_codec_ptime_ok(c, ptime))
                continue;
            struct score_match m;
            size_t whole = n / audio_codec_samples(c, ptime) * audio_codec_samples(c, ptime);
            T_OK(round_trip(c, ptime, n));
            T_OK(score_match(said, whole, heard, whole, c->rate_hz, 30, &m));
            if (m.snr_db < want)
                t_near(t, __FILE__, __LINE__, c->name, m.snr_db, want, 0);
            T_CHECK(m.snr_db >= want);
            T_NEAR(m.heard_dbfs, m.said_dbfs, 1.5);
            T_CHECK(m.delay_ms >= 0 && m.delay_ms < 8);
        }
    }
out:
    return;
}

static void test_ptimes_are_those_of_the_codec(struct t *t)
{
    const struct audio_codec *opus = audio_codec_by_name(VIEW("opus"));
    const struct audio_codec *pcmu = audio_codec_by_pt(0);
    T_CHECK(audio_codec_ptime_ok(opus, 10) && audio_codec_ptime_ok(opus, 20) && audio_codec_ptime_ok(opus, 60));
    T_CHECK(!audio_codec_ptime_ok(opus, 30) && !audio_codec_ptime_ok(opus, 25) && !audio_codec_ptime_ok(opus, 0));
    T_CHECK(audio_codec_ptime_ok(pcmu, 30) && audio_codec_ptime_ok(pcmu, 50) && !audio_codec_ptime_ok(pcmu, 70));
    T_EQ(audio_codec_ptime_fit(opus, 30), 20);
    T_EQ(audio_codec_ptime_fit(opus, 55), 40);
    T_EQ(audio_codec_ptime_fit(opus, 3), 10);
    T_EQ(audio_codec_ptime_fit(pcmu, 200), 60);
    T_EQ(audio_codec_ptime_fit(pcmu, 33), 30);
out:
    return;
}

static void test_codecs_are_found_as_sdp_names_them(struct t *t)
{
    T_STR(audio_codec_find(VIEW("OPUS"), 48000, 2)->name, "opus");
    T_CHECK(!audio_codec_find(VIEW("opus"), 48000, 1));
    T_CHECK(!audio_codec_find(VIEW("opus"), 16000, 2));
    T_EQ(audio_codec_find(VIEW("g722"), 8000, 0)->rate_hz, 16000);
    T_EQ(audio_codec_find(VIEW("L16"), 32000, 1)->rate_hz, 32000);
    T_CHECK(!audio_codec_find(VIEW("L16"), 44100, 2));
    T_STR(audio_codec_by_pt(0)->name, "PCMU");
    T_STR(audio_codec_by_pt(8)->name, "PCMA");
    T_STR(audio_codec_by_pt(9)->name, "G722");
    T_CHECK(!audio_codec_by_pt(3) && !audio_codec_by_pt(96));
    T_EQ(audio_codec_by_name(VIEW("l16"))->rate_hz, 16000);
    T_EQ(audio_codec_by_name(VIEW("l16/48000"))->rate_hz, 48000);
    T_CHECK(!audio_codec_by_name(VIEW("l16/11025")) && !audio_codec_by_name(VIEW("gsm"))
            && !audio_codec_by_name(VIEW("opus/x")));
out:
    return;
}

/* Decision values of G.711's tables 1a and 2a: the ends of the intervals, from 0 up, in table units. */
static int decision(int segment_step, int linear, int i)
{
    int x = 0;
    for (int k = 0; k < i; k++) {
        int segment = k < linear ? 0 : (k - linear) / 16 + 1;
        x += segment_step << segment;
    }
    return x;
}

/* A-law: 128 positive intervals; 32 of two units (of 4096), then 16 in each doubling. */
static void test_pcma_is_g711_for_every_value(struct t *t)
{
    for (int i = 0; i < 128; i++) {
        int from = decision(2, 32, i) * 8; /* 13 bits with sign: 4096 units are 32768 */
        int to = decision(2, 32, i + 1) * 8;
        uint8_t code = (uint8_t) ((i | 0x80) ^ 0x55);
        T_EQ(g711_alaw_decode(code), (from + to) / 2);
        T_EQ(g711_alaw_decode(code ^ 0x80), -(from + to) / 2);
        T_EQ(g711_alaw_encode(g711_alaw_decode(code)), code);
        T_EQ(g711_alaw_encode(g711_alaw_decode(code ^ 0x80)), code ^ 0x80);
        for (int x = from; x < to; x++) {
            T_EQ(g711_alaw_encode((int16_t) x), code);
            T_EQ(g711_alaw_encode((int16_t) ~x), code ^ 0x80);
        }
    }
out:
    return;
}

/* µ-law: the first interval is one unit (of 8159), 15 more of two, then 16 in each doubling. */
static void test_pcmu_is_g711_for_every_value(struct t *t)
{
    for (int i = 0; i < 128; i++) {
        int from = i == 0 ? 0 : decision(2, 16, i) - 1;
        int to = decision(2, 16, i + 1) - 1;
        int value = i == 0 ? 0 : (from + to) / 2;
        uint8_t code = (uint8_t) (0xff - i);
        T_EQ(g711_mulaw_decode(code), value * 4);
        T_EQ(g711_mulaw_decode(code ^ 0x80), -value * 4);
        T_EQ(g711_mulaw_encode((int16_t) (value * 4)), code);
        int end = i == 127 ? 8192 : to; /* what is above the last decision value is clipped into it */
        for (int x = from * 4; x < end * 4; x++) {
            T_EQ(g711_mulaw_encode((int16_t) x), code);
            T_EQ(g711_mulaw_encode((int16_t) ~x), code ^ 0x80);
        }
    }
out:
    return;
}

#define G722_OCTETS  0x69b4a401e3ba3849u
#define G722_SAMPLES 0xdfff8eb478a1d584u

static uint64_t digest(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

/*
 * Two seconds of filtered noise and of pure tones, which drive the predictors to their bounds. The digests of what is sent and of what is heard are those of spandsp 0.0.6's G.722
 * for the same input (64 kbit/s, unpacked), which this implementation was compared with bit by bit.
 */
static void test_g722_is_exact_to_the_bit(struct t *t)
{
    static uint8_t octets[16000];
    const struct audio_codec *c = audio_codec_by_pt(9);
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    struct rng r;
    size_t n = 0;
    size_t bytes = 0;
    int32_t x = 0;
    rng_init_u64(&r, 722);
    for (size_t i = 0; i < 32000; i++) {
        int32_t period = 9 + (int32_t) (i / 2000) * 3;
        int32_t triangle = abs((int32_t) i % (2 * period) - period) * 16000 / period - 8000;
        x = (x * 7 + (int32_t) rng_below(&r, 40000) - 20000) / 8;
        said[i] = (int16_t) (i / 4000 % 2 ? triangle : x * (int32_t) (i / 4000 + 1) / 8);
    }
    T_OK(audio_encoder_create(&e, c, NULL));
    T_OK(audio_decoder_create(&d, c));
    for (size_t at = 0; at < 32000; at += 320) {
        T_OK(audio_encode(e, said + at, 320, octets + at / 2, 160, &bytes));
        T_OK(audio_decode(d, octets + at / 2, bytes, heard + at, 320, &n));
    }
    T_CHECK(digest(octets, 16000) == G722_OCTETS);
    T_CHECK(digest(heard, 64000) == G722_SAMPLES);
out:
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
}

static void test_g722_passes_both_bands(struct t *t)
{
    static const double tones[] = { 300, 1000, 3000, 5000, 6500 };
    const struct audio_codec *c = audio_codec_by_pt(9);
    for (size_t i = 0; i < AHOY_COUNT(tones); i++) {
        sound_sine(said, 16000, 16000, tones[i], -12);
        T_OK(round_trip(c, 20, 16000));
        /* Six bits below 4 kHz, two above. */
        T_CHECK(sound_purity_db(heard + 1600, 12800, 16000, tones[i]) > (tones[i] < 4000 ? 25 : 10));
        T_NEAR(sound_part_dbfs(heard + 1600, 12800, 16000, tones[i]), -12, 1);
    }
out:
    return;
}

static void test_l16_is_network_order(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("l16/8000"));
    struct audio_encoder *e = NULL;
    uint8_t p[160];
    size_t n = 0;
    int16_t pcm[80] = { 0x1234, -2 };
    T_OK(audio_encoder_create(&e, c, NULL));
    T_OK(audio_encode(e, pcm, 80, p, sizeof p, &n));
    T_EQ(n, 160);
    T_MEM(p, "\x12\x34\xff\xfe\0\0", 6);
    T_EQ(audio_payload_samples(c, p, 3), 0);
out:
    audio_encoder_destroy(e);
}

static void test_encode_refuses_frames_and_rooms_that_do_not_fit(struct t *t)
{
    size_t n_codecs;
    const struct audio_codec *codec = audio_codecs(&n_codecs);
    struct audio_encoder *e = NULL;
    uint8_t p[AUDIO_MAX_PAYLOAD_BYTES];
    size_t n = 77;
    for (size_t i = 0; i < n_codecs; i++) {
        T_OK(audio_encoder_create(&e, &codec[i], NULL));
        size_t ms10 = audio_codec_samples(&codec[i], 10);
        T_ERR(audio_encode(e, said, ms10 - 1, p, sizeof p, &n), AHOY_ERR_RANGE);
        T_ERR(audio_encode(e, said, ms10 * 7, p, sizeof p, &n), AHOY_ERR_RANGE);
        T_ERR(audio_encode(e, said, 0, p, sizeof p, &n), AHOY_ERR_RANGE);
        T_ERR(audio_encode(e, said, ms10, p, 0, &n), AHOY_ERR_LIMIT);
        T_EQ(n, 77);
        audio_encoder_destroy(e);
        e = NULL;
    }
out:
    audio_encoder_destroy(e);
}

/* The frame just before the one in `p`. */
static enum ahoy_err recover(struct audio_decoder *d, const uint8_t *p, size_t bytes, int16_t *pcm, size_t samples)
{
    struct audio_redundancy from = { .p = p, .n = bytes, .ahead = samples };
    return audio_recover(d, &from, pcm, samples, NULL);
}

/* Whatever a peer sends: an error or sound, never more than there is room for. */
static void test_decoders_bear_noise(struct t *t)
{
    size_t n_codecs;
    const struct audio_codec *codec = audio_codecs(&n_codecs);
    struct audio_decoder *d = NULL;
    struct rng r;
    uint8_t p[1500];
    rng_init_u64(&r, 5);
    for (size_t i = 0; i < n_codecs; i++) {
        T_OK(audio_decoder_create(&d, &codec[i]));
        for (int k = 0; k < 400; k++) {
            size_t bytes = rng_below(&r, sizeof p);
            size_t got = 0;
            rng_bytes(&r, p, bytes);
            size_t want = audio_payload_samples(&codec[i], p, bytes);
            T_ALWAYS(want <= codec[i].rate_hz / 1000 * AUDIO_MAX_MS);
            enum ahoy_err err = audio_decode(d, p, bytes, heard, AUDIO_MAX_SAMPLES, &got);
            T_ALWAYS(err == AHOY_ERR_FORMAT || (!err && got == want && want > 0));
            err = recover(d, p, bytes, heard, codec[i].rate_hz / 50);
            T_ALWAYS(!err || err == AHOY_ERR_NOT_FOUND || err == AHOY_ERR_FORMAT);
            (void) audio_dred_reach_ms(d, p, bytes);
            if (want > 10)
                T_ERR(audio_decode(d, p, bytes, heard, want - 1, &got), AHOY_ERR_LIMIT);
        }
        audio_decoder_destroy(d);
        d = NULL;
    }
out:
    audio_decoder_destroy(d);
}

/* ---- Opus -------------------------------------------------------------------------------------------------------- */

static void test_opus_parameters_are_read_and_written(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct buf b;
    buf_init(&b, AUDIO_FMTP_BYTES);
    struct audio_params p = audio_codec_parse_fmtp(
        c, VIEW("maxplaybackrate=16000; StereO=1;useinbandfec=1 ;usedtx=1;maxaveragebitrate=20000; cbr=1;x=y;;=;z"));
    T_EQ(p.max_playback_hz, 16000);
    T_EQ(p.max_average_bps, 20000);
    T_CHECK(p.stereo && p.fec && p.dtx && p.cbr);
    audio_codec_print_fmtp(c, &p, &b);
    T_OK(buf_err(&b));
    T_VIEW(buf_content(&b), "maxplaybackrate=16000;maxaveragebitrate=20000;stereo=1;useinbandfec=1;usedtx=1;cbr=1");
    p = audio_codec_parse_fmtp(c, VIEW("maxplaybackrate=1;maxaveragebitrate=99999999999;useinbandfec=2;cbr=-1;usedtx"));
    T_EQ(p.max_playback_hz, 0);
    T_EQ(p.max_average_bps, 0);
    T_CHECK(!p.stereo && !p.fec && !p.dtx && !p.cbr);
    p = audio_codec_default_params(c);
    T_CHECK(p.fec);
    buf_clear(&b);
    audio_codec_print_fmtp(audio_codec_by_pt(0), &p, &b);
    T_EQ(b.n, 0);
out:
    buf_fini(&b);
}

/* Mean payload bytes of a second of voice under a configuration. */
static enum ahoy_err opus_bytes(const struct audio_encoder_config *cfg, uint32_t bps, size_t *total, size_t *most)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder *e = NULL;
    uint8_t p[1500];
    size_t n;
    enum ahoy_err err = audio_encoder_create(&e, c, cfg);
    *total = *most = 0;
    sound_voice(said, 48000, 48000, 130);
    if (!err && bps > 0)
        audio_encoder_set_bitrate(e, bps);
    for (size_t at = 0; !err && at < 48000; at += 960) {
        err = audio_encode(e, said + at, 960, p, sizeof p, &n);
        if (!err) {
            *total += n;
            *most = AHOY_MAX(*most, n);
        }
    }
    audio_encoder_destroy(e);
    return err;
}

static void test_opus_keeps_to_what_the_peer_asks(struct t *t)
{
    struct audio_encoder_config cfg = { .peer = { .cbr = true } };
    size_t total, most;
    T_OK(opus_bytes(&cfg, 0, &total, &most));
    T_EQ(total, 5250); /* 42 kbit/s for one second, each packet the same */
    T_EQ(most, 105);
    cfg.peer.max_average_bps = 12000;
    T_OK(opus_bytes(&cfg, 0, &total, &most));
    T_EQ(total, 1500);
    T_OK(opus_bytes(&cfg, 64000, &total, &most)); /* no wish of ours goes above the peer's */
    T_EQ(total, 1500);
    cfg.peer.max_average_bps = 0;
    T_OK(opus_bytes(&cfg, 64000, &total, &most));
    T_EQ(total, 8000);
    T_OK(opus_bytes(&cfg, 1, &total, &most));
    T_EQ(total, 750);
out:
    return;
}

static void test_opus_stays_below_the_peers_playback_rate(struct t *t)
{
    static const uint32_t rates[] = { 8000, 16000, 0 };
    static const unsigned most_bandwidth[] = { 0, 8, 12 };
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder *e = NULL;
    sound_noise(said, 48000, 3, -20);
    for (size_t i = 0; i < AHOY_COUNT(rates); i++) {
        struct audio_encoder_config cfg = { .peer = { .max_playback_hz = rates[i] }, .bitrate_bps = 64000 };
        uint8_t p[1500];
        size_t n = 0;
        T_OK(audio_encoder_create(&e, c, &cfg));
        for (size_t at = 0; at < 9600; at += 960)
            T_OK(audio_encode(e, said + at, 960, p, sizeof p, &n));
        T_CHECK(n > 2);
        /* RFC 6716 table 2: configurations 0-3 (16-19) are narrow band, 8-11 (20-23) wide, above that more. */
        unsigned config = p[0] >> 3;
        unsigned width = config < 16 ? config & ~3u : config < 20 ? 0 : config < 24 ? 8 : 12;
        T_EQ(width > most_bandwidth[i], 0);
        T_EQ(width == most_bandwidth[i], 1);
        audio_encoder_destroy(e);
        e = NULL;
    }
out:
    audio_encoder_destroy(e);
}

/* RFC 6716 table 2: with 12 and above something above 8 kHz is coded. */
static void test_opus_codes_no_band_that_the_voice_lacks(struct t *t)
{
    static const double parts[][2] = { { 1000, 3000 }, { 1000, 11000 } };
    const struct audio_encoder_config cfg = { 0 };
    struct audio_encoder *e = NULL;
    for (size_t i = 0; i < AHOY_COUNT(parts); i++) {
        uint8_t p[1500];
        size_t n = 0;
        T_OK(audio_encoder_create(&e, audio_codec_by_name(VIEW("opus")), &cfg));
        sound_sine(said, 48000, 48000, parts[i][0], -20);
        sound_sine(heard, 48000, 48000, parts[i][1], -30);
        mix_add(said, heard, 48000);
        for (size_t at = 0; at < 48000; at += 960)
            T_OK(audio_encode(e, said + at, 960, p, sizeof p, &n));
        T_EQ(p[0] >> 3 >= 12, i);
        audio_encoder_destroy(e);
        e = NULL;
    }
out:
    audio_encoder_destroy(e);
}

static void test_opus_sends_nothing_in_silence_when_the_peer_allows(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder_config cfg = { .peer = { .dtx = true } };
    struct audio_encoder *e = NULL;
    uint8_t p[1500];
    size_t sent[2] = { 0 };
    for (int dtx = 0; dtx < 2; dtx++) {
        cfg.peer.dtx = dtx;
        T_OK(audio_encoder_create(&e, c, &cfg));
        memset(said, 0, sizeof said);
        for (int k = 0; k < 100; k++) {
            size_t n = 0;
            T_OK(audio_encode(e, said, 960, p, sizeof p, &n));
            sent[dtx] += n > 0;
        }
        audio_encoder_destroy(e);
        e = NULL;
    }
    T_EQ(sent[0], 100);
    T_LE(sent[1], 30);
out:
    audio_encoder_destroy(e);
}

enum lost_how { LOST_CONCEAL, LOST_RECOVER };

/* Every tenth frame of speech is lost; returns the mean SNR of what stands in for them. */
static double opus_under_loss(size_t n, enum lost_how how, bool fec, size_t *recovered)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder_config cfg = { .peer = { .fec = fec }, .loss_percent = 15 };
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL, *whole = NULL;
    static int16_t reference[MOST];
    uint8_t p[1500];
    size_t bytes, got;
    double sum = 0;
    int losses = 0;
    bool lost = false;
    *recovered = 0;
    if (audio_encoder_create(&e, c, &cfg) || audio_decoder_create(&d, c) || audio_decoder_create(&whole, c))
        goto out;
    for (size_t k = 0; (k + 1) * 960 <= n; k++) {
        if (audio_encode(e, said + k * 960, 960, p, sizeof p, &bytes)
            || audio_decode(whole, p, bytes, reference + k * 960, 960, &got))
            goto out;
        if (lost) {
            int16_t *gap = heard + (k - 1) * 960;
            bool ok = how == LOST_RECOVER && recover(d, p, bytes, gap, 960) == AHOY_OK;
            *recovered += ok;
            if (!ok && audio_conceal(d, gap, 960))
                goto out;
            sum += score_snr_db(reference + (k - 1) * 960, gap, 960);
            losses++;
        }
        lost = k % 10 == 9;
        if (!lost && audio_decode(d, p, bytes, heard + k * 960, 960, &got))
            goto out;
    }
out:
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    audio_decoder_destroy(whole);
    return losses > 0 ? sum / losses : -99;
}

/* Packets of speech that are told to carry FEC, of those that tell anything. */
static double fec_share(size_t n, bool fec)
{
    struct audio_encoder_config cfg = { .peer = { .fec = fec }, .bitrate_bps = 24000, .loss_percent = 15 };
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder *e = NULL;
    uint8_t p[1500];
    size_t bytes;
    double told = 0, here = 0;
    if (audio_encoder_create(&e, c, &cfg))
        return -1;
    for (size_t k = 0; (k + 1) * 960 <= n && !audio_encode(e, said + k * 960, 960, p, sizeof p, &bytes); k++) {
        enum audio_fec has = audio_payload_fec(c, p, bytes);
        told += has != AUDIO_FEC_UNTOLD;
        here += has == AUDIO_FEC_HERE;
    }
    audio_encoder_destroy(e);
    return told >= 20 ? here / told : -1;
}

static void test_opus_packets_tell_whether_they_carry_fec(struct t *t)
{
    size_t n = sound_speech("Front_Center", 48000, said, MOST);
    T_CHECK(fec_share(n, true) > 0.6);
    T_CHECK(fec_share(n, false) == 0);
    T_EQ(audio_payload_fec(audio_codec_by_name(VIEW("opus")), (const uint8_t *) "\xff", 1), AUDIO_FEC_UNTOLD);
    T_EQ(audio_payload_fec(audio_codec_by_name(VIEW("opus")), (const uint8_t *) "", 0), AUDIO_FEC_UNTOLD);
    T_EQ(audio_payload_fec(audio_codec_by_pt(0), (const uint8_t *) "abc", 3), AUDIO_FEC_ABSENT);
out:
    return;
}

static void test_opus_fec_beats_concealment(struct t *t)
{
    size_t n = sound_speech("Front_Center", 48000, said, MOST);
    size_t recovered = 0;
    T_CHECK(n > 48000);
    double concealed = opus_under_loss(n, LOST_CONCEAL, true, &recovered);
    T_EQ(recovered, 0);
    double fec = opus_under_loss(n, LOST_RECOVER, true, &recovered);
    T_CHECK(recovered >= 4);
    T_CHECK(concealed > -30);
    T_CHECK(fec > concealed + 2);
    (void) opus_under_loss(n, LOST_RECOVER, false, &recovered);
    T_EQ(recovered, 0); /* the peer did not ask for it: nothing is there, and that is noticed */
out:
    return;
}

enum { DRED_LOST = 5, DRED_EVERY = 25 };

/*
 * Five frames in 25 are lost; what stands in for them comes from the deep redundancy of the packet behind, or is
 * concealed. Returns how much of the speech is understood (ESTOI).
 */
static double opus_under_bursts(size_t n, bool dred, size_t *recovered)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_encoder_config cfg = { .bitrate_bps = 40000, .loss_percent = 20 };
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    uint8_t p[1500];
    size_t bytes, got, lost = 0;
    double understood = -1;
    *recovered = 0;
    if (audio_encoder_create(&e, c, &cfg) || audio_decoder_create(&d, c))
        goto out;
    audio_encoder_set_dred(e, dred ? 200 : 0);
    for (size_t k = 0; (k + 1) * 960 <= n; k++) {
        enum audio_recovery how = AUDIO_RECOVERY_FEC;
        if (audio_encode(e, said + k * 960, 960, p, sizeof p, &bytes))
            goto out;
        if (k % DRED_EVERY >= DRED_EVERY - DRED_LOST) {
            lost++;
            continue;
        }
        for (; lost > 0; lost--) {
            int16_t *gap = heard + (k - lost) * 960;
            struct audio_redundancy from = { .p = p, .n = bytes, .ahead = lost * 960 };
            if (audio_recover(d, &from, gap, 960, &how) == AHOY_OK)
                *recovered += how == AUDIO_RECOVERY_DRED;
            else if (audio_conceal(d, gap, 960))
                goto out;
        }
        if (audio_decode(d, p, bytes, heard + k * 960, 960, &got))
            goto out;
    }
    if (score_estoi(said, heard + 312, n - 1920, 48000, &understood)) /* 312: Opus' look-ahead of 6.5 ms */
        understood = -1;
out:
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    return understood;
}

static void test_opus_deep_redundancy_bridges_bursts(struct t *t)
{
    size_t n = sound_speech("Front_Center", 48000, said, MOST), recovered;
    T_CHECK(n > 48000);
    double concealed = opus_under_bursts(n, false, &recovered);
    T_CHECK(concealed > 0);
    T_EQ(recovered, 0); /* none was sent, and that is noticed */
    double deep = opus_under_bursts(n, true, &recovered);
    T_CHECK(deep > 0);
    if (audio_opus_build().dred) {
        T_CHECK(recovered >= 8);
        T_CHECK(deep > concealed + 0.05);
    } else {
        T_EQ(recovered, 0);
    }
out:
    return;
}

/* Copies of a payload need no padding, and decode to the same sound without. */
static void test_opus_padding_is_stripped(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    uint8_t p[] = { 0x08 | 3, 0x41, 4, 0x55, 0x66, 0, 0, 0, 0 }; /* code 3, one frame, 4 bytes of padding */
    T_EQ(audio_payload_strip(c, p, sizeof p), 3);
    T_EQ(p[0], 0x08);
    T_EQ(p[1], 0x55);
    T_EQ(audio_payload_strip(c, (uint8_t[]){ 0x0B }, 1), 1); /* not a packet */
    T_EQ(audio_payload_strip(audio_codec_by_name(VIEW("pcmu")), p, sizeof p), sizeof p);
out:
    return;
}

/*
 * Loses `run` of ten 20 ms frames of `said`; they are concealed, with a look at what follows or without. What comes out
 * is `late` samples behind. Returns how much of the speech is understood (ESTOI).
 */
static double wave_under_loss(const struct audio_codec *c, size_t n, size_t run, size_t late, bool look)
{
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    uint8_t p[100][640];
    size_t bytes[100], got;
    size_t frame = c->rate_hz / 50;
    size_t frames = AHOY_MIN(n / frame, AHOY_COUNT(p));
    double understood = -1;
    if (audio_encoder_create(&e, c, NULL) || audio_decoder_create(&d, c))
        goto out;
    for (size_t k = 0; k < frames; k++)
        if (audio_encode(e, said + k * frame, frame, p[k], sizeof p[k], &bytes[k]))
            goto out;
    for (size_t k = 0; k < frames; k++) {
        int16_t *pcm = heard + k * frame;
        size_t next = k - k % 10 + run;
        bool lost = k > 9 && k % 10 < run && next < frames;
        struct audio_redundancy to = { .p = p[lost ? next : 0], .n = bytes[0], .ahead = lost ? (next - k) * frame : 0 };
        if (!lost && audio_decode(d, p[k], bytes[k], pcm, frame, &got))
            goto out;
        if (lost && (look ? audio_bridge(d, &to, pcm, frame) : audio_conceal(d, pcm, frame)))
            goto out;
    }
    if (score_estoi(said, heard + late, frames * frame - late, c->rate_hz, &understood))
        understood = -1;
out:
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    return understood;
}

static void test_a_look_at_what_follows_beats_concealment(struct t *t)
{
    static const struct {
        const char *name;
        size_t late;
        double one, three; /* frames lost of ten: what is understood at least */
    } codec[] = {
        { "pcmu", 0, 0.95, 0.80 }, { "pcma", 0, 0.95, 0.80 }, { "g722", 22, 0.87, 0.64 }, { "l16", 0, 0.95, 0.78 }
    };
    for (size_t i = 0; i < AHOY_COUNT(codec); i++)
        for (size_t run = 1; run <= 3; run += 2) {
            const struct audio_codec *c = audio_codec_by_name(view_str(codec[i].name));
            size_t n = sound_speech("Front_Center", c->rate_hz, said, MOST);
            T_CHECK(n > c->rate_hz);
            double blind = wave_under_loss(c, n, run, codec[i].late, false);
            T_CHECK(blind > 0);
            double look = wave_under_loss(c, n, run, codec[i].late, true);
            T_CHECK(look > 0);
            if (!t->injecting && getenv("AHOY_TEST_FIGURES"))
                fprintf(stderr, "%s, %zu of 10 lost: ESTOI %.3f with a look at what follows, %.3f without\n",
                        codec[i].name, run, look, blind);
            T_CHECK(look > blind + 0.01);
            T_CHECK(look > (run == 1 ? codec[i].one : codec[i].three));
        }
out:
    return;
}

/* The predictors are led through a loss: the frame behind it is like the sender's at once, and soon the same. */
static void test_g722_comes_out_of_a_loss_as_it_went_in(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("g722"));
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL, *whole = NULL;
    uint8_t p[20][160];
    size_t n, got;
    T_OK(audio_encoder_create(&e, c, NULL));
    T_OK(audio_decoder_create(&d, c));
    T_OK(audio_decoder_create(&whole, c));
    sound_voice(said, 6400, 16000, 150);
    for (size_t k = 0; k < 20; k++) {
        T_OK(audio_encode(e, said + 320 * k, 320, p[k], sizeof p[k], &n));
        T_OK(audio_decode(whole, p[k], n, said + 320 * k, 320, &got));
    }
    for (size_t k = 0; k < 20; k++) {
        struct audio_redundancy to = { .p = p[11], .n = 160, .ahead = 320 };
        if (k == 10)
            T_OK(audio_bridge(d, &to, heard + 320 * k, 320));
        else
            T_OK(audio_decode(d, p[k], 160, heard + 320 * k, 320, &got));
    }
    T_CHECK(score_snr_db(said + 3200, heard + 3200, 320) > 6);
    T_CHECK(score_snr_db(said + 3520, heard + 3520, 320) > 8);
    T_CHECK(score_snr_db(said + 4800, heard + 4800, 640) > 25);
out:
    audio_encoder_destroy(e);
    audio_decoder_destroy(d);
    audio_decoder_destroy(whole);
}

/* A second of vowels of 100 ms, each cut off, 60 ms of silence, and a burst of noise before the next: "ta ta ta". */
static void say_plosives(size_t n)
{
    sound_voice(said, n, 16000, 130);
    for (size_t i = 0; i < n; i++) {
        size_t at = i % 2880;
        if (at < 960)
            said[i] = (int16_t) (i * 7919 % 7 - 3); /* not quite silent */
        else if (at < 1280)
            said[i] = (int16_t) ((int) (i * 40503 % 1201) - 600);
    }
}

static int loudest(const int16_t *x, size_t n)
{
    int most = 0;
    for (size_t i = 0; i < n; i++)
        most = AHOY_MAX(most, abs(x[i]));
    return most;
}

/* Wherever one frame is lost: its decoder's steps are larger than the encoder's then, and must not make a crack of it. */
static void test_g722_does_not_crack_behind_a_loss(struct t *t)
{
    enum { FRAMES = 50, N = FRAMES * 320 };
    static uint8_t coded[FRAMES][160];
    const struct audio_codec *c = audio_codec_by_name(VIEW("g722"));
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    size_t n;
    say_plosives(N);
    T_OK(audio_encoder_create(&e, c, NULL));
    for (size_t i = 0; i < FRAMES; i++)
        T_OK(audio_encode(e, said + 320 * i, 320, coded[i], sizeof coded[i], &n));
    for (size_t lost = 20; lost < FRAMES - 1; lost++) {
        T_OK(audio_decoder_create(&d, c));
        for (size_t i = 0; i < lost + 2; i++) {
            struct audio_redundancy to = { coded[lost + 1], sizeof coded[0], 320 };
            if (i == lost)
                T_OK(audio_bridge(d, &to, heard + 320 * i, 320));
            else
                T_OK(audio_decode(d, coded[i], sizeof coded[i], heard + 320 * i, 320, &n));
        }
        T_LE(loudest(heard + 320 * lost, 640), loudest(said, N) * 4 / 3);
        audio_decoder_destroy(d);
        d = NULL;
    }
out:
    audio_decoder_destroy(d);
    audio_encoder_destroy(e);
}

static void test_bridging_checks_what_it_is_given(struct t *t)
{
    struct audio_decoder *d = NULL;
    uint8_t some[160] = { 0 };
    for (unsigned pt = 0; pt <= 9; pt += 9) { /* PCMU, G.722 */
        audio_decoder_destroy(d);
        d = NULL;
        T_OK(audio_decoder_create(&d, audio_codec_by_pt(pt)));
        struct audio_redundancy to = { .p = some, .n = 0, .ahead = 320 };
        T_ERR(audio_bridge(d, &to, heard, 320), AHOY_ERR_NOT_FOUND);
        to.n = 160;
        T_ERR(audio_bridge(d, &to, heard, 0), AHOY_ERR_RANGE);
        T_ERR(audio_bridge(d, &to, heard, 321), AHOY_ERR_NOT_FOUND); /* it would begin within the lost frame */
        for (size_t bytes = 1; bytes < 160; bytes += 6)
            for (size_t ahead = 1; ahead <= 1920; ahead += 193) {
                to.n = bytes;
                to.ahead = ahead;
                T_OK(audio_bridge(d, &to, heard, (ahead + 1) / 2));
            }
        to.ahead = 1000000;
        T_CHECK(audio_bridge(d, &to, heard, 320) == (pt == 0 ? AHOY_OK : AHOY_ERR_NOT_FOUND));
    }
    audio_decoder_destroy(d);
    d = NULL;
    T_OK(audio_decoder_create(&d, audio_codec_by_name(VIEW("opus"))));
    struct audio_redundancy to = { .p = (const uint8_t *) "\x08\x40\x00", .n = 3, .ahead = 960 };
    T_ERR(audio_bridge(d, &to, heard, 960), AHOY_ERR_NOT_FOUND); /* its library looks ahead by itself */
out:
    audio_decoder_destroy(d);
}

static void test_conceal_and_recover_check_their_lengths(struct t *t)
{
    const struct audio_codec *c = audio_codec_by_name(VIEW("opus"));
    struct audio_decoder *d = NULL;
    T_OK(audio_decoder_create(&d, c));
    T_ERR(audio_conceal(d, heard, 0), AHOY_ERR_RANGE);
    T_ERR(audio_conceal(d, heard, 961), AHOY_ERR_RANGE);
    T_ERR(audio_conceal(d, heard, AUDIO_MAX_SAMPLES + 120), AHOY_ERR_RANGE);
    T_OK(audio_conceal(d, heard, 960));
    T_OK(audio_conceal(d, heard, AUDIO_MAX_SAMPLES));
    T_ERR(recover(d, (const uint8_t *) "\x08\x40\x00", 3, heard, 961), AHOY_ERR_RANGE);
    audio_decoder_destroy(d);
    d = NULL;
    T_OK(audio_decoder_create(&d, audio_codec_by_pt(0)));
    T_ERR(recover(d, (const uint8_t *) "abc", 3, heard, 160), AHOY_ERR_NOT_FOUND);
out:
    audio_decoder_destroy(d);
}

T_MAIN(T_STRIDE(test_every_codec_carries_a_voice_at_every_ptime, 41), /* 130 allocations in a second each run */
       T(test_ptimes_are_those_of_the_codec), T(test_codecs_are_found_as_sdp_names_them),
       T(test_pcma_is_g711_for_every_value), T(test_pcmu_is_g711_for_every_value), T(test_g722_is_exact_to_the_bit),
       T(test_g722_passes_both_bands), T(test_l16_is_network_order),
       T(test_encode_refuses_frames_and_rooms_that_do_not_fit), T(test_decoders_bear_noise),
       T(test_opus_parameters_are_read_and_written), T(test_opus_keeps_to_what_the_peer_asks),
       T(test_opus_stays_below_the_peers_playback_rate), T(test_opus_codes_no_band_that_the_voice_lacks),
       T(test_opus_sends_nothing_in_silence_when_the_peer_allows), T(test_opus_packets_tell_whether_they_carry_fec),
       T(test_opus_fec_beats_concealment), T(test_opus_deep_redundancy_bridges_bursts),
       T(test_opus_padding_is_stripped), T_STRIDE(test_a_look_at_what_follows_beats_concealment, 7),
       T(test_g722_comes_out_of_a_loss_as_it_went_in), T(test_g722_does_not_crack_behind_a_loss),
       T(test_bridging_checks_what_it_is_given), T(test_conceal_and_recover_check_their_lengths))
