/*
 * The burst and gap metrics of RFC 3611 (section 4.7.2), which the E-model (rtp/emodel.h) and reports are made from. Pure.
 * Any thread.
 */
#ifndef AHOY_RTP_QUALITY_H
#define AHOY_RTP_QUALITY_H

#include "rtp/rtcp.h"

/* ---- bursts and gaps (RFC 3611 section 4.7.2) -------------------------------------------------------------------- */

enum { QUALITY_GMIN = 16 };

/*
 * Counts a stream packet by packet, in playing order. Zero it to begin. A cluster is a row of losses with fewer than
 * Gmin received packets between neighbours: one loss alone belongs to the gap around it, more make a burst.
 */
struct quality_bursts {
    uint64_t packets, losses, discards;
    uint64_t bursts, burst_packets, burst_losses; /* of closed bursts */
    uint64_t cluster_packets;                     /* from the open cluster's first loss to its last; 0: none open */
    uint64_t cluster_losses;
    uint32_t since_loss; /* received since the last loss */
    uint64_t runs;       /* runs of consecutive losses */
    bool last_lost;
};

enum quality_fate { QUALITY_RECEIVED, QUALITY_LOST, QUALITY_DISCARDED };

void quality_count(struct quality_bursts *b, enum quality_fate fate);

/** Mean length of a run of losses; 1 without any. */
double quality_mean_run(const struct quality_bursts *b);

/** Fills loss rate, discard rate, burst and gap density and duration, and Gmin. */
void quality_fill_voip(const struct quality_bursts *b, double packet_ms, struct rtcp_voip *v);

#endif
