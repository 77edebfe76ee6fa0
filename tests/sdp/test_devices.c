/*
 * Offers in the manner of devices in the field, written for this test after what those devices are known to send. Each
 * is answered by an ordinary telephone of ours; what it must come to stands beside it.
 */
#include "support_sdp.h"

struct device {
    const char *name;
    const char *offer;
    const char *answer_line; /* the m= line we answer with */
    const char *codec;       /* we send with */
    unsigned tx_pt;
    int events_pt; /* number for DTMF; -1: none */
    unsigned ptime_ms;
    const char *rtp;
};

static const struct device devices[] = {
    { "Cisco IP phone",
      "v=0\r\no=Cisco-SIPUA 26150 0 IN IP4 192.0.2.20\r\ns=SIP Call\r\nb=AS:4064\r\nt=0 0\r\n"
      "m=audio 27434 RTP/AVP 114 9 124 0 8 116 18 101\r\nc=IN IP4 192.0.2.20\r\nb=TIAS:64000\r\n"
      "a=rtpmap:114 opus/48000/2\r\na=fmtp:114 maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=64000;"
      "stereo=0;sprop-stereo=0;usedtx=0\r\na=rtpmap:9 G722/8000\r\na=rtpmap:124 ISAC/16000\r\na=rtpmap:0 PCMU/8000\r\n"
      "a=rtpmap:8 PCMA/8000\r\na=rtpmap:116 iLBC/8000\r\na=fmtp:116 mode=20\r\na=rtpmap:18 G729/8000\r\n"
      "a=fmtp:18 annexb=yes\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n",
      "m=audio 6000 RTP/AVP 114 9 0 8 101\r\n", "opus", 114, 101, 20, "192.0.2.20:27434" },
    { "Polycom, two audio lines, one secure",
      "v=0\r\no=- 1373020463 1373020463 IN IP4 192.0.2.21\r\ns=Polycom IP Phone\r\nc=IN IP4 192.0.2.21\r\nt=0 0\r\n"
      "a=sendrecv\r\nm=audio 2238 RTP/SAVP 9 0 8 18 127\r\n"
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BFLLLr5qmTThdLGGTeFQwxvrpMTQIKmLXIlLSKII\r\na=rtpmap:9 G722/8000\r\n"
      "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
      "a=rtpmap:127 telephone-event/8000\r\nm=audio 2238 RTP/AVP 9 0 8 18 127\r\na=rtpmap:9 G722/8000\r\n"
      "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
      "a=rtpmap:127 telephone-event/8000\r\n",
      "m=audio 0 RTP/SAVP 9\r\nm=audio 6000 RTP/AVP 9 0 8 127\r\n", "G722", 9, 127, 20, "192.0.2.21:2238" },
    { "Asterisk chan_sip",
      "v=0\r\no=root 1821425211 1821425212 IN IP4 192.0.2.22\r\ns=Asterisk PBX 13\r\nc=IN IP4 192.0.2.22\r\nt=0 0\r\n"
      "m=audio 12868 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n",
      "m=audio 6000 RTP/AVP 8 0 101\r\n", "PCMA", 8, 101, 20, "192.0.2.22:12868" },
    { "Asterisk PJSIP with opus and 8000 Hz events",
      "v=0\r\no=- 1404720914 2 IN IP4 192.0.2.23\r\ns=Asterisk\r\nc=IN IP4 192.0.2.23\r\nt=0 0\r\n"
      "m=audio 10080 RTP/AVP 107 101\r\na=rtpmap:107 opus/48000/2\r\na=fmtp:107 useinbandfec=1\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\n",
      "m=audio 6000 RTP/AVP 107 101\r\n", "opus", 107, 101, 20, "192.0.2.23:10080" },
    { "FreeSWITCH",
      "v=0\r\no=FreeSWITCH 1650000000 1650000001 IN IP4 192.0.2.24\r\ns=FreeSWITCH\r\nc=IN IP4 192.0.2.24\r\nt=0 0\r\n"
      "m=audio 21388 RTP/AVP 102 9 0 8 103 101\r\na=rtpmap:102 opus/48000/2\r\na=fmtp:102 useinbandfec=1; stereo=0\r\n"
      "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:103 telephone-event/48000\r\n"
      "a=fmtp:103 0-15\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n",
      "m=audio 6000 RTP/AVP 102 9 0 8 103 101\r\n", "opus", 102, 103, 20, "192.0.2.24:21388" },
    { "Linphone with AVPF and video",
      "v=0\r\no=alice 3253 2241 IN IP4 192.0.2.25\r\ns=Talk\r\nc=IN IP4 192.0.2.25\r\nt=0 0\r\n"
      "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\na=record:off\r\n"
      "m=audio 7078 RTP/AVPF 96 97 98 0 8 18 101 99\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
      "a=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=fmtp:98 vbr=on\r\n"
      "a=fmtp:18 annexb=yes\r\na=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/8000\r\n"
      "a=rtcp-fb:* trr-int 5000\r\na=rtcp-fb:* ccm tmmbr\r\nm=video 9078 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
      "a=rtcp-fb:96 nack pli\r\n",
      "m=audio 6000 RTP/AVPF 96 0 8 101 99\r\n", "opus", 96, 101, 20, "192.0.2.25:7078" },
    { "a browser",
      "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\n"
      "a=msid-semantic: WMS stream\r\nm=audio 54400 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n"
      "c=IN IP4 203.0.113.5\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
      "a=candidate:1467250027 1 udp 2122260223 192.0.2.26 46243 typ host generation 0\r\n"
      "a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\na=ice-options:trickle\r\n"
      "a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:"
      "23:5E\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n"
      "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
      "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n"
      "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
      "a=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:gthYQtKdEr\r\n",
      "m=audio 6000 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\na=mid:0\r\n", "opus", 111, 110, 20, "203.0.113.5:54400" },
    { "an old gateway: LF, no s= and t=, static types without rtpmap, upper case, port count",
      "v=0\no=GW 1 1 IN IP4 192.0.2.27\nc=IN IP4 192.0.2.27\nm=audio 16384/1 RTP/AVP 18 4 8 96\n"
      "a=rtpmap:96 TELEPHONE-EVENT/8000\na=fmtp:96 0-15\na=ptime:10\n\0",
      "m=audio 6000 RTP/AVP 8 96\r\n", "PCMA", 8, 96, 10, "192.0.2.27:16384" },
    { "a door station: G722 under its real rate, no events",
      "v=0\r\no=- - - IN IP4 192.0.2.28\r\ns=\r\nc=IN IP4 192.0.2.28\r\nt=\r\nm=audio 40000 RTP/AVP 9\r\n"
      "a=rtpmap:9 G722/16000\r\na=sendrecv\r\n\r\n\r\n",
      "m=audio 6000 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n", "G722", 9, -1, 20, "192.0.2.28:40000" },
};

static void answer_device(struct t *t, const struct device *d)
{
    struct end e;
    char text[ADDR_TEXT_BYTES];
    end_init(&e, 1, 6000);
    e.cap[0].protos |= SDP_PROTO_BIT(SDP_TLS_SAVPF);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, d->offer));
    T_CHECK(end_says(&e, d->answer_line));
    const struct sdp_stream *s = sdp_session_stream_of(e.s, 0);
    T_CHECK(s && s->active);
    T_VIEW(sdp_stream_codec(s)->name, d->codec);
    T_EQ(sdp_stream_codec(s)->tx_pt, d->tx_pt);
    const struct sdp_agreed *events = sdp_stream_events(s, sdp_stream_codec(s)->clock_hz);
    T_EQ(events ? events->tx_pt : -1, d->events_pt);
    T_EQ(s->ptime_ms, d->ptime_ms);
    T_STR(addr_print(&s->rtp, text), d->rtp);
    T_EQ(s->dir, SDP_SENDRECV);
    T_CHECK(!s->held);
    T_OK(end_offer(&e)); /* and a re-offer of ours still stands on the same lines */
    T_EQ(end_version(&e) >= 1000, 1);
out:
    end_close(&e);
}

static void test_offers_of_real_devices_are_answered(struct t *t)
{
    for (size_t i = 0; i < AHOY_COUNT(devices) && !t->failed; i++)
        answer_device(t, &devices[i]);
}

static void test_they_print_back_as_they_came(struct t *t)
{
    struct arena arena;
    struct buf first, second;
    buf_init(&first, SDP_MAX_BYTES);
    buf_init(&second, SDP_MAX_BYTES);
    arena_init(&arena, SDP_ARENA_BYTES);
    for (size_t i = 0; i < AHOY_COUNT(devices); i++) {
        struct sdp sdp;
        buf_clear(&first);
        buf_clear(&second);
        T_OK(sdp_parse(view_str(devices[i].offer), &arena, &sdp, NULL));
        sdp_print(&sdp, &first);
        T_OK(sdp_parse(buf_content(&first), &arena, &sdp, NULL));
        sdp_print(&sdp, &second);
        T_OK(buf_err(&second));
        T_STR(buf_cstr(&first), buf_cstr(&second));
    }
out:
    arena_fini(&arena);
    buf_fini(&first);
    buf_fini(&second);
}

/* An answer as some PBXs give it: fewer codecs, own numbers, events under 8000 beside opus. */
static void test_a_pbx_answer_with_its_own_numbers(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e, "v=0\no=- 7 7 IN IP4 192.0.2.9\ns=Asterisk\nc=IN IP4 192.0.2.9\nt=0 0\n"
                          "m=audio 15000 RTP/AVP 107 101\na=rtpmap:107 opus/48000/2\na=fmtp:107 maxplaybackrate=16000\n"
                          "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:60\na=maxptime:60\n"));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_EQ(s->formats, 2);
    T_EQ(s->format[0].tx_pt, 107);
    T_EQ(s->format[0].rx_pt, 96);
    T_EQ(sdp_stream_events(s, 48000)->tx_pt, 101);
    T_EQ(s->ptime_ms, 60);
out:
    end_close(&e);
}

T_MAIN(T_STRIDE(test_offers_of_real_devices_are_answered, 3) /* nine sessions */, T(test_they_print_back_as_they_came),
       T(test_a_pbx_answer_with_its_own_numbers))
