/*
 * Which of the last packets of a stream came, by extended sequence number: a window that the loss run-length blocks of
 * RFC 3611 (section 4.1) are written from. One thread; no memory of its own.
 */
#ifndef AHOY_RTP_LOSSES_H
#define AHOY_RTP_LOSSES_H

#include "base/base.h"

enum { LOSSES_WINDOW = 2048 };

struct losses {
    bool begun;
    uint32_t first, end; /* sequence numbers known of: first … end - 1, of which the last LOSSES_WINDOW */
    uint64_t came[LOSSES_WINDOW / 64];
};

/** A new stream begins with the next packet. */
void losses_reset(struct losses *l);

/** A packet came. One from before the window is passed over. */
void losses_came(struct losses *l, uint32_t ext_seq);

/** Whether it came; true for what is outside the window. */
bool losses_has(const struct losses *l, uint32_t ext_seq);

/** Lost ones among [begin, end), both within what is known. */
uint32_t losses_count(const struct losses *l, uint32_t begin, uint32_t end);

/**
 * Writes the chunks that tell of [*begin, end): at most `max` bytes and a multiple of 4. What does not fit is left out
 * at the front, and *begin moves behind it. Gives the bytes written.
 */
size_t losses_chunks(const struct losses *l, uint32_t *begin, uint32_t end, uint8_t *dst, size_t max);

#endif
