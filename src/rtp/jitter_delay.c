/* How long the jitter buffer should keep packets; see rtp/jitter.h for the rules. */
#include "rtp/jitter_priv.h"

#include <math.h>

enum {
    WINDOW_MS = 10000,
    MARGIN_US = 2000, /* above what was seen: the player's own clock wobbles too */
    UPDATE_PACKETS = 8,
    DOWN_US_PER_S = 60000, /* the target falls that fast at most */
    OUTLIER_US = 2000,     /* so far from all others */
    EARLIER_US = -150000,  /* so much earlier than ever: the timestamps jumped */
    FAR_US = 30000000,
    SHIFT_US = 1000000,      /* a lasting change by more than this is the sender's clock, not the network */
    SPIKE_US = 40000,        /* above the target … */
    SPIKE_GAP_US = 60000,    /* … and behind a pause: a stall, not jitter */
    SPIKE_PROOF_US = 100000, /* a spike must be seen to fall by then */
    SPIKE_MEMORY_US = 10000000,
    SPIKE_LONE_US = 6000000, /* so long is the next one awaited behind a first */
    SPIKE_MOST_US = 196000,  /* what spikes ask for above this is not granted: it would be waited for all the time */
    LATE_US = 4000000,       /* a packet that comes too late is worth this delay, shared by all packets of the window */
    LATE_LEAST_SAMPLES = 100, /* of few packets a late one does not tell how often that happens */
    CHANGE_US = 15000, /* what a change of the target is worth, but where it falls no more than the best is above: */
    CALM_US = 3000,    /* where all packets are this near, nothing is changed that would be heard */
    MOST_LATE = 4,     /* per cent: more are not given up for any delay */
    TOP = DELAY_SAMPLES * MOST_LATE / 100 + 2,
    TAIL_PART = 5,          /* of the samples are a tail at first: every so many-th, … */
    TAIL_LEAST_OF = 16,     /* … of so many at least, … */
    TAIL_MOST = 8,          /* … while a tail has no more; … */
    TAIL_FROM_US = 10000,   /* … as a power of the delay and this, … */
    TAIL_SAMPLES = 50,      /* as if so many were known: the first ones do not tell how frequent late ones are */
    TAIL_LATE_US = 3000000, /* what a late packet is worth there: there will always be some */
    TAIL_CHANGE_US = 25000, /* what a change is worth there: the least cost is flat */
};

/* A tail is heavy where delays in it exceed its beginning by so much on average (natural logarithm); few must by more. */
static const double tail_heavy = 0.3, tail_unsure = 0.6;

void delay_init(struct delay *d, const struct jitter_config *c)
{
    *d = (struct delay){ .min_us = c->min_delay_us, .max_us = c->max_delay_us, .target_us = c->start_delay_us };
}

void delay_restart(struct delay *d)
{
    d->head = d->n = 0;
    d->begun = false;
    d->in_spike = false;
    d->until_update = 0;
    memset(d->spiky, 0, sizeof d->spiky);
}

int64_t delay_of(const struct delay *d, int64_t transit_us)
{
    return d->begun ? transit_us - d->ref_us - d->base_us : 0;
}

static bool is_spiky(const struct delay *d, unsigned i)
{
    return (d->spiky[i / 64] >> (i % 64) & 1) != 0;
}

static void set_spiky(struct delay *d, unsigned i, bool on)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    d->spiky[i / 64] = on ? d->spiky[i / 64] | bit : d->spiky[i / 64] & ~bit;
}

static unsigned sample_at(const struct delay *d, unsigned back)
{
    return (d->head + DELAY_SAMPLES - 1 - back) % DELAY_SAMPLES;
}

/*
 * The fastest packet is another one now. When it was by far the fastest, as the first one of a microphone may be, what was
 * in time by the clock stays so: else the delay would grow up to a target that was only that long for its sake.
 */
static void move_base(struct delay *d, int64_t base_us, unsigned samples)
{
    int64_t later_us = base_us - d->base_us;
    if (samples >= LATE_LEAST_SAMPLES && (later_us >= OUTLIER_US || later_us <= -OUTLIER_US))
        d->target_us = AHOY_MIN(AHOY_MAX(d->target_us - later_us, d->min_us), d->max_us);
    d->base_us = base_us;
}

static void push(struct delay *d, int64_t transit_us, int64_t when_us, bool spiky)
{
    int64_t relative = transit_us - d->ref_us;
    d->transit_us[d->head] = (int32_t) AHOY_MAX((int64_t) INT32_MIN, AHOY_MIN(relative, (int64_t) INT32_MAX));
    d->when_ms[d->head] = (uint32_t) (when_us / 1000);
    set_spiky(d, d->head, spiky);
    d->head = (d->head + 1) % DELAY_SAMPLES;
    d->n = AHOY_MIN(d->n + 1, (unsigned) DELAY_SAMPLES);
    while (d->n > 1 && (uint32_t) (when_us / 1000) - d->when_ms[sample_at(d, d->n - 1)] > WINDOW_MS)
        d->n--;
    if (relative < d->base_us)
        move_base(d, relative, d->n);
}

/* Puts x into the `n` largest, kept in falling order. */
static unsigned keep_largest(int32_t top[TOP], unsigned n, unsigned most, int32_t x)
{
    if (n == most && x <= top[n - 1])
        return n;
    unsigned i = n < most ? n++ : n - 1;
    for (; i > 0 && top[i - 1] < x; i--)
        top[i] = top[i - 1];
    top[i] = x;
    return n;
}

/* What a delay costs, and the one that costs least. */
struct choice {
    bool sure, calm;   /* enough samples are known; their delays are short */
    int64_t change_us; /* what a change is worth */
    int64_t best_us, best_cost_us;
    int64_t now_cost_us; /* of the present target */
};

/*
 * Of a long tail few samples are known, and the next one may lie far beyond all of them: what will be late is then read
 * off a power law through the greatest ones (Hill's estimator), so that the delay is right at once and does not follow
 * each record. `top`: the `n` greatest of `counted` samples, falling.
 */
static void choose_of_tail(const struct delay *d, const int32_t *top, unsigned n, unsigned counted, struct choice *out)
{
    if (n == 0 || counted < TAIL_LEAST_OF)
        return;
    double from = TAIL_FROM_US - (double) d->base_us, least = top[n - 1] + from, excess = 0;
    for (unsigned i = 0; i + 1 < n; i++)
        excess += log((top[i] + from) / least) / (n - 1);
    if (excess < tail_heavy + tail_unsure / n)
        return;
    double power = 1 / excess, all = (double) TAIL_LATE_US * n / AHOY_MAX(counted, (unsigned) TAIL_SAMPLES);
    double best = least * pow(AHOY_MAX(power * all / least, 1.0), 1 / (1 + power));
    double now = AHOY_MAX((double) (d->target_us - MARGIN_US + TAIL_FROM_US), least);
    if (counted < LATE_LEAST_SAMPLES && (int64_t) best - TAIL_FROM_US < out->best_us)
        return; /* what was seen already asks for more */
    out->change_us = TAIL_CHANGE_US;
    out->best_us = (int64_t) best - TAIL_FROM_US;
    out->best_cost_us = (int64_t) (best + all * pow(best / least, -power));
    out->now_cost_us = (int64_t) (now + all * pow(now / least, -power));
}

/*
 * Delay itself and packets that come too late cost least together at one of the greatest relative delays seen. Where
 * delays end sharply all packets are waited for, of a long tail only its body. The base is found anew: samples have
 * left the window.
 */
static void choose_delay(struct delay *d, struct choice *out)
{
    int32_t top[TOP];
    unsigned n = 0, counted = 0, late_now = 0;
    int32_t least = INT32_MAX;
    for (unsigned i = 0; i < d->n; i++) {
        least = AHOY_MIN(least, d->transit_us[sample_at(d, i)]);
        counted += !is_spiky(d, sample_at(d, i));
    }
    move_base(d, least, counted);
    int64_t now_us = AHOY_MAX(d->target_us - MARGIN_US, (int64_t) 0);
    unsigned late_most = counted * MOST_LATE / 100 + 1;
    unsigned most = AHOY_MAX(late_most, AHOY_MIN(counted / TAIL_PART, (unsigned) TAIL_MOST));
    AHOY_ASSERT(most >= 1 && most <= TOP);
    for (unsigned i = 0; i < d->n; i++) {
        unsigned at = sample_at(d, i);
        if (is_spiky(d, at))
            continue;
        n = keep_largest(top, n, most, d->transit_us[at]);
        late_now += d->transit_us[at] - least > now_us;
    }
    int64_t each_us = (int64_t) LATE_US / AHOY_MAX(counted, (unsigned) LATE_LEAST_SAMPLES);
    *out = (struct choice){ .change_us = CHANGE_US,
                            .now_cost_us = now_us + late_now * each_us,
                            .best_cost_us = n > 0 ? INT64_MAX : now_us }; /* nothing to measure by: it stays */
    for (unsigned late = 0; late < AHOY_MIN(n, late_most); late++) {
        int64_t us = (int64_t) top[late] - least, cost = us + late * each_us;
        if (cost < out->best_cost_us) {
            out->best_cost_us = cost;
            out->best_us = late == 0 ? us + us / AHOY_MAX(counted, 1U)
                                     : us; /* the greatest yet to come is a little greater */
        }
    }
    choose_of_tail(d, top, n, counted, out);
    out->sure = counted >= LATE_LEAST_SAMPLES;
    out->calm = out->sure && out->best_us <= CALM_US;
}

/*
 * What spikes ask for. A first one is borne for some seconds, since the delay has grown by it anyway; when another one
 * comes meanwhile, for as long as they recur.
 */
static int64_t spike_floor(const struct delay *d, int64_t when_us)
{
    int64_t since = when_us - d->spike[0].when_us;
    bool recur = d->spike[1].height_us > 0 && d->spike[0].when_us - d->spike[1].when_us <= SPIKE_MEMORY_US;
    if (d->spike[0].height_us == 0 || since > (recur ? SPIKE_MEMORY_US : SPIKE_LONE_US))
        return 0;
    int64_t height = recur ? AHOY_MAX(d->spike[0].height_us, d->spike[1].height_us) : d->spike[0].height_us;
    return AHOY_MIN(height, (int64_t) SPIKE_MOST_US);
}

/*
 * The target stays as it is unless another one is better by more than its change is worth. On a calm network it falls at
 * once: the way there is silence that is shortened. Where delays are short, it falls when that halves it.
 */
static void update_target(struct delay *d, int64_t when_us)
{
    struct choice c;
    choose_delay(d, &c);
    int64_t least = AHOY_MAX(spike_floor(d, when_us) + MARGIN_US, d->min_us);
    int64_t change_us = c.calm ? 0 : c.change_us;
    if (c.sure && c.best_us + MARGIN_US < d->target_us)
        change_us = AHOY_MIN(change_us, AHOY_MAX(c.best_us - CALM_US, (int64_t) 0) / 2);
    int64_t want = c.now_cost_us > c.best_cost_us + change_us ? c.best_us + MARGIN_US : d->target_us;
    want = AHOY_MIN(AHOY_MAX(want, least), d->max_us);
    int64_t fall = (when_us - d->updated_us) * DOWN_US_PER_S / 1000000;
    d->target_us = want >= d->target_us ? want : AHOY_MAX(want, d->target_us - AHOY_MAX(fall, (int64_t) 0));
    d->updated_us = when_us;
    d->until_update = UPDATE_PACKETS;
}

static void begin_spike(struct delay *d, int64_t relative, int64_t when_us)
{
    d->in_spike = true;
    d->spike_us = when_us;
    d->spike_height_us = relative;
    d->spike_samples = 0;
}

static void note_spike(struct delay *d, int64_t when_us, int64_t height_us)
{
    memmove(&d->spike[1], &d->spike[0], (DELAY_SPIKES - 1) * sizeof d->spike[0]);
    d->spike[0].when_us = when_us;
    d->spike[0].height_us = height_us;
    d->spikes++;
}

static void end_spike(struct delay *d)
{
    note_spike(d, d->spike_us, d->spike_height_us);
    d->in_spike = false;
}

/* A stall that the target already bears: it is remembered, so that the target stays for the next one. */
static bool is_awaited_spike(const struct delay *d, int64_t relative, int64_t when_us)
{
    return !d->in_spike && 2 * relative > spike_floor(d, when_us) && spike_floor(d, when_us) > 0;
}

/* It was no spike: what was taken for one counts like everything else. */
static void deny_spike(struct delay *d)
{
    for (unsigned i = 0; i < AHOY_MIN(d->spike_samples, d->n); i++)
        set_spiky(d, sample_at(d, i), false);
    d->in_spike = false;
}

/*
 * A stall ends in a burst: the first packet is late by its length, each one after it by less. So the spike is over when
 * delay is back at the target, and was none when delay stays up.
 */
static void follow_spike(struct delay *d, int64_t relative, int64_t when_us)
{
    if (relative <= d->target_us || relative < d->spike_height_us / 4)
        end_spike(d);
    else if (when_us - d->spike_us > SPIKE_PROOF_US)
        deny_spike(d);
}

static void begin_timeline(struct delay *d, int64_t transit_us, int64_t when_us)
{
    bool update = d->begun || d->updated_us == 0;
    delay_restart(d);
    d->begun = true;
    d->ref_us = transit_us;
    d->base_us = 0;
    d->last_us = when_us;
    if (update)
        d->updated_us = when_us;
    push(d, transit_us, when_us, false);
}

int64_t delay_add(struct delay *d, int64_t transit_us, int64_t when_us, bool *restarted)
{
    int64_t relative = delay_of(d, transit_us);
    *restarted = !d->begun || relative < EARLIER_US || relative > FAR_US;
    if (*restarted) {
        begin_timeline(d, transit_us, when_us);
        return 0;
    }
    bool stalled = when_us - d->last_us >= AHOY_MAX((int64_t) SPIKE_GAP_US, relative / 2);
    d->last_us = when_us;
    if (!d->in_spike && stalled && relative > d->target_us + SPIKE_US)
        begin_spike(d, relative, when_us);
    else if (d->in_spike)
        follow_spike(d, relative, when_us);
    else if (stalled && is_awaited_spike(d, relative, when_us))
        note_spike(d, when_us, relative);
    if (!d->in_spike && relative > SHIFT_US) {
        *restarted = true;
        begin_timeline(d, transit_us, when_us);
        return 0;
    }
    push(d, transit_us, when_us, d->in_spike);
    d->spike_samples += d->in_spike;
    if (d->until_update > 0)
        d->until_update--;
    if (d->until_update == 0 || (!d->in_spike && relative > d->target_us))
        update_target(d, when_us);
    return AHOY_MAX(relative, (int64_t) 0);
}
