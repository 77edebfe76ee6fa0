/*
 * The exchanges printed in RFC 4317 and RFC 3264 section 10, played by two of our sessions. Each end is given the
 * capabilities it shows in the RFC's text; then our offer and our answer must come to the RFC's lines, and each end
 * takes the RFC's own text from the other.
 */
#include "support_sdp.h"

#include "base/mem.h"

#include <stdio.h>

enum { MANY_CAPS = 6, MANY_CODECS = 6 };

struct player {
    struct sdp_session *s;
    struct sdp_codec codec[MANY_CAPS][MANY_CODECS];
    struct sdp_cap cap[MANY_CAPS];
    struct sdp_local local;
};

/* Line i of the RFC's text is our stream i. */
static void learn(struct player *p, const struct sdp *sdp)
{
    memset(p->codec, 0, sizeof p->codec);
    memset(p->cap, 0, sizeof p->cap);
    struct addr addr = sdp->conn.null ? addr_ip4(0, 0, 0, 0, 0) : addr_ip4(192, 0, 2, 1, 0);
    p->local = (struct sdp_local){ .addr = addr, .cap = p->cap, .caps = sdp->medias };
    for (size_t i = 0; i < sdp->medias && i < MANY_CAPS; i++) {
        const struct sdp_media *m = &sdp->media[i];
        struct sdp_cap *c = &p->cap[i];
        *c = (struct sdp_cap){ .kind = m->kind,
                               .off = m->port == 0,
                               .codec = p->codec[i],
                               .dir = m->dir,
                               .rtp = addr_with_port(&addr, m->port),
                               .proto = SDP_RTP_AVP,
                               .protos = SDP_PROTO_BIT(SDP_RTP_AVP) };
        for (size_t j = 0; j < m->formats && j < MANY_CODECS; j++) {
            const struct sdp_format *f = &m->format[j];
            if (view_ieq(f->name, VIEW("telephone-event")))
                c->events = true;
            else
                p->codec[i][c->codecs++] = (struct sdp_codec){ f->name, f->clock_hz, f->channels, (unsigned) f->pt,
                                                               f->fmtp };
        }
    }
}

static bool lists(const struct sdp_media *m, const struct sdp_format *f)
{
    for (size_t i = 0; i < m->formats; i++)
        if (view_ieq(m->format[i].name, f->name) && m->format[i].clock_hz == f->clock_hz)
            return true;
    return false;
}

/* Same lines, same ports, same directions, same formats in the same order as far as `offer` (if any) has them. */
static bool same_lines(const struct sdp *a, const struct sdp *rfc, const struct sdp *offer)
{
    if (a->medias != rfc->medias)
        return false;
    for (size_t i = 0; i < a->medias; i++) {
        const struct sdp_media *x = &a->media[i], *y = &rfc->media[i];
        if (x->kind != y->kind || x->port != y->port || !view_eq(x->proto_text, y->proto_text))
            return false;
        if (x->port == 0)
            continue;
        size_t at = 0;
        for (size_t j = 0; j < y->formats; j++) {
            if (offer && !lists(&offer->media[i], &y->format[j]))
                continue; /* an answer of the RFC that adds to the offer */
            if (at == x->formats || !view_ieq(x->format[at].name, y->format[j].name))
                return false;
            at++;
        }
        /* section 3.2 of RFC 4317 answers sendonly with sendrecv, against RFC 3264 section 6.1 */
        unsigned allowed = offer ? sdp_dir_reverse(offer->media[i].dir) : SDP_SENDRECV;
        if (at != x->formats || x->dir != (y->dir & allowed))
            return false;
    }
    return true;
}

/* One exchange: texts of the RFC under two keys. */
static void play(struct t *t, struct view file, struct player *from, struct player *to, const char *offer_key,
                 const char *answer_key)
{
    struct arena arena;
    struct buf text;
    struct sdp offer, answer, made;
    struct view offer_text = vector_find(file, offer_key), answer_text = vector_find(file, answer_key);
    arena_init(&arena, SDP_ARENA_BYTES);
    buf_init(&text, SDP_MAX_BYTES);
    T_OK(sdp_parse(offer_text, &arena, &offer, NULL));
    T_OK(sdp_parse(answer_text, &arena, &answer, NULL));
    learn(from, &offer);
    T_OK(sdp_session_offer(from->s, &from->local, &text));
    T_OK(sdp_parse(buf_content(&text), &arena, &made, NULL));
    T_CHECK(same_lines(&made, &offer, NULL));
    learn(to, &answer);
    T_OK(sdp_session_receive_offer(to->s, offer_text, NULL));
    buf_clear(&text);
    T_OK(sdp_session_answer(to->s, &to->local, &text));
    T_OK(sdp_parse(buf_content(&text), &arena, &made, NULL));
    T_CHECK(same_lines(&made, &answer, &offer));
    T_OK(sdp_session_apply_answer(from->s, answer_text, true, NULL));
    T_EQ(sdp_session_streams(from->s), answer.medias);
    for (size_t i = 0; i < answer.medias; i++) {
        const struct sdp_stream *a = sdp_session_stream(from->s, i), *b = sdp_session_stream(to->s, i);
        T_EQ(a->active, answer.media[i].port > 0);
        T_EQ(b->active, a->active);
        if (!a->active)
            continue;
        T_EQ(a->format[0].clock_hz, b->format[0].clock_hz);
        T_CHECK(view_ieq(a->format[0].name, b->format[0].name));
        const struct sdp_format *first = &answer.media[i].format[0];
        while (!lists(&offer.media[i], first))
            first++;
        T_EQ(a->format[0].tx_pt, first->pt); /* with the answer's number, RFC 3264 section 7 */
        T_EQ(a->rtp.port, answer.media[i].port);
        T_EQ(b->rtp.port, offer.media[i].port);
    }
out:
    buf_fini(&text);
    arena_fini(&arena);
    if (t->failed && !t->injecting)
        printf("    in %s\n", offer_key);
}

struct scene {
    const char *section;
    bool second_by_bob;
    bool second;
};

static void play_scene(struct t *t, struct view file, const struct scene *scene)
{
    struct player *alice = NULL, *bob = NULL;
    static struct player a, b;
    char k[4][32];
    static const char *const kinds[4] = { "offer", "answer", "second-offer", "second-answer" };
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    alice = &a;
    bob = &b;
    for (int i = 0; i < 4; i++)
        snprintf(k[i], sizeof k[i], "%s %s", scene->section, kinds[i]);
    struct sdp_session_config cfg = { .user = VIEW("x"), .id = 2890844526u, .addr = addr_ip4(192, 0, 2, 1, 0) };
    T_OK(sdp_session_create(&a.s, &cfg));
    T_OK(sdp_session_create(&b.s, &cfg));
    play(t, file, alice, bob, k[0], k[1]);
    if (scene->second && !t->failed)
        play(t, file, scene->second_by_bob ? bob : alice, scene->second_by_bob ? alice : bob, k[2], k[3]);
out:
    sdp_session_destroy(a.s);
    sdp_session_destroy(b.s);
}

static void test_rfc_4317_examples_come_out_the_same(struct t *t)
{
    static const struct scene scenes[] = {
        { "2.1", false, false }, { "2.2", false, true },  { "2.3", false, false }, { "2.4", false, false },
        { "2.5", true, true },   { "2.6", false, false }, { "2.7", false, true },  { "2.8", false, false },
        { "3.1", true, true },   { "3.2", true, true },   { "4.1", true, true },   { "4.2", false, true },
        { "4.3", false, true },  { "5.1", false, true },  { "5.2", false, true },  { "5.3", true, true },
    };
    struct view file = { 0 };
    if (!t_read_file(t, TEST_VECTORS "/sdp/rfc4317.txt", &file))
        return;
    for (size_t i = 0; i < AHOY_COUNT(scenes) && !t->failed; i++)
        play_scene(t, file, &scenes[i]);
    mem_free((void *) file.p);
}

static void test_rfc_3264_examples_come_out_the_same(struct t *t)
{
    static struct player alice, bob;
    struct view file = { 0 };
    struct sdp_session_config cfg = { .user = VIEW("x"), .id = 2890844526u, .addr = addr_ip4(192, 0, 2, 1, 0) };
    memset(&alice, 0, sizeof alice);
    memset(&bob, 0, sizeof bob);
    if (!t_read_file(t, TEST_VECTORS "/sdp/rfc3264.txt", &file))
        return;
    T_OK(sdp_session_create(&alice.s, &cfg));
    T_OK(sdp_session_create(&bob.s, &cfg));
    play(t, file, &alice, &bob, "10.1 1", "10.1 2");
    if (!t->failed)
        play(t, file, &bob, &alice, "10.1 3", "10.1 4");
    sdp_session_destroy(alice.s);
    sdp_session_destroy(bob.s);
    alice.s = bob.s = NULL;
    if (t->failed)
        goto out;
    T_OK(sdp_session_create(&alice.s, &cfg));
    T_OK(sdp_session_create(&bob.s, &cfg));
    play(t, file, &alice, &bob, "10.2 1", "10.2 2");
    if (!t->failed)
        play(t, file, &alice, &bob, "10.2 3", "10.2 4");
out:
    sdp_session_destroy(alice.s);
    sdp_session_destroy(bob.s);
    mem_free((void *) file.p);
}

/* RFC 7587 section 7: the third and second examples of opus. */
static void test_opus_parameters_of_rfc_7587_are_read(struct t *t)
{
    struct end e;
    end_init(&e, 2, 6000);
    T_OK(end_open(&e));
    T_OK(end_answer_str(&e, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                            "m=audio 54312 RTP/AVP 101\r\na=rtpmap:101 opus/48000/2\r\n"
                            "a=fmtp:101 maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; "
                            "stereo=1; useinbandfec=1; usedtx=0\r\na=ptime:40\r\na=maxptime:40\r\n"));
    const struct sdp_stream *s = sdp_session_stream(e.s, 0);
    const struct sdp_agreed *c = sdp_stream_codec(s);
    T_CHECK(c != NULL);
    T_VIEW(c->name, "opus");
    T_EQ(s->ptime_ms, 40);
    T_EQ(s->maxptime_ms, 40);
    T_EQ(sdp_fmtp_u32(c->tx_fmtp, VIEW("maxplaybackrate"), 48000, 48000), 16000);
    T_EQ(sdp_fmtp_u32(c->tx_fmtp, VIEW("useinbandfec"), 1, 0), 1);
    T_EQ(sdp_fmtp_u32(c->tx_fmtp, VIEW("maxaveragebitrate"), 510000, 0), 20000);
    T_CHECK(!end_says(&e, "maxplaybackrate")); /* their wishes are not ours (section 7.1) */
out:
    end_close(&e);
}

T_MAIN(T_STRIDE(test_rfc_4317_examples_come_out_the_same, 7) /* 31 exchanges */,
       T(test_rfc_3264_examples_come_out_the_same), T(test_opus_parameters_of_rfc_7587_are_read))
