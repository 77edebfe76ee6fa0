/* The limiter of sums: exact below its peak, smooth above it. */
#include "audio/limit.h"

#include "support/t.h"

#include <stdlib.h>

enum { N = 4800 };

static int32_t sum[N];
static int16_t out_pcm[N];

static void test_quiet_sums_pass_bit_by_bit(struct t *t)
{
    struct limit l;
    limit_init(&l);
    for (int i = 0; i < N; i++)
        sum[i] = (i * 37) % (2 * LIMIT_PEAK + 1) - LIMIT_PEAK;
    limit_run(&l, sum, out_pcm, N, 48000);
    for (int i = 0; i < N; i++)
        T_EQ(out_pcm[i], sum[i]);
out:;
}

/* Three at full scale: nothing beyond the peak, and no step that the sum did not have. */
static void test_loud_sums_are_turned_down_without_a_step(struct t *t)
{
    struct limit l;
    int step = 0, sum_step = 0, most = 0;
    limit_init(&l);
    for (int i = 0; i < N; i++)
        sum[i] = (int32_t) lrint(98000 * sin(i * 0.02) * (i < 1000 ? 0.2 : 1));
    limit_run(&l, sum, out_pcm, N, 48000);
    for (int i = 1; i < N; i++) {
        step = AHOY_MAX(step, abs(out_pcm[i] - out_pcm[i - 1]));
        sum_step = AHOY_MAX(sum_step, abs(sum[i] - sum[i - 1]));
        most = AHOY_MAX(most, abs(out_pcm[i]));
    }
    T_LE(most, LIMIT_PEAK);
    T_LE(LIMIT_PEAK - 400, most);
    T_LE(step, sum_step);
out:;
}

static void test_the_gain_comes_back(struct t *t)
{
    struct limit l;
    limit_init(&l);
    for (int i = 0; i < N; i++)
        sum[i] = i < 480 ? 64000 : 1000;
    limit_run(&l, sum, out_pcm, N, 48000);
    T_NEAR(l.gain, 0.5 + (N - 480) / 9600.0, 0.02);
    limit_run(&l, sum + 480, out_pcm, N - 480, 48000);
    limit_run(&l, sum + 480, out_pcm, N - 480, 48000);
    T_CHECK(l.gain >= 1);
    T_EQ(out_pcm[N - 481], 1000);
out:;
}

T_MAIN(T(test_quiet_sums_pass_bit_by_bit), T(test_loud_sums_are_turned_down_without_a_step),
       T(test_the_gain_comes_back))
