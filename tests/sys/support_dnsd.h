/* A name server for tests, on loopback: answers from a small table, over UDP and, when told to cut answers, TCP. */
#ifndef AHOY_TESTS_SYS_SUPPORT_DNSD_H
#define AHOY_TESTS_SYS_SUPPORT_DNSD_H

#include "base/buf.h"
#include "sys/dns.h"
#include "sys/tcp.h"
#include "sys/udp.h"

enum { DNSD_ENTRIES = 16, DNSD_RCODE_NXDOMAIN = 3, DNSD_RCODE_SERVFAIL = 2 };

struct dnsd_entry {
    const char *name;
    uint16_t type; /* of the record; 5: an alias */
    uint32_t ttl_s;
    const char *data; /* text of the address or name, or NULL: `raw` */
    uint16_t number[3];
    struct view raw;
};

struct dnsd {
    struct sys_udp *udp;
    struct sys_tcp_listener *listener;
    struct sys_tcp *stream;
    struct dnsd_entry entry[DNSD_ENTRIES];
    size_t entries;
    uint8_t rcode; /* instead of an answer, when not 0 */
    bool silent;
    bool cut; /* answers over UDP are truncated */
    size_t asked, asked_tcp;
};

/* Opens on a free port of 127.0.0.1. */
enum ahoy_err dnsd_open(struct dnsd *d, struct sys_loop *loop);
void dnsd_close(struct dnsd *d);
void dnsd_add(struct dnsd *d, const struct dnsd_entry *e);

/* Writes a name as labels. */
void dnsd_put_name(struct buf *b, const char *name);

#endif
