/*
 * A telephone (a stack at 192.0.2.1 with UDP and TCP, a locator, credentials) and a few servers in the simulated network.
 * A server is a stack of its own that answers by a script; requests it got are kept for looking at.
 */
#ifndef AHOY_TESTS_SIP_SUPPORT_REG_WORLD_H
#define AHOY_TESTS_SIP_SUPPORT_REG_WORLD_H

#include "sip/auth_server.h"
#include "sip/locate.h"
#include "sip/request.h"
#include "support/t.h"
#include "sys/sim.h"

enum { REG_MAX_SERVERS = 4, REG_MAX_GOT = 64 };

struct reg_world;

struct reg_server {
    struct reg_world *w;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sip_stack *stack;
    struct sip_transport *udp, *tcp;
    struct sip_msg *got[REG_MAX_GOT]; /* requests, oldest first */
    enum sip_proto proto[REG_MAX_GOT];
    int64_t got_us[REG_MAX_GOT];
    size_t count;

    /* the script */
    unsigned status;              /* 0: 200 */
    const char *lines;            /* further header lines of that answer; may be NULL */
    unsigned status_times;        /* answers with `status` before it is 200; 0: always */
    unsigned ring;                /* a provisional answer to INVITE first */
    bool holds;                   /* no final answer */
    struct sip_auth_server *auth; /* challenges when set; password "secret" for "alice" */
    bool proxy_auth, forget_stale;
    const char *password;
    uint32_t min_expires_s, grant_s; /* REGISTER: 423 below, granted at most; 0: what was asked */
    bool no_contact;                 /* REGISTER: 200 says Expires alone */
    struct sip_server_txn *held;
};

struct reg_world {
    struct sim *sim;
    struct sys_host *host;
    struct sys_loop *loop;
    struct sip_stack *stack;
    struct sip_transport *udp;
    struct sip_locator *locator;
    struct sip_auth *auth;
    struct rng rng;
    struct reg_server server[REG_MAX_SERVERS];
    size_t servers;
    void (*flow_lost)(void *arg, struct sip_flow *flow, enum ahoy_err err);
    void *flow_lost_arg;
    /* the outcome of the request under test */
    struct sip_request *rq;
    struct buf log; /* "100; 180; final 200; more; ended" */
    bool final, destroy_in_final;
    enum ahoy_err err;
    unsigned status, tries;
    uint32_t retry_after_s;
    bool unproven;
};

/** The telephone alone. `cfg` may be NULL. Ends with reg_fini either way. */
bool reg_init(struct t *t, struct reg_world *w, const struct sip_locator_config *cfg);
void reg_fini(struct t *t, struct reg_world *w);

/** One more server at this address, port 5060, by UDP and TCP; NULL when memory is out. */
struct reg_server *reg_server(struct reg_world *w, const char *ip);

/** Makes a server challenge with realm "example.com". */
bool reg_server_auth(struct reg_server *s, const struct sip_auth_server_config *cfg);

/** Destroys a server's stack: nobody listens there any more. */
void reg_server_down(struct reg_server *s);

/** Starts it again. */
bool reg_server_up(struct reg_server *s);

/** Sends a request from the telephone; what becomes of it is in w->log. `more` may be NULL. */
enum ahoy_err reg_send(struct reg_world *w, const char *method, const char *uri,
                       void (*more)(struct sip_request_config *));

void reg_run(struct reg_world *w, int64_t ms);

/** Runs until the outcome is there, at most `limit_ms`. */
bool reg_run_final(struct reg_world *w, int64_t limit_ms);

/** The log as text. */
const char *reg_log(struct reg_world *w);

/** Whether the bytes of a message contain a text. */
bool reg_has(const struct sip_msg *m, const char *text);

/** CSeq number of a message; 0 without. */
uint32_t reg_cseq(struct sip_msg *m);

#endif
