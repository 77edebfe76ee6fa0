/* What a call knows of its own quality: what was done to it on the way is what both ends say. */
#include "support/phone.h"
#include "support/vq_abnf.h"
#include "support_raw.h"

#include <stdio.h>

/* A call of `seconds` after which both have told each other; A's and B's last figures are in their stats. */
static bool talk(struct world *w, const char *codec, const char *impair_b, int seconds)
{
    struct ahoy_media_config a = { .codecs = codec, .audio = w->sound_a };
    struct ahoy_media_config b = { .codecs = codec, .audio = w->sound_b, .impair = impair_b };
    if (!world_call(w, &a, &b, 0))
        return false;
    phone_run_ms(&w->a, &w->b, 1000 * seconds);
    return true;
}

static bool hang_up(struct world *w)
{
    return !ahoy_call_hangup(w->a.engine, w->a.placed, NULL) && phone_run(&w->a, &w->b, phone_both_ended, 5000);
}

static void test_a_clean_call_is_good_and_both_know(struct t *t)
{
    struct world w;
    struct ahoy_judgement j;
    const struct sim_link far = { .delay_us = 40000 };
    T_OK(world_open(&w, 35));
    sim_default_link(w.sim, &far);
    T_CHECK(talk(&w, "opus", NULL, 30)); /* the buffers have come to rest, and the reports tell of that */
    const struct ahoy_call_stats *a = &w.a.stats, *b = &w.b.stats;
    T_NEAR(a->rtt_ms, 80, 2);
    T_NEAR(b->rtt_ms, 80, 2);
    T_LE(4.0, a->mos);
    T_LE(a->mos, a->mos_lq + 1e-9);
    T_LE(4.0, a->mos_now);
    T_STR(a->model, "G.107.2");
    T_NEAR(a->loss, 0, 1e-9);
    /* Each hears with the delay that the other says its voice arrives with: packet, codec, half a trip, buffer. */
    T_CHECK(!a->remote_estimated && a->remote_delay_ms > 0);
    T_NEAR(a->remote_delay_ms, b->delay_ms, 5);
    T_NEAR(b->remote_delay_ms, a->delay_ms, 5);
    T_NEAR(a->delay_ms, 40 + 26.5 + a->buffer_ms, 12);
    T_NEAR(a->remote_end_system_ms, b->end_system_ms, 12);
    T_NEAR(a->remote_mos, b->mos, 0.1);
    T_NEAR(a->remote_lost_fraction, 0, 0);
    ahoy_call_judge(a, &j);
    T_EQ(j.grade, AHOY_GRADE_GOOD);
    T_EQ(j.spoiler, AHOY_SPOILER_NONE);
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

/* PCMU has no recovery: what is lost on the way is what XR says is lost. */
static void test_random_loss_is_reported_as_it_was(struct t *t)
{
    struct world w;
    struct ahoy_judgement j;
    T_OK(world_open(&w, 45));
    T_CHECK(talk(&w, "pcmu", "loss=10,seed=11", 40));
    const struct ahoy_call_stats *a = &w.a.stats, *b = &w.b.stats;
    double lost = (double) b->lost / (double) b->expected;
    T_NEAR(lost, 0.10, 0.03);
    T_NEAR(a->remote_loss, lost, 0.02);
    T_NEAR(b->loss, lost, 0.02);
    T_NEAR(a->remote_burst, 1.1, 0.25);
    T_NEAR(b->burst, 1.1, 0.15);
    T_NEAR(a->remote_mos, b->mos, 0.2);
    T_LE(b->mos, 3.2);
    T_LE(4.0, a->mos); /* the other direction is clean */
    ahoy_call_judge(b, &j);
    T_EQ(j.spoiler, AHOY_SPOILER_LOSS);
    ahoy_call_judge(a, &j);
    T_EQ(j.grade, AHOY_GRADE_GOOD);
    T_EQ(j.spoiler, AHOY_SPOILER_REMOTE_LOSS);
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

static void test_bursts_are_reported_as_they_were(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 65));
    T_CHECK(talk(&w, "pcmu", "loss=8,burst=4,seed=5", 60));
    const struct ahoy_call_stats *a = &w.a.stats, *b = &w.b.stats;
    T_NEAR(b->burst, 4, 1);
    T_NEAR(a->remote_burst, 4, 1.6); /* of late only */
    T_NEAR(a->remote_loss, b->loss, 0.02);
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

static void test_what_comes_too_late_is_discarded_not_lost(struct t *t)
{
    struct world w;
    const struct sim_link fine = { .delay_us = 10000 }, bad = { .delay_us = 10000, .jitter_us = 60000 };
    T_OK(world_open(&w, 25));
    sim_default_link(w.sim, &fine);
    T_CHECK(talk(&w, "pcmu", NULL, 8));
    double before = w.b.stats.buffer_target_ms;
    T_OK(sim_pair_link(w.sim, w.host_a, w.host_b, &bad));
    phone_run_ms(&w.a, &w.b, 12000);
    const struct ahoy_call_stats *a = &w.a.stats, *b = &w.b.stats;
    T_LE(b->lost, 5); /* on their way */
    T_LE(before + 20, b->buffer_target_ms);
    T_LE(b->mos_now, 4.5);
    T_NEAR(a->remote_loss, 0, 0.002);
    T_LE(10, a->remote_jitter_ms);
    T_LE(before + 10, a->remote_buffer_ms); /* the peer's buffer has grown, and it says so */
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

static void test_opus_makes_good_what_is_lost(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 30));
    T_CHECK(talk(&w, "opus", "loss=8,seed=3", 25));
    const struct ahoy_call_stats *b = &w.b.stats;
    uint64_t good = b->recovered_fec + b->recovered_red + b->recovered_dred;
    T_LE(10, good);
    T_LE(b->loss, (double) b->lost / (double) b->expected);
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

/* ---- reports (RFC 6035) ------------------------------------------------------------------------------------------ */

/* Two telephones, the first with a collector at 192.0.2.9. */
struct reporting {
    struct world w;
    struct sys_host *host;
    struct raw collector;
};

static enum ahoy_err reporting_open(struct reporting *r, unsigned seconds)
{
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    cfg.quality_collector = "sip:collector@192.0.2.9";
    *r = (struct reporting){ .host = NULL };
    enum ahoy_err err = world_open(&r->w, seconds);
    if (!err)
        err = sim_host(r->w.sim, "192.0.2.9", &r->host);
    if (!err)
        err = raw_open(&r->collector, r->w.sim, r->host, "192.0.2.9");
    if (err)
        return err;
    phone_close(&r->w.a);
    return phone_open_with(&r->w.a, r->w.sim, r->w.host_a, "192.0.2.1:5060", &cfg);
}

static void reporting_close(struct t *t, struct reporting *r)
{
    phone_close_checked(t, &r->w.a);
    phone_close_checked(t, &r->w.b);
    if (r->collector.loop)
        raw_close(&r->collector);
    world_close(t, &r->w);
}

static struct view published_body(const struct reporting *r)
{
    struct view v = view_str(r->collector.published);
    size_t at = view_search(v, VIEW("\r\n\r\n"));
    return at < v.n ? view_from(v, at + 4) : view_of(NULL, 0);
}

static void test_the_collector_gets_a_report_at_the_end(struct t *t)
{
    struct reporting r;
    unsigned where = 0;
    T_OK(reporting_open(&r, 20));
    T_CHECK(talk(&r.w, "pcmu", "loss=5,seed=2", 15));
    T_OK(ahoy_call_report(r.w.a.engine, r.w.a.placed, NULL)); /* on request: told, not sent */
    T_CHECK(phone_result(&r.w.a, &r.w.b, AHOY_OK));
    T_CHECK(r.w.a.reports == 1 && r.collector.publishes == 0);
    T_CHECK(vq_abnf_check(view_str(r.w.a.report), &where) && !strstr(r.w.a.report, "CallTerm"));
    T_CHECK(hang_up(&r.w));
    phone_run_ms(&r.w.a, &r.w.b, 1000);
    T_EQ(r.collector.publishes, 1);
    T_CHECK(strstr(r.collector.published, "PUBLISH sip:collector@192.0.2.9"));
    T_CHECK(strstr(r.collector.published, "\r\nEvent: vq-rtcpxr\r\n"));
    T_CHECK(strstr(r.collector.published, "\r\nContent-Type: application/vq-rtcpxr\r\n"));
    struct view body = published_body(&r);
    T_CHECK(vq_abnf_check(body, &where));
    T_CHECK(view_starts(body, VIEW("VQSessionReport:CallTerm\r\n")));
    T_NEAR(vq_abnf_value(body, "LocalMetrics:", "PacketLoss:", "NLR"), 0, 0);
    T_NEAR(vq_abnf_value(body, "RemoteMetrics:", "PacketLoss:", "NLR"), 5, 3); /* what B lost of A's */
    T_NEAR(vq_abnf_value(body, "LocalMetrics:", "QualityEst:", "MOSCQ"), r.w.a.stats.mos, 0.02);
    T_NEAR(vq_abnf_value(body, "LocalMetrics:", "Delay:", "RTD"), r.w.a.stats.rtt_ms, 1);
    T_CHECK(vq_abnf_value(body, "LocalMetrics:", "Delay:", "ESD") > 20);
    T_CHECK(r.w.a.reports == 2 && view_eq(view_str(r.w.a.report), body));
out:
    reporting_close(t, &r);
}

static void test_a_bad_call_alerts_once(struct t *t)
{
    struct reporting r;
    unsigned where = 0;
    T_OK(reporting_open(&r, 40));
    const struct sim_link bad = { .loss = 0.3, .delay_us = 10000 }, fine = { .delay_us = 10000 };
    T_CHECK(talk(&r.w, "pcmu", NULL, 5));
    T_OK(sim_pair_link(r.w.sim, r.w.host_b, r.w.host_a, &bad));
    phone_run_ms(&r.w.a, &r.w.b, 25000);
    T_EQ(r.collector.publishes, 1);
    T_STR(r.w.a.report_kind, "alert");
    T_CHECK(vq_abnf_check(published_body(&r), &where));
    T_CHECK(view_starts(published_body(&r), VIEW("VQAlertReport:Type=MOSCQ Severity=Critical Dir=local\r\n")));
    T_OK(sim_pair_link(r.w.sim, r.w.host_b, r.w.host_a, &fine));
    T_CHECK(hang_up(&r.w));
out:
    reporting_close(t, &r);
}

/* Losses that many a user would find poor, and nobody unbearable (G.107 annex B: 3.1 to 3.6). */
static void test_a_call_that_is_poor_and_not_bad_alerts_nobody(struct t *t)
{
    struct reporting r;
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    T_OK(reporting_open(&r, 40));
    const struct sim_link poor = { .loss = 0.09, .delay_us = 10000 };
    T_CHECK(talk(&r.w, "pcmu", NULL, 5));
    T_OK(sim_pair_link(r.w.sim, r.w.host_b, r.w.host_a, &poor));
    double least = 5;
    for (unsigned s = 0; s < 30; s++) {
        phone_run_ms(&r.w.a, &r.w.b, 1000);
        T_OK(ahoy_call_list(r.w.a.engine, &list, &n));
        T_EQ(n, 1);
        least = AHOY_MIN(least, list[0].stats.mos_now);
        ahoy_free(list);
        list = NULL;
    }
    T_CHECK(least > 3.1 && least < 3.5);
    T_EQ(r.collector.publishes, 0);
    T_CHECK(hang_up(&r.w));
out:
    ahoy_free(list);
    reporting_close(t, &r);
}

static void test_a_collector_that_knows_no_reports_gets_no_more(struct t *t)
{
    struct reporting r;
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null" };
    T_OK(reporting_open(&r, 0));
    r.collector.publish_status = 405;
    for (unsigned i = 0; i < 2; i++) {
        r.w.a.state = r.w.b.state = AHOY_CALL_ENDED;
        r.w.a.calls_ended = r.w.b.calls_ended = 0;
        T_CHECK(world_call(&r.w, &plain, &plain, 0));
        phone_run_ms(&r.w.a, &r.w.b, 2000);
        T_CHECK(hang_up(&r.w));
        phone_run_ms(&r.w.a, &r.w.b, 500);
        T_EQ(r.collector.publishes, 1);
    }
out:
    reporting_close(t, &r);
}

/* Leaving hangs up, and the last report still goes; a collector that is silent holds nobody. */
static void test_leaving_waits_for_the_report(struct t *t)
{
    struct reporting r;
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null" };
    T_OK(reporting_open(&r, 0));
    T_CHECK(world_call(&r.w, &plain, &plain, 0));
    phone_run_ms(&r.w.a, &r.w.b, 2000);
    phone_close_checked(t, &r.w.a);
    T_EQ(r.collector.publishes, 1);
out:
    reporting_close(t, &r);
}

static bool judged_as(const struct ahoy_call_stats *s, enum ahoy_grade grade, enum ahoy_spoiler spoiler)
{
    struct ahoy_judgement j;
    ahoy_call_judge(s, &j);
    return j.grade == grade && j.spoiler == spoiler;
}

/* A peer whose plug is pulled: what it said was fine, and then there was nothing; no network lost or delayed that. */
static void check_a_peer_that_goes(struct t *t, const char *codec)
{
    struct world w;
    const struct sim_link gone = { .loss = 1.0 }, fine = { .delay_us = 10000 };
    T_OK(world_open(&w, 60));
    sim_default_link(w.sim, &fine);
    T_CHECK(talk(&w, codec, NULL, 15));
    T_EQ(w.a.stats.gone_ms, 0);
    uint32_t before_ms = w.a.stats.concealed_ms;
    T_OK(sim_pair_link(w.sim, w.host_b, w.host_a, &gone));
    phone_run_ms(&w.a, &w.b, 12000);
    T_NEAR(w.a.stats.gone_ms, 11500, 510);
    T_NEAR(w.a.stats.concealed_ms, before_ms, 40);
    T_CHECK(judged_as(&w.a.stats, AHOY_GRADE_GOOD, AHOY_SPOILER_GONE));
    T_OK(sim_pair_link(w.sim, w.host_b, w.host_a, &fine));
    phone_run_ms(&w.a, &w.b, 7000); /* B's circuit breaker had stopped it, and tries again every few seconds */
    T_EQ(w.a.stats.gone_ms, 0);
    T_OK(ahoy_call_hold(w.a.engine, w.a.placed, true, NULL));
    phone_run_ms(&w.a, &w.b, 8000);
    T_EQ(w.a.stats.gone_ms, 0); /* it was asked not to */
    T_CHECK(hang_up(&w));
    T_EQ(w.a.stats.gone_ms, 0);
out:
    world_close(t, &w);
}

/* What is missing while a call is on hold, and until its sound runs again, is no loss. */
static void test_a_hold_spoils_no_figures(struct t *t)
{
    struct world w;
    const struct sim_link far = { .delay_us = 60000 };
    T_OK(world_open(&w, 60));
    sim_default_link(w.sim, &far);
    T_CHECK(talk(&w, "opus", NULL, 5));
    uint32_t before_a = w.a.stats.concealed_ms, before_b = w.b.stats.concealed_ms;
    for (unsigned i = 0; i < 6; i++) {
        T_OK(ahoy_call_hold(w.a.engine, w.a.placed, i % 2 == 0, NULL));
        phone_run_ms(&w.a, &w.b, 2500);
    }
    T_NEAR(w.a.stats.concealed_ms, before_a, 60);
    T_NEAR(w.b.stats.concealed_ms, before_b, 60);
    T_CHECK(judged_as(&w.a.stats, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE));
    T_CHECK(judged_as(&w.b.stats, AHOY_GRADE_GOOD, AHOY_SPOILER_NONE));
    sim_default_link(w.sim, &(struct sim_link){ .loss = 1.0 });
    phone_run_ms(&w.a, &w.b, 5000); /* nor is who was held taken for one that pauses */
    T_LE(3000, w.a.stats.gone_ms);
    sim_default_link(w.sim, &far);
    T_CHECK(hang_up(&w));
out:
    world_close(t, &w);
}

static void test_a_peer_that_goes_is_no_bad_network(struct t *t)
{
    check_a_peer_that_goes(t, "opus");
    if (!t->failed)
        check_a_peer_that_goes(t, "pcmu");
}

/* A telephone and a peer of text that pauses without a word, or begins another stream; both leave what is heard good. */
static void test_a_pause_and_another_stream_are_no_loss(struct t *t)
{
    struct sim *sim = NULL;
    struct sys_host *host_a, *host_r;
    struct phone a = { 0 };
    struct raw r = { 0 };
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = "pcmu", .audio = "null" } };
    T_OK(sim_create(&sim, 9));
    T_OK(sim_host(sim, "192.0.2.1", &host_a));
    T_OK(sim_host(sim, "192.0.2.9", &host_r));
    T_OK(raw_open(&r, sim, host_r, "192.0.2.9"));
    T_OK(phone_open(&a, sim, host_a, "192.0.2.1:5060"));
    T_OK(ahoy_listen(a.engine, &listen));
    phone_run_ms(&a, NULL, 10);
    raw_call(&r, "192.0.2.1", RAW_SDP("0", ""));
    phone_run_ms(&a, NULL, 200);
    T_EQ(r.status, 200);
    raw_talk(&r, 0, 20);
    phone_run_ms(&a, NULL, 5000);
    raw_hush(&r); /* next by number, not by time */
    phone_run_ms(&a, NULL, 2500);
    r.ts += 8 * 2500;
    raw_talk(&r, 0, 20);
    for (int s = 0; s < 15; s++) { /* the second in which it had not been known passes out of the last ten */
        phone_run_ms(&a, NULL, 1000);
        if (s > 0)
            T_LE(400, 100 * a.stats.mos_now);
    }
    r.ssrc++;
    r.seq = (uint16_t) (r.seq - 20000);
    phone_run_ms(&a, NULL, 15000);
    T_LE(400, 100 * a.stats.mos_now);
    T_EQ(a.stats.lost, 0);
    T_LE(100 * a.stats.loss, 1);
out:
    raw_hush(&r);
    raw_request(&r, "BYE", "", NULL);
    phone_close_checked(t, &a);
    raw_close(&r);
    sim_destroy(sim);
}

T_MAIN(T_PLAIN(test_a_clean_call_is_good_and_both_know), T_PLAIN(test_random_loss_is_reported_as_it_was),
       T_PLAIN(test_bursts_are_reported_as_they_were), T_PLAIN(test_what_comes_too_late_is_discarded_not_lost),
       T_PLAIN(test_opus_makes_good_what_is_lost), T_PLAIN(test_a_peer_that_goes_is_no_bad_network),
       T_PLAIN(test_a_hold_spoils_no_figures), T_PLAIN(test_the_collector_gets_a_report_at_the_end),
       T_PLAIN(test_a_bad_call_alerts_once), T_PLAIN(test_a_call_that_is_poor_and_not_bad_alerts_nobody),
       T_PLAIN(test_a_pause_and_another_stream_are_no_loss),
       T_STRIDE(test_a_collector_that_knows_no_reports_gets_no_more, 61),
       T_STRIDE(test_leaving_waits_for_the_report, 61))
