/* What every room of the house may take for granted: fixed-width types, errors and a few macros. */
#ifndef AHOY_BASE_BASE_H
#define AHOY_BASE_BASE_H

#include "ahoy/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AHOY_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define AHOY_NORETURN          __attribute__((noreturn))
#else
#define AHOY_PRINTF(fmt, args)
#define AHOY_NORETURN
#endif

/* Marks a function that runs in a device callback: no allocation, lock, log or system call inside it. */
#define AHOY_RT

/* A promise of the programmer, checked in every build. Never used on what a peer or a user sent. */
#define AHOY_ASSERT(cond) ((cond) ? (void) 0 : ahoy_assert_failed(#cond, __FILE__, __LINE__))

AHOY_NORETURN void ahoy_assert_failed(const char *cond, const char *file, int line);

#define AHOY_CONTAINER_OF(ptr, type, member) ((type *) (void *) ((char *) (ptr) -offsetof(type, member)))
#define AHOY_COUNT(array)                    (sizeof(array) / sizeof((array)[0]))
#define AHOY_MIN(a, b)                       ((a) < (b) ? (a) : (b)) /* reads one of the two twice: */
#define AHOY_MAX(a, b)                       ((a) > (b) ? (a) : (b)) /* … neither may do anything */

#endif
