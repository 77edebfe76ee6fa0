#include "rtp/quality.h"

#include <math.h>

static double clamp(double x, double min, double max)
{
    return x < min ? min : x > max ? max : x;
}

/* ---- codecs ------------------------------------------------------------------------------------------------------ */

/*
 * ITU-T G.113 appendix I (narrowband) and IV (wideband), with packet loss concealment. Opus has no entry there; its
 * figures are estimates that put a clean call where listening tests put it.
 */
static const struct quality_codec codecs[] = {
    { "PCMU", false, 0, 25.1 },  { "PCMA", false, 0, 25.1 },  { "L16", false, 0, 25.1 },  { "G729", false, 11, 19.0 },
    { "G723", false, 15, 16.1 }, { "iLBC", false, 11, 32.0 }, { "GSM", false, 26, 43.0 }, { "AMR", false, 5, 10.0 },
    { "G722", true, 13, 25.1 },  { "AMR-WB", true, 7, 14.0 }, { "opus", true, 5, 20.0 },
};

const struct quality_codec *quality_codec(struct view name)
{
    for (size_t i = 0; i < AHOY_COUNT(codecs); i++) {
        if (view_ieq(name, view_str(codecs[i].name)))
            return &codecs[i];
    }
    return &codecs[0];
}

/* ---- the E-model ------------------------------------------------------------------------------------------------- */

/* What G.107's default values make of Ro (7-3) and Is (7-8), and its default loudness and echo ratings. */
static const double basic_ratio = 94.7688, simultaneous = 1.4136;
static const double telr_db = 65, wepl_db = 110;
static const double wideband_ratio = 129; /* G.107.1 */

/* Talker echo, G.107 (7-19) to (7-23); `t` is the mean one-way delay of the echo path in ms. */
static double talker_echo(double t)
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

/* Equipment and loss, G.107 (7-29). */
static double equipment(const struct quality_input *in)
{
    double percent = clamp(in->loss, 0, 1) * 100;
    double burst = AHOY_MAX(in->burst_ratio, 1.0);
    return in->codec->ie + (95 - in->codec->ie) * percent / (percent / burst + in->codec->bpl);
}

double quality_mos(double r)
{
    if (r <= 0)
        return 1;
    if (r >= 100)
        return 4.5;
    return AHOY_MAX(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

void quality_score(const struct quality_input *in, struct quality_score *out)
{
    bool wide = in->codec->wideband;
    double delay = clamp(in->delay_ms, 0, 10000);
    double trip = in->round_trip_ms > 0 ? clamp(in->round_trip_ms, 0, 20000) : 2 * delay;
    double most = wide ? wideband_ratio : 100;
    double scale = wide ? 100 / wideband_ratio : 1;
    double heard = (wide ? wideband_ratio : basic_ratio - simultaneous - listener_echo(0)) - equipment(in);
    double impaired = talker_echo(delay) + long_delay(delay) + (wide ? 0 : listener_echo(trip) - listener_echo(0));
    out->r = clamp(heard - impaired, 0, most);
    out->mos_lq = quality_mos(clamp(heard, 0, most) * scale);
    out->mos_cq = quality_mos(out->r * scale);
}

double quality_burst_ratio(double loss, double mean_run)
{
    return AHOY_MAX(1.0, mean_run * (1 - clamp(loss, 0, 1)));
}

/* ---- bursts and gaps --------------------------------------------------------------------------------------------- */

static void close_cluster(struct quality_bursts *b)
{
    if (b->cluster_losses > 1) {
        b->bursts++;
        b->burst_packets += b->cluster_packets;
        b->burst_losses += b->cluster_losses;
    }
    b->cluster_packets = b->cluster_losses = 0;
}

void quality_count(struct quality_bursts *b, enum quality_fate fate)
{
    b->packets++;
    if (fate == QUALITY_RECEIVED) {
        b->last_lost = false;
        if (b->since_loss < QUALITY_GMIN && ++b->since_loss == QUALITY_GMIN)
            close_cluster(b);
        return;
    }
    if (fate == QUALITY_LOST)
        b->losses++;
    else
        b->discards++;
    if (!b->last_lost)
        b->runs++;
    b->last_lost = true;
    b->cluster_packets += b->cluster_losses > 0 ? 1 + b->since_loss : 1;
    b->cluster_losses++;
    b->since_loss = 0;
}

double quality_mean_run(const struct quality_bursts *b)
{
    return b->runs > 0 ? (double) (b->losses + b->discards) / (double) b->runs : 1;
}

static uint8_t fraction_256(uint64_t part, uint64_t whole)
{
    return (uint8_t) (whole > 0 ? AHOY_MIN(part * 256 / whole, (uint64_t) 255) : 0);
}

static uint16_t milliseconds(double ms)
{
    return (uint16_t) (clamp(ms, 0, UINT16_MAX) + 0.5 < UINT16_MAX ? clamp(ms, 0, UINT16_MAX) + 0.5 : UINT16_MAX);
}

void quality_fill_voip(const struct quality_bursts *bursts, double packet_ms, struct rtcp_voip *v)
{
    /* The report is taken to be followed by Gmin received packets. */
    struct quality_bursts b = *bursts;
    close_cluster(&b);
    uint64_t gap_packets = b.packets - b.burst_packets;
    uint64_t gap_losses = b.losses + b.discards - b.burst_losses;
    v->loss_rate = fraction_256(b.losses, b.packets);
    v->discard_rate = fraction_256(b.discards, b.packets);
    v->burst_density = fraction_256(b.burst_losses, b.burst_packets);
    v->gap_density = fraction_256(gap_losses, gap_packets);
    v->burst_ms = milliseconds(b.bursts > 0 ? (double) b.burst_packets * packet_ms / (double) b.bursts : 0);
    /* One gap for each burst, as the RFC's example and algorithm count them. */
    v->gap_ms = milliseconds((double) gap_packets * packet_ms / (double) AHOY_MAX(b.bursts, (uint64_t) 1));
    v->gmin = QUALITY_GMIN;
}
