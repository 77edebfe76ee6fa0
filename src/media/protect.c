#include "media/protect.h"

#include <math.h>

enum {
    QUICK_PACKETS = 40, /* a change is noticed over so many packets */
    SLOW_PACKETS = 250, /* loss and runs are smoothed over so many: five seconds of 20 ms */
    REPAY_S = 2,        /* what was sent beyond the wire is saved again within so long */
    CREDIT_MS = 100,    /* so much of what was not sent may be sent later */
    LEAST_BPS = 12000,  /* speech below that is not worth protecting */
    ASKED_PROVES = 3,   /* packets asked for since the last report */
    TWICE_REPORTS = 4,  /* for so many reports behind the last loss packets are sent twice */
    RED_HEAD_BYTES = 4,
    USEFUL_BACK = 15,  /* packets: what was sent longer ago comes too late */
    CONGESTED_MS = 60, /* a round trip so much above the floor is a queue */
    FLOOR_US = 30000000,
    CUT_US = 1000000, /* between cuts, so that each shows its effect */
    RAISE_US = 1000000,
    SPREAD_MS = PROTECT_SPREAD_US / 1000,
    DEEP_PERCENT = 25, /* libopus gives deep redundancy its full share from such a loss on */
    DEEP_PACKETS = 50, /* what it takes is smoothed over so many */
    DEEP_BYTES = 15,   /* … and of a packet it is about so much */
    QUICK_RTT_MS = 60, /* below that what was asked for comes in time, mostly */
    START_MS = 800,    /* of sound that the peer has told of: then the network is known */
    START_MOST_MS = 4000,
};

/*
 * The steps, by the loss that is seen. Measured with ideal receivers over a budget of 48 kbit/s (docs/protect.md): one
 * copy of a frame is worth more than in-band FEC or deep redundancy of the same bits; two at half the rate win where
 * copies are lost too; in bursts a copy must travel far from its frame, and deep redundancy, which any packet brings, is
 * worth more than a second one.
 */
static const double seen = 0.003, step_one = 0.006, step_near = 0.04, step_two = 0.07, step_two_far = 0.16,
                    step_twice = 0.03, bursty_run = 1.7, keep_step = 0.75, unknown_loss = 0.2;

/*
 * Two runs of one are assumed all the time: the first burst alone proves nothing. Beside them so many packets more are
 * taken for lost in those runs before anything is known; that is forgotten within seconds, as all that was heard is.
 */
static const double assumed_runs = 2, assumed_more = 6;

static const double deep_spent = 0.8; /* of what copies save: some voices take more than is asked for */

static const double most_repaid = 1.0 / 8; /* of the wire: copies are not given up for it */

static const double share_cut = 0.75, share_raise = 1.06, share_least = 0.3;

void protect_init(struct protect *p)
{
    *p = (struct protect){ .lost_weight = assumed_more,
                           .run = (assumed_more + assumed_runs) / assumed_runs,
                           .deep_bytes = DEEP_BYTES,
                           .share = 1,
                           .starting = true };
}

void protect_set_means(struct protect *p, const struct protect_means *means)
{
    p->means = *means;
}

/* ---- what is heard of the network -------------------------------------------------------------------------------- */

/*
 * Two averages: the slow one is what steps are chosen by; the quick one notices that the network has changed, and then
 * the slow one begins anew from it.
 */
static void take_loss(struct protect *p, double fraction, double packets)
{
    p->quick += (fraction - p->quick) * packets / (packets + QUICK_PACKETS);
    p->heard = AHOY_MIN(p->heard + packets, (double) SLOW_PACKETS);
    p->loss += (fraction - p->loss) * packets / AHOY_MAX(p->heard, packets);
    if (p->heard > QUICK_PACKETS && p->quick > 2 * p->loss + 0.05) {
        p->loss = p->quick;
        p->heard = QUICK_PACKETS;
    }
}

/* The first second or so of what reached the peer says how the network is; without a word of it the guess ends, too. */
static void follow_start(struct protect *p, unsigned told, unsigned sent)
{
    p->told_packets += told;
    p->sent_packets += sent;
    unsigned frame_ms = AHOY_MAX(p->means.frame_ms, 1u);
    if (p->told_packets < START_MS / frame_ms && p->sent_packets < START_MOST_MS / frame_ms)
        return;
    p->starting = false;
    if (!p->exact) /* a peer that does not tell which packets came */
        p->run = 1;
}

/*
 * A peer that counts what comes twice as received has a running total that falls while packets are sent twice, and a
 * fraction of 0: then the total tells what was lost. Of each packet's two copies a share p is lost, so the total changes
 * by (2 p - 1) a packet.
 */
void protect_report(struct protect *p, const struct protect_report *r)
{
    double loss = r->fraction;
    if (p->plan.twice_after > 0 && r->lost < 0 && r->packets > 0)
        loss = AHOY_MIN(AHOY_MAX(((double) r->lost / r->packets + 1) / 2, 0.0), 1.0);
    if (p->twice > 0)
        p->twice--;
    if (p->exact) /* every packet has been counted already */
        return;
    take_loss(p, loss, r->packets);
    if (p->starting)
        follow_start(p, r->packets, 0);
}

void protect_runs(struct protect *p, unsigned packets, unsigned lost, unsigned runs)
{
    if (packets == 0 || lost > packets || runs > lost)
        return;
    double keep = 1 / (1 + (double) packets / SLOW_PACKETS);
    p->exact = true;
    p->asked = p->unreported = 0;
    take_loss(p, (double) lost / packets, packets);
    p->lost_weight = p->lost_weight * keep + lost;
    p->run_weight = p->run_weight * keep + runs;
    p->run = (p->lost_weight + assumed_runs) / (p->run_weight + assumed_runs);
    if (p->starting)
        follow_start(p, packets, 0);
}

void protect_asked(struct protect *p, uint16_t seq)
{
    if (!p->sent_any || (uint16_t) (p->seq - seq) >= USEFUL_BACK)
        return;
    for (unsigned i = 0; i < p->repeats; i++)
        if (p->repeat[i] == seq)
            return;
    p->asked++;
    if (p->repeats == PROTECT_REPEATS) {
        for (unsigned i = 1; i < PROTECT_REPEATS; i++)
            p->repeat[i - 1] = p->repeat[i];
        p->repeats--;
    }
    p->repeat[p->repeats++] = seq;
}

/*
 * A queue delays every packet, jitter only some: the least of the last round trips tells. What jitter may add to it is
 * allowed for. The floor is forgotten after half a minute, for routes change.
 */
void protect_round_trip(struct protect *p, double rtt_ms, double jitter_ms, int64_t now_us)
{
    p->rtt_recent[p->rtts++ % PROTECT_RTTS] = rtt_ms;
    double least = rtt_ms;
    for (unsigned i = 0; i < AHOY_MIN(p->rtts, (unsigned) PROTECT_RTTS); i++)
        least = AHOY_MIN(least, p->rtt_recent[i]);
    p->rtt_ms = least;
    if (p->floor_us == 0 || least < p->rtt_floor_ms || now_us - p->floor_us > FLOOR_US) {
        p->rtt_floor_ms = least;
        p->floor_us = now_us;
    }
    if (p->rtts >= PROTECT_RTTS && least > p->rtt_floor_ms + CONGESTED_MS + 2 * jitter_ms) {
        if (now_us - p->cut_us < CUT_US)
            return;
        p->share = AHOY_MAX(p->share * share_cut, share_least);
        p->cut_us = p->raised_us = now_us;
    } else if (p->share < 1 && now_us - p->raised_us >= RAISE_US) {
        p->share = AHOY_MIN(p->share * share_raise, 1.0);
        p->raised_us = now_us;
    }
}

/* ---- what to do -------------------------------------------------------------------------------------------------- */

/*
 * Bits a second that the wire may carry now. Opus' rate is variable: of some voices it makes some per cent more than it is
 * asked for, for as long as they speak.
 */
static double wire_bps(const struct protect *p)
{
    return (double) p->means.wire_bps * p->share - AHOY_MAX(p->debt_bits, 0.0) / REPAY_S;
}

/* Payload bits a second that may be spent on frames, copies and their headers. */
static uint32_t budget_bps(const struct protect *p)
{
    uint32_t heads = p->means.head_bytes * 8 * 1000 / p->means.frame_ms;
    double wire = wire_bps(p);
    return wire > heads + LEAST_BPS ? (uint32_t) wire - heads : LEAST_BPS;
}

/*
 * What remains for each frame when `copies` of it are sent too, and what is asked for again. Copies are shorter than the
 * frame when it has `deep` redundancy with it.
 */
static uint32_t rate_with_copies(const struct protect *p, unsigned copies, bool deep)
{
    double more = copies + p->asked_share, packets = 1000.0 / p->means.frame_ms;
    double heads = (more * RED_HEAD_BYTES + (more > 0)) * 8 * packets, all = budget_bps(p);
    double saved = deep ? deep_spent * more * p->deep_bytes * 8 * packets : 0;
    return all > heads ? (uint32_t) ((all - heads + saved) / (more + 1)) : 0;
}

static bool is_congested(const struct protect *p)
{
    return p->share < 0.7;
}

/*
 * The loss to act upon. Requests come before the next report does: when a call, or a network's trouble, has only begun,
 * they are the first to tell. A network that nothing is known of yet is taken for a bad one: what that costs a good one is
 * not heard, but the first word of a call on a bad one is.
 */
static double present_loss(const struct protect *p)
{
    double asked = p->asked >= ASKED_PROVES ? (double) p->asked / AHOY_MAX(p->unreported, QUICK_PACKETS / 2u) : 0;
    return AHOY_MAX(p->loss, AHOY_MAX(AHOY_MIN(asked, 0.5), p->starting ? unknown_loss : 0));
}

/* Steps are left at a lower loss than they are taken at. */
static unsigned wanted_copies(const struct protect *p)
{
    bool asked = p->exact && p->rtt_ms > 0 && p->rtt_ms < QUICK_RTT_MS;
    bool bursty = p->run >= bursty_run;
    double loss = present_loss(p), one = step_one, two = bursty || asked ? step_two_far : step_two;
    if (!p->means.red || is_congested(p))
        return 0;
    if (loss >= (p->copies >= 2 ? two * keep_step : two))
        return 2;
    return loss >= (p->copies >= 1 ? one * keep_step : one) ? 1 : 0;
}

static uint32_t bit(unsigned back)
{
    AHOY_ASSERT(back >= 1 && back <= 32);
    return UINT32_C(1) << (back - 1);
}

/* How far copies travel: past the burst that took the frame, and no farther than the peer can be expected to wait. */
static uint32_t spread(const struct protect *p, unsigned copies)
{
    unsigned most = AHOY_MAX(SPREAD_MS / p->means.frame_ms, 2u); /* packets */
    bool bursty = p->run >= bursty_run;
    unsigned first = bursty ? (unsigned) ceil(p->run) : present_loss(p) < step_near ? 1 : 2;
    if (copies > 1)
        first = AHOY_MIN(first, (most + 1) / 2);
    else if (bursty) /* a lone copy: runs longer than the mean are common */
        first = AHOY_MIN(first + 2, most);
    if (copies == 0)
        return 0;
    return copies == 1 ? bit(first) : bit(first) | bit(AHOY_MIN(2 * first, most));
}

static void plan_copies(struct protect *p, unsigned copies, bool deep)
{
    p->plan.bitrate_bps = AHOY_MIN(rate_with_copies(p, copies, deep), p->means.clean_bps);
    p->plan.generations = spread(p, copies);
    p->plan.fec = false;
    p->plan.loss_percent = deep ? (unsigned) AHOY_MAX(AHOY_MIN(p->loss, 0.5) * 100, (double) DEEP_PERCENT) : 0;
    p->plan.dred_ms = deep ? SPREAD_MS : 0;
}

/* The rate of each of two packets that carry the same. */
static uint32_t rate_twice(const struct protect *p)
{
    uint32_t heads = p->means.head_bytes * 8 * 1000 / p->means.frame_ms;
    double wire = wire_bps(p);
    return wire > 2.0 * heads ? (uint32_t) (wire - 2.0 * heads) / 2 : 0;
}

/*
 * A peer that knows neither RED nor deep redundancy: every packet is sent twice, as it is. Any receiver drops the second
 * one by its sequence number, or is glad of it. (RFC 7198 would have it under another SSRC, which only a peer takes that
 * knows of it.) Who counts second packets as received reports no loss then, so it is not given up at the first report.
 */
static bool plan_twice(struct protect *p)
{
    bool wanted = !p->means.red && !p->means.dred && p->means.adaptive && rate_twice(p) >= LEAST_BPS
                  && !is_congested(p);
    if (wanted && p->loss >= step_twice)
        p->twice = TWICE_REPORTS;
    if (!wanted || p->twice == 0)
        return false;
    p->plan = (struct protect_plan){ .bitrate_bps = AHOY_MIN(rate_twice(p), p->means.clean_bps),
                                     .twice_after = p->run >= bursty_run ? 3 : 1 };
    return true;
}

/* Deep redundancy, else in-band FEC: both within the encoder's own rate. */
static void plan_within(struct protect *p)
{
    uint32_t most = budget_bps(p);
    double loss = AHOY_MIN(p->loss, 0.5);
    p->plan.generations = 0;
    p->plan.loss_percent = (unsigned) (loss * 100 + 0.999);
    p->plan.fec = !p->means.dred && p->means.fec;
    p->plan.dred_ms = p->means.dred ? 200 : 0;
    uint32_t wish = p->means.clean_bps;
    if (p->plan.dred_ms > 0 || p->plan.fec)
        wish = (uint32_t) (wish * (1 + AHOY_MIN(loss * 5, 0.5)));
    p->plan.bitrate_bps = AHOY_MIN(wish, AHOY_MIN(most, rate_with_copies(p, 0, p->means.dred)));
}

const struct protect_plan *protect_plan(struct protect *p)
{
    unsigned copies = wanted_copies(p);
    while (copies > 0 && rate_with_copies(p, copies, false) < LEAST_BPS)
        copies--;
    p->copies = copies;
    p->plan.twice_after = 0;
    if (plan_twice(p))
        return &p->plan;
    /* One long burst takes a frame and both of its copies, but deep redundancy is in any packet behind it. */
    bool deep = copies > 1 && p->run >= bursty_run && p->means.dred;
    if (copies > 0)
        plan_copies(p, deep ? 1 : copies, deep);
    else if (p->loss >= seen && !is_congested(p))
        plan_within(p);
    else
        plan_copies(p, 0, false);
    return &p->plan;
}

uint32_t protect_generations(struct protect *p)
{
    uint32_t g = p->plan.generations;
    unsigned more = 0;
    for (unsigned i = 0; i < p->repeats; i++) {
        uint16_t back = (uint16_t) (p->seq + 1 - p->repeat[i]);
        if (back < 1 || back > USEFUL_BACK || g & bit(back))
            continue;
        g |= bit(back);
        more++;
    }
    p->repeats = 0;
    p->asked_share += (more - p->asked_share) / SLOW_PACKETS;
    return g;
}

void protect_stripped(struct protect *p, size_t bytes)
{
    if (p->plan.dred_ms > 0)
        p->deep_bytes += ((double) bytes - p->deep_bytes) / DEEP_PACKETS;
}

void protect_sent(struct protect *p, uint16_t seq, size_t bytes)
{
    double wire = p->means.wire_bps, times = p->plan.twice_after > 0 ? 2 : 1;
    double debt = p->debt_bits + times * 8 * (double) (bytes + p->means.head_bytes) - wire * p->means.frame_ms / 1000;
    p->debt_bits = AHOY_MIN(AHOY_MAX(debt, -wire * CREDIT_MS / 1000), wire * most_repaid * REPAY_S);
    p->seq = seq;
    p->sent_any = true;
    p->unreported++;
    if (p->starting)
        follow_start(p, 0, 1);
}
