/*
 * Digest authentication of one account's requests: which credentials answer which challenge, what is remembered so that
 * later requests are authorised at once, and when to give up. RFC 3261 section 22, RFC 7616, RFC 8760. The server's
 * side is sip/auth_server.h. All on one thread.
 *
 * Credentials are given to this account's own servers alone. A server is ours when the request was sent towards a host
 * that was named (the account's domain, its outbound proxy) or to an address where these credentials have worked
 * before. Credentials with a wildcard realm answer, besides, only for an own domain in the Request-URI (401) or an own
 * next hop (407), or for a realm that has accepted them: a stranger who is called directly gets no digest of our
 * password to guess at.
 */
#ifndef AHOY_SIP_AUTH_H
#define AHOY_SIP_AUTH_H

#include "base/addr.h"
#include "base/rng.h"
#include "sip/digest.h"
#include "sip/msg.h"

struct sip_auth;

enum {
    SIP_AUTH_MAX_CREDENTIALS = 16,
    SIP_AUTH_MAX_HOSTS = 16,
    SIP_AUTH_MAX_SPACES = 8, /* remembered nonces; the least recently used is forgotten */
    SIP_AUTH_MAX_ROUNDS = 5, /* challenges one request answers */
};

/** `rng` (for client nonces) is borrowed for the object's life. NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_auth_create(struct sip_auth **out, struct rng *rng);

/** Wipes the secrets. NULL is ignored. No request may use it any more. */
void sip_auth_destroy(struct sip_auth *a);

struct sip_auth_credential {
    struct view realm; /* empty or "*": any realm of our servers */
    struct view user;
    struct view password; /* plain, or … */
    struct view ha1;      /* … hex of H(user:realm:password) by ha1_alg; needs a realm */
    enum sip_digest_alg ha1_alg;
    bool any_host; /* answer this realm whoever asks; for credentials meant for roaming */
};

/** Adds, or replaces the one of the same realm; refusals are forgotten. Copied. LIMIT, NOMEM, INVAL. */
AHOY_MUST_USE enum ahoy_err sip_auth_set(struct sip_auth *a, const struct sip_auth_credential *c);

/** Names a host (a domain, an outbound proxy, an IP address) as this account's own. Copied. LIMIT, NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_auth_add_host(struct sip_auth *a, struct view host);

/** Forgets credentials, nonces and learnt addresses; hosts stay. */
void sip_auth_clear(struct sip_auth *a);

/** Where and what a request is: what the decision and the digest need. Borrowed for the call. */
struct sip_auth_request {
    struct view method;
    struct view uri;         /* the Request-URI as sent */
    struct view next_hop;    /* host of the URI that was located: top Route or Request-URI */
    const struct addr *peer; /* where it goes; may be NULL */
    struct view body;
};

/** What one request (with its retries) has tried; starts zeroed. A plain value. */
struct sip_auth_try {
    unsigned rounds;
    unsigned used;
    struct {
        uint64_t space; /* serial number of the remembered nonce that the last try used */
        bool fresh;     /* that nonce came from a challenge of this very request */
    } with[SIP_AUTH_MAX_SPACES];
};

/**
 * Appends whole Authorization and Proxy-Authorization header lines that fit this request: for nonces learnt from the
 * challenges of this request, and for those remembered from earlier ones (pre-emptive). Often nothing. Notes in `try`
 * what was used. NOMEM, UNSUPPORTED (digest forbidden here).
 */
AHOY_MUST_USE enum ahoy_err sip_auth_put(struct sip_auth *a, struct sip_auth_try *try,
                                         const struct sip_auth_request *rq, struct buf *out);

/**
 * Takes a 401 or 407. OK: send the request again, with sip_auth_put. Otherwise give up:
 * NOT_FOUND: no credentials for the realms asked; AUTH: the credentials were refused, or too many rounds; UNSUPPORTED:
 * no challenge of a kind we can answer; SYNTAX; NOMEM.
 * Of several algorithms in a realm the strongest that we can do is taken; of several realms each is answered.
 */
AHOY_MUST_USE enum ahoy_err sip_auth_challenged(struct sip_auth *a, struct sip_auth_try *try,
                                                const struct sip_auth_request *rq, const struct sip_msg *response);

/**
 * Takes any other final response: notes that the credentials worked here (a 403 or a failure of the server proves
 * nothing), and Authentication-Info's next nonce. AUTH when it carries a wrong rspauth: the server does not know the
 * password (the response should not be trusted).
 */
AHOY_MUST_USE enum ahoy_err sip_auth_accepted(struct sip_auth *a, const struct sip_auth_try *try,
                                              const struct sip_auth_request *rq, const struct sip_msg *response);

#endif
