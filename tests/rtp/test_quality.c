#include "rtp/quality.h"

#include "support/t.h"

/* The example of RFC 3611 section 4.7.2: 64 packets of 10 ms. */
static void test_burst_metrics_match_the_example_of_rfc_3611(struct t *t)
{
    static const char pattern[] = "11110111111111111111111X111X1011110111111111111111111X111111111";
    struct quality_bursts b = { 0 };
    struct rtcp_voip v;
    rtcp_voip_init(&v, 1);
    for (size_t i = 0; pattern[i] != '\0'; i++)
        quality_count(&b, pattern[i] == '1' ? QUALITY_RECEIVED : pattern[i] == '0' ? QUALITY_LOST : QUALITY_DISCARDED);
    quality_fill_voip(&b, 10, &v);
    T_EQ(v.burst_ms, 120);
    T_EQ(v.burst_density, 85); /* 4 of 12; the RFC prints 84, by 0.33 */
    T_NEAR(v.gap_ms, 520, 10); /* the RFC counts 64 packets, its pattern has 63 */
    T_EQ(v.gap_density, 10);
    T_EQ(v.loss_rate, 12);
    T_EQ(v.discard_rate, 12);
    T_EQ(v.gmin, 16);
    T_NEAR(quality_mean_run(&b), 1, 1e-9);
out:
    return;
}

static void test_a_clean_stream_has_no_bursts(struct t *t)
{
    struct quality_bursts b = { 0 };
    struct rtcp_voip v;
    rtcp_voip_init(&v, 1);
    quality_fill_voip(&b, 20, &v);
    T_EQ(v.burst_ms, 0);
    T_EQ(v.gap_ms, 0);
    for (int i = 0; i < 1000; i++)
        quality_count(&b, QUALITY_RECEIVED);
    quality_fill_voip(&b, 20, &v);
    T_EQ(v.burst_ms, 0);
    T_EQ(v.gap_ms, 20000);
    for (int i = 0; i < 10; i++)
        quality_count(&b, QUALITY_LOST);
    quality_fill_voip(&b, 20, &v);
    T_EQ(v.burst_ms, 200);
    T_EQ(v.burst_density, 255);
    T_EQ(v.gap_density, 0);
    T_NEAR(quality_mean_run(&b), 10, 1e-9);
out:
    return;
}

T_MAIN(T(test_burst_metrics_match_the_example_of_rfc_3611), T(test_a_clean_stream_has_no_bursts))
