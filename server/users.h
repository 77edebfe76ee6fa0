/* Who may register and call: names with passwords, or with digests of them (HA1). */
#ifndef AHOY_SERVER_USERS_H
#define AHOY_SERVER_USERS_H

#include "sip/auth_server.h"

struct users;

AHOY_MUST_USE enum ahoy_err users_create(struct users **out, struct rng *rng);
void users_destroy(struct users *u); /* NULL is ignored; wipes secrets */

/**
 * Adds a line: NAME:PASSWORD, or NAME:{HA1-MD5}HEX, NAME:{HA1-SHA-256}HEX, NAME:{HA1-SHA-512-256}HEX (digests of
 * NAME:REALM:PASSWORD). A name may have several digests; of two lines that say different things of it the
 * later counts. SYNTAX (no name, no password, control characters, a digest of another length), LIMIT, NOMEM.
 */
AHOY_MUST_USE enum ahoy_err users_add(struct users *u, struct view line);

/** Reads a file of such lines; empty ones and those that start with # are passed over. CONFIG with `why`, NOMEM. */
AHOY_MUST_USE enum ahoy_err users_load(struct users *u, const char *path, char *why, size_t why_size);

bool users_has(const struct users *u, struct view name);
size_t users_count(const struct users *u);

/**
 * Which algorithms to accept, and in front of them those to offer (their number is the result). MD5 alone is offered
 * for passwords: baresip 1.0 and SIPp 3.6 give up at the sight of any other. A stronger one is offered, first, as soon
 * as a user's secret is kept as its digest.
 */
size_t users_algs(const struct users *u, enum sip_digest_alg algs[SIP_DIGEST_ALG_COUNT]);

/** A sip_auth_lookup_fn; arg is the struct users. */
bool users_lookup(void *arg, struct view user, struct view realm, enum sip_digest_alg alg, struct sip_auth_secret *out);

#endif
