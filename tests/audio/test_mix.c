#include "audio/mix.h"

#include "support/t.h"
#include "support_sound.h"

#include <stdlib.h>

static void test_sums_saturate(struct t *t)
{
    int16_t a[4] = { 30000, -30000, 100, -1 };
    const int16_t b[4] = { 30000, -30000, 23, 1 };
    mix_add(a, b, 4);
    T_EQ(a[0], 32767);
    T_EQ(a[1], -32768);
    T_EQ(a[2], 123);
    T_EQ(a[3], 0);
out:
    return;
}

static void test_a_conference_hears_all_but_itself(struct t *t)
{
    const int16_t who[3][2] = { { 20000, 1 }, { 20000, 2 }, { 20000, 4 } };
    int32_t acc[2] = { 0 };
    int16_t out_pcm[2];
    for (int i = 0; i < 3; i++)
        mix_sum(acc, who[i], 2);
    mix_take(out_pcm, acc, who[1], 2);
    T_EQ(out_pcm[0], 32767); /* 40000: the sum is kept at full width until here */
    T_EQ(out_pcm[1], 5);
    mix_take(out_pcm, acc, NULL, 2);
    T_EQ(out_pcm[1], 7);
out:
    return;
}

static void test_gain_glides_to_its_target(struct t *t)
{
    int16_t pcm[480];
    struct mix_gain g;
    mix_gain_init(&g, 0);
    for (int i = 0; i < 480; i++)
        pcm[i] = 10000;
    mix_gain_run(&g, pcm, 480);
    T_EQ(pcm[0], 10000);
    mix_gain_set(&g, -6.0206);
    mix_gain_run(&g, pcm, 480);
    T_CHECK(pcm[0] > 9980);
    T_NEAR(pcm[479], 5000, 2);
    for (int i = 1; i < 480; i++)
        T_LE(abs(pcm[i] - pcm[i - 1]), 12);
    mix_gain_set(&g, MIX_SILENCE_DBFS);
    mix_gain_run(&g, pcm, 480);
    T_EQ(pcm[479], 0);
    mix_gain_init(&g, 20);
    for (int i = 0; i < 480; i++)
        pcm[i] = (int16_t) (i % 2 ? 10000 : -10000);
    mix_gain_run(&g, pcm, 480);
    T_EQ(pcm[0], -32768);
    T_EQ(pcm[1], 32767);
out:
    return;
}

static void test_meters_show_dbfs(struct t *t)
{
    static int16_t pcm[16000];
    struct mix_meter m;
    sound_sine(pcm, 16000, 16000, 1000, -20);
    T_NEAR(mix_level_dbfs(pcm, 16000), -20, 0.01);
    T_EQ(mix_level_dbfs(pcm, 0), MIX_SILENCE_DBFS);
    mix_meter_init(&m, 16000);
    T_EQ(mix_meter_dbfs(&m), MIX_SILENCE_DBFS);
    for (int i = 0; i < 50; i++)
        mix_meter_put(&m, pcm + i * 320, 320);
    T_NEAR(mix_meter_dbfs(&m), -20, 0.1);
    T_NEAR(mix_meter_peak_dbfs(&m), -17, 0.1);
    memset(pcm, 0, sizeof pcm);
    mix_meter_put(&m, pcm, 8000); /* half a second later */
    T_NEAR(mix_meter_dbfs(&m), -37.4, 0.5);
    T_NEAR(mix_meter_peak_dbfs(&m), -27, 0.1);
out:
    return;
}

T_MAIN(T(test_sums_saturate), T(test_a_conference_hears_all_but_itself), T(test_gain_glides_to_its_target),
       T(test_meters_show_dbfs))
