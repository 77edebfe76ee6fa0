/*
 * How good a call sounds, computed: the E-model (ITU-T G.107 narrowband, G.107.1 wideband) from delay, loss and
 * burstiness, and the burst and gap metrics of RFC 3611 that feed it. Pure. Any thread.
 */
#ifndef AHOY_RTP_QUALITY_H
#define AHOY_RTP_QUALITY_H

#include "rtp/rtcp.h"

/* ---- the E-model ------------------------------------------------------------------------------------------------- */

struct quality_codec {
    const char *name;
    bool wideband; /* `ie` is on the wideband scale of G.107.1 (R up to 129) */
    double ie;     /* equipment impairment without loss (ITU-T G.113) */
    double bpl;    /* robustness against loss, with concealment */
};

/** By the name of SDP ("PCMU", "opus", …), without case; of an unknown codec PCMU's. Static storage. */
const struct quality_codec *quality_codec(struct view name);

struct quality_input {
    const struct quality_codec *codec;
    double delay_ms;      /* mouth to ear, one way */
    double round_trip_ms; /* for listener echo; 0: twice the delay */
    double loss;          /* 0 … 1: lost and late, after recovery by FEC */
    double burst_ratio;   /* 1 for random loss; see quality_burst_ratio */
};

struct quality_score {
    double r;      /* 0 … 100 narrowband, 0 … 129 wideband */
    double mos_cq; /* conversation: with delay */
    double mos_lq; /* listening: without */
};

void quality_score(const struct quality_input *in, struct quality_score *out);

/** MOS of an R of the narrowband scale (G.107 annex B), 1 … 4.5. */
double quality_mos(double r);

/** Mean burst length over that of random loss: (mean run of losses) * (1 - loss), at least 1. */
double quality_burst_ratio(double loss, double mean_run);

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
