#include "rtp/dtmf.h"

#include "base/rng.h"
#include "support/t.h"

enum { PTIME = 160 };

/* What a receiver made of a stream. */
struct heard {
    char keys[300];
    size_t starts, ends;
    uint32_t last_duration;
    bool sounding;
    bool wrong; /* a START inside a tone, or an END without one */
};

static void hear(struct heard *h, const struct dtmf_note *notes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool start = notes[i].kind == DTMF_NOTE_START;
        h->wrong = h->wrong || start == h->sounding;
        h->sounding = start;
        if (start && h->starts < sizeof h->keys - 1) {
            h->keys[h->starts++] = dtmf_char(notes[i].event);
        } else if (!start) {
            h->ends++;
            h->last_duration = notes[i].duration_ts;
        }
    }
}

/* Sends all that is queued through a lossy, duplicating, reordering wire into a receiver. */
static void run(struct dtmf_sender *s, struct dtmf_receiver *r, struct rng *rng, double loss, double dup, double swap,
                struct heard *h)
{
    struct dtmf_note notes[DTMF_MAX_NOTES];
    struct dtmf_packet p, held = { 0 };
    bool holding = false;
    int64_t now = 0;
    uint32_t ts = UINT32_MAX - 5000; /* wraps */
    for (int idle = 0; idle < 50; ts += PTIME, now += 20000) {
        hear(h, notes, dtmf_receiver_tick(r, now, notes));
        idle = dtmf_sender_busy(s) ? 0 : idle + 1;
        if (!dtmf_sender_tick(s, ts, &p) || rng_unit(rng) < loss)
            continue;
        if (!holding && rng_unit(rng) < swap) {
            held = p;
            holding = true;
            continue;
        }
        for (int copies = rng_unit(rng) < dup ? 2 : 1; copies > 0; copies--)
            hear(h, notes, dtmf_receiver_put(r, view_of((char *) p.payload, 4), p.marker, p.timestamp, now, notes));
        if (holding)
            hear(h, notes,
                 dtmf_receiver_put(r, view_of((char *) held.payload, 4), held.marker, held.timestamp, now, notes));
        holding = false;
    }
}

static void set_up(struct dtmf_sender *s, struct dtmf_receiver *r)
{
    struct dtmf_sender_config c = dtmf_sender_config_default();
    dtmf_sender_init(s, &c);
    dtmf_receiver_init(r, c.clock_hz);
}

static void test_keys_and_codes_match(struct t *t)
{
    for (unsigned i = 0; i <= DTMF_FLASH; i++)
        T_EQ(dtmf_code(dtmf_char((uint8_t) i)), i);
    T_EQ(dtmf_code('d'), 15);
    T_EQ(dtmf_code('x'), -1);
    T_EQ(dtmf_code('\0'), -1);
    T_EQ(dtmf_char(17), 0);
out:
    return;
}

static void test_a_key_is_sent_as_rfc_4733_wants(struct t *t)
{
    struct dtmf_sender s;
    struct dtmf_receiver r;
    struct dtmf_packet p;
    struct dtmf_event e;
    size_t n;
    set_up(&s, &r);
    T_OK(dtmf_sender_queue(&s, VIEW("5")));
    for (uint32_t i = 0; i < 7; i++) { /* 100 ms: five packets and two repeats of the last */
        T_CHECK(dtmf_sender_tick(&s, 1000 + i * PTIME, &p));
        T_EQ(p.timestamp, 1000);
        T_EQ(p.marker, i == 0);
        T_OK(dtmf_parse(view_of((char *) p.payload, 4), &e, 1, &n));
        T_EQ(e.event, 5);
        T_EQ(e.volume, 10);
        T_EQ(e.duration, AHOY_MIN(i + 1, 5u) * PTIME);
        T_EQ(e.end, i >= 4);
    }
    T_CHECK(!dtmf_sender_tick(&s, 1000 + 7 * PTIME, &p));
    T_CHECK(dtmf_sender_busy(&s)); /* the gap */
    for (uint32_t i = 8; i < 12; i++)
        T_CHECK(!dtmf_sender_tick(&s, 1000 + i * PTIME, &p));
    T_CHECK(!dtmf_sender_busy(&s));
out:
    return;
}

static void test_a_clean_wire_carries_every_key_once(struct t *t)
{
    struct dtmf_sender s;
    struct dtmf_receiver r;
    struct heard h = { 0 };
    struct rng rng;
    rng_init_u64(&rng, 1);
    set_up(&s, &r);
    T_OK(dtmf_sender_queue(&s, VIEW("0123456789*#ABCD,!11")));
    run(&s, &r, &rng, 0, 0, 0, &h);
    T_STR(h.keys, "0123456789*#ABCD!11");
    T_EQ(h.ends, 19);
    T_EQ(h.last_duration, 800);
    T_CHECK(!h.wrong && !h.sounding);
out:
    return;
}

static void test_loss_duplication_and_reordering_change_nothing(struct t *t)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct dtmf_sender s;
        struct dtmf_receiver r;
        struct heard h = { 0 };
        struct rng rng;
        rng_init_u64(&rng, seed);
        set_up(&s, &r);
        T_OK(dtmf_sender_queue(&s, VIEW("1223334444#0")));
        run(&s, &r, &rng, 0.2, 0.2, 0.2, &h);
        T_STR(h.keys, "1223334444#0"); /* all seven packets of a key are lost once in 78,000 keys */
        T_EQ(h.ends, h.starts);
        T_CHECK(!h.wrong);
    }
out:
    return;
}

static void test_a_lost_end_ends_after_three_intervals(struct t *t)
{
    struct dtmf_receiver r;
    struct dtmf_note notes[DTMF_MAX_NOTES];
    struct dtmf_event e = { 7, false, 10, 160 };
    uint8_t wire[4];
    int64_t now = 0;
    dtmf_receiver_init(&r, 8000);
    for (int i = 0; i < 5; i++, now += 20000) {
        dtmf_print(&e, wire);
        T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 4), i == 0, 5000, now, notes), i == 0);
        e.duration = (uint16_t) (e.duration + 160);
    }
    T_CHECK(!dtmf_receiver_tick(&r, now - 20000 + 60000, notes));
    T_CHECK(dtmf_receiver_tick(&r, now - 20000 + 60001, notes));
    T_EQ(notes[0].kind, DTMF_NOTE_END);
    T_EQ(notes[0].duration_ts, 800);
    e.end = true; /* the real end, late: not a second key */
    dtmf_print(&e, wire);
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 4), false, 5000, now + 200000, notes), 0);
    T_CHECK(!dtmf_receiver_tick(&r, now + 900000, notes));
out:
    return;
}

static void test_only_an_end_packet_makes_a_whole_key(struct t *t)
{
    struct dtmf_receiver r;
    struct dtmf_note notes[DTMF_MAX_NOTES];
    uint8_t wire[4];
    dtmf_receiver_init(&r, 8000);
    dtmf_print(&(struct dtmf_event){ 3, true, 0, 800 }, wire);
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 4), false, 99, 0, notes), 2);
    T_EQ(notes[0].kind, DTMF_NOTE_START);
    T_EQ(notes[1].kind, DTMF_NOTE_END);
    T_EQ(notes[1].duration_ts, 800);
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 4), false, 99, 0, notes), 0);
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 3), false, 500, 0, notes), 0); /* nonsense */
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 0), false, 500, 0, notes), 0);
    T_EQ(dtmf_receiver_put(&r, view_of((char *) wire, 4), true, 99u - 80001u, 0, notes),
         2); /* the clock was restarted */
out:
    return;
}

static void test_a_long_key_is_sent_in_segments_and_heard_as_one(struct t *t)
{
    static const double losses[] = { 0, 0.3 };
    for (size_t i = 0; i < AHOY_COUNT(losses); i++) {
        struct dtmf_sender s;
        struct dtmf_receiver r;
        struct heard h = { 0 };
        struct rng rng;
        struct dtmf_packet p;
        struct dtmf_note notes[DTMF_MAX_NOTES];
        uint32_t ts = 7, last_ts = 7;
        unsigned segments = 1, markers = 0;
        rng_init_u64(&rng, 3);
        set_up(&s, &r);
        T_OK(dtmf_sender_press(&s, 9));
        T_ERR(dtmf_sender_press(&s, 8), AHOY_ERR_STATE);
        for (int64_t now = 0; dtmf_sender_busy(&s); now += 20000, ts += PTIME) {
            if (now == 20000000)
                dtmf_sender_release(&s); /* 20 s: two full segments and a rest */
            T_CHECK(now < 21000000);
            if (!dtmf_sender_tick(&s, ts, &p))
                continue;
            segments += p.timestamp != last_ts;
            markers += p.marker;
            last_ts = p.timestamp;
            if (now > 0 && rng_unit(&rng) < losses[i])
                continue;
            hear(&h, notes, dtmf_receiver_put(&r, view_of((char *) p.payload, 4), p.marker, p.timestamp, now, notes));
        }
        T_EQ(segments, 3);
        T_EQ(markers, 1);
        T_STR(h.keys, "9");
        T_EQ(h.ends, 1);
        T_EQ(h.last_duration, 20020 * 8);
    }
out:
    return;
}

static void test_events_packed_into_one_packet_are_all_heard(struct t *t)
{
    struct dtmf_receiver r;
    struct dtmf_note notes[DTMF_MAX_NOTES];
    struct heard h = { 0 };
    uint8_t wire[12];
    dtmf_receiver_init(&r, 8000);
    dtmf_print(&(struct dtmf_event){ 1, true, 0, 400 }, wire);
    dtmf_print(&(struct dtmf_event){ 2, true, 0, 400 }, wire + 4);
    dtmf_print(&(struct dtmf_event){ 3, false, 0, 100 }, wire + 8);
    hear(&h, notes, dtmf_receiver_put(&r, view_of((char *) wire, 12), true, 1000, 0, notes));
    hear(&h, notes, dtmf_receiver_put(&r, view_of((char *) wire, 12), true, 1000, 0, notes));
    T_STR(h.keys, "123");
    T_EQ(h.ends, 2);
    T_CHECK(dtmf_receiver_reset(&r, notes));
    T_EQ(notes[0].event, 3);
    T_CHECK(!dtmf_receiver_reset(&r, notes));
out:
    return;
}

/* Of a key whose packets all came too late nothing is heard: it would stand behind the one that was pressed after it. */
static void test_a_straggler_of_a_key_before_is_not_heard(struct t *t)
{
    struct dtmf_receiver r;
    struct dtmf_note notes[DTMF_MAX_NOTES];
    struct heard h = { 0 };
    uint8_t wire[4];
    struct view packet = view_of((char *) wire, sizeof wire);
    dtmf_receiver_init(&r, 8000);
    dtmf_print(&(struct dtmf_event){ 2, true, 0, 400 }, wire);
    hear(&h, notes, dtmf_receiver_put(&r, packet, true, 500000, 0, notes));
    dtmf_print(&(struct dtmf_event){ 1, true, 0, 400 }, wire);
    hear(&h, notes, dtmf_receiver_put(&r, packet, true, 498000, 20000, notes));
    T_STR(h.keys, "2");
    /* Eleven seconds back is a clock that was set anew. */
    hear(&h, notes, dtmf_receiver_put(&r, packet, true, 500000 - 11 * 8000, 40000, notes));
    T_STR(h.keys, "21");
out:
    return;
}

static void test_the_queue_is_bounded_and_checked(struct t *t)
{
    struct dtmf_sender s;
    struct dtmf_receiver r;
    char many[DTMF_QUEUE + 1];
    struct dtmf_packet p;
    set_up(&s, &r);
    memset(many, '1', sizeof many);
    T_ERR(dtmf_sender_queue(&s, view_of(many, sizeof many)), AHOY_ERR_LIMIT);
    T_ERR(dtmf_sender_queue(&s, VIEW("12x")), AHOY_ERR_SYNTAX);
    T_CHECK(!dtmf_sender_busy(&s));
    T_OK(dtmf_sender_queue(&s, view_of(many, DTMF_QUEUE)));
    T_ERR(dtmf_sender_queue(&s, VIEW("1")), AHOY_ERR_LIMIT);
    T_CHECK(dtmf_sender_tick(&s, 0, &p));
    dtmf_sender_flush(&s); /* the tone that sounds is ended in order */
    for (uint32_t i = 1; i < 4; i++) {
        T_CHECK(dtmf_sender_tick(&s, i * PTIME, &p));
        T_CHECK((p.payload[1] & 0x80) != 0);
    }
    for (uint32_t i = 4; i < 10; i++)
        T_CHECK(!dtmf_sender_tick(&s, i * PTIME, &p));
    T_CHECK(!dtmf_sender_busy(&s));
    T_OK(dtmf_sender_press(&s, 1));
    dtmf_sender_flush(&s);
    T_OK(dtmf_sender_queue(&s, VIEW("1")));
    for (uint32_t i = 0; i < 7; i++) /* as long as any other key */
        T_CHECK(dtmf_sender_tick(&s, 90000 + i * PTIME, &p));
out:
    return;
}

T_MAIN(T(test_keys_and_codes_match), T(test_a_key_is_sent_as_rfc_4733_wants),
       T(test_a_clean_wire_carries_every_key_once), T(test_loss_duplication_and_reordering_change_nothing),
       T(test_a_lost_end_ends_after_three_intervals), T(test_only_an_end_packet_makes_a_whole_key),
       T(test_a_long_key_is_sent_in_segments_and_heard_as_one), T(test_events_packed_into_one_packet_are_all_heard),
       T(test_a_straggler_of_a_key_before_is_not_heard), T(test_the_queue_is_bounded_and_checked))
