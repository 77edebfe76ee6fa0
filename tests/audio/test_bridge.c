/* Concealment that sees what comes behind the gap (audio_bridge), for the codecs that code the wave. */
#include "audio/codec.h"
#include "audio/score.h"
#include "support/t.h"
#include "support_sound.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 48000 * 2 };

static int16_t said[MOST], heard[MOST];

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

T_MAIN(T_STRIDE(test_a_look_at_what_follows_beats_concealment, 7), T(test_bridging_checks_what_it_is_given))
