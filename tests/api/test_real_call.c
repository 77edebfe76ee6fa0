/* Whole calls on real threads and sockets: two engines in one process, over loopback. */
#include "support_engine.h"

#include "support/t.h"

#include <stdio.h>
#include <unistd.h>

/* Waits for the call's state (its end with `end`); everything else passes by. */
static bool await(struct ahoy_engine *e, enum ahoy_call_state state, struct ahoy_call_stats *end,
                  enum ahoy_cause *cause)
{
    for (struct ahoy_event *ev; (ev = ahoy_engine_wait(e, 20000)); ahoy_event_free(ev)) {
        if (ev->type != AHOY_EVENT_CALL_STATE)
            continue;
        bool is = ev->call.state == state, over = ev->call.state == AHOY_CALL_ENDED;
        if (over && end) {
            *end = ev->call.stats;
            *cause = ev->call.cause;
        }
        if (is || over) {
            ahoy_event_free(ev);
            return is;
        }
    }
    return false;
}

static void call(struct t *t, const char *codecs)
{
    struct ahoy_engine *a = NULL, *b = NULL;
    char at_a[80] = "", at_b[80] = "", uri[120];
    struct ahoy_call_stats end = { .rtp_in = 0 };
    enum ahoy_cause cause = AHOY_CAUSE_SIP;
    ahoy_call_id id;
    T_OK(engine_on_loopback(&a, at_a));
    T_OK(engine_on_loopback(&b, at_b));
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = codecs, .audio = "tone:500" } };
    T_OK(ahoy_listen(b, &listen));
    (void) snprintf(uri, sizeof uri, "sip:bob@%s", at_b);
    struct ahoy_call_config cfg = { .uri = uri, .media = { .codecs = codecs, .audio = "tone:300" }, .max_s = 2 };
    T_OK(ahoy_call_place(a, &cfg, &id));
    T_CHECK(await(a, AHOY_CALL_CONFIRMED, NULL, NULL));
    T_OK(ahoy_call_mute(a, id, true, NULL));
    T_OK(ahoy_call_mute(a, id, false, NULL));
    T_OK(ahoy_call_dtmf(a, id, "1", NULL));
    T_CHECK(await(a, AHOY_CALL_ENDED, &end, &cause));
    T_EQ(cause, AHOY_CAUSE_NONE);
    T_LE(60, end.rtp_in); /* of 100; a loaded machine may be late */
    T_LE(-30, end.level_in_dbfs);
    T_CHECK(await(b, AHOY_CALL_CONFIRMED, NULL, NULL));
    T_CHECK(await(b, AHOY_CALL_ENDED, &end, &cause));
    T_EQ(cause, AHOY_CAUSE_NONE);
out:
    ahoy_engine_destroy(a, 1000);
    ahoy_engine_destroy(b, 1000);
}

static void test_two_engines_call_each_other_over_loopback(struct t *t)
{
    alarm(120); /* a hang is a failure, not a night */
    call(t, "opus");
    alarm(0);
}

static void test_leaving_at_any_moment_ends_cleanly(struct t *t)
{
    struct ahoy_engine *a = NULL, *b = NULL;
    char at_a[80] = "", at_b[80] = "", uri[120];
    alarm(120);
    for (int i = 0; i < 8; i++) {
        struct ahoy_listen_config listen = { .auto_answer = true, .media = { .codecs = "pcmu", .audio = "null" } };
        T_OK(engine_on_loopback(&a, at_a));
        T_OK(engine_on_loopback(&b, at_b));
        T_OK(ahoy_listen(b, &listen));
        (void) snprintf(uri, sizeof uri, "sip:bob@%s", at_b);
        struct ahoy_call_config cfg = { .uri = uri, .media = { .codecs = "pcmu", .audio = "null" } };
        T_OK(ahoy_call_place(a, &cfg, NULL));
        for (int k = 0; k < i; k++) /* so many events later */
            ahoy_event_free(ahoy_engine_wait(a, 1000));
        ahoy_engine_destroy(i % 2 ? a : b, 300);
        *(i % 2 ? &a : &b) = NULL;
        ahoy_engine_destroy(a, 300);
        ahoy_engine_destroy(b, 300);
        a = b = NULL;
    }
out:
    ahoy_engine_destroy(a, 0);
    ahoy_engine_destroy(b, 0);
    alarm(0);
}

/* Real time and threads: failing allocations are tried in the simulated world. */
T_MAIN(T_PLAIN(test_two_engines_call_each_other_over_loopback), T_PLAIN(test_leaving_at_any_moment_ends_cleanly))
