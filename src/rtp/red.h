/*
 * Redundant audio data (RFC 2198): a payload made of an older generation or several and the newest one. Parse, print,
 * and a sender that remembers what it sent. Pure but for the sender's memory. Media thread.
 */
#ifndef AHOY_RTP_RED_H
#define AHOY_RTP_RED_H

#include "base/view.h"

enum {
    RED_MAX_BLOCKS = 8,          /* taken from a packet, the primary included */
    RED_MAX_OFFSET = 0x3FFF,     /* timestamp units, 14 bits */
    RED_MAX_BLOCK_BYTES = 0x3FF, /* of a redundant block, 10 bits */
    RED_KEPT = 16,               /* generations a sender keeps */
};

struct red_block {
    uint8_t payload_type;
    uint16_t offset_ts; /* to be subtracted from the packet's timestamp; 0 for the primary */
    struct view data;
};

/**
 * Splits a payload; the primary is the last of `n`, the oldest generation the first. SYNTAX when headers or lengths do
 * not fit, LIMIT for more than RED_MAX_BLOCKS.
 */
AHOY_MUST_USE enum ahoy_err red_parse(struct view payload, struct red_block out[RED_MAX_BLOCKS], size_t *n);

/** Prints blocks, primary last. RANGE: an offset or a redundant block too large; LIMIT: does not fit. */
AHOY_MUST_USE enum ahoy_err red_print(const struct red_block *blocks, size_t n, void *dst, size_t max, size_t *written);

struct red_sender;

/** NOMEM. */
AHOY_MUST_USE enum ahoy_err red_sender_create(struct red_sender **out);
void red_sender_destroy(struct red_sender *s);

/** Forgets what was sent (after silence, where old generations would be of no use). */
void red_sender_reset(struct red_sender *s);

/**
 * A packet was sent, with RED or without: its sound may be repeated. Not kept, though it takes its place in the
 * sequence: too large a copy, or one with no payload type (above 127), for packets without sound.
 */
void red_sender_keep(struct red_sender *s, uint8_t payload_type, uint32_t timestamp, struct view copy);

/**
 * Prints a RED payload: the new primary and earlier generations, bit i of `generations` for what was kept i + 1 packets
 * ago. Left out are those not kept, beyond the offset field, and the oldest that do not fit `max` or RED_MAX_BLOCKS.
 * Keeps nothing. LIMIT when even the primary does not fit.
 */
AHOY_MUST_USE enum ahoy_err red_sender_print(const struct red_sender *s, uint32_t generations,
                                             const struct red_block *primary, uint32_t timestamp, void *dst, size_t max,
                                             size_t *written);

#endif
