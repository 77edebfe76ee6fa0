/* Hexadecimal and Base64 (RFC 4648). Pure. */
#ifndef AHOY_BASE_ENCODE_H
#define AHOY_BASE_ENCODE_H

#include "base/view.h"

/** Lower-case hex of n bytes and a zero byte to dst[2 * n + 1]. */
void encode_hex(const void *p, size_t n, char *dst);

/** Size of the Base64 text of n bytes, zero byte included. */
#define ENCODE_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/** Base64 with padding and a zero byte to dst[ENCODE_BASE64_SIZE(n)]. */
void encode_base64(const void *p, size_t n, char *dst);

/** Decodes Base64, padding optional, no white space. SYNTAX, or LIMIT when more than `max` bytes. */
AHOY_MUST_USE enum ahoy_err decode_base64(struct view v, void *dst, size_t max, size_t *n);

/** Decodes an even number of hex digits. */
AHOY_MUST_USE enum ahoy_err decode_hex(struct view v, void *dst, size_t max, size_t *n);

/** Reads 1 … `digits` hex digits as a number; `digits` is 8 at the most. SYNTAX. */
AHOY_MUST_USE enum ahoy_err decode_hex_u32(struct view v, size_t digits, uint32_t *out);

#endif
