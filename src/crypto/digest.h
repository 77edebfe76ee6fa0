/*
 * Message digests and HMAC. OpenSSL's libcrypto does the work and is first touched by the first call, so that a program
 * that never digests never pays for it. No state is kept between calls; any thread.
 */
#ifndef AHOY_CRYPTO_DIGEST_H
#define AHOY_CRYPTO_DIGEST_H

#include "base/view.h"

enum crypto_digest_alg {
    CRYPTO_MD5,
    CRYPTO_SHA1,
    CRYPTO_SHA256,
    CRYPTO_SHA384,
    CRYPTO_SHA512,
    CRYPTO_SHA512_256, /* SHA-512/256, FIPS 180-4 section 6.7 */
};

enum { CRYPTO_DIGEST_MAX_BYTES = 64 };

/** Length of a digest in bytes. */
size_t crypto_digest_bytes(enum crypto_digest_alg alg);

/**
 * Digest of `n` parts, one after another, as if they were one text. Writes crypto_digest_bytes(alg) bytes to `out`.
 * UNSUPPORTED when this machine's policy forbids the algorithm (MD5 under FIPS), NOMEM.
 */
AHOY_MUST_USE enum ahoy_err crypto_digest(enum crypto_digest_alg alg, const struct view *parts, size_t n, uint8_t *out);

/** HMAC (RFC 2104) of `n` parts; writes crypto_digest_bytes(alg) bytes. Errors of crypto_digest. */
AHOY_MUST_USE enum ahoy_err crypto_hmac(enum crypto_digest_alg alg, struct view key, const struct view *parts, size_t n,
                                        uint8_t *out);

/** Whether n bytes are equal, in time that depends on n alone. */
bool crypto_equal(const void *a, const void *b, size_t n);

#endif
