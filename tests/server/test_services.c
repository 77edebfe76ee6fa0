/* The test numbers: what is heard there, and that their calls end. */
#include "server/support_line.h"

static const struct ahoy_exchange_config open_house = { .open = true };

static bool talks(struct phone *a, struct phone *b)
{
    (void) b;
    return a->state == AHOY_CALL_CONFIRMED;
}

static bool ended(struct phone *a, struct phone *b)
{
    (void) b;
    return a->calls_ended > 0;
}

/* Calls a number for some seconds; the sound is judged by the test. */
static bool visit(struct t *t, struct line *l, const char *number, uint32_t seconds)
{
    struct ahoy_exchange_counts n;
    bool ok = false;
    T_OK(line_open(l, NULL, 1));
    T_CHECK(line_register(l, 0, "alice", "secret", AHOY_TRANSPORT_UDP));
    T_OK(line_call(l, 0, number, seconds));
    T_CHECK(line_run(l, 0, 0, talks, 5000));
    ahoy_exchange_counts(l->w.a, &n);
    T_EQ(n.calls, 1);
    T_CHECK(line_run(l, 0, 0, ended, 10000));
    T_EQ(l->phone[0].cause, AHOY_CAUSE_NONE);
    ahoy_exchange_counts(l->w.a, &n);
    T_EQ(n.calls, 0);
    exch_run(&l->w, 40000);
    T_ALWAYS(list_empty(&l->w.x->services));
    ok = true;
out:
    return ok;
}

static void test_echo_gives_back_what_was_said(struct t *t)
{
    struct line l;
    T_CHECK(visit(t, &l, "echo", 5));
    T_LE(70, line_likeness(&l, 0));
out:
    line_close(&l);
}

static void test_music_plays(struct t *t)
{
    struct line l;
    T_CHECK(visit(t, &l, "music", 4));
    T_LE(-35, line_level(&l, 0));
    T_LE(line_likeness(&l, 0), 50);
out:
    line_close(&l);
}

static void test_time_strikes(struct t *t)
{
    struct line l;
    T_CHECK(visit(t, &l, "TIME", 4));
    T_LE(-45, line_level(&l, 0));
    T_LE(line_likeness(&l, 0), 50);
out:
    line_close(&l);
}

static const char offer[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                            "m=audio 4000 RTP/AVP 0\r\n";

static void invite(struct exch_peer *p, const char *type, const char *body)
{
    p->branch++;
    exch_send(p,
              "INVITE sip:echo@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%u\nMax-Forwards: 70\n"
              "From: <sip:a@192.0.2.1>;tag=f\nTo: <sip:echo@192.0.2.9>\nCall-ID: c%u\nCSeq: 1 INVITE\n"
              "Contact: <sip:a@192.0.2.1>\nContent-Type: %s\nContent-Length: %zu\n\n%s",
              p->branch, p->branch, type, strlen(body), body);
    exch_run(p->w, 200);
}

static void test_a_dialog_with_a_number_without_an_ack_ends(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    invite(p, "application/sdp", offer);
    T_LE(1, exch_count(p, "SIP/2.0 200"));
    exch_run(&w, 70000);
    T_LE(1, exch_count(p, "BYE"));
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_ack_bye_and_reinvite_find_the_number(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    struct sip_msg *ok;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    invite(p, "application/sdp", offer);
    T_CHECK((ok = exch_got(p, "SIP/2.0 200", 0)));
    T_CHECK(exch_has(ok, "Contact: <sip:echo@192.0.2.9:5060>"));
    exch_in_dialog(p, "ACK", 1, "a", ok);
    exch_run(&w, 2000);
    T_EQ(exch_count(p, "SIP/2.0 200"), 1); /* the ACK arrived */
    exch_in_dialog(p, "OPTIONS", 2, "a", ok);
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 200"), 2);
    exch_in_dialog(p, "INVITE", 3, "a", ok); /* without an offer: it makes one */
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 200"), 3);
    T_CHECK(exch_got(p, "SIP/2.0 200", 2)->body.n > 0);
    exch_in_dialog(p, "BYE", 4, "a", ok);
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 200"), 4);
    exch_in_dialog(p, "BYE", 5, "a", ok);
    exch_run(&w, 100);
    T_EQ(exch_count(p, "SIP/2.0 481"), 1);
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_offers_without_sound_we_know_are_refused(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    invite(p, "application/sdp",
           "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
           "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 nonsense/8000\r\n");
    T_LE(1, exch_count(p, "SIP/2.0 488"));
    invite(p, "application/sdp", "this is no description");
    T_LE(1, exch_count(p, "SIP/2.0 400"));
    invite(p, "text/plain", "hello");
    T_LE(1, exch_count(p, "SIP/2.0 415"));
    exch_nothing_left(t, &w);
out:
    exch_close(&w);
}

static void test_a_number_may_be_left_before_it_answers_and_the_exchange_during_a_call(struct t *t)
{
    struct exch_world w;
    struct exch_peer *p;
    T_OK(exch_open(&w, &open_house));
    T_OK(exch_peer(&w, "192.0.2.1", 5060, false, &p));
    invite(p, "application/sdp", offer);
    exch_in_dialog(p, "ACK", 1, "a", exch_got(p, "SIP/2.0 200", 0));
    exch_run(&w, 100);
    exch_stop(&w);
    exch_run(&w, 100);
    T_LE(1, exch_count(p, "BYE"));
out:
    exch_close(&w);
}

T_MAIN(/* seconds of sound, each with thousands of allocations that are alike */
       T_STRIDE(test_echo_gives_back_what_was_said, 101), T_STRIDE(test_music_plays, 301),
       T_STRIDE(test_time_strikes, 301), T(test_a_dialog_with_a_number_without_an_ack_ends),
       T(test_ack_bye_and_reinvite_find_the_number), T(test_offers_without_sound_we_know_are_refused),
       T(test_a_number_may_be_left_before_it_answers_and_the_exchange_during_a_call))
