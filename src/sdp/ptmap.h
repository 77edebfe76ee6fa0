/*
 * What each payload type of one m= line ever meant, on either side: RFC 3264 section 8.3.2 lets none change its meaning
 * while the session lasts. Internal to this room.
 */
#ifndef AHOY_SDP_PTMAP_H
#define AHOY_SDP_PTMAP_H

#include "sdp/format.h"

enum ptmap_owner { PTMAP_OURS, PTMAP_THEIRS };

struct ptmap_entry {
    struct sdp_format_id id;
    uint8_t pt;
    uint8_t owner;
};

/* At most one entry for a number and owner, so at most 2 * SDP_PT_COUNT. Zero is the empty map. */
struct ptmap {
    struct ptmap_entry *v;
    size_t n, cap;
};

void ptmap_fini(struct ptmap *m);

/** A copy of `from` in the empty map `to`. */
AHOY_MUST_USE enum ahoy_err ptmap_copy(struct ptmap *to, const struct ptmap *from);

/** The meaning of a number, or NULL. */
const struct sdp_format_id *ptmap_get(const struct ptmap *m, enum ptmap_owner owner, unsigned pt);

/** The number we gave to this format last, or -1. */
int ptmap_ours(const struct ptmap *m, const struct sdp_format_id *id);

/** Remembers. Ours never changes (a second meaning is ignored); theirs follows what the peer said last. */
AHOY_MUST_USE enum ahoy_err ptmap_put(struct ptmap *m, enum ptmap_owner owner, unsigned pt,
                                      const struct sdp_format_id *id);

#endif
