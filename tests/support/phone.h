/* Telephones in the simulated world: whole engines, driven through the public interface under virtual time. */
#ifndef AHOY_TESTS_SUPPORT_PHONE_H
#define AHOY_TESTS_SUPPORT_PHONE_H

#include "api/impl.h"
#include "support/t.h"
#include "sys/sim.h"

enum { PHONE_TEXT = 256 };

/* What has happened at a telephone; filled by phone_pump. */
struct phone {
    struct ahoy_engine *engine;
    struct sim *sim;
    ahoy_call_id incoming; /* the last one */
    ahoy_call_id ended_id;
    enum ahoy_call_state state;
    enum ahoy_account_state account;
    unsigned calls_ended, confirmed, rang, held, results_ok, results_bad;
    enum ahoy_cause cause;
    unsigned status;
    bool ended_by_peer;
    char text[PHONE_TEXT], account_text[PHONE_TEXT];
    char digits[64];
    struct ahoy_call_stats stats;
    enum ahoy_cause trouble;
};

enum ahoy_err phone_open(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind);

/* Leaves, runs the simulation until that is done, destroys. A phone never opened is fine. */
void phone_close(struct phone *p);

/* Takes the events that wait. */
void phone_pump(struct phone *p);

/* Runs the simulation in steps of 10 ms, pumping both (b may be NULL), until `done` or `limit_ms`; returns whether done. */
bool phone_run(struct phone *a, struct phone *b, bool (*done)(struct phone *a, struct phone *b), int limit_ms);

bool phone_both_talk(struct phone *a, struct phone *b);
bool phone_both_ended(struct phone *a, struct phone *b);
bool phone_registered(struct phone *a, struct phone *b);
bool phone_never(struct phone *a, struct phone *b); /* for running a given time */

/* What is left in the stack of a phone: transactions; 0 when all is gone. */
size_t phone_transactions(struct phone *p);

#endif
