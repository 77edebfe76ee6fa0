/*
 * Real programs in tests: each has a folder and an environment of its own, is read by events, and is ended without fail.
 *
 * A lab owns a temporary folder and all programs started in it. Waiting for one program reads them all, so that none
 * stands still at a full pipe. Every wait has a deadline, and none sleeps: it ends when the line, or the end, has come.
 * A program dies with the test, also when the test crashes. All functions are for the thread that opened the lab.
 */
#ifndef AHOY_TESTS_SUPPORT_PROC_H
#define AHOY_TESTS_SUPPORT_PROC_H

#include "base/buf.h"

#include <sys/types.h>

enum {
    LAB_PROCS = 16, /* programs at a time */
    LAB_ENV = 16,   /* variables set with lab_env */
    LAB_PATH_BYTES = 256,
    LAB_FILE_BYTES = 65536,    /* of a file made by lab_write */
    PROC_LINE_BYTES = 32768,   /* a longer line is cut */
    PROC_TEXT_BYTES = 4 << 20, /* of a program's output that are kept; more fails the wait */
    PROC_END_MS = 4000,        /* from SIGTERM to SIGKILL */
};

struct proc {
    struct lab *lab;
    char name[32];
    pid_t pid; /* its process group, too; 0: reaped */
    int pidfd, in, out;
    int status;      /* once reaped: as of a shell, 128 + n for signal n */
    struct buf text; /* all it wrote, standard output and standard error in one */
    size_t mark;     /* what proc_wait has gone past */
    char line[PROC_LINE_BYTES];
};

struct lab {
    char dir[LAB_PATH_BYTES];
    struct proc *procs[LAB_PROCS];
    char *env[LAB_ENV];
    size_t env_count;
};

/** Makes the folder. False: it cannot be made. */
bool lab_open(struct lab *lab);

/** Ends every program, removes the folder. `show`: writes what the programs and *.log in the folder said to standard error first. */
void lab_close(struct lab *lab, bool show);

/** A variable for programs started from now on; NULL or "" for none of it. They get PATH, HOME and XDG folders besides. */
bool lab_env(struct lab *lab, const char *name, const char *value);

/** dir/name in `path`; returns path. */
const char *lab_path(const struct lab *lab, const char *name, char path[LAB_PATH_BYTES]);

/** Makes a folder in the folder. */
bool lab_mkdir(const struct lab *lab, const char *name);

/** Writes a file (0600) in the folder. */
bool lab_write(const struct lab *lab, const char *name, const char *fmt, ...) AHOY_PRINTF(3, 4);

/** Starts a program, found by PATH, in the folder. NULL: the system refuses, or there are too many. A program that is
 * missing ends with 127. */
struct proc *lab_start(struct lab *lab, const char *const argv[]);
#define LAB_START(lab, ...) lab_start((lab), (const char *const[]){ __VA_ARGS__, NULL })

/** The next line that holds `text`, behind the one found before: valid until the next wait. NULL: not within `ms`, or the
 * program has ended without it. An unfinished line (a prompt) counts. */
const char *proc_wait(struct proc *p, const char *text, int ms);

/** As proc_wait, for a line that holds both. */
const char *proc_wait_both(struct proc *p, const char *text, const char *also, int ms);

/** Whether it has said that, ever. */
bool proc_said(struct proc *p, const char *text);

/** How often it has said that. */
size_t proc_said_times(struct proc *p, const char *text);

/** Writes a line to its standard input. */
bool proc_say(struct proc *p, const char *fmt, ...) AHOY_PRINTF(2, 3);

/** Ends its standard input. */
void proc_hush(struct proc *p);

void proc_signal(struct proc *p, int signal_number);

/** Waits for its end and gives the exit status; -1: it still runs after `ms`. */
int proc_exit(struct proc *p, int ms);

/** Ends it (SIGTERM, SIGKILL after PROC_END_MS), gives the exit status and forgets what it said. NULL is ignored. */
int proc_end(struct proc *p);

/** An even port of 127.0.0.1 that is free for UDP and TCP, as is the next one. 0: none. */
uint16_t proc_port(void);

/** Waits until a program has opened the port, for one that tells nobody and would take OPTIONS amiss. */
bool lab_taken(struct lab *lab, uint16_t port, bool tcp, int ms);

/** Sends SIP OPTIONS to 127.0.0.1:port over UDP until any answer comes; false: not within `ms`. */
bool lab_ping(struct lab *lab, uint16_t port, int ms);

/** Milliseconds of the monotonic clock. */
int64_t lab_now_ms(void);

#endif
