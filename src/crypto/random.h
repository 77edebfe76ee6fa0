/*
 * Random bytes of the operating system, for keys. Code that must replay in the simulated world takes its randomness
 * from sys_host_random (sys/loop.h) instead. Any thread.
 */
#ifndef AHOY_CRYPTO_RANDOM_H
#define AHOY_CRYPTO_RANDOM_H

#include "base/base.h"

/** Fills with `n` random bytes. IO when the system gives none; `p` is wiped then. */
AHOY_MUST_USE enum ahoy_err crypto_random(void *p, size_t n);

#endif
