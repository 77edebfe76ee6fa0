/*
 * What became of each packet of a stream that was expected: played, too late, lost, or lost and made good. Packets are
 * told of in any order; they are judged in theirs, once nothing can change any more. One thread; no memory of its own.
 */
#ifndef AHOY_RTP_FATES_H
#define AHOY_RTP_FATES_H

#include "rtp/quality.h"

enum {
    FATES_WINDOW = 512,
    FATES_LEAP = 3000, /* so many missing in a row are an outage, more are other numbers (RFC 3550 A.1) */
};

enum fate {
    FATE_LOST, /* nothing was told of it */
    FATE_LATE, /* it came too late to be played */
    FATE_DRED, /* lost or late, and made good: by deep redundancy, by in-band FEC, by a copy */
    FATE_FEC,
    FATE_RED,
    FATE_PLAYED, /* it came in time */
};

struct fates {
    bool begun;
    uint32_t next, end; /* told of and not judged yet: next … end - 1 */
    uint8_t fate[FATES_WINDOW];
    struct quality_bursts bursts; /* of what was judged, after recovery: that is what is heard */
    uint64_t judged, late, fec, red, dred;
    uint64_t missing; /* lost or late, before any recovery */
};

/** The best that is told of a packet counts. What a leap passes over was lost, up to FATES_LEAP; a wider one begins anew. */
void fates_tell(struct fates *f, uint16_t seq, enum fate fate);

/** Judges all but the newest `keep` packets. */
void fates_judge(struct fates *f, uint32_t keep);

/** Another stream, whose numbers begin anywhere: what was told of is judged. */
void fates_restart(struct fates *f);

/**
 * Share of what was judged that sounds like a loss, 0 … 1: packets made good count as little as they are heard (a copy
 * not at all, FEC 0.1, deep redundancy 0.25 of a lost one: estimates).
 */
double fates_impaired(const struct fates *f);

#endif
