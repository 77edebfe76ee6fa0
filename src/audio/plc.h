/*
 * Packet loss concealment by waveform, for codecs that have none of their own: the last pitch period is repeated and
 * fades, and the first good frame is blended in. When it is known what follows the loss, the way there is interpolated
 * from both sides. What was received is passed through at once, without delay.
 */
#ifndef AHOY_AUDIO_PLC_H
#define AHOY_AUDIO_PLC_H

#include "base/base.h"

enum { PLC_NEXT_MS = 20, PLC_NEXT_SAMPLES = 48 * PLC_NEXT_MS }; /* more of what follows is not looked at */

struct plc;

/** Bytes of a concealer for this rate (8000 … 48000 Hz); the memory is the caller's and needs no freeing. */
size_t plc_size(uint32_t rate_hz);

/** Prepares plc_size() bytes, aligned for any type. */
void plc_init(struct plc *p, uint32_t rate_hz);

/** A frame that was received: remembered and, when it follows a loss, changed in place so that it joins smoothly. */
void plc_good(struct plc *p, int16_t *pcm, size_t n);

/** Fills `n` samples in place of a lost frame. */
void plc_conceal(struct plc *p, int16_t *pcm, size_t n);

/**
 * Says what follows a loss: the n samples of `next` (PLC_NEXT_MS are looked at) begin `gap` samples from here. The next
 * `gap` samples of plc_conceal then lead there, and plc_good joins to it. The first `soft` samples of `next` are not to
 * be relied on: they are led over too, as far as the rest suffices.
 */
void plc_toward(struct plc *p, const int16_t *next, size_t n, size_t gap, size_t soft);

/** How far it still is to where plc_toward leads; 0: nowhere. */
size_t plc_gap(const struct plc *p);

/** What plc_conceal would give, without giving it. */
void plc_peek(struct plc *p, int16_t *pcm, size_t n);

#endif
