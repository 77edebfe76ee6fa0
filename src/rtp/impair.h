/*
 * Harm done to received packets on purpose, from one seed: --impair
 * loss=5,burst=3,jitter=40,pareto=10,spike=300,every=5,dup=1,reorder=1,rate=64k,seed=7. A pure decision engine: it says
 * when to deliver, the caller keeps the packets. Media thread.
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
    int64_t pareto_us; /* scale of delays with a long tail: scale * (u^(-1 / IMPAIR_PARETO_SHAPE) - 1); in ms */
    int64_t spike_us;  /* stalls of this length, everything sent meanwhile comes at their end; written in ms */
    int64_t every_us;  /* from one stall to the next: uniform in half to one and a half of this; written in s */
    uint32_t rate_bps; /* 0: unlimited; else a bottleneck with a queue of IMPAIR_QUEUE_US. Written with k or M */
    uint64_t seed;
};

enum { IMPAIR_REORDER_US = 30000, IMPAIR_QUEUE_US = 500000, IMPAIR_TAIL_US = 1000000 /* the longest tail */ };
#define IMPAIR_PARETO_SHAPE 1.5

/**
 * Parses "key=value,…". SYNTAX: an unknown or repeated key or not a number; RANGE: beyond what makes sense (loss, dup,
 * reorder above 100 %, burst below 1 or above 1000, jitter, pareto or spike above 10 s, every below 0.1 s or above an
 * hour, rate 0). The empty text harms nothing.
 */
AHOY_MUST_USE enum ahoy_err impair_parse(struct view text, struct impair_config *out);

/* The fields are the engine's own. */
struct impair {
    struct impair_config config;
    struct rng rng;
    bool losing;                  /* inside a run of losses (Gilbert model) */
    int64_t busy_us;              /* the bottleneck is busy until then */
    int64_t stall_us, stalled_us; /* when the next stall begins (0: not drawn yet), when the last one ends */
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
