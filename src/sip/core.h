/* Inside the message parser: the core of a message with the reason when it is malformed. */
#ifndef AHOY_SIP_CORE_H
#define AHOY_SIP_CORE_H

#include "sip/hdr.h"

/* sip_addr_parse and the tag in one walk over the parameters. */
AHOY_MUST_USE enum ahoy_err sip_addr_parse_tag(struct view v, struct sip_addr *out, struct view *tag);

/* sip_msg_core; on SYNTAX *what is the header field at fault, and *missing tells whether it is not there at all. */
AHOY_MUST_USE enum ahoy_err sip_core_fill(struct sip_msg *m, enum sip_hdr_id *what, bool *missing);

#endif
