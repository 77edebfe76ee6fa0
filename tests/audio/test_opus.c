/* Opus: what the peer asks for, FEC, deep redundancy. */
#include "audio/codec.h"
#include "audio/mix.h"
#include "audio/score.h"
#include "support/t.h"
#include "support_codec.h"
#include "support_sound.h"

#include <string.h>

enum { MOST = 48000 * 2 };

static int16_t said[MOST], heard[MOST];

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

/* RFC 6716 table 2: 16 and above are coded without a model of speech. Share of the second second's packets. */
static double share_of_music(struct audio_encoder *e)
{
    uint8_t p[1500];
    size_t n, music = 0;
    for (size_t at = 0; at < MOST; at += 960)
        if (audio_encode(e, said + at, 960, p, sizeof p, &n) == AHOY_OK)
            music += at >= MOST / 2 && p[0] >> 3 >= 16;
    return (double) music / (MOST / 2 / 960);
}

static void test_opus_knows_music_when_it_may_be_some(struct t *t)
{
    const struct audio_encoder_config cfg = { .complexity = 5 };
    static const double chord[] = { 262, 330, 392, 523, 1047, 2093, 9000 };
    struct audio_encoder *e = NULL;
    T_OK(audio_encoder_create(&e, audio_codec_by_name(VIEW("opus")), &cfg));
    memset(said, 0, sizeof said);
    for (size_t i = 0; i < AHOY_COUNT(chord); i++) {
        sound_sine(heard, MOST, 48000, chord[i], i < 6 ? -26 : -50);
        mix_add(said, heard, MOST);
    }
    T_CHECK(share_of_music(e) == 0); /* it is not asked */
    audio_encoder_set_content(e, AUDIO_CONTENT_ANY);
    T_CHECK(share_of_music(e) > 0.9);
    audio_encoder_set_complexity(e, 2); /* no time to find out */
    T_CHECK(share_of_music(e) < 0.1);
    audio_encoder_set_complexity(e, 5);
    T_CHECK(share_of_music(e) > 0.5);
    audio_encoder_set_content(e, AUDIO_CONTENT_VOICE);
    T_CHECK(share_of_music(e) == 0);
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
            bool ok = how == LOST_RECOVER && codec_recover(d, p, bytes, gap, 960) == AHOY_OK;
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

T_MAIN(T(test_opus_parameters_are_read_and_written), T(test_opus_keeps_to_what_the_peer_asks),
       T(test_opus_stays_below_the_peers_playback_rate), T(test_opus_codes_no_band_that_the_voice_lacks),
       T_PLAIN(test_opus_knows_music_when_it_may_be_some), T(test_opus_sends_nothing_in_silence_when_the_peer_allows),
       T(test_opus_packets_tell_whether_they_carry_fec), T(test_opus_fec_beats_concealment),
       T(test_opus_deep_redundancy_bridges_bursts), T(test_opus_padding_is_stripped))
