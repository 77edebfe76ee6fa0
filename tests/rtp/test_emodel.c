#include "rtp/emodel.h"

#include "support/t.h"

#include <math.h>

static struct emodel_score score(const char *codec, double delay_ms, double loss, double burst_ratio)
{
    struct emodel_input in = {
        .codec = emodel_codec(view_str(codec), 0, 0), .delay_ms = delay_ms, .loss = loss, .burst_ratio = burst_ratio
    };
    struct emodel_score s;
    emodel_score(&in, &s);
    return s;
}

/*
 * ITU-T G.107's default rating is 93.2 (section 7.7), its annex B says MOS 4.41 to that. The other figures are those of the
 * open implementation of G.107 (06/2015) in bgrewell/loom, which computes all intermediate values from the 20 parameters:
 * delay alone (100, 150, 250 ms), loss alone (1 and 5 %), and with bursts.
 */
static void test_narrowband_is_that_of_g107(struct t *t)
{
    static const struct {
        double delay_ms, loss, burst, r, mos;
    } known[] = {
        { 0, 0, 1, 93.206208, 4.409406 },         { 100, 0, 1, 90.663730, 4.354920 },
        { 150, 0, 1, 89.539132, 4.327546 },       { 250, 0, 1, 79.177101, 3.992519 },
        { 0, 0.01, 1, 89.566361, 4.328232 },      { 0, 0.05, 1, 77.425477, 3.923091 },
        { 0, 0.05, 2, 93.206208 - 17.210145, 0 },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        struct emodel_score s = score("PCMU", known[i].delay_ms, known[i].loss, known[i].burst);
        T_NEAR(s.r, known[i].r, 1e-3);
        if (known[i].mos > 0)
            T_NEAR(s.mos_cq, known[i].mos, 1e-4);
    }
    T_NEAR(score("PCMU", 400, 0, 1).mos_lq, 4.409406, 1e-4); /* listening does not mind delay */
    /* G.729A: Ie 11, Bpl 19, at 2 % exactly 19 (G.113 appendix I). */
    struct emodel_input in = { .codec = { .form = EMODEL_NARROWBAND, .ie = 11, .bpl = 19 },
                               .loss = 0.02,
                               .burst_ratio = 1 };
    struct emodel_score s;
    emodel_score(&in, &s);
    T_NEAR(s.r, 74.206208, 1e-3);
    T_NEAR(s.mos_cq, 3.787558, 1e-4);
out:
    return;
}

/* G.107 annex B, table B.1. */
static void test_mos_is_that_of_annex_b(struct t *t)
{
    T_NEAR(emodel_mos(50), 2.575, 1e-9);
    T_NEAR(emodel_mos(60), 3.1, 1e-9);
    T_NEAR(emodel_mos(70), 3.597, 1e-9);
    T_NEAR(emodel_mos(80), 4.024, 1e-9);
    T_NEAR(emodel_mos(90), 4.339, 1e-9);
    T_NEAR(emodel_mos(93.2), 4.409286, 1e-6);
    T_NEAR(emodel_mos(0), 1, 0);
    T_NEAR(emodel_mos(3), 1, 0); /* where the polynomial falls below 1 */
    T_NEAR(emodel_mos(-4), 1, 0);
    T_NEAR(emodel_mos(100), 4.5, 0);
    T_NEAR(emodel_mos(129), 4.5, 0);
out:
    return;
}

/*
 * G.107.1: 129 but for the listener echo of the default values; delay weighs 1.29. Listener echo and delay as in
 * bgrewell/loom, MOS of AMR-WB (G.113 tables IV.1, IV.3, IV.4) as in sipnab, talker echo by hand from G.1070's form of it.
 */
static void test_wideband_is_that_of_g107_1(struct t *t)
{
    struct emodel_input in = { .codec = { .form = EMODEL_WIDEBAND, .bpl = 4.3 }, .burst_ratio = 1 };
    struct emodel_score s;
    emodel_score(&in, &s);
    T_NEAR(s.r, 128.846315, 1e-4);
    T_NEAR(s.mos_cq, 4.499152, 1e-5);
    in.delay_ms = 150; /* listener echo 1.012266, delay 0.210955 */
    double terv = 65 + 18 - 40 * log10(16.0 / 2), half = (129 - (80 + 3 * (terv - 14))) / 2;
    emodel_score(&in, &s);
    T_NEAR(s.r, 129 - 1.012266 - 0.210955 - (half + sqrt(half * half + 100) - 1), 1e-4);
    in.delay_ms = 50; /* the masking grows up to 100 ms; listener echo 0.652075 */
    terv = 65 + 14 - 40 * log10(6 / (4.0 / 3)), half = (129 - (80 + 3 * (terv - 14))) / 2;
    emodel_score(&in, &s);
    T_NEAR(s.r, 129 - 0.652075 - (half + sqrt(half * half + 100) - 1), 1e-4);
    /* AMR-WB at 12.65 kbit/s, two ears, 2 %: 3.4062 without the listener echo. */
    T_NEAR(emodel_mos((129 - (20 + 75 * 2 / 6.3)) / 1.29), 3.4062, 1e-3);
    in = (struct emodel_input){ .codec = { .form = EMODEL_WIDEBAND, .ie = 20, .bpl = 4.3 }, .loss = 0.02 };
    emodel_score(&in, &s);
    T_NEAR(s.mos_cq, 3.4062, 0.006);
    T_NEAR(score("G722", 0, 0, 1).r, 128.846315 - 13, 1e-4);
    T_NEAR(score("G722", 0, 0, 1).r_100, (128.846315 - 13) / 1.29, 1e-4);
out:
    return;
}

/* G.107.2: 148, 132, delay weighs 1.48, no listener echo. EVS at 24.4 kbit/s: G.113 table V.1. */
static void test_full_band_is_that_of_g107_2(struct t *t)
{
    struct emodel_input in = { .codec = { .form = EMODEL_FULLBAND, .ie = 7.2, .bpl = 11.4 }, .burst_ratio = 1 };
    struct emodel_score s, later;
    emodel_score(&in, &s);
    T_NEAR(s.r, 148 - 7.2, 1e-9);
    T_NEAR(s.mos_cq, emodel_mos(140.8 / 1.48), 1e-9);
    in.loss = 0.05;
    emodel_score(&in, &s);
    T_NEAR(s.r, 148 - 7.2 - 124.8 * 5 / 16.4, 1e-9);
    in.loss = 0;
    in.delay_ms = 200; /* 3.044414 on the narrowband scale */
    in.telr_db = 110;  /* no echo to speak of */
    emodel_score(&in, &later);
    T_NEAR(later.r, 148 - 7.2 - 1.48 * 3.044414, 0.2);
    T_STR(emodel_name(EMODEL_FULLBAND), "G.107.2");
out:
    return;
}

static void test_more_harm_never_sounds_better(struct t *t)
{
    static const char *const codecs[] = { "PCMU", "G722", "opus", "L16", "unheard-of" };
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

/* Opus by its bitrate: better with more, without a step between its bands, and never beyond the table. */
static void test_opus_is_rated_by_its_bitrate(struct t *t)
{
    double before = 1e9;
    for (double bps = 2000; bps < 200000; bps += 500) {
        struct emodel_codec c = emodel_codec(VIEW("opus"), 48000, bps);
        T_EQ(c.form, EMODEL_FULLBAND);
        T_CHECK(c.ie <= before && before - c.ie < (before > 1000 ? 1e9 : 6));
        T_CHECK(c.bpl >= 9 && c.bpl <= 24);
        before = c.ie;
    }
    T_NEAR(emodel_codec(VIEW("OPUS"), 48000, 2000).ie, 78, 1e-9);
    T_NEAR(emodel_codec(VIEW("opus"), 48000, 16000).ie, 30, 1e-9);
    T_NEAR(emodel_codec(VIEW("opus"), 48000, 64000).ie, 10.7, 1e-9);
    T_NEAR(emodel_codec(VIEW("opus"), 48000, 0).ie, emodel_codec(VIEW("opus"), 48000, 32000).ie, 0.3);
    T_NEAR(emodel_codec(VIEW("PCMU"), 8000, 12000).ie, 0, 0);
out:
    return;
}

static void test_codecs_have_their_bands_form(struct t *t)
{
    T_EQ(emodel_codec(VIEW("L16"), 8000, 0).form, EMODEL_NARROWBAND);
    T_EQ(emodel_codec(VIEW("l16"), 16000, 0).form, EMODEL_WIDEBAND);
    T_EQ(emodel_codec(VIEW("L16"), 32000, 0).form, EMODEL_FULLBAND);
    T_EQ(emodel_codec(VIEW("L16"), 48000, 0).form, EMODEL_FULLBAND);
    T_EQ(emodel_codec(VIEW("X-unheard-of"), 48000, 0).form, EMODEL_NARROWBAND);
    /* Echo counts once it is loud, for who talks and not for who listens. */
    static const char *const codecs[] = { "PCMA", "G722", "opus" };
    for (size_t c = 0; c < AHOY_COUNT(codecs); c++) {
        struct emodel_input in = { .codec = emodel_codec(view_str(codecs[c]), 0, 0),
                                   .delay_ms = 150,
                                   .burst_ratio = 1 };
        struct emodel_score quiet, loud;
        emodel_score(&in, &quiet);
        in.telr_db = 30;
        emodel_score(&in, &loud);
        T_CHECK(loud.mos_cq < quiet.mos_cq - 0.5);
        T_NEAR(loud.mos_lq, quiet.mos_lq, 1e-9);
    }
out:
    return;
}

T_MAIN(T(test_narrowband_is_that_of_g107), T(test_mos_is_that_of_annex_b), T(test_wideband_is_that_of_g107_1),
       T(test_full_band_is_that_of_g107_2), T(test_more_harm_never_sounds_better), T(test_opus_is_rated_by_its_bitrate),
       T(test_codecs_have_their_bands_form))
