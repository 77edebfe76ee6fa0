/* Extended reports: blocks, the window they are made from, and two sessions that tell each other. */
#include "rtp/losses.h"
#include "rtp/session.h"

#include "support/t.h"

#define BYTES(...) view_of((const char *) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* RFC 3611 section 4.1: 45 packets, of which the 22nd, the 24th and (in the second example) the 44th are lost. */
static void test_run_lengths_count_as_in_the_rfc(struct t *t)
{
    struct rtcp_rle r = { .begin_seq = 13821, .end_seq = 13866 };
    struct rtcp_runs n;
    r.chunks = BYTES(0xff, 0xff, 0xfe, 0xbf, 0xff, 0xff, 0, 0);
    T_OK(rtcp_rle_count(&r, &n));
    T_EQ(n.packets, 45);
    T_EQ(n.lost, 2);
    r.begin_seq = 65530; /* over the wrap */
    r.end_seq = 39;
    r.chunks = BYTES(0x40, 21, 0xaf, 0xff, 0xff, 0x40, 0, 0);
    T_OK(rtcp_rle_count(&r, &n));
    T_EQ(n.packets, 45);
    T_EQ(n.lost, 3);
    T_EQ(n.runs, 3);
    r.end_seq = 100;
    T_ERR(rtcp_rle_count(&r, &n), AHOY_ERR_END);
    r = (struct rtcp_rle){ .begin_seq = 13821, .end_seq = 13866, .thinning = 2 };
    r.chunks = BYTES(0x00, 4, 0x40, 16383 >> 8 & 0x3f); /* 11 multiples of 4: four lost, the others there */
    T_OK(rtcp_rle_count(&r, &n));
    T_EQ(n.packets, 11);
    T_EQ(n.lost, 4);
    T_EQ(n.runs, 1);
    r.begin_seq = 5;
    r.end_seq = 4;
    T_ERR(rtcp_rle_count(&r, &n), AHOY_ERR_SYNTAX);
out:
    return;
}

/* What came of `n` packets from ext. sequence number `base`, as the window's chunks say it. */
static void window_survives(struct t *t, uint32_t base, unsigned n, double lose, double again, size_t max)
{
    struct losses l = { 0 };
    struct rng rng;
    struct rtcp_runs want = { 0 }, got;
    uint8_t chunks[512];
    bool lost = false, came[LOSSES_WINDOW];
    rng_init_u64(&rng, n + max);
    for (unsigned i = 0; i < n; i++) {
        lost = i > 0 && i < n - 1 && rng_unit(&rng) < (lost ? again : lose);
        came[i] = !lost;
        if (!lost)
            losses_came(&l, base + i);
    }
    uint32_t begin = base;
    size_t bytes = losses_chunks(&l, &begin, base + n, chunks, max);
    T_CHECK(bytes <= max && bytes % 4 == 0 && bytes > 0);
    for (uint32_t i = begin - base; i < n; i++) {
        want.packets++;
        want.lost += !came[i];
        want.runs += !came[i] && (i == begin - base || came[i - 1]);
    }
    T_EQ(losses_count(&l, begin, base + n), want.lost);
    struct rtcp_rle r = { .begin_seq = (uint16_t) begin,
                          .end_seq = (uint16_t) (base + n),
                          .chunks = view_of((const char *) chunks, bytes) };
    T_OK(rtcp_rle_count(&r, &got));
    T_MEM(&got, &want, sizeof want);
    if (max >= 300)
        T_EQ(begin, base); /* all of it fits */
    else
        T_LE(7 * max, want.packets);
out:
    return;
}

static void test_the_window_survives_its_chunks(struct t *t)
{
    window_survives(t, 1000, 300, 0.1, 0.1, 300);
    window_survives(t, 65400, 300, 0.05, 0.66, 300);
    window_survives(t, UINT32_MAX - 100, 2000, 0.5, 0.5, 300);
    window_survives(t, 7, 2, 0, 0, 300);
    window_survives(t, 7, 2000, 0, 0, 300);
    window_survives(t, 7, 2000, 0.5, 0.5, 100);
}

static void test_the_window_forgets_what_is_old(struct t *t)
{
    struct losses l = { 0 };
    T_CHECK(losses_has(&l, 5)); /* nothing is known, so nothing is missing */
    losses_came(&l, 100);
    losses_came(&l, 104);
    losses_came(&l, 99); /* before the first: of no interest */
    T_EQ(losses_count(&l, 99, 105), 3);
    losses_came(&l, 102);
    T_EQ(losses_count(&l, 100, 105), 2);
    losses_came(&l, 101 + LOSSES_WINDOW);
    T_CHECK(losses_has(&l, 101)); /* outside by now */
    T_CHECK(losses_has(&l, 102));
    T_CHECK(!losses_has(&l, 103));
    losses_came(&l, 10 * LOSSES_WINDOW);
    T_EQ(losses_count(&l, 10 * LOSSES_WINDOW - 100, 10 * LOSSES_WINDOW), 100);
    losses_reset(&l);
    losses_came(&l, 3);
    T_EQ(losses_count(&l, 0, 4), 0);
out:
    return;
}

static void test_a_summary_survives_print_and_parse(struct t *t)
{
    uint8_t wire[128];
    struct rtcp_out o;
    struct rtcp_packet p;
    struct rtcp_xr_iter it;
    struct rtcp_xr_block b;
    struct rtcp_summary got, s = { 7, 100, 350, true, true, true, 1, 12, 3, 4, 50, 6, 7, 60, 64, 62, 1 };
    rtcp_out_init(&o, wire, sizeof wire);
    rtcp_put_xr(&o, 9, &(struct rtcp_xr_parts){ .summary = &s });
    T_OK(rtcp_out_err(&o));
    struct view rest = view_of((char *) wire, o.n);
    T_OK(rtcp_next(&rest, &p));
    T_OK(rtcp_xr_begin(&p, &it));
    T_OK(rtcp_xr_next(&it, &b));
    T_OK(rtcp_parse_summary(&b, &got));
    T_CHECK(got.lost == 12 && got.duplicate == 3 && got.jitter_max == 50 && got.jitter_dev == 7 && got.ttl_max == 64);
    T_EQ(got.end_seq, 350);
    b.specific &= 0x7f; /* a value that is flagged as not reported */
    T_ERR(rtcp_parse_summary(&b, &got), AHOY_ERR_SYNTAX);
    T_ERR(rtcp_xr_next(&it, &b), AHOY_ERR_END);
    struct rtcp_rle odd = { .chunks = view_of("ab", 2) };
    rtcp_put_xr(&o, 9, &(struct rtcp_xr_parts){ .loss = &odd });
    T_ERR(rtcp_out_err(&o), AHOY_ERR_INVAL);
out:
    return;
}

static void test_sdp_says_what_is_wanted(struct t *t)
{
    struct rtcp_xr_wants w;
    rtcp_xr_parse_sdp(VIEW(""), &w);
    T_CHECK(w.signalled && !w.voip && !w.rrtr && !w.summary && !w.loss_rle);
    rtcp_xr_parse_sdp(VIEW("pkt-loss-rle=100 rcvr-rtt=sender:96 stat-summary=loss,jitt,TTL voip-metrics future"), &w);
    T_CHECK(w.voip && w.rrtr && w.summary && w.loss_rle);
    T_CHECK(w.summary_loss && w.summary_jitter && !w.summary_duplicate);
    T_EQ(w.loss_rle_bytes, 100);
    rtcp_xr_parse_sdp(VIEW("stat-summary pkt-loss-rle=x"), &w);
    T_CHECK(w.summary_duplicate && w.loss_rle && !w.voip);
    T_EQ(w.loss_rle_bytes, 0);
    rtcp_xr_parse_sdp(VIEW(RTCP_XR_SDP), &w);
    T_CHECK(w.voip && w.rrtr && w.summary && w.loss_rle && w.summary_loss && w.summary_jitter);
out:
    return;
}

/* ---- two sessions ------------------------------------------------------------------------------------------------ */

struct pair {
    struct rng rng;
    struct rtp_session *a, *b; /* a sends, b reports */
    int64_t now;
    uint32_t lost, runs, reports, duplicates;
    struct rtp_rtcp_news last;
    struct rtcp_runs told; /* by all of b's run-length blocks together */
    bool rejects;          /* b's XR blocks do not arrive: only its reception reports do */
};

static enum ahoy_err pair_open(struct pair *p, const char *sdp)
{
    *p = (struct pair){ .now = 1000000 };
    rng_init_u64(&p->rng, 5);
    struct rtp_session_config c = { .rng = &p->rng,
                                    .cname = VIEW("a"),
                                    .send_clock_hz = 8000,
                                    .receive_clock_hz = 8000,
                                    .now_us = p->now,
                                    .unix_us = INT64_C(1700000000000000) };
    enum ahoy_err err = rtp_session_create(&p->a, &c);
    if (!err && sdp)
        rtcp_xr_parse_sdp(view_str(sdp), &c.xr);
    return err ? err : rtp_session_create(&p->b, &c);
}

static void pair_close(struct pair *p)
{
    rtp_session_destroy(p->a);
    rtp_session_destroy(p->b);
}

/* Cuts the compound before its XR packet. */
static size_t without_xr(const uint8_t *wire, size_t n)
{
    struct view rest = view_of((const char *) wire, n);
    struct rtcp_packet p;
    size_t at = 0;
    while (!rtcp_next(&rest, &p) && p.type != RTCP_XR)
        at = n - rest.n;
    return at;
}

static enum ahoy_err report(struct pair *p, struct rtp_session *from, struct rtp_session *to)
{
    uint8_t wire[1500];
    size_t n;
    if (rtp_session_rtcp_due_us(from) > p->now || rtp_session_rtcp_build(from, p->now, wire, sizeof wire, &n))
        return AHOY_OK;
    if (p->rejects)
        n = without_xr(wire, n);
    enum ahoy_err err = rtp_session_rtcp(to, view_of((char *) wire, n), NULL, p->now + 20000, &p->last);
    if (to == p->a && p->last.runs_on_us) {
        p->told.packets += p->last.runs.packets;
        p->told.lost += p->last.runs.lost;
        p->told.runs += p->last.runs.runs;
    }
    return err;
}

/* A Gilbert channel: each packet is lost with `lose` after one that came, with `again` after a lost one. */
static enum ahoy_err talk(struct pair *p, unsigned packets, double lose, double again)
{
    bool lost = false;
    enum ahoy_err err = AHOY_OK;
    for (unsigned i = 0; i < packets && !err; i++, p->now += 20000) {
        struct rtp_packet packet;
        struct rtp_received info;
        struct rtp_send send = { .timestamp = 160 * i, .duration_ts = 160, .payload_bytes = 160 };
        rtp_session_send(p->a, &send, p->now, &packet);
        bool before = lost;
        lost = i > 3 && rng_unit(&p->rng) < (lost ? again : lose);
        p->lost += lost;
        p->runs += lost && !before;
        int64_t late = (int64_t) rng_below(&p->rng, 8000);
        if (!lost)
            (void) rtp_session_receive(p->b, &packet, NULL, p->now + late, &info);
        if (!lost && i % 100 == 50) {
            (void) rtp_session_receive(p->b, &packet, NULL, p->now + late + 100, &info);
            p->duplicates++;
        }
        err = report(p, p->a, p->b);
        if (!err)
            err = report(p, p->b, p->a);
    }
    return err;
}

static void test_runs_are_told_as_they_were(struct t *t)
{
    struct pair p;
    struct rtp_remote_quality q;
    T_OK(pair_open(&p, RTCP_XR_SDP));
    rtp_session_remote(p.a, &q);
    T_CHECK(q.burst_source == RTP_BURST_UNKNOWN && q.loss < 0 && q.burst_packets < 0 && !q.has_voip && q.r < 0);
    T_OK(talk(&p, 6000, 0.05, 2.0 / 3));
    T_NEAR(p.told.packets, 6000, 500); /* the last interval is still to come */
    T_NEAR(p.told.lost, p.lost, 80);
    T_NEAR((double) p.told.lost / p.told.runs, (double) p.lost / p.runs, 0.15);
    rtp_session_remote(p.a, &q);
    T_EQ(q.burst_source, RTP_BURST_RUNS);
    T_NEAR(q.burst_packets, 3, 1);
    T_NEAR(q.loss, 0.13, 0.09); /* of one interval */
    T_CHECK(q.has_summary && q.summary.has_jitter && q.summary.lost > 0);
    T_CHECK(q.summary.jitter_max <= 64 && q.summary.jitter_mean > 10 && q.summary.jitter_mean < 40);
    T_CHECK(!rtp_session_sends_voip(p.a) && rtp_session_sends_voip(p.b));
out:
    pair_close(&p);
}

static void guess(struct t *t, double lose, double again, double least, double most)
{
    struct pair p;
    struct rtp_remote_quality q;
    T_OK(pair_open(&p, NULL));
    T_OK(talk(&p, 15000, lose, again));
    rtp_session_remote(p.a, &q);
    T_EQ(q.burst_source, RTP_BURST_REPORTS);
    T_LE(least, q.burst_packets);
    T_LE(q.burst_packets, most);
    T_EQ(p.told.packets, 0); /* a peer that asks for nothing and sends nothing gets nothing */
out:
    pair_close(&p);
}

static void test_runs_are_guessed_from_plain_reports(struct t *t)
{
    guess(t, 0.10, 0.10, 1.0, 1.9);
    guess(t, 0.03, 0.80, 2.4, 9);
}

static void test_what_is_not_wanted_is_not_sent(struct t *t)
{
    struct pair p;
    struct rtcp_voip v;
    struct rtp_remote_quality q;
    T_OK(pair_open(&p, ""));
    rtcp_voip_init(&v, 0);
    v.r_factor = 80;
    v.mos_lq_10 = 4; /* no value of this field: ignored */
    v.end_system_ms = 90;
    rtp_session_set_voip(p.a, &v);
    rtp_session_set_voip(p.b, &v);
    T_OK(talk(&p, 2000, 0.1, 0.1));
    rtp_session_remote(p.a, &q);
    T_CHECK(!q.has_voip && q.reports > 0);
    struct rtcp_xr_wants w = { .signalled = true, .voip = true };
    rtp_session_set_xr(p.b, &w); /* another description: now it wants them */
    for (unsigned i = 0; i < 3; i++) {
        struct rtp_packet packet;
        struct rtp_received info;
        rtp_session_send(p.b, &(struct rtp_send){ .timestamp = i * 160, .duration_ts = 160 }, p.now, &packet);
        (void) rtp_session_receive(p.a, &packet, NULL, p.now, &info);
    }
    T_OK(talk(&p, 2000, 0.1, 0.1));
    rtp_session_remote(p.a, &q);
    T_CHECK(q.has_voip && !q.has_summary);
    T_NEAR(q.r, 80, 0);
    T_NEAR(q.mos_lq, -1, 0);
    T_NEAR(q.end_system_ms, 90, 0);
    rtp_session_remote(p.b, &q); /* a was asked by nobody, but has seen that b knows them */
    T_CHECK(q.has_voip);
out:
    pair_close(&p);
}

T_MAIN(T(test_run_lengths_count_as_in_the_rfc), T(test_the_window_survives_its_chunks),
       T(test_the_window_forgets_what_is_old), T(test_a_summary_survives_print_and_parse),
       T(test_sdp_says_what_is_wanted), T(test_runs_are_told_as_they_were),
       T_STRIDE(test_runs_are_guessed_from_plain_reports, 7), T(test_what_is_not_wanted_is_not_sent))
