#include "rtp/session.h"

#include "support/t.h"

enum { HZ = 8000, FRAME = 160 };

struct peer {
    struct rng rng;
    struct rtp_session *s;
};

static const struct rtp_session_config base_config = {
    .send_clock_hz = HZ, .receive_clock_hz = HZ, .now_us = 1000000, .unix_us = 1767225600000000
};

static enum ahoy_err open_with(struct peer *p, uint64_t seed, struct rtp_session_config c)
{
    rng_init_u64(&p->rng, seed);
    c.rng = &p->rng;
    c.cname = VIEW("tester@example");
    return rtp_session_create(&p->s, &c);
}

static enum ahoy_err open_plain(struct peer *p, uint64_t seed)
{
    return open_with(p, seed, base_config);
}

static struct rtp_packet packet(uint32_t ssrc, uint16_t seq)
{
    return (
        struct rtp_packet){ .ssrc = ssrc, .seq = seq, .timestamp = (uint32_t) seq * FRAME, .payload = VIEW("data") };
}

static enum rtp_verdict feed(struct rtp_session *s, uint32_t ssrc, uint16_t seq, int64_t now_us)
{
    struct rtp_packet p = packet(ssrc, seq);
    struct rtp_received info;
    return rtp_session_receive(s, &p, NULL, now_us, &info);
}

static void test_creation_checks_its_arguments(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_session_config c = base_config;
    T_ERR(rtp_session_create(&p.s, &c), AHOY_ERR_INVAL);
    c.send_clock_hz = 0;
    T_ERR(open_with(&p, 1, c), AHOY_ERR_INVAL);
    c = base_config;
    c.ssrc = 0x12345678;
    T_OK(open_with(&p, 1, c));
    T_EQ(rtp_session_ssrc(p.s), 0x12345678);
    uint32_t ssrc;
    T_CHECK(!rtp_session_remote_ssrc(p.s, &ssrc));
out:
    rtp_session_destroy(p.s);
}

static void test_sender_numbers_packets_and_marks_what_follows_silence(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_packet a, b;
    T_OK(open_plain(&p, 1));
    struct rtp_send send = { .payload_type = 0, .timestamp = 0, .duration_ts = FRAME, .payload_bytes = 160 };
    rtp_session_send(p.s, &send, 1000000, &a);
    T_CHECK(a.marker);
    send.timestamp = FRAME;
    rtp_session_send(p.s, &send, 1020000, &b);
    T_CHECK(!b.marker);
    T_EQ((uint16_t) (b.seq - a.seq), 1);
    T_EQ(b.timestamp - a.timestamp, FRAME);
    send.timestamp = 10 * FRAME; /* silence */
    rtp_session_send(p.s, &send, 1200000, &b);
    T_CHECK(b.marker);
    T_EQ((uint16_t) (b.seq - a.seq), 2);
    send.marker = RTP_MARKER_CLEAR;
    send.timestamp = 20 * FRAME;
    rtp_session_send(p.s, &send, 1400000, &b);
    T_CHECK(!b.marker);
    struct rtp_stats st;
    rtp_session_stats(p.s, &st);
    T_EQ(st.sent_packets, 4);
    T_EQ(st.sent_bytes, 640);
out:
    rtp_session_destroy(p.s);
}

static void test_a_source_is_valid_after_two_packets_in_sequence(struct t *t)
{
    struct peer p = { 0 };
    uint32_t ssrc = 0;
    T_OK(open_plain(&p, 1));
    T_EQ(feed(p.s, 7, 100, 0), RTP_PROBATION);
    T_EQ(feed(p.s, 7, 102, 0), RTP_PROBATION); /* not in sequence: begins anew */
    T_CHECK(!rtp_session_remote_ssrc(p.s, &ssrc));
    T_EQ(feed(p.s, 7, 103, 0), RTP_OK);
    T_CHECK(rtp_session_remote_ssrc(p.s, &ssrc));
    T_EQ(ssrc, 7);
    rtp_session_destroy(p.s);
    p.s = NULL;
    struct rtp_session_config c = base_config;
    c.probation = 1;
    T_OK(open_with(&p, 1, c));
    T_EQ(feed(p.s, 7, 100, 0), RTP_OK);
out:
    rtp_session_destroy(p.s);
}

static void test_loss_duplicates_and_reordering_are_counted_over_the_wrap(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_stats st;
    T_OK(open_plain(&p, 1));
    uint16_t seq = 65500;
    feed(p.s, 7, seq++, 0);
    for (int i = 0; i < 200000; i++, seq++) { /* three wraps */
        if (i % 100 == 50)
            continue;        /* lost */
        if (i % 100 == 20) { /* swapped with the next */
            T_EQ(feed(p.s, 7, (uint16_t) (seq + 1), 0), RTP_OK);
            T_EQ(feed(p.s, 7, seq, 0), RTP_OK);
            continue;
        }
        if (i % 100 == 21)
            continue;
        T_EQ(feed(p.s, 7, seq, 0), RTP_OK);
        if (i % 100 == 70)
            T_EQ(feed(p.s, 7, seq, 0), RTP_DUPLICATE);
    }
    rtp_session_stats(p.s, &st);
    T_EQ(st.expected, 200000);
    T_EQ(st.lost, 2000);
    T_EQ(st.reordered, 2000);
    T_EQ(st.duplicate, 2000);
    T_EQ(st.received_packets, 198000);
    T_EQ(st.ignored, 1);
out:
    rtp_session_destroy(p.s);
}

static void test_extended_sequence_numbers_count_cycles_both_ways(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_received info;
    T_OK(open_plain(&p, 1));
    static const uint16_t seqs[] = { 65532, 65533, 65534, 0, 65535, 1 };
    static const uint32_t want[] = { 0, 65533, 65534, 65536, 65535, 65537 };
    for (size_t i = 0; i < AHOY_COUNT(seqs); i++) {
        struct rtp_packet x = packet(7, seqs[i]);
        enum rtp_verdict v = rtp_session_receive(p.s, &x, NULL, 0, &info);
        T_EQ(v, i == 0 ? RTP_PROBATION : RTP_OK);
        T_EQ(info.ext_seq, want[i]);
        T_EQ(info.new_stream, i == 1);
    }
out:
    rtp_session_destroy(p.s);
}

static void test_a_jump_is_dropped_unless_it_goes_on(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_received info;
    struct rtp_stats st;
    T_OK(open_plain(&p, 1));
    feed(p.s, 7, 1, 0);
    for (uint16_t i = 2; i < 10; i++)
        T_EQ(feed(p.s, 7, i, 0), RTP_OK);
    T_EQ(feed(p.s, 7, 30000, 0), RTP_BAD_SEQ); /* a stray packet moves nothing */
    T_EQ(feed(p.s, 7, 10, 0), RTP_OK);
    T_EQ(feed(p.s, 7, 40000, 0), RTP_BAD_SEQ);
    struct rtp_packet x = packet(7, 40001);
    T_EQ(rtp_session_receive(p.s, &x, NULL, 0, &info), RTP_OK); /* the sender restarted */
    T_CHECK(info.new_stream);
    T_EQ(feed(p.s, 7, 40002, 0), RTP_OK);
    rtp_session_stats(p.s, &st);
    T_EQ(st.restarts, 1);
    T_EQ(st.lost, 0);
    T_EQ(st.received_packets, 11);
out:
    rtp_session_destroy(p.s);
}

static void test_another_source_follows_only_a_silent_one(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_stats st;
    uint32_t ssrc = 0;
    T_OK(open_plain(&p, 1));
    uint16_t a = 1, b = 500;
    for (int64_t now = 0; now < 2000000; now += 20000) { /* both talk: the first one stays */
        feed(p.s, 7, a++, now);
        enum rtp_verdict v = feed(p.s, 8, b++, now + 1000);
        T_CHECK(v != RTP_OK);
    }
    T_CHECK(rtp_session_remote_ssrc(p.s, &ssrc) && ssrc == 7);
    feed(p.s, 7, a++, 2000000);
    for (int i = 0; i < 20; i++) /* a burst is no silence of the other */
        T_EQ(feed(p.s, 8, b++, 2010000), RTP_OTHER);
    feed(p.s, 7, a++, 2020000);
    for (int i = 0; i < 3; i++) /* nor do a few packets in a pause count */
        T_EQ(feed(p.s, 8, b++, 2200000), RTP_OTHER);
    feed(p.s, 7, a++, 2210000);
    int64_t now = 2210000;
    while (now < 2700000 && feed(p.s, 8, b++, now) != RTP_OK)
        now += 20000;
    T_LE(now, 2310000); /* the first one fell silent */
    T_CHECK(rtp_session_remote_ssrc(p.s, &ssrc) && ssrc == 8);
    rtp_session_renegotiated(p.s, HZ, HZ);
    feed(p.s, 8, b++, now);
    T_EQ(feed(p.s, 9, 1, now), RTP_PROBATION);
    T_EQ(feed(p.s, 9, 2, now), RTP_OK); /* agreed by signalling: as soon as it is valid */
    rtp_session_stats(p.s, &st);
    T_EQ(st.source_changes, 2);
    T_EQ(st.lost, 0);
out:
    rtp_session_destroy(p.s);
}

/* One packet with a foreign SSRC must not cost the stream what is kept of it: whoever gets PROBATION begins a new one. */
static void test_a_stray_source_is_none_while_the_present_one_lives(struct t *t)
{
    struct peer p = { 0 };
    T_OK(open_plain(&p, 1));
    uint16_t a = 1;
    rtp_session_renegotiated(p.s, HZ, HZ); /* as at each call's start */
    T_EQ(feed(p.s, 7, a++, 0), RTP_PROBATION);
    T_EQ(feed(p.s, 7, a++, 0), RTP_OK);
    T_EQ(feed(p.s, 8, 1, 0), RTP_PROBATION); /* perhaps the one that was meant */
    for (int i = 0; i < 300; i++)
        T_EQ(feed(p.s, 7, a++, i * 20000), RTP_OK);
    for (uint32_t ssrc = 100; ssrc < 200; ssrc++) {
        T_EQ(feed(p.s, ssrc, 1, 6000000), RTP_OTHER);
        T_EQ(feed(p.s, ssrc, 2, 6000000), RTP_OTHER); /* what was agreed was agreed long ago */
        T_EQ(feed(p.s, 7, a++, 6000000), RTP_OK);
    }
out:
    rtp_session_destroy(p.s);
}

/* RFC 3550 A.8 by hand: alternately 10 ms early and late gives a difference of 160 units a packet. */
static void test_jitter_is_that_of_rfc_3550(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_stats st;
    double want = 0;
    T_OK(open_plain(&p, 1));
    for (uint16_t i = 0; i < 400; i++) {
        feed(p.s, 7, i, (int64_t) i * 20000 + (i % 2) * 10000 + 5000000);
        if (i >= 2)
            want += (80 - want) / 16;
        rtp_session_stats(p.s, &st);
        T_NEAR(st.jitter_ms, want / 8, 1e-6);
    }
    rtp_session_stats(p.s, &st);
    T_NEAR(st.jitter_ms, want / 8, 1e-6);
    T_NEAR(st.jitter_ms, 10, 0.01);
out:
    rtp_session_destroy(p.s);
}

static void test_a_collision_changes_our_source_once_and_a_reflector_is_heard(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_stats st;
    struct rtp_received info;
    uint8_t wire[256];
    size_t n;
    T_OK(open_plain(&p, 1));
    uint32_t ssrc = rtp_session_ssrc(p.s);
    struct addr from = addr_ip4(192, 0, 2, 1, 4000);
    struct rtp_packet x = packet(ssrc, 1);
    T_EQ(rtp_session_receive(p.s, &x, &from, 2000000, &info), RTP_COLLISION);
    T_CHECK(rtp_session_ssrc(p.s) != ssrc);
    T_LE(rtp_session_rtcp_due_us(p.s), 2000000);
    T_OK(rtp_session_rtcp_build(p.s, 2000000, wire, sizeof wire, &n));

    struct view rest = view_of((char *) wire, n);
    struct rtcp_packet k;
    struct rtcp_bye bye = { 0 };
    T_OK(rtcp_check(rest, false));
    while (!rtcp_next(&rest, &k)) {
        if (k.type == RTCP_BYE)
            T_OK(rtcp_parse_bye(&k, &bye));
    }
    T_EQ(bye.n, 1);
    T_EQ(rtcp_bye_ssrc(&bye, 0), ssrc); /* for the source given up */

    uint32_t second = rtp_session_ssrc(p.s);
    for (int64_t now = 2000000; now < 60000000; now += 100000) { /* our own packets come back */
        x = packet(rtp_session_ssrc(p.s), 1);
        x.seq = (uint16_t) (x.seq + (now - 2000000) / 100000);
        enum rtp_verdict v = rtp_session_receive(p.s, &x, &from, now, &info);
        T_CHECK(v == RTP_OK || (now < 2300000 && v == RTP_PROBATION));
    }
    T_EQ(rtp_session_ssrc(p.s), second);
    rtp_session_stats(p.s, &st);
    T_EQ(st.collisions, 1);
    struct addr other = addr_ip4(192, 0, 2, 2, 4000); /* another one's packets with our SSRC are none of it */
    T_EQ(rtp_session_receive(p.s, &x, &other, 60000000, &info), RTP_COLLISION);
out:
    rtp_session_destroy(p.s);
}

/* Two sessions over a wire with the given one-way delays, for a while; both send audio. */
static enum ahoy_err converse(struct peer *a, struct peer *b, int64_t there_us, int64_t back_us, int64_t until_us)
{
    struct flight {
        int64_t at_us;
        bool rtcp, to_b;
        size_t n;
        uint8_t data[400];
    } flight[64];
    size_t flying = 0;
    uint32_t ts = 0;
    for (int64_t now = base_config.now_us; now < until_us; now += 1000) {
        for (int way = 0; way < 2; way++) {
            struct peer *from = way == 0 ? a : b;
            struct flight *f = &flight[flying];
            *f = (struct flight){ .at_us = now + (way == 0 ? there_us : back_us), .to_b = way == 0 };
            if (now % 20000 == 0 && flying < AHOY_COUNT(flight) - 2) {
                struct rtp_packet p;
                struct rtp_send send = { .timestamp = ts, .duration_ts = FRAME, .payload_bytes = 4 };
                rtp_session_send(from->s, &send, now, &p);
                p.payload = VIEW("beep");
                enum ahoy_err err = rtp_print(&p, f->data, sizeof f->data, &f->n);
                if (err)
                    return err;
                flight[flying + 1] = *f;
                f = &flight[++flying];
            }
            if (rtp_session_rtcp_due_us(from->s) <= now && flying < AHOY_COUNT(flight) - 1) {
                f->rtcp = true;
                if (!rtp_session_rtcp_build(from->s, now, f->data, sizeof f->data, &f->n))
                    flying++;
            }
        }
        ts += now % 20000 == 0 ? FRAME : 0;
        for (size_t i = 0; i < flying;) {
            struct flight f = flight[i];
            if (f.at_us > now) {
                i++;
                continue;
            }
            struct rtp_session *to = f.to_b ? b->s : a->s;
            struct rtp_packet p;
            struct rtp_received info;
            struct rtp_rtcp_news news;
            struct view v = view_of((char *) f.data, f.n);
            enum ahoy_err err = f.rtcp ? rtp_session_rtcp(to, v, NULL, now, &news) : rtp_parse(v, &p);
            if (err)
                return err;
            if (!f.rtcp)
                rtp_session_receive(to, &p, NULL, now, &info);
            memmove(&flight[i], &flight[i + 1], (--flying - i) * sizeof flight[0]);
        }
    }
    return AHOY_OK;
}

static void test_round_trip_time_is_exact(struct t *t)
{
    struct peer a = { 0 }, b = { 0 };
    struct rtp_stats st;
    T_OK(open_plain(&a, 1));
    T_OK(open_plain(&b, 2));
    T_OK(converse(&a, &b, 37000, 14000, 120000000));
    rtp_session_stats(a.s, &st);
    T_CHECK(st.rtt_count > 10);
    T_NEAR(st.rtt_min_ms, 51, 0.02); /* DLSR is in steps of 15 us */
    T_NEAR(st.rtt_max_ms, 51, 0.02);
    T_NEAR(st.rtt_avg_ms, 51, 0.02);
    T_EQ(st.lost, 0);
    T_EQ(st.remote_lost, 0);
    T_CHECK(st.remote_reports > 10);
    rtp_session_stats(b.s, &st);
    T_NEAR(st.rtt_avg_ms, 51, 0.02);
out:
    rtp_session_destroy(a.s);
    rtp_session_destroy(b.s);
}

/* A listener sends no SR, so it cannot use LSR; the reference time of RFC 3611 measures for it. */
static void test_a_listener_measures_by_reference_time(struct t *t)
{
    struct peer a = { 0 }, b = { 0 };
    struct rtp_stats st;
    struct rtp_session_config c = base_config;
    uint8_t wire[400];
    size_t n;
    struct rtp_rtcp_news news;
    c.xr.rrtr = true;
    c.rtcp_min_us = 1000000;
    T_OK(open_with(&a, 1, c));
    T_OK(open_with(&b, 2, c));
    for (int64_t now = c.now_us; now < 30000000; now += 1000) {
        if (rtp_session_rtcp_due_us(a.s) <= now && !rtp_session_rtcp_build(a.s, now, wire, sizeof wire, &n))
            T_OK(rtp_session_rtcp(b.s, view_of((char *) wire, n), NULL, now + 20000, &news));
        if (rtp_session_rtcp_due_us(b.s) <= now && !rtp_session_rtcp_build(b.s, now, wire, sizeof wire, &n))
            T_OK(rtp_session_rtcp(a.s, view_of((char *) wire, n), NULL, now + 30000, &news));
    }
    rtp_session_stats(a.s, &st);
    T_CHECK(st.rtt_count > 5);
    T_NEAR(st.rtt_avg_ms, 50, 0.02);
out:
    rtp_session_destroy(a.s);
    rtp_session_destroy(b.s);
}

static void test_a_report_that_answers_nothing_of_ours_measures_nothing(struct t *t)
{
    struct peer p = { 0 };
    struct rtp_stats st;
    uint8_t wire[64];
    struct rtcp_out o;
    struct rtp_rtcp_news news;
    T_OK(open_plain(&p, 1));
    struct rtcp_report r = {
        .ssrc = rtp_session_ssrc(p.s), .fraction_lost = 64, .lost = 10, .jitter = 80, .lsr = 0x1234, .dlsr = 5
    };
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_rr(&o, 99, &r, 1);
    T_OK(rtp_session_rtcp(p.s, view_of((char *) wire, o.n), NULL, 5000000, &news));
    T_CHECK(news.report_on_us);
    rtp_session_stats(p.s, &st);
    T_EQ(st.rtt_count, 0);
    T_EQ(st.remote_lost, 10);
    T_EQ(st.remote_fraction_lost, 64);
    T_NEAR(st.remote_jitter_ms, 10, 1e-9);
out:
    rtp_session_destroy(p.s);
}

/* RFC 3550 A.3: fraction and total of loss in the report that goes back. */
static void test_reports_carry_loss_since_the_last_one(struct t *t)
{
    struct peer p = { 0 };
    uint8_t wire[256];
    size_t n;
    T_OK(open_plain(&p, 1));
    int64_t now = base_config.now_us;
    uint16_t seq = 65000;
    for (int report = 0; report < 3; report++) {
        enum ahoy_err err = AHOY_ERR_AGAIN;
        unsigned fed = 0, lost = 0;
        while (err) {
            bool lose = report == 1 && seq % 4 == 0;
            if (!lose)
                feed(p.s, 7, seq, now);
            fed++;
            lost += lose;
            seq++;
            now += 20000;
            err = rtp_session_rtcp_build(p.s, now, wire, sizeof wire, &n);
            T_CHECK(err == AHOY_OK || err == AHOY_ERR_AGAIN);
        }
        struct view rest = view_of((char *) wire, n);
        struct rtcp_packet k;
        struct rtcp_reports r;
        T_OK(rtcp_next(&rest, &k));
        T_EQ(k.type, RTCP_RR);
        T_OK(rtcp_parse_reports(&k, &r));
        T_EQ(r.n, 1);
        T_NEAR(rtcp_report_at(&r, 0).fraction_lost, lost * 256.0 / fed,
               2); /* the last one may not be known as lost yet */
        T_CHECK(report == 0 || rtcp_report_at(&r, 0).lost > 0);
    }
out:
    rtp_session_destroy(p.s);
}

/* Section 6.3.1: without reconsideration intervals would be uniform in 0.5 … 1.5 Td; with it their mean is Td. */
static void test_report_times_have_the_mean_and_spread_of_rfc_3550(struct t *t)
{
    enum { SESSIONS = 400 };
    double first_sum = 0, sum = 0;
    unsigned count = 0;
    struct peer p = { 0 };
    for (uint64_t seed = 1; seed <= SESSIONS; seed++) {
        uint8_t wire[256];
        size_t n;
        int64_t last = base_config.now_us;
        T_OK(open_plain(&p, seed));
        for (int i = 0; i < 20;) {
            int64_t due = rtp_session_rtcp_due_us(p.s);
            T_CHECK(due > last);
            if (rtp_session_rtcp_build(p.s, due, wire, sizeof wire, &n))
                continue;
            double interval = (double) (due - last) / 1e6;
            double td = i == 0 ? 2.5 : 5; /* half at first */
            T_CHECK(interval >= 0.5 * td / 1.22 && interval <= 2 * 1.5 * td / 1.21);
            if (i == 0) {
                first_sum += interval;
            } else {
                sum += interval;
                count++;
            }
            last = due;
            i++;
        }
        rtp_session_destroy(p.s);
        p.s = NULL;
    }
    T_NEAR(sum / count, 5, 0.15);
    T_NEAR(first_sum / SESSIONS, 2.5, 0.15);
out:
    rtp_session_destroy(p.s);
}

static void test_the_interval_follows_section_6_3_1(struct t *t)
{
    struct rtp_rtcp_timing x = {
        .members = 2, .senders = 2, .we_sent = true, .rtcp_bytes_s = 400, .avg_bytes = 120, .min_us = 5000000
    };
    T_EQ(rtp_rtcp_interval_us(&x), 5000000);
    x.min_us = 100000;
    T_EQ(rtp_rtcp_interval_us(&x), 600000); /* 120 * 2 / 400 */
    x.members = 1000;
    x.senders = 10; /* senders share a quarter */
    T_EQ(rtp_rtcp_interval_us(&x), 12000000);
    x.we_sent = false; /* receivers three quarters */
    T_EQ(rtp_rtcp_interval_us(&x), 396000000);
    x = (struct rtp_rtcp_timing){
        .members = 1, .initial = true, .rtcp_bytes_s = 400, .avg_bytes = 120, .min_us = 5000000
    };
    T_EQ(rtp_rtcp_interval_us(&x), 2500000);
out:
    return;
}

/* A receiver report of somebody, and perhaps his BYE. */
static enum ahoy_err hear_report(struct rtp_session *s, uint32_t ssrc, bool bye, int64_t now_us)
{
    uint8_t wire[64];
    struct rtcp_out o;
    struct rtp_rtcp_news news;
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_rr(&o, ssrc, NULL, 0);
    if (bye)
        rtcp_put_bye(&o, &ssrc, 1, VIEW(""));
    enum ahoy_err err = rtcp_out_err(&o);
    return err ? err : rtp_session_rtcp(s, view_of((char *) wire, o.n), NULL, now_us, &news);
}

/* Section 6.3.4: with one of three members gone a third of the wait goes. */
static void test_who_leaves_brings_the_next_report_nearer(struct t *t)
{
    struct peer p = { 0 };
    uint8_t wire[256];
    size_t n;
    T_OK(open_plain(&p, 1));
    T_OK(hear_report(p.s, 100, false, 1000000));
    T_OK(hear_report(p.s, 200, false, 1000000));
    int64_t now = 0;
    do
        now = rtp_session_rtcp_due_us(p.s);
    while (rtp_session_rtcp_build(p.s, now, wire, sizeof wire, &n) == AHOY_ERR_AGAIN);
    int64_t wait = rtp_session_rtcp_due_us(p.s) - now;
    T_OK(hear_report(p.s, 200, true, now));
    T_NEAR((double) (rtp_session_rtcp_due_us(p.s) - now), (double) wait * 2 / 3, 1);
    T_OK(hear_report(p.s, 300, true, now)); /* he came and went between two reports */
    T_NEAR((double) (rtp_session_rtcp_due_us(p.s) - now), (double) wait * 2 / 3, 1);
out:
    rtp_session_destroy(p.s);
}

static void test_bye_says_goodbye_once_and_is_understood(struct t *t)
{
    struct peer a = { 0 }, b = { 0 };
    uint8_t wire[256];
    size_t n;
    struct rtp_rtcp_news news;
    T_OK(open_plain(&a, 1));
    T_OK(open_plain(&b, 2));
    T_OK(converse(&a, &b, 1000, 1000, 3000000));
    T_ERR(rtp_session_bye(a.s, VIEW("teatime"), 3000000, wire, 20, &n), AHOY_ERR_LIMIT);
    T_OK(rtp_session_bye(a.s, VIEW("teatime"), 3000000, wire, sizeof wire, &n));
    T_OK(rtp_session_rtcp(b.s, view_of((char *) wire, n), NULL, 3010000, &news));
    T_CHECK(news.bye);
    T_CHECK(news.sender_report);
    T_VIEW(news.bye_reason, "teatime");
    T_ERR(rtp_session_bye(a.s, VIEW(""), 3000000, wire, sizeof wire, &n), AHOY_ERR_STATE);
    T_CHECK(rtp_session_rtcp_due_us(a.s) == INT64_MAX);
    T_EQ(feed(b.s, 1234, 1, 3020000), RTP_PROBATION); /* another one may follow at once */
    T_EQ(feed(b.s, 1234, 2, 3040000), RTP_OK);
out:
    rtp_session_destroy(a.s);
    rtp_session_destroy(b.s);
}

static void test_voip_metrics_travel(struct t *t)
{
    struct peer a = { 0 }, b = { 0 };
    uint8_t wire[256];
    size_t n;
    struct rtp_rtcp_news news = { 0 };
    struct rtcp_voip v;
    struct rtp_session_config wanting = base_config;
    wanting.xr.voip = true;
    T_OK(open_with(&a, 1, wanting));
    T_OK(open_plain(&b, 2));
    T_OK(converse(&a, &b, 1000, 1000, 3000000));
    rtcp_voip_init(&v, 0);
    v.loss_rate = 9;
    rtp_session_set_voip(a.s, &v);
    int64_t now = 3000000;
    while (rtp_session_rtcp_build(a.s, now, wire, sizeof wire, &n))
        now += 10000;
    T_OK(rtp_session_rtcp(b.s, view_of((char *) wire, n), NULL, now, &news));
    T_CHECK(news.voip_on_us);
    T_EQ(news.voip.loss_rate, 9);
    T_EQ(news.voip.ssrc, rtp_session_ssrc(b.s));
out:
    rtp_session_destroy(a.s);
    rtp_session_destroy(b.s);
}

T_MAIN(T(test_creation_checks_its_arguments), T(test_sender_numbers_packets_and_marks_what_follows_silence),
       T(test_a_source_is_valid_after_two_packets_in_sequence),
       T(test_loss_duplicates_and_reordering_are_counted_over_the_wrap),
       T(test_extended_sequence_numbers_count_cycles_both_ways), T(test_a_jump_is_dropped_unless_it_goes_on),
       T(test_another_source_follows_only_a_silent_one), T(test_a_stray_source_is_none_while_the_present_one_lives),
       T(test_jitter_is_that_of_rfc_3550), T(test_a_collision_changes_our_source_once_and_a_reflector_is_heard),
       T(test_round_trip_time_is_exact), T(test_a_listener_measures_by_reference_time),
       T(test_a_report_that_answers_nothing_of_ours_measures_nothing), T(test_reports_carry_loss_since_the_last_one),
       /* 400 sessions, one allocation each: the first and a few others are enough */
       T_STRIDE(test_report_times_have_the_mean_and_spread_of_rfc_3550, 100),
       T(test_the_interval_follows_section_6_3_1), T(test_who_leaves_brings_the_next_report_nearer),
       T(test_bye_says_goodbye_once_and_is_understood), T(test_voip_metrics_travel))
