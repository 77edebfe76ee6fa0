/* G.722: to the bit, and behind a loss. */
#include "audio/codec.h"
#include "audio/score.h"
#include "base/rng.h"
#include "support/t.h"
#include "support_codec.h"
#include "support_sound.h"

#include <stdlib.h>

enum { MOST = 16000 * 2 };

static int16_t said[MOST], heard[MOST];

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
        T_OK(codec_round_trip(c, 20, said, heard, 16000));
        /* Six bits below 4 kHz, two above. */
        T_CHECK(sound_purity_db(heard + 1600, 12800, 16000, tones[i]) > (tones[i] < 4000 ? 25 : 10));
        T_NEAR(sound_part_dbfs(heard + 1600, 12800, 16000, tones[i]), -12, 1);
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

T_MAIN(T(test_g722_is_exact_to_the_bit), T(test_g722_passes_both_bands), T(test_g722_comes_out_of_a_loss_as_it_went_in),
       T(test_g722_does_not_crack_behind_a_loss))
