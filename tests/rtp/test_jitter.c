/* The jitter buffer in single cases; over long traces it is in test_jitter_trace.c. */
#include "rtp/jitter.h"

#include "base/rng.h"
#include "support/t.h"

enum { HZ = 48000 };

static struct jitter_packet plain(uint16_t seq)
{
    return (struct jitter_packet){ .ssrc = 1, .seq = seq, .timestamp = 960u * seq, .payload = VIEW("x") };
}

static enum ahoy_err open_plain(struct jitter **j)
{
    struct jitter_config c = jitter_config_default(HZ);
    c.start_delay_us = c.min_delay_us = 20000;
    return jitter_create(j, &c);
}

static void put_at(struct jitter *j, uint16_t seq, int64_t when_us)
{
    struct jitter_packet p = plain(seq);
    jitter_put(j, &p, when_us);
}

static enum jitter_got get_at(struct jitter *j, int64_t now_us, struct jitter_frame *f)
{
    return jitter_get(j, now_us, 0, f);
}

static void test_lost_is_told_with_its_neighbour_and_only_when_that_is_here(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    T_EQ(get_at(j, 0, &f), JITTER_SILENCE); /* nothing yet */
    put_at(j, 1, 0);
    T_EQ(get_at(j, 0, &f), JITTER_SILENCE); /* not its time yet */
    put_at(j, 2, 20000);
    T_EQ(get_at(j, 20000, &f), JITTER_PACKET);
    T_CHECK(f.restart);
    T_EQ(f.duration_ts, 960);
    T_EQ(get_at(j, 40000, &f), JITTER_PACKET);
    T_CHECK(!f.restart);
    struct jitter_packet p = plain(4);
    p.payload_type = 111;
    p.payload = VIEW("fec of three");
    jitter_put(j, &p, 60000);
    T_EQ(get_at(j, 60000, &f), JITTER_LOST);
    T_EQ(f.seq, 3);
    T_EQ(f.timestamp, 3 * 960);
    T_EQ(f.next_distance, 1);
    T_EQ(f.next_payload_type, 111);
    T_VIEW(f.next_payload, "fec of three");
    T_EQ(get_at(j, 80000, &f), JITTER_PACKET);
    T_EQ(f.seq, 4);
    T_VIEW(f.payload, "fec of three");
    p = plain(3);
    T_EQ(jitter_put(j, &p, 81000), JITTER_PUT_LATE);
    p = plain(4);
    T_EQ(jitter_put(j, &p, 82000), JITTER_PUT_DUPLICATE);
    T_EQ(get_at(j, 100000, &f), JITTER_EMPTY);
    T_EQ(f.run, 1);
    T_EQ(get_at(j, 100000, &f), JITTER_EMPTY);
    T_EQ(f.run, 2);
out:
    jitter_destroy(j);
}

static void test_a_loss_that_a_stretch_covered_is_skipped(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    T_OK(open_plain(&j));
    put_at(j, 1, 0);
    T_EQ(get_at(j, 20000, &f), JITTER_PACKET);
    T_EQ(get_at(j, 40000, &f), JITTER_EMPTY); /* 2 is lost, 3 not here yet: 20 ms of stretch */
    T_EQ(get_at(j, 40000, &f), JITTER_EMPTY);
    put_at(j, 3, 41000);
    T_EQ(get_at(j, 60000, &f), JITTER_PACKET);
    T_EQ(f.seq, 3);
    jitter_stats(j, &st);
    T_EQ(st.lost, 1);
    T_EQ(st.empty, 2);
    T_EQ(st.concealed_us, 20000);
out:
    jitter_destroy(j);
}

static void test_a_late_packet_is_still_played_after_a_stretch(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    put_at(j, 1, 0);
    T_EQ(get_at(j, 20000, &f), JITTER_PACKET);
    T_EQ(get_at(j, 40000, &f), JITTER_EMPTY);
    T_EQ(get_at(j, 40000, &f), JITTER_EMPTY);
    put_at(j, 2, 55000); /* the stream did not advance, so it is not too late */
    T_EQ(get_at(j, 60000, &f), JITTER_PACKET);
    T_EQ(f.seq, 2);
out:
    jitter_destroy(j);
}

/* Plays so many packets, one in `each` of them lost (0: none), every one when it is due. */
static void play_on(struct jitter *j, unsigned *seq, int64_t *now_us, unsigned packets, unsigned each)
{
    struct jitter_frame f;
    for (unsigned i = 0; i < packets; i++, ++*seq, *now_us += 20000) {
        if (each == 0 || *seq % each != 0)
            put_at(j, (uint16_t) *seq, *now_us);
        for (uint32_t got = 0; got < 960; got += f.duration_ts)
            (void) get_at(j, *now_us, &f);
    }
}

static void test_the_first_loss_is_enough_to_wait_for_copies(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_packet copy = plain(31);
    unsigned seq = 1;
    int64_t now = 0;
    T_OK(open_plain(&j));
    jitter_set_copies(j, 80000);
    play_on(j, &seq, &now, 30, 0);
    T_LE(jitter_target_us(j), 25000); /* on a good network nothing is waited for */
    T_EQ(get_at(j, now, &f), JITTER_PACKET);
    copy.redundant = true;
    copy.payload = VIEW("copy");
    for (int64_t after = 20000; after < 100000; after += 10000) {
        if (after % 20000 == 0)
            put_at(j, (uint16_t) (31 + after / 20000), now + after);
        if (after == 40000) /* it was asked for; the delay grows all the same by what the next ones will need */
            jitter_put(j, &copy, now + after);
        T_EQ(get_at(j, now + after, &f), JITTER_EMPTY); /* not LOST */
    }
    T_EQ(get_at(j, now + 100000, &f), JITTER_PACKET);
    T_VIEW(f.payload, "copy");
    T_EQ(get_at(j, now + 120000, &f), JITTER_PACKET);
    seq = 36;
    now += 100000;
    play_on(j, &seq, &now, 30, 0);
    T_LE(90000, jitter_target_us(j)); /* and now copies are waited for */
    play_on(j, &seq, &now, 500, 0);
    T_LE(jitter_target_us(j), 45000); /* not for ever */
    jitter_destroy(j);
    j = NULL;
    T_OK(open_plain(&j)); /* a sender that sends none */
    seq = 1;
    now = 0;
    play_on(j, &seq, &now, 30, 0);
    put_at(j, 32, now + 20000);
    T_EQ(get_at(j, now, &f), JITTER_PACKET);
    T_EQ(get_at(j, now + 20000, &f), JITTER_LOST);
out:
    jitter_destroy(j);
}

static void test_a_network_that_was_good_for_long_needs_more_than_one_loss_to_be_waited_for(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    unsigned seq = 1;
    int64_t now = 0;
    T_OK(open_plain(&j));
    jitter_set_copies(j, 80000);
    play_on(j, &seq, &now, 300, 0); /* six seconds */
    put_at(j, (uint16_t) (seq + 1), now + 20000);
    T_EQ(get_at(j, now, &f), JITTER_PACKET);
    T_EQ(get_at(j, now + 20000, &f), JITTER_LOST); /* nothing is stretched for its copy */
    seq += 2;
    now += 40000;
    play_on(j, &seq, &now, 30, 0);
    T_LE(jitter_target_us(j), 60000);
out:
    jitter_destroy(j);
}

static void test_a_redundant_copy_fills_a_hole_and_counts_nowhere(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    T_OK(open_plain(&j));
    struct jitter_packet copy = plain(9);
    copy.redundant = true;
    T_EQ(jitter_put(j, &copy, 0), JITTER_PUT_REFUSED); /* no stream yet */
    put_at(j, 1, 0);
    put_at(j, 3, 40000);
    copy.seq = 2;
    copy.timestamp = 1920;
    copy.payload = VIEW("copy");
    T_EQ(jitter_put(j, &copy, 40000), JITTER_PUT_OK);
    T_EQ(jitter_put(j, &copy, 40000), JITTER_PUT_DUPLICATE);
    T_EQ(get_at(j, 40000, &f), JITTER_PACKET);
    T_EQ(get_at(j, 60000, &f), JITTER_PACKET);
    T_VIEW(f.payload, "copy");
    jitter_stats(j, &st);
    T_EQ(st.received, 2);
    T_EQ(st.duplicate, 0);
    T_EQ(st.refused, 0);
    T_EQ(st.lost, 0);
out:
    jitter_destroy(j);
}

/* Whoever comes back at the time that its timestamp says is heard from its first packet on; any other jump is confirmed. */
static void test_an_outage_ends_with_its_first_packet(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    T_OK(open_plain(&j));
    for (uint16_t seq = 1; seq <= 50; seq++) {
        put_at(j, seq, 20000 * seq);
        T_EQ(get_at(j, 20000 * seq, &f), seq > 1 ? JITTER_PACKET : JITTER_SILENCE);
    }
    (void) get_at(j, 20000 * 51, &f);
    struct jitter_packet p = plain(300);
    T_EQ(jitter_put(j, &p, 20000 * 51), JITTER_PUT_REFUSED); /* five seconds too early */
    T_EQ(jitter_put(j, &p, 20000 * 300 + 60000), JITTER_PUT_RESTART);
    jitter_stats(j, &st);
    T_EQ(st.refused, 1);
out:
    jitter_destroy(j);
}

/* The first two packets behind a pause change places on their way: both are heard, in order. */
static void test_the_first_word_behind_a_pause_is_whole(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    struct jitter_packet p = plain(2);
    T_OK(open_plain(&j));
    put_at(j, 1, 20000);
    while (get_at(j, 60000, &f) == JITTER_SILENCE)
        ;
    p.silence = true;
    (void) jitter_put(j, &p, 60000);
    T_EQ(get_at(j, 80000, &f), JITTER_PACKET);
    T_EQ(get_at(j, 100000, &f), JITTER_SILENCE);
    for (uint16_t seq = 3; seq <= 4; seq++) {
        p = plain((uint16_t) (7 - seq));
        p.timestamp += 960 * 20;
        T_EQ(jitter_put(j, &p, 500000 + 5000 * seq), JITTER_PUT_OK);
        T_EQ(get_at(j, 500000 + 5000 * seq, &f), JITTER_SILENCE);
    }
    T_EQ(get_at(j, 540000, &f), JITTER_PACKET);
    T_EQ(f.seq, 3);
    T_EQ(get_at(j, 560000, &f), JITTER_PACKET);
    T_EQ(f.seq, 4);
    jitter_stats(j, &st);
    T_EQ(st.late, 0);
out:
    jitter_destroy(j);
}

static void test_events_take_their_place_in_the_sequence(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    T_OK(open_plain(&j));
    put_at(j, 1, 0);
    T_EQ(get_at(j, 20000, &f), JITTER_PACKET);
    for (uint16_t seq = 2; seq < 9; seq++) { /* a key in place of audio */
        struct jitter_packet p = plain(seq);
        p.filler = true;
        p.timestamp = 1920;
        jitter_put(j, &p, 20000 * (seq - 1));
        T_EQ(get_at(j, 20000 * seq, &f), JITTER_SILENCE);
    }
    put_at(j, 9, 160000);
    T_EQ(get_at(j, 170000, &f), JITTER_SILENCE);
    T_EQ(get_at(j, 180000, &f), JITTER_PACKET);
    T_EQ(f.seq, 9);
    jitter_stats(j, &st);
    T_EQ(st.lost + st.concealed, 0);
out:
    jitter_destroy(j);
}

static void test_restarts_and_new_sources_are_taken_and_stray_packets_are_not(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    put_at(j, 1, 0);
    T_EQ(get_at(j, 20000, &f), JITTER_PACKET);
    struct jitter_packet p = plain(20000);
    T_EQ(jitter_put(j, &p, 20000), JITTER_PUT_REFUSED);
    put_at(j, 2, 20000);
    T_EQ(get_at(j, 40000, &f), JITTER_PACKET);
    T_EQ(f.seq, 2);
    p = plain(30000);
    T_EQ(jitter_put(j, &p, 40000), JITTER_PUT_REFUSED);
    p = plain(30001);
    T_EQ(jitter_put(j, &p, 60000), JITTER_PUT_RESTART);
    T_EQ(get_at(j, 60000, &f), JITTER_SILENCE);
    T_EQ(get_at(j, 80000, &f), JITTER_PACKET);
    T_EQ(f.seq, 30001);
    T_CHECK(f.restart);
    p = plain(7);
    p.ssrc = 2;
    T_EQ(jitter_put(j, &p, 100000), JITTER_PUT_RESTART);
    T_EQ(get_at(j, 120000, &f), JITTER_PACKET);
    T_EQ(f.seq, 7);
    T_CHECK(f.restart);
    for (uint16_t i = 0; i < 15; i++) { /* restarted a little behind: all late, until that is plain */
        p = plain((uint16_t) (7 - 60 + i));
        p.ssrc = 2;
        T_EQ(jitter_put(j, &p, 140000), JITTER_PUT_LATE);
    }
    p = plain((uint16_t) (7 - 60 + 15));
    p.ssrc = 2;
    T_EQ(jitter_put(j, &p, 140000), JITTER_PUT_RESTART);
out:
    jitter_destroy(j);
}

static void test_a_full_buffer_gives_up_what_is_oldest(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    static char big[JITTER_MAX_PAYLOAD_BYTES + 1];
    T_OK(open_plain(&j));
    for (uint16_t i = 0; i < 120; i++)
        put_at(j, i, 0);
    T_EQ(jitter_count(j), JITTER_MAX_PACKETS);
    jitter_stats(j, &st);
    T_EQ(st.discarded, 20);
    struct jitter_packet p = plain(19); /* its place was given up */
    T_EQ(jitter_put(j, &p, 0), JITTER_PUT_LATE);
    p.payload = view_of(big, sizeof big);
    T_EQ(jitter_put(j, &p, 0), JITTER_PUT_REFUSED);
    jitter_reset(j);
    for (uint16_t i = 0; i < 50; i++) { /* bytes are bounded too: four of the largest fit */
        p = plain(i);
        memset(big, i, sizeof big);
        p.payload = view_of(big, JITTER_MAX_PAYLOAD_BYTES);
        jitter_put(j, &p, 0);
        T_LE(jitter_count(j), 4);
    }
    T_EQ(get_at(j, 1000000, &f), JITTER_PACKET);
    T_EQ(f.seq, 46);
    T_EQ(f.payload.p[f.payload.n - 1], 46);
out:
    jitter_destroy(j);
}

static void test_a_packet_that_was_overtaken_at_the_very_beginning_is_played_first(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    put_at(j, 2, 0);
    put_at(j, 1, 1000);
    T_EQ(get_at(j, 25000, &f), JITTER_PACKET);
    T_EQ(f.seq, 1);
    T_EQ(get_at(j, 45000, &f), JITTER_PACKET);
    T_EQ(f.seq, 2);
out:
    jitter_destroy(j);
}

/* A stall of 900 ms ends: what is older than the newest by the target and 400 ms is not worth hearing late. */
static void test_what_a_long_stall_held_back_is_dropped_but_for_its_end(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    unsigned seq = 1;
    int64_t now = 0;
    T_OK(open_plain(&j));
    play_on(j, &seq, &now, 50, 0);
    for (int empty = 0; empty < 90; empty++, now += 10000)
        (void) get_at(j, now, &f);
    for (unsigned i = 0; i < 45; i++)
        put_at(j, (uint16_t) seq++, now);
    T_EQ(get_at(j, now, &f), JITTER_PACKET);
    jitter_stats(j, &st);
    T_LE(1, st.discarded);
    T_LE(seq - f.seq, (jitter_target_us(j) + 400000) / 20000 + 1);
out:
    jitter_destroy(j);
}

static void test_a_sender_whose_clock_stood_still_is_played_on(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    int64_t now = 0;
    unsigned played = 0;
    for (uint16_t seq = 0; seq < 100; seq++, now += 20000) {
        put_at(j, seq, now);
        played += get_at(j, now + 20000, &f) == JITTER_PACKET;
    }
    T_EQ(played, 100);
    now += 3000000; /* on hold: timestamps and numbers go on where they were */
    played = 0;
    for (uint16_t seq = 100; seq < 200; seq++, now += 20000) {
        put_at(j, seq, now);
        enum jitter_got got = get_at(j, now + 20000, &f);
        played += got == JITTER_PACKET;
    }
    T_CHECK(played >= 98);
    T_LE(jitter_target_us(j), 60000);
    T_LE(jitter_delay_us(j), 100000);
out:
    jitter_destroy(j);
}

static void test_timestamps_that_jump_ahead_do_not_stop_the_stream(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    unsigned played = 0;
    int64_t now = 0;
    for (uint16_t seq = 0; seq < 300; seq++, now += 20000) {
        struct jitter_packet p = plain(seq);
        p.timestamp += seq >= 100 ? 10 * HZ : 0; /* the sender's clock was set */
        jitter_put(j, &p, now);
        played += get_at(j, now + 20000, &f) == JITTER_PACKET;
    }
    T_CHECK(played >= 298);
    T_LE(jitter_target_us(j), 40000);
    T_LE(jitter_delay_us(j), 60000);
out:
    jitter_destroy(j);
}

static void test_packet_duration_is_learnt_when_it_changes(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats st;
    T_OK(open_plain(&j));
    uint32_t ts = 0;
    uint16_t seq = 0;
    int64_t now = 0;
    static const uint32_t frames[] = { 960, 1920, 480, 2880 };
    for (size_t k = 0; k < AHOY_COUNT(frames); k++) {
        for (int i = 0; i < 50; i++) {
            struct jitter_packet p = { .ssrc = 1, .seq = seq++, .timestamp = ts, .payload = VIEW("x") };
            ts += frames[k];
            now += (int64_t) frames[k] * 1000000 / HZ;
            jitter_put(j, &p, now);
            while (jitter_count(j) > 1)
                T_CHECK(get_at(j, now + 30000, &f) == JITTER_PACKET);
        }
        T_EQ(f.duration_ts, frames[k]);
        T_EQ(jitter_frame_us(j), (int64_t) frames[k] * 1000000 / HZ);
    }
    jitter_stats(j, &st);
    T_EQ(st.lost + st.empty, 0);
out:
    jitter_destroy(j);
}

static void test_hostile_numbers_do_no_harm(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct rng rng;
    rng_init_u64(&rng, 99);
    T_OK(open_plain(&j));
    for (int64_t i = 0; i < 30000; i++) {
        struct jitter_packet p = {
            .ssrc = rng_below(&rng, 50) ? 1 : rng_u32(&rng),
            .seq = (uint16_t) (rng_below(&rng, 4) ? (uint32_t) i : rng_u32(&rng)),
            .timestamp = rng_below(&rng, 2) ? (uint32_t) i * 0x7fffffffu : rng_u32(&rng),
            .marker = rng_below(&rng, 2) == 1,
            .silence = rng_below(&rng, 9) == 1,
            .filler = rng_below(&rng, 9) == 1,
            .redundant = rng_below(&rng, 9) == 1,
            .duration_ts = rng_below(&rng, 4) ? 0 : rng_u32(&rng),
            .payload = VIEW("y"),
        };
        jitter_put(j, &p, i * 100);
        T_LE(jitter_count(j), JITTER_MAX_PACKETS);
        if (rng_below(&rng, 2)) {
            get_at(j, i * 100, &f);
            T_CHECK(f.duration_ts > 0);
            int64_t by_us;
            (void) jitter_advice(j, &by_us);
        }
        T_LE(jitter_target_us(j), 600000);
    }
out:
    jitter_destroy(j);
}

/* Plays 600 packets of which a quarter is lost; a copy of each comes with the one that is so many behind it. */
static void play_with_copies(struct jitter *j, unsigned behind)
{
    struct jitter_frame f;
    for (unsigned seq = 1; seq < 600; seq++) {
        struct jitter_packet copy = plain((uint16_t) (seq - behind));
        int64_t now = (int64_t) seq * 20000;
        copy.redundant = true;
        if (seq % 4 != 0) {
            put_at(j, (uint16_t) seq, now);
            if (seq > behind)
                jitter_put(j, &copy, now);
        }
        for (uint32_t got = 0; got < 960; got += f.duration_ts)
            (void) get_at(j, now, &f);
    }
}

/* Copies six packets behind would cost 120 ms and what the network and the player need besides: too much. */
static void test_what_comes_after_more_than_100_ms_is_not_waited_for(struct t *t)
{
    struct jitter *j = NULL;
    T_OK(open_plain(&j));
    jitter_set_redundancy(j, 0);
    play_with_copies(j, 5);
    T_LE(110000, jitter_target_us(j));
    T_LE(jitter_target_us(j), 120000);
    jitter_destroy(j);
    j = NULL;
    T_OK(open_plain(&j));
    jitter_set_redundancy(j, 0);
    play_with_copies(j, 6);
    T_LE(jitter_target_us(j), 40000);
out:
    jitter_destroy(j);
}

/* A copy with a timestamp of long ago says nothing of the network: no delay follows from it. */
static void test_a_copy_from_nowhere_is_no_delay(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    struct jitter_stats s;
    T_OK(open_plain(&j));
    for (uint16_t seq = 1; seq < 100; seq++) {
        struct jitter_packet copy = plain(seq);
        copy.redundant = true;
        copy.timestamp -= 0x40000000;
        if (seq == 50)
            jitter_put(j, &copy, seq * 20000);
        else
            put_at(j, seq, seq * 20000);
        (void) get_at(j, seq * 20000, &f);
        if (seq == 50)
            (void) get_at(j, seq * 20000, &f);
        T_LE(jitter_delay_us(j), 2000000);
    }
    jitter_stats(j, &s);
    T_LE(s.delay_mean_ms, 100);
out:
    jitter_destroy(j);
}

/* One packet of a single sample does not make a stream of such: silence is still answered in steps that can be borne. */
static void test_a_tiny_packet_is_no_frame_length(struct t *t)
{
    struct jitter *j = NULL;
    struct jitter_frame f;
    T_OK(open_plain(&j));
    for (uint16_t seq = 1; seq < 20; seq++) {
        struct jitter_packet p = plain(seq);
        p.duration_ts = seq < 18 ? 960 : 1;
        jitter_put(j, &p, seq * 20000);
        (void) get_at(j, seq * 20000, &f);
    }
    for (int64_t now = 400000; now < 3000000; now += 10000) {
        (void) get_at(j, now, &f);
        T_LE(now < 420000 ? 1 : 120, f.duration_ts);
    }
out:
    jitter_destroy(j);
}

T_MAIN(T(test_lost_is_told_with_its_neighbour_and_only_when_that_is_here),
       T(test_a_loss_that_a_stretch_covered_is_skipped), T(test_a_late_packet_is_still_played_after_a_stretch),
       T(test_a_redundant_copy_fills_a_hole_and_counts_nowhere), T(test_an_outage_ends_with_its_first_packet),
       T(test_the_first_word_behind_a_pause_is_whole), T(test_events_take_their_place_in_the_sequence),
       T(test_restarts_and_new_sources_are_taken_and_stray_packets_are_not),
       T(test_a_full_buffer_gives_up_what_is_oldest),
       T(test_a_packet_that_was_overtaken_at_the_very_beginning_is_played_first),
       T(test_what_a_long_stall_held_back_is_dropped_but_for_its_end),
       T(test_a_sender_whose_clock_stood_still_is_played_on), T(test_timestamps_that_jump_ahead_do_not_stop_the_stream),
       T(test_the_first_loss_is_enough_to_wait_for_copies),
       T(test_a_network_that_was_good_for_long_needs_more_than_one_loss_to_be_waited_for),
       T(test_what_comes_after_more_than_100_ms_is_not_waited_for), T(test_packet_duration_is_learnt_when_it_changes),
       T(test_hostile_numbers_do_no_harm), T(test_a_copy_from_nowhere_is_no_delay),
       T(test_a_tiny_packet_is_no_frame_length))
