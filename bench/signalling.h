/*
 * The parts of the signalling benchmark: servers in processes of their own whose processor time can be asked for, and a
 * generator of calls that sends prebuilt messages and so costs the server nothing but what it is sent. Loopback only.
 */
#ifndef AHOY_BENCH_SIGNALLING_H
#define AHOY_BENCH_SIGNALLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- servers ----------------------------------------------------------------------------------------------------- */

enum server_kind {
    SERVER_CALL,            /* a user agent that accepts every call at once, a fixed body in the 200 */
    SERVER_CALL_SDP,        /* the same, the offer read and answered by src/sdp */
    SERVER_CALL_FAST,       /* SERVER_CALL with T1 of 50 ms, so that transactions are forgotten sooner */
    SERVER_EXCHANGE_OPEN,   /* our exchange, nobody asked for a password */
    SERVER_EXCHANGE_DIGEST, /* our exchange, SERVER_USERS users with the password SERVER_PASSWORD */
    SERVER_KAMAILIO,        /* Kamailio: registrar and stateful proxy, one worker, location in memory */
    SERVER_KAMAILIO_DIGEST, /* the same, asking for the password */
    SERVER_SIPP,            /* SIPp's built-in uas */
};

enum { SERVER_USERS = 1000 }; /* u0000 … u0999 */
#define SERVER_PASSWORD "secret"
#define SERVER_REALM    "bench"

struct server {
    pid_t pid;
    int control; /* ours: the socket to its control; else -1 */
    uint16_t port;
    char dir[64]; /* a peer's temporary directory, for which the program has called temp_begin; or empty */
};

struct usage {
    double cpu_ms;     /* user and system, all threads and processes of the server since its start */
    size_t heap_bytes; /* given out by malloc; 0 for a peer */
    size_t rss_bytes;
};

/* Whether the peer's program is installed; ours always are. */
bool server_available(enum server_kind kind);

/* Starts it on a free port of 127.0.0.1 and returns when it answers. False with a line on stderr. */
bool server_start(struct server *s, enum server_kind kind);
bool server_usage(struct server *s, struct usage *out);
void server_stop(struct server *s);

/* signalling_peers.c */
bool peer_start(struct server *s, enum server_kind kind);
bool peer_usage(struct server *s, struct usage *out);
void peer_stop(struct server *s);
uint16_t peer_free_port(void);

/* SIPp's uac places `calls` calls; false when not every one of them went well. */
bool peer_sipp_calls(uint16_t port, unsigned calls);

/* ---- load -------------------------------------------------------------------------------------------------------- */

enum load_kind {
    LOAD_CALL,      /* INVITE, 200, ACK, BYE, 200 */
    LOAD_OPEN_CALL, /* INVITE, 200, ACK */
    LOAD_OPTIONS,
    LOAD_REGISTER,        /* one contact for each of SERVER_USERS users, again and again */
    LOAD_REGISTER_DIGEST, /* the same with credentials: one challenge, then the nonce count goes up */
    LOAD_PROXY_CALL,      /* a call to u0000, whose phone is a second socket of the generator */
};

struct load {
    enum load_kind kind;
    uint16_t port;   /* of the server */
    unsigned count;  /* calls or requests */
    unsigned window; /* at most so many at a time */
};

struct load_result {
    double wall_s;
    unsigned done;
    unsigned resent; /* messages sent again after half a second */
};

/* Runs to the end. False with a line on stderr: a response that is no success, or silence for five seconds. */
bool load_run(const struct load *l, struct load_result *out);

#endif
