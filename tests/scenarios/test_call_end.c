/* How calls end, and that each end says why. */
#include "support/phone.h"

static const struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null", .ptime_ms = 60 };

static bool place(struct world *w, const char *uri, uint32_t ring_s)
{
    struct ahoy_call_config call = { .uri = uri, .media = plain, .ring_s = ring_s };
    return !ahoy_call_place(w->a.engine, &call, &w->a.placed);
}

/* B refuses with `status`; what A is told. */
static void refused(struct t *t, unsigned status, enum ahoy_cause cause)
{
    struct world w;
    struct ahoy_listen_config listen = { .answer_status = (uint16_t) status };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000));
    T_EQ(w.a.cause, cause);
    T_EQ(w.a.status, status);
    T_CHECK(w.a.ended_by_peer);
    T_CHECK(strstr(w.a.text, "sip:bob@192.0.2.2"));
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.status, status);
out:
    world_close(t, &w);
}

static void test_busy_is_told(struct t *t)
{
    refused(t, 486, AHOY_CAUSE_BUSY);
}

static void test_declined_is_told(struct t *t)
{
    refused(t, 603, AHOY_CAUSE_DECLINED);
}

static void test_not_found_is_told(struct t *t)
{
    refused(t, 404, AHOY_CAUSE_NOT_FOUND);
}

static void test_a_server_error_is_told(struct t *t)
{
    refused(t, 500, AHOY_CAUSE_SIP);
}

static void test_nobody_picks_up_in_time(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 3));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000));
    T_EQ(w.a.cause, AHOY_CAUSE_NO_ANSWER);
    T_EQ(w.a.status, 0); /* nobody sent one */
    T_STR(w.a.text, "sip:bob@192.0.2.2: not answered within 3 s; try again later");
    T_EQ(w.b.cause, AHOY_CAUSE_NONE); /* the caller gave up */
    T_CHECK(w.b.ended_by_peer);
    T_STR(w.b.reason, "the caller gave up");
out:
    world_close(t, &w);
}

/* Nobody else listens on this machine: the call comes back to who placed it, which takes none. */
static void test_a_call_to_oneself_is_told(struct t *t)
{
    struct world w;
    struct ahoy_listen_config none = { .auto_answer = true, .answer_status = 486 };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.a.engine, &none));
    T_CHECK(place(&w, "sip:bob@192.0.2.1", 0));
    w.a.state = AHOY_CALL_CALLING;
    for (int i = 0; i < 100 && w.a.ended_id != w.a.placed; i++)
        phone_run_ms(&w.a, &w.b, 50);
    T_EQ(w.a.ended_id, w.a.placed);
    T_EQ(w.a.status, 482);
    T_CHECK(strstr(w.a.text, "that address leads back to this telephone itself"));
out:
    world_close(t, &w);
}

static void test_encryption_that_is_not_there_is_told(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sips:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 5000));
    T_EQ(w.a.cause, AHOY_CAUSE_TLS);
    T_CHECK(strstr(w.a.text, "encrypted signalling (TLS) is not built in yet"));
out:
    world_close(t, &w);
}

static void test_nothing_listens_there(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2:5999", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 40000));
    T_EQ(w.a.cause, AHOY_CAUSE_NO_ANSWER_NET);
    T_EQ(w.a.status, 0);
out:
    world_close(t, &w);
}

static void test_nothing_answers_at_all(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_OK(sim_partition(w.sim, w.host_a, w.host_b, true));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 200000));
    T_EQ(w.a.cause, AHOY_CAUSE_NO_ANSWER_NET);
    T_EQ(w.a.status, 0);
    T_CHECK(!w.a.ended_by_peer);
out:
    world_close(t, &w);
}

static void test_the_name_does_not_exist(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@nowhere.example.org", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 30000));
    T_EQ(w.a.cause, AHOY_CAUSE_DNS);
out:
    world_close(t, &w);
}

static void test_a_bare_name_needs_an_account(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "bob", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 1000));
    T_EQ(w.a.cause, AHOY_CAUSE_CONFIG);
    T_CHECK(strstr(w.a.text, "account"));
out:
    world_close(t, &w);
}

static void test_nothing_in_common_is_not_acceptable(struct t *t)
{
    struct world w;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = "g722", .audio = "null" } };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 5000));
    T_EQ(w.a.cause, AHOY_CAUSE_NOT_ACCEPTABLE);
    T_EQ(w.a.status, 488);
out:
    world_close(t, &w);
}

static void test_the_caller_hangs_up_while_it_rings(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_CHECK(!w.a.ended_by_peer);
    T_CHECK(w.b.ended_by_peer);
out:
    world_close(t, &w);
}

static void test_the_face_rejects(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    T_OK(ahoy_call_reject(w.b.engine, w.b.incoming, 200, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_ERR_RANGE));
    T_OK(ahoy_call_reject(w.b.engine, w.b.incoming, 480, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NO_ANSWER);
    T_EQ(w.a.status, 480);
out:
    world_close(t, &w);
}

static void test_the_face_answers_and_the_callee_hangs_up(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    struct ahoy_listen_config listen = { .media = plain };
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    T_OK(ahoy_call_answer(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_OK));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 1000));
    T_OK(ahoy_call_answer(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_ERR_STATE));
    phone_run_ms(&w.a, &w.b, 2000);
    T_OK(ahoy_call_hangup(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_CHECK(w.a.ended_by_peer);
    T_CHECK(!w.b.ended_by_peer);
    T_OK(ahoy_call_hangup(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_result(&w.b, &w.a, AHOY_ERR_NOT_FOUND));
out:
    world_close(t, &w);
}

static void test_both_hang_up_at_once(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    phone_run_ms(&w.a, &w.b, 2000);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_OK(ahoy_call_hangup(w.b.engine, w.b.incoming, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_NONE);
    T_EQ(w.b.cause, AHOY_CAUSE_NONE);
    T_EQ(w.a.calls_ended, 1);
    T_EQ(w.b.calls_ended, 1);
out:
    world_close(t, &w);
}

static void test_an_answer_that_crosses_the_hang_up_is_hung_up(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    struct ahoy_listen_config listen = { .auto_answer = true, .answer_after_ms = 500, .media = plain };
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    sim_run(w.sim, SYS_MS(489)); /* the 200 is about to leave or on its way */
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_ended, 40000));
    T_EQ(w.a.confirmed, 0);
out:
    world_close(t, &w);
}

static void test_the_peer_vanishes(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    phone_run_ms(&w.a, &w.b, 2000);
    T_OK(sim_partition(w.sim, w.host_a, w.host_b, true));
    phone_run_ms(&w.a, &w.b, 12000);
    T_EQ(w.a.trouble_now, AHOY_CAUSE_ONE_WAY);
    T_OK(ahoy_call_hangup(w.a.engine, w.a.placed, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 40000));
    T_EQ(w.a.calls_ended, 1);
out:
    world_close(t, &w);
}

/* ---- leaving in every phase: world_close does it, and looks at what is left -------------------------------------- */

static void test_leaving_while_the_name_is_looked_up(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    sim_dns_broken(w.sim, true);
    T_CHECK(place(&w, "sip:bob@slow.example.org", 0));
    phone_run_ms(&w.a, &w.b, 100);
    T_EQ(w.a.state, AHOY_CALL_CALLING);
out:
    world_close(t, &w);
}

static void test_leaving_before_anything_was_sent(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
out:
    world_close(t, &w);
}

static void test_leaving_without_an_answer_of_any_kind(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_OK(sim_partition(w.sim, w.host_a, w.host_b, true));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    phone_run_ms(&w.a, &w.b, 700);
out:
    world_close(t, &w);
}

static void test_leaving_while_it_rings(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
out:
    world_close(t, &w);
}

static void test_the_callee_leaves_while_it_rings(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(place(&w, "sip:bob@192.0.2.2", 0));
    T_CHECK(phone_run(&w.a, &w.b, phone_it_rings, 1000));
    phone_close_checked(t, &w.b);
    T_CHECK(phone_run(&w.a, NULL, phone_one_ended, 1000));
    T_EQ(w.a.cause, AHOY_CAUSE_DECLINED);
out:
    world_close(t, &w);
}

static void test_leaving_in_a_call_hangs_up(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    phone_run_ms(&w.a, &w.b, 500);
    phone_close_checked(t, &w.a);
    T_CHECK(phone_run(&w.b, NULL, phone_one_ended, 1000));
    T_CHECK(w.b.ended_by_peer);
out:
    world_close(t, &w);
}

static void test_leaving_in_the_middle_of_a_reinvite(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    T_OK(ahoy_call_hold(w.a.engine, w.a.placed, true, NULL));
    sim_run(w.sim, SYS_MS(1) / 2);
out:
    world_close(t, &w);
}

static void test_leaving_with_the_other_side_gone(struct t *t)
{
    struct world w;
    T_OK(world_open(&w, 0));
    T_CHECK(world_call(&w, &plain, &plain, 0));
    T_OK(sim_partition(w.sim, w.host_a, w.host_b, true));
out:
    world_close(t, &w);
}

/* Most try every sixth allocation only: each run is a whole call. */
T_MAIN(T(test_busy_is_told), T_STRIDE(test_declined_is_told, 6), T_STRIDE(test_not_found_is_told, 6),
       T_STRIDE(test_a_server_error_is_told, 6), T(test_nobody_picks_up_in_time),
       T_PLAIN(test_a_call_to_oneself_is_told), T_PLAIN(test_encryption_that_is_not_there_is_told),
       T_STRIDE(test_nothing_listens_there, 6), T_STRIDE(test_nothing_answers_at_all, 6),
       T_STRIDE(test_the_name_does_not_exist, 6), T_STRIDE(test_a_bare_name_needs_an_account, 6),
       T_STRIDE(test_nothing_in_common_is_not_acceptable, 6), T_STRIDE(test_the_caller_hangs_up_while_it_rings, 6),
       T_STRIDE(test_the_face_rejects, 6), T(test_the_face_answers_and_the_callee_hangs_up),
       T_STRIDE(test_both_hang_up_at_once, 6), T_STRIDE(test_an_answer_that_crosses_the_hang_up_is_hung_up, 6),
       T_STRIDE(test_the_peer_vanishes, 6), T_STRIDE(test_leaving_while_the_name_is_looked_up, 6),
       T_STRIDE(test_leaving_before_anything_was_sent, 6), T_STRIDE(test_leaving_without_an_answer_of_any_kind, 6),
       T_STRIDE(test_leaving_while_it_rings, 6), T_STRIDE(test_the_callee_leaves_while_it_rings, 6),
       T_STRIDE(test_leaving_in_a_call_hangs_up, 6), T(test_leaving_in_the_middle_of_a_reinvite),
       T_STRIDE(test_leaving_with_the_other_side_gone, 6))
