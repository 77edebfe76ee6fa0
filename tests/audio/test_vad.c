#include "audio/vad.h"

#include "audio/mix.h"
#include "support/t.h"
#include "support_sound.h"

static int16_t pcm[16000 * 5], noise[16000 * 5];

/* Share of frames of 20 ms in [from, to) ms that count as voice. */
static double share(struct vad *v, size_t from, size_t to)
{
    size_t active = 0;
    for (size_t at = from * 16; at < to * 16; at += 320)
        active += vad_run(v, pcm + at, 320);
    return (double) active / ((double) (to - from) / 20);
}

static void test_speech_is_told_from_its_background(struct t *t)
{
    static const double floors[] = { -80, -60, -45 };
    for (size_t i = 0; i < AHOY_COUNT(floors); i++) {
        struct vad v;
        vad_init(&v, 16000);
        sound_noise(noise, 80000, i + 1, floors[i]);
        memset(pcm, 0, sizeof pcm);
        sound_voice(pcm + 48000, 16000, 16000, 130);
        mix_add(pcm, noise, 80000);
        (void) share(&v, 0, 2000);
        T_EQ(share(&v, 2000, 3000), 0);
        T_CHECK(share(&v, 3000, 4000) > 0.95);
        T_NEAR(share(&v, 4000, 5000), 0.2, 0.05); /* 200 ms of hangover */
    }
out:
    return;
}

static void test_a_louder_background_becomes_the_floor(struct t *t)
{
    struct vad v;
    vad_init(&v, 16000);
    sound_noise(pcm, 64000, 5, -65);
    (void) share(&v, 0, 4000);
    sound_noise(pcm, 64000, 6, -42);
    T_CHECK(vad_run(&v, pcm, 320));
    (void) share(&v, 0, 4000);
    T_EQ(share(&v, 0, 1000), 0);
    memset(pcm, 0, sizeof pcm);
    T_CHECK(!vad_run(&v, pcm, 320));
    T_EQ(v.level_dbfs, MIX_SILENCE_DBFS);
out:
    return;
}

T_MAIN(T(test_speech_is_told_from_its_background), T(test_a_louder_background_becomes_the_floor))
