/*
 * The way back to a peer that only it can open: through its NAT, or by its connection. A proxy that stays on the path
 * of a dialog writes both peers' ways into its Record-Route, sealed, so that later requests find them without any state
 * here, also after a restart (the idea of the flow tokens of RFC 5626 section 5.2).
 */
#ifndef AHOY_SERVER_WAY_H
#define AHOY_SERVER_WAY_H

#include "server/exchange.h"

struct way {
    enum sip_proto proto; /* SIP_PROTO_UNKNOWN: none is needed, its URI will do */
    struct addr peer;
    uint16_t port; /* of ours, where the peer's packets arrive: its NAT lets answers in from there alone */
};

void way_of_flow(const struct sip_flow *f, struct way *out);

/**
 * Whether who sent this is to be reached the way it came. Always by TCP; by UDP when its Via or its contact (may be
 * empty) shows that a NAT stands between. Never when another proxy sent it (more than one Via).
 */
bool way_is_needed(const struct sip_flow *flow, struct sip_msg *request, const struct sip_core *core,
                   struct view contact);

/** A flow that goes there. */
AHOY_MUST_USE enum ahoy_err way_open(const struct exchange *x, const struct way *w, struct sip_flow **out);

struct way_pair {
    struct way caller, callee;
};

/** Appends the token of a dialog, begun by the caller with this From tag and Call-ID: letters and digits. */
void way_put_token(const struct exchange *x, const struct sip_core *core, const struct way_pair *p, struct buf *out);

/**
 * Reads a token that came back in a request of the dialog. *to is the way to the side that the request goes to. False:
 * no token of ours, or not of this dialog.
 */
bool way_read_token(const struct exchange *x, struct view token, const struct sip_core *core, struct way *to);

#endif
