/* What the dispatcher and the two kinds of transactions share. RFC 3261 section 17. */
#ifndef AHOY_SIP_TXN_PRIV_H
#define AHOY_SIP_TXN_PRIV_H

#include "sip/stack_priv.h"
#include "sip/txn.h"

enum sip_txn_state {
    SIP_TXN_CALLING, /* client INVITE */
    SIP_TXN_TRYING,  /* client and server, other methods */
    SIP_TXN_PROCEEDING,
    SIP_TXN_COMPLETED,
    SIP_TXN_CONFIRMED,  /* server INVITE */
    SIP_TXN_ACCEPTED,   /* INVITE, RFC 6026 */
    SIP_TXN_TERMINATED, /* freed by the next turn of the loop */
};

/** A transaction's two timers in one: the next retransmission (A, E, G, or an automatic 100) and the end of the state. */
struct sip_txn_timer {
    struct sys_timer timer;
    int64_t resend_us, expire_us; /* INT64_MAX: never */
    uint32_t interval_ms;         /* the last wait before a retransmission */
};

/** Starts or stops the timer for what is due first. */
void sip_txn_timer_arm(struct sip_txn_timer *t, struct sys_loop *loop);

/** Sets the next retransmission one interval after the last, doubled up to `max_ms` (RFC 3261 17.1.1.2, 17.1.2.2). */
void sip_txn_timer_back_off(struct sip_txn_timer *t, uint32_t max_ms);

/** now + ms. */
static inline int64_t sip_txn_after(const struct sip_stack *s, uint64_t ms)
{
    return sys_now_us(s->loop) + (int64_t) ms * 1000;
}

/** The long wait of most timers: B, F, H, J, L, M. */
static inline uint64_t sip_txn_64_t1(const struct sip_stack *s)
{
    return (uint64_t) s->cfg.timers.t1_ms * 64;
}

/** How long a client's timer E takes to reach T2: the earliest moment of a 100 to a non-INVITE (RFC 4320 section 4.1). */
uint64_t sip_txn_e_reaches_t2_ms(const struct sip_timers *timers);

/**
 * What identifies the server transaction of a request (RFC 3261 17.2.3): branch, sent-by and method, or without a branch
 * of RFC 3261 the Request-URI, From tag, Call-ID, CSeq number, topmost Via and method. `method`: as if it were this one.
 */
void sip_txn_server_key(const struct sip_stack *s, const struct sip_msg *m, const struct sip_core *core,
                        enum sip_method method, struct sip_digest *out);

/* ---- client ------------------------------------------------------------------------------------------------------ */

/** The client transaction a response belongs to (RFC 3261 17.1.3), or NULL. */
struct sip_client_txn *sip_client_txn_find(const struct sip_stack *s, const struct sip_core *core);
/** False: a 2xx to an INVITE that has no owner any more; the core may want it. */
bool sip_client_txn_receive(struct sip_client_txn *txn, struct sip_msg *response);
void sip_client_txn_destroy_all(struct sip_stack *s);

/* ---- server ------------------------------------------------------------------------------------------------------ */

struct sip_server_txn *sip_server_txn_find(const struct sip_stack *s, const struct sip_digest *key);

/** A new one for a request that has none. */
AHOY_MUST_USE enum ahoy_err sip_server_txn_create(struct sip_server_txn **out, struct sip_flow *f,
                                                  struct sip_msg *request, const struct sip_core *core,
                                                  const struct sip_digest *key);

/** The request came again. */
void sip_server_txn_receive(struct sip_server_txn *txn);

/** An ACK with this INVITE's branch came. False: it is the core's (RFC 6026 section 7.1). */
bool sip_server_txn_receive_ack(struct sip_server_txn *txn, struct sip_msg *ack);

/** A CANCEL for this INVITE came. */
void sip_server_txn_receive_cancel(struct sip_server_txn *txn, struct sip_msg *cancel);

/** The core's `request` callback returned. */
void sip_server_txn_handed_over(struct sip_server_txn *txn);

/** Uses the To tag of another transaction: a CANCEL's answer has its INVITE's (RFC 3261 section 9.2). */
void sip_server_txn_share_tag(struct sip_server_txn *txn, const struct sip_server_txn *from);

void sip_server_txn_destroy_all(struct sip_stack *s);

#endif
