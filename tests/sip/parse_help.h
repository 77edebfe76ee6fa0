/* Short ways to a parsed message, for the tests of the parser. */
#ifndef AHOY_TESTS_SIP_PARSE_HELP_H
#define AHOY_TESTS_SIP_PARSE_HELP_H

#include "sip/build.h"
#include "support/t.h"

/* Parses a datagram under the default limits. */
static inline enum ahoy_err help_parse(struct sip_msg **out, struct view raw, struct sip_fault *fault)
{
    const struct sip_limits limits = SIP_LIMITS_DEFAULT;
    return sip_msg_parse(out, raw, SIP_FRAMING_DATAGRAM, &limits, fault);
}

/* Parses and checks. */
static inline enum ahoy_err help_accept(struct sip_msg **out, struct view raw, struct sip_fault *fault)
{
    enum ahoy_err err = help_parse(out, raw, fault);
    return err ? err : sip_msg_check(*out, fault);
}

/* The lines every request needs, without a start line and without the empty line. */
#define HELP_LINES                                                                                                     \
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabc\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n"          \
    "To: <sip:b@example.com>\r\nCall-ID: c1@example.com\r\n"
#define HELP_OPTIONS "OPTIONS sip:b@example.com SIP/2.0\r\n" HELP_LINES "CSeq: 7 OPTIONS\r\n"
#define HELP_INVITE  "INVITE sip:b@example.com SIP/2.0\r\n" HELP_LINES "CSeq: 7 INVITE\r\n"

#endif
