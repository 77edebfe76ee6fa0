#include "base/encode.h"

#include "base/chars.h"

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void encode_hex(const void *p, size_t n, char *dst)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = "0123456789abcdef"[b[i] >> 4];
        dst[2 * i + 1] = "0123456789abcdef"[b[i] & 15];
    }
    dst[2 * n] = '\0';
}

void encode_base64(const void *p, size_t n, char *dst)
{
    const uint8_t *b = p;
    for (; n >= 3; n -= 3, b += 3) {
        *dst++ = base64[b[0] >> 2];
        *dst++ = base64[(b[0] & 3) << 4 | b[1] >> 4];
        *dst++ = base64[(b[1] & 15) << 2 | b[2] >> 6];
        *dst++ = base64[b[2] & 63];
    }
    if (n > 0) {
        *dst++ = base64[b[0] >> 2];
        *dst++ = base64[(b[0] & 3) << 4 | (n > 1 ? b[1] >> 4 : 0)];
        *dst++ = n > 1 ? base64[(b[1] & 15) << 2] : '=';
        *dst++ = '=';
    }
    *dst = '\0';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (chars_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum ahoy_err decode_base64(struct view v, void *dst, size_t max, size_t *n)
{
    uint8_t *out = dst;
    size_t done = 0;
    size_t whole = v.n;
    for (int pad = 0; v.n > 0 && v.p[v.n - 1] == '=' && pad < 2; pad++)
        v.n--;
    if (v.n % 4 == 1 || (v.n < whole && whole % 4 != 0))
        return AHOY_ERR_SYNTAX;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < v.n; i++) {
        int x = base64_value(v.p[i]);
        if (x < 0)
            return AHOY_ERR_SYNTAX;
        bits = (bits << 6 | (uint32_t) x) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (done == max)
                return AHOY_ERR_LIMIT;
            out[done++] = (uint8_t) (bits >> have);
        }
    }
    *n = done;
    return AHOY_OK;
}

enum ahoy_err decode_hex(struct view v, void *dst, size_t max, size_t *n)
{
    uint8_t *out = dst;
    if (v.n % 2 != 0)
        return AHOY_ERR_SYNTAX;
    if (v.n / 2 > max)
        return AHOY_ERR_LIMIT;
    for (size_t i = 0; i < v.n / 2; i++) {
        int hi = chars_hex(v.p[2 * i]);
        int lo = chars_hex(v.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return AHOY_ERR_SYNTAX;
        out[i] = (uint8_t) (hi << 4 | lo);
    }
    *n = v.n / 2;
    return AHOY_OK;
}

enum ahoy_err decode_hex_u32(struct view v, size_t digits, uint32_t *out)
{
    uint32_t x = 0;
    AHOY_ASSERT(digits <= 8);
    if (v.n == 0 || v.n > digits)
        return AHOY_ERR_SYNTAX;
    for (size_t i = 0; i < v.n; i++) {
        int digit = chars_hex(v.p[i]);
        if (digit < 0)
            return AHOY_ERR_SYNTAX;
        x = x << 4 | (uint32_t) digit;
    }
    *out = x;
    return AHOY_OK;
}
