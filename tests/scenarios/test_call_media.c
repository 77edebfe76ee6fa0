/* The sound of calls: every codec, packet times, losses, keys, NATs and paths that lead nowhere. */
#include "rtp/packet.h"
#include "support/phone.h"

#include <stdio.h>

/*
 * What each says reaches the other with this codec and packet time. Within the first second the play-out comes nearer
 * by a pitch period or two, once: that second correlates by halves, the others wholly.
 */
static void sounds(struct t *t, const char *codec, unsigned ptime_ms, const char *name, int score)
{
    struct world w;
    T_OK(world_open(&w, 3));
    struct ahoy_media_config a = { .codecs = codec, .ptime_ms = ptime_ms, .audio = w.sound_a };
    struct ahoy_media_config b = { .codecs = codec, .ptime_ms = ptime_ms, .audio = w.sound_b };
    T_CHECK(world_call(&w, &a, &b, 3));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 6000));
    T_STR(w.a.stats.codec, name);
    T_STR(w.b.stats.send_codec, name);
    T_EQ(w.b.stats.lost + w.a.stats.lost, 0);
    T_NEAR(w.b.stats.rtp_in, 3000.0 / (ptime_ms ? ptime_ms : 20), 3);
    T_LE(score, world_score(&w, w.heard_a));
    T_LE(score, world_score(&w, w.heard_b));
    T_LE(3, w.b.stats.mos);
out:
    world_close(t, &w);
}

static void test_opus_sounds(struct t *t)
{
    sounds(t, "opus", 20, "opus", 80);
}

static void test_g722_sounds(struct t *t)
{
    sounds(t, "g722", 20, "G722", 80);
}

static void test_pcmu_sounds(struct t *t)
{
    sounds(t, "pcmu", 20, "PCMU", 80);
}

static void test_pcma_sounds(struct t *t)
{
    sounds(t, "pcma", 20, "PCMA", 80);
}

static void test_l16_sounds_at_each_rate(struct t *t)
{
    static const char *const name[] = { "l16/8000", "l16/16000", "l16/32000", "l16/48000" };
    for (size_t i = 0; i < AHOY_COUNT(name) && !t->failed; i++)
        sounds(t, name[i], 20, "L16", 80);
}

static void test_packet_times_from_10_to_60_ms_sound(struct t *t)
{
    for (unsigned ms = 10; ms <= 60 && !t->failed; ms += 10)
        sounds(t, "pcma", ms, "PCMA", 80);
    for (unsigned ms = 10; ms <= 40 && !t->failed; ms *= 2)
        sounds(t, "opus", ms, "opus", 75);
}

static void lossy(struct t *t, const char *codec, const char *impair, bool link, int score)
{
    struct world w;
    const struct sim_link bad = { .loss = 0.1, .delay_us = 30000, .jitter_us = 20000 };
    T_OK(world_open(&w, 8));
    struct ahoy_media_config a = { .codecs = codec, .audio = w.sound_a, .impair = impair };
    struct ahoy_media_config b = { .codecs = codec, .audio = w.sound_b, .impair = impair };
    T_CHECK(world_call(&w, &a, &b, 8));
    if (link)
        sim_default_link(w.sim, &bad);
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 50000));
    T_NEAR(w.a.stats.lost, 40, 22); /* of 400 */
    T_NEAR(w.b.stats.lost, 40, 22);
    T_LE(score, world_score(&w, w.heard_b));
    T_LE(score, world_score(&w, w.heard_a));
    T_LE(300, w.b.stats.concealed_ms + (codec[0] == 'o' ? 300 : 0)); /* Opus recovers rather than conceals */
    T_LE(4, w.b.stats.jitter_ms);
out:
    world_close(t, &w);
}

static void test_a_tenth_lost_on_the_way_is_still_speech(struct t *t)
{
    lossy(t, "opus", NULL, true, 50);
    if (!t->failed)
        lossy(t, "pcmu", NULL, true, 45);
}

/* Loss of this kind both ways, from the first words on: what is not made good of it, in per cent of the time after 10 s. */
static void protected_call(struct t *t, const struct sim_link *bad, double most_percent)
{
    struct world w;
    T_OK(world_open(&w, 0));
    struct ahoy_media_config media = { .codecs = "opus", .audio = "tone:440" };
    T_CHECK(world_call(&w, &media, &media, 0)); /* signalling has its own tests: here it could take seconds */
    sim_default_link(w.sim, bad);
    phone_run_ms(&w.a, &w.b, 10000);
    const struct ahoy_call_stats before = w.b.stats;
    phone_run_ms(&w.a, &w.b, 20000);
    const struct ahoy_call_stats *b = &w.b.stats;
    double concealed = b->concealed_ms - before.concealed_ms, took = b->duration_ms - before.duration_ms;
    T_LE(100, b->lost);
    T_LE(100, b->recovered_red);
    T_LE(concealed / took * 100, most_percent);
    double bits = (double) (b->bytes_in - before.bytes_in) * 8 / (1 - bad->loss) / took; /* kbit/s, sent */
    T_LE(bits, 48.5);       /* 64 with the headers of 50 packets a second */
    T_LE(b->delay_ms, 225); /* a tone has no pauses in which it could come down */
out:
    if (w.a.engine)
        sim_default_link(w.sim, &(struct sim_link){ .delay_us = 10000 });
    world_close(t, &w);
}

static void test_a_fifth_lost_is_made_good(struct t *t)
{
    protected_call(t, &(struct sim_link){ .loss = 0.2, .delay_us = 10000 }, 2);
    if (!t->failed)
        protected_call(t, &(struct sim_link){ .loss = 0.2, .burst = 3, .delay_us = 10000 }, 6);
}

static void test_a_tenth_lost_by_impairment_is_still_speech(struct t *t)
{
    lossy(t, "opus", "loss=10,jitter=10,seed=4", false, 50);
    if (!t->failed)
        lossy(t, "g722", "loss=10,jitter=10,seed=4", false, 45);
}

static bool hinted(struct phone *a, struct phone *b)
{
    (void) b;
    return a->muted_hints > 0;
}

static void test_who_speaks_while_muted_is_told(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 16));
    struct ahoy_media_config a = { .codecs = "pcmu", .audio = w.sound_a };
    struct ahoy_media_config b = { .codecs = "pcmu", .audio = w.sound_b };
    T_CHECK(world_call(&w, &a, &b, 16));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 6000));
    T_EQ(w.a.muted_hints, 0);
    T_OK(ahoy_call_mute(w.a.engine, w.a.placed, true, NULL));
    T_CHECK(phone_run(&w.a, &w.b, hinted, 4000));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 20000));
    T_LE(w.a.muted_hints, 2); /* in 16 s */
    T_EQ(w.b.muted_hints, 0);
out:
    world_close(t, &w);
}

static void test_processing_that_is_asked_for_leaves_speech(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 4));
    struct ahoy_media_config a = { .codecs = "g722", .audio = w.sound_a, .processing = "hpf,aec,ns,agc" };
    struct ahoy_media_config b = { .codecs = "g722", .audio = w.sound_b, .processing = "off" };
    T_CHECK(world_call(&w, &a, &b, 4));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 8000));
    T_EQ(w.a.stats.lost + w.b.stats.lost, 0);
    T_LE(strcmp(ahoy_build().mic, "own") == 0 ? 60 : 40,
         world_score(&w, w.heard_b)); /* the library's gain bends more */
    T_LE(80, world_score(&w, w.heard_a));
    a.processing = "aec,louder";
    T_ERR(ahoy_call_place(w.a.engine, &(struct ahoy_call_config){ .uri = "sip:b@192.0.2.2", .media = a }, &w.a.placed),
          AHOY_ERR_INVAL);
out:
    world_close(t, &w);
}

static void test_keys_arrive_both_ways(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    struct ahoy_media_config a = { .codecs = "opus,pcmu", .audio = "tone:300", .dtmf = "1,2" };
    struct ahoy_media_config b = { .audio = "tone:500" };
    T_CHECK(world_call(&w, &a, &b, 6));
    T_OK(ahoy_call_dtmf(w.b.engine, w.b.incoming, "0*#D", NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    T_OK(ahoy_call_dtmf(w.b.engine, w.b.incoming, "1x", NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_ERR_SYNTAX));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 8000));
    T_STR(w.b.digits, "12");
    T_STR(w.a.digits, "0*#D");
    T_NEAR(w.a.digit_ms, 100, 21);
out:
    world_close(t, &w);
}

static void test_keys_survive_losses(struct t *t)
{
    struct world w;
    const struct sim_link bad = { .loss = 0.2, .delay_us = 10000 };
    T_OK(world_open(&w, 0));
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null" };
    T_CHECK(world_call(&w, &plain, &plain, 0));
    sim_default_link(w.sim, &bad);
    T_OK(ahoy_call_dtmf(w.a.engine, w.a.placed, "1234567890*#", NULL));
    phone_run_ms(&w.a, &w.b, 4000);
    T_STR(w.b.digits, "1234567890*#");
out:
    world_close(t, &w);
}

static void test_a_telephone_behind_a_symmetric_nat_is_heard_and_hears(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 4));
    T_OK(sim_nat(w.host_a, "198.51.100.7", SIM_NAT_SYMMETRIC, 0));
    struct ahoy_media_config a = { .codecs = "pcmu", .audio = w.sound_a };
    struct ahoy_media_config b = { .codecs = "pcmu", .audio = w.sound_b };
    T_CHECK(world_call(&w, &a, &b, 5));
    phone_run_ms(&w.a, &w.b, 2000);
    T_CHECK(strstr(w.b.remote, "198.51.100.7"));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 40000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_LE(60, world_score(&w, w.heard_b));
    T_LE(60, world_score(&w, w.heard_a));
out:
    world_close(t, &w);
}

/* A tap cannot stop packets, a link can: all of one direction goes once signalling is done. */
static void test_sound_one_way_is_told_by_both(struct t *t)
{
    struct world w;
    const struct sim_link gone = { .loss = 1.0 }, fine = { .delay_us = 1000 };
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "tone:440", .no_rtp_s = 3 };
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    phone_run_ms(&w.a, &w.b, 500);
    T_OK(sim_pair_link(w.sim, w.host_b, w.host_a, &gone));
    phone_run_ms(&w.a, &w.b, 12000);
    T_EQ(w.a.trouble_now, AHOY_CAUSE_ONE_WAY); /* some packets had come */
    T_EQ(w.b.trouble_now, AHOY_CAUSE_NONE);
    T_OK(sim_pair_link(w.sim, w.host_b, w.host_a, &fine));
    phone_run_ms(&w.a, &w.b, 7000); /* B's circuit breaker had stopped it, and tries again every few seconds */
    T_EQ(w.a.trouble_now, AHOY_CAUSE_NONE);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
out:
    world_close(t, &w);
}

/* Packets end as soon as the call stands; a call too short for that to show is no failure. */
static void test_no_sound_at_all_is_a_failed_call(struct t *t)
{
    struct world w;
    struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "tone:440", .no_rtp_s = 2 };
    const struct sim_link gone = { .loss = 1.0 }, fine = { .delay_us = 1000 };
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = plain };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, &w.a.placed));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 5000));
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    w.a.state = w.b.state = AHOY_CALL_ENDED;
    w.a.calls_ended = w.b.calls_ended = 0;
    T_OK(ahoy_call_place(w.a.engine, &call, &w.a.placed));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 5000));
    sim_default_link(w.sim, &gone);
    phone_run_ms(&w.a, &w.b, 8000);
    T_CHECK(w.a.trouble_now == AHOY_CAUSE_NO_RTP || w.a.trouble_now == AHOY_CAUSE_ONE_WAY);
    sim_default_link(w.sim, &fine);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
out:
    world_close(t, &w);
}

/* Codecs and losses are measured without failing allocations: test_call.c has those. */
/* Packets of sound, and how many of them left in the very moment at which one of the peer's arrived. */
struct crossing {
    int64_t sent_us[2];
    unsigned packets, joined;
};

static void on_crossing(void *arg, int64_t now_us, const struct addr *src, const struct addr *dst, const void *data,
                        size_t n, bool lost)
{
    struct crossing *x = arg;
    (void) dst, (void) lost;
    if (rtp_classify(view_of(data, n)) != RTP_KIND_RTP)
        return;
    int who = src->ip[3] == 1 ? 0 : 1;
    x->sent_us[who] = now_us;
    x->packets++;
    x->joined += now_us - x->sent_us[!who] == 3000;
}

static void test_on_a_quiet_line_packets_come_and_go_in_one_wake_up(struct t *t)
{
    struct world w;
    struct crossing x = { .packets = 0 };
    struct ahoy_media_config media = { .codecs = "pcmu", .audio = "tone:440" };
    T_OK(world_open(&w, 0));
    sim_default_link(w.sim, &(struct sim_link){ .delay_us = 3000 });
    T_CHECK(world_call(&w, &media, &media, 0));
    phone_run_ms(&w.a, &w.b, 2000);
    sim_tap(w.sim, on_crossing, &x);
    phone_run_ms(&w.a, &w.b, 2000);
    sim_tap(w.sim, NULL, NULL);
    T_NEAR(x.packets, 200, 2);
    T_LE(95, x.joined); /* one of the two, whose turn comes just after the other's */
    T_EQ(w.a.stats.concealed_ms + w.b.stats.concealed_ms, 0);
out:
    world_close(t, &w);
}

/* A machine that is busy, and then is not. */
static void test_effort_follows_the_time_there_is(struct t *t)
{
    struct world w;
    struct ahoy_media_config media = { .codecs = "opus", .audio = "tone:440" };
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &media, &media, 0));
    phone_run_ms(&w.a, &w.b, 3000);
    T_NEAR(w.a.stats.cpu, 0, 0.001);
    T_EQ(w.a.stats.saving, 0);
    sim_host_busy(w.host_a, 0.6);
    phone_run_ms(&w.a, &w.b, 12000);
    T_NEAR(w.a.stats.cpu, 0.6, 0.01);
    T_EQ(w.a.stats.saving, 3);
    T_EQ(w.b.stats.saving, 0);
    T_LE(-20, w.b.stats.level_in_dbfs); /* it is heard all the same */
    sim_host_busy(w.host_a, 0.1);
    phone_run_ms(&w.a, &w.b, 36000);
    T_EQ(w.a.stats.saving, 0);
    T_EQ(w.b.stats.lost, 0);
out:
    world_close(t, &w);
}

T_MAIN(T_PLAIN(test_opus_sounds), T_PLAIN(test_g722_sounds), T_PLAIN(test_pcmu_sounds), T_PLAIN(test_pcma_sounds),
       T_PLAIN(test_l16_sounds_at_each_rate), T_PLAIN(test_packet_times_from_10_to_60_ms_sound),
       T_PLAIN(test_a_fifth_lost_is_made_good), T_PLAIN(test_a_tenth_lost_on_the_way_is_still_speech),
       T_PLAIN(test_a_tenth_lost_by_impairment_is_still_speech), T_PLAIN(test_who_speaks_while_muted_is_told),
       T_PLAIN(test_processing_that_is_asked_for_leaves_speech), T_STRIDE(test_keys_arrive_both_ways, 61),
       T_STRIDE(test_keys_survive_losses, 31), T_PLAIN(test_a_telephone_behind_a_symmetric_nat_is_heard_and_hears),
       T_STRIDE(test_sound_one_way_is_told_by_both, 31), T_STRIDE(test_no_sound_at_all_is_a_failed_call, 31),
       T_PLAIN(test_on_a_quiet_line_packets_come_and_go_in_one_wake_up), T_PLAIN(test_effort_follows_the_time_there_is))
