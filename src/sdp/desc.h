/*
 * Our side of a description, made from what the caller is ready for: built, printed, held against the peer's. Pure.
 * Internal to this room.
 */
#ifndef AHOY_SDP_DESC_H
#define AHOY_SDP_DESC_H

#include "sdp/format.h"
#include "sdp/offer.h"
#include "sdp/ptmap.h"

struct desc_format {
    enum sdp_use use;
    int codec; /* index into the cap's codecs, or -1 */
    struct view name;
    uint32_t clock_hz;
    unsigned channels;
    unsigned pt; /* the number wished for, then the number given */
    struct view fmtp;
    struct sdp_format_id id;
    bool answer_only; /* not offered by ourselves */
};

/* An m= line of ours. Views point into the arena it was built in, or to static storage. */
struct desc_media {
    int cap; /* the stream this line belongs to, kept while the line is off; -1: none */
    bool active;
    enum sdp_reject reject;
    enum sdp_kind kind;
    struct view kind_text, proto_text;
    struct view dead_format; /* what an inactive line lists, since it must list something */
    unsigned protos;         /* acceptable in an answer */
    bool any_family;
    bool events_only; /* a stream of telephone-events without any codec */
    const struct desc_format *format;
    size_t formats;
    enum sdp_dir dir;
    unsigned ptime_ms, maxptime_ms, bandwidth_kbps;
    struct addr rtp, rtcp; /* rtcp: family ADDR_NONE for the port after rtp's */
    bool rtcp_mux;
    struct view mid, extra;
};

struct desc {
    struct desc_media media[SDP_MAX_MEDIA];
    size_t n;
    struct addr addr;
    struct view time, extra;
};

/* Room for a cap's codecs, comfort noise and one telephone-event for each clock rate. */
enum { DESC_MAX_FORMATS = 2 * SDP_MAX_CODECS + 2 };

/** INVAL when a struct sdp_local breaks the rules of offer.h. */
AHOY_MUST_USE enum ahoy_err desc_check(const struct sdp_local *local);

/** All formats a cap stands for, in order of preference, numbers not given yet. Views point into the cap. */
size_t desc_expand(const struct sdp_cap *cap, struct desc_format out[DESC_MAX_FORMATS]);

/** What a new description is built from. */
struct desc_build {
    struct arena *arena;
    const struct sdp_local *local;
    const struct desc *before; /* what we said last and was agreed; NULL at first */
    const struct sdp *remote;  /* the offer to answer; for an offer, what the peer said last; may be NULL */
    struct ptmap *map;         /* SDP_MAX_MEDIA of them, one a line */
};

/** An offer. LIMIT when the lines are used up. */
AHOY_MUST_USE enum ahoy_err desc_offer(const struct desc_build *b, struct desc *out);

/** The answer to b->remote; lines that cannot be accepted are inactive and say why. */
AHOY_MUST_USE enum ahoy_err desc_answer(const struct desc_build *b, struct desc *out);

/** An answer that takes nothing. */
AHOY_MUST_USE enum ahoy_err desc_answer_none(const struct desc_build *b, struct desc *out);

/** Everything behind the o= line. */
void desc_print(const struct desc *d, struct buf *out);

/** The payload types of one line: those of the cap that the peer's line has too (`remote` an offer), or all. */
struct desc_choice {
    struct arena *arena;
    const struct sdp_cap *cap;
    const struct sdp_media *remote; /* the offer's line; for our offers the peer's last line there, or NULL */
    const struct ptmap *map;
    bool answer;
    bool mux;
};

/** Chooses formats and gives them numbers; `formats` 0 when there is none in common. */
AHOY_MUST_USE enum ahoy_err desc_choose(const struct desc_choice *c, struct desc_media *m);

/** What both sides' lines come to. `before`: the stream agreed earlier in this line, or NULL. */
struct desc_match {
    struct arena *arena;
    const struct desc_media *ours;
    const struct sdp_media *theirs; /* NULL: the answer has no such line */
    bool we_answered;
    const struct sdp_stream *before;
};

AHOY_MUST_USE enum ahoy_err desc_match(const struct desc_match *in, struct sdp_stream *out);

#endif
