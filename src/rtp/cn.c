#include "rtp/cn.h"

#include "rtp/wire.h"

enum { RESERVED_INDEX = 255, STEP = 258, ZERO_INDEX = 127 };

enum ahoy_err cn_parse(struct view payload, struct cn *out)
{
    if (payload.n == 0)
        return AHOY_ERR_SYNTAX;
    struct cn c = { .level_dbov = wire_u8(payload.p) & 0x7f };
    for (size_t i = 1; i < payload.n && c.order < CN_MAX_ORDER; i++) {
        int index = wire_u8(payload.p + i);
        if (index == RESERVED_INDEX)
            break;
        c.k_q15[c.order++] = (int16_t) (STEP * (index - ZERO_INDEX)); /* RFC 3389 section 3.2 */
    }
    *out = c;
    return AHOY_OK;
}

enum ahoy_err cn_print(const struct cn *c, void *dst, size_t max, size_t *n)
{
    size_t order = AHOY_MIN(c->order, (uint8_t) CN_MAX_ORDER);
    if (max < 1 + order)
        return AHOY_ERR_LIMIT;
    uint8_t *o = dst;
    o[0] = AHOY_MIN(c->level_dbov, (uint8_t) 127);
    for (size_t i = 0; i < order; i++) {
        int k = c->k_q15[i];
        int index = ZERO_INDEX + (k >= 0 ? k + STEP / 2 : k - STEP / 2) / STEP;
        o[1 + i] = (uint8_t) AHOY_MAX(0, AHOY_MIN(index, RESERVED_INDEX - 1));
    }
    *n = 1 + order;
    return AHOY_OK;
}
