/*
 * Between two telephones on this machine: hands a call on, and harms the packets of the one who calls, in real time.
 * Just enough of a proxy for one INVITE (what follows goes straight between them), and a relay for RTP and RTCP.
 */
#ifndef BENCH_SOUND_RELAY_H
#define BENCH_SOUND_RELAY_H

#include "sound/capture.h"

struct relay;

/** For calls to sip:bench@127.0.0.1:`*port`, which are handed to 127.0.0.1:`to`. IO: no sockets; NOMEM. */
AHOY_MUST_USE enum ahoy_err relay_create(struct relay **out, uint16_t to, const struct impair_config *harm,
                                         uint16_t *port);
void relay_destroy(struct relay *r);

/** Runs for `ms`, or until the caller's first packet came when `first`. False: it should have come, and did not. */
bool relay_run(struct relay *r, double ms, bool first);

/** When the first packet of the caller came: monotonic milliseconds. */
double relay_first_ms(const struct relay *r);

/** What the caller sent, in monotonic microseconds. */
const struct capture *relay_capture(const struct relay *r);

#endif
