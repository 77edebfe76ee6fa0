#include "rtp/losses.h"

#include "rtp/wire.h"

#include <string.h>

enum { VECTOR = 15, LONGEST_RUN = 0x3fff };

void losses_reset(struct losses *l)
{
    l->begun = false;
}

static void put(struct losses *l, uint32_t seq, bool came)
{
    uint64_t bit = UINT64_C(1) << (seq % 64), *word = &l->came[seq % LOSSES_WINDOW / 64];
    *word = came ? *word | bit : *word & ~bit;
}

void losses_came(struct losses *l, uint32_t seq)
{
    if (!l->begun) {
        l->begun = true;
        l->first = l->end = seq;
    }
    int32_t ahead = (int32_t) (seq - l->end);
    if (ahead >= LOSSES_WINDOW) {
        memset(l->came, 0, sizeof l->came);
        l->end = seq + 1;
    } else if (ahead >= 0) {
        while (l->end != seq + 1)
            put(l, l->end++, false);
    } else if (-ahead > LOSSES_WINDOW || (int32_t) (seq - l->first) < 0) {
        return;
    }
    put(l, seq, true);
}

bool losses_has(const struct losses *l, uint32_t seq)
{
    uint32_t back = l->end - seq;
    if (!l->begun || back == 0 || back > LOSSES_WINDOW || (int32_t) (seq - l->first) < 0)
        return true;
    return l->came[seq % LOSSES_WINDOW / 64] >> (seq % 64) & 1;
}

uint32_t losses_count(const struct losses *l, uint32_t begin, uint32_t end)
{
    uint32_t n = 0;
    for (uint32_t seq = begin; seq != end; seq++)
        n += !losses_has(l, seq);
    return n;
}

/* The next chunk from `seq` on; moves it. A run where it tells of more than a bit vector would. */
static uint16_t next_chunk(const struct losses *l, uint32_t *seq, uint32_t end)
{
    uint32_t left = end - *seq, run = 1;
    bool came = losses_has(l, *seq);
    while (run < AHOY_MIN(left, (uint32_t) LONGEST_RUN) && losses_has(l, *seq + run) == came)
        run++;
    if (run >= VECTOR || run == left) {
        *seq += run;
        return (uint16_t) ((came ? 0x4000u : 0) | run);
    }
    unsigned bits = 0x8000;
    for (uint32_t i = 0; i < AHOY_MIN(left, (uint32_t) VECTOR); i++)
        bits |= (unsigned) losses_has(l, *seq + i) << (VECTOR - 1 - i);
    *seq += AHOY_MIN(left, (uint32_t) VECTOR);
    return (uint16_t) bits;
}

size_t losses_chunks(const struct losses *l, uint32_t *begin, uint32_t end, uint8_t *dst, size_t max)
{
    size_t most = max / 4 * 2; /* chunks, an even number */
    uint32_t from = *begin;
    if (!l->begun || end - from > LOSSES_WINDOW)
        from = end - AHOY_MIN(end - from, (uint32_t) LOSSES_WINDOW);
    for (;;) {
        size_t n = 0;
        uint32_t seq = from;
        while (seq != end && n < most) {
            wire_put16(dst + 2 * n, next_chunk(l, &seq, end));
            n++;
        }
        if (seq == end) {
            if (n % 2 > 0) {
                wire_put16(dst + 2 * n, 0);
                n++;
            }
            *begin = from;
            return 2 * n;
        }
        from += AHOY_MAX((end - seq), 1u); /* what was not reached, less at the front */
    }
}
