/*
 * The RTP circuit breaker (RFC 8083): when a sender must stop, because what it sends does not arrive, or arrives only by
 * pressing everybody else aside. A last resort: congestion control (media/protect.h) has had its say long before. Pure
 * state, time comes in. Media worker.
 */
#ifndef AHOY_RTP_BREAKER_H
#define AHOY_RTP_BREAKER_H

#include "base/base.h"

enum { BREAKER_REPORTS = 64 };

enum breaker_why {
    BREAKER_CLOSED,     /* go on */
    BREAKER_RTCP,       /* section 4.1: the peer reported, and is silent in every way now */
    BREAKER_MEDIA,      /* section 4.2: its reports say that nothing arrives any more */
    BREAKER_CONGESTION, /* section 4.3: a TCP flow would get less than a tenth of what we send */
};

struct breaker {
    enum breaker_why why;
    int64_t opened_us, reported_us, began_us;
    int64_t moved_us; /* when a report last named a packet that was new */
    uint32_t ext_seq;
    bool reported;
    unsigned stuck; /* reports in a row that name the same highest packet */
    struct {
        double fraction;
        int64_t took_us;
    } report[BREAKER_REPORTS]; /* a ring */
    unsigned at, n;
};

/** Sending begins, or begins again on another path (an exchange of offer and answer). */
void breaker_init(struct breaker *b, int64_t now_us);

struct breaker_report {
    double fraction;              /* lost in the interval, 0 … 1 */
    uint32_t ext_seq;             /* highest packet that arrived, extended */
    int64_t round_us;             /* round trip; 0: unknown */
    double packet_bytes, bytes_s; /* what is sent, headers included */
    int64_t frame_us;
};

/** A report on our stream came while we were sending. What it says is in b->why. */
void breaker_report(struct breaker *b, const struct breaker_report *r, int64_t now_us);

/** From time to time while sending: `heard_us` is when any RTP or RTCP of the peer came last. */
void breaker_tick(struct breaker *b, int64_t heard_us, int64_t now_us);

/**
 * Whether sending may be tried again: a person waits at each end of a call, and the trouble of a network passes. A peer that had
 * fallen silent and is heard again (`heard_us`, as for breaker_tick) is sent to at once. Otherwise not before as much time has
 * passed as it took to find out (at least five seconds where reports say that nothing arrives, fifteen where none come), and
 * after congestion not within half a minute (section 4.5). Closes it.
 */
bool breaker_retry(struct breaker *b, int64_t heard_us, int64_t now_us);

#endif
