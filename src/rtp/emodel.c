#include "rtp/emodel.h"

#include <math.h>

static double clamp(double x, double min, double max)
{
    return x < min ? min : x > max ? max : x;
}

/* ---- codecs ------------------------------------------------------------------------------------------------------ */

/*
 * G.711 with concealment: ITU-T G.113 appendix I, tables I.1 and I.2. G.722 at 64 kbit/s: Ie,WB of its appendix IV; it has
 * no Bpl there, so it gets that of AMR-WB in table IV.4 (4.3 to 4.9), which is the only wideband one. L16 has no impairment
 * of its own; its Bpl is of its band: for full band that of EVS (appendix V, 9.3 to 13). Opus: see below. Look-ahead: Opus
 * RFC 6716 section 2.1.4 with its resampler, G.722 the two quadrature filters.
 */
static const struct {
    const char *name;
    uint32_t rate_hz; /* 0: any */
    struct emodel_codec codec;
} codecs[] = {
    { "PCMU", 0, { EMODEL_NARROWBAND, 0, 25.1, 0, false } },   { "PCMA", 0, { EMODEL_NARROWBAND, 0, 25.1, 0, false } },
    { "L16", 8000, { EMODEL_NARROWBAND, 0, 25.1, 0, false } }, { "L16", 16000, { EMODEL_WIDEBAND, 0, 4.6, 0, true } },
    { "L16", 32000, { EMODEL_FULLBAND, 8, 10, 0, true } }, /* 14 kHz of 20: as EVS there */
    { "L16", 0, { EMODEL_FULLBAND, 0, 10, 0, true } },         { "G722", 0, { EMODEL_WIDEBAND, 13, 4.6, 1.4, true } },
    { "opus", 0, { EMODEL_FULLBAND, 16.3, 10.4, 6.5, true } },
};

/*
 * Opus has no entry in G.113. By its bitrate, variable, as M. Alahmadi, P. Počta and H. Melvin found with P.863 in 2021 for
 * what libopus sends there (narrowband, wideband from 11, super-wideband from 14 kbit/s), rounded. Theirs of the narrower
 * bands are brought to the full-band scale as G.113 appendix V does it: by the difference of the best ratings.
 */
static const struct {
    double kbps, ie, bpl;
} opus_rates[] = {
    { 6, 78, 24 },      { 8, 71, 20 },      { 9, 66, 19 },      { 11, 47, 24 },     { 13, 39, 19 },
    { 14, 38, 16.5 },   { 16, 30, 12 },     { 19, 23.8, 10.7 }, { 22, 20.2, 10.5 }, { 28, 18.5, 10.6 },
    { 31, 16.8, 10.4 }, { 34, 14.8, 10.1 }, { 37, 12, 10.4 },   { 40, 10.7, 9.8 },
};

static void rate_opus(struct emodel_codec *c, double kbps)
{
    enum { LAST = AHOY_COUNT(opus_rates) - 1 };
    size_t i = 0;
    while (i < LAST - 1 && kbps > opus_rates[i + 1].kbps)
        i++;
    double step = opus_rates[i + 1].kbps - opus_rates[i].kbps;
    double part = clamp((kbps - opus_rates[i].kbps) / step, 0, 1);
    c->ie = opus_rates[i].ie + part * (opus_rates[i + 1].ie - opus_rates[i].ie);
    c->bpl = opus_rates[i].bpl + part * (opus_rates[i + 1].bpl - opus_rates[i].bpl);
}

struct emodel_codec emodel_codec(struct view name, uint32_t rate_hz, double bitrate_bps)
{
    for (size_t i = 0; i < AHOY_COUNT(codecs); i++) {
        struct emodel_codec c = codecs[i].codec;
        if (!view_ieq(name, view_str(codecs[i].name)) || (codecs[i].rate_hz != 0 && codecs[i].rate_hz != rate_hz))
            continue;
        if (bitrate_bps > 0 && view_ieq(name, VIEW("opus")))
            rate_opus(&c, bitrate_bps / 1000);
        return c;
    }
    return codecs[0].codec;
}

/* ---- the forms --------------------------------------------------------------------------------------------------- */

/*
 * `best`: the rating without any impairment but the listener echo of the default values, Ro - Is: G.107 (7-2) and (7-8) from
 * its default values, G.107.1 (7-2), G.107.2 section 7.2. `echo_free`: what talker echo is held against, Roe in G.107 (7-21);
 * in G.107.1 and in G.1070 for wideband, it is the best rating. `loss_span`: the constant of the effective equipment
 * impairment, G.107 (7-29), G.107.1 (7-15), G.107.2 section 7.5. `delay`: what too long a delay weighs, G.107.1 (7-13),
 * G.107.2 section 7.4. `to_100`: R over the narrowband scale's (annex A of each), for MOS.
 */
static const struct form {
    const char *name;
    double best, echo_free, loss_span, delay, to_100, limit;
} forms[] = {
    [EMODEL_NARROWBAND] = { "G.107", 94.7688 - 1.4136, 94.7688, 95, 1, 1, 100 },
    [EMODEL_WIDEBAND] = { "G.107.1", 129, 129, 95, 1.29, 1 / 1.29, 129 },
    [EMODEL_FULLBAND] = { "G.107.2", 148, 129, 132, 1.48, 1 / 1.48, 148 },
};

const char *emodel_name(enum emodel_form form)
{
    return forms[form].name;
}

/* G.107's default echo loudness ratings. */
static const double default_telr_db = 65, wepl_db = 110;

static double square(double x)
{
    return x * x;
}

/*
 * Talker echo, G.107 (7-19) to (7-23) and G.107.1 (7-5) to (7-10), which finds echo of wide bands louder in the rating, but
 * masked by K; `t` is the mean one-way delay of the echo path in ms. G.107.2 leaves echo out: wideband's, on its scale.
 */
static double talker_echo(enum emodel_form form, double t, double telr_db)
{
    bool narrow = form == EMODEL_NARROWBAND;
    if (t < 1)
        return 0;
    double terv = telr_db - 40 * log10((1 + t / 10) / (1 + t / 150)) + 6 * exp(-0.3 * t * t);
    if (!narrow)
        terv += t < 100 ? 0.08 * t + 10 : 18;
    double re = 80 + (narrow ? 2.5 : 3) * (terv - 14);
    double half = (forms[form].echo_free - re) / 2;
    double idte = AHOY_MAX(half + sqrt(square(half) + 100) - 1, 0.0) * (1 - exp(-t)); /* faint echo is no gain */
    return form == EMODEL_FULLBAND ? idte * 148 / 129 : idte;
}

/* Listener echo, G.107 (7-25) and (7-26), and the same in G.107.1; `tr` is the round trip in ms. G.107.2 has none. */
static double listener_echo(enum emodel_form form, double tr)
{
    if (form == EMODEL_FULLBAND)
        return 0;
    double half = (forms[form].echo_free - 10.5 * (wepl_db + 7) * pow(tr + 1, -0.25)) / 2;
    return half + sqrt(square(half) + 169);
}

/* Too long an absolute delay, G.107 (7-27) and (7-28) with the default sensitivity. */
static double long_delay(enum emodel_form form, double ta)
{
    if (ta <= 100)
        return 0;
    double x = log2(ta / 100);
    double x6 = square(x * x * x);
    return forms[form].delay * 25 * (pow(1 + x6, 1.0 / 6) - 3 * pow(1 + x6 / 729, 1.0 / 6) + 2);
}

/* Equipment and loss: the effective equipment impairment factor. */
static double equipment(const struct emodel_input *in)
{
    double percent = clamp(in->loss, 0, 1) * 100;
    double burst = AHOY_MAX(in->burst_ratio, 1.0);
    const struct emodel_codec *c = &in->codec;
    return c->ie + AHOY_MAX(forms[c->form].loss_span - c->ie, 0.0) * percent / (percent / burst + c->bpl);
}

double emodel_mos(double r)
{
    if (r <= 0)
        return 1;
    if (r >= 100)
        return 4.5;
    return AHOY_MAX(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

void emodel_score(const struct emodel_input *in, struct emodel_score *out)
{
    enum emodel_form form = in->codec.form;
    const struct form *f = &forms[form];
    double delay = clamp(in->delay_ms, 0, 10000);
    double trip = in->round_trip_ms > 0 ? clamp(in->round_trip_ms, 0, 20000) : 2 * delay;
    double telr = in->telr_db > 0 ? clamp(in->telr_db, 0, 110) : default_telr_db;
    double heard = f->best - equipment(in);
    double impaired = talker_echo(form, delay, telr) + long_delay(form, delay);
    out->r = clamp(heard - impaired - listener_echo(form, trip), 0, f->limit);
    out->r_lq = clamp(heard - listener_echo(form, 0), 0, f->limit);
    out->r_100 = out->r * f->to_100;
    out->mos_lq = emodel_mos(out->r_lq * f->to_100);
    out->mos_cq = emodel_mos(out->r_100);
}

double emodel_burst_ratio(double loss, double mean_run)
{
    return AHOY_MAX(1.0, mean_run * (1 - clamp(loss, 0, 1)));
}
