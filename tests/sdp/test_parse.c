#include "sdp/sdp.h"

#include "support/t.h"

struct parsed {
    struct arena arena;
    struct sdp sdp;
    struct sdp_error why;
};

static enum ahoy_err parse(struct parsed *p, struct view text)
{
    arena_init(&p->arena, SDP_ARENA_BYTES);
    p->why = (struct sdp_error){ 0 };
    return sdp_parse(text, &p->arena, &p->sdp, &p->why);
}

static void done(struct parsed *p)
{
    arena_fini(&p->arena);
}

static void test_reads_a_description(struct t *t)
{
    struct parsed p;
    T_OK(parse(&p,
               VIEW("v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n"
                    "c=IN IP4 198.51.100.1\r\nb=AS:80\r\nt=0 0\r\na=recvonly\r\na=group:BUNDLE a1 v1\r\n"
                    "m=audio 49170/2 RTP/AVP 0 97 101\r\na=rtpmap:97 opus/48000/2\r\na=fmtp:97 stereo=1\r\n"
                    "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=maxptime:60\r\na=mid:a1\r\n"
                    "a=rtcp:53020 IN IP6 2001:db8::1\r\na=rtcp-mux\r\n"
                    "m=video 51372 RTP/SAVPF 99\r\nc=IN IP6 2001:db8::2\r\nb=TIAS:500000\r\na=sendonly\r\na=mid:v1\r\n"
                    "a=rtpmap:99 h263-1998/90000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n")));
    T_VIEW(p.sdp.origin.user, "jdoe");
    T_EQ(p.sdp.origin.id_num, 3724394400);
    T_EQ(p.sdp.origin.version_num, 3724394405);
    T_VIEW(p.sdp.origin.host, "198.51.100.1");
    T_VIEW(p.sdp.name, "Call to John Smith");
    T_VIEW(p.sdp.time, "0 0");
    T_EQ(p.sdp.medias, 2);
    const struct sdp_media *a = &p.sdp.media[0], *v = &p.sdp.media[1];
    T_EQ(a->kind, SDP_AUDIO);
    T_EQ(a->port, 49170);
    T_EQ(a->port_count, 2);
    T_EQ(a->proto, SDP_RTP_AVP);
    T_EQ(a->formats, 3);
    T_VIEW(a->format[0].name, "PCMU");
    T_CHECK(a->format[0].is_static);
    T_VIEW(a->format[1].name, "opus");
    T_EQ(a->format[1].channels, 2);
    T_VIEW(a->format[1].fmtp, "stereo=1");
    T_EQ(a->format[2].clock_hz, 8000);
    T_EQ(a->dir, SDP_RECVONLY);
    T_EQ(a->ptime_ms, 20);
    T_EQ(a->maxptime_ms, 60);
    T_EQ(a->bandwidth_bps, 80000);
    T_CHECK(a->rtcp_mux);
    char text[ADDR_TEXT_BYTES];
    struct addr rtp = sdp_media_rtp(a), rtcp = sdp_media_rtcp(a);
    T_STR(addr_print(&rtp, text), "198.51.100.1:49170");
    T_STR(addr_print(&rtcp, text), "[2001:db8::1]:53020");
    T_EQ(v->kind, SDP_VIDEO);
    T_EQ(v->proto, SDP_RTP_SAVPF);
    T_EQ(v->dir, SDP_SENDONLY);
    T_EQ(v->bandwidth_bps, 500000);
    rtcp = sdp_media_rtcp(v);
    T_STR(addr_print(&rtcp, text), "[2001:db8::2]:51373");
    bool first;
    T_CHECK(sdp_group_has(&p.sdp, VIEW("BUNDLE"), v->mid, &first));
    T_CHECK(!first);
    T_CHECK(sdp_group_has(&p.sdp, VIEW("bundle"), a->mid, &first) && first);
    T_CHECK(!sdp_group_has(&p.sdp, VIEW("BUNDLE"), VIEW("v"), NULL));
    T_CHECK(!sdp_group_has(&p.sdp, VIEW("LS"), a->mid, NULL));
    const struct sdp_line *l = sdp_attr(v->lines, VIEW("crypto"), NULL);
    T_CHECK(l != NULL);
    T_VIEW(l->value, "1 AES_CM_128_HMAC_SHA1_80 inline:x");
    T_CHECK(sdp_attr(v->lines, VIEW("crypto"), l) == NULL);
    T_CHECK(sdp_attr(a->lines, VIEW("crypto"), NULL) == NULL);
    struct view value;
    T_CHECK(sdp_attr_inherited(&p.sdp, a, VIEW("group"), &value));
    T_CHECK(sdp_media_format(a, 101) == &a->format[2]);
    T_CHECK(sdp_media_format(a, 8) == NULL);
out:
    done(&p);
}

static void test_takes_what_devices_get_wrong(struct t *t)
{
    struct parsed p;
    /* LF alone, no s= and t=, short o=, blanks, blank lines, a line of no form, zero bytes at the end */
    struct view text = VIEW(
        "\n v=0 \no=- 5\n\nc= IN  IP4   192.0.2.9/127 \nfoo bar\nZ=1\n"
        "m=audio   4000  rtp/avp  0  101  0 \na=rtpmap: 101   telephone-event\na=ptime:20.5\n"
        "a=fmtp:101  0-15 \na=SendOnly\na=nonsense\na=x-thing: 1 2\r\rm=audio 5000 RTP/AVP\n\0\0\n\0");
    T_OK(parse(&p, text));
    T_VIEW(p.sdp.origin.id, "5");
    T_VIEW(p.sdp.origin.version, "");
    T_EQ(p.sdp.medias, 2);
    const struct sdp_media *m = &p.sdp.media[0];
    T_EQ(m->port, 4000);
    T_EQ(m->formats, 3);
    T_VIEW(m->format[1].name, "telephone-event");
    T_EQ(m->format[1].clock_hz, 8000);
    T_VIEW(m->format[1].fmtp, "0-15");
    T_EQ(m->ptime_ms, 20);
    T_EQ(m->dir, SDP_SENDONLY);
    T_VIEW(m->conn.host, "192.0.2.9");
    T_EQ(m->conn.addr.family, ADDR_IP4);
    T_CHECK(sdp_attr(m->lines, VIEW("x-thing"), NULL) != NULL);
    T_EQ(p.sdp.media[1].formats, 0);
out:
    done(&p);
}

static void test_hold_by_address_is_seen(struct t *t)
{
    struct parsed p, q;
    arena_init(&q.arena, SDP_ARENA_BYTES);
    T_OK(
        parse(&p, VIEW("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\nm=audio 4002 RTP/AVP 0\n")));
    T_CHECK(p.sdp.media[0].conn.null);
    T_CHECK(!p.sdp.media[1].conn.null);
    T_OK(parse(&q, VIEW("v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP6 ::\nm=audio 4002 RTP/AVP 0\n")));
    T_CHECK(q.sdp.media[0].conn.null);
    T_CHECK(!q.sdp.media[1].conn.present);
out:
    done(&q);
    done(&p);
}

static void test_of_things_said_twice_one_counts(struct t *t)
{
    struct parsed p;
    T_OK(parse(&p,
               VIEW("v=0\no=- 1 1 IN IP4 h\no=- 2 2 IN IP4 h\ns=a\ns=b\nm=audio 1 RTP/AVP 96 96 0 300 x\n"
                    "c=IN IP4 192.0.2.1\nc=IN IP4 192.0.2.2\na=rtpmap:96 opus/48000/2\na=rtpmap:96 PCMU/8000\n"
                    "a=rtpmap:0 L8/11025\na=rtpmap:5 G729/8000\na=fmtp:96 a\na=fmtp:96 b\na=sendonly\na=inactive\n")));
    T_EQ(p.sdp.origin.id_num, 1);
    T_VIEW(p.sdp.name, "a");
    const struct sdp_media *m = &p.sdp.media[0];
    T_VIEW(m->format[0].name, "opus");
    T_VIEW(m->format[0].fmtp, "a");
    T_VIEW(m->format[1].name, "");
    T_VIEW(m->format[2].name, "L8"); /* rtpmap has it over RFC 3551 */
    T_EQ(m->format[3].pt, -1);
    T_EQ(m->format[4].pt, -1);
    T_VIEW(m->conn.host, "192.0.2.1");
    T_EQ(m->dir, SDP_INACTIVE); /* of directions the last */
out:
    done(&p);
}

static void test_prints_back_every_line_in_its_place(struct t *t)
{
    struct parsed p;
    struct buf out;
    buf_init(&out, SDP_MAX_BYTES);
    const char *text =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nx=unknown line\r\nt=0 0\r\na=tool:thing\r\n"
        "m=audio 4000 RTP/AVP 0\r\ni=title\r\na=unknown:1 2 3\r\nno form at all\r\na=flag\r\nk=prompt\r\n";
    T_OK(parse(&p, view_str(text)));
    sdp_print(&p.sdp, &out);
    T_OK(buf_err(&out));
    T_STR(buf_cstr(&out), text);
out:
    buf_fini(&out);
    done(&p);
}

static void test_says_where_and_why_it_failed(struct t *t)
{
    static const struct {
        const char *text;
        size_t offset;
        const char *reason;
    } bad[] = {
        { "", 0, "the description is empty" },
        { " \r\n", 0, "the description is empty" },
        { "s=-\r\nv=0\r\n", 0, "the first line is not v=" },
        { "v=1\r\n", 0, "the version is not 0" },
        { "v=0\r\nv=0\r\n", 5, "a second description" },
        { "v=0\nm=audio\n", 4, "an m= line needs a kind, a port and a protocol" },
        { "v=0\nm=audio 4000\n", 4, "an m= line needs a kind, a port and a protocol" },
        { "v=0\nm=audio 65536 RTP/AVP 0\n", 4, "the port in an m= line is no port" },
        { "v=0\nm=audio -1 RTP/AVP 0\n", 4, "the port in an m= line is no port" },
    };
    struct parsed p;
    for (size_t i = 0; i < AHOY_COUNT(bad); i++) {
        enum ahoy_err err = parse(&p, view_str(bad[i].text));
        done(&p);
        T_ERR(err, AHOY_ERR_SYNTAX);
        T_STR(p.why.reason, bad[i].reason);
        T_EQ(p.why.offset, bad[i].offset);
    }
    enum ahoy_err err = parse(&p, VIEW("v=0\ns=a\0b\n"));
    done(&p);
    T_ERR(err, AHOY_ERR_SYNTAX);
    T_EQ(p.why.offset, 7);
out:
    return;
}

/* `n` times `line` behind v=0. */
static enum ahoy_err parse_many(struct parsed *p, const char *head, const char *line, size_t n, struct buf *text)
{
    buf_clear(text);
    buf_str(text, head);
    for (size_t i = 0; i < n; i++)
        buf_str(text, line);
    enum ahoy_err err = buf_err(text);
    if (err)
        return err;
    err = parse(p, buf_content(text));
    done(p);
    return err;
}

static void test_limits_hold(struct t *t)
{
    struct parsed p;
    struct buf text;
    buf_init(&text, 1u << 20);
    T_OK(parse_many(&p, "v=0\n", "a=\n", SDP_MAX_LINES - 1, &text));
    T_ERR(parse_many(&p, "v=0\n", "a=\n", SDP_MAX_LINES, &text), AHOY_ERR_LIMIT);
    T_OK(parse_many(&p, "v=0\n", "m=audio 1 RTP/AVP 0\n", SDP_MAX_MEDIA, &text));
    T_ERR(parse_many(&p, "v=0\n", "m=audio 1 RTP/AVP 0\n", SDP_MAX_MEDIA + 1, &text), AHOY_ERR_LIMIT);
    T_OK(parse_many(&p, "v=0\nm=audio 1 RTP/AVP", " 96", SDP_MAX_FORMATS, &text));
    T_ERR(parse_many(&p, "v=0\nm=audio 1 RTP/AVP", " 96", SDP_MAX_FORMATS + 1, &text), AHOY_ERR_LIMIT);
    T_ERR(parse_many(&p, "v=0\ns=", "xxxxxxxx", SDP_MAX_BYTES / 8, &text), AHOY_ERR_LIMIT);
    T_STR(p.why.reason, "the description is too long");
out:
    buf_fini(&text);
}

static void test_the_largest_description_fits_its_arena(struct t *t)
{
    struct parsed p;
    struct buf text;
    buf_init(&text, 1u << 20);
    buf_str(&text, "v=0\n");
    for (int m = 0; m < SDP_MAX_MEDIA; m++) {
        buf_str(&text, "m=audio 1 RTP/AVP");
        for (int f = 0; f < SDP_MAX_FORMATS; f++)
            buf_printf(&text, " %d", f);
        buf_char(&text, '\n');
    }
    for (size_t i = 0; i < SDP_MAX_LINES - SDP_MAX_MEDIA - 1; i++)
        buf_str(&text, "a=x:yz\n");
    T_OK(buf_err(&text));
    T_LE(text.n, SDP_MAX_BYTES);
    enum ahoy_err err = parse(&p, buf_content(&text));
    done(&p);
    T_OK(err);
out:
    buf_fini(&text);
}

T_MAIN(T(test_reads_a_description), T(test_takes_what_devices_get_wrong), T(test_hold_by_address_is_seen),
       T(test_of_things_said_twice_one_counts), T(test_prints_back_every_line_in_its_place),
       T(test_says_where_and_why_it_failed), T_STRIDE(test_limits_hold, 5) /* builds long texts */,
       T_STRIDE(test_the_largest_description_fits_its_arena, 5))
