/* SIP, SIPS and TEL URIs: RFC 3261 sections 19.1 and 25.1, RFC 3966. Pure; views into the given text. */
#ifndef AHOY_SIP_URI_H
#define AHOY_SIP_URI_H

#include "base/addr.h"
#include "base/buf.h"

enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };

struct sip_uri {
    enum sip_scheme scheme;
    struct view scheme_text;
    struct view user; /* escapes kept; tel: the number; other schemes: everything behind the colon */
    struct view password;
    bool has_user;       /* "sip:@host" is not the same as "sip:host" */
    struct view host;    /* brackets kept for IPv6 */
    uint16_t port;       /* 0: none given */
    struct view params;  /* from the first ';' of the URI */
    struct view headers; /* behind '?' */
    struct view text;    /* the whole URI */
};

/**
 * Parses a whole URI (no brackets, no white space). SYNTAX, or RANGE for a bad port. Of sip and sips every part is held
 * to its grammar, but that a userinfo may be empty or hold '#', a host '_' and a parameter an empty value; an IPv6 host
 * may have RFC 5118 section 4.10's third colon. Of other schemes only that they are one word without  < > "  is known.
 */
AHOY_MUST_USE enum ahoy_err sip_uri_parse(struct view v, struct sip_uri *out);

/**
 * Equality by RFC 3261 section 19.1.4 (escapes, case, parameters, headers; missing transport is not transport=udp),
 * RFC 3966 section 4 for tel, byte for byte for other schemes. URIs of more than 32 parameters or headers are equal
 * only byte for byte, so that nobody can make this expensive.
 */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/**
 * A URI parameter, its name compared without case and with escapes resolved; the value keeps its escapes, empty for a
 * flag.
 */
bool sip_uri_param(const struct sip_uri *u, struct view name, struct view *value);

/** Has ";lr". */
bool sip_uri_is_loose(const struct sip_uri *u);

/** Host as an IP address, port filled (0 if none given). SYNTAX for a name. */
AHOY_MUST_USE enum ahoy_err sip_uri_ip(const struct sip_uri *u, struct addr *out);

/**
 * Appends with %HH escapes resolved, once; a '%' that starts no escape stays. The result may hold any byte, also zero.
 */
void sip_uri_unescape(struct view v, struct buf *out);

/** Appends a user part with what is not allowed in one escaped. */
void sip_uri_escape_user(struct view v, struct buf *out);

/**
 * How a user part is written canonically: every escape resolved, then only what must be escaped, as %HH in capitals.
 */
void sip_uri_put_user(struct view user, struct buf *out);

/**
 * What a registrar keys on: "sip:user@host[:port]" in canonical form (user as by sip_uri_put_user, host in lower case,
 * an IP address as addr_print_ip writes it, no password, parameters or headers; RFC 3261 section 10.3 step 5). sips
 * folds to sip. SYNTAX when it is no SIP or SIPS URI.
 */
AHOY_MUST_USE enum ahoy_err sip_uri_aor(const struct sip_uri *u, struct buf *out);

/** Appends the URI without the parts not allowed in a Request-URI: headers, method parameter (RFC 3261 table 1). */
void sip_uri_put_request(const struct sip_uri *u, struct buf *out);

#endif
