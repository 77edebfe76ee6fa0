/* Answers of the DNS as bytes (RFC 1035), to records. Pure; for the files of src/sys alone. */
#ifndef AHOY_SYS_DNS_WIRE_H
#define AHOY_SYS_DNS_WIRE_H

#include "sys/dns.h"

/**
 * Reads the records of `type` that answer the message's own question, following aliases; at most `max`. A record that
 * is not well formed is left out. SYNTAX when the message itself is not. `*n` may be 0.
 */
AHOY_MUST_USE enum ahoy_err dns_wire_read(const void *msg, size_t bytes, enum sys_dns_type type,
                                          struct sys_dns_record *out, size_t max, size_t *n);

#endif
