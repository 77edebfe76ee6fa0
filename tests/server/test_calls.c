/* Whole calls between telephones that register at the exchange with digest. */
#include "server/support_line.h"

static bool ended(struct phone *a, struct phone *b)
{
    (void) b;
    return a->calls_ended > 0;
}

static bool rings(struct phone *a, struct phone *b)
{
    return a->incoming != 0 && (!b || b->incoming != 0);
}

static bool failed(struct phone *a, struct phone *b)
{
    (void) b;
    return a->account == AHOY_ACCOUNT_FAILED;
}

static void talk(struct t *t, enum ahoy_transport a, enum ahoy_transport b, const char *callee, const char *password)
{
    struct line l;
    struct ahoy_exchange_counts n;
    char uri[64];
    T_OK(line_open(&l, NULL, 2));
    T_CHECK(line_register(&l, 0, "alice", "secret", a));
    T_CHECK(line_register(&l, 1, callee, password, b));
    T_OK(line_answering(&l, 1));
    (void) view_copy(view_str(callee), uri, sizeof uri);
    T_OK(line_call(&l, 0, uri, 5));
    T_CHECK(line_run(&l, 0, 1, phone_both_talk, 8000));
    ahoy_exchange_counts(l.w.a, &n);
    T_EQ(n.calls, 1);
    T_EQ(n.bindings, 2);
    T_CHECK(line_run(&l, 0, 1, phone_both_ended, 10000));
    T_EQ(l.phone[0].cause, AHOY_CAUSE_NONE);
    T_EQ(l.phone[1].cause, AHOY_CAUSE_NONE);
    T_CHECK(l.phone[1].ended_by_peer);
    T_LE(70, line_likeness(&l, 0));
    T_LE(70, line_likeness(&l, 1));
    ahoy_exchange_counts(l.w.a, &n);
    T_EQ(n.calls, 0);
out:
    line_close(&l);
}

static void test_two_telephones_talk_by_udp(struct t *t)
{
    talk(t, AHOY_TRANSPORT_UDP, AHOY_TRANSPORT_UDP, "bob", "hidden");
}

static void test_a_call_from_tcp_to_udp_and_a_digest_in_the_file(struct t *t)
{
    talk(t, AHOY_TRANSPORT_TCP, AHOY_TRANSPORT_UDP, "carol", "third");
}

static void test_a_call_by_tcp(struct t *t)
{
    talk(t, AHOY_TRANSPORT_TCP, AHOY_TRANSPORT_TCP, "bob", "hidden");
}

static void test_calls_that_reach_nobody(struct t *t)
{
    struct line l;
    T_OK(line_open(&l, NULL, 1));
    T_CHECK(line_register(&l, 0, "alice", "secret", AHOY_TRANSPORT_UDP));
    T_OK(line_call(&l, 0, "nobody", 4));
    T_CHECK(line_run(&l, 0, 0, ended, 5000));
    T_EQ(l.phone[0].status, 404);
    T_EQ(l.phone[0].cause, AHOY_CAUSE_NOT_FOUND);
    l.phone[0].calls_ended = 0;
    T_OK(line_call(&l, 0, "bob", 4));
    T_CHECK(line_run(&l, 0, 0, ended, 5000));
    T_EQ(l.phone[0].status, 480);
    T_EQ(l.phone[0].cause, AHOY_CAUSE_NO_ANSWER);
out:
    line_close(&l);
}

static void test_a_wrong_password_is_told_as_such(struct t *t)
{
    struct line l;
    struct ahoy_exchange_counts n;
    T_OK(line_open(&l, NULL, 1));
    T_OK(line_account(&l, 0, "alice", "guess", AHOY_TRANSPORT_UDP));
    T_CHECK(line_run(&l, 0, 0, failed, 5000));
    T_EQ(l.phone[0].account_cause, AHOY_CAUSE_AUTH);
    ahoy_exchange_counts(l.w.a, &n);
    T_EQ(n.bindings, 0);
    T_LE(1, n.refused);
out:
    line_close(&l);
}

static void test_both_telephones_of_a_user_ring_and_one_answers(struct t *t)
{
    struct line l;
    T_OK(line_open(&l, NULL, 3));
    T_CHECK(line_register(&l, 0, "alice", "secret", AHOY_TRANSPORT_UDP));
    T_CHECK(line_register(&l, 1, "bob", "hidden", AHOY_TRANSPORT_UDP));
    T_CHECK(line_register(&l, 2, "bob", "hidden", AHOY_TRANSPORT_TCP));
    T_OK(line_call(&l, 0, "bob", 2));
    T_CHECK(line_run(&l, 1, 2, rings, 5000));
    T_OK(ahoy_call_answer(l.phone[2].engine, l.phone[2].incoming, NULL));
    T_CHECK(line_run(&l, 0, 2, phone_both_talk, 5000));
    T_CHECK(line_run(&l, 1, 1, ended, 5000));
    T_CHECK(l.phone[1].ended_by_peer);
    T_EQ(l.phone[1].confirmed, 0);
    T_CHECK(line_run(&l, 0, 2, phone_both_ended, 10000));
out:
    line_close(&l);
}

static void test_a_caller_gives_up(struct t *t)
{
    struct line l;
    T_OK(line_open(&l, NULL, 2));
    T_CHECK(line_register(&l, 0, "alice", "secret", AHOY_TRANSPORT_UDP));
    T_CHECK(line_register(&l, 1, "bob", "hidden", AHOY_TRANSPORT_UDP));
    struct ahoy_call_config cfg = { .uri = "bob", .media = { .audio = "null" }, .ring_s = 2 };
    T_OK(ahoy_call_place(l.phone[0].engine, &cfg, NULL));
    T_CHECK(line_run(&l, 1, 1, rings, 5000));
    T_CHECK(line_run(&l, 0, 1, phone_both_ended, 10000));
    T_CHECK(l.phone[1].ended_by_peer);
    exch_run(&l.w, 40000);
    T_ALWAYS(list_empty(&l.w.x->forwards));
out:
    line_close(&l);
}

static void test_calls_come_about_though_a_fifth_of_all_packets_is_lost(struct t *t)
{
    struct line l;
    struct sim_link lossy = { .loss = 0.2, .delay_us = 20000 };
    T_OK(line_open(&l, NULL, 2));
    sim_default_link(l.w.sim, &lossy);
    T_OK(line_account(&l, 0, "alice", "secret", AHOY_TRANSPORT_UDP));
    T_OK(line_account(&l, 1, "bob", "hidden", AHOY_TRANSPORT_UDP));
    T_CHECK(line_run(&l, 0, 1, phone_registered, 60000));
    T_OK(line_answering(&l, 1));
    for (unsigned i = 1; i <= 5; i++) {
        l.phone[0].state = l.phone[1].state = AHOY_CALL_ENDED;
        l.phone[0].calls_ended = l.phone[1].calls_ended = 0;
        struct ahoy_call_config cfg = { .uri = "bob", .media = { .audio = "null" } };
        ahoy_call_id call;
        T_OK(ahoy_call_place(l.phone[0].engine, &cfg, &call));
        T_CHECK(line_run(&l, 0, 1, phone_both_talk, 32000)); /* an ACK that is lost may take seconds to come again */
        T_OK(ahoy_call_hangup(l.phone[0].engine, call, NULL));
        T_CHECK(line_run(&l, 0, 1, phone_both_ended, 40000));
    }
    exch_run(&l.w, 100000);
    T_ALWAYS(list_empty(&l.w.x->forwards));
out:
    line_close(&l);
}

T_MAIN(/* whole calls allocate some thousand times: a sample of them fails */
       T_STRIDE(test_two_telephones_talk_by_udp, 61),
       T_STRIDE(test_a_call_from_tcp_to_udp_and_a_digest_in_the_file, 211), T_STRIDE(test_a_call_by_tcp, 211),
       T_STRIDE(test_calls_that_reach_nobody, 23), T_STRIDE(test_a_wrong_password_is_told_as_such, 11),
       T_STRIDE(test_both_telephones_of_a_user_ring_and_one_answers, 101), T_STRIDE(test_a_caller_gives_up, 61),
       /* minutes of network that differ with each allocation */
       T_PLAIN(test_calls_come_about_though_a_fifth_of_all_packets_is_lost))
