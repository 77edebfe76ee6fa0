/* A transport address: IPv4 or IPv6 and a port. A plain value; no I/O, no name look-up. */
#ifndef AHOY_BASE_ADDR_H
#define AHOY_BASE_ADDR_H

#include "base/view.h"

enum addr_family { ADDR_NONE, ADDR_IP4, ADDR_IP6 };

struct addr {
    enum addr_family family;
    uint16_t port;  /* host byte order */
    uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
    uint8_t ip[16]; /* network byte order; IPv4 uses the first four, the rest is zero */
};

/* Longest text of addr_print: [v6%scope]:port and a zero byte. */
enum { ADDR_TEXT_BYTES = 64 };

/** Parses an IP literal without port: "192.0.2.1", "2001:db8::1", "[2001:db8::1]". SYNTAX otherwise. */
AHOY_MUST_USE enum ahoy_err addr_parse_ip(struct view v, struct addr *out);

/** Parses "IP", "IP:PORT", "[v6]:PORT", "*"/"*:PORT" (any IPv4); without a port `default_port` is used. */
AHOY_MUST_USE enum ahoy_err addr_parse(struct view v, uint16_t default_port, struct addr *out);

/** "192.0.2.1:5060" or "[2001:db8::1]:5060"; returns dst. */
const char *addr_print(const struct addr *a, char dst[ADDR_TEXT_BYTES]);

/** IP only; IPv6 without brackets (`brackets` false: SDP) or with (true: SIP host). */
const char *addr_print_ip(const struct addr *a, bool brackets, char dst[ADDR_TEXT_BYTES]);

struct addr addr_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
struct addr addr_any(enum addr_family family, uint16_t port);
struct addr addr_with_port(const struct addr *a, uint16_t port);

bool addr_eq(const struct addr *a, const struct addr *b);    /* address and port */
bool addr_eq_ip(const struct addr *a, const struct addr *b); /* address only */
bool addr_is_any(const struct addr *a);                      /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_private(const struct addr *a); /* RFC 1918, RFC 4193, RFC 6598 */
bool addr_is_multicast(const struct addr *a);

/** The address as a fixed-size key (family, port, ip, scope) for a map; `key` must hold ADDR_KEY_BYTES. */
enum { ADDR_KEY_BYTES = 23 };
struct view addr_key(const struct addr *a, char key[ADDR_KEY_BYTES]);

#endif
