/*
 * Formats: the static payload types of RFC 3551, fmtp parameters, and the identity of a format, by which both sides of
 * an offer mean the same thing. Pure.
 */
#ifndef AHOY_SDP_FORMAT_H
#define AHOY_SDP_FORMAT_H

#include "base/view.h"

enum {
    SDP_PT_STATIC_END = 35, /* first number RFC 3551 gives no static meaning to */
    SDP_PT_DYNAMIC_FIRST = 96,
    SDP_PT_COUNT = 128,
    SDP_FORMAT_ID_BYTES = 63, /* with the zero byte */
};

/* An entry of RFC 3551 tables 4 and 5. */
struct sdp_static_type {
    const char *name; /* NULL: reserved or unassigned */
    uint32_t clock_hz;
    unsigned channels;
};

/** What RFC 3551 says about this number, or NULL. */
const struct sdp_static_type *sdp_static_type(unsigned pt);

/** The number RFC 3551 gave to this format, or -1. */
int sdp_static_pt(struct view name, uint32_t clock_hz, unsigned channels);

/**
 * Takes the next "key=value" off a fmtp list ("a=1; b; c=\"x\""). A parameter without '=' has the empty value. Blanks
 * around are cut off. False at the end.
 */
bool sdp_fmtp_next(struct view *rest, struct view *key, struct view *value);

/** The value of the first parameter called `key` (case matters not). */
bool sdp_fmtp_get(struct view fmtp, struct view key, struct view *value);

/** As a number up to `max`; `fallback` when it is missing or is none. */
uint32_t sdp_fmtp_u32(struct view fmtp, struct view key, uint32_t max, uint32_t fallback);

/**
 * True when a telephone-event fmtp ("0-15,66"; RFC 4733 section 2.4.1) lists this event. An empty list means 0-15, as
 * section 2.5.1.1 has it.
 */
bool sdp_fmtp_has_event(struct view fmtp, unsigned event);

/* The identity of a format: lower-case "name/clock/channels" and the parameters that choose between formats. */
struct sdp_format_id {
    char s[SDP_FORMAT_ID_BYTES];
    uint8_t n;
};

/**
 * Two formats are the same when their ids are equal. Quirks are levelled: opus is always 48000/2 (RFC 7587 section 7)
 * even where a device forgot the channels, and G722 has the clock 8000 (RFC 3551 section 4.5.2) even where a device
 * says 16000. The parameters in the id are those RFC 3264 section 6.1 calls configurations of the format: AMR's
 * octet-align, G7221's bitrate, H264's packetization-mode and so on. False when the name is empty or too long to be
 * anything we know.
 */
bool sdp_format_id(struct view name, uint32_t clock_hz, unsigned channels, struct view fmtp, struct sdp_format_id *out);

static inline bool sdp_format_id_eq(const struct sdp_format_id *a, const struct sdp_format_id *b)
{
    return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

#endif
