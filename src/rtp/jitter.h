/*
 * An adaptive jitter buffer over opaque payloads. Packets go in as they arrive, frames come out in order when the
 * player asks, each packet at most once. It knows no codec: the caller decodes, conceals and stretches.
 *
 * The player asks for the next frame whenever it runs out of sound. What it does with each answer:
 *
 *     PACKET   decode and play it
 *     LOST     a later packet is here but this one is not: recover it from `next` (FEC) or conceal, and go on
 *     EMPTY    nothing is here: stretch what was played by concealment; the stream does not advance
 *     SILENCE  the sender is silent, or the stream has not begun: play comfort noise; nothing is missing
 *
 * The delay follows a target: the relative delay of the last ten seconds' packets at which delay itself and packets
 * that come too late cost least, fast up, slow down. While packets are lost it is longer by as many packets as it pays
 * to wait for the redundancy in later ones. The player brings the delay to the target by what jitter_advice says. A
 * spike (a stall that is followed by a burst) is borne for some seconds, recurring ones for as long as they recur.
 *
 * One thread. Memory is taken at creation only. All times are monotonic microseconds.
 */
#ifndef AHOY_RTP_JITTER_H
#define AHOY_RTP_JITTER_H

#include "base/view.h"

struct jitter;

enum { JITTER_MAX_PACKETS = 100, JITTER_MAX_PAYLOAD_BYTES = 8192, JITTER_MAX_REDUNDANCY = 12 };

struct jitter_config {
    uint32_t clock_hz;    /* of RTP timestamps */
    uint32_t frame_ts;    /* expected packet duration until it is learnt */
    int64_t player_us;    /* how far apart the player's ticks are */
    int64_t min_delay_us; /* the target's bounds */
    int64_t max_delay_us;
    int64_t start_delay_us; /* target before anything is known */
    size_t slab_bytes;      /* memory for payloads */
    unsigned redundancy;    /* packets behind a lost one that help: 1 for in-band FEC or interpolation, more for DRED */
};

/** 20 ms frames and ticks, target 2 … 600 ms from 10 ms, 32 KiB, redundancy 1. */
struct jitter_config jitter_config_default(uint32_t clock_hz);

/** INVAL for a clock of 0 or contradictory bounds, NOMEM. */
AHOY_MUST_USE enum ahoy_err jitter_create(struct jitter **out, const struct jitter_config *config);
void jitter_destroy(struct jitter *j);

/** The player's ticks are so far apart from now on. */
void jitter_set_player(struct jitter *j, int64_t player_us);

/** Forgets packets and timing (a new stream); statistics are kept. */
void jitter_reset(struct jitter *j);

/** Another clock rate resets; the same does nothing. */
void jitter_set_clock(struct jitter *j, uint32_t clock_hz, uint32_t frame_ts);

/**
 * How many packets behind a lost one may recover it, by in-band FEC (1), RED or deep redundancy, at most
 * JITTER_MAX_REDUNDANCY: how many of them are waited for follows from how long losses last.
 */
void jitter_set_redundancy(struct jitter *j, unsigned packets);

/**
 * The sender may protect its stream from the first packet on, by copies that come so much later; 0: it does not. Then
 * where the delay is too short for a copy it grows at once, by answers EMPTY in place of the lost frame; of a first stream
 * the first loss is enough for that.
 */
void jitter_set_copies(struct jitter *j, int64_t after_us);

/* ---- in ---------------------------------------------------------------------------------------------------------- */

struct jitter_packet {
    uint32_t ssrc;
    uint16_t seq;
    uint32_t timestamp;
    uint8_t payload_type;
    bool marker;
    bool silence;         /* comfort noise or a DTX frame: the sender may be silent behind it */
    bool filler;          /* not audio (an event): takes its place in the sequence and is never handed out */
    bool redundant;       /* a copy out of RED: fills a hole, counts in no statistics of the network */
    uint32_t duration_ts; /* 0: unknown, learnt from neighbours */
    struct view payload;  /* copied */
};

enum jitter_put {
    JITTER_PUT_OK,
    JITTER_PUT_DUPLICATE,
    JITTER_PUT_LATE,    /* its turn has passed */
    JITTER_PUT_REFUSED, /* a jump that nothing confirms yet, or a payload too large */
    JITTER_PUT_RESTART, /* taken as the start of a new stream: what was kept is gone */
};

/** `when_us`: arrival. At a full buffer the oldest packet gives way. */
enum jitter_put jitter_put(struct jitter *j, const struct jitter_packet *p, int64_t when_us);

/* ---- out --------------------------------------------------------------------------------------------------------- */

enum jitter_got { JITTER_PACKET, JITTER_LOST, JITTER_EMPTY, JITTER_SILENCE };

struct jitter_frame {
    uint32_t duration_ts; /* what to play for this answer; for PACKET an estimate, the codec knows better */
    /* PACKET: */
    uint8_t payload_type;
    bool marker;
    bool restart; /* first of a new stream: reset the decoder */
    bool copy;    /* it was lost, and came in a later packet's RED */
    uint16_t seq; /* LOST: of the lost packet */
    uint32_t timestamp;
    struct view payload; /* valid until the next jitter_put */
    /* LOST: */
    unsigned
        next_distance; /* the next packet that is here is so many behind the lost one (1: its neighbour); 0: none */
    uint8_t next_payload_type;
    uint32_t next_timestamp;
    struct view next_payload;
    /* EMPTY: */
    unsigned run; /* answers EMPTY in a row, this one included: fade out as it grows */
};

/** `held_us`: sound that the caller still has and will play before this frame. */
enum jitter_got jitter_get(struct jitter *j, int64_t now_us, int64_t held_us, struct jitter_frame *out);

/** Whether the frame that goes on with what was played last is here: asking for it early changes nothing. */
bool jitter_goes_on(const struct jitter *j);

enum jitter_advice {
    JITTER_NORMAL,
    JITTER_STRETCH, /* the delay is too short: lengthen by a pitch period */
    JITTER_TRIM,    /* too long: shorten silence */
    JITTER_SHRINK,  /* far too long: shorten speech too, by a pitch period wherever it is not heard */
};

/** What to do with the frame that was got last; *by_us: how much there is to change, over as many frames as it takes. */
enum jitter_advice jitter_advice(const struct jitter *j, int64_t *by_us);

/* ---- figures ----------------------------------------------------------------------------------------------------- */

struct jitter_stats {
    uint64_t received, played;
    uint64_t lost; /* answers LOST, and frames skipped because a stretch had covered them */
    uint64_t late, duplicate, refused;
    uint64_t discarded; /* dropped to get rid of delay, or for want of room */
    uint64_t concealed; /* frames LOST and EMPTY */
    int64_t concealed_us;
    uint64_t empty; /* answers EMPTY */
    uint64_t restarts, spikes;
    double delay_mean_ms, delay_95_ms; /* from arrival without jitter to playing, `held_us` included */
    double loss;                       /* 0 … 1, recent, late packets not counted as lost */
};

void jitter_stats(const struct jitter *j, struct jitter_stats *out);

/** The present delay (smoothed) and the target, microseconds. */
int64_t jitter_delay_us(const struct jitter *j);
int64_t jitter_target_us(const struct jitter *j);

/** How long packets are, as far as they have told, microseconds; never 0. */
int64_t jitter_frame_us(const struct jitter *j);

/** Whether packets are being lost (late ones not counted). */
bool jitter_is_lossy(const struct jitter *j);

/** How fast the sender's clock runs against ours (rtp/drift.h); false as long as that is not certain. */
bool jitter_drift_ppm(const struct jitter *j, double *ppm);

/** Packets kept now. */
unsigned jitter_count(const struct jitter *j);

#endif
