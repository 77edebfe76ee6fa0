#include "rtp/quality.h"

#include "support/t.h"

static struct quality_score score(const char *codec, double delay_ms, double loss, double burst_ratio)
{
    struct quality_input in = {
        .codec = quality_codec(view_str(codec)), .delay_ms = delay_ms, .loss = loss, .burst_ratio = burst_ratio
    };
    struct quality_score s;
    quality_score(&in, &s);
    return s;
}

/* ITU-T G.107: default values give R = 93.2 and MOS = 4.41; its figure of R over delay falls to about 62 at 400 ms. */
static void test_r_is_the_default_of_g107(struct t *t)
{
    T_NEAR(score("PCMU", 0, 0, 1).r, 93.2, 0.05);
    T_NEAR(score("PCMU", 0, 0, 1).mos_cq, 4.41, 0.01);
    T_NEAR(score("PCMU", 100, 0, 1).r, 91, 1);
    T_NEAR(score("PCMU", 400, 0, 1).r, 62, 2);
    T_NEAR(score("PCMU", 400, 0, 1).mos_lq, 4.41, 0.01); /* listening does not mind delay */
    T_NEAR(quality_mos(93.2), 4.41, 0.005);
    T_NEAR(quality_mos(70), 3.60, 0.005);
    T_NEAR(quality_mos(50), 2.58, 0.005);
    T_NEAR(quality_mos(-4), 1, 0);
    T_NEAR(quality_mos(120), 4.5, 0);
out:
    return;
}

/* G.107 (7-29) by hand: Ie 0, Bpl 25.1, 5 % random loss: 95 * 5 / 30.1 = 15.78. */
static void test_loss_costs_what_the_formula_says(struct t *t)
{
    T_NEAR(score("PCMU", 0, 0.05, 1).r, 93.2 - 15.78, 0.05);
    T_NEAR(score("PCMU", 0, 0.05, 2).r, 93.2 - 95 * 5 / (2.5 + 25.1), 0.05);
    T_NEAR(score("G729", 0, 0, 1).r, 93.2 - 11, 0.05);
out:
    return;
}

static void test_more_harm_never_sounds_better(struct t *t)
{
    static const char *const codecs[] = { "PCMU", "G722", "opus", "unheard-of" };
    for (size_t c = 0; c < AHOY_COUNT(codecs); c++) {
        double before = 5;
        for (double loss = 0; loss <= 1; loss += 0.01) {
            double mos = score(codecs[c], 50, loss, 1).mos_cq;
            T_CHECK(mos >= 1 && mos <= 4.5 && mos <= before + 1e-9);
            before = mos;
        }
        before = 5;
        for (double delay = 0; delay < 3000; delay += 10) {
            double mos = score(codecs[c], delay, 0, 1).mos_cq;
            T_CHECK(mos >= 1 && mos <= before + 1e-6);
            before = mos;
        }
    }
    T_CHECK(score("opus", 50, 0, 1).mos_cq > score("PCMU", 50, 0, 1).mos_cq - 0.2);
    T_CHECK(score("PCMU", -5, -1, -1).mos_cq > 4.4); /* nonsense is clamped */
    T_NEAR(quality_burst_ratio(0.1, 3), 2.7, 1e-9);
    T_NEAR(quality_burst_ratio(0.1, 1), 1, 1e-9);
out:
    return;
}

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

T_MAIN(T(test_r_is_the_default_of_g107), T(test_loss_costs_what_the_formula_says),
       T(test_more_harm_never_sounds_better), T(test_burst_metrics_match_the_example_of_rfc_3611),
       T(test_a_clean_stream_has_no_bursts))
