/* TCP streams and listeners. Rules of life as in sys/loop.h. */
#ifndef AHOY_SYS_TCP_H
#define AHOY_SYS_TCP_H

#include "sys/loop.h"

struct sys_tcp;
struct sys_tcp_listener;

struct sys_tcp_handler {
    void (*connected)(void *arg); /* once, for a stream made by sys_tcp_connect; may be NULL for an accepted one */
    void (*recv)(void *arg, const void *data, size_t n);
    /** END: the peer closed in order; RESET, REFUSED, UNREACHABLE, TIMEOUT…: it broke. Once; then only close. */
    void (*closed)(void *arg, enum ahoy_err err);
    void *arg;
};

/** Bytes a stream queues for writing before sys_tcp_write says LIMIT. */
enum { SYS_TCP_QUEUE_BYTES = 1 << 20 };

/** `src` may be NULL: the system chooses. Failure to connect arrives in `closed`. */
AHOY_MUST_USE enum ahoy_err sys_tcp_connect(struct sys_tcp **out, struct sys_loop *loop, const struct addr *src,
                                            const struct addr *dst, const struct sys_tcp_handler *handler);

/** Closes at once, after trying to send what is queued without waiting; NULL is ignored. */
void sys_tcp_close(struct sys_tcp *t);

/** Queues bytes (copied), also before `connected`. LIMIT when the queue is full, CLOSED after `closed`. */
enum ahoy_err sys_tcp_write(struct sys_tcp *t, const void *data, size_t n);

/** Sends an orderly end after what is queued (a half close); reading goes on. */
void sys_tcp_shutdown(struct sys_tcp *t);

/** Stops or resumes delivery of `recv`, for back-pressure. */
void sys_tcp_pause(struct sys_tcp *t, bool paused);

const struct addr *sys_tcp_local(const struct sys_tcp *t);
const struct addr *sys_tcp_peer(const struct sys_tcp *t);

/**
 * A new stream. The callee must take it by sys_tcp_set_handler, or close it, before it returns; a stream without a
 * handler is closed.
 */
typedef void sys_tcp_accept_fn(void *arg, struct sys_tcp *stream);

void sys_tcp_set_handler(struct sys_tcp *t, const struct sys_tcp_handler *handler);

/** ADDR_IN_USE, ADDR_UNAVAILABLE, ACCESS, LIMIT, NOMEM. Port 0 picks one. */
AHOY_MUST_USE enum ahoy_err sys_tcp_listen(struct sys_tcp_listener **out, struct sys_loop *loop,
                                           const struct addr *local, sys_tcp_accept_fn *accept, void *arg);

void sys_tcp_listener_close(struct sys_tcp_listener *l);
const struct addr *sys_tcp_listener_local(const struct sys_tcp_listener *l);

#endif
