/*
 * Realtime sections: what runs in a device's callback allocates nothing, takes no lock, logs nothing and makes no system
 * call. Debug builds mark the section on its thread and trap the house's own doors inside it (base/mem.h, base/log.h,
 * sys/lock.h, sys_post); a test traps the rest through rt_flag. Release builds mark nothing.
 */
#ifndef AHOY_BASE_RT_H
#define AHOY_BASE_RT_H

#include "base/base.h"

#if defined(AHOY_RT_TRAP)

/** Begins and ends a section of the calling thread; sections do not nest. */
void rt_enter(void);
void rt_leave(void);

/** Ends the program, naming `what`, when the calling thread is in a section. */
void rt_forbid(const char *what);

/**
 * The calling thread's flag: 1 in a section, 0 outside; valid while the thread lives. In the form that Linux' system call
 * dispatch reads (PR_SET_SYSCALL_USER_DISPATCH), so that a test can have the kernel report system calls of a section.
 */
const volatile unsigned char *rt_flag(void);

#else

static inline void rt_enter(void)
{
}

static inline void rt_leave(void)
{
}

static inline void rt_forbid(const char *what)
{
    (void) what;
}

#endif

#endif
