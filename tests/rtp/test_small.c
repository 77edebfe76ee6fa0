/* The small payload formats and engines: comfort noise, RED, impairment. */
#include "rtp/cn.h"
#include "rtp/impair.h"
#include "rtp/red.h"

#include "support/t.h"

static void test_comfort_noise_survives_print_and_parse(struct t *t)
{
    struct cn c = { .level_dbov = 60, .order = 3, .k_q15 = { 258 * 127, -258 * 127, 258 } }, got;
    uint8_t wire[CN_MAX_BYTES];
    size_t n;
    T_OK(cn_print(&c, wire, sizeof wire, &n));
    T_EQ(n, 4);
    T_MEM(wire, ((uint8_t[]){ 60, 254, 0, 128 }), 4);
    T_OK(cn_parse(view_of((char *) wire, n), &got));
    T_EQ(got.level_dbov, 60);
    T_EQ(got.order, 3);
    T_EQ(got.k_q15[0], 32766);
    T_EQ(got.k_q15[1], -32766);
    T_EQ(got.k_q15[2], 258);
    c.k_q15[0] = 32767; /* rounds into range */
    c.k_q15[1] = -32768;
    T_OK(cn_print(&c, wire, sizeof wire, &n));
    T_EQ(wire[1], 254);
    T_EQ(wire[2], 0);
    T_ERR(cn_print(&c, wire, 3, &n), AHOY_ERR_LIMIT);
    c.k_q15[0] = 258 * 5 + 200; /* the nearest step, not the next towards 0 */
    c.k_q15[1] = -258 * 5 - 200;
    T_OK(cn_print(&c, wire, sizeof wire, &n));
    T_EQ(wire[1], 127 + 6);
    T_EQ(wire[2], 127 - 6);
    T_ERR(cn_parse(VIEW(""), &got), AHOY_ERR_SYNTAX);
    T_OK(cn_parse(view_of("\xff\x7f\xff\x7f", 4), &got)); /* reserved bit, reserved index */
    T_EQ(got.level_dbov, 127);
    T_EQ(got.order, 1);
    char longest[100] = { 0 };
    T_OK(cn_parse(view_of(longest, sizeof longest), &got));
    T_EQ(got.order, CN_MAX_ORDER);
out:
    return;
}

static void test_red_survives_print_and_parse(struct t *t)
{
    struct red_block in[3] = { { 0, 320, VIEW("old") }, { 5, 160, VIEW("") }, { 0, 0, VIEW("primary") } };
    struct red_block got[RED_MAX_BLOCKS];
    char wire[64];
    size_t n, count;
    T_OK(red_print(in, 3, wire, sizeof wire, &n));
    T_EQ(n, 4 + 4 + 1 + 3 + 7);
    T_OK(red_parse(view_of(wire, n), got, &count));
    T_EQ(count, 3);
    for (size_t i = 0; i < 3; i++) {
        T_EQ(got[i].payload_type, in[i].payload_type);
        T_EQ(got[i].offset_ts, in[i].offset_ts);
        T_CHECK(view_eq(got[i].data, in[i].data));
    }
    for (size_t cut = 0; cut < 12; cut++) /* headers and redundant blocks must be whole */
        T_ERR(red_parse(view_of(wire, cut), got, &count), AHOY_ERR_SYNTAX);
    T_ERR(red_print(in, 3, wire, n - 1, &n), AHOY_ERR_LIMIT);
    in[0].offset_ts = RED_MAX_OFFSET + 1;
    T_ERR(red_print(in, 3, wire, sizeof wire, &n), AHOY_ERR_RANGE);
    char chain[64];
    memset(chain, 0x80, sizeof chain); /* nothing but headers */
    T_ERR(red_parse(view_of(chain, sizeof chain), got, &count), AHOY_ERR_LIMIT);
out:
    return;
}

/* The primary of packet i, with the generations asked for; the number of blocks it became. */
static size_t red_made(struct red_sender *s, uint32_t timestamp, struct view data, uint32_t generations, size_t max,
                       struct red_block got[RED_MAX_BLOCKS])
{
    static uint8_t wire[1500];
    struct red_block primary = { .payload_type = 96, .data = data };
    size_t n, count;
    if (red_sender_print(s, generations, &primary, timestamp, wire, max, &n)
        || red_parse(view_of((const char *) wire, n), got, &count))
        return 0;
    red_sender_keep(s, 96, timestamp, data);
    return count;
}

static void test_red_sender_adds_what_it_sent_before(struct t *t)
{
    struct red_sender *s = NULL;
    struct red_block got[RED_MAX_BLOCKS];
    char data[] = "abcdefghij";
    T_OK(red_sender_create(&s));
    for (unsigned i = 0; i < 10; i++) {
        size_t count = red_made(s, 160 * i, view_of(data + i, 1), 3, 1500, got);
        T_EQ(count, AHOY_MIN(i, 2u) + 1);
        for (size_t k = 0; k < count; k++) {
            T_EQ(got[k].offset_ts, 160 * (count - 1 - k));
            T_EQ(got[k].data.p[0], data[i + 1 + k - count]);
        }
    }
    T_EQ(red_made(s, 1600, VIEW("k"), 1u << 4 | 1, 1500, got), 3); /* the last and the fifth last: j and f */
    T_EQ(got[0].data.p[0], 'f');
    T_EQ(got[0].offset_ts, 800);
    T_EQ(got[1].data.p[0], 'j');
    T_EQ(red_made(s, 1760, VIEW("l"), 3, 7, got), 2); /* room for one generation only: the newest */
    T_EQ(got[0].data.p[0], 'k');
    T_EQ(red_made(s, 1920, VIEW("l"), 3, 6, got), 1); /* the next one's sound fits, its four bytes of head do not */
    T_EQ(red_made(s, 1760 + 20000, VIEW("m"), 3, 1500, got), 1); /* too long ago */
    T_EQ(red_made(s, 30000, VIEW("toolong"), 3, 7, got), 0);
    red_sender_keep(s, 96, 30000, view_of(data, 0));
    T_EQ(red_made(s, 30160, VIEW("n"), 0xFFFFFFFF, 1500, got), 3); /* only l is too long ago, not m and the empty one */
    red_sender_reset(s);
    T_EQ(red_made(s, 30320, VIEW("o"), 0xFFFFFFFF, 1500, got), 1);
out:
    red_sender_destroy(s);
}

static void test_impairment_text_is_read_and_bad_text_refused(struct t *t)
{
    struct impair_config c;
    T_OK(impair_parse(VIEW("loss=5,burst=3,jitter=40,dup=1,reorder=1,rate=64k,seed=7"), &c));
    T_NEAR(c.loss, 0.05, 1e-12);
    T_NEAR(c.burst, 3, 0);
    T_EQ(c.jitter_us, 40000);
    T_NEAR(c.dup, 0.01, 1e-12);
    T_NEAR(c.reorder, 0.01, 1e-12);
    T_EQ(c.rate_bps, 64000);
    T_EQ(c.seed, 7);
    T_OK(impair_parse(VIEW(" loss = 0.5 , rate=1.5M"), &c));
    T_NEAR(c.loss, 0.005, 1e-12);
    T_EQ(c.rate_bps, 1500000);
    T_OK(impair_parse(VIEW("pareto=10,spike=300,every=2.5"), &c));
    T_EQ(c.pareto_us, 10000);
    T_EQ(c.spike_us, 300000);
    T_EQ(c.every_us, 2500000);
    T_CHECK(impair_active(&c));
    T_OK(impair_parse(VIEW(""), &c));
    T_CHECK(!impair_active(&c));
    static const char *const bad[] = { "loss",       "loss=",   "loss=x",  "loss=1,loss=2",
                                       "what=1",     "loss=1,", "=1",      "loss=1 2",
                                       "loss=1.2.3", "seed=-1", "rate=5q", "jitter=12345678901234" };
    for (size_t i = 0; i < AHOY_COUNT(bad); i++)
        T_ERR(impair_parse(view_str(bad[i]), &c), AHOY_ERR_SYNTAX);
    static const char *const far[] = { "loss=101",   "burst=0.5", "jitter=20000", "rate=0",
                                       "rate=9999M", "every=0",   "spike=20000" };
    for (size_t i = 0; i < AHOY_COUNT(far); i++)
        T_ERR(impair_parse(view_str(far[i]), &c), AHOY_ERR_RANGE);
out:
    return;
}

static void test_impairment_has_the_asked_loss_and_bursts(struct t *t)
{
    static const char *const texts[] = { "loss=5", "loss=10,burst=3", "loss=30,burst=5" };
    for (size_t i = 0; i < AHOY_COUNT(texts); i++) {
        struct impair_config c;
        struct impair im;
        struct impair_decision d;
        unsigned lost = 0, runs = 0;
        bool before = false;
        T_OK(impair_parse(view_str(texts[i]), &c));
        impair_init(&im, &c);
        for (int64_t k = 0; k < 100000; k++) {
            impair_decide(&im, k * 20000, 172, &d);
            bool now = d.copies == 0;
            lost += now;
            runs += now && !before;
            before = now;
            T_CHECK(now || d.at_us[0] == k * 20000);
        }
        T_NEAR(lost / 1e5, c.loss, 0.1 * c.loss);
        double run = c.burst > 1 ? c.burst : 1 / (1 - c.loss);
        T_NEAR((double) lost / runs, run, 0.1 * run);
    }
out:
    return;
}

static void test_a_stall_holds_all_back_until_its_end(struct t *t)
{
    struct impair_config c;
    struct impair im;
    struct impair_decision d;
    unsigned held = 0, stalls = 0;
    int64_t end_us = 0;
    T_OK(impair_parse(VIEW("spike=300,every=5,seed=3"), &c));
    impair_init(&im, &c);
    for (int64_t k = 0; k < 100000; k++) {
        impair_decide(&im, k * 20000, 172, &d);
        T_EQ(d.copies, 1);
        T_LE(k * 20000, d.at_us[0]);
        if (d.at_us[0] == k * 20000)
            continue;
        T_LE(d.at_us[0], k * 20000 + 300000);
        T_CHECK(d.at_us[0] == end_us || k * 20000 >= end_us); /* together, at the end */
        stalls += d.at_us[0] != end_us;
        end_us = d.at_us[0];
        held++;
    }
    T_NEAR(stalls, 400, 20);
    T_NEAR((double) held / stalls, 14.5, 1); /* packets within 300 ms, the first one somewhere in its 20 */
out:
    return;
}

static void test_a_long_tail_has_its_quantiles(struct t *t)
{
    struct impair_config c;
    struct impair im;
    struct impair_decision d;
    unsigned above[3] = { 0 };
    T_OK(impair_parse(VIEW("pareto=10"), &c));
    impair_init(&im, &c);
    for (int64_t k = 0; k < 100000; k++) {
        impair_decide(&im, k * 20000, 172, &d);
        int64_t late = d.at_us[0] - k * 20000;
        T_LE(0, late);
        T_LE(late, IMPAIR_TAIL_US);
        above[0] += late > 5874; /* 10 ms * (q^(-1/1.5) - 1) for q = 1/2, 1/10, 1/100 */
        above[1] += late > 36416;
        above[2] += late > 205443;
    }
    T_NEAR(above[0], 50000, 1000);
    T_NEAR(above[1], 10000, 500);
    T_NEAR(above[2], 1000, 150);
out:
    return;
}

static void test_impairment_replays_from_its_seed(struct t *t)
{
    struct impair_config c;
    struct impair a, b;
    T_OK(impair_parse(VIEW("loss=10,jitter=50,dup=5,reorder=5,seed=42"), &c));
    impair_init(&a, &c);
    impair_init(&b, &c);
    unsigned copies = 0;
    for (int64_t k = 0; k < 10000; k++) {
        struct impair_decision x, y;
        impair_decide(&a, k * 20000, 172, &x);
        impair_decide(&b, k * 20000, 172, &y);
        T_EQ(x.copies, y.copies);
        T_EQ(x.at_us[0], y.at_us[0]);
        for (unsigned i = 0; i < x.copies; i++) {
            T_LE(k * 20000, x.at_us[i]);
            T_LE(x.at_us[i], k * 20000 + 100000 + IMPAIR_REORDER_US);
        }
        copies += x.copies == 2;
    }
    T_NEAR(copies / 9000.0, 0.05, 0.01);
out:
    return;
}

static void test_impairment_rate_queues_then_drops(struct t *t)
{
    struct impair_config c;
    struct impair im;
    struct impair_decision d;
    unsigned delivered = 0;
    T_OK(impair_parse(VIEW("rate=32k"), &c));
    impair_init(&im, &c);
    for (int64_t k = 0; k < 1000; k++) { /* 64 kbit/s offered for 20 s */
        impair_decide(&im, k * 20000, 160, &d);
        delivered += d.copies;
        T_CHECK(d.copies == 0 || d.at_us[0] - k * 20000 <= IMPAIR_QUEUE_US + 40000);
    }
    T_NEAR(delivered, 500, 20);
out:
    return;
}

T_MAIN(T(test_comfort_noise_survives_print_and_parse), T(test_red_survives_print_and_parse),
       T(test_red_sender_adds_what_it_sent_before), T(test_impairment_text_is_read_and_bad_text_refused),
       T(test_impairment_has_the_asked_loss_and_bursts), T(test_a_stall_holds_all_back_until_its_end),
       T(test_a_long_tail_has_its_quantiles), T(test_impairment_replays_from_its_seed),
       T(test_impairment_rate_queues_then_drops))
