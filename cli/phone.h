/*
 * A running phone: one engine and the loop around it, shared by `call`, `listen` and `echo`. The loop waits for the engine's
 * wake-up, signals, lines on standard input and clients of the control socket, and for nothing else.
 */
#ifndef AHOY_CLI_PHONE_H
#define AHOY_CLI_PHONE_H

#include "cli/control.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "cli/watch.h"

enum {
    PHONE_PENDING = 64,
    PHONE_CONSOLE = -1,
    PHONE_LINE_BYTES = 16384,
    PHONE_GIVE_UP_AFTER_S = 180,
    PHONE_WATCHED = 8
};

struct phone;

/** An event of the engine, after it was shown. */
typedef void phone_event_fn(struct phone *p, const struct ahoy_event *e);

/* An answer that somebody waits for. */
struct phone_pending {
    ahoy_command_id command; /* 0: free */
    json_t *id;              /* NULL: none was given */
    int source;              /* PHONE_CONSOLE or a client */
    uint32_t serial;         /* of the client */
};

struct phone {
    const struct cli_args *args;
    struct ahoy_engine *engine;
    struct ahoy_media_config media; /* as the options say */
    enum ahoy_transport transport;
    phone_event_fn *on_event;
    void *on_event_arg;
    int wake_fd, signal_fd, trace_fd;

    bool json, many; /* many calls: lines say which */
    bool ask;        /* a person answers */
    bool numbered;   /* there was more than one call: lines say which */
    bool console_open;
    struct lines console;
    struct control control;
    struct phone_pending pending[PHONE_PENDING];

    ahoy_account_id account; /* the one that calls are placed with, or 0 */
    bool has_password;       /* of an account */
    bool waiting;            /* for its registration */
    char from[256];
    char tones[16];                                             /* "auto:COUNTRY" of the locale */
    int64_t started_ms, end_at_ms, leave_at_ms, interrupted_ms; /* 0: never. end_at: when no call stands any more */
    bool ending, interrupted, leaving, done;
    struct summary summary;
    unsigned recorded;                  /* files of --record so far */
    ahoy_command_id recording, playing; /* the last commands of --record and --play */
    bool no_device;                     /* the sound device does not work */
    struct {
        ahoy_call_id call;
        char text[256];
    } trouble; /* told last: what lasts is not told again with each change of a call; text empty: none */
    struct watch watch[PHONE_WATCHED]; /* the calls that a person is told of while they last */
    int status;                        /* what the process ends with */

    /* Last, and not cleared at the beginning: as long as nobody writes lines, this takes no memory. */
    struct {
        char console[PHONE_LINE_BYTES];
        struct control_memory control;
    } lines;
};

struct phone_options {
    const char *const *binds;
    size_t bind_count;
    enum ahoy_transport listen_transport;
    bool any_port; /* as of struct ahoy_engine_config */
    bool control;  /* open the control socket, if a folder may be touched */
    phone_event_fn *on_event;
    void *on_event_arg;
};

/** Opens everything. An exit status; when it is not 0, the reason was said, and phone_close is still due. */
int phone_open(struct phone *p, const struct cli_args *args, const struct phone_options *o);

/** Runs until `done`. */
void phone_run(struct phone *p);

/** Ends what still goes on within a second; gives the exit status. */
int phone_close(struct phone *p);

/** Hangs up everything and stops the loop when that has happened. */
void phone_leave(struct phone *p);

/** ms since the start. */
int64_t phone_now(const struct phone *p);

/** Sends an object to standard output (with --json) and to all clients, and frees it. */
void phone_tell(struct phone *p, json_t *o);

/** Sends an object to the one who asked, and frees it. */
void phone_answer(struct phone *p, int source, json_t *o);

/** The summary, said to people or programs. */
void phone_say_summary(struct phone *p);

/** How a call sounds, for people. `call`: 0 where lines need not say which. */
void phone_say_figures(const struct phone *p, ahoy_call_id call, const struct ahoy_call_stats *s);

/** What was asked for is no microphone, and may well be silent. */
bool phone_stands_in(const struct phone *p);

/** The call's number where there are others, else 0. */
ahoy_call_id phone_number(const struct phone *p, ahoy_call_id call);

size_t phone_calls(struct phone *p);

/** Places a call with the options' settings. An exit status; the reason was said. */
int phone_place(struct phone *p, const char *uri, ahoy_call_id *out);

/** Tells which option the engine finds fault with, when it says INVAL. */
int phone_blame(struct phone *p, const char *uri);

/** From here on Ctrl-C ends the process at once. */
void phone_kill_on_signals(void);

/** Engine settings that all verbs share. */
struct ahoy_engine_config phone_engine_config(const struct cli_args *args);

/** Switches SIP messages on when somebody wants them. */
void phone_update_trace(struct phone *p);

/* commands.c */
void phone_command(struct phone *p, int source, const char *line, size_t n);
void phone_run_command(struct phone *p, int source, const json_t *cmd); /* NULL: it was no JSON */
bool phone_answer_pending(struct phone *p, const struct ahoy_event *e);
void phone_forget_pending(struct phone *p);

/* console.c: standard input */
bool phone_console_readable(const struct phone *p);
void phone_on_console(struct phone *p);
void phone_say_reply(const json_t *o); /* to a person who gave a command */

/* files.c: what --record, --play and --audio say is begun when a call stands, and complained about when it cannot be */
int phone_try_files(const struct cli_args *args); /* before anything else: an exit status */
void phone_start_files(struct phone *p, const struct ahoy_event *e);
void phone_check_files(struct phone *p, const struct ahoy_event *e);

/* say.c: events for people */
void phone_say_event(struct phone *p, const struct ahoy_event *e);

/* identity.c: what a stored account is called; the one that goes by `wanted`: its name, its address with or without
 * "sip:", or its user, when no other has that one. NULL: none, or several. Borrowed from the store. */
const char *account_name(const struct ahoy_account_config *cfg);
const struct ahoy_account_config *account_find(const struct ahoy_account_store *store, const char *wanted);

/* identity.c: adds the accounts that the options ask for. An exit status. `all`: every stored account, registered. */
int phone_add_accounts(struct phone *p, bool all);

#endif
