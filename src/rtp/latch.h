/*
 * Symmetric RTP with safe latching: from whom media is taken and where it is sent, given the address that signalling
 * named and the addresses that packets come from (RFC 4961, RFC 7362). A pure state machine in the caller's memory; one
 * for each local port. Media thread.
 *
 *     NOWHERE --signal--> SIGNALLED --a packet from there--> CONFIRMED
 *                             |                                 |
 *                             | N good packets                  | silence, then N good packets
 *                             v                                 v
 *                          LATCHED <-----------------------------
 *
 * A source is good when it keeps sending valid RTP of one SSRC, in sequence, with payload types that were negotiated.
 * The signalled address is always preferred. A stray packet is dropped and moves nothing. Nothing is ever sent to, nor
 * taken from, a multicast, broadcast or unspecified address.
 */
#ifndef AHOY_RTP_LATCH_H
#define AHOY_RTP_LATCH_H

#include "base/addr.h"

enum { LATCH_CANDIDATES = 4 };

struct latch_config {
    bool symmetric;        /* false: media is taken from and sent to the signalled address only */
    unsigned packets;      /* good packets that a strange address must send */
    unsigned packets_near; /* the same for an address with the IP of the signalled one or of the signalling peer */
    int64_t silence_us;    /* the current source must be silent that long before another one may take over */
};

/** symmetric, 5 packets, 2 when near, 2 s of silence. */
struct latch_config latch_config_default(void);

enum latch_state { LATCH_NOWHERE, LATCH_SIGNALLED, LATCH_CONFIRMED, LATCH_LATCHED };

struct latch_candidate {
    struct addr addr;
    uint32_t ssrc;
    bool has_seq;
    uint16_t seq; /* of its newest RTP packet */
    unsigned good;
    int64_t last_us;
};

/* The fields are the machine's own; ask through the functions. */
struct latch {
    struct latch_config config;
    enum latch_state state;
    struct addr signalled;
    struct addr signalling_ip;
    struct addr target; /* ADDR_NONE: nowhere */
    uint32_t ssrc;      /* of the current source */
    bool has_ssrc;
    int64_t heard_us; /* last packet of the current source */
    struct latch_candidate candidate[LATCH_CANDIDATES];
    uint64_t dropped;  /* packets refused so far */
    unsigned switches; /* times the target changed without signalling */
};

/* What is known of a packet. */
struct latch_packet {
    bool rtcp;          /* no sequence number */
    bool negotiated;    /* RTP: the payload type was negotiated; RTCP: well formed */
    bool authenticated; /* it passed SRTP's authentication: one such packet proves its address */
    uint32_t ssrc;      /* RTCP: of its sender */
    uint16_t seq;
};

void latch_init(struct latch *l, const struct latch_config *config);

/**
 * Signalling named the peer's media address. The same address again changes nothing; another one starts anew and is
 * sent to at once. An unspecified address or port 0 (RFC 3264 hold of old) means nowhere. `signalling` (may be NULL) is
 * where the peer's signalling comes from: sources with that IP count as near. INVAL for multicast and broadcast: the
 * latch is nowhere then.
 */
AHOY_MUST_USE enum ahoy_err latch_signal(struct latch *l, const struct addr *remote, const struct addr *signalling);

/** A packet came: true to take it, false to drop it. May change the target. */
bool latch_observe(struct latch *l, const struct addr *src, const struct latch_packet *p, int64_t now_us);

/** Where to send, or NULL for nowhere. Valid until the next call. */
const struct addr *latch_target(const struct latch *l);

#endif
