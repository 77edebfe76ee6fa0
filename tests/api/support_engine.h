/* An engine on loopback, on real threads and sockets. */
#ifndef AHOY_TESTS_API_SUPPORT_ENGINE_H
#define AHOY_TESTS_API_SUPPORT_ENGINE_H

#include "ahoy/ahoy.h"

/** At a port of 127.0.0.1 that is free; `at`: "127.0.0.1:PORT". */
enum ahoy_err engine_on_loopback(struct ahoy_engine **out, char at[80]);

#endif
