/*
 * Pauses of one who speaks, for codecs that know none themselves: when nothing is to be heard but the background, it is
 * described once a second (RFC 3389) and not sent. Cautious: whatever is 6 dB above the background is sent, speech or not,
 * and so is the first part of each pause. One stream, media worker; nothing allocates. Private to media/.
 */
#ifndef AHOY_MEDIA_PAUSE_H
#define AHOY_MEDIA_PAUSE_H

#include "audio/cng.h"
#include "audio/vad.h"

enum { PAUSE_RECENT_MS = 100, PAUSE_ORDER = 10 };

struct pause {
    uint32_t rate_hz;
    struct vad vad;
    uint32_t quiet; /* samples of it without a break */
    uint32_t since; /* samples since the background was described */
    bool resting;
    double told_dbfs;
    int16_t recent[48 * PAUSE_RECENT_MS]; /* background as it was heard last */
};

void pause_init(struct pause *p, uint32_t rate_hz);

enum pause_act {
    PAUSE_SEND,     /* there is something to be heard */
    PAUSE_DESCRIBE, /* nothing but background: describe it */
    PAUSE_REST      /* as told before: send nothing */
};

/**
 * Looks at the next frame (10 … 60 ms) on its way to the encoder. `speech`: somebody is known to speak in it; when nobody
 * knows, the frame is listened to.
 */
enum pause_act pause_look(struct pause *p, const int16_t *pcm, size_t n, bool speech);

/** The background as a payload; returns its bytes. */
size_t pause_describe(const struct pause *p, uint8_t out[CNG_MAX_BYTES]);

#endif
