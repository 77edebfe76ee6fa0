/*
 * Printing messages into a buffer (base/buf.h: errors stick, ask buf_err once at the end). The caller writes a start
 * line, header fields in the order it likes, then ends with sip_build_body, which adds Content-Length.
 */
#ifndef AHOY_SIP_BUILD_H
#define AHOY_SIP_BUILD_H

#include "sip/hdr.h"

enum { SIP_BUILD_MAX_BYTES = 65535 };

void sip_build_request_line(struct buf *b, struct view method, struct view uri);
void sip_build_status_line(struct buf *b, unsigned status, struct view reason); /* empty: the standard phrase */

/** "Name: value\r\n". CR and LF in value that are no folding are replaced by a space: no header is smuggled in. */
void sip_build_hdr(struct buf *b, enum sip_hdr_id id, struct view value);
void sip_build_hdr_named(struct buf *b, struct view name, struct view value);
void sip_build_hdr_printf(struct buf *b, enum sip_hdr_id id, const char *fmt, ...) AHOY_PRINTF(3, 4);
void sip_build_hdr_u32(struct buf *b, enum sip_hdr_id id, uint32_t value);

/** All fields with this id of `m`, byte for byte, in order. */
void sip_build_copy(struct buf *b, const struct sip_msg *m, enum sip_hdr_id id);

/** Content-Type (when body is not empty), Content-Length, empty line, body. */
void sip_build_body(struct buf *b, struct view content_type, struct view body);

/**
 * Status line and what every response copies: Via (all, the topmost with received/rport filled in as `received_from`
 * says, RFC 3581), From, To (with `to_tag` added when it had none and the status is not 100), Call-ID, CSeq, Timestamp
 * for 100; Record-Route for 101 … 299. RFC 3261 section 8.2.6. Works on a faulty request too: what is missing is left
 * out. `received_from` may be NULL (leave Via as it is).
 */
void sip_build_response(struct buf *b, struct sip_msg *request, unsigned status, struct view reason, struct view to_tag,
                        const struct addr *received_from);

/** "486" -> "Busy Here"; the class's general phrase for an unknown status. RFC 3261 section 21 and later RFCs. */
const char *sip_reason(unsigned status);

/** Appends a display name, quoted and escaped when it must be. */
void sip_build_display(struct buf *b, struct view display);

#endif
