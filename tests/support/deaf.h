/* Sockets whose owner does not care for what comes. */
#ifndef AHOY_TESTS_SUPPORT_DEAF_H
#define AHOY_TESTS_SUPPORT_DEAF_H

#include "base/addr.h"

static inline void deaf_datagram(void *arg, const struct addr *src, const struct addr *local, const void *data,
                                 size_t n, int64_t when_us)
{
    (void) arg;
    (void) src;
    (void) local;
    (void) data;
    (void) n;
    (void) when_us;
}

static inline void deaf_bytes(void *arg, const void *data, size_t n)
{
    (void) arg;
    (void) data;
    (void) n;
}

#endif
