/*
 * The user agent: accounts, registrations, calls, the doctor. It joins sip/ (signalling) and media/ (sound) and tells
 * what happens as events in the words of include/ahoy/. Everything here runs on the signalling loop.
 */
#ifndef AHOY_UA_UA_H
#define AHOY_UA_UA_H

#include "ahoy/ahoy.h"
#include "base/log.h"
#include "sys/loop.h"

struct ua;

/** An event; its strings are borrowed for the call. The receiver copies. `time_ms` is filled in. */
typedef void ua_emit_fn(void *arg, const struct ahoy_event *event);

struct ua_config {
    struct sys_loop *loop;
    const struct ahoy_engine_config *engine; /* borrowed for the life of the user agent */
    const struct log *log;                   /* the same */
    ua_emit_fn *emit;
    void *emit_arg;
};

/** Opens the listening sockets. Errors of ahoy_engine_create, with a sentence in `why`. */
AHOY_MUST_USE enum ahoy_err ua_create(struct ua **out, const struct ua_config *cfg, char *why, size_t why_size);

/**
 * Ends all calls and unregisters; `done` comes when that has happened, or when `linger_ms` is over and the rest was
 * dropped (sound devices and files are always closed in order). Nothing but ua_destroy may follow.
 */
void ua_leave(struct ua *ua, uint32_t linger_ms, void (*done)(void *arg), void *arg);

/** After `done`, or after ua_create with nothing done in between. NULL is ignored. */
void ua_destroy(struct ua *ua);

/** Milliseconds since it was created, as the events' time_ms. Any thread. */
int64_t ua_time_ms(const struct ua *ua);

/** Local SIP addresses, such as "udp:127.0.0.1:5060": the i-th into `text`; false behind the last. */
bool ua_listening(const struct ua *ua, size_t i, char text[80]);

void ua_set_trace(struct ua *ua, bool on);

/* ---- accounts: as the functions of ahoy/account.h; ids are given by the caller ----------------------------------- */

AHOY_MUST_USE enum ahoy_err ua_account_add(struct ua *ua, ahoy_account_id id, const struct ahoy_account_config *cfg);
enum ahoy_err ua_account_remove(struct ua *ua, ahoy_account_id id);
enum ahoy_err ua_account_register(struct ua *ua, ahoy_account_id id, bool on);

/* ---- calls: as the functions of ahoy/call.h; a failure to begin comes as an event with state ENDED --------------- */

void ua_call_place(struct ua *ua, ahoy_call_id id, const struct ahoy_call_config *cfg);
AHOY_MUST_USE enum ahoy_err ua_listen(struct ua *ua, const struct ahoy_listen_config *cfg);

/** The ids of incoming calls, and of conferences, come from here. */
void ua_set_call_ids(struct ua *ua, ahoy_call_id (*next)(void *arg), void *arg);

/** What a command on a call does; its result comes as an event with the command's id. */
enum ua_act {
    UA_ANSWER,
    UA_REJECT,
    UA_HANGUP,
    UA_HOLD,
    UA_RESUME,
    UA_MUTE,
    UA_UNMUTE,
    UA_DTMF,
    UA_REINVITE,
    UA_PLAY,
    UA_RECORD,
    UA_REPORT,
    UA_GAIN,
    UA_SPLIT
};

/* What an act needs to know; most need nothing. */
struct ua_act_args {
    unsigned status;                  /* UA_REJECT */
    const char *text;                 /* UA_DTMF, UA_REINVITE */
    struct ahoy_play_config play;     /* UA_PLAY; path NULL: stop */
    struct ahoy_record_config record; /* UA_RECORD; the same */
    double gain_db;                   /* UA_GAIN */
};

void ua_call_act(struct ua *ua, ahoy_call_id id, ahoy_command_id command, enum ua_act act,
                 const struct ua_act_args *args);

/* What a command on conferences does. */
enum ua_conf_act { UA_CONF_JOIN, UA_CONF_ATTEND, UA_CONF_LEAVE, UA_CONF_RECORD, UA_CONF_HANGUP };

struct ua_conf_args {
    ahoy_conference_id id;                     /* all but UA_CONF_JOIN */
    ahoy_call_id calls[AHOY_CONFERENCE_CALLS]; /* UA_CONF_JOIN */
    size_t n;
    struct ahoy_record_config record; /* UA_CONF_RECORD; path NULL: stop */
};

void ua_conference_act(struct ua *ua, ahoy_command_id command, enum ua_conf_act act, const struct ua_conf_args *args);

void ua_options(struct ua *ua, ahoy_command_id command, ahoy_account_id account, const char *uri);

void ua_doctor(struct ua *ua, ahoy_command_id command, ahoy_account_id account, const char *server);

/** INVAL for options that cannot be; any thread. */
AHOY_MUST_USE enum ahoy_err ua_check_media(const struct ahoy_media_config *cfg);

/** INVAL for what is no address, with or (unless `whole`) without a host; any thread. */
AHOY_MUST_USE enum ahoy_err ua_check_uri(const char *text, bool whole);

/** Calls that are alive. */
size_t ua_call_count(const struct ua *ua);

#endif
