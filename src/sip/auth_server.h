/*
 * Digest authentication, the server's side: challenges whose nonces need no memory (time and HMAC, with expiry),
 * checking of credentials, and replay protection by nonce counts in bounded memory. RFC 7616, RFC 8760, RFC 3261
 * section 22. Sends nothing; all on one thread. Times are passed in, monotonic milliseconds.
 */
#ifndef AHOY_SIP_AUTH_SERVER_H
#define AHOY_SIP_AUTH_SERVER_H

#include "base/rng.h"
#include "sip/digest.h"
#include "sip/msg.h"

struct sip_auth_server;

struct sip_auth_server_config {
    const char *realm;                              /* copied */
    enum sip_digest_alg algs[SIP_DIGEST_ALG_COUNT]; /* accepted, preferred first; SIP_DIGEST_UNKNOWN ends the list */
    size_t offered;                                 /* that many of them are offered, from the front; 0: all */
    uint32_t nonce_ms;                              /* life of a nonce */
    uint32_t max_nonces; /* nonces whose counts are remembered; older ones become stale above it */
    bool auth_int;       /* offer qop="auth,auth-int" */
    bool allow_no_qop;   /* accept RFC 2069 responses (a nonce then works once); for old devices */
    bool check_uri;      /* the uri in the credentials must name the Request-URI's user and host */
};
#define SIP_AUTH_SERVER_CONFIG_DEFAULT                                                                                 \
    ((struct sip_auth_server_config){ .algs = { SIP_DIGEST_SHA256, SIP_DIGEST_MD5 },                                   \
                                      .nonce_ms = 300000,                                                              \
                                      .max_nonces = 65536,                                                             \
                                      .allow_no_qop = true,                                                            \
                                      .check_uri = true })

/** `rng` (for the nonces' key) is read at once and borrowed for the object's life. INVAL, NOMEM. */
AHOY_MUST_USE enum ahoy_err sip_auth_server_create(struct sip_auth_server **out, struct rng *rng,
                                                   const struct sip_auth_server_config *cfg);
void sip_auth_server_destroy(struct sip_auth_server *s); /* NULL is ignored */

/** Appends whole WWW-Authenticate (401) or Proxy-Authenticate (407, `proxy`) lines, one for each algorithm. */
AHOY_MUST_USE enum ahoy_err sip_auth_server_challenge(struct sip_auth_server *s, int64_t now_ms, bool proxy, bool stale,
                                                      struct buf *out);

/** What a user's secret is. */
struct sip_auth_secret {
    bool is_ha1;
    char text[256]; /* the password, or HA1 in hex for the algorithm asked; wiped after use */
};

/** Finds the secret of a user in a realm for an algorithm. False: no such user (or no HA1 of this algorithm). */
typedef bool sip_auth_lookup_fn(void *arg, struct view user, struct view realm, enum sip_digest_alg alg,
                                struct sip_auth_secret *out);

enum sip_auth_verdict {
    SIP_AUTH_VERDICT_OK,
    SIP_AUTH_VERDICT_NONE,  /* no credentials for our realm: challenge */
    SIP_AUTH_VERDICT_STALE, /* right, but the nonce is too old or its count was seen: challenge with stale=true */
    SIP_AUTH_VERDICT_WRONG, /* unknown user or wrong password (not told apart): challenge, or 403 */
    SIP_AUTH_VERDICT_BAD,   /* malformed: 400 */
};

/** Who was found; views live as long as the request. */
struct sip_auth_identity {
    struct view user; /* escapes resolved; in `user_text` */
    char user_text[256];
    struct sip_credentials credentials;
    enum sip_digest_alg alg;
    char ha1[SIP_DIGEST_HEX_BYTES];
};

/**
 * Checks the Authorization (or Proxy-Authorization) of a request. `now_ms` >= any earlier. `*out` is filled for OK
 * only. An unknown user costs the same work as a wrong password. Errors of arithmetic (NOMEM) count as WRONG.
 */
enum sip_auth_verdict sip_auth_server_verify(struct sip_auth_server *s, int64_t now_ms, const struct sip_msg *request,
                                             bool proxy, sip_auth_lookup_fn *lookup, void *arg,
                                             struct sip_auth_identity *out);

/**
 * Appends an Authentication-Info line for a 2xx: rspauth over `body` (for auth-int), and a next nonce when the present
 * one is in the last quarter of its life. Nothing for RFC 2069 credentials.
 */
AHOY_MUST_USE enum ahoy_err sip_auth_server_put_info(struct sip_auth_server *s, int64_t now_ms,
                                                     const struct sip_auth_identity *who, struct view body,
                                                     struct buf *out);

/** Nonces whose counts are remembered now. */
size_t sip_auth_server_nonces(const struct sip_auth_server *s);

#endif
