/*
 * Packet loss concealment by waveform: keeps the last 35 ms that were played, continues them by whole pitch periods,
 * fades, and blends the first good frame in. In the spirit of ITU-T G.711 Appendix I, without its 3.75 ms of delay:
 * what was received is passed through at once. For codecs that have no concealment of their own.
 */
#ifndef AHOY_AUDIO_PLC_H
#define AHOY_AUDIO_PLC_H

#include "base/base.h"

struct plc;

/** Bytes of a concealer for this rate (8000 … 48000 Hz); the memory is the caller's and needs no freeing. */
size_t plc_size(uint32_t rate_hz);

/** Prepares plc_size() bytes, aligned for any type. */
void plc_init(struct plc *p, uint32_t rate_hz);

/** A frame that was received: remembered and, when it follows a loss, changed in place so that it joins smoothly. */
void plc_good(struct plc *p, int16_t *pcm, size_t n);

/** Fills `n` samples in place of a lost frame. */
void plc_conceal(struct plc *p, int16_t *pcm, size_t n);

#endif
