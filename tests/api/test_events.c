/* The event queue: copies, order, the limit; engines that come and go on real threads. */
#include "api/impl.h"
#include "support/t.h"

#include <pthread.h>
#include <stdio.h>

static enum ahoy_err engine(struct ahoy_engine **out, uint32_t capacity, void (*wakeup)(void *), void *arg)
{
    static const char *const binds[] = { "127.0.0.1:0" };
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    cfg.binds = binds;
    cfg.bind_count = 1;
    cfg.event_capacity = capacity;
    cfg.wakeup = wakeup;
    cfg.wakeup_arg = arg;
    return ahoy_engine_create(out, &cfg, NULL, 0);
}

static void test_an_event_owns_its_strings(struct t *t)
{
    struct ahoy_engine *e = NULL;
    struct ahoy_event *got = NULL;
    char text[] = "busy";
    struct ahoy_event sent = { .type = AHOY_EVENT_CALL_STATE };
    sent.call.id = 7;
    sent.call.state = AHOY_CALL_CALLING;
    sent.call.peer_uri = text;
    T_OK(engine(&e, 0, NULL, NULL));
    api_events_emit(e, &sent);
    memset(text, 'x', 4);
    got = ahoy_engine_next_event(e);
    T_CHECK(got);
    T_EQ(got->call.id, 7);
    T_STR(got->call.peer_uri, "busy");
    T_STR(got->call.text, ""); /* NULL is never handed out */
    T_CHECK(!ahoy_engine_next_event(e));
out:
    ahoy_event_free(got);
    ahoy_engine_destroy(e, 0);
}

static void count(void *arg)
{
    ++*(unsigned *) arg;
}

static void put(struct ahoy_engine *e, enum ahoy_event_type type, uint32_t id)
{
    struct ahoy_event sent = { .type = type };
    if (type == AHOY_EVENT_CALL_STATS)
        sent.stats.id = id;
    else
        sent.dtmf.id = id;
    api_events_emit(e, &sent);
}

static uint32_t take(struct ahoy_engine *e)
{
    struct ahoy_event *got = ahoy_engine_next_event(e);
    uint32_t x = !got ? 0 : got->type == AHOY_EVENT_OVERFLOW ? 1000 + got->overflow.dropped : got->dtmf.id;
    ahoy_event_free(got);
    return x;
}

static void test_figures_are_dropped_before_events_and_it_is_told(struct t *t)
{
    struct ahoy_engine *e = NULL;
    unsigned wakeups = 0;
    T_OK(engine(&e, 4, count, &wakeups));
    put(e, AHOY_EVENT_CALL_DTMF, 1);
    put(e, AHOY_EVENT_CALL_STATS, 2);
    put(e, AHOY_EVENT_CALL_DTMF, 3);
    put(e, AHOY_EVENT_CALL_STATS, 4);
    put(e, AHOY_EVENT_CALL_DTMF, 5); /* 2 goes */
    put(e, AHOY_EVENT_CALL_DTMF, 6); /* 4 goes */
    put(e, AHOY_EVENT_CALL_DTMF, 7); /* then the oldest */
    T_EQ(wakeups, 1);
    T_EQ(take(e), 1003);
    T_EQ(take(e), 3);
    T_EQ(take(e), 5);
    T_EQ(take(e), 6);
    T_EQ(take(e), 7);
    T_EQ(take(e), 0);
    put(e, AHOY_EVENT_CALL_DTMF, 8);
    T_EQ(wakeups, 2);
    T_EQ(take(e), 8);
out:
    ahoy_engine_destroy(e, 0);
}

static void test_waiting_ends_in_time_or_with_an_event(struct t *t)
{
    struct ahoy_engine *e = NULL;
    struct ahoy_event *got = NULL;
    ahoy_command_id id;
    T_OK(engine(&e, 0, NULL, NULL));
    T_CHECK(!ahoy_engine_wait(e, 0));
    T_CHECK(!ahoy_engine_wait(e, 20));
    int64_t before_ms = ahoy_engine_time_ms(e);
    T_OK(ahoy_call_hangup(e, 99, &id));
    got = ahoy_engine_wait(e, 10000);
    T_CHECK(got);
    T_CHECK(before_ms <= got->time_ms && got->time_ms <= ahoy_engine_time_ms(e)); /* one clock */
    T_EQ(got->type, AHOY_EVENT_RESULT);
    T_EQ(got->result.command, id);
    T_EQ(got->result.err, AHOY_ERR_NOT_FOUND);
out:
    ahoy_event_free(got);
    ahoy_engine_destroy(e, 0);
}

static void test_commands_that_cannot_be_are_refused_at_once(struct t *t)
{
    struct ahoy_engine *e = NULL;
    T_OK(engine(&e, 0, NULL, NULL));
    struct ahoy_call_config call = { .uri = "sip:bob@127.0.0.1" };
    T_ERR(ahoy_call_place(e, &(struct ahoy_call_config){ .uri = NULL }, NULL), AHOY_ERR_INVAL);
    T_ERR(ahoy_call_place(e, &(struct ahoy_call_config){ .uri = "sip:" }, NULL), AHOY_ERR_INVAL);
    call.media.codecs = "mp3";
    T_ERR(ahoy_call_place(e, &call, NULL), AHOY_ERR_INVAL);
    call.media = (struct ahoy_media_config){ .ptime_ms = 15 };
    T_ERR(ahoy_call_place(e, &call, NULL), AHOY_ERR_INVAL);
    call.media = (struct ahoy_media_config){ .dtmf = "12e4" };
    T_ERR(ahoy_call_place(e, &call, NULL), AHOY_ERR_INVAL);
    call.media = (struct ahoy_media_config){ .audio = "trumpet" };
    T_ERR(ahoy_call_place(e, &call, NULL), AHOY_ERR_INVAL);
    call.media = (struct ahoy_media_config){ .impair = "loss=200" };
    T_ERR(ahoy_call_place(e, &call, NULL), AHOY_ERR_INVAL);
    T_ERR(ahoy_listen(e, &(struct ahoy_listen_config){ .answer_status = 250 }), AHOY_ERR_INVAL);
    T_ERR(ahoy_account_add(e, &(struct ahoy_account_config){ .uri = "alice" }, NULL), AHOY_ERR_INVAL);
    T_ERR(ahoy_options(e, 0, "", NULL), AHOY_ERR_INVAL);
    T_ERR(ahoy_call_dtmf(e, 1, NULL, NULL), AHOY_ERR_INVAL);
out:
    ahoy_engine_destroy(e, 0);
}

static void test_a_port_that_is_taken_is_named_with_its_holder(struct t *t)
{
    struct ahoy_engine *e = NULL, *second = NULL;
    char why[512] = "", **list = NULL, bind[80];
    const char *binds[] = { bind };
    struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
    T_OK(engine(&e, 0, NULL, NULL));
    list = ahoy_engine_listening(e);
    T_CHECK(list && list[0] && list[1] && !list[2]); /* udp and tcp */
    T_CHECK(view_starts(view_str(list[0]), VIEW("udp:127.0.0.1:")));
    T_STR(strchr(list[0], ':'), strchr(list[1], ':')); /* on one port */
    (void) snprintf(bind, sizeof bind, "%s", list[0] + 4);
    cfg.binds = binds;
    cfg.bind_count = 1;
    T_ERR(ahoy_engine_create(&second, &cfg, why, sizeof why), AHOY_ERR_ADDR_IN_USE);
    T_CHECK(strstr(why, "is taken"));
    T_CHECK(strstr(why, "api_events")); /* this program */
    binds[0] = "192.0.2.77:5060";
    T_ERR(ahoy_engine_create(&second, &cfg, why, sizeof why), AHOY_ERR_ADDR_UNAVAILABLE);
    binds[0] = "nonsense";
    T_ERR(ahoy_engine_create(&second, &cfg, why, sizeof why), AHOY_ERR_INVAL);
    T_CHECK(strstr(why, "'nonsense' is not ADDRESS"));
    cfg.media_port_low = 4001;
    cfg.media_port_high = 4001;
    binds[0] = "127.0.0.1:0";
    T_ERR(ahoy_engine_create(&second, &cfg, why, sizeof why), AHOY_ERR_INVAL);
    T_CHECK(strstr(why, "media ports"));
out:
    ahoy_free(list);
    ahoy_engine_destroy(second, 0);
    ahoy_engine_destroy(e, 0);
}

static void test_engines_come_and_go(struct t *t)
{
    struct ahoy_engine *a = NULL, *b = NULL;
    for (int i = 0; i < 20; i++) {
        T_OK(engine(&a, 0, NULL, NULL));
        T_OK(engine(&b, 0, NULL, NULL));
        T_OK(ahoy_options(a, 0, "sip:127.0.0.1:1", NULL)); /* something under way at the end */
        ahoy_engine_destroy(a, 0);
        a = NULL;
        ahoy_engine_destroy(b, 0);
        b = NULL;
    }
out:
    ahoy_engine_destroy(a, 0);
    ahoy_engine_destroy(b, 0);
}

struct caller {
    struct ahoy_engine *engine;
    pthread_t thread;
    bool started;
};

static void *give_commands(void *arg)
{
    struct caller *c = arg;
    for (int i = 0; i < 50; i++) {
        ahoy_command_id id;
        if (ahoy_call_hangup(c->engine, 77, &id) == AHOY_OK)
            ahoy_event_free(ahoy_engine_next_event(c->engine));
    }
    return NULL;
}

static void test_commands_come_from_any_thread(struct t *t)
{
    struct ahoy_engine *e = NULL;
    struct caller c[3] = { { .engine = NULL } };
    T_OK(engine(&e, 0, NULL, NULL));
    for (size_t i = 0; i < AHOY_COUNT(c); i++) {
        c[i].engine = e;
        c[i].started = pthread_create(&c[i].thread, NULL, give_commands, &c[i]) == 0;
        T_CHECK(c[i].started);
    }
out:
    for (size_t i = 0; i < AHOY_COUNT(c); i++)
        if (c[i].started)
            pthread_join(c[i].thread, NULL);
    ahoy_engine_destroy(e, 0);
}

T_MAIN(T(test_an_event_owns_its_strings), T(test_figures_are_dropped_before_events_and_it_is_told),
       T(test_waiting_ends_in_time_or_with_an_event), T(test_commands_that_cannot_be_are_refused_at_once),
       T(test_a_port_that_is_taken_is_named_with_its_holder),
       /* several threads allocate in no fixed order: a failing one cannot be repeated */
       T_PLAIN(test_engines_come_and_go), T_PLAIN(test_commands_come_from_any_thread))
