/*
 * Harm done to received packets on purpose, from one seed: --impair
 * loss=5,burst=3,jitter=40,dup=1,reorder=1,rate=64k,seed=7. A pure decision engine: it says when to deliver, the caller
 * keeps the packets. Media thread.
 */
#ifndef AHOY_RTP_IMPAIR_H
#define AHOY_RTP_IMPAIR_H

#include "base/rng.h"
#include "base/view.h"

struct impair_config {
    double loss;       /* 0 … 1; written in percent */
    double burst;      /* mean length of a run of losses, in packets; 1: independent */
    double dup;        /* 0 … 1 */
    double reorder;    /* 0 … 1: chance to be held back by IMPAIR_REORDER_US */
    int64_t jitter_us; /* delay uniform in 0 … 2 * jitter; written in ms */
    uint32_t rate_bps; /* 0: unlimited; else a bottleneck with a queue of IMPAIR_QUEUE_US. Written with k or M */
    uint64_t seed;
};

enum { IMPAIR_REORDER_US = 30000, IMPAIR_QUEUE_US = 500000 };

/**
 * Parses "key=value,…". SYNTAX: an unknown or repeated key or not a number; RANGE: beyond what makes sense (loss, dup,
 * reorder above 100 %, burst below 1 or above 1000, jitter above 10 s, rate 0). The empty text harms nothing.
 */
AHOY_MUST_USE enum ahoy_err impair_parse(struct view text, struct impair_config *out);

/* The fields are the engine's own. */
struct impair {
    struct impair_config config;
    struct rng rng;
    bool losing;     /* inside a run of losses (Gilbert model) */
    int64_t busy_us; /* the bottleneck is busy until then */
};

struct impair_decision {
    unsigned copies;  /* 0: lost */
    int64_t at_us[2]; /* when to deliver each, not before now */
};

void impair_init(struct impair *im, const struct impair_config *config);

/** True when the configuration changes anything. */
bool impair_active(const struct impair_config *config);

/** What happens to a packet of `bytes` (without IP and UDP headers) that arrived now. */
void impair_decide(struct impair *im, int64_t now_us, size_t bytes, struct impair_decision *out);

#endif
