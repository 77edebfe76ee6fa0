/*
 * Digest authentication as text and arithmetic: RFC 7616, RFC 8760, RFC 3261 section 22, RFC 2069 for old devices.
 * Pure: no state, no clock; who answers which challenge with which password is for sip/auth.h.
 *
 * Values are views into the parsed header. A quoted value is the bytes between its quotes with escapes kept, which is
 * what goes into the digest and back to the server byte for byte; deployed servers hash what they sent. Only the user
 * name is escaped on printing; sip_digest_unescape resolves it after parsing.
 */
#ifndef AHOY_SIP_DIGEST_H
#define AHOY_SIP_DIGEST_H

#include "base/buf.h"
#include "base/view.h"

/* In order of strength. */
enum sip_digest_alg {
    SIP_DIGEST_UNKNOWN,
    SIP_DIGEST_MD5,
    SIP_DIGEST_SHA256,
    SIP_DIGEST_SHA512_256,
    SIP_DIGEST_ALG_COUNT,
};

enum {
    SIP_DIGEST_HEX_BYTES = 65,   /* 64 digits of a SHA-256 and a zero byte */
    SIP_DIGEST_MAX_PARAMS = 32,  /* of one challenge or credentials; more is LIMIT */
    SIP_DIGEST_MAX_VALUE = 2048, /* bytes of one value; more is LIMIT */
};

/** "MD5-sess", "SHA-256", … without case, to algorithm and session flag; SIP_DIGEST_UNKNOWN otherwise. */
enum sip_digest_alg sip_digest_alg_of(struct view text, bool *sess);

/** "SHA-512-256-sess". */
const char *sip_digest_alg_name(enum sip_digest_alg alg, bool sess);

enum sip_digest_qop { SIP_QOP_NONE, SIP_QOP_AUTH, SIP_QOP_AUTH_INT };

/* ---- what a server asks -------------------------------------------------------------------------------------------
 * */

/** One challenge of WWW-Authenticate or Proxy-Authenticate. */
struct sip_challenge {
    bool is_digest; /* the scheme is Digest; else only `scheme` is set */
    struct view scheme;
    struct view realm, nonce, opaque, domain;
    bool has_opaque;         /* an empty opaque is echoed too */
    struct view algorithm;   /* as written; empty: none given, which means MD5 */
    enum sip_digest_alg alg; /* SIP_DIGEST_UNKNOWN: not one of ours */
    bool sess;
    bool stale;
    bool has_qop; /* a qop list was given, even if we know none of it */
    bool qop_auth, qop_auth_int;
};

/**
 * Takes the next challenge off a header value; several may be joined by commas as in HTTP. END at the end; SYNTAX (no
 * realm or nonce, or no challenge at all) and LIMIT leave `rest` empty.
 */
AHOY_MUST_USE enum ahoy_err sip_challenge_next(struct view *rest, struct sip_challenge *out);

/* ---- what a client answers ----------------------------------------------------------------------------------------
 * */

/** The value of Authorization or Proxy-Authorization. */
struct sip_credentials {
    struct view username; /* on printing: plain, escaped as needed; parsed: escapes kept */
    struct view realm, nonce, uri, response, cnonce, opaque;
    bool has_opaque;
    struct view algorithm; /* as written; empty: none */
    enum sip_digest_alg alg;
    bool sess;
    enum sip_digest_qop qop;
    uint32_t nc;
};

/** UNSUPPORTED for another scheme than Digest; SYNTAX when a mandatory part is missing or qop is given without nc. */
AHOY_MUST_USE enum ahoy_err sip_credentials_parse(struct view v, struct sip_credentials *out);

/** Resolves the backslash escapes of a quoted value (given without its quotes). */
void sip_digest_unescape(struct view v, struct buf *out);

/** Appends the header value "Digest username=…". */
void sip_credentials_put(struct buf *b, const struct sip_credentials *c);

/** The value of Authentication-Info (RFC 7616 section 3.5). Views are empty when absent. */
struct sip_auth_info {
    struct view nextnonce, rspauth, cnonce;
    enum sip_digest_qop qop;
    uint32_t nc;
};
AHOY_MUST_USE enum ahoy_err sip_auth_info_parse(struct view v, struct sip_auth_info *out);

/* ---- arithmetic ---------------------------------------------------------------------------------------------------
 * */

/** H(user ":" realm ":" password) in hex with a zero byte. UNSUPPORTED for an unknown algorithm; NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_digest_ha1(enum sip_digest_alg alg, struct view user, struct view realm,
                                           struct view password, char out[SIP_DIGEST_HEX_BYTES]);

struct sip_digest_input {
    enum sip_digest_alg alg;
    bool sess;
    struct view ha1; /* hex of sip_digest_ha1, without the session part */
    struct view nonce, cnonce;
    uint32_t nc;
    enum sip_digest_qop qop;
    struct view method; /* empty for rspauth */
    struct view uri;
    struct view body; /* counts for auth-int only */
};

/** The response (or rspauth) in hex with a zero byte: RFC 7616 section 3.4.1; RFC 2069's form for SIP_QOP_NONE. */
AHOY_MUST_USE enum ahoy_err sip_digest_response(const struct sip_digest_input *in, char out[SIP_DIGEST_HEX_BYTES]);

/** Whether a received response is the expected one: hex without case, in time that depends on lengths alone. */
bool sip_digest_equal(struct view received, struct view expected);

#endif
