/* An exchange and telephones (whole engines) that register at it, in the simulated network; sound goes by files. */
#ifndef AHOY_TESTS_SERVER_SUPPORT_LINE_H
#define AHOY_TESTS_SERVER_SUPPORT_LINE_H

#include "server/support_exch.h"
#include "support/phone.h"

enum { LINE_PHONES = 3, LINE_SAID_S = 4 }; /* seconds of sound to say */

struct line {
    struct exch_world w;
    struct phone phone[LINE_PHONES];
    struct sys_host *host[LINE_PHONES];
    size_t phones;
    char dir[64], said[100], heard[LINE_PHONES][100], sound[LINE_PHONES][220];
};

/**
 * Telephones at 192.0.2.101 and on, ringing in silence. NULL `cfg`: users alice, bob (passwords) and carol (a SHA-256
 * digest).
 */
enum ahoy_err line_open(struct line *l, const struct ahoy_exchange_config *cfg, size_t phones);
void line_close(struct line *l);

/** Adds the account user@192.0.2.9 to a telephone. */
enum ahoy_err line_account(struct line *l, size_t phone, const char *user, const char *password,
                           enum ahoy_transport transport);

/** The same, and runs until it is registered. */
bool line_register(struct line *l, size_t phone, const char *user, const char *password, enum ahoy_transport transport);

/** Lets a telephone answer calls by itself, playing what is said and recording what it hears. */
enum ahoy_err line_answering(struct line *l, size_t phone);

/** Calls for so many seconds, playing and recording. */
enum ahoy_err line_call(struct line *l, size_t phone, const char *uri, uint32_t max_s);

/** Runs until `done` of the two telephones, or the limit. */
bool line_run(struct line *l, size_t a, size_t b, bool (*done)(struct phone *a, struct phone *b), int limit_ms);

/** Likeness of what a telephone heard and what was said, percent; its level in dBFS, and both -1000 without a file. */
int line_likeness(struct line *l, size_t phone);
int line_level(struct line *l, size_t phone);

#endif
