/*
 * Who holds a local port: so that "address already in use" can say which program to stop. Linux only (reads /proc),
 * best effort: the programs of other users keep their names to themselves. Blocking; meant for the way of an error.
 */
#ifndef AHOY_NET_PORTOWNER_H
#define AHOY_NET_PORTOWNER_H

#include "base/addr.h"

enum portowner_proto { PORTOWNER_UDP, PORTOWNER_TCP };

struct portowner {
    int pid;          /* 0: not told to us */
    uint32_t uid;     /* whose socket it is */
    char program[32]; /* "" when pid is 0 */
};

/** Finds the holder of a UDP socket or a TCP listener that stands in the way of binding `local`. NOT_FOUND. */
AHOY_MUST_USE enum ahoy_err portowner_find(enum portowner_proto proto, const struct addr *local, struct portowner *out);

enum { PORTOWNER_TEXT_BYTES = 96 };

/** "Port 5060 is held by asterisk (pid 812)", or "… by a program of the user with id 0"; returns dst. */
const char *portowner_text(const struct portowner *o, uint16_t port, char dst[PORTOWNER_TEXT_BYTES]);

#endif
