/*
 * From whom sound is taken: packets of a few addresses, good and bad ones, while signalling names one or another. The input
 * is a script of an operation's byte and what it needs. What must hold of every step is checked.
 */
#include "rtp/latch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *p;
    size_t n;
    int64_t now_us;
    unsigned switches;
};

static unsigned byte(struct script *s)
{
    if (s->n == 0)
        return 0;
    s->n--;
    return *s->p++;
}

/* A dozen that matter: near and strange, forbidden ones, none, the other family. */
static struct addr address(struct script *s)
{
    unsigned b = byte(s);
    uint16_t port = (uint16_t) (4000 + 2 * (b >> 6));
    switch (b % 13) {
    case 0: return addr_ip4(192, 0, 2, 1, port);
    case 1: return addr_ip4(192, 0, 2, 2, port);
    case 2: return addr_ip4(198, 51, 100, 7, port);
    case 3: return addr_ip4(0, 0, 0, 0, port);
    case 4: return addr_ip4(224, 0, 0, 251, port);
    case 5: return addr_ip4(255, 255, 255, 255, port);
    case 6: return addr_ip4(240, 0, 0, 1, port);
    case 7: return addr_ip4(192, 0, 2, 1, 0);
    case 8: return addr_any(ADDR_IP6, port);
    case 9: return addr_any(ADDR_IP4, port);
    case 10: return (struct addr){ 0 };
    case 11: return addr_ip4(0, 1, 2, 3, port);
    default: b = byte(s); return addr_ip4((uint8_t) b, (uint8_t) byte(s), 0, 1, port);
    }
}

static bool may_be_used(const struct addr *a)
{
    return a->family != ADDR_NONE && a->port != 0 && !addr_is_any(a) && !addr_is_multicast(a)
           && (a->family != ADDR_IP4 || (a->ip[0] != 0 && a->ip[0] < 240));
}

static void check(const struct latch *l, struct script *s)
{
    const struct addr *to = latch_target(l);
    if ((l->state == LATCH_NOWHERE) != (to == NULL) || (to && !may_be_used(to)) || l->switches < s->switches)
        abort();
    if (to && (l->state == LATCH_SIGNALLED || l->state == LATCH_CONFIRMED) && !addr_eq(to, &l->signalled))
        abort();
    s->switches = l->switches;
}

static void signal_address(struct latch *l, struct script *s)
{
    struct addr remote = address(s);
    struct addr near = address(s);
    enum ahoy_err err = latch_signal(l, &remote, near.family ? &near : NULL);
    const struct addr *to = latch_target(l);
    if (err && to)
        abort();
    if (!err && may_be_used(&remote) != (to != NULL))
        abort();
}

static void observe(struct latch *l, struct script *s)
{
    struct addr src = address(s), none = { 0 };
    unsigned what = byte(s), seq = byte(s);
    const struct addr *to = latch_target(l);
    struct addr before = to ? *to : none;
    bool was = to != NULL, fresh = l->state == LATCH_SIGNALLED;
    int64_t silent_us = s->now_us - l->heard_us;
    struct latch_packet p = { .rtcp = what & 1,
                              .negotiated = what & 2,
                              .authenticated = (what & 12) == 12,
                              .ssrc = what >> 4 & 3,
                              .seq = (uint16_t) (seq + (what & 64 ? 65500 : 0)) };
    bool taken = latch_observe(l, &src, &p, s->now_us);
    to = latch_target(l);
    if (was != (to != NULL))
        abort(); /* a packet neither begins nor ends it */
    bool moved = was && !addr_eq(to, &before);
    if (taken && (!to || !addr_eq(to, &src)))
        abort(); /* what is taken is from where we send */
    if (moved && (!taken || !p.negotiated || (!l->config.symmetric && !addr_eq(&src, &l->signalled))))
        abort();
    bool silent = silent_us >= l->config.silence_us || (p.authenticated && silent_us > l->config.silence_us / 10);
    if (moved && !fresh && !silent && !addr_eq(&src, &l->signalled))
        abort(); /* a living source cannot be pushed aside */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = { .p = data, .n = size, .now_us = 1000000 };
    struct latch l;
    struct latch_config config = latch_config_default();
    config.symmetric = byte(&s) & 1;
    latch_init(&l, &config);
    while (s.n > 0) {
        unsigned op = byte(&s);
        if (op < 16)
            signal_address(&l, &s);
        else if (op < 64)
            s.now_us += (int64_t) (op - 15) * 100000;
        else
            s.now_us += op % 32 * 1000, observe(&l, &s);
        check(&l, &s);
    }
    return 0;
}
