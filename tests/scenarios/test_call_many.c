/* Several calls, several engines, too many events. */
#include "support/phone.h"

#include <stdio.h>

static const struct ahoy_media_config plain = { .codecs = "pcmu", .audio = "null", .ptime_ms = 60 };

static bool two_talk(struct phone *a, struct phone *b)
{
    return a->confirmed == 2 && b->confirmed == 2;
}

static bool two_ended(struct phone *a, struct phone *b)
{
    return a->calls_ended == 2 && b->calls_ended == 2;
}

static void test_two_calls_at_once_end_each_by_itself(struct t *t)
{
    struct world w;
    ahoy_call_id first, second;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = plain };
    struct ahoy_call_info *list = NULL;
    size_t n = 0;
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, &first));
    T_OK(ahoy_call_place(w.a.engine, &call, &second));
    T_CHECK(first != second);
    T_CHECK(phone_run(&w.a, &w.b, two_talk, 3000));
    T_OK(ahoy_call_mute(w.a.engine, second, true, NULL));
    phone_run_ms(&w.a, &w.b, 2000);
    T_OK(ahoy_call_list(w.a.engine, &list, &n));
    T_EQ(n, 2);
    T_EQ(list[0].id, first);
    T_EQ(list[0].state, AHOY_CALL_CONFIRMED);
    T_CHECK(!list[0].muted);
    T_CHECK(list[1].muted);
    T_STR(list[1].peer_uri, "sip:bob@192.0.2.2");
    T_OK(ahoy_call_hangup(w.a.engine, first, NULL));
    phone_run_ms(&w.a, &w.b, 500);
    T_EQ(w.a.calls_ended, 1);
    T_EQ(w.a.ended_id, first);
    T_OK(ahoy_call_hangup(w.a.engine, second, NULL));
    T_CHECK(phone_run(&w.a, &w.b, two_ended, 2000));
    T_EQ(w.a.calls_failed + w.b.calls_failed, 0);
out:
    ahoy_free(list);
    world_close(t, &w);
}

static void test_an_engine_calls_itself(struct t *t)
{
    struct world w;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain };
    struct ahoy_call_config call = { .uri = "sip:me@192.0.2.1", .media = plain, .max_s = 2 };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.a.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, NULL));
    phone_run_ms(&w.a, NULL, 3000);
    T_EQ(w.a.confirmed, 2);
    T_EQ(w.a.calls_ended, 2);
    T_EQ(w.a.calls_failed, 0);
out:
    world_close(t, &w);
}

static bool all_talk(struct phone *a, struct phone *b)
{
    return a->confirmed == 200 && b->confirmed == 200;
}

static bool all_ended(struct phone *a, struct phone *b)
{
    return a->calls_ended == 200 && b->calls_ended == 200;
}

static void test_two_hundred_calls_stand_together(struct t *t)
{
    struct world w;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = plain, .max_s = 5 };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    for (int i = 0; i < 200; i++)
        T_OK(ahoy_call_place(w.a.engine, &call, NULL));
    T_CHECK(phone_run(&w.a, &w.b, all_talk, 4000));
    T_CHECK(phone_run(&w.a, &w.b, all_ended, 10000));
    T_EQ(w.a.calls_failed, 0);
    T_EQ(w.b.calls_failed, 0);
    T_EQ(w.a.dropped, 0);
out:
    world_close(t, &w);
}

static void test_more_calls_than_wanted_are_busy(struct t *t)
{
    struct world w;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain, .max_calls = 1 };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = plain };
    T_OK(world_open(&w, 0));
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(w.a.engine, &call, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_both_talk, 2000));
    T_OK(ahoy_call_place(w.a.engine, &call, NULL));
    T_CHECK(phone_run(&w.a, &w.b, phone_one_ended, 2000));
    T_EQ(w.a.cause, AHOY_CAUSE_BUSY);
    T_EQ(w.b.confirmed, 1);
out:
    world_close(t, &w);
}

static void count(void *arg)
{
    ++*(unsigned *) arg;
}

static void test_a_queue_of_four_events_keeps_the_newest_and_says_so(struct t *t)
{
    struct world w;
    unsigned wakeups = 0;
    struct ahoy_event *e = NULL;
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    struct phone c = { .engine = NULL };
    struct sys_host *host;
    cfg.event_capacity = 4;
    cfg.trace = true;
    cfg.wakeup = count;
    cfg.wakeup_arg = &wakeups;
    T_OK(world_open(&w, 0));
    T_OK(sim_host(w.sim, "192.0.2.3", &host));
    T_OK(phone_open_with(&c, w.sim, host, "192.0.2.3:5060", &cfg));
    struct ahoy_listen_config listen = { .auto_answer = true, .media = plain };
    struct ahoy_call_config call = { .uri = "sip:bob@192.0.2.2", .media = plain, .max_s = 3 };
    T_OK(ahoy_listen(w.b.engine, &listen));
    T_OK(ahoy_call_place(c.engine, &call, NULL));
    sim_run(w.sim, SYS_S(5)); /* nobody takes them */
    T_EQ(wakeups, 1);
    e = ahoy_engine_next_event(c.engine);
    T_CHECK(e);
    T_EQ(e->type, AHOY_EVENT_OVERFLOW);
    T_LE(5, e->overflow.dropped);
    phone_pump(&c);
    T_EQ(c.calls_ended, 1); /* figures and traces went before the end of the call */
    T_EQ(c.confirmed, 1);
    T_EQ(c.dropped, 0);
    T_CHECK(!ahoy_engine_next_event(c.engine));
    T_OK(ahoy_call_place(c.engine, &call, NULL));
    sim_run(w.sim, SYS_S(1));
    T_EQ(wakeups, 2);
out:
    ahoy_event_free(e);
    phone_close_checked(t, &c);
    world_close(t, &w);
}

T_MAIN(T_STRIDE(test_two_calls_at_once_end_each_by_itself, 11), T_STRIDE(test_an_engine_calls_itself, 11),
       /* a hundred thousand allocations */
       T_PLAIN(test_two_hundred_calls_stand_together), T_STRIDE(test_more_calls_than_wanted_are_busy, 11),
       T_STRIDE(test_a_queue_of_four_events_keeps_the_newest_and_says_so, 11))
