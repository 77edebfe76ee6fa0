#include "rtp/latch.h"

#include "rtp/packet.h"

enum {
    PACKETS = 5,
    PACKETS_NEAR = 2,
    SILENCE_US = 2000000,
    MAX_GAP = 50,            /* lost or reordered packets between two that still count as one stream */
    CANDIDATE_US = 2000000,  /* a candidate that pauses that long begins anew */
    STRANGE_SSRC_FACTOR = 4, /* a takeover with another SSRC is no NAT rebinding: it must prove itself longer */
};

struct latch_config latch_config_default(void)
{
    return (struct latch_config){
        .symmetric = true, .packets = PACKETS, .packets_near = PACKETS_NEAR, .silence_us = SILENCE_US
    };
}

void latch_init(struct latch *l, const struct latch_config *config)
{
    *l = (struct latch){ .config = *config };
}

/* No media to or from these, whatever anybody says (RFC 7362 section 5). */
static bool is_forbidden(const struct addr *a)
{
    if (a->family == ADDR_IP4 && (a->ip[0] == 0 || a->ip[0] >= 240))
        return true; /* "this network", reserved and limited broadcast */
    return a->family == ADDR_NONE || addr_is_any(a) || addr_is_multicast(a);
}

static void go_nowhere(struct latch *l)
{
    struct latch_config config = l->config;
    uint64_t dropped = l->dropped;
    unsigned switches = l->switches;
    latch_init(l, &config);
    l->dropped = dropped;
    l->switches = switches;
}

enum ahoy_err latch_signal(struct latch *l, const struct addr *remote, const struct addr *signalling)
{
    if (signalling)
        l->signalling_ip = *signalling;
    if (l->state != LATCH_NOWHERE && addr_eq(&l->signalled, remote))
        return AHOY_OK;
    struct addr near = l->signalling_ip;
    go_nowhere(l);
    l->signalling_ip = near;
    if (remote->family == ADDR_NONE || addr_is_any(remote) || remote->port == 0)
        return AHOY_OK;
    if (is_forbidden(remote))
        return AHOY_ERR_INVAL;
    l->signalled = l->target = *remote;
    l->state = LATCH_SIGNALLED;
    return AHOY_OK;
}

const struct addr *latch_target(const struct latch *l)
{
    return l->target.family == ADDR_NONE ? NULL : &l->target;
}

static bool is_near(const struct latch *l, const struct addr *src)
{
    return addr_eq_ip(src, &l->signalled)
           || (l->signalling_ip.family != ADDR_NONE && addr_eq_ip(src, &l->signalling_ip));
}

/* In sequence: forward by a little, or the same stream slightly reordered. */
static bool follows(uint16_t seq, uint16_t before)
{
    int d = rtp_seq_diff(seq, before);
    return d != 0 && d >= -MAX_GAP && d <= MAX_GAP;
}

/* The candidate's slot: its own, an empty one, or the one that was silent longest. */
static struct latch_candidate *candidate_of(struct latch *l, const struct addr *src)
{
    struct latch_candidate *oldest = &l->candidate[0];
    for (size_t i = 0; i < LATCH_CANDIDATES; i++) {
        struct latch_candidate *c = &l->candidate[i];
        if (c->good > 0 && addr_eq(&c->addr, src))
            return c;
        if (c->good == 0 || (oldest->good > 0 && c->last_us < oldest->last_us))
            oldest = c;
    }
    *oldest = (struct latch_candidate){ .addr = *src };
    return oldest;
}

/* Counts a packet of a source that is not the current one; returns how many good ones it has sent in a row. */
static unsigned count_good(struct latch_candidate *c, const struct latch_packet *p, int64_t now_us)
{
    bool goes_on = c->good > 0 && c->ssrc == p->ssrc && now_us - c->last_us <= CANDIDATE_US;
    if (goes_on && !p->rtcp && c->has_seq)
        goes_on = follows(p->seq, c->seq);
    bool newer = !goes_on || p->rtcp || !c->has_seq || rtp_seq_diff(p->seq, c->seq) > 0;
    c->ssrc = p->ssrc;
    c->last_us = now_us;
    c->has_seq = !p->rtcp || (goes_on && c->has_seq); /* between RTP and RTCP on one port only RTP is numbered */
    if (newer && !p->rtcp)
        c->seq = p->seq;
    if (!goes_on)
        c->good = 1;
    else if (newer && c->good < UINT32_MAX)
        c->good++; /* a repeated or reordered packet proves nothing new */
    return c->good;
}

static bool take_over(struct latch *l, const struct addr *src, const struct latch_packet *p, int64_t now_us)
{
    bool from_signalled = addr_eq(src, &l->signalled);
    if (!from_signalled)
        l->switches++;
    l->target = *src;
    l->state = from_signalled ? LATCH_CONFIRMED : LATCH_LATCHED;
    l->ssrc = p->ssrc;
    l->has_ssrc = true;
    l->heard_us = now_us;
    memset(l->candidate, 0, sizeof l->candidate);
    return true;
}

static bool refuse(struct latch *l)
{
    l->dropped++;
    return false;
}

/* A packet of the source that we send to. */
static bool hear_current(struct latch *l, const struct latch_packet *p, int64_t now_us)
{
    if (p->negotiated) {
        l->heard_us = now_us;
        l->ssrc = p->ssrc;
        l->has_ssrc = true;
        if (l->state == LATCH_SIGNALLED)
            l->state = LATCH_CONFIRMED;
    }
    return true;
}

/* How many good packets a source must send before it is followed; 0: it may not take over now. */
static unsigned needed(const struct latch *l, const struct addr *src, const struct latch_packet *p, int64_t now_us)
{
    unsigned n = is_near(l, src) ? l->config.packets_near : l->config.packets;
    n = AHOY_MAX(n, 1u);
    if (addr_eq(src, &l->signalled))
        return AHOY_MIN(n, l->config.packets_near); /* preferred: back to it as soon as it speaks */
    if (l->state == LATCH_SIGNALLED)
        return p->authenticated ? 1 : n;
    if (p->authenticated)
        return now_us - l->heard_us > l->config.silence_us / 10 ? 1 : 0; /* a rebinding of the peer's NAT */
    if (now_us - l->heard_us < l->config.silence_us)
        return 0;
    bool same = l->has_ssrc && p->ssrc == l->ssrc;
    return same ? n : n * STRANGE_SSRC_FACTOR;
}

bool latch_observe(struct latch *l, const struct addr *src, const struct latch_packet *p, int64_t now_us)
{
    if (l->state == LATCH_NOWHERE || is_forbidden(src) || src->port == 0)
        return refuse(l);
    if (addr_eq(src, &l->target))
        return hear_current(l, p, now_us);
    if (!p->negotiated || !(l->config.symmetric || addr_eq(src, &l->signalled)))
        return refuse(l);
    struct latch_candidate *c = candidate_of(l, src);
    unsigned good = count_good(c, p, now_us);
    unsigned need = needed(l, src, p, now_us);
    if (need == 0) {
        c->good = 0; /* packets sent beside a living stream prove nothing for the time after it */
        return refuse(l);
    }
    return good >= AHOY_MAX(need, 1u) ? take_over(l, src, p, now_us) : refuse(l);
}
