/*
 * The exchange and two telephones on this machine's own sockets and threads: what the simulation cannot show is that
 * the threads of three engines end in order, and that counts may be asked for from any of them.
 */
#include "ahoy/ahoy.h"
#include "ahoy/exchange.h"
#include "support/t.h"

#include <stdatomic.h>
#include <stdio.h>

enum { WAIT_MS = 20000, WAIT_EVENTS = 60 }; /* a call that stands says something each second */

struct real {
    struct ahoy_exchange *x;
    struct ahoy_engine *a, *b;
    char **listening;
    char at[80];                           /* "127.0.0.1:PORT" */
    _Atomic(struct ahoy_exchange *) asked; /* by on_news */
    _Atomic unsigned bindings;
};

/* On the exchange's thread, where asking must not wait for that thread. */
static void on_news(void *arg, const char *line)
{
    struct real *r = arg;
    struct ahoy_exchange_counts n;
    (void) line;
    struct ahoy_exchange *x = atomic_load(&r->asked);
    if (!x)
        return;
    ahoy_exchange_counts(x, &n);
    atomic_store(&r->bindings, n.bindings);
}

static enum ahoy_err start(struct real *r)
{
    static const char *const listens[] = { "udp:127.0.0.1:0", "tcp:127.0.0.1:0" }, *const users[] = { "alice:one",
                                                                                                      "bob:two" };
    struct ahoy_exchange_config cfg = {
        .listens = listens, .listen_count = 2, .users = users, .user_count = 2, .news = on_news, .news_arg = r
    };
    struct ahoy_engine_config phone = AHOY_ENGINE_CONFIG_DEFAULT;
    static const char *const binds[] = { "127.0.0.1:0" };
    phone.binds = binds;
    phone.bind_count = 1;
    enum ahoy_err err = ahoy_exchange_create(&r->x, &cfg, NULL, 0);
    if (err)
        return err;
    atomic_store(&r->asked, r->x);
    if (!(r->listening = ahoy_exchange_listening(r->x)))
        return AHOY_ERR_NOMEM;
    snprintf(r->at, sizeof r->at, "%s", r->listening[0] + strlen("udp:"));
    if (!(err = ahoy_engine_create(&r->a, &phone, NULL, 0)))
        err = ahoy_engine_create(&r->b, &phone, NULL, 0);
    return err;
}

static void stop(struct real *r)
{
    ahoy_engine_destroy(r->a, 2000);
    ahoy_engine_destroy(r->b, 2000);
    ahoy_exchange_destroy(r->x);
    ahoy_free(r->listening);
}

static enum ahoy_err account(struct real *r, struct ahoy_engine *e, const char *user, const char *password)
{
    char uri[120];
    snprintf(uri, sizeof uri, "sip:%s@%s", user, r->at);
    struct ahoy_account_config cfg = { .uri = uri, .password = password, .transport = AHOY_TRANSPORT_UDP };
    return ahoy_account_add(e, &cfg, NULL);
}

static bool wait_for(struct ahoy_engine *e, bool (*is)(const struct ahoy_event *e))
{
    struct ahoy_event *ev;
    for (unsigned n = 0; n < WAIT_EVENTS && (ev = ahoy_engine_wait(e, WAIT_MS)); n++) {
        bool found = is(ev);
        ahoy_event_free(ev);
        if (found)
            return true;
    }
    return false;
}

static bool is_registered(const struct ahoy_event *e)
{
    return e->type == AHOY_EVENT_ACCOUNT && e->account.state == AHOY_ACCOUNT_REGISTERED;
}

static bool is_talking(const struct ahoy_event *e)
{
    return e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_CONFIRMED;
}

static bool is_over(const struct ahoy_event *e)
{
    return e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_ENDED && e->call.cause == AHOY_CAUSE_NONE;
}

static bool call(struct real *r, const char *user, uint32_t max_s)
{
    struct ahoy_call_config cfg = { .uri = user, .media = { .audio = "null" }, .max_s = max_s };
    return ahoy_call_place(r->a, &cfg, NULL) == AHOY_OK && wait_for(r->a, is_talking);
}

static void test_two_engines_call_each_other_and_a_number_and_all_ends(struct t *t)
{
    struct real r = { .x = NULL };
    struct ahoy_exchange_counts n;
    struct ahoy_listen_config listen = { .auto_answer = true, .media = { .audio = "null" } };
    T_OK(start(&r));
    T_OK(ahoy_listen(r.b, &listen));
    T_OK(account(&r, r.a, "alice", "one"));
    T_CHECK(wait_for(r.a, is_registered));
    T_OK(account(&r, r.b, "bob", "two"));
    T_CHECK(wait_for(r.b, is_registered));
    T_CHECK(call(&r, "bob", 1));
    ahoy_exchange_counts(r.x, &n);
    T_EQ(n.users, 2);
    T_EQ(n.bindings, 2);
    T_EQ(n.calls, 1);
    T_LE(1, n.transactions);
    T_CHECK(wait_for(r.a, is_over));
    T_CHECK(wait_for(r.b, is_over));
    T_CHECK(call(&r, "echo", 1));
    T_CHECK(wait_for(r.a, is_over));
    T_EQ(atomic_load(&r.bindings), 2); /* at the news of the call to the echo */
out:
    stop(&r);
}

static void test_the_exchange_ends_while_a_call_to_a_number_stands(struct t *t)
{
    struct real r = { .x = NULL };
    T_OK(start(&r));
    T_OK(account(&r, r.a, "alice", "one"));
    T_CHECK(wait_for(r.a, is_registered));
    T_CHECK(call(&r, "music", 0));
    ahoy_exchange_destroy(r.x);
    r.x = NULL;
    T_CHECK(wait_for(r.a, is_over));
out:
    stop(&r);
}

static void test_a_port_that_is_taken_is_explained(struct t *t)
{
    struct real r = { .x = NULL };
    struct ahoy_exchange *second = NULL;
    char what[100], why[300] = "";
    const char *listens[] = { what };
    T_OK(start(&r));
    snprintf(what, sizeof what, "udp:%s", r.at);
    struct ahoy_exchange_config cfg = { .listens = listens, .listen_count = 1, .open = true };
    T_ERR(ahoy_exchange_create(&second, &cfg, why, sizeof why), AHOY_ERR_ADDR_IN_USE);
    T_CHECK(strstr(why, what));
    cfg.listens = (const char *const[]){ "carrier-pigeon:1" };
    T_ERR(ahoy_exchange_create(&second, &cfg, why, sizeof why), AHOY_ERR_CONFIG);
    cfg = (struct ahoy_exchange_config){ .listens = listens, .listen_count = 1 };
    T_ERR(ahoy_exchange_create(&second, &cfg, why, sizeof why), AHOY_ERR_CONFIG); /* nobody could register */
out:
    ahoy_exchange_destroy(second);
    stop(&r);
}

T_MAIN(/* seconds of real time, and allocations on several threads: which one fails would not repeat */
       T_PLAIN(test_two_engines_call_each_other_and_a_number_and_all_ends),
       T_PLAIN(test_the_exchange_ends_while_a_call_to_a_number_stands), T_PLAIN(test_a_port_that_is_taken_is_explained))
