/* Ogg pages (RFC 3533), written: packets go in, pages come out. The caller's memory; pure. */
#ifndef AHOY_AUDIO_OGG_H
#define AHOY_AUDIO_OGG_H

#include "base/base.h"

enum {
    OGG_LACES = 255,
    OGG_BODY_BYTES = OGG_LACES * 255,
    OGG_PAGE_BYTES = 27 + OGG_LACES + OGG_BODY_BYTES,
    OGG_PACKET_BYTES = OGG_LACES * 255 - 1, /* a packet that surely fits into an empty page */
};

/** Flags of a page (RFC 3533 section 6). */
enum { OGG_FIRST = 2, OGG_LAST = 4 };

/** A logical stream and its page in the making. */
struct ogg_writer {
    uint32_t serial, sequence;
    uint64_t granule; /* of the last packet put */
    size_t laces, bytes;
    uint8_t lace[OGG_LACES];
    uint8_t body[OGG_BODY_BYTES];
};

/** `serial` is any number, different for each stream of a file. */
void ogg_init(struct ogg_writer *w, uint32_t serial);

/**
 * Adds a packet (at most OGG_PACKET_BYTES) to the page; `granule` is the position at its end. False: there is no room,
 * take the page first.
 */
AHOY_MUST_USE bool ogg_put(struct ogg_writer *w, const void *packet, size_t n, uint64_t granule);

/** Takes the page (an empty one, too) and begins the next. Returns its bytes. */
size_t ogg_take(struct ogg_writer *w, unsigned flags, uint8_t out[OGG_PAGE_BYTES]);

/** The checksum of a page whose own checksum is zero (polynomial 0x04c11db7, no reflection). */
uint32_t ogg_crc(const uint8_t *p, size_t n);

#endif
