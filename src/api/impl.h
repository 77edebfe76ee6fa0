/* What the files of api/ share. Private to api/. */
#ifndef AHOY_API_IMPL_H
#define AHOY_API_IMPL_H

#include "base/arena.h"
#include "base/list.h"
#include "sys/lock.h"
#include "ua/ua.h"

enum { API_EVENTS_DEFAULT = 1024, API_USER_AGENT_BYTES = 64 };

/* An event in the queue: one block with its strings behind it. */
struct api_event {
    struct list_link link, cheap; /* cheap: in the list of those that may be dropped first */
    struct ahoy_event event;
    char strings[];
};

/* What the lists of accounts and calls show; kept up by the events that pass. */
struct api_account {
    struct list_link link;
    struct ahoy_account_info info;
};

struct api_call {
    struct list_link link;
    struct ahoy_call_info info;
};

struct ahoy_engine {
    struct ahoy_engine_config config; /* strings in `arena` */
    struct arena arena;
    char user_agent[API_USER_AGENT_BYTES];
    struct log log;

    struct sys_host *host;
    bool own_host; /* real: made here; else the simulation's */
    struct sys_loop *loop;
    struct ua *ua; /* loop thread only, once that runs */

    struct sys_lock lock;      /* of what follows */
    struct list events, cheap; /* struct api_event, oldest first */
    uint32_t event_count, dropped;
    struct api_event *overflow; /* kept ready, since there may be no memory when it is needed */
    struct list accounts, calls;
    uint32_t last_account, last_call, last_command; /* ids; conferences count with calls */
    bool left;                                      /* the user agent is done */

    struct sys_msg leave_msg;
    uint32_t linger_ms;
};

/** ahoy_engine_create on a host of the caller's: a simulated one for tests. `host` NULL: this machine. */
AHOY_MUST_USE enum ahoy_err api_engine_create_on(struct ahoy_engine **out, struct sys_host *host,
                                                 const struct ahoy_engine_config *cfg, char *why, size_t why_size);

/** The first half of ahoy_engine_destroy, for the simulation: then run it until api_engine_left, then destroy. */
void api_engine_leave(struct ahoy_engine *e, uint32_t linger_ms);
bool api_engine_left(struct ahoy_engine *e);

/* events.c */
void api_events_emit(void *arg, const struct ahoy_event *event); /* a ua_emit_fn; on the loop */
void api_events_drop_all(struct ahoy_engine *e);

/** Makes the event that tells of dropped ones. NOMEM. */
AHOY_MUST_USE enum ahoy_err api_events_prepare(struct ahoy_engine *e);

/** The next id after e->last_account, last_call or last_command, which `last` is. Takes the lock. */
uint32_t api_next_id(struct ahoy_engine *e, uint32_t *last);

#endif
