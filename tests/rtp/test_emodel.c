#include "rtp/emodel.h"

#include "support/t.h"

static struct emodel_score score(const char *codec, double delay_ms, double loss, double burst_ratio)
{
    struct emodel_input in = {
        .codec = emodel_codec(view_str(codec), 0), .delay_ms = delay_ms, .loss = loss, .burst_ratio = burst_ratio
    };
    struct emodel_score s;
    emodel_score(&in, &s);
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
    T_NEAR(emodel_mos(93.2), 4.41, 0.005);
    T_NEAR(emodel_mos(70), 3.60, 0.005);
    T_NEAR(emodel_mos(50), 2.58, 0.005);
    T_NEAR(emodel_mos(-4), 1, 0);
    T_NEAR(emodel_mos(120), 4.5, 0);
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
    T_NEAR(emodel_burst_ratio(0.1, 3), 2.7, 1e-9);
    T_NEAR(emodel_burst_ratio(0.1, 1), 1, 1e-9);
out:
    return;
}

/* Each form by hand: its best rating, its constant against loss, its scale of 100. */
static void test_each_form_has_its_own_scale(struct t *t)
{
    T_NEAR(score("G722", 0, 0, 1).r, 129 - 13, 1e-9);
    T_NEAR(score("G722", 0, 0, 1).r_100, (129 - 13) / 1.29, 1e-9);
    T_NEAR(score("G722", 0, 0.05, 1).r, 129 - 13 - 82 * 5 / 30.1, 1e-9);
    T_NEAR(score("opus", 0, 0, 1).r, 148 - 18, 1e-9);
    T_NEAR(score("opus", 0, 0.1, 1).r, 148 - 18 - 114 * 10 / 24.0, 1e-9);
    T_NEAR(score("opus", 0, 0, 1).mos_lq, emodel_mos(130 / 1.48), 1e-9);
    T_EQ(emodel_codec(VIEW("L16"), 8000)->form, EMODEL_NARROWBAND);
    T_EQ(emodel_codec(VIEW("l16"), 16000)->form, EMODEL_WIDEBAND);
    T_EQ(emodel_codec(VIEW("L16"), 48000)->form, EMODEL_FULLBAND);
    T_STR(emodel_name(EMODEL_FULLBAND), "G.107.2");
    /* A second's delay takes the same share of each scale or more, and echo counts once it is loud. */
    struct emodel_input in = { .codec = emodel_codec(VIEW("opus"), 48000), .delay_ms = 150, .burst_ratio = 1 };
    struct emodel_score quiet, loud;
    emodel_score(&in, &quiet);
    in.telr_db = 35;
    emodel_score(&in, &loud);
    T_CHECK(loud.mos_cq < quiet.mos_cq - 0.5);
    T_NEAR(loud.mos_lq, quiet.mos_lq, 1e-9);
out:
    return;
}

T_MAIN(T(test_r_is_the_default_of_g107), T(test_loss_costs_what_the_formula_says),
       T(test_more_harm_never_sounds_better), T(test_each_form_has_its_own_scale))
