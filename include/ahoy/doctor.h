/* The doctor: what works, what does not, what to do. */
#ifndef AHOY_DOCTOR_H
#define AHOY_DOCTOR_H

#include "ahoy/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ahoy_verdict { AHOY_VERDICT_OK, AHOY_VERDICT_WARNING, AHOY_VERDICT_FAILED, AHOY_VERDICT_DONE };

struct ahoy_finding {
    ahoy_command_id command;
    enum ahoy_verdict verdict; /* DONE: the examination is over, the other fields are of the worst finding */
    enum ahoy_cause cause;
    const char *area;   /* "ports", "dns", "server", "registration", "devices" */
    const char *what;   /* what was found, a sentence */
    const char *remedy; /* what to do, or "" */
};

struct ahoy_doctor_config {
    ahoy_account_id account; /* 0: all accounts */
    const char *server;      /* examine this SIP URI or host, too; NULL: none */
};

/**
 * Examines ports, name service, servers, registrations and sound devices (whether there are any, and whether those that a
 * call uses by itself are muted, turned down, or a monitor in place of a microphone). Returns at once; each finding is an
 * AHOY_EVENT_DOCTOR, the last one with verdict DONE.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_doctor_start(struct ahoy_engine *engine, const struct ahoy_doctor_config *cfg,
                                                       ahoy_command_id *out);

#ifdef __cplusplus
}
#endif
#endif
