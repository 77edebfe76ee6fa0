/* A UDP socket, a TCP stream and a question to DNS that remember what they heard: for the tests of both worlds. */
#ifndef AHOY_TESTS_SYS_SUPPORT_NET_H
#define AHOY_TESTS_SYS_SUPPORT_NET_H

#include "sys/dns.h"
#include "sys/loop.h"
#include "sys/tcp.h"
#include "sys/udp.h"

enum { EAR_KEEPS = 128, END_KEEPS = 1 << 16 };

struct ear {
    struct sys_udp *udp;
    size_t heard, batches, errors;
    size_t bytes;
    struct addr src, local, error_dst;
    enum ahoy_err error;
    int64_t when_us;
    char last[EAR_KEEPS]; /* the beginning of the last datagram */
    size_t last_n;
    size_t want;           /* with a loop: stop it when so many were heard … */
    struct sys_loop *loop; /* … or an error came; NULL: a simulated one */
    bool echo;             /* sends each datagram back */
};

struct sys_udp_handler ear_handler(struct ear *e);

/* Opens at `text` ("IP:PORT"). */
enum ahoy_err ear_open(struct ear *e, struct sys_loop *loop, const char *text);

struct end {
    struct sys_tcp *tcp;
    size_t connected, closed;
    enum ahoy_err err;
    size_t n;             /* bytes heard */
    uint32_t sum;         /* of all bytes heard, depends on their order */
    char data[END_KEEPS]; /* the first of them */
    size_t want;          /* with a loop: stop it when so many bytes were heard, or at the end */
    struct sys_loop *loop;
    bool echo;
};

struct sys_tcp_handler end_handler(struct end *e);

/* Adds bytes to a sum as in struct end. */
uint32_t end_sum(uint32_t sum, const void *p, size_t n);

/* Bytes that tell where they stand. */
void end_fill(uint8_t *p, size_t n);

struct answer {
    size_t calls, n;
    enum ahoy_err err;
    struct sys_dns_record record[4]; /* the first of them */
    struct sys_loop *loop;           /* stop it then; NULL: a simulated one */
};

/* For sys_dns_start, with a struct answer. */
void answer_take(void *arg, enum ahoy_err err, const struct sys_dns_record *records, size_t n);

#endif
