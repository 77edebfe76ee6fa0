#include "rtp/quality.h"

static double clamp(double x, double min, double max)
{
    return x < min ? min : x > max ? max : x;
}

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
