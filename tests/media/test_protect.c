#include "media/protect.h"

#include "support/t.h"

static const struct protect_means all = {
    .wire_bps = 64000, .clean_bps = 32000, .frame_ms = 20, .head_bytes = 40, .fec = true, .dred = true, .red = true
};

/* On a network that is known to be good so far. */
static void begin(struct protect *p, const struct protect_means *means)
{
    protect_init(p);
    protect_set_means(p, means);
    p->starting = false;
    p->lost_weight = 0;
    p->run = 1;
}

/* Ten seconds of reports: of 25 packets each, `lost` of them in `runs`. */
static void hear(struct protect *p, unsigned lost, unsigned runs)
{
    for (int i = 0; i < 20; i++)
        protect_runs(p, 25, lost, runs);
}

/* Bits a second on the wire, headers and copies included, as the plan has them. */
static double wire_bps(const struct protect *p)
{
    double copies = __builtin_popcount(p->plan.generations);
    double packets = 1000.0 / p->means.frame_ms;
    return p->plan.bitrate_bps * (1 + copies) + (p->means.head_bytes + copies * 4 + (copies > 0)) * 8 * packets;
}

static unsigned farthest(const struct protect *p)
{
    unsigned back = 0;
    for (uint32_t g = p->plan.generations; g; g >>= 1)
        back++;
    return back;
}

static void test_a_clean_line_carries_nothing_but_the_codec(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    const struct protect_plan *plan = protect_plan(&p);
    T_EQ(plan->bitrate_bps, 32000);
    T_CHECK(!plan->fec && plan->dred_ms == 0 && plan->generations == 0 && plan->loss_percent == 0);
    T_EQ(protect_generations(&p), 0);
out:
    return;
}

/* Before anything is known, what helps in bursts; the peer's first second of reports ends that. */
static void test_an_unknown_network_is_taken_for_a_bad_one(struct t *t)
{
    struct protect p;
    protect_init(&p);
    protect_set_means(&p, &all);
    T_EQ(protect_plan(&p)->generations, 1u << 4); /* as far as the listener waits */
    T_CHECK(p.plan.dred_ms == 100 && p.plan.loss_percent >= 20);
    T_LE(wire_bps(&p) - 6000, 64000); /* what is deep goes once */
    T_LE(18000, p.plan.bitrate_bps);
    struct protect_means shallow = all;
    shallow.dred = false;
    protect_set_means(&p, &shallow);
    T_EQ(protect_plan(&p)->generations, 1u << 2 | 1u << 4);
    T_LE(wire_bps(&p), 64000);
    T_LE(12000, p.plan.bitrate_bps);
    protect_set_means(&p, &all);
    protect_runs(&p, 25, 0, 0);
    T_CHECK(protect_plan(&p)->generations != 0);
    protect_runs(&p, 40, 0, 0);
    T_EQ(protect_plan(&p)->generations, 0);
    T_EQ(p.plan.bitrate_bps, 32000);

    protect_init(&p); /* it was a bad one, and after some losses it is clear that they are single ones */
    protect_set_means(&p, &all);
    protect_runs(&p, 25, 3, 3);
    T_EQ(protect_plan(&p)->generations, 1u << 4);
    hear(&p, 6, 6);
    T_EQ(protect_plan(&p)->generations, 1u << 1 | 1u << 3);

    protect_init(&p); /* a peer that tells of loss, but not of runs: they are single ones when the start is over */
    protect_set_means(&p, &all);
    for (unsigned i = 0; i < 2; i++) {
        T_EQ(protect_plan(&p)->generations, 1u << 4);
        protect_report(&p, &(struct protect_report){ .fraction = 0.25, .lost = 5, .packets = 20 });
    }
    T_EQ(protect_plan(&p)->generations, 1u << 1 | 1u << 3);

    protect_init(&p); /* a peer that never reports */
    protect_set_means(&p, &all);
    for (unsigned i = 0; i < 4000 / 20; i++) {
        T_CHECK(protect_plan(&p)->generations != 0);
        protect_sent(&p, (uint16_t) i, 60);
    }
    T_EQ(protect_plan(&p)->generations, 0);

    struct protect_means plain = all; /* one that takes no copies gets the whole rate from the first packet on */
    plain.red = false;
    plain.adaptive = true;
    protect_init(&p);
    protect_set_means(&p, &plain);
    T_EQ(protect_plan(&p)->bitrate_bps, 32000);
    T_CHECK(p.plan.generations == 0 && p.plan.twice_after == 0);
out:
    return;
}

static void test_the_more_is_lost_the_more_is_repeated_within_the_wire(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    for (unsigned lost = 1; lost <= 12; lost++) {
        hear(&p, lost, lost);
        const struct protect_plan *plan = protect_plan(&p);
        T_LE(wire_bps(&p), 64000);
        T_LE(12000, plan->bitrate_bps);
        T_LE(farthest(&p), 6);
        unsigned copies = (unsigned) __builtin_popcount(plan->generations);
        T_EQ(copies, lost < 2 ? 1 : 2); /* 4 % and above */
        T_CHECK(!plan->fec && plan->dred_ms == 0);
    }
    for (int i = 0; i < 5; i++)
        hear(&p, 0, 0);
    T_EQ(protect_plan(&p)->generations, 0); /* and less again */
    T_EQ(p.plan.bitrate_bps, 32000);
out:
    return;
}

/* The mean of a minute on the wire, of a voice of which the encoder makes 6 % more than it is asked for. */
static double spent_bps(struct protect *p)
{
    enum { PACKETS = 3000 };
    double bits = 0;
    for (unsigned i = 0; i < PACKETS; i++) {
        const struct protect_plan *plan = protect_plan(p);
        double copies = __builtin_popcount(plan->generations), frame = plan->bitrate_bps * 1.06 / 400;
        size_t bytes = (size_t) (frame * (1 + copies) + copies * 4 + (copies > 0));
        protect_sent(p, (uint16_t) i, bytes);
        bits += 8 * (double) (bytes + p->means.head_bytes);
    }
    return bits / (PACKETS * p->means.frame_ms) * 1000;
}

static void test_a_voice_that_takes_more_than_asked_for_stays_within_the_wire(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    T_LE(spent_bps(&p), 32000 * 1.06 + 16000);
    for (unsigned lost = 2; lost <= 12; lost += 5) {
        hear(&p, lost, lost);
        double bps = spent_bps(&p);
        T_LE(bps, 64300);
        T_LE(63500, bps);
    }
    for (uint16_t i = 0; i < 500; i++)
        protect_sent(&p, i, 1); /* a pause buys no more than the wire has */
    T_LE(wire_bps(&p), 64000);
out:
    return;
}

static void test_copies_travel_past_the_bursts(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    hear(&p, 6, 6);
    protect_plan(&p);
    T_EQ(p.plan.generations, 1u << 1 | 1u << 3); /* one by one: two and four packets behind */
    struct protect_means shallow = all;
    shallow.dred = false;
    begin(&p, &shallow);
    hear(&p, 6, 2);
    protect_plan(&p);
    T_EQ(p.plan.generations, 1u << 2 | 1u << 4); /* bursts of three: three, and as far as is waited for */
    begin(&p, &all);
    hear(&p, 3, 1);
    protect_plan(&p);
    T_EQ(p.plan.generations, 1u << 4); /* a lone copy goes farther */
out:
    return;
}

/* Deep redundancy is in any packet, a copy in one: where a burst takes a frame and its copies, one copy and the other. */
static void test_in_long_bursts_deep_redundancy_stands_in_for_the_second_copy(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    hear(&p, 6, 2);
    protect_plan(&p);
    T_EQ(p.plan.generations, 1u << 4);
    T_CHECK(p.plan.dred_ms == 100 && !p.plan.fec);
    T_LE(20, p.plan.loss_percent); /* of less the library gives it nothing */
    T_LE(wire_bps(&p) - 6000, 64000);
    uint32_t before = p.plan.bitrate_bps;
    for (int i = 0; i < 500; i++)
        protect_stripped(&p, 20); /* the copy does without: both have more */
    T_NEAR(protect_plan(&p)->bitrate_bps, before + 800, 50);
    T_LE(wire_bps(&p) - 8000, 64000);
    before = p.plan.bitrate_bps;
    p.plan.dred_ms = 0;
    for (int i = 0; i < 500; i++)
        protect_stripped(&p, 0); /* nothing deep is sent meanwhile: that tells nothing of what it takes */
    T_EQ(protect_plan(&p)->bitrate_bps, before);
    hear(&p, 6, 6); /* one by one: copies again, and nothing deep */
    hear(&p, 6, 6);
    T_EQ(protect_plan(&p)->generations, 1u << 1 | 1u << 3);
    T_CHECK(p.plan.dred_ms == 0 && p.plan.loss_percent == 0);
out:
    return;
}

static void test_without_red_the_encoder_itself_protects(struct t *t)
{
    struct protect_means means = all;
    struct protect p;
    means.red = false;
    begin(&p, &means);
    hear(&p, 5, 5);
    protect_plan(&p);
    T_CHECK(p.plan.dred_ms > 0 && !p.plan.fec && p.plan.generations == 0);
    T_NEAR(p.plan.loss_percent, 20, 1);
    T_LE(wire_bps(&p), 64000);
    means.dred = false;
    begin(&p, &means);
    for (int i = 0; i < 20; i++)
        protect_report(&p, &(struct protect_report){ .fraction = 0.02, .packets = 250 }); /* no extended reports */
    protect_plan(&p);
    T_CHECK(p.plan.fec && p.plan.dred_ms == 0);
    T_NEAR(p.plan.loss_percent, 2, 1);
    means.fec = false;
    protect_set_means(&p, &means);
    protect_plan(&p);
    T_CHECK(!p.plan.fec);
out:
    return;
}

/* A peer that knows neither RED nor DRED, on a network that loses a fifth. */
static void test_a_plain_peer_gets_every_packet_twice(struct t *t)
{
    struct protect_means means = all;
    struct protect p;
    struct protect_report lossy = { .fraction = 0.2, .lost = 50, .packets = 250 };
    means.red = means.dred = false;
    means.adaptive = true;
    begin(&p, &means);
    protect_report(&p, &lossy);
    protect_report(&p, &lossy);
    T_EQ(protect_plan(&p)->twice_after, 1);
    T_LE((p.plan.bitrate_bps + 40.0 * 8 * 50) * 2, 64000);
    T_LE(14000, p.plan.bitrate_bps);
    for (int i = 0; i < 20; i++) { /* it counts the second ones: 250 - 2 * 200 */
        protect_report(&p, &(struct protect_report){ .fraction = 0, .lost = -150, .packets = 250 });
        T_EQ(protect_plan(&p)->twice_after, 1);
    }
    T_NEAR(p.loss, 0.2, 0.02);
    for (int i = 0; i < 20; i++) /* nothing is lost any more: 250 - 2 * 250 */
        protect_report(&p, &(struct protect_report){ .fraction = 0, .lost = -250, .packets = 250 });
    T_EQ(protect_plan(&p)->twice_after, 0);
    means.wire_bps = 50000; /* no room for two */
    protect_set_means(&p, &means);
    protect_report(&p, &lossy);
    protect_report(&p, &lossy);
    T_EQ(protect_plan(&p)->twice_after, 0);
    T_CHECK(p.plan.fec);
out:
    return;
}

static void test_what_is_asked_for_goes_along_once(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    protect_plan(&p);
    protect_asked(&p, 7); /* nothing was sent yet */
    T_EQ(protect_generations(&p), 0);
    protect_sent(&p, 65535, 60);
    protect_sent(&p, 0, 60);
    protect_asked(&p, 65535);
    protect_asked(&p, 65535);
    protect_asked(&p, 0);
    protect_asked(&p, 3000);  /* never sent */
    protect_asked(&p, 65500); /* too long ago */
    T_EQ(protect_generations(&p), 3);
    T_EQ(protect_generations(&p), 0);
out:
    return;
}

static void test_a_rising_round_trip_lowers_the_rate_and_a_calm_one_restores_it(struct t *t)
{
    struct protect p;
    int64_t now = 1000000;
    begin(&p, &all);
    hear(&p, 5, 5);
    T_CHECK(protect_plan(&p)->generations != 0);
    for (int i = 0; i < 10; i++, now += 1000000)
        protect_round_trip(&p, 30, 2, now);
    double before = wire_bps(&p);
    for (int i = 0; i < 60; i++, now += 1000000) /* jitter is none: packets in between are as quick as ever */
        protect_round_trip(&p, i % 4 == 0 ? 40 : 150 + i % 7 * 40, 60, now);
    T_CHECK(protect_plan(&p)->generations != 0);
    T_NEAR(wire_bps(&p), before, 1);
    for (int i = 0; i < 20; i++, now += 1000000)
        protect_round_trip(&p, 200 + i * 20, 5, now);
    protect_plan(&p);
    T_EQ(p.plan.generations, 0); /* redundancy would fill the queue further */
    T_LE(wire_bps(&p), before * 0.6);
    for (int i = 0; i < 60; i++, now += 1000000)
        protect_round_trip(&p, 35, 2, now);
    T_CHECK(protect_plan(&p)->generations != 0);
out:
    return;
}

static void test_a_narrow_line_is_kept_to(struct t *t)
{
    struct protect_means means = all;
    struct protect p;
    means.wire_bps = 32000;
    begin(&p, &means);
    hear(&p, 5, 5);
    protect_plan(&p);
    T_LE(wire_bps(&p), 32000);
    T_EQ(p.plan.generations, 0); /* two of 7 kbit/s are worth less than one of 16 */
    T_CHECK(p.plan.dred_ms > 0);
    means.frame_ms = 60;
    protect_set_means(&p, &means);
    protect_plan(&p);
    T_LE(wire_bps(&p), 32000);
out:
    return;
}

static void test_senseless_reports_change_nothing(struct t *t)
{
    struct protect p;
    begin(&p, &all);
    protect_runs(&p, 0, 0, 0);
    protect_runs(&p, 10, 11, 1);
    protect_runs(&p, 10, 5, 6);
    T_EQ(protect_plan(&p)->generations, 0);
    T_CHECK(!p.exact);
out:
    return;
}

T_MAIN(T(test_a_clean_line_carries_nothing_but_the_codec), T(test_an_unknown_network_is_taken_for_a_bad_one),
       T(test_the_more_is_lost_the_more_is_repeated_within_the_wire),
       T(test_a_voice_that_takes_more_than_asked_for_stays_within_the_wire), T(test_copies_travel_past_the_bursts),
       T(test_in_long_bursts_deep_redundancy_stands_in_for_the_second_copy),
       T(test_without_red_the_encoder_itself_protects), T(test_a_plain_peer_gets_every_packet_twice),
       T(test_what_is_asked_for_goes_along_once),
       T(test_a_rising_round_trip_lowers_the_rate_and_a_calm_one_restores_it), T(test_a_narrow_line_is_kept_to),
       T(test_senseless_reports_change_nothing))
