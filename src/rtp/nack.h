/*
 * Generic NACK (RFC 4585 section 6.2.1): a receiver tells which packets it misses, as soon as it knows. A sender of ours
 * repeats them in RED of its next packets, and learns how losses come: how many, and how many in a row. Pure state, no
 * clock, no allocation. Media thread.
 */
#ifndef AHOY_RTP_NACK_H
#define AHOY_RTP_NACK_H

#include "base/view.h"

enum {
    NACK_WINDOW = 64,    /* packets looked back; a power of two */
    NACK_MAX_ITEMS = 8,  /* in one message */
    NACK_ITEM_BYTES = 4, /* a sequence number and a mask of the 16 behind it */
    NACK_TRIES = 3,      /* a packet is asked for so often at most */
    NACK_FCI_BYTES = NACK_MAX_ITEMS * NACK_ITEM_BYTES,
};

/* ---- what is missing --------------------------------------------------------------------------------------------- */

/* A receiver's view. The fields are the module's own. */
struct nack_missing {
    bool begun;
    uint32_t highest;                /* extended sequence number */
    bool there[NACK_WINDOW];         /* by sequence number, modulo */
    uint8_t tries[NACK_WINDOW];      /* how often it was asked for */
    int64_t noticed_us[NACK_WINDOW]; /* when it was found missing */
    int64_t asked_us[NACK_WINDOW];
};

/** A packet came (or was found in another's redundancy). A jump of a window or more forgets. */
void nack_packet(struct nack_missing *m, uint32_t ext_seq, int64_t now_us);

struct nack_timing {
    int64_t patience_us; /* a missing packet may still come by itself for so long: the network reorders */
    int64_t round_us;    /* round trip: until then an answer cannot be there, so it is not asked for again */
    int64_t useless_us;  /* missing for so long: too late to be played */
};

/**
 * Writes the FCI of what is to be asked for now; returns its bytes, 0 for nothing. *next_us (INT64_MAX: never) is when
 * to ask again if no packet comes.
 */
size_t nack_ask(struct nack_missing *m, const struct nack_timing *t, int64_t now_us, uint8_t fci[NACK_FCI_BYTES],
                int64_t *next_us);

/* ---- what the peer misses ---------------------------------------------------------------------------------------- */

/** Calls `each` for every sequence number that an FCI names, at most 17 per item and NACK_MAX_ITEMS * 4 items. */
void nack_each(struct view fci, void (*each)(void *arg, uint16_t seq), void *arg);

#endif
