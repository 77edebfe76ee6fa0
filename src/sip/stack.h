/*
 * The SIP stack of one loop: transports below, transactions in the middle, and a core (a user agent or a proxy) above
 * that is handed what no transaction takes. RFC 3261 sections 8, 17, 18.
 *
 * One per engine or server; no globals. All calls on the loop's thread. A core acts in the callbacks of struct
 * sip_core_ops; requests it sends go through client transactions (sip/txn.h), or without one through sip_flow_send
 * (the ACK for a 2xx, what a proxy forwards statelessly; sip_flow_put_request writes the Via).
 *
 * Any call but sip_stack_destroy is allowed inside any callback.
 */
#ifndef AHOY_SIP_STACK_H
#define AHOY_SIP_STACK_H

#include "sip/build.h"
#include "sip/hdr.h"
#include "sys/loop.h"

struct names; /* net/names.h */
struct sip_stack;
struct sip_transport; /* a bound local address: a UDP socket or a TCP listener */
struct sip_flow;      /* where a message goes: a UDP peer through one socket, or one TCP connection (RFC 5626's word) */
struct sip_server_txn;
struct sip_client_txn;

/** Timers of RFC 3261 table 4, in milliseconds. */
struct sip_timers {
    uint32_t t1_ms, t2_ms, t4_ms;
};
#define SIP_TIMERS_DEFAULT ((struct sip_timers){ .t1_ms = 500, .t2_ms = 4000, .t4_ms = 5000 })

/** What the core above the transactions does. Called on the loop. */
struct sip_core_ops {
    /**
     * A new request, checked, with its transaction (never ACK). The core answers through `txn` now or later, exactly
     * one final response. The message lives during the call, and afterwards as long as the transaction when the core
     * set a handler on it; keep it longer by sip_msg_ref. Must not be NULL.
     */
    void (*request)(void *arg, struct sip_server_txn *txn, struct sip_msg *request);
    /** An ACK that ends no transaction of ours: the ACK for a 2xx, or one a proxy forwards. NULL: dropped. */
    void (*ack)(void *arg, struct sip_flow *flow, struct sip_msg *ack);
    /** A response to us (its topmost Via names an address of ours) without a client transaction. NULL: dropped. */
    void (*stray_response)(void *arg, struct sip_flow *flow, struct sip_msg *response);
    /**
     * A connection broke, was closed by the peer or closed as idle, or a transport with flows in use was closed:
     * dialogs and registrations on it must move. `flow` is valid during the call. NULL: nobody minds.
     */
    void (*flow_lost)(void *arg, struct sip_flow *flow, enum ahoy_err err);
    void *arg;
};

enum sip_trace_dir { SIP_TRACE_RECV, SIP_TRACE_SENT };
/** Sees every message in its bytes, as it passes the transport. Secrets are still in it: masking is for who shows it. */
typedef void sip_trace_fn(void *arg, enum sip_trace_dir dir, enum sip_proto proto, const struct addr *local,
                          const struct addr *peer, struct view raw);

struct sip_stack_config {
    struct sip_timers timers;
    struct sip_limits limits;
    bool proxy;                   /* the core forwards: a CANCEL without its INVITE goes to it (else 481), and so do
                                     responses with more than one Via (else dropped, RFC 3261 8.1.3.3) */
    uint32_t max_server_txns;     /* above it a new request gets 503 with Retry-After; ACK does not, CANCEL and BYE
                                     only above 5/4 of it */
    uint32_t max_connections;     /* accepted TCP connections; above it the longest idle one is closed */
    uint32_t max_fault_replies_s; /* answers to faulty and refused requests per second; what is above is dropped */
    uint32_t connect_timeout_ms;  /* a TCP connection that takes longer fails with TIMEOUT */
    uint32_t idle_s;              /* a connection nobody holds is closed after so long without traffic */
    const char *user_agent;       /* User-Agent and Server; borrowed for the stack's life; NULL: none */
    const struct log *log;        /* borrowed; may be NULL */
    sip_trace_fn *trace;          /* may be NULL */
    void *trace_arg;
    uint32_t mtu_bytes; /* requests within 200 bytes of it go by TCP; 0: unknown, so those over 1,300 do
                                     (RFC 3261 18.1.1) */
};
#define SIP_STACK_CONFIG_DEFAULT                                                                                       \
    ((struct sip_stack_config){ .timers = SIP_TIMERS_DEFAULT,                                                          \
                                .limits = SIP_LIMITS_DEFAULT,                                                          \
                                .max_server_txns = 200000,                                                             \
                                .max_connections = 4096,                                                               \
                                .max_fault_replies_s = 500,                                                            \
                                .connect_timeout_ms = 4000,                                                            \
                                .idle_s = 600 })

/** `cfg` and `core` are copied. INVAL for a config without timers or limits, NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_stack_create(struct sip_stack **out, struct sys_loop *loop,
                                             const struct sip_stack_config *cfg, const struct sip_core_ops *core);

/**
 * Closes everything at once; owners of transactions are told CANCELLED, then `done`. Calls they make meanwhile fail with
 * CLOSED. Flows that are still referenced stay valid, but broken, until they are unreferenced. NULL is ignored.
 */
void sip_stack_destroy(struct sip_stack *s);

struct sys_loop *sip_stack_loop(const struct sip_stack *s);
struct rng *sip_stack_rng(struct sip_stack *s);
struct names *sip_stack_names(struct sip_stack *s); /* the DNS cache that RFC 3263 look-ups share */
const struct sip_timers *sip_stack_timers(const struct sip_stack *s);
const struct log *sip_stack_log(const struct sip_stack *s);
const char *sip_stack_user_agent(const struct sip_stack *s);

/** What is alive now, and what happened so far: for tests, status and leak checks. */
struct sip_stack_counts {
    size_t client_txns, server_txns, flows, transports; /* flows: UDP peers in use and TCP connections */
    uint64_t received, sent;                            /* messages */
    uint64_t retransmitted;                             /* of the sent ones */
    uint64_t dropped_malformed;                         /* unparsable and not answered */
    uint64_t dropped_stray;                             /* responses that are not for us or for nobody */
    uint64_t replied_stateless; /* answers without a transaction, refusals of any kind included */
    uint64_t overloaded;        /* requests refused with 503 */
};
void sip_stack_counts(const struct sip_stack *s, struct sip_stack_counts *out);

/* ---- transports -------------------------------------------------------------------------------------------------- */

/**
 * Listens on an address. UDP opens a socket; TCP opens a listener (connections out need none). Port 0 picks one. Errors
 * of sys_udp_open/sys_tcp_listen pass through (ADDR_IN_USE …: net/portowner.h says who). UNSUPPORTED for a protocol
 * that is not built in. For an address of "any" Via and Contact use the address that routes to the peer.
 */
AHOY_MUST_USE enum ahoy_err sip_stack_listen(struct sip_stack *s, enum sip_proto proto, const struct addr *local,
                                             struct sip_transport **out);

/** Closes a transport and its flows (their owners are told by flow_lost): the address went away. */
void sip_transport_close(struct sip_transport *t);

const struct addr *sip_transport_local(const struct sip_transport *t);
enum sip_proto sip_transport_proto(const struct sip_transport *t);

/* ---- flows ------------------------------------------------------------------------------------------------------- */

/**
 * The flow to a destination: UDP through the transport that routes there (or `via` when not NULL), TCP an open
 * connection to or from that address or a new one (messages are queued until it is connected). `via` for TCP gives the
 * local address of a new connection. One reference to the caller. UNREACHABLE without a fitting transport or route,
 * UNSUPPORTED for a protocol that is not built in, INVAL for a `via` of another protocol or family.
 */
AHOY_MUST_USE enum ahoy_err sip_flow_to(struct sip_stack *s, enum sip_proto proto, const struct addr *dst,
                                        struct sip_transport *via, struct sip_flow **out);
struct sip_flow *sip_flow_ref(struct sip_flow *f);
void sip_flow_unref(struct sip_flow *f); /* NULL is ignored; a TCP connection stays open for reuse until idle */

enum sip_proto sip_flow_proto(const struct sip_flow *f);
const struct addr *sip_flow_peer(const struct sip_flow *f);
const struct addr *sip_flow_local(const struct sip_flow *f); /* the address the peer can reach us at, never "any" */
bool sip_flow_broken(const struct sip_flow *f);

/** "sip:user@host:port[;transport=tcp]" that reaches us through this flow, as for Contact; user may be empty. */
void sip_flow_put_contact_uri(const struct sip_flow *f, struct view user, struct buf *out);

/** Appends "SIP/2.0/UDP host:port;branch=…;rport" (a Via value) for this flow. */
void sip_flow_put_via(const struct sip_flow *f, struct view branch, struct buf *out);

/**
 * Appends a whole request with a topmost Via for this flow put in behind the start line; an empty `branch` makes a new
 * one. What a client transaction does, for requests that go without one.
 */
void sip_flow_put_request(const struct sip_flow *f, struct view request, struct view branch, struct buf *out);

/**
 * Sends bytes of one message as they are. TOO_BIG (over what a datagram holds), CLOSED (broken flow), LIMIT (full
 * queue), UNREACHABLE….
 */
enum ahoy_err sip_flow_send(struct sip_flow *f, struct view message);

/**
 * Keeps a NAT binding or connection alive from now on: CRLF CRLF (TCP, RFC 5626 3.5.1) or CRLF (UDP) after 80 to 100 %
 * of `interval_s`, again and again; 0 stops. Holds no reference. A TCP peer that answered once and leaves a later ping
 * unanswered for 10 s is lost (RFC 5626 4.4.1): flow_lost with TIMEOUT.
 */
void sip_flow_keepalive(struct sip_flow *f, uint32_t interval_s);

/**
 * Answers without a transaction, back where the request came from (RFC 3261 8.2.7, 18.2.2). `extra`: whole header lines
 * or empty. The To tag is the same for the same request. An ACK is not answered: INVAL.
 */
enum ahoy_err sip_stack_reply(struct sip_stack *s, struct sip_flow *flow, struct sip_msg *request, unsigned status,
                              struct view extra);

#endif
