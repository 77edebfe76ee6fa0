/*
 * The Unix socket of a running phone: a folder that only its owner may enter (0700), a socket <pid>.sock in it (0600), the
 * commands and events of --json on it. A client that does not read is dropped, so that it never holds up a call.
 */
#ifndef AHOY_CLI_CONTROL_H
#define AHOY_CLI_CONTROL_H

#include "cli/paths.h"

enum { CONTROL_CLIENTS = 8, CONTROL_LINE_BYTES = 16384, CONTROL_PATH_BYTES = 108 };

struct control_client {
    int fd;          /* -1: free */
    uint32_t serial; /* tells this client from an earlier one in its place */
    bool trace;      /* wants SIP messages, too */
    struct lines lines;
};

/* What clients' lines are read into. */
struct control_memory {
    char line[CONTROL_CLIENTS][CONTROL_LINE_BYTES];
};

struct control {
    int fd; /* -1: closed */
    uint32_t serial;
    char path[CONTROL_PATH_BYTES];
    struct control_client client[CONTROL_CLIENTS];
    struct control_memory *memory;
};

/** `memory` outlives it; what is in it does not matter. */
void control_init(struct control *c, struct control_memory *memory);
/** Listens in `dir`; false with a sentence in `why`. */
bool control_open(struct control *c, const char *dir, struct text *why);
void control_close(struct control *c);

/** Takes a client in; -1 when there is no room or nobody. */
int control_accept(struct control *c);
void control_drop(struct control *c, int client);
/** Sends whole or drops the client. */
void control_send(struct control *c, int client, const char *line, size_t n);
bool control_any_trace(const struct control *c);

/* ---- the other end ----------------------------------------------------------------------------------------------- */

/** Connects to a phone's socket; -1 when nobody is behind it (then the dead socket is removed). */
int control_connect(const char *dir, uint32_t pid);

/** Process ids of the sockets in `dir`, at most `max`, ascending. */
size_t control_list(const char *dir, uint32_t *pids, size_t max);

#endif
