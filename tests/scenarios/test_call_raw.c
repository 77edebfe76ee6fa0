/* Calls with peers that no telephone of ours would be: odd descriptions, no telephone-event, addresses that move. */
#include "support_odd.h"

/* As a proxy between IPv4 and IPv6 passes it on: signalled by one, with sound by the other. */
static void test_sound_of_the_other_ip_version_is_met_where_we_have_it(struct t *t)
{
    static const char sdp[] = "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\n"
                              "m=audio 40000 RTP/AVP 0\r\n";
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(!odd_called(&o, sdp) && o.r.status == 488); /* we have none */
    T_OK(sim_host_add_ip(o.host_a, "2001:db8::1"));
    T_OK(sim_host_add_ip(o.host_r, "2001:db8::9"));
    raw_call(&o.r, "192.0.2.1", sdp);
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.status, 200);
    T_CHECK(strstr(o.r.sdp, "c=IN IP6 2001:db8::1\r\n"));
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* How long, in ms, the µ-law that arrives goes on to be loud or quiet; at most 2 s. */
static int64_t sounds_ms(struct odd *o, bool loud)
{
    int64_t from_us = sys_now_us(o->r.loop), us = 0;
    for (bool same = true; same && us < 2000000; us = sys_now_us(o->r.loop) - from_us) {
        unsigned tall = 0;
        phone_run_ms(&o->a, NULL, 10);
        for (size_t i = 0; i < o->r.last_n; i++)
            tall += (~o->r.last_payload[i] & 0x70) >= 0x30;
        same = (tall > o->r.last_n / 4) == loud;
    }
    return us / 1000;
}

static void test_keys_go_as_tones_to_a_peer_without_telephone_event(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 300);
    T_OK(ahoy_call_mute(o.a.engine, o.a.placed, true, NULL)); /* which silences no keys */
    phone_run_ms(&o.a, NULL, 200);
    T_LE(2000, sounds_ms(&o, false));
    T_OK(ahoy_call_dtmf(o.a.engine, o.a.placed, ",5,6", NULL));
    T_CHECK(phone_result(&o.a, NULL, AHOY_OK));
    T_LE(500, sounds_ms(&o, false)); /* what is left of a second */
    T_NEAR(sounds_ms(&o, true), 100, 20);
    T_NEAR(sounds_ms(&o, false), 1060, 20); /* a second and the gap of a key */
    T_NEAR(sounds_ms(&o, true), 100, 20);
    T_LE(2000, sounds_ms(&o, false));
    T_EQ(o.r.by_pt[0], o.r.rtp_in); /* nothing but PCMU was ever sent */
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NONE);
out:
    odd_close(t, &o);
}

static void test_keys_that_come_by_info_are_heard(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    raw_request(&o.r, "INFO", "application/dtmf-relay", "Signal=7\r\nDuration=160\r\n");
    phone_run_ms(&o.a, NULL, 100);
    raw_request(&o.r, "INFO", "application/dtmf-relay", "Signal=11\r\n");
    phone_run_ms(&o.a, NULL, 100);
    raw_request(&o.r, "INFO", "application/dtmf", "3");
    phone_run_ms(&o.a, NULL, 100);
    T_EQ(o.r.status, 200);
    T_STR(o.a.digits, "7#3");
    raw_request(&o.r, "INFO", "application/dtmf-relay", "Signal=nonsense\r\n");
    phone_run_ms(&o.a, NULL, 100);
    T_EQ(o.r.status, 400);
    raw_request(&o.r, "INFO", "text/plain", "hello");
    phone_run_ms(&o.a, NULL, 100);
    T_EQ(o.r.status, 415);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_hold_by_the_address_of_old_is_silence_and_ends(struct t *t)
{
    static const char hold[] = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                               "m=audio 40000 RTP/AVP 0\r\n";
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0 101", "a=rtpmap:101 telephone-event/8000\r\n")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 500);
    raw_hush(&o.r);
    raw_request(&o.r, "INVITE", "application/sdp", hold);
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.status, 200);
    T_CHECK(o.a.held_by_peer);
    unsigned before = o.r.rtp_in;
    phone_run_ms(&o.a, NULL, 12000);
    T_EQ(o.r.rtp_in, before);
    T_EQ(o.a.trouble, AHOY_CAUSE_NONE); /* silence is what was agreed */
    raw_request(&o.r, "INVITE", "application/sdp", RAW_SDP("0", ""));
    phone_run_ms(&o.a, NULL, 100);
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 500);
    T_CHECK(!o.a.held_by_peer);
    T_LE(before + 15, o.r.rtp_in);
    T_EQ(o.a.trouble, AHOY_CAUSE_NONE);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NONE);
out:
    odd_close(t, &o);
}

/* One that pauses sends nothing for longer than a break takes; its reports tell that it is there, or that it is not. */
static void test_a_peer_that_pauses_is_gone_with_its_reports(struct t *t)
{
    static const uint8_t background[] = { 70 }; /* RFC 3389: so far below the loudest */
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0 13", "")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 5000);
    raw_hush(&o.r);
    phone_run_ms(&o.a, NULL, 20);
    raw_send_rtp(&o.r, 13, false, o.r.ts, background, sizeof background);
    for (unsigned i = 0; i < 4; i++) {
        phone_run_ms(&o.a, NULL, 5000);
        T_EQ(o.a.stats.gone_ms, 0);
        raw_report(&o.r, 0);
    }
    T_LE(o.a.stats.concealed_ms, 20);
    phone_run_ms(&o.a, NULL, 7000);
    T_EQ(o.a.stats.gone_ms, 0);
    phone_run_ms(&o.a, NULL, 3000);
    T_NEAR(o.a.stats.gone_ms, 9500, 510);
    T_LE(o.a.stats.concealed_ms, 20);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_payload_numbers_may_differ_by_direction(struct t *t)
{
    /* Our 101 is telephone-event to us; this peer means L16 by it and has its events at 96. */
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0 96", "a=rtpmap:96 telephone-event/8000\r\n")));
    T_OK(ahoy_call_dtmf(o.a.engine, o.a.placed, "9", NULL));
    phone_run_ms(&o.a, NULL, 500);
    T_LE(5, o.r.by_pt[96]);
    T_EQ(o.r.rtp_in, o.r.by_pt[96] + o.r.by_pt[0]);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_a_peer_with_40_ms_packets_gets_40_ms_packets(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "a=ptime:40\r\n")));
    raw_talk(&o.r, 0, 40);
    unsigned before = o.r.rtp_in;
    phone_run_ms(&o.a, NULL, 1000);
    T_NEAR(o.r.rtp_in - before, 25, 2);
    T_EQ(o.r.last_n, 320);
    odd_hang_up(&o);
    T_EQ(o.a.stats.lost, 0);
    T_LE(o.a.stats.concealed_ms, 50);
out:
    odd_close(t, &o);
}

static void test_reports_go_to_their_own_port_unless_they_are_multiplexed(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "a=rtcp:40001\r\n")));
    phone_run_ms(&o.a, NULL, 9000);
    T_LE(1, o.r.rtcp_in);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* baresip writes the address of another interface, and reports every five seconds: the first one is believed. */
static void test_reports_from_where_the_sound_comes_from_are_believed(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(
        &o, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 2000);
    T_CHECK(o.r.rtp_in > 10); /* ours follows where its sound comes from */
    T_CHECK(o.a.stats.remote_lost_fraction < 0);
    raw_report(&o.r, 64);
    phone_run_ms(&o.a, NULL, 1500);
    T_NEAR(o.a.stats.remote_lost_fraction, 0.25, 0.001);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_an_invite_without_offer_is_offered_ours(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, NULL));
    T_CHECK(strstr(o.r.sdp, "m=audio"));
    /* The peer acknowledges without an answer: RFC 3264 is broken, there can be no call. */
    T_CHECK(phone_run(&o.a, NULL, phone_one_ended, 3000));
    T_EQ(o.a.cause, AHOY_CAUSE_NOT_ACCEPTABLE);
    T_LE(1, o.r.byes);
out:
    odd_close(t, &o);
}

static void test_a_reinvite_without_offer_leaves_the_call_when_no_answer_comes(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    raw_request(&o.r, "INVITE", "application/sdp", NULL);
    phone_run_ms(&o.a, NULL, 300);
    T_EQ(o.r.status, 200);
    T_EQ(o.a.calls_ended, 0);
    unsigned before = o.r.rtp_in;
    phone_run_ms(&o.a, NULL, 500);
    T_LE(before + 15, o.r.rtp_in);
    raw_request(&o.r, "INVITE", "application/sdp", RAW_SDP("0", "")); /* and the next exchange works */
    phone_run_ms(&o.a, NULL, 300);
    T_EQ(o.r.status, 200);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_useless_descriptions_are_refused_and_the_call_stays(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    raw_request(&o.r, "INVITE", "application/sdp", RAW_SDP("34", "a=rtpmap:34 H263/90000\r\n"));
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.status, 488);
    raw_request(&o.r, "INVITE", "application/sdp", "v=0\r\nm=audio x\r\n");
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.status, 400);
    raw_request(&o.r, "INVITE", "text/plain", "hello");
    phone_run_ms(&o.a, NULL, 200);
    T_EQ(o.r.status, 488);
    T_EQ(o.a.calls_ended, 0);
    unsigned before = o.r.rtp_in;
    phone_run_ms(&o.a, NULL, 500);
    T_LE(before + 15, o.r.rtp_in);
    odd_hang_up(&o);
    T_EQ(o.a.status, 200);
out:
    odd_close(t, &o);
}

static void test_a_proxy_is_named_as_people_name_it(struct t *t)
{
    static const struct {
        const char *said, *route; /* NULL: it is none */
    } known[] = {
        { "192.0.2.9", "\r\nRoute: <sip:192.0.2.9;lr>\r\n" },
        { "192.0.2.9:5060", "\r\nRoute: <sip:192.0.2.9:5060;lr>\r\n" },
        { "sip:192.0.2.9;lr", "\r\nRoute: <sip:192.0.2.9;lr>\r\n" },
        { "192.0.2.9:many", NULL },
        { "tel:9", NULL },
    };
    for (size_t i = 0; i < AHOY_COUNT(known); i++) {
        struct odd o;
        struct ahoy_call_config call = { .uri = "sip:far@198.51.100.1",
                                         .proxy = known[i].said,
                                         .media = { .codecs = "pcmu", .audio = "null" } };
        T_OK(odd_open(&o));
        T_OK(ahoy_call_place(o.a.engine, &call, NULL));
        phone_run_ms(&o.a, NULL, 100);
        if (known[i].route) {
            T_CHECK(strncmp(o.r.invite, "INVITE sip:far@198.51.100.1 SIP/2.0\r\n", 37) == 0);
            T_CHECK(strstr(o.r.invite, known[i].route));
            raw_answer(&o.r, 486, NULL);
            T_CHECK(phone_run(&o.a, NULL, phone_one_ended, 3000));
            T_EQ(o.a.cause, AHOY_CAUSE_BUSY);
        } else {
            T_EQ(o.a.calls_ended, 1);
            T_EQ(o.a.cause, AHOY_CAUSE_CONFIG);
            T_EQ(o.r.invites, 0);
        }
    out:
        odd_close(t, &o);
    }
}

static void test_an_answer_without_a_stream_ends_the_call(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    struct ahoy_call_config call = { .uri = "sip:raw@192.0.2.9", .media = { .codecs = "pcmu", .audio = "null" } };
    T_OK(ahoy_call_place(o.a.engine, &call, NULL));
    phone_run_ms(&o.a, NULL, 100);
    raw_answer(&o.r, 200, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n");
    T_CHECK(phone_run(&o.a, NULL, phone_one_ended, 3000));
    T_EQ(o.a.cause, AHOY_CAUSE_NOT_ACCEPTABLE);
    phone_run_ms(&o.a, NULL, 100);
    T_EQ(o.r.acks, 1);
    T_EQ(o.r.byes, 1);
out:
    odd_close(t, &o);
}

static void test_sound_before_the_answer_is_heard(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    struct ahoy_call_config call = { .uri = "sip:raw@192.0.2.9", .media = { .codecs = "pcmu", .audio = "null" } };
    T_OK(ahoy_call_place(o.a.engine, &call, NULL));
    phone_run_ms(&o.a, NULL, 100);
    raw_answer(&o.r, 183, RAW_SDP("0", ""));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 1500);
    T_EQ(o.a.state, AHOY_CALL_EARLY);
    T_LE(40, o.a.stats.rtp_in);
    T_LE(-20, o.a.stats.level_in_dbfs);
    raw_answer(&o.r, 200, RAW_SDP("0", ""));
    phone_run_ms(&o.a, NULL, 500);
    T_EQ(o.a.state, AHOY_CALL_CONFIRMED);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NONE);
out:
    odd_close(t, &o);
}

static void test_sound_is_followed_to_a_new_address(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 1000);
    T_STR(o.a.remote, "192.0.2.9:40000");
    T_OK(raw_move(&o.r));
    unsigned before = o.r.rtp_in;
    phone_run_ms(&o.a, NULL, 4000);
    T_STR(o.a.remote, "192.0.2.9:40010");
    T_LE(before + 50, o.r.rtp_in);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_a_host_name_in_the_description_is_looked_up(struct t *t)
{
    static const char named[] = "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 media.example.org\r\nt=0 0\r\n"
                                "m=audio 40000 RTP/AVP 0\r\n";
    struct odd o;
    T_OK(odd_open(&o));
    T_OK(sim_dns_add_ip(o.sim, "media.example.org", "192.0.2.9"));
    T_CHECK(odd_call(&o, named));
    phone_run_ms(&o.a, NULL, 1000);
    T_LE(30, o.r.rtp_in);
    T_STR(o.a.remote, "192.0.2.9:40000");
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

static void test_a_host_name_that_is_unknown_costs_the_sound_alone(struct t *t)
{
    static const char named[] = "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 nowhere.example.org\r\nt=0 0\r\n"
                                "m=audio 40000 RTP/AVP 0\r\n";
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, named));
    phone_run_ms(&o.a, NULL, 3000);
    T_EQ(o.r.rtp_in, 0);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NO_RTP);
out:
    odd_close(t, &o);
}

static void test_a_silent_peer_is_told_of_and_judged(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    phone_run_ms(&o.a, NULL, 12000);
    T_EQ(o.a.trouble_now, AHOY_CAUSE_NO_RTP);
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 500);
    T_EQ(o.a.trouble_now, AHOY_CAUSE_NONE);
    raw_hush(&o.r);
    phone_run_ms(&o.a, NULL, 12000);
    T_EQ(o.a.trouble_now, AHOY_CAUSE_ONE_WAY);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NONE); /* there was sound both ways */
out:
    odd_close(t, &o);
}

/* No firewall is blamed for what is seen to be something else. */
static void test_why_no_sound_comes_is_told_as_far_as_it_is_known(struct t *t)
{
    static const char deaf[] = "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
                               "m=audio 41234 RTP/AVP 0\r\n";
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    raw_talk(&o.r, 18, 20);
    phone_run_ms(&o.a, NULL, 6000); /* half as long as who was heard before */
    T_EQ(o.a.trouble_now, AHOY_CAUSE_NO_RTP);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NO_RTP);
    T_CHECK(strstr(o.a.text, "not agreed on (G729, RTP payload type 18)"));
    odd_close(t, &o);

    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, deaf));
    phone_run_ms(&o.a, NULL, 2500);
    odd_hang_up(&o);
    T_CHECK(strstr(o.a.text, "firewall")); /* a moment's refusal proves nothing */
    odd_close(t, &o);

    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, deaf));
    phone_run_ms(&o.a, NULL, 6000);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NO_RTP);
    T_CHECK(strstr(o.a.text, "nobody listens at 192.0.2.9:41234"));
    odd_close(t, &o);

    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    for (unsigned i = 0; i < 6; i++) {
        phone_run_ms(&o.a, NULL, 1000);
        raw_report(&o.r, 0);
    }
    phone_run_ms(&o.a, NULL, 1500);
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_ONE_WAY);
    T_CHECK(strstr(o.a.text, "reports come, but no sound"));
out:
    odd_close(t, &o);
}

static void test_codecs_may_change_between_packets(struct t *t)
{
    struct odd o;
    uint8_t silence[160];
    T_OK(odd_open(&o));
    memset(silence, 0xd5, sizeof silence);
    struct ahoy_call_config call = { .uri = "sip:raw@192.0.2.9",
                                     .media = { .codecs = "pcmu,pcma,opus", .audio = "null" } };
    T_OK(ahoy_call_place(o.a.engine, &call, &o.a.placed));
    phone_run_ms(&o.a, NULL, 100);
    raw_answer(&o.r, 200, RAW_SDP("0 8 111", "a=rtpmap:111 opus/48000/2\r\n"));
    T_CHECK(phone_run(&o.a, NULL, odd_talks, 3000));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 1500);
    T_STR(o.a.stats.codec, "PCMU");
    raw_hush(&o.r);
    for (int i = 0; i < 50; i++) { /* and numbers nobody agreed on in between */
        raw_send_rtp(&o.r, 8, false, o.r.ts, silence, sizeof silence);
        raw_send_rtp(&o.r, 77, false, o.r.ts, silence, sizeof silence);
        o.r.ts += 160;
        phone_run_ms(&o.a, NULL, 10);
        sim_run(o.sim, SYS_MS(10));
    }
    phone_run_ms(&o.a, NULL, 1000);
    T_STR(o.a.stats.codec, "PCMA");
    odd_hang_up(&o);
    T_EQ(o.a.cause, AHOY_CAUSE_NONE);
out:
    odd_close(t, &o);
}

/* A peer whose numbers leap at each packet, a thousand a second: what is missing is asked for now and then, not each time. */
static void test_requests_are_few_however_much_is_missing(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtcp-fb:* nack\r\n")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 1000);
    raw_hush(&o.r);
    unsigned before = o.r.rtcp_in;
    for (int i = 0; i < 2000; i++) {
        static const uint8_t one[8] = { 0xff };
        o.r.seq = (uint16_t) (o.r.seq + 40);
        raw_send_rtp(&o.r, 0, false, o.r.ts += 8, one, sizeof one);
        sim_run(o.sim, 1000);
    }
    T_LE(10, o.r.rtcp_in - before); /* it asks */
    T_LE(o.r.rtcp_in - before, 300);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* Sequence numbers wrap after 65536 packets, timestamps after days: in speech, in a pause, with other packet times. */
static void test_numbers_that_wrap_are_not_heard(struct t *t)
{
    static const unsigned ptime[] = { 20, 40, 10, 60 };
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    for (size_t i = 0; i < AHOY_COUNT(ptime); i++) {
        o.r.ssrc++;
        o.r.seq = (uint16_t) (65536 - 3000 / ptime[i]);
        o.r.ts = (uint32_t) - (i % 2 == 0 ? 8 * 3700 : 8 * 1500); /* in the pause, or before the other wrap */
        raw_talk(&o.r, 0, ptime[i]);
        phone_run_ms(&o.a, NULL, 2500);
        raw_hush(&o.r);
        phone_run_ms(&o.a, NULL, 1500); /* a pause without a word, of 1.5 s */
        o.r.ts += 8 * 1500;
        raw_talk(&o.r, 0, ptime[i]);
        phone_run_ms(&o.a, NULL, 4000);
        T_EQ(o.a.stats.lost, 0);
        T_LE(o.a.stats.late, 0);
        T_LE(o.a.stats.buffer_ms, 80);
        T_LE(o.a.stats.concealed_ms, 40 + 250 * i); /* another source is followed at its fourth packet */
    }
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* On one port with RTP, a stranger's rubbish that only looks like reports does not take the sound away. */
static void test_what_is_no_report_proves_no_address(struct t *t)
{
    static const uint8_t rubbish[] = { 0x80, 201, 0xff, 0xff, 1, 2, 3, 4 };
    struct sys_host *host;
    struct raw other = { .sip = NULL };
    struct odd o;
    T_OK(odd_open(&o));
    T_OK(sim_host(o.sim, "198.51.100.7", &host));
    T_OK(raw_open(&other, o.sim, host, "198.51.100.7"));
    T_CHECK(odd_called(&o, RAW_SDP("0", "a=rtcp-mux\r\n")));
    for (int i = 0; i < 30; i++) {
        (void) sys_udp_send(other.rtp, NULL, &o.r.media, rubbish, sizeof rubbish);
        phone_run_ms(&o.a, NULL, 20);
    }
    T_EQ(other.rtp_in, 0);
    T_LE(25, o.r.rtp_in);
    odd_hang_up(&o);
out:
    raw_close(&other);
    odd_close(t, &o);
}

/* A gateway that is put on hold and speaks on: nobody hears it, and none of it was lost. */
static void test_who_speaks_through_a_hold_loses_nothing(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_call(&o, RAW_SDP("0", "")));
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 1000);
    T_OK(ahoy_call_hold(o.a.engine, o.a.placed, true, NULL));
    phone_run_ms(&o.a, NULL, 100);
    raw_answer(&o.r, 200, RAW_SDP("0", "a=recvonly\r\n"));
    phone_run_ms(&o.a, NULL, 5000);
    T_EQ(o.a.state, AHOY_CALL_HELD);
    T_EQ(o.a.stats.gone_ms, 0);
    T_OK(ahoy_call_hold(o.a.engine, o.a.placed, false, NULL));
    phone_run_ms(&o.a, NULL, 100);
    raw_answer(&o.r, 200, RAW_SDP("0", ""));
    phone_run_ms(&o.a, NULL, 3000);
    T_EQ(o.a.state, AHOY_CALL_CONFIRMED);
    T_EQ(o.a.stats.lost, 0);
    T_EQ(o.a.stats.loss * 1000, 0);
    T_LE(o.a.stats.concealed_ms, 60);
    T_LE(400, o.a.stats.rtp_in);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* Payload 13 has its meaning without being agreed on, and a packet of padding alone is no sound, but was not lost either. */
static void test_noise_unasked_and_empty_packets_are_no_losses(struct t *t)
{
    static const uint8_t noise[] = { 40, 127 };
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "")));
    for (int turn = 0; turn < 3; turn++) {
        raw_talk(&o.r, 0, 20);
        phone_run_ms(&o.a, NULL, 1000);
        raw_hush(&o.r);
        for (int i = 0; i < 10; i++, o.r.ts += 1600) {
            raw_send_rtp(&o.r, i % 2 ? 0 : 13, false, o.r.ts, noise, i % 2 ? 0 : sizeof noise);
            phone_run_ms(&o.a, NULL, 200);
        }
    }
    phone_run_ms(&o.a, NULL, 1000);
    T_EQ(o.a.stats.lost, 0);
    T_EQ(o.a.stats.loss * 1000, 0);
    T_LE(o.a.stats.concealed_ms, 40);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

/* A receiver should bear up to 200 ms in a packet (RFC 3551 section 4.2): heard, lost and back to 20 ms. */
static void test_packets_of_200_ms_are_heard(struct t *t)
{
    struct odd o;
    T_OK(odd_open(&o));
    T_CHECK(odd_called(&o, RAW_SDP("0", "a=ptime:200\r\n")));
    raw_talk(&o.r, 0, 200);
    phone_run_ms(&o.a, NULL, 4000);
    T_LE(-20, o.a.stats.level_in_dbfs);
    T_EQ(o.a.stats.concealed_ms, 0);
    T_LE(o.a.stats.buffer_ms, 40);
    o.r.seq++;
    o.r.ts += 1600;
    phone_run_ms(&o.a, NULL, 4000);
    T_EQ(o.a.stats.lost, 1);
    T_LE(o.a.stats.concealed_ms, 300);
    raw_talk(&o.r, 0, 20);
    phone_run_ms(&o.a, NULL, 3000);
    T_LE(o.a.stats.concealed_ms, 500);
    T_EQ(o.a.stats.lost, 1);
    odd_hang_up(&o);
out:
    odd_close(t, &o);
}

T_MAIN(T_STRIDE(test_sound_of_the_other_ip_version_is_met_where_we_have_it, 7),
       T(test_keys_go_as_tones_to_a_peer_without_telephone_event), T(test_keys_that_come_by_info_are_heard),
       T(test_hold_by_the_address_of_old_is_silence_and_ends),
       T_PLAIN(test_a_peer_that_pauses_is_gone_with_its_reports), T(test_payload_numbers_may_differ_by_direction),
       T(test_a_peer_with_40_ms_packets_gets_40_ms_packets),
       T(test_reports_go_to_their_own_port_unless_they_are_multiplexed),
       T(test_an_invite_without_offer_is_offered_ours),
       T_STRIDE(test_reports_from_where_the_sound_comes_from_are_believed, 7),
       T(test_a_reinvite_without_offer_leaves_the_call_when_no_answer_comes),
       T(test_useless_descriptions_are_refused_and_the_call_stays), T(test_an_answer_without_a_stream_ends_the_call),
       T_STRIDE(test_a_proxy_is_named_as_people_name_it, 31), T_STRIDE(test_sound_before_the_answer_is_heard, 9),
       T(test_sound_is_followed_to_a_new_address), T(test_a_host_name_in_the_description_is_looked_up),
       T(test_a_host_name_that_is_unknown_costs_the_sound_alone), T(test_a_silent_peer_is_told_of_and_judged),
       T(test_why_no_sound_comes_is_told_as_far_as_it_is_known), T_STRIDE(test_codecs_may_change_between_packets, 9),
       T_STRIDE(test_requests_are_few_however_much_is_missing, 31), T_PLAIN(test_numbers_that_wrap_are_not_heard),
       T_STRIDE(test_what_is_no_report_proves_no_address, 31),
       T_STRIDE(test_who_speaks_through_a_hold_loses_nothing, 31),
       T_STRIDE(test_noise_unasked_and_empty_packets_are_no_losses, 31), T_STRIDE(test_packets_of_200_ms_are_heard, 31))
