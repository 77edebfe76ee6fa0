#include "rtp/nack.h"

#include "rtp/wire.h"

#include <string.h>

enum { MASK_BITS = 16, MAX_READ_ITEMS = NACK_MAX_ITEMS * 4 };

static unsigned place(uint32_t seq)
{
    return seq % NACK_WINDOW;
}

static void set(struct nack_missing *m, uint32_t seq, bool there, int64_t now_us)
{
    m->there[place(seq)] = there;
    m->tries[place(seq)] = 0;
    m->noticed_us[place(seq)] = now_us;
    m->asked_us[place(seq)] = 0;
}

void nack_packet(struct nack_missing *m, uint32_t ext_seq, int64_t now_us)
{
    int32_t ahead = (int32_t) (ext_seq - m->highest);
    if (!m->begun || ahead >= NACK_WINDOW) {
        m->begun = true;
        m->highest = ext_seq;
        for (size_t i = 0; i < NACK_WINDOW; i++)
            m->there[i] = true;
        return;
    }
    if (ahead <= -NACK_WINDOW)
        return;
    for (; ahead > 1; ahead--)
        set(m, ++m->highest, false, now_us);
    if (ahead == 1)
        set(m, ++m->highest, true, now_us);
    else
        m->there[place(ext_seq)] = true;
}

/* Whether a missing packet is to be asked for now; else when, at the earliest. */
static bool is_due(const struct nack_missing *m, unsigned i, const struct nack_timing *t, int64_t now_us,
                   int64_t *next_us)
{
    if (m->there[i] || m->tries[i] >= NACK_TRIES || now_us - m->noticed_us[i] >= t->useless_us)
        return false;
    int64_t due = m->tries[i] == 0 ? m->noticed_us[i] + t->patience_us : m->asked_us[i] + t->round_us;
    if (due <= now_us)
        return true;
    if (due - m->noticed_us[i] < t->useless_us)
        *next_us = AHOY_MIN(*next_us, due);
    return false;
}

size_t nack_ask(struct nack_missing *m, const struct nack_timing *t, int64_t now_us, uint8_t fci[NACK_FCI_BYTES],
                int64_t *next_us)
{
    size_t n = 0;
    uint32_t base = 0;
    uint16_t mask = 0;
    *next_us = INT64_MAX;
    if (!m->begun)
        return 0;
    for (uint32_t seq = m->highest - NACK_WINDOW + 1; seq != m->highest; seq++) {
        unsigned i = place(seq);
        if (!is_due(m, i, t, now_us, next_us))
            continue;
        bool joins = n > 0 && seq - base <= MASK_BITS;
        if (!joins && n == NACK_FCI_BYTES) {
            *next_us = now_us; /* more than one message holds */
            break;
        }
        if (joins) {
            mask |= (uint16_t) (1u << (seq - base - 1));
        } else {
            base = seq;
            mask = 0;
            n += NACK_ITEM_BYTES;
        }
        wire_put16(fci + n - 4, (uint16_t) base);
        wire_put16(fci + n - 2, mask);
        m->tries[i]++;
        m->asked_us[i] = now_us;
        if (m->tries[i] < NACK_TRIES && now_us + t->round_us - m->noticed_us[i] < t->useless_us)
            *next_us = AHOY_MIN(*next_us, now_us + t->round_us);
    }
    return n;
}

void nack_each(struct view fci, void (*each)(void *arg, uint16_t seq), void *arg)
{
    for (unsigned items = 0; fci.n >= NACK_ITEM_BYTES && items < MAX_READ_ITEMS; items++) {
        uint16_t base = wire_u16(fci.p), mask = wire_u16(fci.p + 2);
        each(arg, base);
        for (unsigned i = 0; i < MASK_BITS; i++)
            if (mask >> i & 1)
                each(arg, (uint16_t) (base + 1 + i));
        fci = view_from(fci, NACK_ITEM_BYTES);
    }
}
