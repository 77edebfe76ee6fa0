/*
 * Conferences of whole telephones under virtual time: one merges its calls, each of the others hears everybody but
 * itself, by correlation of what was recorded with what each said.
 */
#include "support/phone.h"
#include "support/temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 16, SECONDS = 9 };

struct party {
    struct sim *sim;
    struct sys_host *host[MOST + 1];
    struct phone hub, peer[MOST];
    ahoy_call_id call[MOST];
    int n;
    char dir[64];
    char said[MOST + 1][PHONE_PATH], heard[MOST + 1][PHONE_PATH], tape[PHONE_PATH]; /* [n] is the hub's */
};

static const char *const codecs[] = { "pcmu", "opus", "g722", "l16/32000" };

static void pump(struct party *w, int ms)
{
    for (int at = 0; at < ms; at += 10) {
        sim_run(w->sim, SYS_MS(10));
        phone_pump(&w->hub);
        for (int i = 0; i < w->n; i++)
            if (w->peer[i].engine)
                phone_pump(&w->peer[i]);
    }
}

/* Waits for the result of a command of the hub. */
static bool result(struct party *w, enum ahoy_err want)
{
    w->hub.results_ok = w->hub.results_bad = 0;
    for (int ms = 0; ms < 5000 && w->hub.results_ok + w->hub.results_bad == 0; ms += 10)
        pump(w, 10);
    return w->hub.results_ok + w->hub.results_bad > 0 && w->hub.result == want;
}

static bool all_talk(const struct party *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->peer[i].state != AHOY_CALL_CONFIRMED)
            return false;
    return (int) w->hub.confirmed == w->n;
}

static const char *sound_of(const struct party *w, int i, char spec[2 * PHONE_PATH + 8])
{
    (void) snprintf(spec, 2 * PHONE_PATH + 8, "file:%s,%s", w->said[i], w->heard[i]);
    return spec;
}

/* The hub at 192.0.2.100 and `n` others, who answer by themselves; each has its own codec and something to say. */
static enum ahoy_err party_open(struct party *w, int n)
{
    char ip[32], bind[40], spec[2 * PHONE_PATH + 8];
    *w = (struct party){ .n = n };
    if (!temp_make(w->dir, sizeof w->dir))
        return AHOY_ERR_IO;
    (void) snprintf(w->tape, sizeof w->tape, "%s/tape.wav", w->dir);
    for (int i = 0; i <= n; i++) {
        (void) snprintf(w->said[i], sizeof w->said[i], "%s/said%d.wav", w->dir, i);
        (void) snprintf(w->heard[i], sizeof w->heard[i], "%s/heard%d.wav", w->dir, i);
        if (!world_write_said(w->said[i], SECONDS, (uint64_t) i + 100))
            return AHOY_ERR_IO;
    }
    enum ahoy_err err = sim_create(&w->sim, 42);
    for (int i = 0; i <= n && !err; i++) {
        struct ahoy_listen_config listen = { .auto_answer = true,
                                             .media = { .codecs = codecs[(size_t) i % AHOY_COUNT(codecs)] } };
        struct phone *p = i == n ? &w->hub : &w->peer[i];
        (void) snprintf(ip, sizeof ip, "192.0.2.%d", i == n ? 100 : i + 1);
        (void) snprintf(bind, sizeof bind, "%s:5060", ip);
        listen.media.audio = sound_of(w, i, spec);
        if (!(err = sim_host(w->sim, ip, &w->host[i])) && !(err = phone_open(p, w->sim, w->host[i], bind)) && i < n)
            err = ahoy_listen(p->engine, &listen);
    }
    return err;
}

/* The hub calls all; its own voice is that of the first call's device. */
static bool call_all(struct party *w)
{
    char uri[64], spec[2 * PHONE_PATH + 8];
    for (int i = 0; i < w->n; i++) {
        struct ahoy_call_config call = { .uri = uri,
                                         .media = { .codecs = "opus,g722,pcmu,l16/32000", .audio = "null" } };
        (void) snprintf(uri, sizeof uri, "sip:x@192.0.2.%d", i + 1);
        if (i == 0)
            call.media.audio = sound_of(w, w->n, spec);
        if (ahoy_call_place(w->hub.engine, &call, &w->call[i]))
            return false;
    }
    for (int ms = 0; ms < 5000 && !all_talk(w); ms += 10)
        pump(w, 10);
    return all_talk(w);
}

static void party_close(struct t *t, struct party *w)
{
    phone_close_checked(t, &w->hub);
    for (int i = 0; i < w->n; i++)
        phone_close_checked(t, &w->peer[i]);
    sim_destroy(w->sim);
    temp_remove(w->dir);
}

static double score(const char *said, const char *heard)
{
    struct ahoy_sound_score s;
    double got = ahoy_sound_compare(said, heard, &s) ? -1 : 100 * s.correlation;
    if (getenv("AHOY_TEST_FIGURES"))
        (void) fprintf(stderr, "%s in %s: %.0f %%\n", said + 21, heard + 21, got);
    return got;
}

/* All that each should hear is in its recording, and what it said itself is not. */
static void check_heard(struct t *t, struct party *w, double least, double own)
{
    for (int i = 0; i <= w->n; i += w->n > 8 ? w->n : 1) /* of a crowd the first one and us: comparing takes its time */
        for (int o = 0; o <= w->n; o++) {
            double s = score(w->said[o], w->heard[i]);
            if (o == i)
                T_CHECK(s < own);
            else
                T_CHECK(s > least);
        }
out:;
}

static void hang_up(struct party *w)
{
    (void) !ahoy_conference_hangup(w->hub.engine, w->hub.conference, NULL);
    for (int ms = 0; ms < 5000 && w->hub.calls_ended < (unsigned) w->n; ms += 10)
        pump(w, 10);
    pump(w, 500);
}

/* Equal voices of which each hears n: their correlation with the sum is 1 / sqrt(n). */
static void confer(struct t *t, int n, const struct sim_link *link, double least, double own)
{
    struct party w;
    T_OK(party_open(&w, n));
    T_CHECK(call_all(&w));
    T_OK(ahoy_call_join(w.hub.engine, w.call, (size_t) n, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_CHECK(w.hub.conference != 0);
    T_EQ(w.hub.members, n);
    if (link)
        sim_default_link(w.sim, link);
    pump(&w, 7500);
    T_CHECK(w.hub.local);
    T_CHECK((w.hub.spoke & 1) != 0);
    hang_up(&w);
    T_EQ(w.hub.calls_ended, n);
    T_EQ(w.hub.calls_failed, 0);
    T_EQ(w.hub.conferences_over, 1);
    check_heard(t, &w, least, own);
out:
    party_close(t, &w);
}

static void test_two_calls_are_merged_and_each_hears_the_two_others(struct t *t)
{
    confer(t, 2, NULL, 50, 20);
}

static void test_four_of_four_codecs_hear_each_other(struct t *t)
{
    confer(t, 4, NULL, 33, 20);
}

static void test_a_conference_survives_losses(struct t *t)
{
    const struct sim_link bad = { .loss = 0.05, .delay_us = 20000, .jitter_us = 10000 };
    confer(t, 4, &bad, 22, 20);
}

static void test_sixteen_hear_each_other(struct t *t)
{
    confer(t, MOST, NULL, 12, 11);
}

/* Merge two, add a third, split one out, leave the others, come back, and hang up one after the other. */
static void test_members_come_and_go(struct t *t)
{
    struct party w;
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    T_OK(party_open(&w, 3));
    T_CHECK(call_all(&w));
    T_OK(ahoy_call_join(w.hub.engine, w.call, 1, NULL));
    T_CHECK(result(&w, AHOY_ERR_STATE)); /* one is no conference */
    T_OK(ahoy_call_hold(w.hub.engine, w.call[1], true, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_OK(ahoy_call_join(w.hub.engine, w.call, 2, NULL));
    T_CHECK(result(&w, AHOY_OK));
    ahoy_conference_id id = w.hub.conference;
    pump(&w, 500);
    T_CHECK(!w.peer[1].held_by_peer); /* it was resumed */
    T_OK(ahoy_call_join(w.hub.engine, (ahoy_call_id[]){ w.call[2], w.call[0] }, 2, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_EQ(w.hub.conference, id);
    T_EQ(w.hub.members, 3);
    T_OK(ahoy_call_list(w.hub.engine, &list, &n));
    T_EQ(n, 3);
    T_EQ(list[1].conference, id);
    pump(&w, 300);
    T_OK(ahoy_call_split(w.hub.engine, w.call[0], NULL)); /* whose device was the local user's */
    T_CHECK(result(&w, AHOY_OK));
    T_EQ(w.hub.members, 2);
    T_OK(ahoy_call_split(w.hub.engine, w.call[0], NULL));
    T_CHECK(result(&w, AHOY_ERR_STATE));
    T_OK(ahoy_conference_attend(w.hub.engine, id, false, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_CHECK(!w.hub.local);
    pump(&w, 300);
    T_OK(ahoy_conference_attend(w.hub.engine, id, true, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_OK(ahoy_call_hangup(w.peer[2].engine, w.peer[2].incoming, NULL));
    pump(&w, 500);
    T_EQ(w.hub.conferences_over, 1); /* one with us is a call */
    T_EQ(w.hub.conference, 0);
    T_EQ(w.hub.calls_ended, 1);
    T_OK(ahoy_conference_attend(w.hub.engine, id, true, NULL));
    T_CHECK(result(&w, AHOY_ERR_NOT_FOUND));
out:
    ahoy_free(list);
    party_close(t, &w);
}

/* Left to themselves, the last one has nobody to talk to and is hung up. */
static void test_the_others_go_on_without_us_until_one_hangs_up(struct t *t)
{
    struct party w;
    T_OK(party_open(&w, 2));
    T_CHECK(call_all(&w));
    T_OK(ahoy_call_join(w.hub.engine, w.call, 2, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_OK(ahoy_conference_attend(w.hub.engine, w.hub.conference, false, NULL));
    T_CHECK(result(&w, AHOY_OK));
    pump(&w, 6000);
    T_OK(ahoy_call_hangup(w.peer[0].engine, w.peer[0].incoming, NULL));
    pump(&w, 1000);
    T_EQ(w.hub.calls_ended, 2);
    T_EQ(w.hub.calls_failed, 0);
    T_EQ(w.peer[1].calls_ended, 1);
    T_CHECK(score(w.said[0], w.heard[1]) > 60);
    T_CHECK(score(w.said[1], w.heard[0]) > 60);
    T_CHECK(score(w.said[2], w.heard[0]) < 35); /* the beginning only */
out:
    party_close(t, &w);
}

/* Muted we are not heard, but hear; turned down a peer is heard by nobody; both sides are on the tape. */
static void test_mute_gain_and_the_tape(struct t *t)
{
    struct party w;
    struct ahoy_record_config tape = { .mixed = true };
    T_OK(party_open(&w, 2));
    T_CHECK(call_all(&w));
    T_OK(ahoy_call_mute(w.hub.engine, w.call[1], true, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_OK(ahoy_call_gain(w.hub.engine, w.call[0], -100, NULL));
    T_CHECK(result(&w, AHOY_OK));
    T_OK(ahoy_call_join(w.hub.engine, w.call, 2, NULL));
    T_CHECK(result(&w, AHOY_OK));
    tape.path = w.tape;
    T_OK(ahoy_conference_record(w.hub.engine, w.hub.conference, &tape, NULL));
    T_CHECK(result(&w, AHOY_OK));
    pump(&w, 7000);
    hang_up(&w);
    T_EQ(w.hub.files_recorded, 1);
    T_CHECK(score(w.said[1], w.heard[0]) > 60);
    T_CHECK(score(w.said[1], w.heard[2]) > 60);
    T_CHECK(score(w.said[1], w.tape) > 60);
    T_CHECK(score(w.said[0], w.heard[1]) < 20);
    T_CHECK(score(w.said[2], w.heard[1]) < 20);
    T_CHECK(score(w.said[0], w.tape) < 20);
    T_CHECK(score(w.said[2], w.tape) < 20);
out:
    party_close(t, &w);
}

/* Its tape may be of any format that a call's may be: in two channels we are left, and all others right. */
static void test_the_tape_may_be_of_any_format(struct t *t)
{
    static const char *const suffix[] = { "flac", "opus" };
    struct party w = { .n = 0 };
    for (size_t i = 0; i < AHOY_COUNT(suffix); i++) {
        struct ahoy_record_config tape = { .mixed = i == 1 };
        T_OK(party_open(&w, 2));
        (void) snprintf(w.tape, sizeof w.tape, "%s/tape.%s", w.dir, suffix[i]);
        tape.path = w.tape;
        T_CHECK(call_all(&w));
        T_OK(ahoy_call_join(w.hub.engine, w.call, 2, NULL));
        T_CHECK(result(&w, AHOY_OK));
        T_OK(ahoy_conference_record(w.hub.engine, w.hub.conference, &tape, NULL));
        T_CHECK(result(&w, AHOY_OK));
        pump(&w, 5000);
        hang_up(&w);
        T_EQ(w.hub.files_recorded, 1);
        for (int o = 1; o <= 2; o++) /* one of the others, and us */
            T_CHECK(score(w.said[o], w.tape) > 40);
        party_close(t, &w);
        w = (struct party){ .n = 0 };
    }
out:
    if (w.n > 0)
        party_close(t, &w);
}

/* Sound is measured without failing allocations; those run where members come and go. */
T_MAIN(T_PLAIN(test_two_calls_are_merged_and_each_hears_the_two_others),
       T_PLAIN(test_four_of_four_codecs_hear_each_other), T_PLAIN(test_a_conference_survives_losses),
       T_PLAIN(test_sixteen_hear_each_other), T_STRIDE(test_members_come_and_go, 97),
       T_PLAIN(test_the_others_go_on_without_us_until_one_hangs_up), T_PLAIN(test_mute_gain_and_the_tape),
       T_PLAIN(test_the_tape_may_be_of_any_format))
