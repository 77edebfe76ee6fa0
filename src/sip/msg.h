/*
 * SIP messages: RFC 3261 sections 7, 20 and 25.
 *
 * Parsing is pure: bytes in, a message of views into its own copy of those bytes out, or a fault with a place and the
 * status a peer should get. The start line is parsed and the header fields are found and named at once; a header's
 * value is parsed when asked for (sip/hdr.h). Values keep their folding: every typed parser treats CRLF SP as white
 * space.
 *
 * A message is immutable once parsed and counted by references; it is used on one thread.
 */
#ifndef AHOY_SIP_MSG_H
#define AHOY_SIP_MSG_H

#include "base/buf.h"

/* X(NAME, text) */
#define SIP_METHODS(X)                                                                                                 \
    X(INVITE, "INVITE")                                                                                                \
    X(ACK, "ACK")                                                                                                      \
    X(CANCEL, "CANCEL")                                                                                                \
    X(BYE, "BYE")                                                                                                      \
    X(REGISTER, "REGISTER")                                                                                            \
    X(OPTIONS, "OPTIONS")                                                                                              \
    X(INFO, "INFO")                                                                                                    \
    X(PRACK, "PRACK")                                                                                                  \
    X(UPDATE, "UPDATE")                                                                                                \
    X(SUBSCRIBE, "SUBSCRIBE")                                                                                          \
    X(NOTIFY, "NOTIFY")                                                                                                \
    X(REFER, "REFER")                                                                                                  \
    X(MESSAGE, "MESSAGE")                                                                                              \
    X(PUBLISH, "PUBLISH")

enum sip_method {
    SIP_METHOD_UNKNOWN, /* carried through by its text */
#define SIP_METHOD_ENUM_(name, text) SIP_METHOD_##name,
    SIP_METHODS(SIP_METHOD_ENUM_)
#undef SIP_METHOD_ENUM_
        SIP_METHOD_COUNT
};

/** By exact text (methods are case-sensitive, RFC 3261 section 7.1). */
enum sip_method sip_method_of(struct view text);

/** "INVITE"; "" for SIP_METHOD_UNKNOWN. */
const char *sip_method_name(enum sip_method m);

/* X(NAME, canonical text, compact letter or 0) */
#define SIP_HDRS(X)                                                                                                    \
    X(ACCEPT, "Accept", 0)                                                                                             \
    X(ACCEPT_ENCODING, "Accept-Encoding", 0)                                                                           \
    X(ACCEPT_LANGUAGE, "Accept-Language", 0)                                                                           \
    X(ALERT_INFO, "Alert-Info", 0)                                                                                     \
    X(ALLOW, "Allow", 0)                                                                                               \
    X(ALLOW_EVENTS, "Allow-Events", 'u')                                                                               \
    X(AUTHENTICATION_INFO, "Authentication-Info", 0)                                                                   \
    X(AUTHORIZATION, "Authorization", 0)                                                                               \
    X(CALL_ID, "Call-ID", 'i')                                                                                         \
    X(CALL_INFO, "Call-Info", 0)                                                                                       \
    X(CONTACT, "Contact", 'm')                                                                                         \
    X(CONTENT_DISPOSITION, "Content-Disposition", 0)                                                                   \
    X(CONTENT_ENCODING, "Content-Encoding", 'e')                                                                       \
    X(CONTENT_LANGUAGE, "Content-Language", 0)                                                                         \
    X(CONTENT_LENGTH, "Content-Length", 'l')                                                                           \
    X(CONTENT_TYPE, "Content-Type", 'c')                                                                               \
    X(CSEQ, "CSeq", 0)                                                                                                 \
    X(DATE, "Date", 0)                                                                                                 \
    X(ERROR_INFO, "Error-Info", 0)                                                                                     \
    X(EVENT, "Event", 'o')                                                                                             \
    X(EXPIRES, "Expires", 0)                                                                                           \
    X(FROM, "From", 'f')                                                                                               \
    X(IN_REPLY_TO, "In-Reply-To", 0)                                                                                   \
    X(JOIN, "Join", 0)                                                                                                 \
    X(MAX_FORWARDS, "Max-Forwards", 0)                                                                                 \
    X(MIME_VERSION, "MIME-Version", 0)                                                                                 \
    X(MIN_EXPIRES, "Min-Expires", 0)                                                                                   \
    X(MIN_SE, "Min-SE", 0)                                                                                             \
    X(ORGANIZATION, "Organization", 0)                                                                                 \
    X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0)                                                                   \
    X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0)                                                                 \
    X(PATH, "Path", 0)                                                                                                 \
    X(PRIORITY, "Priority", 0)                                                                                         \
    X(PRIVACY, "Privacy", 0)                                                                                           \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0)                                                                     \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0)                                                                   \
    X(PROXY_REQUIRE, "Proxy-Require", 0)                                                                               \
    X(RACK, "RAck", 0)                                                                                                 \
    X(REASON, "Reason", 0)                                                                                             \
    X(RECORD_ROUTE, "Record-Route", 0)                                                                                 \
    X(REFER_TO, "Refer-To", 'r')                                                                                       \
    X(REFERRED_BY, "Referred-By", 'b')                                                                                 \
    X(REPLACES, "Replaces", 0)                                                                                         \
    X(REPLY_TO, "Reply-To", 0)                                                                                         \
    X(REQUIRE, "Require", 0)                                                                                           \
    X(RETRY_AFTER, "Retry-After", 0)                                                                                   \
    X(ROUTE, "Route", 0)                                                                                               \
    X(RSEQ, "RSeq", 0)                                                                                                 \
    X(SERVER, "Server", 0)                                                                                             \
    X(SERVICE_ROUTE, "Service-Route", 0)                                                                               \
    X(SESSION_EXPIRES, "Session-Expires", 'x')                                                                         \
    X(SIP_ETAG, "SIP-ETag", 0)                                                                                         \
    X(SIP_IF_MATCH, "SIP-If-Match", 0)                                                                                 \
    X(SUBJECT, "Subject", 's')                                                                                         \
    X(SUBSCRIPTION_STATE, "Subscription-State", 0)                                                                     \
    X(SUPPORTED, "Supported", 'k')                                                                                     \
    X(TIMESTAMP, "Timestamp", 0)                                                                                       \
    X(TO, "To", 't')                                                                                                   \
    X(UNSUPPORTED, "Unsupported", 0)                                                                                   \
    X(USER_AGENT, "User-Agent", 0)                                                                                     \
    X(VIA, "Via", 'v')                                                                                                 \
    X(WARNING, "Warning", 0)                                                                                           \
    X(WWW_AUTHENTICATE, "WWW-Authenticate", 0)

enum sip_hdr_id {
    SIP_HDR_OTHER, /* known by its text alone */
#define SIP_HDR_ENUM_(name, text, letter) SIP_HDR_##name,
    SIP_HDRS(SIP_HDR_ENUM_)
#undef SIP_HDR_ENUM_
        SIP_HDR_COUNT
};

/** By name without case, long or compact. */
enum sip_hdr_id sip_hdr_id_of(struct view name);

/** Canonical name, such as "Call-ID"; "" for SIP_HDR_OTHER. */
const char *sip_hdr_name(enum sip_hdr_id id);

/** One header field line as it stood in the message. */
struct sip_hdr {
    enum sip_hdr_id id;
    struct view name;  /* as written */
    struct view value; /* trimmed at both ends, folds inside kept */
};

/** Limits that hold before anything is allocated in proportion to the input. */
struct sip_limits {
    uint32_t max_bytes;   /* whole message */
    uint32_t max_headers; /* header field lines, at most SIP_HEADERS_MOST */
};
enum { SIP_HEADERS_MOST = 65534 };
#define SIP_LIMITS_DEFAULT ((struct sip_limits){ .max_bytes = 65535, .max_headers = 512 })

/** Why a message was refused. */
struct sip_fault {
    uint16_t status;  /* what a request gets: 400, 413, 501, 505, 513…; 0: nothing can be answered, drop */
    uint32_t offset;  /* byte in the message, counted from its start line */
    const char *text; /* static; fit for a reason phrase: "Bad CSeq" */
};

struct sip_msg {
    /* start line */
    bool is_request;
    enum sip_method method;  /* requests; for a response sip_msg_cseq tells */
    uint16_t status;         /* responses: 100 … 699 */
    struct view method_text; /* requests */
    struct view uri;         /* requests: the Request-URI as written, unparsed */
    struct view reason;      /* responses, may be empty */
    struct view version;     /* "SIP/2.0" */

    const struct sip_hdr *hdr; /* in the order of the message */
    uint32_t hdr_count;

    struct view head; /* start line and header fields, up to and with the empty line */
    struct view body; /* exactly Content-Length bytes when that header is there, else the rest of the datagram */

    /* private to msg.c */
    uint32_t refs;
    uint16_t first[SIP_HDR_COUNT]; /* index + 1 of the first field with this id */
    bool has_core;                 /* the core below is filled */
    void *core;                    /* room for the struct sip_core of sip/hdr.h, in the message's one allocation */
};

/** How the bytes came in: it decides what Content-Length means (RFC 3261 section 18.3). */
enum sip_framing {
    SIP_FRAMING_DATAGRAM, /* too large a Content-Length is a fault; bytes behind the body are ignored */
    SIP_FRAMING_STREAM,   /* exactly one message, as cut by sip_stream_frame */
};

/**
 * Parses start line and header fields of one message. `raw` is copied, in one allocation with all that is known of it.
 * On success *out has one reference (sip_msg_unref). CRLFs before the start line are skipped, a bare LF ends a line as
 * CRLF does, and a bare CR inside the head is a fault. RFC 3261 section 7; RFC 4475.
 *
 * Errors: SYNTAX with *fault filled: fault->status is 0 when nothing can be answered (no SIP request, any response,
 * ACK); otherwise it is a request that deserves that status, and *out is set, for sip_build_response to copy from: the
 * caller unrefs it. LIMIT: the same for more than max_headers (513, *out set); for more than max_bytes *out stays as
 * it was. NOMEM: *out stays as it was, fault->status is 0.
 */
AHOY_MUST_USE enum ahoy_err sip_msg_parse(struct sip_msg **out, struct view raw, enum sip_framing framing,
                                          const struct sip_limits *limits, struct sip_fault *fault);

/**
 * Checks what every receiver must check before it acts (RFC 3261 sections 8.1.1, 8.2.2 and 16.3): Via, From, To,
 * Call-ID and CSeq are there, once and well-formed; and of a request also Max-Forwards if present, CSeq's method, the
 * Request-URI, Route and Record-Route, the Contact of methods that act on it, and the Content-Type of a body. What is
 * malformed but not needed to process a message (Date, Expires, Accept, …) is let through (RFC 3261 section 8.2), and
 * so are unknown URI schemes (416 is for whoever acts) and RFC 2543's lack of a branch or tag.
 *
 * SYNTAX with *fault: 400, or 501 for an unknown method with another method in CSeq; 0 for a response and an ACK,
 * which are to be dropped. The headers parsed here are kept, so sip_msg_core is free afterwards.
 */
AHOY_MUST_USE enum ahoy_err sip_msg_check(struct sip_msg *m, struct sip_fault *fault);

struct sip_msg *sip_msg_ref(struct sip_msg *m);
void sip_msg_unref(struct sip_msg *m); /* NULL is ignored */

/** The first header field with this id, or NULL. Constant time. */
const struct sip_hdr *sip_msg_first(const struct sip_msg *m, enum sip_hdr_id id);

/** The next one with the same id (or the same name for SIP_HDR_OTHER), or NULL. */
const struct sip_hdr *sip_msg_next(const struct sip_msg *m, const struct sip_hdr *h);

/** The first header field with this name in any case, or NULL. Linear. */
const struct sip_hdr *sip_msg_named(const struct sip_msg *m, struct view name);

/** Value of the first header with this id, or the empty view. */
struct view sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id);

/**
 * Whether a comma list header (Require, Supported, Allow, …), over all its fields, has this token (without case).
 */
bool sip_msg_has_token(const struct sip_msg *m, enum sip_hdr_id id, struct view token);

/**
 * Finds where the next message of a stream ends: the empty line, then Content-Length bytes (RFC 3261 section 18.3).
 *
 * *skip is always written: the CRLFs in front (keep-alives, RFC 5626 section 4.4.1), which the caller drops from the
 * stream, also when more bytes are needed. *scanned carries progress between calls, in a form private to this function
 * and counted behind *skip, so that a message that trickles in byte by byte costs linear time; start it at 0 and after
 * each message.
 *
 * OK: the message is the *length bytes behind *skip. INCOMPLETE: more bytes are needed. SYNTAX: no usable
 * Content-Length, so the stream cannot be followed. LIMIT: the message is or will be over max_bytes. For the last two
 * *length is the length of the head where that is complete, so that it may be answered before the connection closes,
 * else 0.
 */
AHOY_MUST_USE enum ahoy_err sip_stream_frame(struct view raw, const struct sip_limits *limits, size_t *scanned,
                                             size_t *skip, size_t *length);

#endif
