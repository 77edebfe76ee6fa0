/*
 * What the files of the stack share: its struct, the life of flows and the way of a message through it. Not for other
 * rooms, nor for the acts in this one.
 *
 *     carrier (udp, tcp) -> sip_stack_receive -> transaction or core
 *     transaction, core  -> sip_flow_send     -> carrier
 */
#ifndef AHOY_SIP_STACK_PRIV_H
#define AHOY_SIP_STACK_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "sip/stack.h"
#include "sys/tcp.h"
#include "sys/udp.h"

/* Keys of maps: 128 bits of keyed hash, so that equal digests are equal things and nobody outside can make two meet. */
enum { SIP_DIGEST_BYTES = 16 };
struct sip_digest {
    char b[SIP_DIGEST_BYTES];
};

static inline struct view sip_digest_view(const struct sip_digest *d)
{
    return view_of(d->b, sizeof d->b);
}

struct sip_stack {
    struct sys_loop *loop;
    struct names *names;
    struct sip_stack_config cfg;
    struct sip_core_ops core;
    struct rng rng;
    uint64_t seed[2][2];   /* of sip_stack_digest */
    struct map flow_map;   /* by protocol, transport and peer */
    struct map client_map; /* by branch */
    struct map server_map; /* by what identifies a request */
    struct map merge_map;  /* server transactions by From tag, Call-ID and CSeq; one for each */
    struct list transports;
    struct list flows;
    struct list accepted; /* TCP connections that others opened, the longest silent one first */
    size_t accepted_count;
    uint32_t last_transport_id;
    int64_t fault_credit_us, fault_when_us; /* token bucket: a second of answers to faulty requests */
    struct sip_stack_counts counts;
    bool closing;
};

/** Digest of up to 7 parts, each kept apart from the next. */
void sip_stack_digest(const struct sip_stack *s, const struct view *parts, size_t n, struct sip_digest *out);

/** Takes one from the budget of answers to faulty requests; false when it is used up. */
bool sip_stack_may_refuse(struct sip_stack *s);

/* ---- carriers: what differs from protocol to protocol ------------------------------------------------------------ */

struct sip_carrier {
    enum ahoy_err (*listen)(struct sip_transport *t, const struct addr *local); /* sets t->local */
    void (*unlisten)(struct sip_transport *t);
    enum ahoy_err (*open)(struct sip_stack *s, const struct addr *dst, struct sip_transport *via,
                          struct sip_flow **out);
    enum ahoy_err (*send)(struct sip_flow *f, struct view bytes);
    void (*tick)(struct sip_flow *f);   /* the flow's timer fired: does what is due, arms again */
    void (*arm)(struct sip_flow *f);    /* starts the flow's timer for what is due next */
    void (*unused)(struct sip_flow *f); /* the last reference went while the flow is whole; NULL: it is freed */
    void (*close)(struct sip_flow *f);  /* gives back sockets; the flow is broken from now on */
};

/** NULL for a protocol that is not built in. */
const struct sip_carrier *sip_carrier_of(enum sip_proto proto);

extern const struct sip_carrier sip_carrier_udp, sip_carrier_tcp;

struct sip_transport {
    struct list_link link; /* in stack->transports */
    struct sip_stack *stack;
    const struct sip_carrier *carrier;
    enum sip_proto proto;
    uint32_t id;
    struct addr local;
    struct sys_udp *udp;
    struct sys_tcp_listener *listener;
};

/** The transport of this protocol that a packet to `dst` leaves from; `src` gets the local address, never "any". */
AHOY_MUST_USE enum ahoy_err sip_transport_for(struct sip_stack *s, enum sip_proto proto, const struct addr *dst,
                                              struct sip_transport **out, struct addr *src);

/** Whether a Via's sent-by names one of our transports. */
bool sip_stack_is_ours(const struct sip_stack *s, const struct sip_via *via);

/* ---- flows ------------------------------------------------------------------------------------------------------- */

/** Somebody who waits for something on a flow, embedded in its struct. */
struct sip_flow_user {
    struct list_link link;
    /** The flow broke (`broken`; the user is unlinked), or the network says that the peer can't be reached. */
    void (*error)(struct sip_flow_user *u, enum ahoy_err err, bool broken);
};

struct sip_flow {
    struct map_node node; /* in stack->flow_map while whole */
    struct sip_digest key;
    struct list_link link;   /* in stack->flows */
    struct sip_stack *stack; /* NULL when broken */
    const struct sip_carrier *carrier;
    struct sip_transport *transport; /* UDP: the socket; NULL once closed, and for TCP */
    enum sip_proto proto;
    struct addr peer, local;
    struct list users;
    struct sys_timer timer;
    int64_t keepalive_us; /* when the next one is due; INT64_MAX: never */
    uint32_t keepalive_s;
    uint32_t refs;
    bool broken;
    bool listening; /* the peer can open a connection to `local` */
};

/** Key of flows to a peer by one transport (`id` of it, or 0). */
void sip_flow_key(const struct sip_stack *s, enum sip_proto proto, uint32_t id, const struct addr *peer,
                  struct sip_digest *out);

/** Fills a zeroed flow and enters it into the stack, with no reference. NOMEM: nothing was entered. */
AHOY_MUST_USE enum ahoy_err sip_flow_init(struct sip_flow *f, struct sip_stack *s, const struct sip_carrier *carrier,
                                          uint32_t transport_id, const struct addr *peer);

/** Breaks a flow: closes, tells users and core. Freed here or with its last reference. Ignored when already broken. */
void sip_flow_break(struct sip_flow *f, enum ahoy_err err);

/** Tells users of a UDP flow that is whole of an ICMP error. */
void sip_flow_report(struct sip_flow *f, enum ahoy_err err);

/** Replaces the user's place: on a flow (must be whole), or on none (NULL). */
void sip_flow_attach(struct sip_flow *f, struct sip_flow_user *u);

/** Takes a whole flow that nobody was told of out of the stack again and frees it. */
void sip_flow_discard(struct sip_flow *f);

/** Sends `ping` and sets when the next one is due, if one is due; returns whether it was sent. */
bool sip_flow_ping(struct sip_flow *f, struct view ping);

/** The UDP flow by one transport, made when there is none. One reference to the caller. */
AHOY_MUST_USE enum ahoy_err sip_udp_flow(struct sip_transport *t, const struct addr *peer, const struct addr *local,
                                         struct sip_flow **out);

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/** All bytes of a message. */
struct view sip_msg_raw(const struct sip_msg *m);

/** One whole message came in by `f`. */
void sip_stack_receive(struct sip_stack *s, struct sip_flow *f, struct view raw, enum sip_framing framing);

/** A stream that can't be followed any more: answers its last request with `status`, if it can be answered. */
void sip_stack_receive_broken(struct sip_stack *s, struct sip_flow *f, struct view raw, unsigned status,
                              const char *reason);

/**
 * Answers a faulty or unwelcome request without a transaction, if it can and may be answered: never an ACK or a response,
 * and within the budget. INVAL or LIMIT otherwise.
 */
enum ahoy_err sip_stack_refuse(struct sip_stack *s, struct sip_flow *f, struct sip_msg *m, unsigned status,
                               const char *reason, struct view extra);

/**
 * The flow that responses to `request`, received by `f`, must take (RFC 3261 18.2.2, RFC 3581 section 4): `f` itself in
 * most cases, else another peer, or a new connection in place of a broken one. One reference to the caller.
 */
AHOY_MUST_USE enum ahoy_err sip_reply_flow(struct sip_stack *s, struct sip_flow *f, const struct sip_msg *request,
                                           struct sip_flow **out);

#endif
