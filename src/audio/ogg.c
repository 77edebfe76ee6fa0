#include "audio/ogg.h"

#include <string.h>

enum { HEAD_BYTES = 27, CRC_AT = 22 };

#define OGG_POLYNOMIAL 0x04c11db7u

void ogg_init(struct ogg_writer *w, uint32_t serial)
{
    w->serial = serial;
    w->sequence = 0;
    w->granule = 0;
    w->laces = w->bytes = 0;
}

bool ogg_put(struct ogg_writer *w, const void *packet, size_t n, uint64_t granule)
{
    AHOY_ASSERT(n <= OGG_PACKET_BYTES);
    size_t laces = n / 255 + 1;
    if (laces > OGG_LACES - w->laces)
        return false;
    memset(w->lace + w->laces, 255, laces - 1);
    w->lace[w->laces + laces - 1] = (uint8_t) (n % 255);
    w->laces += laces;
    if (n > 0)
        memcpy(w->body + w->bytes, packet, n);
    w->bytes += n;
    w->granule = granule;
    return true;
}

static uint8_t *put_le(uint8_t *p, uint64_t x, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t) (x >> 8 * i & 0xff);
    return p + bytes;
}

/* Pages come once a second, so bits do. */
uint32_t ogg_crc(const uint8_t *p, size_t n)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint32_t) p[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x80000000u ? crc << 1 ^ OGG_POLYNOMIAL : crc << 1;
    }
    return crc;
}

size_t ogg_take(struct ogg_writer *w, unsigned flags, uint8_t out[OGG_PAGE_BYTES])
{
    size_t n = HEAD_BYTES + w->laces + w->bytes;
    memcpy(out, "OggS", 4);
    out[4] = 0; /* version */
    out[5] = (uint8_t) flags;
    uint8_t *p = put_le(out + 6, w->granule, 8);
    p = put_le(p, w->serial, 4);
    p = put_le(p, w->sequence++, 4);
    p = put_le(p, 0, 4);
    *p = (uint8_t) w->laces;
    memcpy(out + HEAD_BYTES, w->lace, w->laces);
    memcpy(out + HEAD_BYTES + w->laces, w->body, w->bytes);
    (void) put_le(out + CRC_AT, ogg_crc(out, n), 4);
    w->laces = w->bytes = 0;
    return n;
}
