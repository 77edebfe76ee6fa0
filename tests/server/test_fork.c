/* One request to several places: RFC 3261 sections 16.6 to 16.10, 9.2. */
#include "server/support_exch.h"

static const struct ahoy_exchange_config open_house = { .open = true };

/* Alice, and three telephones of Bob. */
struct house {
    struct exch_world w;
    struct exch_peer *a, *b[3];
};

static enum ahoy_err house_open(struct house *h, size_t phones)
{
    static const char *const ip[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13" };
    enum ahoy_err err = exch_open(&h->w, &open_house);
    if (!err)
        err = exch_peer(&h->w, "192.0.2.1", 5060, false, &h->a);
    for (size_t i = 0; !err && i < phones; i++)
        if (!(err = exch_peer(&h->w, ip[i], 5060, false, &h->b[i])) && !exch_enrol(h->b[i], "bob"))
            err = AHOY_ERR_STATE;
    return err;
}

static void call(struct house *h)
{
    exch_request(h->a, "INVITE", "alice", "bob@192.0.2.9", "call", 1, "");
    exch_run(&h->w, 100);
}

static void cancel(struct house *h)
{
    exch_send(h->a, "CANCEL sip:bob@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKcall1;rport\n"
                    "Max-Forwards: 70\nFrom: <sip:alice@192.0.2.9>;tag=falice\nTo: <sip:bob@192.0.2.9>\n"
                    "Call-ID: call\nCSeq: 1 CANCEL\nContent-Length: 0\n\n");
    exch_run(&h->w, 100);
}

static void ack(struct house *h)
{
    exch_send(h->a, "ACK sip:bob@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKcall1;rport\n"
                    "Max-Forwards: 70\nFrom: <sip:alice@192.0.2.9>;tag=falice\nTo: <sip:bob@192.0.2.9>;tag=x\n"
                    "Call-ID: call\nCSeq: 1 ACK\nContent-Length: 0\n\n");
    exch_run(&h->w, 100);
}

static void answer(struct house *h, size_t i, unsigned status, const char *lines)
{
    static const char *const tags[] = { "b0", "b1", "b2" };
    exch_reply(h->b[i], exch_got(h->b[i], "INVITE", 0), status, tags[i], lines);
    exch_run(&h->w, 100);
}

/* A telephone answers the CANCEL it got, and its INVITE with 487. */
static bool give_way(struct house *h, size_t i)
{
    struct sip_msg *m = exch_got(h->b[i], "CANCEL", 0);
    exch_reply(h->b[i], m, 200, "", "");
    answer(h, i, 487, "");
    return m != NULL && exch_got(h->b[i], "ACK", 0);
}

static void test_one_answers_and_the_others_are_cancelled(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 3));
    call(&h);
    for (size_t i = 0; i < 3; i++)
        answer(&h, i, 180, "");
    T_CHECK(exch_has(exch_got(h.b[0], "INVITE", 0), "Max-Breadth: 20\r\n"));
    T_EQ(exch_count(h.a, "SIP/2.0 180"), 3);
    answer(&h, 1, 200, "");
    T_EQ(exch_count(h.a, "SIP/2.0 200"), 1);
    T_CHECK(give_way(&h, 0));
    T_CHECK(give_way(&h, 2));
    T_CHECK(!exch_got(h.b[1], "CANCEL", 0));
    T_EQ(exch_count(h.a, "SIP/2.0 487"), 0);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_every_2xx_goes_back(struct t *t)
{
    struct house h;
    struct ahoy_exchange_counts n;
    T_OK(house_open(&h, 2));
    call(&h);
    answer(&h, 0, 180, "");
    answer(&h, 1, 200, "");
    answer(&h, 0, 200, ""); /* its CANCEL came too late */
    answer(&h, 1, 200, ""); /* sent again for want of an ACK */
    T_EQ(exch_count(h.a, "SIP/2.0 200"), 3);
    ahoy_exchange_counts(h.w.a, &n);
    T_EQ(n.calls, 2);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_the_best_answer_is_chosen(struct t *t)
{
    static const struct {
        unsigned status[3], best;
    } rows[] = { { { 480, 486, 404 }, 486 }, { { 500, 404, 503 }, 404 }, { { 486, 302, 480 }, 302 },
                 { { 408, 487, 480 }, 480 }, { { 503, 503, 503 }, 500 }, { { 484, 486, 415 }, 415 } };
    struct house h = { .a = NULL };
    for (size_t r = 0; r < AHOY_COUNT(rows); r++) {
        T_OK(house_open(&h, 3));
        call(&h);
        for (size_t i = 0; i < 3; i++) {
            answer(&h, i, rows[r].status[i], "");
            T_EQ(exch_count(h.b[i], "ACK"), 1);
        }
        struct sip_msg *m = NULL;
        for (size_t i = 0; i < h.a->got_count; i++)
            if (h.a->got[i]->status >= 200)
                m = h.a->got[i];
        T_CHECK(m);
        T_EQ(m->status, rows[r].best);
        ack(&h);
        exch_nothing_left(t, &h.w);
        exch_close(&h.w);
        h = (struct house){ .a = NULL };
    }
out:
    exch_close(&h.w);
}

static void test_6xx_ends_it_for_all(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    call(&h);
    answer(&h, 1, 180, "");
    answer(&h, 0, 603, "");
    T_EQ(exch_count(h.a, "SIP/2.0 603"), 0); /* first all must be over */
    T_CHECK(give_way(&h, 1));
    T_LE(1, exch_count(h.a, "SIP/2.0 603"));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_challenges_of_all_are_joined(struct t *t)
{
    struct house h;
    struct sip_msg *m;
    T_OK(house_open(&h, 3));
    call(&h);
    answer(&h, 0, 407, "Proxy-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n");
    answer(&h, 1, 486, "");
    answer(&h, 2, 401, "WWW-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n");
    T_CHECK((m = exch_got(h.a, "SIP/2.0 407", 0)));
    T_CHECK(exch_has(m, "realm=\"a\"") && exch_has(m, "realm=\"b\""));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_a_cancel_reaches_all(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    call(&h);
    answer(&h, 0, 180, "");
    cancel(&h);
    T_EQ(exch_count(h.a, "SIP/2.0 200"), 1); /* of the CANCEL */
    T_CHECK(exch_got(h.b[0], "CANCEL", 0));
    T_CHECK(!exch_got(h.b[1], "CANCEL", 0)); /* it said nothing yet (RFC 3261 section 9.1) … */
    answer(&h, 1, 180, "");
    T_CHECK(exch_got(h.b[1], "CANCEL", 0)); /* … and now it did */
    T_CHECK(give_way(&h, 0));
    T_EQ(exch_count(h.a, "SIP/2.0 487"), 0);
    T_CHECK(give_way(&h, 1));
    T_LE(1, exch_count(h.a, "SIP/2.0 487"));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_a_2xx_that_crosses_the_cancel_goes_back(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    call(&h);
    answer(&h, 0, 180, "");
    answer(&h, 1, 180, "");
    cancel(&h);
    answer(&h, 0, 200, "");
    T_CHECK(exch_has(exch_got(h.a, "SIP/2.0 200", 1), "CSeq: 1 INVITE"));
    T_CHECK(give_way(&h, 1));
    T_EQ(exch_count(h.a, "SIP/2.0 487"), 0);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_a_cancel_before_anything_was_sent(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 0));
    sim_dns_broken(h.w.sim, true); /* the look-up takes 5 s */
    exch_request(h.a, "INVITE", "alice", "bob@192.0.2.9", "call", 1, "Route: <sip:192.0.2.9;lr>, <sip:far.test;lr>\n");
    exch_run(&h.w, 100);
    cancel(&h);
    T_LE(1, exch_count(h.a, "SIP/2.0 487"));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_silent_telephones_time_out(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    call(&h);
    exch_run(&h.w, 31000);
    T_EQ(exch_count(h.a, "SIP/2.0 408"), 0);
    exch_run(&h.w, 2000);
    T_LE(1, exch_count(h.a, "SIP/2.0 408"));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_timer_c_ends_what_only_rings(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 1));
    call(&h);
    answer(&h, 0, 180, "");
    exch_run(&h.w, 170000);
    answer(&h, 0, 180, "");
    exch_run(&h.w, 170000); /* a second 180 starts it anew */
    T_EQ(exch_count(h.b[0], "CANCEL"), 0);
    exch_run(&h.w, 20000);
    T_CHECK(give_way(&h, 0));
    T_LE(1, exch_count(h.a, "SIP/2.0 487"));
    ack(&h);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_only_the_first_answer_to_other_requests_counts(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    exch_request(h.a, "MESSAGE", "alice", "bob@192.0.2.9", "m", 1, "");
    exch_run(&h.w, 100);
    exch_reply(h.b[0], exch_got(h.b[0], "MESSAGE", 0), 404, "b0", "");
    exch_reply(h.b[1], exch_got(h.b[1], "MESSAGE", 0), 200, "b1", "");
    exch_run(&h.w, 100);
    T_EQ(exch_count(h.a, "SIP/2.0 200"), 1);
    exch_request(h.a, "MESSAGE", "alice", "bob@192.0.2.9", "n", 1, "Max-Breadth: 1\n");
    exch_run(&h.w, 100);
    T_EQ(exch_count(h.a, "SIP/2.0 440"), 1);
    exch_nothing_left(t, &h.w);
out:
    exch_close(&h.w);
}

static void test_the_exchange_may_stop_at_any_time(struct t *t)
{
    struct house h;
    T_OK(house_open(&h, 2));
    call(&h);
    answer(&h, 0, 180, "");
    exch_request(h.a, "MESSAGE", "alice", "bob@192.0.2.9", "m", 1, "");
    exch_request(h.a, "MESSAGE", "alice", "bob@192.0.2.9", "n", 1, "Route: <sip:192.0.2.9;lr>, <sip:slow.test;lr>\n");
    exch_run(&h.w, 2);
    exch_stop(&h.w);
    exch_run(&h.w, 100);
    T_LE(1, exch_count(h.a, "SIP/2.0 50"));
out:
    exch_close(&h.w);
}

T_MAIN(T(test_one_answers_and_the_others_are_cancelled), T(test_every_2xx_goes_back),
       /* six forks of three, that allocate alike */
       T_STRIDE(test_the_best_answer_is_chosen, 7), T(test_6xx_ends_it_for_all), T(test_challenges_of_all_are_joined),
       T(test_a_cancel_reaches_all), T(test_a_2xx_that_crosses_the_cancel_goes_back),
       T(test_a_cancel_before_anything_was_sent), T(test_silent_telephones_time_out),
       T(test_timer_c_ends_what_only_rings), T(test_only_the_first_answer_to_other_requests_counts),
       T(test_the_exchange_may_stop_at_any_time))
