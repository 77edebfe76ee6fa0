/* UDP sockets. Rules of life as in sys/loop.h. */
#ifndef AHOY_SYS_UDP_H
#define AHOY_SYS_UDP_H

#include "sys/loop.h"

struct sys_udp;

enum { SYS_UDP_MAX_BYTES = 65535 };

struct sys_udp_handler {
    /**
     * A datagram. `local` is the address it was sent to when the socket is bound to "any" and the system tells, else
     * the bound address. `when_us` is the arrival at this machine by the loop's monotonic clock, which
     * may be well before now when the loop was held up. Data is valid during the call.
     */
    void (*recv)(void *arg, const struct addr *src, const struct addr *local, const void *data, size_t n,
                 int64_t when_us);
    /** An ICMP error came back for a datagram to `dst` (REFUSED, UNREACHABLE, TOO_BIG). May be NULL. */
    void (*error)(void *arg, const struct addr *dst, enum ahoy_err err);
    /** A batch of datagrams was delivered: for work done once a wake-up. May be NULL. */
    void (*batch_end)(void *arg);
    void *arg;
};

struct sys_udp_config {
    struct addr local;  /* port 0: any free port */
    uint8_t dscp;       /* differentiated services code point, 0 … 63 (46 for voice, RFC 4594) */
    int recv_buf_bytes; /* 0: the system's default */
};

/** ADDR_IN_USE, ADDR_UNAVAILABLE, ACCESS, LIMIT (descriptors), NOMEM. The handler is copied. */
AHOY_MUST_USE enum ahoy_err sys_udp_open(struct sys_udp **out, struct sys_loop *loop, const struct sys_udp_config *cfg,
                                         const struct sys_udp_handler *handler);

/** Closes; NULL is ignored. Datagrams handed over by sys_udp_send are sent first. */
void sys_udp_close(struct sys_udp *u);

/** The bound address, with the real port. */
const struct addr *sys_udp_local(const struct sys_udp *u);

/**
 * Sends one datagram. Datagrams sent in one turn of the loop leave together at its end (sendmmsg); the bytes are
 * copied. `src` may be NULL, or the local address to send from when bound to "any" (its port does not count). A full
 * queue (LIMIT) drops, like the network. INVAL for another family than the socket's, TOO_BIG above what a datagram can
 * hold.
 */
enum ahoy_err sys_udp_send(struct sys_udp *u, const struct addr *src, const struct addr *dst, const void *data,
                           size_t n);

/** Datagrams that the system dropped because this socket's receive buffer was full, since it was opened. */
uint64_t sys_udp_overflows(const struct sys_udp *u);

#endif
