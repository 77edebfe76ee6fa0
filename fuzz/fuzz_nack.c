/*
 * Requests for what is missing, both ways: packets of a peer that come, are missing or are asked for, and FCI from the
 * wire for a sender that protects its stream. The input is a script of an operation's byte and what it needs. What is
 * asked for is held against a plain list of what came.
 */
#include "media/protect.h"
#include "rtp/nack.h"
#include "rtp/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEQS = 65536, AGAIN = 4 };

struct world {
    const uint8_t *p;
    size_t n;
    int64_t now_us;
    struct nack_missing missing;
    struct protect protect;
    uint16_t sent_seq;
    uint32_t highest;
    bool begun;
    uint8_t asked[SEQS]; /* how often, since it was found missing; ALL: it is not missing */
    unsigned named;      /* in one FCI */
};

enum { ALL = 255 };

static unsigned byte(struct world *w)
{
    if (w->n == 0)
        return 0;
    w->n--;
    return *w->p++;
}

static unsigned word(struct world *w)
{
    unsigned high = byte(w);
    return high << 8 | byte(w);
}

static void came(struct world *w, uint32_t ext)
{
    int32_t ahead = (int32_t) (ext - w->highest);
    if (!w->begun || ahead >= NACK_WINDOW) {
        memset(w->asked, ALL, sizeof w->asked);
        w->begun = true;
        w->highest = ext;
    } else if (ahead > -NACK_WINDOW) {
        for (; ahead > 1; ahead--)
            w->asked[(uint16_t) ++w->highest] = 0;
        w->highest += ahead == 1;
        w->asked[(uint16_t) ext] = ALL;
    }
    nack_packet(&w->missing, ext, w->now_us);
}

/* Only what is missing is asked for, of the last packets, and not too often. */
static void is_missing(void *arg, uint16_t seq)
{
    struct world *w = arg;
    w->named++;
    if ((uint16_t) (w->highest - seq) >= NACK_WINDOW || w->asked[seq] >= NACK_TRIES)
        abort();
    w->asked[seq]++;
}

static void ask(struct world *w)
{
    uint8_t fci[NACK_FCI_BYTES];
    int64_t next_us;
    struct nack_timing t = { .patience_us = byte(w) * 1000 };
    t.round_us = byte(w) * 1000;
    t.useless_us = byte(w) * 2000;
    size_t n = nack_ask(&w->missing, &t, w->now_us, fci, &next_us);
    w->named = 0;
    nack_each(view_of((const char *) fci, n), is_missing, w);
    if (n > NACK_FCI_BYTES || n % NACK_ITEM_BYTES != 0 || (n > 0) != (w->named > 0) || next_us < w->now_us)
        abort();
}

static void is_asked(void *arg, uint16_t seq)
{
    struct world *w = arg;
    w->named++;
    protect_asked(&w->protect, seq);
}

static void take_fci(struct world *w)
{
    size_t n = byte(w);
    n = AHOY_MIN(n, w->n);
    w->named = 0;
    nack_each(view_of((const char *) w->p, n), is_asked, w);
    if (w->named > 17 * NACK_MAX_ITEMS * 4)
        abort();
    w->p += n;
    w->n -= n;
}

static void take_report(struct world *w)
{
    unsigned what = byte(w), a = word(w), b = word(w), c = byte(w);
    struct protect_report r = { .fraction = a / 65535.0, .lost = (int32_t) b - 32768, .packets = c << (what >> 4) };
    if (what % 3 == 0)
        protect_report(&w->protect, &r);
    else if (what % 3 == 1)
        protect_runs(&w->protect, a, b, c);
    else
        protect_round_trip(&w->protect, a, b, w->now_us);
}

/* A packet leaves: by a plan that can be carried out. */
static void send(struct world *w)
{
    const struct protect_plan *plan = protect_plan(&w->protect);
    const struct protect_means *m = &w->protect.means;
    if (plan->twice_after >= AGAIN || plan->loss_percent > 100 || plan->bitrate_bps == 0
        || plan->bitrate_bps > AHOY_MAX(2 * m->clean_bps, 12000u) || (plan->generations > 0 && !m->red)
        || plan->generations >> 15)
        abort();
    if (protect_generations(&w->protect) >> 15 || protect_generations(&w->protect) != plan->generations)
        abort(); /* what was asked for is repeated once */
    protect_stripped(&w->protect, byte(w) / 2);
    protect_sent(&w->protect, w->sent_seq++, byte(w) * 4);
}

static void begin(struct world *w)
{
    unsigned how = byte(w);
    unsigned wire = byte(w), clean = byte(w);
    struct protect_means means = { .wire_bps = 24000 + 1000 * wire,
                                   .clean_bps = 12000 + 200 * clean,
                                   .frame_ms = 10 * (1 + how % 6),
                                   .head_bytes = how & 8 ? 60 : 40,
                                   .adaptive = how & 16,
                                   .fec = how & 32,
                                   .dred = how & 64,
                                   .red = how & 128 };
    protect_init(&w->protect);
    protect_set_means(&w->protect, &means);
    w->sent_seq = (uint16_t) (byte(w) << 8);
    w->highest = byte(w) & 1 ? 0xffffffc0 : 0;
    w->highest += byte(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    w = (struct world){ .p = data, .n = size, .now_us = 1000000 };
    begin(&w);
    while (w.n > 0) {
        unsigned op = byte(&w);
        switch (op % 8) {
        case 0:
        case 1: came(&w, w.highest + op / 8 - 8); break;
        case 2: came(&w, w.highest + word(&w) - 32768); break;
        case 3: w.now_us += op / 8 * 5000; break;
        case 4: ask(&w); break;
        case 5: take_fci(&w); break;
        case 6: take_report(&w); break;
        default: send(&w); break;
        }
    }
    return 0;
}
