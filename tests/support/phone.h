/* Telephones in the simulated world: whole engines, driven through the public interface under virtual time. */
#ifndef AHOY_TESTS_SUPPORT_PHONE_H
#define AHOY_TESTS_SUPPORT_PHONE_H

#include "api/impl.h"
#include "support/t.h"
#include "sys/sim.h"

enum { PHONE_TEXT = 256, PHONE_PATH = 128 };

/* What has happened at a telephone; filled by phone_pump. */
struct phone {
    struct ahoy_engine *engine;
    struct sim *sim;
    ahoy_call_id incoming; /* the last one */
    ahoy_call_id placed;   /* by phone_call */
    ahoy_call_id ended_id;
    enum ahoy_call_state state;
    enum ahoy_account_state account;
    enum ahoy_cause account_cause;
    unsigned calls_ended, calls_failed, confirmed, rang, early, held, results_ok, results_bad, dropped, media_events;
    unsigned conferences, conferences_over;
    ahoy_conference_id conference; /* the last; 0: it is over */
    uint32_t members;
    bool local;
    uint64_t spoke; /* bit of a call's number: its peer was among the speakers; bit 0: we were */
    unsigned registered, network, files_played, files_recorded, files_failed, muted_hints;
    bool account_removed;
    enum ahoy_err result;
    unsigned result_status;
    enum ahoy_cause cause; /* of the last call that ended */
    unsigned status;
    bool ended_by_peer;
    char text[PHONE_TEXT], reason[PHONE_TEXT], account_text[PHONE_TEXT], peer[PHONE_TEXT];
    char digits[64];
    uint32_t digit_ms;
    unsigned reports; /* quality reports told of */
    char report_kind[16], report[4096];
    struct ahoy_call_stats stats;
    enum ahoy_cause trouble, trouble_now; /* the last there was; the one of the last event */
    bool sending, receiving, held_by_peer, muted;
    char codec[32], remote[64];
};

enum ahoy_err phone_open(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind);
enum ahoy_err phone_open_with(struct phone *p, struct sim *sim, struct sys_host *host, const char *bind,
                              const struct ahoy_engine_config *cfg);

/* Leaves, runs the simulation until that is done, destroys. A phone never opened is fine. */
void phone_close(struct phone *p);

/* phone_close, with a look at what is left after 64 * T1 (and a CANCEL's patience): nothing may be, whatever failed. */
void phone_close_checked(struct t *t, struct phone *p);

/* Takes the events that wait. */
void phone_pump(struct phone *p);

/* Runs the simulation in steps of 10 ms, pumping both (b may be NULL), until `done` or `limit_ms`; whether done. */
bool phone_run(struct phone *a, struct phone *b, bool (*done)(struct phone *a, struct phone *b), int limit_ms);

/* Runs for a time, pumping. */
void phone_run_ms(struct phone *a, struct phone *b, int ms);

bool phone_both_talk(struct phone *a, struct phone *b);
bool phone_both_ended(struct phone *a, struct phone *b);
bool phone_one_ended(struct phone *a, struct phone *b); /* the first */
bool phone_it_rings(struct phone *a, struct phone *b);  /* at the second */
bool phone_registered(struct phone *a, struct phone *b);
bool phone_had_result(struct phone *a, struct phone *b); /* the first, of either sort */

/* Waits for the result of a command that was just given. */
bool phone_result(struct phone *a, struct phone *b, enum ahoy_err want);

/* ---- two telephones and their sound ------------------------------------------------------------------------------ */

struct world {
    struct sim *sim;
    struct sys_host *host_a, *host_b;
    struct phone a, b;
    char dir[64], said[PHONE_PATH], heard_a[PHONE_PATH], heard_b[PHONE_PATH], other[PHONE_PATH];
    char sound_a[300], sound_b[300]; /* file:said,heard */
};

/* Two telephones at 192.0.2.1 and 192.0.2.2. `seconds` > 0: files with so much sound to say. */
enum ahoy_err world_open(struct world *w, unsigned seconds);

/* Closes both, checks that nothing is left of any call. */
void world_close(struct t *t, struct world *w);

/* B answers with `media`, A calls B with `media_a`; waits until both talk. max_s 0: until somebody hangs up. */
bool world_call(struct world *w, const struct ahoy_media_config *media_a, const struct ahoy_media_config *media_b,
                uint32_t max_s);

/* Correlation of a recording with what was said, percent; below 0 when they cannot be compared. */
double world_score(const struct world *w, const char *heard);

/* Something like speech: a tone whose pitch and loudness wander, so that it correlates with itself at one lag only. */
bool world_write_said(const char *path, unsigned seconds, uint64_t seed);

#endif
