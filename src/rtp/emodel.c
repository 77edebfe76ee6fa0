#include "rtp/emodel.h"

#include <math.h>

static double clamp(double x, double min, double max)
{
    return x < min ? min : x > max ? max : x;
}

/* ---- codecs ------------------------------------------------------------------------------------------------------ */

/*
 * Narrowband: ITU-T G.113 appendix I, with packet loss concealment. G.722: G.113 appendix IV for Ie,WB; its Bpl is that of
 * G.711 with concealment, which ours is alike. L16 has no impairment of its own. Opus has no entry anywhere: Ie,FB puts a
 * clean call at 4.3, Bpl,FB where listening scores of plain concealment lie (3.5 at 5 %, 2.9 at 10 %). Look-ahead: Opus
 * RFC 6716 section 2.1.4 with its resampler, G.722 the two quadrature filters, G.729 and others from their standards.
 */
static const struct {
    struct emodel_codec codec;
    uint32_t rate_hz; /* 0: any */
} codecs[] = {
    { { "PCMU", EMODEL_NARROWBAND, 0, 25.1, 0, false }, 0 },
    { { "PCMA", EMODEL_NARROWBAND, 0, 25.1, 0, false }, 0 },
    { { "L16", EMODEL_NARROWBAND, 0, 25.1, 0, false }, 8000 },
    { { "L16", EMODEL_WIDEBAND, 0, 25.1, 0, true }, 16000 },
    { { "L16", EMODEL_FULLBAND, 14, 25.1, 0, true }, 32000 }, /* 14 kHz of 20 */
    { { "L16", EMODEL_FULLBAND, 0, 25.1, 0, true }, 0 },
    { { "G729", EMODEL_NARROWBAND, 11, 19.0, 5, false }, 0 },
    { { "G723", EMODEL_NARROWBAND, 15, 16.1, 7.5, false }, 0 },
    { { "iLBC", EMODEL_NARROWBAND, 11, 32.0, 0, false }, 0 },
    { { "GSM", EMODEL_NARROWBAND, 20, 43.0, 0, false }, 0 },
    { { "AMR", EMODEL_NARROWBAND, 5, 10.0, 5, false }, 0 },
    { { "G722", EMODEL_WIDEBAND, 13, 25.1, 1.4, true }, 0 },
    { { "AMR-WB", EMODEL_WIDEBAND, 7, 14.0, 5, false }, 0 },
    { { "opus", EMODEL_FULLBAND, 18, 14.0, 6.5, true }, 0 },
};

const struct emodel_codec *emodel_codec(struct view name, uint32_t rate_hz)
{
    for (size_t i = 0; i < AHOY_COUNT(codecs); i++) {
        if (view_ieq(name, view_str(codecs[i].codec.name)) && (codecs[i].rate_hz == 0 || codecs[i].rate_hz == rate_hz))
            return &codecs[i].codec;
    }
    return &codecs[0].codec;
}

/* ---- the forms --------------------------------------------------------------------------------------------------- */

/*
 * The best rating; the constant of the effective equipment impairment (G.107 (7-29), G.107.1 (7-14), G.107.2); and what
 * an impairment of the narrowband scale weighs here.
 */
static const struct form {
    const char *name;
    double best, loss_span, scale;
} forms[] = {
    [EMODEL_NARROWBAND] = { "G.107", 100, 95, 1 },
    [EMODEL_WIDEBAND] = { "G.107.1", 129, 95, 1 },
    [EMODEL_FULLBAND] = { "G.107.2", 148, 132, 1.48 },
};

const char *emodel_name(enum emodel_form form)
{
    return forms[form].name;
}

/* What G.107's default values make of Ro (7-3) and Is (7-8), and its default loudness and echo ratings. */
static const double basic_ratio = 94.7688, simultaneous = 1.4136;
static const double default_telr_db = 65, wepl_db = 110;

/* Talker echo, G.107 (7-19) to (7-23); `t` is the mean one-way delay of the echo path in ms. */
static double talker_echo(double t, double telr_db)
{
    if (t < 1)
        return 0;
    double terv = telr_db - 40 * log10((1 + t / 10) / (1 + t / 150)) + 6 * exp(-0.3 * t * t);
    double half = (basic_ratio - (80 + 2.5 * (terv - 14))) / 2;
    return (half + sqrt(half * half + 100) - 1) * (1 - exp(-t));
}

/* Listener echo, G.107 (7-25) and (7-26); `tr` is the round trip in ms. */
static double listener_echo(double tr)
{
    double half = (basic_ratio - 10.5 * (wepl_db + 7) * pow(tr + 1, -0.25)) / 2;
    return half + sqrt(half * half + 169);
}

/* Too long an absolute delay, G.107 (7-27) and (7-28). */
static double long_delay(double ta)
{
    if (ta <= 100)
        return 0;
    double x = log2(ta / 100);
    double x6 = x * x * x * x * x * x;
    return 25 * (pow(1 + x6, 1.0 / 6) - 3 * pow(1 + x6 / 729, 1.0 / 6) + 2);
}

/* Equipment and loss: the effective equipment impairment factor. */
static double equipment(const struct emodel_input *in)
{
    double percent = clamp(in->loss, 0, 1) * 100;
    double burst = AHOY_MAX(in->burst_ratio, 1.0);
    const struct emodel_codec *c = in->codec;
    return c->ie + (forms[c->form].loss_span - c->ie) * percent / (percent / burst + c->bpl);
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
    const struct form *form = &forms[in->codec->form];
    bool narrow = in->codec->form == EMODEL_NARROWBAND;
    double delay = clamp(in->delay_ms, 0, 10000), to_100 = 100 / form->best;
    double trip = in->round_trip_ms > 0 ? clamp(in->round_trip_ms, 0, 20000) : 2 * delay;
    double telr = in->telr_db > 0 ? clamp(in->telr_db, 0, 110) : default_telr_db;
    double clean = narrow ? basic_ratio - simultaneous - listener_echo(0) : form->best;
    double heard = clean - equipment(in);
    double impaired = talker_echo(delay, telr) + long_delay(delay);
    if (narrow)
        impaired += listener_echo(trip) - listener_echo(0);
    out->r = clamp(heard - form->scale * impaired, 0, form->best);
    out->r_lq = clamp(heard, 0, form->best);
    out->r_100 = out->r * to_100;
    out->mos_lq = emodel_mos(out->r_lq * to_100);
    out->mos_cq = emodel_mos(out->r_100);
}

double emodel_burst_ratio(double loss, double mean_run)
{
    return AHOY_MAX(1.0, mean_run * (1 - clamp(loss, 0, 1)));
}
