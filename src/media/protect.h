/*
 * How a sender spends its bits against loss. It hears what reaches the peer (receiver reports, which packets came, what
 * is missing right now) and says how the next frames are to be coded and what of earlier ones goes along. Pure state: no
 * I/O, no allocation, time comes in. One stream, media worker. Private to media/. Why it does what: docs/protect.md.
 */
#ifndef AHOY_MEDIA_PROTECT_H
#define AHOY_MEDIA_PROTECT_H

#include "base/base.h"

enum {
    PROTECT_RTTS = 6,           /* round trips that are looked at together */
    PROTECT_REPEATS = 8,        /* packets asked for that wait to be repeated */
    PROTECT_SPREAD_US = 100000, /* so far behind its frame a copy travels at most: the listener waits for it */
};

/* What can be done on this call. */
struct protect_means {
    uint32_t wire_bps;   /* the most that may be sent, IP, UDP and RTP headers included */
    uint32_t clean_bps;  /* of the codec when nothing is lost */
    unsigned frame_ms;   /* a packet's */
    unsigned head_bytes; /* of a packet: IP, UDP, RTP */
    bool adaptive;       /* the codec's rate can be chosen */
    bool fec;            /* the codec has in-band FEC and the peer uses it */
    bool dred;           /* the codec has deep redundancy and the peer uses it */
    bool red;            /* RED was agreed on */
};

/* How the next frame is to be sent. */
struct protect_plan {
    uint32_t bitrate_bps;  /* of the encoder, FEC and DRED included */
    bool fec;              /* in-band */
    unsigned loss_percent; /* to tell the encoder */
    unsigned dred_ms;      /* how far deep redundancy reaches; 0: none */
    uint32_t generations;  /* copies in every packet: bit i for the packet sent i + 1 before it */
    unsigned twice_after;  /* every packet is sent again, so many packets later; 0: it is not */
};

struct protect {
    struct protect_means means;
    struct protect_plan plan;
    unsigned copies;   /* that the loss asks for; in bursts deep redundancy stands in for the second */
    double deep_bytes; /* of a packet's payload that no copy carries when it has deep redundancy, smoothed */
    unsigned twice;    /* reports for which packets are still sent twice; 0: they are not */
    double loss;       /* smoothed, 0 … 1 */
    double quick;      /* the same over less */
    double heard;      /* packets that `loss` is of */
    bool starting;     /* nothing is known yet: the network is taken for a bad one */
    unsigned told_packets, sent_packets; /* while that lasts */
    double run;                          /* mean length of a run of losses, packets; 1: one by one */
    bool exact;                          /* losses are told run by run */

    uint16_t seq; /* of the last packet sent */
    bool sent_any;
    uint16_t told;                  /* the last packet that was told of */
    double lost_weight, run_weight; /* decaying sums: packets lost, runs of losses */

    uint16_t repeat[PROTECT_REPEATS]; /* sequence numbers asked for */
    unsigned repeats;
    unsigned asked, unreported; /* packets asked for, and sent, since the last report told of losses */
    double asked_share;         /* copies a packet that were asked for, smoothed */

    double debt_bits;                /* that were sent beyond what the wire may carry; below 0: less than that was */
    double share;                    /* of the wire that may be used: below 1 while the network is congested */
    double rtt_recent[PROTECT_RTTS]; /* a ring */
    unsigned rtts;
    double rtt_ms;       /* the least of these; 0: unknown */
    double rtt_floor_ms; /* the lowest of late */
    int64_t floor_us, cut_us, raised_us;
};

void protect_init(struct protect *p);

/** What can be done, again after each exchange of offer and answer. What is known of the network is kept. */
void protect_set_means(struct protect *p, const struct protect_means *means);

/* ---- what is heard of the network -------------------------------------------------------------------------------- */

/* What a receiver's report says of its interval. */
struct protect_report {
    double fraction;  /* lost, 0 … 1 */
    int32_t lost;     /* by the change of the running total: below 0 when packets sent twice came twice */
    unsigned packets; /* expected */
};

void protect_report(struct protect *p, const struct protect_report *r);

/** Which of so many packets reached the peer: how many were lost, and in how many runs (RFC 3611 section 4.1). */
void protect_runs(struct protect *p, unsigned packets, unsigned lost, unsigned runs);

/** The peer misses this packet (RFC 4585 section 6.2.1). */
void protect_asked(struct protect *p, uint16_t seq);

/**
 * A measured round trip, and the jitter of the two ways. A lasting rise is congestion: less is sent, instead of more
 * redundancy.
 */
void protect_round_trip(struct protect *p, double rtt_ms, double jitter_ms, int64_t now_us);

/* ---- what to do -------------------------------------------------------------------------------------------------- */

/** How the next frame is to be coded. */
const struct protect_plan *protect_plan(struct protect *p);

/** Which earlier packets go along with the one about to be sent: the plan's and those asked for, which are then done. */
uint32_t protect_generations(struct protect *p);

/** Copies of the frame that was coded last are so many bytes shorter than it is: FEC and deep redundancy do not go along. */
void protect_stripped(struct protect *p, size_t bytes);

/** A packet left, of so many bytes behind its RTP header. */
void protect_sent(struct protect *p, uint16_t seq, size_t bytes);

#endif
