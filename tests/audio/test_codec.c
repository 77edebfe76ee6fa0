/* What holds for every codec: names, frame lengths, a voice that comes through, and whatever a peer sends. */
#include "audio/codec.h"

#include "audio/score.h"
#include "base/rng.h"
#include "support/t.h"
#include "support_codec.h"
#include "support_sound.h"

enum { MOST = 48000 };

static int16_t said[MOST], heard[MOST];

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
            T_OK(codec_round_trip(c, ptime, said, heard, n));
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
            T_ALWAYS(want <= codec[i].rate_hz / 1000 * (codec[i].ops->recover ? AUDIO_MAX_MS : AUDIO_LONG_MS));
            T_ALWAYS(want <= AUDIO_MAX_SAMPLES);
            enum ahoy_err err = audio_decode(d, p, bytes, heard, AUDIO_MAX_SAMPLES, &got);
            T_ALWAYS(err == AHOY_ERR_FORMAT || (!err && got == want && want > 0));
            err = codec_recover(d, p, bytes, heard, codec[i].rate_hz / 50);
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
    T_ERR(codec_recover(d, (const uint8_t *) "\x08\x40\x00", 3, heard, 961), AHOY_ERR_RANGE);
    audio_decoder_destroy(d);
    d = NULL;
    T_OK(audio_decoder_create(&d, audio_codec_by_pt(0)));
    T_ERR(codec_recover(d, (const uint8_t *) "abc", 3, heard, 160), AHOY_ERR_NOT_FOUND);
out:
    audio_decoder_destroy(d);
}

T_MAIN(T_STRIDE(test_every_codec_carries_a_voice_at_every_ptime, 41), /* 130 allocations in a second each run */
       T(test_ptimes_are_those_of_the_codec), T(test_codecs_are_found_as_sdp_names_them), T(test_l16_is_network_order),
       T(test_encode_refuses_frames_and_rooms_that_do_not_fit), T(test_decoders_bear_noise),
       T(test_conceal_and_recover_check_their_lengths))
