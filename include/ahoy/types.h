/* Ids and small enums that the other headers share. */
#ifndef AHOY_TYPES_H
#define AHOY_TYPES_H

#include "ahoy/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ahoy_engine;

/** Ids count up from 1 within an engine, conferences' with the calls', and are never used again; 0 is none. */
typedef uint32_t ahoy_account_id;
typedef uint32_t ahoy_call_id;
typedef uint32_t ahoy_command_id;
typedef uint32_t ahoy_conference_id;

enum ahoy_transport {
    AHOY_TRANSPORT_AUTO, /* what RFC 3263 says: NAPTR, SRV, else UDP */
    AHOY_TRANSPORT_UDP,
    AHOY_TRANSPORT_TCP,
    AHOY_TRANSPORT_TLS,
    AHOY_TRANSPORT_WS,
    AHOY_TRANSPORT_WSS,
};

enum ahoy_log_level { AHOY_LOG_ERROR, AHOY_LOG_WARNING, AHOY_LOG_INFO, AHOY_LOG_DEBUG };

/** Why something failed, in a form that a program can act on and a person can read. */
enum ahoy_cause {
    AHOY_CAUSE_NONE,
    AHOY_CAUSE_DNS,           /* the name was not found */
    AHOY_CAUSE_NO_ANSWER_NET, /* no answer from the server at all */
    AHOY_CAUSE_TLS,
    AHOY_CAUSE_AUTH,         /* 401, 403, 407 */
    AHOY_CAUSE_LOCAL_SOCKET, /* a local port or socket */
    AHOY_CAUSE_DEVICE,       /* no sound device */
    AHOY_CAUSE_CONFIG,
    AHOY_CAUSE_BUSY,           /* 486, 600 */
    AHOY_CAUSE_DECLINED,       /* 603, 607, 608 */
    AHOY_CAUSE_NOT_FOUND,      /* 404, 410, 484, 485, 604 */
    AHOY_CAUSE_NO_ANSWER,      /* nobody picked up: 408 from afar, 480, 487 after our time limit */
    AHOY_CAUSE_NOT_ACCEPTABLE, /* 488, 606 */
    AHOY_CAUSE_SIP,            /* any other SIP failure */
    AHOY_CAUSE_NO_RTP,         /* the call stood, but no sound packet came */
    AHOY_CAUSE_ONE_WAY,        /* sound went one way only */
};

/** A stable lower-case name, such as "not-found". Static storage. */
AHOY_API const char *ahoy_cause_name(enum ahoy_cause cause);

/** The exit status of the `ahoy` command for a cause (0, 10 … 31). */
AHOY_API int ahoy_cause_exit_status(enum ahoy_cause cause);

/** What an error means as a cause; SIP for those that mean none of the others. */
AHOY_API enum ahoy_cause ahoy_cause_of_err(enum ahoy_err err);

/** The library's version, such as "0.1.0". */
AHOY_API const char *ahoy_version(void);

/** What this library was built with. Static storage. */
struct ahoy_build {
    const char *opus;   /* version of libopus, "1.5.2" */
    bool opus_deep_plc; /* losses of Opus are concealed by a neural vocoder */
    bool opus_dred;     /* deep redundancy (DRED): bursts of loss are bridged from later packets */
    const char *mic;    /* what processes a microphone: "own", or "webrtc": webrtc-audio-processing */
};

AHOY_API struct ahoy_build ahoy_build(void);

#ifdef __cplusplus
}
#endif
#endif
