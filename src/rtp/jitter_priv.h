/*
 * What the parts of the jitter buffer share: jitter.c (in), jitter_get.c (out), jitter_delay.c (how long the network makes
 * packets wait), jitter_wait.c (how long redundancy is waited for).
 */
#ifndef AHOY_RTP_JITTER_PRIV_H
#define AHOY_RTP_JITTER_PRIV_H

#include "rtp/drift.h"
#include "rtp/jitter.h"

enum { JITTER_RING = 128 }; /* sequence numbers; a power of two above JITTER_MAX_PACKETS */

/* ---- the delay: jitter_delay.c ----------------------------------------------------------------------------------- */

enum {
    DELAY_SAMPLES = 512, /* ten seconds of packets of 20 ms, five of 10 ms */
    DELAY_SPIKES = 4,
};

/*
 * Relative delay of packets: arrival minus timestamp, less the smallest of the last ten seconds. A timeline is a
 * stretch of packets whose timestamps belong together.
 */
struct delay {
    int64_t min_us, max_us;            /* bounds of the target */
    int32_t transit_us[DELAY_SAMPLES]; /* against ref_us, a ring */
    uint32_t when_ms[DELAY_SAMPLES];
    uint64_t spiky[DELAY_SAMPLES / 64]; /* samples taken inside a spike: not part of the quantile */
    unsigned head, n;                   /* next place; samples kept */
    bool begun;
    int64_t ref_us;    /* transit of the timeline's first packet */
    int64_t base_us;   /* smallest transit in the window, against ref_us */
    int64_t last_us;   /* arrival of the last packet */
    int64_t target_us; /* without the room for redundancy */
    int64_t updated_us;
    unsigned until_update; /* packets */

    bool in_spike;
    int64_t spike_us, spike_height_us; /* arrival and delay of its first packet */
    unsigned spike_samples;
    struct {
        int64_t when_us, height_us;
    } spike[DELAY_SPIKES]; /* past ones, newest first; height 0: none */
    uint64_t spikes;
};

void delay_init(struct delay *d, const struct jitter_config *c);

/** A new timeline: forgets samples, keeps the target. */
void delay_restart(struct delay *d);

/**
 * A packet of this transit (arrival minus timestamp, microseconds) arrived: returns its relative delay. A timeline that
 * no longer fits is begun anew, which sets *restarted; the caller may then move the origin of its timestamps.
 */
int64_t delay_add(struct delay *d, int64_t transit_us, int64_t when_us, bool *restarted);

/** The relative delay of a transit that is not to be counted. */
int64_t delay_of(const struct delay *d, int64_t transit_us);

/* ---- what is waited for beyond that: jitter_wait.c --------------------------------------------------------------- */

struct jitter_wait {
    unsigned packets;                         /* behind a lost one, for their redundancy */
    unsigned less_frames;                     /* frames for which a shorter wait has been better */
    unsigned redundancy;                      /* packets behind a lost one that may bring it back by what is in them */
    int64_t copies_us;                        /* so much later copies may come; 0: none do */
    bool unproven;                            /* the first seconds, and no loss was seen yet */
    double loss;                              /* recent, 0 … 1 */
    double quick_loss;                        /* the same over fewer frames */
    double frames;                            /* that `loss` and `beyond` are of */
    double beyond[JITTER_MAX_REDUNDANCY + 1]; /* recent share of frames lost that later packets could bring back only if
                                                 more than that many of them were waited for */
    uint8_t copied_after[JITTER_RING];        /* by sequence number: so many packets later a copy came; 0: none did */
};

/** A stream begins: what is known of the network stays. */
void jitter_wait_begin(struct jitter *j);

/**
 * A frame was played or passed over: counts the loss of the one that was so many before it that it would have come by
 * now. What is only late is no loss.
 */
void jitter_count_loss(struct jitter *j);

/** A copy came, in time or not: what is lost like this next time is worth waiting for as long. */
void jitter_note_copy(struct jitter *j, int64_t ext);

/** How much longer than the network asks for. */
int64_t jitter_wait_us(const struct jitter *j);

/* ---- the buffer -------------------------------------------------------------------------------------------------- */

enum {
    JITTER_MAX_FRAME_MS = 200, /* no packet is longer (RFC 3551 section 4.2) */
    JITTER_LOST_AFTER = 20     /* packets behind its turn a missing one is taken for lost */
};

struct jitter_slot {
    bool used;
    bool marker, silence, filler;
    bool copy; /* out of RED; the packet itself has not come */
    uint8_t payload_type;
    uint8_t older, newer; /* neighbours in order of arrival (which is order in the slab), JITTER_RING: none */
    uint32_t duration_ts; /* 0: unknown */
    uint32_t offset, n;   /* in the slab */
    int64_t ext;          /* extended sequence number */
    int64_t ts;           /* extended timestamp */
    int64_t when_us;      /* when it came … */
    int64_t base_us;      /* … and when it would have come without jitter */
};

struct jitter {
    struct jitter_config config;
    uint32_t frame_ts; /* learnt */

    bool started; /* a stream is known */
    bool fresh;   /* nothing of it was played yet */
    bool restart; /* tell with the next packet */
    bool silent;  /* the sender is (or may be) silent behind what was played last */
    uint32_t ssrc;
    int64_t first_ext;         /* losses are counted from here */
    int64_t next_ext, max_ext; /* to be played next; highest that came */
    int64_t next_ts;           /* where the next frame should begin */
    int64_t last_ts;           /* of the packet that came last, for extending */
    int64_t last_ext;
    int64_t origin_ts; /* transit is counted from here */
    uint64_t played[JITTER_RING / 64];
    uint64_t came[JITTER_RING / 64]; /* the packet itself, in time or late */
    bool has_pending;
    uint16_t pending_seq; /* a jump that would be confirmed by this one */
    unsigned lates;       /* in a row */

    int64_t covered_ts; /* stretched while the buffer was empty and not made up for yet */
    unsigned run;       /* answers EMPTY in a row */
    int64_t run_us;
    unsigned settled_frames; /* played since anything was missing */
    bool has_delay;
    int64_t delay_us[2]; /* of the last two frames, when they were asked for */
    int64_t held_us[2];  /* what the player had in hand then */
    struct {             /* the least of some frames: how near sound is to being too late */
        unsigned frames, stumbles;
        bool told;                 /* since the last stumble */
        int64_t asked_us, held_us; /* how late a frame was asked for, and what the player had in hand */
    } near;
    int64_t waited_us; /* how long the last one lay here */
    int64_t smooth_us;

    unsigned count;
    uint8_t oldest, newest;
    struct jitter_slot slot[JITTER_RING];
    uint32_t end;  /* of the slab's used part */
    uint32_t live; /* bytes in it that are still wanted */
    char *slab;

    struct delay delay;
    struct jitter_wait wait;
    struct drift drift;
    struct jitter_stats stats;
    uint32_t delays[256]; /* histogram of 5 ms */
    double delay_sum_ms;
    uint64_t delay_n;
};

static inline struct jitter_slot *jitter_slot_of(struct jitter *j, int64_t ext)
{
    return &j->slot[(uint64_t) ext % JITTER_RING];
}

/** The packet of this sequence number if it is here. */
static inline struct jitter_slot *jitter_find(struct jitter *j, int64_t ext)
{
    struct jitter_slot *s = jitter_slot_of(j, ext);
    return s->used && s->ext == ext ? s : NULL;
}

/** Whether this sequence number was played, to tell a repeated packet from a late one. */
static inline bool jitter_was_played(const struct jitter *j, int64_t ext)
{
    return (j->played[(uint64_t) ext % JITTER_RING / 64] >> ((uint64_t) ext % 64) & 1) != 0;
}

/** Whether the packet itself came, or was noted as such. */
static inline bool jitter_came(const struct jitter *j, int64_t ext)
{
    return (j->came[(uint64_t) ext % JITTER_RING / 64] >> ((uint64_t) ext % 64) & 1) != 0;
}

static inline void jitter_note_came(struct jitter *j, int64_t ext, bool came)
{
    uint64_t bit = UINT64_C(1) << ((uint64_t) ext % 64);
    uint64_t *word = &j->came[(uint64_t) ext % JITTER_RING / 64];
    *word = came ? *word | bit : *word & ~bit;
}

/** Notes the fate of the next packet in order and steps behind it. */
static inline void jitter_step(struct jitter *j, bool played)
{
    uint64_t bit = UINT64_C(1) << ((uint64_t) j->next_ext % 64);
    uint64_t *word = &j->played[(uint64_t) j->next_ext % JITTER_RING / 64];
    *word = played ? *word | bit : *word & ~bit;
    j->next_ext++;
}

/** Gives a slot back; its bytes stay readable until the next packet is stored. */
void jitter_release(struct jitter *j, struct jitter_slot *s);

int64_t jitter_ts_to_us(const struct jitter *j, int64_t ts);
int64_t jitter_us_to_ts(const struct jitter *j, int64_t us);

/** The target without what is waited for redundancy: that packets come at all by then may be expected. */
int64_t jitter_network_us(const struct jitter *j);

#endif
