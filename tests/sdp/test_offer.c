/* One exchange of offer and answer: what each says of codecs, numbers, addresses and packet times. */
#include "support_sdp.h"

static void test_our_offer_reads_as_intended(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.codec[0][0].fmtp = VIEW("useinbandfec=1");
    e.cap[0].comfort_noise = true;
    e.cap[0].ptime_ms = 20;
    e.cap[0].maxptime_ms = 60;
    e.cap[0].bandwidth_kbps = 80;
    e.cap[0].rtcp_mux = true;
    e.cap[0].rtcp = addr_ip4(192, 0, 2, 7, 6009);
    e.cap[0].extra = VIEW("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\na=setup:actpass\r\n");
    e.local.extra = VIEW("a=ice-options:trickle\r\n");
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_STR(buf_cstr(&e.text),
          "v=0\r\no=ahoy 1000 1000 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
          "a=ice-options:trickle\r\n"
          "m=audio 6000 RTP/AVP 96 9 8 0 13 110 101\r\nb=AS:80\r\n"
          "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
          "a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
          "a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-16\r\n"
          "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
          "a=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\na=rtcp:6009 IN IP4 192.0.2.7\r\na=rtcp-mux\r\n"
          "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=setup:actpass\r\n");
    T_EQ(sdp_session_state(e.s), SDP_HAVE_LOCAL_OFFER);
out:
    end_close(&e);
}

static void test_ipv6_and_a_second_address_are_written_in_c_lines(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    struct addr v6;
    T_OK(addr_parse_ip(VIEW("fe80::1%3"), &v6));
    e.local.addr = v6;
    e.cap[0].rtp = addr_with_port(&v6, 6000);
    e.cap[0].any_family = true;
    end_second_audio(&e, 6002);
    e.cap[1].rtp = addr_ip4(192, 0, 2, 1, 6002);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_CHECK(end_says(&e, "IN IP6 fe80::1\r\ns=-\r\nc=IN IP6 fe80::1\r\nt="));
    T_CHECK(end_says(&e, "m=audio 6002 RTP/AVP 0 101\r\nc=IN IP4 192.0.2.1\r\n"));
out:
    end_close(&e);
}

static void test_answer_keeps_the_offers_order_and_numbers(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(
        &e, OFFER("1", "m=audio 4000 RTP/AVP 0 18 111 127 8 126",
                  "a=rtpmap:111 OPUS/48000/2\r\na=fmtp:111 stereo=0\r\na=rtpmap:127 telephone-event/48000\r\n"
                  "a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-15\r\na=ptime:30\r\n")));
    T_STR(buf_cstr(&e.text),
          "v=0\r\no=ahoy 1000 1000 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
          "m=audio 6000 RTP/AVP 0 111 127 8 126\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
          "a=rtpmap:127 telephone-event/48000\r\na=fmtp:127 0-16\r\na=rtpmap:8 PCMA/8000\r\n"
          "a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=sendrecv\r\n");
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_CHECK(s->active);
    T_EQ(s->cap, 0);
    T_EQ(s->formats, 5);
    T_EQ(sdp_stream_codec(s)->codec, 3);
    T_EQ(sdp_stream_codec(s)->tx_pt, 0);
    T_EQ(sdp_stream_events(s, 48000)->tx_pt, 127);
    T_EQ(sdp_stream_events(s, 8000)->tx_pt, 126);
    T_VIEW(sdp_stream_events(s, 8000)->tx_fmtp, "0-15");
    T_EQ(sdp_stream_rx(s, 111)->codec, 0);
    T_CHECK(sdp_stream_rx(s, 18) == NULL);
    T_CHECK(sdp_stream_cn(s, 8000) == NULL);
    T_EQ(s->ptime_ms, 30);
    T_EQ(s->dir, SDP_SENDRECV);
    T_EQ(s->rtcp.port, 4001);
    T_EQ(sdp_session_state(e.s), SDP_STABLE);
out:
    end_close(&e);
}

static void test_answer_can_follow_our_order_or_take_one_codec(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.cap[0].own_order = true;
    e.cap[0].one_codec = true;
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0 8 9 101", "a=rtpmap:101 telephone-event/8000\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 9 101\r\n"));
    T_CHECK(view_ieq(sdp_stream_codec(sdp_session_stream(e.s, 0))->name, VIEW("G722")));
out:
    end_close(&e);
}

static void test_static_numbers_need_no_rtpmap(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    end_codec(&e, 0, "L16", 44100, 2, 0);
    end_codec(&e, 0, "L16", 16000, 1, 0);
    e.cap[0].comfort_noise = true;
    T_OK(end_open(&e));
    T_OK(end_answer_str(
        &e, OFFER("1", "m=audio 4000 RTP/AVP 10 9 13 98 97", "a=rtpmap:98 L16/16000\r\na=rtpmap:97 L16/8000\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 10 9 13 98\r\n"));
    T_CHECK(end_says(&e, "a=rtpmap:10 L16/44100/2\r\n"));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_EQ(sdp_stream_cn(s, 8000)->tx_pt, 13);
    T_CHECK(sdp_stream_cn(s, 44100) == NULL);
    T_CHECK(sdp_stream_events(s, 8000) == NULL);
out:
    end_close(&e);
}

static void test_events_match_the_codecs_clock(struct t *t)
{
    struct end e, f;
    end_init(&e, 1, 6000);
    end_init(&f, 2, 6000);
    e.cap[0].comfort_noise = true;
    T_OK(end_open(&e));
    /* only opus in common: the 8000 Hz events go, and so does comfort noise */
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 107 13 100 101",
                                  "a=rtpmap:107 opus/48000/2\r\na=rtpmap:100 telephone-event/48000\r\n"
                                  "a=rtpmap:101 telephone-event/8000\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 107 100\r\n"));
    /* but a device that has nothing better than 8000 keeps its DTMF */
    T_OK(end_open(&f));
    T_OK(end_answer_str(&f, OFFER("1", "m=audio 4000 RTP/AVP 107 101",
                                  "a=rtpmap:107 opus/48000\r\na=rtpmap:101 telephone-event/8000\r\n")));
    T_CHECK(end_says(&f, "m=audio 6000 RTP/AVP 107 101\r\na=rtpmap:107 opus/48000/2\r\n"));
    T_EQ(sdp_stream_events(sdp_session_stream(f.s, 0), 48000)->clock_hz, 8000);
out:
    end_close(&e);
    end_close(&f);
}

static void test_only_the_first_acceptable_audio_is_taken(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=video 5000 RTP/AVP 31 32",
                                  "m=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 18\r\nm=audio 4004 RTP/AVP 8\r\n"
                                  "m=audio 4006 RTP/AVP 0\r\nm=strange 9 TCP/ODD x y\r\nm=image 0 udptl t38\r\n")));
    T_CHECK(end_says(
        &e, "m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/SAVP 0\r\nm=audio 0 RTP/AVP 18\r\nm=audio 6000 RTP/AVP 8\r\n"));
    T_CHECK(end_says(&e, "m=audio 0 RTP/AVP 0\r\nm=strange 0 TCP/ODD x\r\nm=image 0 udptl t38\r\n"));
    T_EQ(sdp_session_streams(e.s), 7);
    T_EQ(sdp_session_stream(e.s, 0)->reject, SDP_REJECT_KIND);
    T_EQ(sdp_session_stream(e.s, 1)->reject, SDP_REJECT_PROTO);
    T_EQ(sdp_session_stream(e.s, 2)->reject, SDP_REJECT_FORMAT);
    T_EQ(sdp_session_stream(e.s, 4)->reject, SDP_REJECT_UNWANTED);
    T_EQ(sdp_session_stream(e.s, 6)->reject, SDP_REJECT_OFF);
    T_CHECK(sdp_session_stream_of(e.s, 0) == sdp_session_stream(e.s, 3));
    /* and our own offer later keeps all seven lines in place */
    T_OK(end_offer(&e));
    T_CHECK(end_says(
        &e, "m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/SAVP 0\r\nm=audio 0 RTP/AVP 18\r\nm=audio 6000 RTP/AVP 96 9 8 0"));
    T_CHECK(end_says(&e, "m=audio 0 RTP/AVP 0\r\nm=strange 0 TCP/ODD x\r\nm=image 0 udptl t38\r\n"));
out:
    end_close(&e);
}

static void test_nothing_in_common_is_unsupported_with_its_reason(struct t *t)
{
    static const struct {
        const char *text;
        enum sdp_reject why;
    } bad[] = {
        { OFFER("1", "m=audio 4000 RTP/AVP 18 4", ""), SDP_REJECT_FORMAT },
        { OFFER("1", "m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000\r\n"), SDP_REJECT_FORMAT },
        { OFFER("1", "m=audio 4000 RTP/AVP", ""), SDP_REJECT_FORMAT },
        { OFFER("1", "m=audio 4000 RTP/SAVP 0", ""), SDP_REJECT_PROTO },
        { OFFER("1", "m=video 4000 RTP/AVP 31", ""), SDP_REJECT_KIND },
        { OFFER("1", "m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127\r\n"), SDP_REJECT_ADDRESS },
        { OFFER("1", "m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1\r\n"), SDP_REJECT_ADDRESS },
        { "v=0\r\nm=audio 4000 RTP/AVP 0\r\n", SDP_REJECT_ADDRESS },
    };
    for (size_t i = 0; i < AHOY_COUNT(bad) && !t->failed; i++) {
        struct end e;
        end_init(&e, 1, 6000);
        T_OK(end_open(&e));
        enum ahoy_err err = end_answer_str(&e, bad[i].text);
        enum sdp_reject why = sdp_session_refusal(e.s);
        enum sdp_session_state state = sdp_session_state(e.s);
        size_t said = e.text.n;
        buf_clear(&e.text);
        enum ahoy_err none = sdp_session_answer_none(e.s, &e.text);
        bool zero = end_says(&e, " 0 RTP/");
        end_close(&e);
        T_ERR(err, AHOY_ERR_UNSUPPORTED);
        T_EQ(why, bad[i].why);
        T_EQ(state, SDP_HAVE_REMOTE_OFFER);
        T_EQ(said, 0);
        T_OK(none);
        T_CHECK(zero);
        continue;
    out:
        end_close(&e);
    }
}

static void test_an_offer_without_streams_has_an_answer_without(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=5 6\r\n"));
    T_CHECK(!end_says(&e, "m="));
    T_CHECK(end_says(&e, "t=5 6\r\n")); /* RFC 3264 section 6: the offer's */
    T_EQ(sdp_session_streams(e.s), 0);
    /* and the stream we want comes with our own offer */
    T_OK(end_offer(&e));
    T_CHECK(end_says(&e, "m=audio 6000 "));
    T_EQ(end_version(&e), 1001);
out:
    end_close(&e);
}

static void test_numbers_may_differ_by_direction(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e,
                      OFFER("1", "m=audio 4000 RTP/AVP 99 100",
                            "a=rtpmap:99 opus/48000/2\r\na=rtpmap:100 telephone-event/48000\r\na=fmtp:100 0-15\r\n")));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_EQ(s->formats, 2);
    T_EQ(s->format[0].tx_pt, 99);
    T_EQ(s->format[0].rx_pt, 96);
    T_EQ(s->format[1].tx_pt, 100);
    T_EQ(s->format[1].rx_pt, 110);
    /* our numbers stay in the next offer, theirs are not taken for anything else */
    end_codec(&e, 0, "L16", 16000, 1, 99);
    T_OK(end_offer(&e));
    T_CHECK(end_says(&e, "a=rtpmap:96 opus/48000/2\r\n"));
    T_CHECK(!end_says(&e, ":99 L16"));
    T_CHECK(!end_says(&e, ":100 L16"));
    T_CHECK(end_says(&e, " L16/16000\r\n"));
out:
    end_close(&e);
}

static void test_a_number_never_changes_its_meaning(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    end_codec(&e, 0, "L16", 16000, 1, 0);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 97", "a=rtpmap:97 opus/48000/2\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 97\r\n"));
    /* the peer (a B2BUA, say) gives 97 to another codec and moves opus: we may not follow with 97 */
    T_OK(end_answer_str(
        &e, OFFER("2", "m=audio 4000 RTP/AVP 97 98", "a=rtpmap:97 L16/16000\r\na=rtpmap:98 opus/48000/2\r\n")));
    T_CHECK(!end_says(&e, "rtpmap:97"));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_EQ(s->formats, 2);
    T_EQ(s->format[0].tx_pt, 97);
    T_CHECK(s->format[0].rx_pt != 97 && s->format[0].rx_pt != 98);
    T_EQ(s->format[1].tx_pt, 98);
    T_EQ(s->format[1].rx_pt, 98);
    int l16 = s->format[0].rx_pt;
    /* later again: what was given stays */
    T_OK(end_answer_str(&e, OFFER("3", "m=audio 4000 RTP/AVP 97", "a=rtpmap:97 L16/16000\r\n")));
    T_EQ(sdp_session_stream(e.s, 0)->format[0].rx_pt, l16);
out:
    end_close(&e);
}

static void test_numbers_that_look_like_rtcp_are_not_ours(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.cap[0].rtcp_mux = true;
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 77 73",
                                  "a=rtpmap:77 opus/48000/2\r\na=rtpmap:73 PCMU/8000\r\na=rtcp-mux\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 96 0\r\n"));
    T_EQ(sdp_stream_codec(sdp_session_stream(e.s, 0))->tx_pt, 77);
out:
    end_close(&e);
}

static void test_fresh_numbers_keep_clear_of_all_others(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.cap[0].rtcp_mux = true;
    end_codec(&e, 0, "L16", 16000, 1, 97); /* wishes for 97 */
    T_OK(end_open(&e));
    /* opus comes under a number we must not take; 96, its wish, is another thing in the peer's line, and so is 98 */
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 77 96 98 120",
                                  "a=rtpmap:77 opus/48000/2\r\na=rtpmap:96 speex/16000\r\na=rtpmap:98 speex/8000\r\n"
                                  "a=rtpmap:120 L16/16000\r\na=rtcp-mux\r\n")));
    T_CHECK(end_says(&e, "m=audio 6000 RTP/AVP 99 120\r\n"));
out:
    end_close(&e);
}

static void test_strange_answers_are_taken_for_what_they_are(struct t *t)
{
    struct end e, f;
    end_init(&e, 1, 6000);
    end_init(&f, 1, 6000);
    end_second_audio(&e, 6002);
    T_OK(end_open(&e));
    T_OK(end_open(&f));
    T_OK(end_offer(&e));
    T_ERR(end_take_str(&e, "garbage"), AHOY_ERR_SYNTAX);
    T_ERR(end_take_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 18", "")), AHOY_ERR_UNSUPPORTED);
    T_STR(e.why.reason, "no codec in common");
    T_EQ(sdp_session_state(e.s), SDP_HAVE_LOCAL_OFFER);
    /* a line is missing: it was not accepted */
    T_OK(end_take_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 8 111", "a=rtpmap:111 speex/16000\r\n")));
    T_EQ(sdp_session_streams(e.s), 2);
    T_EQ(sdp_session_stream(e.s, 0)->formats, 1);
    T_CHECK(!sdp_session_stream(e.s, 1)->active);
    T_CHECK(sdp_session_stream(e.s, 1)->remote == NULL);
    /* more lines than offered, another direction than allowed, AVPF where AVP was offered, a name for an address */
    f.cap[0].dir = SDP_SENDONLY;
    T_OK(end_offer(&f));
    T_OK(end_take_str(
        &f, OFFER("1", "m=audio 4000 RTP/AVPF 8", "c=IN IP4 host.example.com\r\nm=audio 4002 RTP/AVP 0\r\n")));
    T_EQ(sdp_session_streams(f.s), 1);
    const struct sdp_stream *s = sdp_session_stream(f.s, 0);
    T_EQ(s->dir, SDP_SENDONLY);
    T_EQ(s->proto, SDP_RTP_AVPF);
    T_EQ(s->rtp.family, ADDR_NONE);
    T_VIEW(s->host, "host.example.com");
    T_EQ(s->rtp.port, 4000);
out:
    end_close(&e);
    end_close(&f);
}

static void test_an_answer_of_zeros_is_a_session_without_media(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e, OFFER("1", "m=audio 0 RTP/AVP 0", "")));
    T_CHECK(!sdp_session_stream(e.s, 0)->active);
out:
    end_close(&e);
}

static void test_rtcp_goes_where_it_was_asked(struct t *t)
{
    struct end e;
    char text[ADDR_TEXT_BYTES];
    end_init(&e, 1, 6000);
    e.cap[0].rtcp_mux = true;
    T_OK(end_open(&e));
    e.cap[0].rtcp = addr_ip4(192, 0, 2, 1, 6001); /* where it is anyway */
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "a=rtcp:4444 IN IP4 192.0.2.77\r\n")));
    T_CHECK(!end_says(&e, "a=rtcp:"));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_CHECK(!s->rtcp_mux);
    T_CHECK(!end_says(&e, "rtcp-mux"));
    T_STR(addr_print(&s->rtcp, text), "192.0.2.77:4444");
    T_OK(end_answer_str(&e, OFFER("2", "m=audio 4000 RTP/AVP 0", "a=rtcp-mux\r\n")));
    s = sdp_session_stream(e.s, 0);
    T_CHECK(s->rtcp_mux);
    T_EQ(s->rtcp.port, 4000);
    T_CHECK(end_says(&e, "a=rtcp-mux\r\n"));
    e.cap[0].rtcp.port = 6009;
    T_OK(end_answer_str(&e, OFFER("3", "m=audio 4000 RTP/AVP 0", "")));
    T_CHECK(end_says(&e, "a=rtcp:6009\r\n"));
    T_OK(end_answer_str(&e, OFFER("4", "m=audio 4000 RTP/AVP 0", "a=rtcp-mux\r\n")));
    T_CHECK(!end_says(&e, "a=rtcp:"));
out:
    end_close(&e);
}

static void test_packet_times_respect_the_peers_limit(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.cap[0].ptime_ms = 40;
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "a=maxptime:30\r\nb=AS:64\r\n")));
    T_EQ(sdp_session_stream(e.s, 0)->ptime_ms, 30);
    T_EQ(sdp_session_stream(e.s, 0)->bandwidth_bps, 64000);
    T_OK(end_answer_str(&e, OFFER("2", "m=audio 4000 RTP/AVP 0", "a=ptime:0\r\n")));
    T_EQ(sdp_session_stream(e.s, 0)->ptime_ms, 40);
    T_EQ(sdp_session_stream(e.s, 0)->bandwidth_bps, -1);
    e.cap[0].ptime_ms = 0;
    T_OK(end_answer_str(&e, OFFER("3", "m=audio 4000 RTP/AVP 0", "a=ptime:999999\r\n")));
    T_EQ(sdp_session_stream(e.s, 0)->ptime_ms, SDP_PTIME_MS);
out:
    end_close(&e);
}

static void test_red_carries_the_codec_under_our_numbers(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    end_codec(&a, 0, "red", 48000, 2, 63);
    end_codec(&b, 0, "red", 48000, 2, 0);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&a, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96\r\n"));
    T_CHECK(end_says(&b, "a=fmtp:63 96/96\r\n"));
    const struct sdp_agreed *r = sdp_stream_rx(sdp_session_stream(b.s, 0), 63);
    T_CHECK(r && r->use == SDP_USE_RED);
    /* without opus it has nothing to carry */
    b.codec[0][0].name = VIEW("L16");
    b.codec[0][0].channels = 1;
    T_OK(end_exchange(&a, &b));
    T_CHECK(!end_says(&b, "red"));
out:
    end_close(&a);
    end_close(&b);
}

static void test_mid_is_given_back_and_secure_profiles_pass(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    e.cap[0].protos |= SDP_PROTO_BIT(SDP_TLS_SAVPF);
    e.cap[0].extra = VIEW("a=setup:active\r\na=fingerprint:sha-256 AA:BB\r\n");
    T_OK(end_open(&e));
    T_OK(sdp_session_receive_offer(e.s,
                                   VIEW(OFFER("1", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
                                              "a=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=setup:actpass\r\n"
                                              "a=fingerprint:sha-256 CC:DD\r\n")),
                                   NULL));
    const struct sdp *remote = sdp_session_remote(e.s); /* seen before answering, to make our own extra lines */
    struct view value;
    T_CHECK(sdp_attr_inherited(remote, &remote->media[0], VIEW("fingerprint"), &value));
    T_VIEW(value, "sha-256 CC:DD");
    T_OK(sdp_session_answer(e.s, &e.local, &e.text));
    T_CHECK(end_says(&e, "m=audio 6000 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"));
    T_CHECK(end_says(&e, "a=setup:active\r\na=fingerprint:sha-256 AA:BB\r\n"));
    T_CHECK(!end_says(&e, "CC:DD"));
    T_EQ(sdp_session_stream(e.s, 0)->proto, SDP_TLS_SAVPF);
out:
    end_close(&e);
}

static void test_what_breaks_the_rules_is_invalid_and_changes_nothing(struct t *t)
{
    struct end e;
    struct sdp_session *s = NULL;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    struct sdp_cap good = e.cap[0];
    e.cap[0].extra = VIEW("m=audio 1 RTP/AVP 0\r\n");
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.cap[0] = good;
    e.cap[0].rtp.port = 0;
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.cap[0] = good;
    e.cap[0].proto = SDP_PROTO_OTHER;
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.cap[0] = good;
    e.codec[0][0].fmtp = VIEW("a\r\na=b");
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.codec[0][0].fmtp = VIEW("");
    e.codec[0][0].name = VIEW("op us");
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.codec[0][0].name = VIEW("opus");
    e.local.extra = VIEW("x");
    T_ERR(end_offer(&e), AHOY_ERR_INVAL);
    e.local.extra = VIEW("");
    T_EQ(sdp_session_state(e.s), SDP_STABLE);
    T_OK(end_offer(&e));
    T_ERR(sdp_session_create(&s, &(struct sdp_session_config){ .user = VIEW("a b"), .id = 1, .addr = e.local.addr }),
          AHOY_ERR_INVAL);
    T_ERR(sdp_session_create(&s, &(struct sdp_session_config){ .id = (uint64_t) 1 << 62, .addr = e.local.addr }),
          AHOY_ERR_INVAL);
    T_ERR(sdp_session_create(&s, &(struct sdp_session_config){ .id = 1 }), AHOY_ERR_INVAL);
out:
    end_close(&e);
}

T_MAIN(T(test_our_offer_reads_as_intended), T(test_ipv6_and_a_second_address_are_written_in_c_lines),
       T(test_answer_keeps_the_offers_order_and_numbers), T(test_answer_can_follow_our_order_or_take_one_codec),
       T(test_static_numbers_need_no_rtpmap), T(test_events_match_the_codecs_clock),
       T(test_only_the_first_acceptable_audio_is_taken), T(test_nothing_in_common_is_unsupported_with_its_reason),
       T(test_an_offer_without_streams_has_an_answer_without), T(test_numbers_may_differ_by_direction),
       T(test_a_number_never_changes_its_meaning), T(test_numbers_that_look_like_rtcp_are_not_ours),
       T(test_fresh_numbers_keep_clear_of_all_others), T(test_strange_answers_are_taken_for_what_they_are),
       T(test_an_answer_of_zeros_is_a_session_without_media), T(test_rtcp_goes_where_it_was_asked),
       T(test_packet_times_respect_the_peers_limit), T(test_red_carries_the_codec_under_our_numbers),
       T(test_mid_is_given_back_and_secure_profiles_pass), T(test_what_breaks_the_rules_is_invalid_and_changes_nothing))
