/* The comfort noise payload (RFC 3389): a level and the spectrum's reflection coefficients. Pure. Any thread. */
#ifndef AHOY_RTP_CN_H
#define AHOY_RTP_CN_H

#include "base/view.h"

enum { CN_PAYLOAD_TYPE = 13, CN_MAX_ORDER = 32, CN_MAX_BYTES = 1 + 32 };

struct cn {
    uint8_t level_dbov;          /* minus dBov, 0 … 127 */
    uint8_t order;               /* coefficients that follow */
    int16_t k_q15[CN_MAX_ORDER]; /* reflection coefficients, 1.0 is 32768 */
};

/** SYNTAX when empty. Coefficients behind the first reserved index, or behind CN_MAX_ORDER, are left out. */
AHOY_MUST_USE enum ahoy_err cn_parse(struct view payload, struct cn *out);

/** Quantises and writes at most CN_MAX_BYTES. LIMIT when `max` is too small. */
AHOY_MUST_USE enum ahoy_err cn_print(const struct cn *c, void *dst, size_t max, size_t *n);

#endif
