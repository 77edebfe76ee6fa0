/* The engine: creating one, its settings, its event queue. */
#ifndef AHOY_ENGINE_H
#define AHOY_ENGINE_H

#include "ahoy/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ahoy_event;

/** One line of the log. Called from the engine's threads; must be quick and must not call the engine. */
typedef void ahoy_log_fn(void *arg, enum ahoy_log_level level, const char *room, const char *line);

struct ahoy_engine_config {
    /** Directory with accounts and secrets, for load_accounts; NULL: $XDG_CONFIG_HOME/ahoy. */
    const char *config_dir;
    /** Load the accounts stored there and register them; else the engine touches no file. */
    bool load_accounts;

    /**
     * Local addresses "ADDR[:PORT]" to listen on; none: every interface (0.0.0.0 and, where there is one, [::]) at port
     * 5060, another free port when that is taken. Port 0 picks one. A port that was named and is taken fails the start
     * (ADDR_IN_USE; `why` of ahoy_engine_create says by whom).
     */
    const char *const *binds;
    size_t bind_count;
    /** Nobody needs to find us at port 5060: that another port was taken without `binds` is no warning in the log. */
    bool any_port;
    /** Which transports listen; AUTO: UDP and TCP. */
    enum ahoy_transport transport;
    /** UDP ports for sound, inclusive; 0, 0: any. */
    uint16_t media_port_low, media_port_high;

    const char *user_agent; /* NULL: "Ahoy/VERSION" */

    enum ahoy_log_level log_level;
    ahoy_log_fn *log; /* NULL: silent */
    void *log_arg;

    /** Deliver AHOY_EVENT_TRACE for each SIP message (secrets masked). */
    bool trace;

    /** Events that the queue holds; at the limit figures and traces are dropped first; OVERFLOW tells. 0: 1024. */
    uint32_t event_capacity;
    /**
     * Called when the queue becomes non-empty, from an engine thread (also before ahoy_engine_create has returned):
     * wake your loop, call nothing of the engine. May be NULL.
     */
    void (*wakeup)(void *arg);
    void *wakeup_arg;

    /**
     * SIP URI of a collector of quality reports (RFC 6035): a PUBLISH with a report goes there at the end of each answered
     * call, and at most one alert within a call whose sound has got bad. NULL: none is sent.
     */
    const char *quality_collector;

    /** Timer T1 in ms (RFC 3261 section 17.1.1.1); 0: 500. Laboratories lower it. */
    uint32_t t1_ms;
};
#define AHOY_ENGINE_CONFIG_DEFAULT ((struct ahoy_engine_config){ .log_level = AHOY_LOG_WARNING })

/**
 * Creates an engine and starts its threads. The listening sockets are open when it returns, so ADDR_IN_USE,
 * ADDR_UNAVAILABLE and ACCESS come from here; `why` (may be NULL) gets a sentence for a person, with the program that
 * holds the port. Errors: NOMEM, INVAL (range of media ports, bind address, collector), CONFIG (a stored account),
 * LIMIT, and those above.
 */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_engine_create(struct ahoy_engine **out, const struct ahoy_engine_config *cfg,
                                                        char *why, size_t why_size);

/**
 * Ends all calls (BYE, CANCEL), unregisters, waits for both at most `linger_ms` (0: not at all), frees everything.
 * NULL is ignored. No other thread may be in a call of this engine; events taken before stay valid.
 */
AHOY_API void ahoy_engine_destroy(struct ahoy_engine *engine, uint32_t linger_ms);

/** The oldest event, or NULL when there is none. Free with ahoy_event_free. */
AHOY_API struct ahoy_event *ahoy_engine_next_event(struct ahoy_engine *engine);

/** Waits up to `timeout_ms` (-1: for ever) for an event. NULL on timeout. For programs without a loop of their own. */
AHOY_API struct ahoy_event *ahoy_engine_wait(struct ahoy_engine *engine, int timeout_ms);

/** NULL is ignored. Any thread. */
AHOY_API void ahoy_event_free(struct ahoy_event *event);

/**
 * Local SIP addresses in use, such as "udp:127.0.0.1:5060", as an array of strings ended by NULL in one block; free
 * with ahoy_free. NULL on NOMEM.
 */
AHOY_API char **ahoy_engine_listening(struct ahoy_engine *engine);

/** Milliseconds since the engine started, on the clock of the events' time_ms. Any thread. */
AHOY_API int64_t ahoy_engine_time_ms(const struct ahoy_engine *engine);

/** Frees what the library handed out as plain memory. NULL is ignored. */
AHOY_API void ahoy_free(void *p);

/** Sends OPTIONS to a SIP URI ("ping"); the answer is an AHOY_EVENT_RESULT with the SIP status and the time it took. */
AHOY_API AHOY_MUST_USE enum ahoy_err ahoy_options(struct ahoy_engine *engine, ahoy_account_id account, const char *uri,
                                                  ahoy_command_id *out);

/** Turns AHOY_EVENT_TRACE on or off. */
AHOY_API void ahoy_engine_set_trace(struct ahoy_engine *engine, bool on);

#ifdef __cplusplus
}
#endif
#endif
