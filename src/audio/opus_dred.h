/*
 * What libopus 1.5 has beyond RFC 6716, each of it absent in older libraries and in builds without the networks: deep
 * redundancy (DRED, draft-ietf-mlcodec-opus-dred): each packet carries a coarse description of the last second or so of
 * speech in its padding; and concealment by a neural vocoder. Private to src/audio.
 */
#ifndef AHOY_AUDIO_OPUS_DRED_H
#define AHOY_AUDIO_OPUS_DRED_H

#include "audio/codec.h"
#include "audio/opus_effort.h"

#include <opus/opus.h>

struct opus_dred;

/** Bytes that opus_dred_init wants, 0 when this build has no deep redundancy. */
size_t opus_dred_size(void);

/** In memory of opus_dred_size() zeroed bytes, aligned for any type. NULL when the library refuses. */
struct opus_dred *opus_dred_init(void *memory);

/** Tells an encoder to add deep redundancy; false where there is none. */
bool opus_dred_set_reach(OpusEncoder *encoder, unsigned ms);

/** Sets a decoder's deep concealment and enhancement of speech. */
void opus_dred_set_decoder(OpusDecoder *decoder, enum opus_effort effort);

/** Resynthesises a lost frame. NOT_FOUND: that packet's redundancy does not reach it. */
AHOY_MUST_USE enum ahoy_err opus_dred_decode(struct opus_dred *r, OpusDecoder *decoder,
                                             const struct audio_redundancy *from, int16_t *pcm, size_t samples);

/** How far back a packet's deep redundancy reaches. */
unsigned opus_dred_reach_ms(struct opus_dred *r, const uint8_t *p, size_t n);

#endif
