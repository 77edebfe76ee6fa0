/*
 * A world for tests of the stack: our stack at 192.0.2.1:5060 (UDP and TCP) with a core that writes down what it hears,
 * and a peer at 192.0.2.2 that is no stack: it sends and records bytes, so tests see what is on the wire and when.
 */
#ifndef AHOY_TESTS_SIP_SUPPORT_TXN_WORLD_H
#define AHOY_TESTS_SIP_SUPPORT_TXN_WORLD_H

#include "sip/txn.h"
#include "support/t.h"
#include "sys/sim.h"

enum { WIRE_MAX = 64, WIRE_BYTES = 4000, NOTES_BYTES = 2000 };

struct wire_msg {
    int64_t at_ms; /* since the world began */
    struct addr from;
    char text[WIRE_BYTES];
};

/* What the peer got, by UDP or by a TCP connection. */
struct wire {
    struct wire_msg got[WIRE_MAX];
    unsigned count; /* all, also those that did not fit */
};

struct world {
    struct sim *sim;
    struct sys_host *host, *peer_host;
    struct sys_loop *loop, *peer_loop;
    struct sip_stack *stack;
    struct sip_transport *udp, *tcp;
    struct sys_udp *peer; /* 192.0.2.2:5060 */
    struct sys_tcp_listener *peer_listener;
    struct sys_tcp *peer_conn; /* the last connection that the peer made or took */
    enum ahoy_err peer_conn_closed;
    unsigned peer_conns;
    struct wire wire;
    struct sip_stack_config cfg; /* change between world_init and world_start */
    int64_t began_us;
    char notes[NOTES_BYTES];       /* what core and handlers heard: "request INVITE; cancelled; failed TIMEOUT; " */
    struct sip_server_txn *server; /* of the last request */
    struct sip_client_handler client_handler;
    struct sip_server_handler server_handler;
    bool set_handler;        /* the core sets server_handler on requests */
    unsigned reply_now;      /* the core answers with this status in `request`; 0: not */
    struct addr here, there; /* of stack and peer */
};

/* Everything up, with the default config. */
bool world_init(struct t *t, struct world *w);
/* In two steps, to change w->cfg between. */
bool world_prepare(struct t *t, struct world *w);
bool world_start(struct t *t, struct world *w);
void world_fini(struct world *w);

/* Virtual time. */
void world_run_ms(struct world *w, int64_t ms);
int64_t world_ms(const struct world *w);

/* The peer sends a datagram from its port 5060, or bytes by its connection. */
void world_send(struct world *w, const char *text);
void world_send_from(struct world *w, struct sys_udp *socket, const char *text);
void world_send_tcp(struct world *w, const char *text);

/* The peer listens for TCP at its port 5060; connects to the stack. */
bool world_peer_listen(struct t *t, struct world *w);
bool world_peer_connect(struct t *t, struct world *w);
void world_peer_disconnect(struct world *w);

/* A message of the peer: "%s" parts of a request to or a response from. All in static forms; see the .c. */
struct form {
    char text[WIRE_BYTES];
};

/* A request of the peer. `extra`: header lines. */
struct form form_request(const char *method, const char *branch, const char *via_rest, const char *extra);
/* The peer sends such a request by its connection, with rport. */
void world_request_tcp(struct world *w, const char *method, const char *branch);
/* A response of the peer to a message it got: Via, From, To, Call-ID and CSeq copied, a To tag added. */
struct form form_response(const struct wire_msg *request, unsigned status, const char *extra);

/* A request for our client transactions, without Via. */
struct form form_client_request(const char *method, const char *extra);

/* Sends it to the peer by UDP or TCP. */
bool world_client(struct t *t, struct world *w, const char *method, enum sip_proto proto, struct sip_client_txn **out);

/* The value of a header line in a recorded message ("" when missing): static within the message. */
struct view wire_value(const struct wire_msg *m, const char *name);
/* Recorded messages that start with this. */
unsigned wire_count(const struct wire *wire, const char *start);
/* The n-th (from 0) that starts with this, or an empty message. */
const struct wire_msg *wire_nth(const struct wire *wire, const char *start, unsigned n);
void wire_clear(struct wire *wire);

/* Times of messages that start with this, as "0 500 1500 ", relative to `since_ms`. */
struct form wire_times(const struct wire *wire, const char *start, int64_t since_ms);

void world_note(struct world *w, const char *fmt, ...) AHOY_PRINTF(2, 3);

/* Nothing is alive in the stack but its transports. */
bool world_is_idle(struct world *w);

#endif
