/*
 * Rings a loop from any thread, as often as one likes: rings that were not heard yet count as one. For news that says
 * "look again", such as a device's that has moved sound; it never allocates.
 */
#ifndef AHOY_SYS_BELL_H
#define AHOY_SYS_BELL_H

#include "sys/loop.h"

struct sys_bell;

/** `fn` runs on the loop for each ring, or for several at once. NOMEM. */
AHOY_MUST_USE enum ahoy_err sys_bell_create(struct sys_bell **out, struct sys_loop *loop, void (*fn)(void *arg),
                                            void *arg);

/** From the loop (or while it does not run), when nobody rings any more; `fn` does not run afterwards. NULL is ignored. */
void sys_bell_destroy(struct sys_bell *b);

/** Any thread. A system call at most, and none while a ring is still on its way; so not from a realtime section. */
void sys_bell_ring(struct sys_bell *b);

#endif
