/* Just enough of a SIP telephone to call another one on this machine and give it packets: one call at a time. */
#ifndef BENCH_SOUND_SIP_CALL_H
#define BENCH_SOUND_SIP_CALL_H

#include "audio/codec.h"

#include <netinet/in.h>

struct sip_call {
    int sip, rtp; /* sockets */
    struct sockaddr_in peer, media;
    char id[32], to[256], target[256];
    unsigned payload_type;
};

/** Calls sip:bench@127.0.0.1:`port` with one codec. False: no 200 with sound within `limit_ms`. */
bool sip_call_start(struct sip_call *c, uint16_t port, const struct audio_codec *codec, int limit_ms);

/** Answers what came in meanwhile (200 sent again). */
void sip_call_serve(struct sip_call *c);

/** BYE, and the end of it. A call that never began is fine. */
void sip_call_end(struct sip_call *c);

/** One RTP packet. */
void sip_call_send(const struct sip_call *c, uint16_t seq, uint32_t timestamp, const uint8_t *payload, size_t n);

#endif
