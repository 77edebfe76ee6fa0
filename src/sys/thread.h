/* Scheduling of threads that a late wake-up would be heard of. */
#ifndef AHOY_SYS_THREAD_H
#define AHOY_SYS_THREAD_H

#include "base/base.h"

/**
 * Asks for realtime scheduling (round robin, low, not inherited by children) for the calling thread. False when the
 * system refuses, as it does unless the user has a realtime limit: then all stays as it was.
 */
bool sys_thread_hasten(void);

#endif
