#include "rtp/nack.h"

#include "rtp/session.h"

#include "support/t.h"

static const struct nack_timing timing = { .patience_us = 0, .round_us = 40000, .useless_us = 200000 };

struct seqs {
    uint16_t v[64];
    size_t n;
};

static void note(void *arg, uint16_t seq)
{
    struct seqs *s = arg;
    if (s->n < AHOY_COUNT(s->v))
        s->v[s->n++] = seq;
}

/* What is asked for now. */
static struct seqs asked(struct nack_missing *m, const struct nack_timing *t, int64_t now_us, int64_t *next_us)
{
    uint8_t fci[NACK_FCI_BYTES];
    struct seqs s = { .n = 0 };
    size_t n = nack_ask(m, t, now_us, fci, next_us);
    nack_each(view_of((const char *) fci, n), note, &s);
    return s;
}

static void test_what_is_missing_is_asked_for_until_it_comes(struct t *t)
{
    struct nack_missing m = { 0 };
    int64_t next;
    nack_packet(&m, 65534, 0);
    T_EQ(asked(&m, &timing, 0, &next).n, 0);
    T_EQ(next, INT64_MAX);
    nack_packet(&m, 65534 + 4, 20000); /* over the wrap of 16 bits: 65535, 0 and 1 are missing */
    struct seqs s = asked(&m, &timing, 20000, &next);
    T_EQ(s.n, 3);
    T_EQ(s.v[0], 65535);
    T_EQ(s.v[1], 0);
    T_EQ(s.v[2], 1);
    T_EQ(next, 60000);
    T_EQ(asked(&m, &timing, 59999, &next).n, 0);
    nack_packet(&m, 65536, 59999); /* one came */
    s = asked(&m, &timing, 60000, &next);
    T_EQ(s.n, 2);
    T_EQ(s.v[1], 1);
    T_EQ(asked(&m, &timing, 100000, &next).n, 2);
    T_EQ(next, INT64_MAX); /* three times are enough */
    T_EQ(asked(&m, &timing, 140000, &next).n, 0);
out:
    return;
}

static void test_what_may_still_come_or_comes_too_late_is_not_asked_for(struct t *t)
{
    struct nack_missing m = { 0 };
    struct nack_timing patient = timing;
    int64_t next;
    patient.patience_us = 30000;
    nack_packet(&m, 100, 0);
    nack_packet(&m, 102, 0);
    T_EQ(asked(&m, &patient, 10000, &next).n, 0);
    T_EQ(next, 30000);
    nack_packet(&m, 101, 15000); /* it was only overtaken */
    T_EQ(asked(&m, &patient, 30000, &next).n, 0);
    nack_packet(&m, 104, 40000);
    patient.patience_us = 300000; /* longer than it would be of use */
    T_EQ(asked(&m, &patient, 40000, &next).n, 0);
    T_EQ(next, INT64_MAX);
    T_EQ(asked(&m, &timing, 240000, &next).n, 0);
out:
    return;
}

static void test_jumps_and_old_packets_do_no_harm(struct t *t)
{
    struct nack_missing m = { 0 };
    int64_t next;
    nack_packet(&m, 1000, 0);
    nack_packet(&m, 1000 + NACK_WINDOW, 0); /* a restart: nothing of it is missed */
    T_EQ(asked(&m, &timing, 0, &next).n, 0);
    nack_packet(&m, 10, 0);
    nack_packet(&m, 1000 + NACK_WINDOW, 0);
    T_EQ(asked(&m, &timing, 0, &next).n, 0);
    nack_packet(&m, 1000 + 2 * NACK_WINDOW - 1, 0); /* all but one of the window lost: more than a message holds? no */
    T_EQ(asked(&m, &timing, 0, &next).n, NACK_WINDOW - 2);
out:
    return;
}

static void test_a_hostile_list_is_read_to_a_limit(struct t *t)
{
    static const char fci[1000] = { 0 };
    struct seqs s = { .n = 0 };
    nack_each(view_of(fci, sizeof fci), note, &s);
    T_EQ(s.n, 4 * NACK_MAX_ITEMS);
    s.n = 0;
    nack_each(VIEW("\x12\x34\x80\x01\x55"), note, &s); /* a byte too many is no item */
    T_EQ(s.n, 3);
    T_EQ(s.v[0], 0x1234);
    T_EQ(s.v[1], 0x1235);
    T_EQ(s.v[2], 0x1244);
out:
    return;
}

/* A new description may take quick feedback back (RTP/AVP again): reports are seconds apart then, and begin with a report. */
static void test_feedback_that_is_taken_back_ends(struct t *t)
{
    struct rtp_session *s = NULL;
    struct rtp_received info;
    struct rtp_rtcp_news news;
    struct rng rng;
    uint8_t wire[300];
    size_t n, reports = 0;
    int64_t now = 0;
    rng_init_u64(&rng, 1);
    struct rtp_session_config c = {
        .rng = &rng, .cname = VIEW("x"), .send_clock_hz = 8000, .receive_clock_hz = 8000, .probation = 1
    };
    T_OK(rtp_session_create(&s, &c));
    T_EQ(rtp_session_receive(s, &(struct rtp_packet){ .ssrc = 7, .seq = 1 }, NULL, now, &info), RTP_OK);
    rtp_session_quick_feedback(s, 5000, 400000, now);
    rtp_session_quick_feedback(s, 5000, 400000, now); /* agreed on again */
    T_OK(rtp_session_nack(s, VIEW("\1\2\3\4"), wire, sizeof wire, &n));
    T_OK(rtp_session_rtcp(s, view_of((char *) wire, n), NULL, now, &news));
    rtp_session_plain_feedback(s);
    T_ERR(rtp_session_rtcp(s, view_of((char *) wire, n), NULL, now, &news), AHOY_ERR_SYNTAX);
    T_ERR(rtp_session_nack(s, VIEW("\1\2\3\4"), wire, sizeof wire, &n), AHOY_ERR_STATE);
    for (; now < 100000000; now += 100000)
        reports += rtp_session_rtcp_build(s, now, wire, sizeof wire, &n) == AHOY_OK;
    T_LE(12, reports);
    T_LE(reports, 35);
out:
    rtp_session_destroy(s);
}

T_MAIN(T(test_what_is_missing_is_asked_for_until_it_comes),
       T(test_what_may_still_come_or_comes_too_late_is_not_asked_for), T(test_jumps_and_old_packets_do_no_harm),
       T(test_a_hostile_list_is_read_to_a_limit), T(test_feedback_that_is_taken_back_ends))
