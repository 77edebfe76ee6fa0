/* Big-endian integers on the wire, for this room's parsers and printers. The caller has checked the bounds. */
#ifndef AHOY_RTP_WIRE_H
#define AHOY_RTP_WIRE_H

#include "base/view.h"

static inline uint8_t wire_u8(const char *p)
{
    return (uint8_t) *p;
}

static inline uint16_t wire_u16(const char *p)
{
    return (uint16_t) (wire_u8(p) << 8 | wire_u8(p + 1));
}

static inline uint32_t wire_u32(const char *p)
{
    return (uint32_t) wire_u16(p) << 16 | wire_u16(p + 2);
}

static inline uint64_t wire_u64(const char *p)
{
    return (uint64_t) wire_u32(p) << 32 | wire_u32(p + 4);
}

static inline void wire_put16(uint8_t *p, uint16_t x)
{
    p[0] = (uint8_t) (x >> 8);
    p[1] = (uint8_t) x;
}

static inline void wire_put32(uint8_t *p, uint32_t x)
{
    wire_put16(p, (uint16_t) (x >> 16));
    wire_put16(p + 2, (uint16_t) x);
}

#endif
