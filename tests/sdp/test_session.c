/* Exchanges that follow each other: states, versions, holds, streams that come and go (RFC 3264 section 8). */
#include "support_sdp.h"

static void test_a_stream_switched_off_keeps_its_line(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    end_second_audio(&a, 6002);
    end_second_audio(&b, 7002);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_OK(end_exchange(&a, &b));
    a.cap[0].off = a.cap[1].off = true;
    T_OK(end_exchange(&a, &b)); /* all gone, and that is no failure */
    T_CHECK(end_says(&b, "m=audio 0 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\n"));
    a.cap[1].off = false;
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&a, "m=audio 0 RTP/AVP 96\r\nm=audio 6002 "));
    a.cap[0].off = false;
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&a, "m=audio 6000 RTP/AVP 96 9 8 0 110 101\r\n"));
    T_EQ(sdp_session_streams(a.s), 2);
    T_CHECK(sdp_session_stream_of(b.s, 0) == sdp_session_stream(b.s, 0));
out:
    end_close(&a);
    end_close(&b);
}

static void test_the_version_counts_what_was_said(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_OK(end_exchange(&a, &b));
    T_EQ(end_version(&a), 1000);
    T_OK(end_exchange(&a, &b)); /* a refresh: same text, same version */
    T_EQ(end_version(&a), 1000);
    T_EQ(end_version(&b), 1000);
    a.cap[0].dir = SDP_SENDONLY;
    T_OK(end_exchange(&a, &b));
    T_EQ(end_version(&a), 1001);
    T_EQ(end_version(&b), 1001);
    T_CHECK(end_says(&b, "a=recvonly"));
    T_OK(end_offer(&b)); /* what b said last was an answer; the count goes on from it */
    T_EQ(end_version(&b), 1002);
    T_CHECK(end_says(&b, "a=sendrecv")); /* RFC 6337 section 5.3: being held does not change what b wishes */
out:
    end_close(&a);
    end_close(&b);
}

static void test_hold_and_resume(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_OK(end_exchange(&a, &b));
    a.cap[0].dir = SDP_SENDONLY; /* a holds b */
    T_OK(end_exchange(&a, &b));
    const struct sdp_stream *sa = sdp_session_stream(a.s, 0), *sb = sdp_session_stream(b.s, 0);
    T_EQ(sa->dir, SDP_SENDONLY);
    T_EQ(sb->dir, SDP_RECVONLY);
    T_CHECK(sb->held && !sa->held);
    b.cap[0].dir = SDP_SENDONLY; /* b holds a in turn: RFC 6337 section 5.3, the answer is inactive */
    T_OK(end_exchange(&b, &a));
    T_CHECK(end_says(&b, "a=sendonly"));
    T_CHECK(end_says(&a, "a=inactive"));
    sa = sdp_session_stream(a.s, 0);
    sb = sdp_session_stream(b.s, 0);
    T_EQ(sa->dir, SDP_INACTIVE);
    T_CHECK(sa->held && sb->held);
    a.cap[0].dir = SDP_SENDRECV; /* a resumes; b still holds */
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&b, "a=sendonly"));
    sa = sdp_session_stream(a.s, 0);
    sb = sdp_session_stream(b.s, 0);
    T_EQ(sa->dir, SDP_RECVONLY);
    T_CHECK(sa->held && !sb->held);
    b.cap[0].dir = SDP_SENDRECV;
    T_OK(end_exchange(&b, &a));
    sa = sdp_session_stream(a.s, 0);
    T_EQ(sa->dir, SDP_SENDRECV);
    T_CHECK(!sa->held);
out:
    end_close(&a);
    end_close(&b);
}

static void test_a_forced_inactive_answer_does_not_end_a_hold(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "a=sendonly\r\n")));
    T_CHECK(sdp_session_stream(e.s, 0)->held);
    e.cap[0].dir = SDP_INACTIVE;
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e, OFFER("2", "m=audio 4000 RTP/AVP 0", "a=inactive\r\n")));
    T_CHECK(sdp_session_stream(e.s, 0)->held);
    T_EQ(sdp_session_stream(e.s, 0)->dir, SDP_INACTIVE);
out:
    end_close(&e);
}

static void test_hold_by_address_zero(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0\r\n")));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    T_CHECK(s->active && s->silent && s->held);
    T_EQ(s->dir, SDP_RECVONLY);
    T_CHECK(end_says(&e, "a=sendrecv")); /* RFC 6337 section 5.4: by the attribute alone */
    T_OK(end_answer_str(&e, OFFER("2", "m=audio 4000 RTP/AVP 0", "")));
    s = sdp_session_stream(e.s, 0);
    T_CHECK(!s->silent && !s->held);
    T_EQ(s->dir, SDP_SENDRECV);
out:
    end_close(&e);
}

static void test_direction_never_exceeds_what_both_said(struct t *t)
{
    for (int mine = 0; mine < 4 && !t->failed; mine++)
        for (int theirs = 0; theirs < 4 && !t->failed; theirs++) {
            struct end a, b;
            end_init(&a, 1, 6000);
            end_init(&b, 2, 7000);
            a.cap[0].dir = (enum sdp_dir) mine;
            b.cap[0].dir = (enum sdp_dir) theirs;
            T_OK(end_open(&a));
            T_OK(end_open(&b));
            T_OK(end_exchange(&a, &b));
            T_EQ(sdp_session_stream(a.s, 0)->dir, (unsigned) mine & sdp_dir_reverse((enum sdp_dir) theirs));
            T_EQ(sdp_session_stream(b.s, 0)->dir, (unsigned) theirs & sdp_dir_reverse((enum sdp_dir) mine));
        out:
            end_close(&a);
            end_close(&b);
        }
}

static void test_a_rejected_offer_leaves_all_as_it_was(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_OK(end_exchange(&a, &b));
    const struct sdp_stream *was = sdp_session_stream(a.s, 0);
    end_second_audio(&a, 6002);
    a.cap[0].dir = SDP_SENDONLY;
    end_codec(&a, 0, "L16", 16000, 1, 0);
    T_OK(end_offer(&a)); /* 488 comes back */
    T_CHECK(end_says(&a, ":97 L16/16000"));
    T_EQ(end_version(&a), 1001);
    sdp_session_rollback(a.s);
    T_EQ(sdp_session_state(a.s), SDP_STABLE);
    T_EQ(sdp_session_streams(a.s), 1);
    T_CHECK(sdp_session_stream(a.s, 0) == was);
    T_EQ(was->dir, SDP_SENDRECV);
    /* the next offer has one line again, moves on from the version sent, and 97 stays what it was offered as */
    a.local.caps = 1;
    a.cap[0].dir = SDP_SENDRECV;
    a.cap[0].codecs--;
    end_codec(&a, 0, "L16", 32000, 1, 97);
    T_OK(end_offer(&a));
    T_EQ(end_version(&a), 1002);
    T_CHECK(!end_says(&a, "m=audio 6002"));
    T_CHECK(!end_says(&a, ":97 "));
out:
    end_close(&a);
    end_close(&b);
}

static void test_glare_and_disorder_are_state_errors(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    T_ERR(end_take_str(&a, OFFER("1", "m=audio 4000 RTP/AVP 0", "")), AHOY_ERR_STATE);
    T_ERR(sdp_session_answer(a.s, &a.local, &a.text), AHOY_ERR_STATE);
    T_ERR(sdp_session_answer_none(a.s, &a.text), AHOY_ERR_STATE);
    T_OK(end_offer(&a));
    T_OK(end_offer(&b));
    T_ERR(sdp_session_receive_offer(a.s, buf_content(&b.text), NULL), AHOY_ERR_STATE); /* 491 to both */
    T_ERR(sdp_session_receive_offer(b.s, buf_content(&a.text), NULL), AHOY_ERR_STATE);
    T_ERR(sdp_session_offer(a.s, &a.local, &a.text), AHOY_ERR_STATE);
    sdp_session_rollback(a.s);
    sdp_session_rollback(b.s);
    T_OK(end_exchange(&b, &a));  /* b was first to try again */
    T_EQ(end_version(&b), 1000); /* the same text */
    T_CHECK(sdp_session_stream(a.s, 0)->active);
    T_OK(sdp_session_receive_offer(a.s, VIEW("v=0\r\n"), NULL));
    T_ERR(end_offer(&a), AHOY_ERR_STATE);
    sdp_session_rollback(a.s);
    sdp_session_rollback(a.s); /* nothing under way: nothing happens */
    T_OK(end_offer(&a));
out:
    end_close(&a);
    end_close(&b);
}

static void test_an_early_answer_may_be_replaced(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_OK(sdp_session_apply_answer(e.s, VIEW(OFFER("1", "m=audio 4000 RTP/AVP 8", "a=sendonly\r\n")), false, NULL));
    T_EQ(sdp_session_state(e.s), SDP_HAVE_LOCAL_OFFER);
    T_EQ(sdp_session_stream(e.s, 0)->rtp.port, 4000);
    T_OK(end_take_str(&e, OFFER("1", "m=audio 4100 RTP/AVP 0", "")));
    T_EQ(sdp_session_stream(e.s, 0)->rtp.port, 4100);
    T_EQ(sdp_session_state(e.s), SDP_STABLE);
    T_OK(end_offer(&e));
    T_OK(sdp_session_apply_answer(e.s, VIEW(OFFER("2", "m=audio 4200 RTP/AVP 8", "")), false, NULL));
    T_EQ(sdp_session_stream(e.s, 0)->rtp.port, 4200);
    sdp_session_rollback(e.s);
    T_EQ(sdp_session_stream(e.s, 0)->rtp.port, 4100);
out:
    end_close(&e);
}

static void test_a_fork_has_its_own_future(struct t *t)
{
    struct end a;
    struct sdp_session *f = NULL;
    end_init(&a, 1, 6000);
    T_OK(end_open(&a));
    T_OK(end_offer(&a));
    T_OK(sdp_session_fork(a.s, &f));
    T_OK(end_take_str(&a, OFFER("1", "m=audio 4000 RTP/AVP 0", "")));
    T_OK(sdp_session_apply_answer(f, VIEW(OFFER("1", "m=audio 5000 RTP/AVP 8", "")), true, NULL));
    T_EQ(sdp_session_stream(a.s, 0)->rtp.port, 4000);
    T_EQ(sdp_session_stream(f, 0)->rtp.port, 5000);
    T_EQ(sdp_stream_codec(sdp_session_stream(f, 0))->tx_pt, 8);
    a.cap[0].dir = SDP_INACTIVE;
    T_OK(end_offer(&a));
    T_EQ(sdp_session_state(f), SDP_STABLE);
out:
    sdp_session_destroy(f);
    end_close(&a);
}

static void test_a_mark_survives_completed_exchanges(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "")));
    sdp_session_mark(e.s);
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e, OFFER("2", "m=audio 4100 RTP/AVP 8", "")));
    T_OK(end_answer_str(&e, OFFER("3", "m=audio 4200 RTP/AVP 9", "")));
    sdp_session_revert(e.s); /* the re-INVITE got a 4xx after all */
    T_EQ(sdp_session_stream(e.s, 0)->rtp.port, 4000);
    T_EQ(sdp_stream_codec(sdp_session_stream(e.s, 0))->tx_pt, 0);
    T_VIEW(sdp_session_remote(e.s)->origin.version, "1");
out:
    end_close(&e);
}

static void test_streams_come_and_go_in_their_lines(struct t *t)
{
    struct end a, b;
    end_init(&a, 1, 6000);
    end_init(&b, 2, 7000);
    T_OK(end_open(&a));
    T_OK(end_open(&b));
    end_second_audio(&b, 7002);
    T_OK(end_exchange(&a, &b));
    end_second_audio(&a, 6002);
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&b, "m=audio 7002 RTP/AVP 0 101\r\n"));
    a.cap[0].off = true; /* the first goes; its line stays */
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&a, "m=audio 0 RTP/AVP 96\r\nm=audio 6002 "));
    T_CHECK(end_says(&b, "m=audio 0 RTP/AVP 96\r\nm=audio 7002 "));
    T_EQ(sdp_session_stream(b.s, 0)->reject, SDP_REJECT_OFF);
    T_CHECK(sdp_session_stream(b.s, 1)->active);
    a.cap[2] = a.cap[1]; /* a third takes the free line */
    a.cap[2].rtp.port = 6004;
    a.local.caps = 3;
    T_OK(end_exchange(&a, &b));
    T_CHECK(end_says(&a, "m=audio 6004 RTP/AVP 0 101\r\n"));
    T_EQ(sdp_session_streams(a.s), 2);
    T_EQ(sdp_session_stream(a.s, 0)->cap, 2);
    T_CHECK(sdp_session_stream_of(a.s, 2)->active);
out:
    end_close(&a);
    end_close(&b);
}

static void test_a_line_the_peer_refused_is_offered_again(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    end_second_audio(&e, 6002);
    T_OK(end_open(&e));
    T_OK(end_offer(&e));
    T_OK(end_take_str(&e, OFFER("1", "m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 0\r\n")));
    T_EQ(sdp_session_stream(e.s, 1)->reject, SDP_REJECT_PEER);
    T_EQ(sdp_session_stream(e.s, 1)->cap, 1);
    T_OK(end_offer(&e)); /* RFC 6337 section 5.2.5 */
    T_EQ(end_version(&e), 1000);
    T_CHECK(end_says(&e, "m=audio 6002 "));
out:
    end_close(&e);
}

static void test_a_repeated_offer_is_recognised(struct t *t)
{
    struct end e;
    const char *offer = OFFER("1", "m=audio 4000 RTP/AVP 0", "");
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, offer));
    T_OK(sdp_session_receive_offer(e.s, view_str(offer), NULL));
    T_CHECK(sdp_session_remote_unchanged(e.s));
    buf_clear(&e.text);
    T_OK(sdp_session_answer(e.s, &e.local, &e.text));
    T_EQ(end_version(&e), 1000);
    T_VIEW(sdp_session_local_text(e.s), buf_cstr(&e.text));
    T_OK(sdp_session_receive_offer(e.s, VIEW(OFFER("2", "m=audio 4002 RTP/AVP 0", "")), NULL));
    T_CHECK(!sdp_session_remote_unchanged(e.s));
out:
    end_close(&e);
}

static void test_a_peer_that_drops_lines_gets_what_it_offers(struct t *t)
{
    struct end e;
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, OFFER("1", "m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0\r\n")));
    T_OK(end_answer_str(&e, OFFER("2", "m=audio 4000 RTP/AVP 0", "")));
    T_EQ(sdp_session_streams(e.s), 1);
    T_CHECK(sdp_session_stream(e.s, 0)->active);
    T_EQ(sdp_session_stream(e.s, 0)->cap, 0);
out:
    end_close(&e);
}

static void test_an_output_that_is_full_changes_nothing(struct t *t)
{
    struct end e;
    struct buf small;
    buf_init(&small, 100);
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    T_ERR(sdp_session_offer(e.s, &e.local, &small), AHOY_ERR_LIMIT);
    T_EQ(sdp_session_state(e.s), SDP_STABLE);
    T_EQ(small.n, 0);
    T_OK(end_offer(&e));
    T_EQ(end_version(&e), 1000);
out:
    buf_fini(&small);
    end_close(&e);
}

static void test_the_lines_of_a_session_run_out(struct t *t)
{
    struct end e;
    struct buf offer;
    buf_init(&offer, SDP_MAX_BYTES);
    end_init(&e, 1, 6000);
    T_OK(end_open(&e));
    buf_str(&offer, OFFER("1", "m=audio 4000 RTP/AVP 0", ""));
    for (int i = 1; i < SDP_MAX_MEDIA; i++)
        buf_str(&offer, i == 5 ? "m=video 0 RTP/AVP 31\r\n" : "m=text 11000 RTP/AVP 98\r\n");
    T_OK(buf_err(&offer));
    T_OK(end_answer(&e, buf_content(&offer)));
    T_EQ(sdp_session_streams(e.s), SDP_MAX_MEDIA);
    end_second_audio(&e, 6002); /* no new line is left: a dead one of another kind it is */
    T_OK(end_offer(&e));
    T_CHECK(end_says(&e, "m=audio 6002 "));
    T_EQ(end_version(&e), 1001);
out:
    buf_fini(&offer);
    end_close(&e);
}

T_MAIN(T(test_a_stream_switched_off_keeps_its_line), T(test_the_version_counts_what_was_said), T(test_hold_and_resume),
       T(test_a_forced_inactive_answer_does_not_end_a_hold), T(test_hold_by_address_zero),
       T(test_direction_never_exceeds_what_both_said), T(test_a_rejected_offer_leaves_all_as_it_was),
       T(test_glare_and_disorder_are_state_errors), T(test_an_early_answer_may_be_replaced),
       T(test_a_fork_has_its_own_future), T(test_a_mark_survives_completed_exchanges),
       T(test_streams_come_and_go_in_their_lines), T(test_a_line_the_peer_refused_is_offered_again),
       T(test_a_repeated_offer_is_recognised), T(test_a_peer_that_drops_lines_gets_what_it_offers),
       T(test_an_output_that_is_full_changes_nothing), T(test_the_lines_of_a_session_run_out))
