/*
 * What a trace shows of a SIP message: its first line and a few headers. The library has a parser, and a face does not see
 * it; this reads only what is drawn and takes anything. Pure.
 */
#ifndef AHOY_CLI_PEEK_H
#define AHOY_CLI_PEEK_H

#include "cli/text.h"

struct peek {
    bool request;
    unsigned status;
    char what[64]; /* "INVITE", or "180 Ringing" */
    uint32_t cseq;
    char cseq_method[32];
    char call_id[128];
    bool sdp;
};

/** False for what does not begin like SIP, such as a keep-alive. */
bool peek_message(const char *p, size_t n, struct peek *out);

/** True when it begins like SIP: for packets of unknown content. */
bool peek_is_sip(const char *p, size_t n);

/**
 * Length of the first message in a stream, head and body: 0 when it is not all there yet, and SIZE_MAX when this is no SIP.
 * `skip` gets the number of line ends (keep-alives) before it.
 */
size_t peek_frame(const char *p, size_t n, size_t *skip);

#endif
