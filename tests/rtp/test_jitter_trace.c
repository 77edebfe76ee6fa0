/*
 * The jitter buffer against long simulated traces: a sender with a clock and talkspurts of its own, a network that
 * loses, delays, repeats and swaps, and a player that follows the buffer's advice as the audio room does. What must
 * hold for all of them: each packet is played at most once and in order, the buffer is never stuck, delay comes down
 * after a storm.
 */
#include "rtp/jitter.h"

#include "base/mem.h"
#include "base/rng.h"
#include "rtp/impair.h"
#include "support/t.h"

#include <stdio.h>

enum { HZ = 48000, MAX_FLYING = 4096 };

struct trace {
    const char *impair; /* "" for none */
    int frame_ms;
    int tick_ms;            /* of the player; 0: 20 */
    double drift;           /* the sender's clock against ours, e.g. 150e-6 */
    int64_t spike_every_us; /* a stall of spike_us now and then; 0: none */
    int64_t spike_us;
    bool dtx;      /* talkspurts of 1.2 s, silence of 0.8 s */
    bool mark_dtx; /* the packet before silence says so */
    int64_t seconds;
    int64_t calm_after_us; /* from here on the network does no harm; 0: never */
    uint32_t start_ts;
    uint16_t start_seq;
};

struct outcome {
    bool out_of_order, twice, stuck, bad_payload;
    unsigned sent, delivered, played, lost, empty, silence, recovered;
    int64_t played_after_calm_us; /* delay of the last packet */
    double delay_mean_ms, delay_95_ms, calm_delay_ms;
    struct jitter_stats stats;
};

struct flying {
    int64_t at_us;
    uint32_t index;
    uint32_t ts;
    bool marker, silence;
};

struct world {
    struct trace tr;
    struct impair im;
    struct jitter *j;
    struct flying flying[MAX_FLYING];
    unsigned count;
    int64_t next_send_us, sent_frames, stall_until_us;
    uint32_t index; /* packets sent: the sequence number, unwrapped */
    bool was_talking;
    int64_t tick_us;
    int64_t held_us; /* sound the player has in hand */
    uint32_t expect; /* next index that may be played */
    int64_t starved_us;
    int64_t sent_at_us[1 << 16];
    struct outcome o;
};

static bool is_talking(const struct world *w, int64_t frames)
{
    return !w->tr.dtx || frames * w->tr.frame_ms % 2000 < 1200;
}

static void fly(struct world *w, int64_t now_us, const struct flying *f)
{
    struct impair_decision d;
    impair_decide(&w->im, now_us, 100, &d);
    bool calm = w->tr.calm_after_us > 0 && now_us >= w->tr.calm_after_us;
    if (calm)
        d = (struct impair_decision){ .copies = 1, .at_us = { now_us } };
    for (unsigned c = 0; c < d.copies && w->count < MAX_FLYING; c++) {
        w->flying[w->count] = *f;
        w->flying[w->count].at_us = AHOY_MAX(d.at_us[c], calm ? now_us : w->stall_until_us) + 10000;
        w->count++;
    }
}

/* The sender's part up to now. */
static void send_until(struct world *w, int64_t now_us)
{
    while (w->next_send_us <= now_us) {
        int64_t at = w->next_send_us;
        if (w->tr.spike_every_us > 0 && at % w->tr.spike_every_us < w->tr.frame_ms * 1000)
            w->stall_until_us = at + w->tr.spike_us;
        bool talking = is_talking(w, w->sent_frames);
        if (talking) {
            struct flying f = {
                .index = w->index,
                .ts = w->tr.start_ts + (uint32_t) (w->sent_frames * w->tr.frame_ms * (HZ / 1000)),
                .marker = !w->was_talking,
                .silence = w->tr.mark_dtx && !is_talking(w, w->sent_frames + 1),
            };
            w->sent_at_us[w->index % AHOY_COUNT(w->sent_at_us)] = at;
            w->index++;
            w->o.sent++;
            fly(w, at, &f);
        }
        w->was_talking = talking;
        w->sent_frames++;
        w->next_send_us = 1000000 + (int64_t) ((double) (w->sent_frames * w->tr.frame_ms * 1000) * (1 + w->tr.drift));
    }
}

static void deliver_until(struct world *w, int64_t now_us)
{
    for (;;) {
        unsigned first = w->count;
        for (unsigned i = 0; i < w->count; i++) {
            if (w->flying[i].at_us <= now_us && (first == w->count || w->flying[i].at_us < w->flying[first].at_us))
                first = i;
        }
        if (first == w->count)
            return;
        struct flying f = w->flying[first];
        uint8_t payload[64];
        size_t n = 20 + f.index % 40;
        for (size_t i = 0; i < n; i++)
            payload[i] = (uint8_t) (f.index >> (8 * (i % 4)));
        struct jitter_packet p = {
            .ssrc = 5,
            .seq = (uint16_t) (w->tr.start_seq + f.index),
            .timestamp = f.ts,
            .marker = f.marker,
            .silence = f.silence,
            .payload = view_of((char *) payload, n),
        };
        jitter_put(w->j, &p, f.at_us);
        w->o.delivered++;
        memmove(&w->flying[first], &w->flying[first + 1], (--w->count - first) * sizeof w->flying[0]);
    }
}

static void check_packet(struct world *w, const struct jitter_frame *f, int64_t now_us)
{
    uint32_t index = 0;
    for (size_t i = 0; i < 4 && i < f->payload.n; i++)
        index |= (uint32_t) (uint8_t) f->payload.p[i] << (8 * i);
    bool seq_fits = f->seq == (uint16_t) (w->tr.start_seq + index);
    w->o.bad_payload = w->o.bad_payload || f->payload.n != 20 + index % 40 || !seq_fits;
    w->o.out_of_order = w->o.out_of_order || index < w->expect;
    w->o.twice = w->o.twice || index + 1 == w->expect;
    w->expect = index + 1;
    w->o.played++;
    w->starved_us = 0;
    w->o.played_after_calm_us = now_us + w->held_us - w->sent_at_us[index % AHOY_COUNT(w->sent_at_us)];
}

/* What becomes of a frame: 8 ms more or less as it is advised; one in five is silence. */
static int64_t adapted(const struct world *w, int64_t us)
{
    bool quiet = w->expect % 50 < 10;
    int64_t by_us;
    switch (jitter_advice(w->j, &by_us)) {
    case JITTER_NORMAL: break;
    case JITTER_STRETCH: return us + 8000;
    case JITTER_TRIM: return quiet ? us - AHOY_MIN(us / 2, AHOY_MIN(by_us, (int64_t) 8000)) : us;
    case JITTER_SHRINK: return us - AHOY_MIN(us / 2, 8000);
    }
    return us;
}

/* One tick of the player: fills it. */
static void play_tick(struct world *w, int64_t now_us)
{
    while (w->held_us < w->tick_us) {
        struct jitter_frame f;
        enum jitter_got got = jitter_get(w->j, now_us, w->held_us, &f);
        int64_t us = (int64_t) f.duration_ts * 1000000 / HZ;
        w->o.stuck = w->o.stuck || us <= 0;
        if (us <= 0)
            return;
        switch (got) {
        case JITTER_PACKET:
            check_packet(w, &f, now_us);
            us = adapted(w, us);
            break;
        case JITTER_LOST:
            w->o.lost++;
            w->o.recovered += f.next_distance == 1;
            break;
        case JITTER_EMPTY: w->o.empty++; break;
        case JITTER_SILENCE: w->o.silence++; break;
        }
        w->held_us += us;
    }
    w->held_us -= w->tick_us;
    w->starved_us += w->tick_us;
    w->o.stuck = w->o.stuck || w->starved_us > 3000000;
}

static bool run_seeded(struct t *t, const struct trace *tr, uint64_t seed, struct outcome *out)
{
    bool ok = false;
    struct impair_config ic;
    struct jitter_config jc = jitter_config_default(HZ);
    struct world *w = mem_zalloc(sizeof *w);
    T_CHECK(w);
    w->tr = *tr;
    w->tick_us = (tr->tick_ms > 0 ? tr->tick_ms : 20) * 1000;
    jc.player_us = w->tick_us;
    T_OK(impair_parse(view_str(tr->impair), &ic));
    ic.seed = seed;
    impair_init(&w->im, &ic);
    T_OK(jitter_create(&w->j, &jc));
    w->next_send_us = 1000000;
    int64_t end = 1000000 + tr->seconds * 1000000;
    for (int64_t now = 1000000; now < end; now += w->tick_us) { /* packets arrive 10 ms before a tick: the mean case */
        send_until(w, now);
        deliver_until(w, now);
        play_tick(w, now);
    }
    jitter_stats(w->j, &w->o.stats);
    w->o.delay_mean_ms = w->o.stats.delay_mean_ms;
    w->o.delay_95_ms = w->o.stats.delay_95_ms;
    w->o.calm_delay_ms = (double) w->o.played_after_calm_us / 1000;
    *out = w->o;
    ok = true;
out:
    if (w)
        jitter_destroy(w->j);
    mem_free(w);
    return ok;
}

static bool sound(struct t *t, const struct outcome *o)
{
    T_CHECK(!o->out_of_order);
    T_CHECK(!o->twice);
    T_CHECK(!o->stuck);
    T_CHECK(!o->bad_payload);
    T_LE(o->played, o->sent);
    return true;
out:
    return false;
}

/* Figures of a run, for people. */
static void tell(const char *name, const struct outcome *o)
{
    printf("  %-28s delay %5.1f ms (95 %%: %5.1f)  sent %u played %u lost %u (FEC %u) late %u empty %u discarded %u "
           "spikes %u\n",
           name, o->delay_mean_ms, o->delay_95_ms, o->sent, o->played, o->lost, o->recovered, (unsigned) o->stats.late,
           o->empty, (unsigned) o->stats.discarded, (unsigned) o->stats.spikes);
}

static void test_a_clean_stream_is_played_whole_with_little_delay(struct t *t)
{
    static const int frames[] = { 10, 20, 40, 60 };
    for (size_t i = 0; i < AHOY_COUNT(frames); i++) {
        struct trace tr = { .impair = "", .frame_ms = frames[i], .seconds = 60 };
        struct outcome o;
        T_CHECK(run_seeded(t, &tr, 1, &o));
        T_CHECK(sound(t, &o));
        tell("clean", &o);
        T_EQ(o.lost, 0);
        T_LE(o.empty, 4);
        T_LE(o.sent - o.played, 3);
        T_CHECK(o.delay_mean_ms < 12);
    }
out:
    return;
}

static void test_sequence_and_timestamp_wrap_unnoticed(struct t *t)
{
    struct trace tr = { .impair = "jitter=20,reorder=2",
                        .frame_ms = 20,
                        .seconds = 120,
                        .start_seq = 65000,
                        .start_ts = UINT32_MAX - 480000 };
    struct outcome o;
    T_CHECK(run_seeded(t, &tr, 1, &o));
    T_CHECK(sound(t, &o));
    T_EQ(o.stats.restarts, 0);
    T_CHECK(o.played > o.sent * 0.95);
out:
    return;
}

/*
 * What a player with ticks of 10 ms must reach: mean delay within a few milliseconds of the largest delay that counts.
 */
static void test_jitter_costs_no_more_delay_than_it_must(struct t *t)
{
    static const struct {
        const char *impair;
        int tick_ms;
        double most_delay_ms, most_missing;
    } cases[] = { { "jitter=20", 20, 65, 0.04 },   { "jitter=50", 20, 125, 0.04 },
                  { "jitter=100", 20, 225, 0.04 }, { "jitter=50,loss=5", 20, 145, 0.08 },
                  { "jitter=20", 10, 55, 0.04 },   { "jitter=50", 10, 120, 0.04 },
                  { "jitter=100", 10, 215, 0.04 }, { "jitter=50,loss=5", 10, 135, 0.08 } };
    for (size_t i = 0; i < AHOY_COUNT(cases); i++) {
        struct trace tr = { .impair = cases[i].impair, .frame_ms = 20, .tick_ms = cases[i].tick_ms, .seconds = 120 };
        struct outcome o;
        T_CHECK(run_seeded(t, &tr, 3, &o));
        T_CHECK(sound(t, &o));
        tell(cases[i].impair, &o);
        T_CHECK(o.delay_mean_ms < cases[i].most_delay_ms);
        T_CHECK(o.played > o.sent * (1 - cases[i].most_missing));
    }
out:
    return;
}

static void test_under_loss_the_next_packet_is_there_to_recover_from(struct t *t)
{
    struct trace tr = { .impair = "loss=5", .frame_ms = 20, .seconds = 120 };
    struct outcome o;
    T_CHECK(run_seeded(t, &tr, 5, &o));
    T_CHECK(sound(t, &o));
    tell("loss=5", &o);
    T_CHECK(o.recovered > 0.85 * 0.05 * o.sent); /* nearly all losses have their neighbour */
    T_CHECK(o.delay_mean_ms < 60);
    T_LE(o.empty, 100);
out:
    return;
}

static void test_every_trace_keeps_order_and_never_sticks(struct t *t)
{
    static const char *const impairs[] = { "loss=20,burst=3",   "loss=30,burst=5,jitter=50",
                                           "dup=50,reorder=20", "jitter=300,loss=10,dup=10",
                                           "rate=24k",          "loss=90" };
    static const int frames[] = { 10, 20, 60 };
    for (size_t i = 0; i < AHOY_COUNT(impairs); i++) {
        for (size_t f = 0; f < AHOY_COUNT(frames); f++) {
            struct trace tr = { .impair = impairs[i],
                                .frame_ms = frames[f],
                                .seconds = 30,
                                .dtx = i % 2 == 1,
                                .mark_dtx = f == 0,
                                .start_seq = 65500 };
            struct outcome o;
            T_CHECK(run_seeded(t, &tr, 7 + i, &o));
            T_CHECK(!o.out_of_order && !o.twice && !o.bad_payload && (!o.stuck || i == 5));
        }
    }
out:
    return;
}

/* Delays with a long tail: where it will end is told from its first packets, not learnt from one record after the other. */
static void test_a_long_tail_is_foreseen(struct t *t)
{
    double delay_ms = 0;
    size_t stretches = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct trace tr = { .impair = "pareto=10", .frame_ms = 20, .seconds = 8 };
        struct outcome o;
        T_CHECK(run_seeded(t, &tr, seed, &o));
        T_CHECK(sound(t, &o));
        delay_ms += o.delay_mean_ms / 10;
        stretches += o.empty;
    }
    printf("  ten long tails: delay %.1f ms, stretched %zu times\n", delay_ms, stretches);
    T_CHECK(delay_ms < 130);
    T_LE(stretches, 16); /* it was 26, and more delay, when records were followed */
out:
    return;
}

static void test_clock_drift_is_followed_both_ways(struct t *t)
{
    static const double drifts[] = { 300e-6, -300e-6 };
    for (size_t i = 0; i < 2; i++) {
        struct trace tr = {
            .impair = "jitter=10", .frame_ms = 20, .seconds = 600, .drift = drifts[i]
        }; /* 180 ms apart */
        struct outcome o;
        T_CHECK(run_seeded(t, &tr, 1, &o));
        T_CHECK(sound(t, &o));
        tell("drift", &o);
        T_CHECK(o.delay_95_ms < 66);
        T_LE(o.empty, 100);
        T_CHECK((double) (o.stats.late + o.stats.discarded) < 0.04 * o.sent);
    }
out:
    return;
}

static void test_delay_comes_down_after_a_storm(struct t *t)
{
    struct trace tr = {
        .impair = "jitter=150,loss=10,burst=2", .frame_ms = 20, .seconds = 60, .calm_after_us = 31000000
    };
    struct outcome o;
    T_CHECK(run_seeded(t, &tr, 11, &o));
    T_CHECK(sound(t, &o));
    tell("storm, then calm", &o);
    T_CHECK(o.calm_delay_ms < 60); /* 10 ms of it is the network */
out:
    return;
}

static void test_silence_is_not_loss(struct t *t)
{
    for (int marked = 0; marked < 2; marked++) {
        struct trace tr = {
            .impair = "jitter=20", .frame_ms = 20, .seconds = 120, .dtx = true, .mark_dtx = marked == 1
        };
        struct outcome o;
        T_CHECK(run_seeded(t, &tr, 13, &o));
        T_CHECK(sound(t, &o));
        tell(marked ? "DTX, marked" : "DTX, unmarked", &o);
        T_LE(o.lost, o.sent / 25);
        T_CHECK(!marked || o.silence > 60 * 0.8 * 100 * 0.9);
        T_LE(o.stats.empty, 200); /* what was answered EMPTY in silence is taken back */
        T_LE(o.stats.concealed_us, 2000000);
        T_CHECK(o.delay_mean_ms < 70);
    }
out:
    return;
}

static void test_a_lone_spike_is_soon_forgotten_and_recurring_ones_are_awaited(struct t *t)
{
    struct trace tr = { .impair = "", .frame_ms = 20, .seconds = 58, .spike_every_us = 20000000, .spike_us = 200000 };
    struct outcome rare, often;
    T_CHECK(run_seeded(t, &tr, 1, &rare));
    T_CHECK(sound(t, &rare));
    tell("a spike every 20 s", &rare);
    T_CHECK(rare.delay_mean_ms < 100); /* 200 ms for six seconds of 20, then falling */
    T_CHECK(rare.calm_delay_ms < 60);
    tr.spike_every_us = 3000000;
    T_CHECK(run_seeded(t, &tr, 1, &often));
    T_CHECK(sound(t, &often));
    tell("a spike every 3 s", &often);
    T_CHECK(often.empty < 60); /* 20 spikes of 200 ms would be 400 steps */
    T_EQ(often.lost, 0);
out:
    return;
}

/* Runs with a failing allocation add nothing to the long ones beyond the first: they allocate at creation only. */
T_MAIN(T_STRIDE(test_a_clean_stream_is_played_whole_with_little_delay, 5),
       T(test_sequence_and_timestamp_wrap_unnoticed), T_STRIDE(test_jitter_costs_no_more_delay_than_it_must, 5),
       T(test_under_loss_the_next_packet_is_there_to_recover_from),
       T_STRIDE(test_every_trace_keeps_order_and_never_sticks, 20), T_STRIDE(test_a_long_tail_is_foreseen, 20),
       T_STRIDE(test_clock_drift_is_followed_both_ways, 3), T(test_delay_comes_down_after_a_storm),
       T_STRIDE(test_silence_is_not_loss, 3),
       T_STRIDE(test_a_lone_spike_is_soon_forgotten_and_recurring_ones_are_awaited, 3))
