/*
 * Senders of G.722 whose timestamps count its samples, 16000 a second, and not the 8000 that RFC 3551 section 4.5.2 keeps
 * for history's sake. Taken as they are, their packets would lie twice as far apart as they sound. It is seen in some
 * packets and put right from then on. Pure state; time comes in. Media worker.
 */
#ifndef AHOY_RTP_MISCLOCK_H
#define AHOY_RTP_MISCLOCK_H

#include "rtp/packet.h"

/* Zero it for each new stream. */
struct misclock {
    bool known, doubled;
    uint32_t ssrc;
    uint16_t seq;
    uint32_t timestamp, right, lasts_ts; /* of the newest packet: as it came, as it should be, how long it sounds */
    unsigned agree;                      /* packets in a row that speak for the other clock … */
    int64_t since_us;                    /* … and when the first of them came */
};

/**
 * Puts a packet's timestamp right. `lasts_ts`: how long it sounds in units of the agreed clock; 0: it is not of a codec
 * whose clock may be mistaken. Packets of other sources stay as they are. True when the clock has just been found out: the
 * timestamps before are of no use.
 */
bool misclock_map(struct misclock *m, struct rtp_packet *p, uint32_t lasts_ts, int64_t now_us);

/** What comes next is of a codec whose clock is beyond doubt: its timestamps are taken as they are. */
void misclock_trust(struct misclock *m);

#endif
