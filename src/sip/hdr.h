/*
 * Values of header fields, parsed when asked for: RFC 3261 section 25.1. All parsers are pure; views point into the
 * given value. SYNTAX means that the value is not what the grammar says; nothing is written then.
 */
#ifndef AHOY_SIP_HDR_H
#define AHOY_SIP_HDR_H

#include "sip/msg.h"
#include "sip/uri.h"

/**
 * Takes the next item of a comma-separated list off `rest` (commas in quotes, <> and comments do not count); trimmed.
 * Returns false at the end. An item with nothing between two commas is an empty view. A quote, bracket or comment that
 * nothing closes takes all that is left.
 */
bool sip_list_next(struct view *rest, struct view *item);

/**
 * Finds a ";name" or ";name=value" in a parameter string that starts at ';' or is empty, names compared without case.
 * Value: quotes kept, empty for a flag. False also when something malformed stands in front of it.
 */
bool sip_param(struct view params, struct view name, struct view *value);

/** Steps through a parameter string. SYNTAX when malformed, END at the end. A flag's value has no pointer. */
AHOY_MUST_USE enum ahoy_err sip_param_next(struct view *rest, struct view *name, struct view *value);

/** Appends what a quoted-string means, without quotes and escapes; a token is copied as it is. */
void sip_unquote(struct view v, struct buf *out);

enum sip_proto {
    SIP_PROTO_UNKNOWN,
    SIP_PROTO_UDP,
    SIP_PROTO_TCP,
    SIP_PROTO_TLS,
    SIP_PROTO_WS,
    SIP_PROTO_WSS,
    SIP_PROTO_SCTP
};
enum sip_proto sip_proto_of(struct view text); /* without case */
const char *sip_proto_name(enum sip_proto p);  /* "UDP" */
bool sip_proto_reliable(enum sip_proto p);

struct sip_via {
    enum sip_proto proto;
    struct view proto_text;
    struct view host;   /* brackets kept for IPv6 */
    uint16_t port;      /* 0: none given */
    struct view params; /* from the first ';' */
    struct view branch, received, maddr;
    bool has_rport;   /* present, with or without value */
    uint16_t rport;   /* its value, or 0 */
    uint16_t ttl;     /* 0: none */
    struct view text; /* the whole via-parm */
};
/**
 * One via-parm. White space is allowed where RFC 3261 has it (round '/', ':', ';' and '='); SYNTAX also for a bad port.
 */
AHOY_MUST_USE enum ahoy_err sip_via_parse(struct view v, struct sip_via *out);

/**
 * Where the parameter received says it came from, with or without brackets (RFC 5118 section 4.5). SYNTAX without one.
 */
AHOY_MUST_USE enum ahoy_err sip_via_received(const struct sip_via *via, struct addr *out);

/** "z9hG4bK" followed by something: unique by RFC 3261 section 8.1.1.7. */
bool sip_branch_is_3261(struct view branch);

/**
 * name-addr or addr-spec with parameters: From, To, Contact, Route, Refer-To, P-Asserted-Identity… The URI is not
 * parsed. Without brackets all parameters are the header's, and ',' and '?' are SYNTAX errors (RFC 3261 section 20).
 * An unquoted display name may hold more than the grammar's tokens (UTF-8, '@', brackets), but no comma and no
 * semicolon.
 */
struct sip_addr {
    struct view display; /* quotes kept; may be empty */
    struct view uri;     /* without <> */
    bool has_brackets;
    struct view params; /* header parameters, from the first ';' behind the URI; may be empty */
    struct view text;   /* the whole item */
};
AHOY_MUST_USE enum ahoy_err sip_addr_parse(struct view v, struct sip_addr *out);

struct view sip_addr_tag(const struct sip_addr *a); /* empty without one */

struct sip_cseq {
    uint32_t number; /* below 2^31 (RFC 3261 section 8.1.1.5) */
    enum sip_method method;
    struct view method_text;
};
AHOY_MUST_USE enum ahoy_err sip_cseq_parse(struct view v, struct sip_cseq *out);

/** What transactions and dialogs need of every message; parsed once and kept in the message. */
struct sip_core {
    struct sip_via via; /* topmost */
    struct sip_addr from, to;
    struct view from_tag, to_tag;
    struct view call_id;
    struct sip_cseq cseq;
    uint8_t max_forwards; /* 70 when absent */
    bool has_max_forwards;
};
/** SYNTAX when one is missing or malformed. *out lives as long as the message. */
AHOY_MUST_USE enum ahoy_err sip_msg_core(struct sip_msg *m, const struct sip_core **out);

struct sip_media_type {
    struct view type, subtype, params;
};
AHOY_MUST_USE enum ahoy_err sip_media_type_parse(struct view v, struct sip_media_type *out);
bool sip_media_type_is(const struct sip_media_type *t, struct view type, struct view subtype); /* without case */

/**
 * "*", or an address whose parameters q and expires are read; an expires that is no number means 3600 (section
 * 10.2.1.1).
 */
struct sip_contact {
    bool star;
    struct sip_addr addr;
    bool has_expires, has_q;
    uint32_t expires_s; /* clamped at 2^32 - 1 */
    uint16_t q_milli;   /* 0 … 1000 */
};
AHOY_MUST_USE enum ahoy_err sip_contact_parse(struct view v, struct sip_contact *out); /* one item */

/** delta-seconds, clamped at 2^32 - 1; a comment and parameters behind it are allowed, as in Retry-After. */
AHOY_MUST_USE enum ahoy_err sip_delta_parse(struct view v, uint32_t *out);

/** One part of a multipart body (RFC 2046, RFC 5621). */
struct sip_part {
    struct view headers; /* raw header lines */
    struct view type;    /* Content-Type value, "text/plain" by default */
    struct view disposition;
    struct view body;
};
/**
 * Steps through a multipart body: start with *rest as the body; `boundary` unquoted. END behind the closing delimiter,
 * SYNTAX when malformed (no delimiter, a part that nothing closes, a boundary of over 200 bytes). Parts are any bytes:
 * nothing in them is looked at but the delimiters.
 */
AHOY_MUST_USE enum ahoy_err sip_part_next(struct view *rest, struct view boundary, struct sip_part *out);

/** The boundary parameter of a multipart type, unquoted. SYNTAX when there is no usable one. */
AHOY_MUST_USE enum ahoy_err sip_multipart_boundary(const struct sip_media_type *t, struct view *out);

/**
 * The body of a type, such as application/sdp, that a session acts on: the message's own or the first part of it inside
 * multipart/… (RFC 5621; depth 3 at most). NOT_FOUND when there is none.
 */
AHOY_MUST_USE enum ahoy_err sip_msg_body_of_type(const struct sip_msg *m, struct view type, struct view subtype,
                                                 struct view *out);

#endif
