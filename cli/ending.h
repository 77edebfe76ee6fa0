/*
 * How a call ended, in one line for people: "no call: busy (486 Busy Here)". Pure. The sentence with the remedy is the
 * engine's own.
 */
#ifndef AHOY_CLI_ENDING_H
#define AHOY_CLI_ENDING_H

#include "ahoy/ahoy.h"
#include "cli/text.h"

/** What the phone knows of its own part in it. */
struct ending_side {
    uint32_t give_up_after_s; /* after how long a call that nobody answers is given up */
    uint32_t max_s;           /* after how long a call is hung up; 0: never */
    bool has_password;        /* one was given, or stored */
    bool leaving;             /* everything is being hung up */
};

/** Appends the line for AHOY_EVENT_CALL_STATE with ENDED. */
void ending_call(const struct ahoy_event *e, const struct ending_side *side, struct text *out);

/** Appends why an account could not be registered, in as few words. */
void ending_account(const struct ahoy_event *e, const struct ending_side *side, struct text *out);

#endif
